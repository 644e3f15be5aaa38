"""`keel markets`: what is traded, switched on and off, taken in and let go."""

from typing import Annotated, Any

from cyclopts import Group, Parameter
from cyclopts.validators import MutuallyExclusive

from surfaces.cli.control import DryRun, set_state
from surfaces.cli.errors import Exit
from surfaces.cli.options import DEFAULTS, Options
from surfaces.cli.output import Column, Output, Text
from surfaces.cli.session import Document, carry_out, connect

Names = Annotated[str, Parameter(help="Markets by slug or condition id, separated by blanks or commas.")]

_WHICH = Group("Which", validator=MutuallyExclusive())


def list_markets(
    *,
    on: Annotated[bool, Parameter(negative="", group=_WHICH, help="Only those that are on.")] = False,
    off: Annotated[bool, Parameter(negative="", group=_WHICH, help="Only those that are off.")] = False,
    all: Annotated[bool, Parameter(negative="", group=_WHICH, help="Both (the default).")] = False,  # noqa: A002
    search: Annotated[str, Parameter(help="Only those whose slug contains this.")] = "",
    options: Options = DEFAULTS,
) -> int:
    """List the markets with their states."""
    from surfaces.texts import left_out, net, state_style

    with connect(options) as client:
        document = client.get("/v1/markets")
        said = left_out(client.get("/v1/status")) if options.format == "table" else ()
    wanted = {True, False} if all or on == off else {on}
    rows = [row for row in document["markets"] if row["on"] in wanted and search.lower() in row["slug"].lower()]
    columns = (
        Column("MARKET", lambda row: row["slug"]),
        Column("ON", lambda row: "on" if row["on"] else "off"),
        Column("STATE", lambda row: row["state"], style=state_style),
        Column("NET", lambda row: net(row["net_shares"]), "right"),
        Column("CONDITION", lambda row: row["condition_id"] or ""),
    )
    Output(options).show({**document, "markets": rows}, Text((), columns, rows, said))
    return Exit.OK


def on(*markets: Names, dry_run: DryRun = False, options: Options = DEFAULTS) -> int:
    """Switch markets on."""
    return set_state("on", markets, dry_run, options)


def off(*markets: Names, dry_run: DryRun = False, options: Options = DEFAULTS) -> int:
    """Switch markets off: cancel their orders, prove it, and quote no more. What is held stays marked and counted."""
    return set_state("off", markets, dry_run, options)


def add(
    market: Annotated[str, Parameter(help="Slug, URL, condition id or token.")],
    /,
    *,
    dry_run: DryRun = False,
    options: Options = DEFAULTS,
) -> int:
    """Trade a market too, beside the others. A restart in the same mode remembers it; see docs/running.md."""
    return carry_out(options, lambda client, _: client.post("/v1/commands/add", market=market, dry_run=dry_run), "")


def remove(
    market: Annotated[str, Parameter(help="Slug or condition id.")],
    /,
    *,
    dry_run: DryRun = False,
    options: Options = DEFAULTS,
) -> int:
    """Forget a market that is off and flat, with nothing open, unknown or unsettled."""
    return carry_out(options, lambda client, _: client.post("/v1/commands/remove", market=market, dry_run=dry_run), "")


def show(market: str, /, *, options: Options = DEFAULTS) -> int:
    """Show all that is known of one market."""
    with connect(options) as client:
        document = client.get(f"/v1/markets/{_quoted(market)}")
    Output(options).show(document, Text(_lines(document)))
    return Exit.OK


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")


def _lines(document: Document) -> list[str]:
    """Write every figure on a line of its own, the desks' below their tag."""
    from surfaces.texts import totals

    lines = [f"{document['slug']}  {document['state']}  {document['question']}"]
    lines += [f"  {cell}" for cell in document["cells"]]
    plain = (
        "condition_id",
        "token_ids",
        "outcomes",
        "tick",
        "min_order_size",
        "end",
        "resolved_yes",
        "worst_case",
        "assumed",
    )
    lines += [f"  {name.replace('_', ' '):<16}{_written(document[name])}" for name in plain]
    for desk in document["desks"]:
        lines.append(f"  desk {desk['tag']}")
        figures = ("net_shares", "yes_shares", "no_shares", "orders_open", "orders", "fills", "cancels", "reason")
        lines += [f"    {name.replace('_', ' '):<14}{_written(desk[name])}" for name in figures]
        lines.append(f"    {'profit':<14}{totals(desk)}")
    lines += [
        f"  order {one['token']} {one['side']} {one['size']} @ {one['price']} {one['state']}"
        for one in document["orders"]
    ]
    return lines


def _written(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)
