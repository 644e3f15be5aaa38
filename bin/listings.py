"""What rests at a live venue by its own word, for the commands that promise that nothing does."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from actors.control.ports import Refused
from actors.gate import Gate
from models.answers import Rest
from models.messages.base import MarketId
from models.units import format_price, format_size

if TYPE_CHECKING:
    from actors.live import Live
    from actors.venues.polymarket.clob_answers import OpenOrder


class VenueListings:
    """An account at its venue."""

    def __init__(self, live: "Live", gate: Gate) -> None:
        self._live = live
        self._gate = gate

    def resting(self, markets: Collection[MarketId], within_s: float) -> tuple[Rest, ...]:
        """Return what of these markets is listed. Raises Refused `unproven`."""
        return _said(lambda: self._live.listed(markets, within_s))

    def swept(self, within_s: float) -> tuple[Rest, ...]:
        """Cancel everything, and return what is listed still. Raises Refused `unproven`.

        It ends when the kill is lifted: what is quoted from then on is meant to rest.
        """
        if self._is_lifted():
            raise Refused("unproven", "the kill was lifted meanwhile", retryable=True)
        return _said(lambda: self._live.sweep(within_s, self._is_lifted, lambda: self._gate.at_rest))

    def _is_lifted(self) -> bool:
        return self._gate.killed is None


def _said(ask: "Callable[[], tuple[OpenOrder, ...]]") -> tuple[Rest, ...]:
    from actors.venues.polymarket.sweep import Unproven  # in live only: it brings what signs

    try:
        return tuple(map(_rest, ask()))
    except Unproven as error:
        raise Refused("unproven", str(error), retryable=True) from error


def _rest(order: "OpenOrder") -> Rest:
    left = format_size(order.size - order.filled)
    return Rest(order.order_id, order.market, order.side.value, format_price(order.price), left)
