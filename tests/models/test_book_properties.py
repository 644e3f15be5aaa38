"""What holds of a book for any frames: against plain dicts, between the tokens, and under conflation."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.markets import NO, YES, Outcome, Side
from models.messages.market import LevelChange, LevelsChanged
from models.units import ONE, SHARE, Price, Size
from tests.models.frames import MS, START_MS, Fed, M, full, mirror

YES_BOOK = full(YES, {"0.40": 10, "0.39": 20}, {"0.45": 30, "0.46": 40})
PRICES = st.integers(1, 99).map(lambda ticks: ticks * 100)
SIZES = st.sampled_from([0, SHARE, 5 * SHARE, 1_234_567])
CHANGE = st.tuples(st.sampled_from([YES, NO]), st.sampled_from(list(Side)), PRICES, SIZES)


def frame_of(changes: Sequence[tuple[Outcome, Side, Price, Size]], at_ms: int) -> LevelsChanged:
    levels = tuple(LevelChange(outcome, side, price, size) for outcome, side, price, size in changes)
    return LevelsChanged(M, levels, START_MS + at_ms, (START_MS + at_ms) * MS)


@given(frames=st.lists(st.lists(CHANGE, min_size=1, max_size=6), max_size=25))
def test_each_tokens_levels_are_those_of_two_plain_dicts(frames: list[list[tuple[Outcome, Side, Price, Size]]]) -> None:
    fed = Fed(tape_is_proof=True)
    fed.take(full(YES, {}, {}), full(NO, {}, {}))
    plain: dict[tuple[Outcome, Side], dict[Price, Size]] = {}
    for at_ms, changes in enumerate(frames, start=1):
        fed.take(frame_of(changes, at_ms))
        for outcome, side, price, size in changes:
            plain.setdefault((outcome, side), {})[price] = size
        for outcome in (YES, NO):
            bids, asks = fed.book.levels(outcome)
            for side, levels in ((Side.BUY, bids), (Side.SELL, asks)):
                kept = {price: size for price, size in plain.get((outcome, side), {}).items() if size}
                assert levels == sorted(kept.items(), reverse=side is Side.SELL)


@given(frames=st.lists(st.lists(st.tuples(st.sampled_from(list(Side)), PRICES, SIZES), min_size=1, max_size=4)))
def test_with_mirrored_frames_what_is_seen_is_mirrored_whoever_spoke_last(
    frames: list[list[tuple[Side, Price, Size]]],
) -> None:
    def fed_from(first: Outcome) -> Fed:
        fed = Fed(tape_is_proof=True)
        books = {YES: full(YES, {}, {}), NO: full(NO, {}, {})}
        fed.take(books[first], books[1 - first])  # pyright: ignore[reportArgumentType]
        for at_ms, changes in enumerate(frames, start=1):
            pairs: list[tuple[Outcome, Side, Price, Size]] = []
            for side, price, size in changes:
                other = Side.SELL if side is Side.BUY else Side.BUY
                pairs.append((YES, side, price, size))
                pairs.append((NO, other, ONE - price, size))
            fed.take(frame_of(pairs, at_ms))
        return fed

    by_yes, by_no = fed_from(YES), fed_from(NO)
    assert by_yes.seen == by_no.seen
    for fed in (by_yes, by_no):
        (yes_bids, yes_asks), (no_bids, no_asks) = fed.book.levels(YES), fed.book.levels(NO)
        assert [(ONE - price, size) for price, size in no_asks] == yes_bids
        assert [(ONE - price, size) for price, size in no_bids] == yes_asks


@pytest.mark.proves("I21")
@given(
    frames=st.lists(st.lists(CHANGE, min_size=1, max_size=4), min_size=1, max_size=20),
    cuts=st.sets(st.integers(1, 19)),
)
def test_a_book_of_conflated_levels_equals_one_of_all_frames(
    frames: list[list[tuple[Outcome, Side, Price, Size]]], cuts: set[int]
) -> None:
    every, few = Fed(tape_is_proof=True), Fed(tape_is_proof=True)
    for fed in (every, few):
        fed.take(YES_BOOK, mirror(YES_BOOK))
    newest: dict[tuple[Outcome, Side, Price], Size] = {}
    for number, changes in enumerate(frames, start=1):
        every.take(frame_of(changes, number))
        newest |= {(outcome, side, price): size for outcome, side, price, size in changes}
        if number in cuts or number == len(frames):
            few.take(frame_of([(*level, size) for level, size in newest.items()], number))
            newest = {}
    for outcome in (YES, NO):
        assert every.book.levels(outcome) == few.book.levels(outcome)


@pytest.mark.proves("I21")
@pytest.mark.fault("F27")
@pytest.mark.fault("F28")
@given(
    frames=st.lists(st.lists(CHANGE, min_size=1, max_size=4), min_size=1, max_size=8),
    chance=st.randoms(use_true_random=False),
)
def test_frames_that_come_twice_and_in_any_order_make_the_same_book(
    frames: list[list[tuple[Outcome, Side, Price, Size]]], chance: Random
) -> None:
    sent = [frame_of(changes, at_ms) for at_ms, changes in enumerate(frames, start=1)]
    arrived = [*sent, *chance.choices(sent, k=len(sent))]
    chance.shuffle(arrived)
    in_order, as_it_came = Fed(tape_is_proof=True), Fed(tape_is_proof=True)
    for fed, taken in ((in_order, sent), (as_it_came, arrived)):
        fed.take(full(YES, {}, {}), full(NO, {}, {}), *taken)
    for outcome in (YES, NO):
        assert as_it_came.book.levels(outcome) == in_order.book.levels(outcome)
