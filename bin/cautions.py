"""What keeps a configured strategy from ever trading on the markets that it was given, and what nobody looks after."""

import shlex
from collections.abc import Collection, Iterable, Mapping

from actors.assembly import Assembly
from models.controls.order_size import OrderSize
from models.engine import EngineParameters
from models.markets import YES, Catalogue, Side
from models.messages.base import MarketId, Tag
from models.messages.orders import PlaceOrder
from models.orders import TimeInForce
from models.units import ONE, Size, format_size


def cautions(
    desks: Mapping[Tag, str], assembly: Assembly, catalogue: Catalogue, merge_unavailable: str
) -> Iterable[str]:
    """Yield one line for each. `desks` names the strategy of each tag."""
    for one in catalogue.left_out:
        yield f"{one.market.slug} is left out: {one.reason}"
    for tag, strategy in desks.items():
        if not assembly.groups[tag]:
            yield f"{strategy} decides on none of the {len(catalogue.markets)} markets"
    if merge_unavailable:
        yield f"merge unavailable: {merge_unavailable}; a full market stays so until its pairs are gone"
    if "maker" in desks.values():
        yield from sizes_refused(assembly.plan.parameters, catalogue)


def orphaned(
    held: Mapping[tuple[Tag, MarketId], tuple[Size, Size]], desks: Collection[Tag], catalogue: Catalogue
) -> Iterable[str]:
    """Yield one line for each market in which a desk that is not started holds something: YES and NO shares."""
    for (tag, market), (yes, no) in sorted(held.items()):
        if tag in desks or market in catalogue.resolved:
            continue
        slug = catalogue.markets[market].slug if market in catalogue.markets else market
        yield (
            f"the desk {tag!r}, which is not started, holds {format_size(yes)} YES and {format_size(no)} NO of {slug}: "
            f"nobody hedges, merges or flattens them; to do so: keel stop, then start with --tag {shlex.quote(tag)}"
        )


def sizes_refused(parameters: EngineParameters, catalogue: Catalogue) -> Iterable[str]:
    """Say of a quote's size that the venue or risk never takes it: held against them as a bid at half a dollar."""
    size, sizes = parameters.maker.bid_size, OrderSize(parameters.risk, catalogue.markets)
    refused: dict[str, list[str]] = {}
    for market in catalogue.markets.values():
        bid = PlaceOrder(
            "caution", "caution", market.id, YES, Side.BUY, ONE // 2, size, True, TimeInForce.GTC, "caution", 0, 0
        )
        refusal = sizes.refusal(bid, (), True, 0)
        if refusal is not None:
            refused.setdefault(refusal.reason, []).append(refusal.detail)
    for reason, details in refused.items():
        word = "size_below_minimum" if reason == "order_minimum" else reason
        yield (
            f"{word}: {details[0]} (PM_BID_SIZE): {len(details)} of {len(catalogue.markets)} markets will not be quoted"
        )
