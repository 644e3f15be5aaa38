"""The one book of a market: what it publishes, and when it says that nothing may be decided on it."""

import msgspec
import pytest

from models.depth import Depth
from models.markets import NO, YES, Market, Side
from models.messages.base import Lane, Message
from models.messages.market import (
    BookEpochChanged,
    BookResynchronised,
    BookUpdated,
    BookVerified,
    FeedLost,
    FeedRestored,
    RequestSnapshot,
    TickSizeChanged,
    TradeSeen,
)
from models.messages.runtime import ActorRestarted, MailOverflowed, WakeAt
from models.units import ONE, SHARE, Price
from tests.models.frames import MS, START_MS, Fed, M, both, changed, full, mirror, printed

BIDS = {"0.40": 10, "0.39": 20}
ASKS = {"0.45": 30, "0.46": 40}
YES_BOOK = full(YES, BIDS, ASKS)


def opened(**parameters: object) -> Fed:
    """Return a book that holds both tokens' full books."""
    fed = Fed(**parameters)  # pyright: ignore[reportArgumentType]
    fed.take(YES_BOOK, mirror(YES_BOOK))
    return fed


def test_a_book_frame_is_published_once_in_yes_terms() -> None:
    fed = Fed()
    assert [type(message) for message in fed.take(YES_BOOK)] == [BookUpdated, WakeAt]
    seen = fed.seen
    assert (seen.bid, seen.ask, seen.unusable) == (4_000, 4_500, None)
    assert seen.bids == Depth({4_000: 10 * SHARE, 3_900: 20 * SHARE})
    fed = Fed()
    fed.take(mirror(YES_BOOK))
    assert (fed.seen.bid, fed.seen.ask, fed.seen.bids, fed.seen.asks) == (seen.bid, seen.ask, seen.bids, seen.asks)


def test_a_frame_of_both_tokens_is_applied_whole() -> None:
    fed = opened()
    said = fed.take(
        changed(
            (YES, Side.BUY, "0.40", 0), (NO, Side.SELL, "0.60", 0),
            (YES, Side.SELL, "0.44", 5), (NO, Side.BUY, "0.56", 5),
            at_ms=10,
        )
    )  # fmt: skip
    assert [type(message) for message in said] == [BookUpdated]
    assert (fed.seen.bid, fed.seen.ask) == (3_900, 4_400)


def test_every_frame_raises_the_sequence_by_one() -> None:
    fed = opened()
    fed.take(both(Side.BUY, "0.41", 5, at_ms=1), both(Side.BUY, "0.41", 5, at_ms=2))
    assert [update.book_seq for update in fed.of(BookUpdated)] == [1, 2, 3, 4]


def test_between_the_two_frames_of_a_trade_the_newer_token_speaks_for_both() -> None:
    fed = opened()
    traded = full(YES, BIDS, {"0.46": 40}, at_ms=10)
    fed.take(traded)
    assert (fed.seen.ask, fed.seen.unusable) == (4_600, None)
    fed.take(mirror(traded))
    assert (fed.seen.ask, fed.seen.unusable) == (4_600, None)
    assert not fed.until(2_000)


def test_tokens_that_differ_for_longer_than_the_grace_are_a_gap_until_the_unconfirmed_one_speaks() -> None:
    fed = opened()
    traded = full(YES, BIDS, {"0.46": 40}, at_ms=10)
    fed.take(traded)
    assert not [message for message in fed.until(10 + 250) if isinstance(message, BookUpdated)]
    assert {type(message) for message in fed.until(10 + 251)} == {BookEpochChanged, RequestSnapshot, BookUpdated}
    assert fed.seen.unusable == "books_not_mirrored"
    said = fed.take(full(NO, {"0.54": 40}, {"0.60": 10, "0.61": 20}, at_ms=900))
    assert [message.outcome for message in said if isinstance(message, BookResynchronised)] == [NO]
    assert fed.seen.unusable is None


