"""A PostgreSQL server of a proof's own, and a way to it that can be cut.

Why a server of its own: what is proven stops servers' connections and fills databases; nobody else's may suffer.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from threading import Event, Lock, Thread  # noqa: TID251 - the way to a server, which is no part of an engine
from typing import Final

OWN: Final = "postgresql"
"""What asks for a server of a proof's own, in place of a URL."""

_SOCKET: Final = ".s.PGSQL.5432"
_numbers = count(1)


class NoServer(RuntimeError):
    """PostgreSQL's programs or its driver are not here, or there is no user that may run them."""


@contextmanager
def server() -> Iterator[Path]:
    """Run a server that listens on a socket only; yields the socket's folder. Raises NoServer."""
    if find_spec("psycopg") is None:
        raise NoServer("PostgreSQL's driver is not installed; bin/setup postgres brings it")
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="keel-pg-", dir="/tmp"))
    user = _somebody() if os.geteuid() == 0 else None  # initdb refuses to run as root
    if user is not None:
        os.chown(folder, user, -1)
    data = folder / "data"

    def run(*command: str | Path) -> None:
        subprocess.run(command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL, timeout=60)

    try:
        run(binaries / "initdb", "-D", data, "-U", "keel", "--auth=trust", "--no-sync")
        options = f"-c listen_addresses='' -k {folder} -c fsync=off -c max_connections=50"
        run(binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
        try:
            yield folder
        finally:
            run(binaries / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def new_database(folder: Path) -> str:
    """Make an empty database on the server of a folder and return its name."""
    name = f"keel_{os.getpid()}_{next(_numbers)}"
    subprocess.run([_binaries() / "createdb", "-h", folder, "-U", "keel", name], check=True, timeout=60)
    return name


def url(folder: Path, name: str) -> str:
    """Return the URL of a database on the server of a folder."""
    return f"postgresql://keel@/{name}?host={folder}"


class Proxy:
    """A way to the server of a folder, over a port of this machine, that can be cut or fall silent."""

    def __init__(self, folder: Path) -> None:
        self._target = str(folder / _SOCKET)
        self._lock = Lock()
        self._sockets: list[socket.socket] = []
        self._flows = Event()
        self._flows.set()
        self._refuses = False
        self._server = socket.create_server(("127.0.0.1", 0))
        self._port: int = self._server.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def url(self, name: str) -> str:
        """Return the URL of a database on the server behind it."""
        return f"postgresql://keel@127.0.0.1:{self._port}/{name}"

    def cut(self) -> None:
        """End every connection, and take none any more."""
        with self._lock:
            self._refuses = True
            for one in self._sockets:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            self._sockets.clear()

    def mend(self) -> None:
        """Take connections again."""
        with self._lock:
            self._refuses = False

    def silence(self) -> None:
        """Pass nothing on any more, and end nothing."""
        self._flows.clear()

    def speak(self) -> None:
        """Pass on what waited."""
        self._flows.set()

    def close(self) -> None:
        """End it."""
        self.speak()
        self.cut()
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                with self._lock:
                    if self._refuses:
                        client.close()
                        continue
                    behind = socket.socket(socket.AF_UNIX)
                    behind.connect(self._target)
                    self._sockets += [client, behind]
                for source, sink in ((client, behind), (behind, client)):
                    Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError), source:
            while data := source.recv(65_536):
                self._flows.wait()
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


class Reachable:
    """A server with a way to it that can be cut."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.way = Proxy(folder)

    def database(self) -> str:
        """Make an empty database and return its URL."""
        return self.way.url(new_database(self._folder))

    def interrupt(self, seconds: float) -> None:
        """Cut every connection, and take none for a while."""
        self.way.cut()
        Event().wait(seconds)
        self.way.mend()


@contextmanager
def reachable(asked: str | None) -> Iterator[Reachable | None]:
    """Run a server where `OWN` was asked for, and in no other case. Raises NoServer."""
    if asked != OWN:
        yield None
        return
    with server() as folder:
        running = Reachable(folder)
        try:
            yield running
        finally:
            running.way.close()


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        raise NoServer("needs the PostgreSQL server's programs (Debian: postgresql)")
    return Path(on_path).parent


def _somebody() -> int:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_uid
    raise NoServer("PostgreSQL does not run as root, and there is no user `nobody`")
