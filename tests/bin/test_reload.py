"""`keel reload` and SIGHUP: a running engine goes by a changed file as a whole, or says what stands against it."""

import json
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.bin.processes import LIVELY, Document, Engine, Sandbox, engine, until

_CONFIG = """
profile: small_250
inventory: {{max_position_value: 500}}
leg: {{leg_max_loss: 2}}
paper: {{cash: 10000, settlement_median_ms: 300, settlement_p95_ms: 300, merge_delay_ms: 500}}
risk: {{wallet_usd: 10000, {risk}}}
maker: {{{maker}}}
"""


class Configured:
    """An engine and the file that it was started with."""

    def __init__(self, running: Engine, file: Path, manager: socket.socket) -> None:
        self.engine = running
        self.file = file
        self.manager = manager

    def write(self, maker: str = "bid_size: 5", risk: str = "open_orders_per_market: 4") -> None:
        self.file.write_text(_CONFIG.format(maker=maker, risk=risk), encoding="utf-8")

    def sizes(self) -> set[str]:
        """The sizes of the bids that rest."""
        rows = [self.engine.get(f"/v1/markets/{slug}") for slug in self.engine.rows()]
        return {order["size"] for row in rows for order in row["orders"]}

    def segments(self) -> list[Document]:
        with closing(sqlite3.connect(f"file:{self.engine.data_dir}/arb.db?mode=ro", uri=True)) as database:
            found = database.execute("SELECT detail FROM events WHERE kind = 'segment' ORDER BY id").fetchall()
        return [json.loads(detail) for (detail,) in found]

    def heard(self) -> list[str]:
        """What the service manager was told since this was asked last."""
        found: list[str] = []
        while True:
            try:
                found.append(self.manager.recv(4096).decode().split("\n")[0])
            except BlockingIOError:
                return [word for word in found if word.startswith(("READY", "RELOADING"))]


@pytest.fixture(scope="module")
def configured(venue: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Configured]:
    folder = tmp_path_factory.mktemp("reload")
    file = folder / "config.yaml"
    file.write_text(_CONFIG.format(maker="bid_size: 5", risk="open_orders_per_market: 4"), encoding="utf-8")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        manager.setblocking(False)
        flags = ("--sandbox", venue.url, "--config", file)
        with engine(folder / "data", *flags, NOTIFY_SOCKET=manager.getsockname(), **LIVELY) as running:
            until(lambda: running.status()["orders_open"], "it quotes")
            found = Configured(running, file, manager)
            until(lambda: "READY=1" in found.heard(), "the service manager hears of it")
            yield found


@pytest.fixture(autouse=True)
def as_it_was(configured: Configured) -> Iterator[None]:
    yield
    configured.write()
    configured.engine.keel("reload", "--yes")


def test_nothing_changed_changes_nothing(configured: Configured) -> None:
    done = configured.engine.keel("reload", "--json")
    assert done.returncode == 0
    assert (json.loads(done.stdout)["lines"], json.loads(done.stdout)["segment"]) == (["nothing has changed"], 0)


def test_what_adds_risk_asks_and_is_then_in_force(configured: Configured) -> None:
    configured.write(maker="bid_size: 7")
    asked = configured.engine.keel("reload")
    assert asked.returncode == 6, "nobody can be asked here"
    assert "maker.bid_size: 5 -> 7 shares" in asked.stderr
    shown = configured.engine.keel("reload", "--dry-run")
    assert (shown.returncode, shown.stdout) == (0, "maker.bid_size: 5 -> 7 shares\n")
    number = len(configured.segments())
    done = configured.engine.keel("reload", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["segment"] == number + 1
    assert said["lines"] == ["maker.bid_size: 5 -> 7 shares", f"segment maker#{number + 1}"]
    until(lambda: "7" in configured.sizes(), "it quotes the new size")
    opened = until(lambda: [one for one in configured.segments() if one["number"] == number + 1], "it is journalled")
    assert opened[0]["changes"] == {"maker.bid_size": "5 -> 7"}
    assert opened[0]["who"].startswith("cli")


def test_a_signal_applies_what_adds_no_risk(configured: Configured) -> None:
    configured.heard()
    configured.write(risk="open_orders_per_market: 1")
    configured.engine.process.send_signal(signal.SIGHUP)
    until(lambda: "reload: risk.open_orders_per_market: 4 -> 1 count" in configured.engine.log, "it is told")
    until(lambda: "open_orders_market" in configured.engine.status()["denials_by_reason"], "risk refuses by it")
    heard = configured.heard()  # the word of an earlier one may come first
    assert (heard[-2:], heard.count("RELOADING=1")) == (["RELOADING=1", "READY=1"], 1)


def test_a_signal_does_not_raise_a_limit(configured: Configured) -> None:
    configured.write(maker="bid_size: 9", risk="open_orders_per_market: 1")
    configured.engine.process.send_signal(signal.SIGHUP)
    until(lambda: "reload refused: this may add risk:" in configured.engine.log, "it is refused")
    assert "to have it: keel reload --yes" in configured.engine.log
    configured.write(maker="bid_size: 5", risk="open_orders_per_market: 1")
    shown = configured.engine.keel("reload", "--dry-run").stdout
    assert shown == "risk.open_orders_per_market: 4 -> 1 count\n", "nor was what would lower it applied"


def test_a_bad_file_is_refused_with_the_path_and_the_engine_goes_on(configured: Configured) -> None:
    configured.write(maker="bid_size: -5, pair_target: 2")
    done = configured.engine.keel("reload", "--yes")
    assert done.returncode == 4
    assert "maker.bid_size" in done.stderr
    assert "maker.pair_target" in done.stderr
    configured.engine.process.send_signal(signal.SIGHUP)
    until(lambda: "reload refused: " in configured.engine.log and "maker.bid_size" in configured.engine.log, "told")
    decided = configured.engine.status()["decisions"]
    until(lambda: configured.engine.status()["decisions"] > decided, "it goes on")


def test_what_needs_a_restart_keeps_all_of_it_out(configured: Configured) -> None:
    configured.write(maker="bid_size: 6", risk="open_orders_total: 30")
    done = configured.engine.keel("reload", "--yes")
    assert done.returncode == 6
    assert "this needs a restart: risk.open_orders_total: 0 -> 30 count" in done.stderr
    assert configured.engine.keel("reload", "--dry-run").returncode == 6
    configured.write()
    assert configured.engine.keel("reload").stdout == "nothing has changed\n", "the size of before is in force"


def test_every_reload_is_audited(configured: Configured) -> None:
    configured.write(maker="bid_size: 8")
    assert configured.engine.keel("reload", "--yes").returncode == 0

    def audited() -> list[str]:
        with closing(sqlite3.connect(f"file:{configured.engine.data_dir}/arb.db?mode=ro", uri=True)) as database:
            found = database.execute("SELECT result FROM audit WHERE verb = 'reload'").fetchall()
        return [result for (result,) in found]

    until(lambda: any("maker.bid_size: 5 -> 8 shares" in result for result in audited()), "it is in the audit")
