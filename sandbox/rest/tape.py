"""What was traded and at which prices, for whoever asks afterwards: last trades, volumes, prices by the minute."""

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from typing import Final

from sandbox.markets import Catalogue, Market
from sandbox.schedule import Schedule
from sandbox.units import ONE, SECOND
from sandbox.venue import Print

MINUTE: Final = 60 * SECOND
_HOUR: Final = 60 * MINUTE
_RECENT_MAX: Final = 200
_MINUTES_MAX: Final = 31 * 24 * 60
"""A month; when it is full its first day goes."""
_HOURS_MAX: Final = 366 * 24


class _Market:
    __slots__ = ("hours", "last", "minutes", "recent", "volume")

    def __init__(self) -> None:
        self.last: list[Print | None] = [None, None]
        self.recent: deque[Print] = deque(maxlen=_RECENT_MAX)
        self.volume = 0
        self.hours: deque[tuple[int, int]] = deque(maxlen=_HOURS_MAX)
        """Hours in which there were trades, and their micro-dollars."""
        self.minutes: list[tuple[int, int, int]] = []
        """Unix seconds, and the middle of each token in 1/100,000 of a dollar."""


class Tape:
    """Keeps what `printed` is told, and a sample of every open market's prices at each full minute."""

    def __init__(self, catalogue: Catalogue, schedule: Schedule) -> None:
        self._catalogue = catalogue
        self._schedule = schedule
        self._markets: dict[str, _Market] = {}
        self._open: dict[str, Market] = {}
        self._seen = 0

    def start(self, now_ns: int) -> None:
        """Sample the prices now and at every full minute from now on."""
        self._sample(now_ns)

    def printed(self, told: Print) -> None:
        """Take a trade."""
        known = self._of(told.market)
        known.last[told.token] = told
        known.recent.append(told)
        dollars = told.price * told.size // ONE
        known.volume += dollars
        hour = told.at_ns // _HOUR
        if known.hours and known.hours[-1][0] == hour:
            dollars += known.hours.pop()[1]
        known.hours.append((hour, dollars))

    def last(self, market: Market, token: int) -> Print | None:
        """The last trade of a token."""
        return self._of(market).last[token]

    def recent(self, market: Market) -> Sequence[Print]:
        """The last trades of a market, oldest first; of one that ended minutes ago there are none."""
        return tuple(self._of(market).recent)

    def volume(self, market: Market) -> int:
        """Micro-dollars for which a market was ever traded."""
        return self._of(market).volume

    def volume_since(self, market: Market, since_ns: int) -> int:
        """The same from a time on, to the hour."""
        total = 0
        for hour, dollars in reversed(self._of(market).hours):
            if hour < since_ns // _HOUR:
                break
            total += dollars
        return total

    def history(self, market: Market, token: int, begin_s: int, end_s: int, step_minutes: int) -> list[tuple[int, int]]:
        """A token's prices between two times (inclusive), as unix seconds and 1/100,000 of a dollar.

        One per `step_minutes`: the last of those that fall into it.
        """
        minutes = self._of(market).minutes
        found: dict[int, tuple[int, int]] = {}
        for index in range(bisect_left(minutes, begin_s, key=_time), len(minutes)):
            sample = minutes[index]
            if sample[0] > end_s:
                break
            found[sample[0] // (60 * step_minutes)] = (sample[0], sample[1 + token])
        return list(found.values())

    def price_at(self, market: Market, token: int, at_ns: int) -> int | None:
        """A token's price at the first sample from a time on, None without one."""
        minutes = self._of(market).minutes
        index = bisect_left(minutes, -(-at_ns // SECOND), key=_time)
        return minutes[index][1 + token] if index < len(minutes) else None

    def _of(self, market: Market) -> _Market:
        known = self._markets.get(market.condition_id)
        if known is None:
            known = self._markets[market.condition_id] = _Market()
        return known

    def _sample(self, now_ns: int) -> None:
        # Only the markets that are new or still open are looked at: a long run lists thousands of short ones.
        for market in self._catalogue.markets[self._seen :]:
            self._open[market.condition_id] = market
        self._seen = len(self._catalogue.markets)
        for market in tuple(self._open.values()):
            prices = market.mid(0), market.mid(1)
            if market.payouts is not None:
                prices = market.payouts[0] * 10, market.payouts[1] * 10
                del self._open[market.condition_id]
                # Nothing is going on there any more, and a long run has thousands of them.
                self._of(market).recent.clear()
            minutes = self._of(market).minutes
            minutes.append((now_ns // SECOND, *prices))
            if len(minutes) > _MINUTES_MAX:
                del minutes[: _MINUTES_MAX // 31]
        self._schedule.at((now_ns // MINUTE + 1) * MINUTE, self._sample)


def _time(sample: tuple[int, int, int]) -> int:
    return sample[0]
