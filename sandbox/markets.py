"""Markets, their tokens and events, and the catalogue by which every surface finds them."""

import hashlib
from dataclasses import dataclass, field
from typing import Final, Literal

from sandbox.books import MirroredBook, RecordedBooks
from sandbox.units import ONE, PRICE_TEXT, SHARE, decimal_text, size_text

Protocol = Literal["v1", "v2"]
"""The protocol by whose contracts a market is settled."""


@dataclass(frozen=True, slots=True)
class RewardTerms:
    """What resting orders earn together in a market per day (micro-dollars), and which of them count.

    An order counts from `min_size` on, nearer than `max_spread` (1/10,000 dollar) to the middle, and when it has rested
    for `min_age_s`.
    """

    daily: int = 0
    min_size: int = 50 * SHARE
    max_spread: int = 450
    min_age_s: int = 30


@dataclass(frozen=True, slots=True)
class Category:
    """What takers pay in a kind of market, and which share of it makers get back; both as the venue writes them."""

    name: str
    fee_type: str
    rate: str
    rebate_rate: str
    rewards: RewardTerms = RewardTerms()

    @property
    def has_fees(self) -> bool:
        """Whether takers pay anything."""
        return bool(self.fee_type)


CATEGORIES: Final = {
    category.name: category
    for category in (
        Category("crypto", "crypto_fees_v2", "0.07", "0.2", RewardTerms(20 * SHARE)),
        Category("sports", "sports_fees_v2", "0.05", "0.15", RewardTerms(100 * SHARE)),
        Category("politics", "politics_fees_v2", "0.04", "0.25", RewardTerms(50 * SHARE)),
        Category("economics", "economics_fees_v2", "0.05", "0.25", RewardTerms(50 * SHARE)),
        Category("geopolitics", "", "0", "0"),
    )
}


@dataclass(slots=True, eq=False)
class Event:
    """A Gamma event: the markets of one question. In a neg-risk event exactly one of them resolves to YES."""

    slug: str
    title: str
    neg_risk: bool = False
    number: int = 0
    markets: list["Market"] = field(default_factory=list["Market"])

    @property
    def neg_risk_id(self) -> str:
        """The id that ties the markets of a neg-risk event together, empty for others."""
        return digest_id("neg-risk", self.slug) if self.neg_risk else ""


@dataclass(slots=True, eq=False)
class Market:
    """One condition with its two tokens; outcome 0 is the one in whose terms the book is kept.

    `last_trade_price` is the venue's text of the last print, whichever token it was for: both tokens' books show it
    and hash it. `changed_ns` says when each token's book last changed, which is the timestamp of its hash. A market
    with a `winner` is closed. `reference` names the price that it follows, if any. `version` is the protocol whose
    exchange contract settles it. The timestamp of its `best_bid_ask` runs `touch_lead_ns` ahead of its other frames, as
    seen on busy markets, so a client sees timestamps step back.

    `starts_ns` is when the window begins that a question about a price's move asks for.

    Takers wait before they are matched: `seconds_delay` (sports; the call is answered at once) or `taker_delay_ns`
    (crypto; the call waits as well). `clear_on_start` takes all accounts' orders out at `game_start_ns`.
    """

    slug: str
    question: str
    condition_id: str
    token_ids: tuple[str, str]
    outcomes: tuple[str, str]
    category: Category
    event: Event
    book: MirroredBook | RecordedBooks
    created_ns: int
    end_ns: int | None
    starts_ns: int | None = None
    tick: int = 100
    min_order_size: int = 5 * SHARE
    reference: str = ""
    version: Protocol = "v1"
    touch_lead_ns: int = 0
    number: int = 0
    accepting: bool = True
    seconds_delay: int = 0
    taker_delay_ns: int = 0
    game_start_ns: int | None = None
    clear_on_start: bool = False
    payouts: tuple[int, int] | None = None
    last_trade_price: str = ""
    changed_ns: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.changed_ns = [self.created_ns, self.created_ns]

    @property
    def closed(self) -> bool:
        """Whether it is resolved."""
        return self.payouts is not None

    @property
    def winner(self) -> int | None:
        """The outcome that pays a whole dollar, None while nothing is resolved and in a void market."""
        return self.payouts.index(ONE) if self.payouts is not None and ONE in self.payouts else None

    @property
    def question_id(self) -> str:
        """The id under which its question is resolved."""
        return digest_id("question", self.condition_id)

    @property
    def tick_text(self) -> str:
        """The grid as the venue writes it."""
        return PRICE_TEXT[self.tick]

    @property
    def min_order_size_text(self) -> str:
        """The smallest order in shares, as the venue writes it."""
        return size_text(self.min_order_size)

    def touch_text(self, token: int) -> tuple[str, str]:
        """A token's best bid and ask as the wire shows them: an empty side is `0` or `1`."""
        bid, ask = self.book.touch(token)
        return PRICE_TEXT[bid or 0], PRICE_TEXT[ONE if ask is None else ask]

    def mid(self, token: int) -> int:
        """Half way between what `touch_text` shows, in 1/100,000 of a dollar."""
        bid, ask = self.book.touch(token)
        return ((bid or 0) + (ONE if ask is None else ask)) * 5

    def mid_text(self, token: int) -> str:
        """The same as the venue writes it."""
        return decimal_text(self.mid(token), 5)


