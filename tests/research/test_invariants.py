from pathlib import Path

import pytest

from research.invariants.catalogue import INVARIANTS, PARTS
from research.invariants.marks import Proof, claims_in, marks_in, proofs
from research.invariants.page import PAGE, render, thin, unknown, unproven

EMPTY = render(PAGE.read_text(encoding="utf-8"), [])


@pytest.fixture(scope="module")
def found() -> list[Proof]:
    """All proofs of this tree."""
    return proofs()


def test_the_page_says_what_the_marks_say(found: list[Proof]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == render(page, found), "run: python -m research.invariants"


def test_every_invariant_is_proven_and_nothing_else_is(found: list[Proof]) -> None:
    assert unproven(found) == [], "invariants that nothing proves"
    assert unknown(found) == [], "marks that name no invariant"


def test_every_invariant_stands_under_one_heading() -> None:
    assert [f"I{number}" for numbers in PARTS.values() for number in numbers] == list(INVARIANTS)


def test_what_nothing_proves_is_found_and_shown() -> None:
    assert unproven([]) == list(INVARIANTS)
    assert "| [I9](#i9) | Nothing leaves after a kill | safety | **nothing** |" in EMPTY


def test_one_kind_of_proof_is_thin_however_many_there_are_of_it() -> None:
    same = [Proof("I1", "unit", f"tests/test_{number}.py", "test_it") for number in range(3)]
    assert "I1" in thin(same)
    assert "I1" not in thin([*same, Proof("I1", "race", "tests/test_races.py", "test_it")])


def test_a_mark_tells_its_kind_by_what_it_stands_above(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    (folder / "faults").mkdir(parents=True)
    (folder / "test_parts.py").write_text(MARKED)
    (folder / "faults" / "test_engines.py").write_text("@pytest.mark.proves('I4')\ndef test_whole(): ...\n")
    (folder / "test_more.py").write_text("pytestmark = pytest.mark.proves('I5')\n@given(x)\ndef test_it(x): ...\n")
    assert list(marks_in(folder)) == [
        Proof("I4", "whole engine", "tests/faults/test_engines.py", "test_whole"),
        Proof("I5", "unit", "tests/test_more.py", "all of them"),
        Proof("I5", "property", "tests/test_more.py", "test_it"),
        Proof("I1", "unit", "tests/test_parts.py", "test_one"),
        Proof("I2", "unit", "tests/test_parts.py", "test_one"),
        Proof("I1", "property", "tests/test_parts.py", "test_all"),
        Proof("I3", "property", "tests/test_parts.py", "TestMachine"),
        Proof("I9", "race", "tests/test_parts.py", "test_both"),
    ]


def test_a_kind_that_there_is_not_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test_parts.py").write_text("@pytest.mark.proves('I1', kind='hope')\ndef test_one(): ...\n")
    with pytest.raises(ValueError, match="'hope', which is none of unit, property"):
        list(marks_in(tmp_path))


def test_a_proof_is_named_by_its_command(tmp_path: Path) -> None:
    folder = tmp_path / "research" / "prove"
    folder.mkdir(parents=True)
    (folder / "crash.py").write_text('NAME: Final = "crash"\nPROVES = ("I4", "I25")\n')
    (folder / "claims.py").write_text('class Kills(Claim):\n    invariants = ("I9",)\n')
    (folder / "known.py").write_text('KNOWN = MappingProxyType({"late": Known(7, "I9")})\n')
    (folder / "quiet.py").write_text('NAME = "quiet"\n')
    assert list(claims_in(folder)) == [
        Proof("I9", "simulation", "research/prove/claims.py", "bin/prove sim: Kills"),
        Proof("I4", "crash", "research/prove/crash.py", "bin/prove crash"),
        Proof("I25", "crash", "research/prove/crash.py", "bin/prove crash"),
        Proof("I9", "zoo", "research/prove/known.py", "bin/prove zoo --bugs late"),
    ]


def test_a_page_without_a_place_for_them_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the invariants"):
        render("# Invariants\n", [])


MARKED = """
@pytest.mark.proves("I1", "I2")
def test_one(): ...

@given(integers())
@pytest.mark.proves("I1")
def test_all(number): ...

@pytest.mark.proves("I3")
class TestMachine(Machine.TestCase): ...

@pytest.mark.proves("I9", kind="race")
def test_both(): ...

def test_that_proves_nothing(): ...
"""
