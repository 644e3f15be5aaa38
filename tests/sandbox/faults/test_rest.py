"""Faults of REST calls, as a client sees them over a real socket."""

import socket
import time

import httpx
import pytest

from tests.sandbox.faults.live import until


def orders(trader):
    return [one["id"] for one in trader.call("GET", "/data/orders")[1]["data"]]


def ask_for(live, market, **options):
    return httpx.get(live.url + "/book", params={"token_id": market.token_ids[0]}, **options)


def test_a_lost_request_never_reaches_the_venue(live):
    trader, market = live.traders[0], live.market()
    for manner, error in (("never", httpx.ReadTimeout), ("reset", httpx.ReadError)):
        live.throw("lose_request", manner=manner)
        live._http.timeout = 0.3 if manner == "never" else 10
        with pytest.raises(error):
            trader.place(market, 0, "BUY", "0.30", "10")
        live._http.timeout = 10
    assert orders(trader) == []
    assert live.on() == []
    assert [line["what"] for line in live.lines("lose_request")] == ["thrown", "effect", "ended"] * 2


@pytest.mark.parametrize(
    "manner, error", [("never", httpx.ReadTimeout), ("reset", httpx.ReadError), ("cut", httpx.RemoteProtocolError)]
)
def test_a_lost_answer_leaves_an_order_that_is_found_and_cannot_be_sent_twice(live, manner, error):
    trader, market = live.traders[0], live.market()
    body = trader.body(market, 0, "BUY", "0.30", "10")
    live.throw("lose_answer", manner=manner)
    live._http.timeout = 0.3 if manner == "never" else 10
    with pytest.raises(error):
        trader.call("POST", "/order", body)
    live._http.timeout = 10
    (order,) = orders(trader)
    status, again = trader.call("POST", "/order", body)
    assert (status, again["error"]) == (400, f"order {order} is invalid. Duplicated.")


def test_a_late_answer_comes_after_5_to_40_seconds_and_the_order_was_there_at_once(live):
    trader, market = live.traders[0], live.market()
    live.throw("late_answer", account=trader.account.address)
    begin_ns = live.now_ns
    assert trader.place(market, 0, "BUY", "0.30", "10")[1]["status"] == "live"
    assert 5 <= (live.now_ns - begin_ns) / 1e9 < 60
    assert trader.place(market, 0, "BUY", "0.31", "10")[1]["status"] == "live"


def test_an_error_can_be_said_of_an_order_that_is_booked(live):
    trader, market = live.traders[0], live.market()
    live.throw("error_though_done", status=502, error="bad gateway")
    assert trader.place(market, 0, "BUY", "0.30", "10") == (502, {"error": "bad gateway"})
    assert len(orders(trader)) == 1


def test_an_answer_can_end_in_the_middle(live):
    market = live.market()
    live.throw("cut_answer", path="/book")
    with pytest.raises(httpx.RemoteProtocolError):
        ask_for(live, market)
    live.throw("cut_answer", how="truncated", path="/book")
    answer = ask_for(live, market)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        answer.json()
    live.throw("reset_answer", path="/book")
    with pytest.raises(httpx.ReadError):
        ask_for(live, market)
    assert ask_for(live, market).json()["bids"]


def test_a_dribbling_answer_defeats_a_read_timeout(live):
    live.throw("dribble", path="/time")
    begin = time.monotonic()
    with httpx.stream("GET", live.url + "/time", timeout=1) as answer:
        pieces = [piece for piece, _ in zip(answer.iter_raw(), range(3), strict=False)]
    assert [len(piece) for piece in pieces] == [1, 1, 1]
    assert time.monotonic() - begin > 1.2


def test_a_kept_connection_can_turn_out_to_be_closed(live):
    raw = socket.create_connection((live.url[7:].split(":")[0], int(live.url.rsplit(":", 1)[1])), timeout=5)
    live.throw("stale_connection", path="/ok")
    raw.sendall(b"GET /ok HTTP/1.1\r\nHost: x\r\n\r\n")
    data = b""
    while piece := raw.recv(4096):
        data += piece
    assert data.endswith(b'"OK"')
    assert b"connection: close" not in data.lower()
    raw.close()
    live.throw("stale_connection", path="/ok", manner="last")
    assert httpx.get(live.url + "/ok").headers["connection"] == "close"


