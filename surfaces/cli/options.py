"""What every command that talks to an engine can be told, after its name or before it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from cyclopts import Group, Parameter
from cyclopts.validators import Number

Format: TypeAlias = Literal["table", "json", "csv", "yaml"]

_GROUP = Group("Global options", sort_key=100)


def _option(*names: str, help: str, **more: object) -> Parameter:  # noqa: A002 - cyclopts' own word
    return Parameter(name=names, help=help, group=_GROUP, **more)  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class Global:
    """The same on all commands."""

    data_dir: Annotated[
        Path, _option("--data-dir", help="Folder of the engine's data, which says where it listens.")
    ] = Path("data")
    socket: Annotated[Path | None, _option("--socket", help="Its control socket, where that is elsewhere.")] = None
    output: Annotated[Format, _option("--output", "-o", help="How the answer is written.")] = "table"
    json: Annotated[bool, _option("--json", help="The same as -o json.", negative="")] = False
    timeout: Annotated[
        float,
        _option("--timeout", help="Seconds until the command gives up (exit 5).", validator=Number(gt=0, lte=600)),
    ] = 10.0
    yes: Annotated[bool, _option("--yes", "-y", help="Do not ask.", negative="")] = False
    no_color: Annotated[bool, _option("--no-color", help="No colours, as with NO_COLOR.", negative="")] = False
    verbose: Annotated[int, _option("--verbose", "-v", help="With an error, where it came from.", count=True)] = 0
    quiet: Annotated[bool, _option("--quiet", "-q", help="Say nothing but errors.", negative="")] = False

    @property
    def format(self) -> Format:
        """How the answer is written."""
        return "json" if self.json else self.output

    @property
    def socket_path(self) -> Path:
        """Where the engine listens."""
        if self.socket is not None:
            return self.socket
        from surfaces.socket_file import find_socket

        return find_socket(self.data_dir)


Options: TypeAlias = Annotated[Global, Parameter(name="*")]
DEFAULTS = Global()

TAKES_VALUE = frozenset({"--data-dir", "--socket", "--output", "-o", "--timeout"})
"""Global options that are followed by a value."""
