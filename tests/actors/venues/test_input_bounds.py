"""What one message from outside can cost at most: in bytes, in depth, and in time during which nobody else runs."""

import json
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from actors.venues.polymarket.codec import Codec, Decoded, MalformedFrame
from actors.venues.polymarket.user_codec import UserCodec
from actors.venues.websocket_client import MESSAGE_BYTES_MAX
from models.markets import NO, YES, Outcome
from tests.actors.venues.polymarket.user_frames import M, Ours, part, trade

TOKENS: dict[str, tuple[str, Outcome]] = {"11": ("m", YES), "22": ("m", NO)}
BOOK = b'{"event_type":"book","market":"0x","asset_id":"11","timestamp":"1","hash":"","bids":['


def filled(head: bytes, one: bytes, tail: bytes, size: int = MESSAGE_BYTES_MAX) -> bytes:
    """Return the longest message that is made of so many of the same."""
    return head + b",".join([one] * ((size - len(head) - len(tail)) // (len(one) + 1))) + tail


def decode(raw: bytes) -> tuple[Decoded, ...]:
    return Codec(TOKENS).decode(raw, 0)


@pytest.mark.proves("I42")
@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"event_type":"book","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'[{"event_type":"last_trade_price","x":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}]",
        b'{"asset_id":"11","timestamp":"1","bids":[],"asks":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    ],
    ids=["arrays", "objects", "unknown key", "in an array", "book of rest"],
)
def test_what_nests_without_end_is_malformed_and_ends_nobody(raw: bytes) -> None:
    codec = Codec(TOKENS)
    for told in (*(codec.decode(raw, 0) for _ in range(65)), codec.decode_rest(raw, 0)):
        assert told
        assert all(isinstance(one, MalformedFrame) for one in told)


@pytest.mark.proves("I42")
@pytest.mark.parametrize("frames", [b"{}," * 1_000 + b"{}", b"{}," * 600_000 + b"{}", b"1," * 300_000 + b"1"])
def test_an_array_of_very_many_bad_frames_is_one_malformed_frame(frames: bytes) -> None:
    (told,) = decode(b"[" + frames + b"]")
    assert isinstance(told, MalformedFrame)


@pytest.mark.proves("I42")
@pytest.mark.parametrize(
    "raw",
    [
        filled(b"[", b'{"event_type":"best_bid_ask"}', b"]"),
        filled(BOOK, b'{"price":".1","size":"1"}', b'],"asks":[]}'),
        filled(BOOK, b'{"price":"","size":""}', b'],"asks":[]}'),
        filled(b'{"event_type":"market_resolved","winning_asset_id":"","assets_ids":[', b'""', b"]}"),
        filled(b'{"event_type":"price_change","market":"0x","timestamp":"1","price_changes":[',
               b'{"asset_id":"1","price":".1","size":"1","side":"BUY"}', b"]}"),
        filled(b'{"event_type":"best_bid_ask","x":[', b"{}", b"]}"),
        b'{"asset_id"' * (MESSAGE_BYTES_MAX // 11),
    ],
    ids=["touches", "levels", "empty levels", "tokens", "changes", "unknown", "no json"],
)  # fmt: skip
def test_whatever_a_long_message_is_made_of_it_costs_about_as_much_as_a_book_of_its_length(raw: bytes) -> None:
    # Only what C does in one piece holds others up; between two lines of Python anybody may run.
    decoder = Codec(TOKENS)._decode
    honest = filled(BOOK, b'{"price":"0.123","size":"1234.56"}', b'],"asks":[]}')
    assert spent_s(lambda: decoder(raw)) < 3 * spent_s(lambda: decoder(honest))


@pytest.mark.proves("I42")
@pytest.mark.parametrize("one", [b"{}", b"1", b'{"event_type":"order"}', b'{"a":1,"a":1}'])
def test_whatever_a_message_of_the_user_channel_is_made_of_it_costs_no_more_than_honest_trades(one: bytes) -> None:
    codec = UserCodec([M], Ours())
    half = 512 * 1024
    honest = filled(b"[", json.dumps(trade(part("x", "10", "0.52"))).encode(), b"]", half)
    for size in (MESSAGE_BYTES_MAX, half):
        hostile = filled(b"[", one, b"]", size)
        assert spent_s(lambda raw=hostile: codec.decode(raw, 0)) < 3 * spent_s(lambda: codec.decode(honest, 0))


def spent_s(work: Callable[[], object]) -> float:
    """The least time on a processor of three tries."""
    tries: list[float] = []
    for _ in range(3):
        began = time.thread_time()
        with suppress(ValueError):
            work()
        tries.append(time.thread_time() - began)
    return min(tries)
