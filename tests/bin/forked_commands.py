"""`keel` commands as forks of one process that has imported everything: as apart as any process, and at once at work.

Why: a command imports for a second of processor time and works for a tenth of that, and tests give two hundred. Whole
engines, and the start of Python itself, are tested with processes of their own (`tests.bin.processes`).
"""

import atexit
import contextlib
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
    "bin.main", "bin.doctor", "bin.engine", "bin.live", "bin.run",
    "actors.venues.polymarket.signing", "surfaces.cli.control", "surfaces.cli.start",
)  # fmt: skip


def run(arguments: tuple[str, ...], variables: Mapping[str, str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run `keel` with these arguments, in an environment of these variables alone."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(timeout_s)
        asked.connect(str(_served()))
        files = [f"{folder}/out", f"{folder}/err"]
        asked.sendall(json.dumps([arguments, dict(variables), *files]).encode() + b"\n")
        try:
            code = asked.recv(16)  # an end of the connection ends the command
        except TimeoutError:
            raise subprocess.TimeoutExpired(["keel", *arguments], timeout_s) from None
        out, err = (Path(file).read_text(encoding="utf-8") for file in files)
        return subprocess.CompletedProcess(["keel", *arguments], int(code), out, err)


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
    """Run the command that is asked for, and answer with its exit code; who hangs up ends it."""
    arguments, variables, out, err = json.loads(asking.makefile("rb").readline())
    ended, alive = os.pipe()
    os.set_inheritable(alive, True)  # over an exec
    command = os.fork()
    if not command:
        asking.close()
        _become(arguments, variables, out, err)
    os.close(alive)  # the command alone holds it now, and as long as it lives
    if asking in select.select([asking, ended], [], [])[0]:
        os.kill(command, signal.SIGKILL)
    _, status = os.waitpid(command, 0)
    with contextlib.suppress(OSError):
        asking.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def _become(arguments: list[str], variables: dict[str, str], out: str, err: str) -> NoReturn:
    """Be the command from here on."""
    for descriptor, (file, flags) in enumerate(((os.devnull, os.O_RDONLY), (out, _NEW), (err, _NEW))):
        os.dup2(os.open(file, flags), descriptor)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = ["keel", *arguments]
    from bin.main import main

    main()
    raise AssertionError("it exits")


_NEW = os.O_WRONLY | os.O_CREAT | os.O_APPEND

if __name__ == "__main__":
    _serve(sys.argv[1])
