"""From toxic flow to the bytes of a cancel, while an order hangs at the venue (P13): the live engine as people run it.

A relay stands between the engine and a sandbox. While an order hangs there it makes the next print of each market a
large one, and looks for the cancels of that market's quotes: flow, risk, executor and the lane of cancels lie between.

Why prints are made larger and none are made up: the venue's hashes cover the price of the last trade and not its size,
so the books stay proven.
"""

import json
import re
import sqlite3
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from actors.runtime.clock import SystemClock, monotonic_ns
from research.bench.relay import Relay
from research.prove.processes import UNHINDERED, Sandbox, live_engine, sandbox, until, wait

_LARGE: Final = "1000000"
"""Shares of a print that is toxic; the threshold is beyond what the sandbox's own takers do."""
_SETTINGS: Final = {
    "STRATEGY_TAG": "bench",
    "PM_BID_SIZE": "5",
    "PM_MAX_NET_DIFF": "1000000",
    "KEEL_PHASE__FLAT_BAND": "1000000",
    "PM_MAX_POSITION_VALUE": "100000",
    "PM_OFI_TOXICITY_THRESHOLD": "100000",
    "KEEL_INVENTORY__AUTO_MERGE": "off",
    "KEEL_EXECUTOR__RATE_TIER": "Elite",
    "KEEL_GATE__SECOND_MAX": "1500",
    "KEEL_GATE__TEN_SECONDS_MAX": "6900",
    "WALLET_USD": "100000",
    # Each order that hangs is of unknown fate for a while, and three of them rightly stop what opens.
    "KEEL_UNKNOWNS__REDUCE": "100",
    "KEEL_UNKNOWNS__KILL": "1000",
    **UNHINDERED,
}
_HANG_S: Final = 5
_HUNG_S: Final = 0.1
_WINDOW_S: Final = 3.0
"""Shorter than a request of a lane may take, so that the same order hangs from the first print to the last cancel."""
_LAST_S: Final = 0.3
_APART_NS: Final = 6_000_000_000
"""Shorter than from one window to the next: a cancel belongs to the toxic print before it."""
_WORLD: Final = ("--port", 0, "--tier", "Elite", "--cash", 100_000)
_START_S: Final = 60.0
_QUOTED: Final = 0.4
"""Share of all quotes that have to rest before a window begins."""
_ORDER_ID: Final = re.compile(rb"0x[0-9a-fA-F]{64}")


class _Watch:
    """When each market became toxic, and when a cancel of each order was first on the wire."""

    def __init__(self, venue: Sandbox) -> None:
        self.frames = 0
        self.toxic: list[tuple[str, int]] = []
        self.cancelled_ns: dict[str, int] = {}
        self._armed: set[str] = set()
        self._every = {market["condition_id"] for market in venue.said["markets"]}

    def spread(self) -> None:
        """Make the next print of every market a large one, for as long as a window is open."""
        self._armed = set(self._every)
        wait(_WINDOW_S)
        self._armed = set()
        wait(_LAST_S)

    def request(self, piece: bytes, at_ns: int) -> None:
        if piece.startswith(b"DELETE "):
            for name in _ORDER_ID.findall(piece.partition(b"\r\n\r\n")[2]):
                self.cancelled_ns.setdefault(name.decode(), at_ns)

    def frame(self, payload: bytes) -> bytes:
        self.frames += 1
        if not self._armed or b'"last_trade_price"' not in payload:
            return payload
        events = json.loads(payload)
        for event in events if isinstance(events, list) else (events,):
            if event.get("event_type") == "last_trade_price" and event["market"] in self._armed:
                self._armed.discard(event["market"])
                event["size"] = _LARGE
                self.toxic.append((event["market"], monotonic_ns()))
        return json.dumps(events, separators=(",", ":")).encode()


