"""The board as every thread sees it: fed by its actor, looked at by surfaces, waited on by commands.

Why a lock in place of asking the actor: a surface looks from its own thread and must never stand in a mailbox. What it
gets is immutable and made at most once per change, so looking costs the actor a copy of tables, not of rows.

Why it outlives its actor: rows are replaced, never changed, so a fold that fails leaves the last good row. A restarted
actor goes on with the same rows; beginning empty would show open orders as gone.
"""

from collections.abc import Callable
from threading import Condition

from actors.runtime.clock import Clock, monotonic_ns
from models.board import BoardMachine
from models.messages.base import Message
from models.snapshot import Board, LogLine

_FRESH_NS = 1_000_000_000


class SharedBoard:
    """The machine of the actor `board`. `step` is its actor's alone; the rest is for any thread.

    `told` is called with each new line of its log, in the actor's thread.
    """

    def __init__(self, machine: BoardMachine, clock: Clock, told: Callable[[LogLine], object] = lambda _: None) -> None:
        self._machine = machine
        self._clock = clock
        self._told = told
        self._changed = Condition()
        self._waiting = 0
        self._snapshot: Board | None = None

    def step(self, message: Message, now_ns: int) -> tuple[Message, ...]:
        """Fold a message in and wake those who wait."""
        with self._changed:
            self._snapshot = None
            out = self._machine.step(message, now_ns)
            lines = self._machine.new_lines()
            if self._waiting:
                self._changed.notify_all()
        for line in lines:
            self._told(line)
        return out

    def look(self) -> Board:
        """Return the newest snapshot; the same one with the same number while nothing changes, for up to a second."""
        with self._changed:
            return self._looked()

    def wait_for(self, condition: Callable[[Board], bool], timeout_s: float) -> tuple[Board, bool]:
        """Wait until a condition holds; return the last snapshot and whether it did."""
        until_ns = monotonic_ns() + int(timeout_s * 1e9)
        with self._changed:
            self._waiting += 1
            try:
                while True:
                    board = self._looked()
                    if condition(board):
                        return board, True
                    left_s = (until_ns - monotonic_ns()) / 1e9
                    if left_s <= 0:
                        return board, False
                    self._changed.wait(left_s)
            finally:
                self._waiting -= 1

    def _looked(self) -> Board:
        now_ns = self._clock.now_ns()
        if self._snapshot is None or now_ns - self._snapshot.at_ns > _FRESH_NS:
            self._snapshot = self._machine.snapshot(now_ns)
        return self._snapshot
