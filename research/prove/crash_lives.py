"""The lives of one engine on one sandbox: each begins where the one before it was cut off.

It is killed at a named point of its own code (`crash_points`) or at a random moment, a start and a stop among them.
When a new life says that it has recovered, and before it may trade, everything that the sandbox knows of the account is
compared: orders, fills, cash, positions, the kill latch. What agrees by then is what the engine recovered; nothing else
happens meanwhile, for it begins paused.

Why the venue's patience is shortened where no fault is thrown: an engine waits for an order of unknown fate for as long
as a venue may still take it, 20 s. A sandbox that delays nothing takes one at once or never.
"""

import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Event
from typing import Any, Final

from actors.latch import read_latch
from actors.runtime.clock import SystemClock, monotonic_ns
from actors.store.database import StoreError
from research.prove.control_socket import Refused, answers, ask
from research.prove.crash_claims import check_losses, check_shown, is_quiet
from research.prove.crash_points import POINTS, VARIABLE
from research.prove.live import measured
from research.prove.live_claims import check
from research.prove.live_journal import Journal, read
from research.prove.live_venue import Folder, VenueAccount
from research.prove.postgres import Reachable
from research.prove.processes import Engine, Sandbox, live_engine, wait
from research.prove.witness import Findings

RANDOM: Final = "a random moment"
KILLED: Final = "a random moment, while killed"
CUT: Final = "cut off from its database"

_SETTINGS: Final = {
    "STRATEGY_TAG": "proof",
    "PM_BID_SIZE": "5",
    "KEEL_INVENTORY__MAX_NET_DIFF": "10",
    "KEEL_INVENTORY__MAX_POSITION_VALUE": "500",
    "KEEL_INVENTORY__AUTO_MERGE": "at_least",
    "KEEL_INVENTORY__MERGE_PAIRS": "5",
    "KEEL_RISK__WALLET_USD": "10000",
    "KEEL_JOURNAL__CHECKPOINT_EVERY": "300",
    "KEEL_EXECUTOR__RECONCILE_EVERY_MS": "5000",
}
"""A desk that trades all the time, merges often, and whose account is read and journal summed up every few seconds."""
_PUNCTUAL: Final = {"KEEL_EXECUTOR__LATE_ACCEPTANCE_MS": "5000", "KEEL_EXECUTOR__ABSENCE_APART_MS": "500"}
"""Of a venue that is never late."""

_MODULE: Final = "research.prove.crash_points"
_START_S: Final = 60.0
_EQUAL_S: Final = 45.0
"""How long a recovered engine may take to agree with the venue, in sandbox seconds."""
_FAULTS_S: Final = 240.0
"""How much longer where the plan may keep the venue silent, slow or in a restart."""
_REACH_S: Final = 25.0
"""How long a point is waited for; an engine that has not come to it by then is killed where it stands."""
_LIVES_S: Final = 5.0
"""Longest that one trades before a random moment or a stop."""
_REFUSED: Final = (1, 4)
"""Exit codes of a start that a venue in trouble does not let in; its service manager, or a person, starts it again."""
_STARTS_MAX: Final = 10
_DYING_S: Final = 2.0
_LOOK_S: Final = 0.05
_COMPARE_S: Final = 0.25
_CUT_S: Final = 3.0
"""Longest that a cut connection stays so before the kill."""
_DAY_NS: Final = 86_400_000_000_000
_KILLED_EVERY: Final = 12
"""One life of so many begins killed, and stays it."""
_MARKETS_LEFT: Final = 3
"""So many markets never end, so that it can go on trading."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be run. `db` is a URL; without it the database is a file beside the logs.

    `postgresql` in place of a URL: a server of the proof's own, whose connections are cut before some of the kills.
    `ends_every`: one life of so many sees a market end; 0: none does. `at_once` runs share the kills.
    """

    kills: int = 127
    seed: int = 1
    db: str | None = None
    faults: str = "none"
    profile: str = "demo"
    clock_speed: float = 1.5
    account: int = 1
    markets_count: int | None = 6
    ends_every: int = 0
    at_once: int = 1


