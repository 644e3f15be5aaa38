"""What keeps a configured strategy from ever trading on the markets that it was given."""

from collections.abc import Iterable, Mapping

from actors.assembly import Assembly
from models.markets import Catalogue
from models.messages.base import Tag
from models.units import format_size


def cautions(
    desks: Mapping[Tag, str], assembly: Assembly, catalogue: Catalogue, merge_unavailable: str
) -> Iterable[str]:
    """Yield one line for each. `desks` names the strategy of each tag."""
    for tag, strategy in desks.items():
        if not assembly.groups[tag]:
            yield f"{strategy} decides on none of the {len(catalogue.markets)} markets"
    if merge_unavailable:
        yield f"merge unavailable: {merge_unavailable}; a full market stays so until its pairs are gone"
    size = assembly.plan.parameters.maker.bid_size
    small = [market.slug for market in catalogue.markets.values() if size < market.min_order_size]
    if "maker" in desks.values() and small:
        least = min(market.min_order_size for market in catalogue.markets.values())
        yield (
            f"size_below_minimum: {format_size(size)} < {format_size(least)} shares (PM_BID_SIZE): "
            f"{len(small)} of {len(catalogue.markets)} markets will not be quoted"
        )
