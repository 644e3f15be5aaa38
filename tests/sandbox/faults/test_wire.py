"""Faults of connections, modes of the venue and limits of its callers, over a real socket."""

import json
import socket
import time

import httpx
import pytest
import websocket

from tests.sandbox.faults.live import SPEED, until


def connect(live):
    host, port = live.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=5)


def ok(raw):
    raw.sendall(b"GET /ok HTTP/1.1\r\nHost: x\r\n\r\n")
    data = b""
    while not data.endswith(b'"OK"'):
        piece = raw.recv(4096)
        if not piece:
            return False
        data += piece
    return True


def hangs(live, **options):
    try:
        httpx.get(live.url + "/ok", timeout=0.3, **options)
    except httpx.ReadTimeout:
        return True
    return False


def answers(live):
    return httpx.get(live.url + "/ok", timeout=10).status_code == 200


def first(sock):
    return json.loads(sock.raw.recv())


def test_kept_connections_are_closed_by_the_server(live):
    raw = connect(live)
    assert ok(raw)
    live.throw("close_idle")
    assert raw.recv(10) == b""
    raw.close()


def test_connections_are_reset(live):
    raw, sock = connect(live), live.subscribe(live.market())
    first(sock)
    assert ok(raw)
    live.throw("cut_lines")
    with pytest.raises(ConnectionResetError):
        raw.recv(10)
    assert sock.close_code() is None
    raw.close()


def test_a_partition_lets_nothing_through_and_ends_by_itself(live):
    sock = live.subscribe(live.market())
    first(sock)
    live.throw("partition", seconds=16)
    assert hangs(live)
    sock.raw.send("PING")
    sock.raw.settimeout(0.1)
    with pytest.raises(websocket.WebSocketTimeoutException):
        sock.raw.recv()
    assert live.on() == ["partition"]
    until(lambda: not live.on())
    sock.raw.settimeout(5)
    assert sock.raw.recv() == "PONG"
    assert answers(live)


@pytest.mark.parametrize("direction, placed", [("in", False), ("out", True)])
def test_a_partition_can_have_one_direction(live, direction, placed):
    trader, market = live.traders[0], live.market()
    live.throw("partition", direction=direction, line="http")
    body = json.dumps(trader.body(market, 0, "BUY", "0.30", "10"), separators=(",", ":")).encode()
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(live.url + "/order", content=body, headers=trader.headers("POST", "/order", body), timeout=0.3)
    live.clear("partition")
    assert bool(trader.call("GET", "/data/orders")[1]["data"]) is placed


def test_a_hold_that_ends_leaves_the_others(live):
    live.throw("partition", line="http")
    live.throw("deaf", line="http")
    live.clear("partition")
    assert hangs(live)
    live.clear("deaf")
    assert answers(live)


def test_a_mode_that_ends_leaves_the_one_that_came_after_it(live):
    trader, market = live.traders[0], live.market()
    live.throw("cancel_only")
    live.throw("disabled")
    live.clear("cancel_only")
    assert "currently disabled" in trader.place(market, 0, "BUY", "0.30", "10")[1]["error"]


def test_a_half_open_connection_never_says_a_word_again(live):
    raw = connect(live)
    assert ok(raw)
    live.throw("half_open", line="http")
    raw.settimeout(0.3)
    with pytest.raises(TimeoutError):
        ok(raw)
    assert answers(live)
    raw.close()


def test_a_peer_may_read_nothing(live):
    sock = live.subscribe(live.market())
    first(sock)
    live.throw("deaf")
    sock.raw.settimeout(0.3)
    with pytest.raises((websocket.WebSocketTimeoutException, TimeoutError)):
        sock.raw.send_binary(b"x" * 20_000_000)


def test_a_line_may_be_narrow(live):
    market = live.market()
    live.throw("narrow", line="market", bytes_per_second=2_000)
    begin = time.monotonic()
    sock = live.subscribe(market)
    assert len(first(sock)) == 2
    assert time.monotonic() - begin > 0.4


def test_new_sockets_are_dropped_after_a_second_or_three(live):
    live.throw("flap", least=2, most=4)
    for _ in range(3):
        begin = time.monotonic()
        assert live.open().close_code() is None
        assert 1.5 / SPEED < time.monotonic() - begin < 10
    live.clear("flap")
    sock = live.open()
    sock.raw.settimeout(0.5)
    with pytest.raises(websocket.WebSocketTimeoutException):
        sock.raw.recv()


@pytest.mark.parametrize("code", [1000, 1001, 1012, 4001])
@pytest.mark.parametrize("channel", ["market", "user"])
def test_sockets_are_closed_with_a_code(live, code, channel):
    sock = live.subscribe(live.market()) if channel == "market" else live.listen(live.traders[0])
    assert live.throw("drop_ws", code=code, channel=channel) >= 1
    assert sock.close_code() == code


def test_sockets_are_dropped_without_a_code(live):
    sock = live.subscribe(live.market())
    live.throw("drop_ws", code=1006)
    assert sock.close_code() is None


