"""From a tick to a signed order, in bytes on loopback (P8): the live engine against one loop that does the same work.

A sandbox plays a recording in which one side of each book goes and comes again, so that each return of it calls for
quotes where none rest. A relay knows when the frame of the return went by, and when the first order for it came.

The loop has the machines of the engine, its codec, signature, journal and durable commit, and no actor, lane or gate.
Why another process for it: it would share the interpreter with the relay, which the engine does not either.
"""

import http.client
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from statistics import median
from subprocess import Popen
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec.structs import replace

from actors.assembly import Plan
from actors.runtime.clock import SystemClock, monotonic_ns
from actors.store.database import sqlite_url
from actors.store.rows import rows_of
from actors.store.writer import Writer
from actors.topology import VENUE
from actors.venues.polymarket.codec import Codec, MalformedFrame
from actors.venues.websocket_client import WebSocketClient
from models.engine import EngineParameters
from models.markets import NO, YES, Catalogue, Market
from models.messages.base import Message
from models.messages.orders import SubmitOrder
from models.units import DOLLAR, SHARE
from research.bench.machines import MachinesAlone
from research.bench.relay import Relay
from research.bench.signing import order_writer
from research.prove.processes import Sandbox, live_engine, sandbox, wait

_MARKETS: Final = 4
_CYCLE_MS: Final = 500
_AWAY_MS: Final = 250
_START_MS: Final = 1_760_000_000_000
_RETURNS: Final = ("0.52", "100")
"""Price and size of the level by which a return is known; our own quotes stand elsewhere."""
_SIDES: Final = {"bids": ("0.48", "0.47", "0.46"), "asks": ("0.52", "0.53", "0.54")}
_ENGINE_STARTS_S: Final = 15.0
_LOOP_STARTS_S: Final = 4.0
_SOON_NS: Final = 200_000_000
"""An order that comes later than this belongs to no tick."""
_SETTINGS: Final = {
    "STRATEGY_TAG": "bench",
    "PM_BID_SIZE": "5",
    "PM_MAX_NET_DIFF": "10",
    "PM_MAX_POSITION_VALUE": "100000",
    "KEEL_EXECUTOR__RATE_TIER": "Elite",
    "WALLET_USD": "100000",
}


def tick_to_order(ticks: int = 200) -> dict[str, float]:
    """Measure P8: microseconds from the bytes of a tick to those of its order, as a multiple of the loop's.

    Raises RuntimeError where too few ticks brought an order.
    """
    engine_us = _measured(ticks, _ENGINE_STARTS_S, _engine)
    loop_us = _measured(ticks, _LOOP_STARTS_S, _loop)
    return {
        "p50_ratio": median(engine_us) / median(loop_us),
        "p99_ratio": _p99(engine_us) / _p99(loop_us),
        "engine_p50_us": median(engine_us),
        "engine_p99_us": _p99(engine_us),
        "loop_p50_us": median(loop_us),
        "loop_p99_us": _p99(loop_us),
        "ticks": min(len(engine_us), len(loop_us)),
    }


class _Watch:
    """When one side of each book returned, and when the first order of the market came after that.

    The first order of all of a market comes of the start, and not of the tick that happened to be the last before it.
    """

    def __init__(self, venue: Sandbox) -> None:
        self.taken_us: list[float] = []
        self._returned_ns: dict[str, int] = {}
        self._quoted: set[str] = set()
        self._market_of = {
            token: market["condition_id"] for market in venue.said["markets"] for token in market["token_ids"]
        }
        self._yes = {market["token_ids"][YES] for market in venue.said["markets"]}

    def frame(self, payload: bytes) -> bytes:
        if b'"price_change"' in payload:
            events = json.loads(payload)
            for event in events if isinstance(events, list) else (events,):
                changes = event.get("price_changes", ())
                if any((c["price"], c["size"]) == _RETURNS and c["asset_id"] in self._yes for c in changes):
                    self._returned_ns[event["market"]] = monotonic_ns()
        return payload

    def request(self, piece: bytes, at_ns: int) -> None:
        if not piece.startswith(b"POST /order"):
            return
        for token, market in self._market_of.items():
            if token.encode() in piece:
                taken_ns = at_ns - self._returned_ns.pop(market, 0)
                if taken_ns < _SOON_NS and market in self._quoted:
                    self.taken_us.append(taken_ns / 1e3)
                self._quoted.add(market)


def _measured(
    ticks: int, starts_s: float, trader: Callable[[Path, Sandbox], AbstractContextManager[object]]
) -> list[float]:
    seconds = ticks * _CYCLE_MS / _MARKETS / 1_000
    with tempfile.TemporaryDirectory(prefix="keel-bench-") as name:
        folder = Path(name)
        _write_recording(folder / "ticks.jsonl", starts_s + seconds + 5.0)
        flags = ("--port", 0, "--tier", "Elite", "--cash", 100_000, "--replay", folder / "ticks.jsonl")
        with sandbox(*flags) as venue:
            watch = _Watch(venue)
            with Relay(venue, watch.request, watch.frame) as relay, trader(folder / "data", relay.venue):
                _wait_for(watch, ticks, starts_s + seconds)
    if len(watch.taken_us) < ticks // 2:
        raise RuntimeError(f"{len(watch.taken_us)} orders came of {ticks} ticks")
    return watch.taken_us


def _wait_for(watch: _Watch, ticks: int, seconds: float) -> None:
    until_ns = monotonic_ns() + int(seconds * 1e9)
    while len(watch.taken_us) < ticks and monotonic_ns() < until_ns:
        wait(0.1)


