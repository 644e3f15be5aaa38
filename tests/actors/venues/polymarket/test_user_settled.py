"""What the venue tells of our fills adds up, to the millionth, to what our wallets hold in the end."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.venues.polymarket.user_codec import UserCodec
from models.markets import NO, YES, Fees, Market, Side
from models.messages.orders import ForeignOrderSeen, OrderAccepted, OrderCancelled, PlaceOrder
from models.orders import TimeInForce
from models.units import ONE, SHARE, parse_size
from sandbox.trading.settlement import FAILED, FAILED_THEN_CONFIRMED, RETRIED
from tests.actors.venues.polymarket.fill_book import FillBook
from tests.sandbox.house import CASH, MICRO, House, Trader

SPLIT = 300
FATES = (FAILED, RETRIED, FAILED_THEN_CONFIRMED)


class Session:
    """Three accounts that trade with each other and with the outside until everything has settled."""

    def __init__(self, seed: int, actions: int = 40) -> None:
        self.random = Random(seed)
        self.house = House(seed=seed)
        self.market = self.house.market(category=self.random.choice(["crypto", "politics", "geopolitics"]))
        self.traders = [self.house.trader(str(number), number % 2 * 3) for number in range(3)]
        self.connections = [trader.listen() for trader in self.traders]
        for trader in self.traders:
            split = {"action": "split", "wallet": trader.wallet.address, "market": "rain", "amount": str(SPLIT)}
            assert self.house.control("POST", "/chain", split)[0] == 200
        for below in (500, 1_000):
            self.house.quote(self.market, "BUY", 5_000 - below, 500)
            self.house.quote(self.market, "SELL", 5_000 + below, 500)
        for _ in range(actions):
            self.act()
        self.house.advance(3_600)

    def act(self) -> None:
        """Let somebody do something, and some time pass."""
        chance, house = self.random, self.house
        if chance.random() < 0.2:
            house.engine.settlement.next_fates.append(chance.choice(FATES))
        if chance.random() < 0.2:
            house.engine.overfill_next = chance.choice([0, 3_001])
            size = chance.randint(1, 40 * SHARE)
            house.venue.trade(self.market, chance.randint(0, 1), chance.choice(["BUY", "SELL"]), size, 0, house.now_ns)
        elif house.engine.open and chance.random() < 0.2:
            order = chance.choice(list(house.engine.open.values()))
            owner = next(trader for trader in self.traders if trader.account is order.account)
            owner.call("DELETE", "/order", {"orderID": order.id})
        else:
            trader, price = chance.choice(self.traders), chance.randint(40, 60)
            kind = chance.choice(["GTC", "GTC", "GTC", "FAK"])
            size = f"{chance.randint(500, 3_000) / 100:.2f}"
            side: Any = chance.choice(["BUY", "SELL"])
            trader.place(self.market, chance.randint(0, 1), side, f"0.{price}", size, kind=kind)
        house.advance(chance.random() * 4)

    @property
    def described(self) -> Market:
        """The market as we know it."""
        market = self.market
        fees = Fees(parse_size(market.category.rate))
        return Market("rain", "rain", market.token_ids, condition_id=market.condition_id, fees=fees)

    def frames(self, number: int, kind: str = "trade") -> list[bytes]:
        """What an account was told of its trades, or of its orders."""
        return [json.dumps(frame).encode() for frame in self.house.events(self.connections[number], kind)]

    def rows(self, number: int) -> bytes:
        """What REST says of an account's trades, as one array."""
        rows: list[Any] = []
        cursor = "MA=="
        while cursor != "LTE=":
            _, page = self.traders[number].call("GET", "/data/trades", next_cursor=cursor)
            rows += page["data"]
            cursor = page["next_cursor"]
        return json.dumps(rows).encode()


class Books:
    """One account, the orders that it signed, and its fills as the codec tells them."""

    def __init__(self, session: Session, trader: Trader) -> None:
        self.trader = trader
        orders = session.house.engine.orders.values()
        self.placed = {order.id: placed(order) for order in orders if order.wallet is trader.wallet}
        self.codec = UserCodec([session.described], self)
        self.fills = FillBook(self.placed)

    @property
    def api_key(self) -> str:
        return self.trader.credentials.api_key

    @property
    def wallet(self) -> str:
        return self.trader.wallet.address

    def owns(self, order_id: str) -> bool:
        return order_id in self.placed


