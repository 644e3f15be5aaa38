"""A venue for accounts without its shell: traders call it and listen to it, under a virtual clock."""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any, Literal

from sandbox.accounts import Accounts
from sandbox.books import MirroredBook, Side
from sandbox.channel import MarketChannel
from sandbox.limits import SignerBuckets
from sandbox.log import Log
from sandbox.markets import CATEGORIES, Catalogue, Event, Market, digest_id, position_ids, token_id
from sandbox.messages import Answer, Effect, HttpRequest, Send
from sandbox.modes import Modes
from sandbox.rest.chain import Chain
from sandbox.rest.relayer import Relayer
from sandbox.rest.relayer_keys import RelayerKeys
from sandbox.rest.routes import Routes
from sandbox.rest.rpc import Rpc
from sandbox.rest.trading import Trading
from sandbox.rewards import Rewards
from sandbox.schedule import Schedule
from sandbox.signing.headers import Credentials, l1_headers, l2_headers
from sandbox.signing.keys import PrivateKey
from sandbox.signing.orders import sign_order
from sandbox.signing.typed_data import Order, exchange_domain
from sandbox.trading.contracts import Contracts
from sandbox.trading.engine import Engine
from sandbox.trading.ledger import Ledger
from sandbox.trading.mempool import Mempool
from sandbox.trading.records import Account
from sandbox.trading.relaying import Relaying
from sandbox.units import SECOND, SHARE
from sandbox.user_channel import UserChannel
from sandbox.venue import Venue

BEGIN_NS = 1_790_000_100_000_000_000
MICRO = 1_000_000
CASH = 1_000


