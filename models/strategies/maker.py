"""Maker-only quoting of both tokens with an inventory constraint: buy the pair for less than the dollar it pays.

Balanced: bid each token at its mid, lowered equally until the two bids sum to `pair_target`. On a mirrored book the two
mids sum to exactly 1, so the bids always stand (1 - target)/2 below their mids; with a one-tick spread at tick 0.01
that joins both touches. A broken book, whose mids do not sum to 1, is never quoted: the old rule "sum is low, bid the
mids" fires only there.

Hedge: one leg is naked. Its token is not bid for; the missing token is, at the lower of the ceiling that still makes a
pair worth having and one tick under the ask (post-only), for the naked size.

Why integers with one floor at the end: floats put 97 of 450 quotes one tick too low. In units of 1e-4, with s the sum
of the four touches (twice the sum of mids) and x = max(0, s - 2 target):

    bid = (2 (best_bid + best_ask) - x) // (4 tick) * tick
"""

from typing import Annotated, ClassVar, Literal

import msgspec

from models.cells import TradingState
from models.inventory import InventoryParameters, OpenCheck, can_open
from models.leg_risk import Ceiling, LegParameters, hedge_ceiling
from models.markets import NO, YES, Catalogue, Outcome, Side, complement
from models.messages.base import MarketId
from models.messages.decisions import Gate
from models.parameters import parameter
from models.phase import hedge_outcome
from models.sizes import placeable
from models.strategy import MarketView, Quote, Targets, Touch, View, Withheld
from models.units import ONE, SHARE, Price, Size, floor_to_tick, format_price

_OUTCOMES: tuple[Outcome, Outcome] = (YES, NO)


class MakerParameters(msgspec.Struct, frozen=True):
    """What the maker quotes."""

    pair_target: Annotated[
        Price,
        parameter(
            "Most that a pair of YES and NO may cost by quoting; below 1, or our two bids would trade with each other.",
            "price",
            env=["PM_PAIR_TARGET"],
            gt=0,
            lt=ONE,
        ),
    ] = 9_900
    bid_size: Annotated[
        Size,
        parameter(
            "Shares per quote; the venue refuses less than its minimum (5).", "shares", env=["PM_BID_SIZE"], gt=0
        ),
    ] = SHARE
    tick_size: Annotated[
        Price,
        parameter(
            "Coarsest grid to quote on where the market's own is finer; the market's grid always holds.",
            "price",
            env=["PM_TICK_SIZE"],
            gt=0,
        ),
    ] = 10
    pair_edge_ticks: Annotated[
        int,
        parameter(
            "Quote for a pair cost of 1 minus this many ticks instead of pair_target; 0 uses pair_target.",
            "count",
            ge=0,
        ),
    ] = 0
    even_spread: Annotated[
        Literal["floor_both", "improve_reducing"],
        parameter(
            "What becomes of the tick that an even spread loses: nothing, or the side that shrinks inventory gets it.",
            "choice",
        ),
    ] = "floor_both"


