"""What a command came to: what may still fill although it was forbidden, and the line that a person reads."""

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec.structs import replace

from models.flatten_plan import MarketPlan, flatten_plan, open_orders, plan_text
from models.flattening import is_over, left_alone
from models.messages.base import MarketId
from models.phase import signed_size
from models.snapshot import Board, DeskLine, MarketLine, OrderLine
from models.units import Size
from models.words import shares_text

_FORBIDS_ALL: Final = frozenset({"pause", "off", "kill", "flatten"})
_DONE: Final = {
    "pause": "paused", "resume": "resumed", "reduce": "reduced", "flatten": "flattened", "kill": "killed",
    "clear_kill": "released",
}  # fmt: skip


_UNTOUCHED: Final = "left alone"


class MarketAnswer(msgspec.Struct, frozen=True):
    """One market before and after. `open` counts orders that the command forbids and that may still fill.

    `left` names those that the executor has told of; risk may know of one more that is just on its way. Of a flatten:
    `over` is false while something is still to be done, `why` says what, or why something stays; `plan` is what it
    would do, where it was only to be shown.
    """

    slug: str
    market: MarketId
    before: tuple[str, ...]
    after: tuple[str, ...]
    cancelled: int
    open: int
    left: tuple[OrderLine, ...]
    yes: Size
    no: Size
    over: bool = True
    why: str = ""
    plan: MarketPlan | None = None

    @property
    def held(self) -> str:
        """What the desks hold: `holding 12 YES`, or `flat`; with the reason, where it should be flat and is not."""
        legs = [f"{shares_text(size)} {token}" for size, token in ((self.yes, "YES"), (self.no, "NO")) if size]
        held = f"holding {' and '.join(legs)}" if legs else "flat"
        return f"{held} ({self.why})" if self.why and self.why != held else held


class Rest(msgspec.Struct, frozen=True):
    """An order that the venue lists as resting, in its own words."""

    order_id: str
    market: MarketId
    side: str
    price: str
    size: str


class Answer(msgspec.Struct, frozen=True):
    """`proven`: nothing that the command forbids can fill any more. `changed`: it was not so before.

    `rests`: what the venue itself still lists after a command that leaves nothing there; `doubt`: why it has not said.
    """

    verb: str
    everything: bool
    changed: bool
    proven: bool
    dry_run: bool
    markets: tuple[MarketAnswer, ...]
    rests: tuple[Rest, ...] = ()
    doubt: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """What a person reads: one line for everything, or one for each market that was named.

        Of a flatten also a line for each market that is not flat, and of one that is only shown its plan.
        """
        plans = [one.plan for one in self.markets if one.plan is not None]
        if plans:
            return plan_text(plans)
        if self.everything:
            cancelled, left = sum(one.cancelled for one in self.markets), sum(one.open for one in self.markets)
            over = all(one.over for one in self.markets)
            said = f"all {self._done(over=True)}" if over else f"not all {_DONE[self.verb]} yet"
            said += f": {self._orders(cancelled, left)}"
            named = tuple(f"  {one.slug}: {one.held}" for one in self.markets if one.why)
            return (f"{said} in {plural(len(self.markets), 'market')}", *named, *self._at_venue, *self._going_on)
        lines = tuple(
            f"{one.slug} {self._done(over=one.over)}: {self._orders(one.cancelled, one.open)}, {one.held}"
            for one in self.markets
        )
        return (*lines, *self._at_venue, *self._going_on)

    @property
    def _at_venue(self) -> tuple[str, ...]:
        doubt = (f"the venue has not said what rests there: {self.doubt}",) if self.doubt else ()
        return doubt + tuple(
            f"the venue still lists {one.side} {one.size} @ {one.price} ({one.order_id})" for one in self.rests
        )

    @property
    def _going_on(self) -> tuple[str, ...]:
        over = all(one.over for one in self.markets)
        return () if over else ("the engine goes on with it; how far it is: keel status, keel why",)

    def _done(self, *, over: bool) -> str:
        done = _DONE.get(self.verb, self.verb)
        if self.dry_run:
            return f"would be {done}"
        if not over:
            return f"not {done} yet"
        return done if self.changed else f"already {done}"

    def _orders(self, cancelled: int, left: int) -> str:
        if self.dry_run:
            return f"{plural(left, 'order')} would be cancelled"
        return f"{plural(cancelled, 'order')} cancelled, {left} open"


