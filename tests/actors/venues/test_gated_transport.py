"""No byte of an order passes a closed gate, and no kill waits for a venue."""

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from actors.gate import Gate
from actors.runtime.clock import SystemClock
from actors.venues.gated_transport import AnswerLost, GateClosed, GatedBackend, NotSent
from actors.venues.http_client import HttpClient
from tests.actors.venues.rude_server import Peer, RudeServer, rude_server


@pytest.fixture
def server() -> Iterator[RudeServer]:
    with rude_server() as running:
        yield running


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "killed", SystemClock())


@pytest.fixture
def lane(server: RudeServer, gate: Gate) -> Iterator[HttpClient]:
    made = HttpClient(server.url, gate)
    yield made
    made.close()


def post(lane: HttpClient, within_s: float = 5) -> int:
    return lane.exchange("POST", "/order", within_s=within_s, body=b'{"order":1}').status


def test_an_open_gate_lets_requests_pass(server: RudeServer, lane: HttpClient) -> None:
    assert [post(lane), post(lane)] == [200, 200]
    assert server.connections == 1


@pytest.mark.proves("I9")
@pytest.mark.parametrize("connected_before", [False, True])
def test_a_closed_gate_lets_no_byte_pass(
    server: RudeServer, gate: Gate, lane: HttpClient, connected_before: bool
) -> None:
    if connected_before:
        post(lane)
    before = server.received
    gate.kill("the operator says so")
    with pytest.raises(GateClosed, match="the operator says so"):
        post(lane)
    assert issubclass(GateClosed, NotSent)
    assert server.received == before
    gate.clear()
    assert post(lane) == 200


def test_a_lane_without_a_gate_passes_a_kill(server: RudeServer, gate: Gate) -> None:
    cancels = HttpClient(server.url)
    gate.kill("the operator says so")
    assert cancels.exchange("DELETE", "/cancel-all", within_s=5).status == 200
    cancels.close()


def test_a_kill_does_not_wait_for_an_answer(server: RudeServer, gate: Gate, lane: HttpClient) -> None:
    arrived = Event()

    def hang(peer: Peer) -> None:
        arrived.set()
        peer.hang()

    server.manner = hang
    lost: list[Exception] = []

    def submit() -> None:
        try:
            post(lane, 1)
        except AnswerLost as error:
            lost.append(error)

    thread = Thread(target=submit)
    thread.start()
    assert arrived.wait(5)
    began = time.monotonic()
    gate.kill("now")
    assert time.monotonic() - began < 3
    thread.join(5)
    assert len(lost) == 1


@pytest.mark.proves("I9")
def test_after_a_kill_has_returned_nothing_more_arrives(server: RudeServer, gate: Gate) -> None:
    """Four lanes submit as fast as they can; what arrives after the kill had left before it."""
    for _ in range(10):
        lanes = [HttpClient(server.url, gate) for _ in range(4)]
        passed = [0] * len(lanes)

        def submit(number: int, lane: HttpClient, passed: list[int]) -> None:
            try:
                while True:
                    post(lane)
                    passed[number] += 1
            except GateClosed:
                lane.close()

        threads = [Thread(target=submit, args=(number, lane, passed)) for number, lane in enumerate(lanes)]
        server.requests.clear()
        for thread in threads:
            thread.start()
        while min(passed) < 3:
            time.sleep(0.001)
        gate.kill("now")
        for thread in threads:
            thread.join(10)
        # Every request that arrived was answered and counted: none was cut in two, none came without its lane knowing.
        assert len(server.requests) == sum(passed)
        gate.clear()


@pytest.mark.fault("F20")
@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="only Linux has these names of the keep-alive options")
def test_a_peer_that_is_gone_without_a_word_is_found_while_nothing_is_sent(server: RudeServer) -> None:
    backend = GatedBackend(None, 1)
    backend.begin(5)
    stream = backend.connect_tcp("127.0.0.1", server.port)
    connection = stream.get_extra_info("socket")
    assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    idle_s, every_s, times = (
        connection.getsockopt(socket.IPPROTO_TCP, option)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    )
    assert idle_s + every_s * times <= 15
    stream.close()


def test_the_gate_is_asked_once_for_each_request(server: RudeServer) -> None:
    """Headers and body are one write: a kill cannot fall between them."""

    class Counting:
        closed = None
        asked = 0

        def passes(self) -> "Counting":
            return self

        def __enter__(self) -> None:
            self.asked += 1

        def __exit__(self, *_: object) -> None:
            pass

    gate = Counting()
    lane = HttpClient(server.url, gate)
    for number in range(1, 4):
        post(lane)
        assert gate.asked == number
    lane.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 that nobody vouches for, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the certificate of this test is made by the `openssl` command, which is not installed")
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=venue",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", file, "-out", file.with_suffix(".crt")],
        check=True, capture_output=True,
    )  # fmt: skip
    with file.open("ab") as whole:
        whole.write(file.with_suffix(".crt").read_bytes())
    return file


@pytest.fixture
def secured(certificate: Path) -> Iterator[RudeServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with rude_server(context) as running:
        yield running


@pytest.mark.fault("F09")
def test_a_server_that_nobody_vouches_for_is_sent_nothing(secured: RudeServer) -> None:
    lane = HttpClient(secured.url)
    with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
        post(lane)
    assert not secured.requests
    lane.close()


@pytest.mark.fault("F09")
def test_the_gate_stands_before_an_encrypted_connection_too(
    secured: RudeServer, certificate: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate.with_suffix(".crt")))
    monkeypatch.setattr(httpx, "create_ssl_context", lambda **_: trusting)
    lane = HttpClient(secured.url, gate)
    assert [post(lane), post(lane)] == [200, 200]
    assert secured.connections == 1
    gate.kill("now")
    before = secured.received
    with pytest.raises(GateClosed):
        post(lane)
    assert secured.received == before
    gate.clear()
    assert post(lane) == 200
    other_name = HttpClient(secured.url.replace("127.0.0.1", "localhost"), gate)
    with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
        post(other_name)
    for one in (lane, other_name):
        one.close()
