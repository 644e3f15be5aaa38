"""The venue's JSON: books and their hash, and the frames of the market channel.

Why by hand: a book's hash covers its exact bytes, in an order of keys that differs from the frames' own, and the hot
frames are sent thousands of times a second; both are clearer as the text that they are.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from sandbox.books import OPPOSITE, LevelChange, Side
from sandbox.markets import Market
from sandbox.units import MILLISECOND, ONE, PRICE_TEXT, decimal_text, ms_text, size_text, trade_price_text

_Shape = TypeVar("_Shape")

Change = tuple[int, Side, int, int]
"""A level of a token: token, side, price, new total (0: removed)."""


def encode(value: Any) -> str:
    """Write anything else as compact JSON."""
    return msgspec.json.encode(value).decode()


def decode(text: str | bytes | msgspec.Raw, shape: type[_Shape]) -> _Shape:
    """Read JSON of a shape, however deep strangers may nest it. Raises msgspec.DecodeError."""
    try:
        return msgspec.json.decode(text, type=shape)
    except RecursionError:
        raise msgspec.DecodeError("nested too deeply") from None


def book_hash(market: Market, token: int) -> str:
    """The SHA-1 of a token's book in the venue's ten-key form."""
    return hashlib.sha1(_summary(market, token, "").encode(), usedforsecurity=False).hexdigest()


def book_summary(market: Market, token: int) -> str:
    """The answer to `GET /book`."""
    return _summary(market, token, book_hash(market, token))


def first_book(market: Market, token: int) -> str:
    """The `book` that answers a subscription; it alone says tick size and last trade price."""
    bids, asks = market.book.sides(token)
    return (
        f'{{"market":"{market.condition_id}","asset_id":"{market.token_ids[token]}",'
        f'"timestamp":"{ms_text(market.changed_ns[token])}","hash":"{book_hash(market, token)}",'
        f'"bids":[{bids}],"asks":[{asks}],"tick_size":"{market.tick_text}","event_type":"book",'
        f'"last_trade_price":"{market.last_trade_price}"{_version(market)}}}'
    )


def later_book(market: Market, token: int) -> str:
    """The `book` that follows a trade."""
    bids, asks = market.book.sides(token)
    return (
        f'{{"market":"{market.condition_id}","asset_id":"{market.token_ids[token]}","bids":[{bids}],"asks":[{asks}],'
        f'"hash":"{book_hash(market, token)}","timestamp":"{ms_text(market.changed_ns[token])}","event_type":"book"'
        f"{_version(market)}}}"
    )


def mirrored(changes: Sequence[LevelChange]) -> list[Change]:
    """The changes of a market's one book as both tokens show them."""
    entries: list[Change] = []
    for side, price, size in changes:
        entries.append((0, side, price, size))
        entries.append((1, OPPOSITE[side], ONE - price, size))
    return entries


def price_change(market: Market, changes: Sequence[Change], now_ns: int) -> str:
    """The changes of one instant with the state after them; each token's hash is that of its whole book."""
    tails: dict[int, str] = {}
    entries: list[str] = []
    for token, side, price, size in changes:
        if token not in tails:
            bid, ask = market.touch_text(token)
            tails[token] = f'"hash":"{book_hash(market, token)}","best_bid":"{bid}","best_ask":"{ask}"}}'
        entries.append(
            f'{{"asset_id":"{market.token_ids[token]}","price":"{PRICE_TEXT[price]}","size":"{size_text(size)}",'
            f'"side":"{side}",{tails[token]}'
        )
    return (
        f'{{"market":"{market.condition_id}","price_changes":[{",".join(entries)}],'
        f'"timestamp":"{ms_text(now_ns)}","event_type":"price_change"}}'
    )


def last_trade_price(market: Market, token: int, side: Side, price: int, size: int, trade: str, now_ns: int) -> str:
    """The print of a trade; `side` is the taker's, `trade` the hash of its transaction."""
    return (
        f'{{"market":"{market.condition_id}","asset_id":"{market.token_ids[token]}","price":"{trade_price_text(price)}",'
        f'"size":"{size_text(size)}","fee_rate_bps":"0","side":"{side}","timestamp":"{ms_text(now_ns)}",'
        f'"event_type":"last_trade_price","transaction_hash":"{trade}"}}'
    )


