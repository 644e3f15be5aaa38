"""Fills are counted once, whatever the venue repeats, reorders or takes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from models.ledger import STATUSES, FillEvent, Ledger, Standing, amounts_of, cash_of_fill, join
from models.markets import NO, Side
from models.messages.orders import FillCounted, FillSettled, FillVoided
from models.units import SHARE, parse_price
from tests.models.wishes import report, wish

ORDER = wish(size=10 * SHARE)
WORDS = [*STATUSES, "SOMETHING_NEW"]
standings = st.sampled_from(Standing)
reports = st.lists(st.tuples(st.sampled_from(["t1", "t2", "t3"]), st.sampled_from(WORDS)), max_size=12)


def told(ledger: Ledger, *words: str, trade_id: str = "t1") -> list[FillEvent]:
    """Everything that the ledger says to a row of statuses of one trade."""
    return [
        event for word in words for event in ledger.book(report(ORDER, "id", word, trade_id, 3 * SHARE), ORDER).events
    ]


def held(said: list[tuple[str, str]]) -> tuple[int, int, dict[str, Standing | None]]:
    """Shares counted and settled after these reports, by the ledger's own events, and how far each trade has come."""
    ledger = Ledger()
    counted = settled = 0
    for trade_id, word in said:
        for event in told(ledger, word, trade_id=trade_id):
            match event:
                case FillCounted():
                    counted += event.size
                case FillSettled():
                    settled += event.fill.size
                case FillVoided():
                    counted -= event.fill.size
    return counted, settled, {name: ledger.standing(name, "id") for name in ("t1", "t2", "t3")}


@pytest.mark.proves("I1")
@pytest.mark.parametrize("first", ["MATCHED_NOT_BROADCASTED", "MATCHED", "MINED", "RETRYING", "CONFIRMED"])
def test_a_fill_is_counted_at_whatever_is_heard_of_it_first(first: str) -> None:
    said = told(Ledger(), first, "MATCHED", "MINED", "CONFIRMED", "CONFIRMED")
    assert [type(event) for event in said] == [FillCounted, FillSettled]


@pytest.mark.proves("I1")
def test_a_failed_fill_is_voided_with_exactly_what_was_counted() -> None:
    counted, voided = told(Ledger(), "MATCHED", "MINED", "RETRYING", "FAILED", "FAILED")
    assert isinstance(counted, FillCounted)
    assert isinstance(voided, FillVoided)
    assert voided.fill is counted


def test_a_failed_fill_that_was_never_counted_contributes_nothing() -> None:
    ledger = Ledger()
    assert told(ledger, "FAILED", "MATCHED", "MINED") == []
    assert ledger.matched("id") == 3 * SHARE, "the venue took its shares off the book all the same"


@pytest.mark.proves("I2")
@pytest.mark.parametrize("row", [("CONFIRMED", "FAILED"), ("FAILED", "CONFIRMED"), ("MATCHED", "FAILED", "CONFIRMED")])
def test_confirmed_against_failed_is_disputed_and_said_once(row: tuple[str, ...]) -> None:
    ledger = Ledger()
    troubles = [ledger.book(report(ORDER, "id", word), ORDER).trouble for word in (*row, *row, "MATCHED")]
    assert ledger.standing("t1", "id") is Standing.DISPUTED
    assert [trouble for trouble in troubles if trouble] == ["disputed"]


@pytest.mark.parametrize("row", [("MATCHED",), ("MATCHED", "CONFIRMED"), ("MATCHED", "FAILED")])
def test_a_ledger_that_recalls_what_was_said_stands_where_the_one_before_stood(row: tuple[str, ...]) -> None:
    before, anew = Ledger(), Ledger()
    for event in told(before, *row):
        anew.recall(event)
        anew.recall(event)
    assert anew.standing("t1", "id") is before.standing("t1", "id")
    assert anew.matched("id") == before.matched("id")


