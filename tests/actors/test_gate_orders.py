"""What leaves is what was approved and journalled, once, in a market and at a pace that allow it."""

import fcntl
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest
from msgspec.structs import replace

from actors.gate import Door, Gate
from actors.latch import nobody_passes, read_latch, write_latch
from actors.runtime.clock import SystemClock
from models.cells import TradingState
from models.gate_parameters import GateParameters, Leaving
from models.messages.control import CellNote, Kill, KillLatched, TradingStateChanged
from models.messages.market import BookEpochChanged
from models.messages.orders import INTENT_TIME_TO_LIVE_NS, OrderApproved, PlaceOrder, SubmitOrder
from tests.models.wishes import M, wish

S = 1_000_000_000
RULES = GateParameters(second_max=3, ten_seconds_max=5)


class Clock:
    def __init__(self) -> None:
        self.at_ns = 1_000 * S

    def now_ns(self) -> int:
        return self.at_ns


class Scene:
    """A gate, and those who tell it what they approve, commit and hold back."""

    def __init__(self, folder: Path, rules: GateParameters | None = None) -> None:
        self.clock = Clock()
        self.latch = folder / "KILL"
        self.gate = Gate(self.latch, self.clock, rules)
        self.gate.beaten()

    def say(self, message: object) -> None:
        self.gate.hears[type(message)](message)  # pyright: ignore[reportArgumentType]

    def approve(self, number: int = 1, epoch: int = 1) -> PlaceOrder:
        order = wish(number, epoch=epoch, created_ns=self.clock.at_ns)
        self.say(OrderApproved(order, 0))
        return order

    def commit(self, order: PlaceOrder) -> Leaving:
        order_id = f"id {order.intent}"
        self.gate.committed(SubmitOrder(order_id, order, 0))
        return Leaving(order_id, order, order_id.encode())

    def ready(self, number: int = 1, epoch: int = 1) -> Leaving:
        return self.commit(self.approve(number, epoch))

    def state(self, state: TradingState, *sources: str) -> None:
        cells = tuple(CellNote("market m", source, state, "why", 0) for source in sources)
        self.say(TradingStateChanged(M, state, cells, 0))

    def send(self, *leaving: Leaving) -> str | None:
        with self.gate.passes(leaving) as refusal:
            return refusal


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_an_order_leaves_within_half_a_second_of_its_wish_or_never(scene: Scene) -> None:
    in_time, too_late = scene.ready(1), scene.ready(2)
    scene.clock.at_ns += INTENT_TIME_TO_LIVE_NS
    assert scene.send(in_time) is None
    scene.clock.at_ns += 1
    assert scene.send(too_late) == "expired"
    assert scene.send(in_time) is None, "what may stand already may be asked for again"


def test_an_order_that_was_approved_and_committed_leaves_once(scene: Scene) -> None:
    one = scene.ready()
    assert scene.send(one) is None
    assert (scene.gate.entered, scene.gate.left, scene.gate.refused) == (1, 1, 0)


def test_the_same_order_leaves_again_only_as_the_same_bytes_and_is_counted_once(scene: Scene) -> None:
    one = scene.ready()
    assert scene.send(one) is None
    assert scene.send(one) is None, "the venue knows it by its id"
    assert scene.send(one._replace(body=b"other")) == "it has left before, as other bytes"
    assert (scene.gate.left, scene.gate.refused) == (1, 1)


@pytest.mark.proves("I4")
def test_an_order_whose_row_is_not_on_the_disk_stays(scene: Scene) -> None:
    order = scene.approve()
    assert scene.send(Leaving("id", order)) == "no committed row in the journal"


@pytest.mark.proves("I4")
def test_an_order_that_is_not_as_it_was_journalled_stays(scene: Scene) -> None:
    one = scene.ready()
    assert scene.send(one._replace(order=replace(one.order, price=1))) == "no committed row in the journal"


def test_an_order_that_nobody_approved_stays(scene: Scene) -> None:
    assert scene.send(scene.commit(wish())) == "not approved, or not so"


def test_an_order_that_is_not_as_it_was_approved_stays(scene: Scene) -> None:
    larger = replace(scene.approve(), size=10**9)
    assert scene.send(scene.commit(larger)) == "not approved, or not so"


