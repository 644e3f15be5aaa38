"""What the engine's own database says of its orders, fills and holdings; read as it lies there after the engine ended.

Why plain SQL: what is proven is what was written, not how our own readers put it together.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from actors.store.database import open_reader

Row = dict[str, Any]
_Select = Callable[[str], Any]
"""Runs a query and returns its cursor."""


@dataclass(slots=True)
class Submission:
    """An order on its way to the venue. `heard_seq`: the first other entry of the chain that is about it, if any."""

    seq: int
    at_ns: int
    intent: str
    time_in_force: str
    heard_seq: int | None = None


@dataclass(slots=True)
class Journal:
    """Rows as `actors/store/tables.py` describes them. `submitted`: how each order entered the chain.

    `merged` are confirmed pairs, `redeemed` the payouts told of (1/10,000 dollar a YES share), both by market.
    """

    orders: dict[str, Row] = field(default_factory=dict[str, Row])
    fills: dict[tuple[str, str], Row] = field(default_factory=dict[tuple[str, str], Row])
    positions: list[Row] = field(default_factory=list[Row])
    submitted: dict[str, Submission] = field(default_factory=dict[str, Submission])
    merged: Counter[str] = field(default_factory=Counter[str])
    redeemed: dict[str, int] = field(default_factory=dict[str, int])
    operations: dict[str, str] = field(default_factory=dict[str, str])
    """The newest state of each merge and redemption."""
    doubled: list[str] = field(default_factory=list[str])
    """Orders that entered the chain more than once."""


def read(database: Path | str) -> Journal:
    """Read a database: a file, or what stands at a URL. Raises sqlite3.Error for a file, StoreError for a URL."""
    with _opened(database) as select:
        found = Journal()
        found.orders = {row["order_id"]: row for row in _rows(select, "SELECT * FROM orders")}
        found.fills = {(row["trade_id"], row["order_id"]): row for row in _rows(select, "SELECT * FROM fills")}
        newest = "SELECT MAX(id) FROM positions GROUP BY tag, market"
        found.positions = _rows(select, f"SELECT * FROM positions WHERE id IN ({newest})")  # noqa: S608
        chained = (
            "SELECT seq, at_ns, kind, subject, body FROM journal WHERE kind IN "
            "('SubmitOrder', 'MergeChanged', 'RedemptionChanged', 'PositionsRedeemed') ORDER BY seq"
        )
        for row in _rows(select, chained):
            _take(found, row, msgspec.json.decode(row["body"]))
        heard = "SELECT subject, MIN(seq) FROM journal WHERE kind IN ('OrderChanged', 'SubmitCancel') GROUP BY subject"
        for order_id, seq in select(heard).fetchall():
            if order_id in found.submitted:
                found.submitted[order_id].heard_seq = seq
    return found


@contextmanager
def _opened(database: Path | str) -> Iterator[_Select]:
    if isinstance(database, Path):
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            yield connection.execute
    else:
        with closing(open_reader(database)) as reader:
            yield reader.execute_sql


def _take(found: Journal, row: Row, body: Row) -> None:
    match row["kind"]:
        case "SubmitOrder":
            if row["subject"] in found.submitted:
                found.doubled.append(row["subject"])
            order = body["order"]
            submission = Submission(row["seq"], row["at_ns"], order["intent"], order["time_in_force"])
            found.submitted.setdefault(row["subject"], submission)
        case "MergeChanged" | "RedemptionChanged":
            found.operations[body["operation"]] = body["state"]
            if row["kind"] == "MergeChanged" and body["state"] == "confirmed":
                found.merged[body["market"]] += body["size"]
        case _:
            found.redeemed[body["market"]] = body["payout_yes"]


def _rows(select: _Select, query: str) -> list[Row]:
    cursor = select(query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
