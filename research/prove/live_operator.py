"""The person beside a live engine: starts it, lets it trade, sees that it does, and starts it again.

Why there has to be one: a venue that refuses an engine at its start, another program with our key, a process that was
killed are for a person to see to. What the engine does by itself it has to do by itself; a death is noted.
"""

import json
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Final

from research.prove.processes import Engine, Sandbox, live_engine, until, wait

_RUNS: Final = "running; stop with"
_AGAIN: Final = "and start again"
"""What the engine asks of a person in its log."""
_PATIENCE_S: Final = 120.0
_START_S: Final = 60.0
_RESUMED_S: Final = 30.0
_AGAIN_S: Final = 3.0
_STARTS_MAX: Final = 20

_SETTINGS: Final = {
    "STRATEGY_TAG": "proof",
    "PM_BID_SIZE": "5",
    "KEEL_INVENTORY__MAX_NET_DIFF": "10",
    "KEEL_INVENTORY__MAX_POSITION_VALUE": "500",
    "KEEL_INVENTORY__AUTO_MERGE": "at_least",
    "KEEL_INVENTORY__MERGE_PAIRS": "20",
    "KEEL_RISK__WALLET_USD": "10000",
}
"""A desk that trades all the time and never has much at risk in one market."""


class Operator:
    """Runs engines on one account of a sandbox, one after the other, in one data folder.

    `died` is told of an end that nobody asked for. `states` counts what the markets were seen in.
    """

    def __init__(
        self, folder: Path, sandbox: Sandbox, account: int, died: Callable[[str], object], **variables: str
    ) -> None:
        self.data_dir = folder / "data"
        self.starts = 0
        self.states: Counter[str] = Counter()
        self._log = folder / "engine.log"
        self._sandbox, self._account = sandbox, account
        relayer_key = sandbox.said["accounts"][account]["relayer_api_key"]["key"]
        self._variables = {**_SETTINGS, "POLYMARKET_RELAYER_API_KEY": relayer_key, **variables}
        self._died = died
        self._halted_s: float | None = None
        self._stack = ExitStack()
        self._engine: Engine | None = None

    @property
    def database(self) -> Path:
        return self.data_dir / "arb.db"

    @property
    def log(self) -> str:
        """What all engines said, once they have ended."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    @property
    def running(self) -> Engine | None:
        """The engine that runs; one that ended by itself is noted."""
        engine = self._engine
        if engine is not None and engine.process.poll() is not None:
            self._died(f"exit {engine.process.returncode}: {engine.log[-600:]}")
            self._over(engine)
        return self._engine

    def bring_up(self) -> None:
        """Start it until the venue takes it, then let it trade. Raises RuntimeError where it never comes up."""
        said = ""
        for _ in range(_STARTS_MAX):
            engine = self._start()
            try:
                until(lambda engine=engine: _has_ended(engine) or _RUNS in engine.log, "it starts", _START_S)
                engine.done("resume", "--yes", timeout_s=_RESUMED_S)
            except (RuntimeError, TimeoutError, TimeoutExpired) as error:
                said = f"{error}\n{engine.log[-1_000:]}"
                self._over(engine)
                wait(_AGAIN_S)
            else:
                return
        raise RuntimeError(f"the engine does not come up: {said}")

    def kill(self) -> None:
        """End it as no handler can prevent."""
        if self._engine is not None:
            self._engine.process.kill()
            self._over(self._engine)

    def end(self) -> int:
        """Have it end in good order and return its exit code."""
        engine = self._engine
        if engine is None:
            return 0
        code = engine.end()
        self._over(engine)
        return code

    def look(self, now_s: float) -> None:
        """Look at its markets; start it again where it says so itself, or where all have long been halted."""
        engine = self.running
        answer = None if engine is None else engine.keel("status", "--json")
        if engine is None or answer is None or answer.returncode:
            return
        states = Counter(json.loads(answer.stdout)["states"])
        self.states += states
        if set(states) != {"HALTED"}:
            self._halted_s = None
            return
        self._halted_s = now_s if self._halted_s is None else self._halted_s
        if _AGAIN in engine.log or now_s > self._halted_s + _PATIENCE_S:
            self._halted_s = None
            self.end()
            self.bring_up()

    def say(self, *arguments: str) -> bool:
        """Say a command; brings it back first where it has ended. Returns whether it was done."""
        engine = self.running
        if engine is None:
            self.bring_up()
            return False
        try:
            return engine.keel(*arguments).returncode == 0
        except TimeoutExpired:
            return False

    def _start(self) -> Engine:
        self.starts += 1
        context = live_engine(self.data_dir, self._sandbox, self._account, **self._variables)
        self._engine = self._stack.enter_context(context)
        return self._engine

    def _over(self, engine: Engine) -> None:
        """End what is left of it, and keep what it said."""
        self._stack.close()
        self._engine = None
        with self._log.open("a", encoding="utf-8") as log:
            log.write(engine.log)


def _has_ended(engine: Engine) -> bool:
    return engine.process.poll() is not None
