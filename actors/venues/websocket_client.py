# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""A WebSocket that a feed reads at its own pace; the one place that knows websocket-client.

Why `skip_utf8_validation`: its check is pure Python and thirteen times slower than the one of `bytes.decode`.
Why every error is one kind: to a feed a refused, closed, silent or broken connection is the same event, with a reason
and, where the other side gave one, a number.
Why it never waits for the rest of a message: a line that trickles would hold its feed for minutes. What has come is
kept, and the next look goes on from there.
Why four megabytes: a message is decoded in one piece, during which no other thread runs, and the worst of that length
takes not quite 50 ms. The books of 200 tokens have less than half of it.
Why binary and masked frames end it: no venue of ours sends them, so whoever does is not the venue, or is broken.
"""

import select
import socket
import ssl
from typing import Final

import websocket

from actors.venues.redaction import without_secrets

MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of a frame, and of all frames of a message together."""
_SEND_S: Final = 1.0
"""Longest wait for a venue that does not read: its feed has other work."""


class ConnectionLost(Exception):
    """The connection could not be made or does not stand any more; says why.

    `code` is the close code that the venue gave, or the HTTP status with which it refused; None where it gave none.
    """

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(reason)
        self.code = code


class WebSocketClient:
    """One connection, from its making to its end."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Connect. `timeout_s` bounds each wait of the handshake. Raises ConnectionLost."""
        try:
            self._socket = websocket.create_connection(
                url,
                timeout=timeout_s,
                class_=_BoundedSocket,
                skip_utf8_validation=True,
                enable_multithread=False,
                sockopt=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
            )
        except websocket.WebSocketBadStatusException as error:
            raise ConnectionLost(f"refused with status {error.status_code}", error.status_code) from error
        except (websocket.WebSocketException, OSError) as error:
            raise ConnectionLost(_reason(error)) from error
        self._socket.settimeout(0)
        self._poll = select.poll()
        self._poll.register(self._socket.fileno(), select.POLLIN)

    def send(self, text: str) -> None:
        """Send a text frame. Raises ConnectionLost, also where the venue does not take it within a second."""
        try:
            self._socket.send(text)
        except (websocket.WebSocketException, OSError) as error:
            raise ConnectionLost(_reason(error)) from error

    def readable(self, timeout_s: float) -> bool:
        """Wait until something can be read (which may be the end of the connection), at most so long."""
        wire = self._socket.sock
        if isinstance(wire, ssl.SSLSocket) and wire.pending():
            return True
        return bool(self._poll.poll(timeout_s * 1_000))

    def receive(self) -> bytes | None:
        """Return the next message; empty for a control frame, which is answered already; None: not yet whole.

        Raises:
            ConnectionLost: the connection broke, the venue closed it, or said what it may not.
        """
        try:
            opcode, data = self._socket.recv_data(control_frame=True)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except (websocket.WebSocketException, OSError) as error:
            raise ConnectionLost(_reason(error)) from error
        message = bytes(data)
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            code = int.from_bytes(message[:2], "big") or None
            raise ConnectionLost(_closed(code, message[2:]), code)
        if opcode != websocket.ABNF.OPCODE_TEXT:
            return b""
        try:
            message.decode()
        except UnicodeDecodeError as error:
            raise ConnectionLost(f"a text that is not UTF-8: {error.reason} at byte {error.start}") from None
        return message

    def close(self) -> None:
        """Drop the connection without waiting for the other side."""
        self._socket.shutdown()


class _BoundedSocket(websocket.WebSocket):
    """Refuses a frame by what it announces, before a byte of it is read. Waits to send, and never to receive."""

    def recv_frame(self) -> websocket.ABNF:
        frames = self.frame_buffer
        with frames.lock:
            if frames.needs_header():
                frames.recv_header()
                if frames.has_mask():
                    raise websocket.WebSocketProtocolException("a masked frame")
                if frames.header is not None and frames.header[4] == websocket.ABNF.OPCODE_BINARY:
                    raise websocket.WebSocketProtocolException("a binary frame")
            if frames.needs_length():
                frames.recv_length()
                length = frames.length or 0
                _refuse_beyond_bound(length, "frame")
                if self.cont_frame.cont_data is not None:
                    _refuse_beyond_bound(length + len(self.cont_frame.cont_data[1]), "message")
        return super().recv_frame()

    def send_frame(self, frame: websocket.ABNF) -> int:
        self.settimeout(_SEND_S)
        try:
            return super().send_frame(frame)
        finally:
            self.settimeout(0)


def _refuse_beyond_bound(length: int, what: str) -> None:
    if length > MESSAGE_BYTES_MAX:
        raise websocket.WebSocketPayloadException(f"{what} of {length} bytes, more than {MESSAGE_BYTES_MAX}")


def _closed(code: int | None, reason: bytes) -> str:
    said = without_secrets(reason.decode(errors="replace"))
    return f"closed by the venue{f': {code} {said}'.rstrip() if code else ''}"


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {without_secrets(str(error))}"
