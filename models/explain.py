"""How a market stands with a desk, put together from the same view and targets that were decided on."""

from collections.abc import Iterator
from typing import Final

from models.leg_risk import LegParameters, naked_leg
from models.markets import Outcome, Side, would_trade
from models.messages.base import Tag
from models.messages.decisions import Explanation, Gate, NakedLeg, QuoteNote, RefusalNote
from models.strategy import MarketView, Quote, Targets, WorkingOrder
from models.units import ONE, Price, Size
from models.words import outcome_text, price_text, shares_text

_FREED_BY_MERGING: Final = frozenset({"position_value", "portfolio_cost"})
"""Gates of opening that look at the cost of what is held, pairs too."""


class Explainer:
    """Makes the `Explanation` of one desk's markets. `merges`: pairs can become dollars before the market resolves."""

    def __init__(self, tag: Tag, leg: LegParameters, *, merges: bool = True) -> None:
        self._tag = tag
        self._leg = leg
        self._merges = merges

    def explanation(
        self,
        market: MarketView,
        targets: Targets,
        gates: tuple[Gate, ...],
        refusals: tuple[RefusalNote, ...],
        now_ns: int,
    ) -> Explanation:
        """Return the market's phase, all gates in the order asked, where each quote stands, and the naked leg.

        Of `refusals` those are kept where something is still wanted.
        """
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
            (*self._saturated(market, targets), *_notes(market, targets, wanted)),
            _still_wanted(market, targets, wanted, refusals),
        )

    def _naked(self, market: MarketView, wanted: list[Quote], now_ns: int) -> NakedLeg | None:
        hedge = next((quote for quote in wanted if quote.reason == "hedge"), None)
        return naked_leg(
            market.position, market.touch(0), market.touch(1), market.market, market.tick, self._leg, now_ns,
            hedge.price if hedge is not None else None,
        )  # fmt: skip

    def _saturated(self, market: MarketView, targets: Targets) -> Iterator[str]:
        """Say that complete pairs keep the market from being opened, and that nothing but its end frees them."""
        pairs = min(market.position.yes.shares, market.position.no.shares)
        blocked = any(gate.name in _FREED_BY_MERGING and not gate.passed for gate in targets.gates)
        if pairs and blocked and not self._merges:
            yield f"saturated: {shares_text(pairs)} pairs locked until resolution, merge unavailable"


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
    standing = _standing(market, quote)
    price = standing[0].price if standing else quote.price
    return QuoteNote(
        quote.outcome,
        quote.side,
        price,
        sum(order.remaining for order in standing) if standing else quote.size,
        standing[0].state.value if standing else "wanted",
        quote.reason,
        ticks_from_touch(market, quote.outcome, quote.side, price),
        shares_ahead(market, quote.outcome, quote.side, price),
        quote.formula,
        _best(market, quote),
    )


def _still_wanted(
    market: MarketView, targets: Targets, wanted: list[Quote], refusals: tuple[RefusalNote, ...]
) -> tuple[RefusalNote, ...]:
    takes = (*targets.takes, *(leg for bundle in targets.bundles for leg in bundle.legs))
    slots = {(one.outcome, one.side) for one in (*wanted, *takes) if one.market == market.market.id}
    return tuple(refusal for refusal in refusals if (refusal.outcome, refusal.side) in slots)


def _notes(market: MarketView, targets: Targets, wanted: list[Quote]) -> Iterator[str]:
    for skip in targets.withheld:
        if skip.market == market.market.id:
            yield f"{_slot_text(skip.outcome, skip.side)}: {skip.reason}"
    for quote in wanted:
        standing = _standing(market, quote)
        if standing and standing[0].price != quote.price:
            yield _moving_text(market, quote, standing[0].price)
        elif not standing:
            yield from _waiting_texts(market, quote)


def _moving_text(market: MarketView, quote: Quote, price: Price) -> str:
    """Say what a reprice gives up: the place in one queue for the end of another."""
    here, there = (shares_ahead(market, quote.outcome, quote.side, at) for at in (price, quote.price))
    return (
        f"{_slot_text(quote.outcome, quote.side)} stands at {price_text(price)} with {shares_text(here)} ahead; "
        f"wanted at {price_text(quote.price)}, with {shares_text(there)} ahead"
    )


def _waiting_texts(market: MarketView, quote: Quote) -> Iterator[str]:
    """Say which own orders have to go before a quote can be placed."""
    for order in market.working:
        if would_trade(quote.outcome, quote.side, quote.price, order.outcome, order.side, order.price):
            blocking = f"{_slot_text(order.outcome, order.side)} at {price_text(order.price)} ({order.state.value})"
            yield f"{_slot_text(quote.outcome, quote.side)} waits: it would trade with our {blocking}"


def _slot_text(outcome: Outcome, side: Side) -> str:
    return f"{outcome_text(outcome)} {side.value.lower()}"


def _standing(market: MarketView, quote: Quote) -> list[WorkingOrder]:
    return [order for order in market.working if order.outcome == quote.outcome and order.side is quote.side]


def _best(market: MarketView, quote: Quote) -> Price | None:
    touch = market.touch(quote.outcome)
    if quote.side is Side.BUY:
        return touch.bid if touch.bid_size else None
    return touch.ask if touch.ask_size else None
