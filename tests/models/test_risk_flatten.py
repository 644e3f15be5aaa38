"""Flatten as risk holds it: everything is cancelled, only what lowers |net| passes, and what is over is halted."""

import pytest

from models.cells import TradingState
from models.flattening import FLATTENED, FLATTENING
from models.markets import NO, YES, Outcome, Side
from models.messages.base import Message
from models.messages.control import CommandApplied, FlattenChanged, Kill, RaiseCell, TradingStateChanged
from models.messages.market import MarketResolved
from models.messages.orders import (
    CancelMarket,
    FillCounted,
    FillSettled,
    FillVoided,
    MergeChanged,
    OrderApproved,
    PlaceOrder,
    PositionsRedeemed,
)
from models.messages.runtime import ActorFailed, ActorRestarted
from models.orders import OrderState
from models.units import SHARE
from tests.models.supervisor import M, N, Supervisor, states
from tests.models.test_risk_recall import Journalled


def reasons(out: tuple[Message, ...]) -> dict[str, tuple[TradingState, str]]:
    """State and the operator's reason of each market that changed."""
    return {
        one.market: (one.state, next((cell.reason for cell in one.cells if cell.source == "operator"), ""))
        for one in out
        if isinstance(one, TradingStateChanged)
    }


def applied(out: tuple[Message, ...]) -> CommandApplied:
    (one,) = (message for message in out if isinstance(message, CommandApplied))
    return one


def report(risk: Supervisor, step: str, yes: int = 0, no: int = 0, market: str = M) -> tuple[Message, ...]:
    return risk.tell(FlattenChanged("tag", market, step, step, yes * SHARE, no * SHARE, risk.now_ns))


def holding(risk: Supervisor, shares: int = 7, *, market: str = M, settled: bool = True) -> FillCounted:
    """Have a desk hold YES."""
    _, fill = risk.fill(risk.place(YES, 4_000, shares, market=market))
    if settled:
        risk.tell(FillSettled(fill, risk.now_ns))
    return fill


def test_every_order_is_cancelled_the_hedge_too() -> None:
    risk = Supervisor()
    holding(risk)
    risk.place(NO, 4_000, 7)
    out = risk.say("flatten", M)
    assert out[0] == CancelMarket(M, FLATTENING)
    assert reasons(out) == {M: (TradingState.REDUCING, FLATTENING)}
    assert applied(out).changed


def test_only_what_lowers_net_passes() -> None:
    risk = Supervisor()
    holding(risk)
    risk.say("flatten", M)
    assert risk.place(YES, 4_000, 5) == "hedge_only"
    assert risk.place(NO, 5_000, 8, takes=True) == "hedge_only"
    assert risk.place(YES, 4_000, 8, side=Side.SELL, takes=True) == "hedge_only"
    assert isinstance(risk.place(YES, 4_000, 7, side=Side.SELL, takes=True), PlaceOrder)
    assert risk.place(NO, 5_000, 5, takes=True) == "hedge_only", "with the sale it could pass zero"


def test_what_is_flat_already_is_halted_in_the_same_step() -> None:
    risk = Supervisor()
    assert reasons(risk.say("flatten", M)) == {M: (TradingState.HALTED, FLATTENED)}
    assert risk.place(YES, 4_000, 5) == "halted"


def test_it_is_over_when_risk_itself_counts_nothing_open_held_or_unsettled() -> None:
    risk = Supervisor()
    holding(risk, 7)
    resting = risk.place(NO, 3_000, 7)
    assert isinstance(resting, PlaceOrder)
    risk.say("flatten", M)
    assert reasons(risk.tell(risk.changed(resting, OrderState.CANCELLED))) == {}
    sale = risk.place(YES, 3_900, 7, side=Side.SELL, takes=True)
    out, fill = risk.fill(sale)
    assert FLATTENED not in str(reasons(out))
    assert report(risk, "flat") == (), "nobody's word is needed, and none is taken"
    assert reasons(risk.tell(FillSettled(fill, risk.now_ns))) == {M: (TradingState.HALTED, FLATTENED)}


def test_an_order_of_unknown_fate_is_not_over() -> None:
    risk = Supervisor()
    order = risk.place(YES, 4_000, 5)
    assert isinstance(order, PlaceOrder)
    risk.tell(risk.changed(order, OrderState.UNKNOWN))
    assert reasons(risk.say("flatten", M)) == {M: (TradingState.REDUCING, FLATTENING)}
    assert reasons(risk.tell(risk.changed(order, OrderState.NEVER_ACCEPTED))) == {M: (TradingState.HALTED, FLATTENED)}


