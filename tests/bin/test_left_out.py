"""Markets end: an engine that is told to trade some that have starts with the others, and says which it left out."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bin.catalogue import read_catalogue, sandbox_endpoints, with_held
from surfaces.cli.errors import CommandError, Exit
from surfaces.client import EngineClient
from surfaces.socket_file import find_socket
from tests.bin.processes import Engine, Sandbox, engine, keel, sandbox


@pytest.fixture(scope="module")
def venue() -> Iterator[Sandbox]:
    """Three markets, of which the first has ended."""
    with sandbox("--markets-count", 3, "--seed", 7) as running:
        listed = running.said["markets"]
        running.fault("resolve", market=listed[0]["condition_id"], outcome=listed[0]["outcomes"][1])
        yield running


@pytest.fixture(scope="module")
def running(venue: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    named = ",".join(venue.slugs[:2])
    with engine(tmp_path_factory.mktemp("desk"), "--sandbox", venue.url, "--markets", named, "--paused") as started:
        yield started


def test_it_trades_the_others_and_says_so_everywhere(running: Engine, venue: Sandbox) -> None:
    ended, other, _ = venue.said["markets"]
    said = f"{ended['slug']} is left out: closed: YES pays 0"
    status = running.status()
    assert [row["slug"] for row in status["markets"]] == [other["slug"]]
    left = {"slug": ended["slug"], "condition_id": ended["condition_id"], "reason": "closed: YES pays 0"}
    assert status["left_out"] == [left]
    assert said in running.log
    with sqlite3.connect(f"file:{running.data_dir}/arb.db?mode=ro", uri=True) as database:
        known = database.execute("SELECT key, value FROM meta WHERE key LIKE 'slug/%'").fetchall()
    assert known == [(f"slug/{other['condition_id']}", other["slug"])]
    assert running.keel("status").stdout.splitlines()[-1] == said
    for name in (ended["slug"], ended["condition_id"], ended["token_ids"][0]):
        with pytest.raises(CommandError, match=f"{ended['slug']} is not traded: it is closed: YES pays 0") as raised:
            running.get("/v1/why", market=name)
        assert raised.value.hint == "take it out of `markets` of the configuration"


def test_a_market_that_has_ended_is_not_added(running: Engine, venue: Sandbox) -> None:
    with (
        pytest.raises(CommandError, match=f"{venue.slugs[0]} is closed: YES pays 0") as raised,
        EngineClient(find_socket(running.data_dir), 30) as client,
    ):
        client.post("/v1/commands/add", market=venue.slugs[0])
    assert raised.value.exit_code == Exit.REFUSED


@pytest.mark.parametrize(
    ("names", "code", "said"),
    [
        ((0,), Exit.CONFIGURATION, "none of the markets to trade is open: {0} is closed: YES pays 0"),
        ((0, "no-such-market"), Exit.NOT_FOUND, "no open market 'no-such-market'"),
        ((1, "0x404"), Exit.NOT_FOUND, "no open market '0x404'"),
    ],
)
def test_without_any_market_that_is_open_or_with_one_that_is_unknown_nothing_starts(
    venue: Sandbox, tmp_path: Path, names: tuple[int | str, ...], code: Exit, said: str
) -> None:
    named = ",".join(venue.slugs[name] if isinstance(name, int) else name for name in names)
    answer = keel("run", "--sandbox", venue.url, "--markets", named, "--data-dir", tmp_path, "--json")
    assert answer.returncode == code, answer.stderr
    error = json.loads(answer.stdout or answer.stderr)["error"]
    assert said.format(*venue.slugs) in error["message"]
    assert error["hint"] or code is Exit.NOT_FOUND


def test_one_that_is_named_and_held_is_kept_until_it_is_paid(venue: Sandbox) -> None:
    where, ended = sandbox_endpoints(venue.url), venue.said["markets"][0]
    named = read_catalogue(where, (ended["slug"],))
    assert named.markets == {}
    kept = with_held(where, named, {ended["condition_id"]})
    assert set(kept.markets) == {ended["condition_id"]}
    assert kept.resolved == {ended["condition_id"]: 0}
    assert [one.reason for one in kept.left_out] == ["closed: YES pays 0; kept for what is held there"]
