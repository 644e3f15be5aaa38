"""What a run has shown of our orders so far: the bytes that left, the exchange's own log, and what the engine was told.

Nothing here is asked of the engine. An order's id is the hash of what stands on the wire, computed by the judge's own
code; what became of it is what the exchange wrote down; what the engine may know of it is what had reached it by then.

Why all claims share one history: each of them needs the same few facts, and a fact that two of them kept apart could
differ.
"""

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from models.engine import EngineParameters
from models.markets import NO, YES, Market, Outcome, Side
from models.messages.base import MarketId, Message, Tag
from models.messages.orders import PlaceOrder, SubmitOrder
from models.orders import OrderState
from research.prove.live_venue import Folder, VenueAccount
from research.prove.sim.claims_holdings import ONE, Holdings
from research.prove.sim.contract import Event
from sandbox.faults.switchboard import FAULTS
from sandbox.rest.trading_payload import OrderBody, OrderFields, read_order, read_orders
from sandbox.signing.typed_data import POLYGON, exchange_domain, order_hash

_NO_TROUBLE: Final = frozenset({"sweep"})
"""What others may do at any time: whoever has to react to it has no excuse."""
_GENERATIONS: Final = {"v1": 2, "v2": 3}


class Logged(Event, frozen=True, gc=False):
    """A line of the exchange's log."""

    line: Mapping[str, Any]


class Settled(Event, frozen=True, gc=False):
    """The run is over: healed, minutes later."""


class Facts(NamedTuple):
    """What does not change in a run."""

    address: str
    wallet: str
    tag: Tag
    markets: Mapping[MarketId, Market]
    parameters: EngineParameters

    def siblings(self, market: MarketId) -> tuple[MarketId, ...]:
        """Return the other markets of a neg-risk event."""
        known = self.markets[market]
        if not known.neg_risk or known.group is None:
            return ()
        return tuple(one.id for one in self.markets.values() if one.group == known.group and one.id != market)


class Terms(NamedTuple):
    """What an order is, as its bytes say; prices in 1/10,000, the others in millionths."""

    order_id: str
    market: MarketId
    outcome: Outcome
    side: Side
    price: int
    size: int
    making: int
    taking: int
    rests: bool
    post_only: bool

    @property
    def buys_yes(self) -> bool:
        """Whether it lifts YES or lowers NO, which is the same."""
        return (self.outcome == YES) is (self.side is Side.BUY)

    @property
    def yes_price(self) -> int:
        """Its price in terms of YES."""
        return self.price if self.outcome == YES else ONE - self.price

    def move(self, size: int) -> int:
        """Return by how much YES less NO moves with so many shares of it."""
        return size if self.buys_yes else -size


class OwnOrder:
    """One order of ours. `wish` is None for one of which only bytes are known, `terms` before its bytes have left."""

    __slots__ = (
        "answers", "approved_ns", "arrived", "body", "cancel_ns", "ended", "filled", "matched", "negative_ns",
        "order_id", "placed_ns", "refused", "said_over", "submitted_step", "terms", "told", "uncertain", "wish",
        "wish_step", "written_ns",
    )  # fmt: skip

    def __init__(self, order_id: str) -> None:
        self.order_id = order_id
        self.wish: PlaceOrder | None = None
        self.wish_step = 0
        """When its strategy wished for it."""
        self.submitted_step = 0
        self.approved_ns = 0
        self.terms: Terms | None = None
        self.body = b""
        self.written_ns: int | None = None
        """When its bytes left first."""
        self.arrived = False
        self.placed_ns: int | None = None
        """When the exchange took it."""
        self.ended = ""
        """How the exchange ended it; empty while it stands."""
        self.refused = False
        self.matched = 0
        self.cancel_ns: int | None = None
        """When a request that cancels it left first."""
        self.told: OrderState | None = None
        """The last word of the engine on it."""
        self.filled = 0
        self.uncertain = False
        """Whether the engine was told that its request has no answer, and nothing since."""
        self.negative_ns: list[int] = []
        """When questions were asked that the exchange answered with: I do not know it."""
        self.answers: list[tuple[int | None, bytes]] = []
        """Answers to the requests that carried it."""
        self.said_over = False
        """Whether anything that reached us said that it is off the book."""

    @property
    def stands(self) -> bool:
        """Whether the exchange has it."""
        return self.placed_ns is not None and not self.ended

    @property
    def may_stand(self) -> bool:
        """Whether the exchange has it, or may yet take it."""
        return self.stands or (self.written_ns is not None and self.placed_ns is None and not self.refused)


