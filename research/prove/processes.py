"""Sandboxes and engines as processes of their own, started as a person starts them.

Why commands and no parts of the engine: what is proven is what people run, and research has no live lane of its own.
Why each has a session of its own: Ctrl-C is for the proof, which ends the engine before the venue that it asks.
"""

import json
import os
import pty
import subprocess
import sys
import termios
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

from actors.runtime.clock import monotonic_ns

_END_S: Final = 45.0
_LOOK_S: Final = 0.2
_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR")
"""What of our own environment a process gets; a key or a limit that happens to be set is not meant for it."""

UNHINDERED: Final = {
    "KEEL_REPETITION__FILLS": "1000",
    "KEEL_MARKOUTS__PICKED_OFF_FILLS": "100",
    "KEEL_MARKOUTS__PICKED_OFF_WINDOW_S": "1",
    "KEEL_MARKOUTS__ADVERSE_FILLS": "200",
    "KEEL_MARKOUTS__DECAY_FILLS": "1000",
}
"""Settings of a desk that must quote all the time. The generated flow fills each market many times a minute and moves
its price: mark-outs would rightly hold it."""


class Sandbox:
    """A running sandbox; `said` is its first line."""

    def __init__(self, said: dict[str, Any], process: "subprocess.Popen[bytes]") -> None:
        self.said = said
        self.process = process

    @property
    def url(self) -> str:
        return self.said["clob_url"]

    def asked(self, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Ask its control service, or tell it something."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.said['control_url']}{path}", data, timeout=30) as answer:  # noqa: S310 - a loopback address that our sandbox said
            return json.load(answer)

    def log(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """Yield the lines of its log from the one behind number `after` on."""
        while lines := self.asked(f"/log?after={after}&limit=10000")["lines"]:
            yield from lines
            after = lines[-1]["n"]

    @property
    def began_ns(self) -> int:
        """When its clock began, by that clock."""
        return self.asked("/log?limit=1")["lines"][0]["at_ns"]


class Engine:
    """A running `keel run`. What it prints is kept in files beside its data."""

    def __init__(self, data_dir: Path, process: "subprocess.Popen[bytes]") -> None:
        self.data_dir = data_dir
        self.process = process

    @property
    def database(self) -> Path:
        return self.data_dir / "arb.db"

    @property
    def log(self) -> str:
        """All that it has written to stderr so far."""
        return (self.data_dir / "stderr").read_text(encoding="utf-8", errors="replace")

    @property
    def trouble(self) -> str:
        """The worst that it has said: what stacks and warnings came after it says less."""
        lines = self.log.splitlines()
        return next((line for line in lines if "| CRITICAL" in line or "| ERROR" in line), "\n".join(lines[-20:]))

    def keel(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        """Run a command on it."""
        return keel(*arguments, "--data-dir", self.data_dir)

    def begin(self, *arguments: object) -> "subprocess.Popen[str]":
        """Begin a command on it; read what it says and wait for its end."""
        command = [*_command("bin.main"), *map(str, arguments), "--data-dir", str(self.data_dir)]
        return subprocess.Popen(
            command, env=_environment({}), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip

    def done(self, *arguments: object, timeout_s: float = 60.0) -> None:
        """Run a command again and again until it succeeds. Raises RuntimeError where the engine ends, TimeoutError."""

        def succeeds() -> bool:
            if self.process.poll() is not None:
                raise RuntimeError(f"the engine ended with {self.process.returncode}: {self.trouble}")
            return self.keel(*arguments).returncode == 0

        until(succeeds, f"keel {' '.join(map(str, arguments))}", timeout_s)

    def end(self) -> int:
        """Have it end in good order and return its exit code."""
        return _end(self.process)


@contextmanager
def sandbox(*flags: object) -> Iterator[Sandbox]:
    """Run a sandbox. Raises RuntimeError where it does not start."""
    with subprocess.Popen(
        [*_command("sandbox"), "--json", *map(str, flags)],
        env=_environment({}), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            line = process.stdout.readline() if process.stdout else b""
            if not line:
                raise RuntimeError("the sandbox ended at once")
            yield Sandbox(json.loads(line), process)
        finally:
            _end(process)


@contextmanager
def engine(data_dir: Path, *flags: object, module: str = "bin.main", **variables: str) -> Iterator[Engine]:
    """Run an engine in a folder of its own, in an environment in which only `variables` are set.

    `module` stands in for the command itself.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "stdout").open("wb") as out, (data_dir / "stderr").open("wb") as complaints:
        process = subprocess.Popen(
            [*_command(module), "run", "--data-dir", str(data_dir), *map(str, flags)],
            cwd=data_dir, env=_environment(variables), stdin=subprocess.DEVNULL, stdout=out, stderr=complaints,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield Engine(data_dir, process)
    finally:
        _end(process)


@contextmanager
def live_engine(
    data_dir: Path, venue: Sandbox, account: int = 0, *more: object, module: str = "bin.main", **variables: str
) -> Iterator[Engine]:
    """Run a live engine on an account of a sandbox; it begins paused (`done("resume", "--yes")`).

    `more` are flags of `keel run`.
    """
    owner = venue.said["accounts"][account]
    whose = {
        "KEEL_ARMED": "true",
        "POLYMARKET_PRIVATE_KEY": owner["private_key"],
        "SIGNATURE_TYPE": str(owner["signature_type"]),
        "KEEL_ACCOUNT__FUNDER": owner["funder"],
    }
    flags = ("--mode", "live", "--sandbox", venue.url, "--i-understand-live", "--yes")
    with engine(data_dir, *flags, *more, module=module, **{**whose, **variables}) as running:
        yield running


def keel(*arguments: object, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a command, in an environment in which only `variables` are set."""
    return subprocess.run(
        [*_command("bin.main"), *map(str, arguments)],
        env=_environment(variables), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@contextmanager
def monitor(data_dir: Path) -> Iterator[Callable[[str], object]]:
    """Run the monitor on a terminal of its own; yields what presses a key, once it shows the engine.

    Raises TimeoutError where it shows nothing.
    """
    mine, its = pty.openpty()
    termios.tcsetwinsize(its, (40, 140))
    seen = bytearray()
    process = subprocess.Popen(
        [*_command("bin.main"), "monitor", "--data-dir", str(data_dir)],
        env=_environment({"TERM": "xterm-256color"}), stdin=its, stdout=its, stderr=its, start_new_session=True,
    )  # fmt: skip
    os.close(its)

    def drain() -> None:
        with suppress(OSError):  # the other end is gone
            while piece := os.read(mine, 65_536):
                seen.extend(piece)

    reader = Thread(target=drain, name="terminal", daemon=True)
    reader.start()
    try:
        until(lambda: b"KEEL" in seen, "the monitor shows the engine", _END_S)
        yield lambda key: os.write(mine, key.encode())
    finally:
        _end(process)
        reader.join(_END_S)
        os.close(mine)


def until(look: Callable[[], bool], what: str, timeout_s: float) -> None:
    """Wait until something is so. Raises TimeoutError."""
    until_ns = monotonic_ns() + int(timeout_s * 1e9)
    while not look():
        if monotonic_ns() > until_ns:
            raise TimeoutError(f"{what}: not within {timeout_s:g} s")
        wait(_LOOK_S)


def wait(seconds: float) -> None:
    """Let time pass."""
    Event().wait(seconds)


def _command(module: str) -> list[str]:
    return [sys.executable, "-P", "-m", module]


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | dict(variables)


def _end(process: "subprocess.Popen[bytes]") -> int:
    """Have a process end, the hard way where it does not by itself."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
