"""Risk as people read it: the same rows in the CLI and in the monitor."""

from collections.abc import Iterable

from surfaces.cli.output import Column, Document, Text


def controls_text(document: Document, *, every: bool = False) -> Text:
    """Return a row a control, or with `every` one for each place where it is counted, and the cells that are raised."""
    rows = document["readings"] if every else _nearest(document["readings"])
    columns = (
        Column("CONTROL", lambda row: row["control"]),
        Column("SCOPE", lambda row: row["scope"]),
        Column("VALUE", lambda row: _figure(row["value"]), "right"),
        Column("LIMIT", lambda row: _figure(row["limit"]), "right"),
        Column("UNIT", lambda row: row["unit"]),
        Column("USED", lambda row: "-" if row["used"] is None else f"{row['used']:.0%}", "right"),
        Column("BLOCKS", lambda row: row["blocks"] or ""),
        Column("", _standing, style=lambda said: "bold red" if said.startswith("HOLDS") else ""),
    )
    alarms = [f"KILLED: {document['killed']}"] if document["killed"] else []
    return Text((), columns, rows, [f"held: {cell}" for cell in document["cells"]], alarms)


def binding_text(document: Document) -> Text:
    """Return the limits that bind first, a row each."""
    rows = [{**market, **bound} for market in document["markets"] for bound in market["bounds"]]
    columns = (
        Column("MARKET", lambda row: row["slug"]),
        Column("ORDER", lambda row: f"{row['order_shares']:g} sh ${row['order_usd']:.2f}", "right"),
        Column("ORDERS LEFT", lambda row: str(row["orders_left"]), "right"),
        Column("LIMIT", lambda row: row["control"]),
        Column("SCOPE", lambda row: row["scope"]),
        Column("NOW", lambda row: f"{_figure(row['value'])} of {_figure(row['limit'])} {row['unit']}", "right"),
        Column("SET BY", lambda row: ", ".join(row["parameters"])),
    )
    unbound = [f"{market['slug']}: no limit is near" for market in document["markets"] if not market["bounds"]]
    return Text((), columns, rows, unbound)


def _standing(row: Document) -> str:
    note = f" {row['note']}" if row["note"] else ""
    return f"HOLDS{note}" if row["holds"] else note.strip()


def _nearest(readings: Iterable[Document]) -> list[Document]:
    """Keep, of a control that is counted in many places, what holds, or else the one nearest to its limit."""
    by_control: dict[str, list[Document]] = {}
    for reading in readings:
        by_control.setdefault(reading["control"], []).append(reading)
    shown: list[Document] = []
    for found in by_control.values():
        held = [one for one in found if one["holds"]]
        shown += held or [max(found, key=lambda one: one["used"] or 0)]
    return shown


def _figure(value: float | None) -> str:
    """Write a number as short as it is, at most two decimals."""
    if value is None:
        return "-"
    return f"{value:,.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:,.0f}"
