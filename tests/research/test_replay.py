"""Replay in this process: what a report says of a recording, and the figures of the recordings beside the checkout."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from config.settings import load
from research.replay import Replay
from tests.bin.recording import NO, SLUG, YES, frames

Report = dict[str, Any]

MLB_RESYNCS = {"mlb-col-wsh-2025-06-19": 4, "mlb-mil-chc-2025-06-19": 1}
MLB_HASHES = {
    "mlb-cle-sf-2025-06-17": 178, "mlb-mil-chc-2025-06-17": 70, "mlb-hou-bal-2025-06-19": 196,
    "mlb-min-cin-2025-06-19": 64,
}  # fmt: skip
BOOK = {
    "event_type": "book", "market": SLUG, "hash": "", "asset_id": YES,
    "bids": [{"price": "0.48", "size": "30"}], "asks": [{"price": "0.52", "size": "30"}],
}  # fmt: skip
SECOND_MS = 1_000


def replay(
    *files: Path, markets: Path | None = None, strategy: str = "maker", trace: io.BytesIO | None = None
) -> Replay:
    settings = load({"strategy": strategy}, profile="small_250", config_file=None, env_file=None, environment={})
    return Replay(files, {strategy: strategy}, settings.engine, markets_file=markets, trace=trace)


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Write frames at times in milliseconds from the beginning of the tape."""

    def write(*at_ms: int, markets: object = None) -> Path:
        lines = [json.dumps({**BOOK, "timestamp": str(1_750_000_000_000 + at)}) + "\n" for at in at_ms]
        (tmp_path / "tape.jsonl").write_text("".join(lines), encoding="utf-8")
        (tmp_path / "markets.json").write_text(json.dumps(markets or []), encoding="utf-8")
        return tmp_path / "tape.jsonl"

    return write


