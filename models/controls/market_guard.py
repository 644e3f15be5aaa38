"""Whether a market may be opened in at all: its book is known and good enough, it is open, and it does not end soon.

Why the supervisor's own newest book: a coordinator that misreads its book would vouch for itself. Why only what opens
is held up by a book: to get out needs whatever book there is, and waiting for a better one is a risk of its own. A
market that the venue has closed takes nothing, so there nothing is tried.

Why a wide book is none to open on: what is held could not be marked by it (`marks.mark_max_spread`), so that no loss of
it could be seen. Why the time guard leaves what lowers the risk: the last minutes are when a leg has to be finished.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from models.book_parameters import BookParameters
from models.cells import TradingState
from models.controls.control import Control, Guard, Refusal
from models.markets import Market
from models.messages.base import MarketId, Message
from models.messages.catalogue import MarketListed
from models.messages.control import RaiseCell, Reading
from models.messages.market import BookUpdated
from models.messages.orders import PlaceOrder
from models.messages.runtime import WakeAt
from models.parameters import parameter
from models.units import ONE, SHARE, Price, Size, format_price, format_size

if TYPE_CHECKING:
    from models.engine import EngineParameters

_MS = 1_000_000
_SECOND_NS = 1_000 * _MS


class MarketParameters(msgspec.Struct, frozen=True):
    """What a market needs to be opened in."""

    max_spread: Annotated[Price, parameter("Widest net book in which anything is opened.", "price", gt=0, le=9_000)] = (
        1_000
    )
    min_touch: Annotated[
        Size,
        parameter("Fewest shares of others on each side of the touch for anything to be opened; 0: the venue's "
                  "minimum order.", "shares", ge=0, le=100_000 * SHARE),
    ] = 0  # fmt: skip
    end_guard_ms: Annotated[
        int,
        parameter("Nothing is opened for so long before a market's end, and what rests is cancelled.", "ms", ge=0,
                  le=14_400_000),
    ] = 600_000  # fmt: skip
    end_guard_share: Annotated[
        float,
        parameter("But for no more than this share of its life, from its start, or from when we first saw it.", "ratio",
                  ge=0, le=1),
    ] = 0.20  # fmt: skip


class MarketGuard(Guard):
    """Keeps the newest book of each market, and the time at which its end is near."""

    controls = (
        Control("market_status", "before", "all", "the order is refused", "whether the venue takes orders of it", ()),
        Control(
            "book_age", "before", "open", "the order is refused",
            "time since the venue last said or proved something of the market's book; or why it cannot be used",
            ("book.event_fresh_ms", "book.verified_fresh_ms"),
        ),
        Control(
            "max_spread", "before", "open", "the order is refused", "net ask less net bid", ("market.max_spread",)
        ),
        Control(
            "min_touch", "before", "open", "the order is refused", "shares of others on the thinner side of the touch",
            ("market.min_touch",),
        ),
        Control(
            "time_guard", "before", "open", "the order is refused, and the market is REDUCING until it has ended",
            "time to the market's end", ("market.end_guard_ms", "market.end_guard_share"),
        ),
    )  # fmt: skip
    hears = (BookUpdated, MarketListed)
    timer = "time_guard"

    def __init__(self, parameters: MarketParameters, book: BookParameters, markets: Mapping[MarketId, Market]) -> None:
        self._parameters = parameters
        self._markets = markets
        self._event_ns = book.event_fresh_ms * _MS
        self._proof_ns = book.verified_fresh_ms * _MS
        self._ages = not book.tape_is_proof
        self._books: dict[MarketId, BookUpdated] = {}
        self._guarded_ns: dict[MarketId, int] = {}
        """When the end of each market that has one begins to be near."""
        self._waiting: dict[MarketId, int] = {}

    def refusal(self, order: PlaceOrder, before: tuple[PlaceOrder, ...], opens: bool, now_ns: int) -> Refusal | None:
        market = self._markets[order.market]
        if not market.accepting_orders:
            return Refusal("market_status", "the venue takes no orders of it")
        if not opens:
            return None
        book = self._books.get(order.market)
        if book is None:
            return Refusal("book_age", "no book yet")
        if book.unusable is not None:
            return Refusal("book_age", f"the book is unusable: {book.unusable}")
        return self._age_refusal(book, now_ns) or self._depth_refusal(market, book) or self._end_refusal(market, now_ns)

    def changed(self, parameters: "EngineParameters") -> None:
        """Go by other limits, but for when the end of a market is near: that is settled with its first book."""
        self._parameters = parameters.market

    def heard(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        """Take in a book; the first one of a market that ends says when that will be near."""
        if isinstance(message, MarketListed):
            return self._begin_anew(message.listed.id) if message.traded else ()
        seen = message.market in self._books
        self._books[message.market] = message
        market = self._markets.get(message.market)
        if seen or market is None or market.end_ns is None:
            return ()
        begun_ns = now_ns if market.start_ns is None or market.start_ns >= market.end_ns else market.start_ns
        life_ns = max(0, market.end_ns - begun_ns)
        guard_ns = min(self._parameters.end_guard_ms * _MS, int(life_ns * self._parameters.end_guard_share))
        self._guarded_ns[market.id] = self._waiting[market.id] = market.end_ns - guard_ns
        return self._guarded(now_ns)

    def _begin_anew(self, market: MarketId) -> tuple[Message, ...]:
        """Forget the book of a market that was added again: it may end at another time by now."""
        self._books.pop(market, None)
        self._waiting.pop(market, None)
        known = self._guarded_ns.pop(market, None) is not None
        return (RaiseCell(market, "time_guard", TradingState.ACTIVE, ""),) if known else ()

    def woke(self, now_ns: int) -> tuple[Message, ...]:
        return self._guarded(now_ns)

    def readings(self, now_ns: int) -> Iterable[Reading]:
        for market in self._markets.values():
            closed = not market.accepting_orders
            yield Reading("market_status", market.slug, None, None, "state", closed, "closed" if closed else "open")
            yield from self._book_readings(market, now_ns)
            if market.id in self._guarded_ns and market.end_ns is not None:
                left_s = max(0, market.end_ns - now_ns) / _SECOND_NS
                guard_s = (market.end_ns - self._guarded_ns[market.id]) / _SECOND_NS
                holds = now_ns >= self._guarded_ns[market.id]
                yield Reading("time_guard", market.slug, left_s, guard_s, "s left at least", holds)

    def _book_readings(self, market: Market, now_ns: int) -> Iterable[Reading]:
        book = self._books.get(market.id)
        if book is None:
            yield Reading("book_age", market.slug, None, self._event_ns / _SECOND_NS, "s", True, "no book yet")
            return
        age_s = max(0, now_ns - max(book.event_ns, book.proven_ns)) / _SECOND_NS
        holds = book.unusable is not None or self._age_refusal(book, now_ns) is not None
        yield Reading("book_age", market.slug, age_s, self._event_ns / _SECOND_NS, "s", holds, book.unusable or "")
        spread, touch = book.ask - book.bid, _touch(book)
        most, least = self._parameters.max_spread, self._least_touch(market)
        yield Reading("max_spread", market.slug, spread / ONE, most / ONE, "price", spread > most)
        yield Reading("min_touch", market.slug, touch / SHARE, least / SHARE, "shares at least", touch < least)

    def _age_refusal(self, book: BookUpdated, now_ns: int) -> Refusal | None:
        event_ns, proof_ns = now_ns - book.event_ns, now_ns - book.proven_ns
        if not self._ages or event_ns <= self._event_ns or proof_ns <= self._proof_ns:
            return None
        age = f"{event_ns // _MS} ms without an event > {self._event_ns // _MS} ms"
        return Refusal("book_age", f"{age}, {proof_ns // _MS} ms without a proof > {self._proof_ns // _MS} ms")

    def _depth_refusal(self, market: Market, book: BookUpdated) -> Refusal | None:
        spread = book.ask - book.bid
        if spread > self._parameters.max_spread:
            return Refusal("max_spread", f"{format_price(spread)} > {format_price(self._parameters.max_spread)}")
        touch, least = _touch(book), self._least_touch(market)
        if touch < least:
            return Refusal("min_touch", f"{format_size(touch)} < {format_size(least)} shares of others at the touch")
        return None

    def _end_refusal(self, market: Market, now_ns: int) -> Refusal | None:
        guarded_ns = self._guarded_ns.get(market.id)
        if guarded_ns is None or market.end_ns is None or now_ns < guarded_ns:
            return None
        left_s, guard_s = (market.end_ns - now_ns) // _SECOND_NS, (market.end_ns - guarded_ns) // _SECOND_NS
        return Refusal("time_guard", f"{left_s} s to the end < {guard_s} s")

    def _guarded(self, now_ns: int) -> tuple[Message, ...]:
        near = [market for market, at_ns in self._waiting.items() if at_ns <= now_ns]
        for market in near:
            del self._waiting[market]
        cells = (RaiseCell(market, "time_guard", TradingState.REDUCING, "near_end") for market in near)
        return (*cells, *(WakeAt(at_ns, self.timer) for at_ns in sorted(self._waiting.values())[:1]))

    def _least_touch(self, market: Market) -> Size:
        return self._parameters.min_touch or market.min_order_size


def _touch(book: BookUpdated) -> Size:
    return min(book.bids.size_at(book.bid), book.asks.size_at(book.ask))