@pytest.mark.proves("I19")
def test_a_crossed_book_is_a_gap_until_its_next_full_book() -> None:
    fed = opened()
    said = fed.take(both(Side.BUY, "0.47", 5, at_ms=10))
    assert [type(message) for message in said][:3] == [BookEpochChanged, RequestSnapshot, BookUpdated]
    assert (fed.seen.unusable, fed.book.counts.gaps) == ("gap", 2)
    epoch = fed.seen.epoch
    fed.take(both(Side.BUY, "0.47", 0, at_ms=20))
    assert fed.seen.unusable == "gap"
    fed.take(full(YES, BIDS, ASKS, at_ms=30), full(NO, {"0.55": 30}, {"0.60": 10, "0.61": 20}, at_ms=30))
    assert [(one.outcome, one.gap_ms) for one in fed.of(BookResynchronised)] == [(YES, 20), (NO, 20)]
    assert fed.seen.epoch > epoch
    assert (fed.book.counts.resyncs, fed.seen.unusable) == (2, None)


def test_a_full_book_that_is_crossed_itself_is_not_used_and_not_asked_for_again() -> None:
    fed = Fed()
    said = fed.take(full(YES, {"0.50": 1}, {"0.49": 1}))
    assert not [message for message in said if isinstance(message, RequestSnapshot)]
    assert fed.seen.unusable == "crossed"


def test_a_locked_book_gives_no_quotes_but_is_no_gap() -> None:
    fed = opened()
    fed.take(both(Side.BUY, "0.45", 5, at_ms=10))
    assert (fed.seen.unusable, fed.book.counts.gaps) == ("locked", 0)
    fed.take(both(Side.BUY, "0.45", 0, at_ms=20))
    assert fed.seen.unusable is None


def test_a_one_sided_book_says_so() -> None:
    fed = opened()
    fed.take(both(Side.SELL, "0.45", 0, at_ms=10), both(Side.SELL, "0.46", 0, at_ms=10))
    assert (fed.seen.ask, fed.seen.unusable) == (ONE, "one_sided")


def test_a_book_that_differs_from_the_local_one_is_no_gap() -> None:
    fed = opened()
    said = fed.take(full(YES, {"0.38": 1}, ASKS, at_ms=10))
    assert not [message for message in said if isinstance(message, BookEpochChanged)]
    assert (fed.book.counts.gaps, fed.seen.bid) == (0, 3_800)


def test_changes_before_the_first_full_book_say_nothing() -> None:
    fed = Fed()
    fed.take(both(Side.BUY, "0.40", 5))
    assert (fed.seen.unusable, fed.seen.bid, len(fed.seen.bids)) == ("no_book", 0, 0)


def test_a_change_that_is_older_than_the_full_book_is_void() -> None:
    fed = Fed()
    fed.take(full(YES, BIDS, ASKS, at_ms=10), both(Side.BUY, "0.44", 5, at_ms=9))
    assert (fed.seen.bid, fed.book.counts.changes_late) == (4_000, 1)


def test_a_level_that_was_set_later_is_not_set_back_by_a_frame_that_was_overtaken() -> None:
    fed = opened()
    fed.take(both(Side.BUY, "0.41", 7, at_ms=20), both(Side.BUY, "0.41", 3, at_ms=10), both(Side.BUY, "0.42", 5, 15))
    assert (fed.seen.bids.size_at(4_100), fed.seen.bids.size_at(4_200)) == (7 * SHARE, 5 * SHARE)
    assert (fed.seen.unusable, fed.book.counts.changes_late) == (None, 4)


def test_a_full_book_that_was_overtaken_is_not_taken() -> None:
    fed = opened()
    fed.take(both(Side.BUY, "0.41", 7, at_ms=20))
    fed.take(full(YES, BIDS, ASKS, at_ms=10))
    assert (fed.seen.bid, fed.book.counts.books_superseded) == (4_100, 1)


