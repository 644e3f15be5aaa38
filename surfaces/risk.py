"""Where the risk controls stand, as the documents `keel.risk/1` and `keel.risk.explain/1`."""

from collections.abc import Iterable

from models.controls.binding import Bound, bounds, order_size
from models.controls.control import Control
from models.controls.families import CONTROLS
from models.messages.control import CellNote, Reading, RiskRead
from models.snapshot import Board, MarketLine
from models.words import cell_text, rfc3339
from surfaces.documents import Document

_FIRST = 3
"""So many limits are named for a market."""


def risk(board: Board, said: RiskRead, only: MarketLine | None = None) -> Document:
    """Return `keel.risk/1`: every control with where it stands, and the cells that are raised.

    `only` leaves out what concerns other markets alone.
    """
    lines = board.markets.values() if only is None else (only,)
    cells = dict.fromkeys(_cell(line, cell) for line in lines for cell in line.cells)
    return {
        "schema": "keel.risk/1",
        "snapshot_id": board.snapshot_id,
        "at": rfc3339(said.at_ns),
        "killed": None if board.killed is None else board.killed.reason,
        "readings": [_reading(one) for one in said.readings if only is None or _concerns(one, only)],
        "controls": [_control(control) for control in CONTROLS.values()],
        "cells": list(cells),
    }


def explain(board: Board, said: RiskRead, only: MarketLine | None = None) -> Document:
    """Return `keel.risk.explain/1`: for each market the limits that bind first, counted in orders of its usual size."""
    lines = board.markets.values() if only is None else (only,)
    return {
        "schema": "keel.risk.explain/1",
        "snapshot_id": board.snapshot_id,
        "at": rfc3339(said.at_ns),
        "markets": [_binding(board, said.readings, line) for line in lines],
    }


def _binding(board: Board, readings: Iterable[Reading], line: MarketLine) -> Document:
    size = order_size(board, line)
    return {
        "slug": line.market.slug,
        "order_shares": size.shares,
        "order_usd": round(size.dollars, 6),
        "bounds": [_bound(bound) for bound in bounds(readings, line, size)[:_FIRST]],
    }


def _bound(bound: Bound) -> Document:
    control = CONTROLS.get(bound.reading.control)
    return {
        **_reading(bound.reading),
        "orders_left": bound.orders,
        "computed": "" if control is None else control.computed,
        "parameters": [] if control is None else list(control.parameters),
    }


def _cell(line: MarketLine, cell: CellNote) -> str:
    """Write a cell; one that holds several markets is the same text for each of them."""
    own = cell.scope.startswith("market ")
    return f"{line.market.slug}: {cell_text(cell)}" if own else cell_text(cell)


def _reading(reading: Reading) -> Document:
    control = CONTROLS.get(reading.control)
    return {
        "control": reading.control,
        "scope": reading.scope,
        "value": reading.value,
        "limit": reading.limit,
        "unit": reading.unit,
        "used": _used(reading),
        "holds": reading.holds,
        "blocks": None if control is None else control.blocks,
        "note": reading.note,
    }


def _used(reading: Reading) -> float | None:
    """Return how much of a limit is used up; of one that must not be fallen below, how near that is."""
    value, limit = reading.value, reading.limit
    if reading.unit.endswith("at least"):
        value, limit = limit, value
    return None if not limit or value is None else round(value / limit, 4)


def _control(control: Control) -> Document:
    return {**control._asdict(), "parameters": list(control.parameters)}


def _concerns(reading: Reading, line: MarketLine) -> bool:
    slug = line.market.slug
    return reading.scope in ("all", slug, f"event {line.market.group}") or reading.scope.startswith(f"{slug} ")
