"""What the gate costs an order: all that it looks at, against a bare lock and a look at the file of the kill."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import Lock

from actors.gate import Gate
from actors.runtime.clock import SystemClock, monotonic_ns
from models.gate_parameters import GateParameters, Leaving
from models.markets import YES, Side
from models.messages.market import BookEpochChanged
from models.messages.orders import OrderApproved, PlaceOrder, SubmitOrder
from models.orders import TimeInForce
from models.units import SHARE

_BODY = b"x" * 800
"""As long as a signed order."""
_RULES = GateParameters(second_max=1_500, ten_seconds_max=6_900)
_ROUNDS = 1_000
"""Fewer than may leave within a second."""


def gate(gates: int) -> dict[str, float]:
    """Measure microseconds of an order in the gate, of what the gate is told of it before, and of the bare lock."""
    passing, telling, bare = 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="keel-bench-") as name:
        latch = Path(name) / "KILL"
        for _ in range(gates):
            made = Gate(latch, SystemClock(), _RULES)
            made.beaten()
            told, passed = _pass(made)
            telling, passing = telling + told, passing + passed
            bare += _lock_and_look(latch)
    orders = gates * _ROUNDS
    return {
        "gate_us": passing / orders / 1e3,
        "told_us": telling / orders / 1e3,
        "bare_us": bare / orders / 1e3,
        "ratio": passing / bare,
    }


def _pass(made: Gate) -> tuple[int, int]:
    leaving = [Leaving(f"0x{number:064x}", _order(number), _BODY) for number in range(_ROUNDS)]
    hear, began_ns = made.hears[OrderApproved], monotonic_ns()
    for one in leaving:
        hear(OrderApproved(one.order, 0))
        made.committed(SubmitOrder(one.order_id, one.order, 0))
    told_ns = monotonic_ns() - began_ns
    made.hears[BookEpochChanged](BookEpochChanged("market", 1, 100, "restarted"))
    began_ns = monotonic_ns()
    for one in leaving:
        with made.passes((one,)) as refusal:
            if refusal is not None:
                raise RuntimeError(refusal)
    return told_ns, monotonic_ns() - began_ns


def _lock_and_look(latch: Path) -> int:
    lock, began_ns = Lock(), monotonic_ns()
    for _ in range(_ROUNDS):
        with lock, suppress(FileNotFoundError):
            os.lstat(latch)
    return monotonic_ns() - began_ns


def _order(number: int) -> PlaceOrder:
    return PlaceOrder(
        f"desk/market/0/BUY/{number}", "desk", "market", YES, Side.BUY, 4_800, 5 * SHARE, True, TimeInForce.GTC,
        "provide", 1, SystemClock().now_ns(),
    )  # fmt: skip
