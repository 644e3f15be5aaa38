"""Live games: markets that are quiet for minutes and busy for minutes, move as the score does, and end.

Why two moods: in recorded games most frames fall into busy stretches with wide spreads, most of the time into quiet
ones with a spread of one tick. One law of gaps, drawn in two moods, gives both at once, and the bursts between them.
"""

from random import Random

from sandbox.units import ONE, SECOND
from sandbox.world import questions
from sandbox.world.crowd import Crowd, Style
from sandbox.world.draws import child, from_quantiles, seconds_lognormal, shares_from_quantiles, weighted
from sandbox.world.makers import Makers
from sandbox.world.population import Process, Trades

_GAPS_MS = (
    (0.0, 20.0), (0.1, 60.0), (0.25, 117.0), (0.5, 262.0), (0.75, 840.0), (0.9, 3_200.0), (0.975, 36_000.0),
    (0.99, 55_790.0), (1.0, 300_000.0),
)  # fmt: skip
_SHORT_GAPS = from_quantiles(_GAPS_MS[:7])
_LONG_GAPS = from_quantiles(_GAPS_MS, low=0.975)
_LONG_SHARE = 0.114
_STAYS_BUSY, _STAYS_QUIET = 0.975, 0.93

_BREATHES, _WALKS = 0.01, 0.065
_EDGE = 1_000
_LAST_NS = (9_000 * SECOND, 12_600 * SECOND)
_DECIDED_NS = 1_500 * SECOND
_DECIDED_WALKS = 0.3
_DECIDED_AT = 150
_BREAK_NS = 60 * SECOND
_STARTS_NS = 600 * SECOND
_SECONDS_DELAY = 3

_CHANGES = weighted([(1, 0.735), (2, 0.18), (3, 0.04), (4, 0.035), (5, 0.003), (7, 0.001)])
_DISTANCES = weighted(
    [(0, 0.12), (1, 0.20), (2, 0.20), (3, 0.14), (4, 0.083), (5, 0.06), (6, 0.048)]
    + [(ticks, 0.015) for ticks in (7, 8, 9, 10)]
    + [(ticks, 0.006) for ticks in range(11, 16)]
    + [(20, 0.024), (25, 0.024)]
)
_TOUCH_SIZES = shares_from_quantiles(
    ((0.0, 2), (0.05, 11), (0.25, 100), (0.5, 639), (0.75, 5_417), (0.95, 99_084), (1.0, 200_000))
)
_LEVEL_SIZES = shares_from_quantiles(
    ((0.0, 5), (0.05, 40), (0.25, 309), (0.5, 3_398), (0.75, 19_586), (0.95, 85_747), (0.99, 175_793), (1.0, 300_000))
)
_TRADE_SIZES = shares_from_quantiles(
    ((0.0, 1), (0.05, 1), (0.25, 7.3), (0.5, 30), (0.75, 125), (0.9, 586), (0.95, 1_500), (0.99, 18_507), (1.0, 25_000))
)
_ANSWERS = weighted([(0, 0.45), (1, 0.25), (2, 0.14), (3, 0.08), (4, 0.08)])
_LEVELS = weighted([(levels, 1.0) for levels in (4, 6, 8, 9, 10, 11, 12, 12, 13, 13, 14, 15, 16, 17, 19)])


def _style(spread: list[tuple[int, float]]) -> Style:
    return Style(
        levels=_LEVELS,
        spread=weighted(spread),
        touch_size=_TOUCH_SIZES,
        level_size=_LEVEL_SIZES,
        distance=_DISTANCES,
        changes=_CHANGES,
        removal_share=0.03,
        steps=2,
        settles=0.1,
        answers=_ANSWERS,
    )


_QUIET = _style([(1, 0.82), (2, 0.02), (3, 0.14), (5, 0.02)])
_BUSY = _style([(1, 0.06), (2, 0.27), (3, 0.26), (4, 0.17), (5, 0.1), (6, 0.07), (8, 0.07)])


