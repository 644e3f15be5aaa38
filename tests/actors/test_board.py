"""Threads look at the board and wait on it while its actor goes on."""

from threading import Thread

from actors.board import SharedBoard
from models.board import BoardMachine
from models.markets import Catalogue
from models.marks import MarkParameters
from models.messages.audit import Fence
from models.messages.runtime import ActorFailed, ActorRestarted
from tests.little_engine import START_NS, LittleEngine


def test_a_condition_that_holds_already_is_not_waited_for() -> None:
    board, held = LittleEngine(1).board.wait_for(lambda board: board.snapshot_id >= 1, 0)
    assert held
    assert board.at_ns == START_NS


def test_a_condition_that_never_holds_ends_at_the_timeout_with_the_last_snapshot() -> None:
    engine = LittleEngine(1)
    engine.fill(1)
    board, held = engine.board.wait_for(lambda board: board.counts.fills == 2, 0.02)
    assert not held
    assert board.counts.fills == 1


def test_a_waiting_thread_is_woken_by_the_message_it_waits_for() -> None:
    engine = LittleEngine(1)
    seen: list[int] = []

    def wait() -> None:
        board, held = engine.board.wait_for(lambda board: board.counts.errors == 3, 10)
        seen.append(board.counts.errors if held else -1)

    waiting = [Thread(target=wait) for _ in range(4)]
    for thread in waiting:
        thread.start()
    for _ in range(3):
        engine.show(ActorFailed("a", "", "boom"))
    for thread in waiting:
        thread.join(10)
    assert seen == [3, 3, 3, 3]


def test_looking_while_messages_come_always_shows_whole_steps() -> None:
    engine = LittleEngine(1)
    torn: list[tuple[int, int]] = []

    def look() -> None:
        for _ in range(300):
            board = engine.board.look()
            told = sum(1 for line in board.log if line.level == "SUCCESS")
            if told != board.counts.fills:
                torn.append((told, board.counts.fills))

    looking = Thread(target=look)
    looking.start()
    for _ in range(200):
        engine.fill(1, shares=1)
    looking.join(10)
    assert torn == []
    assert engine.board.look().counts.fills == 200


def test_each_new_line_is_told_once_and_in_order() -> None:
    engine, told = LittleEngine(1), list[str]()
    shared = SharedBoard(
        BoardMachine(engine.board.look().engine, Catalogue({}), MarkParameters()),
        engine.clock,
        lambda line: told.append(line.text),
    )
    for number in range(3):
        shared.step(ActorRestarted(f"book/{number}", "", 1), number)
        shared.step(Fence("nothing to tell"), number)
    assert told == [f"book/{number} restarted, 1 in all" for number in range(3)]
