"""What can be lost and what is tied up: each limit trips, is nearly reached, and leaves hedges and exits alone."""

from typing import Any

import pytest

from models.cells import TradingState
from models.controls.control import Guard
from models.controls.worst_cases import WorstCases
from models.exposure import Exposures
from models.limits import RiskParameters
from models.markets import NO, YES, Group, Market, Outcome, Side
from models.messages.base import Message
from models.messages.control import RaiseCell, Reading, ReadRisk, RiskRead, TradingStateChanged
from models.messages.orders import (
    CancelMarket,
    FillCounted,
    FillSettled,
    FillVoided,
    IntentDenied,
    PlaceBundle,
    PlaceOrder,
)
from models.messages.runtime import WakeAt, Woke
from models.orders import OrderState
from models.units import DOLLAR
from tests.models.supervisor import MARKETS, MS, M, N, Supervisor, states

HUNDRED: dict[str, Any] = {"wallet_usd": 100 * DOLLAR}
EVENT = {name: Market(name, f"slug-{name}", ("1", "2"), neg_risk=True, group="event") for name in (M, N, "o")}


def supervisor(
    groups: dict[str, Group] | None = None, markets: dict[str, Market] = MARKETS, **limits: object
) -> Supervisor:
    """Only what can be lost is limited, with a wallet of $100."""
    most = {"token_tied_up": 1, "market_worst_case": 1, "event_worst_case": 1, "total_worst_case": 1, "total_net": 1}
    parameters = RiskParameters(**HUNDRED | most | limits)  # pyright: ignore[reportArgumentType]

    def guards(exposures: Exposures) -> tuple[Guard, ...]:
        return (WorstCases(parameters, exposures, groups or {}),)

    return Supervisor(markets=markets, guards=guards, **HUNDRED)


def passes(answer: str | PlaceOrder) -> bool:
    return isinstance(answer, PlaceOrder)


def settled(risk: Supervisor, bought: str | PlaceOrder | FillCounted) -> None:
    fill = bought if isinstance(bought, FillCounted) else risk.fill(bought)[1]
    risk.tell(FillSettled(fill, risk.now_ns))


def late(risk: Supervisor, outcome: Outcome, dollars: int, market: str = M) -> tuple[tuple[Message, ...], FillCounted]:
    """Fill an order that nobody counted on any more, at 0.50."""
    order = risk.order(outcome, 5_000, 2 * dollars, market=market)
    return risk.fill(order)


# A token


@pytest.mark.proves("I12")
@pytest.mark.control("token_tied_up", "trips")
@pytest.mark.control("token_tied_up", "nearly")
def test_a_token_ties_up_no_more_than_its_share_of_the_wallet_pairs_included() -> None:
    risk = supervisor(token_tied_up=0.1)
    risk.fill(risk.place(YES, 5_000, 10))
    risk.fill(risk.place(NO, 4_000, 10))
    assert passes(risk.place(YES, 5_000, 10)), "$10, the limit"
    assert risk.place(YES, 100, 1) == "token_tied_up"
    assert passes(risk.place(NO, 4_000, 10)), "the other token is another one"


@pytest.mark.control("token_tied_up", "blocks")
def test_what_completes_pairs_or_sells_passes_a_token_that_ties_up_too_much() -> None:
    risk = supervisor(token_tied_up=0.1)
    settled(risk, risk.place(NO, 5_000, 20))
    settled(risk, late(risk, YES, 15)[1])
    assert risk.place(YES, 4_000, 1) == "hedge_only"
    assert passes(risk.place(NO, 4_000, 5)), "it ties up more of NO than it may, and completes pairs"
    assert passes(risk.place(YES, 6_000, 5, side=Side.SELL))
    assert risk.place(NO, 4_000, 20) == "hedge_only"


# A market


@pytest.mark.proves("I12")
@pytest.mark.control("market_worst_case", "trips")
@pytest.mark.control("market_worst_case", "nearly")
def test_the_worst_case_of_a_market_is_limited_by_its_share_of_the_wallet() -> None:
    risk = supervisor(market_worst_case=0.1)
    assert passes(risk.place(YES, 5_000, 20)), "$10, the limit"
    assert risk.place(YES, 4_900, 5) == "market_worst_case"
    assert passes(risk.place(YES, 5_000, 20, market=N))


@pytest.mark.control("market_worst_case", "blocks")
def test_the_other_leg_passes_a_market_at_its_limit_before_and_after_the_fill() -> None:
    risk = supervisor(market_worst_case=0.1)
    order = risk.place(YES, 5_000, 20)
    assert passes(risk.place(NO, 4_000, 20)), "it loses only where the first one wins"
    risk.fill(order)
    late(risk, YES, 5)
    assert passes(risk.place(NO, 4_900, 10))


# An event


