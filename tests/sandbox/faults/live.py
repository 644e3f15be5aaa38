"""An exchange with quiet markets behind its real server, and traders who call it over sockets."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import websocket

from sandbox.books import MirroredBook
from sandbox.exchange import Exchange, Setup
from sandbox.markets import CATEGORIES, Event, Market, digest_id, token_id
from sandbox.server import Server
from sandbox.signing.keys import PrivateKey
from sandbox.units import SHARE
from tests.sandbox.house import Trader

SPEED = 20.0
DEADLINE_S = 10.0
_MARKETS = 160
_TRADERS = 12


class Socket:
    """A WebSocket whose frames can be waited for."""

    def __init__(self, url: str) -> None:
        self.raw = websocket.create_connection(url, timeout=DEADLINE_S, skip_utf8_validation=True)

    def frames(self) -> Iterator[Any]:
        """All frames that come, arrays one by one."""
        while True:
            text = self.raw.recv()
            if text[:1] in ("{", "["):
                decoded = json.loads(text)
                yield from decoded if isinstance(decoded, list) else [decoded]

    def wait(self, wanted: Callable[[Any], bool], most: int = 10_000) -> Any:
        """The next frame of a kind."""
        return next(frame for frame, _ in zip(self.frames(), range(most), strict=False) if wanted(frame))

    def heard(self, seconds: float) -> list[Any]:
        """What comes within a time."""
        self.raw.settimeout(seconds)
        found: list[Any] = []
        try:
            found.extend(self.frames())
        except websocket.WebSocketTimeoutException:
            pass
        finally:
            self.raw.settimeout(DEADLINE_S)
        return found

    def close_code(self) -> int | None:
        """The code with which it is closed; None when it just ends."""
        try:
            while True:
                opcode, data = self.raw.recv_data()
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    return int.from_bytes(data[:2], "big")
        except (websocket.WebSocketConnectionClosedException, ConnectionError):
            return None


class Live:
    """A running venue; it is a house for `Trader`s, too."""

    def __init__(self) -> None:
        self._begin_ns = time.time_ns()
        self._begin = time.monotonic()
        self.exchange = Exchange(Setup(accounts=_TRADERS, clock_tolerance_s=None, account_cash=1_000_000 * SHARE))
        self.exchange._begin(self._begin_ns)
        self._fresh = iter([self._make(number) for number in range(_MARKETS)])
        self._event = [self._make(number, "race") for number in range(3)]
        self.exchange._outbox.clear()
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        self.url, self.ws_url = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/ws"
        self._server = Server(self.exchange, self._begin_ns, SPEED)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve(listener)))
        self._thread.start()
        self.accounts = self.exchange.accounts
        self.traders = [
            Trader(
                self,  # type: ignore[arg-type]
                PrivateKey(bytes.fromhex(one["private_key"][2:])),
                self.accounts.known(one["address"]),
                self.accounts.known(one["address"]).keys[0],
                one["signature_type"],
            )
            for one in self.accounts.describe()
        ]
        self._newcomers = iter(self.traders[3:])
        self._sockets: list[Socket] = []
        self._http = httpx.Client(timeout=DEADLINE_S, verify=False)

    @property
    def now_ns(self) -> int:
        """Its clock."""
        return self._begin_ns + int((time.monotonic() - self._begin) * SPEED * 1e9)

    def market(self) -> Market:
        """A market that no other test uses: bids from 0.41 to 0.45, asks from 0.55 to 0.59, 1,000 shares each."""
        return next(self._fresh)

    def trader(self) -> Trader:
        """A trader whom no other test knows, whose money moves only by what this test does."""
        return next(self._newcomers)

    def event(self) -> list[Market]:
        """The markets of one neg-risk event."""
        return self._event

    def ask(self, method: str, path: str, body: bytes = b"", headers: Any = None, **query: Any) -> httpx.Response:
        """Make a call."""
        return self._http.request(method, self.url + path, content=body, headers=headers, params=query)

    def request(self, method: str, path: str, body: bytes = b"", headers: Any = None, **query: Any) -> Any:
        """Make a call as a `Trader` wants it."""
        answer = self.ask(method, path, body, headers, **query)
        answer.status = answer.status_code  # type: ignore[attr-defined]
        answer.body = answer.content  # type: ignore[attr-defined]
        return answer

    def throw(self, fault: str, **said: Any) -> int:
        """Throw a switch; says what it concerns."""
        answer = self._http.post(self.url + "/sandbox/faults", json={"fault": fault, **said})
        assert answer.status_code == 200, answer.text
        return answer.json()["concerned"]

    def clear(self, name: str = "") -> int:
        """Clear the switches of a name, or all."""
        answer = self._http.delete(self.url + "/sandbox/faults" + (f"/{name}" if name else ""))
        return answer.json()["cleared"]

    def on(self) -> list[str]:
        """The names of the switches that are on."""
        return [one["fault"] for one in self._http.get(self.url + "/sandbox/faults").json()["on"]]

    def lines(self, fault: str) -> list[Any]:
        """What the log says of a fault."""
        after, found = 0, []
        while True:
            log = self._http.get(self.url + "/sandbox/log", params={"after": after}).json()
            lines = log["lines"]
            found += [line for line in lines if line["kind"] == "fault" and line["fault"] == fault]
            if not lines:
                return found
            after = lines[-1]["n"]

    def open(self, channel: str = "market") -> Socket:
        """Open a socket."""
        self._sockets.append(Socket(f"{self.ws_url}/{channel}"))
        return self._sockets[-1]

    def subscribe(self, *markets: Market, custom: bool = False) -> Socket:
        """Open a market socket for some markets and take their snapshot."""
        opened = self.open()
        tokens = [token for market in markets for token in market.token_ids]
        opened.raw.send(json.dumps({"assets_ids": tokens, "type": "market", "custom_feature_enabled": custom}))
        return opened

    def listen(self, trader: Trader, *markets: Market) -> Socket:
        """Open a user socket that has proven itself, for some markets or all."""
        opened = self.open("user")
        known = trader.credentials
        auth = {"apiKey": known.api_key, "secret": known.secret, "passphrase": known.passphrase}
        wanted = [market.condition_id for market in markets]
        opened.raw.send(json.dumps({"type": "user", "auth": auth, "markets": wanted}))
        opened.raw.send("PING")
        assert opened.raw.recv() == "PONG"
        return opened

    def give(self, trader: Trader, market: Market, outcome: str, size: str) -> None:
        """Give a trader tokens of a market, and let the venue know of them."""
        self.throw(
            "move_funds",
            account=trader.account.address,
            how="receive",
            amount=size,
            market=market.slug,
            outcome=outcome,
        )
        token_id = market.token_ids[market.outcomes.index(outcome)]
        asked = {"asset_type": "CONDITIONAL", "token_id": token_id, "signature_type": trader.signature_type}
        trader.ask("GET", "/balance-allowance/update", **asked)

    def leave(self) -> None:
        """Be as before a test: no switches, sockets or orders."""
        self.clear()
        for trader in self.traders[:3]:
            trader.call("DELETE", "/cancel-all")
        self.hang_up()

    def hang_up(self) -> None:
        """Close all sockets that were opened here."""
        for opened in self._sockets:
            opened.raw.shutdown()
        self._sockets.clear()

    def stop(self) -> None:
        """End it."""
        self._http.close()
        self._server.stop()
        self._thread.join()

    def _make(self, number: int, event: str = "") -> Market:
        slug = f"{event or 'quiet'}-{number}"
        known = self.exchange.catalogue.find(f"{event}-0") if event else None
        market = Market(
            slug,
            f"{slug}?",
            digest_id("condition", slug),
            (token_id(slug, "yes"), token_id(slug, "no")),
            ("Yes", "No"),
            CATEGORIES["politics"],
            known.event if known else Event(event or slug, slug, neg_risk=bool(event)),
            MirroredBook(),
            self._begin_ns,
            None,
        )
        venue = self.exchange._venue
        venue.list_market(market, self._begin_ns)
        for step in range(5):
            venue.rest_outside(market, "BUY", 4_500 - step * 100, 1_000 * SHARE, self._begin_ns)
            venue.rest_outside(market, "SELL", 5_500 + step * 100, 1_000 * SHARE, self._begin_ns)
        venue.publish(market, self._begin_ns)
        return market


def until(condition: Callable[[], Any]) -> Any:
    """Wait for a condition and give what it says."""
    begin = time.monotonic()
    while not (found := condition()):
        assert time.monotonic() - begin < DEADLINE_S, "it did not happen"
        time.sleep(0.01)
    return found