def test_one_approval_is_for_one_order(scene: Scene) -> None:
    """More never leave than were let in, whatever is journalled."""
    one = scene.ready()
    assert scene.send(one) is None
    scene.gate.committed(SubmitOrder("another id", one.order, 0))
    assert scene.send(one._replace(order_id="another id")) == "not approved, or not so"
    assert scene.gate.left == scene.gate.entered == 1


def test_a_request_leaves_whole_or_not_at_all(scene: Scene) -> None:
    good, bad = scene.ready(1), scene.commit(wish(2))
    assert scene.send(good, bad) == "not approved, or not so"
    assert scene.gate.left == 0
    assert scene.send(good) is None, "what it would have taken is still there"


@pytest.mark.proves("I18")
def test_the_same_order_twice_in_a_request_stays(scene: Scene) -> None:
    one = scene.ready()
    assert scene.send(one, one) == "the same order twice in one request"


# The market


@pytest.mark.proves("I11")
@pytest.mark.parametrize("state", [TradingState.HALTED, TradingState.KILLED])
def test_nothing_leaves_in_a_market_that_is_halted_or_killed(scene: Scene, state: TradingState) -> None:
    scene.state(state, "operator")
    assert scene.send(scene.ready()) == f"the market is {state.name} by operator"


@pytest.mark.proves("I11")
def test_nothing_leaves_in_a_market_that_only_cancels(scene: Scene) -> None:
    scene.state(TradingState.CANCEL_ONLY, "operator", "flow")
    assert scene.send(scene.ready()) == "the market is CANCEL_ONLY by operator"
    scene.state(TradingState.ACTIVE)
    assert scene.send(scene.ready(2)) is None


def test_under_a_fuse_leaves_what_was_approved_in_that_knowledge(scene: Scene) -> None:
    """The hedge that the flow runs towards; what was approved before the fuse blew is no such thing."""
    before = scene.ready(1)
    scene.state(TradingState.CANCEL_ONLY, "flow")
    assert scene.send(before) == "the market is CANCEL_ONLY by flow, and it was approved before that"
    assert scene.send(scene.ready(2)) is None


def test_a_market_that_reduces_lets_out_what_risk_approved_in_that_knowledge(scene: Scene) -> None:
    before = scene.ready(1)
    scene.state(TradingState.REDUCING)
    assert scene.send(before) == "the market is REDUCING, and it was approved before that"
    after = scene.ready(2)
    assert scene.send(after) is None
    scene.state(TradingState.REDUCING, "inventory")
    assert scene.send(after) == "the market is REDUCING by inventory, and it was approved before that", "nor again"


def test_another_market_is_not_held_by_it(scene: Scene) -> None:
    scene.say(TradingStateChanged("another", TradingState.HALTED, (), 0))
    scene.say(BookEpochChanged("another", 9, 100, "gap"))
    assert scene.send(scene.ready()) is None


@pytest.mark.proves("I15")
def test_an_order_of_another_book_epoch_stays(scene: Scene) -> None:
    one = scene.ready(1, epoch=1)
    scene.say(BookEpochChanged(M, 2, 100, "tick_changed"))
    assert scene.send(one) == "priced in book epoch 1, now 2"
    assert scene.send(scene.ready(2, epoch=2)) is None


# The process


@pytest.mark.proves("I24")
def test_who_has_lost_the_lease_sends_nothing(scene: Scene) -> None:
    scene.gate.lease = lambda: "another engine has the database"
    assert scene.send(scene.ready()) == scene.gate.closed == "another engine has the database"


@pytest.mark.proves("I18")
def test_no_more_leave_in_a_second_than_may(tmp_path: Path) -> None:
    scene = Scene(tmp_path, RULES)
    assert scene.send(scene.ready(1), scene.ready(2)) is None
    assert scene.send(scene.ready(3), scene.ready(4)) == "more than 3 orders within 1 s"
    assert scene.send(scene.ready(5)) is None
    scene.clock.at_ns += S - 1
    assert scene.send(scene.ready(6)) == "more than 3 orders within 1 s"
    scene.clock.at_ns += 1
    assert scene.send(scene.ready(7)) is None


