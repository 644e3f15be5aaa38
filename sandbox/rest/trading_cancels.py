"""The four ways to cancel. What cannot be cancelled is no error: it is named with a reason in an answer with 200.

Unverified: the reason for an order that a taker delay holds (here the one for what is not in the book), and what a call
of `/cancel-market-orders` that names neither market nor token does (here it is refused: cancelling everything has its
own call).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from sandbox import wire
from sandbox.limits import SignerBuckets
from sandbox.messages import Answer, HttpRequest
from sandbox.modes import Modes
from sandbox.rest.auth import Auth, Caller
from sandbox.rest.refusals import Refused
from sandbox.rest.routes import Table
from sandbox.rest.trading_payload import INVALID, decoded, is_order_id
from sandbox.trading.records import Account, Order
from sandbox.venue import Venue

CANCELS_MAX: Final = 1_000
"""Ids in one call."""
_TOO_MANY: Final = f"Too many orders in payload, max allowed: {CANCELS_MAX}"
_INVALID_ID: Final = "Invalid orderID"
_NOT_FOUND: Final = "Order not found"
_HELD: Final = "order can't be found - already canceled or matched"
_REASONS: Final[Mapping[str, str]] = {
    "MATCHED": "Order already matched",
    "CANCELED": "Order already canceled",
    "DELAYED": _HELD,
}
_GONE: Final = "Order not found or already canceled"


class Cancels:
    """Cancels orders of a venue for their owners."""

    def __init__(self, auth: Auth, venue: Venue, buckets: SignerBuckets, modes: Modes) -> None:
        self._auth = auth
        self._venue = venue
        self._buckets = buckets
        self._modes = modes
        self.routes: Table = {
            ("DELETE", "/order"): self._one,
            ("DELETE", "/orders"): self._several,
            ("DELETE", "/cancel-all"): self._all,
            ("DELETE", "/cancel-market-orders"): self._of_market,
        }

    def cancel_key(self, api_key: str, now_ns: int) -> int:
        """Cancel what an API key has open; says how many orders that were."""
        return sum(
            self._venue.cancel(order, "CANCELED", now_ns)
            for order in tuple(self._venue.engine.open.values())
            if order.api_key == api_key
        )

    def _one(self, request: HttpRequest, now_ns: int) -> Answer:
        caller = self._caller(request, now_ns)
        order_id = decoded(request.body, dict[str, Any]).get("orderID")
        if not isinstance(order_id, str) or not is_order_id(order_id):
            raise Refused(400, _INVALID_ID)
        headers = self._charge(caller, 1, now_ns)
        return self._cancelled(caller.account, (order_id,), headers, now_ns)

    def _several(self, request: HttpRequest, now_ns: int) -> Answer:
        caller = self._caller(request, now_ns)
        ids = tuple(dict.fromkeys(decoded(request.body, list[str])))
        if len(ids) > CANCELS_MAX:
            raise Refused(400, _TOO_MANY)
        if not ids:
            raise Refused(400, INVALID)
        if not all(is_order_id(order_id) for order_id in ids):
            raise Refused(400, _INVALID_ID)
        headers = self._charge(caller, len(ids), now_ns)
        return self._cancelled(caller.account, ids, headers, now_ns)

    def _all(self, request: HttpRequest, now_ns: int) -> Answer:
        return self._matching(self._caller(request, now_ns), lambda order: True, now_ns)

    def _of_market(self, request: HttpRequest, now_ns: int) -> Answer:
        caller = self._caller(request, now_ns)
        asked = decoded(request.body, dict[str, Any])
        market, token_id = asked.get("market") or "", asked.get("asset_id") or ""
        if not (isinstance(market, str) and isinstance(token_id, str) and (market or token_id)):
            raise Refused(400, INVALID)

        def fits(order: Order) -> bool:
            return market in ("", order.market.condition_id) and token_id in ("", order.token_id)

        return self._matching(caller, fits, now_ns)

    def _caller(self, request: HttpRequest, now_ns: int) -> Caller:
        refusal = self._modes.refusal("cancel", False, now_ns)
        if refusal is not None:
            raise refusal
        return self._auth.caller(request, now_ns)

    def _charge(self, caller: Caller, cost: int, now_ns: int) -> Mapping[str, str]:
        charge = self._buckets.charge(caller.account.address, "cancels", cost, now_ns)
        if not charge.admitted:
            raise charge.refusal
        return charge.headers

    def _matching(self, caller: Caller, fits: Callable[[Order], bool], now_ns: int) -> Answer:
        """Cancel whatever fits; how much that costs is known, and taken, only afterwards."""
        self._charge(caller, 1, now_ns)
        orders = self._venue.engine.open.values()
        ids = tuple(order.id for order in orders if order.account is caller.account and fits(order))
        cancelled, kept = self._cancel(caller.account, ids, now_ns)
        headers = self._buckets.debit(caller.account.address, len(cancelled), now_ns)
        return _answer(cancelled, kept, headers)

    def _cancelled(self, account: Account, ids: Iterable[str], headers: Mapping[str, str], now_ns: int) -> Answer:
        return _answer(*self._cancel(account, ids, now_ns), headers)

    def _cancel(self, account: Account, ids: Iterable[str], now_ns: int) -> tuple[list[str], dict[str, str]]:
        cancelled: list[str] = []
        kept: dict[str, str] = {}
        for order_id in ids:
            order = self._venue.engine.orders.get(order_id.lower())
            if order is None or order.account is not account:
                kept[order_id] = _NOT_FOUND
            elif self._venue.cancel(order, "CANCELED", now_ns):
                cancelled.append(order_id)
            else:
                kept[order_id] = _REASONS.get(order.status, _GONE)
        return cancelled, kept


def _answer(cancelled: list[str], kept: dict[str, str], headers: Mapping[str, str]) -> Answer:
    return Answer(200, wire.encode({"canceled": cancelled, "not_canceled": kept}), headers)
