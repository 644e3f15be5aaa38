"""Cancel everything of an account until the venue has proven that nothing rests any more.

Why two listings without an order and not one: the first may have begun before the venue took what was on its way. Why
they count only from when no request of ours is under way: what is under way may yet become an order.
"""

from collections.abc import Callable
from threading import Event
from typing import Final

from actors.runtime.clock import Clock
from actors.venues.polymarket.clob_answers import OpenOrder
from actors.venues.polymarket.clob_client import ClobClient
from actors.venues.polymarket.clob_session import ReadFailed
from actors.venues.polymarket.verdicts import Fate

_CLEAN_READS: Final = 2
_PAUSE_S: Final = 0.25


class Unproven(RuntimeError):
    """The venue did not say in time what rests there."""


def sweep(
    client: ClobClient,
    clock: Clock,
    within_s: float,
    enough: Callable[[], bool] = lambda: False,
    at_rest: Callable[[], bool] = lambda: True,
) -> tuple[OpenOrder, ...]:
    """Cancel all orders of the account until the venue lists none any more; return those that it lists at last.

    All are cancelled at least once, whatever is listed; after that `enough` may end it. A listing proves something
    where we were `at_rest` when it began. Raises Unproven.
    """
    waiting, until_ns = Event(), clock.now_ns() + int(within_s * 1e9)
    listed: tuple[OpenOrder, ...] | None = None
    clean, trouble = 0, ""
    client.cancel_all()
    while clean < _CLEAN_READS and clock.now_ns() < until_ns and not enough():
        proves = at_rest()
        try:
            listed = client.open_orders()
        except ReadFailed as failed:
            clean, trouble = 0, str(failed)
        else:
            clean = clean + 1 if proves and not listed else 0
            if listed:
                _cancel(client, listed)
        waiting.wait(_PAUSE_S)
    if listed is None or (not listed and clean < _CLEAN_READS):
        raise Unproven(trouble or ("it was cut short" if enough() else f"not within {within_s:g} s"))
    return listed


def _cancel(client: ClobClient, listed: tuple[OpenOrder, ...]) -> None:
    """Cancel all at once; where the venue does not do that, market by market."""
    if client.cancel_all().verdict.fate is not Fate.DONE:
        for condition_id in dict.fromkeys(order.market for order in listed):
            client.cancel_market(condition_id)
