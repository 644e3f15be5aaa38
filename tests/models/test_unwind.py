"""What a flatten does next: one thing at a time, nothing that has not settled, and never past zero."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from models.cells import TradingState
from models.depth import Depth
from models.flattening import FLATTENED, FLATTENING
from models.markets import NO, YES, Market, Outcome, Side
from models.messages.control import CellNote
from models.messages.market import BookUpdated
from models.messages.orders import FillCounted, FillSettled, MergeChanged
from models.messages.position import Leg, Position
from models.orders import OrderState
from models.phase import signed_size
from models.positions import advance, leg_of, mergeable, net_diff
from models.sizes import least_take
from models.strategy import MarketView, WorkingOrder
from models.units import ONE, SHARE, cash_of
from models.unwind import FlattenParameters, Merging, Unwind, next_unwind
from tests.models.coordination import M, book, cell, held, market, seen

FLATTEN = cell(TradingState.REDUCING, "operator", FLATTENING)
OVER = cell(TradingState.HALTED, "operator", FLATTENED)
NOW = 10**18


def flattened(
    position: Position, updated: BookUpdated | None = None, *cells: CellNote, listed: Market | None = None, **more: Any
) -> MarketView:
    cells = cells or (FLATTEN,)
    state = max(one.state for one in cells)
    return replace(seen(updated or book(), position, state, listed), cells=cells, **more)


def step(view: MarketView, merging: Merging = "possible", **more: int) -> Unwind:
    return next_unwind(view, merging, FlattenParameters(**more), NOW)


def unsettled(yes: int = 0, no: int = 0, settled_yes: int = 0, settled_no: int = 0) -> Position:
    """A position of which only so much has settled, with a fill under way."""
    fill = FillCounted("t", "o", "i", "desk", M, YES, Side.BUY, 4_800, SHARE, 0, 0, 0, True, 0)
    return Position(
        Leg(yes * SHARE, 0, settled_yes * SHARE), Leg(no * SHARE, 0, settled_no * SHARE), provisional=(fill,)
    )


def taken(unwind: Unwind) -> tuple[Outcome, Side, int, int] | None:
    take = unwind.take
    return None if take is None else (take.outcome, take.side, take.limit, take.size // SHARE)


def levels(bids: dict[int, int], asks: dict[int, int]) -> BookUpdated:
    made = book()
    bid, ask = max(bids, default=0), min(asks, default=ONE)
    depth = [Depth({price: size * SHARE for price, size in side.items()}) for side in (bids, asks)]
    return replace(made, bids=depth[0], asks=depth[1], bid=bid, ask=ask, gross_bid=bid, gross_ask=ask)


# The three steps


def test_it_waits_until_every_order_is_over_the_unknown_one_too() -> None:
    for state in (OrderState.PLACING, OrderState.UNKNOWN, OrderState.WORKING, OrderState.CANCELLING):
        order = WorkingOrder("i", YES, Side.BUY, 4_800, SHARE, state)
        found = step(flattened(held(yes=10, no=5), working=(order,)))
        assert found == Unwind("waiting", "1 order not over yet")


def test_pairs_are_merged_before_anything_is_sold() -> None:
    assert step(flattened(held(yes=8, no=5))) == Unwind("merging", "merging 5 pairs", merge=5 * SHARE)


def test_nothing_is_sold_while_it_is_not_known_which_shares_the_merge_takes() -> None:
    assert step(flattened(held(yes=18, no=5)), "asked") == Unwind("merging", "merging 5 pairs")


def test_the_residual_is_sold_beside_a_merge_without_touching_its_shares() -> None:
    merging = replace(held(yes=15, no=5), merging=5 * SHARE)
    assert taken(step(flattened(merging))) == (YES, Side.SELL, 4_800, 10)


@pytest.mark.parametrize(
    ("position", "wanted"),
    [
        (held(yes=7), (YES, Side.SELL, 4_800, 7)),
        (held(no=7), (NO, Side.SELL, 4_800, 7)),
    ],
)
def test_what_has_settled_is_sold_at_the_bid(position: Position, wanted: tuple[Outcome, Side, int, int]) -> None:
    found = step(flattened(position))
    assert taken(found) == wanted
    assert found.step == "unwinding"


def test_what_has_not_settled_is_paired_off_at_the_same_price() -> None:
    assert taken(step(flattened(unsettled(yes=7)))) == (NO, Side.BUY, 5_200, 7)
    assert taken(step(flattened(unsettled(no=7)))) == (YES, Side.BUY, 5_200, 7)


def test_without_a_merge_to_come_what_has_not_settled_is_waited_for() -> None:
    assert step(flattened(unsettled(yes=7)), "given_up").detail == "7 YES: not settled yet"
    assert taken(step(flattened(unsettled(yes=12, settled_yes=6)), "given_up")) == (YES, Side.SELL, 4_800, 6)


def test_a_part_that_has_settled_is_not_sold_where_the_rest_would_be_dust() -> None:
    assert step(flattened(unsettled(yes=8, settled_yes=6)), "given_up").detail == "8 YES: not settled yet"


def test_a_buy_is_not_made_below_a_dollar_nor_where_the_best_level_would_leave_dust() -> None:
    cheap = levels({9_600: 50}, {9_700: 50})  # NO is offered at 0.04
    assert step(flattened(unsettled(yes=7), cheap)).detail == "7 YES: not settled yet"
    thin = levels({4_800: 5, 4_700: 50}, {5_200: 50})
    assert step(flattened(unsettled(yes=7), thin)).detail == "7 YES: not settled yet"
    assert taken(step(flattened(unsettled(yes=10), thin))) == (NO, Side.BUY, 5_200, 5)


def test_a_buy_is_held_to_the_collar_as_a_sale_is() -> None:
    wide = levels({4_000: 50}, {6_000: 50})
    assert step(flattened(unsettled(yes=7), wide)).detail == "7 YES: not settled yet"
    assert taken(step(flattened(unsettled(yes=7), wide), collar=1_000)) == (NO, Side.BUY, 6_000, 7)


# The collar


def test_a_sale_goes_as_deep_as_it_must_and_the_collar_lets_it() -> None:
    deep = levels({4_900: 3, 4_800: 3, 4_600: 10, 4_400: 100}, {5_100: 50})
    assert taken(step(flattened(held(yes=8), deep))) == (YES, Side.SELL, 4_600, 8)
    assert taken(step(flattened(held(yes=30), deep))) == (YES, Side.SELL, 4_600, 16)
    assert step(flattened(held(yes=30), deep), collar=50).detail == "30 YES: too little bid within 0.005 of the mid"


def test_a_sale_leaves_what_can_be_sold_later_rather_than_dust() -> None:
    thin = levels({4_800: 9}, {5_200: 50})
    assert taken(step(flattened(held(yes=11), thin))) == (YES, Side.SELL, 4_800, 6)
    assert taken(step(flattened(held(yes=14), thin))) == (YES, Side.SELL, 4_800, 9)


def test_an_empty_side_is_waited_for() -> None:
    nobody = replace(levels({}, {5_200: 50}), unusable="one_sided")
    found = step(flattened(held(yes=7), nobody, unusable="one_sided"))
    assert found == Unwind("waiting", "7 YES: too little bid within 0.050 of the mid")


def test_on_a_one_sided_book_the_missing_side_counts_as_the_end_of_the_scale() -> None:
    rich = replace(levels({9_700: 50}, {}), unusable="one_sided")
    assert taken(step(flattened(held(yes=7), rich, unusable="one_sided"))) == (YES, Side.SELL, 9_700, 7)
    poor = replace(levels({100: 50}, {}), unusable="one_sided")
    assert step(flattened(held(yes=7), poor, unusable="one_sided")).take is None


@pytest.mark.parametrize("unusable", ["stale", "gap", "no_book", "crossed", "books_not_mirrored"])
def test_a_book_that_may_be_wrong_is_not_traded_on(unusable: str) -> None:
    found = step(flattened(held(yes=7), unusable=unusable))
    assert found == Unwind("waiting", f"7 YES: no book to trade on, {unusable}")
    assert step(flattened(held(yes=7, no=7), unusable=unusable)).merge == 7 * SHARE


@pytest.mark.parametrize(
    ("unusable", "age_ms", "sells"), [("stale", 2_000, True), ("stale", 2_001, False), ("gap", 0, False)]
)
def test_a_silent_book_that_was_just_read_may_do_and_one_with_a_gap_never(
    unusable: str, age_ms: int, sells: bool
) -> None:
    read = book(at_ns=NOW - age_ms * 1_000_000)
    found = step(flattened(held(yes=7), read, unusable=unusable))
    assert (taken(found) == (YES, Side.SELL, 4_800, 7)) is sells


# What stops it


def test_a_new_coordinator_says_nothing_before_it_knows_what_is_held() -> None:
    assert step(flattened(Position(), unusable="recovering")) == Unwind("waiting", "recovering")


def test_another_cell_is_waited_for_and_named() -> None:
    fused = cell(TradingState.CANCEL_ONLY, "flow", "fused")
    assert step(flattened(held(yes=8), None, fused, FLATTEN)).detail == "8 YES: CANCEL_ONLY by flow: fused"


def test_a_merge_is_held_up_by_a_person_and_by_a_halt_and_by_nothing_else() -> None:
    for other, goes_on in (
        (cell(TradingState.CANCEL_ONLY, "flow", "fused"), True),
        (cell(TradingState.CANCEL_ONLY, "feed", "lost"), True),
        (cell(TradingState.CANCEL_ONLY), False),
        (cell(TradingState.HALTED, "switch", "off"), False),
        (cell(TradingState.HALTED, "executor", "overfilled"), False),
        (cell(TradingState.KILLED, "kill", "drill"), False),
    ):
        assert (step(flattened(held(yes=5, no=5), None, other, FLATTEN)).step == "merging") is goes_on


def test_halted_by_the_flatten_itself_it_says_what_there_is_to_do_and_does_nothing_yet() -> None:
    assert step(flattened(held(yes=8), None, OVER)) == Unwind("unwinding", "unwinding 8 YES")


def test_a_market_that_has_ended_keeps_its_residual_and_merges_its_pairs() -> None:
    ended = market(end_ns=NOW)
    assert step(flattened(held(yes=8, no=5), listed=ended)).merge == 5 * SHARE
    found = step(flattened(held(yes=8), listed=ended))
    assert found == Unwind("rest", "8 YES until it pays out: market_expired")


def test_a_market_that_resolves_meanwhile_is_over_as_soon_as_its_fills_have_settled() -> None:
    resolved = cell(TradingState.HALTED, "venue", "market_resolved")
    assert (
        step(flattened(held(yes=8, no=5), None, resolved, FLATTEN)).detail
        == "8 YES and 5 NO until it pays out: resolved"
    )
    assert step(flattened(unsettled(yes=8), None, resolved, FLATTEN)).step == "waiting"
    assert step(flattened(held(yes=8), resolved=True)).step == "rest"


# What stays


def test_flat_is_nothing_held_and_nothing_under_way() -> None:
    assert step(flattened(Position())).step == "flat"
    assert step(flattened(unsettled())) == Unwind("waiting", "1 fill not settled yet")
    assert step(flattened(replace(held(5, 5), merging=5 * SHARE))) == Unwind("merging", "merging 5 pairs")


def test_dust_is_named() -> None:
    assert step(flattened(held(yes=3))) == Unwind("rest", "3 YES below the minimum of 5")
    assert step(flattened(held(no=2))) == Unwind("rest", "2 NO below the minimum of 5")


def test_pairs_that_cannot_be_merged_are_named_and_the_residual_is_sold_all_the_same() -> None:
    assert taken(step(flattened(held(yes=18, no=8)), "given_up")) == (YES, Side.SELL, 4_800, 10)
    found = step(flattened(held(yes=10, no=8)), "given_up")
    assert found.step == "rest"
    assert found.detail == "8 pairs locked until resolution, merge unavailable; 2 YES below the minimum of 5"


# Whatever is held and bid


sizes = st.integers(0, 40 * 100).map(lambda hundredths: hundredths * SHARE // 100)
side = st.dictionaries(st.integers(1, 99).map(lambda cents: cents * 100), st.integers(1, 30), max_size=5)


@st.composite
def legs(draw: st.DrawFn) -> Leg:
    shares = draw(sizes)
    return Leg(shares, 0, min(shares, draw(sizes)))


@st.composite
def books(draw: st.DrawFn) -> BookUpdated:
    bids, asks = draw(side), draw(side)
    assume(max(bids, default=0) < min(asks, default=ONE))
    made = levels(bids, asks)
    return made if bids and asks else replace(made, unusable="one_sided")


@st.composite
def positions(draw: st.DrawFn) -> Position:
    yes, no = draw(legs()), draw(legs())
    merging = draw(st.integers(0, min(yes.settled, no.settled)))
    return Position(yes, no, merging=draw(st.sampled_from((0, merging))))


merges = st.sampled_from(("possible", "asked", "given_up"))


@pytest.mark.proves("I14")
@given(positions(), books(), merges)
def test_no_step_raises_net_sells_what_is_not_there_or_trades_beyond_the_collar(
    position: Position, updated: BookUpdated, merging: Merging
) -> None:
    view = flattened(position, updated, unusable=updated.unusable)
    found = step(view, merging)
    assert found.merge <= mergeable(position)
    assert not (found.merge and found.take)
    take = found.take
    if take is None:
        return
    net = net_diff(position)
    after = net + signed_size(take.outcome, take.side, take.size)
    assert net * after >= 0
    assert abs(after) < abs(net)
    assert take.size >= view.market.min_order_size
    assert take.size % (SHARE // 100) == 0
    mid = (updated.bid + updated.ask) / 2
    mid = mid if take.outcome == YES else ONE - mid
    if take.side is Side.SELL:
        assert take.size <= leg_of(position, take.outcome).settled - position.merging
        assert take.limit >= mid - 500
    else:
        assert take.limit <= mid + 500
        assert take.size >= least_take(view.market, take.limit)
        assert merging != "given_up"
        assert ONE - take.limit == (updated.bid if take.outcome == NO else ONE - updated.ask)


@settings(max_examples=150)
@given(positions(), books(), st.data())
def test_whatever_fills_and_fails_it_ends_in_bounded_steps(
    position: Position, updated: BookUpdated, data: st.DataObject
) -> None:
    """The venue fills any part of what is taken; merges fail or not; each wait is ended by what is waited for."""
    position = replace(position, merging=0)
    merging: Merging = "possible"
    worst = abs(net_diff(position))
    failures = 0
    provisional: list[FillCounted] = []
    for number in range(400):
        view = flattened(position, updated, unusable=updated.unusable)
        found = step(view, merging)
        if found.step in ("flat", "rest"):
            break
        if found.merge:
            confirmed = data.draw(st.booleans())
            failures += not confirmed
            merging = "given_up" if failures >= 3 else "possible"
            for state in ("requested", "confirmed" if confirmed else "failed"):
                position = advanced(position, MergeChanged("m", "desk", M, found.merge, state, 0, NOW))
        elif found.take is not None:
            take = found.take
            size = take.size if data.draw(st.booleans()) else data.draw(st.integers(1, take.size // 10_000)) * 10_000
            fill = FillCounted(
                f"t{number}", "o", "i", "desk", M, take.outcome, take.side, take.limit, size,
                cash_of(take.limit, size), 0, 0, False, NOW,
            )  # fmt: skip
            position = advanced(position, fill)
            provisional.append(fill)
        elif provisional:
            position = advanced(position, FillSettled(provisional.pop(0), NOW))
        elif position.yes.settled < position.yes.shares or position.no.settled < position.no.shares:
            position = settled(position)
        else:
            assert found.step == "waiting", found
            return  # for a bid that this book will never have
        assert abs(net_diff(position)) <= worst
        worst = abs(net_diff(position))
    else:
        raise AssertionError("it never ends")
    least = view.market.min_order_size
    assert worst < least + 10_000


def advanced(position: Position, message: Any) -> Position:
    moved = advance(position, message)
    assert moved is not None
    return moved


def settled(position: Position) -> Position:
    return replace(
        position,
        yes=replace(position.yes, settled=position.yes.shares),
        no=replace(position.no, settled=position.no.shares),
    )
