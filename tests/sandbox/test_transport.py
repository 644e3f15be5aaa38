"""What a client sees of every manner, of frames that no server sends, and of connections that are cut or held."""

import ssl
import time
from functools import partial

import httpx
import pytest
import websocket

from sandbox.messages import (
    LINES,
    Answer,
    Close,
    Cut,
    Hold,
    HttpRequest,
    Send,
    SendRaw,
    SocketClosed,
    SocketOpened,
    SocketText,
)
from tests.sandbox.scripted import Running

BODY = '{"some":"body"}'

get = partial(httpx.get, verify=False)


@pytest.fixture(scope="module")
def server():
    server = Running()
    yield server
    server.stop()


@pytest.fixture
def running(server):
    server.exchange.forget()
    yield server
    server.exchange.on = lambda request, now_ns: [Hold(LINES), *server.exchange.echo(request, now_ns)]
    get(server.url + "/sandbox/go")
    server.leave()


def answering(running, **options):
    def on(request, now_ns):
        if not isinstance(request, HttpRequest):
            return []
        if request.service == "control":
            return [*options.get("control", []), Answer(200, '"done"', call=request.call)]
        return [Answer(200, BODY, options.get("headers", {}), request.call, options.get("manner", "whole"))]

    running.exchange.on = on


def ask(connection, path="/book", method="GET"):
    connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


