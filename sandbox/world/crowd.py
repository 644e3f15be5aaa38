"""The outside makers of one market: they hold a touch, a depth behind it, and follow a price."""

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from sandbox.books import OPPOSITE, Side
from sandbox.markets import Market
from sandbox.units import MILLISECOND, ONE
from sandbox.venue import Venue
from sandbox.world.draws import Draw, child, print_delay
from sandbox.world.shadow import Shadow

if TYPE_CHECKING:
    from sandbox.world.makers import Onlooker

_SIDES: Final[tuple[Side, Side]] = ("BUY", "SELL")
_CENT: Final = 100
_FROM: Final = 400
_ANSWERS_NS: Final = (40 * MILLISECOND, 950 * MILLISECOND)


@dataclass(frozen=True, slots=True)
class Style:
    """How the makers of a kind of market behave; sizes in millionths of a share, distances in ticks."""

    levels: Draw
    """Levels on each side, kept within two, drawn again with every new spread."""
    spread: Draw
    touch_size: Draw
    level_size: Draw
    distance: Draw
    """Ticks from the touch of a level that is changed."""
    changes: Draw
    """Levels changed together."""
    removal_share: float
    steps: int = 1_000
    """Levels by which a side grows or shrinks at once."""
    settles: float = 0.5
    """In which share of these changes the makers also see to touch and depth."""
    touch_range: tuple[int, int] | None = None
    """Bounds in which the size at the touch is held, None: as it comes."""
    answers: Draw | None = None
    """Changes of the depth with which the makers answer a trade within a second, None: the repair is all."""
    repair_ns: tuple[int, int] = (150 * MILLISECOND, 350 * MILLISECOND)
    """How long after a trade the touch is filled up again."""


