"""Whatever a server does: an answer is whole and exact, or the error says whether the request had left."""

import gzip
import logging
import socket
import time
import zlib
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from actors.venues.gated_transport import AnswerLost, NotSent
from actors.venues.http_client import HttpClient
from tests.actors.venues.rude_server import Peer, RudeServer, rude_server


@pytest.fixture
def server() -> Iterator[RudeServer]:
    with rude_server() as running:
        yield running


@pytest.fixture
def client(server: RudeServer) -> Iterator[HttpClient]:
    made = HttpClient(server.url, connect_s=1, body_max=100_000)
    yield made
    made.close()


def test_a_request_is_sent_byte_for_byte_in_one_piece(server: RudeServer, client: HttpClient) -> None:
    body = b'{"orderID":"0xabc"}'
    client.exchange("DELETE", "/order", within_s=5, headers={"POLY_API_KEY": "key"}, body=body)
    head, _, sent = server.requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert sent == body
    assert lines[0] == b"DELETE /order HTTP/1.1"
    assert b"POLY_API_KEY: key" in lines
    named = {line.split(b":")[0].lower(): line.partition(b": ")[2] for line in lines[1:]}
    assert named[b"content-length"] == b"19"
    assert named[b"content-type"] == b"application/json"
    assert named[b"accept-encoding"] == b"identity"
    assert named[b"user-agent"].startswith(b"keel")


def test_a_query_is_sent_and_an_answer_is_exact(server: RudeServer, client: HttpClient) -> None:
    text = b' {"price":"0.480"}\r\n\x00'
    server.manner = lambda peer: peer.answer(404, text, Poly_RateLimit_Remaining="-3")
    answer = client.exchange("GET", "/data/orders", within_s=5, query={"next_cursor": "MA=="})
    assert server.requests[0].startswith(b"GET /data/orders?next_cursor=MA%3D%3D HTTP/1.1\r\n")
    assert (answer.status, answer.body) == (404, text)
    assert answer.headers["poly-ratelimit-remaining"] == "-3"


def test_requests_share_one_connection_until_the_server_ends_it(server: RudeServer, client: HttpClient) -> None:
    client.exchange("GET", "/one", within_s=5)
    client.exchange("GET", "/two", within_s=5)
    assert server.connections == 1
    closed = Event()

    def answer_and_close(peer: Peer) -> bool:
        peer.answer(200, b"{}")
        peer.connection.shutdown(socket.SHUT_RDWR)
        closed.set()
        return False

    server.manner = answer_and_close
    client.exchange("GET", "/three", within_s=5)
    assert closed.wait(5)
    server.manner = lambda peer: peer.answer(200, b"{}")
    assert client.exchange("GET", "/four", within_s=5).status == 200
    assert server.connections == 2


def test_a_connection_that_ends_after_a_request_was_sent_is_not_tried_again(
    server: RudeServer, client: HttpClient
) -> None:
    client.exchange("GET", "/one", within_s=5)
    server.manner = lambda peer: False
    with pytest.raises(AnswerLost):
        client.exchange("POST", "/order", within_s=5, body=b"{}")
    assert len(server.requests) == 2


def test_what_comes_beyond_an_answer_is_not_the_next_answer(server: RudeServer, client: HttpClient) -> None:
    """Else each answer would be taken for that of the next request, from then on."""

    def twice(peer: Peer) -> None:
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n"
        peer.say(answer + b"1" + answer + b"X")

    server.manner = twice
    assert client.exchange("GET", "/", within_s=5).body == b"1"
    server.manner = lambda peer: peer.answer(200, b"2")
    assert client.exchange("GET", "/", within_s=5).body == b"2"
    assert server.connections == 2


@pytest.mark.parametrize("body", [b"<html>Attention Required! | Cloudflare</html>", b"", b"{", b"\xff\xfe", b"null"])
def test_any_body_is_handed_over_as_it_is(server: RudeServer, client: HttpClient, body: bytes) -> None:
    server.manner = lambda peer: peer.answer(403, body, content_type="text/html")
    assert client.exchange("POST", "/order", within_s=5, body=b"{}").body == body


def test_a_redirect_is_an_answer_and_is_not_followed(server: RudeServer, client: HttpClient) -> None:
    server.manner = lambda peer: peer.answer(301, b"", location=f"{server.url}/elsewhere")
    answer = client.exchange("POST", "/order", within_s=5, headers={"POLY_PASSPHRASE": "hush"}, body=b"{}")
    assert (answer.status, len(server.requests)) == (301, 1)


def test_a_cookie_is_not_sent_back(server: RudeServer, client: HttpClient) -> None:
    server.manner = lambda peer: peer.answer(200, b"{}", set_cookie="__cf_bm=1; Path=/")
    client.exchange("GET", "/one", within_s=5)
    client.exchange("GET", "/two", within_s=5)
    assert b"cookie" not in server.requests[1].lower()


def _hang(peer: Peer) -> None:
    peer.hang()


def _dribble(peer: Peer) -> None:
    peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    while not peer.closing.wait(0.05):
        peer.say(b"x")


def _dribble_headers(peer: Peer) -> None:
    peer.say(b"HTTP/1.1 200 OK\r\n")
    while not peer.closing.wait(0.05):
        peer.say(b"x: y\r\n")


