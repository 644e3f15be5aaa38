"""Sandboxes, engines and commands as processes of their own, and how to wait for what they do."""

import inspect
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from surfaces.cli.errors import CommandError
from surfaces.client import EngineClient
from surfaces.socket_file import find_socket
from tests.bin import forked_commands
from tests.bin.forked_commands import Forked

ROOT = Path(__file__).parents[2]
Document = dict[str, Any]
Value = TypeVar("Value")

_NOTHING_SET = {
    "PATH": os.environ["PATH"],
    "HOME": os.environ.get("HOME", "/"),
    "LANG": "C.UTF-8",
    "XDG_STATE_HOME": f"{tempfile.gettempdir()}/keel-tests-{os.getuid()}",
    "PYTHONFAULTHANDLER": "1",  # a process that hangs can be asked for its stacks
}

_STDERR = 2

_PATIENT = {"KEEL_RUNTIME__SLOW_TURN_MS": "60000"}
"""No turn is too slow: a machine that runs many tests at once holds up any of them."""

LIVELY = {
    "KEEL_MARKOUTS__PICKED_OFF_FILLS": "100",
    "KEEL_MARKOUTS__PICKED_OFF_WINDOW_S": "1",
    "KEEL_MARKOUTS__ADVERSE_FILLS": "200",
    "KEEL_MARKOUTS__DECAY_FILLS": "1000",
}
"""Settings of an engine that is to trade all the time. The generated flow fills each market many times a minute and
moves its price: mark-outs would rightly hold it."""


def until(
    look: Callable[[], Value | None], what: str, timeout_s: float = 60.0, seen: Callable[[], object] | None = None
) -> Value:
    """Wait until something is there (or true), and return it; else say what was waited for, and what was seen."""
    deadline, pause_s = time.monotonic() + timeout_s, 0.01
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout_s:g} s, but {found!r}{(seen or _seen_by(look))()}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.2, 0.1)  # looking costs the machine what it waits for
    return found


def _seen_by(look: Callable[[], object]) -> Callable[[], str]:
    """Say what the engines show that a function looks at."""
    looked_at = inspect.getclosurevars(look).nonlocals.values() if inspect.isfunction(look) else ()
    return lambda: "".join(engine.seen() for engine in looked_at if isinstance(engine, Engine))


def keel(*arguments: object, timeout_s: float = 60.0, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a person does, in an environment in which nothing is set."""
    return forked_commands.run(tuple(map(str, arguments)), _NOTHING_SET | variables, timeout_s)


class Sandbox:
    """A running sandbox; `said` is its first line."""

    def __init__(self, said: Document) -> None:
        self.said = said
        self.url: str = said["clob_url"]
        self.slugs: list[str] = [market["slug"] for market in said["markets"]]
        self.lines: list[Document] = []
        """What was read of its log so far: the log only grows, and who waits for a line reads it again and again."""

    def status(self) -> Document:
        with urllib.request.urlopen(f"{self.url}/sandbox/status", timeout=30) as answer:
            return json.load(answer)

    def fault(self, name: str, **more: object) -> Document:
        body = json.dumps({"fault": name, **more}).encode()
        request = urllib.request.Request(f"{self.url}/sandbox/faults", body, method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


@contextmanager
def sandbox(*arguments: object) -> Iterator[Sandbox]:
    said, out = os.pipe()
    with os.fdopen(said, encoding="utf-8") as lines:
        try:
            process = Forked(("sandbox", "--json", *map(str, arguments)), _NOTHING_SET, out, _STDERR)
        finally:
            os.close(out)
        try:
            yield Sandbox(json.loads(lines.readline()))
        finally:
            process.terminate()
            process.wait()


class Engine:
    """A `keel run` in a folder of its own. What it prints is kept in files beside its data."""

    is_fresh: ClassVar = False

    def __init__(self, data_dir: Path, *arguments: object, **variables: str) -> None:
        self.data_dir = data_dir
        data_dir.mkdir(parents=True, exist_ok=True)
        self._out, self._err = data_dir / "stdout", data_dir / "stderr"
        command = tuple(map(str, ("run", "--data-dir", data_dir, *arguments)))
        environment = _NOTHING_SET | _PATIENT | variables
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = (
                subprocess.Popen(
                    [sys.executable, "-m", "bin.main", *command], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
                    stdout=out, stderr=err,
                ) if self.is_fresh else Forked(("keel", *command), environment, out.fileno(), err.fileno())
            )  # fmt: skip

    @property
    def log(self) -> str:
        """All that it has written to stderr so far."""
        return self._err.read_text(encoding="utf-8")

    @property
    def out(self) -> str:
        return self._out.read_text(encoding="utf-8")

    def up(self) -> "Engine":
        """Wait until it answers."""

        def answers() -> bool:
            assert self.process.poll() is None, self.log
            try:
                self.get("/v1/status")
            except CommandError:
                return False
            return True

        until(answers, "the engine answers")
        return self

    def get(self, route: str, **parameters: object) -> Document:
        """Ask its control socket, without the cost of a process."""
        with EngineClient(find_socket(self.data_dir), 30.0) as client:
            return client.get(route, **parameters)

    def status(self) -> Document:
        return self.get("/v1/status")

    def seen(self) -> str:
        """Say what it shows and what it has logged last."""
        ended = self.process.poll()
        try:
            shown = str(self.status()) if ended is None else f"it ended with {ended}"
        except CommandError as error:
            shown = f"it does not answer: {error}"
        return f"\n{shown}\n{''.join(self.log.splitlines(keepends=True)[-12:])}"

    def rows(self) -> dict[str, Document]:
        """Return the row of each market."""
        return {row["slug"]: row for row in self.status()["markets"]}

    def keel(self, *arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
        return keel(*arguments, "--data-dir", self.data_dir, **more)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code. An engine that does not end says where it hangs."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(10)
            stacks = (self.data_dir / "logs" / "stacks.log").read_text(encoding="utf-8")
            raise AssertionError(f"the engine did not end:\n{self.log}\n{stacks}") from None


class FreshEngine(Engine):
    """One in a new Python, which has imported nothing but what its run asks for."""

    is_fresh = True


@contextmanager
def engine(data_dir: Path, *arguments: object, **variables: str) -> Iterator[Engine]:
    """Run an engine; it is ended with the test, whatever became of it."""
    with _ended(Engine(data_dir, *arguments, **variables)) as running:
        yield running.up()


@contextmanager
def fresh_engine(data_dir: Path, *arguments: object, **variables: str) -> Iterator[Engine]:
    """Run one in a new Python."""
    with _ended(FreshEngine(data_dir, *arguments, **variables)) as running:
        yield running.up()


@contextmanager
def _ended(running: Engine) -> Iterator[Engine]:
    try:
        yield running
    finally:
        running.end()


def processes_mentioning(text: str) -> list[int]:
    """Return the ids of processes on whose command line a text stands."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in command:
            found.append(int(folder.name))
    return found
