"""The naked leg: what an unpaired quantity has cost, what finishing or leaving it would cost now, and what to do.

Why a ladder: after an adverse fill the hedge that still makes a pair worth having stands ticks behind the other touch
at once, and a strategy that only waits there waits for ever. So each step beyond waiting is a policy of its own, off,
or due by age, by loss or by the time that is left:

    1 ceiling   bid for the missing token up to target - average (always)
    2 raise     raise that ceiling in steps, up to the portfolio cost at which opening stops
    3 take      buy the missing token now, where finishing loses less than `leg_max_loss`, or before the hard cut-off
    4 sell      sell the naked leg now
    5 hold      to resolution: what remains when no other step is due

Rounding is always against us: an average is rounded up, a ceiling down, a cost to finish up.
"""

from typing import Annotated, Literal, NamedTuple

import msgspec

from models.fees import taker_fee
from models.inventory import InventoryParameters
from models.markets import NO, YES, Market, Outcome, Side, complement
from models.messages.decisions import NakedLeg
from models.messages.position import Position
from models.parameters import parameter
from models.positions import after_merges, leg_of, net_diff
from models.sizes import placeable
from models.strategy import Take, Touch
from models.units import DOLLAR, ONE, Money, Price, Size, cash_of, cash_of_rounded_up
from models.words import clock_text, price_text

_MS = 1_000_000

Touches = tuple[Touch, Touch]
"""Touch of YES and of NO in the net book."""


class LegParameters(msgspec.Struct, frozen=True):
    """When each step of the ladder is due. 0 switches a condition off; a step without conditions is off."""

    leg_average: Annotated[
        Literal["all", "residual"],
        parameter("Cost of the naked leg: the average of all its shares, or of the unpaired lots alone.", "choice"),
    ] = "all"
    raise_after_ms: Annotated[int, parameter("Age at which the hedge ceiling begins to rise; 0 never.", "ms", ge=0)] = 0
    raise_at_loss: Annotated[
        Money, parameter("Marked loss for each step that the ceiling rises; 0 never.", "dollars", ge=0)
    ] = 0
    raise_before_end_ms: Annotated[
        int, parameter("Time to the end at which the hedge ceiling begins to rise; 0 never.", "ms", ge=0)
    ] = 0
    raise_every_ms: Annotated[int, parameter("Time between two steps of the ceiling.", "ms", gt=0)] = 30_000
    raise_ticks: Annotated[int, parameter("Ticks that the ceiling rises in a step.", "count", gt=0)] = 1
    leg_max_loss: Annotated[
        Money, parameter("Finish as taker where that loses less than this; 0 never.", "dollars", ge=0)
    ] = 0
    take_after_ms: Annotated[
        int, parameter("Age before which a leg is not finished as taker within leg_max_loss.", "ms", ge=0)
    ] = 0
    take_before_end_ms: Annotated[
        int,
        parameter(
            "Hard cut-off: time to the end at which a leg is finished as taker at any loss; 0 never.", "ms", ge=0
        ),
    ] = 0
    sell_after_ms: Annotated[int, parameter("Age at which the leg is sold; 0 never.", "ms", ge=0)] = 0
    sell_at_loss: Annotated[Money, parameter("Marked loss at which the leg is sold; 0 never.", "dollars", ge=0)] = 0
    sell_before_end_ms: Annotated[int, parameter("Time to the end at which the leg is sold; 0 never.", "ms", ge=0)] = 0

    @property
    def is_timed(self) -> bool:
        """Whether the clock alone can ever make a step due."""
        by_age = self.raise_after_ms or self.take_after_ms or self.sell_after_ms
        return bool(by_age or self.raise_before_end_ms or self.take_before_end_ms or self.sell_before_end_ms)

    @property
    def takes(self) -> bool:
        """Whether step 3 can ever be due."""
        return bool(self.leg_max_loss or self.take_before_end_ms)

    @property
    def sells(self) -> bool:
        """Whether step 4 can ever be due."""
        return bool(self.sell_after_ms or self.sell_at_loss or self.sell_before_end_ms)


class Ceiling(msgspec.Struct, frozen=True, gc=False):
    """The most to bid for the missing token, and the step of the ladder that says so.

    `price` may lie outside of (0, ONE): then no hedge at all makes sense. `formula` is for people.
    """

    price: Price
    step: Literal["ceiling", "raise"]
    formula: str


class _Naked(NamedTuple):
    """The unpaired quantity: its token, its shares, their cost rounded up, and the average rounded up."""

    outcome: Outcome
    shares: Size
    cost: Money
    average: Price


