"""Commands over a real socket, by the real client."""

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from decimal import Decimal
from threading import Thread, active_count
from time import monotonic

import httpx
import pytest

from models.controls.families import CONTROLS
from models.markets import YES, Side
from models.messages.control import Reading
from models.messages.decisions import Gate, RefusalNote
from models.units import SHARE
from surfaces import control_guard
from surfaces.cli.errors import CommandError
from surfaces.socket_file import is_answered
from tests.bin.processes import until
from tests.little_engine import NO
from tests.surfaces.conftest import Served

_OTHERS_WAIT_S = 60
"""How long commands wait for an order that does not end: a kill behind them would come after that."""


def test_the_status_has_every_figure_as_a_decimal_string(served: Served) -> None:
    engine = served.engine
    engine.book(1, 3_100, 3_300)
    engine.flow(1, -41, 6)
    engine.fill(1, shares=5)
    engine.place(1, NO, 5_100)
    stop = Gate("net_diff", False, 5 * SHARE, 5 * SHARE, "size", "open", "PM_MAX_NET_DIFF")
    engine.decide(1, "Hedge", gates=(Gate("book", True), stop), reason="hedging")
    engine.clock.at_ns += 90_000_000_000
    with served.client() as client:
        found = client.get("/v1/status")
    assert (found["schema"], found["mode"], found["pid"], found["uptime_s"]) == ("keel.status/1", "paper", 4121, 90.0)
    assert found["states"] == {"HEDGE": 1, "BALANCED": 2}
    assert (found["markets_on"], found["markets_total"], found["orders_open"]) == (3, 3, 1)
    assert found["started_at"] == "2025-11-21T14:03:22.120000Z"
    pnl = found["pnl"]
    assert Decimal(pnl["total"]) == Decimal(pnl["realized"]) + Decimal(pnl["unrealized"]) - Decimal(pnl["fees"])
    assert pnl["unrealized"] == "-0.85"
    row = found["markets"][0]
    assert (row["slug"], row["state"], row["net_shares"], row["no_quote"], row["yes_quote"]) == (
        "market-1", "HEDGE", "5", "0.51", None,
    )  # fmt: skip
    assert (row["ofi_yes"], row["ofi_no"], row["ofi_threshold"], row["toxic"]) == ("-41", "6", "50", False)
    assert (row["can_open"], row["stopped_by"]) == (False, "opening: |net_diff| 5.0 >= 5.0 (PM_MAX_NET_DIFF)")
    assert (row["bid"], row["ask"], row["book_age_s"]) == ("0.31", "0.33", 90.0)


def test_the_status_of_one_market_has_one_row(served: Served) -> None:
    with served.client() as client:
        assert [row["slug"] for row in client.get("/v1/status", market="market-2")["markets"]] == ["market-2"]


def test_markets_are_listed_with_exactly_the_keys_of_the_contract(served: Served) -> None:
    served.engine.fill(2, NO, shares=5)
    with served.client() as client:
        client.post("/v1/commands/off", markets=["market-3"])
        found = client.get("/v1/markets")
    assert sorted(found) == ["markets", "schema"]
    assert {tuple(row) for row in found["markets"]} == {("slug", "condition_id", "on", "state", "net_shares")}
    assert [tuple(row.values()) for row in found["markets"]] == [
        ("market-1", served.engine.id(1), True, "BALANCED", "0"),
        ("market-2", served.engine.id(2), True, "HEDGE", "-5"),
        ("market-3", served.engine.id(3), False, "OFF", "0"),
    ]


def test_off_over_the_socket_says_what_happened_and_who_said_it(served: Served) -> None:
    for _ in range(3):
        served.engine.place(1)
    with served.client() as client:
        found = client.post("/v1/commands/off", markets=["market-1"])
    assert found["lines"] == ["market-1 off: 3 orders cancelled, 0 open, flat"]
    assert (found["proven"], found["markets"][0]["before"], found["markets"][0]["after"]) == (True, "BALANCED", "OFF")
    assert served.engine.audited[0].who.startswith("test ")


