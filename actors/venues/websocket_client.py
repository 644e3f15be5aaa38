# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""A WebSocket that a feed reads at its own pace; the one place that knows websocket-client.

Why `skip_utf8_validation`: its check is pure Python and thirteen times slower; the decoder refuses bad UTF-8.
Why every error is one kind: to a feed a refused, closed, silent or broken connection is the same event, with a reason.
"""

import select
import socket
import ssl

import websocket

_FRAME_BYTES_MAX = 8 * 1024 * 1024


class ConnectionLost(Exception):
    """The connection could not be made or does not stand any more; says why."""


class WebSocketClient:
    """One connection, from its making to its end."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Connect. Raises ConnectionLost."""
        try:
            self._socket = websocket.create_connection(
                url,
                timeout=timeout_s,
                skip_utf8_validation=True,
                enable_multithread=False,
                sockopt=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
            )
        except (websocket.WebSocketException, OSError) as error:
            raise ConnectionLost(_reason(error)) from error

    def send(self, text: str) -> None:
        """Send a text frame. Raises ConnectionLost."""
        try:
            self._socket.send(text)
        except (websocket.WebSocketException, OSError) as error:
            raise ConnectionLost(_reason(error)) from error

    def readable(self, timeout_s: float) -> bool:
        """Wait until something can be read, at most so long."""
        wire = self._socket.sock
        if wire is None:
            return False
        if isinstance(wire, ssl.SSLSocket) and wire.pending():
            return True
        return bool(select.select([wire], [], [], timeout_s)[0])

    def receive(self) -> bytes:
        """Return the next message. Raises ConnectionLost, also when the venue has closed or the message is too long."""
        try:
            opcode, data = self._socket.recv_data()
        except (websocket.WebSocketException, OSError) as error:
            raise ConnectionLost(_reason(error)) from error
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            raise ConnectionLost("closed by the venue")
        if len(data) > _FRAME_BYTES_MAX:
            raise ConnectionLost(f"message of {len(data)} bytes, more than {_FRAME_BYTES_MAX}")
        return bytes(data)

    def close(self) -> None:
        """Drop the connection without waiting for the other side."""
        self._socket.shutdown()


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