def read_answer(connection):
    """Read one whole answer of a known length."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(4096)
    head, _, body = data.partition(b"\r\n\r\n")
    size = int(next(line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")))
    while len(body) < size:
        body += connection.recv(4096)
    return head, body


def drain(connection):
    """All that comes until the end, and how the end came."""
    data = b""
    try:
        while piece := connection.recv(4096):
            data += piece
    except ConnectionResetError:
        return data, "reset"
    return data, "end"


def sends_soon(connection, seconds=0.3):
    connection.settimeout(seconds)
    try:
        return connection.recv(4096) != b""
    except TimeoutError:
        return False
    finally:
        connection.settimeout(10)


def test_the_request_is_handed_over_as_it_was_sent(running):
    raw = running.connect()
    raw.sendall(b"PATCH /data/order/0xAB%2Fcd?a=1&a=&b=%20 HTTP/1.1\r\nHost: x\r\nPOLY_Address: 0xF\r\n")
    raw.sendall(b"Content-Length: 3\r\n\r\n\x00\xff{")
    assert read_answer(raw)[1] == b'"said"'
    (request,) = running.exchange.calls
    assert (request.service, request.method, request.path) == ("clob", "PATCH", "/data/order/0xAB%2Fcd")
    assert request.query == {"a": ["1", ""], "b": [" "]}
    assert request.headers["poly_address"] == "0xF"
    assert request.body == b"\x00\xff{"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"])
def test_every_method_reaches_the_exchange(running, method):
    answer = httpx.request(method, running.url + "/gamma/markets")
    assert answer.text == ("" if method == "HEAD" else '"said"')
    (request,) = running.exchange.calls
    assert (request.service, request.method, request.path) == ("gamma", method, "/markets")


@pytest.mark.parametrize(
    "path, service, shown",
    [
        ("/", "clob", "/"),
        ("/order", "clob", "/order"),
        ("/site/api/geoblock", "site", "/api/geoblock"),
        ("/relayer/deployed", "relayer", "/deployed"),
        ("/sandbox/status", "control", "/status"),
        ("/gamma", "gamma", "/"),
    ],
)
def test_the_first_part_of_a_path_names_the_service(running, path, service, shown):
    get(running.url + path)
    (request,) = running.exchange.calls
    assert (request.service, request.path) == (service, shown)


def test_an_answer_has_the_status_headers_and_bytes_that_it_is_given(running):
    running.exchange.on = lambda request, now_ns: [
        Answer(429, b"<html>\xff", {"Content-Type": "text/html", "Retry-After": "3"}, request.call)
    ]
    answer = get(running.url)
    assert (answer.status_code, answer.content) == (429, b"<html>\xff")
    assert (answer.headers["content-type"], answer.headers["retry-after"]) == ("text/html", "3")


def test_an_answer_may_come_with_a_later_tick_and_out_of_order(running):
    held = []

    def on(request, now_ns):
        held.append(request.call)
        if len(held) == 2:
            running.exchange.later = [
                (now_ns + (2 - index) * 50_000_000, Answer(200, str(index), call=call))
                for index, call in enumerate(held)
            ]
        return []

    running.exchange.on = on
    first, second = running.connect(), running.connect()
    ask(first)
    while not held:
        time.sleep(0.005)
    ask(second)
    assert read_answer(second)[1] == b"1"
    assert read_answer(first)[1] == b"0"


def test_a_client_that_goes_away_ends_the_wait(running):
    running.exchange.on = lambda request, now_ns: []
    for _ in range(3):
        with running.connect() as impatient:
            ask(impatient)
            assert not sends_soon(impatient, 0.05)
    answering(running)
    assert get(running.url).text == BODY


def test_a_cut_answer_has_its_head_and_half_its_body(running):
    answering(running, manner="cut")
    raw = running.connect()
    ask(raw)
    data, end = drain(raw)
    head, _, body = data.partition(b"\r\n\r\n")
    assert f"content-length: {len(BODY)}".encode() in head.lower()
    assert body == BODY.encode()[: len(BODY) // 2]
    assert end == "end"


def test_a_reset_answer_is_no_answer(running):
    answering(running, manner="reset")
    raw = running.connect()
    ask(raw)
    assert drain(raw) == (b"", "reset")


def test_an_answer_that_never_comes_leaves_the_connection_open(running):
    answering(running, manner="never")
    raw = running.connect()
    ask(raw)
    assert not sends_soon(raw)


def test_a_dribbled_answer_takes_half_a_second_for_each_byte(running):
    answering(running, manner="dribbled")
    raw = running.connect()
    begin = time.monotonic()
    ask(raw)
    data = b""
    while not data.endswith(BODY[:3].encode()):
        data += raw.recv(4096)
    assert 1.4 < time.monotonic() - begin < 8
    raw.close()
    answering(running)
    assert get(running.url).text == BODY


def test_the_last_answer_of_a_connection_says_so(running):
    answering(running, manner="last")
    raw = running.connect()
    ask(raw)
    assert b"connection: close" in read_answer(raw)[0].lower()
    assert drain(raw) == (b"", "end")


def test_a_stale_connection_was_not_said_to_end(running):
    answering(running, manner="stale")
    raw = running.connect()
    ask(raw)
    assert b"connection: close" not in read_answer(raw)[0].lower()
    assert drain(raw) == (b"", "end")


def opened(running, *effects_for_text):
    """A WebSocket on which `PING` gets these effects."""

    def on(request, now_ns):
        if isinstance(request, SocketText):
            return [make(request.connection) for make in effects_for_text]
        return [Answer(200, BODY, call=request.call)] if isinstance(request, HttpRequest) else []

    running.exchange.on = on
    return running.open("user")


def test_texts_binary_frames_and_raw_bytes_leave_in_their_order(running):
    socket_ = opened(
        running,
        lambda connection: Send((connection,), "one"),
        lambda connection: SendRaw((connection,), b"\x81\x03two"),
        lambda connection: Send((connection,), b"\x00\xff"),
        lambda connection: SendRaw((connection,), b"\x81\x03\xff\xfe\xfd"),
    )
    socket_.send("PING")
    assert socket_.recv() == "one"
    assert socket_.recv() == "two"
    assert socket_.recv_data() == (websocket.ABNF.OPCODE_BINARY, b"\x00\xff")
    assert socket_.recv_frame().data == b"\xff\xfe\xfd"


@pytest.mark.parametrize("code", [1000, 1001, 1012, 3000, 4001, 4999])
def test_a_close_has_its_code(running, code):
    socket_ = opened(running, lambda connection: Close(connection, code, "why"))
    socket_.send("PING")
    assert socket_.recv_data() == (websocket.ABNF.OPCODE_CLOSE, code.to_bytes(2, "big") + b"why")
    while not isinstance(running.exchange.requests[-1], SocketClosed):
        time.sleep(0.005)


def test_a_close_with_1006_is_a_connection_that_drops(running):
    socket_ = opened(running, lambda connection: Close(connection, 1006, ""))
    socket_.send("PING")
    with pytest.raises(websocket.WebSocketConnectionClosedException):
        socket_.recv()


def test_a_socket_of_no_channel_is_refused(running):
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        running.open("nothing")


def test_connections_that_are_kept_end_with_an_ordinary_end_or_a_reset(running):
    for reset, said in ((False, "end"), (True, "reset")):
        answering(running)
        raw = running.connect()
        ask(raw)
        read_answer(raw)
        answering(running, control=[Cut(("http",), reset)])
        assert get(running.url + "/sandbox/go").text == '"done"'
        assert drain(raw) == (b"", said)


def test_a_partition_holds_old_and_new_connections_and_spares_the_control_calls(running):
    answering(running)
    socket_ = running.open("market")
    old = running.connect()
    ask(old)
    read_answer(old)
    answering(running, control=[Hold(LINES, hears=False, bytes_per_second=0)])
    assert get(running.url + "/sandbox/go").text == '"done"'
    before = len(running.exchange.calls)
    new = running.connect()
    for raw in (old, new):
        ask(raw)
        assert not sends_soon(raw)
    socket_.send("PING")
    assert get(running.url + "/sandbox/status").text == '"done"'
    assert len(running.exchange.calls) == before + 1
    answering(running, control=[Hold(LINES)])
    httpx.post(running.url + "/sandbox/go", json={})
    # A partition loses nothing that TCP would send again.
    assert read_answer(old)[1] == read_answer(new)[1] == BODY.encode()
    while not any(isinstance(request, SocketText) for request in running.exchange.requests):
        time.sleep(0.005)


def test_one_way_partitions_are_of_two_kinds(running):
    answering(running, control=[Hold(("http",), bytes_per_second=0)])
    get(running.url + "/sandbox/go")
    mute = running.connect()
    ask(mute)
    assert not sends_soon(mute)
    assert running.exchange.calls[-1].path == "/book"
    answering(running, control=[Hold(("http",), hears=False)])
    get(running.url + "/sandbox/go")
    assert read_answer(mute)[1] == BODY.encode()
    deaf = running.connect()
    ask(deaf, "/deaf")
    assert not sends_soon(deaf)
    assert running.exchange.calls[-1].path != "/deaf"


def test_a_half_open_connection_stays_so_while_new_ones_work(running):
    answering(running)
    old = running.connect()
    ask(old)
    read_answer(old)
    answering(running, control=[Hold(("http",), hears=False, bytes_per_second=0, newcomers=False)])
    get(running.url + "/sandbox/go")
    ask(old)
    assert not sends_soon(old)
    assert get(running.url + "/book").text == BODY


def test_the_control_calls_of_a_held_connection_are_heard(running):
    answering(running, control=[Hold(LINES, hears=False, bytes_per_second=0)])
    with httpx.Client(timeout=10) as client:
        assert client.post(running.url + "/sandbox/go", json={"a": 1}).text == '"done"'
        assert client.post(running.url + "/sandbox/go", json={"a": 1}).text == '"done"'
        with pytest.raises(httpx.TimeoutException):
            client.get(running.url + "/book", timeout=0.3)


def test_a_narrow_line_lets_through_so_many_bytes_a_second(running):
    def on(request, now_ns):
        if isinstance(request, SocketOpened):
            return [Send((request.connection,), "x" * 3_000)]
        if isinstance(request, HttpRequest):
            return [Hold(("market",), bytes_per_second=2_000), Answer(200, "1", call=request.call)]
        return []

    running.exchange.on = on
    get(running.url + "/sandbox/go")
    begin = time.monotonic()
    socket_ = running.open("market")
    assert socket_.recv() == "x" * 3_000
    assert 1.2 < time.monotonic() - begin < 8


def test_a_peer_that_does_not_read_blocks_a_sender(running):
    answering(running, control=[Hold(("market",), hears=False)])
    get(running.url + "/sandbox/go")
    socket_ = running.open("market", 0.3)
    with pytest.raises((websocket.WebSocketTimeoutException, TimeoutError)):
        socket_.send_binary(b"x" * 20_000_000)


def test_the_second_listener_has_a_certificate_that_nobody_accepts(running):
    while "expired_tls_url" not in running.exchange.about:
        time.sleep(0.005)
    url = running.exchange.about["expired_tls_url"]
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(url + "/ok")
    context = ssl.create_default_context(cafile="sandbox/expired.pem")
    with pytest.raises(httpx.ConnectError, match="certificate has expired"):
        get(url + "/ok", verify=context)
    assert running.exchange.calls == []
    assert get(url + "/ok", verify=False).text == '"said"'


def test_no_line_is_left_held_at_the_end():
    running = Running()
    answering(running, control=[Hold(LINES, hears=False, bytes_per_second=0)])
    get(running.url + "/sandbox/go")
    raw = running.connect()
    ask(raw)
    assert not sends_soon(raw)
    begin = time.monotonic()
    running.stop()
    assert time.monotonic() - begin < 4
    assert drain(raw)[0].endswith(BODY.encode())
    running.leave()
