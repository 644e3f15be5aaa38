"""What a command came to: what may still fill although it was forbidden, and the line that a person reads."""

from collections.abc import Iterable
from typing import Final

import msgspec

from models.messages.base import MarketId
from models.phase import signed_size
from models.snapshot import Board, MarketLine, OrderLine
from models.units import Size
from models.words import shares_text

_FORBIDS_ALL: Final = frozenset({"pause", "off", "kill"})
_DONE: Final = {"pause": "paused", "resume": "resumed", "reduce": "reduced", "kill": "killed", "clear_kill": "released"}


class MarketAnswer(msgspec.Struct, frozen=True):
    """One market before and after. `open` counts orders that the command forbids and that may still fill.

    `left` names those that the executor has told of; risk may know of one more that is just on its way.
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

    @property
    def held(self) -> str:
        """What the desks hold: `holding 12 YES`, or `flat`."""
        legs = [f"{shares_text(size)} {token}" for size, token in ((self.yes, "YES"), (self.no, "NO")) if size]
        return f"holding {' and '.join(legs)}" if legs else "flat"


class Answer(msgspec.Struct, frozen=True):
    """`proven`: nothing that the command forbids can fill any more. `changed`: it was not so before."""

    verb: str
    everything: bool
    changed: bool
    proven: bool
    dry_run: bool
    markets: tuple[MarketAnswer, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """What a person reads: one line for everything, or one for each market that was named."""
        if self.everything:
            cancelled, left = sum(one.cancelled for one in self.markets), sum(one.open for one in self.markets)
            return (f"all {self._done}: {self._orders(cancelled, left)} in {_plural(len(self.markets), 'market')}",)
        return tuple(
            f"{one.slug} {self._done}: {self._orders(one.cancelled, one.open)}, {one.held}" for one in self.markets
        )

    @property
    def _done(self) -> str:
        done = _DONE.get(self.verb, self.verb)
        if self.dry_run:
            return f"would be {done}"
        return done if self.changed else f"already {done}"

    def _orders(self, cancelled: int, left: int) -> str:
        if self.dry_run:
            return f"{_plural(left, 'order')} would be cancelled"
        return f"{_plural(cancelled, 'order')} cancelled, {left} open"


def forbidden(board: Board, verb: str, market: MarketId) -> tuple[int, tuple[OrderLine, ...]]:
    """Return how many orders of a market a command forbids and may still fill, and those that are known by name.

    Risk counts an order from the moment it approves it, the executor names it a little later: the larger count is true.
    """
    orders = tuple(board.open_orders(market))
    if verb in _FORBIDS_ALL:
        exposure = board.markets[market].exposure
        return max(len(orders), 0 if exposure is None else exposure.open_orders), orders
    if verb != "reduce":
        return 0, ()
    yes, no = board.holding(market)
    net = yes - no
    raising = tuple(order for order in orders if net * signed_size(order.outcome, order.side, order.size) >= 0)
    return len(raising), raising


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
    """Compare the markets of a command before and after it."""
    markets = tuple(_market_answer(verb, before, after, line) for line in lines)
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


def _words(board: Board, market: MarketId) -> tuple[str, ...]:
    return tuple(board.word(desk) for desk in board.desks_of(market))


def _cancels(board: Board, market: MarketId) -> int:
    return sum(desk.cancels for desk in board.desks_of(market))


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
