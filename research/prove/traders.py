"""Scripted accounts that trade at random, each over the venue's own signed calls: orders of all kinds, and cancels.

They see what a client sees, the books of the witness, and know of their orders what they were answered. They are few
and slow beside the population, so that what is measured is still the population's.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from research.prove.frames import ONE, Market, Token, price_of
from sandbox.messages import Answer, HttpRequest
from sandbox.signing.headers import Credentials, l2_headers
from sandbox.signing.keys import PrivateKey
from sandbox.signing.orders import sign_order
from sandbox.signing.typed_data import POLYGON, Order, exchange_domain

_SHARE: Final = 1_000_000
_STOCK: Final = "200"
_REFILL: Final = "5000"
_OVER: Final = re.compile("^Order (already|not found)")
"""Why an order cannot be cancelled that is gone; one that waits for its match is still there."""
_KINDS: Final = ("GTC", "GTC", "GTC", "GTC", "GTC", "FAK", "FAK", "FOK")

Call = Callable[[HttpRequest, Callable[[Answer], None]], None]
"""Makes a call, for which it gives the number, and hands its answer over when it comes."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    token: Token
    side: str
    price: int
    shares: int
    kind: str
    crosses: bool
    post_only: bool


class Trader:
    """One account."""

    def __init__(self, described: Mapping[str, Any], seed: int, call: Call) -> None:
        self.placed = 0
        self.refusals: dict[str, int] = {}
        self._key = PrivateKey(bytes.fromhex(described["private_key"][2:]))
        self._type = described["signature_type"]
        self._funder = described["funder"]
        self._credentials = Credentials(
            described["address"], described["api_key"], described["api_secret"], described["api_passphrase"]
        )
        self._random = Random(f"{seed} {described['address']}")
        self._call = call
        self._salt = 0
        self._live: dict[str, _Wanted] = {}
        """Its orders that may rest or wait, by their ids."""
        self._stocked: set[str] = set()

    def act(self, markets: list[Market], now_ns: int) -> None:
        """Do one thing: an order in one of these markets, or a cancel."""
        if self._live and self._random.random() < 0.45:
            gone = self._random.choice(tuple(self._live))
            self._send("DELETE", "/order", {"orderID": gone}, now_ns, self._cancelled)
            return
        market = self._random.choice(markets)
        if market.id not in self._stocked:
            self._stocked.add(market.id)
            self._on_chain("deposit", {"amount": _REFILL})
            self._on_chain("split", {"market": market.id, "amount": _STOCK})
            self._refresh(market, now_ns)
            return
        wanted = self._wish(market)
        if wanted is not None:
            self._send(
                "POST",
                "/order",
                self._body(wanted, market, now_ns),
                now_ns,
                lambda answer: self._answered(wanted, answer),
            )

    def collect(self, market: Market) -> None:
        """Redeem what a resolved market left."""
        if market.id in self._stocked:
            self._stocked.discard(market.id)
            self._on_chain("redeem", {"market": market.id})

    def _wish(self, market: Market) -> _Wanted | None:
        random = self._random
        token = random.choice(market.tokens)
        bid, ask = token.bids.best, token.asks.best
        tick = price_of(market.tick)
        if bid is None or ask is None:
            return None
        side, kind = random.choice(("BUY", "SELL")), random.choice(_KINDS)
        # It does not take from its own orders: what left the book then would not all be a trade.
        others = [other for other in self._live.values() if other.token.market is market]
        if any(other.crosses for other in others):
            return None
        crosses = not others and (kind != "GTC" or random.random() < 0.2)
        kind = kind if crosses else "GTC"
        ahead = random.choice((-2, -1, 0, 0, 1)) * tick
        if bid + ahead >= ask:
            return None
        if side == "BUY":
            price = ask if crosses else bid + ahead
        else:
            price = bid if crosses else ask - ahead
        shares = random.choice((5, 7, 10, 20, 40))
        if not tick <= price <= ONE - tick:
            return None
        post_only = not crosses and random.random() < 0.5
        return _Wanted(token, side, price // tick * tick, shares, kind, crosses, post_only)

    def _body(self, wanted: _Wanted, market: Market, now_ns: int) -> Mapping[str, Any]:
        size = wanted.shares * _SHARE
        money = size * wanted.price // ONE
        if wanted.kind != "GTC" and wanted.side == "BUY":
            # Such a buy spends whole cents and gets at most four decimals of shares.
            money = max(money // 10_000, 100) * 10_000
            size = money * ONE // wanted.price // 100 * 100
        making, taking = (money, size) if wanted.side == "BUY" else (size, money)
        self._salt += 1
        order = Order(
            salt=self._salt,
            maker=self._funder,
            signer=self._funder if self._type == 3 else self._key.address,
            token_id=int(wanted.token.id),
            maker_amount=making,
            taker_amount=taking,
            side=0 if wanted.side == "BUY" else 1,
            signature_type=self._type,
            timestamp_ms=now_ns // 1_000_000,
        )
        generation = 3 if market.version else 2
        domain = exchange_domain(generation, POLYGON, neg_risk=market.neg_risk == "true")
        signed = {
            "salt": order.salt,
            "maker": order.maker,
            "signer": order.signer,
            "tokenId": wanted.token.id,
            "makerAmount": str(making),
            "takerAmount": str(taking),
            "side": wanted.side,
            "expiration": "0",
            "signatureType": self._type,
            "timestamp": str(order.timestamp_ms),
            "metadata": order.metadata,
            "builder": order.builder,
            "signature": sign_order(self._key, domain, order),
        }
        owner = self._credentials.api_key
        return {
            "order": signed,
            "owner": owner,
            "orderType": wanted.kind,
            "deferExec": False,
            "postOnly": wanted.post_only,
        }

    def _answered(self, wanted: _Wanted, answer: Answer) -> None:
        said = json.loads(answer.body)
        if answer.status == 200 and said.get("success"):
            self.placed += 1
            if wanted.kind == "GTC" or said["status"] == "delayed":
                self._live[said["orderID"]] = wanted
        else:
            text = str(said.get("error") or said.get("errorMsg"))
            self.refusals[text] = self.refusals.get(text, 0) + 1

    def _cancelled(self, answer: Answer) -> None:
        said = json.loads(answer.body)
        over = [*said["canceled"], *(name for name, why in said["not_canceled"].items() if _OVER.search(why))]
        for name in over:
            self._live.pop(name, None)

    def _send(self, method: str, path: str, body: Any, now_ns: int, heard: Callable[[Answer], None]) -> None:
        raw = json.dumps(body, separators=(",", ":")).encode()
        headers = l2_headers(self._credentials, now_ns // 1_000_000_000, method, path, raw)
        lowered = {name.lower(): value for name, value in headers.items()}
        self._call(HttpRequest("clob", method, path, {}, raw, headers=lowered), heard)

    def _refresh(self, market: Market, now_ns: int) -> None:
        """Make the venue look at the chain again, of which it does not hear."""
        path = "/balance-allowance/update"
        kind = "CONDITIONAL-V2" if market.version else "CONDITIONAL"
        asked = [("COLLATERAL", ""), *((kind, token.id) for token in market.tokens)]
        for asset_type, token_id in asked:
            query = {"asset_type": [asset_type], "token_id": [token_id], "signature_type": [str(self._type)]}
            headers = l2_headers(self._credentials, now_ns // 1_000_000_000, "GET", path)
            lowered = {name.lower(): value for name, value in headers.items()}
            self._call(HttpRequest("clob", "GET", path, query, headers=lowered), lambda _: None)

    def _on_chain(self, action: str, said: Mapping[str, Any]) -> None:
        raw = json.dumps({"action": action, "wallet": self._funder, **said}).encode()
        self._call(HttpRequest("control", "POST", "/chain", {}, raw), lambda _: None)
