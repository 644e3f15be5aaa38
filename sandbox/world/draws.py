"""Random laws of the generated participants; every draw comes from a `Random` that the caller owns."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import log
from random import Random

from sandbox.units import MILLISECOND, SECOND, SHARE

Draw = Callable[[Random], int]
"""A size in millionths of a share, a time in nanoseconds, or a count."""


def whole_shares(low: int, high: int) -> Draw:
    """Whole shares, all equally likely."""
    return lambda random: random.randint(low, high) * SHARE


def spread_shares(median: float, sigma: float, low: float, high: float) -> Draw:
    """Log-normal shares cut to a range; three in ten have cents of a share, as at the venue."""

    def draw(random: Random) -> int:
        shares = min(max(random.lognormvariate(log(median), sigma), low), high)
        if random.random() < 0.3:
            return max(1, round(shares * 100)) * SHARE // 100
        return max(1, round(shares)) * SHARE

    return draw


def seconds_around(mean: float, share: float) -> Draw:
    """A time within `share` of the mean: a steady beat with a little play."""
    return lambda random: round(mean * SECOND * (1 + share * (2 * random.random() - 1)))


def seconds_apart(mean: float) -> Draw:
    """Independent arrivals with this mean gap."""
    return lambda random: round(random.expovariate(1 / mean) * SECOND)


def seconds_lognormal(median: float, sigma: float) -> Draw:
    """Gaps that are mostly short and sometimes very long."""
    return lambda random: round(random.lognormvariate(log(median), sigma) * SECOND)


def from_quantiles(points: Sequence[tuple[float, float]], low: float = 0.0) -> Draw:
    """Times in milliseconds by measured quantiles (share, value), drawn from `low` upwards, log-linear in between."""

    def draw(random: Random) -> int:
        return round(_between(points, low + (points[-1][0] - low) * random.random()) * MILLISECOND)

    return draw


def shares_from_quantiles(points: Sequence[tuple[float, float]]) -> Draw:
    """Sizes by measured quantiles (share, shares), log-linear in between; three in ten have cents of a share."""

    def draw(random: Random) -> int:
        shares = _between(points, points[-1][0] * random.random())
        return round(shares * 100) * SHARE // 100 if random.random() < 0.3 else max(1, round(shares)) * SHARE

    return draw


def always(value: int) -> Draw:
    """The same each time, without drawing."""
    return lambda _: value


def weighted(weights: Sequence[tuple[int, float]]) -> Draw:
    """One of these counts by its weight."""
    values = [value for value, _ in weights]
    shares = [share for _, share in weights]
    return lambda random: random.choices(values, shares)[0]


def print_delay(random: Random) -> int:
    """How long after the level change a trade is printed: 7 to 230 ms, mostly below 40."""
    return round(min(max(random.lognormvariate(log(22), 0.7), 7.0), 230.0) * MILLISECOND)


def child(random: Random) -> Random:
    """An own source for one participant, so that nobody's draws shift anybody else's."""
    return Random(random.getrandbits(64))


def _between(points: Sequence[tuple[float, float]], share: float) -> float:
    for (share_a, value_a), (share_b, value_b) in pairwise(points):
        if share <= share_b:
            return value_a * (value_b / value_a) ** max(0.0, (share - share_a) / (share_b - share_a))
    return points[-1][1]
