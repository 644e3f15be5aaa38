"""A live engine on a local venue: what it places, gets filled and cancels there, and what the venue says it holds."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.store.queries import Reader
from models.cells import TradingState
from models.messages.control import RaiseCell
from models.messages.position import Position
from models.positions import cash_flow
from models.units import parse_size
from tests.bin.processes import Sandbox, engine, fresh_engine, keel, sandbox, until
from tests.faults.live_engine import accounts, live, log, placed

_WORLD = ("--port", 0, "--profile", "demo", "--markets-count", 4, "--seed", 3)


@pytest.fixture(scope="module", params=[("2", 0), ("mixed", 1)], ids=["own account", "deposit wallet, mixed protocols"])
def told(request: pytest.FixtureRequest) -> Iterator[tuple[Sandbox, int]]:
    protocol, number = request.param
    with sandbox(*_WORLD, "--protocol", protocol) as venue:
        yield venue, number


@pytest.mark.proves("I3")
def test_what_a_live_engine_holds_is_what_the_venue_says_and_nothing_rests_behind_it(
    told: tuple[Sandbox, int], tmp_path: Path
) -> None:
    venue, number = told
    before = wallet(venue, number)
    with live(venue, number, tmp_path) as running:
        board = running.engine.board
        running.resume()

        until(lambda: board.look().counts.fills >= 5 and board.look().counts.cancels >= 3, "it trades")
        paused = running.engine.control.set_state("pause", (), "test", 10)
        assert paused.proven
        until(lambda: not any(is_moving(desk.position) for desk in board.look().desks.values()), "all settles")
        assert running.states() == {TradingState.CANCEL_ONLY}
        after = wallet(venue, number)
        assert running.held() == Counter(after["tokens"]) - Counter(before["tokens"])
        assert after["cash"] - before["cash"] == sum(cash_flow(desk.position) for desk in board.look().desks.values())
        assert not board.look().counts.denials_by_reason.get("unknown_order")
        assert running.engine.stop().left == ()
    assert accounts(venue)[number]["open_orders"] == []


def is_moving(position: Position) -> bool:
    """Whether a fill or a merge has still to come to its end."""
    return bool(position.provisional or position.merging)


def shares(row: dict[str, Any]) -> int:
    return parse_size(row["yes_shares"]) + parse_size(row["no_shares"])


def wallet(venue: Sandbox, number: int) -> dict[str, Any]:
    return accounts(venue)[number]["wallets"][0]


@pytest.mark.proves("I25")
def test_after_a_kill_the_next_process_knows_what_is_held_and_open_and_goes_on(tmp_path: Path) -> None:
    with sandbox(*_WORLD) as venue:
        start, variables = started(venue)
        before = wallet(venue, 0)
        with engine(tmp_path, *start, **variables) as first:
            assert first.status()["mode"] == "live"
            assert first.keel("resume").returncode == 6, "nobody can be asked here"
            assert first.keel("resume", "--yes").returncode == 0
            until(lambda: first.status()["fills"] >= 4 and accounts(venue)[0]["open_orders"], "it trades")
            first.process.kill()
            first.process.wait(10)
        with engine(tmp_path, *start, **variables) as second:
            until(lambda: {row["state"] for row in second.rows().values()} == {"PAUSED"}, "it begins paused")
            until(lambda: not accounts(venue)[0]["open_orders"], "what rested is cancelled")

            def agrees() -> bool:
                tokens = Counter(wallet(venue, 0)["tokens"]) - Counter(before["tokens"])
                return sum(tokens.values()) == sum(shares(row) for row in second.rows().values())

            until(agrees, "what it holds is what the wallet holds")
            assert second.keel("resume", "--yes").returncode == 0
            until(lambda: second.status()["orders_open"], "it trades on")
            assert second.end() == 0
        assert accounts(venue)[0]["open_orders"] == []
        assert "foreign" not in second.log
        assert variables["POLYMARKET_PRIVATE_KEY"].removeprefix("0x").encode() not in b"".join(
            file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()
        )


@pytest.mark.proves("I5")
def test_an_order_whose_answer_was_lost_with_the_process_is_found_and_sent_once(tmp_path: Path) -> None:
    with sandbox(*_WORLD) as venue:
        start, variables = started(venue)
        with engine(tmp_path, *start, **variables) as first:
            assert first.keel("resume", "--yes").returncode == 0
            until(lambda: first.status()["orders"], "it trades")
            for path in ("/order", "/orders"):
                venue.fault("lose_answer", method="POST", path=path, count=5)
            before = len(placed(venue, 0))
            until(lambda: len(placed(venue, 0)) > before, "an order is taken and not answered")
            first.process.kill()
            first.process.wait(10)
        with engine(tmp_path, *start, **variables) as second:
            until(lambda: not accounts(venue)[0]["open_orders"], "nothing rests")
            until(lambda: not second.status()["orders_open"] and not second.status()["orders_unknown"], "it knows", 90)
            assert "foreign" not in second.log
            assert set(placed(venue, 0)) <= order_ids(tmp_path), "none that was not journalled first"
            assert second.end() == 0
        assert len(placed(venue, 0)) == len(set(placed(venue, 0)))


def test_what_only_a_person_can_judge_halts_until_somebody_starts_it_again(tmp_path: Path) -> None:
    told = {("executor", "disputed trade t1"), ("foreign", "foreign order 0x1")}
    with sandbox(*_WORLD) as venue:
        with live(venue, 0, tmp_path) as first:
            market = next(iter(first.engine.catalogue.markets))
            for source, reason in told:
                scope = market if source == "executor" else None
                first.engine.tell(RaiseCell(scope, source, TradingState.HALTED, reason))
            first.engine.tell(RaiseCell(market, "drift", TradingState.HALTED, "the wallet differs"))
            first.until(lambda: first.cells() >= told, "it is halted")
        with live(venue, 0, tmp_path) as second:
            second.until(lambda: ("drift", "the wallet differs") in second.cells(), "what a read has to lift stands")
            second.until(lambda: not second.cells() & told, "what a person had to judge is judged")
            second.until(lambda: second.states() == {TradingState.CANCEL_ONLY, TradingState.HALTED}, "it is paused")


def test_without_the_official_library_live_becomes_paper_and_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "lib" / "py_clob_client_v2"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('not here')", encoding="utf-8")
    with sandbox(*_WORLD) as venue:
        start, variables = started(venue)
        with fresh_engine(tmp_path / "data", *start, **variables, PYTHONPATH=str(broken.parent)) as running:
            assert running.status()["mode"] == "paper (forced)"
            assert "live is not possible" in running.log
            assert "ERROR" in running.log
            assert running.end() == 0
        assert not any(line.get("path") == "/order" for line in log(venue))


def started(venue: Sandbox) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the flags and the environment of a live engine for the first account."""
    flags = ("--mode", "live", "--sandbox", venue.url, "--i-understand-live", "--yes")
    return flags, {
        "POLYMARKET_PRIVATE_KEY": venue.said["accounts"][0]["private_key"],
        "KEEL_ARMED": "true",
        "STRATEGY_TAG": "desk",
        "PM_BID_SIZE": "5",
        "KEEL_INVENTORY__MAX_NET_DIFF": "10",
        "KEEL_INVENTORY__MAX_POSITION_VALUE": "10",
    }


def order_ids(data_dir: Path) -> set[str]:
    with Reader(f"sqlite:///{data_dir}/arb.db") as reader:
        return {order["order_id"] for order in reader.orders(limit=10_000)}


@pytest.mark.proves("I24")
def test_a_second_engine_on_the_wallet_is_refused_before_it_sends_anything(tmp_path: Path) -> None:
    with sandbox(*_WORLD) as venue:
        start, variables = started(venue)
        with engine(tmp_path / "first", *start, **variables) as first:
            second = keel("run", "--data-dir", tmp_path / "second", *start, **variables)
            assert second.returncode == 73, second.stderr
            assert f"PID {first.process.pid} on " in second.stderr
            assert not {line["path"] for line in log(venue, "request")} & {"/order", "/orders"}
