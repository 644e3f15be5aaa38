"""Tokens for orders and cancels: what comes back with time, what is kept back, and what the venue says of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.limiter import TIERS, Bucket, Limiter
from models.messages.lanes import LimitsSeen

S = 1_000_000_000
MS = 1_000_000


def limiter(tier: str = "Standard", orders: int = 0, cancels: int = 0) -> Limiter:
    return Limiter(tier, {"orders": orders, "cancels": cancels})


def taken(limits: Limiter, kind: str, now_ns: int, *, urgent: bool = True) -> int:
    """Take until there is nothing left."""
    count = 0
    while limits.take(kind, now_ns, urgent=urgent) == 0:  # pyright: ignore[reportArgumentType]
        count += 1
    return count


@pytest.mark.proves("I18")
@given(st.lists(st.integers(0, 300 * MS), min_size=1, max_size=200))
def test_no_more_is_sent_than_the_burst_and_what_came_back_since(gaps) -> None:
    bucket, now_ns, sent = Bucket(40, 60), 0, 0
    for gap in gaps:
        now_ns += gap
        if bucket.wait_ns(0, now_ns) == 0:
            bucket.take()
            sent += 1
        assert sent <= 60 + now_ns * 40 // S


@given(st.integers(1, 600), st.integers(1, 600), st.integers(0, 59))
def test_the_wait_is_over_exactly_when_it_says(rate, seconds, kept) -> None:
    bucket = Bucket(rate, 60, seconds)
    bucket.lower(0, 5)
    wait_ns = bucket.wait_ns(kept, 5)
    assert bucket.wait_ns(kept, 5 + wait_ns - 1) > 0
    assert bucket.wait_ns(kept, 5 + wait_ns) == 0


def test_a_clock_that_steps_back_brings_nothing_and_takes_nothing() -> None:
    bucket = Bucket(1, 10)
    bucket.lower(3, 100 * S)
    assert bucket.tokens(50 * S) == 3
    assert bucket.tokens(101 * S) == 4


@pytest.mark.parametrize("tier", TIERS)
def test_every_tier_has_its_burst_and_its_rate(tier: str) -> None:
    limits = limiter(tier)
    assert taken(limits, "orders", 0) == min(TIERS[tier].orders_burst, 350), "the window of ten seconds counts besides"
    assert taken(limits, "cancels", 0) == min(TIERS[tier].cancels_burst, 300)


def test_no_ten_seconds_see_more_than_the_venues_window() -> None:
    limits = limiter("Elite")
    sent: list[int] = []
    for now_ns in range(0, 20 * S, 5 * MS):
        sent += [now_ns] * taken(limits, "orders", now_ns)
    first = sum(1 for at_ns in sent if at_ns < 10 * S)
    second = sum(1 for at_ns in sent if 5 * S <= at_ns < 15 * S)
    assert max(first, second) <= 3_500


def test_what_is_kept_back_is_there_for_the_urgent() -> None:
    limits = limiter(orders=15)
    assert taken(limits, "orders", 0, urgent=False) == 45
    assert (
        limits.figures("orders", 0, urgent=False)
        == "15 of 60 tokens for orders, 15 of them kept back; the next in 25 ms"
    )
    assert taken(limits, "orders", 0, urgent=True) == 15
    assert limits.wait_ns("orders", 0, urgent=True) == 25 * MS


def test_a_reserve_never_takes_more_than_half() -> None:
    assert taken(limiter(orders=1_000), "orders", 0, urgent=False) == 30


def test_a_lower_count_of_the_venue_is_believed_and_a_higher_one_is_not() -> None:
    limits = limiter()
    limits.seen(LimitsSeen("orders", 4, "Standard", None, 0), 0)
    limits.seen(LimitsSeen("orders", 50, "Standard", None, 0), 0)
    assert taken(limits, "orders", 0) == 4


def test_a_debt_of_cancels_has_to_come_back_first() -> None:
    limits = limiter()
    limits.seen(LimitsSeen("cancels", -40, "Standard", None, 0), 0)
    assert limits.wait_ns("cancels", 0, urgent=True) == 41 * S // 80


def test_nothing_is_sent_before_the_venue_wants_to_hear_of_us_again() -> None:
    limits = limiter()
    limits.seen(LimitsSeen("orders", 60, "Standard", 1_500, 0), 0)
    assert limits.wait_ns("orders", 500 * MS, urgent=True) == 1_000 * MS
    assert limits.wait_ns("cancels", 0, urgent=True) == 0, "the buckets are two"
    assert limits.take("orders", 1_500 * MS, urgent=True) == 0


def test_a_tier_that_the_venue_names_replaces_ours_and_brings_no_tokens_by_itself() -> None:
    limits = limiter()
    taken(limits, "orders", 0)
    limits.seen(LimitsSeen("orders", 300, "Silver", None, 0), 0)
    assert limits.wait_ns("orders", 0, urgent=True) == 5 * MS
    assert taken(limits, "orders", 10 * S) == 300


def test_a_tier_that_nobody_knows_changes_nothing() -> None:
    limits = limiter()
    limits.seen(LimitsSeen("orders", 60, "", None, 0), 0)
    assert taken(limits, "orders", 0) == 60


def test_a_refusal_holds_the_bucket_for_longer_each_time_never_for_the_same_and_the_other_one_not_at_all() -> None:
    limits = limiter()
    now_ns, pauses = 0, []
    for number in range(8):
        limits.seen(LimitsSeen("orders", 60, "", None, now_ns, refused=True), now_ns)
        wait_ns = limits.wait_ns("orders", now_ns, urgent=True)
        pauses.append(wait_ns)
        assert limits.wait_ns("cancels", now_ns, urgent=False) == 0
        now_ns += wait_ns + number * 77_000
    firsts = [1, 2, 4, 8, 16, 30, 30, 30]
    assert all(least * S <= pause < least * S * 5 // 4 for least, pause in zip(firsts, pauses, strict=True))
    assert len(set(pauses)) == len(pauses)


def test_many_refusals_of_one_moment_make_one_pause_and_what_is_taken_ends_the_row() -> None:
    limits = limiter()
    for _ in range(10):
        limits.seen(LimitsSeen("orders", 60, "", None, 0, refused=True), 0)
    assert limits.wait_ns("orders", 0, urgent=True) == S
    limits.seen(LimitsSeen("orders", 60, "Standard", None, S), S)
    limits.seen(LimitsSeen("orders", 60, "", 5_000, 2 * S, refused=True), 2 * S)
    wait_ns = limits.wait_ns("orders", 2 * S, urgent=True)
    assert 5 * S <= wait_ns < 5 * S * 5 // 4, "the venue's own word is longer"
    limits.seen(LimitsSeen("orders", 60, "Standard", None, 60 * S), 60 * S)
    limits.seen(LimitsSeen("orders", 60, "", None, 61 * S, refused=True), 61 * S)
    assert S <= limits.wait_ns("orders", 61 * S, urgent=True) < S * 5 // 4