def test_a_frame_that_claims_to_be_of_long_ago_is_a_gap() -> None:
    fed = Fed()
    fed.take(full(YES, BIDS, ASKS, at_ms=20_000), mirror(full(YES, BIDS, ASKS, at_ms=20_000)))
    in_seconds = msgspec.structs.replace(both(Side.BUY, "0.41", 7, at_ms=20_001), timestamp_ms=START_MS // 1_000 + 20)
    fed.take(in_seconds)
    assert fed.seen.unusable == "gap"
    assert "late" in fed.of(BookEpochChanged)[-1].detail


@pytest.mark.proves("I19")
def test_dropped_mail_and_a_reconnect_are_gaps_of_both_tokens() -> None:
    for loss in (MailOverflowed("book/m", Lane.MARKET, 2_000), FeedRestored(M, resynchronise=True)):
        fed = opened()
        said = fed.take(loss)
        assert [type(message) for message in said] == [BookEpochChanged, RequestSnapshot, BookUpdated]
        assert (fed.seen.unusable, fed.book.counts.gaps) == ("gap", 2)
        fed.take(full(YES, BIDS, ASKS, at_ms=5), mirror(full(YES, BIDS, ASKS, at_ms=5)))
        assert (fed.seen.unusable, fed.book.counts.resyncs) == (None, 2)


def test_an_overflow_of_another_lane_loses_no_frame() -> None:
    fed = opened()
    fed.take(MailOverflowed("book/m", Lane.ORDER, 1))
    assert fed.book.counts.gaps == 0


def test_a_lost_feed_makes_a_book_stale_and_its_return_without_loss_usable_again() -> None:
    for parameters in ({}, {"tape_is_proof": True}):
        fed = opened(**parameters)
        fed.take(FeedLost(M, "silent"))
        assert fed.seen.unusable == "stale"
        fed.take(FeedRestored(M, resynchronise=False))
        assert (fed.seen.unusable, fed.book.counts.gaps) == (None, 0)


@pytest.mark.proves("I19")
def test_silence_makes_a_book_stale_by_the_clock_and_a_proof_or_an_event_lifts_it() -> None:
    fed = opened()
    assert not [message for message in fed.until(5_000) if isinstance(message, BookUpdated)]
    assert [type(message) for message in fed.until(5_001)] == [BookUpdated]
    assert fed.seen.unusable == "stale"
    fed.take(BookVerified(M, fed.now_ns))
    assert fed.seen.unusable is None
    fed.until(15_001)
    assert fed.seen.unusable is None
    fed.until(15_002)
    assert fed.seen.unusable == "stale"
    fed.take(both(Side.BUY, "0.41", 5, at_ms=16_000))
    assert fed.seen.unusable is None


def test_on_a_tape_a_quiet_book_is_not_stale_and_asks_for_no_deadline() -> None:
    fed = opened(tape_is_proof=True)
    assert not fed.of(WakeAt)
    fed.take(both(Side.BUY, "0.41", 5, at_ms=3_600_000))
    assert fed.seen.unusable is None


def test_an_idle_book_asks_for_no_deadline_once_it_is_stale() -> None:
    fed = opened()
    fed.until(6_000)
    assert not fed.until(1_000_000)


def test_a_print_lifts_staleness_and_is_told_before_the_book() -> None:
    fed = opened()
    fed.until(6_000)
    said = fed.take(printed(YES, Side.BUY, "0.45", 3, at_ms=6_500))
    assert [type(message) for message in said] == [TradeSeen, BookUpdated, WakeAt]
    assert fed.seen.unusable is None
    assert [type(message) for message in fed.take(printed(YES, Side.BUY, "0.45", 4, at_ms=6_600))] == [TradeSeen]


def test_an_answer_older_than_the_socket_is_not_taken_and_asked_for_again_after_a_while() -> None:
    fed = opened()
    fed.take(both(Side.BUY, "0.47", 5, at_ms=10))
    assert len(fed.of(RequestSnapshot)) == 1
    fed.take(full(YES, {}, {}, at_ms=-60_000, source="rest"))
    assert (fed.book.counts.books_superseded, fed.seen.unusable) == (1, "gap")
    assert len(fed.of(RequestSnapshot)) == 1
    fed.until(10 + 1_000)
    assert len(fed.of(RequestSnapshot)) == 2
    fed.take(
        full(YES, BIDS, ASKS, at_ms=2_000, source="rest"), mirror(full(YES, BIDS, ASKS, at_ms=2_000), source="rest")
    )
    assert fed.seen.unusable is None
    fed.until(4_000)
    assert len(fed.of(RequestSnapshot)) == 2


def test_an_answer_is_a_proof_that_holds_longer_than_an_event() -> None:
    fed = opened()
    fed.take(full(YES, BIDS, ASKS, source="rest"))
    fed.until(9_999)
    assert fed.seen.unusable is None
    fed.until(10_001)
    assert fed.seen.unusable == "stale"


def test_a_restarted_book_asks_for_a_full_one_and_its_epochs_are_later_than_any_before() -> None:
    fed = Fed(restarted=True)
    said = fed.take(ActorRestarted("book/m", M, 1))
    assert [type(message) for message in said] == [BookEpochChanged, RequestSnapshot, BookUpdated]
    assert fed.seen.unusable == "no_book"
    assert fed.seen.epoch > START_MS
    assert not fed.take(ActorRestarted("book/m", M, 1))


class TestTick:
    def test_a_level_off_the_grid_is_a_tick_change_that_keeps_the_book(self) -> None:
        fed = opened()
        said = fed.take(both(Side.BUY, "0.403", 5, at_ms=10))
        assert [type(message) for message in said] == [BookEpochChanged, BookUpdated]
        assert (fed.book.tick, fed.seen.tick, fed.seen.epoch) == (10, 10, 2)
        assert (fed.seen.bid, fed.seen.unusable) == (4_030, None)
        fed.take(both(Side.BUY, "0.403", 0, at_ms=20))
        assert fed.seen.bid == 4_000

    @pytest.mark.parametrize(("price", "tick"), [("0.405", 50), ("0.4025", 25), ("0.402", 10), ("0.4001", 1)])
    def test_the_coarsest_grid_that_fits_all_levels_is_taken(self, price: str, tick: Price) -> None:
        fed = opened()
        fed.take(both(Side.BUY, price, 5, at_ms=10))
        assert fed.book.tick == tick

    def test_a_grid_that_fits_only_the_new_level_is_not_taken(self) -> None:
        fed = opened()
        fed.take(both(Side.BUY, "0.4025", 5, at_ms=10), both(Side.BUY, "0.402", 5, at_ms=20))
        assert fed.book.tick == 1
        fed.take(both(Side.BUY, "0.4025", 0, at_ms=30))
        assert fed.seen.bid == 4_020

    def test_a_removal_off_the_grid_changes_nothing(self) -> None:
        fed = opened()
        fed.take(both(Side.BUY, "0.403", 0, at_ms=10))
        assert (fed.book.tick, fed.book.counts.tick_changes) == (100, 0)

    def test_the_venues_word_voids_prices_and_waits_for_the_first_full_book(self) -> None:
        fed = opened()
        word = TickSizeChanged(M, 10, START_MS + 10, (START_MS + 10) * MS)
        said = fed.take(word)
        assert [type(message) for message in said] == [BookEpochChanged, RequestSnapshot, BookUpdated]
        assert (fed.seen.unusable, fed.seen.tick) == ("no_book", 10)
        assert [type(message) for message in fed.take(word)] == [BookUpdated]
        fed.take(both(Side.BUY, "0.403", 5, at_ms=20))
        assert fed.seen.unusable == "no_book"
        fed.take(full(YES, {"0.403": 5}, ASKS, at_ms=30))
        assert (fed.seen.unusable, fed.seen.epoch, fed.book.counts.tick_changes) == (None, 2, 1)

    def test_a_full_book_may_name_its_tick(self) -> None:
        fed = Fed()
        fed.take(full(YES, BIDS, ASKS, tick=10))
        assert (fed.book.tick, fed.seen.unusable) == (10, None)

    def test_a_coarser_tick_leaves_the_levels_between_its_steps_in_place(self) -> None:
        fed = Fed(Market(M, "slug", ("1", "2"), tick=10))
        fed.take(full(YES, {"0.403": 5, "0.40": 5}, ASKS))
        fed.take(TickSizeChanged(M, 100, START_MS + 1, (START_MS + 1) * MS), both(Side.BUY, "0.41", 5, at_ms=2))
        assert (fed.book.tick, fed.seen.bid) == (100, 4_100)
        fed.take(both(Side.BUY, "0.41", 0, at_ms=3))
        assert fed.seen.bid == 4_030
        fed.take(both(Side.BUY, "0.403", 0, at_ms=4))
        assert (fed.book.tick, fed.seen.bid) == (100, 4_000)


class TestTrades:
    def test_what_a_book_takes_from_the_touch_is_told_as_trades_before_the_book(self) -> None:
        fed = opened()
        said = fed.take(full(YES, BIDS, {"0.46": 35}, at_ms=10))
        assert [type(message) for message in said] == [TradeSeen, TradeSeen, BookUpdated, WakeAt]
        trades = [(trade.side, trade.price, trade.size, trade.inferred) for trade in fed.of(TradeSeen)]
        assert trades == [(Side.BUY, 4_500, 30 * SHARE, True), (Side.BUY, 4_600, 5 * SHARE, True)]

    def test_a_mirrored_pair_of_books_tells_one_trade(self) -> None:
        fed = opened()
        traded = full(YES, {"0.40": 4, "0.39": 20}, ASKS, at_ms=10)
        fed.take(mirror(traded), traded)
        assert [(trade.outcome, trade.side, trade.price, trade.size) for trade in fed.of(TradeSeen)] == [
            (NO, Side.SELL, 4_000, 6 * SHARE)
        ]
        assert fed.book.counts.trades_inferred == 1

    def test_a_market_that_prints_is_never_inferred(self) -> None:
        fed = opened()
        fed.take(printed(YES, Side.BUY, "0.45", 3, at_ms=5), full(YES, BIDS, {"0.46": 40}, at_ms=10))
        assert [trade.inferred for trade in fed.of(TradeSeen)] == [False]

    def test_the_book_that_ends_a_gap_tells_no_trade(self) -> None:
        fed = opened()
        fed.take(FeedRestored(M, resynchronise=True), full(YES, BIDS, {"0.46": 40}, at_ms=10))
        assert not fed.of(TradeSeen)

    def test_an_answer_to_a_request_tells_no_trade(self) -> None:
        fed = opened()
        fed.take(full(YES, BIDS, {"0.46": 40}, at_ms=10, source="rest"))
        assert not fed.of(TradeSeen)

    def test_other_differences_are_counted_and_change_the_book_only(self) -> None:
        fed = opened()
        fed.take(full(YES, {"0.41": 1}, {"0.47": 1}, at_ms=10))
        assert not fed.of(TradeSeen)
        assert (fed.book.counts.unexplained, fed.seen.bid) == (1, 4_100)


def test_nothing_is_said_to_messages_that_are_for_others() -> None:
    class Unknown(Message, frozen=True):
        pass

    fed = opened()
    assert not fed.take(Unknown())


def test_levels_of_a_token_without_a_book_are_the_mirror_of_the_other() -> None:
    fed = Fed()
    assert fed.book.levels(YES) == ([], [])
    fed.take(YES_BOOK)
    assert fed.book.levels(NO) == (
        [(5_400, 40 * SHARE), (5_500, 30 * SHARE)],
        [(6_100, 20 * SHARE), (6_000, 10 * SHARE)],
    )


def test_a_frame_that_is_only_one_tokens_leaves_the_other_to_the_mirror_check() -> None:
    fed = opened()
    fed.take(changed((YES, Side.BUY, "0.41", 5), at_ms=10))
    assert (fed.seen.bid, fed.seen.unusable) == (4_100, None)
    fed.take(changed((NO, Side.SELL, "0.59", 5), at_ms=200))
    assert not [message for message in fed.until(1_000) if isinstance(message, BookEpochChanged)]
