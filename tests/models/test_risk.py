"""The supervisor enforces by its own count: what coordinators believe is never asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.cells import TradingState
from models.markets import NO, YES, Market, Outcome, Side
from models.messages.base import Message
from models.messages.control import ClearKill, CommandApplied, Kill, MarketParked, SetOperatorState, TradingStateChanged
from models.messages.market import FlowUpdated
from models.messages.orders import (
    CancelMarket,
    FillCounted,
    FillSettled,
    FillVoided,
    IntentDenied,
    OrderApproved,
    OrderChanged,
    PlaceBundle,
    PlaceOrder,
)
from models.orders import OrderState, TimeInForce
from models.phase import PhaseParameters
from models.risk import RiskMachine, RiskParameters
from models.units import DOLLAR, SHARE

M, N = "m", "n"
MARKETS = {name: Market(name, f"slug-{name}", (f"{name}1", f"{name}2")) for name in (M, N)}
MS = 1_000_000


class Supervisor:
    """A risk machine with names for what one says to it."""

    def __init__(self, phase: PhaseParameters = PhaseParameters(), **parameters: object) -> None:
        self.machine = RiskMachine(MARKETS, RiskParameters(**parameters), phase)  # pyright: ignore[reportArgumentType]
        self.now_ns = 1_000 * MS
        self.sequence = 0

    def tell(self, message: Message) -> tuple[Message, ...]:
        return self.machine.step(message, self.now_ns)

    def order(
        self, outcome: Outcome, price: int, shares: int = 5, *, market: str = M, side: Side = Side.BUY
    ) -> PlaceOrder:
        self.sequence += 1
        return PlaceOrder(
            f"i{self.sequence}",
            "tag",
            market,
            outcome,
            side,
            price,
            shares * SHARE,
            True,
            TimeInForce.GTC,
            "",
            1,
            self.now_ns,
        )

    def place(
        self, outcome: Outcome, price: int, shares: int = 5, *, market: str = M, side: Side = Side.BUY
    ) -> str | PlaceOrder:
        """Return the approved order, or the reason of the denial."""
        order = self.order(outcome, price, shares, market=market, side=side)
        answer = self.tell(order)[0]
        if isinstance(answer, IntentDenied):
            return answer.reason
        assert isinstance(answer, OrderApproved)
        return order

    def fill(self, order: PlaceOrder | str, shares: int | None = None) -> tuple[tuple[Message, ...], FillCounted]:
        assert isinstance(order, PlaceOrder)
        size = order.size if shares is None else shares * SHARE
        state = OrderState.FILLED if size == order.size else OrderState.WORKING
        fill = FillCounted(
            f"t{order.intent}", f"o{order.intent}", order.intent, "tag", order.market, order.outcome, order.side,
            order.price, size, order.price * size // 10_000, 0, 0, True, self.now_ns,
        )  # fmt: skip
        return (*self.tell(fill), *self.tell(self.changed(order, state, size))), fill

    def changed(self, order: PlaceOrder, state: OrderState, filled: int = 0) -> OrderChanged:
        return OrderChanged(
            f"o{order.intent}", order.intent, "tag", order.market, order.outcome, order.side, order.price, order.size,
            filled, state, "", self.now_ns,
        )  # fmt: skip

    def say(self, verb: str, market: str | None) -> tuple[Message, ...]:
        self.sequence += 1
        return self.tell(SetOperatorState(verb, market, f"r{self.sequence}", "test"))

    def flow(self, *, toxic: bool, direction: int = 1, market: str = M) -> tuple[Message, ...]:
        score = 60 * SHARE * direction
        return self.tell(
            FlowUpdated(market, score, 0, score, 50 * SHARE, toxic, direction if toxic else 0, self.now_ns)
        )


def states(out: tuple[Message, ...]) -> dict[str, TradingState]:
    return {message.market: message.state for message in out if isinstance(message, TradingStateChanged)}


def test_a_naked_leg_puts_the_market_into_reducing_and_cancels_the_side_that_would_grow_it() -> None:
    risk = Supervisor()
    out, _ = risk.fill(risk.place(YES, 4_900))
    assert states(out) == {M: TradingState.REDUCING}
    assert CancelMarket(M, "inventory_limit", YES, Side.BUY) in out
    assert risk.place(YES, 4_900) == "hedge_only"
    assert isinstance(risk.place(NO, 4_900), PlaceOrder)


def test_a_hedge_may_not_exceed_what_is_naked_nor_be_placed_twice() -> None:
    risk = Supervisor()
    risk.fill(risk.place(YES, 4_900))
    assert risk.place(NO, 4_900, 6) == "hedge_only"
    assert isinstance(risk.place(NO, 4_900, 5), PlaceOrder)
    assert risk.place(NO, 4_800, 5) == "hedge_only"


@given(st.lists(st.tuples(st.sampled_from([YES, NO]), st.booleans()), max_size=40))
def test_a_coordinator_that_always_quotes_both_sides_cannot_raise_net_beyond_one_order_past_the_band(
    rounds: list[tuple[Outcome, bool]],
) -> None:
    risk = Supervisor(market_worst_case=1.0)
    net = 0
    for outcome, fills in rounds:
        orders = [order for side in (YES, NO) if isinstance(order := risk.place(side, 4_900), PlaceOrder)]
        for order in orders:
            if fills and order.outcome == outcome:
                risk.fill(order)
                net += order.size if outcome == YES else -order.size
            else:
                risk.tell(risk.changed(order, OrderState.CANCELLED))
        assert abs(net) <= 5 * SHARE


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


def test_a_stale_intent_is_not_approved() -> None:
    risk = Supervisor()
    order = risk.order(YES, 4_900)
    risk.now_ns += 501 * MS
    answer = risk.tell(order)[0]
    assert isinstance(answer, IntentDenied)
    assert answer.reason == "expired"


def test_open_orders_are_capped_per_market_and_in_all() -> None:
    risk = Supervisor(open_orders_per_market=2, open_orders_total=3)
    assert isinstance(risk.place(YES, 4_000), PlaceOrder)
    assert isinstance(risk.place(NO, 4_000), PlaceOrder)
    assert risk.place(YES, 3_900) == "open_orders_market"
    assert isinstance(risk.place(YES, 4_000, market=N), PlaceOrder)
    assert risk.place(NO, 4_000, market=N) == "open_orders_total"


def test_the_worst_case_of_a_market_is_limited_by_its_share_of_the_wallet() -> None:
    risk = Supervisor(wallet_usd=100 * DOLLAR, market_worst_case=0.1, total_worst_case=0.15)
    assert isinstance(risk.place(YES, 5_000, 20), PlaceOrder)
    assert risk.place(YES, 4_900, 5) == "market_worst_case"
    assert risk.place(YES, 5_000, 20, market=N) == "total_worst_case"
    assert isinstance(risk.place(NO, 4_900, 20), PlaceOrder), "the other leg loses only where the first one wins"


def test_an_order_of_unknown_fate_blocks_new_risk_in_its_market() -> None:
    risk = Supervisor()
    order = risk.place(YES, 4_900)
    assert isinstance(order, PlaceOrder)
    risk.tell(risk.changed(order, OrderState.UNKNOWN))
    assert risk.place(NO, 4_900) == "unknown_order"
    risk.tell(risk.changed(order, OrderState.CANCELLED))
    assert isinstance(risk.place(NO, 4_900), PlaceOrder)


@pytest.mark.parametrize(("outcome", "side", "price"), [(NO, Side.BUY, 5_100), (YES, Side.SELL, 4_900)])
def test_an_order_that_would_trade_with_our_own_is_refused(outcome: Outcome, side: Side, price: int) -> None:
    risk = Supervisor()
    assert isinstance(risk.place(YES, 4_900), PlaceOrder)
    assert risk.place(outcome, price, side=side) == "self_cross"


def test_sells_are_sized_from_settled_shares_not_yet_offered() -> None:
    risk = Supervisor()
    _, fill = risk.fill(risk.place(YES, 4_900))
    assert risk.place(YES, 5_500, side=Side.SELL) == "not_settled"
    risk.tell(FillSettled(fill, risk.now_ns))
    assert isinstance(risk.place(YES, 5_500, 3, side=Side.SELL), PlaceOrder)
    assert risk.place(YES, 5_600, 3, side=Side.SELL) in ("hedge_only", "not_settled")


def test_a_bundle_is_approved_whole_or_not_at_all() -> None:
    risk = Supervisor()
    legs = (risk.order(YES, 3_000), risk.order(YES, 3_000, market=N))
    out = risk.tell(PlaceBundle("b", "tag", "g", legs, 10_000, risk.now_ns))
    assert sum(isinstance(message, OrderApproved) for message in out) == 2
    risk.say("off", N)
    legs = (risk.order(NO, 3_000), risk.order(NO, 3_000, market=N))
    out = risk.tell(PlaceBundle("c", "tag", "g", legs, 10_000, risk.now_ns))
    assert [type(message) for message in out] == [IntentDenied, IntentDenied]


def test_start_paused_places_nothing_until_resumed() -> None:
    risk = Supervisor(start_paused=True)
    assert risk.place(YES, 4_900) == "cancel_only"
    risk.say("resume", None)
    assert isinstance(risk.place(YES, 4_900), PlaceOrder)
