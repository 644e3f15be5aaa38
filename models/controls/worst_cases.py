"""How much can be lost, and how much is tied up: of a token, a market, an event, and everything.

Why two figures: a pair of YES and NO can lose nothing and still holds a dollar that nothing else can use. So a token is
held to what it ties up, and all else to what the worst outcome takes: `models/stakes.py`, `models/events.py`.

Why the net leans on cost and not on shares: over many markets the danger is that one piece of news moves all of them
one way, and then what was paid for the side that loses is gone. A hundred shares at 0.02 are no bet beside ten at 0.90.
Pairs bet on nothing and are left out.

Why a total that is beyond its limit all the same reduces everything: fills of orders that were called dead, and fees,
can carry it there though every approval was right. It is lifted by its fall alone, to well below the limit and for a
while, so that it does not open and close with every fill.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from models.cells import TradingState
from models.controls.control import Control, Guard, Refusal
from models.events import Event, event_worst_case, events_of
from models.exposure import Exposures, MarketExposure
from models.limits import RiskParameters
from models.markets import NO, YES, Group, Market, Side
from models.messages.base import MarketId, Message
from models.messages.control import RaiseCell, Reading
from models.messages.orders import FillVoided, MergeChanged, OrderChanged, PlaceOrder, PositionsRedeemed
from models.messages.runtime import WakeAt
from models.stakes import Stakes
from models.units import DOLLAR, Money, format_money
from models.words import outcome_text

if TYPE_CHECKING:
    from models.engine import EngineParameters

_MS = 1_000_000


class WorstCases(Guard):
    """Holds intents against `exposures`, and everything when fills have carried a total beyond its limit."""

    controls = (
        Control(
            "token_tied_up", "before", "open", "the order is refused",
            "cost of what is held of the token, pairs too, and of all bids for it",
            ("risk.wallet_usd", "risk.token_tied_up"),
        ),
        Control(
            "market_worst_case", "before", "open", "the order is refused",
            "loss in the worst outcome of the market, with every order filled that makes it worse",
            ("risk.wallet_usd", "risk.market_worst_case"),
        ),
        Control(
            "event_worst_case", "before", "open", "the order is refused",
            "loss over all markets of the event in its worst outcome: which of them resolves YES, none, or all void",
            ("risk.wallet_usd", "risk.event_worst_case"),
        ),
        Control(
            "total_worst_case", "before", "open", "the order is refused",
            "the worst cases of all markets together", ("risk.wallet_usd", "risk.total_worst_case"),
        ),
        Control(
            "total_net", "before", "open", "the order is refused",
            "cost of the YES without a pair less that of the NO without one, over all markets, with all bids of one "
            "side filled", ("risk.wallet_usd", "risk.total_net"),
        ),
        Control(
            "gross", "after", "open", "everything is REDUCING until it has been below the limit for a while",
            "the worst cases of all markets together, after every fill",
            ("risk.wallet_usd", "risk.total_worst_case", "risk.reduce_exit", "risk.reduce_exit_ms"),
        ),
        Control(
            "net", "after", "open", "everything is REDUCING until it has been below the limit for a while",
            "cost of the YES without a pair less that of the NO without one, over all markets, after every fill",
            ("risk.wallet_usd", "risk.total_net", "risk.reduce_exit", "risk.reduce_exit_ms"),
        ),
    )  # fmt: skip
    hears = (OrderChanged, FillVoided, MergeChanged, PositionsRedeemed)
    """A fill is told before its order: in between the same shares count as held and as offered."""

    timer = "worst_cases"

    def __init__(
        self, parameters: RiskParameters, exposures: Exposures, groups: Mapping[str, Group] | None = None
    ) -> None:
        self._exposures = exposures
        self._events = events_of(exposures.markets, groups or {})
        self._gross_brake = _Brake("gross", "total_worst_case")
        self._net_brake = _Brake("net", "total_net")
        self._go_by(parameters)

    def changed(self, parameters: "EngineParameters") -> None:
        self._go_by(parameters.risk)

    def _go_by(self, parameters: RiskParameters) -> None:
        def share(of_wallet: float) -> Money:
            return int(parameters.wallet_usd * of_wallet)

        self._token, self._market = share(parameters.token_tied_up), share(parameters.market_worst_case)
        self._event, self._total = share(parameters.event_worst_case), share(parameters.total_worst_case)
        self._net = share(parameters.total_net)
        self._gross_brake.go_by(self._total, parameters)
        self._net_brake.go_by(self._net, parameters)

    # Before an order

    def refusal(self, order: PlaceOrder, before: tuple[PlaceOrder, ...], opens: bool, now_ns: int) -> Refusal | None:
        if not opens:
            return None
        exposure = self._exposures.of(order.market)
        same = tuple(leg for leg in before if leg.market == order.market)
        stakes, then = exposure.stakes(same), exposure.stakes((*same, order))
        if order.side is Side.BUY and then.tied_up(order.outcome) > self._token:
            return _beyond("token_tied_up", then.tied_up(order.outcome), self._token)
        riskier = then.worst_case > stakes.worst_case
        if riskier and then.worst_case > self._market:
            return _beyond("market_worst_case", then.worst_case, self._market)
        total = self._total_with(order, then.worst_case, before)
        if riskier and total > self._total:
            return _beyond("total_worst_case", total, self._total)
        # An event loses at most what its markets lose, and a share leans by a dollar at most.
        event = self._events.get(order.market) if total > self._event else None
        leans = order.side is Side.BUY and self._lean_at_most(order, before) > self._net
        return (self._event_refusal(event, order, before) if event is not None else None) or (
            self._net_refusal(order, then, before) if leans else None
        )

    def _event_refusal(self, event: Event, order: PlaceOrder, before: tuple[PlaceOrder, ...]) -> Refusal | None:
        then = self._event_worst_case(event, (*before, order))
        if then <= self._event or then <= self._event_worst_case(event, before):
            return None
        return _beyond("event_worst_case", then, self._event)

    def _event_worst_case(self, event: Event, extra: tuple[PlaceOrder, ...] = ()) -> Money:
        legs = {market: tuple(leg for leg in extra if leg.market == market) for market in event.markets}
        return event_worst_case(event, [self._exposures.of(market).stakes(legs[market]).losses for market in legs])

    def _total_with(self, order: PlaceOrder, then: Money, before: tuple[PlaceOrder, ...]) -> Money:
        total = self._exposures.totals.worst_case + then - self._exposures.worst_case_of(order.market)
        for market, legs in _elsewhere(order, before).items():
            total += self._exposures.of(market).worst_case(legs) - self._exposures.worst_case_of(market)
        return total

    def _lean_at_most(self, order: PlaceOrder, before: tuple[PlaceOrder, ...]) -> Money:
        totals = self._exposures.totals
        return max(totals.up, -totals.down) + order.size + sum(leg.size for leg in before)

    def _net_refusal(self, order: PlaceOrder, then: Stakes, before: tuple[PlaceOrder, ...]) -> Refusal | None:
        """Refuse a bid for the side that outweighs the other one beyond the limit; what weighs against it may pass."""
        is_yes, totals = order.outcome == YES, self._exposures.totals
        stakes = {market: self._exposures.of(market).stakes(legs) for market, legs in _elsewhere(order, before).items()}
        net = totals.up if is_yes else -totals.down
        for market, after in {**stakes, order.market: then}.items():
            lean, part = after.lean(), self._exposures.part_of(market)
            net += lean.up - part.up if is_yes else part.down - lean.down
        return _beyond("total_net", net, self._net) if net > self._net else None

    # After a fill

    def heard(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        return self._judged(now_ns)

    def woke(self, now_ns: int) -> tuple[Message, ...]:
        return self._judged(now_ns)

    def recalled(self, now_ns: int) -> tuple[Message, ...]:
        return self._judged(now_ns)

    def _judged(self, now_ns: int) -> tuple[Message, ...]:
        totals = self._exposures.totals
        return (
            *self._gross_brake.judge(totals.worst_case, now_ns),
            *self._net_brake.judge(max(totals.up, -totals.down), now_ns),
        )

    # What people read

    def readings(self, now_ns: int) -> Iterable[Reading]:
        totals = self._exposures.totals
        net = max(totals.up, -totals.down)
        yield _reading("total_worst_case", "all", totals.worst_case, self._total)
        yield _reading("total_net", "all", net, self._net)
        yield _reading("gross", "all", totals.worst_case, self._total, self._gross_brake.holds)
        yield _reading("net", "all", net, self._net, self._net_brake.holds)
        events: dict[str, Event] = {}
        for market, exposure in self._exposures.in_use():
            yield from self._readings_of(market, exposure)
            if market.id in self._events:
                events[self._events[market.id].name] = self._events[market.id]
        for name, event in events.items():
            yield _reading("event_worst_case", f"event {name}", self._event_worst_case(event), self._event)

    def _readings_of(self, market: Market, exposure: MarketExposure) -> Iterable[Reading]:
        stakes = exposure.stakes()
        tied_up = stakes.tied_up(YES) + stakes.tied_up(NO)
        note = f"at risk; {format_money(tied_up)} tied up"
        yield _reading("market_worst_case", market.slug, stakes.worst_case, self._market, note=note)
        for outcome in (YES, NO):
            tied_up = stakes.tied_up(outcome)
            if tied_up:
                yield _reading("token_tied_up", f"{market.slug} {outcome_text(outcome)}", tied_up, self._token)


class _Brake:
    """Reduces everything while a total is beyond its limit, until it has been well below it for long enough."""

    def __init__(self, source: str, reason: str) -> None:
        self.holds = False
        self._source = source
        self._reason = reason
        self._below_since_ns: int | None = None

    def go_by(self, limit: Money, parameters: RiskParameters) -> None:
        """Hold against this limit from now on, and let go by these parameters."""
        self._limit = limit
        self._exit = int(limit * parameters.reduce_exit)
        self._exit_ns = parameters.reduce_exit_ms * _MS

    def judge(self, total: Money, now_ns: int) -> tuple[Message, ...]:
        if not self.holds:
            if total <= self._limit:
                return ()
            self.holds = True
            return (RaiseCell(None, self._source, TradingState.REDUCING, self._reason),)
        if total > self._exit:
            self._below_since_ns = None
            return ()
        if self._below_since_ns is None:
            self._below_since_ns = now_ns
        if now_ns < self._below_since_ns + self._exit_ns:
            return (WakeAt(self._below_since_ns + self._exit_ns, WorstCases.timer),)
        self.holds, self._below_since_ns = False, None
        return (RaiseCell(None, self._source, TradingState.ACTIVE, ""),)


def _elsewhere(order: PlaceOrder, before: tuple[PlaceOrder, ...]) -> dict[MarketId, tuple[PlaceOrder, ...]]:
    """Return the legs of a bundle in other markets, by market."""
    others = dict.fromkeys(leg.market for leg in before if leg.market != order.market)
    return {market: tuple(leg for leg in before if leg.market == market) for market in others}


def _beyond(reason: str, value: Money, limit: Money) -> Refusal:
    return Refusal(reason, f"{format_money(value)} > {format_money(limit)}")


def _reading(control: str, scope: str, value: Money, limit: Money, holds: bool = False, note: str = "") -> Reading:
    return Reading(control, scope, value / DOLLAR, limit / DOLLAR, "dollars", holds, note)
