"""Whoever begins at a checkpoint knows what the whole chain would have taught."""

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.cells import Cell
from models.compaction import Compaction
from models.executor_recall import RecalledExecutor
from models.messages.base import Message
from models.messages.orders import (
    FillCounted,
    FillSettled,
    FillVoided,
    OrderChanged,
    PlaceOrder,
    PositionsRedeemed,
    SubmitCancel,
    SubmitOrder,
    TradeReported,
)
from models.messages.position import LedgerSnapshot, Position
from models.messages.recall import Chained, Checkpointed, Kept
from models.messages.records import StoppedCleanly
from models.orders import TERMINAL, OrderState
from models.repeats import Repeats
from models.units import SHARE
from tests.models import test_risk_recall as supervised
from tests.models.live_venue import LiveFloor
from tests.models.test_executor_histories import histories, played
from tests.models.venue import Floor, S
from tests.models.wishes import wish

Chain = list[tuple[int, Message]]


def timed(floor: Floor) -> Chain:
    return [(1_000 + number, entry) for number, entry in enumerate(floor.chain)]


def hourly(floor: Floor) -> Chain:
    return [(number * 3_600 * S, entry) for number, entry in enumerate(floor.chain)]


def submitted(compaction: Compaction) -> list[str]:
    """The intents of the orders that are kept."""
    return [entry.order.intent for _, entry in compaction.checkpoint().entries if isinstance(entry, SubmitOrder)]


def compacted(chain: Chain, compaction: Compaction | None = None) -> Compaction:
    compaction = compaction or Compaction()
    for at_ns, entry in chain:
        compaction.take(entry, at_ns)
    return compaction


def shortened(chain: Chain, cut: int) -> Chain:
    """The chain as a start reads it when a checkpoint was written at a cut."""
    if not cut:
        return chain
    return [(chain[cut - 1][0], compacted(chain[:cut]).checkpoint()), *chain[cut:]]


def recalled(floor: Floor, chain: Chain) -> RecalledExecutor:
    machine, repeats = RecalledExecutor("run", floor.mode, floor.parameters, floor.desks), Repeats()
    for at_ns, entry in chain:
        for news in repeats.news(entry):
            machine.recall(news, at_ns)
    return machine


def known(machine: RecalledExecutor) -> dict[str, object]:
    """All that an executor has of orders and accounts."""
    orders, accounts, reading = machine._orders, machine._accounts, machine._reading
    return {
        "orders": {
            order_id: (record.placed, record.state, record.filled, record.taken_off, record.sent_ns)
            for order_id, record in orders._by_id.items()
        },
        "open": {record.order_id for record in orders.open_in(None)},
        "ended": [record.order_id for record in orders._ended],
        "positions": {at: position for at, position in accounts._positions.items() if position != Position()},
        "fills": {
            (order_id, trade_id): entry.standing
            for order_id, entries in accounts._ledger._fills.items()
            for trade_id, entry in entries.items()
        },
        "matched": accounts._ledger._matched,
        "under way": accounts._under_way,
        "payouts": accounts._payouts,
        "unsent": {order_id for order_id, record in machine._unsent.items() if record.is_open},
        "began": reading._began_ns,
    }


@pytest.mark.proves("I25")
@given(histories, st.data())
@settings(max_examples=300)
def test_an_executor_that_begins_at_a_checkpoint_knows_the_same(history, data) -> None:
    floor = played(history)
    chain = timed(floor)
    short = shortened(chain, data.draw(st.integers(0, len(chain))))
    whole, half = recalled(floor, chain), recalled(floor, short)
    assert known(half) == known(whole)
    assert sorted(map(str, half.recalled(floor.now_ns))) == sorted(map(str, whole.recalled(floor.now_ns)))
    for report in floor.told:
        if isinstance(report, TradeReported):
            assert half.step(report, floor.now_ns) == whole.step(report, floor.now_ns)


@given(supervised.histories, st.data())
@settings(max_examples=300)
def test_a_supervisor_that_begins_at_a_checkpoint_knows_the_same(history, data) -> None:
    risk = supervised.played(history)
    chain: Chain = list(risk.chain)
    short = shortened(chain, data.draw(st.integers(0, len(chain))))
    risk.recall(chain)
    whole = supervised.exposures(risk), since_when(risk), risk.machine._parked
    risk.recall(short)
    assert (supervised.exposures(risk), since_when(risk), risk.machine._parked) == whole


def since_when(risk: supervised.Journalled) -> set[Cell]:
    """All cells; of a naked leg it is not compared since when, for that is told of the leg and not of its cell."""
    return {
        cell._replace(since_ns=0) if cell.source == "inventory" else cell
        for cell in supervised.cells(risk)
    }  # fmt: skip


@given(histories, supervised.histories, st.data())
@settings(max_examples=200)
def test_a_checkpoint_of_a_checkpoint_is_that_of_the_whole_chain(history, halts, data) -> None:
    chain = [*timed(played(history)), *supervised.played(halts).chain]
    short = shortened(chain, data.draw(st.integers(0, len(chain))))
    one, other = compacted(short).checkpoint(), compacted(chain).checkpoint()
    assert (one.began_ns, set(one.entries), set(one.fills)) == (other.began_ns, set(other.entries), set(other.fills))


@given(histories, st.data())
def test_what_stands_twice_behind_a_checkpoint_counts_once(history, data) -> None:
    floor = played(history)
    chain = timed(floor)
    cut = data.draw(st.integers(0, len(chain)))
    again = data.draw(st.integers(cut, len(chain)))
    doubled = compacted([*shortened(chain, cut), *chain[again:]])
    assert set(doubled.checkpoint().fills) == set(compacted(chain).checkpoint().fills)
    twice = recalled(floor, [*shortened(chain, cut), *chain[again:]])
    assert known(twice)["positions"] == known(recalled(floor, chain))["positions"]