def test_the_second_url_has_an_expired_certificate(live):
    url = live.ask("GET", "/sandbox/status").json()["expired_tls_url"]
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(url + "/ok")
    assert httpx.get(url + "/ok", verify=False).json() == "OK"


def test_a_restart_is_425_and_then_post_only(live):
    trader, market = live.traders[0], live.market()
    live.throw("restart", seconds=10)
    assert trader.place(market, 0, "BUY", "0.30", "10")[0] == 425
    assert trader.call("DELETE", "/cancel-all")[0] == 425
    until(lambda: trader.call("DELETE", "/cancel-all")[0] == 200)
    answer = trader.ask("POST", "/order", trader.body(market, 0, "BUY", "0.30", "10"))
    said = json.loads(answer.body)
    assert (answer.status, said["code"]) == (503, "post_only_mode")
    assert int(answer.headers["retry-after"]) == said["retry_after_seconds"] <= 120
    assert trader.place(market, 0, "BUY", "0.30", "10", post_only=True)[0] == 200
    status, legs = trader.call("POST", "/orders", [trader.body(market, 0, "BUY", "0.29", "10")])
    assert status == 200
    assert "post-only mode" in legs[0]["errorMsg"]
    live.clear("restart")
    assert trader.place(market, 0, "BUY", "0.28", "10")[0] == 200


def test_modes_refuse_what_they_do_not_take(live):
    trader, market = live.traders[0], live.market()
    _, placed = trader.place(market, 0, "BUY", "0.30", "10")
    live.throw("cancel_only")
    status, answer = trader.place(market, 0, "BUY", "0.31", "10")
    assert (status, "cancel-only" in answer["error"]) == (503, True)
    assert trader.call("DELETE", "/order", {"orderID": placed["orderID"]})[1]["canceled"] == [placed["orderID"]]
    live.clear()
    live.throw("disabled")
    for call in (trader.place(market, 0, "BUY", "0.31", "10"), trader.call("DELETE", "/cancel-all")):
        assert (call[0], "currently disabled" in call[1]["error"]) == (503, True)
    assert trader.call("GET", "/data/orders")[0] == 200
    live.clear()
    live.throw("post_only", seconds=1_000)
    assert trader.place(market, 0, "BUY", "0.31", "10")[0] == 503
    live.clear()
    assert trader.place(market, 0, "BUY", "0.31", "10")[0] == 200


def test_an_account_can_be_put_into_closed_only_mode(live):
    trader, market = live.traders[0], live.market()
    live.throw("closed_only", account=trader.account.address)
    status, answer = trader.place(market, 0, "BUY", "0.30", "10")
    assert (status, "address in closed only mode" in answer["error"]) == (400, True)
    assert trader.call("GET", "/auth/ban-status/closed-only")[1] == {"closed_only": True}
    assert live.traders[1].place(market, 0, "BUY", "0.30", "10")[0] == 200
    live.clear()
    assert trader.place(market, 0, "BUY", "0.30", "10")[0] == 200


def test_an_empty_bucket_refuses_orders_and_says_when_it_will_not(live):
    trader, market = live.traders[2], live.market()
    batch = [trader.body(market, 0, "BUY", "0.30", "10") for _ in range(15)]
    assert live.throw("drain_bucket", account=trader.account.address, bucket="orders") == 60
    # It fills again twenty times as fast as it would, so the first batch may come too late.
    while (refused := trader.ask("POST", "/orders", batch)).status == 200:
        live.throw("drain_bucket", account=trader.account.address, bucket="orders")
    assert refused.status == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["poly-ratelimit-tier"] == "Standard"
    assert until(lambda: trader.place(market, 0, "BUY", "0.30", "10")[0] == 200)


def test_cancels_can_be_in_debt(live):
    trader = live.traders[2]
    live.throw("drain_bucket", account=trader.account.address, debt=2_000)
    answer = trader.ask("DELETE", "/cancel-all")
    assert answer.status == 429
    assert int(answer.headers["poly-ratelimit-remaining"]) < 0
    assert until(lambda: trader.ask("DELETE", "/cancel-all").status == 200)


def test_who_calls_too_often_waits(live):
    """`/tick-size` lets 200 calls of 10 seconds through; what exceeds them waits until there is room."""
    token = live.market().token_ids[0]
    begin_ns = live.now_ns
    statuses = [live.ask("GET", "/tick-size", token_id=token).status_code for _ in range(450)]
    assert set(statuses) == {200}
    assert live.now_ns - begin_ns > 20e9


def test_heartbeats_that_stop_cancel_everything(live):
    trader, market = live.traders[1], live.market()
    status, _ = trader.call("POST", "/heartbeats")
    assert status == 200
    trader.place(market, 0, "BUY", "0.30", "10")
    begin_ns = live.now_ns
    until(lambda: not trader.call("GET", "/data/orders")[1]["data"])
    assert 5e9 < live.now_ns - begin_ns < 30e9
