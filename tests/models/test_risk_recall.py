"""A supervisor that takes a dead one's place knows what that one knew, from the journal's chain alone."""

from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.cells import Cell, TradingState
from models.controls.control import Guard
from models.controls.loss_rules import LossParameters
from models.controls.losses import Losses
from models.controls.worst_cases import WorstCases
from models.depth import Depth
from models.exposure import Exposures
from models.flow import FlowParameters
from models.inventory import InventoryParameters
from models.limits import Limits, RiskParameters
from models.markets import NO, YES, Side
from models.marks import MarkParameters
from models.messages.base import Message
from models.messages.control import ClearKill, ExposureUpdated, Kill, MarketParked, RaiseCell
from models.messages.market import BookUpdated, FlowUpdated, MarketResolved
from models.messages.orders import (
    FillCounted,
    FillSettled,
    FillVoided,
    IntentDenied,
    OrderApproved,
    PlaceBundle,
    PlaceOrder,
    SubmitOrder,
)
from models.messages.recall import Chained, Checkpointed, Kept
from models.messages.runtime import ActorFailed, ActorQuarantined, ActorRestarted, WakeAt, Woke
from models.orders import OrderState
from models.phase import PhaseParameters
from models.repeats import Repeats
from models.risk import RiskMachine
from models.risk_recall import RecalledRisk
from models.units import DOLLAR, ONE, SHARE
from tests.models.supervisor import GROUP, MARKETS, MS, M, N, Supervisor, states

SILENCE_NS = FlowParameters().silence_max_ns
SECOND = 1_000 * MS
INVENTORY = InventoryParameters(max_net_diff=1_000 * SHARE)


class Journalled(Supervisor):
    """A supervisor of which a journal keeps what it would keep, and that can die."""

    def __init__(self, *, start_paused: bool = False) -> None:
        super().__init__(start_paused=start_paused)
        self.limits = RiskParameters(start_paused=start_paused)
        self.machine = RiskMachine(
            MARKETS, self.limits, PhaseParameters(), INVENTORY, {GROUP: (M, N)}, guards=self.controls
        )
        self.chain: list[tuple[int, Message]] = []

    def controls(self, exposures: Exposures) -> tuple[Guard, ...]:
        """What is held and open, and what is lost: of a wallet so small that it often is too much."""
        self.losses = Losses(LossParameters(), MarkParameters(), 4 * DOLLAR, exposures)
        limits = self.limits
        return (Limits(limits, exposures, INVENTORY.max_net_diff), WorstCases(limits, exposures), self.losses)

    def tell(self, message: Message) -> tuple[Message, ...]:
        out = super().tell(message)
        for each in (message, *out):
            if isinstance(each, OrderApproved):
                self.chain.append((self.now_ns, SubmitOrder(f"o{each.order.intent}", each.order, self.now_ns)))
            elif isinstance(each, Chained):
                self.chain.append((self.now_ns, each))
        return out

    def begin_anew(self) -> RecalledRisk:
        """Let one that was told nothing yet take the place of this one."""
        groups, phase, flow = {GROUP: (M, N)}, PhaseParameters(), FlowParameters()
        machine = RecalledRisk(MARKETS, self.limits, phase, INVENTORY, groups, flow, self.controls)
        self.machine = machine
        return machine

    def recall(self, chain: list[tuple[int, Message]] | None = None) -> tuple[Message, ...]:
        """Let one that was told all take the place of this one; return what it says at last."""
        machine, repeats = self.begin_anew(), Repeats()
        for at_ns, entry in self.chain if chain is None else chain:
            for news in repeats.news(entry):
                machine.recall(news, at_ns)
        return machine.recalled(self.now_ns)


def exposures(risk: Supervisor) -> dict[str, object]:
    """Everything that intents are held against."""
    counted = risk.machine._exposures
    held = {market: counted.of(market) for market in MARKETS}
    return {
        "total": counted.totals,
        "orders": {market: dict(one.orders) for market, one in held.items()},
        "unknown": {market: set(one.unknown) for market, one in held.items()},
        "positions": {market: dict(one._positions) for market, one in held.items()},
    }


def cells(risk: Supervisor) -> set[Cell]:
    """All cells but the fuses, which follow the flow."""
    return {
        cell._replace(reason="") for market in MARKETS for cell in risk.machine._states.covering(market, "tag")
        if cell.source != "flow"
    }  # fmt: skip


def lost(risk: Journalled) -> dict[str, object]:
    """What the loss limits count from, what they hold, and what they have seen realised."""
    losses = risk.losses
    worths = losses._worths
    return {
        "baselines": (losses._periods, losses._halted),
        "holds": (set(losses._holds.all()), losses._killed),
        "realised": {market: worths.of(market).realised for market in worths.traded()},
    }


def last_order(risk: Journalled, state: OrderState) -> object:
    submitted = [entry.order for _, entry in risk.chain if isinstance(entry, SubmitOrder)]
    return submitted and risk.tell(risk.changed(submitted[-1], state))


