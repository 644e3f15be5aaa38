"""`keel flatten` on an engine that trades on paper: all of it, and one market of it."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.units import parse_money
from tests.bin.processes import Document, Engine, Sandbox, engine, until

LEAST = parse_money("5")


@pytest.fixture(scope="module")
def trading(venue: Sandbox, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    arguments = ("--sandbox", venue.url, "--config", config)
    with engine(tmp_path_factory.mktemp("flattening"), *arguments) as running:
        holds(running)
        yield running


def holds(running: Engine, markets: int = 4) -> None:
    """Wait until something is held in a few markets."""
    until(lambda: sum(is_held(row) for row in running.rows().values()) >= markets, f"{markets} markets hold", 90)


def is_held(row: Document) -> bool:
    return row["yes_shares"] != "0" or row["no_shares"] != "0"


def is_flat_or_dust(row: Document) -> bool:
    """Whether nothing is held but less of one token than can be traded."""
    yes, no = parse_money(row["yes_shares"]), parse_money(row["no_shares"])
    return min(yes, no) == 0 and max(yes, no) < LEAST


def test_everything_is_flat_or_named_and_nothing_rests_when_it_is_answered(trading: Engine) -> None:
    plan = json.loads(trading.keel("flatten", "--dry-run", "--json").stdout)
    assert any(market["plan"]["cancel_orders"] for market in plan["markets"])
    assert any(market["plan"]["unwind"] or float(market["plan"]["merge_pairs"]) for market in plan["markets"])
    assert any(row["orders_open"] for row in trading.rows().values()), "a dry run changes nothing"
    assert trading.keel("flatten").returncode == 6
    done = trading.keel("flatten", "--yes", "--timeout", "110", "--json", timeout_s=120)
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["proven"]) == (0, True), answer["lines"]
    status = trading.status()
    assert status["orders_open"] == 0
    assert status["orders_unknown"] == 0
    for row in status["markets"]:
        assert row["state"] in ("FLAT", "HALTED"), row
        assert is_flat_or_dust(row), row
        assert not is_held(row) or "below the minimum" in row["flatten"]["detail"]
    named = [market for market in answer["markets"] if market["why"]]
    assert {market["slug"] for market in named} == {row["slug"] for row in status["markets"] if is_held(row)}


def test_resumed_it_trades_as_before(trading: Engine) -> None:
    assert trading.keel("resume").returncode == 0
    before = trading.status()["fills"]
    until(lambda: trading.status()["fills"] > before, "it trades again")
    assert "FLAT" not in trading.status()["states"]


def test_one_market_is_flattened_while_the_others_trade_on(trading: Engine) -> None:
    holds(trading, 2)
    slug = until(lambda: next((name for name, row in trading.rows().items() if is_held(row)), None), "a holding")
    fills = trading.status()["fills"]
    done = trading.keel("flatten", slug, "--yes", "--timeout", "110", timeout_s=120)
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith(f"{slug} flattened: ")
    row = trading.rows()[slug]
    assert (row["state"], row["orders_open"], is_flat_or_dust(row)) == ("FLAT", 0, True)
    until(lambda: trading.status()["fills"] > fills, "the others trade on")
    assert trading.keel("resume").returncode == 0
    assert trading.rows()[slug]["state"] == "FLAT", "only its own name clears it"
    assert trading.keel("resume", slug).returncode == 0


def test_the_audit_has_what_was_confirmed_and_what_came_of_it(trading: Engine) -> None:
    (row,) = trading.keel("flatten", "--dry-run", "--json").stdout.splitlines()
    assert json.loads(row)["dry_run"]

    def audited() -> list[tuple[str, str]]:
        with sqlite3.connect(f"file:{trading.data_dir / 'arb.db'}?mode=ro", uri=True) as database:
            done = "verb = 'flatten' AND outcome = 'done' AND market IS NULL"
            return database.execute(f"SELECT arguments, result FROM audit WHERE {done}").fetchall()

    arguments, result = until(audited, "the audit is written")[0]
    assert json.loads(arguments)["plan"].startswith("flatten 10 markets:; 1. cancel ")
    assert result.startswith("all flattened: ")