@pytest.mark.parametrize("manner", [_hang, _dribble, _dribble_headers])
def test_one_deadline_holds_for_the_whole_answer(server: RudeServer, client: HttpClient, manner: Any) -> None:
    server.manner = manner
    began = time.monotonic()
    with pytest.raises(AnswerLost, match="Timeout"):
        client.exchange("POST", "/order", within_s=0.3, body=b"{}")
    assert time.monotonic() - began < 5
    server.manner = lambda peer: peer.answer(200, b'"next"')
    assert client.exchange("GET", "/ok", within_s=5).body == b'"next"'  # the late answer is nobody's
    assert server.connections == 2


def _say(data: bytes, *, reset: bool = False) -> Any:
    def manner(peer: Peer) -> bool:
        peer.say(data)
        if reset:
            peer.reset()
        return False

    return manner


CUT = b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"success":tr'


@pytest.mark.parametrize(
    "manner",
    [
        _say(b""),
        _say(b"", reset=True),
        _say(b"HTTP/1.1 200 OK\r\ncontent-le"),
        _say(CUT),
        _say(CUT, reset=True),
        _say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel"),
        _say(b"no HTTP at all\r\n\r\n"),
        _say(b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 200_000),
    ],
)
def test_an_answer_that_is_not_whole_is_lost(server: RudeServer, client: HttpClient, manner: Any) -> None:
    server.manner = manner
    with pytest.raises(AnswerLost):
        client.exchange("POST", "/order", within_s=5, body=b"{}")
    assert len(server.requests) == 1


@pytest.mark.proves("I42")
def test_a_packed_answer_is_unpacked_up_to_the_bound(server: RudeServer, client: HttpClient) -> None:
    server.manner = lambda peer: peer.answer(200, gzip.compress(b"x" * 99_999), content_encoding="gzip")
    assert client.exchange("GET", "/", within_s=5).body == b"x" * 99_999
    server.manner = lambda peer: peer.answer(200, zlib.compress(b"y"), content_encoding="deflate")
    assert client.exchange("GET", "/", within_s=5).body == b"y"


@pytest.mark.parametrize(
    ("body", "encoding", "says"),
    [
        (gzip.compress(bytes(50_000_000), mtime=0), "gzip", "larger than 100000 bytes"),
        (b"x" * 100_001, "identity", "larger than 100000 bytes"),
        (gzip.compress(b"x" * 1_000, mtime=0)[:-9], "gzip", "cut"),
        (b"not packed", "gzip", "cannot be unpacked"),
        (b"whatever", "br", "packed as 'br'"),
    ],
    ids=["bomb", "large", "cut", "not packed", "unknown"],
)
def test_an_answer_that_cannot_be_taken_is_lost(
    server: RudeServer, client: HttpClient, body: bytes, encoding: str, says: str
) -> None:
    server.manner = lambda peer: peer.answer(200, body, content_encoding=encoding)
    with pytest.raises(AnswerLost, match=says):
        client.exchange("GET", "/", within_s=5)
    server.manner = lambda peer: peer.answer(200, b"{}")
    assert client.exchange("GET", "/", within_s=5).body == b"{}"


def test_where_nobody_listens_nothing_was_sent(server: RudeServer) -> None:
    unused = socket.create_server(("127.0.0.1", 0))
    port = unused.getsockname()[1]
    unused.close()
    client = HttpClient(f"http://127.0.0.1:{port}")
    with pytest.raises(NotSent, match="ConnectError"):
        client.exchange("POST", "/order", within_s=5, body=b"{}")
    client.close()


def test_a_name_that_cannot_be_looked_up_was_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    client = HttpClient("http://venue.invalid")
    with pytest.raises(NotSent, match=r"venue\.invalid cannot be looked up"):
        client.exchange("POST", "/order", within_s=5, body=b"{}")
    client.close()


def test_a_slow_look_up_costs_no_more_than_the_time_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    over = Event()

    def wait(*_: Any, **__: Any) -> list[Any]:
        over.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    client = HttpClient("http://venue.invalid", connect_s=0.2)
    began = time.monotonic()
    with pytest.raises(NotSent, match="was not looked up within"):
        client.exchange("POST", "/order", within_s=5, body=b"{}")
    assert time.monotonic() - began < 5
    over.set()
    client.close()


def test_an_address_that_refuses_is_followed_by_the_next(server: RudeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = socket.getaddrinfo

    def two(host: str, port: int, *more: Any, **named: Any) -> Any:
        if host != "venue.invalid":
            return look_up(host, port, *more, **named)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ("127.0.0.2", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    client = HttpClient(f"http://venue.invalid:{server.port}")
    assert client.exchange("GET", "/", within_s=5).status == 200
    client.close()


def test_a_server_that_speaks_no_tls_is_sent_nothing(server: RudeServer) -> None:
    client = HttpClient(server.url.replace("http:", "https:"))
    with pytest.raises(NotSent, match="Timeout"):
        client.exchange("POST", "/order", within_s=0.3, headers={"POLY_PASSPHRASE": "hush"}, body=b"{}")
    assert not server.requests
    client.close()


@pytest.mark.proves("I39")
def test_a_header_that_cannot_be_sent_is_not_repeated_by_the_error(client: HttpClient) -> None:
    with pytest.raises(NotSent) as raised:
        client.exchange("GET", "/", within_s=5, headers={"POLY_PASSPHRASE": "hush\r\nX: y"})
    assert "hush" not in str(raised.value)
    assert raised.value.__suppress_context__


@pytest.mark.proves("I39")
def test_what_is_sent_is_in_no_log(client: HttpClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client.exchange("GET", "/hush-path", within_s=5, query={"q": "hush"}, headers={"POLY_PASSPHRASE": "hush"})
    assert "hush" not in caplog.text


@pytest.mark.parametrize("url", ["ftp://host", "host", "http://", "http://name:word@host"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        HttpClient(url)
