"""One shard of the market feed: a WebSocket of at most 200 tokens, whose frames become messages for the books.

Silence is not proof of life: a socket that still answers PING may have stopped sending a token for hours, so tokens
that are quiet for too long are asked for by REST (`ProbeBooks`), and a socket without a frame or PONG is replaced.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, Final, Protocol, TypeAlias

from actors.runtime.actor import Context
from actors.venues.polymarket.codec import PLAIN_TEXTS, Codec, MalformedFrame
from actors.venues.socket_feed import Route, SocketFeed
from models.feeds import FeedParameters
from models.markets import NO, YES, Market, Outcome
from models.messages.base import Lane, MarketId, Message
from models.messages.market import FeedLost, FeedRestored, MarketResolved

TOKENS_MAX: Final = 200
"""Beyond it the venue stalls silently."""

_MS: Final = 1_000_000
_PROBES_PER_PERIOD: Final = 8
"""How often it is looked for quiet tokens: none waits much longer than the period for its probe."""


class Tape(Protocol):
    """Keeps raw frames as they came."""

    def append(self, received_ns: int, connection: str, raw: bytes) -> object:
        """Keep a frame."""
        ...

    def flush(self, now_ns: int) -> object:
        """Make what was kept safe from a crash; called when nothing has come for a while too."""
        ...


Tokens: TypeAlias = dict[str, tuple[MarketId, Outcome]]


class ProbeBooks(Message, frozen=True):
    """Ask for the books of tokens by REST, to prove that they are still as we know them."""

    lane: ClassVar[Lane] = Lane.INTENT
    token_ids: tuple[str, ...]


class FeedShard(SocketFeed):
    """Reads one market-channel connection. `tokens` maps a token id to its market and outcome."""

    def __init__(
        self,
        context: Context,
        url: str,
        tokens: Mapping[str, tuple[MarketId, Outcome]],
        parameters: FeedParameters,
        route: Route,
        prober: str,
        tape: Tape | None = None,
        chance: Callable[[], float] = lambda: 0.5,
    ) -> None:
        super().__init__(context, url, parameters, route, chance)
        if len(tokens) > TOKENS_MAX:
            raise ValueError(f"a shard takes {TOKENS_MAX} tokens, not {len(tokens)}: the venue stalls silently beyond")
        self.codec = Codec(tokens)
        self._prober = prober
        self._tape = tape
        self._first_token = {market: token for token, (market, outcome) in tokens.items() if outcome == YES}
        self._missed = context.dispatcher.directory.has_run(context.name)
        """Whether frames were missed: it takes the place of a dead one, or was connected before."""
        self._gone = False
        self._known_ns: dict[MarketId, int] = {}
        """When the venue last spoke of a market, or was last asked to."""
        self._probed_ns = 0
        self._doubted = False
        """Whether a frame was lost of which nobody knows whose it was."""

    def subscription(self) -> str:
        return json.dumps({"assets_ids": list(self.codec.tokens), "type": "market", "custom_feature_enabled": True})

    def on_start(self) -> None:
        if self._missed:
            self.on_disconnected("the feed died")
        super().on_start()

    def on_connected(self, now_ns: int) -> None:
        self._known_ns = dict.fromkeys(self._first_token, now_ns)
        self._probed_ns = now_ns
        if self._gone:
            # What was sent in between is gone for ever: every book waits for its next full frame.
            for market in self._first_token:
                self.tell(FeedRestored(market, resynchronise=self._missed))
        self._gone, self._missed = False, True

    def on_disconnected(self, reason: str) -> None:
        if not self._gone:
            self._gone = True
            for market in self._first_token:
                self.tell(FeedLost(market, reason))

    def take_frame(self, raw: bytes, received_ns: int) -> None:
        if self._tape is not None:
            self._tape.append(received_ns, self.context.name, raw)
        if raw in PLAIN_TEXTS:
            return
        for decoded in self.codec.decode(raw, received_ns):
            if isinstance(decoded, MalformedFrame):
                self._malformed(decoded)
                continue
            if isinstance(decoded, MarketResolved):
                self._known_ns.pop(decoded.market, None)
            elif decoded.market in self._known_ns:
                self._known_ns[decoded.market] = received_ns
            self.tell(decoded)

    def on_turn(self, now_ns: int) -> None:
        """Ask for the books of which nothing was heard for a period, and for all after a loss that names none."""
        period_ns = self._parameters.probe_ms * _MS
        if now_ns - self._probed_ns < period_ns // _PROBES_PER_PERIOD:
            return
        self._probed_ns = now_ns
        if self._tape is not None:
            self._tape.flush(now_ns)
        if self._doubted:
            self._doubted = False
            self.context.send(self._prober, ProbeBooks(tuple(self.codec.tokens)))
            return
        quiet = [market for market, known_ns in self._known_ns.items() if now_ns - known_ns >= period_ns]
        if quiet:
            self._known_ns.update(dict.fromkeys(quiet, now_ns))
            self.context.send(self._prober, ProbeBooks(tuple(self._first_token[market] for market in quiet)))

    def _malformed(self, frame: MalformedFrame) -> None:
        """Have the market resynchronised whose frame was lost."""
        self.not_understood(frame.kind, frame.detail)
        if frame.market is not None:
            self.tell(FeedRestored(frame.market, resynchronise=True))
        elif frame.kind == "text":
            self._doubted = True


def tokens_of(market: Market) -> Tokens:
    """Return whose the two tokens of a market are."""
    yes, no = market.token_ids
    return {yes: (market.id, YES), no: (market.id, NO)}


def shards(markets: Iterable[Market]) -> list[Tokens]:
    """Split markets over connections: both tokens of a market on one, at most `TOKENS_MAX` on each."""
    split: list[Tokens] = []
    for market in markets:
        tokens = tokens_of(market)
        if not split or len(split[-1]) + len(tokens) > TOKENS_MAX:
            split.append({})
        split[-1].update(tokens)
    return split
