"""`bin/prove crash`: a live engine is killed again and again, and each time its books are held against the venue's.

One sandbox, one data folder, many lives: each begins where the one before it was cut off, at a named point of its own
code (`crash_points`) or at a random moment, a start and a stop among them. When a new life says that it has recovered,
and before it may trade, everything that the sandbox knows of the account is compared: orders, fills, cash, positions,
the kill latch. What agrees by then is what the engine recovered; nothing else happens meanwhile, for it begins paused.
"""

import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Final

from actors.runtime.clock import monotonic_ns
from actors.store.database import StoreError
from research.prove.control_socket import Refused, answers, ask
from research.prove.crash_claims import check_losses, check_shown
from research.prove.crash_points import POINTS, VARIABLE
from research.prove.live import measured
from research.prove.live_claims import check
from research.prove.live_journal import Journal, read
from research.prove.live_venue import Folder, VenueAccount
from research.prove.postgres import Reachable, reachable
from research.prove.processes import Engine, Sandbox, live_engine, sandbox, wait
from research.prove.witness import Findings

SCHEMA: Final = "keel.prove.crash/1"
RANDOM: Final = "a random moment"
KILLED: Final = "a random moment, while killed"

_SETTINGS: Final = {
    "STRATEGY_TAG": "proof",
    "PM_BID_SIZE": "5",
    "KEEL_INVENTORY__MAX_NET_DIFF": "10",
    "KEEL_INVENTORY__MAX_POSITION_VALUE": "500",
    "KEEL_INVENTORY__AUTO_MERGE": "at_least",
    "KEEL_INVENTORY__MERGE_PAIRS": "5",
    "KEEL_RISK__WALLET_USD": "10000",
    "KEEL_JOURNAL__CHECKPOINT_EVERY": "300",
}
"""A desk that trades all the time, merges often, and whose journal is summed up every few seconds."""

_MODULE: Final = "research.prove.crash_points"
_START_S: Final = 60.0
_EQUAL_S: Final = 45.0
"""How long a recovered engine may take to agree with the venue, in sandbox seconds."""
_REACH_S: Final = 10.0
"""How long a point is waited for; an engine that has not come to it by then is killed where it stands."""
_LIVES_S: Final = 5.0
"""Longest that one trades before a random moment or a stop."""
_DYING_S: Final = 2.0
_LOOK_S: Final = 0.05
_CUT_S: Final = 3.0
"""Longest that a cut connection stays so before the kill."""
CUT: Final = "cut off from its database"
_KILLED_EVERY: Final = 12
"""One life of so many begins killed, and stays it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be run. `db` is a URL; without it the database is a file beside the logs.

    `postgresql` in place of a URL: a server of the proof's own, whose connections are cut before some of the kills.
    """

    kills: int = 127
    seed: int = 1
    db: str | None = None
    faults: str = "none"
    profile: str = "demo"
    clock_speed: float = 1.5
    account: int = 1
    markets_count: int | None = 6


@dataclass(slots=True)
class CrashReport:
    """What came of it. `survived` counts the kills after which everything agreed again, by where they fell.

    `missed` are points that were armed and not reached in time: the life then ended at a random moment. `ready_s` is
    how long each start took until the engine ran, `equal_s` until all that is compared agreed.
    """

    asked: Asked
    folder: Path
    survived: Counter[str] = field(default_factory=Counter[str])
    missed: Counter[str] = field(default_factory=Counter[str])
    orders: int = 0
    fills: int = 0
    merges: int = 0
    ready_s: list[float] = field(default_factory=list[float])
    equal_s: list[float] = field(default_factory=list[float])
    findings: Findings = field(default_factory=Findings)

    @property
    def holds(self) -> bool:
        """Whether every claim that was checked held."""
        return not sum(self.findings.wrong.values())


