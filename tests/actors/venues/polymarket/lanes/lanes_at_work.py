"""All lanes of one account at work against a whole local venue, and what they told the executor."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from actors.gate import Door, Gate
from actors.runtime.actor import Context
from actors.venues.gated_transport import Passage
from actors.venues.http_client import HttpClient
from actors.venues.polymarket.clob_client import ClobClient
from actors.venues.polymarket.clob_session import ClobSession
from actors.venues.polymarket.credentials import Credentials
from actors.venues.polymarket.lanes.cancel import CancelLane
from actors.venues.polymarket.lanes.heartbeat import Heartbeat
from actors.venues.polymarket.lanes.intents import IntentSigner
from actors.venues.polymarket.lanes.query import QueryLane
from actors.venues.polymarket.lanes.submit import SubmitLane
from models.markets import YES, Market, Outcome, Side
from models.messages.base import MarketId, Message
from models.messages.control import RaiseCell
from models.messages.lanes import ConfirmCancel
from models.messages.orders import OrderAccepted, OrderApproved, SubmitCancel, SubmitOrder
from models.orders import TimeInForce
from models.units import SHARE, Size
from tests.actors.runtime.worlds import RealWorld
from tests.actors.venues.polymarket.local_venue import CLOCK, Trader, market_of
from tests.models.wishes import wish

Kind = TypeVar("Kind", bound=Message)

SUBMIT, CANCEL, QUERY, HEART = "lane/submit", "lane/cancel", "lane/query", "lane/heartbeat"
WITHIN_S = 4.0


class Owned:
    """An account that knows what it signed."""

    def __init__(self, api_key: str, wallet: str) -> None:
        self.api_key = api_key
        self.wallet = wallet
        self.order_ids: set[str] = set()

    def owns(self, order_id: str) -> bool:
        return order_id in self.order_ids


class Tap:
    """Lets every write pass, and keeps when it did."""

    closed = None

    def __init__(self) -> None:
        self.wrote_ns: list[int] = []

    @contextmanager
    def passes(self) -> Iterator[None]:
        self.wrote_ns.append(CLOCK.now_ns())
        yield


class Lanes:
    """Starts the lanes of an account. `told` is what the executor heard, `cells` what risk did."""

    numbers = count(1)

    def __init__(self, venue: dict[str, Any], account: dict[str, Any], folder: Path) -> None:
        self.venue = venue
        self.gate = Gate(folder / "killed", CLOCK)
        self.trader = Trader(venue, account, self.gate)
        self.markets: dict[MarketId, Market] = {}
        for listed in venue["markets"]:
            market = market_of(listed)
            self.markets[market.id] = market
        self.market = next(iter(self.markets.values()))
        self.own = Owned(self.trader.credentials.api_key, self.trader.account.maker)
        self.signer = IntentSigner(f"run {folder}", self.trader.account, lambda: self.markets, 2)
        self.world = RealWorld("threads")
        self.told: list[Any] = self.world.record("executor")
        self.cells: list[RaiseCell] = self.world.record("risk")
        self.credentials: Credentials | None = self.trader.credentials
        self.slowest_s = WITHIN_S
        self.tap = Tap()
        self.healthy = True
        self.sessions: dict[str, ClobSession] = {}
        self.truth = self._client("truth")
        self._control = HttpClient(venue["control_url"])
        self._log: list[Mapping[str, Any]] = []

    # The lanes

    def start(self, *names: str) -> None:
        for name in names or (SUBMIT, CANCEL, QUERY):
            self.start_one(name)

    def start_one(self, name: str, **more: Any) -> None:
        context = Context(name, self.world.threads, "nobody")
        door = Door(self.gate)
        client = self._client(name, door if name == SUBMIT else self.tap if name == CANCEL else None)
        if name == SUBMIT:
            SubmitLane.start(context, client, route, more.get("sign", self.signer.sign), door)
        elif name == CANCEL:
            CancelLane.start(context, client, route)
        elif name == QUERY:
            QueryLane.start(context, client, route, self.own, lambda: self.markets)
        else:
            Heartbeat.start(context, client, route, self.is_healthy, self.gate.close, **more)

    def stop(self, name: str) -> None:
        self.world.directory.stop(name)
        self.until(lambda: self.world.directory.find(name) is None)

    def is_healthy(self) -> bool:
        return self.healthy and self.gate.closed is None

    def within(self, lane: str, seconds: float) -> None:
        self.sessions[lane].within_s = seconds

    def close(self) -> None:
        self.truth.cancel_all()
        self.truth.close()
        self.trader.client.close()
        self._control.close()
        self.world.close()

    # What the executor would say

    def order(
        self,
        price: str = "0.01",
        size: Size = 5 * SHARE,
        *,
        outcome: Outcome = YES,
        side: Side = Side.BUY,
        post_only: bool = True,
        time_in_force: TimeInForce = TimeInForce.GTC,
        market: Market | None = None,
        age_ns: int = 0,
    ) -> SubmitOrder:
        """Approve an order and journal it."""
        market_id = (market or self.market).id
        now_ns = CLOCK.now_ns()
        wished = wish(
            next(self.numbers), price, size, outcome, side, market=market_id, created_ns=now_ns - age_ns
        )  # fmt: skip
        wished = replace(wished, post_only=post_only, time_in_force=time_in_force)
        order_id = self.signer.identify(wished)
        self.own.order_ids.add(order_id)
        made = SubmitOrder(order_id, wished, now_ns)
        self.gate.hears[OrderApproved](OrderApproved(wished, 0))
        self.gate.committed(made)
        return made

    def send(self, lane: str, *messages: Message) -> None:
        for message in messages:
            assert self.world.directory.send(lane, message)

    def submit(self, **more: Any) -> SubmitOrder:
        order = self.order(**more)
        self.send(SUBMIT, order)
        return order

    def rests(self, **more: Any) -> SubmitOrder:
        """Submit an order, and see it taken."""
        order = self.submit(**more)
        self.answer(order.order_id, OrderAccepted)
        return order

    def cancel(self, order: SubmitOrder) -> None:
        self.send(CANCEL, SubmitCancel(order.order_id, order.order.market, "test"))

    # What it heard

    def until(self, condition: Callable[[], object]) -> None:
        self.world.until(condition, timeout_s=60)

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [message for message in self.told if isinstance(message, kind)]

    def about(self, order_id: str) -> list[Any]:
        return [message for message in self.told if getattr(message, "order_id", "") == order_id]

    def answer(self, order_id: str, kind: type[Kind]) -> Kind:
        """Wait for the next word on an order, which is to be of this kind, and forget it."""
        self.until(lambda: self.about(order_id))
        message = self.about(order_id)[0]
        assert isinstance(message, kind), message
        self.told.remove(message)
        return message

    def heard(self, kind: type[Kind]) -> Kind:
        """Wait for a message of a kind; return the newest."""
        self.until(lambda: self.of(kind))
        return self.of(kind)[-1]

    # What the venue saw

    def requests(self, method: str = "POST", path: str = "/order") -> list[Mapping[str, Any]]:
        """What the venue's log has of this account's requests."""
        address = self.trader.account.key.address
        return [line for line in self.log_of(method, path) if line["account"] == address]

    def log_of(self, method: str, path: str) -> list[Mapping[str, Any]]:
        asked = ("request", method, path)
        return [line for line in self.log() if asked == tuple(line.get(name) for name in ("kind", "method", "path"))]

    def log(self) -> list[Mapping[str, Any]]:
        """All that the venue has written down so far; what was read before is not asked for again."""
        lines = self._log
        while True:
            query = {"after": str(lines[-1]["n"] if lines else 0)}
            answer = self._control.exchange("GET", "/log", within_s=10, query=query)
            more = json.loads(answer.body)["lines"]
            if not more:
                return lines
            lines += more

    def resting(self) -> set[str]:
        return {order.order_id for order in self.truth.open_orders()}

    def _client(self, name: str, gate: Passage | None = None) -> ClobClient:
        http = HttpClient(self.venue["clob_url"], gate)
        session = ClobSession(http, self.trader.account, CLOCK, self.credentials, within_s=self.slowest_s)
        self.sessions[name] = session
        return ClobClient(session)


def route(message: Message) -> Iterable[str]:
    if isinstance(message, ConfirmCancel):
        return (QUERY,)
    return ("risk",) if isinstance(message, RaiseCell) else ("executor",)
