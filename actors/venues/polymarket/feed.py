"""One shard of the market feed: a WebSocket of at most 200 tokens, read by an actor on a thread of its own.

Why the actor reads in short turns and not in an endless loop: its mailbox must be served, so that a stop is not stuck
behind a quiet socket. A turn reads what is there, up to a bound, then tells itself to read on; between turns it has mail.

Why our own receive loop and not `run_forever`: that swallows errors of callbacks and recurses on reconnects.

Silence is not proof of life: a socket that still answers PING may have stopped sending a token for hours, so tokens that
are quiet for too long are asked for by REST (`ProbeBooks`), and a socket without a frame or PONG is replaced.
"""

import json
import select
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, ClassVar, Final

from actors.runtime.actor import BaseActor, Context
from actors.venues.polymarket.codec import PLAIN_TEXTS, Codec, MalformedFrame
from actors.venues.websocket_client import ConnectionLost, WebSocketClient
from models.feeds import FeedParameters
from models.markets import YES, Outcome
from models.messages.base import Lane, MarketId, Message
from models.messages.market import FeedLost, FeedRestored, RequestSnapshot

TOKENS_MAX: Final = 200
_MS: Final = 1_000_000
_FRAMES_PER_TURN: Final = 256
_TURN_NS: Final = 20 * _MS
_IDLE_S: Final = 0.05

Route = Callable[[Message], Iterable[str]]
Tape = Callable[[int, str, bytes], object]
"""Keeps a raw frame: received_ns, connection, bytes."""


class ReadOn(Message, frozen=True):
    """Tells a shard to itself: read what the socket has."""

    lane: ClassVar[Lane] = Lane.MARKET

    @property
    def key(self) -> Hashable:
        return "read"


class ProbeBooks(Message, frozen=True):
    """Ask for the books of quiet tokens by REST, to prove that they are still as we know them."""

    lane: ClassVar[Lane] = Lane.INTENT
    shard: str
    token_ids: tuple[str, ...]

    @property
    def key(self) -> Hashable:
        return self.shard


