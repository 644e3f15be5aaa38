"""Every risk control has a test that trips it, one that nearly trips it, and one that shows what it blocks."""

import ast
from collections.abc import Iterator
from pathlib import Path

from models.controls.families import CONTROLS
from models.engine import EngineParameters

TESTS = Path(__file__).parents[2]
PROOFS = {"trips", "nearly", "blocks"}


def test_every_control_is_proven_three_ways() -> None:
    wanted = {(name, proof) for name in CONTROLS for proof in PROOFS}
    proven = set(marked())
    assert wanted - proven == set(), "controls without a test"
    assert proven - wanted == set(), "marks that name no control, or no proof"


def test_every_control_names_parameters_that_exist() -> None:
    for control in CONTROLS.values():
        for path in control.parameters:
            section, name = path.split(".")
            assert hasattr(getattr(EngineParameters(), section), name), path


def marked() -> Iterator[tuple[str, str]]:
    """What `@pytest.mark.control(name, proof)` above the tests names: read, not run."""
    for path in sorted(TESTS.rglob("test_*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for mark in function.decorator_list if isinstance(function, ast.FunctionDef) else ():
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.control":
                    name, proof = (ast.literal_eval(argument) for argument in mark.args)
                    yield name, proof