def test_too_many_requests_have_three_faces(live):
    live.throw("too_many", path="/ok", retry_after=7)
    answer = live.ask("GET", "/ok")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    live.throw("too_many", path="/ok", how="bare")
    answer = live.ask("GET", "/ok")
    assert (answer.status_code, "retry-after" in answer.headers) == (429, False)
    live.throw("too_many", path="/ok", how="html")
    answer = live.ask("GET", "/ok")
    assert (answer.status_code, answer.headers["content-type"]) == (429, "text/html; charset=UTF-8")
    assert live.ask("GET", "/ok").status_code == 200


def test_a_bare_429_may_hide_an_order_that_was_booked(live):
    trader, market = live.traders[0], live.market()
    live.throw("too_many", method="POST", path="/order", how="bare", done=True)
    assert trader.place(market, 0, "BUY", "0.30", "10")[0] == 429
    assert len(orders(trader)) == 1


def test_latency_is_added_silently_until_it_is_cleared(live):
    live.throw("latency", path="/ok", delay=10)
    for _ in range(2):
        begin_ns = live.now_ns
        assert live.ask("GET", "/ok").status_code == 200
        assert live.now_ns - begin_ns > 10e9
    assert live.clear("latency") == 1
    begin_ns = live.now_ns
    live.ask("GET", "/ok")
    assert live.now_ns - begin_ns < 5e9


def test_cloudflare_may_forbid_posts_with_a_page(live):
    trader, market = live.traders[0], live.market()
    live.throw("forbidden", count=2)
    body = trader.body(market, 0, "BUY", "0.30", "10")
    answer = trader.ask("POST", "/order", body)
    assert answer.status == 403
    assert answer.headers["content-type"].startswith("text/html")
    assert b"you have been blocked" in answer.body
    assert live.ask("GET", "/ok").status_code == 200
    assert trader.ask("POST", "/order", body).status == 403
    assert trader.ask("POST", "/order", body).status == 200


def test_a_blocked_region_may_read_but_not_trade(live):
    trader, market = live.traders[0], live.market()
    live.throw("region_block")
    assert trader.ask("POST", "/order", trader.body(market, 0, "BUY", "0.30", "10")).status == 403
    assert trader.call("GET", "/data/orders")[0] == 200
    said = live.ask("GET", "/site/api/geoblock").json()
    assert (said["blocked"], said["country"]) == (True, "US")
    assert live.clear("region_block") == 2
    assert live.ask("GET", "/site/api/geoblock").json()["blocked"] is False


def test_a_burst_of_401_concerns_signed_calls_only(live):
    trader = live.traders[0]
    live.throw("unauthorized")
    assert live.ask("GET", "/ok").status_code == 200
    assert [trader.call("GET", "/data/orders")[0] for _ in range(4)] == [401, 401, 401, 200]


def test_one_account_can_be_meant(live):
    one, other = live.traders[:2]
    live.throw("unauthorized", account=one.account.address, count=1)
    assert other.call("GET", "/data/orders")[0] == 200
    assert one.call("GET", "/data/orders")[0] == 401


def test_a_small_body_unpacks_to_many_mebibytes(live):
    live.throw("gzip_bomb", path="/book", mib=200)
    with httpx.stream("GET", live.url + "/book", timeout=10) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert int(answer.headers["content-length"]) < 1 << 18
        size = 0
        for piece in answer.iter_bytes():
            size += len(piece)
    assert size == (200 << 20) + 2


@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_points_elsewhere(live, status):
    live.throw("redirect", path="/ok", status=status, to="http://elsewhere.example")
    answer = live.ask("GET", "/ok")
    assert (answer.status_code, answer.headers["location"]) == (status, "http://elsewhere.example/ok")


