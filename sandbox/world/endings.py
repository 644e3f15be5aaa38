"""How generated events end: whatever the number of their markets, exactly one of them resolves to YES."""

from collections.abc import Callable, Sequence
from random import Random

from sandbox.units import ONE
from sandbox.world.crowd import Crowd
from sandbox.world.draws import child


class Ending:
    """The end of an event's markets: those that lost go first, `apart_ns` one after the other, the winner last.

    Which one wins is drawn when the end begins, by the prices of then; a market alone is YES or NO by its price.
    """

    def __init__(self, crowds: Sequence[Crowd], at_ns: int, apart_ns: int, random: Random) -> None:
        self._crowds = tuple(crowds)
        self._apart_ns = apart_ns
        self._random = child(random)
        self._venue = crowds[0].venue
        self._venue.schedule.at(at_ns, self._begin)

    def _begin(self, now_ns: int) -> None:
        chances = [min(max((crowd.bid + crowd.ask) / 2, 1), ONE - 1) for crowd in self._crowds]
        if len(self._crowds) == 1:
            chances.append(ONE - chances[0])
        (winner,) = self._random.choices(range(len(chances)), chances)
        losers = [crowd for number, crowd in enumerate(self._crowds) if number != winner]
        for number, crowd in enumerate(losers):
            self._venue.schedule.at(now_ns + number * self._apart_ns, self._resolve(crowd, 1))
        if winner < len(self._crowds):
            self._venue.schedule.at(now_ns + len(losers) * self._apart_ns, self._resolve(self._crowds[winner], 0))

    def _resolve(self, crowd: Crowd, outcome: int) -> Callable[[int], None]:
        return lambda now_ns: self._venue.resolve(crowd.market, outcome, now_ns)
