"""What a client of the market channel can measure of a world, in the terms of the measured recordings.

Why a trade's level change is left out of gaps and of what changes tell: the recordings come from a time when a trade
showed as its two books alone. What the venue's makers do is compared with what they did there.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from research.prove.frames import Market, price_of

_SECOND: Final = 1_000
_HOUR: Final = 3_600
_AFTER_TRADE_MS: Final = 1_000


class Histogram:
    """How often each value was seen."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()

    def add(self, value: int, times: int = 1) -> None:
        """See a value."""
        self.counts[value] += times

    @property
    def total(self) -> int:
        """How many values there are."""
        return self.counts.total()

    @property
    def mean(self) -> float:
        """The mean, 0 of nothing."""
        return sum(value * times for value, times in self.counts.items()) / max(self.total, 1)

    @property
    def fano(self) -> float:
        """Variance over mean: 1 for independent arrivals."""
        mean = self.mean
        spread = sum(times * (value - mean) ** 2 for value, times in self.counts.items()) / max(self.total, 1)
        return spread / mean if mean else 0.0

    def quantile(self, share: float) -> int:
        """The value below which this share of all values lies."""
        wanted = share * self.total
        for value in sorted(self.counts):
            wanted -= self.counts[value]
            if wanted <= 0:
                return value
        return 0

    def share(self, values: Iterable[int]) -> float:
        """The share that these values have."""
        return sum(self.counts[value] for value in values) / max(self.total, 1)

    def share_from(self, low: int) -> float:
        """The share of values from `low` upwards."""
        return sum(times for value, times in self.counts.items() if value >= low) / max(self.total, 1)


