"""Quotes that stand further away than their strategy wants them, because risk has found that they are picked off.

Why here and not in strategies: a price that is wrong for one of them at a moment is wrong for all. Why what is urgent
stays: a hedge that stands back leaves its leg naked for longer, which costs more than the tick.
"""

from msgspec.structs import replace

from models.markets import Side
from models.messages.base import MarketId
from models.strategy import Quote, Targets, View, Withheld
from models.units import ONE


class StandingBack:
    """Moves the quotes of targets away from the touch. What has not changed is the same object as before."""

    def __init__(self) -> None:
        self._wanted: Targets | None = None
        self._back: dict[MarketId, tuple[int, int]] = {}
        self._moved = Targets()

    def targets(self, wanted: Targets, view: View) -> Targets:
        """Return targets whose quotes stand back by what risk has said of their markets; hedges where they were."""
        back = {name: (market.ticks_back, market.tick) for name, market in view.markets.items() if market.ticks_back}
        if not back:
            return wanted
        if wanted is not self._wanted or back != self._back:
            self._wanted, self._back, self._moved = wanted, back, _moved(wanted, back)
        return self._moved


def _moved(wanted: Targets, back: dict[MarketId, tuple[int, int]]) -> Targets:
    """Withhold what would stand at no price of the market any more."""
    quotes: list[Quote] = []
    withheld: list[Withheld] = list(wanted.withheld)
    for quote in wanted.quotes:
        ticks, tick = back.get(quote.market, (0, 1))
        if not ticks or quote.urgent:
            quotes.append(quote)
            continue
        away = -ticks * tick if quote.side is Side.BUY else ticks * tick
        price = quote.price + away
        if not tick <= price <= ONE - tick:
            withheld.append(Withheld(quote.market, quote.outcome, quote.side, "standing_back"))
            continue
        formula = f"{quote.formula}, {ticks} {'tick' if ticks == 1 else 'ticks'} back".removeprefix(", ")
        # The mid that it is anchored to moves along, so that an order at the price of before is one that has to go.
        anchor = None if quote.anchor is None else quote.anchor + 2 * away
        quotes.append(replace(quote, price=price, formula=formula, anchor=anchor))
    reason = wanted.reason if quotes or not wanted.quotes else "standing_back"
    return replace(wanted, quotes=tuple(quotes), withheld=tuple(withheld), reason=reason)
