"""An engine ends in order from whatever state it is in, says what it left, and tells the service manager of it."""

import json
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.bin.processes import Document, Engine, Sandbox, engine, sandbox, until
from tests.faults.live_engine import accounts, clear, log

_WORLD = (
    "--port", 0, "--profile", "demo", "--markets-count", 4, "--seed", 3,
    "--accounts", 8, "--signature-types", "0,0,0,0,0,0,0,0",
)  # fmt: skip
_SETTINGS = {
    "KEEL_ARMED": "true",
    "STRATEGY_TAG": "desk",
    "PM_BID_SIZE": "5",
    "KEEL_INVENTORY__MAX_NET_DIFF": "10",
    "KEEL_INVENTORY__MAX_POSITION_VALUE": "10",
}
_STEPS = (
    "no order goes out", "nobody quotes", "orders cancelled", "answers under way awaited", "fills under way awaited",
    "what is known is recorded", "the heartbeat is silent", "actors stopped", "the database is closed",
)  # fmt: skip


class Trading(NamedTuple):
    """A live engine whose orders rest at a venue, on an account of its own: what is another's stops it."""

    engine: Engine
    venue: Sandbox
    number: int

    @property
    def resting(self) -> list[Any]:
        return accounts(self.venue)[self.number]["open_orders"]


@pytest.fixture(scope="module")
def exchange() -> Iterator[Sandbox]:
    with sandbox(*_WORLD) as running:
        yield running


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return count()


@pytest.fixture
def trading(exchange: Sandbox, numbers: Iterator[int], tmp_path: Path) -> Iterator[Trading]:
    number = next(numbers)
    flags = ("--mode", "live", "--sandbox", exchange.url, "--i-understand-live", "--yes")
    key = exchange.said["accounts"][number]["private_key"]
    with engine(tmp_path, *flags, **_SETTINGS, POLYMARKET_PRIVATE_KEY=key) as running:
        found = Trading(running, exchange, number)
        assert running.keel("resume", "--yes").returncode == 0
        until(lambda: found.resting, "it quotes")
        yield found
        clear(exchange)


def final(running: Engine) -> Document:
    return json.loads((running.data_dir / "final.json").read_bytes())


def events(running: Engine) -> list[str]:
    with closing(sqlite3.connect(f"file:{running.data_dir}/arb.db?mode=ro", uri=True)) as database:
        return [kind for (kind,) in database.execute("SELECT kind FROM journal ORDER BY seq DESC LIMIT 20")]


@pytest.mark.proves("I38")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_amid_orders_ends_it_step_by_step_with_nothing_left(
    trading: Trading, exchange: Sandbox, number: int
) -> None:
    exchange.fault("latency", method="POST", path="/order", delay=0.5)  # some are always under way
    until(lambda: trading.engine.status()["orders"] > 0, "orders go out")
    began = time.monotonic()
    assert trading.engine.end(number) == 0
    assert time.monotonic() - began < 31
    assert trading.resting == []
    said = trading.engine.log
    at = [said.index(f"shutdown: {step}  took_ms=") for step in _STEPS]
    assert at == sorted(at), "in this order"
    assert all(said.count(f"shutdown: {step}  ") == 1 for step in _STEPS)
    assert "✓ Shutdown complete  open_orders=0" in said
    assert "StoppedCleanly" in events(trading.engine)
    written_ahead = trading.engine.data_dir / "arb.db-wal"
    assert not written_ahead.exists() or written_ahead.stat().st_size == 0
    lines = log(exchange)
    last_cancel = max(line["n"] for line in lines if line["kind"] == "request" and line["path"] == "/cancel-all")
    assert not [line for line in lines if line["n"] > last_cancel and line["kind"] == "order_placed"]
    figures = final(trading.engine)
    assert (figures["exit_code"], figures["left"], figures["pid"]) == (0, [], trading.engine.process.pid)
    assert figures["orders"] == figures["opportunities"] - sum(figures["refused"].values()) > 0
    assert "FINAL STATISTICS" in trading.engine.out


@pytest.mark.proves("I38")
def test_with_the_venue_gone_it_ends_in_time_and_says_that_orders_may_stand(
    trading: Trading, exchange: Sandbox
) -> None:
    exchange.fault("lose_request", method="", path="/", count=10_000)  # every call hangs
    began = time.monotonic()
    code = trading.engine.end(signal.SIGTERM)
    took_s = time.monotonic() - began
    assert code == 8, trading.engine.log[-2_000:]
    assert took_s < 31
    assert "the venue did not say what rests there" in trading.engine.log
    assert "no heartbeat any more: the venue cancels what is left" in trading.engine.log
    assert "StoppedCleanly" not in events(trading.engine)
    assert "MAY STILL FILL" in trading.engine.out
    assert final(trading.engine)["left"]
    clear(exchange)
    until(lambda: not trading.resting, "the venue hears nothing of us and cancels")


