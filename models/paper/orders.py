"""One of our orders at the paper venue, and what is done with it."""

from typing import NamedTuple

from models.markets import YES, in_yes_terms
from models.messages.orders import SubmitOrder
from models.units import ONE, Price, Size


class PaperOrder:
    """An order that the venue took. `side` and `price` are in YES terms, those of `wish` in the token's own.

    `claim` is what is set aside for it: micro-dollars for a buy of its token, micro-shares for a sale. `ahead` is the
    outside size before it at its price. `joined` is the moment in its market's sequence at which it came to rest.
    """

    __slots__ = ("ahead", "claim", "fills", "id", "joined", "price", "remaining", "side", "wish")

    def __init__(self, submitted: SubmitOrder) -> None:
        self.id = submitted.order_id
        self.wish = submitted.order
        self.side, self.price = in_yes_terms(self.wish.outcome, self.wish.side, self.wish.price)
        self.remaining: Size = self.wish.size
        self.claim = 0
        self.ahead: Size = 0
        self.joined = 0
        self.fills = 0

    @property
    def filled(self) -> Size:
        return self.wish.size - self.remaining

    def own_price(self, yes_price: Price) -> Price:
        """Say a YES price in terms of the token that the order names."""
        return yes_price if self.wish.outcome == YES else ONE - yes_price


class Fill(NamedTuple):
    """A part of an order that traded; `price` in YES terms. The order's remaining size is already less by it."""

    order: PaperOrder
    price: Price
    size: Size
    maker: bool
