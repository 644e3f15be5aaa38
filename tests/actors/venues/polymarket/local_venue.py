"""A whole local venue in a process of its own, and an account that trades on it through our own client."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from msgspec.structs import replace

from actors.gate import Gate
from actors.runtime.clock import SystemClock
from actors.venues.http_client import HttpClient
from actors.venues.polymarket.clob_client import ClobClient
from actors.venues.polymarket.clob_session import ClobSession
from actors.venues.polymarket.credentials import Credentials
from actors.venues.polymarket.keys import SigningKey
from actors.venues.polymarket.order_body import order_body
from actors.venues.polymarket.orders import Account, SignatureType, SignedOrder, unsigned
from actors.venues.polymarket.signing import signer_for
from actors.venues.polymarket.verdicts import Verdict
from actors.venues.secret import Secret
from models.amounts import signed_amounts
from models.ledger import Amounts
from models.markets import Market, Side
from models.orders import TimeInForce
from models.units import SHARE, parse_size, parse_tick
from tests.bin import processes
from tests.models.wishes import wish

CLOCK = SystemClock()


class Trader:
    """One account of the sandbox, with the gated client of a submit lane."""

    def __init__(self, venue: dict[str, Any], told: dict[str, Any], gate: Gate) -> None:
        kind = SignatureType(told["signature_type"])
        self.account = Account(SigningKey(Secret(told["private_key"])), 137, kind, told["funder"])
        self.credentials = Credentials(told["api_key"], Secret(told["api_secret"]), Secret(told["api_passphrase"]))
        http = HttpClient(venue["clob_url"], gate)
        self.session = ClobSession(http, self.account, CLOCK, self.credentials)
        self.client = ClobClient(self.session)
        self._numbers = count(1)

    def signed(
        self,
        market: Market,
        price: str,
        size: int = 5 * SHARE,
        side: Side = Side.BUY,
        time_in_force: TimeInForce = TimeInForce.GTC,
        generation: int = 2,
    ) -> SignedOrder:
        order = wish(next(self._numbers), price, size, side=side, created_ns=CLOCK.now_ns())
        order = replace(order, time_in_force=time_in_force)
        amounts = signed_amounts(order, market.tick)
        assert isinstance(amounts, Amounts)
        run_id = f"run of {self.account.maker}"
        return signer_for(generation, self.account).sign(unsigned(order, market, amounts, run_id))

    def place(
        self,
        signed: SignedOrder,
        time_in_force: TimeInForce = TimeInForce.GTC,
        *,
        post_only: bool = True,
        owner: str | None = None,
    ) -> Verdict:
        body = order_body(signed, time_in_force, post_only, owner or self.credentials.api_key)
        return self.client.place(body, signed.order_id)


@contextmanager
def sandbox(*more: str) -> Iterator[dict[str, Any]]:
    with processes.sandbox("--port", 0, "--seed", 3, "--accounts", 3, *more) as venue:
        yield venue.said


def market_of(told: dict[str, Any]) -> Market:
    return Market(
        told["condition_id"], told["slug"], (told["token_ids"][0], told["token_ids"][1]), neg_risk=told["neg_risk"],
        condition_id=told["condition_id"], tick=parse_tick(told["tick_size"]),
        min_order_size=parse_size(told["min_order_size"]),
    )  # fmt: skip


def throw(venue: dict[str, Any], fault: str, **more: Any) -> None:
    """Arm a fault of the sandbox."""
    _control(venue, "POST", {"fault": fault, **more})


def clear(venue: dict[str, Any]) -> None:
    """End all faults of the sandbox."""
    _control(venue, "DELETE", None)


def _control(venue: dict[str, Any], method: str, body: Any) -> None:
    client = HttpClient(venue["control_url"])
    answer = client.exchange(method, "/faults", within_s=10, body=None if body is None else json.dumps(body).encode())
    assert answer.status == 200, answer.body
    client.close()
