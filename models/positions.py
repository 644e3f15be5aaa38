"""How a desk's position in a market moves: pure transitions, the same for the executor's ledger and every inventory.

Why quantities and costs, never averages: an average in any fixed unit cannot be restored after a void between other
fills. An average is cost / shares at the moment when somebody asks, and is compared by cross-multiplication.

Why a sale or a merge takes the average of the *settled* shares: only these can be sold or merged, and so a fill that is
still provisional changes nothing but its own shares and its own cost. Voiding it leaves the position that would be
there had it never come. The part of the cost that leaves is rounded down, the remainder stays, and the last share takes
all that is left.

Conservation, exact to the micro-dollar after every transition: the cash that has flowed = realized - fees - cost held.
"""

from msgspec.structs import replace

from models.markets import NO, YES, Outcome, Side
from models.messages.base import Message
from models.messages.orders import FillCounted, FillSettled, FillVoided, MergeChanged, PositionsRedeemed
from models.messages.position import LedgerSnapshot, Leg, Position
from models.units import ONE, Money, Price, Size, cash_of


def advance(position: Position, message: Message) -> Position | None:
    """Return the position after an event of the ledger, None where the message is not one."""
    match message:
        case FillCounted():
            return _counted(position, message)
        case FillSettled():
            return _settled(position, message.fill)
        case FillVoided():
            return _voided(position, message)
        case MergeChanged():
            return _merge_changed(position, message)
        case PositionsRedeemed():
            return _redeemed(position, message.payout_yes)
        case LedgerSnapshot():
            return message.position
        case _:
            return None


def leg_of(position: Position, outcome: Outcome) -> Leg:
    """Return the leg of a token."""
    return position.yes if outcome == YES else position.no


def net_diff(position: Position) -> Size:
    """Return YES minus NO in micro-shares."""
    return position.yes.shares - position.no.shares


def mergeable(position: Position) -> Size:
    """Return the complete pairs that are settled and not already on their way to a dollar each."""
    return max(0, min(position.yes.settled, position.no.settled) - position.merging)


def cash_flow(position: Position) -> Money:
    """Return the dollars that this position has brought in so far, fees paid, rebates not yet; negative: spent."""
    return position.realized - position.fees - position.yes.cost - position.no.cost


def profit_realised(position: Position) -> Money:
    """Return what is certain of a position's profit: fees paid, rebates accrued."""
    return position.realized - position.fees + position.rebates


def after_merges(position: Position) -> Position:
    """Return the position as it will be once the merges under way are confirmed: what limits and gates look at."""
    return _merged(position, position.merging) if position.merging else position


def cost_leaving(position: Position, outcome: Outcome, size: Size) -> Money:
    """Return the part of a leg's cost that leaves with `size` of its shares."""
    leg = leg_of(position, outcome)
    provisional = sum(fill.cash for fill in position.provisional if fill.outcome == outcome and fill.side is Side.BUY)
    held, cost = leg.settled, leg.cost - provisional
    if size > held:
        held, cost = leg.shares, leg.cost
    return cost if size >= held else cost * size // held


def _counted(position: Position, fill: FillCounted) -> Position:
    leg = leg_of(position, fill.outcome)
    realized = position.realized
    if fill.side is Side.BUY:
        leg = Leg(leg.shares + fill.size, leg.cost + fill.cash, leg.settled)
    else:
        leg = Leg(leg.shares - fill.size, leg.cost - fill.cost_out, leg.settled - fill.size)
        realized += fill.cash - fill.cost_out
    after = replace(
        _with_leg(position, fill.outcome, leg, realized),
        fees=position.fees + fill.fee,
        rebates=position.rebates + fill.rebate,
        fills=position.fills + 1,
        provisional=(*position.provisional, fill),
    )
    return _with_unpaired(position, after, fill, fill.at_ns, voided=False)


def _settled(position: Position, fill: FillCounted) -> Position:
    after = replace(position, provisional=_without(position.provisional, fill))
    if fill.side is Side.SELL:
        return after
    leg = leg_of(position, fill.outcome)
    return _with_leg(after, fill.outcome, replace(leg, settled=leg.settled + fill.size), position.realized)