class House:
    """The parts of an exchange that serve accounts, put together."""

    def __init__(self, *, protocol: int = 2, seed: int = 1) -> None:
        self.now_ns = BEGIN_NS
        self.outbox: list[Effect] = []
        self.answers: dict[int, Answer] = {}
        self.heard: list[tuple[int, int, Any]] = []
        """What sockets heard: connection, time, frame."""
        self.log = Log()
        self.schedule = Schedule()
        self.catalogue = Catalogue()
        random = Random(seed)
        ledger = Ledger(self.log)
        self.accounts = Accounts(ledger, f"seed {seed}", protocol=protocol)
        self.engine = Engine(ledger, self.log, self.schedule, random, self.accounts.spender)
        channel = MarketChannel(self.catalogue, self.schedule, self.outbox)
        self.venue = Venue(self.catalogue, self.schedule, channel, self.engine)
        self.modes = Modes(self.log, self.schedule)
        self.buckets = SignerBuckets()
        self.rewards = Rewards(self.catalogue, self.engine, self.log, self.schedule, random)
        self.users = UserChannel(self.accounts, self.engine, self.schedule, Random(seed), self.outbox)
        self.trading = Trading(
            self.accounts,
            self.venue,
            self.rewards,
            self.buckets,
            self.modes,
            self.log,
            Random(seed),
            self.outbox.append,
        )
        self.routes = Routes(self.trading.routes)
        self.chain = Routes(Chain(self.accounts, self.catalogue, self.engine, self.buckets, self.log).routes)
        contracts = Contracts(ledger, self.catalogue)
        self.relaying = Relaying(contracts, self.log, self.schedule, Random(seed))
        self.relayer = Routes(
            Relayer(self.accounts, self.relaying, RelayerKeys(self.accounts, self.log, tolerance_s=30)).routes
        )
        mempool = Mempool(contracts, self.log, self.schedule, Random(seed))
        self.rpc = Routes(Rpc(self.accounts, contracts, mempool).routes)
        self._calls = 0
        self._connections = 0

    def market(self, slug: str = "rain", *, neg_risk: bool = False, version: Literal["v1", "v2"] = "v1", **facts: Any):
        """List a market with an empty book."""
        condition_id, token_ids = digest_id("condition", slug), (token_id(slug, "yes"), token_id(slug, "no"))
        if version == "v2":
            condition_id, token_ids = position_ids(slug, neg_risk=neg_risk)
        event = Event(slug, slug, neg_risk=neg_risk)
        category = CATEGORIES[facts.pop("category", "politics")]
        market = Market(
            slug,
            f"{slug}?",
            condition_id,
            token_ids,
            ("Yes", "No"),
            category,
            event,
            MirroredBook(),
            BEGIN_NS,
            None,
            version=version,
            **facts,
        )
        self.venue.list_market(market, self.now_ns)
        return market

    def quote(self, market: Market, side: Side, price: int, shares: int) -> None:
        """Let outside liquidity join a level of YES."""
        self.venue.rest_outside(market, side, price, shares * SHARE, self.now_ns)
        self.venue.publish(market, self.now_ns)

    def trader(self, name: str = "0", signature_type: int = 0, cash: int = CASH, *, approved: bool = True) -> "Trader":
        """Make a funded account."""
        account = self.accounts.make(name, signature_type, cash * MICRO, self.now_ns, approved=approved)
        described = next(one for one in self.accounts.describe() if one["address"] == account.address)
        key = PrivateKey(bytes.fromhex(described["private_key"][2:]))
        return Trader(self, key, account, account.keys[0], signature_type)

    def request(self, method: str, path: str, body: bytes = b"", headers: Any = None, **query: Any) -> Answer:
        """Make a call and give its answer, for which the schedule runs on if it comes late."""
        answer = self.sent(method, path, body, headers, **query)
        while answer not in self.answers:
            due_ns = self.schedule.next_due
            assert due_ns is not None, "nothing is left that could answer"
            self.advance_to(due_ns)
        return self.answers.pop(answer)

    def sent(self, method: str, path: str, body: bytes = b"", headers: Any = None, **query: Any) -> int:
        """Make a call and do not wait; says its number, under which `answers` will have its answer."""
        self._calls += 1
        listed = {name: [str(value)] for name, value in query.items()}
        request = HttpRequest("clob", method, path, listed, body, headers=headers or {}, call=self._calls)
        answer = self.routes.answer(request, self.now_ns)
        if answer is not None:
            self.outbox.append(replace(answer, call=self._calls))
        self._drain()
        return self._calls

    def control(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, Any]:
        """Call the control service."""
        raw = b"" if body is None else json.dumps(body).encode()
        listed = {name: [str(value)] for name, value in query.items()}
        answer = self.chain.answer(HttpRequest("control", method, path, listed, raw), self.now_ns)
        assert answer is not None
        self._drain()
        return answer.status, json.loads(answer.body)

    def connect(self) -> int:
        """Open a user socket."""
        self._connections += 1
        self.users.opened(self._connections)
        return self._connections

    def say(self, connection: int, frame: Any) -> None:
        """Send a text or a frame."""
        self.users.said(connection, frame if isinstance(frame, str) else json.dumps(frame), self.now_ns)
        self._drain()

    def events(self, connection: int, kind: str = "") -> list[Any]:
        """What a socket heard, of one kind or of all."""
        return [
            frame for one, _, frame in self.heard if one == connection and (not kind or frame["event_type"] == kind)
        ]

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.advance_to(self.now_ns + round(seconds * SECOND))

    def advance_to(self, at_ns: int) -> None:
        """Let time pass until then, event by event."""
        while (due_ns := self.schedule.next_due) is not None and due_ns <= at_ns:
            self.now_ns = max(self.now_ns, due_ns)
            self.schedule.run(self.now_ns)
            self._drain()
        self.now_ns = max(self.now_ns, at_ns)

    def logged(self, kind: str) -> Iterator[Any]:
        """The lines of the log of a kind."""
        lines = (json.loads(line) for line in self.log.after(0, self.log.last))
        return (line for line in lines if line["kind"] == kind)

    def _drain(self) -> None:
        for effect in self.outbox:
            if isinstance(effect, Answer):
                assert effect.call not in self.answers
                self.answers[effect.call] = effect
            elif isinstance(effect, Send) and isinstance(effect.text, str):
                frame = effect.text if effect.text == "PONG" else json.loads(effect.text)
                self.heard += [(connection, self.now_ns, frame) for connection in effect.connections]
        self.outbox.clear()


