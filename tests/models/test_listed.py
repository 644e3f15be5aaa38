"""A market that is added while the engine runs, or removed: what each machine makes of it."""

from msgspec.structs import replace

from models.board import BoardMachine
from models.cells import TradingState
from models.controls.control import Guard
from models.controls.order_size import OrderSize
from models.exposure import Exposures
from models.flow import FlowParameters
from models.inventory import InventoryParameters
from models.limits import Limits, RiskParameters
from models.markets import YES, Catalogue, Fees, Market
from models.marks import MarkParameters
from models.messages.catalogue import MarketListed
from models.messages.control import (
    CellNote,
    CommandApplied,
    ExposureUpdated,
    MarketParked,
    RaiseCell,
    TradingStateChanged,
)
from models.messages.lanes import ReadHoldings
from models.messages.orders import FillSettled, IntentDenied, PlaceOrder, SubmitOrder
from models.messages.runtime import ActorRestarted, Woke
from models.orders import OrderState
from models.phase import PhaseParameters
from models.reconciliation import HOLDINGS
from models.risk_recall import RecalledRisk
from models.snapshot import Engine
from models.units import SHARE
from tests.models.live_venue import LiveFloor
from tests.models.supervisor import MARKETS, M, N, Supervisor, states
from tests.models.wishes import M as WISHED
from tests.models.wishes import wish

P = "p"
NEW = Market(P, "slug-p", ("p1", "p2"))


def listed(market: Market = NEW, *, traded: bool = True) -> MarketListed:
    return MarketListed(market, traded, "paper", "test", 1)


def switch(out: tuple[object, ...]) -> list[tuple[TradingState, str]]:
    said = [message for message in out if isinstance(message, TradingStateChanged)]
    return [(cell.state, cell.reason) for message in said for cell in message.cells if cell.source == "switch"]


def test_risk_approves_nothing_in_a_market_that_it_does_not_know_and_all_it_may_in_one_that_was_added() -> None:
    risk = Supervisor()
    assert risk.place(YES, 4_900, market=P) == "unknown_market"
    assert risk.tell(listed()) == (MarketParked(P, False),), "its actors are started"
    assert states(risk.tell(ActorRestarted("coordinator/tag/p", P, 0))) == {P: TradingState.ACTIVE}
    assert isinstance(risk.place(YES, 4_900, market=P), PlaceOrder)
    assert MARKETS.keys() == {M, N}, "the table of others is not touched"


def test_what_holds_all_holds_a_market_that_was_added() -> None:
    risk = Supervisor()
    risk.say("pause", None)
    risk.tell(listed())
    assert states(risk.tell(ActorRestarted("coordinator/tag/p", P, 0))) == {P: TradingState.CANCEL_ONLY}
    assert risk.place(YES, 4_900, market=P) == "cancel_only"


def test_limits_that_go_by_how_many_markets_there_are_count_one_more() -> None:
    def third(limits: RiskParameters) -> str | PlaceOrder:
        def guards(held: Exposures) -> tuple[Guard, ...]:
            return (Limits(limits, held, 1_000 * SHARE),)

        risk = Supervisor(guards=guards)
        for market in (M, N):
            assert isinstance(risk.place(YES, 4_900, market=market), PlaceOrder)
        risk.tell(listed())
        return risk.place(YES, 4_900, market=P)

    assert isinstance(third(RiskParameters()), PlaceOrder)
    assert third(RiskParameters(open_positions=2)) == "open_positions", "a number that a person has set stays"


def test_a_market_that_is_removed_stays_off_and_only_adding_brings_it_back() -> None:
    risk = Supervisor()
    risk.say("off", M)
    assert switch(risk.tell(listed(MARKETS[M], traded=False))) == [(TradingState.HALTED, "removed")]
    for verb in ("on", "off"):
        (applied,) = risk.say(verb, M)
        assert isinstance(applied, CommandApplied)
        assert applied.refusal == "it was removed: keel markets add"
    assert risk.place(YES, 4_900) == "halted"
    assert risk.tell(listed(MARKETS[M])) == (MarketParked(M, False),)
    assert states(risk.tell(ActorRestarted("coordinator/tag/m", M, 0))) == {M: TradingState.ACTIVE}
    assert isinstance(risk.place(YES, 4_900), PlaceOrder)


def test_a_market_that_was_switched_on_while_it_was_being_removed_is_off_and_served_by_nobody() -> None:
    risk = Supervisor()
    risk.say("off", M)
    risk.say("on", M)
    said = risk.tell(listed(MARKETS[M], traded=False))
    assert (switch(said), MarketParked(M, True) in said) == ([(TradingState.HALTED, "removed")], True)
    assert not any(isinstance(one, MarketParked) for one in risk.tell(listed(MARKETS[M], traded=False)))


