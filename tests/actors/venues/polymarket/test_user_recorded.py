"""What others recorded of the user channel and of REST, read as one of its parties."""

import json
from pathlib import Path
from typing import Any

import pytest

from actors.venues.polymarket.codec import MalformedFrame
from actors.venues.polymarket.user_codec import UserCodec
from models.markets import NO, YES, Market, Side
from models.messages.orders import ForeignOrderSeen, OrderAccepted, OrderCancelled, TradeReported
from models.units import SHARE, parse_size
from tests.actors.venues.polymarket.user_frames import NOW_NS, Ours, decode


def recorded(shared: Path, name: str) -> Any:
    return json.loads((shared / "payloads" / name).read_text())


RECORDED_YES = "21742633143463906290569050155826241533067272736897614950488156847949938836455"
RECORDED_NO = "48331043336612883890938759509493159234755048973500640148014422747788308965732"
RECORDED = Market(
    "election", "election", (RECORDED_YES, RECORDED_NO),
    condition_id="0xdd22472e552920b8438158ea7238bfadfa4f736aa4cee91a6b86c39ead110917",
)  # fmt: skip
MINE = "0xab679e56242324e15e59cfd488cd0f12e4fd71b153b9bfb57518898b9983145e"


def test_the_recorded_trade_of_six_makers_is_read_by_each_of_them_and_by_its_taker(shared: Path) -> None:
    frame = recorded(shared, "nautilus_trader_python/ws_messages/user_trade1.json")
    (mine,) = decode(frame, MINE, markets=(RECORDED,))
    assert isinstance(mine, TradeReported)
    assert (mine.outcome, mine.side, mine.price, mine.size) == (YES, Side.SELL, 5_180, 5 * SHARE)
    assert (mine.status, mine.maker, mine.cash, mine.at_ns) == ("MINED", True, 2_590_000, 1_725_868_885_871_000_000)

    minted = frame["maker_orders"][0]["order_id"]
    (theirs,) = decode(frame, minted, markets=(RECORDED,))
    assert isinstance(theirs, TradeReported)
    assert (theirs.outcome, theirs.side, theirs.price, theirs.size) == (NO, Side.BUY, 4_820, 10 * SHARE)

    (taker,) = decode(frame, frame["taker_order_id"], markets=(RECORDED,))
    assert isinstance(taker, TradeReported)
    assert (taker.outcome, taker.side, taker.price, taker.size) == (YES, Side.BUY, 5_180, parse_size("1096.87"))
    assert (taker.maker, taker.cash) == (False, 568_178_660)


def test_the_recorded_trades_of_both_sides_and_of_several_own_orders_are_read(shared: Path) -> None:
    folder = "nautilus_trader_python/ws_messages"
    (taken,) = decode(
        recorded(shared, f"{folder}/user_trade2.json"),
        "0x5b605a0e8e40f3402d3cb3bc19edad6733ed23fbc079d2a09ee399c3487ace81", markets=(RECORDED,),
    )  # fmt: skip
    assert isinstance(taken, TradeReported)
    assert (taken.side, taken.price, taken.size, taken.maker, taken.cash) == (
        Side.BUY,
        5_200,
        5 * SHARE,
        False,
        2_600_000,
    )

    # Its top contradicts the maker's entry, in which it is a purchase of YES, and tells the time in seconds.
    first = "0x3ad09f225ebe141dfbdb3824f31cb457e8e0301ca4e0a06311e543f5328b9dea"
    (made,) = decode(recorded(shared, f"{folder}/user_trade3.json"), first, markets=(RECORDED,))
    assert isinstance(made, TradeReported)
    assert (made.outcome, made.side, made.price, made.cash) == (YES, Side.BUY, 5_130, 2_565_000)
    assert made.at_ns == 1_762_776_436 * 10**9

    third = "0x67b598cab933c71389176573822be763192a35a8c37e49999a11d611a5882e7d"
    both = decode(recorded(shared, f"{folder}/user_trade4.json"), first, third, markets=(RECORDED,))
    assert [(one.order_id, one.price, one.size) for one in both if isinstance(one, TradeReported)] == [
        (first, 4_000, 5 * SHARE), (third, 3_000, 5 * SHARE),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name, filled, text",
    [
        ("issue_captures/user_ws_update_after_cancel", "1.219511", "CANCELED"),
        ("nautilus_trader_python/ws_messages/order_cancel", "5", "CANCELED"),
        (
            "nautilus_trader_rust/ws_user_order_fok_killed", "0",
            "CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed.",
        ),
        ("nautilus_trader_rust/ws_user_order_venue_cancel", "0", "INVALID"),
    ],
)  # fmt: skip
def test_recorded_ends_of_orders_are_read(shared: Path, name: str, filled: str, text: str) -> None:
    # Some recordings were kept without the name of the event.
    frame = {"event_type": "order"} | recorded(shared, f"{name}.json")
    (told,) = decode(frame, frame["id"])
    assert told == OrderCancelled(
        frame["id"], frame["market"], parse_size(filled), text, int(frame["timestamp"]) * 10**6
    )


@pytest.mark.parametrize("name", ["docs_examples/user_ws_order", "nautilus_trader_python/ws_messages/order_placement"])
def test_recorded_placements_are_read(shared: Path, name: str) -> None:
    frame = recorded(shared, f"{name}.json")
    (told,) = decode(frame, frame["id"], markets=(RECORDED,))
    assert isinstance(told, OrderAccepted)
    assert told.at_ns == int(frame["timestamp"]) * 10**6


def test_the_documented_trade_is_read(shared: Path) -> None:
    frame = recorded(shared, "docs_examples/user_ws_trade.json")
    market = Market("m", "m", ("<token_id>", "<other>"))
    (taken,) = decode(frame, "<order_id>", markets=(market,))
    assert isinstance(taken, TradeReported)
    assert (taken.price, taken.size, taken.cash, taken.maker) == (5_200, 10 * SHARE, 5_200_000, False)
    (made,) = decode(frame, "<maker_order_id>", "<order_id>", markets=(market,))[1:]
    assert isinstance(made, TradeReported)
    assert (made.side, made.maker) == (Side.SELL, True)


def test_every_recorded_order_of_rest_is_read_and_made_up_times_of_trades_are_not(shared: Path) -> None:
    codec = UserCodec([RECORDED], Ours())
    for name in ("http_open_order", "http_open_order_sell_fok", "http_open_orders_page"):
        raw = (shared / f"payloads/nautilus_trader_rust/{name}.json").read_bytes()
        assert {type(one) for one in codec.decode_orders(raw, NOW_NS)} == {ForeignOrderSeen}
    for name in ("http_trade_report", "http_trades_page"):
        raw = (shared / f"payloads/nautilus_trader_rust/{name}.json").read_bytes()
        (told,) = codec.decode_trades(raw, NOW_NS)
        assert isinstance(told, MalformedFrame)
        assert (told.kind, told.market) == ("number", "election")


def test_no_recorded_frame_has_a_field_that_we_never_heard_of(shared: Path) -> None:
    codec = UserCodec([RECORDED], Ours())
    paths = [
        *(shared / "payloads/nautilus_trader_python/ws_messages").glob("user_trade*.json"),
        *(shared / "payloads/nautilus_trader_python/ws_messages").glob("order_*.json"),
        *(shared / "payloads/docs_examples").glob("user_ws_*.json"),
        *(shared / "payloads/issue_captures").glob("user_ws_*.json"),
    ]
    assert len(paths) >= 9
    for path in paths:
        codec.decode(path.read_bytes(), NOW_NS)
    assert codec.counts.unknown_fields == {}
