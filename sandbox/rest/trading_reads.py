"""What an account reads of itself: open orders, one order, trades, and a builder's trades.

Everything is per account, whichever of its API keys asks: a second key's orders are seen as well.

Unverified: that trades come newest first, and that `after` and `before` leave out the second that they name.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, Final

from sandbox import wire
from sandbox.messages import Answer, HttpRequest
from sandbox.modes import Modes
from sandbox.rest.auth import Auth
from sandbox.rest.refusals import Refused
from sandbox.rest.routes import Table, json_answer, last_part
from sandbox.trading.engine import Engine
from sandbox.trading.records import Account, Order, Trade
from sandbox.trading.wire import builder_trade, maker_addresses, open_order, rest_trade, side_of
from sandbox.units import SECOND

PAGE: Final = 500
END_CURSOR: Final = "LTE="
"""What follows the last page: -1 in base64."""


class OwnReads:
    """Answers what accounts ask about their orders and trades; `page` is the length of a page."""

    def __init__(self, auth: Auth, engine: Engine, modes: Modes, *, page: int = PAGE) -> None:
        self.page = page
        self._auth = auth
        self._engine = engine
        self._modes = modes
        self._trades: dict[str, list[Trade]] = {}
        """Each account's trades, oldest first."""
        engine.on_trade.append(self._remember)
        self.routes: Table = {
            ("GET", "/data/orders"): self._orders,
            ("GET", "/data/order/*"): self._order,
            ("GET", "/data/trades"): self._trade_list,
            ("GET", "/builder/trades"): self._builder_trades,
        }

    def _order(self, request: HttpRequest, now_ns: int) -> Answer:
        account = self._account(request, now_ns)
        order = self._engine.orders.get(last_part(request).lower())
        if order is None or order.account is not account:
            raise Refused(404, "Order not found")
        return json_answer(open_order(order))

    def _orders(self, request: HttpRequest, now_ns: int) -> Answer:
        account = self._account(request, now_ns)

        def asked(order: Order) -> bool:
            return (
                order.account is account
                and request.asked("id") in ("", order.id)
                and request.asked("market") in ("", order.market.condition_id)
                and request.asked("asset_id") in ("", order.token_id)
            )

        chosen = [order for order in self._engine.open.values() if asked(order)]
        return self._page(request, chosen, open_order)

    def _trade_list(self, request: HttpRequest, now_ns: int) -> Answer:
        account = self._account(request, now_ns)
        asked = _trade_filter(request)
        chosen = [trade for trade in reversed(self._trades.get(account.address, ())) if asked(trade)]
        return self._page(request, chosen, lambda trade: rest_trade(trade, side_of(trade, account) or "TAKER"))

    def _builder_trades(self, request: HttpRequest, now_ns: int) -> Answer:
        self._account(request, now_ns)
        code = request.asked("builder_code")
        asked = _trade_filter(request)
        chosen: list[tuple[Trade, Order]] = []
        for trade in reversed(self._engine.trades.values()):
            order = trade.order
            if order is not None and order.builder and order.builder == code and asked(trade):
                chosen.append((trade, order))
        return self._page(request, chosen, lambda one: builder_trade(*one))

    def _account(self, request: HttpRequest, now_ns: int) -> Account:
        refusal = self._modes.refusal("read", False, now_ns)
        if refusal is not None:
            raise refusal
        return self._auth.caller(request, now_ns).account

    def _remember(self, trade: Trade, now_ns: int) -> None:
        if trade.status != "MATCHED":
            return
        parties = (order for order in (trade.order, *(fill.order for fill in trade.fills)) if order is not None)
        for address in dict.fromkeys(order.account.address for order in parties):
            self._trades.setdefault(address, []).append(trade)

    def _page(self, request: HttpRequest, chosen: Sequence[Any], shown: Callable[[Any], dict[str, Any]]) -> Answer:
        begin = cursor_offset(request.asked("next_cursor"))
        end = begin + self.page
        data = [shown(one) for one in islice(chosen, begin, end)]
        following = _cursor(end) if end < len(chosen) else END_CURSOR
        return Answer(200, page_text(data, following, self.page))


def page_text(data: Iterable[Any], following: str, limit: int) -> str:
    """A page as the venue writes it."""
    listed = list(data)
    return wire.encode({"limit": limit, "next_cursor": following, "count": len(listed), "data": listed})


def cursor_offset(cursor: str) -> int:
    """Where a page begins; no cursor is the first page. Raises Refused."""
    try:
        offset = int(base64.b64decode(cursor, validate=True)) if cursor else 0
    except (binascii.Error, ValueError):
        raise Refused(400, "Invalid next_cursor") from None
    if offset < 0:
        raise Refused(400, "Invalid next_cursor")
    return offset


def _cursor(offset: int) -> str:
    return base64.b64encode(str(offset).encode()).decode()


def _trade_filter(request: HttpRequest) -> Callable[[Trade], bool]:
    """What a call asks of trades. Raises Refused."""
    trade_id, market, token_id = request.asked("id"), request.asked("market"), request.asked("asset_id")
    address = request.asked("maker_address").lower()
    after_s, before_s = _seconds(request.asked("after")), _seconds(request.asked("before"))

    def asked(trade: Trade) -> bool:
        at_s = trade.matched_ns // SECOND
        return (
            trade_id in ("", trade.id)
            and market in ("", trade.market.condition_id)
            and token_id in ("", *_token_ids(trade))
            and (after_s is None or at_s > after_s)
            and (before_s is None or at_s < before_s)
            and (not address or address in (one.lower() for one in maker_addresses(trade)))
        )

    return asked


def _token_ids(trade: Trade) -> tuple[str, ...]:
    return tuple(trade.market.token_ids[one.token] for one in (trade, *trade.fills))


def _seconds(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal():
        raise Refused(400, "Invalid timestamp")
    return int(text)
