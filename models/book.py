"""The one book of a market, made of both tokens' frames and published without our own orders.

Why a ladder per token and one published book: crossing and hashes can only be judged on what one token's own frames
said, but a strategy must never see YES of one moment beside NO of another (in 12 % of the recorded `book` frames that
gave a false arbitrage). So each frame feeds its own token's ladder, and what is published is always one ladder, that of
the token with the newest full book, with the other token as its mirror. The two touches are compared after each frame:
a trade arrives as two frames, so for a moment they may differ; for longer, one of them missed something.

Why a level off the grid is a tick change but no reason to wait: the venue's own `tick_size_change` voids orders, so the
next full book is awaited; a finer level only shows that such a message was missed, and all known levels still hold.

Why a restarted book counts its epochs from the clock: an intent that was made on the dead book must not match, by
chance, the count of the new one.
"""

from typing import Final

from models.book_hash import BookProof, token_levels
from models.book_parameters import BookCounts, BookParameters
from models.book_token import TokenBook
from models.ladder import NO_ASK, NO_BID, Ladder
from models.markets import NO, YES, Market, Outcome
from models.messages.base import Lane, Message
from models.messages.market import (
    BookEpochChanged,
    BookFrame,
    BookResynchronised,
    BookUpdated,
    BookVerified,
    FeedLost,
    FeedRestored,
    Level,
    LevelsChanged,
    RequestSnapshot,
    TickSizeChanged,
    TradePrinted,
)
from models.messages.orders import OrderChanged
from models.messages.runtime import MailOverflowed, WakeAt, Woke
from models.net_book import NetBook
from models.trades import Trades
from models.units import ONE, Price, Size, coarsest_tick, format_price

_NS_PER_MS: Final = 1_000_000
_NOT_MIRRORED: Final = "books_not_mirrored"
_GRAVEST_FIRST: Final = ("gap", "tick_changed", "restarted", "resynchronised")
_MIRROR, _FRESH, _SNAPSHOT = "mirror", "fresh", "snapshot"


