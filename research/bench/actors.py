"""What actors cost: P6 (pooled actors against pykka's own threads) and P9 (ten thousand markets in one process).

Why ratios, and why in slices: the same loop moves by a factor of two between runs on a shared machine, so both sides
take turns, and whatever else runs slows both. P9 has a process to itself, because only a fresh one shows how memory
grows.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from statistics import median, quantiles
from typing import Any, ClassVar

import psutil
from pykka import ActorRef, ThreadingActor

from actors.runtime.actor import BaseActor, Context
from actors.runtime.clock import SystemClock, monotonic_ns
from actors.runtime.dead_letters import DeadLetters
from actors.runtime.directory import Directory
from actors.runtime.lanes import Bounds
from actors.runtime.machine import MachineActor
from actors.runtime.pool import PoolDispatcher, Worker
from actors.runtime.supervision import ChildSpec, Excess, Strategy, Supervision
from actors.runtime.supervisor import Supervisor
from actors.runtime.surroundings import Emergency
from actors.runtime.timers import TimerThread
from models.messages.base import Lane, Message

_SWITCH_INTERVAL_S = 0.0005
_SLICES = 10
_UNBOUNDED = Bounds(market=sys.maxsize)


class Tick(Message, frozen=True):
    """Raw market mail, stamped when it is sent; `number` 0 is the last."""

    lane: ClassVar[Lane] = Lane.MARKET
    market: int
    number: int
    received_ns: int = 0


class Pool:
    """Two workers and a timer thread, as in the engine."""

    def __init__(self) -> None:
        self.directory = Directory(DeadLetters())
        clock = SystemClock()
        self.timers = TimerThread(self.directory, clock)
        common = (self.directory, clock, self.timers, Emergency(_fail, _fail))
        self.workers = PoolDispatcher([Worker("markets", *common), Worker("control", *common)])
        self.timers.start()
        self.workers.start()

    def close(self) -> None:
        for name in self.directory.names():
            self.directory.stop(name)
        _wait_until(lambda: len(self.directory) == 0)
        self.workers.stop()
        self.timers.stop()


class Pooled(BaseActor):
    """Passes a tick on, or says that it has arrived."""

    def __init__(self, context: Context, next_name: str, arrived: SimpleQueue[int]) -> None:
        super().__init__(context)
        self.next_name = next_name
        self.arrived = arrived

    def on_receive(self, message: Any) -> None:
        if self.next_name:
            self.context.send(self.next_name, message)
        elif message.number == 0:
            self.arrived.put(monotonic_ns())


class Stock(ThreadingActor):
    """The same on pykka's own threads."""

    use_daemon_thread = True

    def __init__(self, next_ref: ActorRef[Any] | None, arrived: SimpleQueue[int]) -> None:
        super().__init__()
        self.next_ref = next_ref
        self.arrived = arrived

    def on_receive(self, message: Any) -> None:
        if self.next_ref is not None:
            self.next_ref.tell(message)
        elif message.number == 0:
            self.arrived.put(monotonic_ns())