def placed(order: Any) -> PlaceOrder:
    """An order of the venue as we would have wished for it."""
    return PlaceOrder(
        order.id, "desk", "rain", order.token, Side(order.side), order.price, max(order.size, 1), False,
        TimeInForce(order.time_in_force), "", 0, 0,
    )  # fmt: skip


def agrees(session: Session, books: Books) -> None:
    wallet, fills = books.trader.wallet, books.fills
    yes, no = session.market.token_ids
    assert wallet.cash == (CASH - SPLIT) * MICRO + fills.dollars
    assert wallet.tokens.get(yes, 0) == SPLIT * SHARE + fills.shares(YES)
    assert wallet.tokens.get(no, 0) == SPLIT * SHARE + fills.shares(NO)
    assert books.codec.counts.unknown_fields == {}


@pytest.mark.proves("I1")
@settings(max_examples=25)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_fills_of_the_stream_add_up_to_the_wallet_in_any_order_with_any_repetition(seed: int, chance: Random) -> None:
    session = Session(seed)
    for number, trader in enumerate(session.traders):
        books = Books(session, trader)
        frames = session.frames(number)
        again = frames + [chance.choice(frames) for _ in range(len(frames) // 2)]
        chance.shuffle(again)
        for frame in again:
            books.fills.book(books.codec.decode(frame, 0))
        agrees(session, books)


@pytest.mark.proves("I1")
@settings(max_examples=15)
@given(st.integers(0, 10**6))
def test_fills_of_rest_alone_add_up_to_the_wallet_and_add_nothing_to_those_of_the_stream(seed: int) -> None:
    session = Session(seed)
    for number, trader in enumerate(session.traders):
        read, both = Books(session, trader), Books(session, trader)
        rows = session.rows(number)
        read.fills.book(read.codec.decode_trades(rows, 0))
        agrees(session, read)
        for frame in session.frames(number):
            both.fills.book(both.codec.decode(frame, 0))
        both.fills.book(both.codec.decode_trades(rows, 0))
        assert both.fills.fills.keys() == read.fills.fills.keys()
        agrees(session, both)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_each_order_that_is_over_and_no_other_is_told_so_with_what_was_matched(seed: int, chance: Random) -> None:
    session = Session(seed)
    for number, trader in enumerate(session.traders):
        books = Books(session, trader)
        frames = session.frames(number, "order")
        chance.shuffle(frames)
        told = [one for frame in frames for one in books.codec.decode(frame, 0)]
        assert {type(one) for one in told} <= {OrderAccepted, OrderCancelled, ForeignOrderSeen}
        killed = {one.order_id for one in told if isinstance(one, ForeignOrderSeen)}
        assert killed.isdisjoint(session.house.engine.orders), "they never were on the book, nor in our list of it"
        ends = {one.order_id: one.filled for one in told if isinstance(one, OrderCancelled)}
        mine = [order for order in session.house.engine.orders.values() if order.wallet is trader.wallet]
        assert ends == {order.id: order.matched for order in mine if not order.open}
        accepted = {one.order_id for one in told if isinstance(one, OrderAccepted)}
        assert {order.id for order in mine if order.open} <= accepted <= set(books.placed)


def test_these_sessions_have_what_they_are_meant_to_prove() -> None:
    seen: set[str] = set()
    for seed in range(8):
        session = Session(seed)
        for number, trader in enumerate(session.traders):
            books = Books(session, trader)
            for frame in session.frames(number):
                told = books.codec.decode(frame, 0)
                seen |= {"several of ours"} if len(told) > 1 else set()
                books.fills.book(told)
                wire = json.loads(frame)
                seen |= {wire["status"]}
                parts = wire["maker_orders"]
                seen |= {"several prices"} if len({part["price"] for part in parts}) > 1 else set()
                seen |= {"pairs"} if any(part["asset_id"] != wire["asset_id"] for part in parts) else set()
            seen |= {"maker" if fill.maker else "taker" for fill in books.fills.fills.values()}
            seen |= {f"{fill.side} {fill.outcome}" for fill in books.fills.fills.values()}
            seen |= {"dust" for fill in books.fills.fills.values() if fill.price * fill.size % ONE}
            seen |= {"fee" for fill in books.fills.fills.values() if fill.fee}
    assert seen >= {
        "several of ours", "several prices", "pairs", "dust", "fee", "maker", "taker", "MATCHED", "RETRYING", "MINED",
        "CONFIRMED", "FAILED", "BUY 0", "BUY 1", "SELL 0", "SELL 1",
    }  # fmt: skip