@dataclass(slots=True)
class Came:
    """What came of one run. `survived` counts the kills after which everything agreed again, by where they fell.

    `missed` are points that were armed and not reached in time: the life then ended at a random moment. `refused` are
    starts that a fault kept from coming up. `ready_s` is how long each start took until the engine ran, `equal_s` until
    all that is compared agreed.
    """

    folder: Path
    survived: Counter[str] = field(default_factory=Counter[str])
    missed: Counter[str] = field(default_factory=Counter[str])
    refused: int = 0
    orders: int = 0
    fills: int = 0
    merges: int = 0
    redeemed: int = 0
    ready_s: list[float] = field(default_factory=list[float])
    equal_s: list[float] = field(default_factory=list[float])
    findings: Findings = field(default_factory=Findings)


def plan(asked: Asked) -> Iterator[str]:
    """Return where each life is to end: every point in turn, in an order of the seed's, and as often anywhere."""
    random = Random(f"{asked.seed}/plan")
    while True:
        turn = [*POINTS, *[RANDOM] * (len(POINTS) // 3)]
        random.shuffle(turn)
        yield from turn


class Lives:
    """One run: a seed, a folder. `ending`: set when no further life shall begin; `lived` counts those that were."""

    def __init__(self, asked: Asked, folder: Path, ending: Event) -> None:
        self.asked = asked
        self.came = Came(folder)
        self.lived = 0
        self._ending = ending
        self._findings = self.came.findings
        self._random = Random(f"{asked.seed}/moments")
        self._data_dir = folder / "data"
        self._stack = ExitStack()
        self._engine: Engine | None = None
        self._killed = False
        self._deaths: list[str] = []
        """Where it was killed since all was compared last."""
        self._venue: Sandbox
        self._server: Reachable | None
        self._db: str | None

    def all(self, venue: Sandbox, server: Reachable | None) -> Came:
        """Let it live and die on a sandbox as often as was asked, and once more be compared."""
        asked = self.asked
        self._venue, self._server, self._day = venue, server, self._today()
        self._db = asked.db if server is None else server.database()
        self._clocks = measured(venue, asked.clock_speed)
        account = venue.said["accounts"][asked.account]
        self._folder = Folder(account["address"], account["funder"])
        own_clock = {} if asked.clock_speed == 1 else {"KEEL_ACCOUNT__CLOCK_SKEW_MAX_MS": "0"}
        patience = _PUNCTUAL if asked.faults == "none" else {}
        relayer_key = account["relayer_api_key"]["key"]
        self._variables = {**_SETTINGS, **patience, "POLYMARKET_RELAYER_API_KEY": relayer_key, **own_clock}
        self._open: list[dict[str, Any]] = list(venue.said["markets"])
        try:
            for number, where in zip(range(asked.kills), plan(asked), strict=False):
                if self._ending.is_set():
                    break
                self._deaths.append(self._life(where, number))
                self.lived += 1
            self._begin("", 0)
            self._recovered()
        finally:
            if self._engine is not None:
                self._over()
        return self.came

    # One life

    def _life(self, where: str, number: int) -> str:
        """Bring one up, compare, let it trade, and see it die; return where it did."""
        point = POINTS.get(where)
        passages = self._random.randrange(point.often) if point is not None else 0
        self._begin(where if point is not None else "", passages)
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
                self._running.process.send_signal(signal.SIGTERM)
            if point is not None:
                _waited(lambda: self._running.process.poll() is not None, _REACH_S)
        running = self._running
        code = running.process.poll()
        if code is None:
            running.process.kill()
            code = running.process.wait()
            if point is not None:
                self.came.missed[where] += 1
            where = KILLED if self._killed else CUT if where == CUT else RANDOM
        self._findings.hold("no engine ended by itself", code == -signal.SIGKILL, lambda: f"{code}: {running.trouble}")
        self._over()
        return where

    @property
    def _running(self) -> Engine:
        assert self._engine is not None
        return self._engine

    def _begin(self, where: str, passages: int) -> None:
        self._armed = where, passages
        armed = {VARIABLE: f"{where}:{passages}"} if where else {}
        flags = () if self._db is None else ("--db", self._db)
        account = self.asked.account
        self._began_ns = monotonic_ns()
        context = live_engine(self._data_dir, self._venue, account, *flags, module=_MODULE, **self._variables, **armed)
        self._engine = self._stack.enter_context(context)

    def _age_s(self) -> float:
        return (monotonic_ns() - self._began_ns) / 1e9

    def _over(self) -> None:
        with (self.came.folder / "engine.log").open("a", encoding="utf-8") as log:
            log.write(self._running.log)
        self._stack.close()
        self._engine = None

    # What it knows again

    def _recovered(self) -> bool:
        """Wait until the engine runs and agrees with the venue; False where it died on the way, as it was told to."""
        faults_s = 0.0 if self.asked.faults == "none" else _FAULTS_S
        dead = lambda: self._running.process.poll() is not None  # noqa: E731
        for _ in range(_STARTS_MAX):
            if not _waited(lambda: dead() or answers(self._data_dir, "/v1/risk"), _START_S + faults_s):
                said = self._running.log[-600:]
                self._findings.hold("every start comes up", False, lambda said=said: f"after {self._before}: {said}")
                return False
            if not faults_s or self._running.process.poll() not in _REFUSED:
                break
            self.came.refused += 1
            self._over()
            self._begin(*self._armed)
        if dead():
            return False
        running = self._running
        ready_s = self._age_s()
        wrong: list[Findings] = []
        within_s = (_EQUAL_S + faults_s) / self.asked.clock_speed + _START_S / 4
        _waited(lambda: dead() or self._is_quiet(running), within_s)
        agreed = _waited(lambda: dead() or self._agrees(running, wrong), within_s, _COMPARE_S)
        if dead():
            return False
        self.came.ready_s.append(ready_s)
        self.came.equal_s.append(self._age_s())
        self._note(wrong[-1])
        if agreed:
            self.came.survived.update(self._deaths)
            self._deaths.clear()
        return True

    def _is_quiet(self, running: Engine) -> bool:
        """Whether it says that nothing is open any more; until then there is no use in a comparison."""
        try:
            return is_quiet(ask(running.data_dir, "GET", "/v1/status"))
        except Refused:
            return False

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
        if self._today() == self._day:
            check_losses(ask(running.data_dir, "GET", "/v1/risk"), journal, findings)
        check_shown(venue, shown, journal.redeemed, findings, killed=self._killed)
        came = self.came
        came.orders, came.fills = len(venue.orders), len(venue.fills)
        came.merges = sum(size > 0 for size in venue.merged.values())
        came.redeemed = len(venue.redeemed)
        return findings

    @staticmethod
    def _today() -> int:
        """Return the number of the day in UTC: with a new one the losses of the day begin anew."""
        return SystemClock().now_ns() // _DAY_NS

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
        running = self._running
        if self._killed:
            self._said(running, "/v1/kill/clear", {"word": self._word(running), "timeout_s": 60})
            self._killed = self._is_latched
        if not self._killed:
            self._said(running, "/v1/commands/resume", {"confirmed": True})
        every = self.asked.ends_every
        if every and number % every == every - 1:
            self._end_market()
        if number % _KILLED_EVERY == _KILLED_EVERY - 1:
            wait(0.5)
            self._killed = self._said(running, "/v1/kill", {"reason": "proof"})

    def _end_market(self) -> None:
        """Let a market resolve, one that something is held of if there is one: YES, NO, or half to each."""
        if len(self._open) <= _MARKETS_LEFT:
            return
        held = {market for (market, _), shares in self._seen().wallet.tokens.items() if shares}
        chosen = self._random.choice([one for one in self._open if one["condition_id"] in held] or self._open)
        self._open.remove(chosen)
        outcome = self._random.choice((*chosen["outcomes"], None))
        how = {"fault": "void"} if outcome is None else {"fault": "resolve", "outcome": outcome}
        self._venue.asked("/faults", {**how, "market": chosen["slug"]})

    def _word(self, running: Engine) -> str:
        """Return the word that lifts a kill; none from an engine that dies on the question."""
        try:
            return ask(running.data_dir, "GET", "/v1/kill")["confirm"]
        except Refused:
            return ""

    def _said(self, running: Engine, route: str, body: dict[str, object]) -> bool:
        """Say a command; an engine that dies on it has been told to."""
        try:
            ask(running.data_dir, "POST", route, body)
        except Refused as error:
            alive = not _waited(lambda: running.process.poll() is not None, _DYING_S)
            self._findings.hold("commands are carried out", not alive, lambda said=str(error): f"{route}: {said}")
            return self._is_latched if route == "/v1/kill" else False
        return True

    @property
    def _is_latched(self) -> bool:
        """Whether the next life begins killed; what was being lifted when the engine died counts."""
        return read_latch(self._data_dir / "KILL") is not None


def _waited(condition: Callable[[], bool], timeout_s: float, every_s: float = _LOOK_S) -> bool:
    """Wait until something is so, and say whether it came to be."""
    deadline_ns = monotonic_ns() + int(timeout_s * 1e9)
    while not condition():
        if monotonic_ns() > deadline_ns:
            return False
        wait(every_s)
    return True