class Crowd:
    """Wants one market's book two-sided around a bid and a spread of its own, and never crosses itself.

    All that it wants is in its `shadow`, which no account can touch, and it never looks anywhere else: so what it does
    is a function of its seed alone, whatever accounts do in its market, unless an `onlooker` tells it of them.
    """

    def __init__(self, venue: Venue, market: Market, style: Style, bid: int, random: Random, now_ns: int) -> None:
        self.venue = venue
        self.market = market
        self.shadow = Shadow(venue, market)
        self.bid = bid
        """The price at which the makers want to buy YES."""
        self.paused_until_ns = 0
        """Until then the market's own trades and walks hold still."""
        self.onlooker: Onlooker | None = None
        """Sees what accounts do here; None where the outside is fixed."""
        self._lean = 0
        self.style = style
        """How they behave from now on."""
        self._random = child(random)
        self._spread = style.spread(self._random)
        self._levels = self._draw_levels()
        self._settle(at_once=True)
        self.shadow.carry(now_ns)

    @property
    def ask(self) -> int:
        """The price at which the makers want to sell YES."""
        return self.bid + self._spread * self.step

    @property
    def step(self) -> int:
        """By how much prices differ here: makers stay at whole cents where nobody needs a finer grid."""
        return self.shadow.tick if not _FROM <= self.bid <= ONE - _FROM else max(self.shadow.tick, _CENT)

    def idle(self, now_ns: int) -> bool:
        """Whether the market should hold still for now, or has ended."""
        return self.market.closed or not self.market.accepting or now_ns < self.paused_until_ns

    def move(self, ticks: int, now_ns: int, spread: int | None = None) -> None:
        """Shift the touch by whole ticks, perhaps to another spread, in one frame; nothing moves in an ended market."""
        if self.market.closed:
            return
        tick = self.step
        if spread is not None:
            self._spread = spread
        # However far accounts push it, one side at least can still be quoted.
        self.bid = min(max(self.bid + ticks * tick, (1 - self._spread) * tick), ONE - tick)
        self._settle()
        self.shadow.carry(now_ns)

    def lean(self, ticks: int, now_ns: int) -> None:
        """Stand so many ticks from where they would, until told otherwise."""
        if ticks != self._lean:
            change, self._lean = ticks - self._lean, ticks
            self.move(change, now_ns)

    def breathe(self, now_ns: int) -> None:
        """Take another spread, around the same middle."""
        wanted = self.style.spread(self._random)
        change = self._spread - wanted
        self._levels = self._draw_levels()
        self.move(change // 2 if self._random.random() < 0.5 else -(-change // 2), now_ns, wanted)

    def follow(self, fair: int, now_ns: int) -> None:
        """Stand around a fair price; near 0 or 1 one side finds no price left and goes."""
        tick = self.step
        wanted = (fair - self._spread * tick // 2) // tick * tick + self._lean * tick
        wanted = min(max(wanted, (1 - self._spread) * tick), ONE - tick)
        if wanted != self.bid:
            self.bid = wanted
            self._settle()
            self.shadow.carry(now_ns)

    def churn(self, now_ns: int) -> None:
        """Change a few levels in one frame, as makers do all the time."""
        for _ in range(self.style.changes(self._random)):
            self._change_level()
        if self._random.random() < self.style.settles:
            self._settle()
        self.shadow.carry(now_ns)

    def trade(self, yes_side: Side, token: int, size: int, now_ns: int) -> None:
        """Let a taker buy or sell YES, or do the same through the NO token; the touch fills up a little later."""
        if self.market.closed:
            return
        side = yes_side if token == 0 else OPPOSITE[yes_side]
        self.shadow.trade(token, side, size, print_delay(self._random), now_ns)
        self.repair_later(now_ns)
        for _ in range(self.style.answers(self._random) if self.style.answers else 0):
            self.venue.schedule.at(now_ns + self._random.randint(*_ANSWERS_NS), self._answer)

    def repair_later(self, now_ns: int) -> None:
        """Fill the touch up again after a while."""
        self.venue.schedule.at(now_ns + self._random.randint(*self.style.repair_ns), self.repair)

    def withdraw_side(self, side: Side, now_ns: int) -> None:
        """Leave one side of the book empty."""
        for price in tuple(self.shadow.levels(side).prices):
            self.shadow.set(side, price, 0)
        self.shadow.carry(now_ns)

    def wipe(self, now_ns: int) -> None:
        """Lose every order, as the venue takes them out at the start of a game, and come again after a while."""
        for side in _SIDES:
            for price in tuple(self.shadow.levels(side).prices):
                self.shadow.set(side, price, 0)
        self.shadow.carry(now_ns)
        self.repair_later(now_ns)

    def repair(self, now_ns: int) -> None:
        """Bring touch and depth back to what is wanted."""
        if not self.idle(now_ns):
            self._settle()
            self.shadow.carry(now_ns)

    def _draw_levels(self) -> dict[Side, int]:
        return {side: self.style.levels(self._random) for side in _SIDES}

    def _answer(self, now_ns: int) -> None:
        if not self.idle(now_ns):
            self.churn(now_ns)

    def _settle(self, *, at_once: bool = False) -> None:
        """Bring touch and depth towards what is wanted; leaving comes before arriving, so nothing crosses."""
        bid, ask = self.bid, self.ask
        for price in [price for price in self.shadow.bids.prices if price > bid]:
            self.shadow.set("BUY", price, 0)
        for price in [price for price in self.shadow.asks.prices if price < ask]:
            self.shadow.set("SELL", price, 0)
        for side in _SIDES:
            self._settle_touch(side)
            self._settle_depth(side, at_once=at_once)

    def _settle_touch(self, side: Side) -> None:
        price = self.bid if side == "BUY" else self.ask
        if not self._valid(price):
            return
        size = self.shadow.size(side, price)
        low, high = self.style.touch_range or (1, size)
        if not low <= size <= high:
            self.shadow.set(side, price, self.style.touch_size(self._random))

    def _settle_depth(self, side: Side, *, at_once: bool) -> None:
        levels = self.shadow.levels(side)
        outwards = -self.step if side == "BUY" else self.step
        price = self.bid if side == "BUY" else self.ask
        wanted = self._levels[side]
        steps = wanted if at_once else self.style.steps
        most = min(wanted - 1, len(levels.prices) + steps)
        while len(levels.prices) < most and self._valid(price):
            if price not in levels.sizes:
                self.shadow.set(side, price, self.style.level_size(self._random))
            price += outwards * self._random.choice((1, 1, 1, 2))
        least = max(wanted + 2, len(levels.prices) - steps)
        while len(levels.prices) > least:
            self.shadow.set(side, levels.worst, 0)

    def _change_level(self) -> None:
        side = self._random.choice(_SIDES)
        distance = self.style.distance(self._random) * self.step
        price = self.bid - distance if side == "BUY" else self.ask + distance
        if not self._valid(price):
            return
        exists = price in self.shadow.levels(side).sizes
        if exists and self._random.random() < self.style.removal_share:
            self.shadow.set(side, price, 0)
        else:
            law = self.style.level_size if distance else self.style.touch_size
            self.shadow.set(side, price, law(self._random))

    def _valid(self, price: int) -> bool:
        return self.shadow.tick <= price <= ONE - self.shadow.tick
