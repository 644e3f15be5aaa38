"""A WebSocket against a server of which a test decides every byte."""

import base64
import hashlib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from actors.venues.websocket_client import ConnectionLost, WebSocketClient

TEXT, PIECE = 0x81, 0x00


@contextmanager
def connected(timeout_s: float = 5.0) -> Iterator[tuple[WebSocketClient, socket.socket]]:
    """A client, and the server's end of its connection, which reads nothing unless a test does."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        made = pool.submit(WebSocketClient, f"ws://127.0.0.1:{listener.getsockname()[1]}/", timeout_s)
        wire, _ = listener.accept()
        with wire:
            asked = wire.recv(4_096).decode()
            key = next(line for line in asked.splitlines() if line.lower().startswith("sec-websocket-key")).split()[1]
            accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())
            wire.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
            client = made.result(10)
            yield client, wire
            client.close()


def whole(client: WebSocketClient) -> bytes:
    """The next whole message."""
    until_s = time.monotonic() + 10
    while time.monotonic() < until_s:
        if client.readable(0.05) and (said := client.receive()):
            return said
    raise AssertionError("nothing came")


def test_a_message_that_trickles_is_taken_as_it_comes_and_nobody_waits_for_the_rest() -> None:
    frame = bytes((TEXT, 5)) + b"hello"
    with connected() as (client, wire):
        for byte in frame[:-1]:
            wire.sendall(bytes((byte,)))
            assert client.readable(5)
            began = time.monotonic()
            assert client.receive() is None
            assert time.monotonic() - began < 3
        assert not client.readable(0)
        assert client.receive() is None, "asked too early, it has nothing"
        wire.sendall(frame[-1:])
        assert whole(client) == b"hello"


def test_a_ping_is_answered_and_says_nothing() -> None:
    with connected() as (client, wire):
        wire.sendall(bytes((0x89, 2)) + b"hi")
        assert client.readable(5)
        assert client.receive() == b""
        assert wire.recv(100)[0] == 0x8A


@pytest.mark.fault("F37")
def test_a_venue_that_does_not_read_is_lost_and_holds_nobody_up() -> None:
    with connected() as (client, _):
        lasted = [seconds_of(client) for _ in range(200)]
        with pytest.raises(ConnectionLost):
            client.send("still there?")
    assert sum(lasted) < 5, "a second, and what a busy machine takes"


def seconds_of(client: WebSocketClient) -> float:
    """How long it takes to say much; once the connection is lost that is said at once."""
    began = time.monotonic()
    try:
        client.send("x" * 60_000)
    except ConnectionLost:
        client.close()
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (bytes((TEXT, 2)) + b"\xff\xfe", "not UTF-8"),
        (bytes((0x82, 2)) + b"{}", "binary frame"),
        (bytes((TEXT | 0x40, 2)) + b"{}", "rsv"),
        (bytes((TEXT, 0x82)) + b"\0\0\0\0{}", "masked frame"),
        (bytes((TEXT, 127)) + (300_000_000).to_bytes(8, "big"), "frame of 300000000 bytes, more than 4194304"),
        (bytes((PIECE | 0x80, 2)) + b"{}", "Illegal frame"),
    ],
)
def test_what_no_venue_may_send_is_the_end(sent: bytes, said: str) -> None:
    with connected() as (client, wire):
        wire.sendall(sent)
        with pytest.raises(ConnectionLost, match=said):
            whole(client)


@pytest.mark.proves("I41")
def test_a_close_says_its_code_and_a_reason_without_tricks() -> None:
    reason = b"bye\nINFO kill off\x1b[2J"
    with connected() as (client, wire):
        wire.sendall(bytes((0x88, 2 + len(reason))) + (4_001).to_bytes(2, "big") + reason)
        with pytest.raises(ConnectionLost) as lost:
            whole(client)
    assert str(lost.value) == "closed by the venue: 4001 bye INFO kill off[2J"
    assert lost.value.code == 4_001


def test_a_handshake_that_is_refused_says_its_status() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        made = pool.submit(WebSocketClient, f"ws://127.0.0.1:{listener.getsockname()[1]}/", 5.0)
        wire, _ = listener.accept()
        with wire:
            wire.recv(4_096)
            wire.sendall(b"HTTP/1.1 401 Who are you\r\ncontent-length: 0\r\n\r\n")
            with pytest.raises(ConnectionLost, match="refused with status 401") as lost:
                made.result(10)
    assert lost.value.code == 401
