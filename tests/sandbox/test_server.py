import json
import signal
import subprocess
import sys
import time
from decimal import Decimal

import httpx
import pytest
import websocket

from sandbox.__main__ import _options

DEADLINE_S = 30


class Started:
    """A sandbox in a process of its own."""

    def __init__(self, *arguments):
        command = [sys.executable, "-m", "sandbox", "--json", "--port", "0", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.said = json.loads(line)
        self.sockets = []

    def connect(self, channel="market", **options):
        self.sockets.append(websocket.create_connection(self.said[f"{channel}_ws_url"], timeout=DEADLINE_S, **options))
        return self.sockets[-1]

    def subscribe(self, **more):
        socket = self.connect()
        tokens = [token for market in self.said["markets"] for token in market["token_ids"]]
        socket.send(json.dumps({"assets_ids": tokens, "type": "market", **more}))
        return socket

    def get(self, name, path, **query):
        return httpx.get(self.said[f"{name}_url"] + path, params=query, timeout=DEADLINE_S, verify=False)

    def throw(self, **body):
        return httpx.post(self.said["control_url"] + "/faults", json=body, timeout=DEADLINE_S, verify=False)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)

    def end(self):
        for socket in self.sockets:
            socket.shutdown()
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def start():
    running = []

    def make(*arguments):
        running.append(Started(*arguments))
        return running[-1]

    yield make
    for started in running:
        started.end()


@pytest.fixture(scope="module")
def demo():
    started = Started()
    yield started
    started.end()


def frames_of(text):
    if text[0] not in "[{":
        return []
    decoded = json.loads(text)
    return decoded if isinstance(decoded, list) else [decoded]


def test_the_first_line_names_every_address_and_market(demo):
    assert list(demo.said) == [
        "clob_url", "market_ws_url", "user_ws_url", "gamma_url", "relayer_url", "rpc_url", "site_url",
        "control_url", "reference_ws_url", "accounts", "markets",
    ]  # fmt: skip
    assert [account["signature_type"] for account in demo.said["accounts"]] == [0, 3]
    assert len(demo.said["markets"]) == 10
    assert all({"condition_id", "token_ids", "slug"} <= set(market) for market in demo.said["markets"])
    assert all("127.0.0.1" in demo.said[key] for key in demo.said if key.endswith("_url"))


def test_every_service_answers_over_http(demo):
    token = demo.said["markets"][0]["token_ids"][0]
    assert demo.get("clob", "/ok").json() == "OK"
    assert abs(demo.get("clob", "/time").json() - time.time()) < 5
    assert demo.get("clob", "/book", token_id=token).json()["asset_id"] == token
    books = httpx.post(demo.said["clob_url"] + "/books", json=[{"token_id": token}], timeout=DEADLINE_S)
    assert [book["asset_id"] for book in books.json()] == [token]
    assert len(demo.get("gamma", "/markets", limit=3).json()) == 3
    assert len(demo.get("gamma", "/markets", slug=[m["slug"] for m in demo.said["markets"][:2]]).json()) == 2
    assert len(demo.get("gamma", "/events").json()) == 5
    status = demo.get("control", "/status").json()
    assert status["endpoints"]["clob_url"] == demo.said["clob_url"]
    block = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
    assert httpx.post(demo.said["rpc_url"], json=block, timeout=DEADLINE_S).json()["result"] == hex(137)
    wallet = demo.said["accounts"][1]["funder"]
    assert demo.get("relayer", "/deployed", address=wallet, type="WALLET").json() == {"deployed": True}
    assert demo.get("clob", "/book").headers["content-type"] == "application/json"


def test_a_request_that_is_too_large_or_malformed_does_not_stop_the_server(demo):
    large = httpx.post(demo.said["clob_url"] + "/books", content=b"[" * 2_000_000, timeout=DEADLINE_S)
    assert large.status_code == 413
    assert httpx.post(demo.said["clob_url"] + "/books", content=b"\xff\x00", timeout=DEADLINE_S).status_code == 400
    assert httpx.post(demo.said["control_url"] + "/faults", content=b"\xff", timeout=DEADLINE_S).status_code == 400
    socket = demo.subscribe()
    socket.recv()
    socket.send_binary(b"\x00\xff")
    socket.send("PING")
    while socket.recv() != "PONG":
        pass
    assert demo.get("clob", "/ok").status_code == 200