@contextmanager
def _engine(folder: Path, venue: Sandbox) -> Iterator[object]:
    with live_engine(folder, venue, 0, **_SETTINGS) as running:
        running.done("resume", "--yes")
        yield running


@contextmanager
def _loop(folder: Path, venue: Sandbox) -> Iterator[object]:
    told = {"said": venue.said, "folder": str(folder)}
    folder.mkdir()
    with Popen([sys.executable, "-P", "-m", "research.bench.tick_to_order", json.dumps(told)]) as process:
        try:
            yield process
        finally:
            process.terminate()


def _write_recording(path: Path, seconds: float) -> None:
    """Write one side of each market's book leaving and returning, the markets one after the other."""
    events: list[tuple[int, dict[str, Any]]] = []
    for number in range(_MARKETS):
        offset_ms = number * _CYCLE_MS // _MARKETS
        for outcome in (YES, NO):
            events.append((0, _book(number, outcome)))
        for cycle in range(1, int(seconds * 1_000 / _CYCLE_MS)):
            gone_ms = offset_ms + cycle * _CYCLE_MS
            events += [(gone_ms, _asks(number, "0")), (gone_ms + _AWAY_MS, _asks(number, _RETURNS[1]))]
    with path.open("w", encoding="utf-8") as file:
        for at_ms, event in sorted(events, key=lambda one: one[0]):
            file.write(json.dumps({**event, "timestamp": str(_START_MS + at_ms)}) + "\n")


def _book(number: int, outcome: int) -> dict[str, Any]:
    bids, asks = _SIDES["bids"], _SIDES["asks"]
    if outcome == NO:
        bids, asks = tuple(map(_mirrored, asks)), tuple(map(_mirrored, bids))
    levels = {
        side: [{"price": price, "size": _RETURNS[1]} for price in prices]
        for side, prices in (("bids", bids[::-1]), ("asks", asks[::-1]))
    }
    return {"event_type": "book", "market": f"tick-{number}", "asset_id": _token(number, outcome), **levels}


def _asks(number: int, size: str) -> dict[str, Any]:
    changes = [
        {"asset_id": _token(number, outcome), "price": shown, "size": size, "side": side}
        for price in _SIDES["asks"]
        for outcome, shown, side in ((YES, price, "SELL"), (NO, _mirrored(price), "BUY"))
    ]
    return {"event_type": "price_change", "market": f"tick-{number}", "price_changes": changes}


def _token(number: int, outcome: int) -> str:
    return str(10**70 + 2 * number + outcome)


def _mirrored(price: str) -> str:
    return f"{1 - float(price):.2f}"


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


class _Loop(MachinesAlone):
    """All machines in one loop, which keeps what is to be sent."""

    def __init__(self, plan: Plan, start_ns: int) -> None:
        self.leaving: list[SubmitOrder] = []
        super().__init__(plan, start_ns)

    def _pass_on(self, order: Message, _: int) -> tuple[Message, ...]:
        assert isinstance(order, SubmitOrder)
        self.leaving.append(order)
        self._post(VENUE, order)
        return ()


def _run_loop(said: Mapping[str, Any], folder: Path) -> None:
    """Read frames, decide, commit, sign and send, until ended."""
    clock = SystemClock()
    markets = {one["condition_id"]: _market(one) for one in said["markets"]}
    tokens = {token: (market.id, outcome) for market in markets.values() for outcome, token in _tokens(market)}
    world = _Loop(Plan(Catalogue(markets), {"bench": "maker"}, _parameters(), "paper", "bench", 1), clock.now_ns())
    writer = Writer(sqlite_url(folder / "arb.db"), clock.now_ns())
    where = urlsplit(said["clob_url"])
    wire = http.client.HTTPConnection(where.hostname or "", where.port)
    body_of = order_writer(markets)
    codec = Codec(tokens)
    feed = WebSocketClient(said["market_ws_url"], 10.0)
    feed.send(json.dumps({"assets_ids": list(tokens), "type": "market", "custom_feature_enabled": True}))
    while True:
        raw = feed.receive() if feed.readable(1.0) else None
        if not raw:
            continue
        now_ns = clock.now_ns()
        world.tell(now_ns, [one for one in codec.decode(raw, now_ns) if not isinstance(one, MalformedFrame)])
        if not world.leaving:
            continue
        leaving, world.leaving = world.leaving, []
        rows = [row for order in leaving for row in rows_of(order, writer.run, now_ns)]
        writer.write(rows, [(now_ns, order) for order in leaving])
        body, headers = body_of([order.order for order in leaving])
        wire.request("POST", "/orders", body, headers)
        wire.getresponse().read()


def _tokens(market: Market) -> Iterator[tuple[Any, str]]:
    yield from enumerate(market.token_ids)


def _market(said: Mapping[str, Any]) -> Market:
    first, second = said["token_ids"]
    return Market(said["condition_id"], said["slug"], (first, second))


def _parameters() -> EngineParameters:
    defaults = EngineParameters()
    return replace(
        defaults,
        maker=replace(defaults.maker, bid_size=5 * SHARE),
        inventory=replace(defaults.inventory, max_net_diff=10 * SHARE, max_position_value=100_000 * DOLLAR),
        risk=replace(defaults.risk, wallet_usd=100_000 * DOLLAR),
        paper=replace(defaults.paper, cash=100_000 * DOLLAR),
    )


if __name__ == "__main__":
    _told = json.loads(sys.argv[1])
    _run_loop(_told["said"], Path(_told["folder"]))