class Maker:
    """Two-sided quotes on every market alone."""

    name: ClassVar[str] = "maker"
    scope: ClassVar[Literal["market", "group"]] = "market"
    style: ClassVar[Literal["maker", "taker"]] = "maker"

    def __init__(self, parameters: MakerParameters, inventory: InventoryParameters, leg: LegParameters) -> None:
        self.parameters = parameters
        self._inventory = inventory
        self._leg = leg

    def groups(self, catalogue: Catalogue) -> tuple[tuple[MarketId, ...], ...]:
        """Every market is decided on alone."""
        return tuple((market,) for market in catalogue.markets)

    def targets(self, view: View) -> Targets:
        """Return both bids, the missing leg's bid, or what keeps them away."""
        ((_, market),) = view.markets.items()
        opening = can_open(market.position, self._inventory)
        net = market.position.yes.shares - market.position.no.shares
        gates = [self._size_gate(market), *self._open_gates(opening)]
        if market.phase == "Hedge" or (market.state is TradingState.REDUCING and net):
            return self._hedge(market, net, gates, view.now_ns)
        if not gates[0].passed:
            return _nothing(market, "size_below_minimum", gates)
        if market.state is TradingState.REDUCING:
            return _nothing(market, "reducing", gates)
        return self._balanced(market, net, opening, gates)

    def snapshot(self) -> bytes:
        """No private state."""
        return b""

    def restore(self, state: bytes) -> None:
        """No private state."""

    def _balanced(self, market: MarketView, net: Size, opening: OpenCheck, gates: list[Gate]) -> Targets:
        parameters = self.parameters
        tick = quote_tick(market.tick, parameters.tick_size)
        target = ONE - parameters.pair_edge_ticks * tick if parameters.pair_edge_ticks else parameters.pair_target
        touches = (market.touch(YES), market.touch(NO))
        bids = balanced_bids(touches, target, tick)
        if bids is None:
            gates.append(Gate("books_mirrored", False, sum_of_touches(touches), 2 * ONE, "price"))
            return _nothing(market, "books_not_mirrored", gates)
        if parameters.even_spread == "improve_reducing":
            bids = _give_lost_tick(bids, touches, target, tick, net)
        quotes: list[Quote] = []
        withheld: list[Withheld] = []
        for outcome in _OUTCOMES:
            missing = net != 0 and outcome == hedge_outcome(net)
            if not opening.allowed and not missing:
                withheld.append(Withheld(market.market.id, outcome, Side.BUY, "inventory_limit"))
                continue
            bid = bids[outcome]
            if bid is None:
                withheld.append(Withheld(market.market.id, outcome, Side.BUY, "price_out_of_range"))
                continue
            base = parameters.bid_size if opening.allowed else 0
            size = placeable(base + abs(net) if missing else base)
            if size < market.market.min_order_size:
                withheld.append(Withheld(market.market.id, outcome, Side.BUY, "size_below_minimum"))
                continue
            touch = touches[outcome]
            formula = f"mid {format_price((touch.bid + touch.ask) // 2)} - {format_price((ONE - target) // 2)}"
            quotes.append(
                Quote(market.market.id, outcome, Side.BUY, bid, size, "provide", formula, anchor=touch.bid + touch.ask)
            )
        reason = "providing" if quotes else withheld[0].reason
        return Targets(tuple(quotes), withheld=tuple(withheld), gates=tuple(gates), reason=reason)

    def _hedge(self, market: MarketView, net: Size, gates: list[Gate], now_ns: int) -> Targets:
        outcome = hedge_outcome(net)
        ceiling = hedge_ceiling(
            market.position,
            self.parameters.pair_target,
            self._inventory,
            self._leg,
            market.market,
            now_ns,
            (market.touch(YES), market.touch(NO)),
        )
        touch = market.touch(outcome)
        tick = quote_tick(market.tick, self.parameters.tick_size)
        size = placeable(abs(net))
        naked = Withheld(market.market.id, complement(outcome), Side.BUY, "inventory_limit")
        price, refusal = hedge_bid(ceiling.price, touch, tick)
        if price is not None and size < market.market.min_order_size:
            refusal = "size_below_minimum"
        gates.append(
            Gate("hedge_possible", refusal is None, ceiling.price, touch.ask, "price", _blocks(outcome), refusal or "")
        )
        if price is None or refusal is not None:
            missing = Withheld(market.market.id, outcome, Side.BUY, refusal or "no_hedge")
            return Targets(withheld=(naked, missing), gates=tuple(gates), reason=refusal or "no_hedge")
        quote = Quote(
            market.market.id, outcome, Side.BUY, price, size, "hedge", _hedge_formula(ceiling, touch, tick),
            urgent=True, anchor=touch.bid + touch.ask,
        )  # fmt: skip
        return Targets((quote,), withheld=(naked,), gates=tuple(gates), reason="hedging")

    def _size_gate(self, market: MarketView) -> Gate:
        minimum = market.market.min_order_size
        size = placeable(self.parameters.bid_size)
        return Gate("size_at_least_minimum", size >= minimum, size, minimum, "size", "open", "PM_BID_SIZE")

    @staticmethod
    def _open_gates(opening: OpenCheck) -> tuple[Gate, ...]:
        return opening.gates


def balanced_bids(touches: tuple[Touch, Touch], target: Price, tick: Price) -> tuple[Price | None, Price | None] | None:
    """Return the two bids for a pair cost of at most `target`, or None where the books do not mirror.

    A bid is None where the clamp to [tick, ONE - tick] would have raised it: nothing is quoted above what it is worth.
    """
    total = sum_of_touches(touches)
    if total != 2 * ONE:
        return None
    excess = max(0, total - 2 * target)
    return _floored(touches[YES], excess, tick), _floored(touches[NO], excess, tick)


def sum_of_touches(touches: tuple[Touch, Touch]) -> Price:
    """Return twice the sum of both mids: exactly 2 on a mirrored book."""
    return touches[0].bid + touches[0].ask + touches[1].bid + touches[1].ask


def hedge_bid(ceiling: Price, touch: Touch, tick: Price) -> tuple[Price | None, str | None]:
    """Return the price of the missing leg's bid, or None and why there is none. Never falls back to the ceiling alone."""
    if not 0 < ceiling < ONE:
        return None, "ceiling_out_of_range"
    if touch.ask_size == 0:
        return None, "no_ask"
    price = floor_to_tick(min(ceiling, touch.ask - tick), tick)
    if price < tick:
        return None, "no_room_under_ask"
    return min(price, ONE - tick), None


def quote_tick(market_tick: Price, coarsest: Price) -> Price:
    """Return the grid to quote on: the market's, or a configured coarser one that lies on it."""
    return coarsest if coarsest > market_tick and coarsest % market_tick == 0 else market_tick


def _floored(touch: Touch, excess: Price, tick: Price) -> Price | None:
    bid = (2 * (touch.bid + touch.ask) - excess) // (4 * tick) * tick
    if bid < tick:
        return None
    return min(bid, ONE - tick)


def _give_lost_tick(
    bids: tuple[Price | None, Price | None], touches: tuple[Touch, Touch], target: Price, tick: Price, net: Size
) -> tuple[Price | None, Price | None]:
    yes, no = bids
    if net == 0 or yes is None or no is None or yes + no + tick > target:
        return bids
    missing = hedge_outcome(net)
    raised = bids[missing]
    if raised is None or raised + tick >= touches[missing].ask:
        return bids
    return (yes + tick, no) if missing == YES else (yes, no + tick)


def _nothing(market: MarketView, reason: str, gates: list[Gate]) -> Targets:
    withheld = tuple(Withheld(market.market.id, outcome, Side.BUY, reason) for outcome in _OUTCOMES)
    return Targets(withheld=withheld, gates=tuple(gates), reason=reason)


def _hedge_formula(ceiling: Ceiling, touch: Touch, tick: Price) -> str:
    return f"min({ceiling.formula}, ask {format_price(touch.ask)} - {format_price(tick)})"


def _blocks(outcome: Outcome) -> str:
    return "yes" if outcome == YES else "no"
