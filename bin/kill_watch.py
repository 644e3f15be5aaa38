"""A thread that sees to a kill: notices one that came as a file or a signal, and proves that nothing rests after any.

Why it compares and is not told: a kill may be latched by a file that anybody left, a signal's handler, or a lane that
found the file first. Whoever it was, the gate is closed and risk does not know it yet; that is what is looked for.

Why it writes the audit of some: a kill that a command says is a row of that command, and so is one that had to be
carried out here. A limit of risk says no command; neither does who killed while no engine ran, or one that then died.
"""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

from loguru import logger

from actors.board import SharedBoard
from actors.control.bus import Control
from actors.control.ports import Refused
from actors.gate import Gate
from actors.runtime.clock import Clock
from models.roles import Caller

if TYPE_CHECKING:
    from actors.live import Live

_LOOK_S: Final = 0.1
_RISK_KNOWS_S: Final = 0.3
_PROVEN_S: Final = 9.0
_AGAIN_S: Final = 3.0
_STANDS_S: Final = 15.0
"""How long risk may take to hear of a kill that stood at the start, of which it is told when it has been recalled."""
_ZOMBIES_NS: Final = 120_000_000_000
"""How long the venue may take to book an order that was on its way when all was cancelled."""
_END_S: Final = 5.0


class KillWatch:
    """Carries out what has latched the gate. `live`: whose orders are swept then."""

    def __init__(self, gate: Gate, control: Control, board: SharedBoard, clock: Clock, live: "Live | None") -> None:
        self._gate = gate
        self._control = control
        self._board = board
        self._clock = clock
        self._live = live
        self._known = False
        """Whether risk has heard of the kill that stands."""
        self._stood: bool | None = None
        """Whether the audit has the kill that stands since before the start; None where it is of this run."""
        self._ending = Event()
        self._thread = Thread(target=self._run, name="kill-watch", daemon=True)

    def start(self, stood: bool | None = None) -> None:
        """Begin to look, ten times a second. `stood`: whether the kill that stands by now, if one does, is audited."""
        self._stood = stood
        self._thread.start()

    def stop(self) -> None:
        """Look no more; a sweep that goes on is cut short."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(_END_S)

    def _run(self) -> None:
        while not self._ending.wait(_LOOK_S):
            reason = self._gate.look()
            if reason is None or self._is_another():
                self._known, self._stood = False, None
            if reason is not None and not self._known:
                self._carry_out(reason)

    def _is_another(self) -> bool:
        """Whether the kill that risk knew of was lifted, and the gate is closed by another that it has not heard of."""
        return self._known and self._board.look().killed is None and not self._control.is_lifting

    def _carry_out(self, reason: str) -> None:
        """Have risk know of it, and everything cancelled; then sweep what the venue may still list."""
        self._known = self._is_heard(_RISK_KNOWS_S if self._stood is None else _STANDS_S)
        if self._known:
            self._write_down(reason)
        elif self._over():
            return
        else:
            try:
                self._control.kill(reason, self._gate.killed_by or "latch", _AGAIN_S)
            except Refused as error:
                logger.bind(actor="gate", reason=reason).error("the gate is closed, but: {}", error)
                return
            self._known = True
        if self._live is not None:
            self._sweep(self._live)

    def _is_heard(self, within_s: float) -> bool:
        """Wait until the board shows that risk knows; whether it did before the time was over, or the kill lifted."""
        until_ns, heard = self._clock.now_ns() + int(within_s * 1e9), False
        while not heard and not self._over() and self._clock.now_ns() < until_ns:
            _, heard = self._board.wait_for(lambda board: board.killed is not None, _LOOK_S)
        return heard

    def _write_down(self, reason: str) -> None:
        """Have the audit know of a kill that no command has said, with who or what it was and when."""
        by = self._gate.killed_by or "latch"
        if self._stood or (self._stood is None and by != "risk"):
            return
        with suppress(OSError):
            file = self._gate.kills().file
            since_ns = self._clock.now_ns() if file is None else file[1]
            result = "killed by a limit of risk" if self._stood is None else "it stood when the engine was started"
            self._control.audit.note(Caller(by), "kill", result, since_ns, arguments={"reason": reason})

    def _sweep(self, live: "Live") -> None:
        """Prove that nothing rests, and go on for as long as the venue may still book what it had taken in."""
        until_ns = self._clock.now_ns() + _ZOMBIES_NS
        within_s = _PROVEN_S
        while not self._over() and self._clock.now_ns() < until_ns:
            self._prove(live, within_s)
            within_s = _AGAIN_S
            self._wait(_AGAIN_S)

    def _prove(self, live: "Live", within_s: float) -> None:
        from actors.venues.polymarket.sweep import Unproven

        try:
            left = live.sweep(within_s, self._over, lambda: self._gate.at_rest)
        except Unproven as error:
            if not self._over():
                logger.bind(reason=str(error)).error("killed, but the venue has not said what rests there")
            return
        for order in left:
            logger.bind(order=order.order_id).error("killed, but this order still rests")
        if not left:
            logger.bind(actor="gate").info("killed: nothing rests at the venue")

    def _over(self) -> bool:
        return self._ending.is_set() or self._gate.killed is None

    def _wait(self, seconds: float) -> None:
        until_ns = self._clock.now_ns() + int(seconds * 1e9)
        while not self._over() and self._clock.now_ns() < until_ns:
            self._ending.wait(_LOOK_S)


@contextmanager
def killed_by_signal(trip: Callable[[str], object]) -> Generator[None]:
    """Let SIGUSR2 close the gate at once. The handler takes no lock: it may come in the midst of whoever has it."""
    before = signal.signal(signal.SIGUSR2, lambda *_: trip("SIGUSR2"))
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR2, before)