@pytest.mark.proves("I18")
def test_no_more_leave_in_ten_seconds_than_may(tmp_path: Path) -> None:
    scene = Scene(tmp_path, RULES)
    for number in range(5):
        assert scene.send(scene.ready(number)) is None
        scene.clock.at_ns += S
    scene.gate.beaten()
    assert scene.send(scene.ready(9)) == "more than 5 orders within 10 s"
    scene.clock.at_ns += 5 * S
    assert scene.send(scene.ready(10)) is None


def test_more_in_one_request_than_may_leave_at_once_stay(tmp_path: Path) -> None:
    scene = Scene(tmp_path, RULES)
    assert scene.send(*(scene.ready(number) for number in range(4))) == "more than 3 orders within 1 s"


def test_an_order_that_is_sent_again_counts_for_the_pace(tmp_path: Path) -> None:
    scene = Scene(tmp_path, RULES)
    one = scene.ready()
    assert [scene.send(one) for _ in range(4)] == [None, None, None, "more than 3 orders within 1 s"]


def test_two_missed_heartbeats_hold_orders_back_until_the_next_one(tmp_path: Path) -> None:
    scene = Scene(tmp_path, RULES)
    scene.clock.at_ns += 10 * S
    assert scene.send(scene.ready(1)) is None
    scene.clock.at_ns += S // 2
    assert scene.send(scene.ready(2)) == "no heartbeat for 10.5 s > 10 s"
    assert scene.gate.closed is None, "it may beat again"
    scene.gate.beaten()
    assert scene.send(scene.ready(3)) is None


def test_before_the_first_heartbeat_nothing_leaves(tmp_path: Path) -> None:
    scene = Scene(tmp_path, RULES)
    scene.gate = Gate(tmp_path / "KILL", scene.clock, RULES)
    assert scene.send(scene.ready()) == "the venue has accepted no heartbeat yet"
    assert scene.send() is None, "what is no order may be asked"


def test_what_would_not_pass_is_told_before_it_shares_a_request(scene: Scene) -> None:
    one, other = scene.ready(1), scene.commit(wish(2))
    assert scene.gate.refusal(one) is None
    assert scene.gate.refusal(other) == "not approved, or not so"
    assert (scene.gate.left, scene.gate.refused) == (0, 1)


@pytest.mark.proves("I36")
def test_what_is_remembered_is_bounded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.gate._REMEMBERED_MAX", 2)
    ready = [scene.ready(number) for number in range(3)]
    assert [scene.send(one) for one in ready] == ["no committed row in the journal", None, None]


# The door


def test_a_lane_shows_what_it_carries_and_is_not_at_rest_until_it_is_answered(scene: Scene) -> None:
    door, one = Door(scene.gate), scene.ready()
    assert door.closed is None
    assert door.refusal(one) is None
    with door.carrying((one,)):
        assert not scene.gate.at_rest
        with door.passes() as refusal:
            assert refusal is None
        assert not scene.gate.at_rest
    assert scene.gate.at_rest
    assert scene.gate.left == 1
    with door.passes() as refusal:
        assert refusal is None, "a question is no order"
    assert scene.gate.left == 1


# Kills


@pytest.mark.parametrize(
    "said", [KillLatched("lost too much", 0), Kill("lost too much", "request", "risk")], ids=["limit", "command"]
)
def test_what_kills_is_heard_when_it_is_said(scene: Scene, said: Kill | KillLatched) -> None:
    one = scene.ready()
    scene.say(said)
    assert scene.send(one) == "lost too much"
    assert read_latch(scene.latch) == "lost too much"


def test_a_file_that_anybody_leaves_closes_it_before_anybody_noticed(scene: Scene) -> None:
    one = scene.ready()
    scene.latch.touch()
    assert scene.gate.closed is None
    assert scene.send(one) == "kill"
    scene.latch.unlink()
    assert scene.gate.look() == scene.gate.closed == scene.gate.killed == "kill", "a file that is gone clears nothing"


