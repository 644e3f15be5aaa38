"""Troubles that come together and last: what a single switch, thrown for a moment, never leads to.

Why each is drawn from a random generator of its own: a new kind of trouble leaves the plans of all other seeds as they
were, and with them what is known of these seeds.
"""

from collections.abc import Iterable, Mapping
from random import Random
from typing import Any, Final

from research.prove.sim.dues import BEGIN_NS, Due
from research.prove.sim.turns import MS, S

_ABOUT: Final = {"market": False, "account": False, "order": False, "outcome": False}
_RESTARTED_NS: Final = 22 * S
"""Who has lost the lease is started anew before everything is healed."""


def episodes(seed: int, heal_ns: int, *, losses: bool) -> list[Due]:
    """Draw those of a seed. `losses`: a little is a loss that halts a market, which has to outlive what comes."""
    kinds = (_doubt, _deafness, _half, _overtaken, _ended, _disowned, *((_crashes,) if losses else ()))
    return [due for draw in kinds for due in draw(seed, heal_ns)]


def sweeps(seed: int, heal_ns: int) -> Iterable[Due]:
    """Draw how often somebody sweeps a book, which is no trouble: quotes have to get out of the way in time."""
    random = Random(f"sim {seed}, sweeps")
    for _ in range(random.randint(1, 6) if random.random() < 0.5 else 0):
        said = {"side": random.choice(("BUY", "SELL")), "size": random.randint(300, 2_000)}
        at_ns = random.randint(BEGIN_NS + 8 * S, heal_ns)
        yield _fault(at_ns, {"fault": "sweep", **said}, {**_ABOUT, "market": True}, random.random())


def _doubt(seed: int, heal_ns: int) -> Iterable[Due]:
    """Orders have no answer, and for a while whatever would say what became of them fails."""
    random = Random(f"sim {seed}, doubt")
    if random.random() < 0.12:
        at_ns, seconds = random.randint(BEGIN_NS + 8 * S, heal_ns - 30 * S), random.randint(40, 80)
        yield _fault(at_ns, {"fault": "error_though_done", "method": "GET", "path": "/data", "seconds": seconds})
        yield _fault(at_ns, {"fault": "lose_request", "method": "DELETE", "manner": "reset", "seconds": seconds})
        yield _fault(at_ns, {"fault": "lose_frames", "channel": "user", "seconds": seconds})
        lost = {"fault": "lose_answer", "manner": random.choice(("reset", "cut")), "count": random.randint(1, 3)}
        yield _fault(at_ns, {**lost, "seconds": seconds})


def _deafness(seed: int, heal_ns: int) -> Iterable[Due]:
    """Nothing is heard of a market, and its book cannot be read either."""
    random = Random(f"sim {seed}, deafness")
    if random.random() < 0.12:
        at_ns, seconds = random.randint(BEGIN_NS + 8 * S, heal_ns - 20 * S), random.randint(15, 60)
        market = {**_ABOUT, "market": True}
        yield _fault(at_ns, {"fault": "silence", "seconds": seconds}, market, random.random())
        yield _fault(at_ns, {"fault": "error_though_done", "method": "POST", "path": "/books", "seconds": seconds})


def _half(seed: int, heal_ns: int) -> Iterable[Due]:
    """Frames were missed, and of one token of a market no whole book comes any more."""
    random = Random(f"sim {seed}, half")
    if random.random() < 0.12:
        at_ns, seconds = random.randint(BEGIN_NS + 8 * S, heal_ns - 20 * S), random.randint(15, 60)
        market = {**_ABOUT, "market": True, "outcome": True}
        yield _fault(at_ns, {"fault": "never_snapshot", "seconds": seconds}, market, random.random())
        yield _fault(at_ns, {"fault": "error_though_done", "method": "POST", "path": "/books", "seconds": seconds})
        yield _fault(at_ns + S, {"fault": "drop_ws", "code": 1006, "channel": "market"})


def _overtaken(seed: int, heal_ns: int) -> Iterable[Due]:
    """Orders wait for those before them, and meanwhile the books that they were priced from turn out wrong."""
    random = Random(f"sim {seed}, overtaken")
    if random.random() < 0.12:
        at_ns, seconds = random.randint(BEGIN_NS + 8 * S, heal_ns - 25 * S), random.randint(15, 25)
        slow = {"fault": "latency", "method": "POST", "path": "/order", "delay": random.choice((0.2, 0.4, 0.8))}
        yield _fault(at_ns, {**slow, "seconds": seconds})
        market = {**_ABOUT, "market": True}
        for ms in range(0, seconds * 1_000, random.choice((300, 700, 1_500))):
            wrong = random.choice(({"fault": "corrupt_delta"}, {"fault": "wrong_book", "how": "crossed"}))
            yield _fault(at_ns + ms * MS, wrong, market, random.random())


def _ended(seed: int, heal_ns: int) -> Iterable[Due]:
    """A market is resolved, and its book is not heard to vanish."""
    random = Random(f"sim {seed}, ended")
    if random.random() < 0.05:
        at_ns, which = random.randint(BEGIN_NS + 15 * S, heal_ns - 5 * S), random.random()
        for kind in ("book", "price_change"):
            lost = {"fault": "lose_frames", "channel": "market", "kind": kind, "seconds": 10}
            yield _fault(at_ns - S, lost, {**_ABOUT, "market": True}, which)
        yield _fault(at_ns, {"fault": "resolve"}, {**_ABOUT, "market": True, "outcome": True}, which)


def _disowned(seed: int, heal_ns: int) -> Iterable[Due]:
    """Another takes the database over; whoever had it finds out at once, or with the next write."""
    random = Random(f"sim {seed}, lease")
    if random.random() < 0.1:
        at_ns, for_ns = random.randint(BEGIN_NS + 5 * S, heal_ns - _RESTARTED_NS), random.randint(1, 20) * S
        yield Due(at_ns, "lease", {"told": random.random() < 0.5, "for_ns": for_ns})


def _fault(at_ns: int, body: Mapping[str, Any], about: Mapping[str, bool] = _ABOUT, which: float = 0.0) -> Due:
    return Due(at_ns, "fault", {"body": body, "about": about, "which": which})


def _crashes(seed: int, heal_ns: int) -> Iterable[Due]:
    """The engine dies, and again."""
    random = Random(f"sim {seed}, crashes")
    for _ in range(3):
        at_ns = random.randint(BEGIN_NS + 20 * S, heal_ns)
        yield Due(at_ns, "crash", {"down_ns": random.randint(1, 6) * S // 2, "where": "anywhere"})
