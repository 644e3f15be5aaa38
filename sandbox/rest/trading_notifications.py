"""Notices to accounts: an order was filled, failed to settle, or was cancelled by the venue.

Unverified: which of its own deeds the venue tells an account of; here those that it did not ask for in a call, that is
fills of resting orders, failed settlements, and cancels that carry a reason of the venue.
"""

from dataclasses import dataclass
from typing import Any, Final

from sandbox.messages import Answer, HttpRequest
from sandbox.rest.auth import Auth
from sandbox.rest.routes import Table, json_answer
from sandbox.trading.engine import Engine, OrderEvent
from sandbox.trading.records import Order, Trade
from sandbox.units import PRICE_TEXT, SECOND, size_text

_CANCELLATION: Final = 1
_FILL: Final = 2
_FILL_FAILED: Final = 8
_KEPT: Final = 1_000
"""Notices of one account; beyond it the oldest go."""


@dataclass(frozen=True, slots=True)
class _Notice:
    number: int
    signature_type: int
    shown: dict[str, Any]


class Notifications:
    """The notices of all accounts, oldest first."""

    def __init__(self, auth: Auth, engine: Engine) -> None:
        self._auth = auth
        self._notices: dict[str, list[_Notice]] = {}
        self._written = 0
        engine.on_order.append(self._order_changed)
        engine.on_trade.append(self._trade_changed)
        self.routes: Table = {
            ("GET", "/notifications"): self._list,
            ("DELETE", "/notifications"): self._drop,
        }

    def _order_changed(self, order: Order, event: OrderEvent, now_ns: int) -> None:
        if event == "CANCELLATION" and (order.status != "CANCELED" or order.reason):
            self._add(order, _CANCELLATION, None, now_ns)

    def _trade_changed(self, trade: Trade, now_ns: int) -> None:
        if trade.status not in ("MATCHED", "FAILED"):
            return
        for fill in trade.fills:
            if fill.order is not None:
                self._add(fill.order, _FILL if trade.status == "MATCHED" else _FILL_FAILED, trade, now_ns)

    def _add(self, order: Order, kind: int, trade: Trade | None, now_ns: int) -> None:
        self._written += 1
        shown = {
            "id": self._written,
            "owner": order.api_key,
            "type": kind,
            "timestamp": now_ns // SECOND,
            "payload": {
                "asset_id": order.token_id,
                "market": order.market.condition_id,
                "order_id": order.id,
                "side": order.side,
                "type": order.time_in_force,
                "price": PRICE_TEXT[order.price],
                "original_size": size_text(order.size),
                "matched_size": size_text(order.matched),
                "remaining_size": size_text(max(order.size - order.matched, 0)),
                "outcome": order.market.outcomes[order.token],
                "outcome_index": order.token,
                "transaction_hash": trade.transaction_hash if trade else "",
                "trade_id": trade.id if trade else "",
                "question": order.market.question,
                "market_slug": order.market.slug,
                "eventSlug": order.market.event.slug,
            },
        }
        notices = self._notices.setdefault(order.account.address, [])
        notices.append(_Notice(self._written, order.signature_type, shown))
        del notices[:-_KEPT]

    def _list(self, request: HttpRequest, now_ns: int) -> Answer:
        notices = self._notices.get(self._auth.caller(request, now_ns).account.address, ())
        kind = request.asked("signature_type")
        return json_answer([one.shown for one in notices if kind in ("", str(one.signature_type))])

    def _drop(self, request: HttpRequest, now_ns: int) -> Answer:
        address = self._auth.caller(request, now_ns).account.address
        gone = request.asked("ids").split(",")
        kept = [one for one in self._notices.get(address, ()) if str(one.number) not in gone]
        self._notices[address] = kept
        return Answer(200, '"OK"')
