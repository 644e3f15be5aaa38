"""Which part of a trade an order has, and what it gives and gets for it: the taker, or one of the makers.

Why a taker's cash is summed over the makers and not taken from the top of the trade: the price there is that of one of
them, or their mean; nobody says which. Each maker gives up by its own amounts, rounded against it: a sale gets
floor(price x size), a purchase pays the ceiling. The taker has what is left, of the dollar where the two mint or merge
a pair.
"""

from typing import NamedTuple

from actors.venues.polymarket.codec import parse_level_price
from actors.venues.polymarket.user_wire import WirePart, WireTrade
from models.fees import maker_rebate, taker_fee
from models.markets import Market, Outcome, Side, opposite
from models.messages.orders import TradeReported
from models.units import ONE, Money, Price, Size, cash_of, cash_of_rounded_up, parse_size


class Told(NamedTuple):
    """What is said of a trade as a whole."""

    trade_id: str
    status: str
    at_ns: int


class Piece(NamedTuple):
    """A part of a fill at one price, in the terms of the order that it fills. `cash` None: not known exactly."""

    price: Price
    size: Size
    cash: Money | None


def taker_pieces(trade: WireTrade) -> tuple[list[Piece], bool]:
    """Return what the taker met, and whether the makers add up to its size; else it is one inexact piece.

    Raises ValueError.
    """
    side, size = Side(trade.side), _positive(trade.size)
    pieces = [_met(trade.asset_id, side, part) for part in trade.maker_orders]
    if sum(piece.size for piece in pieces) == size:
        return pieces, True
    return [Piece(parse_level_price(trade.price), size, None)], False


def maker_pieces(side: Side, parts: list[WirePart]) -> list[Piece]:
    """Return what one resting order gives and gets in a trade. Raises ValueError."""
    return [_given(side, part) for part in parts]


def maker_side(trade: WireTrade, parts: list[WirePart]) -> Side:
    """Return what one resting order does in a trade. Raises ValueError where its parts contradict each other."""
    sides = {(part.asset_id, _side_of(trade, part)) for part in parts}
    if len(sides) != 1:
        raise ValueError("an order stands in a trade in two ways")
    return sides.pop()[1]


def report(
    told: Told, order_id: str, market: Market, outcome: Outcome, side: Side, pieces: list[Piece], *, maker: bool
) -> TradeReported:
    """Put the pieces of a fill together. The price is the mean, to the nearest 1/10,000."""
    size = sum(piece.size for piece in pieces)
    worth = sum(piece.price * piece.size for piece in pieces)
    cash = [piece.cash for piece in pieces if piece.cash is not None]
    return TradeReported(
        trade_id=told.trade_id,
        order_id=order_id,
        market=market.id,
        outcome=outcome,
        side=side,
        price=(2 * worth + size) // (2 * size),
        size=size,
        status=told.status,
        maker=maker,
        at_ns=told.at_ns,
        fee=0 if maker else sum(taker_fee(market.fees, piece.price, piece.size) for piece in pieces),
        rebate=sum(maker_rebate(market.fees, piece.price, piece.size) for piece in pieces) if maker else 0,
        cash=sum(cash) if len(cash) == len(pieces) else None,
    )


def _given(side: Side, part: WirePart) -> Piece:
    """What a resting order gives and gets for its part."""
    price, size = parse_level_price(part.price), _positive(part.matched_amount)
    return Piece(price, size, _maker_cash(side, price, size))


def _met(token_id: str, side: Side, part: WirePart) -> Piece:
    """What a taker gives and gets where it met this part: in its own token, or in the other one, for a pair."""
    price, size = parse_level_price(part.price), _positive(part.matched_amount)
    if part.asset_id == token_id:
        return Piece(price, size, _maker_cash(opposite(side), price, size))
    return Piece(ONE - price, size, size - _maker_cash(side, price, size))


def _maker_cash(side: Side, price: Price, size: Size) -> Money:
    return cash_of(price, size) if side is Side.SELL else cash_of_rounded_up(price, size)


def _side_of(trade: WireTrade, part: WirePart) -> Side:
    """What a maker does: as its part says, or what it must be doing beside this taker where the part does not say."""
    if part.side:
        return Side(part.side)
    taker = Side(trade.side)
    return opposite(taker) if part.asset_id == trade.asset_id else taker


def _positive(text: str) -> Size:
    size = parse_size(text)
    if size <= 0:
        raise ValueError("a trade of no size")
    return size
