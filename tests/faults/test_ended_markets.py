"""Markets that end while we quote in them: nothing goes there any more, and what is held is worth what they paid."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.cells import TradingState
from models.markets import NO, Market
from models.messages.orders import SubmitOrder
from models.orders import OrderState
from models.units import DOLLAR, ONE, SHARE
from tests.bin.processes import Sandbox, sandbox
from tests.faults.by_hand import Hand, by_hand
from tests.faults.journal import journalled, life
from tests.faults.live_engine import clear, live

_WORLD = ("--port", 0, "--profile", "demo", "--markets-count", 12, "--seed", 8, "--accounts", 4)


@pytest.fixture(scope="module")
def house() -> Iterator[Sandbox]:
    with sandbox(*_WORLD) as venue:
        yield venue


@pytest.fixture
def venue(house: Sandbox) -> Iterator[Sandbox]:
    yield house
    clear(house)


@pytest.mark.proves("I22")
@pytest.mark.fault("F57")
def test_a_market_that_is_resolved_while_we_quote_takes_our_orders_with_it_and_gets_no_more(
    venue: Sandbox, tmp_path: Path
) -> None:
    with live(venue, 0, tmp_path, flow__threshold="1000000") as running:
        running.resume()
        running.until(lambda: len({order.market for order in running.board.orders.values()}) > 1, "it quotes")
        market = next(iter(running.board.orders.values())).market
        # One that is still on its way may be refused.
        ended = [one for one in running.board.orders.values() if one.market == market and one.state.value == "working"]
        venue.fault("resolve", market=running.engine.catalogue.markets[market].condition_id, outcome="Yes")
        running.until(lambda: running.board.markets[market].payout_yes == ONE, "it is heard")
        resolved_ns = running.engine.clock.now_ns()
        running.until(lambda: running.board.markets[market].state is TradingState.HALTED, "it is halted")
        running.until(lambda: ("venue", "market_resolved") in running.cells(), "it says why")
        running.until(lambda: not running.board.open_orders(market), "nothing of ours is open there")
        running.until(
            lambda: all(life(running, order)[-1].state in (OrderState.CANCELLED, OrderState.FILLED) for order in ended),
            "all is journalled",
        )
        before = len(running.placed())
        running.until(lambda: len(running.placed()) >= before + 3, "it trades on elsewhere")
        late = [entry for entry in journalled(running, SubmitOrder) if entry.submitted_ns > resolved_ns]
        assert late
        assert market not in {entry.order.market for entry in late}


@pytest.mark.fault("F57")
def test_a_winning_position_is_worth_a_dollar_a_share_and_a_losing_one_nothing(venue: Sandbox, tmp_path: Path) -> None:
    with by_hand(venue, 1, tmp_path) as hand:
        won, lost = hand.market(), hand.market()
        for market in (won, lost):
            hand.bought(market, "0.05")
            hand.settles(market)
        resting = hand.rests(won)
        venue.fault("resolve", market=won.condition_id, outcome="Yes")
        venue.fault("resolve", market=lost.condition_id, outcome="No")
        last = hand.end(resting)
        assert (last.state, last.filled) == (OrderState.CANCELLED, 0)
        for market, paid in ((won, 5 * DOLLAR), (lost, 0)):
            hand.until(lambda market=market: hand.state(market) is TradingState.HALTED, "it is halted")
            profit = hand.until(lambda market=market: _realized(hand, market), "it is valued")
            assert profit == paid - 250_000
        denied = hand.denied().get("halted", 0)
        hand.ask(won, "0.01")
        hand.until(lambda: hand.denied().get("halted", 0) == denied + 1, "nothing is placed there")


@pytest.mark.proves("I22")
@pytest.mark.fault("F58")
def test_a_void_market_is_worth_half_a_dollar_a_share_on_both_sides(venue: Sandbox, tmp_path: Path) -> None:
    with by_hand(venue, 2, tmp_path) as hand:
        market = hand.market()
        hand.bought(market, "0.05")
        hand.bought(market, "0.05", 10 * SHARE, outcome=NO)
        hand.settles(market)
        venue.fault("void", market=market.condition_id)
        hand.until(lambda: hand.running.board.markets[market.id].payout_yes == ONE // 2, "it is void")
        hand.until(lambda: hand.state(market) is TradingState.HALTED, "it is halted")
        profit = hand.until(lambda: _realized(hand, market), "it is valued")
        assert profit == 15 * DOLLAR // 2 - 750_000


@pytest.mark.fault("F58")
def test_markets_of_an_event_that_end_one_by_one_leave_its_risk_one_by_one(tmp_path: Path) -> None:
    with sandbox(*_WORLD) as fresh, by_hand(fresh, 1, tmp_path) as hand:
        catalogue = hand.running.engine.catalogue
        group = next(group for group in catalogue.groups.values() if group.neg_risk and len(group.markets) == 3)
        event = [catalogue.markets[one] for one in group.markets]
        for market in event:
            hand.until(lambda market=market: hand.state(market) is TradingState.ACTIVE, "it may be traded")
            hand.bought(market, "0.02")
            hand.settles(market)
            hand.until(lambda market=market: hand.exposure(market).worst_case == _COST, "risk counts it")
        winner, losers = event[0], event[1:]
        fresh.fault("resolve_event", market=winner.condition_id, gap=1)
        for market in (*losers, winner):
            hand.until(lambda market=market: hand.state(market) is TradingState.HALTED, "one after the other")
            hand.until(lambda market=market: _realized(hand, market), "it is valued")
            hand.until(lambda market=market: hand.exposure(market).worst_case == 0, "it risks nothing any more")
        assert [_realized(hand, market) for market in event] == [5 * DOLLAR - _COST, -_COST, -_COST]


_COST = 100_000
_OVER = {OrderState.CANCELLED, OrderState.FILLED}


def _realized(hand: Hand, market: Market) -> int:
    """What a desk won or lost in a market that has paid, 0 before."""
    return hand.running.board.desks["desk", market.id].position.realized
