"""A recording played back as the outside world of the exchange.

It begins when every token of the recording has a subscriber (on one socket or on several), so nothing is lost; until
then the books are those of the leading `book` frames. Frames keep their order and their distance in time (divided by
the speed; a timestamp that steps back waits for nothing) and get the exchange's own timestamps and hashes. As long as
no account has placed an order in a market its frames are the recording's own; after that see `replay_mirror`.
"""

from itertools import accumulate

from sandbox.books import Ladder, RecordedBooks
from sandbox.markets import Market
from sandbox.units import MILLISECOND, TICKS
from sandbox.venue import Venue
from sandbox.wire import Change
from sandbox.world.recording import (
    RecordedBook,
    RecordedChanges,
    RecordedFrame,
    RecordedPrint,
    RecordedTick,
    Recording,
    fits,
)
from sandbox.world.replay_mirror import MirroredReplay


class Replay:
    """Plays the frames of a recording into the markets made for it."""

    def __init__(self, venue: Venue, recording: Recording, markets: dict[str, Market], speed: float) -> None:
        self.played = 0
        self._venue = venue
        self._frames = recording.frames
        self._markets = markets
        self._tokens = tuple(token for tokens in recording.tokens.values() for token in tokens)
        first_ms = self._frames[0].at_ms
        self._offsets_ns = [
            round((at_ms - first_ms) * MILLISECOND / speed)
            for at_ms in accumulate((frame.at_ms for frame in self._frames), max)
        ]
        self._begin_ns: int | None = None
        self._told: set[str] = set()
        self._mirrored: dict[str, MirroredReplay] = {}
        """The markets in which an account has traded, by the recording's names."""
        self._set_first_books()
        venue.before_order.append(self._mirror)
        venue.channel.on_subscribed.append(self._begin)

    @property
    def total(self) -> int:
        """How many frames there are."""
        return len(self._frames)

    @property
    def done(self) -> bool:
        """Whether the last frame has been played."""
        return self.played == self.total

    def _set_first_books(self) -> None:
        for frame in self._frames:
            if not isinstance(frame, RecordedBook):
                return
            market = self._markets[frame.market]
            market.tick = _needed_tick(market.tick, frame, _standing(market))
            _replace(market, frame)

    def _begin(self, now_ns: int) -> None:
        if self._begin_ns is None and self._venue.channel.covers(self._tokens):
            self._begin_ns = now_ns
            self._venue.schedule.at(now_ns, self._play)

    def _play(self, now_ns: int) -> None:
        assert self._begin_ns is not None
        self._apply(self._frames[self.played], now_ns)
        self.played += 1
        if not self.done:
            self._venue.schedule.at(max(now_ns, self._begin_ns + self._offsets_ns[self.played]), self._play)

    def _mirror(self, market: Market, now_ns: int) -> None:
        for name, known in self._markets.items():
            if known is market and name not in self._mirrored and not market.closed:
                self._mirrored[name] = MirroredReplay(self._venue, market, now_ns)

    def _apply(self, frame: RecordedFrame, now_ns: int) -> None:
        mirrored = self._mirrored.get(frame.market)
        if mirrored is None:
            self._show(frame, now_ns)
        else:
            self._carry(mirrored, frame, now_ns)

    def _carry(self, mirrored: MirroredReplay, frame: RecordedFrame, now_ns: int) -> None:
        """Let a frame move the one book of a market in which accounts trade."""
        market = self._markets[frame.market]
        tick = _needed_tick(market.tick, frame, mirrored.prices)
        if tick < market.tick:
            self._venue.change_tick(market, tick, now_ns)
        if isinstance(frame, RecordedChanges):
            mirrored.change(self._frames, self.played, now_ns)
        elif isinstance(frame, RecordedBook):
            mirrored.replace(frame, now_ns)
        elif isinstance(frame, RecordedPrint):
            mirrored.print(frame, self.played, now_ns)
        elif not isinstance(frame, RecordedTick):
            self._venue.resolve(market, market.token_ids.index(frame.token_id), now_ns)

    def _show(self, frame: RecordedFrame, now_ns: int) -> None:
        """Show a frame as it was recorded."""
        market = self._markets[frame.market]
        tick = _needed_tick(market.tick, frame, _standing(market))
        if tick != market.tick:
            self._venue.change_tick(market, tick, now_ns)
        if isinstance(frame, RecordedChanges):
            self._change(market, frame, now_ns)
            return
        token = market.token_ids.index(frame.token_id)
        if isinstance(frame, RecordedBook):
            _replace(market, frame)
            market.changed_ns[token] = now_ns
            first = frame.token_id not in self._told or frame.last_trade_price is not None
            self._venue.publish_book(market, token, now_ns, first=first)
            self._told.add(frame.token_id)
        elif isinstance(frame, RecordedPrint):
            self._venue.print_trade(market, token, frame.side, frame.price, frame.size, now_ns)
        elif not isinstance(frame, RecordedTick):
            self._venue.resolve(market, token, now_ns)

    def _change(self, market: Market, frame: RecordedChanges, now_ns: int) -> None:
        changes: list[Change] = []
        for token_id, side, price, size in frame.changes:
            token = market.token_ids.index(token_id)
            bids, asks = _ladders(market, token)
            (bids if side == "BUY" else asks).set(price, size)
            changes.append((token, side, price, size))
        self._venue.publish_changes(market, changes, now_ns)


def _replace(market: Market, frame: RecordedBook) -> None:
    bids, asks = _ladders(market, market.token_ids.index(frame.token_id))
    bids.replace(frame.bids)
    asks.replace(frame.asks)
    if frame.last_trade_price is not None:
        market.last_trade_price = frame.last_trade_price


def _ladders(market: Market, token: int) -> tuple[Ladder, Ladder]:
    assert isinstance(market.book, RecordedBooks)
    return market.book.tokens[token]


def _standing(market: Market) -> list[int]:
    return [price for token in (0, 1) for ladder in _ladders(market, token) for price in ladder.prices]


def _needed_tick(now: int, frame: RecordedFrame, standing: list[int]) -> int:
    """The grid on which a frame can stand: what it says itself, else the coarsest that fits all levels from now on."""
    said = frame.tick if isinstance(frame, RecordedBook | RecordedTick) else None
    if said is not None:
        return said
    prices = _prices(frame)
    if all(fits(price, now) for price in prices):
        return now
    prices += standing
    return next((tick for tick in TICKS if tick < now and all(fits(price, tick) for price in prices)), 1)


def _prices(frame: RecordedFrame) -> list[int]:
    if isinstance(frame, RecordedChanges):
        return [price for _, _, price, _ in frame.changes]
    if isinstance(frame, RecordedBook):
        return [price for price, _ in frame.bids + frame.asks]
    return []
