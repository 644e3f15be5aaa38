"""The books of a venue's clients, rebuilt from frames alone, and the proof of every hash that the frames carry.

Why none of the sandbox's code: what is proven here must not be proven by itself. The text that is hashed is put
together from the venue's published formula and from the levels as they came over the wire.
"""

import hashlib
from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Side = Literal["bids", "asks"]

ONE = 10_000
_PRICES: dict[str, int] = {}
_TEXTS: dict[int, str] = {}


def price_of(text: str) -> int:
    """Read a price in 1/10,000 dollar."""
    price = _PRICES.get(text)
    if price is None:
        whole, _, rest = text.partition(".")
        price = _PRICES[text] = int(whole or "0") * ONE + int(rest.ljust(4, "0")[:4] or "0")
    return price


def size_of(text: str) -> int:
    """Read a size in millionths of a share."""
    whole, _, rest = text.partition(".")
    return int(whole) * 1_000_000 + (int(rest.ljust(6, "0")) if rest else 0)


class Levels:
    """One side of a token's book: sizes by price, and the text of each level as the venue writes it."""

    def __init__(self, side: Side, levels: Sequence[Mapping[str, str]] = ()) -> None:
        self.side: Side = side
        self.prices: list[int] = []
        self.sizes: dict[int, int] = {}
        self._texts: dict[int, str] = {}
        self._text: str | None = None
        for level in levels:
            self.set(price_of(level["price"]), level["size"])

    def set(self, price: int, size: str) -> int:
        """Take a level's new total, `0` for none; says by how much it grew."""
        self._text = None
        before = self.sizes.get(price, 0)
        after = self.sizes[price] = size_of(size)
        if not before and after:
            insort(self.prices, price)
        if after:
            self._texts[price] = f'{{"price":"{_price_text(price)}","size":"{size}"}}'
        else:
            del self.sizes[price]
            if before:
                self.prices.remove(price)
                del self._texts[price]
        return after - before

    @property
    def best(self) -> int | None:
        """The price nearest to the other side."""
        if not self.prices:
            return None
        return self.prices[-1] if self.side == "bids" else self.prices[0]

    @property
    def text(self) -> str:
        """All levels, worst first."""
        if self._text is None:
            worst_first = self.prices if self.side == "bids" else reversed(self.prices)
            self._text = ",".join([self._texts[price] for price in worst_first])
        return self._text


@dataclass(slots=True)
class Token:
    """One token's book as its frames gave it; `told` once it had a whole one."""

    market: "Market"
    id: str
    bids: Levels = field(default_factory=lambda: Levels("bids"))
    asks: Levels = field(default_factory=lambda: Levels("asks"))
    told: bool = False

    def side(self, side: Side) -> Levels:
        """One of its sides."""
        return self.bids if side == "bids" else self.asks

    def take(self, book: Mapping[str, Any]) -> None:
        """Forget what is known and take a full book."""
        self.bids, self.asks = Levels("bids", book["bids"]), Levels("asks", book["asks"])
        self.told = True
        self.market.tick = book.get("tick_size", self.market.tick)
        self.market.last_price = book.get("last_trade_price", self.market.last_price)
        self.market.version = book.get("version", self.market.version)

    def hash_at(self, timestamp: str) -> str:
        """The hash that the venue must show for this book."""
        market = self.market
        text = (
            f'{{"market":"{market.id}","asset_id":"{self.id}","timestamp":"{timestamp}","hash":"",'
            f'"bids":[{self.bids.text}],"asks":[{self.asks.text}],"min_order_size":"{market.min_order_size}",'
            f'"tick_size":"{market.tick}","neg_risk":{market.neg_risk},"last_trade_price":"{market.last_price}"{market.tail}}}'
        )
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@dataclass(slots=True, eq=False)
class Market:
    """What a client knows of a market."""

    id: str
    slug: str
    min_order_size: str
    neg_risk: str
    tick: str
    tokens: tuple[Token, ...] = ()
    last_price: str = ""
    winner: str = ""
    version: str = ""
    """How the books of a market of the newer protocol sign themselves; empty for the others."""

    @property
    def tail(self) -> str:
        """What a hashed book ends with."""
        return f',"version":"{self.version}"' if self.version else ""

    @property
    def mirrors(self) -> bool:
        """Whether its two books are one: each bid of a token is an ask of the other at one minus its price."""
        yes, no = self.tokens
        return yes.bids.sizes == _mirrored(no.asks) and yes.asks.sizes == _mirrored(no.bids)


def market_of(described: Mapping[str, Any]) -> Market:
    """A market as the sandbox describes it to bots."""
    market = Market(
        described["condition_id"],
        described["slug"],
        described["min_order_size"],
        "true" if described["neg_risk"] else "false",
        described["tick_size"],
    )
    market.tokens = tuple(Token(market, token) for token in described["token_ids"])
    return market


def _mirrored(levels: Levels) -> dict[int, int]:
    return {ONE - price: size for price, size in levels.sizes.items()}


def _price_text(price: int) -> str:
    text = _TEXTS.get(price)
    if text is None:
        text = _TEXTS[price] = f"{price // ONE}.{price % ONE:04d}".rstrip("0").rstrip(".")
    return text