def _voided(position: Position, voided: FillVoided) -> Position:
    fill = voided.fill
    leg = leg_of(position, fill.outcome)
    realized = position.realized
    if fill.side is Side.BUY:
        leg = Leg(leg.shares - fill.size, leg.cost - fill.cash, leg.settled)
    else:
        leg = Leg(leg.shares + fill.size, leg.cost + fill.cost_out, leg.settled + fill.size)
        realized -= fill.cash - fill.cost_out
    after = replace(
        _with_leg(position, fill.outcome, leg, realized),
        fees=position.fees - fill.fee,
        rebates=position.rebates - fill.rebate,
        fills=position.fills - 1,
        provisional=_without(position.provisional, fill),
    )
    return _with_unpaired(position, after, fill, voided.at_ns, voided=True)


def _merge_changed(position: Position, merge: MergeChanged) -> Position:
    match merge.state:
        case "requested":
            return replace(position, merging=position.merging + merge.size)
        case "confirmed":
            return replace(_merged(position, merge.size), fees=position.fees + merge.cost)
        case "failed":
            return replace(position, merging=position.merging - merge.size, fees=position.fees + merge.cost)
        case _:
            return position


def _merged(position: Position, size: Size) -> Position:
    """Both legs leave at their average cost; a pair brings a dollar."""
    realized = position.realized + size
    legs: list[Leg] = []
    for outcome in (YES, NO):
        leg = leg_of(position, outcome)
        cost = cost_leaving(position, outcome, size)
        legs.append(Leg(leg.shares - size, leg.cost - cost, leg.settled - size))
        realized -= cost
    return replace(position, yes=legs[0], no=legs[1], merging=position.merging - size, realized=realized)


def _redeemed(position: Position, payout_yes: Price) -> Position:
    paid = cash_of(payout_yes, position.yes.shares) + cash_of(ONE - payout_yes, position.no.shares)
    realized = position.realized + paid - position.yes.cost - position.no.cost
    return replace(position, yes=Leg(), no=Leg(), realized=realized, unpaired_since_ns=None, unpaired_cost=0)


def _with_leg(position: Position, outcome: Outcome, leg: Leg, realized: Money) -> Position:
    """Put a leg in place. One without shares has no cost: a rest (a sale was told before its buy) is realised."""
    if leg.shares == 0 and leg.cost:
        realized -= leg.cost
        leg = replace(leg, cost=0)
    if outcome == YES:
        return replace(position, yes=leg, realized=realized)
    return replace(position, no=leg, realized=realized)


def _without(fills: tuple[FillCounted, ...], gone: FillCounted) -> tuple[FillCounted, ...]:
    return tuple(fill for fill in fills if (fill.trade_id, fill.order_id) != (gone.trade_id, gone.order_id))


def _with_unpaired(before: Position, after: Position, fill: FillCounted, at_ns: int, *, voided: bool) -> Position:
    """Follow the age and the cost of the naked quantity.

    What a BUY adds costs what it paid, and a void takes just that away again; what is laid bare by a sale or a void of
    the other leg costs its own leg's average; what is paired off takes the average of the unpaired lots along.
    """
    was, net = net_diff(before), net_diff(after)
    if net == 0:
        return replace(after, unpaired_since_ns=None, unpaired_cost=0)
    continues = was * net > 0
    standing = abs(was) if continues else 0
    cost = before.unpaired_cost if continues else 0
    since_ns = before.unpaired_since_ns if continues else at_ns
    grown = abs(net) - standing
    bought = fill.side is Side.BUY
    if grown < 0:
        cost -= min(cost, fill.cash) if bought and voided else cost * -grown // standing
    elif bought and not voided:
        cost += fill.cash * grown // fill.size
    else:
        leg = after.yes if net > 0 else after.no
        cost += leg.cost * grown // leg.shares if leg.shares > 0 else 0
    return replace(after, unpaired_since_ns=since_ns, unpaired_cost=cost)