class Catalogue:
    """All markets and events, in the order of their listing."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.markets: list[Market] = []
        self.by_condition: dict[str, Market] = {}
        self.by_slug: dict[str, Market] = {}
        self.by_token: dict[str, tuple[Market, int]] = {}

    def add(self, market: Market) -> None:
        """List a market under its event. Raises ValueError when its condition or one of its tokens is listed."""
        if market.condition_id in self.by_condition or any(token in self.by_token for token in market.token_ids):
            raise ValueError(f"{market.slug}: its condition or one of its tokens is already listed")
        if not market.event.markets:
            self.events.append(market.event)
            market.event.number = 1_000_000 + len(self.events)
        market.event.markets.append(market)
        self.markets.append(market)
        market.number = 5_000_000 + len(self.markets)
        self.by_condition[market.condition_id] = market
        self.by_slug[market.slug] = market
        for index, token in enumerate(market.token_ids):
            self.by_token[token] = (market, index)

    def find(self, name: str) -> Market | None:
        """A market by condition id, slug or token id."""
        if name in self.by_token:
            return self.by_token[name][0]
        return self.by_condition.get(name) or self.by_slug.get(name)


def digest_id(*parts: str) -> str:
    """A 32-byte id as the chain writes it: `0x` and the 64 hex digits of the parts' SHA-256."""
    return "0x" + hashlib.sha256("/".join(parts).encode()).hexdigest()


def token_id(*parts: str) -> str:
    """A token id as the venue's are: 256 bits in decimal.

    Never a toy number: ids whose bits 40-103 are empty are those of the newer protocol, and clients would sign for it.
    """
    return str(int(digest_id("token", *parts), 16) | 1 << 255)


def position_ids(*parts: str, neg_risk: bool = False, index: int = 0) -> tuple[str, tuple[str, str]]:
    """The condition id of a market of the newer protocol, and the ids of its two positions.

    Their bits, from the highest: module 8, hash of the question 128, arity 16, reserved 64, chain of the resolution 16,
    index of the condition 16, outcome 8. The condition's are the positions' without the outcome. Markets of a neg-risk
    event share `parts` and differ by their `index`. Unverified: arity and chain, 0 in the one id that was seen.
    """
    module = 2 if neg_risk else 1
    question = int(digest_id("position", *parts)[2:34], 16)
    condition = module << 248 | question << 120 | index << 8
    return f"0x{condition:064x}", (str(condition), str(condition + 1))
