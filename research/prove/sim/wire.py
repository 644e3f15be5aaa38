"""What lies between the engine and the exchange: connections whose bytes take virtual time, and may never arrive.

Why below HTTP: the production transport gathers a request, passes the gate and hands all of it over in one write. Here
that write ends in `Connection.write`, and nothing above it is another one than in production.

A connection belongs to one process: with a crash all of them end, what was sent before arrives, and nobody hears the
answer.
"""

import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from urllib.parse import parse_qs

import httpcore

from actors.venues.websocket_client import ConnectionLost
from research.prove.sim.turns import MS, S, Time, Waiting, sleep
from sandbox.exchange import Exchange
from sandbox.messages import (
    Answer,
    Channel,
    Close,
    Cut,
    Effect,
    Hold,
    HttpRequest,
    LineKind,
    Send,
    SendRaw,
    Service,
    SocketClosed,
    SocketOpened,
    SocketText,
)

_SERVICES: Final[dict[str, Service]] = {"clob": "clob", "relayer": "relayer", "gamma": "gamma"}
"""Hosts by name: `http://clob.sim`."""
_FREE: Final = Hold(())
_DRIBBLE_NS: Final = S // 2
_POLL_NS: Final = 500 * MS
"""How often a feed that hears nothing looks at the time."""
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long bytes take to the exchange and back: at least, and on average beyond that."""

    least_ns: int
    mean_ns: int

    def draw(self, random: Random) -> int:
        """Return one of them."""
        return self.least_ns + int(random.expovariate(1.0) * self.mean_ns)


class Told:
    """What a wire says of itself; whoever runs it overrides what it wants to hear."""

    def written(self, call: int, service: str, lane: str, request: HttpRequest) -> None:
        """Hear that a whole request has left."""

    def arrived(self, call: int) -> None:
        """Hear that a request has reached the exchange."""

    def answered(self, call: int, status: int | None, body: bytes, text: str) -> None:
        """Hear that an answer has reached whoever asked."""

    def framed(self, channel: str, connection: int, text: str | bytes) -> None:
        """Hear that a text has reached a feed."""


class Network:
    """Everything between one exchange and the process that is connected to it at the time."""

    def __init__(self, exchange: Exchange, time: Time, random: Random, latencies: Latencies, told: Told) -> None:
        self.exchange = exchange
        self.time = time
        self.told = told
        self.who: Callable[[], str] = lambda: ""
        """Names the actor whose turn it is."""
        self._random = random
        self._latencies = latencies
        self._holds: dict[str, Hold] = {}
        self._lines: list[Connection | Socket] = []
        self._calls: dict[int, Connection] = {}
        self._sockets: dict[int, Socket] = {}
        self._call_number = 0
        self._connections = 0

    # The exchange's side

    def deliver(self, effects: list[Effect]) -> None:
        """Let what the exchange does have its effect."""
        for effect in effects:
            if isinstance(effect, Send):
                for number in effect.connections:
                    self._frame(number, effect.text)
            elif isinstance(effect, Answer):
                line = self._calls.pop(effect.call, None)
                if line is not None:
                    line.answer(effect)
            elif isinstance(effect, SendRaw):
                for number in effect.connections:
                    self._end(number, 1002, "a malformed frame")
            elif isinstance(effect, Close):
                self._end(effect.connection, effect.code, effect.reason)
            elif isinstance(effect, Cut):
                for line in tuple(self._lines):
                    if line.kind in effect.lines:
                        line.drop(reset=effect.reset)
            else:
                self._hold(effect)

    def hold_of(self, line: "Connection | Socket") -> Hold:
        """Return what holds a line."""
        return line.own or self._holds.get(line.kind, _FREE)

    def drop_all(self) -> None:
        """End all connections: the process at their end is gone."""
        for line in tuple(self._lines):
            line.vanish()

    def latency_ns(self) -> int:
        """Draw how long something takes on its way."""
        return self._latencies.draw(self._random)

    # Our side

    def connect(self, host: str, within_ns: int) -> "Connection":
        """Make an HTTP connection, which takes its time. Raises httpcore.ConnectTimeout."""
        line = Connection(self, _SERVICES[host.partition(".")[0]], self.who())
        wait_ns = 2 * self.latency_ns()
        held = self._holds.get("http", _FREE)
        if not held.hears or held.bytes_per_second == 0 or wait_ns > within_ns:
            sleep(self.time, within_ns)
            raise httpcore.ConnectTimeout("nobody answers")
        sleep(self.time, wait_ns)
        self._lines.append(line)
        return line

    def open(self, url: str, within_ns: int) -> "Socket":
        """Make a WebSocket. Raises ConnectionLost."""
        channel: Any = url.rpartition("/")[2]
        line = Socket(self, channel)
        held = self._holds.get(line.kind, _FREE)
        wait_ns = 3 * self.latency_ns()
        if not held.hears or held.bytes_per_second == 0 or wait_ns > within_ns:
            sleep(self.time, within_ns)
            raise ConnectionLost("timed out")
        sleep(self.time, wait_ns)
        self._connections += 1
        line.number = self._connections
        self._sockets[line.number] = line
        self._lines.append(line)
        self.deliver(self.exchange.handle(SocketOpened(line.number, channel), self.time.now_ns()))
        return line

    def write(self, line: "Connection", request: HttpRequest) -> int:
        """Let a whole request leave; returns its number."""
        self._call_number += 1
        self.told.written(self._call_number, line.service, line.lane, request)
        return self._call_number

    def call(self, line: "Connection", request: HttpRequest) -> int:
        """Let a whole request leave and be on its way; returns its number."""
        number = self.write(line, request)
        self._calls[number] = line
        numbered = HttpRequest(
            request.service, request.method, request.path, request.query, request.body, 0, request.headers, number
        )
        self.time.at(line.there_ns(), lambda: self._arrive(line, numbered))
        return number

    def forget(self, line: "Connection | Socket") -> None:
        """Know a line no more."""
        if line in self._lines:
            self._lines.remove(line)
        if isinstance(line, Socket) and self._sockets.pop(line.number, None) is not None:
            gone = SocketClosed(line.number)
            self.time.after(self.latency_ns(), lambda: self.deliver(self.exchange.handle(gone, self.time.now_ns())))

    def say(self, line: "Socket", text: str) -> None:
        """Let a feed say something."""
        said = SocketText(line.number, text)

        def arrive() -> None:
            if line.number in self._sockets:
                if not self.hold_of(line).hears:
                    line.unread.append(arrive)
                    return
                self.deliver(self.exchange.handle(said, self.time.now_ns()))

        self.time.at(line.there_ns(), arrive)

    def _arrive(self, line: "Connection", request: HttpRequest) -> None:
        if not self.hold_of(line).hears:
            if not line.ended:
                line.unread.append(lambda: self._arrive(line, request))
            return
        self.told.arrived(request.call)
        self.deliver(self.exchange.handle(request, self.time.now_ns()))

    def _frame(self, number: int, text: str | bytes) -> None:
        line = self._sockets.get(number)
        if line is not None:
            line.bring_text(text)

    def _end(self, number: int, code: int, reason: str) -> None:
        line = self._sockets.get(number)
        if line is not None:
            line.closes(code, reason)

    def _hold(self, hold: Hold) -> None:
        for kind in hold.lines:
            self._holds.pop(kind, None)
            if hold.newcomers:
                self._holds[kind] = hold
        for line in tuple(self._lines):
            if line.kind in hold.lines:
                line.own = None if hold.newcomers else hold
                line.review()


class _Line:
    """What connections have in common: order, delay, and what waits while they are held."""

    kind: LineKind

    def __init__(self, network: Network) -> None:
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
        hold = self.network.hold_of(self)  # type: ignore[arg-type]
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
        held = network.hold_of(self)  # type: ignore[arg-type]
        if held.bytes_per_second == 0:
            self._unsent.append((size, arrive))
            return
        now_ns = network.time.now_ns()
        slow_ns = 0 if held.bytes_per_second is None else size * S // held.bytes_per_second
        self._here_ns = max(self._here_ns + slow_ns, now_ns + network.latency_ns() + slow_ns)
        network.time.at(self._here_ns, arrive)


class Connection(_Line, httpcore.NetworkStream):
    """An HTTP connection, as httpcore has it."""

    kind: LineKind = "http"

    def __init__(self, network: Network, service: Service, lane: str) -> None:
        super().__init__(network)
        self.service: Service = service
        self.lane = lane
        self._waiting = Waiting(network.time)
        self._inbox = bytearray()
        self._over = ""
        """Why nothing more comes: `closed` by the exchange, or `reset`."""
        self._call: int | None = None
        self._answered: tuple[int, bytes] | None = None

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
        self._answered = None
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

    def whole(self, until_ns: int) -> tuple[int, bytes]:
        """Return status and body of the answer, for who has no use for the bytes. Raises httpcore.ReadError."""
        while self._answered is None:
            if self._over or self.ended or self.network.time.now_ns() >= until_ns:
                self._lost("no whole answer")
                raise httpcore.ReadError("no whole answer")
            self._waiting.until(until_ns)
        return self._answered

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
            self._call, self._answered = None, whole
        self._waiting.wake()

    def _ends(self, how: str) -> None:
        if not self._over:
            self._over = how
            self._waiting.wake()

    def _lost(self, text: str) -> None:
        if self._call is not None:
            self.network.told.answered(self._call, None, b"", text)
            self._call = None


class Socket(_Line):
    """A WebSocket, with the methods of `WebSocketClient`."""

    def __init__(self, network: Network, channel: Channel) -> None:
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
