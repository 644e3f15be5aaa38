

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
