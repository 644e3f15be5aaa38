"""`bin/prove live`: an engine trades live on a sandbox in which things go wrong; then both books are compared.

Why the end is waited for: a trade is settled on chain seconds to minutes after it was matched, and what has not moved
yet cannot be compared. What never settles, because its fate is to hang, is compared as what is still to be moved.
"""

import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any, Final

from actors.store.database import StoreError
from actors.store.queries import Reader
from research.prove.live_claims import Clocks, check, check_end, check_errors, check_wallet, has_settled
from research.prove.live_journal import Journal, read
from research.prove.live_operator import Operator
from research.prove.live_venue import Fault, VenueAccount, fold
from research.prove.processes import Sandbox, sandbox, until, wait
from research.prove.witness import Findings

SCHEMA: Final = "keel.prove.live/1"

_LOOK_S: Final = 0.25
_STATUS_EVERY_S: Final = 10.0
_FLAT_S: Final = 420.0
"""Sandbox seconds that a flatten may take: the relayer merges one market after the other."""
_ENDING_S: Final = 120.0
_FLATTEN_S: Final = "40"
"""Of one command; it goes on where it was when it is said again. A fill that never settles keeps it from its end."""
_SETTLED_S: Final = 300.0
"""Sandbox seconds after which what has not been settled is not waited for any more."""
_LAG_NS: Final = 500_000_000
"""How far a sandbox on a busy machine may be behind the clock by which it stamps what comes in."""
_TRIES: Final = 9
_SECOND: Final = 1_000_000_000
_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be run: `minutes` of sandbox time, `kills` of the engine during them, on the sandbox's `account`."""

    minutes: float = 30.0
    faults: str = "mixed"
    seed: int = 1
    profile: str = "demo"
    clock_speed: float = 1.0
    kills: int = 0
    account: int = 1
    markets_count: int | None = None


@dataclass(slots=True)
class LiveReport:
    """What came of it. `minutes` were traded, `starts` counts the engine's lives; `folder` has the logs and the data.

    `flat`: `keel flatten` came to its end, nothing is held any more.
    """

    asked: Asked
    folder: Path
    minutes: float = 0.0
    starts: int = 0
    killed: int = 0
    orders: int = 0
    refused: int = 0
    fills: int = 0
    voided: int = 0
    merges: int = 0
    flat: bool = False
    longest_pause_s: float = 0.0
    states: Counter[str] = field(default_factory=Counter[str])
    faults: dict[str, Fault] = field(default_factory=dict[str, Fault])
    findings: Findings = field(default_factory=Findings)

    @property
    def holds(self) -> bool:
        """Whether every claim that was checked held."""
        return not sum(self.findings.wrong.values())


def prove_live(asked: Asked, told: Callable[[float], object], folder: Path | None = None) -> LiveReport:
    """Run and compare. `told` hears how much is done, as a share; Ctrl-C ends the trading early and compares it.

    Raises RuntimeError where the sandbox or the engine cannot be brought up at all.
    """
    folder = folder or Path(mkdtemp(prefix="keel-prove-live-"))
    folder.mkdir(parents=True, exist_ok=True)
    report = LiveReport(asked, folder)
    flags = ("--profile", asked.profile, "--seed", asked.seed, "--faults", asked.faults)
    if asked.markets_count is not None:
        flags = (*flags, "--markets-count", asked.markets_count)
    clock = ("--clock-speed", asked.clock_speed, "--log", folder / "sandbox.jsonl")
    with sandbox(*flags, *clock, "--accounts", asked.account + 1) as venue:
        run = _Run(report, venue)
        try:
            run.trade(told)
            run.finish()
        finally:
            run.operator.kill()
    run.compare()
    return report


