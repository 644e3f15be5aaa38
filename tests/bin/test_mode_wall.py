"""What an engine on paper says to the venue, every byte of it, though it is given all the keys there are."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from research.bench.relay import Relay
from research.prove.processes import Sandbox, sandbox
from tests.bin.processes import engine, until

_KEYS = {
    "PRIVATE_KEY": "0x" + "ca" * 32,
    "POLYMARKET_PRIVATE_KEY": "0x" + "ca" * 32,
    "POLYMARKET_API_KEY": "canary-key",
    "CLOB_SECRET": "Y2FuYXJ5LXNlY3JldA==",
    "CLOB_PASS_PHRASE": "canary-pass",
}
_PUBLIC = re.compile(rb"GET /(sandbox/status|(gamma/)?(markets|events)/keyset|ws/market|ws/reference)\b|POST /books ")


@pytest.fixture(scope="module")
def venue() -> Iterator[Sandbox]:
    with sandbox("--port", 0, "--profile", "demo", "--markets-count", 2, "--seed", 3) as running:
        yield running


@pytest.mark.proves("I28", "I39")
def test_who_trades_on_paper_asks_only_what_anybody_may(venue: Sandbox, tmp_path: Path) -> None:
    said: list[bytes] = []
    with Relay(venue, lambda piece, _: said.append(piece), lambda payload: payload) as relay:
        arguments = ("--sandbox", relay.venue.url, "--profile", "small_250")
        with engine(tmp_path / "data", *arguments, **_KEYS) as running:
            until(lambda: running.status()["orders"] >= 2, "it is at work")
            assert running.end() == 0
    asked = [piece for piece in said if re.match(rb"[A-Z]+ /", piece)]
    assert any(piece.startswith(b"GET /ws/market") for piece in asked)
    assert [piece.split(b"\r\n")[0] for piece in asked if not _PUBLIC.match(piece)] == []
    everything = b"".join(said)
    assert b"poly_" not in everything.lower()
    assert not any(secret.removeprefix("0x").encode() in everything for secret in _KEYS.values())
