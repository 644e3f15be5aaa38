"""The book without our own orders: our size is not the market.

Why: an improving quote moves the mid it is computed from. In a 0.40/0.80 book with only our YES side live the bid
climbs 0.59, 0.69, 0.74, ... to the ask; with our own size removed it stays at 0.59.
"""

from typing import Final

from models.depth import EMPTY, Depth
from models.ladder import NO_ASK, NO_BID, Ladder
from models.markets import Side, in_yes_terms
from models.messages.orders import OrderChanged
from models.orders import OrderState
from models.units import Price, Size

_ACKNOWLEDGED: Final = frozenset({OrderState.WORKING, OrderState.CANCELLING})
"""What the venue has confirmed to rest; an order on its way is not yet in its book."""


class NetBook:
    """What strategies see of a ladder: each level less our acknowledged remaining size there, never below zero.

    A level that is ours alone does not exist; our NO bid at q stands among the YES asks at 1 - q.
    """

    def __init__(self) -> None:
        self.bids = self.asks = EMPTY
        self.bid, self.ask = NO_BID, NO_ASK
        self._orders: dict[str, tuple[Side, Price, Size]] = {}

    def take(self, change: OrderChanged) -> bool:
        """Take note of an order's state. Returns whether that changes what is seen."""
        resting = None
        if change.state in _ACKNOWLEDGED and change.filled < change.size:
            resting = (*in_yes_terms(change.outcome, change.side, change.price), change.size - change.filled)
        if resting == self._orders.get(change.order_id):
            return False
        if resting is None:
            del self._orders[change.order_id]
        else:
            self._orders[change.order_id] = resting
        return True

    def look(self, ladder: Ladder) -> None:
        """Take over what the ladder says now."""
        bids, asks = ladder.bids.copy(), ladder.asks.copy()
        for side, price, size in self._orders.values():
            levels = bids if side is Side.BUY else asks
            left = levels.get(price, 0) - size
            if left > 0:
                levels[price] = left
            else:
                levels.pop(price, None)
        self.bids, self.asks = Depth(bids), Depth(asks)
        self.bid = ladder.bid if ladder.bid in bids else max(bids, default=NO_BID)
        self.ask = ladder.ask if ladder.ask in asks else min(asks, default=NO_ASK)
