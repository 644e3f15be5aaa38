"""An independent reader of the sandbox's wire, and an exchange driven in process under a virtual clock."""

import hashlib
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sandbox.exchange import Exchange, Setup
from sandbox.messages import Answer, Channel, Close, HttpRequest, Send, Service, SocketOpened, SocketText
from sandbox.world.population import LostFrames
from sandbox.world.recording import load
from sandbox.world.replay_markets import load_facts

BEGIN_NS = 1_790_000_100_000_000_000
SECOND = 1_000_000_000


class Reader:
    """Keeps each token's book from frames alone, and proves every hash with its own arithmetic."""

    def __init__(self, markets: list[dict[str, Any]]) -> None:
        self.facts = {token: market for market in markets for token in market["token_ids"]}
        self.books: dict[str, dict[str, dict[Decimal, str]]] = {}
        self.ticks = {market["condition_id"]: market["tick_size"] for market in markets}
        self.last_prices = {market["condition_id"]: "" for market in markets}
        self.proven = 0
        self.wrong: list[Any] = []

    def see(self, frame: Any) -> None:
        """Apply one frame."""
        getattr(self, f"_{frame['event_type']}")(frame)

    def levels(self, token: str) -> dict[str, dict[Decimal, Decimal]]:
        """A token's book in comparable form."""
        return {side: {p: Decimal(s) for p, s in levels.items()} for side, levels in self.books[token].items()}

    def touch(self, token: str) -> tuple[Decimal | None, Decimal | None]:
        """A token's best bid and ask."""
        book = self.books[token]
        return max(book["bids"], default=None), min(book["asks"], default=None)

    def _book(self, frame: Any) -> None:
        market = frame["market"]
        self.ticks[market] = frame.get("tick_size", self.ticks[market])
        self.last_prices[market] = frame.get("last_trade_price", self.last_prices[market])
        sides = {side: {Decimal(x["price"]): x["size"] for x in frame[side]} for side in ("bids", "asks")}
        assert list(sides["bids"]) == sorted(sides["bids"])
        assert list(sides["asks"]) == sorted(sides["asks"], reverse=True)
        self.books[frame["asset_id"]] = sides
        self._prove(frame["asset_id"], frame["timestamp"], frame["hash"])

    def _price_change(self, frame: Any) -> None:
        for entry in frame["price_changes"]:
            side = self.books[entry["asset_id"]]["bids" if entry["side"] == "BUY" else "asks"]
            if entry["size"] == "0":
                side.pop(Decimal(entry["price"]), None)
            else:
                side[Decimal(entry["price"])] = entry["size"]
        for entry in frame["price_changes"]:
            self._prove(entry["asset_id"], frame["timestamp"], entry["hash"])
            bid, ask = self.touch(entry["asset_id"])
            if (Decimal(entry["best_bid"]), Decimal(entry["best_ask"])) != (bid or 0, 1 if ask is None else ask):
                self.wrong.append(entry)

    def _last_trade_price(self, frame: Any) -> None:
        self.last_prices[frame["market"]] = frame["price"]

    def _tick_size_change(self, frame: Any) -> None:
        self.ticks[frame["market"]] = frame["new_tick_size"]

    def _best_bid_ask(self, frame: Any) -> None:
        assert Decimal(frame["spread"]) == Decimal(frame["best_ask"]) - Decimal(frame["best_bid"])

    def _market_resolved(self, frame: Any) -> None:
        assert frame["winning_asset_id"] in frame["assets_ids"]

    def _new_market(self, frame: Any) -> None:
        assert frame["clob_token_ids"] == frame["assets_ids"]

    def _prove(self, token: str, timestamp: str, digest: str) -> None:
        facts, book = self.facts[token], self.books[token]
        summary = {
            "market": facts["condition_id"],
            "asset_id": token,
            "timestamp": timestamp,
            "hash": "",
            "bids": [{"price": _text(p), "size": book["bids"][p]} for p in sorted(book["bids"])],
            "asks": [{"price": _text(p), "size": book["asks"][p]} for p in sorted(book["asks"], reverse=True)],
            "min_order_size": facts["min_order_size"],
            "tick_size": self.ticks[facts["condition_id"]],
            "neg_risk": facts["neg_risk"],
            "last_trade_price": self.last_prices[facts["condition_id"]],
        }
        compact = json.dumps(summary, separators=(",", ":"))
        if hashlib.sha1(compact.encode()).hexdigest() == digest:
            self.proven += 1
        else:
            self.wrong.append(summary)