def test_a_book_has_the_levels_of_both_tokens_as_the_venue_writes_them(served: Served) -> None:
    served.engine.book(1, 4_850, 5_200, 12)
    with served.client() as client:
        found = client.get("/v1/markets/market-1/book")
        assert found["yes"] == {"token_id": "11", "bids": [["0.485", "12"]], "asks": [["0.52", "12"]]}
        assert found["no"] == {"token_id": "12", "bids": [["0.48", "12"]], "asks": [["0.515", "12"]]}
        with pytest.raises(CommandError, match="no book yet"):
            client.get("/v1/markets/market-2/book")


def test_why_has_the_text_and_the_figures(served: Served) -> None:
    served.engine.decide(1, gates=(Gate("portfolio_cost", False, 10_300, 10_200, "price", "open"),))
    with served.client() as client:
        (found,) = client.get("/v1/why", market="market-1")["explanations"]
    assert found["gates"] == [
        {
            "name": "portfolio_cost", "passed": False, "blocks": "open", "value": "1.03", "threshold": "1.02",
            "unit": "price", "note": "",
        }
    ]  # fmt: skip
    assert found["text"].splitlines()[1] == "  [STOP] opening: portfolio_cost 1.030 >= 1.020"


def test_a_refused_wish_names_the_control_its_number_and_how_that_is_computed(served: Served) -> None:
    served.engine.decide(1, refusals=(RefusalNote(YES, Side.BUY, "net_limit", "|net| 15 > 10"),))
    with served.client() as client:
        (found,) = client.get("/v1/why", market="market-1")["explanations"]
        shown = client.get("/v1/board", selected="market-1")["why"]
    (refusal,) = found["refusals"]
    assert (refusal["control"], refusal["detail"], refusal["blocks"]) == ("net_limit", "|net| 15 > 10", "open")
    assert refusal["parameters"] == ["inventory.max_net_diff"]
    assert found["text"].splitlines()[-1] == shown.splitlines()[-1]
    assert shown.splitlines()[-1] == f"  YES buy refused by net_limit: |net| 15 > 10   [{refusal['computed']}]"


def test_risk_says_where_every_control_stands(served: Served) -> None:
    served.engine.readings += [
        Reading("duplicate", "all", 3, 12, "count"),
        Reading("market_worst_case", "market-1", 30.5, 150.0, "dollars"),
        Reading("market_worst_case", "market-2", 160.0, 150.0, "dollars", holds=True, note="since noon"),
        Reading("cash_reserve", "all", 100.0, 25.0, "dollars at least"),
    ]
    with served.client() as client:
        found = client.get("/v1/risk")
        of_one = client.get("/v1/risk", market="market-1")
        with pytest.raises(CommandError, match="no market"):
            client.get("/v1/risk", market="elsewhere")
    assert found["readings"][1] == {
        "control": "market_worst_case", "scope": "market-1", "value": 30.5, "limit": 150.0, "unit": "dollars",
        "used": 0.2033, "holds": False, "blocks": "open", "note": "",
    }  # fmt: skip
    assert found["readings"][3]["used"] == 0.25, "a reserve is used up as it is come near"
    assert [one["scope"] for one in of_one["readings"]][:2] == ["all", "market-1"]
    assert "market-2" not in [one["scope"] for one in of_one["readings"]]
    assert {control["name"] for control in found["controls"]} == CONTROLS.keys()


def test_risk_that_does_not_answer_is_not_taken_for_risk_with_nothing_to_say(served: Served) -> None:
    served.engine.deaf = True
    served.engine.clock.at_ns += 1
    with served.client() as client, pytest.raises(CommandError, match="did not answer"):
        client.get("/v1/risk")


def test_the_limit_that_binds_first_is_counted_in_orders(served: Served) -> None:
    served.engine.book(1, 4_900, 5_100)
    served.engine.readings += [
        Reading("open_orders_market", "market-1", 1, 4, "count"),
        Reading("market_worst_case", "market-1", 145.0, 150.0, "dollars"),
        Reading("open_positions", "all", 3, 3, "count"),
    ]
    served.engine.fill(1)
    with served.client() as client:
        (found,) = client.get("/v1/risk/explain", market="market-1")["markets"]
    assert (found["order_shares"], found["order_usd"]) == (5.0, 2.5)
    assert [(one["control"], one["orders_left"]) for one in found["bounds"]][:2] == [
        ("market_worst_case", 2), ("open_orders_market", 3),
    ]  # fmt: skip


