"""Fills, positions and cash: each claim is broken once, and nearly broken once. And the end of a run."""

from msgspec.structs import replace

from models.cells import TradingState
from models.markets import NO, YES
from models.messages.control import CellNote, RaiseCell, TradingStateChanged
from models.messages.losses import Baseline, Hold, LossesNoted
from models.messages.orders import FillCounted, FillSettled, FillVoided, MergeChanged, PositionsRedeemed, TradeReported
from models.messages.position import InventoryUpdated, LedgerSnapshot, Leg, Position
from models.messages.recall import RecallEnded
from models.orders import OrderState
from models.units import SHARE
from research.prove.sim.claims_holdings import Holdings
from tests.research.prove.claims_run import BEGIN_NS, M, N, Run, S, bid

SIZE = 5 * SHARE


def filled() -> tuple[Run, FillCounted]:
    run = Run().sent(bid())
    fill = run.traded(bid(), SIZE)
    return run, fill


def test_a_fill_is_counted_once_and_as_the_exchange_says():
    run, fill = filled()
    assert run.told(fill).broken is None
    assert run.told(fill).broken == "I1"
    run, fill = filled()
    assert run.told(replace(fill, cash=fill.cash - 1)).broken == "I1"
    run, fill = filled()
    assert run.told(replace(fill, trade_id="f" * 8)).broken == "I1"


def test_a_restart_may_be_told_again_what_was_not_on_the_disk():
    run, fill = filled()
    run.told(fill).crashed().told(RecallEnded(), "executor", "risk").told(fill)
    assert run.broken is None
    run, fill = filled()
    run.told(fill).committed(fill).crashed().told(RecallEnded(), "executor", "risk").told(fill)
    assert run.broken == "I1"


def test_a_fill_settles_and_fails_as_its_trade_does():
    run, fill = filled()
    settled = FillSettled(fill, run.now_ns)
    assert run.told(fill).told(settled).broken == "I1"
    run, fill = filled()
    run.told(fill).status(fill, "MINED").status(fill, "CONFIRMED").told(settled)
    assert run.broken is None
    assert run.told(settled).broken == "I2"
    run, fill = filled()
    assert run.told(fill).status(fill, "FAILED").told(FillVoided(fill, run.now_ns)).broken is None
    run, fill = filled()
    run.told(fill).status(fill, "CONFIRMED").told(settled).status(fill, "FAILED")
    assert run.told(FillVoided(fill, run.now_ns)).broken == "I2"


def test_a_trade_that_was_confirmed_and_failed_halts_its_market():
    def told(*, halted: bool) -> Run:
        run, fill = filled()
        report = TradeReported(
            fill.trade_id, fill.order_id, M, YES, fill.side, fill.price, SIZE, "CONFIRMED", True, run.now_ns
        )
        run.stepped("executor", report).stepped("executor", replace(report, status="FAILED"))
        if halted:
            run.said("risk", RaiseCell(M, "executor", TradingState.HALTED, "disputed trade"))
            run.stepped("risk", RaiseCell(M, "executor", TradingState.HALTED, "disputed trade"))
        return run.stepped("executor", report)

    assert told(halted=True).broken is None
    assert told(halted=False).broken == "I2"


def inventory(run: Run, position: Position) -> Run:
    return run.said("coordinator", InventoryUpdated("desk", M, position, run.now_ns))


def test_a_position_is_what_was_told_and_its_cash_too():
    def after(position: Position) -> str | None:
        run, fill = filled()
        run.told(LedgerSnapshot("desk", M, Position(), run.now_ns), f"inventory/desk/{M}")
        return inventory(run.told(fill, "risk", f"inventory/desk/{M}"), position).broken

    right = Position(yes=Leg(SIZE, 2_250_000, 0), fills=1)
    assert after(right) is None
    assert after(replace(right, yes=Leg(SIZE, 2_250_001, 0))) == "I3"
    assert after(replace(right, yes=Leg(SIZE, 2_250_000, SIZE))) == "I1"
    assert after(replace(right, realized=1)) == "I3"


def test_a_restarted_inventory_is_told_what_the_fills_come_to():
    run, fill = filled()
    run.told(fill).committed(fill).crashed().told(RecallEnded(), "executor", "risk")
    right = LedgerSnapshot("desk", M, Position(yes=Leg(SIZE, 2_250_000, 0)), run.now_ns)
    assert run.said(f"inventory/desk/{M}", right).broken is None
    run.said(f"inventory/desk/{M}", replace(right, position=Position()))
    assert run.broken == "I25"


