"""Buy what is under its fair value, sell what is over it, on either token, with an inventory of both.

On a mirrored book the internal fair value is the mid, and a mid is never on the right side of a touch, nor is a mean
weighed by the sizes there: without an outside value there is no directional edge, and the gates say so. `reference`
takes the market's reference for the probability of YES.
"""

from typing import Annotated, ClassVar, Literal

import msgspec

from models.fees import taker_fee
from models.markets import NO, YES, Catalogue, Outcome, Side
from models.messages.base import MarketId
from models.messages.decisions import Gate
from models.messages.market import ReferenceUpdated
from models.parameters import parameter
from models.positions import leg_of
from models.sizes import least_take, placeable
from models.strategy import MarketView, Stateless, Take, Targets, View, each_alone
from models.units import DOLLAR, ONE, SHARE, Money, Price, price_from_estimate


class TwoSidedParameters(msgspec.Struct, frozen=True):
    """Edges and sizes."""

    min_edge: Annotated[Price, parameter("Least edge of a buy after the fee.", "price", env=["MIN_EDGE"], ge=0)] = 200
    exit_edge: Annotated[Price, parameter("Least edge of a sale after the fee.", "price", env=["EXIT_EDGE"], ge=0)] = 60
    max_order: Annotated[Money, parameter("Most dollars per order.", "dollars", gt=0)] = 8 * DOLLAR
    max_outcome_inventory: Annotated[Money, parameter("Most dollars held of one token.", "dollars", gt=0)] = 25 * DOLLAR
    fair: Annotated[
        Literal["mid", "microprice", "reference"],
        parameter("The fair value: the mid, the touch weighed by its sizes, or the market's reference.", "choice"),
    ] = "mid"


class TwoSided(Stateless):
    """One decision per market."""

    name: ClassVar[str] = "two_sided"
    scope: ClassVar[Literal["market", "group"]] = "market"
    style: ClassVar[Literal["maker", "taker"]] = "taker"

    def __init__(self, parameters: TwoSidedParameters) -> None:
        self.parameters = parameters

    def groups(self, catalogue: Catalogue) -> tuple[tuple[MarketId, ...], ...]:
        """Every market is decided on alone."""
        return each_alone(catalogue)

    def targets(self, view: View) -> Targets:
        """Return the sale or buy with the largest edge beyond its least, or the gates that refused them."""
        market = view.alone()
        fair_of_yes = self._fair_of_yes(market, view.references.get(market.market.reference or ""))
        if fair_of_yes is None:
            return Targets(gates=(Gate("reference", False, note="missing_fair"),), reason="missing_fair")
        found: list[tuple[Price, Take]] = []
        gates: list[Gate] = []
        for outcome in (YES, NO):
            fair = fair_of_yes if outcome == YES else ONE - fair_of_yes
            asked = [self._buy(market, outcome, fair)]
            if leg_of(market.position, outcome).settled:
                asked.insert(0, self._sale(market, outcome, fair))
            for take, gate in asked:
                gates.append(gate)
                if gate.passed and take is not None:
                    found.append(((gate.value or 0) - (gate.threshold or 0), take))
        if found:
            _, best = max(found, key=lambda one: one[0])
            return Targets(takes=(best,), gates=tuple(gates), reason=best.reason)
        passed = any(gate.passed for gate in gates)
        outside = self.parameters.fair == "reference"
        reason = "too_small" if passed else "low_edge" if outside else "no_directional_edge"
        return Targets(gates=tuple(gates), reason=reason)

    def _fair_of_yes(self, market: MarketView, reference: ReferenceUpdated | None) -> Price | None:
        touch = market.touch(YES)
        match self.parameters.fair:
            case "mid":
                return (touch.bid + touch.ask) // 2
            case "microprice":
                both = touch.bid_size + touch.ask_size
                return (touch.bid * touch.ask_size + touch.ask * touch.bid_size) // both
            case "reference":
                if reference is None or not 0 <= reference.value <= 1:
                    return None
                return price_from_estimate(reference.value, 1)

    def _buy(self, market: MarketView, outcome: Outcome, fair: Price) -> tuple[Take | None, Gate]:
        ask, offered = market.touch(outcome).ask, market.touch(outcome).ask_size
        edge, least = fair - ask - _fee(market, ask), self.parameters.min_edge
        held = leg_of(market.position, outcome)
        room = min(self.parameters.max_order, self.parameters.max_outcome_inventory - held.cost)
        size = placeable(min(max(0, room) * ONE // ask, offered))
        gate = Gate("under_fair", edge >= least, edge, least, "price", note=_NOTES[self.parameters.fair])
        payable = size >= least_take(market.market, ask)
        return Take(market.market.id, outcome, Side.BUY, ask, size, "under_fair") if payable else None, gate

    def _sale(self, market: MarketView, outcome: Outcome, fair: Price) -> tuple[Take | None, Gate]:
        bid, wanted = market.touch(outcome).bid, market.touch(outcome).bid_size
        edge, least = bid - fair - _fee(market, bid), self.parameters.exit_edge
        held = leg_of(market.position, outcome).settled - market.position.merging
        size = placeable(min(held, wanted, self.parameters.max_order * ONE // bid))
        gate = Gate("over_fair", edge >= least, edge, least, "price", note=_NOTES[self.parameters.fair])
        sellable = size >= market.market.min_order_size
        return Take(market.market.id, outcome, Side.SELL, bid, size, "over_fair") if sellable else None, gate


_NOTES = {
    "mid": "internal fair = mid: no directional edge possible",
    "microprice": "internal fair within the touch: no directional edge possible",
    "reference": "",
}


def _fee(market: MarketView, price: Price) -> Price:
    """Return the taker fee per share as a price, rounded up."""
    return -(-taker_fee(market.market.fees, price, SHARE) * ONE // SHARE)
