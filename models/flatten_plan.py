"""What a flatten would do, in its three steps with amounts: what a person is asked to confirm, and a dry run shows."""

from collections.abc import Iterable, Sequence

import msgspec

from models.flattening import left_alone
from models.markets import NO, YES, Outcome
from models.messages.base import MarketId
from models.messages.market import BookUpdated
from models.messages.position import Position
from models.positions import after_merges, net_diff
from models.sizes import placeable
from models.snapshot import Board, MarketLine
from models.units import Money, Size, cash_of
from models.unwind import bids_of
from models.words import money_text, outcome_text, shares_text


class Residual(msgspec.Struct, frozen=True):
    """Shares of a token that pairs leave over. `value` is what is bid for them now, None where nobody bids."""

    outcome: Outcome
    size: Size
    value: Money | None


class MarketPlan(msgspec.Struct, frozen=True):
    """The three steps in one market: orders to cancel, pairs to merge, shares to unwind; and what will stay.

    `locked` pairs stay because nothing here can merge them. `untouched`: a person stopped the market by itself, so that
    a flatten of everything leaves it alone.
    """

    slug: str
    orders: int = 0
    pairs: Size = 0
    locked: Size = 0
    unwind: tuple[Residual, ...] = ()
    stays: tuple[Residual, ...] = ()
    untouched: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do or to name."""
        return not (self.orders or self.pairs or self.locked or self.unwind or self.stays)

    @property
    def text(self) -> str:
        """All of it in one line."""
        if self.untouched:
            return "stopped by itself, left alone"
        parts = [_plural("cancel", self.orders, "order")] if self.orders else []
        parts += [f"merge {_pairs_text(self.pairs)}"] if self.pairs else []
        parts += [_locked_text(self.locked)] if self.locked else []
        parts += [f"unwind {_residual_text(one)}" for one in self.unwind]
        parts += [f"{_shares_text(one)} below the minimum stay" for one in self.stays]
        return ", ".join(parts) or "nothing to do"


def flatten_plan(board: Board, lines: Iterable[MarketLine], *, everything: bool) -> tuple[MarketPlan, ...]:
    """Return what would be done in each market as it stands now."""
    return tuple(_market_plan(board, line, everything=everything) for line in lines)


def plan_text(plans: Sequence[MarketPlan]) -> tuple[str, ...]:
    """Return the three steps over all markets, and under them the markets in which there is something to do."""
    touched = [plan for plan in plans if not plan.untouched]
    unwind = _summed(one for plan in touched for one in plan.unwind)
    stays = _summed(one for plan in touched for one in plan.stays)
    pairs, locked = sum(plan.pairs for plan in touched), sum(plan.locked for plan in touched)
    steps = [
        f"flatten {_plural('', len(touched), 'market')}:",
        f"  1. {_plural('cancel', sum(plan.orders for plan in touched), 'order')}",
        f"  2. merge {_pairs_text(pairs)}" if pairs else "  2. merge 0 pairs",
        f"  3. unwind {' and '.join(map(_residual_text, unwind)) or 'nothing'}",
    ]
    if locked:
        steps.append(f"  {_locked_text(locked)}")
    if stays:
        steps.append(f"  {' and '.join(map(_shares_text, stays))} stay: below the minimum size")
    return (*steps, *(f"  {plan.slug}: {plan.text}" for plan in plans if plan.untouched or not plan.is_empty))


def _market_plan(board: Board, line: MarketLine, *, everything: bool) -> MarketPlan:
    if everything and left_alone(line.cells):
        return MarketPlan(line.market.slug, untouched=True)
    positions = [after_merges(desk.position) for desk in board.desks_of(line.market.id)]
    residuals = [one for position in positions for one in _residual(position, line.book)]
    least = line.market.min_order_size
    pairs = sum(max(0, min(position.yes.shares, position.no.shares)) for position in positions)
    return MarketPlan(
        line.market.slug,
        open_orders(board, line.market.id),
        pairs if board.engine.merges else 0,
        0 if board.engine.merges else pairs,
        tuple(one for one in residuals if placeable(one.size) >= least),
        tuple(one for one in residuals if placeable(one.size) < least),
    )


def open_orders(board: Board, market: MarketId) -> int:
    """Return how many orders of a market may fill: risk counts one sooner, the executor may know of it longer."""
    exposure = board.markets[market].exposure
    return max(len(board.open_orders(market)), 0 if exposure is None else exposure.open_orders)


def _residual(position: Position, book: BookUpdated | None) -> tuple[Residual, ...]:
    net = net_diff(position)
    if net == 0:
        return ()
    outcome: Outcome = YES if net > 0 else NO
    return (Residual(outcome, abs(net), None if book is None else _bid_for(book, outcome, abs(net))),)


def _bid_for(book: BookUpdated, outcome: Outcome, size: Size) -> Money | None:
    """Return the dollars that are bid for shares, as far as the book goes; None where it has no bid."""
    value, left = 0, size
    for price, depth in bids_of(book, outcome):
        part = min(left, depth)
        value, left = value + cash_of(price, part), left - part
        if not left:
            break
    return value if left < size else None


def _summed(residuals: Iterable[Residual]) -> list[Residual]:
    """Add up by token; what nobody bids for is worth nothing."""
    found: dict[Outcome, Residual] = {}
    for one in residuals:
        before = found.get(one.outcome, Residual(one.outcome, 0, 0))
        found[one.outcome] = Residual(one.outcome, before.size + one.size, (before.value or 0) + (one.value or 0))
    return [found[outcome] for outcome in sorted(found)]


def _residual_text(residual: Residual) -> str:
    worth = "nobody bids" if residual.value is None else f"~ {money_text(residual.value)} USDC"
    return f"{_shares_text(residual)} {worth}"


def _shares_text(residual: Residual) -> str:
    return f"{shares_text(residual.size)} {outcome_text(residual.outcome)}"


def _pairs_text(pairs: Size) -> str:
    return f"{shares_text(pairs)} pairs ({money_text(pairs)} USDC)"


def _locked_text(pairs: Size) -> str:
    return f"{shares_text(pairs)} pairs stay: locked until resolution, merge unavailable"


def _plural(verb: str, count: int, noun: str) -> str:
    return f"{verb} {count} {noun if count == 1 else f'{noun}s'}".strip()
