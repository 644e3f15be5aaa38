"""A TCP proxy that can be cut in the midst of everything, or fall silent."""

import contextlib
import socket
from pathlib import Path
from threading import Event, Lock, Thread


class Proxy:
    """Passes bytes between whoever connects to `port` and a Unix socket."""

    def __init__(self, target: Path) -> None:
        self._target = str(target)
        self._lock = Lock()
        self._sockets: list[socket.socket] = []
        self._flows = Event()
        self._flows.set()
        self._refuses = False
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

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
                    server = socket.socket(socket.AF_UNIX)
                    server.connect(self._target)
                    self._sockets += [client, server]
                for source, sink in ((client, server), (server, client)):
                    Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError), source:
            while data := source.recv(65_536):
                self._flows.wait()
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
