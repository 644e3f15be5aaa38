"""`bin/prove load`: what a sandbox in a process of its own takes of a core while it sends and is sent to.

Why a faster clock: the profile's mean is some 835 messages a second; four times as fast, that is its peaks' 3,000.
Why orders are signed beforehand: the cost of the sender's signatures must not stand between the sandbox and its load.
"""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import psutil
import websocket

from sandbox.signing.headers import Credentials, l2_headers
from sandbox.signing.keys import PrivateKey
from sandbox.signing.orders import sign_order
from sandbox.signing.typed_data import POLYGON, Order, exchange_domain

SCHEMA: Final = "keel.prove.load/1"
_PROFILE: Final = "venue_wide_stress"
_MESSAGES_PER_S: Final = 835
_SENDERS: Final = 4
_WARM_UP_S: Final = 3.0
_SHARES: Final = 5_000_000
_PRICE: Final = 100
"""A cent: far from every touch, so the orders rest."""


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured: rates per second, the sandbox's share of a core, and how long orders waited (ms)."""

    seconds: float
    messages_per_s: float
    orders_per_s: float
    refused: int
    core_share: float
    order_p50_ms: float
    order_p99_ms: float

    @property
    def holds(self) -> bool:
        """Whether nothing was refused and one core was enough."""
        return not self.refused and self.core_share < 1


def measure(seconds: float, messages_per_s: int, orders_per_s: int, seed: int) -> Load:
    """Load a sandbox for a while. Raises RuntimeError where it does not start."""
    with _sandbox(messages_per_s / _MESSAGES_PER_S, seed) as (process, said):
        # A message is counted once, by a client that sees every market.
        reader = _Reader(said)
        senders = [_Sender(said, number, orders_per_s / _SENDERS, seconds) for number in range(_SENDERS)]
        reader.start()
        time.sleep(_WARM_UP_S)
        began, seen, used = time.monotonic(), reader.seen, _cpu_s(process)
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        took = time.monotonic() - began
        share, read = (_cpu_s(process) - used) / took, reader.seen - seen
        reader.stop()
    waits_ms = sorted(wait for sender in senders for wait in sender.waits_ms)
    return Load(
        seconds=round(took, 1),
        messages_per_s=round(read / took),
        orders_per_s=round(len(waits_ms) / took, 1),
        refused=sum(sender.refused for sender in senders),
        core_share=round(share, 2),
        order_p50_ms=round(_quantile(waits_ms, 0.5), 1),
        order_p99_ms=round(_quantile(waits_ms, 0.99), 1),
    )


@contextmanager
def _sandbox(clock_speed: float, seed: int) -> Iterator[tuple[psutil.Process, dict[str, Any]]]:
    world = ["--profile", _PROFILE, "--clock-speed", f"{clock_speed:.3f}", "--seed", str(seed), "--tier", "Elite"]
    command = [sys.executable, "-P", "-m", "sandbox", "--json", *world]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise RuntimeError("the sandbox ended at once")
            yield psutil.Process(process.pid), json.loads(line)
        finally:
            process.terminate()


class _Reader(threading.Thread):
    """A client that subscribes to everything and counts what comes."""

    def __init__(self, said: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self.seen = 0
        self._ended = False
        self._wire = websocket.create_connection(said["market_ws_url"], skip_utf8_validation=True, timeout=60)
        tokens = [token for market in said["markets"] for token in market["token_ids"]]
        self._wire.send(json.dumps({"type": "market", "assets_ids": tokens, "custom_feature_enabled": True}))

    def run(self) -> None:
        while not self._ended:
            _, data = self._wire.recv_data()
            # Windows that open meanwhile are followed too, or the load would fade.
            if b'"event_type":"new_market"' in data:
                tokens = json.loads(data)["assets_ids"]
                self._wire.send(json.dumps({"operation": "subscribe", "assets_ids": tokens}))
            self.seen += 1

    def stop(self) -> None:
        self._ended = True
        self.join()
        self._wire.close()


class _Sender(threading.Thread):
    """A client that places signed orders at a steady rate, over one connection."""

    def __init__(self, said: dict[str, Any], number: int, per_s: float, seconds: float) -> None:
        super().__init__(daemon=True)
        self.waits_ms: list[float] = []
        self.refused = 0
        self._per_s = per_s
        account = said["accounts"][0]
        self._credentials = Credentials(
            account["address"], account["api_key"], account["api_secret"], account["api_passphrase"]
        )
        where = urlsplit(said["clob_url"])
        self._line = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
        key = PrivateKey(bytes.fromhex(account["private_key"][2:]))
        markets = [market for market in said["markets"] if "-updown-" not in market["slug"]]
        count = round(per_s * seconds)
        self._bodies = [
            _body(key, account["api_key"], markets[turn % len(markets)], number * count + turn) for turn in range(count)
        ]

    def run(self) -> None:
        began = time.monotonic()
        for turn, body in enumerate(self._bodies):
            time.sleep(max(0.0, began + turn / self._per_s - time.monotonic()))
            headers = l2_headers(self._credentials, int(time.time()), "POST", "/order", body)
            sent = time.monotonic()
            self._line.request("POST", "/order", body, headers)
            answer = self._line.getresponse()
            accepted = answer.status == 200 and json.loads(answer.read())["success"]
            self.waits_ms.append((time.monotonic() - sent) * 1_000)
            self.refused += not accepted
        self._line.close()


def _body(key: PrivateKey, owner: str, market: dict[str, Any], salt: int) -> bytes:
    order = Order(
        salt=salt,
        maker=key.address,
        signer=key.address,
        token_id=int(market["token_ids"][0]),
        maker_amount=_SHARES * _PRICE // 10_000,
        taker_amount=_SHARES,
        side=0,
        signature_type=0,
        timestamp_ms=1_790_000_000_000 + salt,
    )
    domain = exchange_domain(2, POLYGON, neg_risk=market["neg_risk"])
    signed = {
        "salt": order.salt,
        "maker": order.maker,
        "signer": order.signer,
        "tokenId": market["token_ids"][0],
        "makerAmount": str(order.maker_amount),
        "takerAmount": str(order.taker_amount),
        "side": "BUY",
        "expiration": "0",
        "signatureType": 0,
        "timestamp": str(order.timestamp_ms),
        "metadata": order.metadata,
        "builder": order.builder,
        "signature": sign_order(key, domain, order),
    }
    whole = {"order": signed, "owner": owner, "orderType": "GTC", "deferExec": False, "postOnly": True}
    return json.dumps(whole, separators=(",", ":")).encode()


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0
