"""Between actors and from outside only `tell`: nobody waits for an actor's answer, so nobody waits for ever."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("actors", "bin", "surfaces")
WAITS = {"ask", "proxy"}


@pytest.mark.proves("I33")
def test_nothing_outside_of_the_runtime_asks_an_actor() -> None:
    assert list(asking(ROOT, PACKAGES)) == []


def test_who_asks_is_found(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "impatient.py").write_text("def look(ref):\n    return ref.ask('well?')\n")
    assert list(asking(tmp_path, ("bin",))) == ["bin/impatient.py:2"]


def asking(root: Path, packages: tuple[str, ...]) -> Iterator[str]:
    """Yield where something is asked, or given a proxy that asks."""
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            place = path.relative_to(root).as_posix()
            if place.startswith("actors/runtime/"):
                continue
            for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in WAITS:
                    yield f"{place}:{call.lineno}"
