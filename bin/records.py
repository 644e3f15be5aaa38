"""`keel audit`, `keel orders list` and `show`: what the database keeps of commands and of orders.

Why these stand here and not with the other commands: they open the database themselves, which no surface may.
"""

from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from bin.db import Database, place, reading
from bin.lock import told_of_storage
from surfaces.cli import orders as running
from surfaces.cli.errors import CommandError, Exit
from surfaces.cli.options import DEFAULTS, Options
from surfaces.cli.output import Column, Document, Output, Text
from surfaces.cli.since import Limit, Since, since_ns

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMIT: Final = 50
_RESULT_MAX: Final = 100


def audit(*, since: Since = None, limit: Limit = _LIMIT, db: Database = None, options: Options = DEFAULTS) -> int:
    """Show who said which command when, from where, and what came of it; refused ones too. The newest come last."""
    from actors.runtime.clock import SystemClock
    from actors.store.database import examine

    url, _ = place(db, options)
    from_ns = since_ns(since, SystemClock().now_ns())
    with told_of_storage():
        found = examine(url)
    if found.pending:
        raise CommandError("failure", "the database is older than this version of Keel", "keel db migrate")
    with reading(url) as reader:
        rows = [_call(row) for row in reversed(reader.audit(from_ns, limit))]
    document = {"schema": "keel.audit/1", "calls": rows}
    columns = (
        Column("AT", lambda row: row["at"][:19].replace("T", " ")),
        Column("WHO", _who),
        Column("ROLE", lambda row: row["role"]),
        Column("COMMAND", _said),
        Column("OUTCOME", lambda row: row["outcome"]),
        Column("RESULT", lambda row: _short(row["result"])),
    )
    said = () if rows else ("nobody has said anything",)
    Output(options).show(document, Text(said, columns if rows else (), rows))
    return Exit.OK


def list_orders(
    *,
    market: running.Market = None,
    past: Annotated[
        bool, Parameter(negative="", help="From the database: those that have ended too, the newest last.")
    ] = False,
    since: Since = None,
    limit: Limit = _LIMIT,
    db: Database = None,
    options: Options = DEFAULTS,
) -> int:
    """List the orders that may still fill; with --past all that there were, which needs no engine."""
    if not past:
        if since is not None or db is not None or limit != _LIMIT:
            raise CommandError("usage", "--since, --limit and --db go with --past")
        return running.list_orders(market=market, options=options)
    from actors.runtime.clock import SystemClock

    url, _ = place(db, options)
    with reading(url) as reader:
        slugs = reader.slugs()
        wanted = next((name for name, slug in slugs.items() if slug == market), market)
        found = reader.orders(wanted, None, since_ns(since, SystemClock().now_ns()), limit)
    rows = [_order(row, slugs) for row in reversed(found)]
    said = () if rows else ("there was no order",)
    document = {"schema": "keel.orders/1", "orders": rows}
    Output(options).show(document, Text(said, running.COLUMNS if rows else (), rows))
    return Exit.OK


def show_order(
    order: Annotated[str, Parameter(help="Its id, or the beginning of it.")],
    /,
    *,
    db: Database = None,
    options: Options = DEFAULTS,
) -> int:
    """Show one order: as the engine knows it while it may fill, else what the database has of it."""
    try:
        return running.show(order, options=options)
    except CommandError as error:
        if error.code not in ("not_found", "not_running"):
            raise
    url, _ = place(db, options)
    with reading(url) as reader:
        found, slugs = reader.order(order), reader.slugs()
    if len(found) != 1:
        problem = f"{order!r} is the beginning of several orders" if found else f"no order {order!r}"
        raise CommandError("not_found", problem, "list them with: keel orders list --past")
    document = {"schema": "keel.order/1", **_order(found[0], slugs)}
    Output(options).show(document, Text(running.lines(document)))
    return Exit.OK


def _call(row: "Mapping[str, Any]") -> Document:
    from models.words import rfc3339

    return {
        "request": row["request"],
        "at": rfc3339(row["at_ns"]),
        "who": row["who"],
        "uid": row["uid"],
        "pid": row["pid"],
        "role": row["role"],
        "command": row["verb"],
        "market": row["market"],
        "arguments": row["arguments"],
        "outcome": row["outcome"],
        "result": row["result"],
        "took_ms": (row["answered_ns"] - row["at_ns"]) // 1_000_000,
    }


def _order(row: "Mapping[str, Any]", slugs: "Mapping[str, str]") -> Document:
    from models.units import format_price, format_size
    from models.words import rfc3339

    return {
        "slug": slugs.get(row["market"]),
        "market": row["market"],
        "order_id": row["order_id"],
        "intent": row["intent"],
        "tag": row["tag"],
        "token": "NO" if row["outcome"] else "YES",
        "side": row["side"],
        "price": format_price(row["price"]),
        "size": format_size(row["size"]),
        "filled": format_size(row["filled"]),
        "state": row["state"],
        "reason": row["reason"],
        "at": rfc3339(row["changed_ns"]),
    }


def _who(row: Document) -> str:
    known = [f"uid {row['uid']}" if row["uid"] is not None else "", f"pid {row['pid']}" if row["pid"] else ""]
    return " ".join([row["who"], *filter(None, known)])


def _said(row: Document) -> str:
    arguments = " ".join(
        value if name in ("markets", "orders") else f"{name}={value}"
        for name, value in row["arguments"].items()
        if name != "plan"
    )
    return f"{row['command']} {arguments}".rstrip()


def _short(text: str) -> str:
    return text if len(text) <= _RESULT_MAX else f"{text[: _RESULT_MAX - 3]}..."
