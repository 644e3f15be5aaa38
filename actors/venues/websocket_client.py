# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""A WebSocket that a feed reads at its own pace; the one place that knows websocket-client.

Why `skip_utf8_validation`: its check is pure Python and thirteen times slower; the decoder refuses bad UTF-8.
Why every error is one kind: to a feed a refused, closed, silent or broken connection is the same event, with a reason.
"""

import select
import socket
import ssl

import websocket

_MESSAGE_BYTES_MAX = 8 * 1024 * 1024


class ConnectionLost(Exception):
    """The connection could not be made or does not stand any more; says why."""


class WebSocketClient:
    """One connection, from its making to its end."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Connect. `timeout_s` bounds each wait for the other side. Raises ConnectionLost."""
        try:
            self._socket = websocket.create_connection(
                url,
                timeout=timeout_s,
                class_=_BoundedSocket,
                skip_utf8_validation=True,
                enable_multithread=False,
                sockopt=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
            )
        except (websocket.WebSocketException, OSError) as error:
            raise ConnectionLost(_reason(error)) from error
        self._poll = select.poll()
        self._poll.register(self._socket.fileno(), select.POLLIN)

    def send(self, text: str) -> None:
        """Send a text frame. Raises ConnectionLost."""
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
        """Return the next message, None for a control frame, which is answered already and carries none.

        Raises:
            ConnectionLost: the connection broke, the venue closed it, or a message is too long.
        """
        try:
            opcode, data = self._socket.recv_data(control_frame=True)
        except (websocket.WebSocketException, OSError) as error:
            raise ConnectionLost(_reason(error)) from error
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            raise ConnectionLost(_closed(bytes(data)))
        return bytes(data) if opcode in (websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY) else None

    def close(self) -> None:
        """Drop the connection without waiting for the other side."""
        self._socket.shutdown()


class _BoundedSocket(websocket.WebSocket):
    """Refuses a frame by its announced length, before a byte of it is read."""

    def recv_frame(self) -> websocket.ABNF:
        frames = self.frame_buffer
        with frames.lock:
            if frames.needs_header():
                frames.recv_header()
            if frames.needs_length():
                frames.recv_length()
        gathered = self.cont_frame.cont_data
        length = (frames.length or 0) + (len(gathered[1]) if gathered else 0)
        if length > _MESSAGE_BYTES_MAX:
            raise websocket.WebSocketPayloadException(f"message of {length} bytes, more than {_MESSAGE_BYTES_MAX}")
        return super().recv_frame()


def _closed(payload: bytes) -> str:
    code = int.from_bytes(payload[:2], "big")
    reason = payload[2:].decode(errors="backslashreplace")
    return f"closed by the venue{f': {code} {reason}'.rstrip() if code else ''}"


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
