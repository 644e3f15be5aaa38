"""`keel run --mode observe`: what a strategy would do is decided, explained and kept, and nothing is sent."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.bin.processes import Sandbox, engine, until


@pytest.mark.parametrize("strategy", ["lead_lag", "complete_set", "two_sided", "maker"])
def test_a_strategy_observes(venue: Sandbox, config: Path, tmp_path: Path, strategy: str) -> None:
    arguments = ("--mode", "observe", "--strategy", strategy, "--sandbox", venue.url, "--config", config)
    with engine(tmp_path / "data", *arguments) as running:
        status = until(lambda: running.status() if running.status()["decisions"] >= 5 else None, f"{strategy} decides")
        assert status["mode"] == "observe"
        why = running.keel("why", "--json")
        assert why.returncode == 0, why.stderr
        explained = json.loads(why.stdout)["explanations"]
        assert explained
        for market in explained:
            assert market["gates"], "the ordered gates"
            assert all({"name", "passed"} <= set(gate) for gate in market["gates"])
            assert market["reason"]
        said = running.keel("why", explained[0]["slug"])
        assert said.stdout.startswith(explained[0]["slug"])
        status = running.status()
        assert (status["orders"], status["orders_open"], status["fills"]) == (0, 0, 0)
        assert running.end() == 0
    database = tmp_path / "data" / "arb.db"
    assert count(database, "SELECT COUNT(*) FROM decisions") >= 5
    sent = "SELECT COUNT(*) FROM orders WHERE state != 'never_sent'"
    assert count(database, sent) == 0, "nothing is sent to a venue"


def count(database: Path, query: str) -> int:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        row: tuple[Any, ...] = connection.execute(query).fetchone()
    return row[0]