class Seconds:
    """How many frames each second had, hour by hour, and the fullest tenth of a second."""

    def __init__(self) -> None:
        self.hours: list[Histogram] = []
        self.fullest_tenth = 0
        self._second = -1
        self._first = -1
        self._count = 0
        self._tenth = (-1, 0)

    def add(self, at_ms: int) -> None:
        """See a frame."""
        second, tenth = at_ms // _SECOND, at_ms // 100
        self._tenth = (tenth, self._tenth[1] + 1 if self._tenth[0] == tenth else 1)
        self.fullest_tenth = max(self.fullest_tenth, self._tenth[1])
        if second > self._second:
            self._close(second)
        self._count += 1

    @property
    def busiest(self) -> Histogram:
        """The hour with most frames; the last one only when it is nearly whole or the only one."""
        self._close(self._second + 1)
        whole = [hour for hour in self.hours if hour.total >= _HOUR * 9 // 10] or self.hours
        return max(whole, key=lambda hour: hour.mean, default=Histogram())

    @property
    def all(self) -> Histogram:
        """All seconds."""
        whole = Histogram()
        for hour in self.hours:
            whole.counts.update(hour.counts)
        return whole

    def _close(self, second: int) -> None:
        if self._first < 0:
            self._first = self._second = second
            return
        self._put(self._second, self._count)
        for silent in range(self._second + 1, second):
            self._put(silent, 0)
        self._second, self._count = second, 0

    def _put(self, second: int, count: int) -> None:
        hour = (second - self._first) // _HOUR
        while len(self.hours) <= hour:
            self.hours.append(Histogram())
        self.hours[hour].add(count)


@dataclass(slots=True)
class _Line:
    """What a market's last frames were."""

    seconds: Seconds = field(default_factory=Seconds)
    last_ms: int = 0
    change_ms: int = 0
    waiting: list[tuple[int, bool]] = field(default_factory=list[tuple[int, bool]])
    changed: bool = False
    touch: tuple[int | None, int | None] = (None, None)
    touch_moved: bool = False
    spread_since_ms: int = 0
    trade_ms: int = 0
    last_price: str = ""
    second: int = 0
    a_second_ago: dict[str, object] = field(default_factory=dict[str, object])
    after_trade: int = 0


@dataclass(slots=True)
class Statistics:
    """All that is counted; sizes in whole shares, times in milliseconds, distances and spreads in ticks."""

    kinds: Counter[str] = field(default_factory=Counter[str])
    one_token: Counter[str] = field(default_factory=Counter[str])
    """Frames by kind as a client sees them that subscribed to one token of each market."""
    connection: Seconds = field(default_factory=Seconds)
    coins: dict[str, Seconds] = field(default_factory=dict[str, Seconds])
    """Every frame of one token of each window, by the coin that it follows."""
    whole: Seconds = field(default_factory=Seconds)
    """Every frame, as it arrives."""
    first_ms: int = 0
    last_ms: int = 0
    gaps: Histogram = field(default_factory=Histogram)
    changes: Histogram = field(default_factory=Histogram)
    distances: Histogram = field(default_factory=Histogram)
    removals: int = 0
    levels: int = 0
    touch_moves: int = 0
    moves: int = 0
    depth: Histogram = field(default_factory=Histogram)
    level_sizes: Histogram = field(default_factory=Histogram)
    touch_sizes: Histogram = field(default_factory=Histogram)
    five_levels: Histogram = field(default_factory=Histogram)
    fine_levels: int = 0
    sampled_levels: int = 0
    sampled: int = 0
    looks: int = 0
    one_sided: int = 0
    spread_time: Histogram = field(default_factory=Histogram)
    spread_cents: Histogram = field(default_factory=Histogram)
    """Milliseconds by spread in 1/10,000 dollar, whatever the grid."""
    spread_events: Histogram = field(default_factory=Histogram)
    trade_sizes: Histogram = field(default_factory=Histogram)
    trade_gaps: Histogram = field(default_factory=Histogram)
    trades: int = 0
    after_trade: Histogram = field(default_factory=Histogram)
    steps: int = 0
    steps_back: int = 0
    furthest_back_ms: int = 0
    first_books: Histogram = field(default_factory=Histogram)
    late: Histogram = field(default_factory=Histogram)
    touch_seconds: Counter[str] = field(default_factory=Counter[str])
    """Seconds after which the touch, or the last price, was another than a second before."""
    lost: int = 0
    repeated: int = 0
    resolved: int = 0
    market_hours: list[Seconds] = field(default_factory=list[Seconds])
    _lines: dict[str, _Line] = field(default_factory=dict[str, _Line])
    _last_ms: dict[str, int] = field(default_factory=dict[str, int])

    def frame(self, market: Market, kind: str, frame: Mapping[str, Any], at_ms: int, size: int, now_ns: int) -> None:
        """See any frame of a market."""
        line = self._line(market)
        self.kinds[kind] += 1
        token = frame.get("asset_id", market.tokens[0].id)
        if token == market.tokens[0].id:
            self.one_token[kind] += 1
            if "-updown-" in market.slug:
                self.coins.setdefault(market.slug.partition("-")[0], Seconds()).add(at_ms)
        self._order(market, at_ms)
        now_ms = now_ns // 1_000_000
        self.whole.add(now_ms)
        self.first_ms, self.last_ms = self.first_ms or now_ms, now_ms
        if kind in ("price_change", "book", "last_trade_price"):
            self.late.add(max(now_ms - at_ms, 0) // 1_000)
        self._each_second(line, now_ms)
        if "tick_size" in frame:
            self.first_books.add(size)
            return
        of_trade = kind == "book" and line.change_ms == at_ms
        self._flush(market, line, of_trade=of_trade)
        if kind == "price_change":
            line.change_ms, line.waiting, line.changed = at_ms, [], False
        elif kind == "book":
            self._seen(line, at_ms)
        elif kind == "last_trade_price" and token == market.tokens[0].id:
            line.last_price = frame["price"]
        elif kind == "market_resolved":
            self.resolved += 1

    def level(self, market: Market, side: str, price: int, size: str, grown: int) -> None:
        """See one level change of a market's first token."""
        if grown:
            self._line(market).waiting.append((price if side == "BUY" else -price, size == "0"))

    def changed(self, market: Market) -> None:
        """See the end of a level change: the book is as after it."""
        line = self._line(market)
        line.changed = True
        yes = market.tokens[0]
        touch = (yes.bids.best, yes.asks.best)
        if touch != line.touch:
            self._spread_ends(line, market, line.change_ms)
        line.touch_moved, line.touch = touch != line.touch, touch

    def traded(self, market: Market, at_ms: int) -> None:
        """See a trade."""
        line = self._line(market)
        self.trades += 1
        if line.trade_ms:
            self.trade_gaps.add(at_ms - line.trade_ms)
            if at_ms - line.trade_ms > _AFTER_TRADE_MS:
                self.after_trade.add(line.after_trade)
        line.trade_ms, line.after_trade = at_ms, 0

    def printed(self, size: int) -> None:
        """See a print."""
        self.trade_sizes.add(round(size / 1e6))

    @property
    def seconds(self) -> float:
        """How long it was watched."""
        return max(self.last_ms - self.first_ms, 1) / _SECOND

    @property
    def live(self) -> float:
        """How many markets there were at a time."""
        return self.sampled / max(self.looks, 1)

    def look(self, markets: Iterable[Market]) -> None:
        """Look at the books of all markets."""
        self.looks += 1
        for market in markets:
            self._sample(market)

    def _sample(self, market: Market) -> None:
        yes = market.tokens[0]
        if not yes.told or market.winner:
            return
        self.sampled += 1
        sides = (yes.bids, yes.asks)
        if any(side.best is None for side in sides):
            self.one_sided += 1
        tick = price_of(market.tick)
        for side in sides:
            self.depth.add(len(side.prices))
            for size in side.sizes.values():
                self.level_sizes.add(round(size / 1e6))
                self.sampled_levels += 1
                self.fine_levels += tick < 100
            if side.best is not None:
                self.touch_sizes.add(round(side.sizes[side.best] / 1e6))
            best_first = side.prices[::-1] if side.side == "bids" else side.prices
            self.five_levels.add(sum(side.sizes[price] for price in best_first[:5]) // 1_000_000)

    def _order(self, market: Market, at_ms: int) -> None:
        last_ms = self._last_ms.get(market.id, at_ms)
        self.steps += 1
        if at_ms < last_ms:
            self.steps_back += 1
            self.furthest_back_ms = max(self.furthest_back_ms, last_ms - at_ms)
        self._last_ms[market.id] = at_ms

    def _flush(self, market: Market, line: _Line, *, of_trade: bool) -> None:
        """Count the last level change, now that it is known whether it was a trade's."""
        if not line.changed:
            return
        line.changed = False
        if of_trade:
            return
        self._seen(line, line.change_ms)
        self.moves += 1
        self.touch_moves += line.touch_moved
        self.changes.add(len(line.waiting))
        bid, ask = line.touch
        tick = price_of(market.tick)
        if bid is not None and ask is not None:
            self.spread_events.add((ask - bid) // tick)
        for signed, removed in line.waiting:
            self.levels += 1
            self.removals += removed
            best = bid if signed > 0 else ask
            if best is not None:
                distance = best - signed if signed > 0 else -signed - best
                self.distances.add(distance // tick)

    def _seen(self, line: _Line, at_ms: int) -> None:
        if line.last_ms:
            self.gaps.add(max(at_ms - line.last_ms, 0))
        line.last_ms = at_ms
        self.connection.add(at_ms)
        line.seconds.add(at_ms)
        if line.trade_ms and 0 < at_ms - line.trade_ms <= _AFTER_TRADE_MS:
            line.after_trade += 1

    def _spread_ends(self, line: _Line, market: Market, at_ms: int) -> None:
        bid, ask = line.touch
        if line.spread_since_ms and bid is not None and ask is not None:
            lasted_ms = max(at_ms - line.spread_since_ms, 0)
            self.spread_time.add((ask - bid) // price_of(market.tick), lasted_ms)
            self.spread_cents.add(ask - bid, lasted_ms)
        line.spread_since_ms = at_ms

    def _each_second(self, line: _Line, now_ms: int) -> None:
        if now_ms // _SECOND > line.second:
            line.second = now_ms // _SECOND
            now = {"touch": line.touch, "trade": line.last_price}
            for what, seen in now.items():
                self.touch_seconds[what] += seen != line.a_second_ago.get(what, seen)
            line.a_second_ago = now

    def _line(self, market: Market) -> _Line:
        line = self._lines.get(market.id)
        if line is None:
            line = self._lines[market.id] = _Line()
            self.market_hours.append(line.seconds)
        return line
