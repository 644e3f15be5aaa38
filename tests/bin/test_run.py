"""`keel run` against a sandbox in another process: ten markets trade while people and misfortunes interfere."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bin.processes import LIVELY, ROOT, Document, Engine, Sandbox, engine, keel, until

TRADING = {"BALANCED", "HEDGE", "FUSED"}


@pytest.fixture(scope="module")
def trading(venue: Sandbox, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine on which every market has traded."""
    arguments = ("--sandbox", venue.url, "--config", config)
    with engine(tmp_path_factory.mktemp("trading"), *arguments, **LIVELY) as running:
        until(lambda: all(row["fills"] for row in running.rows().values()), "every market trades")
        yield running


def rows_of(database: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchall()


def holds(row: Document) -> bool:
    return row["yes_shares"] != "0" or row["no_shares"] != "0"


def open_markets(running: Engine) -> dict[str, Document]:
    """Return the rows of the markets that have not ended."""
    return {slug: row for slug, row in running.rows().items() if row["state"] != "HALTED"}


def quotes(running: Engine, slug: str) -> None:
    """Wait until a market has orders in a living book."""

    def resting() -> bool:
        row = running.rows()[slug]
        return row["orders_open"] > 0 and row["unusable"] is None and row["state"] in TRADING

    # A fused market, or one whose hedge nobody would take, may be without an order for a while.
    until(resting, f"{slug} is quoted", 90)


# Commands while it trades


@pytest.mark.proves("I37")
def test_a_market_is_switched_off_while_the_nine_others_trade_on(trading: Engine) -> None:
    before = open_markets(trading)
    slug = until(lambda: next((name for name, row in open_markets(trading).items() if holds(row)), None), "a holding")
    others: list[Document] = []
    command = [sys.executable, "-m", "bin.main", "markets", "off", slug, "--data-dir", str(trading.data_dir)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as off:
        while off.poll() is None:
            others += [row for name, row in trading.rows().items() if name in before and name != slug]
        said, _ = off.communicate()
    assert off.returncode == 0
    assert said.startswith(f"{slug} off: ")
    assert ", 0 open, " in said
    at_off = trading.rows()[slug]

    def others_went_on() -> bool:
        rows = trading.rows()
        others.extend(row for name, row in rows.items() if name in before and name != slug)
        assert rows[slug]["on"] is False
        assert rows[slug]["state"] == "OFF"
        assert rows[slug]["orders_open"] == 0
        assert rows[slug]["orders"] == at_off["orders"], "not one new order"
        assert rows[slug]["book_age_s"] < 15 or not holds(rows[slug]), "what is held is marked by a living book"
        placed = sum(rows[name]["orders"] - row["orders"] for name, row in before.items() if name != slug)
        filled = sum(rows[name]["fills"] - row["fills"] for name, row in before.items() if name != slug)
        return placed >= 20 and filled >= 5

    until(others_went_on, "the others trade")
    assert {row["state"] for row in others} <= TRADING, "none of them paused"
    assert all(row["on"] for row in others)
    assert "HALTED on this market by switch" in trading.keel("why", slug).stdout

    back = trading.keel("markets", "on", slug)
    assert back.returncode == 0
    assert back.stdout.startswith(f"{slug} on: ")
    quotes(trading, slug)
    assert trading.rows()[slug]["state"] in TRADING


def test_a_market_that_is_off_and_flat_has_no_actors_and_gets_them_back(trading: Engine, venue: Sandbox) -> None:
    slug = venue.slugs[1]
    assert trading.keel("markets", "off", slug).returncode == 0
    grown = trading.status()["decisions"]
    until(lambda: trading.status()["decisions"] > grown + 20, "the others decide on")
    assert trading.keel("markets", "on", slug).returncode == 0
    quotes(trading, slug)


@pytest.mark.proves("I11")
def test_pause_and_resume_hold_and_free_everything(trading: Engine) -> None:
    paused = trading.keel("pause")
    assert (paused.returncode, paused.stdout.split(":")[0]) == (0, "all paused"), paused.stderr
    rows = open_markets(trading)
    assert {row["state"] for row in rows.values()} == {"PAUSED"}
    assert {row["orders_open"] for row in rows.values()} == {0}
    assert trading.keel("resume").returncode == 0
    for slug in list(rows)[:3]:
        quotes(trading, slug)


def test_a_paused_market_stays_paused_when_all_are_resumed(trading: Engine, venue: Sandbox) -> None:
    slug = venue.slugs[2]
    assert trading.keel("pause", slug).returncode == 0
    assert trading.keel("resume").returncode == 0
    assert trading.rows()[slug]["state"] == "PAUSED"
    assert trading.keel("resume", slug).returncode == 0
    quotes(trading, slug)


def test_people_can_look_while_it_trades(trading: Engine, venue: Sandbox) -> None:
    slug = venue.slugs[0]
    listed = trading.keel("markets", "list", "--json")
    assert listed.returncode == 0
    assert listed.stdout.startswith('{"schema":"keel.markets/1","markets":[{"slug":')
    why = trading.keel("why", slug)
    assert why.returncode == 0
    assert why.stdout.startswith(slug)
    assert "[ok]" in why.stdout
    book = trading.keel("book", slug, "--json")
    assert '"schema":"keel.book/1"' in book.stdout
    status = trading.keel("status")
    assert "PAPER" in status.stdout
    assert slug in status.stdout
    unknown = trading.keel("why", "no-such-market")
    assert unknown.returncode == 7
    assert "no-such-market" in unknown.stderr


def test_a_second_engine_on_the_folder_is_refused_and_told_who_has_it(trading: Engine, venue: Sandbox) -> None:
    second = trading.keel("run", "--sandbox", venue.url)
    assert second.returncode == 73
    assert f"PID {trading.process.pid}" in second.stderr
    assert trading.process.poll() is None


# Misfortunes of the venue


@pytest.mark.proves("I19")
def test_a_dropped_socket_is_made_again_and_every_book_resynchronised(trading: Engine, venue: Sandbox) -> None:
    before = trading.status()["resyncs"]
    connections = trading.log.count("feed connected")
    venue.fault("drop_ws")
    until(lambda: trading.status()["resyncs"] >= before + 20, "both books of ten markets resynchronise")
    until(lambda: trading.log.count("feed connected") > connections, "the connection is told")
    assert "| feed/0 | feed lost: closed by the venue: 1001" in trading.log
    for slug in venue.slugs[3:5]:
        quotes(trading, slug)


def test_garbage_is_told_once_and_stops_nothing(trading: Engine, venue: Sandbox) -> None:
    slug = venue.slugs[3]
    venue.fault("garbage", market=slug)
    until(lambda: "malformed frame" in trading.log, "it is told")
    for _ in range(5):
        venue.fault("garbage", market=slug)
    decided = trading.status()["decisions"]
    until(lambda: trading.status()["decisions"] > decided + 20, "what came behind it is decided on")
    for name in (slug, venue.slugs[4]):
        quotes(trading, name)
    assert trading.log.count("malformed frame") == 1
    assert trading.status()["errors"] == 0


@pytest.mark.proves("I19")
def test_lost_deltas_are_found_and_their_market_alone_resynchronises(trading: Engine, venue: Sandbox) -> None:
    slug = venue.slugs[4]
    told = trading.log.count(f"| {slug} | ")
    venue.fault("lose_deltas", market=slug, count=3)
    until(lambda: "book resynchronised" in trading.log[_nth(trading.log, f"| {slug} | ", told) :], "it is told")
    quotes(trading, slug)


def test_a_silent_market_is_asked_for_and_goes_on_by_what_is_answered(trading: Engine, venue: Sandbox) -> None:
    slug = venue.slugs[5]
    venue.fault("silence", market=slug, seconds=8)
    until(lambda: trading.rows()[slug]["book_age_s"] > 3, "nothing is said of it")
    seen: list[float] = []

    def proven() -> bool:
        row = trading.rows()[slug]
        seen.append(row["book_age_s"])
        return len(seen) > 2 and seen[-1] < 1 and max(seen) > 3

    until(proven, "its book is proven by REST")
    assert max(seen) < 6.5, "asked for in time"


# Ends


@pytest.mark.proves("I22")
def test_a_resolved_market_loses_its_quotes_and_pays_out(trading: Engine, venue: Sandbox) -> None:
    slug = venue.slugs[6]
    until(lambda: holds(trading.rows()[slug]), "it holds something")
    venue.fault("resolve", market=slug, outcome="Yes")

    def paid() -> bool:
        row = trading.rows()[slug]
        return row["orders_open"] == 0 and row["yes_shares"] == row["no_shares"] == "0"

    until(paid, "its position is redeemed")
    assert trading.rows()[slug]["state"] == "HALTED"
    assert "| resolved: YES pays 1.000" in trading.log
    for name in venue.slugs[7:9]:
        quotes(trading, name)


@pytest.mark.proves("I38")
def test_sigterm_ends_in_good_order(venue: Sandbox, config: Path, tmp_path: Path) -> None:
    with engine(tmp_path / "data", "--sandbox", venue.url, "--config", config) as running:
        until(lambda: running.status()["fills"] and running.status()["orders_open"] >= 5, "orders rest")
        began = time.monotonic()
        assert running.end(signal.SIGTERM) == 0
        assert time.monotonic() - began < 25
        log = running.log
    states = rows_of(tmp_path / "data" / "arb.db", "SELECT state, reason FROM orders")
    assert {state for state, _ in states} <= {"filled", "cancelled", "rejected", "never_sent"}, "none is open"
    assert [reason for state, reason in states if state == "cancelled"].count("shutdown") >= 1
    assert "✓ Shutdown complete  open_orders=0" in log
    assert "dead letter" not in log
    assert "FINAL STATISTICS" in running.out
    assert sorted(path.name for path in (tmp_path / "data" / "run").iterdir()) == ["engine.lock"]


@pytest.mark.proves("I9", "I45")
def test_a_kill_holds_over_a_restart_until_a_person_clears_it(venue: Sandbox, config: Path, tmp_path: Path) -> None:
    data_dir, arguments = tmp_path / "data", ("--sandbox", venue.url, "--config", config)
    with engine(data_dir, *arguments) as running:
        until(lambda: running.status()["orders_open"] >= 3, "orders rest")
        killed = running.keel("kill", "--reason", "drill")
        assert killed.returncode == 0, killed.stderr
        assert ", 0 open" in killed.stdout
        placed = running.status()["orders"]
        assert running.status()["killed"]["reason"] == "drill"
        assert running.end() == 0
    assert (data_dir / "KILL").exists()
    with engine(data_dir, *arguments) as running:
        until(lambda: running.status()["decisions"] >= 5, "it decides")
        status = running.status()
        assert status["killed"]["reason"] == "drill"
        assert {row["state"] for row in status["markets"]} == {"KILLED"}, "every market"
        assert (status["orders"], status["orders_open"]) == (0, 0), f"after {placed} orders before the kill"
        refused = running.keel("kill", "--clear")
        assert refused.returncode == 6
        assert running.keel("resume").returncode == 6
        assert running.keel("kill", "--clear", "--yes").returncode == 0
        assert not (data_dir / "KILL").exists()
        until(lambda: running.status()["fills"], "it trades again")
        stopped = running.keel("stop", "--timeout", 20)
        assert (stopped.returncode, stopped.stdout) == (0, f"stopped (pid {running.process.pid})\n")
        assert running.process.wait(5) == 0


def test_what_a_run_has_recorded_can_be_replayed(venue: Sandbox, config: Path, tmp_path: Path) -> None:
    with engine(tmp_path / "data", "--sandbox", venue.url, "--config", config) as running:
        tape = tmp_path / "data" / "tape"
        until(lambda: sum(file.stat().st_size for file in tape.glob("*.zst")) > 30_000, "much is on the tape")
        assert running.end() == 0
    (segment,) = tape.glob("*.zst")
    whole = keel("replay", segment, "--json")
    assert whole.returncode == 0, whole.stderr
    report = json.loads(whole.stdout)
    assert report["markets"] == len(report["final_books"]) >= 9
    assert report["decisions"] > 10
    assert report["book_hash_ok"] == report["book_hash_checked"] > 0
    segment.write_bytes(segment.read_bytes()[:-50])
    torn = keel("replay", segment, "--json")
    assert torn.returncode == 0, torn.stdout
    cut = json.loads(torn.stdout)
    assert cut["frames"] < report["frames"]
    assert cut["cut_lines"] == 1
    assert any("is cut at line" in warning for warning in cut["warnings"])


def _nth(text: str, part: str, count: int) -> int:
    """Return where the part that comes after `count` others begins, the end of the text where there is none."""
    at = -1
    for _ in range(count + 1):
        at = text.find(part, at + 1)
        if at < 0:
            return len(text)
    return at
