"""Two accounts that trade with each other on a whole local venue, each with a user feed of its own."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from loguru import logger
from msgspec.structs import replace

from actors.gate import Gate
from actors.runtime.actor import Context
from actors.venues.http_client import HttpClient
from actors.venues.polymarket.clob_answers import Page
from actors.venues.polymarket.credentials import Credentials
from actors.venues.polymarket.order_body import order_body
from actors.venues.polymarket.orders import SignedOrder, unsigned
from actors.venues.polymarket.signing import signer_for
from actors.venues.polymarket.user_codec import UserCodec, UserDecoded
from actors.venues.polymarket.user_feed import UserFeed
from actors.venues.polymarket.verdicts import Fate, Verdict
from actors.venues.secret import Secret
from models.amounts import signed_amounts
from models.feeds import FeedParameters
from models.ledger import Amounts
from models.markets import NO, YES, Fees, Market, Outcome, Side
from models.messages.base import Message
from models.messages.market import FeedCounted
from models.messages.orders import (
    ForeignOrderSeen,
    OrderAccepted,
    OrderCancelled,
    PlaceOrder,
    TradeReported,
    UserFeedLost,
    UserFeedProven,
    UserFeedRestored,
)
from models.orders import TimeInForce
from models.units import ONE, SHARE, format_price, parse_price
from tests.actors.runtime.worlds import RealWorld
from tests.actors.venues.polymarket.fill_book import FillBook
from tests.actors.venues.polymarket.local_venue import CLOCK, Trader, clear, market_of, sandbox, throw
from tests.models.wishes import wish

SPEED = 20
"""How fast the venue's clock runs, so that its trades settle in a second and not in half a minute."""
SPLIT = 200
PARAMETERS = FeedParameters(ping_ms=200, silent_ms=5_000, backoff_ms=20, backoff_cap_ms=300)
FINAL = ("CONFIRMED", "FAILED")


class Party(Trader):
    """An account with a user feed: it knows its orders before they are sent, and keeps what it is told."""

    def __init__(
        self, venue: dict[str, Any], told: dict[str, Any], gate: Gate, world: RealWorld, market: Market
    ) -> None:
        super().__init__(venue, told, gate)
        self.placed: dict[str, PlaceOrder] = {}
        self.taken_in: set[str] = set()
        self.world = world
        self.name = f"user/{told['address']}"
        self.codec = UserCodec([market], self)
        self.told: list[Message] = world.record(f"executor/{self.name}")
        self.feed = self.listen(venue, self.credentials)

    @property
    def api_key(self) -> str:
        return self.credentials.api_key

    @property
    def wallet(self) -> str:
        return self.account.maker

    def owns(self, order_id: str) -> bool:
        return order_id in self.placed

    def listen(self, venue: dict[str, Any], credentials: Credentials) -> UserFeed:
        """Start the feed, and wait until it stands."""
        context = Context(f"feed/{self.name}", self.world.threads, "nobody")
        url = venue["user_ws_url"]
        UserFeed.start(context, url, credentials, self.codec, PARAMETERS, self._route)
        mailbox = self.world.directory.mailbox(context.name)
        assert mailbox is not None
        assert isinstance(mailbox.owner, UserFeed)
        self.world.until(lambda: self.of(UserFeedRestored))
        return mailbox.owner

    def of(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.told if isinstance(message, kind)]

    def trade(
        self, market: Market, outcome: Outcome, side: Side, price: int, size: int, time_in_force: TimeInForce
    ) -> Verdict:
        """Sign an order, know it from then on, and send it."""
        placed, signed = self._signed(market, outcome, side, price, size, time_in_force)
        self.placed[signed.order_id] = placed
        verdict = self.send(signed, time_in_force)
        if verdict.fate is Fate.DONE:
            self.taken_in.add(signed.order_id)
        return verdict

    def send(self, signed: SignedOrder, time_in_force: TimeInForce) -> Verdict:
        body = order_body(signed, time_in_force, False, self.credentials.api_key)
        return self.client.place(body, signed.order_id)

    def foreign(self, market: Market, price: int) -> str:
        """Place an order that the account does not know of, as somebody else with its keys would."""
        _, signed = self._signed(market, YES, Side.BUY, price, 100 * SHARE, TimeInForce.GTC)
        assert self.send(signed, TimeInForce.GTC).fate is Fate.DONE
        return signed.order_id

    def trades_by_rest(self) -> list[UserDecoded]:
        """Read all trades of the account."""
        rows = self.session.read_pages("/data/trades", Page[msgspec.Raw], {})
        return [one for row in rows for one in self.codec.decode_trades(bytes(row), CLOCK.now_ns())]

    def _signed(
        self, market: Market, outcome: Outcome, side: Side, price: int, size: int, time_in_force: TimeInForce
    ) -> tuple[PlaceOrder, SignedOrder]:
        wished = wish(
            next(self._numbers), format_price(price), size, outcome, side, market=market.id, created_ns=CLOCK.now_ns()
        )
        wished = replace(wished, time_in_force=time_in_force)
        amounts = signed_amounts(wished, market.tick)
        assert isinstance(amounts, Amounts)
        return wished, signer_for(2, self.account).sign(
            unsigned(wished, market, amounts, f"run of {self.account.maker}")
        )

    def _route(self, message: Message) -> Iterable[str]:
        return () if isinstance(message, FeedCounted) else (f"executor/{self.name}",)


