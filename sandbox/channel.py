"""The market channel: who is subscribed to what, what a client may say, and who sees which frame."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from sandbox import wire
from sandbox.faults.impairments import Impairments
from sandbox.markets import Catalogue, Market
from sandbox.messages import Close, Effect, Send
from sandbox.schedule import Schedule

FrameKind = Literal["book", "price_change", "last_trade_price", "tick_size_change", "best_bid_ask", "market_resolved"]


@dataclass(slots=True)
class _Client:
    subscribed: bool = False
    custom: bool = False
    tokens: dict[str, None] = field(default_factory=dict[str, None])


class MarketChannel:
    """The state of all market sockets. Frames for them are put into `outbox`, in order."""

    def __init__(
        self, catalogue: Catalogue, schedule: Schedule, outbox: list[Effect], impairments: Impairments | None = None
    ) -> None:
        self.impairments = impairments or Impairments(schedule)
        self.on_subscribed: list[Callable[[int], None]] = []
        self._catalogue = catalogue
        self._outbox = outbox
        self._clients: dict[int, _Client] = {}
        self._by_token: dict[str, dict[int, None]] = {}
        self._by_market: dict[str, tuple[int, ...]] = {}

    def opened(self, connection: int) -> None:
        """Take a new socket, which sees nothing until it subscribes."""
        self._clients[connection] = _Client()

    def closed(self, connection: int) -> None:
        """Forget a socket."""
        client = self._clients.pop(connection, None)
        if client is not None:
            self._drop(connection, tuple(client.tokens))

    def said(self, connection: int, text: str, now_ns: int) -> None:
        """Take a client's text: keepalive, first subscription, or a change of it."""
        client = self._clients.get(connection)
        if client is None:
            return
        if text == "PING" and client.subscribed:
            self._send((connection,), "PONG")
            return
        frame = _decoded(text)
        if client.subscribed:
            if frame is not None and frame.get("operation") in ("subscribe", "unsubscribe"):
                self._change(connection, client, frame, now_ns)
        elif frame is None or str(frame.get("type")).lower() != "market":
            self._close(connection, 1008, "invalid subscription payload")
        else:
            client.subscribed = True
            self._subscribe(connection, client, frame, now_ns)

    def close_all(self, code: int) -> int:
        """Drop every market socket; says how many."""
        connections = tuple(self._clients)
        for connection in connections:
            self._close(connection, code, "")
        return len(connections)

    def covers(self, token_ids: tuple[str, ...]) -> bool:
        """Whether every one of these tokens has a subscriber."""
        return all(self._by_token.get(token) for token in token_ids)

    def audience(self, market: Market) -> tuple[int, ...]:
        """Who subscribed to either token of a market."""
        known = self._by_market.get(market.condition_id)
        if known is None:
            both = (self._by_token.get(token, {}) for token in market.token_ids)
            known = self._by_market[market.condition_id] = tuple(dict.fromkeys(c for one in both for c in one))
        return known

    def publish(self, market: Market, kind: FrameKind, text: Callable[[], str], *, token: int | None = None) -> None:
        """Send a frame of a market to those who subscribed to one token of it, or to either when None.

        `text` is asked for only when somebody listens. Frames of the custom features go to those who want them.
        """
        audience = self.audience(market) if token is None else tuple(self._by_token.get(market.token_ids[token], ()))
        if kind in ("best_bid_ask", "market_resolved"):
            audience = self._with_custom(audience)
        if audience:
            self._send(audience, text())

    def send_raw(self, market: Market, text: str) -> int:
        """Send any text to a market's audience; says how many clients that is."""
        audience = self.audience(market)
        self._send(audience, text)
        return len(audience)

    def publish_to_all(self, text: str) -> None:
        """Send a frame to every client that wants the custom features, whatever it subscribed to."""
        self._send(self._with_custom(tuple(self._clients)), text)

    def _change(self, connection: int, client: _Client, frame: dict[str, Any], now_ns: int) -> None:
        if frame["operation"] == "subscribe":
            self._subscribe(connection, client, frame, now_ns)
        else:
            gone = tuple(token for token in _token_ids(frame) if token in client.tokens)
            for token in gone:
                del client.tokens[token]
            self._drop(connection, gone)

    def _subscribe(self, connection: int, client: _Client, frame: dict[str, Any], now_ns: int) -> None:
        client.custom = bool(frame.get("custom_feature_enabled", client.custom))
        asked = dict.fromkeys(_token_ids(frame))
        new = tuple(t for t in asked if t not in client.tokens and t in self._catalogue.by_token)
        if asked and not new:
            self._send((connection,), "NO NEW ASSETS")
            return
        for token in new:
            client.tokens[token] = None
            self._by_token.setdefault(token, {})[connection] = None
            self._by_market.pop(self._catalogue.by_token[token][0].condition_id, None)
        if frame.get("initial_dump", True):
            known = (self._catalogue.by_token[token] for token in new)
            books = ",".join(wire.first_book(market, index) for market, index in known if not market.closed)
            self._send((connection,), f"[{books}]\n")
        for notify in self.on_subscribed:
            notify(now_ns)

    def _drop(self, connection: int, tokens: tuple[str, ...]) -> None:
        for token in tokens:
            self._by_token[token].pop(connection, None)
            self._by_market.pop(self._catalogue.by_token[token][0].condition_id, None)

    def _with_custom(self, connections: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(c for c in connections if c in self._clients and self._clients[c].custom)

    def _send(self, connections: tuple[int, ...], text: str) -> None:
        if connections:
            self._outbox.append(Send(connections, text))

    def _close(self, connection: int, code: int, reason: str) -> None:
        self.closed(connection)
        self._outbox.append(Close(connection, code, reason))


def _decoded(text: str) -> dict[str, Any] | None:
    try:
        return wire.decode(text, dict[str, Any])
    except msgspec.DecodeError:
        return None


def _token_ids(frame: dict[str, Any]) -> list[str]:
    asked = frame.get("assets_ids")
    return [token for token in asked if isinstance(token, str)] if isinstance(asked, list) else []