def stop_under_a_hanging_order(markets: int = 20, windows: int = 14) -> dict[str, float]:
    """Measure P13: milliseconds from the bytes of a toxic print to those of the cancel of each quote it endangers.

    Raises RuntimeError or TimeoutError where an engine does not quote or no order hangs.
    """
    with tempfile.TemporaryDirectory(prefix="keel-bench-") as name:
        folder = Path(name)
        with (
            sandbox("--profile", "demo", "--markets-count", markets, *_WORLD) as venue,
            _watched(venue) as (relay, watch),
            live_engine(folder, relay.venue, 0, **_SETTINGS) as running,
        ):
            running.done("resume", "--yes", timeout_s=_START_S)
            _quoted(venue, markets)
            began_ns, before = monotonic_ns(), watch.frames
            watch.spread()
            hung_from = len(watch.toxic)
            for _ in range(windows):
                _quoted(venue, markets)
                _hang_and_spread(venue, relay, watch)
            rate = (watch.frames - before) * 1e9 / (monotonic_ns() - began_ns)
            ahead_ns = SystemClock().now_ns() - monotonic_ns()
            rests_ns = {line["id"]: line["at_ns"] - ahead_ns for line in venue.log() if line["kind"] == "order_placed"}
        stopped = _stopped(folder / "arb.db")
    free_ms, _ = _delays_ms(watch, stopped, rests_ns, watch.toxic[:hung_from])
    hung_ms, unseen = _delays_ms(watch, stopped, rests_ns, watch.toxic[hung_from:])
    return {
        "p99_ms": _quantile(hung_ms, 0.99),
        "p50_ms": _quantile(hung_ms, 0.5),
        "most_ms": hung_ms[-1],
        "cancels": len(hung_ms),
        "unseen": unseen,
        "free_p50_ms": _quantile(free_ms, 0.5),
        "ratio": _quantile(hung_ms, 0.5) / _quantile(free_ms, 0.5),
        "frames_per_s": rate,
    }


@contextmanager
def _watched(venue: Sandbox) -> Iterator[tuple[Relay, _Watch]]:
    watch = _Watch(venue)
    with Relay(venue, watch.request, watch.frame) as relay:
        yield relay, watch


def _hang_and_spread(venue: Sandbox, relay: Relay, watch: _Watch) -> None:
    """Let the lane of orders hang, and make every market toxic meanwhile."""
    venue.asked("/faults", {"fault": "latency", "method": "POST", "path": "/order", "delay": _HANG_S})
    try:
        until(lambda: relay.hanging_s() > _HUNG_S, "an order hangs", _START_S)
        watch.spread()
        if relay.hanging_s() < _HUNG_S:
            raise RuntimeError("the order did not hang until the last cancel")
    finally:
        _clear(venue)


def _clear(venue: Sandbox) -> None:
    request = urllib.request.Request(f"{venue.said['control_url']}/faults", method="DELETE")  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - the same
        pass


def _quoted(venue: Sandbox, markets: int) -> None:
    """Wait until most quotes rest."""

    def rest() -> bool:
        return len(venue.asked("/accounts")["accounts"][0]["open_orders"]) >= 2 * markets * _QUOTED

    until(rest, "it quotes", _START_S)


def _stopped(database: Path) -> dict[str, str]:
    """Return the orders that were cancelled because of toxic flow, and their markets."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return dict(connection.execute("SELECT order_id, market FROM orders WHERE reason = 'toxic_flow'"))
    finally:
        connection.close()


def _delays_ms(
    watch: _Watch, stopped: dict[str, str], rests_ns: dict[str, int], toxic: list[tuple[str, int]]
) -> tuple[list[float], int]:
    """Return the delays, shortest first, and how many orders that rested then were stopped without a cancel seen.

    What the venue has not taken yet cannot be filled, and is not counted.
    """
    orders: dict[str, list[str]] = {}
    for order_id, market in stopped.items():
        orders.setdefault(market, []).append(order_id)
    delays_ms: list[float] = []
    unseen = 0
    for market, toxic_ns in toxic:
        for order_id in orders.get(market, ()):
            rested = toxic_ns - rests_ns.get(order_id, toxic_ns) > 0
            cancelled_ns = watch.cancelled_ns.get(order_id)
            if rested and cancelled_ns is None:
                unseen += 1
            elif rested and cancelled_ns is not None and toxic_ns < cancelled_ns < toxic_ns + _APART_NS:
                delays_ms.append((cancelled_ns - toxic_ns) / 1e6)
    return sorted(delays_ms), unseen


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
