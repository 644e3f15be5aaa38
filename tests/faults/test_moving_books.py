"""Prices that jump, liquidity that vanishes, quotes that flicker: nothing is chased, and orders stay within bounds."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.markets import NO
from models.messages.orders import SubmitOrder
from models.units import ONE
from tests.bin.processes import Sandbox, sandbox
from tests.faults.by_hand import by_hand
from tests.faults.journal import agree, journalled
from tests.faults.live_engine import LiveEngine, clear, live, log

_WORLD = ("--port", 0, "--profile", "demo", "--markets-count", 1, "--seed", 9, "--accounts", 4)
_S = 1_000_000_000
_PAIR = 9_900


@pytest.fixture(scope="module")
def house() -> Iterator[Sandbox]:
    with sandbox(*_WORLD) as venue:
        yield venue


@pytest.fixture
def venue(house: Sandbox) -> Iterator[Sandbox]:
    yield house
    clear(house)


@pytest.mark.fault("F63")
def test_a_naked_leg_does_not_chase_a_price_that_jumped(venue: Sandbox, tmp_path: Path) -> None:
    with by_hand(venue, 0, tmp_path, phase__flat_band="0") as hand:
        (market,) = hand.running.engine.catalogue.markets.values()
        bought = hand.bought(hand.market(), "0.05")
        hand.until(lambda: hand.cells(market).get("inventory") == "hedge_only", "only a hedge may go out")
        for price in ("0.95", "0.03", "0.95"):
            venue.fault("gap", market=market.condition_id, price=price)
            _passes(hand.running, 1)
        sent = [entry.order for entry in journalled(hand.running, SubmitOrder)]
        hedges = [order for order in sent if order.reason != "test"]
        assert all(order.outcome == NO for order in hedges), "nothing adds to the leg"
        assert all(order.price <= _PAIR - bought.price for order in hedges), "no pair costs more than it may"
        assert all(order.post_only for order in hedges)
        assert max(Counter(order.created_ns // _S for order in hedges).values(), default=0) <= 5
        hand.settles(market)
        assert hand.exposure(market).net_shares >= 0
        assert hand.exposure(market).worst_case <= 250_000


@pytest.mark.fault("F63")
def test_quotes_after_a_jump_are_made_from_the_new_book_and_none_where_liquidity_is_gone(
    venue: Sandbox, tmp_path: Path
) -> None:
    with live(venue, 1, tmp_path, flow__threshold="1000000") as running:
        (market,) = running.engine.catalogue.markets.values()
        running.resume()
        running.quotes()
        venue.fault("gap", market=market.condition_id, price="0.95")
        _passes(running, 2)
        venue.fault("gap", market=market.condition_id, how="vanish")
        _passes(running, 1)
        for entry in (entry.order for entry in journalled(running, SubmitOrder)):
            assert entry.post_only
            assert 0 < entry.price < ONE
        taken = [line for line in log(venue, "trade") if line.get("account") == venue.said["accounts"][1]["address"]]
        assert not taken, "we were never the taker"
        line = running.board.markets[market.id]
        assert line.exposure is not None
        assert line.exposure.worst_case <= 75_000_000, "15 % of the wallet"
        agree(running)


@pytest.mark.proves("I18")
@pytest.mark.fault("F64")
def test_a_quote_that_flickers_moves_ours_no_faster_than_the_cap_and_is_no_toxic_flow(
    venue: Sandbox, tmp_path: Path
) -> None:
    with live(venue, 2, tmp_path) as running:
        (market,) = running.engine.catalogue.markets.values()
        running.resume()
        running.quotes()
        began_ns = running.engine.clock.now_ns()
        for side in ("BUY", "SELL"):
            venue.fault("flicker", market=market.condition_id, side=side, seconds=3)
        _passes(running, 4)
        placed = [one.submitted_ns for one in journalled(running, SubmitOrder) if one.submitted_ns >= began_ns]
        assert _most_within_a_second(placed) <= 10, "a side is placed at most five times a second"
        repriced = running.board.counts.cancels_by_reason.get("reprice", 0)
        assert repriced <= 5 * 8, "five a second"
        assert len(running.board.orders) <= 4
        agree(running)


def _passes(running: LiveEngine, seconds: float) -> None:
    until_ns = running.engine.clock.now_ns() + int(seconds * _S)
    running.until(lambda: running.engine.clock.now_ns() > until_ns, "time passes")


def _most_within_a_second(times: list[int]) -> int:
    return max((sum(at <= other < at + _S for other in times) for at in times), default=0)
