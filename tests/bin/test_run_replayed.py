"""A recording over a real WebSocket, a hundred times as fast, ends in the books of its replay from the file."""

import json
from contextlib import ExitStack
from pathlib import Path

from tests.bin.processes import Document, Engine, Sandbox, engine, keel, sandbox, until
from tests.bin.recording import SLUG, frames, write_recording


def test_a_small_recording_reaches_the_books_of_its_replay(tmp_path: Path) -> None:
    tape = write_recording(tmp_path / "rain.jsonl")
    expected = final_books(tape)
    with (
        sandbox("--replay", tape, "--speed", 100) as venue,
        engine(tmp_path / "data", "--sandbox", venue.url, "--profile", "small_250") as running,
    ):
        played(venue, len(list(frames(400, 1))))
        reaches(running, expected)
        assert running.status()["decisions"] > 5
        why = running.keel("why", SLUG)
        assert why.returncode == 0
        assert why.stdout.startswith(SLUG)


def test_recorded_games_reach_the_books_of_their_replays(shared: Path, tmp_path: Path) -> None:
    folder = shared / "recordings" / "signaldrift_mlb" / "derived_frames"
    tapes = [next(folder.glob(f"*{game}*")) for game in ("ari-tor-2025-06-19", "kc-tex-2025-06-19")]
    with ExitStack() as stack:
        pairs: list[tuple[Sandbox, Engine]] = []
        for number, tape in enumerate(tapes):
            venue = stack.enter_context(sandbox("--replay", tape, "--speed", 100))
            arguments = ("--sandbox", venue.url, "--profile", "small_250")
            pairs.append((venue, stack.enter_context(engine(tmp_path / str(number), *arguments))))
        for tape, (venue, running) in zip(tapes, pairs, strict=True):
            played(venue, venue.status()["replay"]["total"])
            reaches(running, final_books(tape))


def final_books(tape: Path) -> dict[str, Document]:
    replayed = keel("replay", tape, "--json")
    assert replayed.returncode == 0, replayed.stderr
    return json.loads(replayed.stdout)["final_books"]


def played(venue: Sandbox, total: int) -> Document:
    """Wait until the sandbox has sent all frames."""

    def state() -> Document | None:
        replay = venue.status()["replay"]
        return replay if replay["done"] and replay["frames"] == total else None

    return until(state, "the recording is played", 90)


def reaches(running: Engine, expected: dict[str, Document]) -> None:
    """Wait until the engine has the same levels of both tokens; check that `keel book` shows them."""
    for slug, book in expected.items():
        route, levels = f"/v1/markets/{slug}/book", _levels(book)
        until(lambda route=route, levels=levels: _levels(running.get(route)) == levels, f"the book of {slug}", 15)
        assert _levels(json.loads(running.keel("book", slug, "--json").stdout)) == levels


def _levels(book: Document) -> Document:
    return {token: book[token] for token in ("yes", "no")}