def test_the_board_gives_the_log_after_a_number(served: Served) -> None:
    served.engine.fill(1, shares=1)
    served.engine.fill(2, shares=2)
    with served.client() as client:
        found = client.get("/v1/board")
        assert [line["text"] for line in found["log"]] == ["filled YES 1 @ 0.480", "filled YES 2 @ 0.480"]
        last = found["log"][0]["sequence"]
        assert [line["market"] for line in client.get("/v1/board", since=last)["log"]] == ["market-2"]


@pytest.mark.proves("I45")
def test_kill_and_its_release(served: Served) -> None:
    served.engine.place(1)
    with served.client() as client:
        assert client.get("/v1/kill")["killed"] is False
        assert client.post("/v1/kill", reason="dr\x1bill")["lines"] == [
            "all killed: 1 order cancelled, 0 open in 3 markets"
        ]
        found = client.get("/v1/kill")
        assert found.pop("by").startswith("test ")
        assert found == {
            "schema": "keel.kill/1", "killed": True, "reason": "drill", "since": "2025-11-21T14:03:22.120000Z",
            "confirm": "CLEAR", "source": "test",
        }  # fmt: skip
        with pytest.raises(CommandError) as refused:
            client.post("/v1/kill/clear", confirmed=False)
        assert (refused.value.code, refused.value.exit_code) == ("confirmation_required", 6)
        with pytest.raises(CommandError, match="that is not the word") as refused:
            client.post("/v1/kill/clear", confirmed=True, word="clear it")
        assert refused.value.exit_code == 6
        client.post("/v1/kill/clear", word="CLEAR")
        assert client.get("/v1/kill")["killed"] is False
    assert served.engine.gate == ["closed: drill", "opened"]


def test_a_kill_does_not_stand_in_line_behind_other_commands(served: Served) -> None:
    with _waiting(served, _pause) as waiting, served.client(_OTHERS_WAIT_S) as client:
        said = {"reason": "now", "timeout_s": 0.1}
        found = client._send("POST", "/v1/kill", json=said, headers={"x-keel-request": "kill-beside-45"})
        assert not found["proven"]
        assert served.engine.gate == ["closed: now"]
        assert all(thread.is_alive() for thread in waiting)


def test_a_stop_does_not_stand_in_line_behind_kills(served: Served) -> None:
    with _waiting(served, _kill) as waiting, served.client() as client:
        assert client.post("/v1/stop")["stopping"]
        assert served.engine.ended
        assert all(thread.is_alive() for thread in waiting)


def test_a_kill_does_not_stand_in_line_behind_other_kills(served: Served) -> None:
    before = active_count()
    with _waiting(served, _kill) as waiting:
        most = before + 2 * len(waiting)
        until(lambda: active_count() >= most, "each waits for its proof in a thread of its own")


@contextmanager
def _waiting(served: Served, command: Callable[[Served], None]) -> Generator[list[Thread]]:
    """Have 45 commands wait for an order that does not end before this is over."""
    stuck = served.engine.place(1)
    served.engine.stuck = {stuck}
    waiting = [Thread(target=command, args=(served,)) for _ in range(45)]
    for thread in waiting:
        thread.start()
    try:
        yield waiting
    finally:
        served.engine.stuck.clear()
        served.engine.cancel_order(stuck, "at last")
        for thread in waiting:
            thread.join()


def _pause(served: Served) -> None:
    with served.client(_OTHERS_WAIT_S) as client, suppress(CommandError):
        client.post("/v1/commands/pause", markets=[])


def _kill(served: Served) -> None:
    with served.client(_OTHERS_WAIT_S) as client, suppress(CommandError):
        client.post("/v1/kill", reason="gone")


def test_a_user_whose_name_has_other_letters_may_kill_all_the_same(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "zoë")
    with served.client() as client:
        assert client.post("/v1/kill", reason="drill")["proven"]
    assert served.engine.audited[0].who == "test zo?"


