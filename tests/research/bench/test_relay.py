"""The relay passes everything on, and shows it."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from actors.venues.websocket_client import WebSocketClient
from research.bench.relay import Relay
from research.prove.processes import Sandbox, sandbox, until


@pytest.fixture(scope="module")
def venue() -> Iterator[Sandbox]:
    with sandbox("--port", 0, "--profile", "demo", "--markets-count", 2) as running:
        yield running


def test_requests_pass_and_the_venue_is_where_the_relay_is(venue: Sandbox) -> None:
    seen: list[bytes] = []
    with Relay(venue, lambda piece, _: seen.append(piece), lambda payload: payload) as relay:
        url = relay.venue.url
        assert url != venue.url
        with urllib.request.urlopen(f"{url}/sandbox/status", timeout=10) as answer:
            assert json.load(answer)["endpoints"]["clob_url"] == url
    assert seen[0].startswith(b"GET /sandbox/status")


def test_an_order_hangs_until_it_is_answered(venue: Sandbox) -> None:
    venue.asked("/faults", {"fault": "latency", "method": "POST", "path": "/order", "delay": 0.5, "count": 1})
    with Relay(venue, lambda *_: None, lambda payload: payload) as relay, ThreadPoolExecutor() as pool:
        assert relay.hanging_s() == 0
        answer = pool.submit(urllib.request.urlopen, f"{relay.venue.url}/order", b"{}", timeout=10)
        until(lambda: relay.hanging_s() > 0.1, "it hangs", 10)
        with pytest.raises(urllib.error.HTTPError) as refused:
            answer.result()
        refused.value.close()
        assert relay.hanging_s() == 0


def test_a_frame_of_the_market_channel_may_be_changed_on_its_way(venue: Sandbox) -> None:
    def marked(payload: bytes) -> bytes:
        return payload.replace(b'"event_type"', b'"seen":true,"event_type"')

    with Relay(venue, lambda *_: None, marked) as relay:
        client = WebSocketClient(relay.venue.said["market_ws_url"], 10.0)
        tokens = [token for market in venue.said["markets"] for token in market["token_ids"]]
        client.send(json.dumps({"type": "market", "assets_ids": tokens, "custom_feature_enabled": True}))
        frames: list[bytes] = []

        def heard() -> bool:
            raw = client.receive() if client.readable(1.0) else None
            if raw:
                frames.append(raw)
            return len(frames) >= 6

        until(heard, "frames come", 20)
        client.close()
    assert all(b'"seen":true' in frame for frame in frames)
    assert all(json.loads(frame) for frame in frames)
