"""`bin/prove kill`: all is killed in the midst of many orders a second, and the venue's log says what left after it.

Each try starts an engine that trades live on a sandbox, has it quote everything anew whenever it has come to rest, and
kills it in the midst of that in one of the ways that there are. After the kill nothing may leave, the book must be
empty within ten seconds, a restart must stay killed, also where the file is gone, and only a person on the local socket
may let it trade again.

What counts as the moment of a kill: the file of the latch is there, for it is written when the gate is closed; of one
past an engine that hangs, that its process has ended. Where the venue's log stands is asked right then: what it writes
behind that came after the kill, whatever either clock says. What it had still to read when the gate closed is one
request, and is told apart.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from research.prove.control_socket import Refused, ask
from research.prove.postgres import Reachable, reachable
from research.prove.processes import (
    UNHINDERED,
    Engine,
    Sandbox,
    keel,
    live_engine,
    monitor,
    sandbox,
    until,
    wait,
)
from research.prove.witness import Findings

SCHEMA: Final = "keel.prove.kill/1"
RAISERS: Final = ("cli", "monitor", "file", "signal", "loss", "offline")

_SETTINGS: Final = {
    "STRATEGY_TAG": "proof",
    "WALLET_USD": "1000000",
    "PM_BID_SIZE": "5",
    "PM_MAX_NET_DIFF": "1000000",
    "PM_MAX_POSITION_VALUE": "1000000",
    "PM_DEBOUNCE_MS": "0",
    "PM_REPRICE_THRESHOLD": "0",
    "PM_OFI_TOXICITY_THRESHOLD": "1000000",
    "KEEL_PHASE__FLAT_BAND": "1000000",
    "KEEL_QUOTES__CANCELS_PER_S": "1000",
    "KEEL_QUOTES__REFUSED_COOLDOWN_MS": "0",
    "KEEL_INVENTORY__AUTO_MERGE": "off",
    "KEEL_RISK__OPEN_ORDERS_TOTAL": "1000",
    "KEEL_EXECUTOR__RATE_TIER": "Elite",
    "KEEL_GATE__SECOND_MAX": "1500",
    "KEEL_GATE__TEN_SECONDS_MAX": "6900",
    "KEEL_PACE__ORDERS_PER_S": "200",
    "KEEL_PACE__ORDERS_AT_ONCE": "500",
    "KEEL_PACE__DUPLICATE_WINDOW_MS": "0",
    "KEEL_MARKET__MIN_TOUCH": "1",
    "KEEL_REJECTS__MARKET": "100",
    "KEEL_REJECTS__TOTAL": "1000",
    "KEEL_REJECTS__RATIO": "1",
    "KEEL_REJECTS__CROSSINGS": "1000",
    **UNHINDERED,
    "KEEL_LOG_LEVEL": "WARNING",
}
"""A desk that re-quotes at every change, and no control that would hold it back before the kill does."""
_LOSES: Final = {"KEEL_LOSSES__DRAWDOWN": "0.000001"}
"""A dollar of the million below the highest point, which every desk falls to soon."""
_PACE_S: Final = 60.0
_FIRST_S: Final = 3.0
"""How long it may take from a resume to the first order."""
_LOOK_S: Final = 0.1
"""So seldom the venue is asked for its log: each answer takes time from what is to be at its pace."""
_REST_S: Final = 0.4
"""Without an order for so long it has quoted everything, or cancelled it."""
_MIDST_NS: Final = 3_000_000_000
_LATCHED_S: Final = 60.0
_LAG_NS: Final = 250_000_000
"""How far a sandbox on a busy machine may be behind with what came in."""
_REQUEST: Final = 15
"""Orders of one request, at most."""
_EMPTY_S: Final = 10.0
_QUIET_S: Final = 1.5
_TRADES_AGAIN_S: Final = 30.0
_RESOLVED_S: Final = 120.0
_UNRESOLVED: Final = "may still fill"
"""As long as that is said of orders, whose answers the kill has cut off, nobody is to lift it."""
_PAGE: Final = 10_000
_OURS: Final = ("order_placed", "order_refused")
_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """How often each of the `raisers` is tried, on how many markets, at how many orders a second at least.

    `db`: `postgresql` for a server of the proof's own, whose connections are cut after a kill; None for files.
    """

    tries: int = 1
    raisers: tuple[str, ...] = RAISERS
    orders_per_s: int = 200
    markets: int = 100
    seed: int = 1
    db: str | None = None


def _nothing(*_: object) -> None:
    """Do nothing."""


@dataclass(slots=True)
class Try:
    """What came of one kill: the most orders that came to the venue in a second before, and in the last one.

    `after`: orders that stand behind the kill in its log, `last_ms` the last of them, negative where there is none;
    `empty_s`: when nothing rested.
    """

    raiser: str
    most_per_s: int = 0
    last_per_s: int = 0
    after: int = 0
    last_ms: float = 0.0
    empty_s: float = 0.0


@dataclass(slots=True)
class KillReport:
    """What came of all; `folder` has the logs and the data."""

    asked: Asked
    folder: Path
    tries: list[Try] = field(default_factory=list[Try])
    findings: Findings = field(default_factory=Findings)

    @property
    def holds(self) -> bool:
        """Whether every claim that was checked held."""
        return not sum(self.findings.wrong.values())


def prove_kill(asked: Asked, told: Callable[[float], object], folder: Path | None = None) -> KillReport:
    """Kill again and again. `told` hears how much is done, as a share.

    Raises RuntimeError where an engine does not come up.
    """
    folder = folder or Path(mkdtemp(prefix="keel-prove-kill-"))
    report = KillReport(asked, folder)
    world = ("--profile", "demo", "--markets-count", asked.markets, "--seed", asked.seed)
    tries = asked.tries * len(asked.raisers)
    # What an account did before is foreign to an engine that knows nothing of it: each has its own.
    accounts = ("--tier", "Elite", "--cash", 1_000_000, "--accounts", tries)
    with reachable(asked.db) as server, sandbox("--port", 0, *accounts, *world) as venue:
        for number in range(tries):
            told(number / tries)
            raiser = asked.raisers[number % len(asked.raisers)]
            trying = _Trying(report, venue, raiser, folder / f"{number}-{raiser}", number, server)
            try:
                trying.run()
            except TimeoutError as error:
                report.findings.hold("what is waited for comes about", False, lambda said=f"{raiser}: {error}": said)
    return report


class _Trying:
    def __init__(
        self, report: KillReport, venue: Sandbox, raiser: str, data_dir: Path, number: int, server: Reachable | None
    ) -> None:
        self._server = server
        self._flags = () if server is None else ("--db", server.database())
        self._report = report
        self._venue = venue
        self._data_dir = data_dir
        self._latch = data_dir / "KILL"
        self._file_lost = number % 2 == 1
        self._tried = Try(raiser)
        self._account = number
        self._owner: dict[str, Any] = venue.said["accounts"][number]
        self._last_line = 0
        self._command: subprocess.Popen[str] | None = None
        self._quoting = False
        self._rests_s = 0.0
        """From when on it has come to rest, if no order comes until then."""
        self._came: list[tuple[int, int]] = []
        """Number and time of the line of each order of ours that came in."""
        report.tries.append(self._tried)

    def run(self) -> None:
        """Kill an engine at its pace, look at what is left, start it again, and release it."""
        with self._engine(_LOSES if self._tried.raiser == "loss" else {}) as running:
            with monitor(self._data_dir) if self._tried.raiser == "monitor" else nullcontext(_nothing) as press:
                self._read()  # what came before is not of this try
                self._came.clear()
                self._come_to_pace(running)
                try:
                    killed_ns = self._raise(running, press)
                    killed = self._newest()
                    self._empty(killed_ns)
                finally:
                    running.process.send_signal(signal.SIGCONT)
                self._proves_rest()
            wait(_QUIET_S)
            if self._server is not None:
                self._server.interrupt(_QUIET_S)
            self._count(*killed)
        if self._file_lost:
            self._latch.unlink()
        with self._engine({}) as running:
            self._stays_killed(running)
            self._is_released(running)

    def _engine(self, more: dict[str, str]) -> AbstractContextManager[Engine]:
        return live_engine(self._data_dir, self._venue, self._account, *self._flags, **(_SETTINGS | more))

    def _hold(self, claim: str, held: bool, said: object) -> None:
        self._report.findings.hold(claim, held, lambda: f"{self._data_dir.name}: {said}")

    # The kill

    def _come_to_pace(self, running: Engine) -> None:
        """Drive it until so many orders came within a second; a loss kills when it comes."""
        limit_s = time.monotonic() + _PACE_S
        while time.monotonic() < limit_s and not self._latch.exists():
            if running.process.poll() is not None:
                raise RuntimeError(f"the engine ended with {running.process.returncode}: {running.trouble}")
            self._drive()
            if self._most() >= self._report.asked.orders_per_s:
                return
            wait(_LOOK_S)

    def _drive(self) -> None:
        """Have it cancel everything and quote it anew where it has come to rest."""
        before, now_s = len(self._came), time.monotonic()
        self._read()
        if len(self._came) > before:
            self._rests_s = now_s + _REST_S
        if now_s < self._rests_s:
            return
        self._quoting = not self._quoting
        command, confirmed = ("resume", True) if self._quoting else ("pause", False)
        with suppress(Refused):  # the kill has come, or it does not serve yet
            ask(self._data_dir, "POST", f"/v1/commands/{command}", {"confirmed": confirmed})
        self._rests_s = time.monotonic() + (_FIRST_S if self._quoting else _REST_S)

    def _raise(self, running: Engine, press: Callable[[str], object]) -> int:
        """Kill, and return when that was."""
        match self._tried.raiser:
            case "file":
                self._latch.touch()
                killed_ns = time.time_ns()
                self._latched()
            case "signal":
                running.process.send_signal(signal.SIGUSR2)
                killed_ns = self._latched()
            case "monitor":
                press("K")
                press("K")
                killed_ns = self._latched()
            case "loss":
                killed_ns = self._latched()
            case "offline":
                running.process.send_signal(signal.SIGSTOP)
                killed_ns = self._killed_offline()
            case _:
                self._command = running.begin("kill", "--reason", "proof", "--timeout", "30")
                killed_ns = self._latched(self._drive)
        return killed_ns

    def _latched(self, meanwhile: Callable[[], object] = _nothing) -> int:
        """Return when the file of the latch was there first, to the millisecond."""
        limit_s = time.monotonic() + _LATCHED_S
        while not os.path.lexists(self._latch):
            if time.monotonic() > limit_s:
                raise TimeoutError(f"{self._tried.raiser}: nothing was latched within {_LATCHED_S:g} s")
            meanwhile()
            wait(0.001)
        return int(self._latch.lstat().st_mtime * _S)

    def _proves_rest(self) -> None:
        if self._command is not None:
            said = self._command.communicate(timeout=_LATCHED_S)[0]
            self._hold("keel kill proves that nothing rests", self._command.returncode == 0, said)

    def _killed_offline(self) -> int:
        key = {
            "POLYMARKET_PRIVATE_KEY": self._owner["private_key"],
            "SIGNATURE_TYPE": str(self._owner["signature_type"]),
            "KEEL_ACCOUNT__FUNDER": self._owner["funder"],
        }
        flags = ("--offline", "--sandbox", self._venue.url, "--data-dir", self._data_dir, "--json")
        done = keel("kill", *flags, **key)
        killed_ns = time.time_ns()
        self._hold("keel kill --offline proves that nothing rests", done.returncode == 0, done.stderr or done.stdout)
        return killed_ns

    # What the venue says

    def _newest(self) -> tuple[int, int]:
        """Return number and time of the newest line of the venue's log."""
        number = self._venue.asked("/log?limit=0")["last"]
        return number, self._venue.asked(f"/log?after={number - 1}&limit=1")["lines"][0]["at_ns"]

    def _read(self) -> None:
        """Read what the venue has seen by now; it goes on while we read."""
        lines: list[dict[str, Any]] = [{}] * _PAGE
        while len(lines) == _PAGE:
            lines = self._venue.asked(f"/log?after={self._last_line}&limit={_PAGE}")["lines"]
            self._last_line = lines[-1]["n"] if lines else self._last_line
            self._came += [
                (line["n"], line["at_ns"])
                for line in lines
                if line["kind"] in _OURS and line.get("account") == self._owner["address"]
            ]

    def _most(self) -> int:
        """Return the most orders that came within one second."""
        most, first = 0, 0
        for number, (_, at_ns) in enumerate(self._came):
            while self._came[first][1] <= at_ns - _S:
                first += 1
            most = max(most, number - first + 1)
        return most

    def _empty(self, killed_ns: int) -> None:
        """Wait until nothing rests any more."""
        limit_s = time.monotonic() + 3 * _EMPTY_S
        while self._venue.asked("/accounts")["accounts"][self._account]["open_orders"] and time.monotonic() < limit_s:
            wait(0.05)
        self._tried.empty_s = max(time.time_ns() - killed_ns, 0) / _S
        self._hold("the book is empty within 10 s", self._tried.empty_s <= _EMPTY_S, f"{self._tried.empty_s:.1f} s")

    def _count(self, killed_line: int, killed_ns: int) -> None:
        """Count what came in before and after the kill, by the venue's log and its clock."""
        self._read()
        tried, wanted = self._tried, self._report.asked.orders_per_s
        after = [at_ns for line, at_ns in self._came if line > killed_line]
        tried.after = len(after)
        tried.last_ms = (max((at_ns for _, at_ns in self._came), default=killed_ns) - killed_ns) / 1e6
        tried.most_per_s = self._most()
        tried.last_per_s = sum(killed_ns - _S < at_ns <= killed_ns for _, at_ns in self._came)
        late = [at_ns for at_ns in after if at_ns > killed_ns + _LAG_NS]
        self._hold("no order after the kill", not late, f"{len(late)}, the last after {tried.last_ms:.0f} ms")
        self._hold("at most one request was still to be read", tried.after <= _REQUEST, f"{tried.after} orders")
        if tried.raiser not in ("loss", "offline"):
            self._hold("it came in the midst of orders", tried.last_ms > -_MIDST_NS / 1e6, f"{tried.last_ms:.0f} ms")
        if tried.raiser != "loss":
            self._hold("it was at its pace", tried.most_per_s >= wanted, f"{tried.most_per_s} of {wanted} a second")

    # Afterwards

    def _stays_killed(self, running: Engine) -> None:
        self._read()
        before = len(self._came)
        until(lambda: running.keel("kill", "--status").stdout.startswith("killed since"), "it is killed", _LATCHED_S)
        self._hold("the latch is a file again", self._latch.exists(), "it is not there")
        refused = running.keel("resume", "--yes")
        told = refused.returncode == 6 and "keel kill --clear" in refused.stderr
        self._hold("resume is refused, with the way out", told, refused.stderr or refused.stdout)
        wait(_QUIET_S)
        self._read()
        self._hold("a restart stays killed", len(self._came) == before, f"{len(self._came) - before} orders")

    def _is_released(self, running: Engine) -> None:
        unasked = running.keel("kill", "--clear")
        self._hold("a clear has to be meant", unasked.returncode == 6, unasked.stdout)
        limit_s = time.monotonic() + _RESOLVED_S
        cleared = running.keel("kill", "--clear", "--yes")
        while cleared.returncode != 0 and _UNRESOLVED in cleared.stderr and time.monotonic() < limit_s:
            cleared = running.keel("kill", "--clear", "--yes")
        self._hold("a person clears it", cleared.returncode == 0, cleared.stderr or cleared.stdout)
        self._hold("the latch is gone", not self._latch.exists(), "it is there")
        running.done("resume", "--yes")
        before, limit_s = len(self._came), time.monotonic() + _TRADES_AGAIN_S
        while len(self._came) == before and time.monotonic() < limit_s:
            wait(0.1)
            self._read()
        self._hold("it trades again", len(self._came) > before, "no order")
