"""A run made by hand: events one after the other, folded as those of a simulation are."""

from typing import Any

import msgspec
from msgspec.structs import replace

from models.engine import EngineParameters
from models.inventory import InventoryParameters
from models.markets import NO, YES, Market, Outcome, Side
from models.messages.base import Message
from models.messages.market import BookFrame
from models.messages.orders import FillCounted, OrderApproved, OrderChanged, PlaceOrder, SubmitOrder
from models.orders import OrderState, TimeInForce
from models.units import DOLLAR, SHARE
from research.prove.sim.claims import Fold, first_violation
from research.prove.sim.claims_history import Facts, Logged, Settled
from research.prove.sim.contract import (
    Answered,
    Committed,
    Crashed,
    Event,
    Healed,
    Operated,
    Refused,
    Said,
    Started,
    Stepped,
    Written,
)
from sandbox.rest.trading_payload import OrderBody, read_order
from sandbox.signing.typed_data import POLYGON, exchange_domain, order_hash

ME, WALLET = "0x" + "a" * 40, "0x" + "b" * 40
M, N = "0x" + "1" * 64, "0x" + "2" * 64
S, MS = 1_000_000_000, 1_000_000
BEGIN_NS = 1_790_000_000 * S


def market(condition_id: str, **more: Any) -> Market:
    number = int(condition_id[-1])
    return Market(condition_id, f"market-{number}", (str(number * 10), str(number * 10 + 1)), **more)


