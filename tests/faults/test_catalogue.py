"""Every row of the fault catalogue has a test that says that it arms and proves it."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
ROWS = {f"F{number:02}" for number in range(1, 65)}


def test_every_row_of_the_catalogue_is_proven_by_some_test() -> None:
    proven = marked()
    assert ROWS - proven.keys() == set(), "rows without a test"
    assert proven.keys() - ROWS == set(), "marks that name no row"


def marked() -> dict[str, list[str]]:
    """The tests that say that they prove a row, by its number: read, not run."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for test, row in _marks(ast.parse(path.read_text(encoding="utf-8"))):
            found[row].append(f"{path.relative_to(TESTS)}::{test}")
    return found


def _marks(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Walk the functions named `test_...` and what `@pytest.mark.fault(...)` above them names."""
    for function in ast.walk(module):
        if not isinstance(function, ast.FunctionDef) or not function.name.startswith("test_"):
            continue
        for mark in function.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.fault":
                yield from ((function.name, ast.literal_eval(row)) for row in mark.args)
