"""What a person or a script gets from `keel ...` against a running engine, in every format, with every exit code."""

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from models.messages.control import Reading
from models.messages.decisions import Gate
from models.units import SHARE
from surfaces.cli.app import run
from surfaces.control_server import ControlServer
from surfaces.final import keep
from tests.little_engine import NO, LittleEngine
from tests.surfaces.conftest import Served

Keel = Callable[..., tuple[int, str, str]]


@pytest.fixture
def keel(served: Served, capsys: pytest.CaptureFixture[str]) -> Keel:
    """Run a command against the engine; return exit code, stdout and stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run([*arguments, "--data-dir", str(served.data_dir)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_status_says_it_in_lines_and_a_table(served: Served, keel: Keel) -> None:
    engine = served.engine
    engine.book(1, 4_800, 5_200)
    engine.flow(1)
    engine.place(1)
    engine.fill(2, NO, 5_100, 5)
    engine.decide(2, "Hedge", gates=(Gate("net_diff", False, 5 * SHARE, 5 * SHARE, "size", "open", "PM_MAX_NET_DIFF"),))
    code, out, err = keel("status")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "PAPER  running 0.0 s  tag maker   state BALANCED 2  HEDGE 1  FUSED 0  OFF 0      pid 4121"
    assert lines[1] == "total 0.00   realized 0.00   unrealized no mark   fees 0.00"
    assert lines[2].startswith("orders 1 open  0 rejected   ws market 0.0 s   errors 0 (15 min)   fills 1")
    assert " ".join(lines[3].split()) == "MARKET STATE NET YES NO QUOTES BID/ASK OFI P&L FILLS CAN OPEN"
    assert " ".join(lines[4].split()) == "market-1 BALANCED 0.0 0 0 48.0/- 48.0/52.0 +12/50 0.00 0 no: undecided"
    assert lines[5].endswith("no: |net_diff| 5.0 >= 5.0 (PM_MAX_NET_DIFF)")
    assert out.isascii()


def test_status_in_json_is_one_document_of_its_schema(keel: Keel) -> None:
    code, out, err = keel("status", "--json")
    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    assert json.loads(out)["schema"] == "keel.status/1"
    assert json.loads(keel("status", "market-2", "-o", "json")[1])["markets"][0]["slug"] == "market-2"


def test_global_options_stand_before_the_command_too(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--json", "--data-dir", str(served.data_dir), "markets", "list"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "keel.markets/1"


def test_every_format_says_the_same(served: Served, keel: Keel) -> None:
    served.engine.fill(3, NO, shares=2)
    document = json.loads(keel("markets", "list", "--json")[1])
    assert yaml.safe_load(keel("markets", "list", "-o", "yaml")[1]) == document
    rows = list(csv.DictReader(io.StringIO(keel("markets", "list", "-o", "csv")[1])))
    assert rows == [
        {name: json.dumps(value) if isinstance(value, bool) else value for name, value in row.items()}
        for row in document["markets"]
    ]
    table = keel("markets", "list")[1].splitlines()
    assert [line.split()[:4] for line in table[1:]] == [
        ["market-1", "on", "BALANCED", "0.0"],
        ["market-2", "on", "BALANCED", "0.0"],
        ["market-3", "on", "BALANCED", "-2.0"],
    ]


def test_csv_of_a_document_without_rows_is_key_and_value(keel: Keel) -> None:
    assert keel("kill", "--status", "-o", "csv")[1].splitlines()[:3] == [
        "key,value",
        "schema,keel.kill/1",
        "killed,false",
    ]


def test_lists_are_narrowed(keel: Keel) -> None:
    keel("markets", "off", "market-2")
    names = lambda *more: [row["slug"] for row in json.loads(keel("markets", "list", "--json", *more)[1])["markets"]]  # noqa: E731
    assert names("--on") == ["market-1", "market-3"]
    assert names("--off") == ["market-2"]
    assert names("--all") == names() == ["market-1", "market-2", "market-3"]
    assert names("--search", "ET-3") == ["market-3"]
    assert keel("markets", "list", "--on", "--off")[0] == 2


def test_off_and_on_say_what_happened(served: Served, keel: Keel) -> None:
    for _ in range(3):
        served.engine.place(1)
    assert keel("markets", "off", "market-1,market-2")[:2] == (
        0,
        "market-1 off: 3 orders cancelled, 0 open, flat\nmarket-2 off: 0 orders cancelled, 0 open, flat\n",
    )
    assert keel("markets", "on", "market-1", "market-2")[1].startswith(
        "market-1 on: 0 orders cancelled, 0 open, flat\n"
    )


def test_what_is_left_open_is_listed_and_exits_8(served: Served, keel: Keel) -> None:
    intent = served.engine.place(1)
    served.engine.stuck = {intent}
    code, out, _ = keel("pause", "market-1", "--timeout", "0.3")
    assert code == 8
    assert out.splitlines() == [
        "market-1 paused: 0 orders cancelled, 1 open, flat",
        f"  left: YES bid 5 @ 0.48 working (order-{intent})",
    ]
    code, out, _ = keel("pause", "--timeout", "0.3", "--json")
    assert (code, json.loads(out)["proven"]) == (8, False)


def test_pause_and_kill_never_ask(served: Served, keel: Keel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert keel("pause") == (0, "all paused: 0 orders cancelled, 0 open in 3 markets\n", "")
    assert keel("resume")[0] == 0
    assert keel("reduce", "market-1")[1] == "market-1 reduced: 0 orders cancelled, 0 open, flat\n"
    assert keel("kill", "--reason", "drill")[:2] == (0, "all killed: 0 orders cancelled, 0 open in 3 markets\n")
    told = keel("kill", "--status")[1]
    assert told.startswith("killed since 2025-11-21T14:03:22.120000Z by cli ")
    assert told.endswith(": drill\n")
    code, _, err = keel("resume")
    assert code == 6
    assert "keel kill --clear" in err


@pytest.mark.proves("I45")
def test_clearing_a_kill_is_a_ritual(served: Served, keel: Keel, monkeypatch: pytest.MonkeyPatch) -> None:
    keel("kill", "--reason", "drill")
    monkeypatch.setattr(sys, "stdin", io.StringIO("CLEAR\n"))
    code, _, err = keel("kill", "--clear")
    assert (code, "add --yes" in err) == (6, True)  # a pipe is nobody
    typed = Terminal("no\n")
    monkeypatch.setattr(sys, "stdin", typed)
    code, _, err = keel("kill", "--clear")
    assert (code, "nothing was done" in err) == (6, True)
    assert served.engine.gate == ["closed: drill"]
    monkeypatch.setattr(sys, "stdin", Terminal("CLEAR\n"))
    code, out, err = keel("kill", "--clear")
    assert (code, out) == (0, "all released: 0 orders cancelled, 0 open in 3 markets\n")
    assert ": drill. After this orders can go out again. Type CLEAR" in err
    assert served.engine.gate == ["closed: drill", "opened"]
    assert keel("kill", "--clear", "--yes")[0] == 0


class Terminal(io.StringIO):
    """A person at the keyboard."""

    def isatty(self) -> bool:
        return True


def test_resume_in_live_is_confirmed_by_a_person_or_by_yes(
    served: Served, keel: Keel, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.server.stop()
    live = LittleEngine(1, mode="live")
    server = ControlServer(live.control, served.data_dir)
    server.start()
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert keel("resume")[0] == 6
    monkeypatch.setattr(sys, "stdin", Terminal("yes\n"))
    assert keel("resume")[0] == 0
    assert keel("resume", "--yes")[0] == 0
    server.stop()


def test_status_says_first_that_live_could_not_be_had_and_that_all_is_killed(served: Served, keel: Keel) -> None:
    served.server.stop()
    forced = LittleEngine(1, mode="paper (forced)")
    server = ControlServer(forced.control, served.data_dir)
    server.start()
    assert keel("kill")[0] == 0
    code, said, _ = keel("status")
    server.stop()
    assert code == 0
    assert [line.partition(" ")[0] for line in said.splitlines()[:3]] == ["NOT", "KILLED", "PAPER"]


def test_a_dry_run_changes_nothing(served: Served, keel: Keel) -> None:
    served.engine.place(1)
    assert keel("markets", "off", "market-1", "--dry-run")[:2] == (
        0, "market-1 would be off: 1 order would be cancelled, flat\n",
    )  # fmt: skip
    assert keel("kill", "--dry-run")[1] == "all would be killed: 1 order would be cancelled in 3 markets\n"
    assert keel("kill", "--clear", "--dry-run")[1] == "not killed\n"
    assert keel("stop", "--dry-run")[1] == "would stop pid 4121 and cancel its orders, of which 1 are open\n"
    assert {row.outcome for row in served.engine.audited} == {"shown"}
    assert (served.engine.ended, served.engine.gate) == (False, [])


def test_stop_returns_when_the_process_has_ended(served: Served, keel: Keel) -> None:
    import subprocess

    ended = subprocess.Popen([sys.executable, "-c", ""])
    served.engine.engine_pid(ended.pid)
    keep(served.data_dir, {"pid": ended.pid, "left": []})
    code, out, _ = keel("stop", "--timeout", "20")
    assert (code, out) == (0, f"stopped (pid {ended.pid})\n")
    assert served.engine.ended
    ended.wait()


def test_stop_names_what_is_left_and_says_so_where_nobody_knows(served: Served, keel: Keel) -> None:
    import subprocess

    ended = subprocess.Popen([sys.executable, "-c", ""])
    served.engine.engine_pid(ended.pid)
    keep(served.data_dir, {"pid": ended.pid + 1, "left": []})
    code, out, _ = keel("stop", "--timeout", "20")
    assert code == 8
    assert "nobody knows what it left" in out
    keep(served.data_dir, {"pid": ended.pid, "left": [{"order_id": "0x1", "slug": "market-1"}]})
    code, out, _ = keel("stop", "--timeout", "20")
    assert (code, out) == (8, f"stopped (pid {ended.pid})\n  may still fill: market-1 0x1\n")
    ended.wait()


def test_stop_that_takes_too_long_exits_5(served: Served, keel: Keel) -> None:
    import os

    served.engine.engine_pid(os.getpid())
    code, _, err = keel("stop", "--timeout", "0.2")
    assert (code, "still stopping" in err) == (5, True)


def test_why_is_the_text_of_the_explanation(served: Served, keel: Keel) -> None:
    served.engine.decide(1, gates=(Gate("book", True, 200, None, "ms"),))
    served.engine.decide(2, reason="no_ask")
    assert keel("why", "market-1")[1].splitlines() == [
        "market-1  BALANCED  14:03:22.120  not quoting: providing",
        "  [ok] book 0.2 s, YES/NO mirror exact",
    ]
    assert [one["slug"] for one in json.loads(keel("why", "--json")[1])["explanations"]] == ["market-1", "market-2"]
    code, _, err = keel("why", "market-3")
    assert (code, "nothing was decided yet" in err) == (1, True)


def test_risk_shows_of_each_control_what_holds_or_is_nearest_to_its_limit(served: Served, keel: Keel) -> None:
    served.engine.readings += [
        Reading("duplicate", "market-1", 30.5, 150.0, "dollars"),
        Reading("duplicate", "market-2", 45.0, 150.0, "dollars"),
        Reading("net_limit", "market-1", 3, 10, "shares"),
        Reading("net_limit", "market-3", 11, 10, "shares", holds=True),
    ]
    lines = keel("risk")[1].splitlines()
    assert lines[:3] == [
        "CONTROL    SCOPE     VALUE  LIMIT  UNIT     USED  BLOCKS",
        "duplicate  market-2     45    150  dollars   30%  all",
        "net_limit  market-3     11     10  shares   110%  open    HOLDS",
    ]
    assert len(keel("risk", "--all")[1].splitlines()) == len(lines) + 2
    assert json.loads(keel("risk", "market-1", "--json")[1])["schema"] == "keel.risk/1"
    assert keel("risk", "show", "elsewhere")[0] == 7


def test_risk_explain_names_the_limit_that_binds_first(served: Served, keel: Keel) -> None:
    served.engine.readings.append(Reading("duplicate", "market-1", 30.5, 150.0, "dollars"))
    lines = keel("risk", "explain", "market-1")[1].splitlines()
    assert lines[0].split() == ["MARKET", "ORDER", "ORDERS", "LEFT", "LIMIT", "SCOPE", "NOW", "SET", "BY"]
    assert lines[1].split()[:6] == ["market-1", "5", "sh", "$2.50", "47", "duplicate"]


def test_a_book_is_shown_for_both_tokens(served: Served, keel: Keel) -> None:
    served.engine.book(1, 4_850, 5_200, 12)
    assert keel("book", "market-1")[1].splitlines() == [
        "market-1  tick 0.01",
        "YES SIZE    BID  SIZE   ASK  NO SIZE   BID  SIZE    ASK",
        "      12  0.485    12  0.52       12  0.48    12  0.515",
    ]
    assert json.loads(keel("book", "market-1", "--json")[1])["no"]["asks"] == [["0.515", "12"]]


def test_a_market_is_shown_whole(served: Served, keel: Keel) -> None:
    served.engine.place(2)
    code, out, _ = keel("markets", "show", served.engine.id(2))
    assert code == 0
    assert out.startswith("market-2  BALANCED  Will number 2 win?\n")
    assert "  order YES BUY 5 @ 0.48 working\n" in out


def test_the_monitor_prints_one_frame_and_wants_a_terminal_for_more(served: Served, keel: Keel) -> None:
    served.engine.fill(1, shares=3)
    code, out, _ = keel("monitor", "--once")
    assert code == 0
    assert out.startswith("PAPER  running")
    assert out.splitlines()[-1] == "14:03:22.120 | SUCCESS | market-1 | filled YES 3 @ 0.480"
    assert json.loads(keel("top", "--once", "--json")[1])["schema"] == "keel.board/1"
    code, _, err = keel("monitor")
    assert (code, "keel monitor --once" in err.lower()) == (2, True)


def test_watching_prints_one_document_a_line(served: Served, keel: Keel, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) >= 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("surfaces.cli.observe.time.sleep", sleep)
    code, out, _ = keel("status", "--json", "--watch")
    assert code == 130
    assert [json.loads(line)["schema"] for line in out.splitlines()] == ["keel.status/1"] * 3
    assert looks == [2.0] * 3
    assert keel("status", "--watch=0.5")[0] == 130
    assert looks[3] == 0.5


def test_quiet_says_nothing_but_errors(keel: Keel) -> None:
    assert keel("status", "-q") == (0, "", "")
    assert keel("markets", "off", "nope", "-q")[2].startswith("error: no market 'nope'")


@pytest.mark.parametrize(
    "arguments, code, error",
    [
        (("markets", "off", "markt-1"), 7, "not_found"),
        (("markets", "off"), 2, "usage"),
        (("statsu",), 2, "usage"),
        (("markets", "of"), 2, "usage"),
        (("status", "--nope"), 2, "usage"),
        (("status", "-o", "xml"), 2, "usage"),
        (("status", "--timeout", "0"), 2, "usage"),
        (("kill", "--clear", "--status"), 2, "usage"),
        (("book", "market-1", "--depth", "0"), 2, "usage"),
        (("book", "market-1"), 1, "undecided"),
    ],
)
def test_a_failure_is_words_for_people_and_an_envelope_for_scripts(
    keel: Keel, arguments: tuple[str, ...], code: int, error: str
) -> None:
    found, out, err = keel(*arguments)
    assert (found, out) == (code, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    found, out, err = keel(*arguments, "--json")
    assert (found, err) == (code, "")
    assert json.loads(out)["error"]["code"] == error
    assert sorted(json.loads(out)["error"]) == ["code", "hint", "message", "retryable"]


def test_a_typo_is_answered_with_the_nearest_command(keel: Keel) -> None:
    assert keel("statsu")[2] == "error: no command 'statsu'. Did you mean: keel status?\n"
    assert keel("markets", "lst")[2] == "error: no command 'lst'. Did you mean: keel markets list?\n"
    assert "did you mean market-1" in keel("why", "markt-1")[2].lower()


def test_an_engine_that_is_not_there_is_exit_3(served: Served, keel: Keel) -> None:
    served.server.stop()
    for command in (
        ("status",),
        ("pause",),
        ("kill",),
        ("markets", "list"),
        ("why", "x"),
        ("stop",),
        ("reload",),
        ("monitor", "--once"),
    ):
        code, out, err = keel(*command)
        assert (code, out) == (3, "")
        way = "Close its gate, and cancel all at the venue, without it: keel kill --offline"
        hint = way if command == ("kill",) else "Start it with: keel run"
        assert err == f"error: engine is not running (socket {served.path}). {hint}\n"


def test_a_socket_may_be_named(served: Served, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["status", "--socket", str(served.path), "--data-dir", str(tmp_path)]) == 0
    capsys.readouterr()


def test_silence_is_exit_5(served: Served, keel: Keel) -> None:
    served.engine.deaf = True
    code, _, err = keel("pause", "--timeout", "0.3")
    assert (code, "risk did not answer pause" in err) == (5, True)


def test_colours_come_with_a_terminal_or_by_force_and_go_with_no_color(
    served: Served, keel: Keel, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.engine.fill(1, NO, shares=7)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[33mHEDGE" in keel("status")[1]
    assert "\x1b" not in keel("status", "--no-color")[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in keel("status")[1]
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.delenv("FORCE_COLOR")
    assert "\x1b" not in keel("status")[1]


def test_a_bug_is_exit_1_and_its_trace_goes_to_stderr(
    served: Served, keel: Keel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("surfaces.cli.observe.connect", lambda _: 1 / 0)
    code, out, err = keel("status", "--json")
    assert code == 1
    assert json.loads(out)["error"]["message"] == "ZeroDivisionError: division by zero"
    assert "Traceback" in err


def test_verbose_says_where_an_error_came_from(served: Served, keel: Keel) -> None:
    served.server.stop()
    assert "Traceback" in keel("status", "-v")[2]
    assert "Traceback" not in keel("status")[2]
