"""Who says that it proves what: `@pytest.mark.proves("I9")` above tests, `PROVES = ("I9",)` in a proof of `bin/prove`.

Why they are read and not imported: the page is the same whatever is installed, and reading takes a second.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
TESTS: Final = ROOT / "tests"
PROOFS: Final = ROOT / "research" / "prove"

KINDS: Final = ("unit", "property", "whole engine", "simulation", "crash", "race", "zoo")
"""What is independent of one another, in the order in which it is listed."""

_WHOLE: Final = ("tests/bin/", "tests/faults/", "tests/actors/test_recovery", "tests/research/prove/")
_KIND_OF_PROOF: Final = {"sim": "simulation", "crash": "crash", "races": "race", "zoo": "zoo"}
_MARK: Final = "pytest.mark.proves"


class Proof(NamedTuple):
    """One that says so. `place` is a path from the top, `name` a test or the command of a proof."""

    invariant: str
    kind: str
    place: str
    name: str


def proofs() -> list[Proof]:
    """Return all proofs, those of a file together. Raises ValueError for a kind that there is not."""
    return [*marks_in(TESTS), *claims_in(PROOFS)]


def marks_in(folder: Path) -> Iterator[Proof]:
    """Yield what the tests of a folder say that they prove."""
    for path in sorted(folder.rglob("test_*.py")):
        place = path.relative_to(folder.parent).as_posix()
        for found in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(found, ast.FunctionDef | ast.ClassDef):
                yield from _marked(found, place)


def claims_in(folder: Path) -> Iterator[Proof]:
    """Yield what the proofs of `bin/prove` say that they prove."""
    for path in sorted(folder.rglob("*.py")):
        said = dict(_constants(ast.parse(path.read_text(encoding="utf-8"))))
        for invariant in said.get("PROVES", ()):
            name = said["NAME"]
            kind = _KIND_OF_PROOF.get(name, "whole engine")
            yield Proof(invariant, kind, path.relative_to(folder.parents[1]).as_posix(), f"bin/prove {name}")


def _marked(found: ast.FunctionDef | ast.ClassDef, place: str) -> Iterator[Proof]:
    for mark in found.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == _MARK:
            kind = next((ast.literal_eval(one.value) for one in mark.keywords if one.arg == "kind"), None)
            kind = kind or _kind(found, place)
            if kind not in KINDS:
                raise ValueError(f"{place}::{found.name} is of kind {kind!r}, which is none of {', '.join(KINDS)}")
            yield from (Proof(ast.literal_eval(one), kind, place, found.name) for one in mark.args)


def _kind(found: ast.FunctionDef | ast.ClassDef, place: str) -> str:
    given = any(ast.unparse(mark).startswith("given(") for mark in found.decorator_list)
    machine = isinstance(found, ast.ClassDef) and any(ast.unparse(base).endswith(".TestCase") for base in found.bases)
    if given or machine:
        return "property"
    return "whole engine" if place.startswith(_WHOLE) else "unit"


def _constants(module: ast.Module) -> Iterator[tuple[str, Any]]:
    """Yield the names at the top of a module that say what it proves."""
    for line in module.body:
        match line:
            case ast.Assign(targets=[ast.Name(id=("NAME" | "PROVES") as name)], value=value):
                yield name, ast.literal_eval(value)
            case ast.AnnAssign(target=ast.Name(id=("NAME" | "PROVES") as name), value=ast.expr() as value):
                yield name, ast.literal_eval(value)
            case _:
                pass
