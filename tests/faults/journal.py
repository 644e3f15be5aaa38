"""What a running engine has journalled, held against what its venue saw."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from itertools import groupby
from typing import TypeVar

import msgspec

from models.messages.base import Message
from models.messages.orders import OrderChanged, PlaceOrder, SubmitOrder
from models.orders import OrderState
from models.snapshot import OrderLine
from tests.faults.live_engine import LiveEngine

Kind = TypeVar("Kind", bound=Message)

NEVER_STOOD = {OrderState.NEVER_SENT, OrderState.NEVER_ACCEPTED, OrderState.REJECTED}


def journalled(running: LiveEngine, kind: type[Kind], naming: str = "") -> list[Kind]:
    """Every entry of a kind, or those that name something, oldest first."""
    path = running.engine.options.data_dir / "arb.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        query = "select body from journal where kind = ? and instr(body, ?) order by seq"
        rows = database.execute(query, (kind.__name__, naming))
        return [msgspec.json.decode(body, type=kind) for (body,) in rows]


def life(running: LiveEngine, order: PlaceOrder | OrderLine) -> list[OrderChanged]:
    """What was said of an order, oldest first."""
    return [changed for changed in journalled(running, OrderChanged, order.intent) if changed.intent == order.intent]


def states(changes: Iterable[OrderChanged]) -> list[OrderState]:
    """The states of an order, each once in a row."""
    return [state for state, _ in groupby(changed.state for changed in changes)]


def agree(running: LiveEngine) -> None:
    """See that no order is at the venue that was not journalled first, none twice, and none that we call dead."""
    taken = running.placed()
    assert len(taken) == len(set(taken)), "no order was taken twice"
    submitted = {entry.order_id: entry.order.intent for entry in journalled(running, SubmitOrder)}
    assert set(taken) <= set(submitted), "every order was journalled before it was sent"
    assert len(set(submitted.values())) == len(submitted), "an intent has one order for ever"
    last = {changed.order_id: changed.state for changed in journalled(running, OrderChanged)}
    assert not [order_id for order_id in taken if last.get(order_id) in NEVER_STOOD]
