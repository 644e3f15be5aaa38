"""The supervisor enforces by its own count: what coordinators believe is never asked."""

import pytest

from models.cells import TradingState
from models.controls.control import Guard
from models.controls.price_guard import PriceGuard, PriceParameters
from models.exposure import Exposures
from models.flattening import is_flattened
from models.markets import NO, YES, Side
from models.messages.control import (
    ClearKill,
    CommandApplied,
    Kill,
    MarketParked,
    RaiseCell,
)
from models.messages.market import MarketResolved
from models.messages.orders import (
    CancelMarket,
    FillVoided,
    IntentDenied,
    PlaceOrder,
)
from models.messages.runtime import ActorFailed, ActorQuarantined, ActorRestarted, HandlerRecovered, HandlerSlow
from models.orders import OrderState
from models.phase import PhaseParameters
from tests.models.controls.books import book
from tests.models.supervisor import GROUP, M, N, Supervisor, states


def test_a_naked_leg_puts_the_market_into_reducing_and_cancels_the_side_that_would_grow_it() -> None:
    risk = Supervisor()
    out, _ = risk.fill(risk.place(YES, 4_900))
    assert states(out) == {M: TradingState.REDUCING}
    assert CancelMarket(M, "inventory_limit", YES, Side.BUY) in out
    assert risk.place(YES, 4_900) == "hedge_only"
    assert isinstance(risk.place(NO, 4_900), PlaceOrder)


@pytest.mark.proves("I20")
def test_the_fuse_cancels_at_once_and_lifts_itself() -> None:
    risk = Supervisor()
    out = risk.flow(toxic=True)
    assert out[0] == CancelMarket(M, "toxic_flow")
    assert states(out) == {M: TradingState.CANCEL_ONLY}
    assert risk.place(YES, 4_900) == "fused"
    assert isinstance(risk.place(YES, 4_900, market=N), PlaceOrder), "one market's fuse is not another's"
    assert states(risk.flow(toxic=False)) == {M: TradingState.ACTIVE}
    assert isinstance(risk.place(YES, 4_900), PlaceOrder)


def test_the_fuse_leaves_a_hedge_that_the_flow_runs_towards_where_that_is_configured() -> None:
    risk = Supervisor(PhaseParameters(fuse_keeps_hedge=True))
    risk.fill(risk.place(YES, 4_900))
    out = risk.flow(toxic=True, direction=1)
    assert out[0] == CancelMarket(M, "toxic_flow", YES)
    assert isinstance(risk.place(NO, 4_900), PlaceOrder)
    risk.flow(toxic=False)
    assert risk.flow(toxic=True, direction=-1)[0] == CancelMarket(M, "toxic_flow")


def test_of_the_token_that_the_fuse_keeps_a_sale_is_cancelled_and_the_hedge_stands() -> None:
    risk = Supervisor(PhaseParameters(fuse_keeps_hedge=True))
    risk.fill(risk.place(YES, 4_900, 10))
    risk.fill(risk.place(NO, 4_900))
    risk.tell(risk.changed(risk.order(NO, 5_200, side=Side.SELL), OrderState.WORKING))
    out = risk.flow(toxic=True, direction=1)
    assert out[:2] == (CancelMarket(M, "toxic_flow", YES), CancelMarket(M, "toxic_flow", NO, Side.SELL))


def test_an_order_in_a_market_that_nobody_trades_is_refused() -> None:
    risk = Supervisor()
    assert risk.place(YES, 4_900, market="elsewhere") == "unknown_market"


def test_a_control_that_hears_of_its_own_refusals_can_stop_the_market_for_them() -> None:
    def prices(held: Exposures) -> tuple[Guard, ...]:
        return (PriceGuard(PriceParameters(collar_refusals=2), held.markets, exit_collar=500),)

    risk = Supervisor(guards=prices)
    risk.tell(book(48, 50, market=M))
    assert risk.place(YES, 7_000) == "collar"
    out = risk.tell(risk.order(YES, 7_000))
    assert isinstance(out[0], IntentDenied)
    assert states(out) == {M: TradingState.CANCEL_ONLY}
    assert risk.place(YES, 4_900) == "cancel_only"


def test_pause_cancels_and_only_the_same_scope_resumes_it() -> None:
    risk = Supervisor()
    assert CancelMarket(M, "paused") in risk.say("pause", M)
    assert CancelMarket(None, "paused") in risk.say("pause", None)
    risk.say("resume", None)
    assert risk.place(YES, 4_900) == "cancel_only"
    assert isinstance(risk.place(YES, 4_900, market=N), PlaceOrder)
    risk.say("resume", M)
    assert isinstance(risk.place(YES, 4_900), PlaceOrder)


def test_off_halts_one_market_resume_does_not_lift_it_and_on_does() -> None:
    risk = Supervisor()
    assert states(risk.say("off", M)) == {M: TradingState.HALTED}
    risk.say("resume", M)
    assert risk.place(YES, 4_900) == "halted"
    assert isinstance(risk.place(YES, 4_900, market=N), PlaceOrder), "the others never pause"
    risk.say("on", M)
    assert isinstance(risk.place(YES, 4_900), PlaceOrder)


