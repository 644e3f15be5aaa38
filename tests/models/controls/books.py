"""Books as a supervisor is told of them, in cents and shares."""

from models.depth import Depth
from models.ladder import NO_ASK, NO_BID
from models.messages.market import BookUpdated
from models.units import SHARE
from tests.models.wishes import M


def book(
    bid: int | None = 48,
    ask: int | None = 50,
    *,
    market: str = M,
    shares: int = 100,
    tick: int = 100,
    at_ns: int = 0,
    proven_ns: int = 0,
    unusable: str | None = None,
) -> BookUpdated:
    """A touch in cents; None: no such side."""
    bids, asks = ({} if side is None else {side * 100: shares * SHARE} for side in (bid, ask))
    best_bid, best_ask = NO_BID if bid is None else bid * 100, NO_ASK if ask is None else ask * 100
    return BookUpdated(
        market, 1, 1, tick, Depth(bids), Depth(asks), best_bid, best_ask, best_bid, best_ask, unusable, at_ns, proven_ns
    )
