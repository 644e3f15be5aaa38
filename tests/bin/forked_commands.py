"""Commands, engines and sandboxes as forks of one process that has imported everything: as apart as any process.

Why: what they import costs half a second of processor time to a second, which most tests would spend on nothing else.
The start of Python itself, and what a process has imported, are tested with processes of their own.
"""

import atexit
import contextlib
import faulthandler
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parents[2]
_USED_BY_MANY = (
    "bin.main", "bin.doctor", "bin.engine", "bin.live", "bin.notify", "bin.reload", "bin.run", "bin.serving",
    "actors.venues.polymarket.signing", "surfaces.cli.control", "surfaces.cli.start",
    "sandbox.__main__", "sandbox.server",
)  # fmt: skip


class Forked:
    """`keel` or `sandbox` at work, with the methods of `subprocess.Popen`. It ends with us at the latest."""

    def __init__(self, args: tuple[str, ...], variables: Mapping[str, str], out: int, err: int) -> None:
        """Run it with these arguments, in an environment of these variables alone. `out` and `err` are open files."""
        sys.audit("subprocess.Popen", None, args, None, variables)  # whoever looks for secrets learns them so
        self.args = args
        self.returncode: int | None = None
        self._watched = socket.socket(socket.AF_UNIX)
        self._watched.connect(str(_served()))
        with tempfile.TemporaryFile() as asked:
            asked.write(json.dumps([args, dict(variables)]).encode())
            asked.seek(0)
            socket.send_fds(self._watched, [b"run"], [asked.fileno(), out, err])
        self.pid = int.from_bytes(self._watched.recv(8), "big")

    def poll(self) -> int | None:
        """Return the exit code, if it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended and return its exit code; raises TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._watched], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = int(self._watched.recv(16))
            self._watched.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def run(arguments: tuple[str, ...], variables: Mapping[str, str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run `keel` with these arguments, in an environment of these variables alone, to its end."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        command = Forked(("keel", *arguments), variables, out.fileno(), err.fileno())
        try:
            code = command.wait(timeout_s)
        except subprocess.TimeoutExpired:
            command.kill()
            command.wait()
            raise
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command.args, code, out.read(), err.read())


@cache
def _served() -> Path:
    """Start the process that forks, once for all tests here; it ends with us. Return its socket."""
    address = Path(tempfile.mkdtemp()) / "commands"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bin.forked_commands", address], cwd=ROOT, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()
    atexit.register(process.wait)
    atexit.register(process.stdin.close)  # first: it ends what is waited for
    return address


def _serve(address: str) -> None:
    for name in _USED_BY_MANY:
        importlib.import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who watch
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen(16)
        print("ready", flush=True)
        while sys.stdin not in select.select([server, sys.stdin], [], [])[0]:
            asking, _ = server.accept()
            if not os.fork():
                server.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _watch(asking)
                os._exit(0)
            asking.close()
    Path(address).unlink()
    Path(address).parent.rmdir()


def _watch(asking: socket.socket) -> None:
    """Run the command that is asked for, and answer with its process's id, then its exit code; who hangs up ends it."""
    _, (asked, *files), _, _ = socket.recv_fds(asking, 16, 3)
    with os.fdopen(asked, "rb") as file:
        args, variables = json.load(file)
    ended, alive = os.pipe()
    os.set_inheritable(alive, True)  # over an exec
    command = os.fork()
    if not command:
        asking.close()
        os.close(ended)
        _become(args, variables, files)
    for file in (alive, *files):  # the command alone holds them now, and as long as it lives
        os.close(file)
    with contextlib.suppress(OSError):
        asking.sendall(command.to_bytes(8, "big"))
    if asking in select.select([asking, ended], [], [])[0]:
        os.kill(command, signal.SIGKILL)
    _, status = os.waitpid(command, 0)
    with contextlib.suppress(OSError):
        asking.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def _become(args: list[str], variables: dict[str, str], files: list[int]) -> NoReturn:
    """Be the command from here on."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, file in enumerate((nothing, *files)):
        os.dup2(file, descriptor)
        os.close(file)
    os.environ.clear()
    os.environ.update(variables)
    if "PYTHONFAULTHANDLER" in variables:
        faulthandler.enable()
    sys.argv = args
    if args[0] == "sandbox":
        from sandbox.__main__ import main as serve

        sys.exit(serve(args[1:]))
    from bin.main import main

    main()
    raise AssertionError("it exits")


if __name__ == "__main__":
    _serve(sys.argv[1])
