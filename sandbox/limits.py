"""The venue's two limiters: per caller, who is made to wait, and per signer, who is refused.

Why they differ so: in front of the venue stands a proxy that queues what exceeds its sliding windows, so a caller sees
growing latency and only in the extreme a bare 429. Behind it each signer has a bucket of tokens for orders and one for
cancels; what a bucket cannot pay for is refused with headers that say so, and was certainly not processed.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from sandbox.messages import Service
from sandbox.rest.refusals import Refused
from sandbox.units import SECOND, SHARE

BucketName = Literal["orders", "cancels"]

_SHORT: Final = 10 * SECOND
_LONG: Final = 600 * SECOND
_TOO_MANY: Final = "Too Many Requests"


@dataclass(frozen=True, slots=True)
class _Rule:
    """At most `limit` calls in any `window_ns`; a path that ends in `/` stands for all that begin with it."""

    limit: int
    window_ns: int
    services: tuple[Service, ...]
    paths: tuple[str, ...]
    methods: tuple[str, ...] = ()

    def covers(self, service: Service, method: str, path: str) -> bool:
        """Whether a call counts towards it."""
        if service not in self.services or (self.methods and method not in self.methods):
            return False
        return any(path.startswith(known) if known[-1] == "/" else path == known for known in self.paths)


_OUTER: Final[tuple[Service, ...]] = ("clob", "gamma", "relayer", "site")
_RULES: Final = (
    _Rule(15_000, _SHORT, _OUTER, ("/",)),
    _Rule(100, _SHORT, _OUTER, ("/ok",)),
    _Rule(9_000, _SHORT, ("clob",), ("/",)),
    *(_Rule(1_500, _SHORT, ("clob",), (path,)) for path in ("/book", "/price", "/midpoint")),
    *(_Rule(500, _SHORT, ("clob",), (path,)) for path in ("/books", "/prices", "/midpoints")),
    _Rule(1_000, _SHORT, ("clob",), ("/prices-history",)),
    _Rule(200, _SHORT, ("clob",), ("/tick-size", "/tick-size/")),
    _Rule(900, _SHORT, ("clob",), ("/data/", "/trades", "/orders", "/notifications", "/order"), ("GET",)),
    *(_Rule(500, _SHORT, ("clob",), (path,)) for path in ("/data/orders", "/data/trades")),
    _Rule(125, _SHORT, ("clob",), ("/notifications",)),
    _Rule(200, _SHORT, ("clob",), ("/balance-allowance",)),
    _Rule(50, _SHORT, ("clob",), ("/balance-allowance/update",)),
    _Rule(100, _SHORT, ("clob",), ("/auth/",)),
    *(_Rule(5_000, _SHORT, ("clob",), ("/order",), (method,)) for method in ("POST", "DELETE")),
    *(_Rule(120_000, _LONG, ("clob",), ("/order",), (method,)) for method in ("POST", "DELETE")),
    *(_Rule(2_000, _SHORT, ("clob",), ("/orders",), (method,)) for method in ("POST", "DELETE")),
    _Rule(21_000, _LONG, ("clob",), ("/orders",), ("POST",)),
    _Rule(15_000, _LONG, ("clob",), ("/orders",), ("DELETE",)),
    _Rule(250, _SHORT, ("clob",), ("/cancel-all",)),
    _Rule(6_000, _LONG, ("clob",), ("/cancel-all",)),
    _Rule(1_500, _SHORT, ("clob",), ("/cancel-market-orders",)),
    _Rule(21_000, _LONG, ("clob",), ("/cancel-market-orders",)),
    _Rule(4_000, _SHORT, ("gamma",), ("/",)),
    _Rule(500, _SHORT, ("gamma",), ("/events", "/events/")),
    _Rule(300, _SHORT, ("gamma",), ("/markets", "/markets/")),
    _Rule(900, _SHORT, ("gamma",), ("/events", "/events/", "/markets", "/markets/")),
    _Rule(200, _SHORT, ("gamma",), ("/tags", "/tags/")),
    _Rule(350, _SHORT, ("gamma",), ("/public-search",)),
    _Rule(25, 60 * SECOND, ("relayer",), ("/submit",)),
)
_PATHS: Final = frozenset(path for rule in _RULES for path in rule.paths)
_METHODS: Final = ("GET", "POST", "DELETE")


class IpWindows:
    """The sliding windows of one caller; all callers of a sandbox are one.

    With `refuse_beyond` (2 for twice a window's limit) what would have to queue for longer is refused instead.
    """

    def __init__(self, refuse_beyond: float | None = None) -> None:
        self.refuse_beyond = refuse_beyond
        self._windows = tuple((rule, deque[int](maxlen=rule.limit)) for rule in _RULES)
        self._known: dict[tuple[Service, str, str], tuple[tuple[_Rule, deque[int]], ...]] = {}

    def delay_ns(self, method: str, path: str, service: Service, now_ns: int) -> int:
        """Count a call and say how long it has to wait. Raises Refused, and then it does not count."""
        counted: list[tuple[deque[int], int]] = []
        for rule, passed in self._covering(service, method, path):
            # The call that made room is `limit` calls back; what queues before this one is later than that.
            due_ns = max(now_ns, passed[0] + rule.window_ns) if len(passed) == rule.limit else now_ns
            if self.refuse_beyond is not None and due_ns - now_ns > (self.refuse_beyond - 1) * rule.window_ns:
                raise Refused(429, _TOO_MANY)
            counted.append((passed, due_ns))
        for passed, due_ns in counted:
            passed.append(due_ns)
        return max((due_ns for _, due_ns in counted), default=now_ns) - now_ns

    def _covering(self, service: Service, method: str, path: str) -> tuple[tuple[_Rule, deque[int]], ...]:
        """The windows of a call; paths that no rule tells apart are one place, so that few have to be known."""
        place = path if path in _PATHS else path[: path.find("/", 1) + 1]
        key = service, method if method in _METHODS else "", place if place in _PATHS else "/"
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = tuple(window for window in self._windows if window[0].covers(*key))
        return known


@dataclass(frozen=True, slots=True)
class Tier:
    """What a signer may do per second and at once; `volume` is the 30-day one that it takes, in micro-dollars."""

    name: str
    volume: int
    orders_per_s: int
    orders_burst: int
    cancels_per_s: int
    cancels_burst: int
    may_owe: bool
    """Whether cancelling many at once may leave the bucket below zero."""


TIERS: Final = {
    tier.name: tier
    for tier in (
        Tier("Standard", 0, 40, 60, 80, 120, True),
        Tier("Copper", 30_000 * SHARE, 60, 90, 120, 180, True),
        Tier("Bronze", 50_000 * SHARE, 80, 120, 160, 240, True),
        Tier("Silver", 100_000 * SHARE, 200, 300, 400, 600, True),
        Tier("Gold", 500_000 * SHARE, 400, 600, 800, 1_200, True),
        Tier("Platinum", 2_500_000 * SHARE, 450, 675, 900, 1_350, False),
        Tier("Diamond", 5_000_000 * SHARE, 525, 787, 1_050, 1_575, False),
        Tier("Elite", 10_000_000 * SHARE, 600, 900, 1_200, 1_800, False),
    )
}


def tier_for(volume: int) -> Tier:
    """The tier that a wallet's 30-day volume (micro-dollars) earns."""
    return max((tier for tier in TIERS.values() if tier.volume <= volume), key=lambda tier: tier.volume)


@dataclass(frozen=True, slots=True)
class Charge:
    """Whether a request may go on, and the headers for its answer, whichever it is."""

    admitted: bool
    headers: Mapping[str, str]

    @property
    def refusal(self) -> Refused:
        """The answer to a request that was not admitted."""
        return Refused(429, _TOO_MANY, self.headers)


@dataclass(slots=True)
class _Bucket:
    """Tokens counted in billionths, so that a rate per second is one per nanosecond."""

    rate: int
    burst: int
    balance: int
    filled_ns: int

    def fill(self, now_ns: int) -> None:
        self.balance = min(self.balance + (now_ns - self.filled_ns) * self.rate, self.burst * SECOND)
        self.filled_ns = now_ns

    def wait_s(self, cost: int) -> int:
        """Whole seconds until it holds `cost` tokens, or is full."""
        missing = min(cost, self.burst) * SECOND - self.balance
        return max(1, -(-missing // (self.rate * SECOND)))


@dataclass(slots=True)
class _Signer:
    tier: Tier
    buckets: dict[BucketName, _Bucket] = field(default_factory=dict[BucketName, _Bucket])


class SignerBuckets:
    """The buckets of all signers. When not `enforced` it only warns, as the venue did in its first weeks."""

    def __init__(self, *, enforced: bool = True) -> None:
        self.enforced = enforced
        self._signers: dict[str, _Signer] = {}

    def assign(self, address: str, tier: Tier, now_ns: int) -> None:
        """Put a signer into a tier; what its buckets hold stays, as far as the new ones are large enough."""
        signer = self._signer(address, now_ns)
        signer.tier = tier
        for name, bucket in signer.buckets.items():
            bucket.fill(now_ns)
            bucket.rate, bucket.burst = _size(tier, name)
            bucket.fill(now_ns)

    def tier(self, address: str) -> Tier:
        """The tier of a signer."""
        signer = self._signers.get(address.lower())
        return TIERS["Standard"] if signer is None else signer.tier

    def charge(self, address: str, name: BucketName, cost: int, now_ns: int) -> Charge:
        """Take all of `cost` tokens from a signer's bucket, or none."""
        signer = self._signer(address, now_ns)
        bucket = signer.buckets[name]
        bucket.fill(now_ns)
        if bucket.balance >= cost * SECOND:
            bucket.balance -= cost * SECOND
            return Charge(True, _headers(signer, bucket, now_ns // SECOND))
        wait_s = bucket.wait_s(cost)
        headers = _headers(signer, bucket, -(-now_ns // SECOND) + wait_s)
        if self.enforced:
            return Charge(False, headers | {"Retry-After": str(wait_s)})
        return Charge(True, headers | {"Poly-RateLimit-Warning": "true"})

    def debit(self, address: str, cost: int, now_ns: int) -> Mapping[str, str]:
        """Take tokens for orders that were cancelled together, once their number is known; says the new headers."""
        signer = self._signer(address, now_ns)
        bucket = signer.buckets["cancels"]
        bucket.fill(now_ns)
        bucket.balance -= cost * SECOND
        if not signer.tier.may_owe:
            bucket.balance = max(bucket.balance, 0)
        return _headers(signer, bucket, now_ns // SECOND)

    def _signer(self, address: str, now_ns: int) -> _Signer:
        signer = self._signers.get(address.lower())
        if signer is None:
            signer = self._signers[address.lower()] = _Signer(TIERS["Standard"])
            for name in ("orders", "cancels"):
                rate, burst = _size(signer.tier, name)
                signer.buckets[name] = _Bucket(rate, burst, burst * SECOND, now_ns)
        return signer


def _size(tier: Tier, name: BucketName) -> tuple[int, int]:
    if name == "orders":
        return tier.orders_per_s, tier.orders_burst
    return tier.cancels_per_s, tier.cancels_burst


def _headers(signer: _Signer, bucket: _Bucket, reset_s: int) -> dict[str, str]:
    return {
        "Poly-RateLimit-Remaining": str(bucket.balance // SECOND),
        "Poly-RateLimit-Reset": str(reset_s),
        "Poly-RateLimit-Tier": signer.tier.name,
    }
