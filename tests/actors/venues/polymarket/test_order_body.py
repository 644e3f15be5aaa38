"""The bytes that place and cancel are the venue's own client's."""

import json

import msgspec
import pytest

from actors.venues.polymarket.order_body import (
    batch_body,
    cancel_body,
    cancel_market_body,
    cancels_body,
    heartbeat_body,
    order_body,
)
from actors.venues.polymarket.orders import SignatureType, SignedOrder, UnsignedOrder
from models.markets import Side
from models.orders import TimeInForce

MAKER = "0x1111111111111111111111111111111111111111"
SIGNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
ZERO = "0x" + "00" * 32
ORDER = UnsignedOrder("1234", False, Side.BUY, 5_200_000, 10_000_000, 479249096354, 1782753357257)
SIGNED = SignedOrder("0xabc", ORDER, 2, MAKER, SIGNER, SignatureType.PROXY, "0x5165")
KEY = "00000000-0000-0000-0000-000000000000"


def test_the_body_of_an_order_is_exactly_that_of_the_official_client() -> None:
    assert order_body(SIGNED, TimeInForce.GTC, True, KEY) == (
        b'{"deferExec":false,"order":{"builder":"' + ZERO.encode() + b'","expiration":"0","maker":"' + MAKER.encode()
        + b'","makerAmount":"5200000","metadata":"' + ZERO.encode() + b'","salt":479249096354,"side":"BUY",'
        b'"signature":"0x5165","signatureType":1,"signer":"' + SIGNER.encode() + b'","takerAmount":"10000000",'
        b'"timestamp":"1782753357257","tokenId":"1234"},"orderType":"GTC","owner":"' + KEY.encode()
        + b'","postOnly":true}'
    )  # fmt: skip


def test_post_only_is_left_out_where_it_is_not_meant() -> None:
    assert "postOnly" not in json.loads(order_body(SIGNED, TimeInForce.FAK, False, KEY))


def test_the_largest_salt_survives_a_reader_of_floats() -> None:
    largest = msgspec.structs.replace(SIGNED, order=msgspec.structs.replace(ORDER, salt=2**52 - 1))
    body = order_body(largest, TimeInForce.GTC, False, KEY)
    assert int(json.loads(body, parse_int=float)["order"]["salt"]) == 2**52 - 1


def test_an_order_of_generation_1_has_the_fields_of_its_struct() -> None:
    body = json.loads(order_body(msgspec.structs.replace(SIGNED, generation=1), TimeInForce.GTC, False, KEY))
    assert body["order"] == {
        "salt": 479249096354, "maker": MAKER, "signer": SIGNER, "taker": "0x" + "00" * 20, "tokenId": "1234",
        "makerAmount": "5200000", "takerAmount": "10000000", "side": "BUY", "expiration": "0", "nonce": "0",
        "feeRateBps": "0", "signatureType": 1, "signature": "0x5165",
    }  # fmt: skip


def test_terms_that_contradict_each_other_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="never rests"):
        order_body(SIGNED, TimeInForce.FOK, True, KEY)
    with pytest.raises(ValueError, match="GTD alone"):
        order_body(SIGNED, TimeInForce.GTD, False, KEY)
    until = msgspec.structs.replace(SIGNED, order=msgspec.structs.replace(ORDER, expiration_s=1_800_000_000))
    assert json.loads(order_body(until, TimeInForce.GTD, True, KEY))["order"]["expiration"] == "1800000000"
    with pytest.raises(ValueError, match="GTD alone"):
        order_body(until, TimeInForce.GTC, False, KEY)


def test_a_batch_is_its_orders_byte_for_byte() -> None:
    body = order_body(SIGNED, TimeInForce.GTC, True, KEY)
    assert batch_body([body, body]) == b"[" + body + b"," + body + b"]"
    for count in (0, 16):
        with pytest.raises(ValueError, match=f"not {count}"):
            batch_body([body] * count)


def test_cancels_name_what_they_cancel() -> None:
    assert cancel_body("0xabc") == b'{"orderID":"0xabc"}'
    assert cancels_body(["0xabc", "0xdef"]) == b'["0xabc","0xdef"]'
    assert cancel_market_body("0xc") == b'{"market":"0xc"}'
    assert cancel_market_body("0xc", "12") == b'{"market":"0xc","asset_id":"12"}'
    assert heartbeat_body("") == b'{"heartbeat_id":""}'
    with pytest.raises(ValueError, match="not 1001"):
        cancels_body(["0xabc"] * 1_001)
