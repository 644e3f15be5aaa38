"""What happens in generated markets over time: trades, walks, changes of the depth, bursts, and lost frames.

Each class is one process: it does its work when its time comes and asks the schedule for the next one.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from sandbox.books import OPPOSITE, Side
from sandbox.schedule import Schedule
from sandbox.units import MILLISECOND, ONE, SECOND
from sandbox.world.crowd import Crowd
from sandbox.world.draws import Draw, child


class Process(ABC):
    """Something that happens again and again, at gaps drawn from `gap`."""

    def __init__(self, schedule: Schedule, gap: Draw, random: Random, now_ns: int) -> None:
        self.random = child(random)
        self._schedule = schedule
        self._gap = gap
        self._wait(now_ns)

    @abstractmethod
    def happen(self, now_ns: int) -> bool:
        """Do it once; False ends the process."""

    def _wait(self, now_ns: int) -> None:
        self._schedule.at(now_ns + max(1, self._gap(self.random)), self._due)

    def _due(self, now_ns: int) -> None:
        if self.happen(now_ns):
            self._wait(now_ns)


class Trades(Process):
    """Takers of one market. `alternating` ones buy and sell in turn, so that the flow stays near zero."""

    def __init__(self, crowd: Crowd, gap: Draw, size: Draw, random: Random, now_ns: int, *, alternating: bool) -> None:
        self._crowd = crowd
        self._size = size
        self._alternating = alternating
        self._side: Side = "SELL"
        self._token = 0
        super().__init__(crowd.venue.schedule, gap, random, now_ns)

    def happen(self, now_ns: int) -> bool:
        """Trade once."""
        if not self._crowd.idle(now_ns):
            self._side = OPPOSITE[self._side] if self._alternating else self._any_side()
            if self._side == "BUY" or not self._alternating:
                # A pair of opposite trades is made through the same token, so each token's own flow cancels out too.
                self._token = self.random.randrange(2)
            self._crowd.trade(self._side, self._token, self._size(self.random), now_ns)
        return not self._crowd.market.closed

    def _any_side(self) -> Side:
        side: Side = self.random.choice(("BUY", "SELL"))
        onlooker = self._crowd.onlooker
        return side if onlooker is None else onlooker.prefer(side, self.random)


class Churn(Process):
    """The makers' changes of the depth, in bursts: `gap` parts the bursts, `burst_gap` the frames of one."""

    def __init__(
        self, crowd: Crowd, gap: Draw, frames: Draw, burst_gap: Draw, walk_share: float, random: Random, now_ns: int
    ) -> None:
        self._crowd = crowd
        self._frames = frames
        self._burst_gap = burst_gap
        self._walk_share = walk_share
        super().__init__(crowd.venue.schedule, gap, random, now_ns)

    def happen(self, now_ns: int) -> bool:
        """Start a burst."""
        due_ns = now_ns
        for _ in range(self._frames(self.random)):
            self._crowd.venue.schedule.at(due_ns, self._frame)
            due_ns += self._burst_gap(self.random)
        return not self._crowd.market.closed

    def _frame(self, now_ns: int) -> None:
        if self._crowd.idle(now_ns):
            return
        if self.random.random() < self._walk_share and 1_000 < self._crowd.bid < ONE - 1_000:
            self._crowd.move(self.random.choice((-1, 1)), now_ns)
        else:
            self._crowd.churn(now_ns)


class Walk(Process):
    """A middle that walks a tick at a time within `reach` ticks of where it began.

    In a group what one market gains another loses, so the sum of a neg-risk event's middles stays where it is.
    """

    def __init__(self, crowds: Sequence[Crowd], gap: Draw, reach: int, random: Random, now_ns: int) -> None:
        self._crowds = tuple(crowds)
        self._reach = reach
        self._start = [crowd.bid for crowd in crowds]
        super().__init__(crowds[0].venue.schedule, gap, random, now_ns)

    def happen(self, now_ns: int) -> bool:
        """Take one step, or another spread, or both."""
        picked = self.random.sample(range(len(self._crowds)), min(2, len(self._crowds)))
        step = self.random.choice((-1, 1))
        if all(self._may(index, sign * step, now_ns) for index, sign in zip(picked, (1, -1), strict=False)):
            for index, sign in zip(picked, (1, -1), strict=False):
                self._crowds[index].move(sign * step, now_ns)
        crowd = self._crowds[picked[0]]
        if self.random.random() < 0.4 and not crowd.idle(now_ns):
            crowd.breathe(now_ns)
        return not all(crowd.market.closed for crowd in self._crowds)

    def _may(self, index: int, step: int, now_ns: int) -> bool:
        crowd = self._crowds[index]
        offset = (crowd.bid - self._start[index]) // crowd.step
        inwards = abs(offset + step) < abs(offset)
        return not crowd.idle(now_ns) and (inwards or abs(offset + step) <= self._reach)


