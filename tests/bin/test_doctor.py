"""What `keel doctor` finds at a local venue, and that it leaves the venue as it was."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bin.processes import Sandbox, keel, sandbox


@pytest.fixture(scope="module")
def venue() -> Iterator[Sandbox]:
    with sandbox("--port", 0, "--markets-count", 2, "--seed", 3, "--tier", "Gold") as running:
        yield running


def examined(venue: Sandbox, *arguments: str, **variables: Any) -> tuple[int, dict[str, Any]]:
    done = keel("doctor", "--sandbox", venue.url, "--json", *arguments, **variables)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, {row["check"]: row for row in json.loads(done.stdout)["checks"]}


def owner(venue: Sandbox, number: int) -> dict[str, Any]:
    account = venue.said["accounts"][number]
    return {
        "POLYMARKET_PRIVATE_KEY": account["private_key"],
        "SIGNATURE_TYPE": str(account["signature_type"]),
        "POLYMARKET_FUNDER": account["funder"],
    }


def log(venue: Sandbox) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{venue.said['control_url']}/log?limit=10000", timeout=5) as answer:
        return json.load(answer)["lines"]


@pytest.mark.parametrize("number", [0, 1])
def test_an_account_in_order_is_found_so_and_no_order_is_sent(venue: Sandbox, number: int) -> None:
    key = venue.said["accounts"][number]["relayer_api_key"]["key"]
    code, rows = examined(venue, POLYMARKET_RELAYER_API_KEY=key, **owner(venue, number))
    assert code == 0, rows
    merges = rows.pop("merge path")
    assert {row["status"] for name, row in rows.items() if name not in ("disk", "open files")} == {"ok"}
    assert (merges["status"], merges["detail"]) == (
        ("ok", "relayer, by an own key, next nonce 0")
        if number
        else ("warn", "merge unavailable: the relayer path does not serve an account of its own (type 0)")
    )
    assert rows["protocol generation"]["figures"]["generation"] == 2
    assert rows["rate tier"]["figures"]["tier"] == "Gold"
    assert abs(rows["clock skew"]["figures"]["skew_s"]) <= 2
    assert rows["region"]["figures"] == {"country": "IE", "blocked": False}
    assert rows["allowances"]["figures"]["cash"] == "10000"
    assert rows["allowances"]["figures"]["allowances"]
    for name in ("clob", "gamma", "relayer", "site", "market feed", "user feed"):
        assert 0 < rows[f"latency {name}"]["figures"]["median_ms"] < 1_000
    asked = [(line["method"], line["path"]) for line in log(venue) if line["kind"] == "request"]
    assert ("GET", "/balance-allowance") in asked
    assert all(method == "GET" for method, _ in asked)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "no key of the relayer is given"),
        ({"RELAYER_API_KEY": "11111111-1111-1111-1111-111111111111"}, "invalid authorization"),
        ({"POLY_BUILDER_API_KEY": "half"}, "missing: builder secret, builder passphrase"),
    ],
)
def test_a_key_that_the_relayer_does_not_know_is_named(venue: Sandbox, given: dict[str, str], says: str) -> None:
    _, rows = examined(venue, **owner(venue, 1), **given)
    assert any(says in row["detail"] and row.get("fix") for row in rows.values() if row["status"] in ("warn", "fail"))
    assert "11111111" not in json.dumps(rows)


def test_without_a_key_what_anybody_may_ask_is_checked(venue: Sandbox) -> None:
    code, rows = examined(venue)
    assert code == 0
    assert rows["private key"]["status"] == "skip"
    assert "allowances" not in rows
    assert rows["region"]["status"] == "ok"


@pytest.mark.proves("I39")
def test_what_is_wrong_fails_with_its_fix_and_without_the_secret(venue: Sandbox) -> None:
    wrong = owner(venue, 1) | {"SIGNATURE_TYPE": "2"}
    code, rows = examined(venue, **wrong)
    assert code == 9
    assert rows["wallet"]["status"] == "fail"
    assert "to 3" in rows["wallet"]["fix"]
    assert wrong["POLYMARKET_PRIVATE_KEY"].removeprefix("0x") not in json.dumps(rows)


def test_offline_nothing_is_asked(venue: Sandbox, tmp_path: Path) -> None:
    before = len(log(venue))
    code, rows = examined(venue, "--offline", "--config", str(tmp_path / "none.yaml"))
    assert code == 9
    assert rows["configuration"]["status"] == "fail"
    assert not any(name.startswith("latency") for name in rows)
    assert len([line for line in log(venue) if line["kind"] == "request"]) <= before
