import json

import pytest

from sandbox.markets import CATEGORIES
from sandbox.messages import HttpRequest
from sandbox.rest import listings
from sandbox.rest.site import Site


def test_compact_market_info_names_tokens_minimum_tick_and_fee(populated):
    world = populated()
    for market in world.markets:
        status, info = world.call("clob", "GET", f"/clob-markets/{market['condition_id']}")
        assert status == 200
        assert [(entry["t"], entry["o"]) for entry in info["t"]] == list(
            zip(market["token_ids"], market["outcomes"], strict=True)
        )
        assert (info["mos"], info["mts"], info["ao"], info["v"]) == (5, 0.01, True, "v1")
        assert info["fd"]["r"] in (0.04, 0.05, 0.07)
        assert info.get("nr", False) == market["neg_risk"]
    assert world.call("clob", "GET", "/clob-markets/0x12") == (404, {"error": "market not found"})


def test_what_is_no_endpoint_is_not_found(populated):
    world = populated()
    for path in ("/nothing", "/book/12", "/markets/a/b/c", "//", "/ok/"):
        assert world.call("clob", "GET", path) == (404, {"error": "not found"})


def test_a_method_that_an_endpoint_does_not_have_is_not_allowed(populated):
    world = populated()
    for method, path in (("POST", "/book"), ("GET", "/books"), ("DELETE", "/tick-size/12"), ("PUT", "/markets/0x12")):
        assert world.call("clob", method, path) == (405, {"error": "method not allowed"})


def test_compact_market_info_has_the_keys_of_the_venue_in_their_order(populated, shared):
    world = populated("crypto_5m", count=1)
    captured = json.loads((shared / "payloads/adriancova_polymarket-bot-v2/clob-markets-v1.json").read_text())
    _, info = world.call("clob", "GET", f"/clob-markets/{world.markets[0]['condition_id']}")
    assert [key for key in captured if key in info] == list(info)
    assert set(captured) - set(info) <= {"itode"}
    assert (info["r"], info["fd"], info["mos"], info["mbf"]) == (
        captured["r"], captured["fd"], captured["mos"], captured["mbf"],
    )  # fmt: skip


def test_compact_market_info_tells_delays_starts_and_the_newer_protocol(populated, shared):
    world = populated()
    market = world.exchange.catalogue.markets[0]
    market.taker_delay_ns, market.clear_on_start, market.version = 50_000_000, True, "v2"
    market.game_start_ns = 1_790_000_000 * 10**9
    captured = json.loads((shared / "payloads/adriancova_polymarket-bot-v2/clob-markets-v2.json").read_text())
    _, info = world.call("clob", "GET", f"/clob-markets/{market.condition_id}")
    assert [key for key in info if key in captured] == list(captured)
    assert (info["itode"], info["cbos"], info["v"], info["gst"]) == (True, True, "v2", "2026-09-21T14:13:20Z")


def test_a_market_has_the_fields_of_the_venue(populated, shared):
    world = populated()
    for name in ("nautilus_trader_python/http_responses/market.json", *_CLOSED):
        captured = json.loads((shared / "payloads" / name).read_text())
        _, market = world.call("clob", "GET", f"/markets/{world.markets[0]['condition_id']}")
        assert set(market) == set(captured)
        assert set(market["rewards"]) == set(captured["rewards"])
        assert [set(token) for token in market["tokens"]] == [set(token) for token in captured["tokens"]]
        for key, value in captured.items():
            assert value is None or market[key] is None or isinstance(market[key], type(value) | int | float), key


def test_the_tokens_of_a_closed_market_say_who_won(populated):
    world = populated()
    first = world.markets[0]
    world.call("control", "POST", "/faults", {"fault": "resolve", "market": first["slug"], "outcome": "No"})
    _, market = world.call("clob", "GET", f"/markets/{first['condition_id']}")
    assert (market["closed"], market["accepting_orders"], market["rewards"]["rates"]) == (True, False, None)
    assert [(token["price"], token["winner"]) for token in market["tokens"]] == [(0, False), (1, True)]
    _, sampling = world.call("clob", "GET", "/sampling-markets")
    assert first["condition_id"] not in [one["condition_id"] for one in sampling["data"]]


def test_the_parent_market_of_a_token_is_found(populated):
    world = populated()
    market = world.markets[2]
    yes, no = market["token_ids"]
    for token in (yes, no):
        assert world.call("clob", "GET", f"/markets-by-token/{token}") == (
            200,
            {"condition_id": market["condition_id"], "primary_token_id": yes, "secondary_token_id": no},
        )
    assert world.call("clob", "GET", "/markets-by-token/12") == (404, {"error": "market not found"})