def hedge_ceiling(
    position: Position,
    target: Price,
    inventory: InventoryParameters,
    leg: LegParameters,
    market: Market,
    now_ns: int,
    touches: Touches | None = None,
) -> Ceiling:
    """Return the ceiling of a maker's hedge: `target` - average, or as far above it as step 2 has come.

    Without `touches` the leg has no mark, and nothing is due by loss. The position must not be flat.
    """
    naked = _naked(position, leg)
    assert naked is not None, "a flat position has no hedge"
    raised = _raises(position, naked, leg, market, now_ns, touches) * leg.raise_ticks * market.tick
    cost = min(target + raised, max(target, inventory.max_portfolio_cost))
    formula = f"ceiling {price_text(cost)} - {price_text(naked.average)}"
    return Ceiling(cost - naked.average, "raise" if cost > target else "ceiling", formula)


def leg_exit(position: Position, touches: Touches, market: Market, leg: LegParameters, now_ns: int) -> Take | None:
    """Return what steps 3 and 4 would take now at the touch, None where neither is due or possible."""
    naked = _naked(position, leg)
    if naked is None or placeable(naked.shares) < market.min_order_size:
        return None
    missing = complement(naked.outcome)
    touch = touches[missing]
    size = placeable(min(naked.shares, touch.ask_size))
    payable = cash_of(touch.ask, size) >= DOLLAR and size >= market.min_order_size
    if payable and _takes(position, naked, touch, leg, market, now_ns):
        return Take(market.id, missing, Side.BUY, touch.ask, size, "leg_take")
    touch = touches[naked.outcome]
    settled = leg_of(position, naked.outcome).settled - position.merging
    size = placeable(min(naked.shares, settled, touch.bid_size))
    if size >= market.min_order_size and _sells(position, naked, leg, market, now_ns, touches):
        return Take(market.id, naked.outcome, Side.SELL, touch.bid, size, "leg_sell")
    return None


def leg_due_ns(position: Position, market: Market, leg: LegParameters, now_ns: int) -> int | None:
    """Return when the clock alone moves the ladder on, None where only a price or a fill can."""
    since_ns, end_ns = position.unpaired_since_ns, market.end_ns
    due: list[int] = []
    if since_ns is not None:
        if leg.raise_after_ms:
            due.append(_next_step_ns(since_ns + leg.raise_after_ms * _MS, leg.raise_every_ms, now_ns))
        due += [since_ns + after_ms * _MS for after_ms in (leg.take_after_ms, leg.sell_after_ms) if after_ms]
    if end_ns is not None:
        if leg.raise_before_end_ms:
            due.append(_next_step_ns(end_ns - leg.raise_before_end_ms * _MS, leg.raise_every_ms, now_ns))
        due += [end_ns - left_ms * _MS for left_ms in (leg.take_before_end_ms, leg.sell_before_end_ms) if left_ms]
    return min((at_ns for at_ns in due if at_ns > now_ns), default=None)


def naked_leg(
    position: Position,
    yes: Touch,
    no: Touch,
    market: Market,
    tick: Price,
    leg: LegParameters,
    now_ns: int,
    hedge_price: Price | None,
) -> NakedLeg | None:
    """Return the figures of the naked leg, None while flat. `hedge_price` is the hedge bid that is wanted, if any.

    Finishing as maker is the best bid that does not cross; as taker the ask with its fee, None where the ask shows less
    than the naked shares.
    """
    naked = _naked(position, leg)
    if naked is None:
        return None
    touches = (yes, no)
    own, other = touches[naked.outcome], touches[complement(naked.outcome)]
    maker = _maker_price(other, tick)
    maker_cost = None if maker is None else cash_of_rounded_up(maker, naked.shares)
    taker_cost = _taker_cost(naked, other.ask, market) if other.ask_size >= naked.shares else None
    return NakedLeg(
        outcome=naked.outcome,
        shares=naked.shares,
        average=naked.average,
        age_ms=_age_ms(position, now_ns),
        mid=(own.bid + own.ask) // 2 if own.two_sided else None,
        unrealized=_unrealized(naked, own),
        worst_case=-naked.cost,
        hedge_price=hedge_price,
        hedge_ticks_behind=None if hedge_price is None else (other.bid - hedge_price) // tick,
        finish_maker_price=None if maker is None else naked.average + maker,
        finish_maker_profit=None if maker_cost is None else naked.shares - naked.cost - maker_cost,
        finish_taker_price=None if taker_cost is None else naked.average + _per_share(taker_cost, naked.shares),
        finish_taker_profit=None if taker_cost is None else naked.shares - naked.cost - taker_cost,
        policy=_policy(leg, market),
        missing_ask=other.ask if other.ask_size else None,
    )


