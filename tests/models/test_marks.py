"""Marks: no false kill from a bad moment, and none from riskless pairs."""

from models.depth import Depth
from models.marks import Marker, MarkParameters
from models.messages.market import BookUpdated, MarketResolved
from models.messages.position import Leg, Position
from models.units import ONE, SHARE
from tests.models.wishes import M

S = 1_000_000_000


def book(bids: dict[int, int], asks: dict[int, int], unusable: str | None = None) -> BookUpdated:
    """A book of whole shares by price."""
    bid, ask = max(bids, default=0), min(asks, default=ONE)
    depths = [Depth({price: size * SHARE for price, size in side.items()}) for side in (bids, asks)]
    return BookUpdated(M, 1, 1, 100, depths[0], depths[1], bid, ask, bid, ask, unusable, 0, 0)


def holding(yes: int, no: int, cost: int = 0) -> Position:
    return Position(Leg(yes * SHARE, cost), Leg(no * SHARE, 0))


def marker(position: Position, *books: tuple[int, BookUpdated]) -> Marker:
    """A marker that got its position at 0 and books at these seconds."""
    made = Marker(MarkParameters())
    made.position_changed(position, 0)
    for second, each in books:
        made.book_updated(each, second * S)
    return made


GOOD = book({4_500: 3, 4_400: 3, 4_000: 50}, {4_700: 2, 4_800: 50})


def test_pairs_are_worth_a_dollar_in_any_book() -> None:
    broken = book({100: 5}, {9_900: 5})
    mark = marker(holding(100, 100, cost=97_000_000), (1, broken)).mark(2 * S)
    assert (mark.value, mark.unrealized, mark.age_ns, mark.no_mark_at_ns) == (100_000_000, 3_000_000, 0, None)


def test_the_residual_is_walked_down_the_bids_for_its_size() -> None:
    assert marker(holding(3, 0), (1, GOOD)).mark(2 * S).value == 3 * 450_000
    assert marker(holding(7, 0), (1, GOOD)).mark(2 * S).value == 3 * 450_000 + 3 * 440_000 + 400_000
    assert marker(holding(10, 7), (1, GOOD)).mark(2 * S).value == 7_000_000 + 3 * 450_000


def test_the_bids_of_no_are_the_asks_of_yes_in_the_mirror() -> None:
    assert marker(holding(0, 3), (1, GOOD)).mark(2 * S).value == 2 * 530_000 + 520_000


def test_a_bad_book_keeps_the_last_good_mark_and_shows_its_age() -> None:
    bad = [
        book({}, {4_700: 5}),
        book({4_500: 5}, {}),
        book({3_000: 9}, {4_001: 9}),
        book({4_500: 9}, {4_700: 9}, "stale"),
        book({3_600: 2}, {4_600: 9}),
    ]
    for each in bad:
        made = marker(holding(3, 0, cost=1_500_000), (1, GOOD), (11, each))
        mark = made.mark(15 * S)
        assert (mark.value, mark.unrealized, mark.age_ns) == (1_350_000, -150_000, 4 * S), "good until it was replaced"
    assert marker(holding(3, 0), (1, book({3_000: 9}, {4_000: 9}))).mark(2 * S).age_ns == 0, "a spread of 0.10 will do"


def test_a_residual_without_a_good_mark_for_a_minute_is_reported() -> None:
    made = marker(holding(3, 0), (1, GOOD), (11, book({}, {})))
    mark = made.mark(70 * S)
    assert (mark.no_mark, mark.no_mark_at_ns) == (False, 71 * S)
    assert made.mark(71 * S).no_mark
    made.book_updated(GOOD, 72 * S)
    assert not made.mark(72 * S).no_mark


def test_a_residual_that_never_had_a_mark_has_no_value() -> None:
    made = marker(holding(3, 0))
    mark = made.mark(59 * S)
    assert (mark.value, mark.unrealized, mark.age_ns, mark.no_mark) == (None, None, None, False)
    assert made.mark(60 * S).no_mark


def test_a_flipped_residual_does_not_inherit_the_other_tokens_mark() -> None:
    made = marker(holding(3, 0), (1, GOOD), (2, book({}, {})))
    made.position_changed(holding(0, 3), 30 * S)
    mark = made.mark(30 * S)
    assert (mark.value, mark.no_mark_at_ns) == (None, 90 * S)


def test_a_grown_residual_is_marked_at_the_last_good_price_per_share() -> None:
    made = marker(holding(3, 0), (1, GOOD), (2, book({}, {})))
    made.position_changed(holding(6, 0), 3 * S)
    assert made.mark(4 * S).value == 6 * 450_000


def test_a_resolved_market_is_marked_at_what_it_pays() -> None:
    for payout_yes, value in ((ONE, 10_000_000), (0, 7_000_000), (ONE // 2, 8_500_000)):
        made = marker(holding(10, 7, cost=4_000_000), (1, book({}, {})))
        made.resolved(MarketResolved(M, payout_yes, 0))
        mark = made.mark(999 * S)
        assert (mark.value, mark.unrealized, mark.no_mark) == (value, value - 4_000_000, False)