@pytest.mark.proves("I12")
@pytest.mark.control("event_worst_case", "trips")
@pytest.mark.control("event_worst_case", "nearly")
def test_an_event_loses_what_its_worst_result_takes_and_not_the_sum_of_its_markets() -> None:
    risk = supervisor(markets=EVENT, event_worst_case=0.1)
    for market in EVENT:
        assert passes(risk.place(NO, 5_000, 15, market=market)), "one of the three can lose its 7.50, no more"
    assert risk.place(YES, 4_000, 20) == "event_worst_case", "no market resolves YES: 8 are lost, and nothing is won"


@pytest.mark.parametrize(("exhaustive", "answer"), [(True, "passes"), (False, "event_worst_case")])
def test_the_last_yes_of_a_set_is_lost_only_where_it_is_not_proven_that_one_of_them_wins(
    exhaustive: bool, answer: str
) -> None:
    group = Group("event", "title", tuple(EVENT), neg_risk=True, exhaustive=exhaustive)
    risk = supervisor({"event": group}, EVENT, event_worst_case=0.1)
    for market in (M, N):
        late(risk, YES, 6, market)
    placed = risk.place(YES, 4_000, 12, market="o")
    assert (placed if isinstance(placed, str) else "passes") == answer


@pytest.mark.control("event_worst_case", "blocks")
def test_a_hedge_passes_an_event_beyond_its_limit() -> None:
    risk = supervisor(markets=EVENT, event_worst_case=0.1)
    for market in (M, N):
        late(risk, YES, 6, market)
    assert risk.place(YES, 4_900, 5, market="o") == "event_worst_case"
    assert passes(risk.place(NO, 4_000, 12))


# Everything


@pytest.mark.proves("I12")
@pytest.mark.control("total_worst_case", "trips")
@pytest.mark.control("total_worst_case", "nearly")
def test_the_worst_cases_of_all_markets_are_limited_together() -> None:
    risk = supervisor(total_worst_case=0.15)
    assert passes(risk.place(YES, 5_000, 20))
    assert risk.place(YES, 5_000, 20, market=N) == "total_worst_case"
    assert passes(risk.place(YES, 5_000, 10, market=N)), "$15, the limit"


@pytest.mark.control("total_worst_case", "blocks")
def test_the_other_leg_passes_a_total_at_its_limit() -> None:
    risk = supervisor(total_worst_case=0.15)
    risk.fill(risk.place(YES, 5_000, 10))
    assert passes(risk.place(YES, 5_000, 20, market=N))
    assert risk.place(NO, 4_900, 50, market=N) == "total_worst_case"
    assert passes(risk.place(NO, 4_900, 10))


def test_the_legs_of_a_bundle_count_together() -> None:
    def denials(limit: float) -> list[str]:
        risk = supervisor(total_worst_case=limit)
        legs = tuple(risk.order(YES, 3_000, 10, market=market) for market in (M, N))
        out = risk.tell(PlaceBundle("b", "tag", "g", legs, 10_000, risk.now_ns))
        return [message.reason for message in out if isinstance(message, IntentDenied)]

    assert denials(0.06) == []
    assert denials(0.05) == ["total_worst_case"] * 2


@pytest.mark.control("total_net", "trips")
@pytest.mark.control("total_net", "nearly")
def test_yes_may_not_outweigh_no_over_all_markets_beyond_the_limit() -> None:
    risk = supervisor(total_net=0.2)
    risk.fill(risk.place(YES, 5_000, 30))
    assert passes(risk.place(YES, 5_000, 10, market=N)), "$20, the limit"
    assert risk.place(YES, 5_000, 1, market=N) == "total_net"
    assert passes(risk.place(NO, 5_000, 40, market=N)), "what weighs against it"


def test_no_may_not_outweigh_yes_either_and_a_bundle_counts_whole() -> None:
    def denials(limit: float) -> list[str]:
        risk = supervisor(total_net=limit)
        legs = tuple(risk.order(NO, 5_000, 20, market=market) for market in (M, N))
        out = risk.tell(PlaceBundle("b", "tag", "g", legs, 10_000, risk.now_ns))
        return [message.reason for message in out if isinstance(message, IntentDenied)]

    assert denials(0.2) == []
    assert denials(0.19) == ["total_net"] * 2


@pytest.mark.control("total_net", "blocks")
def test_a_hedge_and_a_sale_pass_a_net_beyond_its_limit() -> None:
    risk = supervisor(markets=EVENT, total_net=0.2)
    settled(risk, risk.place(YES, 5_000, 30))
    late(risk, YES, 10, N)
    assert risk.place(YES, 5_000, 1, market="o") == "reducing"
    assert passes(risk.place(NO, 9_000, 10))
    assert passes(risk.place(YES, 5_000, 10, side=Side.SELL))


def test_a_sale_out_of_pairs_leans_on_no_limit_of_the_bids() -> None:
    risk = supervisor(token_tied_up=0.2, total_net=0.2)
    settled(risk, risk.place(YES, 5_000, 40))
    settled(risk, risk.place(NO, 5_000, 40))
    assert passes(risk.place(YES, 6_000, 10, side=Side.SELL))


