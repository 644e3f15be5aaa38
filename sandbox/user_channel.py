"""The user channel: who listens to which account's orders and trades, and when it hears of them.

Why events are late at times: at the venue they come before the answer to the call that caused them as often as after
it, and an order's and its trade's in no fixed order. So half of them are sent at once, which is before the answer, and
half a few milliseconds later. Events of one kind never overtake each other.

To wrong credentials the channel says nothing at all; they still get their PONG. A client without a filter hears of all
markets, and one that unsubscribed from its last does so again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Literal

import msgspec

from sandbox import wire
from sandbox.accounts import Accounts
from sandbox.markets import Market
from sandbox.messages import Close, Effect, Send
from sandbox.schedule import Schedule
from sandbox.trading.engine import Engine, OrderEvent
from sandbox.trading.records import Account, Order, Trade
from sandbox.trading.wire import TraderSide, order_event, trade_event
from sandbox.units import MILLISECOND

_LATE_NS: Final = (1 * MILLISECOND, 30 * MILLISECOND)


@dataclass(slots=True)
class _Client:
    account: Account | None = None
    api_key: str = ""
    markets: dict[str, None] = field(default_factory=dict[str, None])

    def hears(self, market: Market) -> bool:
        return not self.markets or market.condition_id in self.markets


class UserChannel:
    """The state of all user sockets. Frames for them are put into `outbox`, in order."""

    def __init__(
        self, accounts: Accounts, engine: Engine, schedule: Schedule, random: Random, outbox: list[Effect]
    ) -> None:
        self._accounts = accounts
        self._schedule = schedule
        self._random = random
        self._outbox = outbox
        self._clients: dict[int, _Client] = {}
        self._last_due = {"order": 0, "trade": 0}
        self._waiting = {"order": 0, "trade": 0}
        engine.on_order.append(self._order_changed)
        engine.on_trade.append(self._trade_changed)

    def opened(self, connection: int) -> None:
        """Take a new socket, which hears nothing until it says who it is."""
        self._clients[connection] = _Client()

    def closed(self, connection: int) -> None:
        """Forget a socket."""
        self._clients.pop(connection, None)

    def said(self, connection: int, text: str, now_ns: int) -> None:
        """Take a client's text: keepalive, credentials, or a change of its markets."""
        client = self._clients.get(connection)
        if client is None:
            return
        if text == "PING":
            self._outbox.append(Send((connection,), "PONG"))
            return
        frame = _decoded(text)
        operation = frame.get("operation")
        if operation == "subscribe":
            client.markets.update(dict.fromkeys(_markets(frame)))
        elif operation == "unsubscribe":
            for condition_id in _markets(frame):
                client.markets.pop(condition_id, None)
        elif client.account is None and str(frame.get("type")).lower() == "user":
            self._introduce(client, frame)

    def close_all(self, code: int) -> int:
        """Drop every user socket; says how many."""
        connections = tuple(self._clients)
        for connection in connections:
            self.closed(connection)
            self._outbox.append(Close(connection, code, ""))
        return len(connections)

    def send_raw(self, account: Account, text: str) -> int:
        """Send any text to those who listen to an account; says how many clients that is."""
        connections = self._listeners(account)
        self._send(connections, text)
        return len(connections)

    def _introduce(self, client: _Client, frame: dict[str, Any]) -> None:
        auth = frame.get("auth")
        said = auth if isinstance(auth, dict) else {}
        api_key = said.get("apiKey")
        known = self._accounts.credentials(api_key) if isinstance(api_key, str) else None
        if known is None or (said.get("secret"), said.get("passphrase")) != (known.secret, known.passphrase):
            return
        client.account = self._accounts.by_address(known.address)
        client.api_key = known.api_key
        client.markets = dict.fromkeys(_markets(frame))

    def _order_changed(self, order: Order, event: OrderEvent, now_ns: int) -> None:
        connections = self._listeners(order.account, order.market)
        if connections:
            self._send_soon("order", connections, wire.encode(order_event(order, event, now_ns)), now_ns)

    def _trade_changed(self, trade: Trade, now_ns: int) -> None:
        if trade.order is not None:
            self._show_trade(trade, (trade.order.account,), "TAKER", now_ns)
        makers = dict.fromkeys(fill.order.account for fill in trade.fills if fill.order is not None)
        self._show_trade(trade, makers, "MAKER", now_ns)

    def _show_trade(self, trade: Trade, accounts: Iterable[Account], side: TraderSide, now_ns: int) -> None:
        for account in accounts:
            for connection in self._listeners(account, trade.market):
                event = trade_event(trade, self._clients[connection].api_key, side, now_ns)
                self._send_soon("trade", (connection,), wire.encode(event), now_ns)

    def _listeners(self, account: Account, market: Market | None = None) -> tuple[int, ...]:
        return tuple(
            connection
            for connection, client in self._clients.items()
            if client.account is account and (market is None or client.hears(market))
        )

    def _send_soon(self, kind: Literal["order", "trade"], connections: tuple[int, ...], text: str, now_ns: int) -> None:
        late_ns = self._random.randint(*_LATE_NS) if self._random.random() < 0.5 else 0
        if not late_ns and not self._waiting[kind]:
            self._send(connections, text)
            return
        self._waiting[kind] += 1
        due_ns = self._last_due[kind] = max(now_ns + late_ns, self._last_due[kind])

        def due(_: int) -> None:
            self._waiting[kind] -= 1
            self._send(connections, text)

        self._schedule.at(due_ns, due)

    def _send(self, connections: tuple[int, ...], text: str) -> None:
        still = tuple(connection for connection in connections if connection in self._clients)
        if still:
            self._outbox.append(Send(still, text))


def _decoded(text: str) -> dict[str, Any]:
    try:
        return wire.decode(text, dict[str, Any])
    except msgspec.DecodeError:
        return {}


def _markets(frame: dict[str, Any]) -> list[str]:
    asked = frame.get("markets")
    return [one for one in asked if isinstance(one, str)] if isinstance(asked, list) else []
