"""What an engine traded within a span of time, read from its journal when it has ended.

Why the books of the engine itself: they are net of its own orders in both modes, so a mark-out is measured against the
outside alone, and a live engine's own quotes do not mark it out.
"""

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from models.markets import Outcome, Side, in_yes_terms
from models.units import ONE, Price, Size

MARK_OUT_S: Final = 5.0

_STOOD: Final = ("working", "cancelling", "cancelled", "filled", "expired")
"""States of orders that the venue had."""

_S: Final = 1_000_000_000
_SHARE: Final = 1_000_000
_TICKS_A_CENT: Final = 100


@dataclass(frozen=True, slots=True)
class Trading:
    """What one engine did. Bids and asks are those of the YES book: a bid for NO is an ask.

    `wait_s` is the time from the acceptance of an order to its fill, `mark_out` what a share was worth `MARK_OUT_S`
    after the fill, less what was paid, in cents; both are means over filled shares. `rested_s` is how long orders
    stood in all.
    """

    orders: int
    rested_s: float
    bid_fills: int
    ask_fills: int
    shares: float
    wait_s: float
    mark_out: float

    @property
    def fills(self) -> int:
        return self.bid_fills + self.ask_fills

    @property
    def ease(self) -> float:
        """Shares that were filled in a minute for which an order stood."""
        return self.shares * 60 / self.rested_s if self.rested_s else 0.0


class _Fill(NamedTuple):
    order_id: str
    market: str
    side: Side
    price: Price
    size: Size
    at_ns: int


class _Life(NamedTuple):
    """When an order came to stand, and when it ended."""

    accepted_ns: int
    ended_ns: int


def read(database: Path, from_ns: int, until_ns: int) -> Trading:
    """Read what was filled from one moment to another. Raises sqlite3.Error."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return _trading(_fills(connection), _lives(connection), _mids(connection), from_ns, until_ns)
    finally:
        connection.close()


def _trading(
    fills: Iterable[_Fill],
    lives: dict[str, _Life],
    mids: dict[str, tuple[list[int], list[float]]],
    from_ns: int,
    until_ns: int,
) -> Trading:
    chosen = [fill for fill in fills if from_ns <= fill.at_ns < until_ns]
    stood = [max(0, min(life.ended_ns, until_ns) - max(life.accepted_ns, from_ns)) for life in lives.values()]
    waits = [
        (fill.size, max(0, fill.at_ns - life.accepted_ns) / _S)
        for fill in chosen
        if (life := lives.get(fill.order_id)) is not None
    ]
    marks = [
        (fill.size, (mid - fill.price if fill.side is Side.BUY else fill.price - mid) / _TICKS_A_CENT)
        for fill in chosen
        if (mid := _at(mids.get(fill.market), fill.at_ns + int(MARK_OUT_S * _S))) is not None
    ]
    return Trading(
        orders=sum(from_ns <= life.accepted_ns < until_ns for life in lives.values()),
        rested_s=sum(stood) / _S,
        bid_fills=sum(fill.side is Side.BUY for fill in chosen),
        ask_fills=sum(fill.side is Side.SELL for fill in chosen),
        shares=sum(fill.size for fill in chosen) / _SHARE,
        wait_s=_mean(waits),
        mark_out=_mean(marks),
    )


def _fills(connection: sqlite3.Connection) -> list[_Fill]:
    rows = connection.execute(
        "SELECT order_id, market, outcome, side, price, size, at_ns FROM fills WHERE status != 'voided'"
    )
    return [_fill(*row) for row in rows]


def _fill(order_id: str, market: str, outcome: Outcome, side: str, price: Price, size: Size, at_ns: int) -> _Fill:
    yes_side, yes_price = in_yes_terms(outcome, Side(side), price)
    return _Fill(order_id, market, yes_side, yes_price, size, at_ns)


def _lives(connection: sqlite3.Connection) -> dict[str, _Life]:
    """Return when orders were first and last heard of, since the venue had them."""
    changes = connection.execute("SELECT body FROM journal WHERE kind = 'OrderChanged' ORDER BY seq")
    lives: dict[str, _Life] = {}
    for (body,) in changes:
        change: dict[str, Any] = json.loads(body)
        if change["state"] not in _STOOD:
            continue
        known = lives.get(change["order_id"])
        lives[change["order_id"]] = _Life(change["at_ns"] if known is None else known.accepted_ns, change["at_ns"])
    return lives


def _mids(connection: sqlite3.Connection) -> dict[str, tuple[list[int], list[float]]]:
    """Return the middles of the two-sided books of each market: when they changed, and to what."""
    touches = connection.execute("SELECT market, at_ns, detail FROM events WHERE kind = 'touch' ORDER BY at_ns, id")
    mids: dict[str, tuple[list[int], list[float]]] = {}
    for market, at_ns, detail in touches:
        touch: dict[str, Price] = json.loads(detail)
        if 0 < touch["bid"] < touch["ask"] < ONE:
            times, values = mids.setdefault(market, ([], []))
            times.append(at_ns)
            values.append((touch["bid"] + touch["ask"]) / 2)
    return mids


def _at(series: tuple[list[int], list[float]] | None, at_ns: int) -> float | None:
    if series is None:
        return None
    times, values = series
    index = bisect_right(times, at_ns)
    return values[index - 1] if index else None


def _mean(weighted: Sequence[tuple[Size, float]]) -> float:
    whole = sum(weight for weight, _ in weighted)
    return sum(weight * value for weight, value in weighted) / whole if whole else 0.0