class Cancelled(msgspec.Struct, frozen=True):
    """What became of single orders that were to be cancelled; `left` may still fill, `working` quotes again."""

    cancelled: tuple[OrderLine, ...]
    left: tuple[OrderLine, ...]
    working: tuple[str, ...]
    dry_run: bool

    @property
    def proven(self) -> bool:
        """Whether none of them can fill any more."""
        return not self.left

    @property
    def lines(self) -> tuple[str, ...]:
        """What a person reads."""
        if self.dry_run:
            return (f"{plural(len(self.left), 'order')} would be cancelled",)
        said = f"{plural(len(self.cancelled), 'order')} cancelled, {len(self.left)} open"
        again = f"still traded, and may be quoted again: {', '.join(self.working)} (to stop it: keel pause)"
        return (said, again) if self.working else (said,)


def forbidden(board: Board, verb: str, market: MarketId) -> tuple[int, tuple[OrderLine, ...]]:
    """Return how many orders of a market a command forbids and may still fill, and those that are known by name.

    Risk counts an order from the moment it approves it, the executor names it a little later: the larger count is true.
    """
    orders = tuple(board.open_orders(market))
    if verb in _FORBIDS_ALL:
        return open_orders(board, market), orders
    if verb != "reduce":
        return 0, ()
    yes, no = board.holding(market)
    net = yes - no
    raising = tuple(order for order in orders if net * signed_size(order.outcome, order.side, order.size) >= 0)
    return len(raising), raising


def done(board: Board, verb: str, market: MarketId, *, everything: bool) -> bool:
    """Whether a command has come to its end in a market: nothing of what it forbids may fill, all it does is done."""
    cells = board.markets[market].cells
    if verb == "flatten" and everything and left_alone(cells):
        return True
    if forbidden(board, verb, market)[0]:
        return False
    return verb != "flatten" or (is_over(cells) and all(_is_flat(desk) for desk in board.desks_of(market)))


def answer(
    verb: str,
    before: Board,
    after: Board,
    lines: Iterable[MarketLine],
    *,
    everything: bool,
    changed: bool = False,
    proven: bool = False,
    dry_run: bool = False,
) -> Answer:
    """Compare the markets of a command before and after it. What a person left alone is not proven to be flat."""
    lines = tuple(lines)
    markets = tuple(_market_answer(verb, before, after, line) for line in lines)
    if verb == "flatten":
        plans = flatten_plan(after, lines, everything=everything) if dry_run else [None] * len(lines)
        markets = tuple(
            _flattened(after, one, plan, everything=everything) for one, plan in zip(markets, plans, strict=True)
        )
        proven = proven and not any(one.why.startswith(_UNTOUCHED) for one in markets)
    return Answer(verb, everything, changed, proven, dry_run, markets)


def _market_answer(verb: str, before: Board, after: Board, line: MarketLine) -> MarketAnswer:
    market = line.market.id
    count, left = forbidden(after, verb, market)
    return MarketAnswer(
        line.market.slug,
        market,
        _words(before, market),
        _words(after, market),
        _cancels(after, market) - _cancels(before, market),
        count,
        left,
        *after.holding(market),
    )


def _flattened(board: Board, one: MarketAnswer, plan: MarketPlan | None, *, everything: bool) -> MarketAnswer:
    """Add how far the flatten has come, and why what is held is held."""
    held = bool(one.yes or one.no)
    if everything and left_alone(board.markets[one.market].cells):
        why = f"{_UNTOUCHED}, it is {'/'.join(one.after)}" if held else ""
        return replace(one, why=why, plan=plan)
    said = [desk.flatten for desk in board.desks_of(one.market) if desk.flatten is not None]
    over = done(board, "flatten", one.market, everything=everything)
    if everything and not over:  # it is halted together with all others, and may be done long before
        flat = all(map(_is_flat, board.desks_of(one.market)))
        over = flat and not one.open and all(report.is_over for report in said)
    why = "; ".join(dict.fromkeys(report.detail for report in said)) if held or not over else ""
    if not over and not why:
        why = "orders are still open" if one.open else "not begun"
    return replace(one, over=over, why=why, plan=plan)


def _is_flat(desk: DeskLine) -> bool:
    """Whether a desk holds nothing, or just what it said that it cannot get rid of. Risk may be ahead."""
    held = (desk.position.yes.shares, desk.position.no.shares)
    said = desk.flatten
    return held == (0, 0) or (said is not None and said.is_over and (said.yes_shares, said.no_shares) == held)


def _words(board: Board, market: MarketId) -> tuple[str, ...]:
    return tuple(board.word(desk) for desk in board.desks_of(market))


def _cancels(board: Board, market: MarketId) -> int:
    return sum(desk.cancels for desk in board.desks_of(market))


def plural(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
