"""What lies between the engine and the exchange: connections whose bytes take virtual time, and may never arrive.

Why below HTTP: the production transport gathers a request, passes the gate and hands all of it over in one write. Here
that write ends in `Connection.write`, and nothing above it is another one than in production.

A connection belongs to one process: with a crash all of them end, what was sent before arrives, and nobody hears the
answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import httpcore

from actors.venues.websocket_client import ConnectionLost
from research.prove.sim.lines import Connection, Line, Socket
from research.prove.sim.turns import Time, sleep
from sandbox.exchange import Exchange
from sandbox.messages import (
    Answer,
    Close,
    Cut,
    Effect,
    Hold,
    HttpRequest,
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

    def hold_of(self, line: Line) -> Hold:
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

    def connect(self, host: str, within_ns: int) -> Connection:
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

    def open(self, url: str, within_ns: int) -> Socket:
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

    def write(self, line: Connection, request: HttpRequest) -> int:
        """Let a whole request leave; returns its number."""
        self._call_number += 1
        self.told.written(self._call_number, line.service, line.lane, request)
        return self._call_number

    def call(self, line: Connection, request: HttpRequest) -> int:
        """Let a whole request leave and be on its way; returns its number."""
        number = self.write(line, request)
        self._calls[number] = line
        numbered = HttpRequest(
            request.service, request.method, request.path, request.query, request.body, 0, request.headers, number
        )
        self.time.at(line.there_ns(), lambda: self._arrive(line, numbered))
        return number

    def forget(self, line: Connection | Socket) -> None:
        """Know a line no more."""
        if line in self._lines:
            self._lines.remove(line)
        if isinstance(line, Socket) and self._sockets.pop(line.number, None) is not None:
            gone = SocketClosed(line.number)
            self.time.after(self.latency_ns(), lambda: self.deliver(self.exchange.handle(gone, self.time.now_ns())))

    def say(self, line: Socket, text: str) -> None:
        """Let a feed say something."""
        said = SocketText(line.number, text)

        def arrive() -> None:
            if line.number in self._sockets:
                if not self.hold_of(line).hears:
                    line.unread.append(arrive)
                    return
                self.deliver(self.exchange.handle(said, self.time.now_ns()))

        self.time.at(line.there_ns(), arrive)

    def _arrive(self, line: Connection, request: HttpRequest) -> None:
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