def test_a_market_that_is_off_is_parked_only_when_flat_with_nothing_open_unknown_or_unsettled() -> None:
    risk = Supervisor()
    order = risk.place(YES, 4_900)
    assert isinstance(order, PlaceOrder)
    assert MarketParked(M, True) not in risk.say("off", M)
    out, fill = risk.fill(order)
    assert MarketParked(M, True) not in out, "a fill that raced the cancel is booked and keeps the market alive"
    assert MarketParked(M, True) in risk.tell(FillVoided(fill, risk.now_ns)), "FAILED after the off leaves it flat"
    assert MarketParked(M, False) in risk.say("on", M)


def test_a_fill_that_comes_after_the_market_was_parked_brings_its_actors_back() -> None:
    risk = Supervisor()
    order = risk.place(YES, 4_900)
    assert isinstance(order, PlaceOrder)
    risk.say("off", M)
    assert MarketParked(M, True) in risk.tell(risk.changed(order, OrderState.CANCELLED))
    out, _ = risk.fill(order)
    assert MarketParked(M, False) in out
    assert risk.place(NO, 4_900) == "halted"


def test_a_kill_is_latched_and_resume_says_so() -> None:
    risk = Supervisor()
    out = risk.tell(Kill("test", "r", "cli"))
    assert out[0] == CancelMarket(None, "kill")
    assert states(out) == {M: TradingState.KILLED, N: TradingState.KILLED}
    answer = risk.say("resume", None)[-1]
    assert isinstance(answer, CommandApplied)
    assert answer.refusal is not None
    assert risk.place(YES, 4_900) == "killed"
    risk.tell(ClearKill("r2", "cli"))
    assert isinstance(risk.place(YES, 4_900), PlaceOrder)


@pytest.mark.parametrize(
    ("held", "let_go", "market", "then"),
    [("pause", "resume", None, "cancel_only"), ("pause", "resume", M, "cancel_only"), ("off", "on", M, "halted")],
)
def test_what_is_refused_because_of_a_kill_is_not_done_when_the_kill_is_cleared(
    held: str, let_go: str, market: str | None, then: str
) -> None:
    risk = Supervisor()
    risk.say(held, market)
    risk.tell(Kill("test", "r", "cli"))
    (answer,) = risk.say(let_go, market)
    assert isinstance(answer, CommandApplied)
    assert not answer.changed
    assert "killed" in (answer.refusal or "")
    risk.tell(ClearKill("r2", "cli"))
    assert risk.place(YES, 4_900) == then
    risk.say(let_go, market)
    assert isinstance(risk.place(YES, 4_900), PlaceOrder)


def test_a_flatten_goes_on_after_a_kill_during_which_a_resume_was_refused() -> None:
    risk = Supervisor()
    risk.fill(risk.place(YES, 4_900, 8))
    risk.say("flatten", M)
    risk.tell(Kill("test", "r", "cli"))
    risk.say("resume", M)
    risk.tell(ClearKill("r2", "cli"))
    assert is_flattened(risk.machine._states.covering(M))


def test_start_paused_places_nothing_until_resumed() -> None:
    risk = Supervisor(start_paused=True)
    assert risk.place(YES, 4_900) == "cancel_only"
    risk.say("resume", None)
    assert isinstance(risk.place(YES, 4_900), PlaceOrder)


# Reducing


def test_a_hedge_that_voids_have_turned_round_cancels_the_other_side_at_once() -> None:
    risk = Supervisor()
    yes, no = risk.place(YES, 4_900, 10), risk.place(NO, 4_000, 10)
    _, bought = risk.fill(yes)
    risk.fill(no, 5)
    assert CancelMarket(M, "inventory_limit", NO, Side.BUY) in risk.tell(FillVoided(bought, risk.now_ns))
    assert risk.place(NO, 4_900) == "hedge_only"


def test_reduce_cancels_what_could_raise_the_position_and_all_orders_of_a_flat_market() -> None:
    risk = Supervisor()
    assert CancelMarket(M, "reduce") in risk.say("reduce", M)
    risk = Supervisor()
    risk.fill(risk.place(YES, 4_900, 8))
    assert isinstance(risk.place(NO, 4_000, 8), PlaceOrder)
    assert CancelMarket(M, "reduce", YES, Side.BUY) in risk.say("reduce", M)


def test_reduce_cancels_a_hedge_that_would_pass_zero() -> None:
    risk = Supervisor()
    assert isinstance(risk.place(NO, 4_000, 8), PlaceOrder)
    risk.fill(risk.place(YES, 4_900, 3))
    assert CancelMarket(M, "reduce") in risk.say("reduce", M)


# The fuse


