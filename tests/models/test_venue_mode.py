"""What the venue takes, by its own words, and until when they are believed."""

import pytest
from msgspec.structs import replace

from models.markets import Side
from models.messages.lanes import VenueModeSeen
from models.venue_mode import VenueGate
from tests.models.wishes import wish

MS = 1_000_000
S = 1_000 * MS
QUOTE = wish()
TAKE = replace(QUOTE, post_only=False)


def gate() -> VenueGate:
    return VenueGate(1_000, 4_000)


@pytest.mark.parametrize("mode", ["restarting", "cancel_only", "disabled"])
def test_a_venue_that_takes_nothing_is_sent_nothing(mode) -> None:
    venue = gate()
    venue.seen(VenueModeSeen(mode, "come back later", 10 * S, 0))
    refusal = venue.refusal(QUOTE, 4 * S)
    assert refusal is not None
    assert (refusal.reason, refusal.detail) == (mode, "come back later; asked again in 6000 ms")
    assert venue.refusal(QUOTE, 10 * S) is None


def test_while_it_takes_only_post_only_orders_a_take_waits() -> None:
    venue = gate()
    venue.seen(VenueModeSeen("post_only", "post-only mode", 79 * S, 0))
    assert venue.refusal(QUOTE, S) is None
    refusal = venue.refusal(TAKE, S)
    assert refusal is not None
    assert refusal.reason == "post_only"


def test_a_mode_without_an_end_is_tried_again_after_pauses_that_double() -> None:
    venue, now_ns, pauses = gate(), 0, []
    for _ in range(4):
        venue.seen(VenueModeSeen("restarting", "425", None, now_ns))
        began_ns = now_ns
        while venue.refusal(QUOTE, now_ns) is not None:
            now_ns += 100 * MS
        pauses.append((now_ns - began_ns) // MS)
    assert pauses == [1_000, 2_000, 4_000, 4_000]


def test_many_orders_that_hear_the_same_make_one_pause() -> None:
    venue = gate()
    for at_ns in (0, 10, 20):
        venue.seen(VenueModeSeen("restarting", "425", None, at_ns))
    assert venue.refusal(QUOTE, 1_000 * MS + 20) is None


def test_normal_is_normal_at_once_and_the_next_pause_is_a_first_one() -> None:
    venue = gate()
    venue.seen(VenueModeSeen("disabled", "503", None, 0))
    venue.seen(VenueModeSeen("disabled", "503", None, S))
    venue.seen(VenueModeSeen("normal", "an order was taken", None, 2 * S))
    assert venue.refusal(QUOTE, 2 * S) is None
    venue.seen(VenueModeSeen("disabled", "503", None, 3 * S))
    assert venue.refusal(QUOTE, 4 * S) is None


@pytest.mark.parametrize("mode", ["blocked", "closed_only"])
def test_a_word_that_is_meant_for_us_stays_whatever_else_is_said_until_a_person_says_resume(mode) -> None:
    venue = gate()
    venue.seen(VenueModeSeen(mode, "not you", None, 0))
    venue.seen(VenueModeSeen("restarting", "425", None, S))
    refusal = venue.refusal(QUOTE, 10_000 * S)
    assert refusal is not None
    assert (refusal.reason, refusal.detail) == (mode, "not you; asked again after `resume`")
    venue.resume()
    assert venue.refusal(QUOTE, S) is None


def test_who_may_only_close_may_sell() -> None:
    venue = gate()
    venue.seen(VenueModeSeen("closed_only", "address in closed only mode", None, 0))
    assert venue.refusal(wish(3, side=Side.SELL), S) is None