@pytest.mark.proves("I23")
def test_an_unknown_status_is_provisional_and_reported() -> None:
    ledger = Ledger()
    booking = ledger.book(report(ORDER, "id", "SOMETHING_NEW"), ORDER)
    assert booking.trouble == "unknown_status"
    assert [type(event) for event in booking.events] == [FillCounted]
    assert not ledger.is_final("id")


@pytest.mark.proves("I1")
def test_one_trade_that_meets_two_of_our_orders_is_two_fills() -> None:
    ledger = Ledger()
    other = wish(2, outcome=NO)
    assert len(ledger.book(report(ORDER, "id", "MATCHED"), ORDER).events) == 1
    assert len(ledger.book(report(other, "other id", "MATCHED"), other).events) == 1


def test_a_report_that_contradicts_the_order_or_an_earlier_one_is_not_booked() -> None:
    ledger = Ledger()
    wrong_token = report(wish(outcome=NO), "id", "MATCHED")
    assert ledger.book(wrong_token, ORDER) == ((), False, "contradiction")
    told(ledger, "MATCHED")
    assert ledger.book(report(ORDER, "id", "CONFIRMED", size=4 * SHARE), ORDER) == ((), False, "contradiction")
    assert ledger.standing("t1", "id") is Standing.MATCHED


@pytest.mark.proves("I1")
@given(reports, st.randoms(use_true_random=False))
def test_any_permutation_with_any_duplicates_ends_in_the_same_ledger(said, chance) -> None:
    again = said + [chance.choice(said) for _ in range(len(said))] if said else []
    chance.shuffle(again)
    assert held(again) == held(said)


@pytest.mark.proves("I1")
@given(reports)
def test_the_ledger_is_what_the_joined_standings_add_up_to(said) -> None:
    counted, settled, trades = held(said)
    provisional = sum(standing is not None and standing <= Standing.MINED for standing in trades.values())
    final = sum(standing in (Standing.CONFIRMED, Standing.DISPUTED) for standing in trades.values())
    assert counted == (provisional + final) * 3 * SHARE
    assert settled == final * 3 * SHARE


@pytest.mark.proves("I2")
@given(standings, standings, standings)
def test_a_standing_only_moves_up_and_in_no_order(one: Standing, two: Standing, three: Standing) -> None:
    assert join(one, one) is one
    assert join(one, two) is join(two, one)
    assert join(join(one, two), three) is join(one, join(two, three))
    assert join(one, two) >= max(one, two)


def test_cash_follows_the_amounts_of_the_order() -> None:
    order = wish(price="0.333", size=7_010_000)
    assert amounts_of(order) == (2_334_330, 7_010_000)
    # 1.000001 x 2.33433 / 7.01 = 0.333000333, and the exchange rounds down.
    assert cash_of_fill(order, order.price, 1_000_001) == 333_000
    assert amounts_of(wish(side=Side.SELL)) == (5 * SHARE, 2_400_000)


def test_cash_that_the_venue_gives_exactly_is_taken_as_it_is() -> None:
    order = wish(price="0.333", size=7_010_000)
    exact = replace(report(order, "id", "MATCHED", size=1_000_001), cash=333_001)
    (counted,) = Ledger().book(exact, order).events
    assert isinstance(counted, FillCounted)
    assert counted.cash == 333_001


def test_a_taker_pays_the_better_price_that_it_met() -> None:
    order = wish(price="0.52")
    assert cash_of_fill(order, parse_price("0.51"), 2 * SHARE) == 1_020_000


@given(st.integers(1, 9_999), st.lists(st.integers(1, 50 * SHARE), min_size=1, max_size=6))
def test_partial_fills_never_cost_more_than_the_whole_order(price: int, parts: list[int]) -> None:
    order = wish(price=f"0.{price:04d}", size=sum(parts))
    whole = cash_of_fill(order, order.price, order.size)
    assert whole - len(parts) < sum(cash_of_fill(order, order.price, part) for part in parts) <= whole
