"""A flatten comes to its end whatever actor dies in the middle of it, with a tenth of all trades failing on chain."""

from collections.abc import Iterator
from functools import cache

import pytest
from loguru import logger

from actors.topology import EXECUTOR, RISK
from models.cells import TradingState
from models.executor import ExecutorMachine
from models.flattening import FLATTENED
from models.messages.control import SetOperatorState
from models.messages.orders import SubmitOrder
from models.orders import TimeInForce
from models.positions import net_diff
from models.risk import RiskMachine
from models.units import SHARE
from tests.actors.recoveries import (
    LENGTH,
    MARKETS,
    MS,
    QUIET,
    SECOND,
    START,
    TAG,
    Death,
    Run,
    assert_all_agree,
    assert_nothing_was_unknown,
    assert_one_order_for_each_intent,
    stream,
)

ASKED = 20 * SECOND
OF_A_MARKET = ("book/m1", "flow/m1", "inventory/maker/m1", "coordinator/maker/m1")
OF_THE_CORE = ("risk", "executor", "journal")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keep ordered deaths, each with its traceback, out of the log."""
    logger.disable("actors.runtime")
    yield
    logger.enable("actors.runtime")


class Flattened(Run):
    """A run in which everything is flattened half way, and nothing else is said."""

    def play(self) -> "Flattened":
        asked = False
        for at_ns, said in stream(self.seed):
            if not asked and at_ns >= START + ASKED:
                asked = True
                self.simulation.tell(at_ns - MS, [SetOperatorState("flatten", None, "now", "test")])
            self._kill_journal(at_ns)
            self.simulation.tell(at_ns, said)
        self.simulation.run_until(START + LENGTH + 2 * QUIET)
        return self


@cache
def undisturbed(seed: int) -> Flattened:
    return Flattened(seed).play()


def assert_flat(run: Run) -> None:
    """Nothing is open or under way, no pair is left, and less of one token than can be traded."""
    executor = run.simulation.machine(EXECUTOR, ExecutorMachine)
    risk = run.simulation.machine(RISK, RiskMachine)
    for market in MARKETS:
        position = executor._accounts.position(TAG, market)
        assert not executor._orders.open_in(market)
        assert not position.provisional
        assert (position.merging, min(position.yes.shares, position.no.shares)) == (0, 0), market
        assert abs(net_diff(position)) < 5 * SHARE, market
        (cell,) = (cell for cell in risk._states.covering(market) if cell.source == "operator")
        assert (cell.state, cell.reason) == (TradingState.HALTED, FLATTENED), market


def assert_sound(run: Run) -> None:
    assert_all_agree(run)
    assert_one_order_for_each_intent(run)
    assert_nothing_was_unknown(run)


@pytest.mark.parametrize("seed", range(1, 9))
def test_without_a_death_all_is_flat_though_trades_fail(seed: int) -> None:
    run = undisturbed(seed)
    assert_sound(run)
    assert_flat(run)
    late = [sent for at_ns, sent in run.sent if at_ns > START + ASKED + SECOND and isinstance(sent, SubmitOrder)]
    assert all(sent.order.time_in_force is TimeInForce.FAK for sent in late), "only what unwinds is sent"


def test_something_was_there_to_be_flattened() -> None:
    kinds = {
        (sent.order.side, sent.order.reason)
        for seed in range(1, 9)
        for at_ns, sent in undisturbed(seed).sent
        if isinstance(sent, SubmitOrder) and at_ns > START + ASKED
    }
    assert {("SELL", "flattening"), ("BUY", "flattening")} <= kinds


@pytest.mark.parametrize("actor", [*OF_A_MARKET, *OF_THE_CORE])
@pytest.mark.parametrize("after_ms, done", [(1, False), (60, True), (700, False), (2_300, True), (9_000, False)])
def test_whoever_dies_in_the_middle_it_comes_to_its_end(actor: str, after_ms: int, done: bool) -> None:
    run = Flattened(3, (Death(actor, ASKED + after_ms * MS, 0, done),)).play()
    assert run.died == [actor]
    assert_sound(run)
    assert_flat(run)