class FeedShard(BaseActor):
    """Reads one market-channel connection. `tokens` maps a token id to its market and outcome."""

    batch: ClassVar[int] = 1

    def __init__(
        self,
        context: Context,
        url: str,
        tokens: Mapping[str, tuple[MarketId, Outcome]],
        parameters: FeedParameters,
        route: Route,
        prober: str,
        tape: Tape | None = None,
    ) -> None:
        super().__init__(context)
        if len(tokens) > TOKENS_MAX:
            raise ValueError(f"a shard takes {TOKENS_MAX} tokens, not {len(tokens)}: the venue stalls silently beyond")
        self.codec = Codec(tokens)
        self.connections = 0
        self._url = url
        self._parameters = parameters
        self._route = route
        self._prober = prober
        self._tape = tape
        self._markets = tuple(dict.fromkeys(market for market, _ in tokens.values()))
        self._socket: WebSocketClient | None = None
        self._failures = 0
        self._retry_ns = 0
        self._heard_ns = 0
        self._pinged_ns = 0
        self._probed_ns = 0
        self._said_kinds: set[str] = set()
        self._quiet: dict[MarketId, int] = {}
        self._first_token = {market: token for token, (market, outcome) in tokens.items() if outcome == YES}

    def on_start(self) -> None:
        self.context.send(self.context.name, ReadOn())

    def on_receive(self, message: Any) -> None:
        if isinstance(message, ReadOn):
            self._turn(self.context.dispatcher.clock.now_ns())
            self.context.send(self.context.name, ReadOn())

    def on_end(self) -> None:
        self._close()

    def _turn(self, now_ns: int) -> None:
        if self._socket is None:
            self._connect(now_ns)
        wire = self._socket
        if wire is None:
            select.select([], [], [], _IDLE_S)
            return
        try:
            self._keep_alive(wire, now_ns)
            self._read(wire, now_ns)
        except ConnectionLost as error:
            self._lost(str(error), now_ns)

    def _connect(self, now_ns: int) -> None:
        if now_ns < self._retry_ns:
            return
        try:
            self._socket = WebSocketClient(self._url, self._parameters.connect_timeout_ms / 1_000)
            subscription = {"assets_ids": list(self.codec.tokens), "type": "market", "custom_feature_enabled": True}
            self._socket.send(json.dumps(subscription))
        except ConnectionLost as error:
            self._lost(str(error), now_ns)
            return
        self._heard_ns = self._pinged_ns = self._probed_ns = now_ns
        self._quiet = dict.fromkeys(self._markets, now_ns)
        self.connections += 1
        self.log.bind(tokens=len(self.codec.tokens)).info("feed connected")
        if self.connections > 1:
            # What was sent in between is gone for ever: every book waits for its next full frame.
            for market in self._markets:
                self._tell(FeedRestored(market, resynchronise=True))

    def _read(self, wire: WebSocketClient, now_ns: int) -> None:
        for taken in range(_FRAMES_PER_TURN):
            if not wire.readable(0 if taken else _IDLE_S):
                return
            raw = wire.receive()
            received_ns = self.context.dispatcher.clock.now_ns()
            self._heard_ns = received_ns
            self._frame(raw, received_ns)
            if received_ns - now_ns > _TURN_NS:
                return

    def _frame(self, raw: bytes, received_ns: int) -> None:
        if self._tape is not None:
            self._tape(received_ns, self.context.name, raw)
        if raw in PLAIN_TEXTS:
            return
        for decoded in self.codec.decode(raw, received_ns):
            if isinstance(decoded, MalformedFrame):
                self._malformed(decoded)
                continue
            self._quiet[decoded.market] = received_ns
            self._tell(decoded)

    def _malformed(self, frame: MalformedFrame) -> None:
        """Count (the codec does), log once per kind, and have the market resynchronised whose frame was lost."""
        if frame.kind not in self._said_kinds:
            self._said_kinds.add(frame.kind)
            self.log.bind(kind=frame.kind).warning("malformed frame: {}", frame.detail)
        if frame.market is not None:
            self._tell(FeedRestored(frame.market, resynchronise=True))
            self._tell(RequestSnapshot(frame.market, f"malformed frame ({frame.kind})"))

    def _keep_alive(self, wire: WebSocketClient, now_ns: int) -> None:
        parameters = self._parameters
        if now_ns - self._heard_ns > parameters.silent_ms * _MS:
            raise ConnectionLost(f"silent for {parameters.silent_ms} ms")
        if now_ns - self._pinged_ns >= parameters.ping_ms * _MS:
            self._pinged_ns = now_ns
            wire.send("PING")
        if now_ns - self._probed_ns >= parameters.probe_ms * _MS:
            self._probed_ns = now_ns
            silent_since_ns = now_ns - parameters.probe_ms * _MS
            quiet = [market for market, heard_ns in self._quiet.items() if heard_ns <= silent_since_ns]
            if quiet:
                tokens = tuple(self._first_token[market] for market in quiet if market in self._first_token)
                self.context.send(self._prober, ProbeBooks(self.context.name, tokens))

    def _lost(self, reason: str, now_ns: int) -> None:
        self._close()
        self._failures = self._failures + 1 if now_ns - self._heard_ns > self._parameters.backoff_cap_ms * _MS else 1
        wait_ms = min(self._parameters.backoff_ms << min(self._failures - 1, 16), self._parameters.backoff_cap_ms)
        self._retry_ns = now_ns + wait_ms * _MS
        self.log.bind(retry_ms=wait_ms).warning("feed lost: {}", reason)
        for market in self._markets:
            self._tell(FeedLost(market, reason))

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _tell(self, message: Message) -> None:
        for name in self._route(message):
            self.context.send(name, message)
