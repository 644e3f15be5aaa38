"""`keel orders`, `keel cancel`: the orders that may still fill, and an end to them."""

from typing import Annotated, Final
from urllib.parse import quote

from cyclopts import Parameter

from surfaces.cli.control import DryRun
from surfaces.cli.errors import CommandError, Exit
from surfaces.cli.options import DEFAULTS, Options
from surfaces.cli.output import Column, Document, Output, Text
from surfaces.cli.session import carry_out, connect, names

Market = Annotated[str | None, Parameter(name="--market", help="Only those of this market.")]

COLUMNS: Final = (
    Column("ORDER", lambda row: row["order_id"][:14]),
    Column("MARKET", lambda row: row["slug"] or row["market"][:14]),
    Column("SIDE", lambda row: f"{row['side']} {row['token']}"),
    Column("PRICE", lambda row: row["price"], "right"),
    Column("SIZE", lambda row: row["size"], "right"),
    Column("FILLED", lambda row: row["filled"], "right"),
    Column("STATE", lambda row: row["state"]),
    Column("SINCE", lambda row: row["at"][:19].replace("T", " ")),
)


def list_orders(*, market: Market = None, options: Options = DEFAULTS) -> int:
    """List the orders that may still fill, oldest first."""
    with connect(options) as client:
        document = client.get("/v1/orders", market=market)
    said = () if document["orders"] else ("no order is open",)
    Output(options).show(document, Text(said, COLUMNS if document["orders"] else (), document["orders"]))
    return Exit.OK


def show(order: Annotated[str, Parameter(help="Its id, or the beginning of it.")], /, *, options: Options) -> int:
    """Show one order that may still fill."""
    with connect(options) as client:
        document = client.get(f"/v1/orders/{quote(order, safe='')}")
    Output(options).show(document, Text(lines(document)))
    return Exit.OK


def cancel(
    *orders: Annotated[str, Parameter(help="Orders by id, or by its beginning; separated by blanks or commas.")],
    all: Annotated[bool, Parameter(negative="", help="All orders, of --market or of all markets.")] = False,  # noqa: A002
    market: Annotated[str | None, Parameter(name="--market", help="With --all: only those of this market.")] = None,
    dry_run: DryRun = False,
    options: Options = DEFAULTS,
) -> int:
    """Cancel orders, and say which are gone. Never asks. What is still traded may be quoted again: see keel pause."""
    wanted = names(orders)
    if all == bool(wanted):
        raise CommandError("usage", "name orders, or say --all", "keel orders list")
    if market is not None and not all:
        raise CommandError("usage", "--market goes with --all")
    return carry_out(
        options,
        lambda client, _: client.post("/v1/commands/cancel", orders=wanted, market=market, dry_run=dry_run),
        "",
    )


def lines(document: Document) -> list[str]:
    """Write every figure of an order on a line of its own."""
    shown = {name: value for name, value in document.items() if name != "schema" and value is not None}
    return [f"{name.replace('_', ' '):<12}{value}" for name, value in shown.items()]