class Watched:
    """An exchange with one client on it; `seen` holds every frame that client got, with its time."""

    def __init__(self, exchange: Exchange, *, read: bool = True) -> None:
        self.exchange = exchange
        self._read = read
        self.now_ns = BEGIN_NS
        self.markets = exchange.describe_markets()
        self.reader = Reader(self.markets)
        self.seen: list[tuple[int, Any]] = []
        self.texts: list[str] = []
        self.closed: list[Close] = []
        self._connections = 0

    @property
    def tokens(self) -> list[str]:
        """All tokens."""
        return [token for market in self.markets for token in market["token_ids"]]

    def connect(self, channel: Channel = "market") -> int:
        """Open a socket."""
        self._connections += 1
        self._take(self.exchange.handle(SocketOpened(self._connections, channel), self.now_ns))
        return self._connections

    def say(self, connection: int, text: str | dict[str, Any]) -> list[str]:
        """Send a text and give what comes back at once."""
        before = len(self.texts)
        said = text if isinstance(text, str) else json.dumps(text)
        self._take(self.exchange.handle(SocketText(connection, said), self.now_ns))
        return self.texts[before:]

    def subscribe(self, *tokens: str, custom: bool = False) -> int:
        """Open a socket that listens to these tokens, or to all."""
        connection = self.connect()
        frame = {"assets_ids": tokens or self.tokens, "type": "market", "custom_feature_enabled": custom}
        self.say(connection, frame)
        return connection

    def call(self, service: Service, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, Any]:
        """Make a REST call and give its status and decoded answer."""
        listed = {name: value if isinstance(value, list) else [str(value)] for name, value in query.items()}
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        effects = self.exchange.handle(HttpRequest(service, method, path, listed, raw), self.now_ns)
        (answer,) = [effect for effect in effects if isinstance(effect, Answer)]
        self._take([effect for effect in effects if not isinstance(effect, Answer)])
        return answer.status, json.loads(answer.body)

    def advance(self, seconds: float) -> list[tuple[int, Any]]:
        """Let time pass, event by event, and give what the client got meanwhile."""
        before = len(self.seen)
        end_ns = self.now_ns + round(seconds * SECOND)
        while (due_ns := self.exchange.next_event_at) is not None and due_ns <= end_ns:
            self.now_ns = max(self.now_ns, due_ns)
            self._take(self.exchange.tick(self.now_ns))
        self.now_ns = end_ns
        return self.seen[before:]

    def _take(self, effects: list[Any]) -> None:
        for effect in effects:
            if isinstance(effect, Close):
                self.closed.append(effect)
            elif isinstance(effect, Send) and isinstance(effect.text, str):
                self.texts.append(effect.text)
                if effect.text[0] in "[{":
                    frame = json.loads(effect.text)
                    for one in frame if isinstance(frame, list) else [frame]:
                        self.seen.append((self.now_ns, one))
                        if self._read and (one.get("asset_id") in self.reader.facts or "price_changes" in one):
                            self.reader.see(one)


@pytest.fixture
def populated() -> Callable[..., Watched]:
    """Make an exchange with a generated world."""

    def make(profile: str = "demo", seed: int = 1, count: int | None = None, *, read: bool = True) -> Watched:
        exchange = Exchange(Setup(seed=seed))
        exchange.populate(profile, BEGIN_NS, count=count)
        return Watched(exchange, read=read)

    return make


@pytest.fixture
def replayed() -> Callable[..., Watched]:
    """Make an exchange that replays a recording."""

    def make(path: Path, markets: Path | None = None, speed: float = 1.0) -> Watched:
        exchange = Exchange()
        exchange.replay(load(path), load_facts(markets) if markets else (), speed, BEGIN_NS)
        return Watched(exchange)

    return make


@pytest.fixture
def lossless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the frames that a generated world loses on purpose: they end every proof until the next book."""
    monkeypatch.setattr(LostFrames, "happen", lambda *_: True)


@pytest.fixture
def reader() -> type[Reader]:
    """The independent reader, for tests over real sockets."""
    return Reader


def _text(price: Decimal) -> str:
    return format(price.normalize(), "f")
