"""Bytes of the Polymarket market channel into our messages: decoded once, with exact integers, trusting nothing.

A frame that is not what it should be becomes a `MalformedFrame`, never an exception, and never half a message: numbers
that are no plain decimals, prices outside (0, 1), more than 18 digits and unknown sides are refused with the whole
frame. (A JSON key that comes twice cannot be told by the decoder: the last one counts. What is bought and sold on the
book is proven by the venue's hash; what enters the ledger is read by `models.strict_json`.)

Why a long array of which a frame is bad is refused whole: its frames are looked at one by one, and a million of them,
none of which means anything, would hold the feed for minutes.

Why `best_bid_ask` is counted and not used: the same change arrives as a level change, and a book is proven by the
venue's hash over all its levels, of which the touch is the smaller part.

Why only now and then it is looked for fields that we do not know: the look costs as much as the decoding, and a schema
that has changed has changed for good.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec
from msgspec.json import Decoder

from actors.venues.polymarket.wire import (
    KEYS,
    WireChange,
    WireFrame,
    WireLevel,
    WireNewMarket,
    WirePriceChange,
    WireResolved,
    WireRestBook,
    WireTickChange,
    WireTouch,
    WireTrade,
)
from models.markets import YES, Outcome
from models.messages.base import MarketId
from models.messages.market import (
    BookFrame,
    Level,
    LevelChange,
    LevelsChanged,
    MarketResolved,
    TickSizeChanged,
    TradePrinted,
)
from models.text import clean
from models.units import ONE, Price, parse_price, parse_size, parse_tick

PLAIN_TEXTS: Final = frozenset({b"", b"PONG", b"NO NEW ASSETS"})
"""What the venue says that is not JSON."""

_DETAIL_MAX: Final = 200
_SPLIT_BYTES_MAX: Final = 1024 * 1024
_SPLIT_MAX: Final = 1_000
_UNREADABLE: Final = (msgspec.DecodeError, RecursionError)
_TEXTS_KNOWN_MAX: Final = 8_192
_LOOK_EVERY: Final = 64
_FIELDS_KNOWN_MAX: Final = 64
TOKEN_ID: Final = re.compile(rb'"asset_id"\s*:\s*"([0-9]{1,78})"')
"""Finds a token in a text that is too broken to be decoded."""
UNKNOWN_EVENT: Final = "$.event_type"
"""In an error of the decoder: the event is of a type that we do not know."""
_NEW_MARKET: Final = msgspec.Raw(b'"new_market"')

_Keys: TypeAlias = dict[str, msgspec.Raw]


class MalformedFrame(msgspec.Struct, frozen=True, gc=False):
    """A frame that could not be understood.

    `kind` is one of a handful of words, to be counted and logged once each: `text` (not JSON), `event` (an event type
    that we do not know), `shape` (a key is missing or of the wrong type), `number`. `market` is the one that lost a
    frame and has to resynchronise, None where that cannot be known or nothing was lost.
    """

    kind: str
    detail: str
    market: MarketId | None = None


Decoded: TypeAlias = BookFrame | LevelsChanged | TradePrinted | TickSizeChanged | MarketResolved | MalformedFrame


class CodecCounts(msgspec.Struct):
    """What passed through a codec. `ignored`: events that say nothing we use.

    `unknown_fields` counts keys that we never heard of, by name, in every 64th frame.
    """

    plain_texts: int = 0
    ignored: int = 0
    unknown_tokens: int = 0
    malformed: int = 0
    unknown_fields: Counter[str] = msgspec.field(default_factory=Counter[str])


class Codec:
    """Decodes the frames of one connection.

    `tokens` says which market and outcome a token id is; its owner may add to it. Frames of other tokens are counted.
    """

    def __init__(self, tokens: Mapping[str, tuple[MarketId, Outcome]]) -> None:
        self.tokens = dict(tokens)
        self.counts = CodecCounts()
        self._frames = 0
        decoder: Decoder[list[WireFrame] | WireFrame] = Decoder(list[WireFrame] | WireFrame, strict=False)
        self._decode = decoder.decode
        self._frame_decoder: Decoder[WireFrame] = Decoder(WireFrame, strict=False)
        self._rest_decoder: Decoder[list[WireRestBook] | WireRestBook] = Decoder(
            list[WireRestBook] | WireRestBook, strict=False
        )
        self._key_decoder: Decoder[list[_Keys] | _Keys] = Decoder(list[_Keys] | _Keys)
        self._prices = _Parsed(parse_level_price)
        self._sizes = _Parsed(parse_size)

    def decode(self, raw: bytes, received_ns: int) -> tuple[Decoded, ...]:
        """Decode one WebSocket message, which may be an array of frames or one of the plain texts."""
        self._frames += 1
        if not self._frames % _LOOK_EVERY:
            self._look_for_unknown(raw)
        try:
            wire = self._decode(raw)
            if isinstance(wire, WirePriceChange):
                message = self._levels_changed(wire, received_ns)
                return () if message is None else (message,)
        except _UNREADABLE as error:
            return self._undecodable(raw, str(error), received_ns)
        except ValueError as error:
            return (self._malformed("number", str(error), raw),)
        if isinstance(wire, list):
            return tuple(decoded for one in wire for decoded in self._message(one, raw, received_ns, "ws"))
        return self._message(wire, raw, received_ns, "ws")

    def decode_rest(self, raw: bytes, received_ns: int) -> tuple[Decoded, ...]:
        """Decode the answer to `GET /book` or `POST /books`."""
        try:
            wire = self._rest_decoder.decode(raw)
        except _UNREADABLE as error:
            return (self._malformed("shape", str(error), raw),)
        books = wire if isinstance(wire, list) else [wire]
        return tuple(decoded for book in books for decoded in self._message(book, raw, received_ns, "rest"))

    def _message(
        self, wire: WireFrame | WireRestBook, raw: bytes, received_ns: int, source: str
    ) -> tuple[Decoded, ...]:
        try:
            match wire:
                case WirePriceChange():
                    message = self._levels_changed(wire, received_ns)
                case WireRestBook():
                    message = self._book(wire, received_ns, source)
                case WireTrade():
                    message = self._trade(wire, received_ns)
                case WireTickChange():
                    message = self._tick_change(wire, received_ns)
                case WireResolved():
                    message = self._resolved(wire, received_ns)
                case WireTouch() | WireNewMarket():
                    self.counts.ignored += 1
                    return ()
        except ValueError as error:
            return (self._malformed("number", str(error), raw),)
        return () if message is None else (message,)

    def _levels_changed(self, wire: WirePriceChange, received_ns: int) -> LevelsChanged | None:
        entries = wire.price_changes if wire.price_changes is not None else _old_form(wire)
        market: MarketId | None = None
        changes: list[LevelChange] = []
        for entry in entries:
            known = self.tokens.get(entry.asset_id)
            if known is None:
                self.counts.unknown_tokens += 1
                continue
            if market != known[0]:
                if market is not None:
                    raise ValueError(f"one frame changes {market} and {known[0]}")
                market = known[0]
            price, size = self._prices[entry.price], self._sizes[entry.size]
            changes.append(LevelChange(known[1], entry.side, price, size, entry.hash))
        if market is None:
            return None
        return LevelsChanged(market, tuple(changes), wire.timestamp, received_ns)

    def _book(self, wire: WireRestBook, received_ns: int, source: str) -> BookFrame | None:
        known = self._known(wire.asset_id)
        if known is None:
            return None
        return BookFrame(
            market=known[0],
            outcome=known[1],
            bids=self._levels(wire.bids),
            asks=self._levels(wire.asks),
            timestamp_ms=wire.timestamp,
            received_ns=received_ns,
            hash=wire.hash,
            tick=None if wire.tick_size is None else parse_tick(wire.tick_size),
            min_order_size=wire.min_order_size,
            neg_risk=wire.neg_risk,
            last_trade_price=wire.last_trade_price,
            version=wire.version,
            source=source,
        )

    def _trade(self, wire: WireTrade, received_ns: int) -> TradePrinted | None:
        known = self._known(wire.asset_id)
        if known is None:
            return None
        return TradePrinted(
            market=known[0],
            outcome=known[1],
            side=wire.side,
            price=self._prices[wire.price],
            size=self._sizes[wire.size],
            timestamp_ms=wire.timestamp,
            received_ns=received_ns,
            transaction_hash=wire.transaction_hash or "",
            price_text=wire.price,
        )

    def _tick_change(self, wire: WireTickChange, received_ns: int) -> TickSizeChanged | None:
        known = self._known(wire.asset_id)
        if known is None:
            return None
        return TickSizeChanged(known[0], parse_tick(wire.new_tick_size), wire.timestamp, received_ns)

    def _resolved(self, wire: WireResolved, received_ns: int) -> MarketResolved | None:
        winner = self.tokens.get(wire.winning_asset_id)
        if winner is not None:
            return MarketResolved(winner[0], ONE if winner[1] == YES else 0, received_ns)
        ours = {self.tokens[token] for token in wire.assets_ids if token in self.tokens}
        markets = {market for market, _ in ours}
        if len(ours) == 2 and len(markets) == 1 and wire.winning_asset_id == wire.winning_outcome == "":
            return MarketResolved(markets.pop(), ONE // 2, received_ns)
        if ours:
            raise ValueError(f"market resolved to {wire.winning_asset_id!r}, which is none of its tokens")
        self.counts.ignored += 1
        return None

    def _levels(self, levels: list[WireLevel]) -> tuple[Level, ...]:
        prices, sizes = self._prices, self._sizes
        return tuple([(prices[level.price], sizes[level.size]) for level in levels])

    def _known(self, token_id: str) -> tuple[MarketId, Outcome] | None:
        known = self.tokens.get(token_id)
        if known is None:
            self.counts.unknown_tokens += 1
        return known

    def _look_for_unknown(self, raw: bytes) -> None:
        try:
            said = self._key_decoder.decode(raw)
        except _UNREADABLE:
            return  # what it is will be said by whoever decodes it
        counted = self.counts.unknown_fields
        for frame in said if isinstance(said, list) else [said]:
            if frame.get("event_type") == _NEW_MARKET:
                continue
            for name in sorted(clean(key, 80) for key in frame.keys() - KEYS):
                if name in counted or len(counted) < _FIELDS_KNOWN_MAX:
                    counted[name] += 1

    def _undecodable(self, raw: bytes, error: str, received_ns: int) -> tuple[Decoded, ...]:
        text = raw.strip()
        if text in PLAIN_TEXTS:
            self.counts.plain_texts += 1
            return ()
        if text.startswith(b"["):
            # One bad frame must not take the others of its array with it.
            frames = _split(text)
            if frames is None:
                return (self._malformed("text", error, raw),)
            return tuple(decoded for frame in frames for decoded in self._one(bytes(frame), received_ns))
        return self._one(text, received_ns)

    def _one(self, raw: bytes, received_ns: int) -> tuple[Decoded, ...]:
        try:
            return self._message(self._frame_decoder.decode(raw), raw, received_ns, "ws")
        except msgspec.ValidationError as error:
            return (self._malformed("event" if UNKNOWN_EVENT in str(error) else "shape", str(error), raw),)
        except _UNREADABLE as error:
            return (self._malformed("text", str(error), raw),)

    def _malformed(self, kind: str, detail: str, raw: bytes) -> MalformedFrame:
        self.counts.malformed += 1
        found = TOKEN_ID.search(raw) if kind != "event" else None
        known = self.tokens.get(found[1].decode()) if found is not None else None
        return MalformedFrame(kind, clean(detail, _DETAIL_MAX), known[0] if known is not None else None)


def _split(array: bytes) -> list[msgspec.Raw] | None:
    """Return the frames of an array, None for a text that is none or too long a one."""
    if len(array) > _SPLIT_BYTES_MAX:
        return None
    try:
        frames = msgspec.json.decode(array, type=list[msgspec.Raw])
    except _UNREADABLE:
        return None
    return frames if len(frames) <= _SPLIT_MAX else None


def _old_form(wire: WirePriceChange) -> list[WireChange]:
    if wire.changes is not None:
        return [WireChange(wire.asset_id, one.price, one.size, one.side, wire.hash) for one in wire.changes]
    if wire.side is None:
        raise ValueError("a price_change without changes")
    return [WireChange(wire.asset_id, wire.price, wire.size, wire.side, wire.hash)]


class _Parsed(dict[str, int]):
    """Texts that were parsed before: a change comes twice, once per token, and sizes like "100" all the time."""

    def __init__(self, parse: Callable[[str], int]) -> None:
        super().__init__()
        self._parse = parse

    def __missing__(self, text: str) -> int:
        value = self._parse(text)
        if len(self) >= _TEXTS_KNOWN_MAX:
            self.clear()
        self[text] = value
        return value


def parse_level_price(text: str) -> Price:
    """Read the price of a level or trade: strictly between 0 and 1, for nothing else can rest or trade."""
    price = parse_price(text)
    if not 0 < price < ONE:
        raise ValueError(f"price {text!r} is not between 0 and 1")
    return price
