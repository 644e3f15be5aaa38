"""How many orders and cancels the account may still send: the venue's buckets of tokens, as plain state.

Why a bucket of our own: limits are part of the pure core here, stepped with the time of the turn; the library that the
shells may use for this does not belong in it, and a bucket is ten lines of integers. Time is exact: a token is as
many parts as its rate's span has nanoseconds, and the rate is that many parts a nanosecond.

Why quotes leave tokens for exits, and re-quotes leave cancels for stops: when there is not enough for all, the least
useful waits. Nothing is queued: an order that gets no token is refused, and its strategy decides anew. A cancel is
never refused, it is told when to come again.

Why a refusal holds a bucket for longer each time, and never for the same time: whoever answers "too many" without
saying when to come again is not helped by one who comes again at once.

Why windows besides the buckets: the venue counts 10 seconds and 10 minutes as well. A window is kept by a bucket that
holds a tenth of it and refills at nine tenths of its rate, so that no span of that length ever sees more.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

from models.messages.lanes import LimitsSeen
from models.venue_mode import GrowingPause

Kind: TypeAlias = Literal["orders", "cancels"]

_MS: Final = 1_000_000


class TierLimits(NamedTuple):
    """Tokens a second and at most, of one tier."""

    orders_rate: int
    orders_burst: int
    cancels_rate: int
    cancels_burst: int


TIERS: Final[Mapping[str, TierLimits]] = MappingProxyType(
    {
        "standard": TierLimits(40, 60, 80, 120),
        "copper": TierLimits(60, 90, 120, 180),
        "bronze": TierLimits(80, 120, 160, 240),
        "silver": TierLimits(200, 300, 400, 600),
        "gold": TierLimits(400, 600, 800, 1_200),
        "platinum": TierLimits(450, 675, 900, 1_350),
        "diamond": TierLimits(525, 787, 1_050, 1_575),
        "elite": TierLimits(600, 900, 1_200, 1_800),
    }
)
"""The venue's tiers (its page on trading rate limits, read 2026-10)."""

_WINDOWS: Final[Mapping[Kind, tuple[tuple[int, int], ...]]] = MappingProxyType(
    {"orders": ((3_500, 10), (36_000, 600)), "cancels": ((3_000, 10), (30_000, 600))}
)
"""Calls in so many seconds, whatever the tier."""