class Breath(Process):
    """Another spread and another depth from time to time, around the same middle."""

    def __init__(self, crowd: Crowd, gap: Draw, random: Random, now_ns: int) -> None:
        self._crowd = crowd
        super().__init__(crowd.venue.schedule, gap, random, now_ns)

    def happen(self, now_ns: int) -> bool:
        """Breathe once."""
        if not self._crowd.idle(now_ns):
            self._crowd.breathe(now_ns)
        return not self._crowd.market.closed


@dataclass(frozen=True, slots=True)
class _Leg:
    crowd: Crowd
    side: Side
    size: int


class Bursts(Process):
    """One-sided runs of trades in one token of some market: more than 50 shares net within three seconds."""

    _TRADES = 8
    _GAP_NS = 280 * MILLISECOND

    def __init__(self, crowds: Sequence[Crowd], gap: Draw, size: Draw, random: Random, now_ns: int) -> None:
        self._crowds = tuple(crowds)
        self._size = size
        super().__init__(crowds[0].venue.schedule, gap, random, now_ns)

    def happen(self, now_ns: int) -> bool:
        """Run over one market; the price gives way twice on the way."""
        awake = [crowd for crowd in self._crowds if not crowd.idle(now_ns)]
        if awake:
            crowd = self.random.choice(awake)
            side: Side = "BUY" if crowd.bid < ONE // 2 else "SELL"
            for number in range(self._TRADES):
                leg = _Leg(crowd, side, self._size(self.random))
                crowd.venue.schedule.at(now_ns + number * self._GAP_NS, self._trade(leg, gives_way=number in (3, 6)))
        return True

    def _trade(self, leg: _Leg, *, gives_way: bool) -> Callable[[int], None]:
        def due(now_ns: int) -> None:
            if leg.crowd.idle(now_ns):
                return
            if gives_way:
                leg.crowd.move(1 if leg.side == "BUY" else -1, now_ns)
            leg.crowd.trade(leg.side, 0, leg.size, now_ns)

        return due


class Surges(Process):
    """Seconds in which the makers of all these markets change their depth at once, `frames` times together."""

    def __init__(
        self, schedule: Schedule, crowds: Sequence[Crowd], frames: int, gap: Draw, random: Random, now_ns: int
    ) -> None:
        self._crowds = crowds
        self._frames = frames
        super().__init__(schedule, gap, random, now_ns)

    def happen(self, now_ns: int) -> bool:
        """Spread the frames of one surge over a second."""
        for number in range(self._frames if self._crowds else 0):
            self._schedule.at(now_ns + number * SECOND // self._frames, self._frame)
        return True

    def _frame(self, now_ns: int) -> None:
        crowd = self.random.choice(self._crowds)
        if not crowd.idle(now_ns):
            crowd.churn(now_ns)


class LostFrames(Process):
    """Now and then a level change never reaches the clients, and the next one crosses their book.

    The market then rests for a moment, until a trade brings the full books that put them right.
    """

    _REST_NS = 1_200 * MILLISECOND

    def __init__(self, crowds: Sequence[Crowd], gap: Draw, random: Random, now_ns: int) -> None:
        self._crowds = tuple(crowds)
        super().__init__(crowds[0].venue.schedule, gap, random, now_ns)

    def happen(self, now_ns: int) -> bool:
        """Lose the frame by which a touch moves past where it stood."""
        awake = [crowd for crowd in self._crowds if not crowd.idle(now_ns)]
        if not awake:
            return True
        crowd = self.random.choice(awake)
        market = crowd.market
        crowd.paused_until_ns = now_ns + self._REST_NS
        # The way back to the middle, so that many of these do not push a market to the edge.
        ahead = 1 if crowd.bid < ONE // 2 else -1
        jump = ahead * (crowd.ask - crowd.bid) // crowd.step
        crowd.venue.channel.impairments.lose_changes(market.condition_id, 1)
        crowd.move(jump, now_ns)
        schedule = crowd.venue.schedule
        schedule.at(now_ns + SECOND // 5, lambda due_ns: crowd.move(ahead, due_ns))
        schedule.at(crowd.paused_until_ns, lambda due_ns: crowd.trade("BUY", 0, self._size(), due_ns))
        return True

    def _size(self) -> int:
        return self.random.randint(5, 20) * 1_000_000
