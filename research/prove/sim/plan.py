"""What a seed decides: the world, how the wire behaves, what goes wrong, and what a person does.

Why each seed has a few kinds of trouble and not all: with everything at once most runs die of the same thing, and what
two rare faults do together is never seen. A tenth of the seeds have everything, a fifth nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final, Literal, NamedTuple

from research.prove.sim.dues import BEGIN_NS, Due
from research.prove.sim.episodes import episodes, sweeps
from research.prove.sim.turns import MS, S
from research.prove.sim.wire import Latencies
from sandbox.faults.plan import PLANS
from sandbox.faults.switchboard import FAULTS

ACTS: Final = ("pause", "resume", "reduce", "flatten", "off", "on", "kill", "clear")
_LEFT_OUT: Final = frozenset({"huge_frame", "gzip_bomb", "big_snapshot", "narrow", "storm"})
"""What costs the processor and no more than another: proven on a real wire."""


class _Pick(NamedTuple):
    """A fault beside those of the sandbox's own plans: how often, with what, and what it is about."""

    weight: int
    fault: str
    said: Callable[[Random], dict[str, Any]] = lambda random: {}
    market: bool = False
    account: bool = False
    order: bool = False
    outcome: bool = False


_MORE: Final = (
    _Pick(3, "partial_fills", lambda random: {"parts": random.randint(2, 5), "gap": 0.3}, order=True),
    _Pick(2, "disagree", lambda random: {"how": random.choice(("stream_cancelled", "stream_live"))}, order=True),
    _Pick(2, "self_trade", order=True),
    _Pick(2, "expire", order=True),
    _Pick(2, "gap", lambda random: {"price": random.choice(("0.1", "0.5", "0.95"))}, market=True),
)
_RARE: Final = (
    _Pick(1, "foreign_order", market=True, account=True),
    _Pick(1, "resolve", market=True, outcome=True),
    _Pick(1, "void", market=True),
)
"""What happens once, if at all: it ends, or stops, what a market is there for."""
_MORTAL: Final = ("risk", "executor", "book/{}", "flow/{}", "inventory/desk/{}", "coordinator/desk/{}")
_PROTOCOLS: Final[tuple[Literal["2", "mixed"], ...]] = ("2", "2", "mixed")
_DISK: Final = "no space is left on the disk (drawn)"

LIVENESS_NS: Final = 120 * S
"""How long after all is healed everything has to work again."""
SETTLING_NS: Final = 60 * S
"""How long it is paused at the end, so that all that is under way comes to its end."""

SMALL: Final[Mapping[str, str]] = {
    "mode": "live",
    "tag": "desk",
    "maker.bid_size": "5",
    "inventory.max_net_diff": "20",
    "inventory.max_position_value": "60",
    "risk.wallet_usd": "2000",
    "price.bounds_ticks": "1",
    "market.min_touch": "0.01",
}


class EnoughSteps(Exception):
    """The step was reached up to which somebody wanted to see."""


class PlannedDeath(Exception):
    """The plan lets an actor die."""


@dataclass(frozen=True)
class Plan:
    """All that is drawn for a seed. Times are virtual, in nanoseconds UTC."""

    seed: int
    kind: str
    """`calm`, `mixed` or `everything`."""
    profile: str
    markets: int
    """As the profile counts: `neg_risk` has three in one event."""
    strategy: str
    signature_type: int
    protocol: Literal["2", "mixed"]
    settings: Mapping[str, str]
    latencies: Latencies
    disk_ns: int
    """Half of a commit, on average."""
    turn_ns: int
    """A worker's turn, on average; 0: none takes time."""
    shuffled: bool
    heal_ns: int
    dues: tuple[Due, ...]
    """In order of time; after `heal_ns` there are only takers."""

    @property
    def end_ns(self) -> int:
        """When the run is over."""
        return self.heal_ns + LIVENESS_NS + SETTLING_NS


