"""The other end of the order sockets: says which orders have arrived by a moment, in which order.

Why a mark and no clock: a reader that is scheduled late would stamp late. Whoever asks for a mark reads all that lies
in the sockets first, so what stands behind it was written after the mark was asked for. On loopback a write has arrived
when it returns.
"""

import select
import socket
from contextlib import suppress
from threading import Lock, Thread  # noqa: TID251 - the venue's end, which is no part of an engine
from typing import Final

_ANSWER: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
_BLANK: Final = b"\r\n\r\n"


class Ear:
    """Listens on a port of this machine and answers every request. A body is the names of its orders, with commas."""

    def __init__(self) -> None:
        self.arrived: list[str] = []
        """Every order, as it came."""
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.setblocking(False)
        self._poll = select.epoll()
        self._poll.register(self._server, select.EPOLLIN)
        self._streams: dict[int, tuple[socket.socket, bytearray]] = {}
        self._lock = Lock()
        self._end, self._ended = socket.socketpair()
        self._poll.register(self._ended, select.EPOLLIN)
        self._thread = Thread(target=self._listen, name="ear", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def mark(self) -> int:
        """Return how many orders have arrived, whether somebody has read them yet or not."""
        with self._lock:
            self._accept()
            for number in tuple(self._streams):
                self._read(number)
            return len(self.arrived)

    def close(self) -> None:
        """End it."""
        self._end.close()
        self._thread.join()
        self._poll.close()
        for stream, _ in self._streams.values():
            stream.close()
        self._server.close()
        self._ended.close()

    def _listen(self) -> None:
        while True:
            for number, _ in self._poll.poll():
                if number == self._ended.fileno():
                    return
                with self._lock:
                    if number == self._server.fileno():
                        self._accept()
                    else:
                        self._read(number)

    def _accept(self) -> None:
        with suppress(BlockingIOError):
            while True:
                stream, _ = self._server.accept()
                stream.setblocking(False)
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._streams[stream.fileno()] = stream, bytearray()
                self._poll.register(stream, select.EPOLLIN)

    def _read(self, number: int) -> None:
        """Read all that a stream has, and answer each whole request."""
        if number not in self._streams:
            return
        stream, data = self._streams[number]
        with suppress(BlockingIOError):
            while True:
                piece = stream.recv(65_536)
                if not piece:
                    self._poll.unregister(number)
                    del self._streams[number]
                    stream.close()
                    return
                data += piece
        while (body := _taken(data)) is not None:
            self.arrived += body.decode().split(",")
            stream.send(_ANSWER)


def _taken(data: bytearray) -> bytes | None:
    """Take the first whole request off and return its body; None where there is none."""
    head, blank, rest = data.partition(_BLANK)
    if not blank:
        return None
    length = next(
        int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    if len(rest) < length:
        return None
    body = bytes(rest[:length])
    del data[: len(head) + len(blank) + length]
    return body