def steps(trace: io.BytesIO, kind: str) -> list[tuple[int, str, Report]]:
    """Return the steps with a kind of message: milliseconds from the beginning, actor, message."""
    found = [json.loads(line) for line in trace.getvalue().splitlines()]
    return [
        (at_ns // 1_000_000 - 1_750_000_000_000, actor, message)
        for at_ns, actor, message in found
        if message["type"] == kind
    ]


def test_a_quiet_market_is_proven_alive_every_ten_seconds(written: Callable[..., Path]) -> None:
    trace = io.BytesIO()
    report = replay(written(0, 35 * SECOND_MS), trace=trace).run()
    proofs = steps(trace, "BookVerified")
    assert [at_ms for at_ms, *_ in proofs] == [10_000, 20_000, 30_000]
    assert all(message["synthetic"] for *_, message in proofs)
    assert report["decisions_on_synthetic_proof"] <= report["decisions"]


def test_a_minute_of_silence_is_a_lost_connection_and_proves_nothing(written: Callable[..., Path]) -> None:
    trace = io.BytesIO()
    replay(written(0, 95 * SECOND_MS, 106 * SECOND_MS), trace=trace).run()
    assert [at_ms for at_ms, *_ in steps(trace, "FeedLost")] == [60_000]
    assert [at_ms for at_ms, *_ in steps(trace, "FeedRestored")] == [95_000]
    assert [at_ms for at_ms, *_ in steps(trace, "BookVerified")] == [10_000, 20_000, 30_000, 40_000, 50_000, 105_000]


def test_time_never_steps_back(written: Callable[..., Path]) -> None:
    trace = io.BytesIO()
    replay(written(0, 5_000, 4_994, 5_001), trace=trace).run()
    assert [at_ms for at_ms, *_ in steps(trace, "BookFrame")] == [0, 5_000, 5_000, 5_001]


def test_what_the_recording_does_not_say_is_listed_or_given(written: Callable[..., Path], tmp_path: Path) -> None:
    tape = written(0)
    assumed = replay(tape).run()["assumed"][SLUG]
    assert "tick" in assumed
    assert "condition_id" in assumed
    facts = {"slug": SLUG, "token_ids": [NO, YES], "condition_id": "0x" + "1" * 64, "tick_size": "0.01"}
    tape = written(0, markets=[facts])
    report = replay(tape, markets=tmp_path / "markets.json").run()
    assert "tick" not in report["assumed"][SLUG]
    assert report["final_books"][SLUG]["no"]["token_id"] == YES, "as the file says, not as they came"
    assert report["final_books"][SLUG]["yes"]["bids"] == [("0.48", "30")], "the mirror of the other token"


def test_a_position_is_paid_out_where_the_winner_is_known_else_marked(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    tape.write_text("".join(json.dumps(frame) + "\n" for frame in frames(400, 1)), encoding="utf-8")
    paid: list[str] = []
    for winner in (YES, NO):
        facts = {"slug": SLUG, "token_ids": [YES, NO], "winner": winner}
        (tmp_path / "markets.json").write_text(json.dumps([facts]), encoding="utf-8")
        report = replay(tape, markets=tmp_path / "markets.json").run()
        parts = {name: float(amount) for name, amount in report["pnl"].items()}
        assert parts["total"] == pytest.approx(
            parts["realized"] + parts["unrealized"] - parts["fees"] + parts["rebates"], abs=1e-9
        )
        paid.append(report["pnl"]["unrealized"])
    marked = replay(tape).run()["pnl"]["unrealized"]
    assert min(map(float, paid)) <= float(marked) <= max(map(float, paid))


def test_a_replay_that_a_loss_kills_says_when_why_and_what_it_missed(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    tape.write_text("".join(json.dumps(frame) + "\n" for frame in frames(400, 2)), encoding="utf-8")
    settings = load(profile="small_250", config_file=None, env_file=None, environment={}).engine
    whole = Replay((tape,), {"maker": "maker"}, settings).run()
    assert whole["killed"] is None
    losses = replace(settings.losses, hour_loss=0.0001, day_loss=0.0001, day_loss_kill=0.0001)
    killed = Replay((tape,), {"maker": "maker"}, replace(settings, losses=losses)).run()
    assert killed["orders"] < whole["orders"]
    assert killed["fills"] >= 1
    why = killed["killed"]
    assert why["at"].startswith("2025-06-15T15:06")
    assert why["reason"].startswith("day_loss_kill: -0.")
    assert 0 < why["frames_missed"] < killed["frames"] == whole["frames"]
    assert why["seconds_missed"] > 0


@pytest.mark.parametrize("strategy", ["maker", "two_sided", "lead_lag", "complete_set"])
def test_every_strategy_plays_a_recording_or_says_that_it_is_not_for_it(tmp_path: Path, strategy: str) -> None:
    tape = tmp_path / "tape.jsonl"
    tape.write_text("".join(json.dumps(frame) + "\n" for frame in frames(60, 1)), encoding="utf-8")
    report = replay(tape, strategy=strategy).run()
    assert report["events"] > 60
    decided = report["decisions"] > 0
    assert decided == (strategy in ("maker", "two_sided"))
    assert (f"{strategy} decides on none of these markets" in report["warnings"]) != decided


def test_nothing_is_explained_before_it_was_played_and_then_all_desks_are(written: Callable[..., Path]) -> None:
    played = replay(written(0, 1_000))
    (market,) = played.markets
    assert list(played.explain(market.id)) == []
    played.run()
    (explanation,) = played.explain(market.id)
    assert (explanation.slug, explanation.tag) == (SLUG, "maker")


@pytest.fixture(scope="module")
def mlb(shared: Path) -> dict[str, tuple[Report, Report]]:
    """Replay every MLB recording without and with its markets; give both reports by slug."""
    folder = shared / "recordings" / "signaldrift_mlb"
    reports: dict[str, tuple[Report, Report]] = {}
    for file in sorted((folder / "derived_frames").iterdir()):
        bare, named = replay(file).run(), replay(file, markets=folder / "markets.json").run()
        reports["mlb-" + file.name.split("_mlb-")[1].split(".")[0].removesuffix("_early-partial")] = (bare, named)
    return reports


def test_the_maker_trades_on_each_mlb_recording(mlb: dict[str, tuple[Report, Report]]) -> None:
    assert len(mlb) == 13
    for slug, (bare, _) in mlb.items():
        assert bare["decisions"] > 0, slug
        assert bare["orders"] > 0, slug
        assert all(reason.isidentifier() for reason in bare["cancels_by_reason"]), slug


def test_the_mlb_recordings_resynchronise_five_times_in_two_files(mlb: dict[str, tuple[Report, Report]]) -> None:
    for slug, reports in mlb.items():
        for report in reports:
            assert report["resyncs"] == MLB_RESYNCS.get(slug, 0), slug


def test_every_mlb_book_hash_holds_where_the_condition_is_known(mlb: dict[str, tuple[Report, Report]]) -> None:
    for slug, (bare, named) in mlb.items():
        wanted = MLB_HASHES.get(slug, 0)
        assert (named["book_hash_checked"], named["book_hash_ok"]) == (wanted, wanted), slug
        assert bare["book_hash_checked"] == 0
        assert any("hashes are not checked" in warning for warning in bare["warnings"]), slug
    assert sum(named["book_hash_ok"] for _, named in mlb.values()) == 508


def test_a_second_replay_of_an_mlb_recording_gives_the_same_trace(
    mlb: dict[str, tuple[Report, Report]], shared: Path
) -> None:
    (file,) = (shared / "recordings" / "signaldrift_mlb" / "derived_frames").glob("*mlb-min-cin-*")
    assert replay(file).run() == mlb["mlb-min-cin-2025-06-19"][0]


def test_the_sessions_with_ten_key_hashes_give_their_known_figures(shared: Path) -> None:
    sessions = shared / "recordings" / "jonah_multifeed" / "reports" / "sessions"
    reports = [
        replay(session / "raw_messages.jsonl.gz", markets=session / "markets.jsonl.gz").run()
        for session in sorted(sessions.iterdir())
    ]
    total = {
        name: sum(report[name] for report in reports)
        for name in (
            "rest_hash_checked", "rest_hash_ok", "book_hash_checked", "book_hash_ok", "change_hash_checked",
            "change_hash_ok", "gaps",
        )
    }  # fmt: skip
    assert total == {
        "rest_hash_checked": 168, "rest_hash_ok": 168, "book_hash_checked": 126, "book_hash_ok": 126,
        "change_hash_checked": 70, "change_hash_ok": 66, "gaps": 4,
    }  # fmt: skip


def test_all_24_changes_of_the_fed_capture_are_proven(shared: Path) -> None:
    report = replay(shared / "recordings" / "tinli_fixtures" / "ws_frames_fed.json").run()
    assert (report["change_hash_checked"], report["change_hash_ok"]) == (24, 24)
