"""Our own orders are not the market."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from models.markets import NO, YES, Outcome, Side, in_yes_terms
from models.messages.market import BookUpdated
from models.messages.orders import OrderChanged
from models.orders import OrderState
from models.units import ONE, SHARE, parse_price
from tests.models.frames import Fed, M, both, changed, full, mirror

EMPTY_MIDDLE: Final = full(YES, {"0.40": 10}, {"0.80": 10})


def order(
    price: str, size: int, filled: int = 0, outcome: Outcome = YES, side: Side = Side.BUY, name: str = "1",
    state: OrderState = OrderState.WORKING,
) -> OrderChanged:  # fmt: skip
    return OrderChanged(
        name, name, "tag", M, outcome, side, parse_price(price), size * SHARE, filled * SHARE, state, "", 0
    )


def live() -> Fed:
    fed = Fed(own_orders_in_feed=True)
    fed.take(EMPTY_MIDDLE, mirror(EMPTY_MIDDLE))
    return fed


def test_a_level_that_is_ours_alone_does_not_exist() -> None:
    fed = live()
    fed.take(order("0.59", 5), both(Side.BUY, "0.59", 5, at_ms=1))
    assert (fed.seen.bid, fed.seen.ask, fed.seen.gross_bid) == (4_000, 8_000, 5_900)
    assert fed.seen.bids.size_at(5_900) == 0


def test_our_share_of_a_level_is_taken_out_and_no_more_than_is_there() -> None:
    fed = live()
    fed.take(both(Side.BUY, "0.40", 13, at_ms=1), order("0.40", 3))
    assert fed.seen.bids.size_at(4_000) == 10 * SHARE
    fed.take(order("0.40", 30))
    assert (fed.seen.bids.size_at(4_000), fed.seen.bid) == (0, 0)


def test_our_no_bid_is_our_size_in_the_yes_ask() -> None:
    fed = live()
    fed.take(both(Side.SELL, "0.70", 5, at_ms=1), order("0.30", 5, outcome=NO))
    assert (fed.seen.ask, fed.seen.gross_ask) == (8_000, 7_000)
    fed.take(order("0.60", 4, outcome=NO, side=Side.SELL, name="2"))
    assert fed.seen.bids.size_at(4_000) == 6 * SHARE


def test_only_what_the_venue_has_acknowledged_and_not_filled_is_taken_out() -> None:
    fed = live()
    assert not fed.take(order("0.40", 3, state=OrderState.PLACING))
    fed.take(order("0.40", 3, filled=1))
    assert fed.seen.bids.size_at(4_000) == 8 * SHARE
    fed.take(order("0.40", 3, filled=1, state=OrderState.CANCELLING))
    assert fed.seen.bids.size_at(4_000) == 8 * SHARE
    fed.take(order("0.40", 3, filled=1, state=OrderState.CANCELLED))
    assert fed.seen.bids.size_at(4_000) == 10 * SHARE


def test_where_the_feed_does_not_contain_our_orders_they_are_not_taken_out() -> None:
    fed = Fed()
    fed.take(EMPTY_MIDDLE, mirror(EMPTY_MIDDLE))
    assert not fed.take(order("0.40", 3))
    assert fed.seen.bids.size_at(4_000) == 10 * SHARE


def test_in_a_wide_book_with_only_our_yes_side_live_the_mid_never_moves() -> None:
    fed = live()
    mids: list[int] = []
    for step, price in enumerate(("0.59", "0.69", "0.74", "0.76")):
        fed.take(both(Side.BUY, price, 5, at_ms=2 * step + 1), order(price, 5, name=price))
        mids.append(fed.seen.bid + fed.seen.ask)
        fed.take(order(price, 5, name=price, state=OrderState.CANCELLED), both(Side.BUY, price, 0, at_ms=2 * step + 2))
    assert set(mids) == {4_000 + 8_000}


OTHERS = st.lists(
    st.tuples(st.sampled_from([Side.BUY, Side.SELL]), st.integers(0, 8), st.sampled_from([0, 1, 7, 40])), max_size=25
)
OURS = st.lists(
    st.tuples(st.sampled_from([YES, NO]), st.sampled_from([Side.BUY, Side.SELL]), st.integers(0, 8), st.integers(1, 9)),
    max_size=4,
)


@given(others=OTHERS, ours=OURS)
def test_frames_with_our_orders_merged_in_show_strategies_the_same_book(
    others: list[tuple[Side, int, int]], ours: list[tuple[Outcome, Side, int, int]]
) -> None:
    """The same changes of others, once alone and once with our size added to each level, give equal net books."""
    fed_alone, fed_merged = Fed(), Fed(own_orders_in_feed=True)
    for fed in (fed_alone, fed_merged):
        fed.take(EMPTY_MIDDLE, mirror(EMPTY_MIDDLE))
    # YES bids lie in 0.30 .. 0.38, YES asks in 0.60 .. 0.68, whichever token they were placed on.
    merged: dict[tuple[Side, int], int] = {}
    for number, (outcome, side, step, size) in enumerate(ours):
        bids = (side is Side.BUY) == (outcome == YES)
        yes_price = (3_000 if bids else 6_000) + 100 * step
        price = yes_price if outcome == YES else ONE - yes_price
        resting = OrderChanged(
            str(number), "", "tag", M, outcome, side, price, size * SHARE, 0, OrderState.WORKING, "", 0
        )
        level = in_yes_terms(outcome, side, price)
        merged[level] = merged.get(level, 0) + size
        fed_merged.take(resting, both(level[0], f"0.{level[1] // 100}", merged[level], at_ms=1))
    fed_alone.take(both(Side.BUY, "0.01", 0, at_ms=1))
    seen: list[tuple[BookUpdated, BookUpdated]] = [(fed_alone.seen, fed_merged.seen)]
    for at_ms, (side, step, size) in enumerate(others, start=2):
        price = (3_000 if side is Side.BUY else 6_000) + 100 * step
        fed_alone.take(both(side, f"0.{price // 100}", size, at_ms=at_ms))
        fed_merged.take(both(side, f"0.{price // 100}", size + merged.get((side, price), 0), at_ms=at_ms))
        seen.append((fed_alone.seen, fed_merged.seen))
    for alone, with_ours in seen:
        assert (alone.bids, alone.asks, alone.bid, alone.ask) == (
            with_ours.bids, with_ours.asks, with_ours.bid, with_ours.ask,
        )  # fmt: skip
        assert alone.unusable == with_ours.unusable


def test_post_only_and_crossing_see_the_gross_book() -> None:
    fed = live()
    fed.take(order("0.59", 5), changed((YES, Side.BUY, "0.59", 5), (NO, Side.SELL, "0.41", 5), at_ms=1))
    assert (fed.seen.gross_bid, fed.seen.gross_ask) == (5_900, 8_000)
