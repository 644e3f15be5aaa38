"""Short ways to say orders, reports and fills in tests: shares, dollars and prices as a person writes them."""

from models.ledger import cash_of_fill
from models.markets import YES, Outcome, Side
from models.messages.orders import FillCounted, PlaceOrder, TradeReported
from models.orders import TimeInForce
from models.units import SHARE, Price, Size, parse_price

M = "market"
TAG = "desk"


def wish(
    number: int = 1,
    price: str = "0.48",
    size: Size = 5 * SHARE,
    outcome: Outcome = YES,
    side: Side = Side.BUY,
    *,
    market: str = M,
    tag: str = TAG,
    epoch: int = 1,
    created_ns: int = 0,
) -> PlaceOrder:
    """The wish for one resting order."""
    intent = f"{tag}/{market}/{outcome}/{side}/{number}"
    return PlaceOrder(
        intent,
        tag,
        market,
        outcome,
        side,
        parse_price(price),
        size,
        True,
        TimeInForce.GTC,
        "provide",
        epoch,
        created_ns,
    )


def report(
    order: PlaceOrder,
    order_id: str,
    status: str,
    trade_id: str = "t1",
    size: Size | None = None,
    *,
    price: Price | None = None,
    at_ns: int = 0,
) -> TradeReported:
    """The venue's word on a fill of an order, of all of it unless a size is given."""
    return TradeReported(
        trade_id,
        order_id,
        order.market,
        order.outcome,
        order.side,
        order.price if price is None else price,
        order.size if size is None else size,
        status,
        maker=True,
        at_ns=at_ns,
    )


def fill(
    order: PlaceOrder, trade_id: str = "t1", size: Size | None = None, *, at_ns: int = 0, cost_out: int = 0
) -> FillCounted:
    """A counted fill of an order, of all of it unless a size is given."""
    filled = order.size if size is None else size
    return FillCounted(
        trade_id, f"id of {order.intent}", order.intent, order.tag, order.market, order.outcome, order.side,
        order.price, filled, cash_of_fill(order, order.price, filled), 0, 0, True, at_ns, cost_out,
    )  # fmt: skip
