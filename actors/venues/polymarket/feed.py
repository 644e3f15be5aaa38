"""One shard of the market feed: a WebSocket of at most 200 tokens, whose frames become messages for the books.

Silence is not proof of life: a socket that still answers PING may have stopped sending a token for hours, so tokens
that are quiet for too long are asked for by REST (`ProbeBooks`), and what is not heard is doubted (`Subscriptions`).

Why a spare shard: what is not heard on one connection is given to another (`TakeOver`). The spare begins with nothing
and connects once it is given something; what it does not hear either is quarantined.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar, Final, Protocol, TypeAlias

from actors.runtime.actor import Context
from actors.venues.polymarket.codec import PLAIN_TEXTS, Codec, MalformedFrame
from actors.venues.socket_feed import Route, SocketFeed
from actors.venues.websocket_client import ConnectionLost
from models.cells import TradingState
from models.feeds import FeedParameters
from models.markets import NO, YES, Market, Outcome
from models.messages.base import Lane, MarketId, Message
from models.messages.control import RaiseCell
from models.messages.market import BookFrame, FeedLost, FeedRestored, MarketResolved
from models.subscriptions import Lost, Move, Quarantine, Redrive, Release, Replace, Restored, Step, Subscriptions

CELL: Final = "feed"
"""The source of the cell of a market that cannot be heard."""

TOKENS_MAX: Final = 200
"""Beyond it the venue stalls silently."""

_MS: Final = 1_000_000
_PROBES_PER_PERIOD: Final = 10
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
    asker: str
    token_ids: tuple[str, ...]


class BooksProbed(Message, frozen=True):
    """Of when the venue's books at REST are, in its milliseconds, for the shard that asked."""

    lane: ClassVar[Lane] = Lane.MARKET
    timestamps_ms: dict[MarketId, int]


class TakeOver(Message, frozen=True):
    """Hear a market in another shard's place."""

    lane: ClassVar[Lane] = Lane.ORDER
    market: MarketId
    token_ids: tuple[str, str]


class Hear(Message, frozen=True):
    """Hear a market that is traded from now on."""

    lane: ClassVar[Lane] = Lane.ORDER
    market: MarketId
    token_ids: tuple[str, str]


class Forget(Message, frozen=True):
    """Hear a market no more that is traded no more."""

    lane: ClassVar[Lane] = Lane.ORDER
    market: MarketId


class RepeatMoves(Message, frozen=True):
    """Say again what was given away: the one who had it is dead."""

    lane: ClassVar[Lane] = Lane.ORDER
    to: str