# Beyond the limit all the same


@pytest.mark.control("gross", "trips")
@pytest.mark.control("net", "trips")
@pytest.mark.parametrize(("source", "limit"), [("gross", "total_worst_case"), ("net", "total_net")])
def test_a_total_that_fills_carry_beyond_its_limit_reduces_everything(source: str, limit: str) -> None:
    limits: dict[str, Any] = {limit: 0.2}
    risk = supervisor(**limits)
    out, _ = late(risk, YES, 21)
    assert states(out) == {M: TradingState.REDUCING, N: TradingState.REDUCING}
    assert (source, limit) in cells(out, N)
    assert CancelMarket(N, limit) in out, "what rests there could open"


@pytest.mark.control("gross", "nearly")
@pytest.mark.control("net", "nearly")
def test_a_total_at_its_limit_reduces_nothing() -> None:
    risk = supervisor(total_worst_case=0.2, total_net=0.2)
    assert cells(late(risk, YES, 20)[0], M) == [("inventory", "hedge_only")], "the naked leg's own cell"


@pytest.mark.control("gross", "blocks")
@pytest.mark.control("net", "blocks")
def test_while_reduced_nothing_opens_anywhere_and_hedges_pass() -> None:
    risk = supervisor(total_worst_case=0.2, total_net=0.2)
    late(risk, YES, 21)
    assert risk.place(YES, 5_000, 5, market=N) == "reducing"
    assert passes(risk.place(NO, 4_000, 42))


def test_orders_that_fill_as_they_were_approved_reduce_nothing() -> None:
    risk = supervisor(total_worst_case=0.2, total_net=0.2)
    order = risk.place(YES, 5_000, 40)
    out, _ = risk.fill(order)
    assert cells(out, N) == []


def test_it_opens_again_well_below_the_limit_and_after_a_while_alone() -> None:
    risk = supervisor(total_worst_case=0.2)
    late(risk, YES, 17, N)
    little, more = late(risk, YES, 2)[1], late(risk, YES, 2)[1]
    assert not wakes(risk.tell(FillVoided(more, risk.now_ns))), "19 is not below 90 % of 20"
    assert wakes(risk.tell(FillVoided(little, risk.now_ns))) == [risk.now_ns + 300_000 * MS]
    risk.now_ns += 200_000 * MS
    again = late(risk, YES, 2)[1]
    assert wakes(risk.tell(FillVoided(again, risk.now_ns))) == [risk.now_ns + 300_000 * MS]
    risk.now_ns += 100_000 * MS
    assert states(risk.tell(Woke("worst_cases"))) == {}, "it has been below for 100 s"
    risk.now_ns += 200_000 * MS
    assert states(risk.tell(Woke("worst_cases"))) == {M: TradingState.ACTIVE, N: TradingState.REDUCING}, (
        "N has a naked leg"
    )


def test_a_supervisor_that_takes_anothers_place_reduces_again() -> None:
    exposures = Exposures(MARKETS)
    guard = WorstCases(RiskParameters(wallet_usd=10 * DOLLAR), exposures)
    exposures.of(M).moved("tag", late(supervisor(), YES, 7)[1])
    assert guard.recalled(0) == ()
    exposures.recount()
    raised = guard.recalled(0)
    assert [cell.source for cell in raised if isinstance(cell, RaiseCell)] == ["gross", "net"]


def test_it_says_what_each_limit_has_used_up() -> None:
    risk = supervisor(markets=EVENT, market_worst_case=0.5)
    risk.fill(risk.place(YES, 5_000, 20))
    order = risk.place(NO, 4_000, 10)
    assert isinstance(order, PlaceOrder)
    risk.tell(risk.changed(order, OrderState.WORKING))
    (answer,) = risk.tell(ReadRisk("r"))
    assert isinstance(answer, RiskRead)
    assert answer.readings == (
        Reading("total_worst_case", "all", 10, 100, "dollars"),
        Reading("total_net", "all", 10, 100, "dollars"),
        Reading("gross", "all", 10, 100, "dollars"),
        Reading("net", "all", 10, 100, "dollars"),
        Reading("market_worst_case", "slug-m", 10, 50, "dollars", note="at risk; 14 tied up"),
        Reading("token_tied_up", "slug-m YES", 10, 100, "dollars"),
        Reading("token_tied_up", "slug-m NO", 4, 100, "dollars"),
        Reading("event_worst_case", "event event", 10, 100, "dollars"),
    )


def cells(out: tuple[Message, ...], market: str) -> list[tuple[str, str]]:
    said = [said.cells for said in out if isinstance(said, TradingStateChanged) and said.market == market]
    return [(cell.source, cell.reason) for cell in said[-1]] if said else []


def wakes(out: tuple[Message, ...]) -> list[int | None]:
    return [said.at_ns for said in out if isinstance(said, WakeAt)]