def test_stop_is_acknowledged_with_the_process_that_stops(served: Served) -> None:
    with served.client() as client:
        assert client.post("/v1/stop") == {"schema": "keel.stop/1", "stopping": True, "pid": 4121, "orders_open": 0}
    assert served.engine.ended


@pytest.mark.proves("I40")
@pytest.mark.parametrize(
    "method, route, body, code, exit_code",
    [
        ("POST", "/v1/commands/off", {"markets": ["nope"]}, "not_found", 7),
        ("POST", "/v1/commands/off", {"markets": []}, "usage", 2),
        ("POST", "/v1/commands/explode", {}, "not_found", 7),
        ("POST", "/v1/commands/pause", {"market": ["market-1"]}, "usage", 2),
        ("POST", "/v1/commands/pause", {"timeout_s": -1}, "usage", 2),
        ("GET", "/v1/nowhere", None, "not_found", 7),
        ("GET", "/v1/markets/", None, "not_found", 7),
        ("POST", "/v1/kill/", {}, "not_found", 7),
        ("GET", "/v1/markets/nope", None, "not_found", 7),
    ],
)
def test_a_bad_request_is_answered_by_the_envelope(
    served: Served, method: str, route: str, body: dict[str, object] | None, code: str, exit_code: int
) -> None:
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(served.path), verify=False), base_url="http://keel") as raw:
        answer = raw.request(method, route, json=body, headers={"x-keel-request": "one-of-a-kind"})
    assert not answer.is_success
    error = answer.json()["error"]
    assert sorted(error) == ["code", "hint", "message", "retryable"]
    assert CommandError(error["code"], error["message"]).exit_code == exit_code
    assert error["code"] == code


def test_a_failure_inside_is_an_envelope_too_and_the_server_goes_on(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.engine.board, "look", lambda: 1 / 0)
    with served.client() as client:
        with pytest.raises(CommandError) as failed:
            client.get("/v1/status")
        monkeypatch.undo()
        assert (failed.value.code, failed.value.exit_code) == ("internal", 1)
        assert client.get("/v1/markets")["schema"] == "keel.markets/1"


def test_a_failure_of_the_guard_itself_is_an_envelope_too(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_guard, "ROLES", None)
    with served.client() as client, pytest.raises(CommandError, match="NoneType") as failed:
        client.post("/v1/commands/pause", markets=[])
    assert failed.value.code == "internal"
    assert served.engine.audited == []


def test_silence_of_risk_is_a_timeout(served: Served) -> None:
    served.engine.deaf = True
    with served.client(0.3) as client, pytest.raises(CommandError) as late:
        client.post("/v1/commands/pause", markets=[])
    assert (late.value.code, late.value.exit_code) == ("timeout", 5)


def test_nobody_there_is_said_at_once(served: Served) -> None:
    served.server.stop()
    assert not served.path.exists()
    began = monotonic()
    with served.client() as client, pytest.raises(CommandError) as missing:
        client.get("/v1/status")
    assert (missing.value.code, missing.value.exit_code) == ("not_running", 3)
    assert f"engine is not running (socket {served.path})" in str(missing.value)
    assert monotonic() - began < 3


def test_a_file_without_a_listener_means_not_running(served: Served) -> None:
    served.server.stop()
    served.path.touch()
    with served.client() as client, pytest.raises(CommandError) as missing:
        client.get("/v1/status")
    assert missing.value.exit_code == 3


def test_a_server_stops_with_a_client_connected_and_starts_again(served: Served) -> None:
    with served.client() as client:
        client.get("/v1/markets")
        served.server.stop()
        with pytest.raises(CommandError) as gone:
            client.get("/v1/markets")
        assert gone.value.exit_code == 3
    assert not is_answered(served.path)


def test_the_documents_are_plain_json(served: Served) -> None:
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(served.path), verify=False), base_url="http://keel") as raw:
        for route in ("/v1/status", "/v1/board", "/v1/markets", "/v1/markets/market-1", "/v1/kill"):
            answer = raw.get(route)
            assert answer.headers["content-type"] == "application/json"
            assert json.loads(answer.content)["schema"].startswith("keel.")
