"""One account at a live venue: its signer, its lanes, its user feed, and the sweep at the end.

Why everything of the account is made here: an order is ours because it was signed here, so whoever names orders also
knows which of those that the venue shows are ours. Each lane has a connection and a signer of its own, made anew with
each incarnation, so that nothing of a dead lane is used again.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, TypeAlias

from msgspec.structs import replace
from pykka import ActorRef

from actors.gate import Door, Gate
from actors.runtime.actor import Context
from actors.runtime.clock import Clock
from actors.topology import CANCEL_LANE, HEARTBEAT, OPERATIONS_LANE, QUERY_LANE, SUBMIT_LANE
from actors.venues.gated_transport import Passage
from actors.venues.http_client import HttpClient
from actors.venues.polymarket.clob_answers import OpenOrder
from actors.venues.polymarket.clob_client import ClobClient
from actors.venues.polymarket.clob_session import ClobSession
from actors.venues.polymarket.credentials import Credentials
from actors.venues.polymarket.lanes.cancel import CancelLane
from actors.venues.polymarket.lanes.heartbeat import Heartbeat
from actors.venues.polymarket.lanes.intents import IntentSigner
from actors.venues.polymarket.lanes.operations import OperationsLane
from actors.venues.polymarket.lanes.query import QueryLane
from actors.venues.polymarket.lanes.submit import SubmitLane
from actors.venues.polymarket.orders import Account
from actors.venues.polymarket.relayer import RelayerClient, RelayerKey, merge_unavailable
from actors.venues.polymarket.signing import generation_of
from actors.venues.polymarket.sweep import listed, sweep
from actors.venues.polymarket.user_codec import UserCodec
from actors.venues.polymarket.user_feed import UserFeed
from models.feeds import FeedParameters
from models.markets import Market
from models.messages.base import MarketId, Message
from models.messages.market import TickSizeChanged
from models.messages.orders import PlaceOrder

_USER_FEED: Final = "feed/user"

_WITHIN_S: Final = 4.0
"""Most that a request of a lane takes: a turn may hold two, and one of ten seconds ends the process."""

Route: TypeAlias = Callable[[Message], Iterable[str]]
Start: TypeAlias = Callable[[Context], ActorRef[Any]]


@dataclass(frozen=True, slots=True)
class LiveVenue:
    """A venue that was found ready to be traded on by an account.

    `version` is what `GET /version` answers, `clock_offset_s` by how much the venue's clock is ahead of ours. Without a
    key of its relayer no pairs are merged.
    """

    clob_url: str
    user_ws_url: str
    account: Account
    credentials: Credentials
    version: int
    clock_offset_s: int = 0
    relayer_url: str = ""
    relayer_key: RelayerKey | None = None


class Live:
    """An account at work. `earlier` are the ids of orders that earlier runs signed."""

    def __init__(
        self,
        venue: LiveVenue,
        run_id: str,
        markets: Mapping[MarketId, Market],
        clock: Clock,
        gate: Gate,
        earlier: frozenset[str] = frozenset(),
    ) -> None:
        self._venue = venue
        self._run_id = run_id
        self._markets = dict(markets)
        self._noting = Lock()
        self._heard: UserCodec | None = None
        self._clock = clock
        self._gate = gate
        self._earlier = earlier
        self._signed = set[str]()
        self._namer = self._signer()

        self.merge_unavailable = merge_unavailable(venue.account, venue.relayer_key)
        """Why pairs cannot be merged; empty where they can."""

    # What is ours

    @property
    def api_key(self) -> str:
        """The key that the venue calls the owner of our orders."""
        return self._venue.credentials.api_key

    @property
    def wallet(self) -> str:
        """The address that holds our money."""
        return self._venue.account.maker

    def owns(self, order_id: str) -> bool:
        """Whether an order was signed here, now or in an earlier run."""
        return order_id in self._signed or order_id in self._earlier

    def identify(self, order: PlaceOrder) -> str:
        """Name an order by the hash that its signature covers; from then on it is ours. For one thread."""
        order_id = self._namer.identify(order)
        self._signed.add(order_id)
        return order_id

    def known_markets(self) -> Mapping[MarketId, Market]:
        """Return all markets as they are known now."""
        return self._markets

    def add(self, market: Market) -> None:
        """Sign orders in one market more, and read its fills; before anybody is told of it."""
        with self._noting:
            self._markets = {**self._markets, market.id: market}
        if self._heard is not None:
            self._heard.add(market)

    def require(self, market: Market) -> None:
        """Make sure that orders of a market can be signed. Raises SigningRefused."""
        generation_of(market.version, self._venue.version)

    def noticing(self, route: Route) -> Route:
        """Return a route that takes notice of new ticks: amounts are signed by them, in whichever thread."""

        def notice(message: Message) -> Iterable[str]:
            if isinstance(message, TickSizeChanged) and message.market in self._markets:
                with self._noting:
                    changed = replace(self._markets[message.market], tick=message.tick)
                    self._markets = {**self._markets, message.market: changed}
            return route(message)

        return notice

    # What runs

    def lanes(self, route: Route) -> Iterable[tuple[str, Start]]:
        """Return the lanes, by name; each makes its connection when it is started."""
        markets = self.known_markets
        yield SUBMIT_LANE, lambda context: self._submit_lane(context, route)
        yield CANCEL_LANE, lambda context: CancelLane.start(context, self.client(), route)
        yield QUERY_LANE, lambda context: QueryLane.start(context, self.client(), route, self, markets)
        yield (
            OPERATIONS_LANE,
            lambda context: OperationsLane.start(
                context, self.client(), route, self.relayer(), markets, self._gate, self.merge_unavailable
            ),
        )

    def heartbeat(
        self, route: Route, healthy: Callable[[], bool], close_gate: Callable[[str], object]
    ) -> tuple[str, Start]:
        """Return the sign of life, which is given while we are `healthy`."""
        beaten = self._gate.beaten
        return HEARTBEAT, lambda context: Heartbeat.start(context, self.client(), route, healthy, close_gate, beaten)

    @property
    def watchers(self) -> tuple[str, ...]:
        """The names of those who have to hear of deaths and restarts."""
        return (_USER_FEED,)

    def user_feed(self, parameters: FeedParameters, route: Route, chance: Callable[[], float]) -> tuple[str, Start]:
        """Return the feed of the account's orders and fills."""
        venue = self._venue
        codec = self._heard = UserCodec(self._markets.values(), self)
        url, credentials = venue.user_ws_url, venue.credentials
        return (
            _USER_FEED,
            lambda context: UserFeed.start(context, url, credentials, codec, parameters, route, chance),
        )

    def client(self, gate: Passage | None = None) -> ClobClient:
        """Return a client with a connection of its own."""
        venue = self._venue
        http = HttpClient(venue.clob_url, gate)
        session = ClobSession(http, venue.account, self._clock, venue.credentials, within_s=_WITHIN_S)
        session.clock_offset_s = venue.clock_offset_s
        return ClobClient(session)

    def relayer(self) -> RelayerClient | None:
        """Return a client of the relayer with a connection of its own; None where no pairs can be merged."""
        venue = self._venue
        if self.merge_unavailable or venue.relayer_key is None:
            return None
        client = RelayerClient(
            HttpClient(venue.relayer_url), venue.account, venue.relayer_key, self._clock, within_s=_WITHIN_S
        )
        client.clock_offset_s = venue.clock_offset_s
        return client

    def sweep(
        self, within_s: float, enough: Callable[[], bool] = lambda: False, at_rest: Callable[[], bool] = lambda: True
    ) -> tuple[OpenOrder, ...]:
        """Cancel all orders of the account until the venue lists none any more; return those that it lists at last.

        What `enough` and `at_rest` are: `polymarket.sweep`. Raises Unproven.
        """
        client = self.client()
        try:
            return sweep(client, self._clock, within_s, enough, at_rest)
        finally:
            client.close()

    def listed(self, markets: Collection[MarketId], within_s: float) -> tuple[OpenOrder, ...]:
        """Return what of these markets the venue lists, by two listings where it is nothing. Raises Unproven."""
        client, known = self.client(), self.known_markets()
        try:
            return listed(client, self._clock, within_s, {known[one].condition_id or "" for one in markets})
        finally:
            client.close()

    def _submit_lane(self, context: Context, route: Route) -> ActorRef[Any]:
        door = Door(self._gate)
        return SubmitLane.start(context, self.client(door), route, self._signer().sign, door)

    def _signer(self) -> IntentSigner:
        return IntentSigner(self._run_id, self._venue.account, self.known_markets, self._venue.version)