def test_a_rest_ends_it_when_it_is_just_what_risk_counts() -> None:
    risk = Supervisor()
    holding(risk, 3)
    risk.say("flatten", M)
    assert reasons(report(risk, "rest", yes=2)) == {}
    assert reasons(report(risk, "unwinding", yes=3)) == {}
    out = report(risk, "rest", yes=3)
    assert reasons(out) == {M: (TradingState.HALTED, FLATTENED)}
    assert CancelMarket(M, FLATTENED) in out


def test_pairs_on_their_way_are_not_over() -> None:
    risk = Supervisor()
    holding(risk, 5)
    _, fill = risk.fill(risk.place(NO, 5_000, 5))
    risk.tell(FillSettled(fill, risk.now_ns))
    risk.say("flatten", M)
    for state in ("requested", "submitted"):
        out = risk.tell(MergeChanged("merge", "tag", M, 5 * SHARE, state, 0, risk.now_ns))
        assert reasons(out) == {}
    out = risk.tell(MergeChanged("merge", "tag", M, 5 * SHARE, "confirmed", 0, risk.now_ns))
    assert reasons(out) == {M: (TradingState.HALTED, FLATTENED)}


def test_a_fill_that_comes_late_brings_it_back_and_so_does_a_sale_that_failed() -> None:
    risk = Supervisor()
    holding(risk, 7)
    risk.say("flatten", M)
    _, sold = risk.fill(risk.place(YES, 3_900, 7, side=Side.SELL, takes=True))
    risk.tell(FillSettled(sold, risk.now_ns))
    assert risk.place(YES, 3_900, 7, side=Side.SELL) == "halted"
    out = risk.tell(FillVoided(sold, risk.now_ns))
    assert reasons(out) == {M: (TradingState.REDUCING, FLATTENING)}
    assert isinstance(risk.place(YES, 3_900, 7, side=Side.SELL, takes=True), PlaceOrder)


def test_a_rest_that_is_no_longer_one_brings_it_back() -> None:
    risk = Supervisor()
    holding(risk, 3)
    risk.say("flatten", M)
    report(risk, "rest", yes=3)
    assert reasons(report(risk, "unwinding", yes=3)) == {M: (TradingState.REDUCING, FLATTENING)}


def test_of_everything_it_is_over_when_every_market_is() -> None:
    risk = Supervisor()
    holding(risk, 3, market=N)
    assert reasons(risk.say("flatten", None)) == dict.fromkeys((M, N), (TradingState.REDUCING, FLATTENING))
    assert reasons(report(risk, "rest", yes=3, market=N)) == dict.fromkeys((M, N), (TradingState.HALTED, FLATTENED))
    assert states(risk.say("resume", None)) == dict.fromkeys((M, N), TradingState.ACTIVE)


def test_of_everything_a_market_that_a_person_stopped_by_itself_is_left_alone() -> None:
    for verb in ("off", "pause"):
        risk = Supervisor()
        holding(risk, 7, market=N)
        risk.say(verb, N)
        out = risk.say("flatten", None)
        assert reasons(out)[M] == (TradingState.HALTED, FLATTENED)
        back = {"off": "on", "pause": "resume"}[verb]
        assert reasons(risk.say(back, N)) != {}
        assert isinstance(risk.place(YES, 3_900, 7, side=Side.SELL, takes=True, market=N), PlaceOrder)


def test_a_market_of_its_own_is_resumed_by_its_own_name_alone() -> None:
    risk = Supervisor()
    risk.say("flatten", M)
    assert states(risk.say("resume", None)) == {}
    assert states(risk.say("resume", M)) == {M: TradingState.ACTIVE}
    assert isinstance(risk.place(YES, 4_000, 5), PlaceOrder)


@pytest.mark.parametrize("verb", ["pause", "reduce", "resume"])
def test_whatever_else_is_said_of_the_same_scope_ends_it(verb: str) -> None:
    risk = Supervisor()
    fill = holding(risk)
    risk.say("flatten", M)
    risk.say(verb, M)
    out = risk.tell(FillVoided(fill, risk.now_ns))
    assert FLATTENED not in str(reasons(out))


