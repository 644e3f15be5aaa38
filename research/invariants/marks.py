"""Who says that it proves what.

    @pytest.mark.proves("I9")      above a test, or the class of a state machine; as `pytestmark`, of a whole module
    PROVES = ("I9",)               beside the NAME of a proof of `bin/prove`
    invariants = ("I9",)           in a claim of the simulation
    Known(seed, "I9")              of a bug of the zoo: what the simulation sees of it

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

_WHOLE: Final = ("tests/faults/", "tests/actors/test_recovery", "tests/research/prove/")
_ENGINES: Final = frozenset({"tests.bin.processes", "tests.faults.live_engine"})
"""Where tests of other folders have whole engines from."""
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
        module = ast.parse(path.read_text(encoding="utf-8"))
        whole = place.startswith(_WHOLE) or any(
            isinstance(line, ast.ImportFrom) and line.module in _ENGINES for line in module.body
        )
        kind = "whole engine" if whole else "unit"
        yield from _marked_all(module, place, kind)
        for found in ast.walk(module):
            if isinstance(found, ast.FunctionDef | ast.ClassDef):
                yield from _marked(found, place, kind)


def claims_in(folder: Path) -> Iterator[Proof]:
    """Yield what the proofs of `bin/prove` say that they prove."""
    for path in sorted(folder.rglob("*.py")):
        place = path.relative_to(folder.parents[1]).as_posix()
        module = ast.parse(path.read_text(encoding="utf-8"))
        said = _plain_values(module, "NAME", "PROVES")
        for invariant in said.get("PROVES", ()):
            yield Proof(invariant, _KIND_OF_PROOF.get(said["NAME"], "whole engine"), place, f"bin/prove {said['NAME']}")
        for found in ast.walk(module):
            if isinstance(found, ast.ClassDef):
                names = _plain_values(found, "invariants").get("invariants", ())
                yield from (Proof(one, "simulation", place, f"bin/prove sim: {found.name}") for one in names)
            if isinstance(found, ast.Dict):
                yield from _caught(found, place)


def _marked_all(module: ast.Module, place: str, kind: str) -> Iterator[Proof]:
    """Yield what all tests of a module prove together, and those among them by chance as what they are."""
    marks = [
        mark
        for line in module.body
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "pytestmark"
        for mark in (line.value.elts if isinstance(line.value, ast.List) else [line.value])
    ]
    for mark in marks:
        yield from _said(mark, kind, place, "all of them")
        for found in module.body:
            if isinstance(found, ast.FunctionDef) and found.name.startswith("test_") and _is_by_chance(found):
                yield from _said(mark, "property", place, found.name)


def _marked(found: ast.FunctionDef | ast.ClassDef, place: str, kind: str) -> Iterator[Proof]:
    kind = "property" if _is_by_chance(found) else kind
    for mark in found.decorator_list:
        yield from _said(mark, kind, place, found.name)


def _said(mark: ast.expr, kind: str, place: str, name: str) -> Iterator[Proof]:
    """Yield what a mark says, if it is one of ours. Raises ValueError for a kind that there is not."""
    if not isinstance(mark, ast.Call) or ast.unparse(mark.func) != _MARK:
        return
    kind = next((ast.literal_eval(one.value) for one in mark.keywords if one.arg == "kind"), kind)
    if kind not in KINDS:
        raise ValueError(f"{place}::{name} is of kind {kind!r}, which is none of {', '.join(KINDS)}")
    yield from (Proof(ast.literal_eval(one), kind, place, name) for one in mark.args)


def _is_by_chance(found: ast.FunctionDef | ast.ClassDef) -> bool:
    """Whether hypothesis makes up what a test is given, or is a state machine."""
    if isinstance(found, ast.ClassDef):
        return any(ast.unparse(base).endswith(".TestCase") for base in found.bases)
    return any(ast.unparse(mark).startswith("given(") for mark in found.decorator_list)


def _caught(bugs: ast.Dict, place: str) -> Iterator[Proof]:
    """Yield the bugs of the zoo whose seed is known, by the invariant that each breaks there."""
    for bug, known in zip(bugs.keys, bugs.values, strict=True):
        match bug, known:
            case ast.Constant(value=str(name)), ast.Call(
                func=ast.Name(id="Known"), args=[_, ast.Constant(value=str(one))]
            ):
                yield Proof(one, "zoo", place, f"bin/prove zoo --bugs {name}")
            case _:
                pass


def _plain_values(scope: ast.Module | ast.ClassDef, *names: str) -> dict[str, Any]:
    """Return what these names are given in a scope, where that is a plain value."""
    found: dict[str, Any] = {}
    for line in scope.body:
        match line:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value) if name in names:
                found[name] = ast.literal_eval(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if name in names:
                found[name] = ast.literal_eval(value)
            case _:
                pass
    return found
