from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import pytest

from sandbox.books import MirroredBook, Side
from sandbox.channel import MarketChannel
from sandbox.log import Log
from sandbox.markets import CATEGORIES, Catalogue, Event, Market, digest_id, token_id
from sandbox.messages import Effect, Send
from sandbox.schedule import Schedule
from sandbox.trading.engine import Engine, Placed
from sandbox.trading.ledger import Ledger
from sandbox.trading.records import Account, Order, TimeInForce, Trade, Wallet
from sandbox.units import ONE, SECOND, SHARE
from sandbox.venue import Venue

BEGIN_NS = 1_790_000_100_000_000_000
SPENDER = "0xExchange"


class Pit:
    """One market, its venue, and traders in it."""

    def __init__(self, category: str = "geopolitics", **fields: Any) -> None:
        self.now_ns = BEGIN_NS
        self.spender = SPENDER
        self.log = Log()
        self.schedule = Schedule()
        self.ledger = Ledger(self.log)
        self.engine = Engine(self.ledger, self.log, self.schedule, Random(1), lambda _: SPENDER)
        self.outbox: list[Effect] = []
        catalogue = Catalogue()
        self.channel = MarketChannel(catalogue, self.schedule, self.outbox)
        self.venue = Venue(catalogue, self.schedule, self.channel, self.engine)
        self.market = Market(
            slug="rain",
            question="Will it rain?",
            condition_id=digest_id("rain"),
            token_ids=(token_id("rain", "yes"), token_id("rain", "no")),
            outcomes=("Yes", "No"),
            category=CATEGORIES[category],
            event=Event("rain", "Rain"),
            book=MirroredBook(),
            created_ns=BEGIN_NS,
            end_ns=None,
            **fields,
        )
        self.venue.list_market(self.market, self.now_ns)
        self.events: list[tuple[str, str, str]] = []
        """Each event of an order: its id, what it is, and what the stream says of its status."""
        self.statuses: list[str] = []
        self.engine.on_order.append(lambda o, event, _: self.events.append((o.id, event, o.reason or o.status)))
        self.engine.on_trade.append(lambda trade, _: self.statuses.append(trade.status))
        self.placed = 0

    @property
    def book(self) -> MirroredBook:
        """The one book."""
        assert isinstance(self.market.book, MirroredBook)
        return self.market.book

    @property
    def trades(self) -> list[Trade]:
        """All trades of accounts."""
        return list(self.engine.trades.values())

    def trader(self, cash: int = 1_000 * SHARE, yes: int = 0, no: int = 0) -> Account:
        """An account with what it may trade, all of it approved."""
        wallet = Wallet(f"0xWallet{len(self.ledger.wallets)}")
        wallet.allowances[SPENDER] = 10**30
        wallet.approvals.add(SPENDER)
        self.ledger.add(wallet)
        self.ledger.deposit(wallet, cash, self.now_ns)
        for token, size in zip(self.market.token_ids, (yes, no), strict=True):
            self.ledger.transfer(self.ledger.outside, wallet, token, size, self.now_ns)
        return Account(wallet.address, {0: wallet})

    def place(
        self,
        account: Account,
        side: Side,
        price: int,
        size: int,
        *,
        token: int = 0,
        kind: TimeInForce = "GTC",
        post_only: bool = False,
        expires_s: int = 0,
        done: Callable[[Placed, int], None] | None = None,
    ) -> Placed:
        """Place an order; `size` is what a FOK or FAK buy spends. Gives the answer that comes at once, if any."""
        spends = side == "BUY" and kind in ("FOK", "FAK")
        shares = size * ONE // price if spends else size
        cash = size if spends else -(-size * price // ONE) if side == "BUY" else size * price // ONE
        self.placed += 1
        order = Order(
            id=f"order{self.placed}",
            account=account,
            wallet=account.wallets[0],
            api_key="key",
            market=self.market,
            token=token,
            side=side,
            price=price,
            size=shares,
            making=cash if side == "BUY" else shares,
            taking=shares if side == "BUY" else cash,
            time_in_force=kind,
            post_only=post_only,
            expires_s=expires_s,
            created_ns=self.now_ns,
        )
        answers: list[Placed] = []
        self.venue.place(order, done or (lambda placed, _: answers.append(placed)), self.now_ns)
        return answers[0] if answers else Placed(None, "")

    def rest(self, account: Account, side: Side, price: int, size: int, token: int = 0) -> Order:
        """Place a GTC order that the venue must take."""
        placed = self.place(account, side, price, size, token=token)
        assert placed.order is not None, placed.error
        return placed.order

    def outside(self, side: Side, price: int, size: int) -> None:
        """Let outside liquidity rest, in YES terms."""
        self.venue.rest_outside(self.market, side, price, size, self.now_ns)
        self.venue.publish(self.market, self.now_ns)

    def take(self, side: Side, size: int, token: int = 0) -> int:
        """Let an outside taker trade."""
        return self.venue.trade(self.market, token, side, size, 0, self.now_ns)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now_ns += round(seconds * SECOND)
        self.schedule.run(self.now_ns)

    def settle(self) -> None:
        """Let everything happen that is planned within ten minutes."""
        self.advance(600)

    def listen(self) -> None:
        """Subscribe to both tokens, with the custom features."""
        self.channel.opened(1)
        said = {"type": "market", "assets_ids": self.market.token_ids, "custom_feature_enabled": True}
        self.channel.said(1, msgspec.json.encode(said).decode(), self.now_ns)
        self.outbox.clear()

    def frames(self) -> list[Any]:
        """What was sent since the last time."""
        frames = [msgspec.json.decode(effect.text) for effect in self.outbox if isinstance(effect, Send)]
        self.outbox.clear()
        return frames

    def lines(self, kind: str) -> list[dict[str, Any]]:
        """The lines of a kind in the log."""
        lines = [msgspec.json.decode(line) for line in self.log.after(0, 10**6)]
        return [line for line in lines if line["kind"] == kind]

    def check(self) -> None:
        """Nothing was made or lost, and nobody's wallet promises more than it may."""
        assert self.ledger.cash == self.ledger.brought_in
        if self.market.payouts is None:
            yes, no = (self.ledger.held(token) for token in self.market.token_ids)
            assert yes == no == self.ledger.locked[self.market.condition_id]
        wallets = self.ledger.wallets.values()
        for wallet in wallets:
            mine = [order for order in self.engine.orders.values() if order.wallet is wallet]
            buys = sum(order.reserved for order in mine if order.side == "BUY")
            assert wallet.reserved_cash == buys
            for token in self.market.token_ids:
                sales = sum(order.reserved for order in mine if order.side == "SELL" and order.token_id == token)
                assert wallet.reserved_tokens.get(token, 0) == sales


@pytest.fixture
def make_pit() -> Callable[..., Pit]:
    """Make a pit whose market has these fields."""
    return Pit


@pytest.fixture
def pit() -> Pit:
    """A market without fees or delays."""
    return Pit()