def test_a_kept_hedge_is_cancelled_when_the_flow_turns_though_the_fuse_stands() -> None:
    risk = Supervisor(PhaseParameters(fuse_keeps_hedge=True))
    risk.fill(risk.place(YES, 4_900))
    assert risk.flow(toxic=True, direction=1)[0] == CancelMarket(M, "toxic_flow", YES)
    assert risk.flow(toxic=True, direction=1) == ()
    assert risk.flow(toxic=True, direction=-1)[0] == CancelMarket(M, "toxic_flow")
    assert risk.place(NO, 4_900) == "fused"


def test_a_pause_beside_the_fuse_lets_no_hedge_through() -> None:
    risk = Supervisor(PhaseParameters(fuse_keeps_hedge=True))
    risk.fill(risk.place(YES, 4_900))
    risk.flow(toxic=True, direction=1)
    risk.say("pause", M)
    assert isinstance(risk.place(NO, 4_900), str)


# Who is told, and by which word


def test_a_paused_start_is_said_with_the_first_mail() -> None:
    risk = Supervisor(start_paused=True)
    assert states(risk.tell(risk.order(YES, 4_900))) == {M: TradingState.CANCEL_ONLY, N: TradingState.CANCEL_ONLY}
    assert states(risk.tell(risk.order(YES, 4_900))) == {}


@pytest.mark.parametrize(
    ("state", "source", "reason", "word"),
    [
        (TradingState.HALTED, "executor", "foreign fill t1 of 0xabc", "executor"),
        (TradingState.HALTED, "marks", "no_mark", "no_mark"),
    ],
)
def test_cancels_by_a_cell_are_counted_under_one_word(state: TradingState, source: str, reason: str, word: str) -> None:
    assert CancelMarket(M, word) in Supervisor().tell(RaiseCell(M, source, state, reason))


@pytest.mark.proves("I22")
def test_a_resolved_market_is_halted() -> None:
    risk = Supervisor()
    assert CancelMarket(M, "market_resolved") in risk.tell(MarketResolved(M, 10_000, risk.now_ns))
    assert risk.place(YES, 4_900) == "halted"


def test_an_unknown_verb_is_answered_and_harms_nobody() -> None:
    (answer,) = Supervisor().say("dance", M)
    assert isinstance(answer, CommandApplied)
    assert (answer.changed, answer.refusal) == (False, "unknown verb dance")


# The runtime


def test_a_dead_actor_stops_its_markets_until_it_stands_again() -> None:
    risk = Supervisor()
    out = risk.tell(ActorFailed("book/m", M, "boom"))
    assert CancelMarket(M, "actor_failed") in out
    assert states(out) == {M: TradingState.CANCEL_ONLY}
    risk.tell(ActorFailed(f"coordinator/tag/{GROUP}", GROUP, "boom"))
    assert states(risk.tell(ActorRestarted("book/m", M, 1))) == {M: TradingState.CANCEL_ONLY}
    out = risk.tell(ActorRestarted(f"coordinator/tag/{GROUP}", GROUP, 1))
    assert states(out) == {M: TradingState.ACTIVE, N: TradingState.ACTIVE}


def test_a_new_coordinator_of_a_group_is_told_the_states_of_all_its_markets() -> None:
    risk = Supervisor()
    risk.say("pause", N)
    out = risk.tell(ActorRestarted(f"coordinator/tag/{GROUP}", GROUP, 1))
    assert states(out) == {M: TradingState.ACTIVE, N: TradingState.CANCEL_ONLY}


def test_a_death_outside_the_markets_changes_no_trading_state() -> None:
    assert Supervisor().tell(ActorFailed("feed/1", "", "boom")) == ()


@pytest.mark.parametrize(("scope", "stopped"), [(M, {M}), (GROUP, {M, N}), ("", {M, N})])
def test_a_quarantine_halts_what_its_supervisor_served_and_a_slow_handlers_recovery_does_not_lift_it(
    scope: str, stopped: set[str]
) -> None:
    risk = Supervisor()
    out = risk.tell(ActorQuarantined("supervisor", scope, "book/m died once too often"))
    assert {market for market, state in states(out).items() if state is TradingState.HALTED} == stopped
    risk.tell(HandlerSlow("book/m", "BookFrame", 60_000_000))
    risk.tell(HandlerRecovered("book/m"))
    assert risk.place(YES, 4_900) == "halted"


def test_a_market_that_a_person_starts_again_leaves_its_quarantine() -> None:
    risk = Supervisor()
    risk.tell(ActorQuarantined("market/m", M, "died once too often"))
    risk.tell(ActorRestarted("market/m", "", 1))
    assert isinstance(risk.place(YES, 4_900), PlaceOrder)


def test_a_slow_handler_limits_its_market_until_it_has_recovered() -> None:
    risk = Supervisor()
    assert states(risk.tell(HandlerSlow(f"coordinator/tag/{M}", "BookUpdated", 60_000_000))) == {
        M: TradingState.CANCEL_ONLY
    }
    assert isinstance(risk.place(YES, 4_900, market=N), PlaceOrder)
    assert states(risk.tell(HandlerRecovered(f"coordinator/tag/{M}"))) == {M: TradingState.ACTIVE}
