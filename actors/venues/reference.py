"""Outside reference prices over a WebSocket: what markets follow. So far the sandbox's generated ones."""

import json
from collections.abc import Callable

import msgspec

from actors.runtime.actor import Context
from actors.venues.socket_feed import Route, SocketFeed
from models.feeds import FeedParameters
from models.messages.market import ReferenceUpdated


class _WireReference(msgspec.Struct, tag="reference", tag_field="event_type"):
    name: str
    price: str


class ReferenceFeed(SocketFeed):
    """Tells every `ReferenceUpdated` of the names it was given."""

    def __init__(
        self,
        context: Context,
        url: str,
        names: tuple[str, ...],
        parameters: FeedParameters,
        route: Route,
        chance: Callable[[], float] = lambda: 0.5,
    ) -> None:
        super().__init__(context, url, parameters, route, chance)
        self._names = names
        self._decode = msgspec.json.Decoder(_WireReference).decode

    def subscription(self) -> str:
        return json.dumps({"type": "reference", "names": list(self._names)})

    def take_frame(self, raw: bytes, received_ns: int) -> None:
        if raw == b"PONG":
            return
        try:
            wire = self._decode(raw)
            value = float(wire.price)
        except (ValueError, RecursionError) as error:
            self.not_understood("reference", str(error))
            return
        if not 0.0 < value < float("inf"):
            self.not_understood("price", f"a price of {value}")
            return
        self.tell(ReferenceUpdated(wire.name, value, received_ns))
