"""A client of the market channel that believes nothing: it rebuilds every book and holds every frame against it.

What it checks: each hash by the public formula, each touch that a change announces, that every change and every book
is mirrored on both tokens, and that a trade is seen as level change, two books, then prints within 7 to 230 ms that
sum to what left the book.

On a line that loses frames (`lossy`) a wrong hash is how a loss shows: the market is astray until its books were
fetched again, and only what cannot be a loss counts as wrong.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from research.prove.frames import ONE, Market, Side, Token, market_of, price_of, size_of
from research.prove.statistics import Statistics

_PRINT_MS: Final = (7, 230)
_DUST: Final = 10_000
_SHOWN: Final = 20
_SIDES: Final[dict[str, Side]] = {"BUY": "bids", "SELL": "asks"}
_OPPOSITE: Final = {"BUY": "SELL", "SELL": "BUY"}


@dataclass(slots=True)
class Findings:
    """How often each claim was checked, and the first cases in which it did not hold."""

    checked: Counter[str] = field(default_factory=Counter[str])
    wrong: Counter[str] = field(default_factory=Counter[str])
    cases: list[str] = field(default_factory=list[str])

    def hold(self, claim: str, held: bool, case: Callable[[], str]) -> bool:
        """Note one check; says whether it held."""
        self.checked[claim] += 1
        if not held:
            self.wrong[claim] += 1
            if len(self.cases) < _SHOWN:
                self.cases.append(f"{claim}: {case()}")
        return held


@dataclass(slots=True)
class _Trade:
    """A trade whose prints are still to come: when, and how much left each side of the book, in YES terms."""

    at_ms: int
    left: dict[str, int]
    printed: dict[str, int] = field(default_factory=lambda: {"BUY": 0, "SELL": 0})

    def waits_for(self, side: str, size: int) -> bool:
        """Whether a print of so much can be one of it."""
        return self.printed[side] + size <= self.left[side]


@dataclass(slots=True)
class _Line:
    """What was seen last in a market."""

    change_ms: int = 0
    left: dict[str, int] = field(default_factory=lambda: {"BUY": 0, "SELL": 0})
    books: int = 0
    trades: deque[_Trade] = field(default_factory=deque[_Trade])
    text: str = ""


class Witness:
    """Takes the frames of one connection that is subscribed to all markets."""

    def __init__(self, statistics: Statistics, *, lossy: bool) -> None:
        self.findings = Findings()
        self.statistics = statistics
        self.lossy = lossy
        self.markets: dict[str, Market] = {}
        self.tokens: dict[str, Token] = {}
        self.astray: dict[str, Market] = {}
        """Markets whose books must be fetched again."""
        self.news: list[Mapping[str, Any]] = []
        """Markets listed since somebody looked."""
        self._lines: dict[str, _Line] = {}
        self._not_before_ms: dict[str, int] = {}

    def learn(self, described: Mapping[str, Any]) -> Market:
        """Know a market before it is subscribed."""
        market = market_of(described)
        self.markets[market.id] = market
        self._lines[market.id] = _Line()
        for token in market.tokens:
            self.tokens[token.id] = token
        return market

    def see(self, text: str, frame: Mapping[str, Any], now_ns: int) -> None:
        """Take one frame."""
        market = self.markets.get(frame["market"])
        kind = frame["event_type"]
        if kind == "new_market":
            self.news.append(frame)
            return
        if market is None:
            return
        line = self._lines[market.id]
        if self.lossy and text == line.text:
            self.statistics.repeated += 1
            return
        line.text = text
        at_ms = int(frame["timestamp"])
        self.statistics.frame(market, kind, frame, at_ms, len(text), now_ns)
        if market.id in self.astray or (kind != "last_trade_price" and at_ms <= self._not_before_ms.get(market.id, 0)):
            return
        if kind == "price_change":
            self._change(market, line, frame, at_ms)
        elif kind == "book":
            self._book(market, line, frame, at_ms)
        elif kind == "last_trade_price":
            self._print(market, line, frame, at_ms)
        elif kind == "tick_size_change":
            market.tick = frame["new_tick_size"]
        elif kind == "best_bid_ask":
            low, high, spread = (price_of(frame[key]) for key in ("best_bid", "best_ask", "spread"))
            self.findings.hold("a spread is ask less bid", spread == high - low, lambda: str(frame))
        elif kind == "market_resolved":
            market.winner = frame["winning_asset_id"]

    def refetched(self, market: Market, books: tuple[Mapping[str, Any], Mapping[str, Any]]) -> None:
        """Go on from books that REST served."""
        for token, book in zip(market.tokens, books, strict=True):
            token.take(book)
            proven = token.hash_at(book["timestamp"]) == book["hash"]
            self.findings.hold("a book fetched after a loss has its own hash", proven, lambda name=token.id: name)
        self.astray.pop(market.id, None)
        self._lines[market.id] = _Line()
        self._not_before_ms[market.id] = max(int(book["timestamp"]) for book in books)

    def compare(self, token: Token, book: Mapping[str, Any]) -> bool:
        """Hold a book that REST serves against the one from the deltas."""
        served = {side: {price_of(x["price"]): size_of(x["size"]) for x in book[side]} for side in ("bids", "asks")}
        same = served == {"bids": token.bids.sizes, "asks": token.asks.sizes}
        proven = token.hash_at(book["timestamp"]) == book["hash"]
        if self.lossy and not (same and proven):
            # A lost change, or a lost or late print, whose price is hashed as well.
            self.astray[token.market.id] = token.market
            return False
        self.findings.hold("the book served is the book from the deltas", same, lambda: token.id)
        return self.findings.hold("the book served has the hash of the book from the deltas", proven, lambda: token.id)

    def _change(self, market: Market, line: _Line, frame: Mapping[str, Any], at_ms: int) -> None:
        levels: tuple[list[tuple[str, int, str]], list[tuple[str, int, str]]] = ([], [])
        left = {"BUY": 0, "SELL": 0}
        yes, no = market.tokens
        for entry in frame["price_changes"]:
            side, price = entry["side"], price_of(entry["price"])
            if entry["asset_id"] == yes.id:
                grown = yes.side(_SIDES[side]).set(price, entry["size"])
                left[side] -= min(grown, 0)
                levels[0].append((side, price, entry["size"]))
                self.statistics.level(market, side, price, entry["size"], grown)
            else:
                no.side(_SIDES[side]).set(price, entry["size"])
                levels[1].append((_OPPOSITE[side], ONE - price, entry["size"]))
        if not self.findings.hold("a change is mirrored on both tokens", levels[0] == levels[1], lambda: str(frame)):
            return
        line.change_ms, line.left, line.books = at_ms, left, 0
        proven: set[str] = set()
        for entry in frame["price_changes"]:
            token = yes if entry["asset_id"] == yes.id else no
            if token.id not in proven:
                proven.add(token.id)
                self._prove(token, frame["timestamp"], entry["hash"])
                self._touch(token, entry)
        self.statistics.changed(market)

    def _touch(self, token: Token, entry: Mapping[str, Any]) -> None:
        if token.market.id in self.astray:
            return
        bid, ask = token.bids.best, token.asks.best
        said = price_of(entry["best_bid"]), price_of(entry["best_ask"])
        self.findings.hold(
            "a change announces the touch after it", said == (bid or 0, ONE if ask is None else ask), lambda: str(entry)
        )
        crossed = bid is not None and ask is not None and bid >= ask
        self.findings.hold("a book is never crossed", not crossed, lambda: str(entry))

    def _book(self, market: Market, line: _Line, frame: Mapping[str, Any], at_ms: int) -> None:
        token = self.tokens[frame["asset_id"]]
        before = (token.bids.sizes, token.asks.sizes) if token.told else None
        token.take(frame)
        if not self._prove(token, frame["timestamp"], frame["hash"]) or "tick_size" in frame:
            return
        follows = line.change_ms == at_ms and before == (token.bids.sizes, token.asks.sizes)
        if self.lossy and not follows:
            self.statistics.lost += 1
            return
        self.findings.hold("a book follows the change of its trade", follows, lambda: str(frame))
        line.books += 1
        if line.books == 2:
            self.findings.hold("both books of a trade mirror", market.mirrors, lambda: market.slug)
            line.trades.append(_Trade(at_ms, line.left))
            self.statistics.traded(market, at_ms)

    def _print(self, market: Market, line: _Line, frame: Mapping[str, Any], at_ms: int) -> None:
        market.last_price = frame["price"]
        size = size_of(frame["size"])
        self.statistics.printed(size)
        of_yes = frame["asset_id"] == market.tokens[0].id
        hit = _OPPOSITE[frame["side"]] if of_yes else frame["side"]
        while line.trades and at_ms - line.trades[0].at_ms > _PRINT_MS[1]:
            self._over(line.trades.popleft())
        waits = next((trade for trade in line.trades if trade.waits_for(hit, size)), None)
        if self.lossy and waits is None:
            return
        lag_ms = at_ms - waits.at_ms if waits else -1
        fits = _PRINT_MS[0] <= lag_ms <= _PRINT_MS[1]
        self.findings.hold("a print follows its trade by 7 to 230 ms", fits, lambda: f"{lag_ms} ms: {frame}")
        if waits is not None:
            waits.printed[hit] += size

    def _over(self, trade: _Trade) -> None:
        """Judge a trade of which no more prints can come."""
        if trade.printed == {"BUY": 0, "SELL": 0} and self.lossy:
            self.statistics.lost += 1
            return
        gone = sum(trade.left[side] - printed for side, printed in trade.printed.items() if printed)
        # A resting order that is left with less than a micro-dollar's worth goes with the trade that did it.
        held = any(trade.printed.values()) and (gone < _DUST or self.lossy)
        self.findings.hold("the prints of a trade sum to what left the book", held, lambda: str(trade))

    def _prove(self, token: Token, timestamp: str, digest: str) -> bool:
        held = token.hash_at(timestamp) == digest
        if not held and self.lossy:
            self.statistics.lost += 1
            self.astray[token.market.id] = token.market
            return False
        return self.findings.hold("a hash is that of the book from the frames", held, lambda: token.id)
