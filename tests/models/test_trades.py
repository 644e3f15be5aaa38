"""Each trade once: what a book that shrank says, and what prints repeat."""

import pytest

from models.ladder import Ladder
from models.markets import NO, YES, Side
from models.trades import PRINTS_REMEMBERED, Trades, difference, normalised
from models.units import SHARE
from tests.models.frames import printed

BIDS = {4_000: 10, 3_900: 20, 3_800: 30}
ASKS = {4_500: 10, 4_600: 20, 4_700: 30}


def local() -> Ladder:
    ladder = Ladder(100)
    ladder.load(dict(BIDS), dict(ASKS), 100)
    return ladder


BUY, SELL = Side.BUY, Side.SELL


@pytest.mark.parametrize(
    ("bids", "asks", "trades", "unexplained"),
    [
        (BIDS, ASKS, [], False),
        (BIDS, ASKS | {4_500: 4}, [(BUY, 4_500, 6)], False),
        (BIDS, {4_600: 20, 4_700: 30}, [(BUY, 4_500, 10)], False),
        (BIDS, {4_600: 5, 4_700: 30}, [(BUY, 4_500, 10), (BUY, 4_600, 15)], False),
        ({3_900: 1, 3_800: 30}, ASKS, [(SELL, 4_000, 10), (SELL, 3_900, 19)], False),
        # The taker's rest stands on the other side at the last price that he took.
        (BIDS | {4_500: 7}, {4_600: 20, 4_700: 30}, [(BUY, 4_500, 10)], False),
        ({3_900: 20, 3_800: 30}, ASKS | {4_000: 7}, [(SELL, 4_000, 10)], False),
        # Beside a trade: somebody else's order.
        (BIDS | {3_700: 1}, ASKS | {4_500: 4}, [(BUY, 4_500, 6)], True),
        # Not from the touch, with a level skipped, with the first level not emptied, on both sides, or only more.
        (BIDS, ASKS | {4_600: 5}, [], True),
        (BIDS, {4_600: 20}, [], True),
        (BIDS, ASKS | {4_500: 4, 4_600: 5}, [], True),
        (BIDS | {4_000: 1}, ASKS | {4_500: 1}, [], True),
        (BIDS | {4_000: 11}, ASKS, [], True),
    ],
)
def test_what_left_the_touch_contiguously_is_a_trade_and_nothing_else_is(
    bids: dict[int, int], asks: dict[int, int], trades: list[tuple[Side, int, int]], unexplained: bool
) -> None:
    assert difference(local(), bids, asks) == (trades, unexplained)


def test_a_no_print_is_a_yes_print_of_the_opposite_side() -> None:
    trade = normalised(printed(NO, Side.BUY, "0.40", 3))
    assert (trade.outcome, trade.side, trade.price, trade.size) == (NO, Side.SELL, 6_000, 3 * SHARE)


def test_a_print_is_told_once_however_often_and_under_whichever_token_it_comes() -> None:
    trades = Trades()
    first = printed(YES, Side.BUY, "0.60", 3, transaction="0xa")
    assert trades.take_print(first) is not None
    assert trades.take_print(first) is None
    assert trades.take_print(printed(YES, Side.BUY, "0.60", 3, at_ms=7, transaction="0xa")) is None
    assert trades.take_print(printed(NO, Side.SELL, "0.40", 3, at_ms=9, transaction="0xa")) is None
    assert trades.take_print(printed(NO, Side.BUY, "0.40", 3, at_ms=9, transaction="0xa")) is None


def test_parts_of_one_transaction_are_trades_of_their_own() -> None:
    trades = Trades()
    for price, size in (("0.60", 3), ("0.60", 4), ("0.61", 3)):
        assert trades.take_print(printed(YES, Side.BUY, price, size, transaction="0xa")) is not None


def test_without_a_transaction_prints_are_told_apart_by_time_size_and_level() -> None:
    trades = Trades()
    assert trades.take_print(printed(YES, Side.BUY, "0.60", 3)) is not None
    assert trades.take_print(printed(NO, Side.SELL, "0.40", 3)) is None
    assert trades.take_print(printed(YES, Side.BUY, "0.60", 3, at_ms=1)) is not None


def test_only_so_many_prints_are_remembered() -> None:
    trades = Trades()
    for number in range(PRINTS_REMEMBERED + 1):
        assert trades.take_print(printed(YES, Side.BUY, "0.60", 3, transaction=str(number))) is not None
    assert trades.take_print(printed(YES, Side.BUY, "0.60", 3, transaction="1")) is None
    assert trades.take_print(printed(YES, Side.BUY, "0.60", 3, transaction="0")) is not None