class BookMachine:
    """Frames in; one `BookUpdated` per frame out, after the trades, epoch changes, resyncs and requests of that frame.

    `tick` is the grid in force, `epoch` counts what voids earlier prices, `counts` what was seen. `restarted`: it takes
    the place of a dead one, so with the first message it asks for a full book.
    """

    def __init__(self, market: Market, parameters: BookParameters, *, restarted: bool = False) -> None:
        self.market = market
        self.tick = market.tick
        self.epoch = 1
        self.counts = BookCounts()
        self._parameters = parameters
        self._proof = BookProof(market)
        self._yes = TokenBook(YES, self._proof, parameters, self.counts)
        self._no = TokenBook(NO, self._proof, parameters, self.counts)
        self._authority: TokenBook | None = None
        self._restarted = restarted
        self._awaits_book = False
        self._feed_lost = False
        self._trades = Trades()
        self._net = NetBook()
        self._moved = False
        self._seq = 0
        self._event_ns = self._proven_ns = self._verified_ns = 0
        self._unmirrored_since_ns: int | None = None
        self._next_snapshot_ns = 0
        # A tape's silence proves nothing, so there that timer never runs.
        self._timers: set[str] = {_FRESH} if parameters.tape_is_proof else set()
        # What the present step has found to say beside its BookUpdated.
        self._said: list[Message] = []
        self._voids: dict[str, list[str]] = {}
        """Why earlier prices are void: what happened, each with its details."""
        self._resyncs: list[Message] = []
        self._snapshot_reason = ""
        self._wakes: list[Message] = []

    def step(self, message: Message, now_ns: int) -> tuple[Message, ...]:
        """Take one message and return what follows from it."""
        if self._restarted:
            self._restarted = False
            self.epoch = now_ns // _NS_PER_MS
            self._void("restarted")
            self._want_snapshot("restarted", now_ns)
        match message:
            case LevelsChanged():
                self._change_levels(message, now_ns)
            case BookFrame():
                self._take_book(message, now_ns)
            case TradePrinted():
                return self._take_print(message, now_ns)
            case Woke():
                return self._wake(message.timer, now_ns)
            case TickSizeChanged():
                self._change_tick(message, now_ns)
            case BookVerified():
                self._verified_ns = max(self._verified_ns, message.at_ns)
                self._proven_ns = max(self._proven_ns, message.at_ns)
            case OrderChanged():
                if not (self._parameters.own_orders_in_feed and self._net.take(message)):
                    return self._answer(now_ns, update=bool(self._voids))
                self._moved = True
            case FeedLost() | FeedRestored() | MailOverflowed():
                self._lose_frames(message, now_ns)
            case _:
                return self._answer(now_ns, update=bool(self._voids))
        return self._answer(now_ns)

    def levels(self, outcome: Outcome) -> tuple[list[Level], list[Level]]:
        """Return a token's bids ascending and asks descending, our orders included; the mirror's if it has no book."""
        own, other = (self._yes, self._no) if outcome == YES else (self._no, self._yes)
        ladder = own.ladder or other.ladder
        return token_levels(ladder, outcome) if ladder is not None else ([], [])

    def _change_levels(self, frame: LevelsChanged, now_ns: int) -> None:
        self.counts.frames += 1
        self.counts.level_frames += 1
        self._event_ns = frame.received_ns
        self._moved = True
        timestamp_ms, tick = frame.timestamp_ms, self.tick
        for change in frame.changes:
            if change.price % tick and change.size:
                self._find_tick({other.price for other in frame.changes if other.size}, tick)
                tick = self.tick
            token = self._yes if change.outcome == YES else self._no
            token.change(change, timestamp_ms, tick)
        for token in (self._yes, self._no):
            doubt = token.doubt(timestamp_ms, tick)
            if doubt:
                self._open_gap(token, doubt, now_ns)
        self._check_mirror(now_ns)

    def _take_book(self, frame: BookFrame, now_ns: int) -> None:
        self.counts.frames += 1
        self.counts.books += 1
        token = self._yes if frame.outcome == YES else self._no
        holds = token.verify(frame, self.tick)
        if frame.timestamp_ms < token.last_ms:
            # A cached answer, or a frame that was overtaken: older than what has been said since.
            self.counts.books_superseded += 1
            if self._needs_book:
                self._want_snapshot("the answer was older than the book", now_ns)
            return
        self._event_ns = frame.received_ns
        if not holds:
            self._open_gap(token, "hash", now_ns)
            return
        self._proven_ns = max(self._proven_ns, frame.received_ns)
        if frame.source == "rest":
            self._verified_ns = max(self._verified_ns, frame.received_ns)
        bids, asks = _in_yes_terms(frame)
        self._fit_tick(bids.keys() | asks.keys(), frame.tick)
        if frame.source == "ws" and token.ladder is not None and not token.gap:
            trades, unexplained = self._trades.take_book(frame, token.ladder, bids, asks)
            self.counts.trades_inferred += len(trades)
            self.counts.unexplained += unexplained
            self._said += trades
        if token.gap:
            self.counts.resyncs += 1
            gap_ms = (now_ns - token.gap_since_ns) // _NS_PER_MS
            self._resyncs.append(BookResynchronised(self.market.id, token.outcome, gap_ms))
            self._void("resynchronised", token.name)
        token.load(bids, asks, self.tick, frame.timestamp_ms)
        if self._authority is None or frame.timestamp_ms > self._authority.book_ms:
            self._authority = token
        self._moved = True
        self._awaits_book = False
        self._check_mirror(now_ns)

    def _take_print(self, printed: TradePrinted, now_ns: int) -> tuple[Message, ...]:
        self.counts.frames += 1
        self.counts.prints += 1
        self._proof.take_print(printed.outcome, printed.price, printed.price_text)
        was_stale = self._silent(now_ns)
        self._event_ns = printed.received_ns
        trade = self._trades.take_print(printed)
        if trade is None:
            self.counts.prints_repeated += 1
        else:
            self.counts.trades_printed += 1
            self._said.append(trade)
        return self._answer(now_ns, update=was_stale)

    def _change_tick(self, change: TickSizeChanged, now_ns: int) -> None:
        self.counts.frames += 1
        self._event_ns = change.received_ns
        # Each token announces the change; the second one says nothing new.
        if change.tick != self.tick:
            self._set_tick(change.tick)
            self._awaits_book = True
            self._want_snapshot("tick changed", now_ns)

    def _fit_tick(self, prices: set[Price], named: Price | None) -> None:
        """Go to the tick that a full book names, or to a finer one if its levels need it."""
        if named in (None, self.tick) and not any(price % self.tick for price in prices):
            return
        self._find_tick(prices, named or self.tick)

    def _find_tick(self, prices: set[Price], at_most: Price) -> None:
        known = (token.ladder for token in (self._yes, self._no) if token.ladder is not None)
        tick = coarsest_tick(prices.union(*(ladder.bids.keys() | ladder.asks.keys() for ladder in known)), at_most)
        if tick != self.tick:
            self._set_tick(tick)

    def _set_tick(self, tick: Price) -> None:
        self.counts.tick_changes += 1
        self._void("tick_changed", f"{format_price(self.tick)} -> {format_price(tick)}")
        self.tick = tick
        for token in (self._yes, self._no):
            if token.ladder is not None:
                token.ladder.regrid(tick)

    def _lose_frames(self, loss: FeedLost | FeedRestored | MailOverflowed, now_ns: int) -> None:
        match loss:
            case FeedLost():
                self._feed_lost = True
                return
            case FeedRestored():
                self._feed_lost = False
                lost, reason = loss.resynchronise, "frames missed"
            case MailOverflowed():
                lost, reason = loss.overflowed is Lane.MARKET, "mail dropped"
        if lost:
            self._open_gap(self._yes, reason, now_ns)
            self._open_gap(self._no, reason, now_ns)

    def _void(self, what: str, detail: str = "") -> None:
        """Note that prices made before this step are void."""
        self._voids.setdefault(what, []).append(detail)

    def _open_gap(self, token: TokenBook, reason: str, now_ns: int) -> None:
        if token.open_gap(reason, now_ns):
            self.counts.gaps += 1
            self._void("gap", f"{token.name} {reason}")
        self._want_snapshot(reason, now_ns)

    def _check_mirror(self, now_ns: int) -> None:
        yes, no = self._yes, self._no
        if yes.ladder is None or no.ladder is None or yes.gap or no.gap or yes.ladder.same_touch(no.ladder):
            self._unmirrored_since_ns = None
            return
        if self._unmirrored_since_ns is None:
            self._unmirrored_since_ns = now_ns
        deadline_ns = self._unmirrored_since_ns + self._parameters.mirror_grace_ms * _NS_PER_MS
        if now_ns > deadline_ns:
            self._unmirrored_since_ns = None
            self._open_gap(no if self._authority is yes else yes, _NOT_MIRRORED, now_ns)
        else:
            self._wake_at(_MIRROR, deadline_ns + 1)

    @property
    def _needs_book(self) -> bool:
        return self._authority is None or self._awaits_book or bool(self._yes.gap or self._no.gap)

    def _want_snapshot(self, reason: str, now_ns: int) -> None:
        """Ask for the full books, at most once an interval: an answer that does not help must not make a storm."""
        if self._snapshot_reason:
            return
        if now_ns < self._next_snapshot_ns:
            self._wake_at(_SNAPSHOT, self._next_snapshot_ns)
            return
        self._snapshot_reason = reason
        self._next_snapshot_ns = now_ns + self._parameters.snapshot_interval_ms * _NS_PER_MS

    def _wake_at(self, timer: str, at_ns: int) -> None:
        """Ask for a deadline unless that timer runs; whoever is woken too early asks again."""
        if timer not in self._timers:
            self._timers.add(timer)
            self._wakes.append(WakeAt(at_ns=at_ns, timer=timer))

    def _wake(self, timer: str, now_ns: int) -> tuple[Message, ...]:
        self._timers.discard(timer)
        if timer == _SNAPSHOT and self._needs_book:
            self._want_snapshot("no full book came", now_ns)
        if timer == _MIRROR:
            self._check_mirror(now_ns)
        return self._answer(now_ns, update=bool(self._voids) or (timer == _FRESH and self._silent(now_ns)))

    def _fresh_until_ns(self) -> int:
        event_ns = self._event_ns + self._parameters.event_fresh_ms * _NS_PER_MS
        return max(event_ns, self._verified_ns + self._parameters.verified_fresh_ms * _NS_PER_MS)

    def _silent(self, now_ns: int) -> bool:
        return not self._parameters.tape_is_proof and now_ns > self._fresh_until_ns()

    def _answer(self, now_ns: int, *, update: bool = True) -> tuple[Message, ...]:
        """Say all that the step has found, in the order in which it is to be acted on."""
        if _FRESH not in self._timers and self._authority is not None and not self._silent(now_ns):
            self._wake_at(_FRESH, self._fresh_until_ns() + 1)
        if not (self._said or self._voids or self._snapshot_reason or self._wakes):
            return (self._updated(now_ns),) if update else ()
        said, self._said = self._said, []
        if self._voids:
            self.epoch += 1
            reason = min(self._voids, key=_GRAVEST_FIRST.index)
            detail = "; ".join(f"{what} {', '.join(details)}".rstrip() for what, details in self._voids.items())
            said.append(BookEpochChanged(self.market.id, self.epoch, self.tick, reason, detail))
            self._voids = {}
        said += self._resyncs
        self._resyncs = []
        if self._snapshot_reason:
            said.append(RequestSnapshot(self.market.id, self._snapshot_reason))
            self._snapshot_reason = ""
        if update:
            said.append(self._updated(now_ns))
        said += self._wakes
        self._wakes = []
        return tuple(said)

    def _updated(self, now_ns: int) -> BookUpdated:
        ladder = self._authority.ladder if self._authority is not None else None
        if self._moved and ladder is not None:
            self._moved = False
            self._net.look(ladder)
        self._seq += 1
        net = self._net
        return BookUpdated(
            self.market.id,
            self._seq,
            self.epoch,
            self.tick,
            net.bids,
            net.asks,
            net.bid,
            net.ask,
            NO_BID if ladder is None else ladder.bid,
            NO_ASK if ladder is None else ladder.ask,
            self._unusable(ladder, now_ns),
            self._event_ns,
            self._proven_ns,
        )

    def _unusable(self, ladder: Ladder | None, now_ns: int) -> str | None:
        """Say why nothing may be decided on the book, the gravest reason first."""
        if ladder is None or self._awaits_book:
            return "no_book"
        if self._feed_lost:
            return "stale"
        gap = self._yes.gap or self._no.gap
        if gap:
            return _NOT_MIRRORED if gap == _NOT_MIRRORED else "gap"
        if self._silent(now_ns):
            return "stale"
        if ladder.bid >= ladder.ask:
            return "locked" if ladder.bid == ladder.ask else "crossed"
        if self._net.bid == NO_BID or self._net.ask == NO_ASK:
            return "one_sided"
        return None


def _in_yes_terms(frame: BookFrame) -> tuple[dict[Price, Size], dict[Price, Size]]:
    """Return bids and asks of a full book by YES price; levels of size 0 are left out."""
    if frame.outcome == YES:
        return {price: size for price, size in frame.bids if size}, {price: size for price, size in frame.asks if size}
    return (
        {ONE - price: size for price, size in frame.asks if size},
        {ONE - price: size for price, size in frame.bids if size},
    )