def test_holdings_count_what_is_told_twice_once_and_know_what_it_cost():
    run, fill = filled()
    other = run.traded(bid(NO, 5_000, number=2), SIZE, 2)
    held = Holdings()
    for word in (fill, fill, other, FillSettled(fill, 1), FillSettled(fill, 1), fill, FillSettled(other, 1)):
        held.take(word)
    assert held.of(M).net == 0
    assert held.cost(M) == 2_250_000 + 2_500_000
    merge = MergeChanged("merge", "desk", M, 2 * SHARE, "requested", 0, 1)
    for state in ("requested", "submitted", "confirmed", "confirmed"):
        held.take(replace(merge, state=state))
    assert (held.of(M).yes, held.of(M).settled_no, held.of(M).merging) == (3 * SHARE, 3 * SHARE, 0)
    assert held.cost(M) == 4_750_000 - 900_000 - 1_000_000
    held.take(FillVoided(fill, 1))
    assert held.of(M).yes == -2 * SHARE


def test_each_fill_that_comes_after_the_end_of_its_market_is_paid_out_though_no_time_has_passed():
    run, first = filled()
    second = run.traded(bid(number=2), SIZE, 2)
    paid, held = PositionsRedeemed("desk", M, 10_000, 1), Holdings()
    for word in (first, paid, paid, second, paid, paid, first, paid):
        held.take(word)
    assert (held.of(M).yes, held.of(M).cash) == (0, 2 * SIZE - first.cash - second.cash)


def test_a_market_that_a_loss_has_halted_stays_halted_over_a_restart():
    zero = Baseline(0)
    hold = Hold("market_loss", M, "lost", 0, BEGIN_NS + 100 * S)
    noted = LossesNoted(zero, zero, zero, (), (hold,), "", (), BEGIN_NS)
    lifted = replace(noted, holds=())
    assert Run().committed(noted).crashed().said("journal", noted).broken is None
    assert Run().committed(noted).crashed().said("journal", lifted).broken == "I27"
    assert Run().committed(noted).crashed().later(101_000).said("journal", lifted).broken is None


def test_in_a_market_that_a_loss_has_halted_nothing_is_approved():
    zero, hold = Baseline(0), Hold("market_loss", M, "lost", 0, BEGIN_NS + 100 * S)
    halted = Run().committed(LossesNoted(zero, zero, zero, (), (hold,), "", (), BEGIN_NS)).crashed()
    other = bid(market_id=N)
    assert halted.fresh(N).approved(other).broken is None
    assert halted.fresh().approved(bid()).broken == "I27"


# The end


def test_in_the_end_engine_and_exchange_say_the_same():
    run, fill = filled()
    run.told(fill).changed(bid(), OrderState.FILLED, filled=SIZE)
    inventory(run, Position(yes=Leg(SIZE, fill.cash, 0))).later(10_000)
    run.status(fill, "CONFIRMED").told(FillSettled(fill, run.now_ns)).later(60_000)
    assert run.settled().broken is None
    short = run.told(FillVoided(fill, run.now_ns))
    assert short.broken == "I2"


def test_in_the_end_every_fill_is_counted_and_every_order_known_to_be_over():
    run, _ = filled()
    run.changed(bid(), OrderState.FILLED, filled=SIZE).later(60_000)
    assert run.settled().broken == "I1"
    stands = Run().sent(bid()).changed(bid(), OrderState.CANCELLING).later(60_000)
    assert stands.settled().broken is None
    gone = Run().sent(bid()).ended(bid()).later(60_000)
    assert gone.settled().broken == "I13"


def test_minutes_after_all_was_healed_every_market_is_quoted_or_says_why_not():
    def end(*states: TradingStateChanged) -> str | None:
        run = Run().said(f"inventory/desk/{M}", LedgerSnapshot("desk", M, Position(), 0)).healed().later(120_000)
        for state in states:
            run.said("executor", state)
        return run.operated("pause").broken

    def held_by(*sources: str) -> TradingStateChanged:
        cells = tuple(CellNote("all", source, TradingState.HALTED, "", 0) for source in sources)
        return TradingStateChanged(M, TradingState.HALTED, cells, 0)

    assert end() == "I25"
    assert end(held_by("operator")) is None
    assert end(held_by("recovery")) == "I26"
    assert end(held_by("supervisor")) == "I26"
    assert end(held_by("runtime", "supervisor")) is None  # it died too often: the next process starts it again