def best_bid_ask(market: Market, token: int, now_ns: int) -> str:
    """A token's touch (custom feature)."""
    bid, ask = market.book.touch(token)
    low, high = market.touch_text(token)
    spread = decimal_text((ONE if ask is None else ask) - (bid or 0), 4)
    return (
        f'{{"event_type":"best_bid_ask","market":"{market.condition_id}","asset_id":"{market.token_ids[token]}",'
        f'"best_bid":"{low}","best_ask":"{high}","spread":"{spread}","timestamp":"{ms_text(now_ns)}"}}'
    )


def tick_size_change(market: Market, token: int, old_tick: int, now_ns: int) -> str:
    """The market's new grid, said once per token."""
    return (
        f'{{"asset_id":"{market.token_ids[token]}","event_type":"tick_size_change","market":"{market.condition_id}",'
        f'"new_tick_size":"{market.tick_text}","old_tick_size":"{PRICE_TEXT[old_tick]}","timestamp":"{ms_text(now_ns)}"}}'
    )


def new_market(market: Market, now_ns: int) -> str:
    """The listing of a market (custom feature)."""
    event, category = market.event, market.category
    return encode(
        {
            "id": str(market.number),
            "question": market.question,
            "market": market.condition_id,
            "slug": market.slug,
            "description": market.question,
            "assets_ids": market.token_ids,
            "outcomes": market.outcomes,
            "event_message": {
                "id": str(event.number),
                "ticker": event.slug,
                "slug": event.slug,
                "title": event.title,
                "description": event.title,
            },
            "timestamp": ms_text(now_ns),
            "event_type": "new_market",
            "tags": [],
            "condition_id": market.condition_id,
            "active": True,
            "clob_token_ids": market.token_ids,
            "sports_market_type": "",
            "line": "",
            "game_start_time": "",
            "order_price_min_tick_size": market.tick_text,
            "group_item_title": "",
            "taker_base_fee": "1000" if category.has_fees else "0",
            "fees_enabled": category.has_fees,
            "fee_schedule": {
                "exponent": "1",
                "rate": category.rate,
                "taker_only": True,
                "rebate_rate": category.rebate_rate,
            },
        }
    )


def market_resolved(market: Market, winner: int | None, now_ns: int) -> str:
    """The result of a market (custom feature); a void one has no winner."""
    return encode(
        {
            "event_type": "market_resolved",
            "id": str(market.number),
            "market": market.condition_id,
            "assets_ids": market.token_ids,
            "winning_asset_id": "" if winner is None else market.token_ids[winner],
            "winning_outcome": "" if winner is None else market.outcomes[winner],
            "timestamp": ms_text(now_ns),
            "tags": [market.category.name],
        }
    )


def reference(name: str, price: str, now_ns: int) -> str:
    """A reference price on `/ws/reference`."""
    return f'{{"event_type":"reference","name":"{name}","price":"{price}","timestamp":"{now_ns // MILLISECOND}"}}'


def _summary(market: Market, token: int, digest: str) -> str:
    bids, asks = market.book.sides(token)
    return (
        f'{{"market":"{market.condition_id}","asset_id":"{market.token_ids[token]}",'
        f'"timestamp":"{ms_text(market.changed_ns[token])}","hash":"{digest}","bids":[{bids}],"asks":[{asks}],'
        f'"min_order_size":"{market.min_order_size_text}","tick_size":"{market.tick_text}",'
        f'"neg_risk":{"true" if market.event.neg_risk else "false"},"last_trade_price":"{market.last_trade_price}"'
        f"{_version(market)}}}"
    )


def _version(market: Market) -> str:
    # Books of the older protocol say nothing of it.
    return "" if market.version == "v1" else f',"version":"{market.version}"'
