"""Buy what is under its fair value, sell what is over it, on either token, with an inventory of both.

On a mirrored book the internal fair value is the mid, and a mid is never on the right side of a touch: without an
outside value there is no directional edge, and the reason says so. `microprice` weighs the touch by size, `group`
normalises an event's mids to one: both can differ from the mid.
"""

from typing import Annotated, ClassVar, Literal

import msgspec

from models.fees import taker_fee
from models.markets import NO, YES, Catalogue, Outcome, Side
from models.messages.base import MarketId
from models.messages.decisions import Gate
from models.parameters import parameter
from models.sizes import placeable
from models.strategy import MarketView, Take, Targets, View
from models.units import DOLLAR, ONE, SHARE, Money, Price, Size


class TwoSidedParameters(msgspec.Struct, frozen=True):
    """Edges and sizes."""

    min_edge: Annotated[Price, parameter("Least edge of a buy after the fee.", "price", env=["MIN_EDGE"], ge=0)] = 200
    exit_edge: Annotated[Price, parameter("Least edge of a sale after the fee.", "price", env=["EXIT_EDGE"], ge=0)] = 60
    max_order: Annotated[Money, parameter("Most dollars per order.", "dollars", gt=0)] = 8 * DOLLAR
    max_outcome_inventory: Annotated[Money, parameter("Most dollars held of one token.", "dollars", gt=0)] = 25 * DOLLAR
    fair: Annotated[Literal["mid", "microprice"], parameter("Where the internal fair value comes from.", "choice")] = (
        "mid"
    )


class TwoSided:
    """One decision per market."""

    name: ClassVar[str] = "two_sided"
    scope: ClassVar[Literal["market", "group"]] = "market"
    style: ClassVar[Literal["maker", "taker"]] = "taker"

    def __init__(self, parameters: TwoSidedParameters) -> None:
        self.parameters = parameters

    def groups(self, catalogue: Catalogue) -> tuple[tuple[MarketId, ...], ...]:
        """Every market is decided on alone."""
        return tuple((market,) for market in catalogue.markets)

    def targets(self, view: View) -> Targets:
        """Return the best sale or buy that clears its edge, or both edges as gates."""
        ((_, market),) = view.markets.items()
        takes: list[Take] = []
        gates: list[Gate] = []
        for outcome in (YES, NO):
            sale, sale_gate = self._sale(market, outcome)
            buy, buy_gate = self._buy(market, outcome)
            gates += [sale_gate, buy_gate]
            takes += [take for take in (sale, buy) if take is not None]
        if takes:
            return Targets(takes=tuple(takes[:1]), gates=tuple(gates), reason=takes[0].reason)
        internal = "internal fair = mid: no directional edge possible"
        return Targets(gates=tuple(gates), reason=internal if self.parameters.fair == "mid" else "low_edge")

    def snapshot(self) -> bytes:
        """No private state."""
        return b""

    def restore(self, state: bytes) -> None:
        """No private state."""

    def _fair(self, market: MarketView, outcome: Outcome) -> Price:
        touch = market.touch(outcome)
        if self.parameters.fair == "microprice":
            both = touch.bid_size + touch.ask_size
            return (touch.bid * touch.ask_size + touch.ask * touch.bid_size) // both
        return (touch.bid + touch.ask) // 2

    def _buy(self, market: MarketView, outcome: Outcome) -> tuple[Take | None, Gate]:
        touch = market.touch(outcome)
        held = market.position.yes if outcome == YES else market.position.no
        edge = self._fair(market, outcome) - touch.ask - _fee(market, touch.ask)
        gate = Gate("under_fair", edge >= self.parameters.min_edge, edge, self.parameters.min_edge, "price")
        room = min(self.parameters.max_order, self.parameters.max_outcome_inventory - held.cost)
        size = placeable(min(max(0, room) * ONE // touch.ask, touch.ask_size))
        if not gate.passed or size < market.market.min_order_size:
            return None, gate
        return Take(market.market.id, outcome, Side.BUY, touch.ask, size, "under_fair"), gate

    def _sale(self, market: MarketView, outcome: Outcome) -> tuple[Take | None, Gate]:
        touch = market.touch(outcome)
        held: Size = market.position.yes.settled if outcome == YES else market.position.no.settled
        edge = touch.bid - self._fair(market, outcome) - _fee(market, touch.bid)
        gate = Gate("over_fair", edge >= self.parameters.exit_edge, edge, self.parameters.exit_edge, "price")
        size = placeable(min(held, touch.bid_size))
        if not gate.passed or size < market.market.min_order_size:
            return None, gate
        return Take(market.market.id, outcome, Side.SELL, touch.bid, size, "over_fair"), gate


def _fee(market: MarketView, price: Price) -> Price:
    """Return the taker fee per share as a price, rounded up."""
    return -(-taker_fee(market.market.fees, price, SHARE) * ONE // SHARE)
