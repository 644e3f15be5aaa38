"""Kills that no command says: a file, a signal, and one past an engine that hangs."""

import json
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.bin.processes import Engine, Sandbox, engine, keel, sandbox, until
from tests.faults.live_engine import accounts, placed

_SMALL = """
tag: desk
armed: true
maker: {bid_size: 5}
inventory: {max_net_diff: 10, max_position_value: 10}
risk: {wallet_usd: 500}
executor: {slow_answers_ms: 60000, slow_answer_ms: 60000}
"""


def killed(running: Engine, reason: str) -> None:
    """See that it is killed, and nothing is open any more."""
    until(lambda: (running.status()["killed"] or {}).get("reason") == reason, "it is killed")
    until(lambda: running.status()["orders_open"] == 0, "nothing is open")


def quotes(running: Engine) -> None:
    until(lambda: running.status()["orders_open"] >= 2, "it quotes")


def cleared(running: Engine) -> None:
    done = running.keel("kill", "--clear", "--yes")
    assert done.returncode == 0, done.stderr


@pytest.mark.proves("I27")
def test_a_file_and_a_signal_kill_and_the_database_remembers_what_the_file_forgot(
    venue: Sandbox, config: Path, tmp_path: Path
) -> None:
    data_dir, arguments = tmp_path / "data", ("--sandbox", venue.url, "--config", config)
    latch = data_dir / "KILL"
    with engine(data_dir, *arguments) as running:
        quotes(running)
        latch.touch()
        killed(running, "kill")
        cleared(running)
        assert not latch.exists()
        quotes(running)
        running.process.send_signal(signal.SIGUSR2)
        killed(running, "SIGUSR2")
        until(latch.exists, "a restart would know")
    latch.unlink()
    with engine(data_dir, *arguments) as running:
        killed(running, "SIGUSR2")
        assert latch.exists(), "it is written again"
        refused = running.keel("resume")
        assert refused.returncode == 6
        assert "keel kill --clear" in refused.stderr
        cleared(running)
        quotes(running)
        until(lambda: len(audited(data_dir)) == 4, "all of it is in the audit, and each kill once")
    assert audited(data_dir) == [("file", "kill"), ("cli", "clear_kill"), ("signal", "kill"), ("cli", "clear_kill")]


def audited(data_dir: Path) -> list[tuple[str, str]]:
    """Who has killed, and lifted a kill."""
    with sqlite3.connect(f"file:{data_dir}/arb.db?mode=ro", uri=True) as database:
        rows = database.execute("SELECT who, verb FROM audit WHERE verb LIKE '%kill' ORDER BY answered_ns")
        return [(who.partition(" ")[0], verb) for who, verb in rows]


@pytest.fixture
def live_config(tmp_path: Path) -> Path:
    file = tmp_path / "live.yaml"
    file.write_text(_SMALL, encoding="utf-8")
    return file


@pytest.mark.proves("I9", "I10")
@pytest.mark.timeout(180)
def test_a_kill_past_an_engine_that_hangs_holds_when_it_goes_on_and_empties_the_book(
    live_config: Path, tmp_path: Path
) -> None:
    with sandbox("--markets-count", 4, "--seed", 3) as venue:
        owner, data_dir = venue.said["accounts"][0], tmp_path / "data"
        key = {
            "POLYMARKET_PRIVATE_KEY": owner["private_key"],
            "SIGNATURE_TYPE": str(owner["signature_type"]),
            "KEEL_ACCOUNT__FUNDER": owner["funder"],
        }
        flags = ("--mode", "live", "--sandbox", venue.url, "--config", live_config, "--i-understand-live", "--yes")
        with engine(data_dir, *flags, **key) as running:
            assert running.keel("resume", "--yes").returncode == 0
            until(lambda: accounts(venue)[0]["open_orders"], "it quotes")
            running.process.send_signal(signal.SIGSTOP)
            try:
                said = running.keel("kill", "--offline", "--sandbox", venue.url, "--json", **key)
                assert said.returncode == 0, said.stderr or said.stdout
                document: dict[str, Any] = json.loads(said.stdout)
                assert (document["latched"], document["proven"], document["left"]) == (True, True, [])
                assert document["engine_ended"] is None
                assert accounts(venue)[0]["open_orders"] == []
                before = placed(venue, 0)
            finally:
                running.process.send_signal(signal.SIGCONT)
            killed(running, "kill --offline")
            assert placed(venue, 0) == before, "what has hung goes on, and nothing leaves"
            assert accounts(venue)[0]["open_orders"] == []


def test_without_a_key_the_gate_is_closed_and_it_says_who_cancels(tmp_path: Path) -> None:
    done = keel("kill", "--offline", "--reason", "drill", "--data-dir", tmp_path, "--json")
    assert done.returncode == 8
    document = json.loads(done.stdout)
    assert (document["latched"], document["proven"]) == (True, False)
    assert document["lines"][1:] == [
        "the venue: not asked: no key is configured here",
        "the venue cancels everything itself about 10 s after the last heartbeat, which only an engine sends",
    ]
    assert json.loads((tmp_path / "KILL").read_text(encoding="utf-8"))["reason"] == "drill"


def test_a_configuration_that_is_wrong_keeps_no_gate_open(tmp_path: Path) -> None:
    wrong = tmp_path / "config.yaml"
    wrong.write_text("nonsense: true", encoding="utf-8")
    done = keel("kill", "--offline", "--config", wrong, "--data-dir", tmp_path)
    assert done.returncode == 8
    assert "nonsense" in done.stdout
    assert (tmp_path / "KILL").exists()


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    done = keel("kill", "--offline", "--data-dir", tmp_path / "nowhere")
    assert (done.returncode, "no data folder" in done.stderr) == (7, True)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("--offline", "--dry-run"), 0, "no order would leave"),
        (("--offline", "--clear"), 2, "need the engine"),
        (("--config", "config.yaml"), 2, "go with --offline"),
        ((), 3, "keel kill --offline"),
    ],
)
def test_what_it_is_told_is_checked_and_a_dry_run_closes_nothing(
    tmp_path: Path, arguments: tuple[str, ...], code: int, word: str
) -> None:
    done = keel("kill", "--data-dir", tmp_path, *arguments)
    assert (done.returncode, word in done.stdout + done.stderr) == (code, True), done.stdout + done.stderr
    assert not (tmp_path / "KILL").exists()
