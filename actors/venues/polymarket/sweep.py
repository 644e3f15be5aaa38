"""What rests at the venue by its own word; and how everything of an account is cancelled until nothing does any more.

Why two listings without an order and not one: the first may have begun before the venue took what was on its way. Why
they count only from when no request of ours is under way: what is under way may yet become an order. Why each request
gets no more time than is left: whoever waits for the proof stops waiting then, and would think that we are stuck.
"""

from collections.abc import Callable, Collection
from threading import Event
from typing import Final

from actors.runtime.clock import Clock
from actors.venues.polymarket.clob_answers import OpenOrder
from actors.venues.polymarket.clob_client import ClobClient
from actors.venues.polymarket.clob_session import ReadFailed
from actors.venues.polymarket.verdicts import Fate

_CLEAN_READS: Final = 2
_PAUSE_S: Final = 0.25
_LEAST_S: Final = 0.5
"""What any request is given, however little is left: one that cannot be answered proves nothing."""


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
    time = _Time(client, clock, within_s)
    time.bound()
    client.cancel_all()
    return _until_clean(client.open_orders, time, lambda left: _cancel(client, left), enough=enough, at_rest=at_rest)


def listed(client: ClobClient, clock: Clock, within_s: float, condition_ids: Collection[str]) -> tuple[OpenOrder, ...]:
    """Return what of these markets the venue lists, none only after two listings without any. Raises Unproven.

    For whoever knows that nothing of these markets is under way any more.
    """
    return _until_clean(
        lambda: tuple(order for order in client.open_orders() if order.market in condition_ids),
        _Time(client, clock, within_s), lambda _: None, enough=lambda: False, at_rest=lambda: True,
    )  # fmt: skip


class _Time:
    """How long is left of `within_s`, from now on; `bound` holds the client's next requests to it."""

    def __init__(self, client: ClobClient, clock: Clock, within_s: float) -> None:
        self.within_s = within_s
        self._session = client.session
        self._most_s = client.session.within_s
        self._clock = clock
        self._until_ns = clock.now_ns() + int(within_s * 1e9)

    @property
    def left_s(self) -> float:
        return (self._until_ns - self._clock.now_ns()) / 1e9

    def bound(self) -> None:
        self._session.within_s = min(self._most_s, max(self.left_s, _LEAST_S))


def _until_clean(
    read: Callable[[], tuple[OpenOrder, ...]],
    time: _Time,
    found: Callable[[tuple[OpenOrder, ...]], object],
    *,
    enough: Callable[[], bool],
    at_rest: Callable[[], bool],
) -> tuple[OpenOrder, ...]:
    waiting = Event()
    left: tuple[OpenOrder, ...] | None = None
    clean, trouble = 0, ""
    while clean < _CLEAN_READS and time.left_s > 0 and not enough():
        time.bound()
        proves = at_rest()
        try:
            left = read()
        except ReadFailed as failed:
            clean, trouble = 0, str(failed)
        else:
            clean = clean + 1 if proves and not left else 0
            if left and not enough():  # it may have become so while we read
                found(left)
        waiting.wait(_PAUSE_S)
    if left is None or (not left and clean < _CLEAN_READS):
        raise Unproven(trouble or ("it was cut short" if enough() else f"not within {time.within_s:g} s"))
    return left


def _cancel(client: ClobClient, listed: tuple[OpenOrder, ...]) -> None:
    """Cancel all at once; where the venue does not do that, market by market."""
    if client.cancel_all().verdict.fate is not Fate.DONE:
        for condition_id in dict.fromkeys(order.market for order in listed):
            client.cancel_market(condition_id)
