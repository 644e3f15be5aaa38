"""Which part of a trade is ours, what it costs or brings, and that it counts once."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.venues.polymarket.codec import MalformedFrame
from models.fees import maker_rebate, taker_fee
from models.ledger import Ledger
from models.markets import NO, YES, Side
from models.messages.orders import FillCounted, ForeignOrderSeen, TradeReported
from models.units import SHARE
from tests.actors.venues.polymarket.user_frames import (
    AT_NS,
    FEES,
    KEY,
    WALLET,
    decode,
    malformed,
    part,
    reported,
    trade,
)
from tests.models.wishes import wish


def test_a_taker_has_what_stands_at_the_top() -> None:
    (fill,) = reported(trade(part("x", "10", "0.52")), "o1")
    assert fill == TradeReported(
        "t1", "o1", "m", YES, Side.BUY, 5_200, 10 * SHARE, "MATCHED", False, AT_NS,
        fee=taker_fee(FEES, 5_200, 10 * SHARE), rebate=0, cash=5_200_000,
    )  # fmt: skip


def test_a_taker_pays_each_maker_its_price_and_the_rest_of_the_dollar_for_a_pair() -> None:
    parts = [part("x", "4", "0.50"), part("y", "5", "0.47", "22", "BUY"), part("z", "1.000001", "0.523")]
    (fill,) = reported(trade(*parts, size="10.000001", price="0.53"), "o1")
    assert fill.size == 10_000_001
    # 4 x 0.50, 5 x (1 - 0.47), and of 1.000001 x 0.523 = 0.523000523 the seller gets what is whole.
    assert fill.cash == 2_000_000 + 2_650_000 + 523_000
    assert fill.price == 5_173, "the mean of what it met, 0.5173"
    pieces = ((5_000, 4_000_000), (5_300, 5_000_000), (5_230, 1_000_001))
    assert fill.fee == sum(taker_fee(FEES, price, size) for price, size in pieces)


def test_a_taker_that_sells_is_paid_in_full_by_buyers_and_gets_the_rest_of_a_merged_pair() -> None:
    parts = [part("x", "1.000001", "0.523", side="BUY"), part("y", "1.000001", "0.477", "22")]
    (fill,) = reported(trade(*parts, side="SELL", size="2.000002", price="0.523"), "o1")
    # A buyer pays the ceiling; who sells the other token gets floor(0.477000477), we the rest of 1.000001.
    assert fill.cash == 523_001 + (1_000_001 - 477_000)
    assert (fill.side, fill.price) == (Side.SELL, 5_230)


def test_a_maker_has_its_own_entry_and_nothing_of_the_top() -> None:
    frame = trade(part("x", "3", "0.52"), part("o7", "7", "0.48", "22", "BUY"), trader_side="MAKER", owner="x")
    (fill,) = reported(frame, "o7")
    assert fill == TradeReported(
        "t1", "o7", "m", NO, Side.BUY, 4_800, 7 * SHARE, "MATCHED", True, AT_NS,
        fee=0, rebate=maker_rebate(FEES, 4_800, 7 * SHARE), cash=3_360_000,
    )  # fmt: skip


def test_a_maker_is_rounded_against_by_its_own_side() -> None:
    frame = trade(
        part("o7", "1.000001", "0.523"), part("o8", "1.000001", "0.477", "22", "BUY"), size="2.000002",
        trader_side="MAKER",
    )  # fmt: skip
    sells, buys = reported(frame, "o7", "o8")
    assert (sells.cash, buys.cash) == (523_000, 477_001)


def test_several_of_our_orders_in_one_trade_are_a_fill_each() -> None:
    frame = trade(part("o7", "3", "0.51"), part("x", "4", "0.52"), part("o8", "3", "0.52"), trader_side="MAKER")
    assert [(fill.order_id, fill.price, fill.size) for fill in reported(frame, "o7", "o8")] == [
        ("o7", 5_100, 3 * SHARE), ("o8", 5_200, 3 * SHARE),
    ]  # fmt: skip


@pytest.mark.parametrize("trader_side", ["TAKER", "MAKER"])
def test_an_account_on_both_sides_is_told_of_both(trader_side: str) -> None:
    frame = trade(part("o7", "10", "0.52"), trader_side=trader_side)
    assert [(fill.order_id, fill.side, fill.maker) for fill in reported(frame, "o1", "o7")] == [
        ("o1", Side.BUY, False), ("o7", Side.SELL, True),
    ]  # fmt: skip


def test_an_order_that_stands_twice_in_a_trade_is_one_fill() -> None:
    (fill,) = reported(trade(part("o7", "3", "0.52"), part("o7", "7", "0.52"), trader_side="MAKER"), "o7")
    assert (fill.size, fill.cash) == (10 * SHARE, 5_200_000)


@pytest.mark.parametrize(
    "taker, token, expected",
    [("BUY", "11", Side.SELL), ("SELL", "11", Side.BUY), ("BUY", "22", Side.BUY), ("SELL", "22", Side.SELL)],
)
@pytest.mark.parametrize("missing", [None, ""])
def test_a_maker_whose_side_is_missing_does_what_it_must_beside_its_taker(
    taker: str, token: str, expected: Side, missing: str | None
) -> None:
    frame = trade(part("o7", "10", "0.48", token, missing), side=taker, trader_side="MAKER")
    (fill,) = reported(frame, "o7")
    assert fill.side is expected


@pytest.mark.parametrize("sign", [{"owner": KEY}, {"maker_address": WALLET.upper()}])
def test_a_makers_order_that_bears_our_key_or_wallet_and_is_not_ours_is_foreign(sign: Any) -> None:
    frame = trade(part("o7", "6", "0.52"), part("o8", "4", "0.52", **sign), trader_side="MAKER")
    fill, foreign = decode(frame, "o7")
    assert isinstance(fill, TradeReported)
    assert foreign == ForeignOrderSeen("o8", "m", "t1", AT_NS)


def test_a_takers_order_that_we_never_signed_is_foreign() -> None:
    assert decode(trade(part("x", "10", "0.52"))) == (ForeignOrderSeen("o1", "m", "t1", AT_NS),)


def test_a_trade_in_which_nothing_is_ours_is_not_passed_over() -> None:
    told = malformed(trade(part("x", "10", "0.52"), trader_side="MAKER"), "o7")
    assert (told.kind, told.market) == ("whose", "m")


def test_a_fill_is_counted_though_its_makers_do_not_add_up_and_that_is_said() -> None:
    fill, told = decode(trade(part("x", "9", "0.51")), "o1")
    assert isinstance(fill, TradeReported)
    assert (fill.size, fill.price, fill.cash) == (10 * SHARE, 5_200, None)
    assert isinstance(told, MalformedFrame)
    assert (told.kind, told.market) == ("parts", "m")


# The order of arrival

STATUSES = ["MATCHED", "MINED", "CONFIRMED"]
FRAMES = [
    trade(
        part("o7", "3", "0.52"), part("x", "7", "0.52"), status=status, trader_side="MAKER", id=trade_id,
        taker_order_id="y",
    )
    for trade_id in ("t1", "t2")
    for status in STATUSES
]  # fmt: skip


@pytest.mark.proves("I1")
@given(st.permutations(FRAMES), st.lists(st.sampled_from(FRAMES), max_size=6))
def test_any_order_of_arrival_with_any_repetition_counts_each_fill_once(said: list[Any], again: list[Any]) -> None:
    placed, ledger = wish(price="0.52", size=10 * SHARE, side=Side.SELL, market="m"), Ledger()
    counted: list[FillCounted] = []
    for frame in said + again:
        for fill in reported(frame, "o7"):
            counted += [event for event in ledger.book(fill, placed).events if isinstance(event, FillCounted)]
    assert sorted((fill.trade_id, fill.size, fill.cash) for fill in counted) == [
        ("t1", 3 * SHARE, 1_560_000), ("t2", 3 * SHARE, 1_560_000),
    ]  # fmt: skip
    assert ledger.is_final("o7")


def test_a_trade_is_the_same_in_every_order_of_its_makers() -> None:
    parts = [part("x", "4", "0.50"), part("y", "5", "0.47", "22", "BUY"), part("z", "1.000001", "0.523")]
    told = {reported(trade(*one, size="10.000001"), "o1")[0] for one in permutations(parts)}
    assert len(told) == 1
