"""Whatever befalls a request: what is called refused does not rest, and what rests is never called refused."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.gate import Gate
from actors.venues.http_client import HttpClient
from actors.venues.polymarket.clob_client import ClobClient
from actors.venues.polymarket.clob_session import ClobSession, ReadFailed
from actors.venues.polymarket.verdicts import Cause, Fate
from models.markets import Market
from models.orders import TimeInForce
from tests.actors.venues.polymarket.local_venue import CLOCK, Trader, clear, market_of, sandbox, throw

HANGING = {"lose_request", "lose_answer", "late_answer", "dribble", "half_open", "partition"}
SHORT_S = 0.3


@pytest.fixture(scope="module")
def venue() -> Iterator[dict[str, Any]]:
    with sandbox() as told:
        yield told


@pytest.fixture
def market(venue: dict[str, Any]) -> Market:
    return market_of(venue["markets"][0])


@pytest.fixture
def trader(venue: dict[str, Any], tmp_path: Path) -> Iterator[Trader]:
    made = Trader(venue, venue["accounts"][0], Gate(tmp_path / "killed", CLOCK))
    yield made
    clear(venue)
    made.session.within_s = 5
    made.client.cancel_all()
    made.client.close()


def arm(venue: dict[str, Any], trader: Trader, fault: str, **more: Any) -> None:
    """Arm a fault; whoever is kept waiting by it does not wait long."""
    throw(venue, fault, **more)
    if fault in HANGING and more.get("manner", "never") == "never":
        trader.session.within_s = SHORT_S


def disarm(venue: dict[str, Any], trader: Trader) -> None:
    clear(venue)
    trader.session.within_s = 5


@pytest.fixture
def truth(venue: dict[str, Any], trader: Trader) -> Iterator[ClobClient]:
    """A client of its own, which asks when all faults are over."""
    client = ClobClient(ClobSession(HttpClient(venue["clob_url"]), trader.account, CLOCK, trader.credentials))
    yield client
    client.close()


@pytest.mark.parametrize(
    ("fault", "more", "fate", "cause", "rests"),
    [
        # F01 lost before the venue, F02 accepted and the answer lost, F03 answered too late.
        ("lose_request", {}, Fate.UNKNOWN, Cause.LOST, False),
        ("lose_request", {"manner": "reset"}, Fate.UNKNOWN, Cause.LOST, False),
        ("lose_answer", {}, Fate.UNKNOWN, Cause.LOST, True),
        ("lose_answer", {"manner": "reset"}, Fate.UNKNOWN, Cause.LOST, True),
        ("lose_answer", {"manner": "cut"}, Fate.UNKNOWN, Cause.LOST, True),
        ("late_answer", {"least": 1, "most": 1}, Fate.UNKNOWN, Cause.LOST, True),
        # F04 an error although it was booked.
        ("error_though_done", {}, Fate.UNKNOWN, Cause.UNAVAILABLE, True),
        ("error_though_done", {"status": 502}, Fate.UNKNOWN, Cause.UNAVAILABLE, True),
        ("error_though_done", {"status": 503}, Fate.UNKNOWN, Cause.UNAVAILABLE, True),
        # F05 cut, F06 dribbled, F07 a connection that ends.
        ("cut_answer", {}, Fate.UNKNOWN, Cause.LOST, True),
        ("cut_answer", {"how": "truncated"}, Fate.UNKNOWN, Cause.MALFORMED, True),
        ("reset_answer", {}, Fate.UNKNOWN, Cause.LOST, True),
        ("dribble", {}, Fate.UNKNOWN, Cause.LOST, True),
        # F10 and F13: too many, blocked. Without the limiter's headers nobody knows who said so.
        ("too_many", {"how": "retry_after"}, Fate.UNKNOWN, Cause.RATE_LIMITED, False),
        ("too_many", {"how": "bare", "done": True}, Fate.UNKNOWN, Cause.RATE_LIMITED, True),
        ("too_many", {"how": "html"}, Fate.UNKNOWN, Cause.RATE_LIMITED, False),
        ("forbidden", {}, Fate.REFUSED, Cause.BLOCKED, False),
        ("unauthorized", {"count": 1}, Fate.REFUSED, Cause.UNAUTHORISED, False),
        # F15 and F16: the modes of the venue. Post-only orders pass in post-only mode.
        ("restart", {"seconds": 30}, Fate.UNKNOWN, Cause.RESTARTING, False),
        ("post_only", {"seconds": 30}, Fate.DONE, Cause.NONE, True),
        ("cancel_only", {}, Fate.REFUSED, Cause.CANCEL_ONLY_MODE, False),
        ("disabled", {}, Fate.REFUSED, Cause.DISABLED, False),
        # F18 a bomb, F19 a redirect, F20 an open connection without a word.
        ("gzip_bomb", {"mib": 20}, Fate.UNKNOWN, Cause.LOST, False),
        ("redirect", {}, Fate.UNKNOWN, Cause.OTHER, False),
        # F51 and F55: refusals in words.
        ("post_only_crosses", {}, Fate.REFUSED, Cause.CROSSES, False),
        ("version_mismatch", {}, Fate.REFUSED, Cause.WRONG_GENERATION, False),
    ],
)
def test_an_order_comes_to_what_is_said_of_it(
    venue: dict[str, Any],
    trader: Trader,
    truth: ClobClient,
    market: Market,
    fault: str,
    more: dict[str, Any],
    fate: Fate,
    cause: Cause,
    rests: bool,
) -> None:
    signed = trader.signed(market, "0.01")
    arm(venue, trader, fault, **more)
    began = time.monotonic()
    verdict = trader.place(signed)
    assert (verdict.fate, verdict.cause) == (fate, cause)
    assert time.monotonic() - began < trader.session.within_s + 1
    disarm(venue, trader)
    assert (truth.order(signed.order_id) is not None) is rests

    # The identical bytes are safe to send again: there is one order, whatever came of the first time.
    again = trader.place(signed)
    assert again.fate is Fate.DONE
    assert (again.cause is Cause.DUPLICATE) is rests
    assert [order.order_id for order in truth.open_orders()] == [signed.order_id]


def test_an_order_that_needs_to_take_is_refused_after_a_restart(
    venue: dict[str, Any], trader: Trader, truth: ClobClient, market: Market
) -> None:
    throw(venue, "post_only", seconds=30)
    signed = trader.signed(market, "0.01")
    verdict = trader.place(signed, post_only=False)
    assert (verdict.fate, verdict.cause) == (Fate.REFUSED, Cause.POST_ONLY_MODE)
    assert verdict.retry_after_s is not None
    assert 0 < verdict.retry_after_s <= 30
    clear(venue)
    assert truth.order(signed.order_id) is None


def test_an_order_that_was_killed_is_refused(venue: dict[str, Any], trader: Trader, market: Market) -> None:
    throw(venue, "killed")
    signed = trader.signed(market, "0.5", time_in_force=TimeInForce.FOK)
    verdict = trader.place(signed, TimeInForce.FOK, post_only=False)
    assert (verdict.fate, verdict.cause) == (Fate.REFUSED, Cause.UNFILLED)


@pytest.mark.fault("F10", "F11")
def test_an_empty_bucket_is_a_refusal_of_the_limiter(venue: dict[str, Any], market: Market, tmp_path: Path) -> None:
    """On an account of its own, whose bucket nobody else needs."""
    trader = Trader(venue, venue["accounts"][2], Gate(tmp_path / "killed", CLOCK))
    throw(venue, "drain_bucket", account=trader.account.key.address, bucket="orders")
    orders = [trader.signed(market, "0.01") for _ in range(20)]
    verdicts = [trader.place(order) for order in orders]
    refused = [verdict for verdict in verdicts if verdict.fate is not Fate.DONE]
    assert refused
    for verdict in refused:
        assert (verdict.fate, verdict.cause) == (Fate.REFUSED, Cause.RATE_LIMITED)
        assert verdict.retry_after_s is not None
        assert trader.client.order(verdict.order_id) is None
    assert trader.session.rate_limit is not None
    trader.client.cancel_all()
    trader.client.close()


@pytest.mark.fault("F07")
@pytest.mark.parametrize("manner", ["stale", "last"])
def test_a_connection_that_ends_unsaid_costs_no_order(
    venue: dict[str, Any], trader: Trader, market: Market, manner: str
) -> None:
    """F07: the next request goes out on a new connection, unless it may have been heard on the old one."""
    throw(venue, "stale_connection", manner=manner)
    assert trader.client.version() == 2
    signed = trader.signed(market, "0.01")
    if trader.place(signed).fate is not Fate.DONE:
        again = trader.place(signed)
        assert again.fate is Fate.DONE
    throw(venue, "close_idle")
    other = trader.signed(market, "0.02")
    assert trader.place(other).fate in {Fate.DONE, Fate.UNKNOWN}
    assert trader.place(other).fate is Fate.DONE


@pytest.mark.parametrize("fault", ["half_open", "partition"])
def test_a_line_without_a_word_costs_no_more_than_the_deadline(
    venue: dict[str, Any], trader: Trader, truth: ClobClient, market: Market, fault: str
) -> None:
    assert trader.client.version() == 2
    arm(venue, trader, fault, line="http")
    began = time.monotonic()
    signed = trader.signed(market, "0.01")
    verdict = trader.place(signed)
    assert (verdict.fate, verdict.cause) == (Fate.UNKNOWN, Cause.LOST)
    assert time.monotonic() - began < SHORT_S + 1
    disarm(venue, trader)
    assert trader.place(signed).fate is Fate.DONE


@pytest.mark.fault("F22")
@pytest.mark.parametrize("how", ["repeat", "endless"])
def test_a_list_that_does_not_end_is_an_error(venue: dict[str, Any], trader: Trader, market: Market, how: str) -> None:
    """F22: incomplete is not empty, and not what there is."""
    assert trader.place(trader.signed(market, "0.01")).fate is Fate.DONE
    throw(venue, "pages", how=how)
    with pytest.raises(ReadFailed):
        trader.client.open_orders()
    clear(venue)
    assert len(trader.client.open_orders()) == 1


@pytest.mark.parametrize("fault", ["cut_answer", "reset_answer", "dribble", "gzip_bomb", "too_many", "redirect"])
def test_a_read_that_fails_is_no_answer(venue: dict[str, Any], trader: Trader, market: Market, fault: str) -> None:
    signed = trader.signed(market, "0.01")
    assert trader.place(signed).fate is Fate.DONE
    for read in (trader.client.open_orders, lambda: trader.client.order(signed.order_id), trader.client.balance):
        arm(venue, trader, fault)
        with pytest.raises(ReadFailed):
            read()
        disarm(venue, trader)
    assert len(trader.client.open_orders()) == 1


def test_a_cancel_whose_answer_is_lost_is_unknown_and_can_be_repeated(
    venue: dict[str, Any], trader: Trader, market: Market
) -> None:
    signed = trader.signed(market, "0.01")
    assert trader.place(signed).fate is Fate.DONE
    arm(venue, trader, "lose_answer", method="DELETE")
    assert trader.client.cancel(signed.order_id).fate is Fate.UNKNOWN
    disarm(venue, trader)
    again = trader.client.cancel(signed.order_id)
    assert (again.fate, again.cause) == (Fate.REFUSED, Cause.GONE)
    assert trader.client.open_orders() == ()


def test_a_second_writer_shows_in_the_heartbeats(venue: dict[str, Any], tmp_path: Path) -> None:
    """F61, on an account of its own."""
    trader = Trader(venue, venue["accounts"][2], Gate(tmp_path / "killed", CLOCK))
    first = trader.client.heartbeat()
    throw(venue, "second_writer")
    second = trader.client.heartbeat(first.heartbeat_id)
    beats = [second, trader.client.heartbeat(second.heartbeat_id)]
    clear(venue)
    assert not all(beat.accepted for beat in beats)
    trader.client.close()
