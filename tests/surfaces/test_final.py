"""What stands at the end of a run: the same figures for people and for scripts, and kept for who asked for the end."""

import json
from pathlib import Path

from models.snapshot import Profit, Spell
from models.statistics import Held, Statistics
from models.units import SHARE
from surfaces.final import final, final_lines, keep, kept

QUIET = Statistics("paper", ("maker",), "1-7", 2, 61_000_000_000, 0, 0, {}, 0, 0, 0, 0, 0, Profit(), (), (), ())
BUSY = Statistics(
    "live", ("desk",), "3-7", 10, 3_725_000_000_000, 1_234, 57, {"duplicate": 7, "net_limit": 5}, 45, 30, 1, 9, 1,
    Profit(1_250_000, -40_000, 130_000, 20_000), (Held("desk", "fed-cut-jan", 5 * SHARE, 2_500_000),),
    (Spell("no_book", 2, 90_000_000_000),), (Spell("CANCEL_ONLY by operator", 1, 4_000_000_000),),
)  # fmt: skip


def test_the_block_says_all_that_the_document_says() -> None:
    assert final_lines(final(BUSY, 1, [{"order_id": "0xab", "slug": "fed-cut-jan"}], 8)) == [
        "=" * 72,
        "FINAL STATISTICS",
        "=" * 72,
        "Run time:           01:02:05  live, tag desk",
        "Scan cycles:        1,234  decisions on 10 markets",
        "Opportunities:      57  orders wanted",
        "  refused:          12  duplicate 7, net_limit 5",
        "Orders:             45  30 cancelled, 1 rejected",
        "Trades:             9",
        "Successful:         8",
        "Failed:             1",
        "Success rate:       88.9%",
        "Total profit:       +1.10",
        "  realized:         +1.25",
        "  marked:           -0.04",
        "  fees:             -0.13",
        "  rebates:          +0.02",
        "Still held:         fed-cut-jan  5 YES, 2.5 NO",
        "Without quotes:     no_book  2 times, 00:01:30",
        "Held back:          CANCEL_ONLY by operator  once, 00:00:04",
        "MAY STILL FILL:     fed-cut-jan 0xab",
        "=" * 72,
    ]


def test_a_run_without_a_trade_says_so() -> None:
    block = "\n".join(final_lines(final(QUIET, 1, [], 0)))
    assert "Trades:             0  nothing was traded" in block
    assert "Success rate:       -\n" in block
    assert "Still held:         nothing\n" in block
    assert "MAY STILL FILL" not in block


def test_what_has_no_mark_is_said_and_not_counted() -> None:
    document = final(Statistics(**{**_fields(QUIET), "profit": Profit(500_000, None)}), 1, [], 0)
    assert (document["profit"]["marked"], document["profit"]["total"]) == (None, "0.5")
    assert "  marked:           no mark" in final_lines(document)


def test_long_lists_are_cut_for_people_and_whole_for_scripts() -> None:
    many = tuple(Held("desk", f"m-{number}", SHARE, 0) for number in range(30))
    document = final(Statistics(**{**_fields(QUIET), "held": many}), 1, [], 0)
    assert len(document["held"]) == 30
    assert "and 10 more" in "\n".join(final_lines(document))


def test_the_document_is_kept_for_the_process_that_it_is_of(tmp_path: Path) -> None:
    assert kept(tmp_path, 4) is None
    document = final(BUSY, 4, [], 0)
    keep(tmp_path, document)
    assert kept(tmp_path, 4) == json.loads(json.dumps(document))
    assert kept(tmp_path, 5) is None, "another process's"
    (tmp_path / "final.json").write_text("{", encoding="utf-8")
    assert kept(tmp_path, 4) is None
    assert [path.name for path in tmp_path.iterdir()] == ["final.json"]


def _fields(statistics: Statistics) -> dict[str, object]:
    return {name: getattr(statistics, name) for name in statistics.__struct_fields__}
