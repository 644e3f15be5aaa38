"""From when on: what people write, and what a database can be asked."""

import sqlite3

import pytest

from surfaces.cli.app import run
from surfaces.cli.errors import CommandError
from surfaces.cli.since import since_ns

NOW_NS = 1_790_000_000_000_000_000
_HOUR_NS = 3_600_000_000_000


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        (None, 0), ("2h", NOW_NS - 2 * _HOUR_NS), ("999999d", 0), ("2026-08-01", 1_785_542_400_000_000_000),
        ("2026-08-01T01:00:00+01:00", 1_785_542_400_000_000_000), ("0001-01-01", 0), ("9999-12-31", (1 << 63) - 1),
    ],
)  # fmt: skip
def test_a_time_is_read_and_is_one_that_a_database_knows(text: str | None, ns: int) -> None:
    assert since_ns(text, NOW_NS) == ns
    assert sqlite3.connect(":memory:").execute("SELECT ?", (ns,)).fetchone() == (ns,)


@pytest.mark.parametrize("text", ["", "yesterday", "2h30m", "-2h", "2026-13-01"])
def test_what_is_no_time_says_what_would_be(text: str) -> None:
    with pytest.raises(CommandError, match="no time"):
        since_ns(text, NOW_NS)


@pytest.mark.parametrize("command", [("audit",), ("orders", "list", "--past")])
@pytest.mark.parametrize("limit", ["0", "99999999999999999999999", "x"])
def test_a_limit_is_a_number_that_can_be_asked_for(
    command: tuple[str, ...], limit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "--limit", limit]) == 2
    assert "for --limit" in capsys.readouterr().err