def test_what_came_late_keeps_a_market_from_being_removed_until_it_has_settled_and_is_gone() -> None:
    risk = Supervisor()
    order = risk.place(YES, 4_900)
    risk.say("off", M)
    _, fill = risk.fill(order)
    assert risk.tell(listed(MARKETS[M], traded=False)) == ()
    risk.tell(FillSettled(fill, 9))
    assert risk.tell(listed(MARKETS[M], traded=False)) == (), "it holds five shares"
    (applied, *_) = [said for said in risk.say("on", M) if isinstance(said, CommandApplied)]
    assert applied.refusal is None


def test_who_takes_the_place_of_a_dead_supervisor_knows_what_was_removed() -> None:
    again = RecalledRisk(MARKETS, RiskParameters(), PhaseParameters(), InventoryParameters(), {}, FlowParameters())
    again.recall(CommandApplied("r1", "off", M, True, None, 1), 1)
    again.recall(listed(MARKETS[M], traded=False), 2)
    assert switch(again.recalled(3)) == [(TradingState.HALTED, "removed")]


def test_who_takes_the_place_of_a_dead_supervisor_goes_by_the_catalogue_of_now_and_not_by_what_was_added_then() -> None:
    def guards(held: Exposures) -> tuple[Guard, ...]:
        return (OrderSize(RiskParameters(), held.markets),)

    limits = RiskParameters(), PhaseParameters(), InventoryParameters()
    again = RecalledRisk(MARKETS, *limits, {}, FlowParameters(), guards)
    again.recall(listed(), 1)
    again.recall(listed(replace(MARKETS[M], min_order_size=10 * SHARE)), 2)
    assert states(again.recalled(3)).keys() == {M, N}, "the market that was added has ended since"
    again.step(Woke("flow"), 3)

    def placed(market: str) -> str:
        (said, *_) = again.step(replace(wish(1, market=market), size=5 * SHARE, created_ns=3), 3)
        return said.reason if isinstance(said, IntentDenied) else "approved"

    assert (placed(M), placed(P)) == ("approved", "unknown_market")


def test_what_was_done_in_a_market_long_before_it_was_added_does_not_hide_what_its_orders_cost() -> None:
    dear, says = replace(NEW, fees=Fees(70_000)), Supervisor()
    again = RecalledRisk(MARKETS, RiskParameters(), PhaseParameters(), InventoryParameters(), {}, FlowParameters())
    earlier, taking = says.order(YES, 4_900, market=P), says.order(YES, 4_900, market=P, takes=True)
    again.recall(SubmitOrder(f"o{earlier.intent}", earlier, 1), 1)
    again.recall(says.changed(earlier, OrderState.CANCELLED), 2)
    worst: list[int] = []
    for machine in (again, says.machine):
        machine.step(listed(dear), says.now_ns)
        worst += [said.worst_case for said in machine.step(taking, says.now_ns) if isinstance(said, ExposureUpdated)]
    assert len(worst) == 2
    assert worst[0] == worst[1]


def test_a_live_executor_places_nothing_in_a_market_before_the_wallet_was_looked_at() -> None:
    floor = LiveFloor()
    said = floor.tell(listed())
    assert RaiseCell(P, HOLDINGS, TradingState.CANCEL_ONLY, "what the wallet holds of it has still to be read") in said
    assert [read.markets[0] for read in said if isinstance(read, ReadHoldings)] == [P], "at once, and before others"
    order = wish(1, market=P)
    floor.approve(order)
    assert [denied.reason for denied in floor.heard(IntentDenied)] == ["not_reconciled"]
    assert RaiseCell(P, HOLDINGS, TradingState.ACTIVE, "") in floor.look({P: (0, 0)})
    floor.said.clear()
    floor.approve(wish(2, market=P))
    assert not floor.heard(IntentDenied)
    assert floor.tell(listed()) == (), "it is looked after already"
    assert floor.tell(listed(Market(WISHED, "slug", ("1", "2")))) == ()


def test_an_executor_gives_the_actors_of_an_added_market_what_it_has_of_it() -> None:
    floor = LiveFloor()
    floor.tell(listed())
    said = floor.tell(ActorRestarted("coordinator/tag/p", P, 0))
    assert {type(message).__name__ for message in said} == {"LedgerSnapshot", "OrdersSnapshot"}


def test_the_board_shows_an_added_market_and_keeps_a_removed_one_with_its_figures() -> None:
    board = BoardMachine(Engine("paper", ("tag",), "run", 1, "0", 0), Catalogue({M: MARKETS[M]}), MarkParameters())
    board.step(listed(), 1)
    shown = board.snapshot(1)
    assert [desk.tag for desk in shown.desks_of(P)] == ["tag"]
    assert shown.markets[P].on
    cell = CellNote("market p", "switch", TradingState.HALTED, "removed", 2)
    board.step(TradingStateChanged(P, TradingState.HALTED, (cell,), 2), 2)
    board.step(listed(traded=False), 3)
    shown = board.snapshot(3)
    assert shown.markets[P].removed
    assert [line.text for line in shown.log if line.slug == "slug-p"][-1] == "removed by test"
    board.step(listed(), 4)
    board.step(TradingStateChanged(P, TradingState.ACTIVE, (), 4), 4)
    assert not board.snapshot(4).markets[P].removed
