"""What proofs can be asked for, and what is said of the rest."""

from pathlib import Path

import pytest

from research.prove.__main__ import main


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("venue", "--hours", "nan"), "at least 0"), (("venue", "--hours", "0"), "more than 0"),
        (("venue", "--orders", "inf"), "at least 0"), (("venue", "--orders", "-1"), "at least 0"),
        (("load", "--seconds", "x"), "invalid"), (("races", "--tries", "0"), "at least 1"),
    ],
)  # fmt: skip
def test_a_number_that_is_none_says_what_would_be(
    asked: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(asked)
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "proof", ["canary --folder", "crash --folder", "kill --folder", "live --folder", "beside --keep"]
)
def test_a_folder_has_to_be_empty_and_one_that_can_be_made(
    proof: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for folder, says in ((tmp_path, "is not empty"), (tmp_path / "file", "File exists"), ("/proc/no", "No such file")):
        with pytest.raises(SystemExit, match="2"):
            main([*proof.split(), str(folder)])
        assert says in capsys.readouterr().err
