"""Whatever actor dies and whenever: what is held and open is known afterwards, and quoting goes on."""

from collections.abc import Iterator
from functools import cache
from random import Random

import pytest
from loguru import logger

from actors.topology import EXECUTOR, RISK, inventory_name
from models.cells import TradingState
from models.executor import ExecutorMachine
from models.flow import FlowParameters
from models.inventory import InventoryMachine
from models.messages.base import Message
from models.messages.control import ClearKill, Kill, SetOperatorState
from models.messages.orders import SubmitCancel, SubmitOrder, TradeReported
from models.risk import RiskMachine
from models.units import SHARE
from research.simulation import EngineFailed
from tests.actors.recoveries import (
    MARKETS,
    MS,
    SECOND,
    START,
    TAG,
    Death,
    Run,
    assert_all_agree,
    assert_nothing_was_unknown,
    assert_one_order_for_each_intent,
    orders_after,
    poisoned,
)
from tests.sizes import TIMES

OF_A_MARKET = ("book/m1", "flow/m1", "inventory/maker/m1", "coordinator/maker/m1")
OF_THE_CORE = ("risk", "executor", "journal")
OTHERS = ("m0", "m2")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keep hundreds of ordered deaths, each with its traceback, out of the log."""
    logger.disable("actors.runtime")
    yield
    logger.enable("actors.runtime")


@cache
def undisturbed(seed: int) -> Run:
    """The same market without a death."""
    return Run(seed).play()


def assert_sound(run: Run) -> None:
    assert_all_agree(run)
    assert_one_order_for_each_intent(run)
    assert_nothing_was_unknown(run)


def state_of(run: Run, market: str) -> tuple[TradingState, list[str]]:
    """The trading state that risk holds, and the sources of its cells."""
    cells = run.simulation.machine(RISK, RiskMachine)._states.covering(market)
    return max((cell.state for cell in cells), default=TradingState.ACTIVE), [cell.source for cell in cells]


def test_without_a_death_all_agree() -> None:
    run = undisturbed(1)
    assert_sound(run)
    assert all(len(run.sent_of(market)) > 50 for market in MARKETS)
    assert run.simulation.dead_letters.total() == 0


# Any one actor


@pytest.mark.proves("I25")
@pytest.mark.parametrize("actor", [*OF_A_MARKET, *OF_THE_CORE, "venue"])
@pytest.mark.parametrize("at_ms, done", [(4_010, False), (9_353, True), (14_700, False), (17_129, True)])
def test_whoever_dies_all_agree_afterwards(actor: str, at_ms: int, done: bool) -> None:
    # What a dead venue has taken in, and what it would have said of that, is on no record of ours.
    death = Death(actor, at_ms * MS, done=done and actor != "venue")
    run = Run(1 + at_ms % 3, (death,)).play()
    assert run.died == [actor]
    assert_sound(run)


@pytest.mark.proves("I34")
@pytest.mark.parametrize("actor, every", [("executor", 61), ("risk", 113), ("venue", 83)])
def test_an_executor_a_supervisor_and_a_venue_may_die_of_any_message(actor: str, every: int) -> None:
    spared, every = 0, max(every // TIMES, 1)
    while (run := Run(2, (Death(actor, 0, spared),)).play()).died:
        assert_sound(run)
        spared += every
    assert spared > 5 * every


@pytest.mark.proves("I37")
@pytest.mark.parametrize("actor", OF_A_MARKET)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_death_in_one_market_changes_no_order_of_another(actor: str, seed: int) -> None:
    run = Run(seed, (Death(actor, 6_037 * MS),)).play()
    for other in OTHERS:
        assert run.sent_of(other) == undisturbed(seed).sent_of(other)


@pytest.mark.parametrize("actor", OF_A_MARKET)
def test_the_orders_of_a_market_whose_actor_died_are_cancelled_at_once(actor: str) -> None:
    run = Run(2, (Death(actor, 3_037 * MS),)).play()
    reasons = {message.reason for _, message in run.sent_of("m1") if isinstance(message, SubmitCancel)}
    assert "actor_failed" in reasons
    assert orders_after(run, "m1", 10 * SECOND), "and it is quoted again"


@pytest.mark.parametrize("actor", [*OF_THE_CORE, "venue"])
def test_every_market_is_quoted_again_after_a_death_of_the_core_or_the_venue(actor: str) -> None:
    run = Run(2, (Death(actor, 3_037 * MS),)).play()
    for market in MARKETS:
        assert orders_after(run, market, 4 * SECOND)[0] < 10 * SECOND


@pytest.mark.parametrize("actor", OF_THE_CORE)
def test_what_rested_when_the_core_died_is_cancelled_when_it_lives_again(actor: str) -> None:
    run = Run(2, (Death(actor, 3_037 * MS),)).play()
    recovered = {m.order_id for _, m in run.sent if isinstance(m, SubmitCancel) and m.reason == "recovered"}
    before = {m.order_id for at_ns, m in run.sent if isinstance(m, SubmitOrder) and at_ns < START + 3_037 * MS}
    assert recovered
    assert recovered <= before


# Several deaths


@pytest.mark.proves("I25")
@pytest.mark.parametrize("seed", range(15 * TIMES))
def test_any_row_of_deaths_leaves_all_agreeing_or_a_market_halted(seed: int) -> None:
    chance = Random(seed)
    begin_ms = chance.randrange(1_000, 30_000)
    span_ms = chance.choice((600, 8_000))

    def deaths(kinds: tuple[str, ...], most: int) -> list[Death]:
        return [
            Death(chance.choice(kinds), (begin_ms + chance.randrange(span_ms)) * MS, chance.randrange(4))
            for _ in range(chance.randint(0, most))
        ]

    of_markets = tuple(
        f"{kind}/{name}" for kind in ("book", "inventory/maker", "coordinator/maker") for name in MARKETS
    )
    run = Run(seed, (*deaths(OF_THE_CORE, 2), *deaths(of_markets, 3), *deaths(("venue",), 2))).play()
    if poisoned(run):
        assert TradingState.HALTED in [state_of(run, market)[0] for market in MARKETS]
    else:
        assert_sound(run)


@pytest.mark.proves("I37")
def test_a_market_that_keeps_dying_is_quarantined_alone() -> None:
    run = Run(1, tuple(Death("book/m1", (5_000 + 2_000 * number) * MS) for number in range(4))).play()
    assert run.died == ["book/m1"] * 4
    state, sources = state_of(run, "m1")
    assert (state, sources[0]) == (TradingState.HALTED, "runtime")
    assert orders_after(run, "m1", 12 * SECOND) == []
    executor = run.simulation.machine(EXECUTOR, ExecutorMachine)
    assert executor._orders.open_in("m1") == ()
    for other in OTHERS:
        assert run.sent_of(other) == undisturbed(1).sent_of(other)


@pytest.mark.proves("I34")
def test_a_core_that_keeps_dying_takes_the_markets_along_once_and_then_the_process() -> None:
    deaths = tuple(Death("executor", (5_000 + 1_500 * number) * MS) for number in range(6))
    run = Run(3, deaths[:3]).play()
    assert_sound(run)
    assert all(orders_after(run, market, 12 * SECOND) for market in MARKETS)
    with pytest.raises(EngineFailed, match="core died once too often"):
        Run(3, deaths).play()


def test_a_fill_that_kills_twice_is_left_and_its_market_halted() -> None:
    deadly: list[str] = []

    def fatal(name: str, message: Message) -> bool:
        if name != EXECUTOR or not isinstance(message, TradeReported) or message.market != "m1":
            return False
        deadly.append(message.trade_id)
        return message.trade_id == deadly[0] and message.status == "MATCHED"

    run = Run(2, fatal=fatal).play()
    assert run.died == [EXECUTOR, EXECUTOR]
    assert poisoned(run) == {EXECUTOR}
    assert state_of(run, "m1")[0] is TradingState.HALTED
    for other in OTHERS:
        assert "runtime" not in state_of(run, other)[1]
        assert orders_after(run, other, 20 * SECOND)


def test_where_nothing_is_kept_a_death_of_the_core_is_the_end() -> None:
    with pytest.raises(EngineFailed, match="nothing was kept"):
        Run(1, (Death("executor", 5 * SECOND),), keeps=False).play()


# What a person said


def command(verb: str, market: str | None, request: str) -> SetOperatorState:
    return SetOperatorState(verb, market, request, "test")


@pytest.mark.parametrize("actor", OF_THE_CORE)
def test_what_a_person_said_holds_after_a_death_of_the_core(actor: str) -> None:
    said = [
        (4 * SECOND, command("off", "m0", "r1")),
        (4 * SECOND, command("pause", "m1", "r2")),
        (5 * SECOND, command("pause", "m2", "r3")),
        (6 * SECOND, command("resume", "m2", "r4")),
    ]
    run = Run(2, (Death(actor, 8_037 * MS),), said=said).play()
    assert_sound(run)
    # The last pause, of all, is the test's own.
    assert state_of(run, "m0")[1][:2] == ["switch", "operator"]
    assert state_of(run, "m1")[1][:2] == ["operator", "operator"]
    assert orders_after(run, "m0", 5 * SECOND) == orders_after(run, "m1", 5 * SECOND) == []
    assert orders_after(run, "m2", 8_037 * MS)


@pytest.mark.parametrize("actor", OF_THE_CORE)
def test_what_a_person_says_while_the_core_is_down_is_done(actor: str) -> None:
    death_ns = 8_037 * MS
    said = [(death_ns + 100 * MS, command("pause", "m1", "r1")), (death_ns + 110 * MS, command("off", "m2", "r2"))]
    run = Run(2, (Death(actor, death_ns),), said=said).play()
    assert_sound(run)
    assert state_of(run, "m1")[1][:2] == ["operator", "operator"]
    assert state_of(run, "m2")[0] is TradingState.HALTED
    assert orders_after(run, "m1", death_ns) == orders_after(run, "m2", death_ns) == []
    assert orders_after(run, "m0", death_ns)


def test_a_kill_that_comes_while_the_core_is_down_is_latched() -> None:
    death_ns = 8_037 * MS
    run = Run(2, (Death("risk", death_ns),), said=[(death_ns + 100 * MS, Kill("test", "k", "test"))]).play()
    assert state_of(run, "m0")[0] is TradingState.KILLED
    assert all(orders_after(run, market, death_ns) == [] for market in MARKETS)


@pytest.mark.proves("I27")
def test_a_kill_outlives_the_core_until_a_person_lifts_it() -> None:
    said = [(4 * SECOND, Kill("test", "k", "test")), (20 * SECOND, ClearKill("c", "test"))]
    run = Run(2, (Death("executor", 8_037 * MS), Death("risk", 24_037 * MS)), said=said).play()
    assert_sound(run)
    for market in MARKETS:
        assert orders_after(run, market, 5 * SECOND)[0] > 15 * SECOND, "not before it was lifted"
        assert orders_after(run, market, 24_100 * MS), "and not killed again by the second death"


# What is not known


def test_nothing_is_quoted_for_one_window_after_the_flow_of_a_market_died() -> None:
    run = Run(2, (Death("flow/m1", 6_037 * MS),)).play()
    assert orders_after(run, "m1", 6_037 * MS)[0] > FlowParameters().window_ms * MS


def test_a_supervisor_that_has_heard_of_no_flow_lets_nothing_out() -> None:
    run = Run(2, (Death("risk", 3_037 * MS),)).play()
    assert run.simulation.chain is not None
    begun_ns = next(at for at, entry in run.simulation.chain if getattr(entry, "name", "") == "executor")
    heard_ns = {message.market: at_ns for at_ns, message in reversed(run.flows) if at_ns > begun_ns}
    for market in MARKETS:
        first_ns = orders_after(run, market, 3_037 * MS)[0] + START + 3_037 * MS
        assert first_ns >= min(heard_ns[market], begun_ns + FlowParameters().silence_max_ns)


# Markets that are off


def test_a_market_that_was_off_comes_back_with_what_it_holds() -> None:
    said = [(12 * SECOND, command("off", "m1", "r1")), (25 * SECOND, command("on", "m1", "r2"))]
    run = Run(2, said=said).play()
    assert_sound(run)
    assert orders_after(run, "m1", 25 * SECOND)


def test_a_late_fill_brings_a_parked_market_back_with_its_position() -> None:
    run = Run(1, said=[(450 * MS, command("off", "m1", "r1"))])
    simulation = run.simulation
    run.play()
    order_id, order = next((m.order_id, m.order) for _, m in run.sent_of("m1") if isinstance(m, SubmitOrder))
    assert simulation._directory.find("book/m1") is None, "it is parked"
    simulation.tell(
        simulation.now_ns,
        [TradeReported("late", order_id, "m1", order.outcome, order.side, order.price, 3 * SHARE, "MATCHED", True, 0)],
    )
    simulation.run_until(simulation.now_ns + SECOND)
    assert simulation._directory.find("book/m1") is not None
    held = simulation.machine(inventory_name(TAG, "m1"), InventoryMachine).position
    assert held.yes.shares + held.no.shares == 3 * SHARE
    assert held == simulation.machine(EXECUTOR, ExecutorMachine)._accounts.position(TAG, "m1")