def test_a_second_signal_cancels_all_and_waits_for_nothing(trading: Trading, exchange: Sandbox) -> None:
    exchange.fault("lose_request", method="GET", path="/data/orders", count=10_000)  # no listing ever comes
    trading.engine.process.send_signal(signal.SIGTERM)
    until(lambda: "shutdown: nobody quotes" in trading.engine.log, "it ends")
    began = time.monotonic()
    assert trading.engine.end(signal.SIGTERM) == 8, "nobody has said what rests"
    assert time.monotonic() - began < 25, "a request under way and what has to be stopped"
    clear(exchange)
    assert trading.resting == [], "all was cancelled nevertheless"


def test_a_locked_database_is_waited_for_no_longer_than_the_rest(trading: Trading, exchange: Sandbox) -> None:
    with closing(sqlite3.connect(trading.engine.data_dir / "arb.db", timeout=10, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert trading.engine.end(signal.SIGTERM) == 1
        assert time.monotonic() - began < 31
    assert trading.resting == []
    assert "the journal has no record of this end" in trading.engine.log


def test_what_is_killed_is_ended_like_anything_else(trading: Trading, exchange: Sandbox) -> None:
    assert trading.engine.keel("kill", "--reason", "drill").returncode == 0
    stopped = trading.engine.keel("stop", "--timeout", 30, "--json")
    assert stopped.returncode == 0, stopped.stderr
    said = json.loads(stopped.stdout)
    assert (said["stopped"], said["left"]) == (True, [])
    assert any(spell["what"] == "KILLED by kill" for spell in said["final"]["held_back"])
    assert trading.engine.process.wait(5) == 0
    assert trading.resting == []


def test_an_engine_that_has_not_begun_ends_at_once(exchange: Sandbox, tmp_path: Path) -> None:
    running = Engine(tmp_path, "--sandbox", exchange.url)
    until((tmp_path / "run" / "engine.lock").exists, "it has begun to begin")
    assert running.end(signal.SIGTERM) == 0, running.log
    assert not (tmp_path / "run" / "keel.sock").exists()


def test_stop_with_flatten_unwinds_first(exchange: Sandbox, config: Path, tmp_path: Path) -> None:
    with engine(tmp_path, "--sandbox", exchange.url, "--config", config, "--json") as running:
        until(lambda: any(row["net_shares"] != "0" for row in running.rows().values()), "it holds something")
        asked = running.keel("stop", "--flatten")
        assert asked.returncode == 6, "nobody can be asked here"
        assert running.status()["orders"] >= 0, "and nothing was done"
        stopped = running.keel("stop", "--flatten", "--yes", "--timeout", 60, "--json")
        said = json.loads(stopped.stdout)
        assert stopped.returncode in (0, 8), stopped.stderr
        assert running.process.wait(10) == 0
        if stopped.returncode == 0:
            rest = [max(float(one["yes_shares"]), float(one["no_shares"])) for one in said["final"]["held"]]
            assert all(shares < 5 for shares in rest), "only what is too small to trade"
        assert "flatten" in running.log
        assert json.loads(running.out) == said["final"], "one document at the end"


def test_the_service_manager_hears_of_every_step_of_a_life(exchange: Sandbox, tmp_path: Path) -> None:
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)

        def hear(word: str) -> bool:
            while True:
                try:
                    heard.append(manager.recv(4096).decode())
                except BlockingIOError:
                    return any(word in line for line in heard)

        with engine(tmp_path / "data", "--sandbox", exchange.url, NOTIFY_SOCKET=manager.getsockname()) as running:
            until(lambda: hear("READY=1"), "it is ready")
            until(lambda: hear("STATUS=paper: "), "how it stands")
            before = heard.count("WATCHDOG=1")
            until(lambda: hear("WATCHDOG=1") and heard.count("WATCHDOG=1") > before + 2, "it is alive")
            os.kill(running.process.pid, signal.SIGSTOP)
            hear("")
            seen = len(heard)
            time.sleep(0.6)
            hear("")
            assert len(heard) == seen, "who stands still does not say that it lives"
            os.kill(running.process.pid, signal.SIGCONT)
            assert running.end() == 0
        hear("")
    assert "STOPPING=1" in heard
    assert heard.index("READY=1") < heard.index("STOPPING=1")
    assert all("4 markets" in line for line in heard if line.startswith("STATUS=paper"))
