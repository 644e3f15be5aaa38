"""What every feed over a WebSocket has in common: it connects, keeps alive, reads in short turns, and comes back.

Why the actor reads in short turns and not in an endless loop: its mailbox must be served, so that a stop is not stuck
behind a quiet socket. A turn reads what is there, up to a bound, then tells itself to read on; between turns it has
mail. So exactly one `ReadOn` is always on its way, and a stop is carried out when it arrives.

Why our own receive loop and not `run_forever`: that swallows errors of callbacks and recurses on reconnects.
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from threading import Event
from typing import Any, ClassVar, Final, TypeAlias

from actors.runtime.actor import BaseActor, Context
from actors.venues.background import BackgroundCall
from actors.venues.websocket_client import ConnectionLost, WebSocketClient
from models.feeds import FeedParameters, after_close
from models.messages.base import Lane, Message
from models.messages.market import FeedCounted
from models.text import clean

_MS: Final = 1_000_000
_FRAMES_PER_TURN: Final = 256
_TURN_NS: Final = 20 * _MS
_IDLE_S: Final = 0.05
_JITTER: Final = 0.2


Route: TypeAlias = Callable[[Message], Iterable[str]]


class ReadOn(Message, frozen=True):
    """Tells a feed to itself: read what the socket has."""

    lane: ClassVar[Lane] = Lane.MARKET

    @property
    def key(self) -> Hashable:
        return "read"


class SocketFeed(BaseActor):
    """Keeps one connection; `connections` counts those that stood, `malformed` what was not understood, by kind.

    `chance` gives numbers in [0, 1) for the jitter of the backoff.
    """

    batch: ClassVar[int] = 1

    def __init__(
        self,
        context: Context,
        url: str,
        parameters: FeedParameters,
        route: Route,
        chance: Callable[[], float] = lambda: 0.5,
    ) -> None:
        super().__init__(context)
        self.connections = 0
        self.malformed: Counter[str] = Counter()
        self._noticed: set[str] = set()
        self._route = route
        self._url = url
        self._parameters = parameters
        self._chance = chance
        self._socket: WebSocketClient | None = None
        self._connecting: BackgroundCall[WebSocketClient] | None = None
        self._failures = 0
        self._began_ns = 0
        """When the connection that stands, or is being made, was begun."""
        self._retry_ns = 0
        self._heard_ns = 0
        self._pinged_ns = 0
        self._stopping = False
        self._pause = Event()

    @abstractmethod
    def subscription(self) -> str:
        """Return what is said first on a new connection."""

    @abstractmethod
    def take_frame(self, raw: bytes, received_ns: int) -> None:
        """Take what the venue said."""

    def on_connected(self, now_ns: int) -> None:
        """Do what a new connection calls for; the subscription has been sent."""

    def on_disconnected(self, reason: str, now_ns: int) -> None:
        """Do what a lost connection calls for, also one that never stood."""

    def on_refused(self, reason: str, now_ns: int) -> None:
        """Do what a venue calls for that has closed for a reason of ours; it is tried again after a long time."""

    def is_wanted(self) -> bool:
        """Whether there is anything to connect for."""
        return True

    def on_turn(self, now_ns: int) -> None:
        """Do what time calls for while connected. Raises ConnectionLost for a connection that is of no use."""

    def tell(self, message: Message) -> None:
        """Tell a message to all whom it concerns."""
        for name in self._route(message):
            self.context.send(name, message)

    def say(self, text: str) -> None:
        """Say something to the venue, while connected. Raises ConnectionLost."""
        assert self._socket is not None
        self._socket.send(text)

    def not_understood(self, kind: str, detail: str) -> None:
        """Count what the venue said, and log it the first time that its kind comes."""
        self.malformed[kind] += 1
        if self.malformed[kind] == 1:
            self.log.bind(kind=kind).warning("malformed frame: {}", clean(detail))
        self._tell_counts()

    def notice(self, unknown: Mapping[str, int]) -> None:
        """Count the fields that we never heard of, once each, and log the first."""
        for name in sorted(unknown.keys() - self._noticed):
            self._noticed.add(name)
            self.not_understood("field", f"an unknown field {name!r}")

    def on_start(self) -> None:
        self._read_on()

    def on_receive(self, message: Any) -> None:
        if not isinstance(message, ReadOn):
            return
        if self._stopping:
            self._stop()
            return
        self._turn(self.context.dispatcher.clock.now_ns())
        self._read_on()

    def on_asked_to_stop(self) -> None:
        """Stop with the `ReadOn` that is on its way, so that none is left unread."""
        self._stopping = True

    def on_end(self) -> None:
        self._close()

    def _read_on(self) -> None:
        if not self.context.given_up:
            self.context.send(self.context.name, ReadOn())

    def _turn(self, now_ns: int) -> None:
        wire = self._socket
        try:
            if wire is None:
                self._connect(now_ns)
                return
            self._read(wire, now_ns)
            self._keep_alive(wire, now_ns)
            self.on_turn(now_ns)
        except ConnectionLost as error:
            self._lost(error, now_ns)

    def _connect(self, now_ns: int) -> None:
        """Begin a connection when it is time to, and wait a little for it. Raises ConnectionLost."""
        timeout_ms = self._parameters.connect_timeout_ms
        if self._connecting is None:
            if now_ns < self._retry_ns or not self.is_wanted():
                self._pause.wait(_IDLE_S)
                return
            url, name = self._url, f"{self.context.name}/connect"
            self._began_ns = now_ns
            self._connecting = BackgroundCall(
                name, lambda: WebSocketClient(url, timeout_ms / 1_000), WebSocketClient.close
            )
        wire = self._connecting.wait(_IDLE_S)
        if wire is not None:
            self._connecting, self._socket = None, wire
            wire.send(self.subscription())
            self._heard_ns = self._pinged_ns = self._began_ns = now_ns
            self.connections += 1
            self.log.bind(connections=self.connections).info("feed connected")
            self._tell_counts()
            self.on_connected(now_ns)
        elif now_ns - self._began_ns > timeout_ms * _MS:
            raise ConnectionLost(f"no connection within {timeout_ms} ms")

    def _tell_counts(self) -> None:
        self.tell(FeedCounted(self.context.name, self.connections, dict(self.malformed)))

    def _read(self, wire: WebSocketClient, now_ns: int) -> None:
        for taken in range(_FRAMES_PER_TURN):
            if not wire.readable(0 if taken else _IDLE_S):
                return
            raw = wire.receive()
            received_ns = self.context.dispatcher.clock.now_ns()
            if raw is not None:
                self._heard_ns = received_ns
            if raw:
                self.take_frame(raw, received_ns)
            if received_ns - now_ns > _TURN_NS:
                return

    def _keep_alive(self, wire: WebSocketClient, now_ns: int) -> None:
        parameters = self._parameters
        if now_ns - self._heard_ns > parameters.silent_ms * _MS:
            raise ConnectionLost(f"silent for {parameters.silent_ms} ms")
        if now_ns - self._pinged_ns >= parameters.ping_ms * _MS:
            self._pinged_ns = now_ns
            wire.send("PING")

    def _lost(self, error: ConnectionLost, now_ns: int) -> None:
        """Wait longer after each failure; a connection that stood for long enough begins anew."""
        parameters, stood, reason = self._parameters, self._socket is not None, str(error)
        if stood and now_ns - self._began_ns > parameters.backoff_cap_ms * _MS:
            self._failures = 0
        self._close()
        refused = after_close(error.code) == "halt"
        wait_ms = min(parameters.backoff_ms << min(self._failures, 16), parameters.backoff_cap_ms)
        wait_ms = max(wait_ms, parameters.refused_ms) if refused else wait_ms
        self._failures += 1
        wait_ns = round(wait_ms * _MS * (1.0 + _JITTER * (2.0 * self._chance() - 1.0)))
        self._retry_ns = now_ns + wait_ns
        # A venue that is away for an hour is told once; the tries in between are for whoever looks closer.
        level = "WARNING" if stood or refused or self._failures == 1 else "DEBUG"
        self.log.bind(attempts=self._failures, retry_ms=wait_ns // _MS).log(level, "feed lost: {}", reason)
        self.on_disconnected(reason, now_ns)
        if refused:
            self.on_refused(reason, now_ns)

    def _close(self) -> None:
        if self._connecting is not None:
            self._connecting.abandon()
            self._connecting = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