class FeedShard(SocketFeed):
    """Reads one market-channel connection. `tokens` maps a token id to its market and outcome.

    `spare` names the shard that takes what this one does not hear, `serves` those for which this one is the spare.
    """

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
        *,
        spare: str | None = None,
        serves: Sequence[str] = (),
    ) -> None:
        super().__init__(context, url, parameters, route, chance)
        if len(tokens) > TOKENS_MAX:
            raise ValueError(f"a shard takes {TOKENS_MAX} tokens, not {len(tokens)}: the venue stalls silently beyond")
        self.codec = Codec(tokens)
        self._prober = prober
        self._tape = tape
        self._spare = spare
        self._serves = serves
        self._token_ids = _pairs(tokens)
        self._moved: dict[MarketId, None] = {}
        self._unwanted: list[str] = []
        """Tokens that the venue has still to be told to leave out."""
        self._kept: dict[MarketId, dict[Outcome, BookFrame]] = {}
        """Books of lost markets, of which one token has still to show its own."""
        self._subscriptions = Subscriptions(self._token_ids, parameters, last=spare is None)
        self._takes_place = context.dispatcher.directory.has_run(context.name)
        self._probed_ns = 0
        self._doubted = False
        """Whether a frame was lost of which nobody knows whose it was."""

    def subscription(self) -> str:
        return json.dumps({"assets_ids": list(self.codec.tokens), "type": "market", "custom_feature_enabled": True})

    def is_wanted(self) -> bool:
        return bool(self.codec.tokens)

    def on_start(self) -> None:
        if self._takes_place:
            self.on_disconnected("the feed died", self.context.dispatcher.clock.now_ns())
            for market in self._token_ids:
                self.tell(RaiseCell(market, CELL, TradingState.ACTIVE, ""))  # nobody knows any more why it is halted
            for name in self._serves:
                self.context.send(name, RepeatMoves(self.context.name))
        super().on_start()

    def on_receive(self, message: object) -> None:
        match message:
            case BooksProbed():
                now_ns = self.context.dispatcher.clock.now_ns()
                for market, timestamp_ms in message.timestamps_ms.items():
                    self._subscriptions.probed(market, timestamp_ms, now_ns)
            case TakeOver():
                self._take_over(message)
            case Hear():
                self.tell(RaiseCell(message.market, CELL, TradingState.ACTIVE, ""))  # it was forgotten why it is halted
                self._take_in(message.market, message.token_ids, is_given=False)
            case Forget():
                self._forget(message.market)
            case RepeatMoves():
                for market in self._moved:
                    self.context.send(message.to, TakeOver(market, self._token_ids[market]))
            case _:
                super().on_receive(message)

    def on_connected(self, now_ns: int) -> None:
        self._kept.clear()
        self._unwanted.clear()
        self._subscriptions.connected(now_ns)
        self._probed_ns = now_ns

    def on_disconnected(self, reason: str, now_ns: int) -> None:
        self._do(self._subscriptions.disconnected(reason, now_ns))

    def on_refused(self, reason: str, now_ns: int) -> None:
        self._do(self._subscriptions.refused(reason))

    def take_frame(self, raw: bytes, received_ns: int) -> None:
        if self._tape is not None:
            self._tape.append(received_ns, self.context.name, raw)
        if raw in PLAIN_TEXTS:
            return
        subscriptions = self._subscriptions
        for decoded in self.codec.decode(raw, received_ns):
            if isinstance(decoded, MalformedFrame):
                self._malformed(decoded)
                continue
            if isinstance(decoded, MarketResolved):
                subscriptions.drop(decoded.market)
            else:
                subscriptions.heard(decoded.market, decoded.timestamp_ms, received_ns)
                if isinstance(decoded, BookFrame):
                    self._shown(decoded, received_ns)
                    continue
            self.tell(decoded)
        if self.codec.counts.unknown_fields:
            self.notice(self.codec.counts.unknown_fields)

    def _shown(self, frame: BookFrame, now_ns: int) -> None:
        """Pass a full book on; those of a lost market wait for each other, for with its return older ones are void."""
        steps = self._subscriptions.book(frame.market, frame.outcome, now_ns)
        if self._subscriptions.is_lost(frame.market):
            self._kept.setdefault(frame.market, {})[frame.outcome] = frame
            return
        self._do(steps)
        for earlier in self._kept.pop(frame.market, {}).values():
            self.tell(earlier)
        self.tell(frame)

    def on_turn(self, now_ns: int) -> None:
        """Do what is due for those that are not heard; ask for the books of those that are quiet.

        All are asked for after a loss that names none.
        """
        if self._unwanted:
            self._change("unsubscribe", tuple(self._unwanted))
            self._unwanted.clear()
        self._do(self._subscriptions.due(now_ns))
        if now_ns - self._probed_ns < self._parameters.probe_ms * _MS // _PROBES_PER_PERIOD:
            return
        self._probed_ns = now_ns
        if self._tape is not None:
            self._tape.flush(now_ns)
        if self._doubted:
            self._doubted = False
            self._probe(tuple(self.codec.tokens))
            return
        quiet = self._subscriptions.quiet(now_ns)
        if quiet:
            self._probe(quiet)

    def _do(self, steps: Iterable[Step]) -> None:
        """Carry out what the subscriptions call for. Raises ConnectionLost where that is the end of the connection."""
        for step in steps:
            match step:
                case Lost():
                    self.tell(FeedLost(step.market, step.reason))
                case Restored():
                    # What was sent in between is gone for ever: the book waits for its next full frame, which follows.
                    self.tell(FeedRestored(step.market, resynchronise=True))
                case Redrive():
                    self._change("unsubscribe", step.token_ids)
                    self._change("subscribe", step.token_ids)
                case Move():
                    self._give_away(step)
                case Quarantine():
                    self.log.bind(market=step.market).error("market quarantined: {}", step.reason)
                    self.tell(RaiseCell(step.market, CELL, TradingState.HALTED, step.reason))
                case Release():
                    self.tell(RaiseCell(step.market, CELL, TradingState.ACTIVE, ""))
                case Replace():
                    raise ConnectionLost(step.reason)

    def _give_away(self, move: Move) -> None:
        assert self._spare is not None
        token_ids = self._token_ids[move.market]
        self.log.bind(market=move.market).warning("market moved to {}: {}", self._spare, move.reason)
        self._change("unsubscribe", token_ids)
        for token_id in token_ids:
            del self.codec.tokens[token_id]
        self._moved[move.market] = None
        self.context.send(self._spare, TakeOver(move.market, token_ids))

    def _take_over(self, given: TakeOver) -> None:
        """Subscribe to a market that another shard does not hear, as far as there is room."""
        if given.market not in self._subscriptions and len(self.codec.tokens) + 2 > TOKENS_MAX:
            self.tell(RaiseCell(given.market, CELL, TradingState.HALTED, "no connection is left to hear it on"))
            return
        if self._takes_place and given.market not in self._token_ids:
            self.tell(RaiseCell(given.market, CELL, TradingState.ACTIVE, ""))
        self._take_in(given.market, given.token_ids, is_given=True)

    def _take_in(self, market: MarketId, token_ids: tuple[str, str], *, is_given: bool) -> None:
        yes, no = self._token_ids[market] = token_ids
        self.codec.tokens |= {yes: (market, YES), no: (market, NO)}
        self._subscriptions.add(market, token_ids, is_given=is_given)

    def _forget(self, market: MarketId) -> None:
        """Let a market go; the venue is told with the next turn, for that may end the connection."""
        self._moved.pop(market, None)
        self._kept.pop(market, None)
        self._subscriptions.drop(market)
        self._unwanted += [token for token in self._token_ids.pop(market, ()) if self.codec.tokens.pop(token, None)]

    def _change(self, operation: str, token_ids: tuple[str, ...]) -> None:
        """Change what is subscribed to. Raises ConnectionLost."""
        self.say(json.dumps({"assets_ids": list(token_ids), "operation": operation, "custom_feature_enabled": True}))

    def _probe(self, token_ids: tuple[str, ...]) -> None:
        self.context.send(self._prober, ProbeBooks(self.context.name, token_ids))

    def _malformed(self, frame: MalformedFrame) -> None:
        """Have the market resynchronised whose frame was lost."""
        self.not_understood(frame.kind, frame.detail)
        if frame.market is not None:
            self.tell(FeedRestored(frame.market, resynchronise=True))
        elif frame.kind == "text":
            self._doubted = True


def _pairs(tokens: Mapping[str, tuple[MarketId, Outcome]]) -> dict[MarketId, tuple[str, str]]:
    """Return the YES and the NO token of each market."""
    by_outcome = {known: token_id for token_id, known in tokens.items()}
    return {market: (by_outcome[market, YES], by_outcome[market, NO]) for market, _ in tokens.values()}


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
