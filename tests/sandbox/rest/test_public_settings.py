"""The limiters over a real socket, and how a test sets them."""

import json
import time

import pytest

from tests.sandbox.faults.live import SPEED, Live, until


@pytest.fixture(scope="module")
def live():
    venue = Live()
    yield venue
    venue.stop()


def change(live, **said):
    answer = live.ask("POST", "/sandbox/settings", json.dumps(said).encode())
    return answer.status_code, answer.json()


def test_settings_are_shown_changed_and_logged(live):
    assert live.ask("GET", "/sandbox/settings").json() == {
        "signer_limits": "enforced",
        "refuse_beyond": None,
        "blocked": False,
        "country": "IE",
        "region": "L",
    }
    assert live.ask("GET", "/site/api/geoblock").json()["blocked"] is False
    status, said = change(live, blocked=True, country="US", region="NY")
    assert (status, said["country"]) == (200, "US")
    assert live.ask("GET", "/site/api/geoblock").json() == {
        "blocked": True,
        "ip": "127.0.0.1",
        "country": "US",
        "region": "NY",
    }
    lines = live.ask("GET", "/sandbox/log", after=0).json()["lines"]
    assert [line["country"] for line in lines if line["kind"] == "setting"] == ["US"]


@pytest.mark.parametrize(
    "said",
    [{"colour": 1}, {"refuse_beyond": 0.5}, {"signer_limits": "off"}, {"tiers": {"0x12": "Gold"}}, {"blocked": "yes"}],
)
def test_a_setting_that_does_not_exist_says_what_would_be_right(live, said):
    status, answer = change(live, **said)
    assert status == 400
    assert answer["error"].startswith("expected some of signer_limits, refuse_beyond, tiers, blocked, country, region")
    status, answer = change(live, tiers={"0x" + "1" * 40: "Wood"})
    assert (status, answer["error"][:27]) == (400, "expected a tier of Standard")


def test_calls_beyond_a_window_are_refused_at_a_factor_and_else_made_to_wait(live):
    begin = time.monotonic()
    assert change(live, refuse_beyond=1)[0] == 200
    assert [live.ask("POST", "/relayer/submit").status_code for _ in range(25)] == [401] * 25
    refused = live.ask("POST", "/relayer/submit")
    assert (refused.status_code, refused.json()) == (429, {"error": "Too Many Requests"})
    assert not [name for name in refused.headers if name.startswith("poly-")]
    assert change(live, refuse_beyond=None)[0] == 200
    assert live.ask("POST", "/relayer/submit").status_code == 401
    assert time.monotonic() - begin > 60 / SPEED


def test_a_signers_bucket_refuses_a_batch_whole_with_headers_that_say_so(live):
    trader = live.traders[0]
    ids = [f"0x{number:064x}" for number in range(121)]
    refused = trader.ask("DELETE", "/orders", ids)
    assert (refused.status, refused.json()) == (429, {"error": "Too Many Requests"})
    assert refused.headers["poly-ratelimit-tier"] == "Standard"
    assert int(refused.headers["poly-ratelimit-remaining"]) == 120
    assert int(refused.headers["poly-ratelimit-reset"]) > live.now_ns // 10**9 - 60
    assert int(refused.headers["retry-after"]) >= 1
    passed = trader.ask("DELETE", "/orders", ids[:120])
    assert passed.status == 200
    assert "retry-after" not in passed.headers
    assert int(passed.headers["poly-ratelimit-remaining"]) < 120


def test_in_warning_mode_the_same_batch_passes_with_a_warning(live):
    trader = live.traders[1]
    ids = [f"0x{number:064x}" for number in range(121)]
    assert change(live, signer_limits="warning")[0] == 200
    warned = trader.ask("DELETE", "/orders", ids)
    assert (warned.status, warned.headers["poly-ratelimit-warning"]) == (200, "true")
    assert change(live, signer_limits="enforced")[0] == 200


def test_a_signer_of_a_higher_tier_may_do_more_at_once(live):
    trader = live.traders[2]
    assert change(live, tiers={trader.account.address: "Gold"})[0] == 200
    ids = [f"0x{number:064x}" for number in range(600)]
    # The larger bucket begins with what the smaller one held.
    passed = until(lambda: (answer := trader.ask("DELETE", "/orders", ids)).status == 200 and answer)
    assert passed.headers["poly-ratelimit-tier"] == "Gold"
