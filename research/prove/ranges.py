"""What is wanted of each profile's wire: the measured markets, and how far a generated one may be from them.

Why a tolerance: the measurements are a few games and hours, quantiles of heavy tails among them. A quantile of sizes or
gaps may be off by half of its value or more towards the ends, a share by a few points. Where the recordings themselves
differ the range is theirs. Crypto's states were recorded in windows of a quarter of an hour: one of five minutes is
decided, and on the finer grid, for a larger part of its time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from research.prove.statistics import Histogram, Statistics

Take = Callable[[Statistics], float]


@dataclass(frozen=True, slots=True)
class Range:
    """One measure, what it is in the recordings, and between what it must lie."""

    measure: str
    take: Take
    low: float
    high: float
    measured: str = ""
    needs_s: float = 0.0
    """Virtual seconds below which the figure says nothing."""


def _share(measure: str, take: Take, measured: float, slack: float, needs_s: float = 600) -> Range:
    return Range(measure, take, max(measured - slack, 0.0), measured + slack, f"{measured:.1%}", needs_s)


def _quantiles(
    measure: str,
    histogram: Callable[[Statistics], Histogram],
    points: tuple[tuple[float, float], ...],
    factor: float,
    needs_s: float = 7_200,
) -> list[Range]:
    return [
        Range(
            f"{measure} p{share * 100:g}",
            lambda statistics, share=share: histogram(statistics).quantile(share),
            value / factor - 1,
            value * factor + 1,
            f"{value:,.0f}",
            needs_s,
        )
        for share, value in points
    ]


def _kinds(statistics: Statistics, kind: str) -> float:
    return statistics.one_token[kind] / max(statistics.one_token.total(), 1)


def _books_and_changes(statistics: Statistics) -> float:
    # As recorded: a trade's level change does not show, its two books do.
    return statistics.moves / max(statistics.moves + 2 * statistics.trades, 1)


def _busiest(statistics: Statistics) -> list[Histogram]:
    return [seconds.busiest for seconds in statistics.market_hours]


def _per_second(statistics: Statistics, share: float) -> float:
    # The liveliest market's busiest hour, as the recordings' own figure is of markets in play.
    return max((hour.quantile(share) for hour in _busiest(statistics)), default=0)


def _per_coin(statistics: Statistics, count: int) -> float:
    return count / statistics.seconds / max(len(statistics.coins), 1)


def _seconds_with(statistics: Statistics, what: str) -> float:
    return _per_coin(statistics, statistics.touch_seconds[what])


def _coin_second(statistics: Statistics) -> float:
    return max((seconds.all.quantile(1.0) for seconds in statistics.coins.values()), default=0.0)


def _coin_tenth(statistics: Statistics) -> float:
    return max((seconds.fullest_tenth for seconds in statistics.coins.values()), default=0.0)


def _fullest_second(statistics: Statistics) -> float:
    return statistics.whole.all.quantile(1.0)


_LONG = 6 * 3_600.0

_SPORTS: Final = (
    Range("price_change share of frames", _books_and_changes, 0.90, 0.965, "93.6%", 1_800),
    Range("trades per price_change", lambda s: s.trades / max(s.moves, 1), 0.02, 0.05, "0.034", 1_800),
    Range("frames/s of a market", lambda s: s.connection.all.mean / max(s.live, 1), 0.06, 1.6, "0.06-1.60", 600),
    Range("one market, frames/s p99", lambda s: _per_second(s, 0.99), 4, 7, "4-7", 3_600),
    Range("one market, frames/s max", lambda s: _per_second(s, 1.0), 8, 14, "8-13", 3_600),
    Range("connection, frames/s mean", lambda s: s.connection.busiest.mean, 0.95, 3.2, "0.95-2.04", 600),
    Range("connection, frames/s p99", lambda s: s.connection.busiest.quantile(0.99), 7, 14, "7-12", 3_600),
    Range("connection, frames/s p99.9", lambda s: s.connection.busiest.quantile(0.999), 11, 20, "11-17", 3_600),
    Range("connection, frames/s max", lambda s: s.connection.busiest.quantile(1.0), 13, 25, "13-18", 3_600),
    Range("connection, most in 100 ms", lambda s: s.connection.fullest_tenth, 5, 14, "5-14", 3_600),
    Range("seconds without a frame", lambda s: s.connection.busiest.share((0,)), 0.35, 0.68, "47-68%", 3_600),
    Range("Fano factor", lambda s: s.connection.busiest.fano, 3.0, 4.5, "3.3-4.3", 3_600),
    *_quantiles("gap ms", lambda s: s.gaps, ((0.1, 53), (0.25, 117), (0.5, 262)), 1.5, 1_800),
    *_quantiles("gap ms", lambda s: s.gaps, ((0.75, 861), (0.9, 3_932), (0.99, 55_790)), 1.6, 3_600),
    Range("gaps of 0 ms", lambda s: s.gaps.share((0,)), 0.015, 0.05, "3.2%", 1_800),
    Range("frames in the second after a trade", lambda s: s.after_trade.mean, 1.0, 2.2, "1.56", 3_600),
    *[
        _share(f"{count} changes of a token in a frame", lambda s, c=count: s.changes.share((c,)), share, slack)
        for count, share, slack in ((1, 0.661, 0.05), (2, 0.215, 0.04), (3, 0.06, 0.03), (4, 0.047, 0.025))
    ],
    Range("5 or more changes", lambda s: s.changes.share_from(5), 0.005, 0.04, "1.6%", 1_800),
    _share("levels removed", lambda s: s.removals / max(s.levels, 1), 0.182, 0.03),
    _share("frames that move the touch", lambda s: s.touch_moves / max(s.moves, 1), 0.135, 0.03),
    *[
        _share(f"changed {ticks} ticks from the touch", lambda s, t=ticks: s.distances.share((t,)), share, 0.04)
        for ticks, share in ((0, 0.158), (1, 0.167), (2, 0.169), (3, 0.123), (4, 0.079), (5, 0.057), (6, 0.046))
    ],
    _share("changed 7-10 ticks from the touch", lambda s: s.distances.share(range(7, 11)), 0.088, 0.03),
    _share("changed 20 ticks or more away", lambda s: s.distances.share_from(20), 0.048, 0.03),
    *_quantiles("levels of a side", lambda s: s.depth, ((0.05, 4), (0.5, 12), (0.95, 19)), 1.5, 1_800),
    *_quantiles("level size", lambda s: s.level_sizes, ((0.05, 40), (0.25, 309), (0.5, 3_398)), 2.0),
    *_quantiles("level size", lambda s: s.level_sizes, ((0.75, 19_586), (0.95, 85_747), (0.99, 175_793)), 2.0),
    *_quantiles("touch size", lambda s: s.touch_sizes, ((0.05, 11), (0.25, 100), (0.5, 639)), 2.0),
    *_quantiles("touch size", lambda s: s.touch_sizes, ((0.75, 5_417), (0.95, 99_084)), 2.5),
    *_quantiles("trade size", lambda s: s.trade_sizes, ((0.25, 7.3), (0.5, 30), (0.75, 125), (0.9, 586)), 1.7),
    *_quantiles("trade size", lambda s: s.trade_sizes, ((0.95, 1_500), (0.99, 18_507)), 2.5),
    *_quantiles("ms between trades", lambda s: s.trade_gaps, ((0.1, 2_000), (0.5, 16_000), (0.9, 180_000)), 1.6),
    *[
        _share(f"spread of {ticks}, share of time", lambda s, t=ticks: s.spread_time.share((t,)), share, slack, 3_600)
        for ticks, share, slack in ((1, 0.59, 0.12), (2, 0.08, 0.06), (3, 0.17, 0.08), (4, 0.03, 0.04))
    ],
    *[
        _share(f"spread of {ticks}, share of frames", lambda s, t=ticks: s.spread_events.share((t,)), share, 0.08)
        for ticks, share in ((1, 0.24), (2, 0.21), (3, 0.22), (4, 0.12))
    ],
    _share("levels on the 0.001 grid", lambda s: s.fine_levels / max(s.sampled_levels, 1), 0.074, 0.05, _LONG),
)

_CRYPTO: Final = (
    Range("frames/s of a coin", lambda s: _per_coin(s, s.one_token.total()), 60, 120, "60-120", 60),
    Range(
        "frames/s of a coin, max",
        _coin_second,
        121,
        260,
        "121-250",
        600,
    ),
    Range(
        "frames in 100 ms of a coin, max",
        _coin_tenth,
        38,
        80,
        "38-80",
        600,
    ),
    Range("price_change share, one token", lambda s: _kinds(s, "price_change"), 0.80, 0.90, "84.6%", 60),
    Range("best_bid_ask share, one token", lambda s: _kinds(s, "best_bid_ask"), 0.04, 0.10, "6.5%", 60),
    Range("book share, one token", lambda s: _kinds(s, "book"), 0.04, 0.07, "5.5%", 60),
    Range("last_trade_price share, one token", lambda s: _kinds(s, "last_trade_price"), 0.02, 0.045, "3.4%", 60),
    Range("trades/s of a coin", lambda s: _per_coin(s, s.trades), 3.5, 7.5, "4-7", 60),
    Range("timestamps that step back", lambda s: s.steps_back / max(s.steps, 1), 0.03, 0.10, "6.6%", 60),
    Range("furthest step back, ms", lambda s: s.furthest_back_ms, 1, 10, "8-10", 60),
    Range("levels of a side p50", lambda s: s.depth.quantile(0.5), 40, 50, "45", 60),
    Range("levels of a side p95", lambda s: s.depth.quantile(0.95), 43, 60, "48", 60),
    Range("first book bytes p50", lambda s: s.first_books.quantile(0.5), 2_000, 6_000, "3,000", 60),
    Range(
        "seconds in which the touch moves", lambda s: _per_coin(s, s.touch_seconds["touch"]), 0.31, 0.45, "31-43%", 600
    ),
    Range("seconds with another last price", lambda s: _seconds_with(s, "trade"), 0.47, 0.81, "47-81%", 600),
    Range("shares on 5 levels p50", lambda s: s.five_levels.quantile(0.5), 500, 1_800, "660-1,660", 600),
    Range("spread of 1 cent, share of time", lambda s: s.spread_cents.share((100,)), 0.75, 0.95, "89.1%", 600),
    Range("spread of 2 cents, share of time", lambda s: s.spread_cents.share((200,)), 0.03, 0.15, "6.2%", 600),
    Range("one-sided share of samples", lambda s: s.one_sided / max(s.sampled, 1), 0.0, 0.08, "0-2%", 600),
)

_STRESS: Final = (
    *[row for row in _CRYPTO if row.measure.endswith(("one token", "step back", "back, ms"))],
    Range("frames/s of a coin", lambda s: _per_coin(s, s.one_token.total()), 80, 160, "119 and surges", 60),
    Range("frames/s of one connection", lambda s: s.kinds.total() / s.seconds, 700, 2_500, "835 and games", 60),
    Range("frames in the fullest second", _fullest_second, 3_000, 6_000, "3,000", 60),
)

_ADVERSE: Final = (
    *[row for row in _SPORTS if row.measure.startswith(("gap ms p5", "levels of a side p50"))],
    # Sides that are emptied on purpose are removals, too.
    Range("levels removed", lambda s: s.removals / max(s.levels, 1), 0.15, 0.26, "18.2%", 1_800),
    Range("losses that a hash shows, per hour", lambda s: s.lost / s.seconds * 3_600, 1, 2_000, "seen", 1_800),
    Range("frames that came twice, per hour", lambda s: s.repeated / s.seconds * 3_600, 1, 10_000, "seen", 1_800),
    Range("longest lag, s", lambda s: s.late.quantile(1.0), 1, 79, "up to 79", 1_800),
    Range("longest silence of a market, s", lambda s: s.gaps.quantile(1.0) / 1_000, 60, 3_600, "60-390", 1_800),
    Range("one-sided share of samples", lambda s: s.one_sided / max(s.sampled, 1), 0.0005, 0.2, "seen", 1_800),
)

RANGES: Final = {
    "demo": (),
    "neg_risk": (),
    "sports_inplay": _SPORTS,
    "crypto_5m": _CRYPTO,
    "venue_wide_stress": _STRESS,
    "adverse": _ADVERSE,
}