class Play(Process):
    """What the makers of a game do, in its two moods."""

    def __init__(self, crowd: Crowd, random: Random, now_ns: int) -> None:
        self._crowd = crowd
        self._busy = True
        self._drift = 0
        super().__init__(crowd.venue.schedule, self._next_gap, random, now_ns)

    def decide(self, winner: int) -> None:
        """Let the price go where the game has gone."""
        self._drift = 1 if winner == 0 else -1

    def happen(self, now_ns: int) -> bool:
        """Change something; now and then the mood changes with it."""
        crowd = self._crowd
        if crowd.market.closed:
            return False
        turns = self.random.random() > (_STAYS_BUSY if self._busy else _STAYS_QUIET)
        if turns:
            self._busy = not self._busy
            crowd.style = _BUSY if self._busy else _QUIET
        if crowd.idle(now_ns):
            return True
        if turns or self.random.random() < _BREATHES:
            crowd.breathe(now_ns)
        elif self.random.random() < (_DECIDED_WALKS if self._drift else _WALKS):
            self._walk(now_ns)
        else:
            crowd.churn(now_ns)
        return True

    def _walk(self, now_ns: int) -> None:
        crowd = self._crowd
        step = self._drift or self.random.choice((-1, 1))
        edge = _DECIDED_AT if self._drift else _EDGE
        if (crowd.bid > edge or step > 0) and (crowd.ask < ONE - edge or step < 0):
            crowd.move(step, now_ns)
        else:
            crowd.churn(now_ns)

    def _next_gap(self, random: Random) -> int:
        if not self._busy and random.random() < _LONG_SHARE:
            return _LONG_GAPS(random)
        return _SHORT_GAPS(random)


class Games:
    """One game after the other on the same ground: each is listed, is played, decided, ends and resolves.

    On every other ground the book is cleared at the start of the game; on the others takers wait for some seconds.
    Who wins is drawn when it is decided, by the price of then, so that prices are what they promise to be.
    """

    def __init__(
        self, makers: Makers, number: int, apart: int, issuer: questions.Issuer, random: Random, now_ns: int
    ) -> None:
        self.crowd: Crowd
        """The game that is on."""
        self._wiped = bool(number % 2)
        self._makers = makers
        self._number = number
        self._apart = apart
        self._issuer = issuer
        self._random = child(random)
        self._list(now_ns)

    def _list(self, now_ns: int) -> None:
        end_ns = now_ns + self._random.randint(*_LAST_NS)
        question = questions.game(self._number)
        self._number += self._apart
        market = self._issuer.issue(question, questions.alone(question), now_ns, end_ns)
        if self._wiped:
            market.game_start_ns, market.clear_on_start = now_ns + _STARTS_NS, True
        else:
            market.seconds_delay = _SECONDS_DELAY
        bid = self._random.randrange(2_500, 7_500, 100)
        crowd = self.crowd = self._makers.open(market, _BUSY, bid, self._random, now_ns)
        play = Play(crowd, self._random, now_ns)
        Trades(crowd, seconds_lognormal(18, 1.97), _TRADE_SIZES, self._random, now_ns, alternating=False)
        if self._wiped:
            self._makers.venue.schedule.at(now_ns + _STARTS_NS, crowd.wipe)
        self._makers.venue.schedule.at(end_ns - _DECIDED_NS, lambda _: self._decide(crowd, play, end_ns))

    def _decide(self, crowd: Crowd, play: Play, end_ns: int) -> None:
        winner = 0 if self._random.random() * ONE < (crowd.bid + crowd.ask) / 2 else 1
        play.decide(winner)
        self._makers.venue.schedule.at(end_ns, lambda due_ns: self._end(crowd, winner, due_ns))

    def _end(self, crowd: Crowd, winner: int, now_ns: int) -> None:
        self._makers.venue.resolve(crowd.market, winner, now_ns)
        self._makers.venue.schedule.at(now_ns + _BREAK_NS, self._list)