class _Run:
    def __init__(self, report: LiveReport, venue: Sandbox) -> None:
        self._asked = asked = report.asked
        self._report = report
        self._findings = report.findings
        self._venue = venue
        self._account: dict[str, Any] = venue.said["accounts"][asked.account]
        self._clocks = measured(venue, asked.clock_speed)
        own_clock = {} if asked.clock_speed == 1 else {"KEEL_ACCOUNT__CLOCK_SKEW_MAX_MS": "0"}
        self.operator = Operator(report.folder, venue, asked.account, self._died, **own_clock)
        self._traded_until = self._quiet_from = 0
        self._wallet: dict[str, Any] = {}

    def trade(self, told: Callable[[float], object]) -> None:
        """Let it trade for its time, killed and brought back as was asked."""
        asked, operator = self._asked, self.operator
        operator.bring_up()
        lasts_s = asked.minutes * 60 / asked.clock_speed
        random = Random(f"{asked.seed}/kills")
        kills = sorted(random.uniform(0.1, 0.9) * lasts_s for _ in range(asked.kills))
        begun = looked = time.monotonic()
        try:
            while (now := time.monotonic()) < begun + lasts_s:
                told((now - begun) / lasts_s)
                if kills and now > begun + kills[0]:
                    del kills[0]
                    self._report.killed += 1
                    operator.kill()
                if operator.running is None:
                    operator.bring_up()
                elif now > looked + _STATUS_EVERY_S:
                    looked = now
                    operator.look(now)
                wait(_LOOK_S)
        except KeyboardInterrupt:
            pass
        self._report.minutes = (time.monotonic() - begun) * asked.clock_speed / 60
        self._traded_until = self._last_line()

    def _died(self, what: str) -> None:
        self._findings.hold("the engine never ended by itself", False, lambda: what)

    # The end

    def finish(self) -> None:
        """Take everything off, wait for what is under way, and end the engine in good order."""
        report, operator = self._report, self.operator
        flat_s = _FLAT_S / self._asked.clock_speed
        report.flat = _in_time(self._is_flat, flat_s)
        stopped = report.flat or _in_time(lambda: operator.say("pause"), _ENDING_S)
        self._findings.hold("it could be stopped", stopped, lambda: "the command was not carried out")
        self._quiet_from = self._last_line()
        _in_time(self._has_settled, _SETTLED_S / self._asked.clock_speed)
        code = operator.end()
        self._findings.hold("the engine ended in good order", code == 0, lambda: f"exit {code}")
        shown = self._venue.asked("/accounts")["accounts"][self._asked.account]
        kind = self._account["signature_type"]
        self._wallet = next(one for one in shown["wallets"] if one["signature_type"] == kind)
        for order_id in shown["open_orders"]:
            self._findings.hold("nothing is open at the venue", False, lambda one=order_id: one)

    def _is_flat(self) -> bool:
        if self.operator.say("flatten", "--yes", "--timeout", _FLATTEN_S):
            return True
        self.operator.look(time.monotonic())
        return False

    def _last_line(self) -> int:
        return self._venue.asked("/log?limit=0")["last"]

    def _has_settled(self) -> bool:
        if self.operator.running is None:
            return True
        try:
            journal = read(self.operator.database)
        except sqlite3.Error:
            return False
        return has_settled(self._folded(), journal, self._venue.asked("/status")["now_ms"] * _MS)

    # What came of it

    def compare(self) -> None:
        """Fold both sides and hold them against each other."""
        venue, journal = self._folded(), read(self.operator.database)
        tokens = {
            token_id: (market["condition_id"], index)
            for market in self._venue.said["markets"]
            for index, token_id in enumerate(market["token_ids"])
        }
        check(venue, journal, self._clocks, self._findings)
        self._check_chain()
        check_end(venue, self._quiet_from, self._findings)
        check_wallet(venue, self._wallet, tokens, self._findings)
        check_errors(self.operator.log, venue.faults, self._findings)
        self._summarise(venue, journal)

    def _check_chain(self) -> None:
        why = ""
        try:
            with Reader(f"sqlite:///{self.operator.database}") as reader:
                reader.verify()
        except StoreError as error:
            why = str(error)
        self._findings.hold("the journal's chain is whole", not why, lambda: why)

    def _summarise(self, venue: VenueAccount, journal: Journal) -> None:
        report = self._report
        report.starts, report.states = self.operator.starts, self.operator.states
        report.orders, report.refused, report.fills = len(venue.orders), len(venue.refused), len(venue.fills)
        report.voided = sum(row["status"] == "voided" for row in journal.fills.values())
        report.merges, report.faults = len(venue.merged), venue.faults
        placed = sorted(one.at_ns for one in venue.orders.values() if one.number <= self._traded_until)
        report.longest_pause_s = max((after - before for before, after in pairwise(placed)), default=0) / _SECOND
        self._findings.hold("it traded", bool(venue.fills), lambda: f"{len(placed)} orders, no fill")

    def _folded(self) -> VenueAccount:
        with (self._report.folder / "sandbox.jsonl").open(encoding="utf-8") as lines:
            whole = (line for line in lines if line.endswith("\n"))
            return fold(whole, self._account["address"], self._account["funder"])


def measured(venue: Sandbox, speed: float) -> Clocks:
    """Hold the sandbox's clock against ours: by the quickest of several answers."""
    found: list[tuple[int, int, int]] = []
    for _ in range(_TRIES):
        asked_ns = time.time_ns()
        now_ms = venue.asked("/status")["now_ms"]
        took_ns = time.time_ns() - asked_ns
        found.append((took_ns, asked_ns + took_ns // 2, now_ms * _MS + _MS // 2))
    took_ns, our_ns, venue_ns = min(found)
    return Clocks(venue_ns, our_ns, speed, took_ns + _LAG_NS)


def _in_time(condition: Callable[[], bool], timeout_s: float) -> bool:
    try:
        until(condition, "", timeout_s)
    except TimeoutError:
        return False
    return True