class Run:
    """Events in their order, of an account with 10,000 dollars; `broken` says what they break."""

    def __init__(
        self, *, second: dict[str, Any] | None = None, first: dict[str, Any] | None = None, **limits: Any
    ) -> None:
        markets = {M: market(M, **(first or {})), N: market(N, **(second or {}))}
        by_default = EngineParameters()
        inventory = InventoryParameters(limits.pop("max_net_diff", by_default.inventory.max_net_diff))
        parameters = replace(by_default, risk=replace(by_default.risk, **limits), inventory=inventory)
        self.facts = Facts(ME, WALLET, "desk", markets, parameters)
        self.events: list[Event] = []
        self.now_ns = BEGIN_NS
        self._calls = self._lines = self._trades = 0
        self.logged("deposit", to=WALLET, amount=10_000 * DOLLAR)
        self.add(Started, 1, "run").read()

    # What happens

    def add(self, kind: type[Event], *what: Any) -> "Run":
        self.events.append(kind(len(self.events) + 1, self.now_ns, *what))
        return self

    def later(self, ms: float) -> "Run":
        self.now_ns += int(ms * MS)
        return self

    def said(self, to: str, message: Message) -> "Run":
        return self.add(Said, to, message)

    def stepped(self, actor: str, message: Message) -> "Run":
        return self.add(Stepped, actor, message)

    def told(self, message: Message, *actors: str) -> "Run":
        for actor in actors or ("risk",):
            self.said(actor, message).stepped(actor, message)
        return self

    def logged(self, kind: str, **facts: Any) -> "Run":
        self._lines += 1
        return self.add(Logged, {"n": self._lines, "at_ns": self.now_ns, "kind": kind, **facts})

    def committed(self, *messages: Message) -> "Run":
        return self.add(Committed, messages)

    def operated(self, act: str, market_id: str | None = None, *, done: bool = False) -> "Run":
        return self.add(Operated, act, market_id, done)

    def refused(self) -> "Run":
        return self.add(Refused, "full")

    def crashed(self) -> "Run":
        return self.add(Crashed, "drawn").add(Started, 2, "run")

    def healed(self) -> "Run":
        return self.add(Healed)

    def settled(self) -> "Run":
        return self.add(Settled)

    # Orders

    def fields(self, order: PlaceOrder, salt: int) -> dict[str, Any]:
        dollars = str(order.price * order.size // 10_000)
        making, taking = (dollars, str(order.size)) if order.side is Side.BUY else (str(order.size), dollars)
        token = self.facts.markets[order.market].token_ids[order.outcome]
        return {
            "salt": salt, "maker": WALLET, "signer": ME, "tokenId": token, "makerAmount": making, "takerAmount": taking,
            "side": order.side.value, "signatureType": 0, "signature": "0x", "timestamp": "1",
        }  # fmt: skip

    def body(self, order: PlaceOrder, salt: int = 1) -> bytes:
        resting = {"orderType": order.time_in_force.value, "postOnly": order.post_only, "owner": "key"}
        return msgspec.json.encode({"order": self.fields(order, salt), "deferExec": False, **resting})

    def order_id(self, order: PlaceOrder, salt: int = 1) -> str:
        read: OrderBody = read_order(self.body(order, salt))
        return order_hash(exchange_domain(2, POLYGON, neg_risk=False), read.order.signed())

    def wished(self, order: PlaceOrder) -> "Run":
        return self.said("risk", order)

    def fresh(self, market_id: str = M, outcome: Outcome = YES) -> "Run":
        return self.stepped(f"book/{market_id}", BookFrame(market_id, outcome, (), (), 1, self.now_ns))

    def approved(self, order: PlaceOrder) -> "Run":
        return self.told(OrderApproved(order, 0), "executor")

    def submitted(self, order: PlaceOrder, salt: int = 1) -> "Run":
        return self.said("journal", SubmitOrder(self.order_id(order, salt), order, self.now_ns))

    def journalled(self, order: PlaceOrder, salt: int = 1) -> "Run":
        return self.committed(SubmitOrder(self.order_id(order, salt), order, self.now_ns))

    def written(self, order: PlaceOrder, salt: int = 1) -> "Run":
        self._calls += 1
        return self.add(Written, self._calls, "clob", "lane/submit", "POST", "/order", {}, self.body(order, salt))

    def asked(self, order_id: str, status: int | None, body: bytes = b"null") -> "Run":
        self._calls += 1
        path = f"/data/order/{order_id}"
        self.add(Written, self._calls, "clob", "lane/query", "GET", path, {}, b"")
        return self.add(Answered, self._calls, status, body)

    def read(self) -> "Run":
        for path in ("/data/orders", "/data/trades"):
            self._calls += 1
            self.add(Written, self._calls, "clob", "lane/query", "GET", path, {}, b"")
            self.add(Answered, self._calls, 200, b"{}")
        return self

    def answered(self, status: int | None, body: bytes = b"") -> "Run":
        return self.add(Answered, self._calls, status, body)

    def cancelled(self, order: PlaceOrder, salt: int = 1, lane: str = "lane/cancel") -> "Run":
        self._calls += 1
        body = msgspec.json.encode({"orderID": self.order_id(order, salt)})
        return self.add(Written, self._calls, "clob", lane, "DELETE", "/order", {}, body)

    def placed(self, order: PlaceOrder, salt: int = 1) -> "Run":
        return self.placed_as(self.order_id(order, salt), order)

    def placed_as(self, order_id: str, order: PlaceOrder) -> "Run":
        return self.logged(
            "order_placed", id=order_id, account=ME, market=order.market, token=order.outcome, side=order.side,
            size=order.size,
        )  # fmt: skip

    def ended(self, order: PlaceOrder, salt: int = 1) -> "Run":
        order_id = self.order_id(order, salt)
        return self.logged("order_cancelled", id=order_id, status="CANCELED", reason="", matched=0)

    def sent(self, order: PlaceOrder, salt: int = 1) -> "Run":
        """Let an order go the whole way to the exchange, and the engine be told that it works."""
        self.fresh(order.market)
        self.wished(order).approved(order).submitted(order, salt).journalled(order, salt).written(order, salt)
        return self.placed(order, salt).changed(order, OrderState.WORKING, salt=salt)

    def changed(self, order: PlaceOrder, state: OrderState, *, salt: int = 1, filled: int = 0) -> "Run":
        return self.told(
            OrderChanged(
                self.order_id(order, salt), order.intent, "desk", order.market, order.outcome, order.side, order.price,
                order.size, filled, state, "", self.now_ns,
            )
        )  # fmt: skip

    # Fills

    def traded(self, order: PlaceOrder, size: int, salt: int = 1) -> FillCounted:
        """Let an order be filled at the exchange; return what the ledger ought to say."""
        self._trades += 1
        trade_id = f"{self._trades:08x}-0000-4000-8000-000000000000"
        cash = -(-order.price * size // 10_000) if order.side is Side.BUY else order.price * size // 10_000
        order_id = self.order_id(order, salt)
        maker = {
            "order": order_id, "account": ME, "token": order.outcome, "side": order.side, "price": order.price,
            "size": size, "cash": cash,
        }  # fmt: skip
        self.logged(
            "trade", id=trade_id, status="MATCHED", market=order.market, taker="0x" + "9" * 64, account="outside",
            token=order.outcome, side="SELL", price=order.price, size=size, cash=cash, fee=0, makers=[maker],
        )  # fmt: skip
        status = "MATCHED" if size == order.size else "LIVE"
        self.logged("order_matched", id=order_id, trade=trade_id, matched=size, paid=cash, status=status)
        return FillCounted(
            trade_id, order_id, order.intent, "desk", order.market, order.outcome, order.side, order.price, size, cash,
            0, 0, True, self.now_ns,
        )  # fmt: skip

    def status(self, fill: FillCounted, status: str) -> "Run":
        return self.logged("trade", id=fill.trade_id, status=status, transaction="")

    @property
    def broken(self) -> str | None:
        """The invariant that these events break, None where they break none."""
        found = first_violation(self.facts, self.events)
        return None if found is None else found.invariant

    @property
    def checks(self) -> dict[str, int]:
        fold = Fold(self.facts)
        for event in self.events:
            fold.take(event)
        return dict(fold.checks)


def bid(
    outcome: Outcome = YES, price: int = 4_500, *, size: int = 5 * SHARE, number: int = 1, market_id: str = M,
    **more: Any,
) -> PlaceOrder:  # fmt: skip
    """A wish to buy."""
    facts = {"side": Side.BUY, "post_only": True, "time_in_force": TimeInForce.GTC, "created_ns": BEGIN_NS, **more}
    return PlaceOrder(
        f"desk/{market_id[:6]}/{outcome}/{number}", "desk", market_id, outcome, price=price, size=size, reason="quote",
        epoch=1, **facts,
    )  # fmt: skip


__all__ = ["BEGIN_NS", "ME", "MS", "NO", "YES", "M", "N", "Run", "S", "bid", "market"]