class Call(NamedTuple):
    """A request of the engine: when, what, and the orders that it carries or asks for."""

    at_ns: int
    method: str
    path: str
    order_ids: tuple[str, ...]


class History:
    """Takes every event before the claims do."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.orders: dict[str, OwnOrder] = {}
        self.by_intent: dict[str, list[str]] = {}
        """Orders that were journalled, by the intent that they come from."""
        self.committed: set[str] = set()
        """Orders whose row is on the disk."""
        self.wished: dict[str, int] = {}
        """The step at which a strategy asked for an intent."""
        self.calls: dict[int, Call] = {}
        self.folder = Folder(facts.address, facts.wallet)
        self.resolved: set[MarketId] = set()
        self.active: Counter[str] = Counter()
        """Faults that are on."""
        self.disturbed_ns = 0
        """When anything went wrong last: a fault, a death, a crash, a database that refused."""
        self.run = 0
        self.running = False
        self.counted = Holdings()
        """What the ledger has said, kept by the claim that judges it."""
        self._tokens: dict[str, tuple[MarketId, Outcome]] = {}
        for market in facts.markets.values():
            self._tokens |= {market.token_ids[YES]: (market.id, YES), market.token_ids[NO]: (market.id, NO)}

    @property
    def venue(self) -> VenueAccount:
        """What the exchange's log says of our account."""
        return self.folder.account

    def of(self, order_id: str) -> OwnOrder:
        """Return an order, a new one where nothing was known of it."""
        order = self.orders.get(order_id)
        if order is None:
            order = self.orders[order_id] = OwnOrder(order_id)
        return order

    def standing(self) -> list[OwnOrder]:
        """Return the orders that the exchange has."""
        return [order for order in self.orders.values() if order.stands]

    def is_quiet(self, since_ns: int, now_ns: int) -> bool:
        """Whether nothing has gone wrong since, and nothing does."""
        return not self.active and self.disturbed_ns < since_ns <= now_ns

    # What leaves and what comes

    def terms_of(self, method: str, path: str, body: bytes) -> list[tuple[Terms, bytes]]:
        """Return the orders that a request places, with the bytes of each. None for another request."""
        if method != "POST" or path not in ("/order", "/orders"):
            return []
        bodies = [read_order(body)] if path == "/order" else read_orders(body)
        return [(self._terms(one), msgspec.json.encode(one)) for one in bodies]

    def cancels_of(self, method: str, path: str, body: bytes) -> tuple[str, ...]:
        """Return the orders that a request cancels by name; those of a whole account or market among them."""
        if method != "DELETE":
            return ()
        if path == "/order":
            return (msgspec.json.decode(body)["orderID"],)
        if path == "/orders":
            return tuple(msgspec.json.decode(body))
        named = msgspec.json.decode(body).get("market") if body else None
        return tuple(order.order_id for order in self.standing() if named in (None, _market(order)))

    def called(self, number: int, at_ns: int, method: str, path: str, body: bytes) -> list[OwnOrder]:
        """Note a request that leaves; return the orders that it places."""
        placed: list[OwnOrder] = []
        for terms, own_body in self.terms_of(method, path, body):
            order = self.of(terms.order_id)
            order.terms = order.terms or terms
            order.body = order.body or own_body
            order.written_ns = order.written_ns or at_ns
            placed.append(order)
        for order_id in self.cancels_of(method, path, body):
            order = self.orders.get(order_id)
            if order is not None:
                order.cancel_ns = order.cancel_ns or at_ns
        asked = (path.removeprefix("/data/order/"),) if path.startswith("/data/order/") else ()
        ids = tuple(order.order_id for order in placed) or asked
        self.calls[number] = Call(at_ns, method, path, ids)
        return placed

    def answered(self, number: int, status: int | None, body: bytes) -> None:
        """Note an answer that has come."""
        call = self.calls.get(number)
        if call is None:
            return
        if call.method == "POST" and call.path in ("/order", "/orders"):
            for order_id in call.order_ids:
                self.of(order_id).answers.append((status, body))
        elif call.path.startswith("/data/order/"):
            order = self.of(call.order_ids[0])
            if status == 404 or (status == 200 and body.strip() == b"null"):
                order.negative_ns.append(call.at_ns)
            elif status == 200:
                order.said_over |= b'"LIVE"' not in body and b"LIVE" not in body
        elif call.method == "DELETE" and status == 200:
            self._heard_over(body)

    def framed(self, channel: str, text: str | bytes) -> None:
        """Note what the exchange's own stream says of our orders."""
        if channel == "user":
            raw = text.encode() if isinstance(text, str) else text
            if b"CANCEL" in raw or b"MATCHED" in raw or b"INVALID" in raw:
                self._heard_over(raw)

    def _heard_over(self, raw: bytes) -> None:
        for order in self.orders.values():
            if not order.said_over and order.written_ns is not None and order.order_id.encode() in raw:
                order.said_over = True

    # What the journal has

    def committed_all(self, messages: tuple[Message, ...]) -> None:
        """Note what is on the disk."""
        for message in messages:
            if isinstance(message, SubmitOrder):
                self.committed.add(message.order_id)
                known = self.by_intent.setdefault(message.order.intent, [])
                if message.order_id not in known:
                    known.append(message.order_id)
                order = self.of(message.order_id)
                order.wish = message.order
                order.wish_step = order.wish_step or self.wished.get(message.order.intent, 0)

    # What the exchange wrote down

    def logged(self, line: Mapping[str, Any]) -> None:
        """Take a line of the exchange's log."""
        self.folder.take(line)
        kind = line["kind"]
        if kind == "order_placed" and line["account"].lower() == self.facts.address.lower():
            order = self.of(line["id"])
            order.placed_ns = line["at_ns"]
        elif kind in ("order_cancelled", "order_matched", "order_refused"):
            order = self.orders.get(line["id"])
            if order is None:
                return
            if kind == "order_refused":
                order.refused = True
                return
            order.matched = line["matched"]
            if kind == "order_cancelled" or line["status"] == "MATCHED":
                order.ended = line.get("reason") or line["status"]
        elif kind == "market_resolved":
            self.resolved.add(line["market"])

    def faulted(self, fault: str, what: str, at_ns: int) -> None:
        """Note that a switch was thrown, had its effect, or ended."""
        if fault in _NO_TROUBLE:
            return
        self.disturbed_ns = at_ns
        row = FAULTS.get(fault)
        if what == "thrown" and row is not None and row.ends != "at once":
            self.active[fault] += 1
        elif what == "ended":
            self.active[fault] -= 1
            if self.active[fault] <= 0:
                del self.active[fault]

    def _terms(self, body: OrderBody) -> Terms:
        fields = body.order
        market_id, outcome = self._tokens[fields.token_id]
        making, taking = int(fields.maker_amount), int(fields.taker_amount)
        dollars, shares = (making, taking) if fields.side == "BUY" else (taking, making)
        return Terms(
            _order_id(fields, self.facts.markets[market_id].version, self.facts.markets[market_id].neg_risk),
            market_id, outcome, Side(fields.side), _price(dollars, shares), shares, making, taking,
            body.order_type in ("GTC", "GTD"), body.post_only,
        )  # fmt: skip


def _market(order: OwnOrder) -> MarketId | None:
    return None if order.terms is None else order.terms.market


def _price(dollars: int, shares: int) -> int:
    """Return the price of an order: exact for one that rests, the nearest for a buy that is told in dollars."""
    return (2 * dollars * ONE + shares) // (2 * shares)


@lru_cache(maxsize=4_096)
def _order_id(fields: OrderFields, version: str, neg_risk: bool) -> str:
    return order_hash(exchange_domain(_GENERATIONS[version], POLYGON, neg_risk=neg_risk), fields.signed())
