"""Markets that follow a reference price two to three seconds late, as the venue follows the exchanges."""

from collections.abc import Callable
from math import erf, sqrt
from random import Random

from sandbox.reference import Reference
from sandbox.units import MILLISECOND, ONE, SECOND
from sandbox.world import questions
from sandbox.world.crowd import Crowd, Style
from sandbox.world.draws import child
from sandbox.world.makers import Makers

_LAG_NS = (2 * SECOND, 3 * SECOND)
_WINDOW_NS = 300 * SECOND
_LISTED_EARLIER_NS = 30 * SECOND
_FOLLOWED = 0.105
_LAST_SECONDS = 8
_HARDLY = 25
"""A chance below which the makers do not go before the last seconds: so both sides of the book stay."""
_SETTLED_LATER_NS = 3 * SECOND
_NEXT_TOUCH_LEAD_NS = 8 * MILLISECOND
_TAKER_DELAY_NS = 50 * MILLISECOND


class Tie:
    """Moves a market's crowd to the fair price that a reference implies, a fixed lag after the reference moved.

    The makers follow the given share of the reference's moves and let the others pass.
    """

    def __init__(
        self, crowd: Crowd, reference: Reference, fair: Callable[[int, int], int], random: Random, share: float = 1.0
    ) -> None:
        self._crowd = crowd
        self._reference = reference
        self._fair = fair
        self._share = share
        self._random = random
        self._lag_ns = random.randint(*_LAG_NS)
        reference.followers.append(self._moved)

    def _moved(self, price: int, now_ns: int) -> None:
        if self._crowd.market.closed:
            self._reference.followers.remove(self._moved)
            return
        if self._share < 1 and self._random.random() > self._share:
            return
        self._crowd.venue.schedule.at(now_ns + self._lag_ns, lambda due_ns: self._arrive(price, due_ns))

    def _arrive(self, price: int, now_ns: int) -> None:
        if not self._crowd.idle(now_ns):
            self._crowd.follow(self._fair(price, now_ns), now_ns)


def linear(strike: int, cents_per_tick: int) -> Callable[[int, int], int]:
    """A fair price that moves a cent for every `cents_per_tick` cents of the reference, 0.5 at the strike."""

    def fair(price: int, _now_ns: int) -> int:
        return min(max(ONE // 2 + (price - strike) * 100 // cents_per_tick, 800), ONE - 800)

    return fair


class Windows:
    """The five-minute up-or-down markets of one reference, one after the other.

    A window is listed half a minute before it starts. Its strike is the price at its start; at its end one side of the
    book goes, and three seconds later it resolves.
    """

    def __init__(
        self,
        makers: Makers,
        reference: Reference,
        style: Style,
        enliven: Callable[[Crowd, Random, int], None],
        issuer: questions.Issuer,
        random: Random,
        now_ns: int,
    ) -> None:
        self._makers = makers
        self._venue = makers.venue
        self._reference = reference
        self._style = style
        self._enliven = enliven
        self._issuer = issuer
        self._random = child(random)
        self._list(now_ns // _WINDOW_NS * _WINDOW_NS, now_ns)

    def _list(self, start_ns: int, now_ns: int) -> None:
        question = questions.up_or_down(self._reference.name, start_ns // SECOND)
        end_ns = start_ns + _WINDOW_NS
        market = self._issuer.issue(question, questions.alone(question), now_ns, end_ns)
        market.touch_lead_ns = _NEXT_TOUCH_LEAD_NS
        market.taker_delay_ns = _TAKER_DELAY_NS
        market.starts_ns = start_ns
        crowd = self._makers.open(market, self._style, ONE // 2 - 100, self._random, now_ns)
        schedule = self._venue.schedule
        schedule.at(max(start_ns, now_ns), lambda due_ns: self._start(crowd, end_ns, due_ns))
        schedule.at(max(end_ns - _LISTED_EARLIER_NS, now_ns), lambda due_ns: self._list(end_ns, due_ns))

    def _start(self, crowd: Crowd, end_ns: int, now_ns: int) -> None:
        strike = self._reference.price
        # Steps come four times a second, so a second's deviation is twice a step's; makers allow for some more.
        deviation = 2.5 * self._reference.step

        def fair(price: int, at_ns: int) -> int:
            left_s = max(end_ns - at_ns, 0) / SECOND
            if not left_s:
                return ONE if price >= strike else 0
            chance = round(ONE * (1 + erf((price - strike) / (deviation * sqrt(2 * left_s)))) / 2)
            return chance if left_s < _LAST_SECONDS else min(max(chance, _HARDLY), ONE - _HARDLY)

        Tie(crowd, self._reference, fair, self._random, _FOLLOWED)
        self._enliven(crowd, self._random, now_ns)
        self._venue.schedule.at(end_ns, lambda due_ns: self._end(crowd, strike, due_ns))

    def _end(self, crowd: Crowd, strike: int, now_ns: int) -> None:
        winner = 0 if self._reference.price >= strike else 1
        self._venue.close(crowd.market, now_ns)
        crowd.withdraw_side("SELL" if winner == 0 else "BUY", now_ns)
        self._venue.schedule.at(
            now_ns + _SETTLED_LATER_NS, lambda due_ns: self._venue.resolve(crowd.market, winner, due_ns)
        )