class Stage:
    """A venue, a market of it, and two accounts with shares and feeds."""

    def __init__(self, venue: dict[str, Any], world: RealWorld, gate: Gate) -> None:
        self.venue = venue
        self.world = world
        self.control = HttpClient(venue["control_url"])
        listed = market_of(next(one for one in venue["markets"] if one["slug"].startswith("rate-decision")))
        teller = Trader(venue, venue["accounts"][0], gate)
        terms = teller.client.market_terms(listed.id)
        teller.client.close()
        self.market = replace(listed, fees=Fees(terms.fee_rate_e6, terms.fee_exponent))
        chosen = venue["accounts"][:2]
        for told in chosen:
            self._call("POST", "/chain", {
                "action": "split", "wallet": told["funder"], "market": self.market.id, "amount": str(SPLIT),
            })  # fmt: skip
        self.before = {told["funder"]: self.wallet(told["funder"]) for told in chosen}
        self.parties = [Party(venue, told, gate, world, self.market) for told in chosen]
        for party in self.parties:
            for token in self.market.token_ids:
                party.client.refresh_balance("CONDITIONAL", token)  # or the venue does not know of the split

    def wallet(self, address: str) -> dict[str, Any]:
        """What the venue says that a wallet holds."""
        accounts = self._call("GET", "/accounts")["accounts"]
        return next(one for account in accounts for one in account["wallets"] if one["address"] == address)

    def trade(self, with_each_other: int) -> None:
        """Let each rest inside the spread in turn and the other one take it: as a sale, or as the half of a pair.

        Others trade there too, and are at times quicker; it ends when so many trades have had us on both sides.
        """
        begun = len(self.common())
        for number in count():
            maker, taker = self.parties if number % 2 else self.parties[::-1]
            price, size = self.best_ask() - self.market.tick, (10 + number) * SHARE + 370_000
            maker.trade(self.market, YES, Side.BUY, price, size, TimeInForce.GTC)
            if number % 3:
                taker.trade(self.market, NO, Side.BUY, ONE - price, 7 * SHARE, TimeInForce.FAK)
            else:
                taker.trade(self.market, YES, Side.SELL, price, 2 * size, TimeInForce.FAK)
            if len(self.common()) - begun >= with_each_other:
                return
            assert number < 60, "they never met"

    def common(self) -> set[str]:
        """The trades that have both accounts in them."""
        one, other = ({trade.trade_id for trade in party.client.trades()} for party in self.parties)
        return one & other

    def settle(self) -> None:
        """Cancel what rests and wait until nothing is owed any more."""
        for party in self.parties:
            party.client.cancel_all()
        limit_s = time.monotonic() + 30
        while any(self.owing(party) for party in self.parties):
            assert time.monotonic() < limit_s, "the trades never settled"
            time.sleep(0.05)

    def owing(self, party: Party) -> bool:
        statuses = {one.status for one in party.trades_by_rest() if isinstance(one, TradeReported)}
        return not statuses <= set(FINAL)

    def best_ask(self) -> int:
        session, token = self.parties[0].session, self.market.token_ids[0]
        asks = session.read_public("/book", dict[str, Any], {"token_id": token})["asks"]
        return min(parse_price(level["price"]) for level in asks)

    def agrees(self, party: Party, fills: FillBook) -> None:
        """What an account was told is what the venue says that its wallet holds."""
        before, after = self.before[party.wallet], self.wallet(party.wallet)
        assert after["cash"] - before["cash"] == fills.dollars
        yes, no = self.market.token_ids
        assert after["tokens"].get(yes, 0) - before["tokens"].get(yes, 0) == fills.shares(YES)
        assert after["tokens"].get(no, 0) - before["tokens"].get(no, 0) == fills.shares(NO)

    def close(self) -> None:
        self.control.close()
        for party in self.parties:
            party.client.close()

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        raw = None if body is None else json.dumps(body).encode()
        answer = self.control.exchange(method, path, within_s=10, body=raw)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)


@pytest.fixture
def venue() -> Iterator[dict[str, Any]]:
    with sandbox("--clock-speed", str(SPEED)) as told:
        yield told


