"""A TCP server on loopback that reads HTTP requests and then does with the connection whatever a test decides."""

import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread
from typing import TypeAlias

Manner: TypeAlias = Callable[["Peer"], bool | None]
"""What is done after a whole request was read; False ends the connection."""


class Peer:
    """One connection of a client, after a request. `closing` is set when the test is over."""

    def __init__(self, connection: socket.socket, closing: Event) -> None:
        self.connection = connection
        self.closing = closing

    def say(self, data: bytes) -> None:
        self.connection.sendall(data)

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """Send a whole answer; underscores in names of headers stand for dashes."""
        named = {"content-length": str(len(body)), **{name.replace("_", "-"): text for name, text in headers.items()}}
        lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {text}" for name, text in named.items()), "", ""]
        self.say("\r\n".join(lines).encode() + body)

    def reset(self) -> None:
        """Close so that the client sees a reset and not an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def hang(self) -> None:
        self.closing.wait(30)


class RudeServer:
    """Keeps every request that was read whole, the bytes of each, and the number of connections.

    With `secured` it speaks TLS.
    """

    def __init__(self, secured: ssl.SSLContext | None = None) -> None:
        self._secured = secured
        self.manner: Manner = lambda peer: peer.answer(200, b"{}")
        self.requests: list[bytes] = []
        self.connections = 0
        self.received = 0
        """Bytes that came in, of whole requests or not."""
        self._closing = Event()
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"{'https' if secured else 'http'}://127.0.0.1:{self.port}"
        self._threads = [Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self._closing.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            thread = Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, accepted: socket.socket) -> None:
        with suppress(OSError), self._opened(accepted) as connection:
            while (request := self._read(connection)) is not None:
                self.requests.append(request)
                if self.manner(Peer(connection, self._closing)) is False:
                    break

    @contextmanager
    def _opened(self, accepted: socket.socket) -> Iterator[socket.socket]:
        connection = accepted
        try:
            if self._secured is not None:
                connection = self._secured.wrap_socket(accepted, server_side=True)
            with self._lock:
                self._open.add(connection)
            yield connection
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _read(self, connection: socket.socket) -> bytes | None:
        data = b""
        while b"\r\n\r\n" not in data or len(data) < _length(data):
            part = connection.recv(65536)
            if not part:
                return None
            self.received += len(part)
            data += part
        return data


def _length(data: bytes) -> int:
    head, _, _ = data.partition(b"\r\n\r\n")
    sizes = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return len(head) + 4 + sum(sizes)


@contextmanager
def rude_server(secured: ssl.SSLContext | None = None) -> Iterator[RudeServer]:
    server = RudeServer(secured)
    try:
        yield server
    finally:
        server.close()