def test_of_orders_that_ended_the_oldest_are_forgotten_those_that_filled_later() -> None:
    floor = Floor()
    orders = [wish(number) for number in range(1, 7)]
    for order in orders:
        floor.working(order)
        if order in orders[:3]:
            floor.trade(order, "CONFIRMED", f"t{order.intent}")
        else:
            floor.cancelled(order)
    kept = compacted(hourly(floor), Compaction(filled_kept=2, others_kept=1)).checkpoint()
    assert [e.order.intent for _, e in kept.entries if isinstance(e, SubmitOrder)] == [
        orders[1].intent, orders[2].intent, orders[5].intent,
    ]  # fmt: skip
    assert {fill.fill.intent for fill in kept.fills if isinstance(fill, FillSettled)} == {
        orders[1].intent, orders[2].intent,
    }  # fmt: skip
    (position,) = [entry.position for _, entry in kept.entries if isinstance(entry, LedgerSnapshot)]
    assert position.yes.settled == 3 * orders[0].size


def test_an_order_whose_fill_waits_for_its_last_word_is_not_forgotten() -> None:
    floor = Floor()
    waits, later = wish(1), [wish(number) for number in range(2, 5)]
    floor.working(waits)
    floor.trade(waits, "MATCHED")
    for order in later:
        floor.working(order)
        floor.trade(order, "CONFIRMED", f"t{order.intent}")
    compaction = compacted(timed(floor), Compaction(filled_kept=1, others_kept=1))
    assert waits.intent in {e.order.intent for _, e in compaction.checkpoint().entries if isinstance(e, SubmitOrder)}
    seen = len(floor.chain)
    floor.trade(waits, "CONFIRMED")
    compacted([(0, entry) for entry in floor.chain[seen:]], compaction)
    settled = [fill.fill for fill in compaction.checkpoint().fills if isinstance(fill, FillSettled)]
    assert [fill.size for fill in settled if fill.intent == waits.intent] == [waits.size]


def test_what_filled_since_the_oldest_order_that_stands_is_kept_as_long_as_that_stands() -> None:
    floor = Floor()
    early, quiet, *later = (wish(number) for number in range(1, 9))

    def fills(order: PlaceOrder) -> None:
        floor.working(order)
        floor.trade(order, "CONFIRMED", f"t{order.intent}")

    fills(early)
    floor.working(quiet)
    for order in later[:4]:
        fills(order)
    compaction = Compaction(filled_kept=1, others_kept=1)
    assert sorted(submitted(compacted(hourly(floor), compaction))) == sorted(
        order.intent for order in (quiet, *later[:4])
    )
    again = Compaction(filled_kept=1, others_kept=1)
    again.take(compaction.checkpoint(), len(floor.chain) * 3_600 * S)
    assert submitted(again) == submitted(compaction)
    seen = len(floor.chain)
    floor.cancelled(quiet)
    fills(later[4])
    fills(later[5])
    assert sorted(submitted(compacted(hourly(floor)[seen:], again))) == sorted(
        order.intent for order in (quiet, later[5])
    )


def test_an_order_that_filled_after_it_had_ended_is_kept_as_one_that_filled() -> None:
    floor = Floor()
    late, *others = (wish(number) for number in range(1, 5))
    for order in (late, *others):
        floor.working(order)
        floor.cancelled(order)
        if order is late:
            floor.trade(late, "CONFIRMED")
    compaction = compacted(hourly(floor), Compaction(filled_kept=1, others_kept=1))
    assert sorted(submitted(compaction)) == sorted(order.intent for order in (late, others[-1]))


def test_after_a_restart_beside_a_quiet_order_a_trade_that_is_told_again_is_not_foreign() -> None:
    floor = LiveFloor()
    floor.working(wish(1))
    filled = [wish(number) for number in range(2, 6)]
    for order in filled:
        floor.working(order)
        floor.trade(order, "CONFIRMED", order.intent)
        floor.now_ns += 3_600 * S
    checkpoint = compacted(hourly(floor), Compaction(filled_kept=1, others_kept=1)).checkpoint()
    floor.begin_anew([checkpoint])
    floor.connect()
    for order in filled:
        floor.trade(order, "CONFIRMED", order.intent)
    assert (None, "foreign", "HALTED") not in floor.cells()
    assert floor.held() == 4 * filled[0].size


def test_every_kind_that_is_chained_is_taken_in_or_says_nothing_that_lasts() -> None:
    nothing = {SubmitCancel, StoppedCleanly}
    assert set(get_args(Chained)) - nothing <= set(Compaction()._takers)
    folded = {FillCounted, FillSettled, FillVoided, PositionsRedeemed, Checkpointed}
    assert set(get_args(Chained)) - nothing - folded <= set(get_args(Kept))


def test_what_is_open_is_the_last_to_be_learned() -> None:
    floor = Floor()
    open_order, ended = wish(1, size=5 * SHARE), wish(2)
    floor.working(open_order)
    floor.working(ended)
    floor.cancelled(ended)
    said = [e for _, e in compacted(timed(floor)).checkpoint().entries if isinstance(e, OrderChanged)]
    assert [(event.intent, event.state in TERMINAL) for event in said] == [
        (ended.intent, True), (open_order.intent, False),
    ]  # fmt: skip
    assert said[1].state is OrderState.WORKING
