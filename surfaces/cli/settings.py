"""`keel get`, `keel set`: values of the configuration, while the engine runs."""

from typing import Annotated

from cyclopts import Parameter

from surfaces.cli.control import DryRun
from surfaces.cli.errors import CommandError, Exit
from surfaces.cli.options import DEFAULTS, Options
from surfaces.cli.output import Column, Document, Output, Text
from surfaces.cli.session import carry_out, connect
from surfaces.client import EngineClient


def get(
    *keys: Annotated[str, Parameter(help="Keys, or sections of them; none: all.", show_default=False)],
    options: Options = DEFAULTS,
) -> int:
    """Show values of the configuration as the engine goes by them now, and where each is from."""
    with connect(options) as client:
        document = client.get("/v1/settings", key=list(keys) or None)
    columns = (
        Column("KEY", lambda row: row["key"]),
        Column("VALUE", lambda row: row["value"], "right"),
        Column("UNIT", lambda row: row["unit"]),
        Column("FROM", lambda row: row["source"]),
        Column("SET", lambda row: "yes" if row["can_be_set"] else "at a start"),
    )
    Output(options).show(document, Text((), columns, document["settings"]))
    return Exit.OK


def set_values(
    *changes: Annotated[str, Parameter(name="KEY=VALUE", help="What to go by from now on.")],
    persist: Annotated[
        bool, Parameter(negative="", help="Write it into the configuration file too, its comments kept.")
    ] = False,
    dry_run: DryRun = False,
    options: Options = DEFAULTS,
) -> int:
    """Have the engine go by other values: all of them, or none where one is wrong or needs a restart.

    Without --persist they last until it ends. Asks where it may add risk, which takes an owner.
    """
    values = _values(changes)

    def send(client: EngineClient, confirmed: bool) -> Document:
        return client.post("/v1/settings", values=values, persist=persist, confirmed=confirmed, dry_run=dry_run)

    return carry_out(options, send, "Go by it?")


def _values(changes: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not (key and equals):
            raise CommandError("usage", f"{change!r} is no KEY=VALUE", "keel set maker.bid_size=5")
        if key in found:
            raise CommandError("usage", f"{key} is set twice")
        found[key] = value
    if not found:
        raise CommandError("usage", "name what to set", "keel set KEY=VALUE...")
    return found
