"""`keel flatten` as a person and as a script has it: shown, asked, watched, and answered with what is left."""

import io
import json
import sys
from collections.abc import Callable
from functools import partial
from threading import Thread

import pytest

from models.messages.orders import FillSettled
from surfaces.cli.app import run
from tests.bin.processes import until
from tests.little_engine import LittleEngine
from tests.surfaces.conftest import Served

Keel = Callable[..., tuple[int, str, str]]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def keel(served: Served, capsys: pytest.CaptureFixture[str]) -> Keel:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run([*arguments, "--data-dir", str(served.data_dir)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def holding(engine: LittleEngine, number: int, shares: int) -> None:
    engine.to_risk(FillSettled(engine.fill(number, shares=shares), engine.clock.now_ns()))


def once_begun(engine: LittleEngine, number: int, *steps: Callable[[], object]) -> Thread:
    """Take steps beside the command, as soon as it has begun."""

    def take() -> None:
        until(lambda: engine.flattens(number), "the flatten has begun")
        for step in steps:
            step()

    thread = Thread(target=take)
    thread.start()
    return thread


def test_help_has_an_example(keel: Keel) -> None:
    code, out, _ = keel("flatten", "--help")
    assert code == 0
    assert "Example: keel flatten fed-cut-jan --timeout 120" in out


def test_a_dry_run_shows_the_steps_and_changes_nothing(served: Served, keel: Keel) -> None:
    served.engine.place(1)
    served.engine.book(2, 4_800, 5_200)
    holding(served.engine, 2, 8)
    code, out, err = keel("flatten", "--dry-run")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "flatten 3 markets:",
        "  1. cancel 1 order",
        "  2. merge 0 pairs",
        "  3. unwind 8 YES ~ 3.84 USDC",
        "  market-1: cancel 1 order",
        "  market-2: unwind 8 YES ~ 3.84 USDC",
    ]
    assert len(served.engine.board.look().open_orders()) == 1
    document = json.loads(keel("flatten", "market-2", "--dry-run", "--json")[1])
    assert document["markets"][0]["plan"] == {
        "cancel_orders": 0,
        "merge_pairs": "0",
        "locked_pairs": "0",
        "unwind": [{"token": "YES", "shares": "8", "value": "3.84"}],
        "stays": [],
        "untouched": False,
    }


def test_where_nobody_can_be_asked_it_is_refused_with_the_steps(
    served: Served, keel: Keel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    served.engine.place(1)
    code, out, err = keel("flatten")
    assert (code, out) == (6, "")
    assert err.startswith("error: flatten 3 markets:\n  1. cancel 1 order\n")
    assert err.endswith("Go on? Nobody can be asked here: add --yes\n")
    code, out, _ = keel("flatten", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (6, "confirmation_required")
    assert len(served.engine.board.look().open_orders()) == 1


def test_a_person_is_asked_and_only_yes_is_yes(served: Served, keel: Keel, monkeypatch: pytest.MonkeyPatch) -> None:
    served.engine.place(1)
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    code, _, err = keel("flatten", "market-1")
    assert code == 6
    assert "flatten 1 market:\n  1. cancel 1 order\n" in err
    assert "not confirmed, nothing was done" in err
    assert len(served.engine.board.look().open_orders()) == 1
    monkeypatch.setattr(sys, "stdin", Terminal("yes\n"))
    code, out, _ = keel("flatten", "market-1")
    assert (code, out) == (0, "market-1 flattened: 1 order cancelled, 0 open, flat\n")


def test_yes_stands_for_the_question_and_what_stays_is_named(served: Served, keel: Keel) -> None:
    holding(served.engine, 1, 3)
    rest = partial(served.engine.flatten_changed, 1, "rest", "3 YES below the minimum of 5", 3)
    later = once_begun(served.engine, 1, rest)
    code, out, err = keel("flatten", "--yes")
    later.join()
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "all flattened: 0 orders cancelled, 0 open in 3 markets",
        "  market-1: holding 3 YES (3 YES below the minimum of 5)",
    ]
    assert served.engine.audited[0].who.startswith("cli ")


def test_what_is_still_to_be_done_at_the_end_of_the_time_is_exit_8(served: Served, keel: Keel) -> None:
    holding(served.engine, 1, 8)
    served.engine.stuck = {served.engine.place(1)}
    code, out, _ = keel("flatten", "--yes", "--timeout", "3", "--json")
    assert code == 8
    document = json.loads(out)
    assert (document["verb"], document["proven"]) == ("flatten", False)
    first = document["markets"][0]
    assert (first["after"], first["over"], first["orders_open"], len(first["left"])) == ("FLATTENING", False, 1, 1)


def test_what_takes_longer_than_two_seconds_is_watched_by_a_person(
    served: Served, keel: Keel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("surfaces.cli.progress._QUIET_S", 0.05)
    monkeypatch.setattr("surfaces.cli.progress._LOOK_S", 0.05)
    holding(served.engine, 1, 8)
    shown = Terminal()

    say = partial(served.engine.flatten_changed, 1)
    monkeypatch.setattr(sys, "stderr", shown)
    later = once_begun(
        served.engine, 1, partial(say, "unwinding", "unwinding 8 YES", 8),
        lambda: until(lambda: "unwinding 8 YES" in shown.getvalue(), "the step is shown"),
        partial(say, "rest", "8 YES until it pays out: market_expired", 8),
    )  # fmt: skip
    code, out, _ = keel("flatten", "market-1", "--yes")
    later.join()
    assert code == 0
    assert "market_expired" in out
    assert shown.getvalue().count("  market-1: unwinding 8 YES\n") == 1


def test_a_refusal_is_told_while_it_is_watched_too(served: Served, keel: Keel, monkeypatch: pytest.MonkeyPatch) -> None:
    served.engine.control.set_state("off", ["market-1"], "cli", 1)
    monkeypatch.setattr(sys, "stderr", shown := Terminal())
    code, _, _ = keel("flatten", "market-1", "--yes")
    assert code == 6
    assert "it is off" in shown.getvalue()


def test_status_says_how_far_each_market_is(served: Served, keel: Keel) -> None:
    holding(served.engine, 1, 8)
    keel("flatten", "--yes", "--timeout", "2")
    served.engine.flatten_changed(1, "waiting", "8 YES: not settled yet", 8)
    rows = json.loads(keel("status", "--json")[1])["markets"]
    assert rows[0]["state"] == "FLATTENING"
    assert rows[0]["flatten"] == {"step": "waiting", "detail": "8 YES: not settled yet"}
    assert rows[1]["flatten"] is None
