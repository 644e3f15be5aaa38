"""The table of all commands in `docs/control.md`. `python -m surfaces.control_page` writes it anew."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from models.roles import COMMANDS, Role, Rule
from surfaces.control_routes import PATHS

PAGE: Final = Path(__file__).parents[1] / "docs" / "control.md"

_BEGIN: Final = "<!-- made from the code: python -m surfaces.control_page -->"
_END: Final = "<!-- end -->"


def render(page: str) -> str:
    """Return a page with the table of the commands between its two marks. Raises ValueError where they are missing."""
    head, _, rest = page.partition(_BEGIN)
    _, mark, tail = rest.partition(_END)
    if not mark:
        raise ValueError(f"the page has no place for the table: {_BEGIN} ... {_END}")
    return "\n".join((f"{head}{_BEGIN}", "", *_table(), "", f"{_END}{tail}"))


def _table() -> Iterator[str]:
    yield "| command | what it does | viewer | operator | owner | asks | audited | route |"
    yield "|---|---|---|---|---|---|---|---|"
    for verb, rule in COMMANDS.items():
        roles = " | ".join(_may(rule, role) for role in Role)
        method, audited = ("POST", "yes") if rule.changes else ("GET", "if refused")
        route = f"`{method} {PATHS[verb].replace(':path', '')}`"
        yield f"| `{verb}` | {rule.about} | {roles} | {rule.asks.value} | {audited} | {route} |"


def _may(rule: Rule, role: Role) -> str:
    if role < rule.role:
        return "-"
    return "yes" if rule.adds_risk is None or role >= rule.adds_risk else "if no risk is added"


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
