"""A relay between an engine and a sandbox: everything passes, and when it passed is known to the nanosecond.

Why between processes and not inside one: what is claimed is how soon bytes are on the wire after other bytes were, so
both ends are measured on the wire, with the engine as people run it. What the relay itself takes is counted against us.
"""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any, BinaryIO, Final, Self
from urllib.parse import urlsplit

from actors.runtime.clock import monotonic_ns
from research.prove.processes import Sandbox

Look = Callable[[bytes, int], object]
"""Sees bytes of a request as they arrived, and when."""
Change = Callable[[bytes], bytes]
"""Sees a text frame of the market channel just before it goes on, and may change it."""

_PIECE: Final = 1 << 18
_TEXT: Final = 0x81
_MARKET_CHANNEL: Final = b"GET /ws/market"
_ORDERS: Final = b"POST /order"


class Relay:
    """Passes on what an engine and a sandbox say to each other; use it as a context manager."""

    def __init__(self, venue: Sandbox, look: Look, change: Change) -> None:
        self._venue = venue
        self._look = look
        self._change = change
        self._port = urlsplit(venue.url).port or 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._hanging: dict[int, int] = {}
        """Since when an order has had no answer, by connection."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        _close(self._listener, *self._sockets)

    @property
    def venue(self) -> Sandbox:
        """The sandbox as it is reached through here."""
        said = json.dumps(self._venue.said).replace(f":{self._port}", f":{self._own_port}")
        return Sandbox(json.loads(said), self._venue.process)

    def hanging_s(self) -> float:
        """For how long the order that waits longest has had no answer; 0 where none waits."""
        waiting = list(self._hanging.values())
        return (monotonic_ns() - min(waiting)) / 1e9 if waiting else 0.0

    @property
    def _own_port(self) -> int:
        return self._listener.getsockname()[1]

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._port))
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets.append(one)
            threading.Thread(target=self._serve, args=(near, far), daemon=True).start()

    def _serve(self, near: socket.socket, far: socket.socket) -> None:
        """Pass on one connection, whose first request says what it is for."""
        first = near.recv(_PIECE)
        pump = self._frames if first.startswith(_MARKET_CHANNEL) else self._answers
        threading.Thread(target=_until_closed, args=(pump, far, near), daemon=True).start()
        _until_closed(lambda source, sink: self._requests(first, source, sink), near, far)
        self._hanging.pop(near.fileno(), None)
        _close(near, far)

    def _requests(self, piece: bytes, near: socket.socket, far: socket.socket) -> None:
        while piece:
            at_ns = monotonic_ns()
            if piece.startswith(_ORDERS):
                self._hanging[near.fileno()] = at_ns
            far.sendall(piece)
            self._look(piece, at_ns)
            piece = near.recv(_PIECE)
        far.shutdown(socket.SHUT_WR)

    def _answers(self, far: socket.socket, near: socket.socket) -> None:
        ours, theirs = f":{self._own_port}".encode(), f":{self._port}".encode()
        while piece := far.recv(_PIECE):
            self._hanging.pop(near.fileno(), None)
            # Where the venue says where it is, it is here; both numbers have five digits, so no length changes.
            near.sendall(piece.replace(theirs, ours))

    def _frames(self, far: socket.socket, near: socket.socket) -> None:
        with far.makefile("rb") as stream:
            self._framed(stream, near)

    def _framed(self, stream: BinaryIO, near: socket.socket) -> None:
        while (line := stream.readline()) != b"\r\n":
            near.sendall(line)
        near.sendall(b"\r\n")
        while head := stream.read(2):
            length, more = head[1], b""
            if length >= 126:
                more = stream.read(2 if length == 126 else 8)
                length = int.from_bytes(more, "big")
            payload = stream.read(length)
            if head[0] == _TEXT:
                near.sendall(_frame(self._change(payload)))
            else:
                near.sendall(head + more + payload)


def _until_closed(
    pump: Callable[[socket.socket, socket.socket], Any], source: socket.socket, sink: socket.socket
) -> None:
    try:
        pump(source, sink)
    except (OSError, ValueError):
        return


def _close(*sockets: socket.socket) -> None:
    """Close sockets, and wake whoever waits at them."""
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


def _frame(payload: bytes) -> bytes:
    """Return an unmasked text frame."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", _TEXT, size) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", _TEXT, 126, size) + payload
    return struct.pack("!BBQ", _TEXT, 127, size) + payload