def book(risk: Journalled, cents: int) -> object:
    """A good book of M around a price."""
    bids, asks = ({price * 100: 1_000 * SHARE} for price in (cents - 1, cents + 1))
    touch = (cents - 1) * 100, (cents + 1) * 100
    return risk.tell(BookUpdated(M, 1, 1, 100, Depth(bids), Depth(asks), *touch, *touch, None, risk.now_ns, 0))


def lose(risk: Journalled, market: str) -> None:
    """Two shares are bought and sold for less, by orders that nothing could stop any more."""
    for side, cash, cost_out in ((Side.BUY, 980_000, 0), (Side.SELL, 900_000, 980_000)):
        order = risk.order(YES, 4_900, 2, market=market, side=side)
        order_id = f"o{order.intent}"
        risk.chain.append((risk.now_ns, SubmitOrder(order_id, order, risk.now_ns)))
        risk.trades += 1
        fill = FillCounted(
            f"t{risk.trades}", order_id, order.intent, order.tag, market, YES, side, 4_900, order.size,
            cash, 0, 0, True, risk.now_ns, cost_out,
        )  # fmt: skip
        for said in (fill, risk.changed(order, OrderState.FILLED, order.size), FillSettled(fill, risk.now_ns)):
            risk.tell(said)


def look(risk: Journalled, after_ns: int) -> object:
    """Let time pass, and the losses be looked at twice."""
    risk.now_ns += after_ns
    risk.tell(Woke("losses"))
    risk.now_ns += 2 * SECOND
    return risk.tell(Woke("losses"))


def last_fill(risk: Journalled) -> object:
    submitted = [entry.order for _, entry in risk.chain if isinstance(entry, SubmitOrder)]
    return submitted and risk.fill(submitted[-1], 2)


ACTS: dict[str, Callable[[Journalled], object]] = {
    "yes": lambda risk: risk.place(YES, 4_900),
    "no": lambda risk: risk.place(NO, 4_800, 8),
    "elsewhere": lambda risk: risk.place(YES, 4_000, market=N),
    "working": lambda risk: last_order(risk, OrderState.WORKING),
    "unknown": lambda risk: last_order(risk, OrderState.UNKNOWN),
    "cancelled": lambda risk: last_order(risk, OrderState.CANCELLED),
    "fill": last_fill,
    "settle": lambda risk: [risk.tell(FillSettled(fill, 0)) for fill in fills(risk)[-1:]],
    "void": lambda risk: [risk.tell(FillVoided(fill, 0)) for fill in fills(risk)[-1:]],
    **{
        f"{verb} {market}": lambda risk, verb=verb, market=market: risk.say(verb, market)
        for verb in ("pause", "reduce", "resume", "off", "on")
        for market in (M, None)
    },
    "kill": lambda risk: risk.tell(Kill("test", f"k{risk.now_ns}", "cli")),
    "clear": lambda risk: risk.tell(ClearKill(f"c{risk.now_ns}", "cli")),
    "no mark": lambda risk: risk.tell(RaiseCell(M, "marks", TradingState.HALTED, "no_mark")),
    "mark": lambda risk: risk.tell(RaiseCell(M, "marks", TradingState.ACTIVE, "")),
    "disk": lambda risk: risk.tell(RaiseCell(None, "journal", TradingState.CANCEL_ONLY, "disk full")),
    "died": lambda risk: risk.tell(ActorFailed(f"book/{M}", M, "ValueError: x")),
    "lives": lambda risk: risk.tell(ActorRestarted(f"book/{M}", M, 1)),
    "quarantine": lambda risk: risk.tell(ActorQuarantined("event/e", GROUP, "died once too often")),
    "resolved": lambda risk: risk.tell(MarketResolved(N, ONE, 0)),
    "lose": lambda risk: lose(risk, M),
    "lose elsewhere": lambda risk: lose(risk, N),
    "cheap": lambda risk: book(risk, 5),
    "dear": lambda risk: book(risk, 95),
    "look": lambda risk: look(risk, 2 * SECOND),
    "next hour": lambda risk: look(risk, 3_600 * SECOND),
    "tomorrow": lambda risk: look(risk, 86_400 * SECOND),
    "later": lambda risk: setattr(risk, "now_ns", risk.now_ns + 100 * MS),
}


def fills(risk: Journalled) -> list[FillCounted]:
    """Fills that have not had their last word."""
    counted = [entry for _, entry in risk.chain if isinstance(entry, FillCounted)]
    ended = {entry.fill.trade_id for _, entry in risk.chain if isinstance(entry, FillSettled | FillVoided)}
    return [fill for fill in counted if fill.trade_id not in ended]


histories = st.lists(st.sampled_from(sorted(ACTS)), max_size=30)


def played(history: list[str]) -> Journalled:
    """Let anything happen."""
    risk = Journalled()
    for act in history:
        ACTS[act](risk)
        risk.now_ns += MS
    risk.tell(Woke("losses"))
    return risk


