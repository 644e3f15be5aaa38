"""Names that nobody knows, certificates that have expired, hosts that are not ours, and lines without a word."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from actors.runtime.clock import SystemClock
from actors.venues.gated_transport import NotSent
from actors.venues.http_client import HttpClient
from actors.venues.websocket_client import WebSocketClient
from models.cells import TradingState
from models.markets import Market
from models.orders import TERMINAL, OrderState
from tests.bin.processes import ROOT
from tests.faults.journal import NEVER_STOOD, states
from tests.faults.live_engine import clear, log
from tests.faults.steady_hand import SteadyHand

_S = 1_000_000_000


@pytest.mark.proves("I7")
@pytest.mark.fault("F08")
def test_without_names_no_order_is_given_up_the_heart_stops_and_all_comes_back(
    hand: SteadyHand, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = hand.stands(market)
    began = log(hand.venue)[-1]["n"]
    look_up = socket.getaddrinfo

    def fails(*asked: Any, **more: Any) -> Any:
        if threading.current_thread() is threading.main_thread():  # the test's own questions to the venue
            return look_up(*asked, **more)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    hand.venue.fault("cut_lines", line="all")
    hand.until(lambda: any(source == "heartbeat" for source, _ in hand.running.cells()), "the heart is not heard")
    hand.until(lambda: log(hand.venue, "heartbeat_expired", began), "the venue cancels what is there")
    assert hand.fate(rests) not in TERMINAL, "nobody has told us what became of it"
    assert TradingState.ACTIVE not in hand.running.states()
    monkeypatch.undo()
    hand.until(lambda: hand.fate(rests) is OrderState.CANCELLED, "it is told in the end")
    assert not NEVER_STOOD & set(states(hand.life(rests)))
    hand.recovers()
    hand.stands(market)


@pytest.mark.fault("F09")
def test_a_venue_whose_certificate_has_expired_is_sent_nothing(hand: SteadyHand) -> None:
    url: str = hand.venue.status()["expired_tls_url"]
    before = log(hand.venue)[-1]["n"]
    client = HttpClient(url)
    for _ in range(2):
        with pytest.raises(NotSent, match=r"(?i)certificate"):
            client.exchange("POST", "/order", within_s=5, headers={"POLY_PASSPHRASE": "hush"}, body=b"{}")
    client.close()
    with pytest.raises(Exception, match=r"(?i)certificate"):
        WebSocketClient(f"{url.replace('https', 'wss')}/ws/user", 5)
    assert not [line for line in log(hand.venue, "request", before) if line["path"] == "/order" and not line["account"]]
    sources = [path for folder in ("actors", "bin", "surfaces") for path in (ROOT / folder).rglob("*.py")]
    assert not [path for path in sources if {"verify=False", "CERT_NONE"} & set(path.read_text().split())]


@pytest.mark.proves("I42")
@pytest.mark.fault("F18")
def test_an_answer_that_unpacks_to_200_mb_is_refused_at_16_mib_and_the_order_asked_for(
    hand: SteadyHand, market: Market
) -> None:
    hand.venue.fault("gzip_bomb", mib=200, method="POST", path="/order")
    order = hand.sends(market)
    hand.until(lambda: hand.fate(order) is OrderState.NEVER_ACCEPTED, "it was never there")
    (unknown, *_) = (changed for changed in hand.life(order) if changed.state is OrderState.UNKNOWN)
    assert "larger than 16777216 bytes" in unknown.reason
    hand.stands(market)


@pytest.mark.fault("F19")
@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_is_not_followed_and_the_other_host_hears_nothing(
    hand: SteadyHand, market: Market, status: int
) -> None:
    with listening() as (url, heard):
        for method, path in (("POST", "/order"), ("DELETE", "/order"), ("GET", "/data")):
            hand.venue.fault("redirect", status=status, to=url, method=method, path=path)
        order = hand.sends(market)
        hand.until(lambda: hand.fate(order) is OrderState.NEVER_ACCEPTED, "it is asked for where it was sent")
        rests = hand.stands(market)
        hand.cancels(rests)
        hand.until(lambda: hand.fate(rests) is OrderState.CANCELLED, "the cancel is repeated where it belongs")
        assert heard == []


@pytest.mark.fault("F20")
def test_lines_that_stand_open_without_a_word_are_left_within_fifteen_seconds(hand: SteadyHand, market: Market) -> None:
    hand.stands(market)
    began_ns = hand.running.engine.clock.now_ns()
    connected = {name: feed.connections for name, feed in hand.running.board.feeds.items()}
    hand.venue.fault("half_open", line="all")
    order = hand.sends(hand.calm_but(market))
    hand.until(lambda: hand.fate(order) is not OrderState.PLACING, "it has its own deadline")
    hand.until(
        lambda: all(hand.running.board.feeds[name].connections > before for name, before in connected.items()),
        "every feed has a new connection",
    )
    assert hand.running.engine.clock.now_ns() - began_ns < 30 * _S, "15 s, and what a busy machine adds"
    hand.recovers()
    hand.stands(hand.calm_but(market, hand.market_of(order)))


@pytest.mark.fault("F20")
def test_an_address_that_swallows_everything_costs_three_seconds() -> None:
    """A full queue of connections that nobody takes: the next one gets no answer, as from a black hole."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        port = hole.getsockname()[1]
        fill = [socket.socket() for _ in range(4)]
        for one in fill:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        client = HttpClient(f"http://127.0.0.1:{port}")
        clock = SystemClock()
        began_ns = clock.now_ns()
        with pytest.raises(NotSent, match="ConnectTimeout"):
            client.exchange("POST", "/order", within_s=10, body=b"{}")
        assert 2 * _S < clock.now_ns() - began_ns < 9 * _S
        client.close()
        for one in fill:
            one.close()


@pytest.mark.fault("F21")
@pytest.mark.parametrize("direction", ["both", "in"])
def test_after_a_partition_the_account_is_read_before_anything_is_quoted(
    hand: SteadyHand, market: Market, direction: str
) -> None:
    rests = hand.stands(market)
    began = log(hand.venue)[-1]["n"]
    hand.venue.fault("partition", line="all", direction=direction)
    hand.until(lambda: any(source == "heartbeat" for source, _ in hand.running.cells()), "the venue does not hear us")
    hand.until(lambda: log(hand.venue, "heartbeat_expired", began), "the venue cancels all")
    assert hand.fate(rests) is not OrderState.NEVER_ACCEPTED
    back = log(hand.venue)[-1]["n"]
    clear(hand.venue)
    hand.recovers()
    hand.stands(market)
    hand.until(lambda: hand.fate(rests) is OrderState.CANCELLED, "what became of it is told")
    lines = log(hand.venue, after=back)
    placed = next(line["n"] for line in lines if line["kind"] == "order_placed" and line["account"] == hand.address)
    read = {
        line["path"]
        for line in lines
        if line["n"] < placed and line["kind"] == "request" and line["account"] == hand.address
    }
    assert {"/data/orders", "/data/trades", "/balance-allowance"} <= read


@contextmanager
def listening() -> Iterator[tuple[str, list[bytes]]]:
    """A host that is not ours: its address, and whatever it hears."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hear() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    heard.append(peer.recv(65_536))

        thread = threading.Thread(target=hear, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", heard
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)
