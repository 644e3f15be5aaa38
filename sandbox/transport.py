"""The connections below HTTP and WebSocket: how one is dropped, held up, or made to say what no protocol would.

Why a wrapped transport and not a proxy beside it: whoever tests against this server needs one command and one port.
Why calls to `/sandbox` are spared: a partition that could not be ended over the network would end the test as well.
"""

import asyncio
import re
import socket
import struct
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import Any, Final, Literal, cast

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from sandbox.messages import Cut, Hold, LineKind

_CALL: Final = re.compile(rb"[A-Z]+ /(sandbox/)?")
_WAITING_MAX: Final = 1 << 16
"""Bytes that may wait on a held line, in each direction, before its sender is told to stop."""
_TRICKLE_S: Final = 0.1
_FREE: Final = Hold(())
_NO_LINGER: Final = struct.pack("ii", 1, 0)
"""With it a closing socket sends a reset and forgets what it had still to send."""


class Line:
    """One client's connection: a transport that does what it is told unless it is held."""

    def __init__(self, lines: "Lines", transport: asyncio.Transport, protocol: asyncio.Protocol) -> None:
        self.kind: LineKind | Literal["control"] = "http"
        self.own: Hold | None = None
        """What holds this one alone."""
        self.client: tuple[str, int] = transport.get_extra_info("peername")[:2]
        self._lines = lines
        self._transport = transport
        self._protocol = protocol
        self._hold = lines.hold_of(self)
        self._unsent: deque[bytes] = deque()
        self._unsent_size = 0
        self._unread: list[bytes] = []
        self._paused = self._ending = self._dripping = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send, as fast as the line lets through."""
        if self._hold.bytes_per_second is None and not self._unsent:
            self._transport.write(data)
        elif data:
            self._unsent.append(bytes(data))
            self._unsent_size += len(data)
            if self._unsent_size > _WAITING_MAX:
                self._protocol.pause_writing()
            self._drain()

    def writelines(self, lines: Iterable[bytes]) -> None:
        """Send several pieces."""
        self.write(b"".join(lines))

    def close(self) -> None:
        """End it when all is sent: a client beyond a held line does not learn of it before."""
        self._ending = True
        self._drain()

    def is_closing(self) -> bool:
        """Whether its end was asked for."""
        return self._ending or self._transport.is_closing()

    def drop(self, *, reset: bool) -> None:
        """End it now, with a reset or an ordinary end, whatever is still to be sent."""
        plain = self._transport.get_extra_info("socket")
        if reset and plain is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()

    def set_protocol(self, protocol: asyncio.Protocol) -> None:
        """Let another protocol have what comes in."""
        self._protocol = protocol
        self._transport.set_protocol(protocol)

    def pause_reading(self) -> None:
        """Leave what comes in to the kernel."""
        self._paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on, but for a held line."""
        self._paused = False
        if self._hold.hears:
            self._transport.resume_reading()

    def become(self, kind: LineKind | Literal["control"]) -> None:
        """Carry something else from now on, which other holds may concern."""
        if kind != self.kind:
            self.kind = kind
            self.review()

    def review(self) -> None:
        """Do what the present hold asks for."""
        self._hold = self._lines.hold_of(self)
        if not self._hold.hears and self.kind != "http":
            self._transport.pause_reading()
        if self._hold.hears:
            unread, self._unread = self._unread, []
            for data in unread:
                self._protocol.data_received(data)
            if not self._paused:
                self._transport.resume_reading()
        self._drain()

    def admits(self, data: bytes) -> bool:
        """Whether what came in may be read now; if not, it is kept until the line hears again."""
        if self.kind in ("http", "control") and (call := _CALL.match(data)):
            self.become("control" if call[1] else "http")
        if self._hold.hears:
            return True
        self._unread.append(data)
        if sum(map(len, self._unread)) > _WAITING_MAX:
            self._transport.pause_reading()
        return False

    def _drain(self) -> None:
        """Send what may be sent now, and end the line if nothing is left of what had to come before."""
        speed = self._hold.bytes_per_second
        if speed is None:
            self._flush(self._unsent_size)
            if self._ending:
                self._transport.close()
        elif speed and not self._dripping and (self._unsent or self._ending):
            self._dripping = True
            asyncio.get_running_loop().call_later(_TRICKLE_S, self._drip)

    def _drip(self) -> None:
        self._dripping = False
        if self._transport.is_closing():
            return
        self._flush(max(round((self._hold.bytes_per_second or 0) * _TRICKLE_S), 1))
        if self._ending and not self._unsent:
            self._transport.close()
        self._drain()

    def _flush(self, count: int) -> None:
        if not self._unsent:
            return
        whole = b"".join(self._unsent)
        self._transport.write(whole[:count])
        rest = whole[count:]
        self._unsent = deque((rest,) if rest else ())
        self._unsent_size = len(rest)
        if self._unsent_size <= _WAITING_MAX:
            self._protocol.resume_writing()


class Lines:
    """All open connections, and what holds them up."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, int], Line] = {}
        self._holds: dict[str, Hold] = {}

    @property
    def protocols(self) -> tuple[type[asyncio.Protocol], type[asyncio.Protocol]]:
        """What uvicorn takes for the classes of its HTTP and of its WebSocket connections."""
        made = (partial(_Http, self), partial(_WebSocket, self))
        return cast(tuple[type[asyncio.Protocol], type[asyncio.Protocol]], made)

    def find(self, client: tuple[str, int]) -> Line | None:
        """The connection of a client's address, while it is open."""
        return self._lines.get(client)

    def hold_of(self, line: Line) -> Hold:
        """What holds a line."""
        return line.own or self._holds.get(line.kind, _FREE)

    def made(self, transport: asyncio.Transport, protocol: asyncio.Protocol) -> Line:
        """Know a new connection."""
        # An answer leaves as head and body: without this the body would wait for the client's acknowledgement.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line = Line(self, transport, protocol)
        self._lines[line.client] = line
        return line

    def lost(self, line: Line) -> None:
        """Forget a connection."""
        if self._lines.get(line.client) is line:
            del self._lines[line.client]

    def cut(self, cut: Cut) -> None:
        """Drop the connections of some kinds."""
        for line in tuple(self._lines.values()):
            if line.kind in cut.lines:
                line.drop(reset=cut.reset)

    def hold(self, hold: Hold) -> None:
        """Hold up the connections of some kinds, or let go of them."""
        for kind in hold.lines:
            self._holds.pop(kind, None)
            if hold.newcomers:
                self._holds[kind] = hold
        for line in tuple(self._lines.values()):
            if line.kind in hold.lines:
                line.own = None if hold.newcomers else hold
                line.review()

    def free(self) -> None:
        """Let go of everything."""
        self._holds.clear()
        for line in tuple(self._lines.values()):
            line.own = None
            line.review()


class _Http(H11Protocol):
    def __init__(self, lines: Lines, **options: Any) -> None:
        super().__init__(**options)
        self._lines = lines

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._line = self._lines.made(transport, self)
        super().connection_made(cast(asyncio.Transport, self._line))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lines.lost(self._line)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._line.admits(data):
            super().data_received(data)


class _WebSocket(WebSocketsSansIOProtocol):
    def __init__(self, lines: Lines, **options: Any) -> None:
        super().__init__(**options)
        self._lines = lines

    def connection_lost(self, exc: Exception | None) -> None:
        self._lines.lost(cast(Line, self.transport))
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if cast(Line, self.transport).admits(data):
            super().data_received(data)
