"""Who stands when an engine begins, or a market is added: waited for and announced; and what no longer stands."""

from collections.abc import Callable, Iterable, Iterator
from threading import Event
from typing import Final, TypeAlias

from actors.assembly import Assembly, Part
from actors.runtime.clock import monotonic_ns
from actors.runtime.directory import Directory
from actors.topology import EXECUTOR, RISK
from models.cells import TradingState
from models.messages.base import MarketId
from models.messages.control import RaiseCell
from models.messages.runtime import ActorRestarted

_OURS: Final = ("engine", "feed", "journal", "mailbox", "runtime", "signer", "user_feed")
"""Sources of cells that tell of a process's own trouble."""
_ASKED: Final = ("executor", "foreign")
"""Sources of cells that only a person can judge: whoever starts it again, and then lets it trade, has."""

_LOOK_S: Final = 0.01

WaitUntil: TypeAlias = Callable[[Callable[[], bool], float], bool]
"""Waits for a condition, so many seconds at most; returns whether it came to be."""


def announced(
    assembly: Assembly, directory: Directory, markets: Iterable[MarketId], wait_until: WaitUntil, within_s: float,
    more: Iterable[Part] = (), stood: Callable[[], object] = lambda: None,
) -> bool:  # fmt: skip
    """Announce the actors of markets, and `more`, once all of them stand; False where they do not in time.

    `stood` is called in between.
    """
    markets = tuple(markets)
    parts = [part for market in markets for part in assembly.market_parts(market)]
    names = [part.name for part in (*parts, *more)]
    if not wait_until(lambda: all(directory.find(name) is not None for name in names), within_s):
        return False
    stood()
    for name in (*names, *(f"market/{market}" for market in markets)):
        for core in (EXECUTOR, RISK):
            directory.send(core, ActorRestarted(name, "", 0))
    return True


def waited(condition: Callable[[], bool], within_s: float) -> bool:
    """Wait for a condition; return whether it came to be."""
    pause, until_ns = Event(), monotonic_ns() + int(within_s * 1e9)
    while not condition():
        if monotonic_ns() > until_ns:
            return False
        pause.wait(_LOOK_S)
    return True


def let_go(markets: Iterable[MarketId]) -> Iterator[RaiseCell]:
    """Lift what an earlier process raised of its own troubles: they ended with it."""
    for market in (None, *markets):
        for source in (*_OURS, *_ASKED):
            yield RaiseCell(market, source, TradingState.ACTIVE, "")
