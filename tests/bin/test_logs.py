"""What log lines look like on a console and in the files, whatever is logged."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from bin.logs import log_event, log_to
from models.snapshot import LogLine
from models.text import escaped


@pytest.fixture(autouse=True)
def _end() -> Iterator[None]:
    yield
    logger.remove()


def console(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.split(" | ", 1)[1] for line in capsys.readouterr().err.splitlines() if " | " in line]


def objects(folder: Path) -> list[dict[str, Any]]:
    logger.complete()
    return [json.loads(line) for line in (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_line_says_when_how_grave_about_what_and_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_to(tmp_path, "INFO")
    logger.bind(actor="feed/0", connections=2).info("feed connected")
    logger.bind(market="fed-cut-jan", actor="book/0x1").warning("{} is stale", "it")
    logger.info("stopping")
    assert console(capsys) == [
        "INFO     | feed/0 | feed connected  connections=2",
        "WARNING  | fed-cut-jan | it is stale",
        "INFO     | engine | stopping",
    ]
    first, second, _ = objects(tmp_path)
    assert first.pop("at").endswith("+00:00")
    assert first == {"level": "INFO", "message": "feed connected", "actor": "feed/0", "connections": 2}
    assert (second["market"], second["actor"]) == ("fed-cut-jan", "book/0x1")


@pytest.mark.proves("I41", kind="unit")
def test_what_comes_from_outside_is_text_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_to(tmp_path, "INFO")
    hostile = "{0} {time} <red>no</red> {"
    logger.bind(market=hostile, reason=hostile).info("{}", hostile)
    assert console(capsys) == [f"INFO     | {hostile} | {hostile}  reason={hostile}"]
    assert objects(tmp_path)[0]["reason"] == hostile


@pytest.mark.proves("I41", kind="property")
def test_no_text_commands_a_terminal_or_begins_a_line_of_its_own(tmp_path: Path) -> None:
    said: list[str] = []
    forged = st.sampled_from(["\n2026-01-01 | INFO | engine | no", "\x1b[2J", "5 < 6 {", "\u2028 \ud800"])

    @given(st.text(st.characters(codec=None), max_size=30) | forged)
    def log(text: str) -> None:
        said.append(text)
        try:
            raise ValueError(text)
        except ValueError:
            logger.opt(exception=True).bind(market=text, reason=text).debug("{}", text)

    log_to(tmp_path, "CRITICAL")
    log()
    logger.remove()
    lines = (tmp_path / "keel.log").read_text(encoding="utf-8").split("\n")
    assert all(line == escaped(line) for line in lines)
    assert len([line for line in lines if line[:4].isdigit()]) == len(said)
    written = (tmp_path / "events.jsonl").read_text(encoding="utf-8").split("\n")
    assert all(line == escaped(line) for line in written)
    assert [json.loads(line)["message"] for line in written[:-1]] == said


def test_an_error_has_its_traceback_in_both_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_to(tmp_path, "INFO")
    try:
        raise ValueError("crossed {book}")
    except ValueError:
        logger.opt(exception=True).bind(actor="book/M", stack="long").error("{} died", "book/M")
    assert console(capsys)[0] == "ERROR    | book/M | book/M died"
    assert "ValueError: crossed {book}" in objects(tmp_path)[0]["exception"]
    assert "ValueError: crossed {book}" in (tmp_path / "keel.log").read_text(encoding="utf-8")


def test_the_console_shows_less_than_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_to(tmp_path, "INFO")
    log_event(LogLine(1, 0, "DEBUG", "fed-cut-jan", "cancelled YES bid 5 @ 0.480: reprice"))
    log_event(LogLine(2, 0, "SUCCESS", "fed-cut-jan", "filled YES 5 @ 0.480"))
    assert console(capsys) == ["SUCCESS  | fed-cut-jan | filled YES 5 @ 0.480"]
    assert [line["level"] for line in objects(tmp_path)] == ["DEBUG", "SUCCESS"]


def test_an_error_that_was_logged_where_it_was_found_is_not_said_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_to(tmp_path, "INFO")
    log_event(LogLine(1, 0, "ERROR", "", "book/M failed: ValueError"))
    log_event(LogLine(2, 0, "WARNING", "", "book/M restarted, 1 in all"))
    assert console(capsys) == ["WARNING  | board | book/M restarted, 1 in all"]


def test_without_a_folder_there_is_only_the_console(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_to(None, "ERROR")
    logger.warning("quiet")
    logger.error("loud")
    assert console(capsys) == ["ERROR    | engine | loud"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.proves("I39")
def test_a_file_that_others_may_read_becomes_ours_alone_and_a_link_is_not_followed(tmp_path: Path) -> None:
    for name in ("keel.log", "events.jsonl"):
        (tmp_path / name).touch(0o644)
        (tmp_path / name).chmod(0o644)
    log_to(tmp_path, "CRITICAL")
    logger.info("stopping")
    logger.remove()
    assert {(file.stat().st_mode & 0o777, file.stat().st_size > 0) for file in tmp_path.iterdir()} == {(0o600, True)}
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "keel.log").symlink_to(tmp_path / "keel.log")
    with pytest.raises(OSError, match="symbolic links"):
        log_to(tmp_path / "linked", "CRITICAL")
