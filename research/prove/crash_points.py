"""Runs `keel` so that it kills itself at a named point: `python -m research.prove.crash_points run ...`.

`PROVE_DIES_AT=NAME:N` names the point and how often it is passed before; without it nothing is different.

Why from outside: an engine in which people can switch on a crash has a crash too many. Nothing of the product knows of
this; the functions whose names stand in the table are wrapped before it begins, and SIGKILL leaves no time to tidy up.
"""

import importlib
import os
import runpy
import signal
from collections.abc import Callable
from itertools import count
from typing import Any, Final, Literal, NamedTuple

VARIABLE: Final = "PROVE_DIES_AT"

_ORDER: Final = frozenset({"SubmitOrder"})
_FILL: Final = frozenset({"FillCounted"})
_OPERATION: Final = frozenset({"MergeChanged", "RedemptionChanged"})
_CHECKPOINT: Final = frozenset({"Checkpointed"})
_WRITE: Final = ("actors.store.writer", "Writer.write")
_LANES: Final = "actors.venues.polymarket.lanes"


class Point(NamedTuple):
    """A function of the engine, before or after which it may die; only a call for which `counts` holds is one."""

    module: str
    function: str
    when: Literal["before", "after"]
    counts: Callable[..., bool] = lambda *_, **__: True
    often: int = 1
    """How often it may be passed at first: it is due at one of so many passages."""
    stops: bool = False
    """It lies on the way of a stop that somebody asked for."""


def _chains(kinds: frozenset[str]) -> Callable[..., bool]:
    def counts(_writer: Any, _rows: Any, chained: Any) -> bool:
        return any(type(message).__name__ in kinds for _, message in chained)

    return counts


def _is_gated(backend: Any, *_: object) -> bool:
    return backend._gate is not None  # noqa: SLF001 - only the lane of orders has one


def _is_journal(_writer: Any, table: Any) -> bool:
    return bool(table.__name__ == "Journal")


def _is(kind: str) -> Callable[..., bool]:
    return lambda _, message, *__: type(message).__name__ == kind


POINTS: Final[dict[str, Point]] = {
    "before the commit of an order": Point(*_WRITE, "before", _chains(_ORDER), 6),
    "in the commit, before its chain": Point("actors.store.writer", "Writer._insert", "before", _is_journal, 30),
    "after the commit of an order": Point(*_WRITE, "after", _chains(_ORDER), 6),
    "before orders are written": Point("actors.venues.gated_transport", "GatedBackend.write", "before", _is_gated, 6),
    "after orders were written": Point("actors.venues.gated_transport", "GatedBackend.write", "after", _is_gated, 6),
    "after orders were answered": Point(f"{_LANES}.submit", "SubmitLane._send", "after", often=6),
    "amid the answers to a batch": Point(f"{_LANES}.submit", "SubmitLane._answer", "after", often=6),
    "before a cancel": Point(f"{_LANES}.cancel", "CancelLane._send", "before", often=4),
    "after a cancel": Point(f"{_LANES}.cancel", "CancelLane._send", "after", often=4),
    "before the commit of a fill": Point(*_WRITE, "before", _chains(_FILL), 2),
    "after the commit of a fill": Point(*_WRITE, "after", _chains(_FILL), 2),
    "before the commit of an operation": Point(*_WRITE, "before", _chains(_OPERATION), 2),
    "after the commit of an operation": Point(*_WRITE, "after", _chains(_OPERATION), 2),
    "before a checkpoint": Point(*_WRITE, "before", _chains(_CHECKPOINT)),
    "after a checkpoint": Point(*_WRITE, "after", _chains(_CHECKPOINT)),
    "before an operation is sent": Point("actors.venues.polymarket.relayer", "RelayerClient.submit", "before"),
    "after an operation was sent": Point("actors.venues.polymarket.relayer", "RelayerClient.submit", "after"),
    "when the database is open": Point("actors.store.writer", "Writer.__init__", "after"),
    "amid the recall": Point("actors.recovery", "RecoveringActor._recover", "before", _is("Recalled"), 2),
    "at the end of the recall": Point("actors.recovery", "RecoveringActor._recover", "after", _is("RecallEnded"), 2),
    "before the account is compared": Point("models.venue_account", "VenueAccount._account_read", "before", often=2),
    "after the account was compared": Point("models.venue_account", "VenueAccount._account_read", "after", often=2),
    "at the beginning of a stop": Point("bin.engine", "Engine.stop", "before", stops=True),
    "before the sweep of a stop": Point("actors.live", "Live.sweep", "before", stops=True),
    "after the sweep of a stop": Point("actors.live", "Live.sweep", "after", stops=True),
    "before the database is closed": Point("actors.store.writer", "Writer.close", "before", stops=True),
}
"""Every point by its name."""


def arm(name: str, passages: int) -> None:
    """Have this process die at a point, when it has been passed so often before."""
    point = POINTS[name]
    owner: Any = importlib.import_module(point.module)
    *path, attribute = point.function.split(".")
    for part in path:
        owner = getattr(owner, part)
    original, seen = getattr(owner, attribute), count()

    def wrapped(*arguments: Any, **named: Any) -> Any:
        counts = point.counts(*arguments, **named)
        if counts and point.when == "before" and next(seen) >= passages:
            _die()
        answer = original(*arguments, **named)
        if counts and point.when == "after" and next(seen) >= passages:
            _die()
        return answer

    setattr(owner, attribute, wrapped)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    name, _, passages = os.environ.pop(VARIABLE, "").rpartition(":")
    if name:
        arm(name, int(passages))
    runpy.run_module("bin.main", run_name="__main__", alter_sys=True)
