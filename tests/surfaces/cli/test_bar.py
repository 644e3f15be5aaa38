"""How far long work has come: one line on a terminal, from the second second on, and nothing else."""

from io import StringIO
from types import SimpleNamespace

import pytest

from surfaces.cli import progress
from surfaces.cli.progress import Bar


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True

    def drawn(self) -> str:
        """What was written since the last look."""
        said = self.getvalue()
        self.seek(0)
        self.truncate()
        return said


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=terminal))
    return terminal


def test_what_takes_two_seconds_is_shown_with_what_is_left_and_taken_away(terminal: Terminal) -> None:
    clock = [100.0]
    bar = Bar("verifying", shown=True, now_s=lambda: clock[0])
    for now, done in ((101.9, 1_900), (102.0, 2_000), (102.1, 2_100), (104.0, 5_000)):
        clock[0] = now
        bar(done, 10_000)
    assert terminal.drawn().split("\r")[1:] == [
        "verifying [######                        ] 2,000 of 10,000, 8 s left ",
        "verifying [###############               ] 5,000 of 10,000, 4 s left ",
    ]
    bar.end()
    assert terminal.drawn() == "\r\033[K"


@pytest.mark.parametrize("amounts", [(0, 0), (0, 10)])
def test_an_amount_that_is_not_known_yet_is_shown_as_it_is(amounts: tuple[int, int], terminal: Terminal) -> None:
    clock = [0.0]
    bar = Bar("copying", shown=True, now_s=lambda: clock[0])
    clock[0] = 3.0
    bar(*amounts)
    assert f"] 0 of {amounts[1]}, 0 s left" in terminal.drawn()


@pytest.mark.parametrize("shown", [True, False])
def test_a_script_sees_nothing_of_it(shown: bool, capsys: pytest.CaptureFixture[str]) -> None:
    clock = [0.0]
    bar = Bar("copying", shown=shown, now_s=lambda: clock[0])
    clock[0] = 9.0
    bar(1, 2)
    bar.end()
    assert capsys.readouterr().err == ""