def test_said_twice_it_changes_nothing() -> None:
    risk = Supervisor()
    holding(risk)
    risk.say("flatten", M)
    out = risk.say("flatten", M)
    assert not applied(out).changed
    assert len(out) == 1


def test_it_is_refused_where_it_could_do_nothing_and_then_nothing_is_begun() -> None:
    risk = Supervisor()
    holding(risk)
    risk.say("off", M)
    assert applied(risk.say("flatten", M)).refusal == "it is off: `keel markets on` first"
    risk.say("on", M)
    risk.say("pause", None)
    assert "everything is paused" in (applied(risk.say("flatten", M)).refusal or "")
    assert states(risk.say("resume", None)) == {M: TradingState.REDUCING, N: TradingState.ACTIVE}
    risk.tell(Kill("drill", "k", "test"))
    assert "killed" in (applied(risk.say("flatten", None)).refusal or "")
    assert applied(risk.say("flatten", "nowhere")).refusal == "unknown market"


def test_a_flatten_of_everything_replaces_a_pause_of_everything() -> None:
    risk = Supervisor()
    holding(risk)
    risk.say("pause", None)
    assert reasons(risk.say("flatten", None))[M] == (TradingState.REDUCING, FLATTENING)


def test_other_cells_hold_meanwhile() -> None:
    risk = Supervisor()
    holding(risk)
    risk.say("flatten", M)
    assert states(risk.flow(toxic=True)) == {M: TradingState.CANCEL_ONLY}
    assert risk.place(YES, 3_900, 7, side=Side.SELL, takes=True) == "fused"
    risk.flow(toxic=False)
    risk.tell(RaiseCell(M, "feed", TradingState.CANCEL_ONLY, "lost"))
    assert risk.place(YES, 3_900, 7, side=Side.SELL, takes=True) == "cancel_only"


def test_a_market_that_resolves_meanwhile_is_over_when_it_has_paid() -> None:
    risk = Supervisor()
    holding(risk)
    risk.say("flatten", M)
    risk.tell(MarketResolved(M, 10_000, risk.now_ns))
    out = risk.tell(PositionsRedeemed("tag", M, 10_000, risk.now_ns))
    assert reasons(out) == {M: (TradingState.HALTED, FLATTENED)}


def test_a_coordinator_that_comes_up_is_told_that_it_is_to_flatten() -> None:
    risk = Supervisor()
    holding(risk)
    risk.say("flatten", M)
    risk.tell(ActorFailed(f"coordinator/tag/{M}", M, "bug"))
    out = risk.tell(ActorRestarted(f"coordinator/tag/{M}", M, 1))
    assert reasons(out) == {M: (TradingState.REDUCING, FLATTENING)}


def test_a_risk_supervisor_that_died_goes_on_with_it() -> None:
    risk = Journalled()
    holding(risk)
    risk.say("flatten", M)
    machine = risk.begin_anew()
    for at_ns, entry in risk.chain:
        machine.recall(entry, at_ns)
    out = machine.recalled(risk.now_ns)
    assert reasons(out)[M][1] == FLATTENING
    risk.flow(toxic=False)
    assert isinstance(risk.place(YES, 3_900, 7, side=Side.SELL, takes=True), PlaceOrder)


def test_one_that_was_over_is_over_again_and_one_that_was_ended_stays_so() -> None:
    risk = Journalled()
    risk.say("flatten", M)
    risk.say("flatten", N)
    risk.say("resume", N)
    machine = risk.begin_anew()
    for at_ns, entry in risk.chain:
        machine.recall(entry, at_ns)
    found = reasons(machine.recalled(risk.now_ns))
    assert (found[M][1], found[N][1]) == (FLATTENED, "")


@pytest.mark.proves("I11")
def test_approvals_under_a_flatten_never_pass_zero_whatever_is_asked() -> None:
    risk = Supervisor()
    holding(risk, 9)
    risk.say("flatten", None)
    approved = 0
    for shares in range(1, 10):
        asked: tuple[tuple[Outcome, Side], ...] = (
            (YES, Side.SELL), (NO, Side.BUY), (YES, Side.BUY), (NO, Side.SELL),
        )  # fmt: skip
        for outcome, side in asked:
            out = risk.tell(risk.order(outcome, 4_500, shares, side=side, takes=True))
            if isinstance(out[0], OrderApproved):
                approved += shares
                assert (outcome, side) in ((YES, Side.SELL), (NO, Side.BUY))
    assert approved <= 9