def _naked(position: Position, leg: LegParameters) -> _Naked | None:
    free = after_merges(position)
    net = net_diff(free)
    if net == 0:
        return None
    outcome: Outcome = YES if net > 0 else NO
    shares = abs(net)
    held = leg_of(free, outcome)
    cost, among = (held.cost, held.shares) if leg.leg_average == "all" else (free.unpaired_cost, shares)
    if among <= 0:
        # Only a sale that was told before its buy leaves a net without shares of its own: it has no cost yet.
        return _Naked(outcome, shares, 0, 0)
    return _Naked(outcome, shares, -(-cost * shares // among), _per_share(cost, among))


def _raises(
    position: Position, naked: _Naked, leg: LegParameters, market: Market, now_ns: int, touches: Touches | None
) -> int:
    """Return how many steps the ceiling has risen: the most that any of its three conditions gives."""
    steps = 0
    if leg.raise_after_ms:
        steps = _steps(_age_ms(position, now_ns) - leg.raise_after_ms, leg.raise_every_ms)
    left_ms = _left_ms(market, now_ns)
    if leg.raise_before_end_ms and left_ms is not None:
        steps = max(steps, _steps(leg.raise_before_end_ms - left_ms, leg.raise_every_ms))
    if leg.raise_at_loss and touches is not None:
        steps = max(steps, _loss(naked, touches) // leg.raise_at_loss)
    return steps


def _takes(position: Position, naked: _Naked, touch: Touch, leg: LegParameters, market: Market, now_ns: int) -> bool:
    left_ms = _left_ms(market, now_ns)
    if leg.take_before_end_ms and left_ms is not None and left_ms <= leg.take_before_end_ms:
        return True
    if not leg.leg_max_loss or _age_ms(position, now_ns) < leg.take_after_ms:
        return False
    return naked.cost + _taker_cost(naked, touch.ask, market) - naked.shares < leg.leg_max_loss


def _sells(
    position: Position, naked: _Naked, leg: LegParameters, market: Market, now_ns: int, touches: Touches
) -> bool:
    left_ms = _left_ms(market, now_ns)
    return (
        (leg.sell_after_ms > 0 and _age_ms(position, now_ns) >= leg.sell_after_ms)
        or (leg.sell_at_loss > 0 and _loss(naked, touches) >= leg.sell_at_loss)
        or (leg.sell_before_end_ms > 0 and left_ms is not None and left_ms <= leg.sell_before_end_ms)
    )


def _policy(leg: LegParameters, market: Market) -> str:
    """Name the steps that are switched on, in the order of the ladder, and the hard cut-off where there is one."""
    steps = {
        "raise": leg.raise_after_ms or leg.raise_at_loss or leg.raise_before_end_ms,
        "take": leg.takes,
        "sell": leg.sells,
    }
    named = [name for name, on in steps.items() if on]
    policy = ", then ".join(["ceiling", *named, "hold"]) if named else "hold"
    if leg.take_before_end_ms and market.end_ns is not None:
        policy += f", hard cut-off {clock_text(market.end_ns - leg.take_before_end_ms * _MS)[:5]}"
    return policy


def _maker_price(touch: Touch, tick: Price) -> Price | None:
    """Return the best bid that does not cross the ask, None on an empty book or without room under the ask."""
    if touch.ask_size == 0:
        return touch.bid if touch.bid_size else None
    return touch.ask - tick if touch.ask > tick else None


def _taker_cost(naked: _Naked, ask: Price, market: Market) -> Money:
    return cash_of_rounded_up(ask, naked.shares) + taker_fee(market.fees, ask, naked.shares)


def _unrealized(naked: _Naked, touch: Touch) -> Money | None:
    """Return what the leg has gained at its mid, None without one; the mid may lie on half a unit of price."""
    return (touch.bid + touch.ask) * naked.shares // (2 * ONE) - naked.cost if touch.two_sided else None


def _loss(naked: _Naked, touches: Touches) -> Money:
    """Return the marked loss, 0 for a gain or without a mark."""
    return max(0, -(_unrealized(naked, touches[naked.outcome]) or 0))


def _per_share(money: Money, shares: Size) -> Price:
    return -(-money * ONE // shares)


def _steps(over_ms: int, every_ms: int) -> int:
    return 0 if over_ms < 0 else 1 + over_ms // every_ms


def _next_step_ns(first_ns: int, every_ms: int, now_ns: int) -> int:
    """Return when the next of the steps comes that begin at `first_ns`."""
    return max(first_ns, first_ns + ((now_ns - first_ns) // (every_ms * _MS) + 1) * every_ms * _MS)


def _age_ms(position: Position, now_ns: int) -> int:
    since_ns = position.unpaired_since_ns
    return 0 if since_ns is None else max(0, now_ns - since_ns) // _MS


def _left_ms(market: Market, now_ns: int) -> int | None:
    return None if market.end_ns is None else (market.end_ns - now_ns) // _MS
