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

from typing import Annotated, ClassVar, Literal, NamedTuple

import msgspec

from models.cells import TradingState
from models.inventory import InventoryParameters, can_open
from models.leg_risk import LegParameters, hedge_ceiling, leg_due_ns
from models.markets import NO, YES, Catalogue, Outcome, Side, complement
from models.messages.base import MarketId
from models.messages.decisions import Gate
from models.parameters import parameter
from models.phase import hedge_outcome
from models.sizes import placeable
from models.strategy import MarketView, Quote, Stateless, Targets, Touch, View, Withheld, each_alone
from models.units import ONE, SHARE, Price, Size, floor_to_tick
from models.words import price_text

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


class _Asked(NamedTuple):
    """What was wanted for what was seen; good until the clock brings the next step of the leg policy."""

    seen: object
    until_ns: int | None
    targets: Targets


class Maker(Stateless):
    """Two-sided quotes on every market alone."""

    name: ClassVar[str] = "maker"
    scope: ClassVar[Literal["market", "group"]] = "market"
    style: ClassVar[Literal["maker", "taker"]] = "maker"

    def __init__(self, parameters: MakerParameters, inventory: InventoryParameters, leg: LegParameters) -> None:
        self.parameters = parameters
        self._inventory = inventory
        self._leg = leg
        # Most book updates move no touch; the last answer then still holds, for it depends on nothing else.
        self._asked: dict[MarketId, _Asked] = {}

    def groups(self, catalogue: Catalogue) -> tuple[tuple[MarketId, ...], ...]:
        """Every market is decided on alone."""
        return each_alone(catalogue)

    def targets(self, view: View) -> Targets:
        """Return both bids, the missing leg's bid, or what keeps them away."""
        market, book = view.alone(), view.alone().book
        net = market.net
        hedges = market.phase == "Hedge" or (market.state is TradingState.REDUCING and net != 0)
        touch = None if book is None else (book.bid, book.ask, book.tick)
        seen = (hedges, touch, market.position, market.state)
        asked = self._asked.get(market.market.id)
        if asked is not None and asked.seen == seen and (asked.until_ns is None or view.now_ns < asked.until_ns):
            return asked.targets
        if hedges:
            until_ns = leg_due_ns(market.position, market.market, self._leg, view.now_ns)
            targets = self._hedge(market, net, view.now_ns)
        else:
            until_ns, targets = None, self._balanced(market, net)
        self._asked[market.market.id] = _Asked(seen, until_ns, targets)
        return targets

    def _balanced(self, market: MarketView, net: Size) -> Targets:
        parameters = self.parameters
        tick = quote_tick(market.tick, parameters.tick_size)
        target = ONE - parameters.pair_edge_ticks * tick if parameters.pair_edge_ticks else parameters.pair_target
        touches = (market.touch(YES), market.touch(NO))
        bids = balanced_bids(touches, target, tick)
        opening = can_open(market.position, self._inventory)
        gates = (_size_gate(market, parameters.bid_size), _reducing_gate(market), _mirror_gate(touches), *opening.gates)
        stopped = next((_REASONS[gate.name] for gate in gates[:3] if not gate.passed), None)
        if bids is None or stopped is not None:
            return Targets(gates=gates, reason=stopped or "books_not_mirrored")
        if parameters.even_spread == "improve_reducing":
            bids = _give_lost_tick(bids, touches, target, tick, net)
        quotes: list[Quote] = []
        withheld: list[Withheld] = []
        for outcome in _OUTCOMES:
            bid, touch = bids[outcome], touches[outcome]
            size = self._balanced_size(outcome, net, allowed=opening.allowed)
            refusal = _refusal(bid, size, market.market.min_order_size, allowed=opening.allowed)
            if bid is None or refusal is not None:
                withheld.append(Withheld(market.market.id, outcome, Side.BUY, refusal or "price_out_of_range"))
                continue
            formula = f"mid {price_text((touch.bid + touch.ask) // 2)} - {price_text((ONE - target) // 2)}"
            quotes.append(
                Quote(market.market.id, outcome, Side.BUY, bid, size, "provide", formula, anchor=touch.bid + touch.ask)
            )
        return Targets(
            tuple(quotes), withheld=tuple(withheld), gates=gates, reason="providing" if quotes else withheld[0].reason
        )

    def _balanced_size(self, outcome: Outcome, net: Size, *, allowed: bool) -> Size:
        """Return what to bid for: the configured size where opening is allowed, and the residue on the missing side."""
        missing = abs(net) if net and outcome == hedge_outcome(net) else 0
        return placeable((self.parameters.bid_size if allowed else 0) + missing)

    def _hedge(self, market: MarketView, net: Size, now_ns: int) -> Targets:
        outcome = hedge_outcome(net)
        touches = (market.touch(YES), market.touch(NO))
        target, listed = self.parameters.pair_target, market.market
        ceiling = hedge_ceiling(market.position, target, self._inventory, self._leg, listed, now_ns, touches)
        touch = touches[outcome]
        tick = quote_tick(market.tick, self.parameters.tick_size)
        size = placeable(abs(net))
        price, refusal = hedge_bid(ceiling.price, touch, tick)
        if price is not None and size < listed.min_order_size:
            refusal = "size_below_minimum"
        gates = (
            _size_gate(market, self.parameters.bid_size),
            *can_open(market.position, self._inventory).gates,
            Gate(
                "hedge_possible", refusal is None, ceiling.price, touch.ask, "price",
                "yes" if outcome == YES else "no", refusal or "",
            ),
        )  # fmt: skip
        naked = Withheld(listed.id, complement(outcome), Side.BUY, "inventory_limit")
        if price is None or refusal is not None:
            why = refusal or "no_hedge"
            return Targets(withheld=(naked, Withheld(listed.id, outcome, Side.BUY, why)), gates=gates, reason=why)
        formula = f"min({ceiling.formula}, ask {price_text(touch.ask)} - {price_text(tick)})"
        # What the ceiling bounds does not come from the mid: it moves when the ceiling does.
        anchor = touch.bid + touch.ask if price < floor_to_tick(ceiling.price, tick) else None
        quote = Quote(listed.id, outcome, Side.BUY, price, size, "hedge", formula, urgent=True, anchor=anchor)
        return Targets((quote,), withheld=(naked,), gates=gates, reason="hedging")


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
    """Return the price of the missing leg's bid, or None and why there is none; never the bare ceiling."""
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


def _refusal(bid: Price | None, size: Size, minimum: Size, *, allowed: bool) -> str | None:
    """Say why one side is not bid for, None where it is."""
    if not allowed and size < minimum:
        return "inventory_limit"
    if bid is None:
        return "price_out_of_range"
    return "size_below_minimum" if size < minimum else None


_REASONS = {
    "size_at_least_minimum": "size_below_minimum",
    "reducing": "reducing",
    "books_mirrored": "books_not_mirrored",
}


def _size_gate(market: MarketView, bid_size: Size) -> Gate:
    minimum, size = market.market.min_order_size, placeable(bid_size)
    return Gate("size_at_least_minimum", size >= minimum, size, minimum, "size", "open", "PM_BID_SIZE")


def _reducing_gate(market: MarketView) -> Gate:
    return Gate("reducing", market.state is not TradingState.REDUCING, blocks="open", note=market.state.name)


def _mirror_gate(touches: tuple[Touch, Touch]) -> Gate:
    total = sum_of_touches(touches)
    return Gate("books_mirrored", total == 2 * ONE, total, 2 * ONE, "price")