def test_a_file_that_is_gone_as_it_is_read_kills_all_the_same(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.latch.touch()
    monkeypatch.setattr("actors.gate.read_latch", lambda _: None)
    assert scene.gate.look() == "kill"


def test_a_folder_that_cannot_be_looked_into_closes_it_for_as_long(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "data")
    one = scene.ready()
    (tmp_path / "data").rmdir()
    (tmp_path / "data").write_text("not a folder", encoding="utf-8")
    assert scene.send(one) == "the latch KILL cannot be looked at: Not a directory"
    (tmp_path / "data").unlink()
    assert scene.send(one) is None


def test_a_handler_trips_it_and_only_a_person_opens_it(scene: Scene) -> None:
    assert scene.gate.look() is None
    scene.gate.trip("SIGUSR2")
    assert scene.send(scene.ready(1)) == scene.gate.look() == scene.gate.killed == "SIGUSR2"
    scene.gate.clear()
    assert scene.send(scene.ready(2)) is None


def test_the_first_kill_is_the_one_that_is_told_and_a_file_that_was_removed_is_written_again(scene: Scene) -> None:
    scene.gate.kill("first", "cli somebody")
    scene.gate.kill("second")
    assert scene.gate.killed == read_latch(scene.latch) == "first"
    scene.latch.unlink()
    scene.gate.kill("third")
    assert read_latch(scene.latch) == "first"


def test_who_has_written_the_latch_and_had_the_folder_lets_nothing_through(scene: Scene) -> None:
    """As a kill from another process does, whatever a thread of this one is in the midst of."""
    one, other = scene.ready(1), scene.ready(2)
    with scene.gate.passes((one,)) as refusal:
        assert refusal is None
        write_latch(scene.latch, "outside", "offline", 0)
        assert not nobody_passes(scene.latch, 0.02), "an order is on its way out"
    assert nobody_passes(scene.latch, 0.02)
    assert scene.send(other) == "outside"


def test_while_another_process_has_the_folder_nothing_passes(scene: Scene) -> None:
    one, folder = scene.ready(), os.open(scene.latch.parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    assert scene.send(one) == "the folder of the latch is held: Resource temporarily unavailable"
    os.close(folder)
    assert scene.send(one) is None


@pytest.fixture
def quick_switches() -> Iterator[None]:
    """Switch between threads as often as can be, untraced: no two threads may install a tracer at the same moment."""
    before, tracer = sys.getswitchinterval(), threading.gettrace()
    threading.settrace(cast(Any, None))
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)
    threading.settrace(cast(Any, tracer))


@pytest.mark.proves("I9", kind="race")
@pytest.mark.usefixtures("quick_switches")
@pytest.mark.parametrize("how", ["kill", "file", "trip"])
def test_after_a_kill_has_returned_no_thread_gets_anything_out(tmp_path: Path, how: str) -> None:
    """Many threads, at the smallest interval of switching between them, over many gates."""
    clock, late, passed = SystemClock(), 0, 0
    for number in range(12):
        latch = tmp_path / str(number) / "KILL"
        gate = Gate(latch, clock)
        killed = [False]
        written: list[bool] = []
        """For each passage, whether the kill had returned."""

        def pass_on(thread: int, gate: Gate = gate, killed: list[bool] = killed, written: list[bool] = written) -> None:
            for count in range(10_000):
                order = wish(thread * 10_000 + count, created_ns=clock.now_ns())
                gate.hears[OrderApproved](OrderApproved(order, 0))
                gate.committed(SubmitOrder(order.intent, order, 0))
                with gate.passes((Leaving(order.intent, order),)) as refusal:
                    if refusal is not None:
                        return
                    written.append(killed[0])

        threads = [Thread(target=pass_on, args=(thread,)) for thread in range(6)]
        for thread in threads:
            thread.start()
        while len(written) < 20 * (number + 1):
            pass
        if how == "kill":
            gate.kill("now")
        elif how == "file":
            latch.touch()
            assert nobody_passes(latch, 10)
        else:
            gate.trip("now")
            with gate.passes():
                pass  # whoever was passing has passed
        killed[0] = True
        for thread in threads:
            thread.join()
        late += sum(written)
        passed += len(written)
    assert passed > 1_000
    assert late == 0