def pool_against_threads(messages: int = 200_000, hops: int = 1_000) -> dict[str, float]:
    """Measure P6 once: messages per second from one sender to one actor, and microseconds through a chain of four."""
    flood_ns, chain_ns = (0, 0), (list[int](), list[int]())
    with _switching():
        for _ in range(_SLICES):
            pool_ns, threads_ns = (_flood_ns(make(1), messages // _SLICES) for make in (_pooled, _stock))
            flood_ns = flood_ns[0] + pool_ns, flood_ns[1] + threads_ns
            for taken_ns, make in zip(chain_ns, (_pooled, _stock), strict=True):
                taken_ns.extend(_hops_ns(make(4), hops // _SLICES))
    return {
        "pool_messages_per_s": messages * 1e9 / flood_ns[0],
        "threads_messages_per_s": messages * 1e9 / flood_ns[1],
        "throughput_ratio": flood_ns[1] / flood_ns[0],
        "pool_chain_p50_us": median(chain_ns[0]) / 1e3,
        "threads_chain_p50_us": median(chain_ns[1]) / 1e3,
        "chain_ratio": median(chain_ns[0]) / median(chain_ns[1]),
    }


def markets_in_one_process(markets: int = 10_000, rate: int = 1_000, seconds: float = 10.0) -> dict[str, float]:
    """Measure P9 in a process of its own: start, stop, memory per market, and how long a tick takes to its decision."""
    command = [sys.executable, "-m", "research.bench.actors", str(markets), str(rate), str(seconds)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _pooled(length: int) -> Iterator[tuple[Callable[[Tick], object], SimpleQueue[int]]]:
    pool, arrived = Pool(), SimpleQueue[int]()
    for number in range(length):
        context = Context(str(number), pool.workers["markets"], bounds=_UNBOUNDED)
        Pooled.start(context, str(number + 1) if number + 1 < length else "", arrived)
    yield partial(pool.directory.send, "0"), arrived
    pool.close()


def _stock(length: int) -> Iterator[tuple[Callable[[Tick], object], SimpleQueue[int]]]:
    arrived = SimpleQueue[int]()
    refs: list[ActorRef[Any]] = []
    for _ in range(length):
        refs.append(Stock.start(refs[-1] if refs else None, arrived))
    yield refs[-1].tell, arrived
    for ref in refs:
        ref.stop()


def _flood_ns(chain: Iterator[tuple[Callable[[Tick], object], SimpleQueue[int]]], messages: int) -> int:
    """Send as fast as possible; return the time until the last has arrived."""
    send, arrived = next(chain)
    began_ns = monotonic_ns()
    for number in range(messages - 1, -1, -1):
        send(Tick(0, number))
    elapsed_ns = arrived.get() - began_ns
    next(chain, None)
    return elapsed_ns


def _hops_ns(chain: Iterator[tuple[Callable[[Tick], object], SimpleQueue[int]]], hops: int) -> list[int]:
    """Send one message at a time; return the times to the end of the chain."""
    send, arrived = next(chain)
    taken_ns: list[int] = []
    for _ in range(hops):
        began_ns = monotonic_ns()
        send(Tick(0, 0))
        taken_ns.append(arrived.get() - began_ns)
    next(chain, None)
    return taken_ns


class Passing:
    """A machine that hands on what it gets."""

    def step(self, message: Tick, now_ns: int, /) -> tuple[Message, ...]:
        return (message,)


class Deciding:
    """A machine that writes down how old a tick is when its decision is made."""

    def __init__(self, ages_ns: list[int]) -> None:
        self.ages_ns = ages_ns

    def step(self, message: Tick, now_ns: int, /) -> tuple[Message, ...]:
        self.ages_ns.append(monotonic_ns() - message.received_ns)
        return ()


def _measure_markets(markets: int, rate: int, seconds: float) -> dict[str, float]:
    process = psutil.Process()
    pool, ages_ns = Pool(), list[int]()
    worker = pool.workers["markets"]
    before_bytes = process.memory_info().rss
    began_ns = monotonic_ns()
    specs = [_market(number, ages_ns) for number in range(markets)]
    Supervisor.start(Context("markets", worker), Supervision(stop_together=True), specs)
    _wait_until(lambda: len(pool.directory) == 5 * markets + 1)
    started_ns = monotonic_ns()
    grown_bytes = process.memory_info().rss - before_bytes
    with _switching():
        _send_evenly(pool.directory, markets, rate, seconds)
        _wait_until(lambda: len(ages_ns) == int(rate * seconds))
    stopping_ns = monotonic_ns()
    pool.directory.stop("markets")
    _wait_until(lambda: len(pool.directory) == 0)
    stopped_ns = monotonic_ns()
    pool.close()
    percentiles = quantiles(ages_ns, n=100)
    return {
        "markets": markets,
        "actors": 5 * markets,
        "start_s": (started_ns - began_ns) / 1e9,
        "stop_s": (stopped_ns - stopping_ns) / 1e9,
        "kib_per_market": grown_bytes / 1024 / markets,
        "tick_to_decision_p50_ms": percentiles[49] / 1e6,
        "tick_to_decision_p99_ms": percentiles[98] / 1e6,
    }


def _market(number: int, ages_ns: list[int]) -> ChildSpec:
    """Book and flow pass on, the coordinator decides, the inventory idles; a supervisor stands above them."""
    coordinator = f"coordinator/{number}"

    def child(name: str, machine: Callable[[], Any], route: tuple[str, ...] = ()) -> ChildSpec:
        return ChildSpec(name, lambda context: MachineActor.start(context, machine, lambda _: route))

    children = [
        child(f"book/{number}", Passing, (coordinator,)),
        child(f"flow/{number}", Passing),
        child(f"inventory/{number}", Passing),
        child(coordinator, partial(Deciding, ages_ns)),
    ]
    market = partial(Supervisor.start, supervision=_MARKET, children=children, scope=str(number))
    return ChildSpec(f"market/{number}", market)


_MARKET = Supervision(Strategy.REST_FOR_ONE, excess=Excess.QUARANTINE)


def _send_evenly(directory: Directory, markets: int, rate: int, seconds: float) -> None:
    began_ns = monotonic_ns()
    for number in range(int(rate * seconds)):
        due_ns = began_ns + number * 1_000_000_000 // rate
        while (early_ns := due_ns - monotonic_ns()) > 0:
            time.sleep(early_ns / 1e9)
        market = number * 7919 % markets
        directory.send(f"book/{market}", Tick(market, number, monotonic_ns()))


def _wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.001)


def _fail(what: object) -> None:
    raise RuntimeError(str(what))


@contextmanager
def _switching() -> Iterator[None]:
    """Let threads take turns as often as in the engine."""
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    yield
    sys.setswitchinterval(before_s)


if __name__ == "__main__":
    print(json.dumps(_measure_markets(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))))
