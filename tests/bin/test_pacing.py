"""Virtual time held back to real time, and counts shown on terminals only."""

import time

import pytest

from bin.pacing import Pacer, progress_of
from surfaces.cli.options import Global

MS = 1_000_000


def test_time_is_held_back_to_its_factor_from_the_first_moment_on() -> None:
    pacer = Pacer(10)
    began = time.monotonic()
    pacer(5_000_000 * MS)
    assert time.monotonic() - began < 5, "the first moment is now"
    pacer(5_001_000 * MS)
    assert 0.1 <= time.monotonic() - began < 5
    pacer(5_000_500 * MS)
    assert time.monotonic() - began < 5, "what is due already is not waited for"


def test_nothing_is_counted_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_of("replaying", "frames", Global()) as progress:
        assert progress is None
    assert capsys.readouterr().err == ""


def test_on_a_terminal_the_count_is_shown_unless_quiet(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_of("replaying", "frames", Global(quiet=True)) as progress:
        assert progress is None
    with progress_of("replaying", "frames", Global()) as progress:
        assert progress is not None
        progress(42)
    shown = capsys.readouterr()
    assert "42 frames" in shown.err
    assert shown.out == ""