def prove_crash(asked: Asked, told: Callable[[float], object], folder: Path | None = None) -> CrashReport:
    """Run and compare. `told` hears how much is done, as a share; Ctrl-C ends it early.

    Raises RuntimeError where the sandbox or the engine cannot be brought up at all.
    """
    folder = folder or Path(mkdtemp(prefix="keel-prove-crash-"))
    folder.mkdir(parents=True, exist_ok=True)
    report = CrashReport(asked, folder)
    flags = ["--profile", asked.profile, "--seed", asked.seed, "--faults", asked.faults]
    flags += ["--clock-speed", asked.clock_speed, "--log", folder / "sandbox.jsonl", "--accounts", asked.account + 1]
    if asked.markets_count is not None:
        flags += ["--markets-count", asked.markets_count]
    with reachable(asked.db) as server, sandbox(*flags) as venue:
        run = _Run(report, venue, server)
        try:
            run.all(told)
        finally:
            run.end()
    return report


def plan(asked: Asked) -> Iterator[str]:
    """Return where each life is to end: every point in turn, in an order of the seed's, and as often anywhere."""
    random = Random(f"{asked.seed}/plan")
    while True:
        turn = [*POINTS, *[RANDOM] * (len(POINTS) // 3)]
        random.shuffle(turn)
        yield from turn


class _Run:
    def __init__(self, report: CrashReport, venue: Sandbox, server: Reachable | None) -> None:
        self._asked = asked = report.asked
        self._server = server
        self._db = asked.db if server is None else server.database()
        self._report, self._findings, self._venue = report, report.findings, venue
        self._random = Random(f"{asked.seed}/moments")
        self._clocks = measured(venue, asked.clock_speed)
        account = venue.said["accounts"][asked.account]
        self._folder = Folder(account["address"], account["funder"])
        self._data_dir = report.folder / "data"
        own_clock = {} if asked.clock_speed == 1 else {"KEEL_ACCOUNT__CLOCK_SKEW_MAX_MS": "0"}
        relayer_key = account["relayer_api_key"]["key"]
        self._variables = {**_SETTINGS, "POLYMARKET_RELAYER_API_KEY": relayer_key, **own_clock}
        self._stack = ExitStack()
        self._engine: Engine | None = None
        self._killed = False
        self._deaths: list[str] = []
        """Where it was killed since all was compared last."""

    def all(self, told: Callable[[float], object]) -> None:
        """Let it live and die as often as was asked, and once more be compared."""
        try:
            for number, where in zip(range(self._asked.kills), plan(self._asked), strict=False):
                told(number / self._asked.kills)
                self._deaths.append(self._life(where, number))
        except KeyboardInterrupt:
            pass
        self._begin("", 0)
        self._recovered()

    def end(self) -> None:
        """End what still runs."""
        if self._engine is not None:
            self._over()

    # One life

    def _life(self, where: str, number: int) -> str:
        """Bring one up, compare, let it trade, and see it die; return where it did."""
        point = POINTS.get(where)
        passages = self._random.randrange(point.often) if point is not None else 0
        running = self._begin(where if point is not None else "", passages)
        moment_s = self._random.uniform(0.0, _LIVES_S)
        early = point is None and self._random.random() < 0.2
        if early:  # the start, too, is a moment
            wait(self._random.uniform(0.1, 2.0))
        elif self._recovered():
            self._trade(number)
            if point is None or point.stops:
                wait(moment_s)
            if point is None and self._server is not None:
                self._server.interrupt(self._random.uniform(0.0, _CUT_S))
                where = CUT
            if point is not None and point.stops:
                running.process.send_signal(signal.SIGTERM)
            if point is not None:
                _waited(lambda: running.process.poll() is not None, _REACH_S * (2.5 if point.stops else 1))
        code = running.process.poll()
        if code is None:
            running.process.kill()
            code = running.process.wait()
            if point is not None:
                self._report.missed[where] += 1
            where = KILLED if self._killed else CUT if where == CUT else RANDOM
        self._findings.hold("no engine ended by itself", code == -signal.SIGKILL, lambda: f"{code}: {running.trouble}")
        self._over()
        return where

    def _begin(self, where: str, passages: int) -> Engine:
        armed = {VARIABLE: f"{where}:{passages}"} if where else {}
        flags = () if self._db is None else ("--db", self._db)
        account = self._asked.account
        self._began_ns = monotonic_ns()
        context = live_engine(self._data_dir, self._venue, account, *flags, module=_MODULE, **self._variables, **armed)
        self._engine = self._stack.enter_context(context)
        return self._engine

    def _age_s(self) -> float:
        return (monotonic_ns() - self._began_ns) / 1e9

    def _over(self) -> None:
        assert self._engine is not None
        with (self._report.folder / "engine.log").open("a", encoding="utf-8") as log:
            log.write(self._engine.log)
        self._stack.close()
        self._engine = None

    # What it knows again

    def _recovered(self) -> bool:
        """Wait until the engine runs and agrees with the venue; False where it died on the way, as it was told to."""
        running = self._engine
        assert running is not None
        dead = lambda: running.process.poll() is not None  # noqa: E731
        if not _waited(lambda: dead() or answers(running.data_dir, "/v1/risk"), _START_S):
            self._findings.hold("every start comes up", False, lambda: f"after {self._before}: {running.log[-600:]}")
            return False
        if dead():
            return False
        ready_s = self._age_s()
        wrong: list[Findings] = []
        agreed = _waited(
            lambda: dead() or self._agrees(running, wrong), _EQUAL_S / self._asked.clock_speed + _START_S / 4
        )
        if dead():
            return False
        self._report.ready_s.append(ready_s)
        self._report.equal_s.append(self._age_s())
        self._note(wrong[-1])
        if agreed:
            self._report.survived.update(self._deaths)
            self._deaths.clear()
        return True

    def _agrees(self, running: Engine, wrong: list[Findings]) -> bool:
        try:
            found = self._compared(running)
        except (Refused, StoreError, sqlite3.Error, OSError):
            return False
        wrong[:] = [found]
        return not sum(found.wrong.values())

    def _compared(self, running: Engine) -> Findings:
        findings = Findings()
        shown = ask(running.data_dir, "GET", "/v1/status")
        journal, venue = self._journal(), self._seen()
        check(venue, journal, self._clocks, findings, settled=False)
        check_losses(ask(running.data_dir, "GET", "/v1/risk"), journal, findings)
        check_shown(venue, shown, findings, killed=self._killed)
        self._report.orders, self._report.fills, self._report.merges = (
            len(venue.orders), len(venue.fills), sum(size > 0 for size in venue.merged.values()),
        )  # fmt: skip
        return findings

    def _note(self, found: Findings) -> None:
        self._findings.checked.update(found.checked)
        self._findings.wrong.update(found.wrong)
        self._findings.cases += [f"after {self._before}: {case}" for case in found.cases]

    @property
    def _before(self) -> str:
        return ", then ".join(self._deaths) or "the first start"

    def _journal(self) -> Journal:
        return read(self._data_dir / "arb.db" if self._db is None else self._db)

    def _seen(self) -> VenueAccount:
        for line in self._venue.log(self._folder.account.last):
            self._folder.take(line)
        return self._folder.account

    # Trading

    def _trade(self, number: int) -> None:
        """Let it trade; every few lives it is killed instead, and the next one has to begin so."""
        running = self._engine
        assert running is not None
        if self._killed:
            self._said(running, "/v1/kill/clear", {"confirmed": True})
            self._killed = False
        self._said(running, "/v1/commands/resume", {"confirmed": True})
        if number % _KILLED_EVERY == _KILLED_EVERY - 1:
            wait(0.5)
            self._killed = self._said(running, "/v1/kill", {"reason": "proof"})

    def _said(self, running: Engine, route: str, body: dict[str, object]) -> bool:
        """Say a command; an engine that dies on it has been told to."""
        try:
            ask(running.data_dir, "POST", route, body)
        except Refused as error:
            alive = not _waited(lambda: running.process.poll() is not None, _DYING_S)
            self._findings.hold("commands are carried out", not alive, lambda said=str(error): f"{route}: {said}")
            return (running.data_dir / "KILL").exists() if route == "/v1/kill" else False
        return True


def _waited(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Wait until something is so, and say whether it came to be."""
    deadline_ns = monotonic_ns() + int(timeout_s * 1e9)
    while not condition():
        if monotonic_ns() > deadline_ns:
            return False
        wait(_LOOK_S)
    return True
