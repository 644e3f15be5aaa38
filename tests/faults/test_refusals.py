"""Orders that the venue refuses again and again: priced anew, left alone, or an end to everything; never hammered."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.cells import TradingState
from models.markets import YES, Outcome, Side
from models.messages.orders import OrderChanged, SubmitOrder
from models.orders import OrderState
from models.units import SHARE
from tests.bin.processes import Sandbox, sandbox
from tests.faults.by_hand import by_hand
from tests.faults.journal import agree, journalled
from tests.faults.live_engine import LiveEngine, clear, live

_WORLD = ("--port", 0, "--profile", "demo", "--markets-count", 1, "--seed", 9, "--accounts", 5)
_S = 1_000_000_000
_BOTH_QUOTED = {
    "flow__threshold": "1000000",
    "phase__flat_band": "1000",
    "inventory__max_net_diff": "1000",
    "inventory__max_position_value": "1000",
}
"""Settings under which a leg that is filled meanwhile does not stop the quote on its token."""


@pytest.fixture(scope="module")
def house() -> Iterator[Sandbox]:
    with sandbox(*_WORLD) as venue:
        yield venue


@pytest.fixture
def venue(house: Sandbox) -> Iterator[Sandbox]:
    yield house
    clear(house)


@pytest.mark.fault("F51")
def test_a_quote_that_would_cross_is_priced_anew_and_tried_no_more_than_three_times_a_minute(
    venue: Sandbox, tmp_path: Path
) -> None:
    with live(venue, 0, tmp_path, **_BOTH_QUOTED) as running:
        venue.fault("post_only_crosses", account=_address(venue, 0), count=1)
        running.resume()
        running.until(lambda: running.board.counts.rejects >= 1, "the first is refused")
        running.quotes()
        venue.fault("post_only_crosses", account=_address(venue, 0), seconds=120)
        for outcome in (0, 1):
            running.until(lambda outcome=outcome: _refused(running, outcome) >= 3, "all are refused")
        until_ns = running.engine.clock.now_ns() + 4 * _S
        running.until(lambda: running.engine.clock.now_ns() > until_ns, "time passes")
        for outcome in (0, 1):
            assert _refused(running, outcome) <= 4, "three in a minute, and the one before"
        assert running.states() <= {TradingState.ACTIVE, TradingState.REDUCING}, "a refusal is no failure"
        agree(running)


@pytest.mark.fault("F53")
def test_a_token_for_which_the_venue_sees_no_balance_is_tried_less_and_less_while_others_go_on_and_people_are_told(
    venue: Sandbox, tmp_path: Path
) -> None:
    with live(venue, 1, tmp_path, flow__threshold="1000000") as running:
        (market,) = running.engine.catalogue.markets.values()
        venue.fault(
            "balance_stuck", market=market.condition_id, outcome=venue.said["markets"][0]["outcomes"][0], seconds=120
        )
        running.resume()
        running.until(lambda: _refused(running, YES) >= 3, "it is refused")
        until_ns = running.engine.clock.now_ns() + 4 * _S
        running.until(lambda: running.engine.clock.now_ns() > until_ns, "time passes")
        assert _refused(running, YES) == 3
        told = [line for line in running.board.log if line.level == "WARNING" and "not enough balance" in line.text]
        assert len(told) == 3

        def others() -> list[OrderChanged]:
            return [one for one in journalled(running, OrderChanged) if one.outcome != YES]

        running.until(lambda: any(one.state is OrderState.WORKING for one in others()), "the other token is quoted")
        assert not any(one.state is OrderState.REJECTED for one in others())
        agree(running)


@pytest.mark.fault("F53")
def test_a_leg_whose_hedge_is_refused_leaves_its_market_reducing(venue: Sandbox, tmp_path: Path) -> None:
    with by_hand(venue, 2, tmp_path, phase__flat_band="0") as hand:
        market = hand.market()
        venue.fault(
            "balance_stuck", market=market.condition_id, outcome=venue.said["markets"][0]["outcomes"][1], seconds=120
        )
        hand.bought(market, "0.05")
        hand.until(lambda: hand.cells(market).get("inventory") == "hedge_only", "only a hedge may go out")
        assert hand.state(market) is TradingState.REDUCING
        hand.until(lambda: _refused(hand.running, 1) >= 1, "the hedge is refused")
        denied = hand.denied().get("hedge_only", 0)
        hand.ask(market, "0.01")
        hand.until(lambda: hand.denied().get("hedge_only", 0) == denied + 1, "nothing adds to the leg")
        hand.settles(market)
        assert hand.rests(market, "0.99", side=Side.SELL), "it may be sold"


@pytest.mark.fault("F55")
def test_another_generation_of_the_protocol_halts_everything_and_nothing_is_signed_anew(
    venue: Sandbox, tmp_path: Path
) -> None:
    with by_hand(venue, 3, tmp_path) as hand:
        market = hand.market()
        venue.fault("version_mismatch", account=_address(venue, 3), seconds=120)
        order = hand.ask(market, "0.01")
        last = hand.end(order)
        assert (last.state, "order_version_mismatch" in last.reason) == (OrderState.REJECTED, True)
        hand.until(lambda: hand.running.states() == {TradingState.HALTED}, "everything halts")
        assert "order_version_mismatch" in hand.cells(market)["venue"]
        posts = len(hand.posts())
        for _ in range(5):
            hand.ask(market, "0.01", 6 * SHARE)
        hand.until(lambda: hand.denied().get("halted", 0) >= 1, "all is refused here")
        assert posts == len(hand.posts()) == 1, "one request in all"
        assert [entry.order.intent for entry in journalled(hand.running, SubmitOrder)] == [order.intent]


def _address(venue: Sandbox, number: int) -> str:
    return venue.said["accounts"][number]["address"]


def _outcome(venue: Sandbox, number: int) -> str:
    return venue.said["markets"][0]["outcomes"][number]


def _refused(running: LiveEngine, outcome: Outcome) -> int:
    """How many orders of a token the venue refused."""
    changes = journalled(running, OrderChanged)
    return sum(one.state is OrderState.REJECTED and one.outcome == outcome for one in changes)