def test_the_market_channel_speaks_over_a_real_socket(demo, reader):
    socket = demo.subscribe()
    first = socket.recv()
    assert first.startswith("[")
    assert first.endswith("\n")
    read = reader(demo.said["markets"])
    # The facts of the first line are the start's; a book of a market that has traded says more, and is proven so.
    for frame in frames_of(first):
        read.see(frame)
    assert len(read.books) == 20
    assert read.wrong == []
    socket.send("PING")
    kinds = set()
    begin = time.monotonic()
    while time.monotonic() - begin < DEADLINE_S and kinds < {"PONG", "book", "price_change", "last_trade_price"}:
        text = socket.recv()
        kinds |= {frame["event_type"] for frame in frames_of(text)} or {text}
    assert kinds >= {"PONG", "book", "price_change", "last_trade_price"}


def test_a_ping_before_subscribing_is_closed_with_1008(demo):
    socket = demo.connect()
    socket.send("PING")
    opcode, data = socket.recv_data()
    assert opcode == websocket.ABNF.OPCODE_CLOSE
    assert int.from_bytes(data[:2], "big") == 1008
    assert data[2:] == b"invalid subscription payload"


def test_no_frame_is_compressed(demo):
    socket = demo.connect(header=["Sec-WebSocket-Extensions: permessage-deflate"])
    assert "sec-websocket-extensions" not in socket.getheaders()


def test_a_reference_price_is_told_at_once_and_then_as_it_moves(demo):
    socket = demo.connect("reference")
    socket.send(json.dumps({"type": "reference", "names": ["BTCUSD"]}))
    frames = [json.loads(socket.recv()) for _ in range(3)]
    assert {frame["event_type"] for frame in frames} == {"reference"}
    assert {frame["name"] for frame in frames} == {"BTCUSD"}
    assert all(Decimal(frame["price"]) > 1_000 and len(frame["timestamp"]) == 13 for frame in frames)


def test_dropped_sockets_can_come_back(demo):
    socket = demo.subscribe()
    socket.recv()
    assert demo.throw(fault="drop_ws").json()["concerned"] >= 1
    while socket.recv_data()[0] != websocket.ABNF.OPCODE_CLOSE:
        pass
    again = demo.subscribe()
    assert again.recv().startswith("[")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0_although_a_client_is_there(start, number):
    started = start("--markets-count", "2")
    socket = started.subscribe()
    socket.recv()
    assert started.stop(number) == 0
    assert started.process.stderr.read() == ""


def test_its_clock_can_run_faster(start):
    started = start("--clock-speed", "50", "--markets-count", "1")
    first, begin = started.get("clob", "/time").json(), time.monotonic()
    socket = started.subscribe()
    prints = 0
    while prints < 20:
        prints += sum(frame["event_type"] == "last_trade_price" for frame in frames_of(socket.recv()))
    elapsed = time.monotonic() - begin
    assert started.get("clob", "/time").json() - first > 8
    assert elapsed < 8


def test_a_recording_played_fast_arrives_whole(start, reader, shared):
    folder = shared / "recordings" / "signaldrift_mlb"
    path = folder / "derived_frames" / "20250619_mlb-hou-bal-2025-06-19.jsonl.gz"
    started = start("--replay", str(path), "--markets", str(folder / "markets.json"), "--speed", "2000")
    socket = started.subscribe()
    read = reader(started.said["markets"])
    socket.settimeout(0.5)
    begin = time.monotonic()
    while time.monotonic() - begin < DEADLINE_S:
        try:
            for frame in frames_of(socket.recv()):
                read.see(frame)
        except websocket.WebSocketTimeoutException:
            if started.get("control", "/status").json()["replay"]["done"]:
                break
    status = started.get("control", "/status").json()["replay"]
    assert status["done"]
    assert status["frames"] == status["total"] == 2485
    assert read.wrong == []
    for token in read.books:
        answer = started.get("clob", "/book", token_id=token).json()
        for side in ("bids", "asks"):
            served = {Decimal(x["price"]): Decimal(x["size"]) for x in answer[side]}
            assert served == read.levels(token)[side]
    socket.send("PING")
    socket.settimeout(DEADLINE_S)
    assert socket.recv() == "PONG"