class Trader:
    """A client of the house with its own keys: what it sends is signed as the official clients sign."""

    def __init__(
        self, house: House, key: PrivateKey, account: Account, credentials: Credentials, signature_type: int
    ) -> None:
        self.house = house
        self.key = key
        self.account = account
        self.credentials = credentials
        self.signature_type = signature_type
        self._salt = 0

    @property
    def wallet(self):
        """The wallet that it trades from."""
        return self.account.wallets[self.signature_type]

    def headers(self, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        """Headers of a call now."""
        return l2_headers(self.credentials, self.house.now_ns // SECOND, method, path, body)

    def proof(self, nonce: int = 0) -> dict[str, str]:
        """Headers that prove its account now."""
        return l1_headers(self.key, self.house.accounts.chain_id, self.house.now_ns // SECOND, nonce)

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, Any]:
        """Make a signed call and give the status and the decoded answer."""
        answer = self.ask(method, path, body, **query)
        return answer.status, json.loads(answer.body)

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Answer:
        """Make a signed call and give the answer."""
        raw = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        return self.house.request(method, path, raw, self.headers(method, path, raw), **query)

    def body(
        self,
        market: Market,
        token: int,
        side: Side,
        price: str,
        size: str,
        *,
        kind: str = "GTC",
        generation: Literal[1, 2, 3] = 2,
        neg_risk: bool | None = None,
        **changed: Any,
    ) -> dict[str, Any]:
        """The body of an order for so many shares, or of a FOK or FAK buy for so many dollars.

        What is `changed` before signing: any signed field by its name; `owner`, `post_only`, `expiration` besides.
        """
        maker_amount, taker_amount = amounts(side, Decimal(price), Decimal(size), at_market=kind in ("FOK", "FAK"))
        self._salt += 1
        owner = changed.pop("owner", self.credentials.api_key)
        post_only, expiration = changed.pop("post_only", False), changed.pop("expiration", 0)
        fields: dict[str, Any] = {
            "salt": self._salt,
            "maker": self.wallet.address,
            "signer": self.wallet.address if self.signature_type == 3 else self.key.address,
            "token_id": int(market.token_ids[token]),
            "maker_amount": maker_amount,
            "taker_amount": taker_amount,
            "side": 0 if side == "BUY" else 1,
            "signature_type": self.signature_type,
            "timestamp_ms": self.house.now_ns // MICRO,
            **changed,
        }
        signed = Order(**fields)
        chosen = market.event.neg_risk if neg_risk is None else neg_risk
        domain = exchange_domain(generation, self.house.accounts.chain_id, neg_risk=chosen)
        order: dict[str, Any] = {
            "salt": signed.salt,
            "maker": signed.maker,
            "signer": signed.signer,
            "tokenId": str(signed.token_id),
            "makerAmount": str(signed.maker_amount),
            "takerAmount": str(signed.taker_amount),
            "side": side,
            "expiration": str(expiration),
            "signatureType": signed.signature_type,
            "signature": sign_order(self.key, domain, signed),
        }
        if generation == 1:
            order |= {"taker": signed.taker, "nonce": "0", "feeRateBps": "0"}
        else:
            order |= {"timestamp": str(signed.timestamp_ms), "metadata": signed.metadata, "builder": signed.builder}
        return {"order": order, "owner": owner, "orderType": kind, "deferExec": False, "postOnly": post_only}

    def place(self, market: Market, token: int, side: Side, price: str, size: str, **more: Any) -> tuple[int, Any]:
        """Send an order."""
        return self.call("POST", "/order", self.body(market, token, side, price, size, **more))

    def listen(self, *markets: str) -> int:
        """Open a user socket, for all markets or some."""
        connection = self.house.connect()
        auth = {
            "apiKey": self.credentials.api_key,
            "secret": self.credentials.secret,
            "passphrase": self.credentials.passphrase,
        }
        frame: dict[str, Any] = {"type": "user", "auth": auth}
        self.house.say(connection, frame | ({"markets": markets} if markets else {}))
        return connection


def amounts(side: Side, price: Decimal, size: Decimal, *, at_market: bool = False) -> tuple[int, int]:
    """What an order gives and wants, in micro-units, as the official clients work it out."""
    if at_market and side == "BUY":
        return int(size * MICRO), int(size / price * 10_000) * 100
    shares, dollars = int(size * MICRO), int(size * price * MICRO)
    return (dollars, shares) if side == "BUY" else (shares, dollars)
