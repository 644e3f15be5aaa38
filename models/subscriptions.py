"""Which markets of one connection are really heard, and what is done for those that are not.

Why a connection that stands proves nothing: venues are known to go silent on one token or on all while they still
answer PING, and to take a subscription without ever sending its book. So every token must show its full book, and a
market that is quiet while its book at REST moves on counts as lost.

Why another line and not another try for ever: a subscription that is dead on one connection often lives on a new one.
First it is made anew where it is, then the market moves to another connection, and what is heard nowhere is quarantined
until it is.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from models.feeds import FeedParameters
from models.markets import NO, YES, Outcome
from models.messages.base import MarketId

_MS: Final = 1_000_000
_REDRIVES: Final = 3
"""How often a subscription is made anew on one connection."""


class Lost(NamedTuple):
    """What is known of a market is not true any more."""

    market: MarketId
    reason: str


class Restored(NamedTuple):
    """A market is heard again."""

    market: MarketId


class Redrive(NamedTuple):
    """Subscribe to tokens anew."""

    token_ids: tuple[str, ...]


class Move(NamedTuple):
    """Give a market to another connection; this one has forgotten it."""

    market: MarketId
    reason: str


class Quarantine(NamedTuple):
    """Halt a market: nobody can hear it."""

    market: MarketId
    reason: str


class Release(NamedTuple):
    """Let a market go that was quarantined."""

    market: MarketId


class Replace(NamedTuple):
    """Drop the connection and make a new one."""

    reason: str


Step: TypeAlias = Lost | Restored | Redrive | Move | Quarantine | Release | Replace


class _Stream:
    """What is heard of one market. Times are 0 where something never was."""

    __slots__ = ("ahead_ns", "asked_ns", "heard_ns", "is_given", "is_held", "is_lost", "known_ns", "redrives",
                 "said_ms", "stalled_ns", "stalls", "token_ids", "unheard", "whole_ns")  # fmt: skip

    def __init__(self, token_ids: tuple[str, str], *, is_given: bool = False) -> None:
        self.token_ids = token_ids
        self.is_given = is_given
        """Whether another connection could not hear it."""
        self.unheard: set[Outcome] = {YES, NO}
        """Tokens whose full book the connection has not shown."""
        self.redrives = _REDRIVES - 1 if is_given else 0
        self.asked_ns = self.whole_ns = 0
        self.heard_ns = self.known_ns = 0
        """When the stream last spoke of it; and when it did, or REST was asked."""
        self.said_ms = 0
        """The venue's time of the newest that the stream said of it."""
        self.ahead_ns = 0
        """Since when REST is known to be ahead of the stream."""
        self.stalls = self.stalled_ns = 0
        """How often in a row it fell silent while others spoke, and when it last did."""
        self.is_lost = is_given
        self.is_held = False

    def subscribed(self, now_ns: int) -> None:
        self.unheard = {YES, NO}
        self.asked_ns = self.heard_ns = self.known_ns = now_ns
        self.redrives = _REDRIVES if self.is_given else 0
        self.ahead_ns = 0

    def wanted(self) -> tuple[str, ...]:
        return tuple(self.token_ids[outcome] for outcome in sorted(self.unheard))


