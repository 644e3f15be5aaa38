"""Loss limits: what trips them, what does not, what they hold, and for how long."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from models.cells import TradingState
from models.controls.loss_rules import LossParameters
from models.engine import EngineParameters
from models.markets import NO, YES, Outcome, Side
from models.messages.control import Kill, KillLatched
from models.messages.losses import LossesNoted
from models.messages.market import MarketResolved
from models.messages.orders import (
    CancelMarket,
    FillVoided,
    IntentDenied,
    MergeChanged,
    PlaceOrder,
    PositionsRedeemed,
)
from models.orders import TimeInForce
from models.positions import cash_flow
from models.units import DOLLAR, ONE, SHARE, cash_of
from tests.models.controls.losing import DAY, HOUR, MINUTE, NOON, TAG, Losing, M, N, S

REDUCING, HALTED, KILLED = TradingState.REDUCING, TradingState.HALTED, TradingState.KILLED
FAR = LossParameters(hour_loss=0.25, day_loss=0.25, day_loss_kill=0.25, market_loss=0.25)
"""Only the drawdown is near."""
BOTH = {"hour_loss": REDUCING, "day_loss": REDUCING}


def denied(losing: Losing, side: Side = Side.BUY, *, outcome: Outcome = YES, market: str = M) -> str:
    """The word by which an order is refused; empty where it passes."""
    order = PlaceOrder(
        f"i{losing.now_ns}", TAG, market, outcome, side, 4_800, 5 * SHARE, True, TimeInForce.GTC, "", 1, losing.now_ns
    )
    answer = losing.tell(order)[0]
    return answer.reason if isinstance(answer, IntentDenied) else ""


def holding(bid: int, *, at_ns: int = NOON, parameters: LossParameters | None = None) -> Losing:
    """One who bought 100 shares at 0.60 and sees what they would bring, evaluated once since it has been so."""
    losing = Losing(at_ns=at_ns) if parameters is None else Losing(parameters, at_ns)
    losing.book(60, 62)
    losing.buy(100, 60)
    losing.book(bid, bid + 2)
    losing.later(2)
    return losing


# Within the day


@pytest.mark.control("day_loss", "trips")
def test_a_days_loss_is_told_with_its_limit_and_its_parts() -> None:
    losing = Losing(at_ns=NOON - HOUR)
    losing.lose(20)
    losing.now_ns = NOON
    losing.book(60, 62)
    losing.buy(70, 60)
    losing.book(44, 46)
    losing.later(4)
    assert losing.holds() == losing.holds(N) == {"day_loss": REDUCING}
    said = "day_loss: -31.20 since 00:00 UTC (realised -20.00, marked -11.20) <= -30.00"
    assert losing.reason("day_loss") == said


@pytest.mark.control("day_loss", "nearly")
def test_a_micro_dollar_less_is_no_loss_of_the_day() -> None:
    losing = Losing(at_ns=NOON - HOUR)
    losing.lose(20)
    losing.now_ns = NOON
    losing.buy(20, 60)
    losing.sell(20, 10, rebate=1)
    losing.later(3_600)
    assert losing.holds() == {}
    losing.buy(1, 60, fee=1)
    assert losing.holds() == {"day_loss": REDUCING}


@pytest.mark.control("day_loss", "blocks")
def test_from_then_on_risk_is_only_reduced() -> None:
    losing = holding(20)
    losing.said.clear()
    losing.later(2)
    assert losing.holds() == BOTH
    assert CancelMarket(M, "day_loss", YES, Side.BUY) in losing.said
    assert denied(losing, market=N) == "reducing"
    assert denied(losing, outcome=NO) == "", "the hedge of what is held"


@pytest.mark.control("hour_loss", "trips")
def test_an_hours_loss_holds_until_the_next_hour() -> None:
    losing = Losing(at_ns=NOON + 20 * MINUTE)
    losing.lose(25)
    assert losing.holds() == {"hour_loss": REDUCING}
    losing.later(40 * 60 - 1)
    assert losing.holds() == {"hour_loss": REDUCING}
    losing.later(1)
    assert losing.holds() == {}
    assert losing.timers == {}


@pytest.mark.control("hour_loss", "nearly")
def test_what_was_lost_in_the_hour_before_is_none_of_this_one() -> None:
    losing = Losing(at_ns=NOON - 1)
    losing.lose(24)
    losing.now_ns = NOON
    losing.lose(1)
    assert losing.holds() == {}
    assert losing.readings()["hour_loss", "all"].value == 1
    assert losing.readings()["day_loss", "all"].value == 25


@pytest.mark.control("hour_loss", "blocks")
def test_an_hours_loss_stops_what_opens() -> None:
    losing = Losing()
    losing.lose(25)
    assert denied(losing) == "reducing"
    losing.buy(5, 50)
    assert denied(losing, outcome=NO) == ""


def test_five_clean_minutes_end_the_reducing_before_its_time() -> None:
    losing = holding(33)
    losing.later(2)
    assert losing.holds() == {"hour_loss": REDUCING}
    losing.book(36, 38)
    losing.later(299)
    losing.book(33, 35)
    losing.later(2)  # once more beyond it
    losing.book(36, 38)
    losing.later(298)
    assert losing.holds() == {"hour_loss": REDUCING}
    losing.later(6)
    assert losing.holds() == {}


def test_the_next_day_ends_the_reducing_of_the_one_before() -> None:
    losing = Losing(at_ns=NOON + 12 * HOUR - MINUTE)
    losing.lose(30)
    assert losing.holds() == BOTH
    losing.later(59)
    assert losing.holds() == BOTH
    losing.later(1)
    assert losing.holds() == {}
    losing.lose(24)
    assert losing.holds() == {}, "the new day counts from nothing"


def test_who_holds_over_midnight_counts_from_what_it_was_worth_then() -> None:
    losing = holding(20, at_ns=NOON + 12 * HOUR - MINUTE)
    losing.later(58)
    assert losing.holds() == {}
    losing.book(15, 17)
    losing.later(4)
    assert losing.holds() == {}
    assert losing.readings()["day_loss", "all"].note == "-5.00 since 00:00 UTC (realised 0.00, marked -5.00)"


# Evaluations


def test_a_moment_is_no_loss() -> None:
    losing = holding(2)
    losing.book(58, 60)
    losing.later(2)
    losing.book(2, 4)
    losing.later(2)
    assert losing.holds() == {}
    losing.later(2)
    assert set(losing.holds()) == {"hour_loss", "day_loss", "kill"}


def test_two_evaluations_within_a_moment_are_one() -> None:
    losing = holding(20)
    for _ in range(5):
        losing.now_ns += 1
        losing.buy(1, 20)
    assert losing.holds() == {}


def test_a_realised_loss_needs_no_second_look() -> None:
    losing = Losing()
    losing.lose(30)
    assert losing.holds() == BOTH


def test_a_realised_loss_that_was_marked_before_is_no_new_one() -> None:
    losing = holding(33, at_ns=NOON - MINUTE)
    losing.later(60)
    losing.sell(100, 33)
    losing.later(10)
    assert losing.holds() == {}
    note = losing.readings()["hour_loss", "all"].note
    assert note == "0.00 since 12:00 UTC (realised -27.00, marked 27.00)"


def test_fees_are_losses_and_rebates_are_none() -> None:
    losing = Losing()
    losing.buy(1, 50, fee=26 * DOLLAR, rebate=2 * DOLLAR)
    losing.book(50, 52)
    assert losing.holds() == {}
    losing.buy(1, 50, fee=1 * DOLLAR)
    assert losing.reason("hour_loss").endswith("(realised -25.00, marked 0.00) <= -25.00")


def test_pairs_in_a_moment_of_one_and_ninety_nine_lose_nothing() -> None:
    losing = Losing()
    losing.book(48, 50)
    losing.pairs(100, 98)
    losing.book(1, 99)
    losing.later(3_600)
    assert losing.holds() == {}
    assert losing.readings()["day_loss", "all"].note == "2.00 since 00:00 UTC (realised 0.00, marked 2.00)"


def test_an_unpaired_rest_keeps_its_mark_through_such_a_moment() -> None:
    losing = holding(58)
    losing.book(1, 99)
    losing.later(30)
    losing.book(58, 60)
    losing.later(30)
    assert losing.holds() == {}


def test_without_a_trade_there_is_nothing_to_say() -> None:
    losing = Losing()
    for _ in range(100):
        losing.book(1, 99)
        losing.book(50, 51)
        losing.now_ns += HOUR
    losing.tell(MarketResolved(M, ONE, losing.now_ns))
    assert losing.timers == {}
    assert losing.holds(N) == {}
    assert not any(isinstance(said, LossesNoted) for said in losing.said)


def test_a_flat_desk_asks_for_no_timer_and_writes_nothing() -> None:
    losing = Losing()
    losing.lose(3)
    assert losing.timers == {}
    losing.said.clear()
    losing.later(3 * 86_400)
    assert losing.said == []


def test_pairs_ask_for_no_timer() -> None:
    losing = Losing()
    losing.pairs(100, 100)
    assert losing.timers == {}


@given(
    st.lists(
        st.tuples(st.sampled_from(["yes", "no", "sell", "book", "later"]), st.integers(1, 99), st.integers(1, 40)),
        max_size=30,
    )
)
@settings(max_examples=60)
def test_what_is_won_is_the_cash_and_what_the_rest_would_bring(acts: list[tuple[str, int, int]]) -> None:
    losing = Losing()
    losing.book(50, 52)
    for act, cents, shares in acts:
        position = losing.machine._exposures.of(M).position(TAG)
        match act:
            case "yes":
                losing.buy(shares, cents, fee=shares)
            case "no":
                losing.buy(shares, cents, outcome=NO, rebate=shares)
            case "sell" if position.yes.settled == 0 and position.yes.shares >= shares * SHARE:
                losing.sell(shares, cents)
            case "book":
                losing.book(cents, min(99, cents + 3), size=10_000)
            case _:
                losing.later(shares)
    losing.book(30, 33, size=10_000)
    losing.later(2)
    position = losing.machine._exposures.of(M).position(TAG)
    net = position.yes.shares - position.no.shares
    rest = cash_of(3_000 if net > 0 else 6_700, abs(net))
    worth = min(position.yes.shares, position.no.shares) + rest
    assert losing.losses._worths.total.total == cash_flow(position) + position.rebates + worth


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(51, 99), st.sampled_from([M, N])), max_size=10))
@settings(max_examples=50)
def test_no_profit_trips_anything(trades: list[tuple[int, int, str]]) -> None:
    losing = Losing(LossParameters())
    for bought, sold, market in trades:
        losing.book(bought, min(bought + 2, 99), market)
        losing.buy(200, bought, market=market)
        losing.later(3)
        losing.book(sold, min(sold + 2, 100), market)
        losing.later(3)
        losing.sell(200, sold, market=market)
        losing.later(3)
    assert losing.holds(M) == losing.holds(N) == {}


# Kills


@pytest.mark.control("day_loss_kill", "trips")
def test_a_days_loss_of_twice_the_size_kills() -> None:
    losing = Losing()
    losing.lose(50)
    said = "day_loss_kill: -50.00 since 00:00 UTC (realised -50.00, marked 0.00) <= -50.00"
    assert [each.reason for each in losing.said if isinstance(each, KillLatched)] == [said]
    assert CancelMarket(None, "kill") in losing.said
    assert losing.cells()["kill"].state is KILLED
    assert losing.readings()["day_loss_kill", "all"].holds
    assert not losing.readings()["drawdown", "all"].holds


@pytest.mark.control("day_loss_kill", "nearly")
def test_a_cent_less_does_not_kill() -> None:
    losing = Losing()
    losing.lose(49)
    losing.buy(2, 50)
    losing.sell(2, 1)
    losing.buy(1, 2)
    losing.book(1, 3)
    losing.later(10)
    assert losing.holds() == BOTH
    assert losing.readings()["day_loss_kill", "all"].value == 49.99


@pytest.mark.control("day_loss_kill", "blocks")
def test_after_it_nothing_passes() -> None:
    losing = Losing()
    losing.buy(20, 50)
    losing.lose(50, N)
    assert denied(losing) == denied(losing, outcome=NO) == "killed"


def test_no_time_lifts_a_kill() -> None:
    losing = Losing()
    losing.lose(50)
    losing.later(3 * 86_400)
    assert losing.holds() == {"kill": KILLED}


def test_who_lifts_a_kill_takes_its_loss_and_has_as_much_again() -> None:
    losing = Losing()
    losing.lose(50)
    losing.later(600)
    losing.said.clear()
    losing.clear()
    losing.later(2)
    assert losing.holds() == BOTH, "for as long as it has to be clean"
    losing.later(300)
    assert losing.holds() == {}
    losing.lose(49)
    assert not any(isinstance(each, KillLatched) for each in losing.said)
    losing.lose(1)
    (killed,) = (each for each in losing.said if isinstance(each, KillLatched))
    assert killed.reason == "day_loss_kill: -50.00 since 12:10 UTC (realised -50.00, marked 0.00) <= -50.00"


def test_who_lifts_a_persons_kill_gets_no_new_limit() -> None:
    losing = Losing()
    losing.lose(49)
    losing.tell(Kill("lunch", "k", "cli"))
    losing.clear()
    losing.lose(1)
    assert losing.holds()["kill"] is KILLED


def test_a_loss_beneath_a_persons_kill_is_taken_with_it() -> None:
    losing = Losing()
    losing.lose(49)
    losing.tell(Kill("lunch", "k", "cli"))
    losing.lose(1)
    losing.clear()
    losing.buy(1, 50)
    assert "kill" not in losing.holds()


@pytest.mark.control("drawdown", "trips")
def test_a_fall_from_the_highest_point_kills_whenever_that_was() -> None:
    losing = Losing(FAR)
    losing.buy(100, 20)
    losing.sell(100, 80)
    losing.now_ns += 3 * DAY
    losing.lose(80)
    (killed,) = (each for each in losing.said if isinstance(each, KillLatched))
    since = "the peak at 2026-11-21 12:00 UTC"
    assert killed.reason == f"drawdown: -80.00 since {since} (realised -80.00, marked 0.00) <= -80.00"


@pytest.mark.control("drawdown", "nearly")
def test_a_peak_of_a_moment_is_none() -> None:
    losing = holding(60, parameters=FAR)
    losing.book(97, 99)
    losing.later(2)
    losing.book(60, 62)
    losing.later(2)
    losing.lose(79, N)
    losing.later(60)
    assert losing.holds() == {}
    losing.lose(1, N)
    assert losing.holds()["kill"] is KILLED


@pytest.mark.control("drawdown", "blocks")
def test_after_a_drawdown_nothing_passes() -> None:
    losing = Losing(FAR)
    losing.lose(80)
    assert denied(losing) == "killed"
    losing.clear()
    losing.lose(79)
    assert denied(losing) == "", "the peak is where the person lifted it"


def test_a_peak_is_the_lower_of_two_evaluations() -> None:
    losing = holding(70, parameters=FAR)
    losing.book(75, 77)
    losing.later(2)
    reading = losing.readings()["drawdown", "all"]
    assert reading.note == "5.00 since the peak at 12:00 UTC (realised 0.00, marked 5.00)"
    losing.book(66, 68)
    losing.later(4)
    assert losing.readings()["drawdown", "all"].value == 4, "75 was seen once"


# One market


@pytest.mark.control("market_loss", "trips")
def test_a_market_that_lost_is_halted_for_a_day_and_no_other() -> None:
    losing = Losing(LossParameters())
    losing.lose(15)
    said = "market_loss: -15.00 since the first fill here (realised -15.00, marked 0.00) <= -15.00"
    assert losing.reason("market_loss") == f"{said}, until 2026-11-22 12:00 UTC"
    assert losing.holds(M) == {"market_loss": HALTED}
    assert losing.holds(N) == {}
    losing.later(86_399)
    assert losing.holds(M) == {"market_loss": HALTED}
    losing.later(1)
    assert losing.holds(M) == {}
    assert losing.timers == {}


@pytest.mark.control("market_loss", "nearly")
def test_losses_of_two_markets_are_not_one_markets() -> None:
    losing = Losing(LossParameters())
    losing.lose(14, M)
    losing.lose(8, N)
    assert losing.holds(M) == losing.holds(N) == {}


@pytest.mark.control("market_loss", "blocks")
def test_in_a_halted_market_nothing_passes() -> None:
    losing = Losing(LossParameters())
    losing.lose(15)
    losing.buy(5, 50)
    assert denied(losing) == denied(losing, outcome=NO) == "halted"
    assert denied(losing, market=N) == ""
    losing.lose(2)
    assert list(losing.holds(M)) == ["market_loss"]


def test_after_its_halt_a_market_counts_anew() -> None:
    losing = Losing(LossParameters())
    losing.lose(15)
    losing.lose(5)
    losing.later(86_400)
    losing.lose(14)
    assert losing.holds() == {}
    losing.lose(1)
    assert losing.reason("market_loss").startswith("market_loss: -15.00 since 12:00 UTC (realised -15.00")


def test_a_marked_loss_of_a_market_needs_two_evaluations_too() -> None:
    losing = holding(45, parameters=LossParameters())
    assert losing.holds() == {}
    losing.later(2)
    assert losing.holds() == {"market_loss": HALTED}


def test_pairs_that_cost_too_much_are_looked_at_twice_as_well() -> None:
    losing = Losing(LossParameters())
    losing.pairs(50, 130)
    assert losing.holds() == {}
    losing.later(2)
    assert losing.holds() == {"market_loss": HALTED}


# No mark


@pytest.mark.control("no_mark", "trips")
def test_a_rest_that_cannot_be_marked_for_a_minute_halts_its_market() -> None:
    losing = Losing()
    losing.book(1, 99)
    losing.buy(5, 50)
    losing.later(60)
    assert losing.holds() == {"no_mark": HALTED}
    assert losing.reason("no_mark") == "no_mark: 5 shares unpaired without a good mark for 60 s >= 60 s"
    assert losing.holds(N) == {}
    reading = losing.readings()["no_mark", "slug-m"]
    assert (reading.value, reading.limit, reading.unit, reading.holds) == (60, 60, "seconds", True)


@pytest.mark.control("no_mark", "nearly")
def test_a_mark_in_time_halts_nothing() -> None:
    losing = Losing()
    losing.book(1, 99)
    losing.buy(5, 50)
    losing.later(59)
    losing.book(50, 52)
    losing.later(3_600)
    assert losing.holds() == {}


@pytest.mark.control("no_mark", "blocks")
def test_without_a_mark_nothing_passes_until_there_is_one_and_nothing_is_killed() -> None:
    losing = Losing()
    losing.book(60, 62)
    losing.buy(500, 60)
    losing.book(1, 99)
    losing.later(3_600)
    assert losing.holds() == {"no_mark": HALTED}
    assert denied(losing, outcome=NO) == "halted"
    losing.book(60, 62)
    losing.later(2)
    assert losing.holds() == {}
    assert denied(losing, outcome=NO) == ""


def test_what_is_sold_needs_no_mark() -> None:
    losing = Losing()
    losing.buy(5, 50)
    losing.buy(5, 50, tag="other")
    losing.later(60)
    assert losing.holds() == {"no_mark": HALTED}
    losing.sell(5, 49)
    losing.later(2)
    assert losing.holds() == {"no_mark": HALTED}, "the other desk still holds some"
    losing.sell(5, 49, tag="other")
    losing.later(2)
    assert losing.holds() == {}
    assert losing.timers == {}


# What else moves a position


def test_a_market_that_resolves_is_worth_what_it_pays_and_then_brings_it() -> None:
    losing = holding(58)
    losing.tell(MarketResolved(M, 0, losing.now_ns))
    assert losing.holds()["venue"] is HALTED
    losing.later(2)
    assert losing.reason("day_loss") == "day_loss: -60.00 since 00:00 UTC (realised 0.00, marked -60.00) <= -30.00"
    before = losing.losses._worths.total.total
    losing.tell(PositionsRedeemed(TAG, M, 0, losing.now_ns))
    total = losing.losses._worths.total
    assert (total.realised, total.marked, total.total) == (-60 * DOLLAR, 0, before)


def test_a_late_fill_in_a_market_that_has_paid_counts_at_what_it_paid() -> None:
    losing = Losing()
    losing.tell(MarketResolved(M, ONE, losing.now_ns))
    losing.buy(100, 60)
    assert losing.losses._worths.total.total == 40 * DOLLAR
    assert not losing.losses._worths.moving


def test_a_merge_brings_what_its_pairs_were_marked_at_and_costs_what_it_costs() -> None:
    losing = Losing()
    losing.pairs(50, 96)
    before = losing.losses._worths.total.total
    losing.tell(MergeChanged("op", TAG, M, 50 * SHARE, "requested", 0, losing.now_ns))
    losing.tell(MergeChanged("op", TAG, M, 50 * SHARE, "confirmed", 10_000, losing.now_ns))
    assert losing.losses._worths.total.total == before - 10_000


def test_a_voided_fill_takes_its_loss_back() -> None:
    losing = Losing()
    losing.lose(30)
    losing.buy(1, 50)
    losing.sell(1, 40)
    fills = [message for _, message in losing.chain if getattr(message, "trade_id", "") in ("t1", "t2")]
    for fill in reversed(fills):
        losing.tell(FillVoided(fill, losing.now_ns))  # pyright: ignore[reportArgumentType]
    assert losing.readings()["day_loss", "all"].value == pytest.approx(0.1)


def test_what_was_realised_before_the_day_began_is_not_realised_in_it() -> None:
    losing = Losing(at_ns=NOON - 12 * HOUR - MINUTE)
    losing.book(60, 62)
    losing.buy(100, 60)
    losing.book(20, 22)
    losing.later(61)
    losing.sell(100, 20, own_ns=losing.now_ns - 30 * S)
    note = losing.readings()["day_loss", "all"].note
    assert note == "0.00 since 00:00 UTC (realised 0.00, marked 0.00)", "its mark had counted it yesterday"
    assert losing.holds() == {}


# What it says of itself


def test_readings_say_what_is_used_of_each_limit() -> None:
    losing = holding(50, parameters=LossParameters())
    readings = losing.readings()
    figures = {name: (one.value, one.limit, one.unit, one.holds) for (name, _), one in readings.items()}
    assert figures == {
        "hour_loss": (10, 25, "dollars", False),
        "day_loss": (10, 30, "dollars", False),
        "day_loss_kill": (10, 50, "dollars", False),
        "drawdown": (10, 80, "dollars", False),
        "market_loss": (10, 15, "dollars", False),
        "no_mark": (0, 60, "seconds", False),
    }
    assert {scope for _, scope in readings} == {"all", "slug-m"}
    losing.book(65, 67)
    losing.later(2)
    readings = losing.readings()
    assert readings["day_loss", "all"].value == 0, "a profit uses up nothing"
    assert readings["day_loss", "all"].note == "5.00 since 00:00 UTC (realised 0.00, marked 5.00)"
    assert ("market_loss", "slug-m") not in readings


def test_a_halted_market_is_shown_whatever_it_has_won_since() -> None:
    losing = Losing(LossParameters())
    losing.lose(15)
    losing.buy(100, 20)
    losing.sell(100, 60)
    reading = losing.readings()["market_loss", "slug-m"]
    assert (reading.value, reading.holds) == (0, True)


def test_before_the_first_fill_every_limit_is_unused() -> None:
    readings = Losing().readings()
    assert {one.value for one in readings.values()} == {0}
    assert readings["drawdown", "all"].note.startswith("0.00 since the peak at 12:00 UTC")


def test_a_market_of_no_catalogue_is_called_by_its_id() -> None:
    losing = Losing()
    losing.lose(1, "0xab")
    assert ("market_loss", "0xab") in losing.readings()


def test_changed_limits_hold_for_what_was_lost_before() -> None:
    losing = Losing()
    losing.lose(10)
    parameters = EngineParameters()
    tighter = replace(parameters.losses, day_loss=0.02, hour_loss=0.25, market_loss=0.25)
    losing.losses.changed(replace(parameters, losses=tighter, risk=replace(parameters.risk, wallet_usd=600 * DOLLAR)))
    assert losing.readings()["day_loss", "all"].limit == 12
    losing.lose(2)
    assert losing.holds() == {"day_loss": REDUCING}


def test_a_kill_that_is_less_than_the_reducing_is_a_contradiction() -> None:
    assert list(LossParameters().contradictions()) == []
    assert list(LossParameters(day_loss=0.05).contradictions()) == []
    ((name, words),) = LossParameters(day_loss=0.06).contradictions()
    assert (name, words) == (
        "day_loss_kill", "at least day_loss, which is 0.06: less is risked before nothing is"
    )  # fmt: skip
