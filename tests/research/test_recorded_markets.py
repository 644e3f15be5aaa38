"""Which markets a recording holds, what a file says of them, and what is assumed."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from models.markets import NO, YES, Fees
from models.units import SHARE
from research.recorded_markets import RecordedMarkets, recorded_markets
from research.tape import TapeError, read_tape, read_tapes

START_MS = 1_750_000_000_000
ALL = ("condition_id", "token_ids", "outcomes", "tick", "min_order_size", "neg_risk", "fees", "end_ns")


def book(token: str, market: str = "a-slug", **more: Any) -> dict[str, Any]:
    frame = {
        "event_type": "book",
        "market": market,
        "asset_id": token,
        "timestamp": str(START_MS),
        "bids": [],
        "asks": [],
    }
    return {key: value for key, value in (frame | more).items() if value is not None}


def change(*tokens: str, market: str = "a-slug") -> dict[str, Any]:
    entries = [{"asset_id": token, "price": "0.5", "size": "1", "side": "BUY"} for token in tokens]
    return {"event_type": "price_change", "market": market, "timestamp": str(START_MS), "price_changes": entries}


def tape(folder: Path, *frames: Any, name: str = "tape.jsonl") -> Path:
    path = folder / name
    path.write_bytes(b"".join(json.dumps(frame).encode() + b"\n" for frame in frames))
    return path


def found(path: Path, described: Any = None) -> RecordedMarkets:
    if described is None:
        return recorded_markets(read_tape(path))
    markets_file = path.with_name("markets.json")
    markets_file.write_text(json.dumps(described))
    return recorded_markets(read_tape(path), markets_file)


def test_what_nobody_says_is_assumed_and_named(tmp_path: Path) -> None:
    recording = found(tape(tmp_path, book("22"), change("11", "22")))
    (market,) = recording.markets
    assert (market.id, market.slug, market.token_ids, market.condition_id) == ("a-slug", "a-slug", ("22", "11"), None)
    assert (market.tick, market.min_order_size, market.fees, market.neg_risk) == (100, 5 * SHARE, Fees(), False)
    assert market.assumed == ALL
    assert recording.tokens() == {"22": ("a-slug", YES), "11": ("a-slug", NO)}


def test_frames_say_what_they_say(tmp_path: Path) -> None:
    first = book("11", "0xabc", tick_size="0.001", min_order_size="15", neg_risk=True)
    (market,) = found(tape(tmp_path, first, change("11", "22", market="0xabc"))).markets
    assert (market.id, market.condition_id, market.tick, market.min_order_size) == ("0xabc", "0xabc", 10, 15 * SHARE)
    assert market.neg_risk
    assert market.assumed == ("token_ids", "outcomes", "fees", "end_ns")


def test_a_file_of_markets_says_the_rest(tmp_path: Path) -> None:
    described = {
        "slug": "a-slug", "condition_id": "0xabc", "token_ids": ["11", "22"], "outcomes": ["Up", "Down"],
        "tick_size": 0.001, "min_order_size": "5", "neg_risk": False, "fee_rate": 0.07, "end_ns": 5, "winner": "Down",
    }  # fmt: skip
    recording = found(tape(tmp_path, book("22"), change("22", "11")), {"markets": [{"slug": "other"}, described]})
    (market,) = recording.markets
    assert (market.id, market.slug, market.token_ids, market.outcomes) == (
        "0xabc",
        "a-slug",
        ("11", "22"),
        ("Up", "Down"),
    )
    assert (market.tick, market.fees, market.end_ns, market.assumed) == (10, Fees(70_000), 5, ())
    assert recording.winners == {"0xabc": NO}


@pytest.mark.parametrize("winner", [0, "0", "YES", "11"])
def test_a_winner_is_an_index_a_name_or_a_token(tmp_path: Path, winner: Any) -> None:
    described = {"slug": "a-slug", "token_ids": ["11", "22"], "winner": winner}
    assert found(tape(tmp_path, book("11")), [described]).winners == {"a-slug": YES}


def test_a_market_is_found_by_slug_before_condition_id_before_tokens(tmp_path: Path) -> None:
    one = {"slug": "one", "condition_id": "0xabc", "token_ids": ["11", "22"]}
    two = {"slug": "two", "condition_id": "0xabc", "token_ids": ["11", "22"]}
    for name, slug in (("one", "one"), ("two", "two"), ("0xabc", "one"), ("unheard-of", "one")):
        (market,) = found(tape(tmp_path, book("11", name)), {"markets": [one, two]}).markets
        assert (market.slug, market.id) == (slug, "0xabc")


def test_a_recorders_lines_are_a_file_of_markets(tmp_path: Path) -> None:
    described = {
        "slug": "a-slug", "condition_id": "0xabc", "tick_size": 0.01, "min_order_size": 5.0, "end_ts": 7,
        "outcomes": [{"token_id": "11", "outcome": "Up"}, {"token_id": "22", "outcome": "Down"}],
        "fee_parameters": {"fees_enabled": True, "raw_fee_config": {"rate": 0.072, "exponent": 1, "rebateRate": 0.2}},
    }  # fmt: skip
    markets_file = tmp_path / "markets.jsonl.gz"
    markets_file.write_bytes(gzip.compress((json.dumps({"slug": "b"}) + "\n" + json.dumps(described)).encode()))
    (market,) = recorded_markets(read_tape(tape(tmp_path, book("22", "0xabc"))), markets_file).markets
    assert (market.token_ids, market.outcomes, market.end_ns) == (("11", "22"), ("Up", "Down"), 7_000_000)
    assert (market.fees, market.assumed) == (Fees(72_000, 1, 200_000), ("neg_risk",))


@pytest.mark.parametrize("several", [False, True])
def test_gamma_objects_are_a_file_of_markets(tmp_path: Path, several: bool) -> None:
    gamma = {
        "conditionId": "0xabc", "slug": "a-slug", "clobTokenIds": '["11", "22"]', "outcomes": '["Up", "Down"]',
        "orderPriceMinTickSize": 0.001, "orderMinSize": 5, "negRisk": True, "closed": True, "acceptingOrders": False,
    }  # fmt: skip
    (market,) = found(tape(tmp_path, book("22", "0xabc")), [gamma] if several else gamma).markets
    assert (market.token_ids, market.tick, market.neg_risk, market.slug) == (("11", "22"), 10, True, "a-slug")
    assert market.accepting_orders


def test_a_token_of_two_markets_is_an_error_that_names_both_files(tmp_path: Path) -> None:
    first = tape(tmp_path, book("11", "one"), name="first.jsonl")
    second = tape(tmp_path, book("33", "two"), change("11", "33", market="two"), name="second.jsonl")
    with pytest.raises(TapeError) as raised:
        recorded_markets(read_tapes([first, second]))
    assert raised.value.line == 2
    assert all(str(path) in str(raised.value) for path in (first, second))


def test_the_same_market_in_several_files_is_one(tmp_path: Path) -> None:
    paths = [tape(tmp_path, change("11", "22"), name=name) for name in ("first.jsonl", "second.jsonl")]
    assert len(recorded_markets(read_tapes(paths)).markets) == 1


def test_a_third_token_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="one of the two tokens"):
        found(tape(tmp_path, change("11", "22"), change("33")))


def test_a_file_that_contradicts_the_recording_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="the tokens that the file of markets gives"):
        found(tape(tmp_path, book("99")), {"markets": [{"slug": "a-slug", "token_ids": ["11", "22"]}]})


def test_markets_that_are_merely_announced_are_not_on_the_tape(tmp_path: Path) -> None:
    announced = {"event_type": "new_market", "market": "0xnew", "timestamp": "1", "assets_ids": ["8", "9"]}
    assert [market.id for market in found(tape(tmp_path, book("11"), announced)).markets] == ["a-slug"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("not json", 1),
        ('{"slug": "one"}\n{"slug": ', 2),
        ('[{"slug": 5}]', 1),
        ('{"markets": [{"slug": "one", "outcomes": ["only"]}]}', 1),
        ('{"markets": [{"slug": "one", "tick_size": 0.3}]}', 1),
        ('{"markets": [{"slug": "one", "token_ids": ["1", "2"], "winner": "3"}]}', 1),
        ('{"conditionId": "0xabc", "clobTokenIds": "[]"}', 1),
    ],
)
def test_a_file_of_markets_that_is_none_is_named_with_its_line(tmp_path: Path, content: str, line: int) -> None:
    markets_file = tmp_path / "markets.json"
    markets_file.write_text(content)
    with pytest.raises(TapeError) as raised:
        recorded_markets(read_tape(tape(tmp_path, book("11"))), markets_file)
    assert (raised.value.path, raised.value.line) == (markets_file, line)
