"""The venue's proof of a book: SHA-1 over its compact JSON, which every `book` frame and every level change carries.

Three forms were found to hold on recorded frames, and which one holds is not said on the wire, so it is learned per
market: the first that verifies a full book is kept. Until then a mismatch proves nothing.

| form | keys | verifies |
|---|---|---|
| six | market, asset_id, timestamp, hash, bids, asks | `book` frames of 2025 |
| ten | + min_order_size, tick_size, neg_risk, last_trade_price | books and every level change of 2026 |
| versioned | + version | the same, of protocol version 2 markets |

Frames leave keys out (a mid-stream `book` names none of the last four), so they are remembered from earlier frames and
from the market. Numbers are written as the shortest decimal, which is what the venue writes for levels; only
`last_trade_price` keeps the venue's own text.

Why a print makes `last_trade_price` uncertain: the field was seen to hold the price of either token's last trade. After
a print all its possible texts are tried, and until one has verified a mismatch is again unproven, never a gap.
"""

from collections.abc import Iterable, Iterator
from enum import Enum, auto
from hashlib import sha1
from typing import Final, NamedTuple

from models.ladder import Ladder
from models.markets import NO, YES, Market, Outcome
from models.messages.market import BookFrame, Level
from models.units import ONE, Price, format_price, format_size

_LAST_TRADE_DECIMALS: Final = 3


class Form(Enum):
    """Which keys are hashed."""

    SIX = auto()
    TEN = auto()
    VERSIONED = auto()


class Verdict(Enum):
    """What a comparison with the venue's hash says.

    UNCHECKED: nothing was compared (no condition id, no hash, no form that covers this). UNPROVEN: it differs, but no
    form has been learned yet or a key is uncertain.
    """

    UNCHECKED = auto()
    UNPROVEN = auto()
    HOLDS = auto()
    FAILS = auto()


class Keys(NamedTuple):
    """The keys beyond the first six, as the venue writes them; `version` None is the ten-key form."""

    min_order_size: str
    tick: Price
    neg_risk: bool
    last_trade_price: str
    version: str | None = None


def book_hash(
    condition_id: str,
    token_id: str,
    timestamp_ms: int,
    bids: Iterable[Level],
    asks: Iterable[Level],
    keys: Keys | None,
) -> str:
    """Return the hash of a token's book; without keys in the six-key form.

    Levels come in the order of the wire, which puts the best last: bids ascending, asks descending.
    """
    text = (
        f'{{"market":"{condition_id}","asset_id":"{token_id}","timestamp":"{timestamp_ms}","hash":"",'
        f'"bids":[{_written(bids)}],"asks":[{_written(asks)}]'
    )
    if keys is not None:
        text += (
            f',"min_order_size":"{keys.min_order_size}","tick_size":"{format_price(keys.tick)}",'
            f'"neg_risk":{"true" if keys.neg_risk else "false"},"last_trade_price":"{keys.last_trade_price}"'
        )
        if keys.version is not None:
            text += f',"version":"{keys.version}"'
    return sha1((text + "}").encode(), usedforsecurity=False).hexdigest()