@pytest.mark.proves("I25")
@given(histories)
@example(["no", "fill", "fill", "fill"])
@example(["yes", "fill", "fill", "cheap", "look", "look", "clear", "tomorrow"])
@example(["yes", "fill", "dear", "look", "next hour", "fill", "cheap", "look", "kill", "clear", "void"])
@settings(max_examples=200)
def test_it_holds_the_same_exposures_and_cells_after_any_history(history: list[str]) -> None:
    risk = played(history)
    before = exposures(risk), cells(risk), lost(risk), risk.machine._parked
    risk.recall()
    assert (exposures(risk), cells(risk), lost(risk), risk.machine._parked) == before


@given(histories, st.data())
def test_it_holds_the_same_whatever_stretch_of_its_chain_stands_twice(history: list[str], data: st.DataObject) -> None:
    risk = played(history)
    before = exposures(risk), cells(risk), lost(risk), risk.machine._parked
    begin = data.draw(st.integers(0, len(risk.chain)))
    end = data.draw(st.integers(begin, len(risk.chain)))
    risk.recall(risk.chain[:end] + risk.chain[begin:])
    assert (exposures(risk), cells(risk), lost(risk), risk.machine._parked) == before


def test_in_the_end_every_market_is_told_its_state_and_its_exposure() -> None:
    risk = Journalled()
    risk.place(YES, 4_900)
    risk.say("off", N)
    out = risk.recall()
    assert states(out) == {M: TradingState.CANCEL_ONLY, N: TradingState.HALTED}
    counted = {said.market: said.open_orders for said in out if isinstance(said, ExposureUpdated)}
    assert counted == {M: 1, N: 0}
    assert MarketParked(N, True) in out


def test_a_leg_that_was_naked_before_the_fall_is_so_since_it_became_it() -> None:
    risk = Journalled()
    risk.place(NO, 4_800, 8)
    for _ in range(4):
        last_fill(risk)
        risk.now_ns += MS
    (before,) = cells(risk)
    risk.now_ns += MS
    risk.recall()
    assert cells(risk) == {before}


def test_a_checkpoint_in_the_midst_of_a_chain_says_nothing_that_is_not_known() -> None:
    risk = Journalled()
    risk.fill(risk.place(YES, 4_900))
    before = exposures(risk)
    midst = Checkpointed(0, tuple((at_ns, entry) for at_ns, entry in risk.chain if isinstance(entry, Kept)), ())
    assert midst.entries
    risk.recall([*risk.chain, (risk.now_ns, midst)])
    assert exposures(risk) == before


def test_a_start_in_pause_that_was_resumed_stays_resumed() -> None:
    risk = Journalled(start_paused=True)
    risk.say("resume", None)
    risk.recall()
    risk.flow(toxic=False)
    assert isinstance(risk.place(YES, 4_900), PlaceOrder)


def test_intents_are_denied_until_all_is_recalled() -> None:
    risk = Journalled()
    machine = risk.begin_anew()
    first, second = risk.order(YES, 4_900), risk.order(YES, 4_900, market=N)

    def denials(intent: Message) -> list[tuple[str, str]]:
        out = machine.meanwhile(intent, risk.now_ns) or ()
        return [(denied.intent, denied.reason) for denied in out if isinstance(denied, IntentDenied)]

    assert denials(first) == [(first.intent, "recovering")]
    both = PlaceBundle("b", "tag", GROUP, (first, second), ONE, 0)
    assert denials(both) == [(first.intent, "recovering"), (second.intent, "recovering")]
    assert machine.meanwhile(Kill("test", "r", "cli"), risk.now_ns) is None, "it waits, and is not lost"


def test_no_quote_goes_out_into_a_flow_that_nobody_has_heard_of() -> None:
    risk = Journalled()
    out = risk.recall()
    assert out[-1] == WakeAt(risk.now_ns + SILENCE_NS, "flow")
    assert risk.place(YES, 4_900) == "flow_unknown"
    risk.flow(toxic=False)
    assert isinstance(risk.place(YES, 4_900), PlaceOrder), "the flow has spoken"
    assert risk.place(YES, 4_900, market=N) == "flow_unknown"
    risk.now_ns += SILENCE_NS
    assert states(risk.tell(Woke("flow"))) == {N: TradingState.ACTIVE}, "who says nothing for so long is not toxic"
    assert isinstance(risk.place(YES, 4_900, market=N), PlaceOrder)


def test_a_flow_that_is_toxic_stays_fused_after_the_wait() -> None:
    risk = Journalled()
    risk.recall()
    risk.flow(toxic=True)
    assert states(risk.tell(Woke("flow"))) == {N: TradingState.ACTIVE}
    assert risk.place(YES, 4_900) == "fused"


def test_a_flow_that_is_heard_while_all_is_recalled_counts() -> None:
    risk = Journalled()
    machine = risk.begin_anew()
    assert machine.meanwhile(FlowUpdated(M, 0, 0, 0, 50 * SHARE, False, 0, risk.now_ns), risk.now_ns) == ()
    machine.recalled(risk.now_ns)
    assert isinstance(risk.place(YES, 4_900), PlaceOrder)
    assert risk.place(YES, 4_900, market=N) == "flow_unknown"
