"""What an engine hears of the market from outside: its feeds, the books it asks for, and the prices that it follows."""

from collections.abc import Iterable, Mapping
from random import Random
from typing import Final

from actors.runtime.directory import Directory
from actors.runtime.supervisor import StartChild
from actors.store.tape import TapeWriter
from actors.system import FEEDS, Start, System
from actors.topology import FEED
from actors.venues.polymarket.feed import TOKENS_MAX, FeedShard, Forget, Hear, Route, Tokens, shards, tokens_of
from actors.venues.polymarket.snapshots import Snapshots
from actors.venues.reference import ReferenceFeed
from bin.catalogue import Endpoints
from models.feeds import FeedParameters
from models.markets import Market
from models.messages.base import MarketId

_SPARE: Final = "feed/spare"


class MarketFeeds:
    """Knows which connection is to hear which market, also when one of them begins anew. `tape` keeps every frame.

    Markets are told to it by one thread at a time.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        markets: Mapping[MarketId, Market],
        parameters: FeedParameters,
        tape: TapeWriter | None,
        seed: int,
    ) -> None:
        self._endpoints = endpoints
        self._markets = dict(markets)
        self._parameters = parameters
        self._tape = tape
        self._chance = Random(seed).random
        self._split: dict[str, Tokens] = {
            f"feed/{number}": tokens for number, tokens in enumerate(shards(markets.values()))
        }
        self._references = tuple(sorted({one.reference for one in markets.values() if one.reference is not None}))

    def follows(self, reference: str | None) -> bool:
        """Whether an outside price is heard, if there is one."""
        return reference is None or reference in self._references

    def starts(self, route: Route) -> Iterable[tuple[str, Start]]:
        """Return the feeds by their names."""
        self._route = route
        where = self._endpoints
        yield FEED, lambda context: Snapshots.start(context, where.clob_url, self._markets.copy(), route)
        for name in self._split:
            yield name, self._shard(name, _SPARE)
        yield _SPARE, self._shard(_SPARE, None)
        names, url = self._references, where.reference_ws_url
        if names and url is not None:
            yield (
                "feed/reference",
                lambda context: ReferenceFeed.start(context, url, names, self._parameters, route, self._chance),
            )

    def hear(self, market: Market, system: System, directory: Directory) -> None:
        """Have a market heard from now on: where there is room, or else on a new connection."""
        self._markets[market.id] = market
        tokens = tokens_of(market)
        for name, heard in self._split.items():
            if len(heard.keys() | tokens.keys()) <= TOKENS_MAX:
                self._split[name] = heard | tokens
                directory.send(name, Hear(market.id, market.token_ids))
                return
        name = f"feed/{len(self._split)}"
        self._split[name] = tokens
        directory.send(FEEDS, StartChild(system.feed(name, self._shard(name, _SPARE))))

    def forget(self, market: Market, directory: Directory) -> None:
        """Have a market heard no more, on whichever connection."""
        for name, heard in self._split.items():
            self._split[name] = {token: at for token, at in heard.items() if token not in market.token_ids}
            directory.send(name, Forget(market.id))
        directory.send(_SPARE, Forget(market.id))

    def _shard(self, name: str, spare: str | None) -> Start:
        """Return how a connection starts: with the markets that it is to hear by then."""
        return lambda context: FeedShard.start(
            context, self._endpoints.market_ws_url, self._split.get(name, {}), self._parameters, self._route, FEED,
            self._tape, self._chance, spare=spare, serves=() if spare is not None else tuple(self._split),
        )  # fmt: skip