def draw(seed: int) -> Plan:
    """Return the plan of a seed."""
    plan = _with_event(_drawn(seed), Random(f"sim {seed}, neg risk"))
    if plan.kind == "calm":
        more = sweeps(seed, plan.heal_ns)
    else:
        more = episodes(seed, plan.heal_ns, losses=_LOSS in plan.settings)
    return replace(plan, dues=tuple(sorted((*plan.dues, *more), key=lambda due: due.at_ns)))


def _drawn(seed: int) -> Plan:
    """Draw all but the troubles that last."""
    random = Random(f"sim {seed}")
    roll = random.random()
    kind = "everything" if roll < 0.1 else "calm" if roll < 0.3 else "mixed"
    profile = random.choice(("demo", "sports_inplay", "adverse") if kind != "calm" else ("demo", "sports_inplay"))
    markets = random.randint(1, 2) if profile == "demo" else random.randint(1, 4)
    lasts_ns = random.randint(40, 150) * S
    heal_ns = BEGIN_NS + lasts_ns
    dues = [] if kind == "calm" else _troubles(random, heal_ns, everything=kind == "everything")
    dues += _acts(random, heal_ns, rate=random.choice((0.0, 0.01, 0.03)))
    rare = Random(f"sim {seed}, rare")
    dues += [] if kind == "calm" else _rare(rare, heal_ns)
    dues += _takers(random, heal_ns + LIVENESS_NS, rate=random.choice((0.02, 0.1, 0.3)))
    return Plan(
        seed=seed,
        kind=kind,
        profile=profile,
        markets=markets,
        strategy=random.choice(("maker", "maker", "maker", "two_sided")),
        signature_type=random.choice((0, 3)),
        protocol=random.choice(_PROTOCOLS),
        settings={
            **SMALL,
            "maker.bid_size": random.choice(("5", "10", "20")),
            "inventory.auto_merge": random.choice(("off", "when_blocked", "at_least")),
            **(rare.choice(_LIMITS) if rare.random() < 0.2 else {}),
            **_money(Random(f"sim {seed}, money")),
        },
        latencies=Latencies(random.choice((1, 5, 20, 80)) * MS, random.choice((1, 10, 60)) * MS),
        disk_ns=random.choice((0, 1, 5, 20)) * MS,
        turn_ns=random.choice((0, 0, 50_000, 500_000)),
        shuffled=random.random() < 0.7,
        heal_ns=heal_ns,
        dues=tuple(sorted(dues, key=lambda due: due.at_ns)),
    )


