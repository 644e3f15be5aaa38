import json

import pytest

from research.bench import __main__ as bench
from research.bench.market_data import PeerMissing
from research.bench.measurements import MEASUREMENTS
from research.bench.table import Figure, Measurement, Round, Row

FAST = Figure("times_as_fast", "x", at_least=4)
SMALL = Figure("bytes", "B", at_most=80)
TOLD = Figure("per_s")


def _row(*rounds: dict[str, float]) -> Row:
    figures = tuple(figure for figure in (FAST, SMALL, TOLD) if figure.name in rounds[0])
    return Row(Measurement("T1", "a thing", figures, lambda _: {}), rounds)


def test_the_median_of_the_rounds_decides() -> None:
    assert _row({"times_as_fast": 1}, {"times_as_fast": 4}, {"times_as_fast": 9}).verdict == "ok"
    assert _row({"times_as_fast": 1}, {"times_as_fast": 3.9}, {"times_as_fast": 9}).verdict == "miss"


def test_one_missed_figure_is_a_missed_row() -> None:
    assert _row({"times_as_fast": 5, "bytes": 80}).verdict == "ok"
    assert _row({"times_as_fast": 5, "bytes": 81}).verdict == "miss"


def test_a_figure_without_a_target_is_told_and_judges_nothing() -> None:
    assert _row({"per_s": 1}).verdict == ""


def test_a_row_of_the_document_has_spread_target_and_verdict() -> None:
    assert _row({"bytes": 70}, {"bytes": 90}, {"bytes": 75}).document() == {
        "id": "T1",
        "what": "a thing",
        "verdict": "ok",
        "rounds": 3,
        "figures": [
            {"name": "bytes", "unit": "B", "min": 70, "median": 75, "max": 90, "target": "<= 80", "ok": True},
        ],
        "note": None,
    }


def test_people_see_the_spread_the_target_and_miss() -> None:
    lines = _row({"times_as_fast": 1.5}, {"times_as_fast": 2}, {"times_as_fast": 2.25}).lines()
    assert lines[0].split() == ["T1", "a", "thing"]
    assert lines[1].split() == ["times", "as", "fast", "1.5", "/", "2", "/", "2.25", "x", ">=", "4", "miss"]


def test_rounds_are_bounded_and_a_failure_is_a_row_that_says_so() -> None:
    taken: list[bool] = []

    def take(quick: bool) -> Round:
        taken.append(quick)
        return {"bytes": 1}

    def fail(quick: bool) -> Round:
        raise RuntimeError("no room\nand a long report")

    def miss(quick: bool) -> Round:
        raise PeerMissing("not here")

    wanted = [
        Measurement("A", "", (SMALL,), take, rounds_max=2),
        Measurement("B", "", (SMALL,), fail),
        Measurement("C", "", (SMALL,), miss),
    ]
    rows = list(bench.measure(wanted, 5, quick=True))
    assert [(row.verdict, len(row.rounds)) for row in rows] == [("ok", 2), ("failed", 0), ("skipped", 0)]
    assert [row.document()["note"] for row in rows] == [None, "RuntimeError: no room", "not here"]
    assert taken == [True, True]


def test_a_missed_target_is_no_failure_of_the_command(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    missed = Measurement("help", "", (FAST,), lambda _: {"times_as_fast": 1})
    monkeypatch.setattr(bench, "MEASUREMENTS", (missed,))
    assert bench.main(["--json", "--only", "help", "--rounds", "1"]) == 0
    said = json.loads(capfdbinary.readouterr().out)
    assert said["schema"] == "keel.bench/1"
    assert [row["verdict"] for row in said["rows"]] == ["miss"]


def test_an_unknown_id_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        bench.main(["--only", "P99"])
    assert ended.value.code == 2
    assert "no measurement p99" in capsys.readouterr().err


def test_every_measurement_has_an_id_of_its_own_and_figures() -> None:
    ids = [measurement.id for measurement in MEASUREMENTS]
    assert len(set(ids)) == len(ids)
    assert all(measurement.figures for measurement in MEASUREMENTS)