def test_pages_repeat_never_end_or_are_missing(live):
    trader, market = live.traders[0], live.market()
    trader.place(market, 0, "BUY", "0.30", "10")
    live.throw("pages", how="repeat", path="/data/orders")
    pages = [trader.call("GET", "/data/orders", next_cursor="MA==")[1] for _ in range(2)]
    assert [page["next_cursor"] for page in pages] == ["MA==", "MA=="]
    live.clear()
    live.throw("pages", how="endless", path="/data/orders")
    cursors = [trader.call("GET", "/data/orders")[1]["next_cursor"] for _ in range(3)]
    assert "LTE=" not in cursors
    assert len(set(cursors)) == 3
    live.clear()
    live.throw("pages", how="missing", path="/data/orders")
    page = trader.call("GET", "/data/orders")[1]
    assert (page["data"], page["next_cursor"]) == ([], "LTE=")
    live.clear()
    assert len(orders(trader)) == 1


def test_stale_reads_lag_behind_by_so_many_seconds(live):
    trader, market = live.traders[0], live.market()
    live.throw("stale_reads", path="/data/orders", lag=30)
    assert orders(trader) == []
    trader.place(market, 0, "BUY", "0.30", "10")
    assert orders(trader) == []
    assert until(lambda: orders(trader))
    assert {line["what"] for line in live.lines("stale_reads")} == {"thrown", "effect"}


def test_a_balance_can_be_stale(live):
    trader, market = live.traders[0], live.market()
    live.throw("stale_reads", path="/balance-allowance", lag=1_000)
    live.throw("stale_reads", path="/book", lag=1_000)
    asked = {"asset_type": "COLLATERAL", "signature_type": trader.signature_type}
    before = trader.call("GET", "/balance-allowance", **asked)[1]["balance"]
    book = ask_for(live, market).json()
    assert trader.place(market, 0, "BUY", "0.60", "100", kind="FOK")[1]["status"] == "matched"
    assert trader.call("GET", "/balance-allowance", **asked)[1]["balance"] == before
    assert ask_for(live, market).json() == book
    live.clear()
    assert ask_for(live, market).json() != book


def test_orders_are_refused_that_the_venue_would_have_taken(live):
    trader, market = live.traders[0], live.market()
    live.throw("post_only_crosses")
    assert trader.place(market, 0, "BUY", "0.30", "10")[0] == 200
    status, answer = trader.place(market, 0, "BUY", "0.30", "10", post_only=True)
    assert (status, answer["error"]) == (400, "invalid post-only order: order crosses book")
    live.throw("killed")
    status, answer = trader.place(market, 0, "BUY", "0.60", "10", kind="FOK")
    assert (status, answer["error"][:5]) == (400, "order")
    live.throw("killed")
    status, answer = trader.place(market, 0, "BUY", "0.60", "10", kind="FAK")
    assert (status, answer["error"][:15]) == (400, "no orders found")
    live.throw("version_mismatch")
    assert trader.place(market, 0, "BUY", "0.30", "10") == (400, {"error": "order_version_mismatch"})


def test_orders_of_a_batch_are_refused_leg_by_leg(live):
    trader, market = live.traders[0], live.market()
    live.throw("version_mismatch")
    legs = [trader.body(market, 0, "BUY", "0.30", "10") for _ in range(2)]
    status, answer = trader.call("POST", "/orders", legs)
    assert status == 200
    assert [(leg["orderID"], leg["errorMsg"]) for leg in answer] == [("", "order_version_mismatch")] * 2


def test_somebody_else_may_have_sent_a_heartbeat(live):
    trader = live.traders[1]
    live.throw("second_writer")
    status, first = trader.call("POST", "/v1/heartbeats", {"heartbeat_id": ""})
    assert status == 200
    status, refused = trader.call("POST", "/v1/heartbeats", first)
    assert (status, refused["error_msg"]) == (400, "Invalid Heartbeat ID")
    assert refused["heartbeat_id"] != first["heartbeat_id"]
    assert trader.call("POST", "/v1/heartbeats", {"heartbeat_id": refused["heartbeat_id"]})[0] == 200


def test_chance_and_time_end_a_switch_as_well(live):
    live.throw("too_many", path="/ok", probability=0.5, count=1_000)
    statuses = [live.ask("GET", "/ok").status_code for _ in range(60)]
    assert {200, 429} == set(statuses)
    live.clear()
    live.throw("too_many", path="/version", seconds=10)
    assert live.ask("GET", "/version").status_code == 429
    assert until(lambda: live.ask("GET", "/version").status_code == 200)
    assert live.on() == []
