"""What a bad line does to a market: the quirks seen in recordings, one at a time."""

from collections.abc import Callable, Sequence
from random import Random

from sandbox.books import Side
from sandbox.units import SECOND
from sandbox.venue import Venue
from sandbox.world.crowd import Crowd
from sandbox.world.draws import Draw
from sandbox.world.games import Games
from sandbox.world.population import Process


class Misfortunes(Process):
    """Every now and then something goes wrong for one market."""

    def __init__(self, venue: Venue, games: Sequence[Games], gap: Draw, random: Random, now_ns: int) -> None:
        self._games = tuple(games)
        self._kinds: tuple[Callable[[Crowd, int], None], ...] = (
            self._lose_changes,
            self._repeat,
            self._delay,
            self._silence,
            self._empty_side,
        )
        super().__init__(venue.schedule, gap, random, now_ns)

    def happen(self, now_ns: int) -> bool:
        """Pick a market and a misfortune; the rare ones are the long ones."""
        crowd = self.random.choice(self._games).crowd
        kind = self.random.choices(self._kinds, (8, 6, 2, 1, 3))[0]
        if not crowd.idle(now_ns):
            kind(crowd, now_ns)
        return True

    def _lose_changes(self, crowd: Crowd, now_ns: int) -> None:
        crowd.venue.channel.impairments.lose_changes(crowd.market.condition_id, self.random.randint(1, 3))

    def _repeat(self, crowd: Crowd, now_ns: int) -> None:
        crowd.venue.channel.impairments.repeat(crowd.market.condition_id, self.random.randint(1, 10))

    def _delay(self, crowd: Crowd, now_ns: int) -> None:
        lag_ns = round(min(self.random.lognormvariate(1.0, 1.2), 79) * SECOND)
        crowd.venue.channel.impairments.delay(crowd.market.condition_id, lag_ns, now_ns + 10 * SECOND)

    def _silence(self, crowd: Crowd, now_ns: int) -> None:
        until_ns = now_ns + self.random.randint(60, 390) * SECOND
        crowd.venue.channel.impairments.silence(crowd.market.condition_id, until_ns)

    def _empty_side(self, crowd: Crowd, now_ns: int) -> None:
        side: Side = self.random.choice(("BUY", "SELL"))
        crowd.paused_until_ns = now_ns + self.random.randint(2, 20) * SECOND
        crowd.withdraw_side(side, now_ns)
        crowd.venue.schedule.at(crowd.paused_until_ns, crowd.repair)