def test_listings_are_paged_by_cursor(populated, monkeypatch):
    monkeypatch.setattr(listings, "_MARKETS_PER_PAGE", 20)
    world = populated(count=45)
    world.exchange.catalogue.markets[0].category = CATEGORIES["geopolitics"]
    for path in ("/markets", "/simplified-markets", "/sampling-markets", "/sampling-simplified-markets"):
        found, cursors, cursor = [], [], "MA=="
        while cursor != "LTE=":
            status, page = world.call("clob", "GET", path, next_cursor=cursor)
            assert (status, page["limit"], page["count"]) == (200, 20, len(page["data"]))
            found += [market["condition_id"] for market in page["data"]]
            cursor = page["next_cursor"]
            cursors.append(cursor)
        assert cursors[0] == "MjA="
        expected = [market["condition_id"] for market in world.markets]
        assert found == (expected[1:] if "sampling" in path else expected)
    assert (
        world.call("clob", "GET", "/markets")[1]["data"]
        == world.call("clob", "GET", "/markets", next_cursor="MA==")[1]["data"]
    )


@pytest.mark.parametrize("cursor", ["x", "LTE=", "====", "w6k=", "MTAwMDAwMDAwMDA="])
def test_a_cursor_that_is_none_is_refused(populated, cursor):
    answer = populated().call("clob", "GET", "/markets", next_cursor=cursor)
    assert answer == (400, {"error": "Invalid next_cursor"})


def test_a_condition_id_is_checked(populated):
    world = populated()
    for path in ("/markets", "/clob-markets", "/rewards/markets", "/markets/live-activity"):
        assert world.call("clob", "GET", f"{path}/{'é'}") == (400, {"error": "Invalid market"})
        assert world.call("clob", "GET", f"{path}/0x{'1' * 64}") == (404, {"error": "market not found"})


def test_what_was_traded_in_a_market_is_listed(populated):
    world = populated()
    world.subscribe()
    world.advance(20)
    for market in world.markets:
        frames = [
            f for _, f in world.seen if f["event_type"] == "last_trade_price" and f["market"] == market["condition_id"]
        ]
        for path in ("/markets/live-activity", "/live-activity/events"):
            _, events = world.call("clob", "GET", f"{path}/{market['condition_id']}")
            assert [(e["transaction_hash"], e["side"], e["size"], float(e["price"])) for e in events] == [
                (f["transaction_hash"], f["side"], f["size"], float(f["price"])) for f in frames
            ]
        assert {event["market"]["slug"] for event in events} <= {market["slug"]}


def test_rewards_of_all_markets_and_of_one_are_listed(populated):
    world = populated()
    plain = world.exchange.catalogue.markets[0]
    plain.category = CATEGORIES["geopolitics"]
    _, current = world.call("clob", "GET", "/rewards/markets/current")
    assert (current["limit"], current["count"], current["next_cursor"]) == (500, 9, "LTE=")
    for row in current["data"]:
        assert (row["rewards_min_size"], row["rewards_max_spread"]) == (50, 4.5)
        (config,) = row["rewards_config"]
        assert row["total_daily_rate"] == config["rate_per_day"]
        _, own = world.call("clob", "GET", f"/rewards/markets/{row['condition_id']}")
        (whole,) = own["data"]
        assert whole["rewards_config"][0]["rate_per_day"] == config["rate_per_day"]
        assert whole["market_competitiveness"] > 0
        assert sum(token["price"] for token in whole["tokens"]) == pytest.approx(1)
    assert world.call("clob", "GET", "/rewards/markets/current", sponsored="true")[1]["data"] == []
    assert world.call("clob", "GET", f"/rewards/markets/{plain.condition_id}")[1]["data"] == []


def test_rebates_are_asked_for_by_day_and_maker(populated):
    world = populated()
    maker = "0x" + "1" * 40
    assert world.call("clob", "GET", "/rebates/current", date="2026-09-21", maker_address=maker) == (200, [])
    for query, error in (
        ({"date": "2026-09-21"}, "Invalid maker_address"),
        ({"date": "21.9.2026", "maker_address": maker}, "Invalid date (format: YYYY-MM-DD)"),
        ({"maker_address": maker}, "Invalid date (format: YYYY-MM-DD)"),
    ):
        assert world.call("clob", "GET", "/rebates/current", **query) == (400, {"error": error})


def test_the_site_says_where_the_caller_is(populated, shared):
    captured = json.loads((shared / "payloads/docs_examples/geoblock.json").read_text())
    _, said = populated().call("site", "GET", "/api/geoblock")
    assert list(said) == list(captured)
    assert said["blocked"] is False
    site = Site()
    site.blocked, site.country, site.region = True, "US", "NY"
    answer = site.routes["GET", "/api/geoblock"](HttpRequest("site", "GET", "/api/geoblock", {}), 0)
    assert answer is not None
    assert json.loads(answer.body) == captured | {"ip": "127.0.0.1"}


_CLOSED = [f"nautilus_trader_rust/clob_market_closed_binary_accepting_{text}.json" for text in ("true", "false")]