class Subscriptions:
    """The markets of one connection. `last`: there is no other that a market could move to."""

    def __init__(self, markets: Mapping[MarketId, tuple[str, str]], parameters: FeedParameters, *, last: bool) -> None:
        self._parameters = parameters
        self._last = last
        self._streams = {market: _Stream(token_ids) for market, token_ids in markets.items()}
        self._connected = False
        self._data_ns = 0
        self._is_mute = True
        """Whether the connection that stands has said nothing at all of its markets."""
        self._losses_ns: deque[int] = deque()
        self._unheard: dict[MarketId, None] = {}
        self._ahead: dict[MarketId, None] = {}
        self._held: dict[MarketId, None] = {}

    def __contains__(self, market: MarketId) -> bool:
        return market in self._streams

    def __len__(self) -> int:
        return len(self._streams)

    # The connection

    def connected(self, now_ns: int) -> None:
        """Begin anew: of what was said before nothing counts."""
        self._connected = True
        self._is_mute = True
        self._ahead.clear()
        self._unheard = dict.fromkeys(self._streams)
        for stream in self._streams.values():
            stream.subscribed(now_ns)

    def disconnected(self, reason: str, now_ns: int) -> list[Step]:
        """Count every market as lost, and quarantine them where this happens too often."""
        steps: list[Step] = []
        for market, stream in self._streams.items():
            steps += self._lost(market, stream, reason)
        if not self._connected:
            return steps
        self._connected = False
        parameters, losses = self._parameters, self._losses_ns
        losses.append(now_ns)
        while losses[0] < now_ns - parameters.flap_window_ms * _MS:
            losses.popleft()
        if len(losses) >= parameters.flaps:
            steps += self.refused(f"{len(losses)} connections lost within {parameters.flap_window_ms // 1_000} s")
        return steps

    def refused(self, reason: str) -> list[Step]:
        """Quarantine all markets."""
        return [step for market, stream in self._streams.items() for step in self._quarantined(market, stream, reason)]

    # Its markets

    def add(self, market: MarketId, token_ids: tuple[str, str], *, is_given: bool) -> None:
        """Take a market in, or take it anew; to subscribe to it is due. `is_given`: another could not hear it."""
        stream = self._streams[market] = _Stream(token_ids, is_given=is_given)
        stream.is_lost = True
        stream.is_held = market in self._held
        self._unheard[market] = None

    def drop(self, market: MarketId) -> None:
        """Forget a market."""
        for known in (self._streams, self._unheard, self._ahead, self._held):
            known.pop(market, None)

    def heard(self, market: MarketId, timestamp_ms: int, now_ns: int) -> None:
        """Note that the stream spoke of a market."""
        stream = self._streams.get(market)
        if stream is None:
            return
        self._is_mute = False
        stream.heard_ns = stream.known_ns = self._data_ns = now_ns
        if timestamp_ms > stream.said_ms:
            stream.said_ms = timestamp_ms
            stream.ahead_ns = 0

    def book(self, market: MarketId, outcome: Outcome, now_ns: int) -> list[Step]:
        """Note that the stream showed a token's full book. A lost market is restored with the last of its tokens."""
        stream = self._streams.get(market)
        if stream is None or not stream.unheard:
            return []
        stream.unheard.discard(outcome)
        if stream.unheard:
            return []
        self._unheard.pop(market, None)
        stream.redrives, stream.whole_ns = 0, now_ns
        if not stream.is_lost:
            return []
        stream.is_lost = False
        return [Restored(market)]

    def is_lost(self, market: MarketId) -> bool:
        """Whether what is known of a market is not true."""
        stream = self._streams.get(market)
        return stream is not None and stream.is_lost

    def probed(self, market: MarketId, timestamp_ms: int, now_ns: int) -> None:
        """Note of when the venue's book at REST is."""
        stream = self._streams.get(market)
        if self._connected and stream is not None and not stream.is_lost and timestamp_ms > stream.said_ms:
            stream.ahead_ns = stream.ahead_ns or now_ns
            self._ahead[market] = None

    def quiet(self, now_ns: int) -> tuple[str, ...]:
        """Return the tokens of all markets that have to be asked for at REST; they count as asked."""
        period_ns = self._parameters.probe_ms * _MS
        quiet = [stream for stream in self._streams.values() if now_ns - stream.known_ns >= period_ns]
        for stream in quiet:
            stream.known_ns = now_ns
        return tuple(token_id for stream in quiet for token_id in stream.token_ids)

    # What time calls for

    def due(self, now_ns: int) -> list[Step]:
        """Return what has to be done now, while connected."""
        if not (self._ahead or self._unheard or self._held):
            return []
        steps: list[Step] = []
        for market in tuple(self._ahead):
            steps += self._moved_on(market, self._streams[market], now_ns)
        for market in tuple(self._unheard):
            steps += self._not_shown(market, self._streams[market], now_ns)
        for market in tuple(self._held):
            steps += self._steady(market, self._streams[market], now_ns)
        steps.sort(key=lambda step: isinstance(step, Replace))
        return steps

    def _moved_on(self, market: MarketId, stream: _Stream, now_ns: int) -> Iterable[Step]:
        """Doubt one market where others are heard, and the connection where nothing is."""
        if not stream.ahead_ns:
            del self._ahead[market]
            return []
        if now_ns - stream.ahead_ns < self._parameters.moved_on_ms * _MS:
            return []
        reason = "the venue's book moves on and its stream says nothing"
        if self._data_ns <= stream.ahead_ns:
            return [Replace(reason)]
        steps = self._lost(market, stream, reason)
        if not self._last:
            self.drop(market)
            return [*steps, Move(market, reason)]
        del self._ahead[market]
        window_ns = self._parameters.flap_window_ms * _MS
        stream.stalls = stream.stalls + 1 if now_ns - stream.stalled_ns < window_ns else 1
        stream.stalled_ns = now_ns
        stream.subscribed(now_ns)
        self._unheard[market] = None
        if stream.stalls > _REDRIVES:
            steps += self._quarantined(market, stream, reason)
        return [*steps, Redrive(stream.wanted())]

    def _not_shown(self, market: MarketId, stream: _Stream, now_ns: int) -> Iterable[Step]:
        """Subscribe anew, then elsewhere; what is heard nowhere is quarantined, and still asked for at times."""
        waited_ms = self._parameters.steady_ms if stream.is_held and self._last else self._parameters.unheard_ms
        if now_ns - stream.asked_ns < waited_ms * _MS:
            return []
        reason = f"no book of its {' or '.join('YES' if one == YES else 'NO' for one in sorted(stream.unheard))} token"
        stream.asked_ns = now_ns
        steps = self._lost(market, stream, reason)
        if stream.redrives < _REDRIVES:
            stream.redrives += 1
        elif self._last:
            steps += self._quarantined(market, stream, reason)
        elif not self._is_mute:
            self.drop(market)
            return [*steps, Move(market, reason)]
        return [*steps, Replace(reason) if self._is_mute else Redrive(stream.wanted())]

    def _steady(self, market: MarketId, stream: _Stream, now_ns: int) -> Iterable[Step]:
        if stream.unheard or stream.is_lost or now_ns - stream.whole_ns < self._parameters.steady_ms * _MS:
            return []
        del self._held[market]
        stream.is_held = False
        return [Release(market)]

    @staticmethod
    def _lost(market: MarketId, stream: _Stream, reason: str) -> list[Step]:
        if stream.is_lost:
            return []
        stream.is_lost = True
        return [Lost(market, reason)]

    def _quarantined(self, market: MarketId, stream: _Stream, reason: str) -> list[Step]:
        if stream.is_held:
            return []
        stream.is_held = True
        self._held[market] = None
        return [Quarantine(market, reason)]
