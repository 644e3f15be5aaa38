"""The zoo: every bug finds its place and leaves it as it was, and one that is planted is caught."""

import json

import pytest

from models.ledger import Standing, join
from research.prove.__main__ import main
from research.prove.sim.claims import INVARIANTS
from research.prove.zoo.bug import Patch, bug, instead
from research.prove.zoo.bugs import BUGS
from research.prove.zoo.known import IN_CI, KNOWN


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_is_planted_where_it_belongs_and_leaves_nothing_behind(name: str) -> None:
    stood = [patch.place() for patch in BUGS[name].patches]
    with BUGS[name].planted():
        planted = [patch.place()[2] for patch in BUGS[name].patches]
    assert all(after is not before for after, (_, _, before) in zip(planted, stood, strict=True))
    assert [patch.place() for patch in BUGS[name].patches] == stood


def test_a_planted_bug_is_what_production_does():
    with BUGS["status_moves_down"].planted():
        from models import ledger

        assert ledger.join(Standing.CONFIRMED, Standing.MATCHED) is Standing.MATCHED
    assert join(Standing.CONFIRMED, Standing.MATCHED) is Standing.CONFIRMED


def test_a_bug_that_does_not_fit_together_is_taken_out_again():
    half = bug(
        "half", "the second place is not there", ("models.ledger:join", instead(0)), ("models.ledger:none", instead(0))
    )
    before = Patch("models.ledger:join", instead(0)).place()[2]
    with pytest.raises(AttributeError), half.planted():
        pass
    assert Patch("models.ledger:join", instead(0)).place()[2] is before


def test_there_are_bugs_enough_and_all_that_is_known_of_them_makes_sense():
    assert len(BUGS) >= 24
    assert set(KNOWN) <= set(BUGS)
    assert set(IN_CI) <= set(KNOWN)
    assert all(known.invariant in INVARIANTS and 1 <= known.seed <= 500 for known in KNOWN.values())


def test_a_name_that_is_none_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "--bugs", "no_such_bug"]) == 2
    said = capsys.readouterr().err
    assert "no_such_bug" in said
    assert "no_fill_dedupe" in said


def test_a_planted_bug_is_caught(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "--bugs", "approved_twice", "--seeds", "4", "--jobs", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["holds"]
    assert found["bugs"][0]["name"] == "approved_twice"
    assert found["bugs"][0]["invariant"] in INVARIANTS
