"""What an engine hears of the market from outside: its feeds, the books it asks for, and the prices that it follows."""

from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Final

from actors.store.tape import TapeWriter
from actors.system import Start
from actors.topology import FEED
from actors.venues.polymarket.feed import FeedShard, shards
from actors.venues.polymarket.snapshots import Snapshots
from actors.venues.reference import ReferenceFeed
from bin.catalogue import Endpoints
from models.feeds import FeedParameters
from models.markets import Market
from models.messages.base import MarketId, Message

_SPARE: Final = "feed/spare"


def market_feeds(
    endpoints: Endpoints,
    markets: Mapping[MarketId, Market],
    parameters: FeedParameters,
    route: Callable[[Message], Iterable[str]],
    tape: TapeWriter | None,
    seed: int,
) -> Iterable[tuple[str, Start]]:
    """Return the feeds by their names. `tape` keeps every frame."""
    chance = Random(seed).random
    yield FEED, lambda context: Snapshots.start(context, endpoints.clob_url, markets, route)
    common = (parameters, route, FEED, tape, chance)
    split = {f"feed/{number}": tokens for number, tokens in enumerate(shards(markets.values()))}
    for name, tokens in split.items():
        yield (
            name,
            lambda context, tokens=tokens: FeedShard.start(
                context, endpoints.market_ws_url, tokens, *common, spare=_SPARE
            ),
        )
    yield (
        _SPARE,
        lambda context: FeedShard.start(context, endpoints.market_ws_url, {}, *common, serves=tuple(split)),
    )
    names = tuple(sorted({market.reference for market in markets.values() if market.reference is not None}))
    url = endpoints.reference_ws_url
    if names and url is not None:
        yield "feed/reference", lambda context: ReferenceFeed.start(context, url, names, parameters, route, chance)