class BookProof:
    """What is known of a market's hashes, and the comparison of its books with them.

    `form` is the one learned, None before; `covers_changes` says whether it verifies level changes too.
    """

    def __init__(self, market: Market) -> None:
        self._condition_id = market.condition_id
        self._token_ids = market.token_ids
        self._min_order_size = format_size(market.min_order_size)
        self._neg_risk = market.neg_risk
        self._neg_risk_assumed = "neg_risk" in market.assumed
        self._version = None if market.version == "v1" else market.version
        self._last_trades: list[str | None] = [None, None]
        self._possible_last_trades: list[tuple[str, ...]] = [(), ()]
        self.form: Form | None = None
        self.covers_changes = False

    def check_book(self, frame: BookFrame, tick: Price) -> Verdict:
        """Compare a full book with its own hash and learn from it. `tick` is the grid in force where it names none."""
        self._take_keys(frame)
        if self._condition_id is None or not frame.hash:
            return Verdict.UNCHECKED
        bids, asks = sorted(frame.bids), sorted(frame.asks, reverse=True)
        # The learned form comes first but does not exclude the others: the venue may move a market to a newer one.
        for form in sorted(Form, key=lambda form: (form is not self.form, form.value)):
            if self._verifies(form, frame.outcome, frame.timestamp_ms, bids, asks, frame.tick or tick, frame.hash):
                return Verdict.HOLDS
        return self._mismatch(frame.outcome)

    def check_ladder(
        self, outcome: Outcome, ladder: Ladder, tick: Price, timestamp_ms: int, venue_hash: str
    ) -> Verdict:
        """Compare the local book of a token with the hash that came with its last change."""
        if self.form is None or not self.covers_changes or not venue_hash:
            return Verdict.UNCHECKED
        bids, asks = token_levels(ladder, outcome)
        if self._verifies(self.form, outcome, timestamp_ms, bids, asks, tick, venue_hash):
            return Verdict.HOLDS
        return self._mismatch(outcome)

    def take_print(self, outcome: Outcome, price: Price, price_text: str) -> None:
        """Take note of a print: from now on either token's book may name this trade as its last."""
        own = _padded(price_text or format_price(price))
        mirrored = _padded(format_price(ONE - price))
        for token in (YES, NO):
            texts = {own, *(() if token == outcome else (mirrored,))} - {self._last_trades[token]}
            self._possible_last_trades[token] = tuple(sorted(texts))

    def _take_keys(self, frame: BookFrame) -> None:
        if frame.min_order_size is not None:
            self._min_order_size = frame.min_order_size
        if frame.neg_risk is not None:
            self._neg_risk = frame.neg_risk
            self._neg_risk_assumed = False
        if frame.version is not None:
            self._version = frame.version
        if frame.last_trade_price is not None:
            self._last_trades[frame.outcome] = frame.last_trade_price
            self._possible_last_trades[frame.outcome] = ()

    def _verifies(
        self,
        form: Form,
        outcome: Outcome,
        timestamp_ms: int,
        bids: list[Level],
        asks: list[Level],
        tick: Price,
        venue_hash: str,
    ) -> bool:
        """Try every value that an uncertain key may have; keep those that verify."""
        condition_id, token_id = self._condition_id or "", self._token_ids[outcome]
        for keys in self._possible_keys(form, outcome, tick):
            if book_hash(condition_id, token_id, timestamp_ms, bids, asks, keys) == venue_hash:
                self.form, self.covers_changes = form, form is not Form.SIX
                if keys is not None:
                    self._neg_risk = keys.neg_risk
                    self._neg_risk_assumed = False
                    self._last_trades[outcome] = keys.last_trade_price
                    self._possible_last_trades[outcome] = ()
                return True
        return False

    def _possible_keys(self, form: Form, outcome: Outcome, tick: Price) -> Iterator[Keys | None]:
        if form is Form.SIX:
            yield None
            return
        version = self._version if form is Form.VERSIONED else None
        if form is Form.VERSIONED and version is None:
            return
        for last_trade in (self._last_trades[outcome] or "", *self._possible_last_trades[outcome]):
            yield Keys(self._min_order_size, tick, self._neg_risk, last_trade, version)
            if self._neg_risk_assumed:
                yield Keys(self._min_order_size, tick, not self._neg_risk, last_trade, version)

    def _mismatch(self, outcome: Outcome) -> Verdict:
        if self.form is None:
            return Verdict.UNPROVEN
        uncertain = self._last_trades[outcome] is None or bool(self._possible_last_trades[outcome])
        return Verdict.UNPROVEN if uncertain and self.covers_changes else Verdict.FAILS


def token_levels(ladder: Ladder, outcome: Outcome) -> tuple[list[Level], list[Level]]:
    """Return a token's own bids ascending and asks descending, as the venue writes them, from a ladder in YES terms."""
    bids, asks = sorted(ladder.bids.items()), sorted(ladder.asks.items(), reverse=True)
    if outcome == YES:
        return bids, asks
    return [(ONE - price, size) for price, size in asks], [(ONE - price, size) for price, size in bids]


def _written(levels: Iterable[Level]) -> str:
    return ",".join(f'{{"price":"{format_price(price)}","size":"{format_size(size)}"}}' for price, size in levels)


def _padded(price_text: str) -> str:
    whole, _, fraction = price_text.partition(".")
    return f"{whole or '0'}.{fraction.ljust(_LAST_TRADE_DECIMALS, '0')}"
