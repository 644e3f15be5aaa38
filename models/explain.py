"""How a market stands with a desk, put together from the same view and targets that were decided on."""

from models.leg_risk import LegParameters, naked_leg
from models.markets import Outcome, Side
from models.messages.base import Tag
from models.messages.decisions import Explanation, Gate, NakedLeg, QuoteNote
from models.strategy import MarketView, Quote, Targets
from models.units import ONE, Price, Size


class Explainer:
    """Makes the `Explanation` of one desk's markets."""

    def __init__(self, tag: Tag, leg: LegParameters) -> None:
        self._tag = tag
        self._leg = leg

    def explanation(self, market: MarketView, targets: Targets, gates: tuple[Gate, ...], now_ns: int) -> Explanation:
        """Return the market's phase, all gates in the order asked, where each quote stands, and the naked leg."""
        wanted = [quote for quote in targets.quotes if quote.market == market.market.id]
        return Explanation(
            self._tag,
            market.market.id,
            market.market.slug,
            now_ns,
            market.phase,
            market.state,
            targets.reason,
            gates + targets.gates,
            tuple(_quote_note(market, quote) for quote in wanted),
            self._naked(market, wanted, now_ns),
            market.cells,
            tuple(
                f"{'YES' if skip.outcome == 0 else 'NO'} {skip.side.value.lower()}: {skip.reason}"
                for skip in targets.withheld
                if skip.market == market.market.id and skip.side is Side.BUY
            ),
        )

    def _naked(self, market: MarketView, wanted: list[Quote], now_ns: int) -> NakedLeg | None:
        hedge = next((quote for quote in wanted if quote.reason == "hedge"), None)
        return naked_leg(
            market.position, market.touch(0), market.touch(1), market.market, market.tick, self._leg, now_ns,
            hedge.price if hedge is not None else None,
        )  # fmt: skip


def ticks_from_touch(market: MarketView, outcome: Outcome, side: Side, price: Price) -> int:
    """Return where a price stands against its token's touch: 0 joins, positive improves, negative is behind."""
    touch = market.touch(outcome)
    if side is Side.BUY:
        return (price - touch.bid) // market.tick
    return (touch.ask - price) // market.tick


def shares_ahead(market: MarketView, outcome: Outcome, side: Side, price: Price) -> Size:
    """Return what rests at better prices and at the price itself in the net book: the most that can trade before it."""
    book = market.book
    if book is None:
        return 0
    if (outcome == 0) == (side is Side.BUY):
        limit = price if outcome == 0 else ONE - price
        return sum(size for level, size in book.bids.sizes.items() if level >= limit)
    limit = price if outcome == 0 else ONE - price
    return sum(size for level, size in book.asks.sizes.items() if level <= limit)


def _quote_note(market: MarketView, quote: Quote) -> QuoteNote:
    standing = [order for order in market.working if order.outcome == quote.outcome and order.side is quote.side]
    price = standing[0].price if standing else quote.price
    size = sum(order.remaining for order in standing) if standing else quote.size
    state = standing[0].state.value if standing else "wanted"
    return QuoteNote(
        quote.outcome,
        quote.side,
        price,
        size,
        state,
        quote.reason,
        ticks_from_touch(market, quote.outcome, quote.side, price),
        shares_ahead(market, quote.outcome, quote.side, price),
        quote.formula,
        _best(market, quote),
    )


def _best(market: MarketView, quote: Quote) -> Price | None:
    touch = market.touch(quote.outcome)
    if quote.side is Side.BUY:
        return touch.bid if touch.bid_size else None
    return touch.ask if touch.ask_size else None
