"""The two ends of connections as our process has them: bytes of HTTP, and messages of a WebSocket.

Nothing overtakes on one connection, in either direction; what is held by the exchange's faults waits its time out.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import httpcore

from actors.venues.websocket_client import ConnectionLost
from research.prove.sim.turns import MS, S, Waiting
from sandbox.messages import Answer, Channel, Hold, HttpRequest, LineKind, Service

if TYPE_CHECKING:
    from research.prove.sim.wire import Network

_DRIBBLE_NS: Final = S // 2
_POLL_NS: Final = 500 * MS
"""How often a feed that hears nothing looks at the time."""


class Line:
    """What connections have in common: order, delay, and what waits while they are held."""

    kind: LineKind

    def __init__(self, network: "Network") -> None:
        self.network = network
        self.own: Hold | None = None
        self.ended = False
        self.unread: list[Callable[[], object]] = []
        """What has come while the exchange does not hear."""
        self._unsent: deque[tuple[int, Callable[[], object]]] = deque()
        self._there_ns = self._here_ns = 0

    def there_ns(self) -> int:
        """Return when what is sent now is there: nothing overtakes on one connection."""
        network = self.network
        self._there_ns = max(self._there_ns, network.time.now_ns() + network.latency_ns())
        return self._there_ns

    def review(self) -> None:
        """Do what the present hold asks for."""
        hold = self.network.hold_of(self)
        now_ns = self.network.time.now_ns()
        if hold.hears:
            unread, self.unread = self.unread, []
            for arrive in unread:
                self.network.time.at(now_ns, arrive)
        if hold.bytes_per_second != 0:
            unsent, self._unsent = self._unsent, deque()
            for size, arrive in unsent:
                self.bring(size, arrive)

    def bring(self, size: int, arrive: Callable[[], object]) -> None:
        """Let something of so many bytes arrive here."""
        network = self.network
        held = network.hold_of(self)
        if held.bytes_per_second == 0:
            self._unsent.append((size, arrive))
            return
        now_ns = network.time.now_ns()
        slow_ns = 0 if held.bytes_per_second is None else size * S // held.bytes_per_second
        self._here_ns = max(self._here_ns + slow_ns, now_ns + network.latency_ns() + slow_ns)
        network.time.at(self._here_ns, arrive)


class Connection(Line, httpcore.NetworkStream):
    """An HTTP connection, as httpcore has it."""

    kind: LineKind = "http"

    def __init__(self, network: "Network", service: Service, lane: str) -> None:
        super().__init__(network)
        self.service: Service = service
        self.lane = lane
        self._waiting = Waiting(network.time)
        self._inbox = bytearray()
        self._over = ""
        """Why nothing more comes: `closed` by the exchange, or `reset`."""
        self._call: int | None = None

    # What httpcore asks for

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send one whole request, as the production transport does."""
        if self.ended or self._over == "reset":
            raise httpcore.WriteError("the connection is gone")
        head, _, body = buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        path, _, query = target.partition("?")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        asked = HttpRequest(self.service, method, path, parse_qs(query, keep_blank_values=True), body, headers=headers)
        if self._over:
            # The exchange has closed it unheard: the bytes leave, and come to nothing.
            self._call = self.network.write(self, asked)
            return
        self._call = self.network.call(self, asked)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has come, waiting for it. Raises httpcore.ReadTimeout, httpcore.ReadError."""
        time = self.network.time
        until_ns = time.now_ns() + int((timeout or 0.0) * S)
        while not self._inbox:
            if self._over == "reset" or self.ended:
                self._lost("the connection was reset")
                raise httpcore.ReadError("the connection was reset")
            if self._over:
                self._lost("the connection was closed")
                return b""
            if not self._waiting.until(until_ns) and time.now_ns() >= until_ns:
                self._lost("no answer in time")
                raise httpcore.ReadTimeout("no answer in time")
        taken = bytes(self._inbox[:max_bytes])
        del self._inbox[:max_bytes]
        return taken

    def close(self) -> None:
        """End it from our side."""
        self.ended = True
        self.network.forget(self)

    def get_extra_info(self, info: str) -> Any:
        """Say whether something can be read, which on an idle connection means that it has ended."""
        return bool(self._inbox or self._over or self.ended) if info == "is_readable" else None

    # The exchange's side

    def answer(self, answer: Answer) -> None:
        """Take the exchange's answer, in the manner in which it leaves."""
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body
        if answer.manner == "reset":
            self.bring(0, lambda: self._ends("reset"))
            return
        if answer.manner == "never":
            return
        text = f"HTTP/1.1 {answer.status} .\r\n".encode()
        for name, value in _headers(answer, len(body)).items():
            text += f"{name}: {value}\r\n".encode("latin-1")
        text += b"\r\n"
        if answer.manner == "cut":
            self.bring(len(body), lambda: self._comes(text + body[: len(body) // 2], None))
            self.bring(0, lambda: self._ends("closed"))
        elif answer.manner == "dribbled":
            self._comes(text, None)
            for index in range(min(len(body), 64)):
                byte = body[index : index + 1]
                self.network.time.after((index + 1) * _DRIBBLE_NS, lambda byte=byte: self._comes(byte, None))
        else:
            self.bring(len(text) + len(body), lambda: self._comes(text + body, (answer.status, body)))
            if answer.manner in ("last", "stale"):
                self.bring(0, lambda: self._ends("closed"))

    def drop(self, *, reset: bool) -> None:
        """End it from the exchange's side, whatever is under way."""
        self._ends("reset" if reset else "closed")

    def vanish(self) -> None:
        """End it because our process is gone: who waits is thrown away with it."""
        self.ended = True
        self.network.forget(self)

    def _comes(self, data: bytes, whole: tuple[int, bytes] | None) -> None:
        if self.ended or self._over:
            return
        self._inbox += data
        if whole is not None and self._call is not None:
            self.network.told.answered(self._call, whole[0], whole[1], "")
            self._call = None
        self._waiting.wake()

    def _ends(self, how: str) -> None:
        if not self._over:
            self._over = how
            self._waiting.wake()

    def _lost(self, text: str) -> None:
        if self._call is not None:
            self.network.told.answered(self._call, None, b"", text)
            self._call = None


class Socket(Line):
    """A WebSocket, with the methods of `WebSocketClient`."""

    def __init__(self, network: "Network", channel: Channel) -> None:
        super().__init__(network)
        self.kind: LineKind = channel
        self.channel = channel
        self.number = 0
        self._waiting = Waiting(network.time)
        self._inbox: deque[bytes] = deque()
        self._over: ConnectionLost | None = None

    # As a feed has it

    def send(self, text: str) -> None:
        """Say something. Raises ConnectionLost."""
        if self._over is not None and not self._inbox:
            raise self._over
        self.network.say(self, text)

    def readable(self, timeout_s: float) -> bool:
        """Wait until something can be read, which may be the end of the connection."""
        if self._inbox or self._over is not None:
            return True
        if timeout_s <= 0:
            return False
        self._waiting.until(self.network.time.now_ns() + max(int(timeout_s * S), _POLL_NS))
        return bool(self._inbox) or self._over is not None

    def receive(self) -> bytes | None:
        """Return the next message. Raises ConnectionLost."""
        if self._inbox:
            return self._inbox.popleft()
        assert self._over is not None
        raise self._over

    def close(self) -> None:
        """Drop it."""
        self.ended = True
        self.network.forget(self)

    # The exchange's side

    def send_text(self, text: str | bytes) -> None:
        """Take a frame that has arrived."""
        if self.ended or self._over is not None:
            return
        self.network.told.framed(self.channel, self.number, text)
        self._inbox.append(text.encode() if isinstance(text, str) else text)
        self._waiting.wake()

    def closes(self, code: int, reason: str) -> None:
        """Take the end of the connection, behind what was sent before."""
        text = f"closed by the venue: {code} {reason}".rstrip()
        if code == 1006:
            self.drop(reset=True)
        else:
            self.bring(0, lambda: self._ends(ConnectionLost(text, code)))

    def drop(self, *, reset: bool) -> None:
        """End it without a word."""
        self._ends(ConnectionLost("the connection was reset" if reset else "the connection is closed"))

    def vanish(self) -> None:
        """End it because our process is gone."""
        self.close()

    def _ends(self, why: ConnectionLost) -> None:
        if self._over is None:
            self._over = why
            self._waiting.wake()

    def bring_text(self, text: str | bytes) -> None:
        """Let a frame come on its way."""
        self.bring(len(text), lambda: self.send_text(text))


def _headers(answer: Answer, size: int) -> Mapping[str, str]:
    given = {name.lower(): value for name, value in answer.headers.items()}
    named = {"content-type": "application/json", **given, "content-length": str(size)}
    if answer.manner == "last":
        named["connection"] = "close"
    return named
