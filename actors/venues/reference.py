"""Outside reference prices over a WebSocket: what markets follow. So far the sandbox's generated ones."""

import json
import select
from collections.abc import Callable, Hashable, Iterable
from typing import Any, ClassVar, Final

import msgspec

from actors.runtime.actor import BaseActor, Context
from actors.venues.websocket_client import ConnectionLost, WebSocketClient
from models.messages.base import Lane, Message
from models.messages.market import ReferenceUpdated

_IDLE_S: Final = 0.1
_RETRY_NS: Final = 1_000_000_000
_TIMEOUT_S: Final = 10.0
_FRAMES_PER_TURN: Final = 64

Route = Callable[[Message], Iterable[str]]


class _WireReference(msgspec.Struct, tag="reference", tag_field="event_type"):
    name: str
    price: str
    timestamp: str


class _Read(Message, frozen=True):
    lane: ClassVar[Lane] = Lane.MARKET

    @property
    def key(self) -> Hashable:
        return "read"


class ReferenceFeed(BaseActor):
    """Tells every `ReferenceUpdated` of the names it was given; a lost connection is tried again each second."""

    batch: ClassVar[int] = 1

    def __init__(self, context: Context, url: str, names: tuple[str, ...], route: Route) -> None:
        super().__init__(context)
        self.malformed = 0
        self._url = url
        self._names = names
        self._route = route
        self._socket: WebSocketClient | None = None
        self._retry_ns = 0
        self._decoder = msgspec.json.Decoder(_WireReference)

    def on_start(self) -> None:
        self.context.send(self.context.name, _Read())

    def on_receive(self, message: Any) -> None:
        try:
            self._turn(self.context.dispatcher.clock.now_ns())
        except ConnectionLost as error:
            self.log.warning("reference feed lost: {}", error)
            self._close()
            self._retry_ns = self.context.dispatcher.clock.now_ns() + _RETRY_NS
        self.context.send(self.context.name, _Read())

    def on_end(self) -> None:
        self._close()

    def _turn(self, now_ns: int) -> None:
        if self._socket is None:
            if now_ns < self._retry_ns:
                select.select([], [], [], _IDLE_S)
                return
            self._socket = WebSocketClient(self._url, _TIMEOUT_S)
            self._socket.send(json.dumps({"type": "reference", "names": list(self._names)}))
        for _ in range(_FRAMES_PER_TURN):
            if not self._socket.readable(_IDLE_S):
                return
            self._frame(self._socket.receive(), self.context.dispatcher.clock.now_ns())

    def _frame(self, raw: bytes, received_ns: int) -> None:
        try:
            wire = self._decoder.decode(raw)
            value = float(wire.price)
        except (msgspec.DecodeError, ValueError):
            self.malformed += 1
            return
        if not 0.0 < value < float("inf"):
            self.malformed += 1
            return
        update = ReferenceUpdated(wire.name, value, received_ns)
        for name in self._route(update):
            self.context.send(name, update)

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
