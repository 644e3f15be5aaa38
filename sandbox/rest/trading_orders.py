"""`POST /order` and `POST /orders`: who may send, what is charged for it, what is placed, and how it is answered.

Why every answer goes through `reply`: a taker delay holds it back, and then it comes out of the schedule. A batch is
answered when its last order is decided; its orders are placed in their order all the same.

Of the forms in which the venue refuses, `{"error": ...}` with 400 is taken for a single order. In a batch a refused
order is a success with a text and without an id; a killed one keeps its id.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sandbox import wire
from sandbox.limits import Charge, SignerBuckets
from sandbox.log import Log
from sandbox.messages import Answer, HttpRequest
from sandbox.modes import Modes
from sandbox.rest.auth import Auth, Caller
from sandbox.rest.refusals import Refused
from sandbox.rest.routes import Table, json_answer
from sandbox.rest.trading_balances import Balances
from sandbox.rest.trading_payload import OrderBody, read_order, read_orders
from sandbox.trading.engine import Placed
from sandbox.trading.records import Order
from sandbox.trading.validation import Validation
from sandbox.units import decimal_text
from sandbox.venue import Venue

Reply = Callable[[Answer], None]


class Orders:
    """Takes orders for a venue."""

    def __init__(
        self,
        auth: Auth,
        validation: Validation,
        balances: Balances,
        venue: Venue,
        buckets: SignerBuckets,
        modes: Modes,
        record: Log,
        reply: Reply,
    ) -> None:
        self._auth = auth
        self._validation = validation
        self._balances = balances
        self._venue = venue
        self._buckets = buckets
        self._modes = modes
        self._log = record
        self._reply = reply
        self.routes: Table = {
            ("POST", "/order"): self._post_one,
            ("POST", "/orders"): self._post_many,
        }

    def _post_one(self, request: HttpRequest, now_ns: int) -> Answer | None:
        caller = self._caller(request, now_ns)
        body = read_order(request.body)
        charge = self._charged(caller, 1, now_ns)
        try:
            self._check_mode(body, now_ns)
            order = self._checked(body, caller, now_ns)
        except Refused as refused:
            return _with_headers(refused.answer, charge.headers)

        def done(placed: Placed, at_ns: int) -> None:
            if placed.error:
                self._note_refusal(order.id, caller, placed.error, at_ns)
                answer = Refused(placed.http_status, placed.error).answer
            else:
                answer = json_answer(_accepted(order, placed))
            self._reply(replace(_with_headers(answer, charge.headers), call=request.call))

        self._venue.place(order, done, now_ns)
        return None

    def _post_many(self, request: HttpRequest, now_ns: int) -> Answer | None:
        caller = self._caller(request, now_ns)
        bodies = read_orders(request.body)
        charge = self._charged(caller, len(bodies), now_ns)
        legs: dict[int, dict[str, Any]] = {}

        def settle(leg: int, answer: dict[str, Any]) -> None:
            legs[leg] = answer
            if len(legs) == len(bodies):
                text = wire.encode([legs[number] for number in range(len(bodies))])
                self._reply(replace(_with_headers(Answer(200, text), charge.headers), call=request.call))

        for number, body in enumerate(bodies):
            self._place_leg(body, caller, lambda answer, number=number: settle(number, answer), now_ns)
        return None

    def _place_leg(
        self, body: OrderBody, caller: Caller, settle: Callable[[dict[str, Any]], None], now_ns: int
    ) -> None:
        try:
            self._check_mode(body, now_ns)
            order = self._checked(body, caller, now_ns)
        except Refused as refused:
            settle(_refused_leg(refused.message))
            return

        def done(placed: Placed, at_ns: int) -> None:
            if placed.error:
                self._note_refusal(order.id, caller, placed.error, at_ns)
                killed = order.time_in_force in ("FOK", "FAK") and order.reason
                settle(_refused_leg(placed.error, order.id if killed else ""))
            else:
                settle(_accepted(order, placed))

        self._venue.place(order, done, now_ns)

    def _caller(self, request: HttpRequest, now_ns: int) -> Caller:
        """Who sends orders, in a mode in which at least some are taken. Raises Refused."""
        refusal = self._modes.refusal("place", True, now_ns)
        if refusal is not None:
            raise refusal
        return self._auth.caller(request, now_ns)

    def _charged(self, caller: Caller, cost: int, now_ns: int) -> Charge:
        charge = self._buckets.charge(caller.account.address, "orders", cost, now_ns)
        if not charge.admitted:
            raise charge.refusal
        return charge

    def _check_mode(self, body: OrderBody, now_ns: int) -> None:
        refusal = self._modes.refusal("place", body.post_only, now_ns)
        if refusal is not None:
            raise refusal

    def _checked(self, body: OrderBody, caller: Caller, now_ns: int) -> Order:
        """The order that a body asks for, fit to be placed. Raises Refused."""
        try:
            order = self._validation.order(body, caller.account, caller.api_key, now_ns)
            unpaid = self._balances.refusal(order)
            if unpaid:
                raise Refused(400, unpaid)
        except Refused as refused:
            self._note_refusal("", caller, refused.message, now_ns)
            raise
        return order

    def _note_refusal(self, order_id: str, caller: Caller, text: str, now_ns: int) -> None:
        self._log.write(now_ns, "order_refused", id=order_id, account=caller.account.address, error=text)


def _accepted(order: Order, placed: Placed) -> dict[str, Any]:
    matched = placed.status == "matched"
    answer: dict[str, Any] = {
        "errorMsg": "",
        "orderID": order.id,
        "takingAmount": decimal_text(placed.taking, 6) if matched else "",
        "makingAmount": decimal_text(placed.making, 6) if matched else "",
        "status": placed.status,
    }
    if matched:
        answer["tradeIDs"] = placed.trade_ids
    answer["success"] = True
    return answer


def _refused_leg(text: str, order_id: str = "") -> dict[str, Any]:
    empty = {"takingAmount": "", "makingAmount": "", "status": ""}
    return {"errorMsg": text, "orderID": order_id, **empty, "success": True}


def _with_headers(answer: Answer, headers: Mapping[str, str]) -> Answer:
    return replace(answer, headers={**answer.headers, **headers})