class Bucket:
    """Tokens that come back at `rate` in `seconds`, up to `burst`; below zero where the venue says so."""

    def __init__(self, rate: int, burst: int, seconds: int = 1) -> None:
        self.burst = burst
        self._rate = rate
        self._token = seconds * 1_000_000_000
        self._parts = burst * self._token
        self._at_ns: int | None = None

    def tokens(self, now_ns: int) -> int:
        """Return the whole tokens that are there; a time before the last one brings nothing."""
        elapsed_ns = 0 if self._at_ns is None else max(0, now_ns - self._at_ns)
        self._at_ns = now_ns if self._at_ns is None else max(now_ns, self._at_ns)
        self._parts = min(self.burst * self._token, self._parts + elapsed_ns * self._rate)
        return self._parts // self._token

    def wait_ns(self, kept: int, now_ns: int) -> int:
        """Return how long until there is a token beyond those that are kept; 0: there is."""
        if self.tokens(now_ns) > kept:
            return 0
        return -((self._parts - (kept + 1) * self._token) // self._rate)

    def take(self) -> None:
        """Take a token, whether there is one or not."""
        self._parts -= self._token

    def lower(self, tokens: int, now_ns: int) -> None:
        """Believe who counts fewer tokens; more are not believed, for they do not know what is under way."""
        if tokens < self.tokens(now_ns):
            self._parts = tokens * self._token


class Limiter:
    """Buckets and windows for orders and cancels. `kept`: tokens that only what is urgent may use.

    `pause_first_ms`, `pause_max_ms`: how long a bucket is left alone after a refusal at least, doubling up to the most.
    """

    def __init__(
        self, tier: str, kept: Mapping[Kind, int], pause_first_ms: int = 1_000, pause_max_ms: int = 30_000
    ) -> None:
        self._kept = kept
        self._pauses: dict[Kind, GrowingPause] = {kind: GrowingPause(pause_first_ms, pause_max_ms) for kind in _WINDOWS}
        self._tier = tier.lower()
        self._held_ns: dict[Kind, int] = {}
        self._buckets = _buckets(TIERS[self._tier])
        self._windows: dict[Kind, tuple[Bucket, ...]] = {
            kind: tuple(Bucket(calls * 9 // 10, calls // 10, seconds) for calls, seconds in windows)
            for kind, windows in _WINDOWS.items()
        }

    def seen(self, seen: LimitsSeen, now_ns: int) -> None:
        """Believe the venue: its tier, its count where that is lower, and how long it wants to be left alone."""
        if seen.tier.lower() in TIERS and seen.tier.lower() != self._tier:
            self._change_tier(seen.tier.lower(), now_ns)
        self._buckets[seen.bucket].lower(seen.remaining, now_ns)
        held_ns = self._held_ns.get(seen.bucket, 0)
        wanted_ns = seen.at_ns + (seen.retry_after_ms or 0) * _MS
        if seen.refused:
            paused_ns = max(wanted_ns, self._pauses[seen.bucket].refused(seen.at_ns, held_ns))
            # The last digits of a time are as good as a die, and the same again in a replay.
            wanted_ns = paused_ns + (paused_ns - seen.at_ns) * (seen.at_ns // 1_000 % 256) // 1_024
        elif seen.at_ns >= held_ns:
            self._pauses[seen.bucket].over()
        self._held_ns[seen.bucket] = max(wanted_ns, held_ns)

    def take(self, kind: Kind, now_ns: int, *, urgent: bool) -> int:
        """Take a token and return 0, or take none and return the nanoseconds until one may be there."""
        wait_ns = self.wait_ns(kind, now_ns, urgent=urgent)
        if wait_ns == 0:
            for bucket in (self._buckets[kind], *self._windows[kind]):
                bucket.take()
        return wait_ns

    def wait_ns(self, kind: Kind, now_ns: int, *, urgent: bool) -> int:
        """Return how long until one may be sent; 0: now."""
        kept = 0 if urgent else self._kept_of(kind)
        return max(
            self._held_ns.get(kind, 0) - now_ns,
            self._buckets[kind].wait_ns(kept, now_ns),
            *(window.wait_ns(0, now_ns) for window in self._windows[kind]),
            0,
        )

    def room(self, kind: Kind, *, urgent: bool) -> int:
        """Return how many can be paid for at once, when the bucket is full."""
        return self._buckets[kind].burst - (0 if urgent else self._kept_of(kind))

    def figures(self, kind: Kind, now_ns: int, *, urgent: bool) -> str:
        """Say in figures why there is nothing to take."""
        bucket = self._buckets[kind]
        text = f"{bucket.tokens(now_ns)} of {bucket.burst} tokens for {kind}"
        if not urgent:
            text += f", {self._kept_of(kind)} of them kept back"
        return f"{text}; the next in {-(-self.wait_ns(kind, now_ns, urgent=urgent) // _MS)} ms"

    def _kept_of(self, kind: Kind) -> int:
        """Return the reserve: never more than half of what there can be."""
        return min(self._kept[kind], self._buckets[kind].burst // 2)

    def _change_tier(self, tier: str, now_ns: int) -> None:
        """Begin the new tier's buckets with what is left of the old ones."""
        left = {kind: bucket.tokens(now_ns) for kind, bucket in self._buckets.items()}
        self._tier = tier
        self._buckets = _buckets(TIERS[tier])
        for kind, bucket in self._buckets.items():
            bucket.lower(left[kind], now_ns)


def _buckets(limits: TierLimits) -> dict[Kind, Bucket]:
    return {
        "orders": Bucket(limits.orders_rate, limits.orders_burst),
        "cancels": Bucket(limits.cancels_rate, limits.cancels_burst),
    }