def _troubles(random: Random, heal_ns: int, *, everything: bool) -> list[Due]:
    """Draw which kinds of trouble there are, and when."""
    picks = [*(pick for pick in PLANS["mixed"] if pick.fault not in _LEFT_OUT), *_MORE]
    chosen = picks if everything else random.sample(picks, random.randint(2, 8))
    weights = [pick.weight for pick in chosen]
    every_s = random.choice((3, 8, 20))
    dues: list[Due] = []
    for at_ns in _times(random, heal_ns, 1 / every_s):
        dues.append(_fault(random, random.choices(chosen, weights)[0], at_ns))
    if everything or random.random() < 0.5:
        dues += (
            Due(at_ns, "crash", {"down_ns": random.randint(1, 40) * S // 2, "where": random.choice(_WHERE)})
            for at_ns in _times(random, heal_ns, random.choice((0.01, 0.03)))
        )
    if everything or random.random() < 0.25:
        dues += (
            Due(at_ns, "death", {"actor": random.choice(_MORTAL), "which": random.random()})
            for at_ns in _times(random, heal_ns, 0.02)
        )
    if everything or random.random() < 0.15:
        dues += (
            Due(at_ns, "disk", {"for_ns": random.randint(1, 20) * S // 2, "why": _DISK})
            for at_ns in _times(random, heal_ns, 0.02)
        )
    if everything or random.random() < 0.25:
        dues += (
            Due(at_ns, "stall", {"for_ns": random.randint(50, 3_000) * MS}) for at_ns in _times(random, heal_ns, 0.03)
        )
    return dues


_LOSS: Final = "losses.market_loss"
_LIMITS: Final[tuple[Mapping[str, str], ...]] = (
    {"risk.open_orders_total": "2"},
    {"risk.total_worst_case": "0.005"},
    {"risk.market_worst_case": "0.003"},
    {"inventory.max_net_diff": "6"},
    {_LOSS: "0.0001"},
    {_LOSS: "0.0002"},
)  # fmt: skip
"""Limits that bind, for some seeds: a market maker of this size meets the ordinary ones never."""


_MONEY: Final[tuple[Mapping[str, str], ...]] = (
    {"risk.token_tied_up": "0.006"},
    {"risk.total_net": "0.006"},
    {"risk.wallet_usd": "10000", "risk.cash_reserve": "0.9975"},
)
"""Limits on dollars that bind, for some seeds: a few bids are in reach, and the account has 10,000 dollars."""


def _money(random: Random) -> Mapping[str, str]:
    """Draw one of them, if any."""
    return random.choice(_MONEY) if random.random() < 0.2 else {}


def _with_event(plan: Plan, random: Random) -> Plan:
    """Have some seeds trade the three markets of a neg-risk event, and some of them meet the limit on it."""
    if random.random() >= 0.08:
        return plan
    limit = random.choice(({}, {"risk.event_worst_case": "0.008"}))
    return replace(plan, profile="neg_risk", markets=1, settings={**plan.settings, **limit})


def _rare(random: Random, heal_ns: int) -> list[Due]:
    """Draw what happens once, if at all: somebody else trades in our name, or a market ends."""
    if random.random() >= 0.15:
        return []
    at_ns = random.randint(BEGIN_NS + 10 * S, heal_ns)
    return [_fault(random, random.choice(_RARE), at_ns)]


def _fault(random: Random, pick: Any, at_ns: int) -> Due:
    """Draw what exactly a fault is; which market or order it concerns is seen when it comes."""
    said = {"fault": pick.fault, **_patience(pick.fault), **pick.said(random)}
    about = {name: getattr(pick, name, False) for name in ("market", "account", "order", "outcome")}
    return Due(at_ns, "fault", {"body": said, "about": about, "which": random.random()})


_WHERE: Final = ("anywhere", "committing", "committed", "written", "arrived", "answered")
"""Where a crash strikes: at its time, or at the first such event after it."""


def _acts(random: Random, heal_ns: int, rate: float) -> list[Due]:
    """Draw what a person does besides the resume at the start."""
    dues: list[Due] = []
    for at_ns in _times(random, heal_ns, rate):
        act = random.choices(ACTS, (3, 5, 2, 2, 2, 3, 1, 2))[0]
        dues.append(Due(at_ns, "act", {"act": act, "market": random.random() < 0.5, "which": random.random()}))
    return dues


def _takers(random: Random, until_ns: int, rate: float) -> list[Due]:
    """Draw when others trade with our orders, and how much of one each time."""
    return [
        Due(at_ns, "taker", {"which": random.random(), "share": random.choice((0.1, 0.5, 1.0, 1.0))})
        for at_ns in _times(random, until_ns, rate)
    ]


def _times(random: Random, until_ns: int, per_s: float) -> list[int]:
    times: list[int] = []
    at_ns = BEGIN_NS + 5 * S
    while per_s:
        at_ns += int(random.expovariate(per_s) * S)
        if at_ns >= until_ns:
            break
        times.append(at_ns)
    return times


def _patience(fault: str) -> dict[str, Any]:
    row = FAULTS[fault]
    ends, _, count = row.ends.partition(" ")
    return {"count": int(count), "seconds": 60} if ends == "count" and "seconds" in row.takes else {}
