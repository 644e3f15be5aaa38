"""The tables of all risk controls in `docs/risk.md`. `python -m surfaces.risk_page` writes them anew."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from config.registry import KEYS
from config.values import show
from models.controls.families import CONTROLS

PAGE: Final = Path(__file__).parents[1] / "docs" / "risk.md"

_BEGIN: Final = "<!-- made from the code: python -m surfaces.risk_page -->"
_END: Final = "<!-- end -->"
_HEAD: Final = ("| control | its number | blocks | then | set by (default) |", "|---|---|---|---|---|")
_STAGES: Final = {
    "before": "Before an order",
    "meanwhile": "While orders rest and answers are awaited",
    "after": "After fills, and over time",
}


def render(page: str) -> str:
    """Return a page with the tables of the controls between its two marks. Raises ValueError where they are missing."""
    head, _, rest = page.partition(_BEGIN)
    _, mark, tail = rest.partition(_END)
    if not mark:
        raise ValueError(f"the page has no place for the tables: {_BEGIN} ... {_END}")
    tables = "\n".join(line for stage, title in _STAGES.items() for line in _table(stage, title))
    return f"{head}{_BEGIN}\n{tables}\n{_END}{tail}"


def _table(stage: str, title: str) -> Iterator[str]:
    rows = [control for control in CONTROLS.values() if control.stage == stage]
    if not rows:
        return
    yield from (
        "",
        f"### {title}",
        "",
        "| control | its number | blocks | then | set by (default) |",
        "|---|---|---|---|---|",
    )
    for control in rows:
        settings = ", ".join(map(_setting, control.parameters)) or "-"
        computed, then = _cell(control.computed), _cell(control.then)
        yield f"| `{control.name}` | {computed} | {control.blocks} | {then} | {settings} |"


def _setting(path: str) -> str:
    key = KEYS[path]
    return f"`{path}` ({show(key, key.default)})"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