def run(*arguments):
    command = [sys.executable, "-m", "sandbox", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--prot", "1"], "did you mean --port?"),
        (["--whatever"], "see --help"),
        (["--port", "70000"], "expected a port from 0 to 65535"),
        (["--profile", "demos"], "'demo', 'neg_risk', 'sports_inplay', 'crypto_5m', 'venue_wide_stress', 'adverse'"),
        (["--markets-count", "0"], "expected a whole number of at least 1"),
        (["--clock-speed", "-1"], "expected a number above 0"),
        (["--replay", "x", "--speed", "nan"], "expected a number above 0"),
        (["--speed", "2"], "add --replay FILE"),
        (["--replay", "x", "--profile", "demo"], "leave out --profile"),
        (["--seed", "x"], "invalid int value"),
    ],
)
def test_a_bad_flag_says_what_would_be_right(arguments, said):
    done = run(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_its_help_has_an_example_that_is_understood():
    shown = run("--help").stdout
    example = next(line for line in shown.splitlines() if line.startswith("Example: keel sandbox "))
    assert _options(example.split()[3:]).port == 9100


def test_a_bad_recording_is_refused_before_anything_is_served(tmp_path):
    path = tmp_path / "cut.jsonl"
    path.write_text('{"event_type":"book"')
    done = run("--replay", str(path), "--json")
    assert done.returncode == 1
    assert "line 1: expected one JSON frame" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_port_that_is_taken_is_said(start):
    started = start("--markets-count", "1")
    port = started.said["clob_url"].rpartition(":")[2]
    done = run("--port", port)
    assert done.returncode == 1
    assert "--port 0" in done.stderr


def test_a_client_that_does_not_read_is_dropped_by_a_generated_world(start):
    started = start("--profile", "venue_wide_stress", "--clock-speed", "10")
    sleeper = started.subscribe()
    highest = 0
    begin = time.monotonic()
    while time.monotonic() - begin < DEADLINE_S and (highest < 1_000 or backlog(started) > 10):
        highest = max(highest, backlog(started))
        time.sleep(0.02)  # what asks all the time leaves the sandbox no time to send
    while (read := sleeper.recv_data())[0] != websocket.ABNF.OPCODE_CLOSE:
        pass
    assert int.from_bytes(read[1][:2], "big") == 1008
    assert read[1][2:] == b"slow consumer"


def test_a_replay_waits_for_a_client_that_does_not_read(start, tmp_path):
    count = 45_000
    path = tmp_path / "long.jsonl"
    token, other = str(7 << 250), str(11 << 248)
    book = {"event_type": "book", "market": "m", "timestamp": "1750361006000", "hash": "", "bids": [], "asks": []}
    entries = [
        {"asset_id": token, "side": "BUY", "price": "0.48", "size": "SIZE"},
        {"asset_id": other, "side": "SELL", "price": "0.52", "size": "SIZE"},
    ]
    change = {"event_type": "price_change", "market": "m", "timestamp": "TIME", "price_changes": entries}
    lines = [json.dumps({**book, "asset_id": asset}) for asset in (token, other)]
    for number in range(1, count + 1):
        at_ms = str(1750361006000 + 10 * number)
        lines.append(json.dumps(change).replace("SIZE", str(number)).replace("TIME", at_ms))
    path.write_text("\n".join(lines))
    started = start("--replay", str(path), "--speed", "1000")
    sleeper = started.subscribe()
    begin = time.monotonic()
    while time.monotonic() - begin < DEADLINE_S and backlog(started) <= 20_000:
        time.sleep(0.02)
    status = started.get("control", "/status").json()["replay"]
    assert not status["done"]
    assert status["frames"] < count
    sizes = []
    while len(sizes) < count:
        for frame in frames_of(sleeper.recv()):
            sizes += [int(entry["size"]) for entry in frame.get("price_changes", [])[:1]]
    assert sizes == list(range(1, count + 1))
    assert started.get("control", "/status").json()["replay"] == {"done": True, "frames": count + 2, "total": count + 2}


def backlog(started):
    return started.get("control", "/status").json()["backlog"]
