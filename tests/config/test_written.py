"""What is written into a person's configuration file, and what of theirs stays."""

import stat
from pathlib import Path

import pytest

from config.problems import ConfigurationError
from config.sources import read_yaml
from config.written import write

_FILE = """\
# mine
profile: small_250   # the small one
inventory: {max_position_value: 500}   # flow

# what may be lost
risk:
    # all my money
    wallet_usd: 10000
    start_paused: off
maker:
    bid_size: "5"   # shares
markets:
- fed-cut-jan
- btc
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "config.yaml"
    made.write_text(_FILE, encoding="utf-8")
    made.chmod(0o640)
    return made


def test_only_the_line_of_the_value_changes(file: Path) -> None:
    write(file, {"maker.bid_size": "7", "risk.wallet_usd": "2500.5"})
    before, after = _FILE.splitlines(), file.read_text(encoding="utf-8").splitlines()
    differ = [(old.split("#")[0].strip(), new.split("#")[0].strip()) for old, new in zip(before, after, strict=True)]
    assert [pair for pair in differ if pair[0] != pair[1]] == [
        ("wallet_usd: 10000", "wallet_usd: 2500.5"), ('bid_size: "5"', "bid_size: 7"),
    ]  # fmt: skip
    assert [line.partition("#")[2] for line in before] == [line.partition("#")[2] for line in after], "comments stay"


def test_keys_and_sections_that_were_not_there_are_added(file: Path) -> None:
    write(file, {"risk.order_usd": "0.03", "losses.day_loss": "0.02", "log_level": "DEBUG"})
    given = {path: one.value for path, one in read_yaml(file, "yaml").given.items()}
    assert (given["risk.order_usd"], given["losses.day_loss"], given["log_level"]) == ("0.03", "0.02", "DEBUG")
    assert given["markets"] == ["fed-cut-jan", "btc"]


def test_the_mode_of_the_file_stays_and_a_link_stays_a_link(file: Path) -> None:
    link = file.with_name("link.yaml")
    link.symlink_to(file)
    write(link, {"maker.bid_size": "6"})
    assert link.is_symlink()
    assert "bid_size: 6" in file.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(path.name for path in file.parent.iterdir()) == ["config.yaml", "link.yaml"], "no half file is left"


def test_a_file_that_is_not_there_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    made = tmp_path / "config.yaml"
    write(made, {"maker.bid_size": "6"})
    assert made.read_text(encoding="utf-8") == "maker:\n  bid_size: 6\n"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600


def test_a_file_of_comments_alone_keeps_them(tmp_path: Path) -> None:
    made = tmp_path / "config.yaml"
    made.write_text("# nothing yet\n# maker: {}\n", encoding="utf-8")
    write(made, {"tag": "desk"})
    assert made.read_text(encoding="utf-8") == "# nothing yet\n# maker: {}\ntag: desk\n"


@pytest.mark.parametrize("text", ["maker: {bid_size: 5, bid_size: 6}\n", "makr: {bid_size: 5}\n", "maker: [\n"])
def test_a_file_with_something_wrong_in_it_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    made = tmp_path / "config.yaml"
    made.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError):
        write(made, {"maker.bid_size": "7"})
    assert made.read_text(encoding="utf-8") == text


def test_what_a_file_cannot_say_is_not_written(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="without harm"):
        write(file, {"tag": "null"})
    assert file.read_text(encoding="utf-8") == _FILE