@pytest.fixture
def stage(venue: dict[str, Any], tmp_path: Path) -> Iterator[Stage]:
    logger.disable("actors")
    world = RealWorld("threads")
    made = Stage(venue, world, Gate(tmp_path / "killed", CLOCK))
    yield made
    clear(venue)
    made.close()
    world.close()
    logger.enable("actors")


def test_each_fill_is_told_once_for_each_status_and_all_add_up_to_the_wallets(stage: Stage) -> None:
    stage.trade(5)
    stage.settle()
    seen: set[tuple[Side, Outcome]] = set()
    for party in stage.parties:
        told = party.told
        stage.world.until(lambda told=told: all_final(told))
        reports = party.of(TradeReported)
        assert set(Counter((one.trade_id, one.order_id, one.status) for one in reports).values()) == {1}
        fills = FillBook(party.placed)
        fills.book(reports)
        stage.agrees(party, fills)
        assert party.of(ForeignOrderSeen) == []
        assert party.feed.malformed == {}
        assert party.codec.counts.unknown_fields == {}
        assert len(party.of(UserFeedProven)) == 1
        assert party.taken_in <= {one.order_id for kind in (OrderAccepted, OrderCancelled) for one in party.of(kind)}
        read = FillBook(party.placed)
        read.book(party.trades_by_rest())
        assert read.fills.keys() == fills.fills.keys()
        assert {one.trade_id for one in reports} >= stage.common()
        seen |= {(one.side, one.outcome) for one in reports}
    assert seen == {(Side.BUY, YES), (Side.BUY, NO), (Side.SELL, YES)}


@pytest.mark.proves("I1")
def test_what_is_doubled_reordered_lost_and_cut_off_is_whole_again_with_rest(
    stage: Stage, venue: dict[str, Any]
) -> None:
    throw(venue, "duplicate", channel="user")
    throw(venue, "shuffle", channel="user", within=2)
    throw(venue, "lose_frames", channel="user", count=9)
    stage.trade(2)
    throw(venue, "drop_ws", channel="user", code=1012)
    throw(venue, "mutate", channel="user", kind="trade", how="numbers", count=2)
    stage.trade(2)
    stage.settle()
    stage.world.until(lambda: sum(party.feed.malformed["shape"] for party in stage.parties) >= 1)
    clear(venue)
    for party in stage.parties:
        stage.world.until(lambda party=party: len(party.of(UserFeedRestored)) >= 2)
        (lost,) = party.of(UserFeedLost)
        assert lost.reason.startswith("closed by the venue: 1012")
        fills = FillBook(party.placed)
        fills.book([*party.of(TradeReported), *party.trades_by_rest()])
        stage.agrees(party, fills)
        assert party.of(ForeignOrderSeen) == []


def test_an_order_of_the_account_that_it_did_not_sign_is_told_as_foreign(stage: Stage) -> None:
    party, other = stage.parties
    price = stage.best_ask() - stage.market.tick
    order_id = party.foreign(stage.market, price)
    stage.world.until(lambda: party.of(ForeignOrderSeen))
    other.trade(stage.market, YES, Side.SELL, price, 190 * SHARE, TimeInForce.FAK)
    stage.world.until(lambda: any(one.trade_id for one in party.of(ForeignOrderSeen)))
    assert {one.order_id for one in party.of(ForeignOrderSeen)} == {order_id}
    assert party.of(TradeReported) == []
    assert other.of(ForeignOrderSeen) == []


def test_wrong_credentials_stand_as_right_ones_do_and_are_never_proven(stage: Stage, venue: dict[str, Any]) -> None:
    party, _ = stage.parties
    stage.world.directory.stop(f"feed/{party.name}")
    stage.world.until(lambda: stage.world.directory.find(f"feed/{party.name}") is None)
    party.told.clear()
    wrong = Credentials(party.api_key, Secret("bm90IGl0"), Secret("nor this"))
    feed = party.listen(venue, wrong)
    assert [type(one) for one in party.told] == [UserFeedLost, UserFeedRestored]
    party.trade(stage.market, YES, Side.BUY, stage.market.tick, 5 * SHARE, TimeInForce.GTC)
    party.client.cancel_all()
    answered = party.codec.counts.plain_texts
    stage.world.until(lambda: party.codec.counts.plain_texts >= answered + 2)
    assert feed.connections == 1
    assert [type(one) for one in party.told] == [UserFeedLost, UserFeedRestored]
    assert not feed.proven


def all_final(told: list[Message]) -> bool:
    """Whether the last word was heard on every fill that was heard of."""
    reports = [one for one in told if isinstance(one, TradeReported)]
    final = {(one.trade_id, one.order_id) for one in reports if one.status in FINAL}
    return {(one.trade_id, one.order_id) for one in reports} == final
