"""What keeps an engine from trading live: each cause by its name and its fix, and never a secret in what is said."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.venues.polymarket.clob_session import ReadFailed
from actors.venues.polymarket.verdicts import Cause, Fate, Verdict
from bin.admission import read_again
from tests.bin.processes import Sandbox, keel, sandbox

ARMED = {"KEEL_ARMED": "true", "STRATEGY_TAG": "desk"}
STRANGER = "0x" + "5e" * 32


@pytest.fixture(scope="module")
def venue() -> Iterator[Sandbox]:
    with sandbox("--port", 0, "--markets-count", 2, "--seed", 3) as running:
        yield running


def owner(venue: Sandbox, number: int, **more: str) -> dict[str, Any]:
    """Return the environment of an account; the API key is made from its private key."""
    account = venue.said["accounts"][number]
    said = {
        "POLYMARKET_PRIVATE_KEY": account["private_key"],
        "SIGNATURE_TYPE": str(account["signature_type"]),
        "POLYMARKET_FUNDER": account["funder"],
    }
    return ARMED | said | more


def start(venue: Sandbox, data_dir: Path, variables: dict[str, Any]) -> tuple[int, dict[str, Any], str]:
    """Start live; return the exit code, the error, and everything that was printed."""
    told = ("--mode", "live", "--sandbox", venue.url, "--i-understand-live", "--yes", "--json", "--data-dir", data_dir)
    done = keel("run", *told, **variables)
    said = done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout)["error"], said


CASES: dict[str, tuple[int, dict[str, str], int, str, str]] = {
    "no key": (0, {"POLYMARKET_PRIVATE_KEY": ""}, 4, "no private key is given", "POLYMARKET_PRIVATE_KEY"),
    "a key that is none": (0, {"POLYMARKET_PRIVATE_KEY": "0xabc1"}, 4, "not 64 hexadecimal digits", "export it anew"),
    "another's key": (1, {"POLYMARKET_PRIVATE_KEY": STRANGER}, 4, "to take nothing (it holds $0)", "the funder"),
    "half an API key": (0, {"CLOB_API_KEY": "half"}, 4, "missing: API secret, API passphrase", "all three"),
    "another's API key": (
        0,
        {
            "CLOB_API_KEY": "11111111-1111-1111-1111-111111111111",
            "CLOB_API_SECRET": "c2VjcmV0",
            "CLOB_API_PASSPHRASE": "p",
        },
        4,
        "does not take our word",
        "leave all three out",
    ),
    "the type of an own account": (1, {"SIGNATURE_TYPE": "0"}, 4, "signature type 0 wants", "set the signature type"),
    "the type of another wallet": (1, {"SIGNATURE_TYPE": "1"}, 4, "is a deposit wallet", "SIGNATURE_TYPE) to 3"),
    "a wallet that does not stand": (
        1,
        {"POLYMARKET_FUNDER": "0x" + "7a" * 20},
        4,
        "does not stand on chain",
        "one small trade",
    ),
    "the test chain": (0, {"CHAIN_ID": "80002"}, 4, "does not take our word", "signs for chain 80002"),
    "another chain": (0, {"CHAIN_ID": "1"}, 4, "chain 1 has no exchange", "use one of"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_cause_has_its_own_error_and_fix(venue: Sandbox, tmp_path: Path, case: str) -> None:
    number, changed, code, cause, fix = CASES[case]
    variables = owner(venue, number, **changed)
    found, error, said = start(venue, tmp_path / "data", variables)
    assert found == code, said
    assert cause in error["message"]
    assert fix in error["hint"] + error["message"]
    assert "Traceback" not in said
    for name in ("POLYMARKET_PRIVATE_KEY", "CLOB_API_SECRET"):
        secret = variables.get(name)
        assert not secret or secret.removeprefix("0x") not in said


def setting(venue: Sandbox, **changed: Any) -> None:
    body = json.dumps(changed).encode()
    request = urllib.request.Request(f"{venue.said['control_url']}/settings", body, method="POST")
    urllib.request.urlopen(request, timeout=5).close()


def test_where_the_venue_is_blocked_live_is_refused(venue: Sandbox, tmp_path: Path) -> None:
    setting(venue, blocked=True, country="US")
    try:
        found, error, _ = start(venue, tmp_path / "data", owner(venue, 0))
    finally:
        setting(venue, blocked=False, country="IE")
    assert found == 6
    assert "country US" in error["message"]


def test_a_clock_that_is_off_is_told_with_its_fix(tmp_path: Path) -> None:
    with sandbox("--port", 0, "--markets-count", 2, "--begin", "2026-01-01T00:00:00Z") as venue:
        found, error, _ = start(venue, tmp_path / "data", owner(venue, 0))
    assert found == 4
    assert "our clock is" in error["message"]
    assert "NTP" in error["hint"]


def test_a_key_file_that_others_may_read_is_refused(venue: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(venue.said["accounts"][0]["private_key"] + "\n", encoding="utf-8")
    file.chmod(0o644)
    variables = owner(venue, 0, POLYMARKET_PRIVATE_KEY="", KEEL_ACCOUNT__PRIVATE_KEY_FILE=str(file))
    found, error, _ = start(venue, tmp_path / "data", variables)
    assert found == 4
    assert "may be read by others (mode 0644)" in error["message"]
    assert "chmod 600" in error["hint"]


def test_nobody_who_does_not_understand_starts_live(venue: Sandbox, tmp_path: Path) -> None:
    done = keel(
        "run", "--mode", "live", "--sandbox", venue.url, "--yes", "--data-dir", tmp_path / "data", **owner(venue, 0)
    )
    assert done.returncode == 6
    assert "--i-understand-live --yes" in done.stderr


@pytest.mark.fault("F14")
def test_who_is_not_believed_once_asks_again_and_every_other_refusal_counts_at_once() -> None:
    answers: list[Cause | str] = [Cause.UNAUTHORISED, Cause.UNAUTHORISED, "known", Cause.BLOCKED]

    def read() -> str:
        said = answers.pop(0)
        if isinstance(said, Cause):
            raise ReadFailed("what it may", Verdict(Fate.REFUSED, said, "no"))
        return said

    assert read_again(read) == "known"
    with pytest.raises(ReadFailed):
        read_again(read)
    assert answers == [], "what is no question of belief is not asked again"
    answers += [Cause.UNAUTHORISED] * 3
    with pytest.raises(ReadFailed):
        read_again(read)
