"""The gates that every strategy stands behind: what stops a market, and what a market that is REDUCING admits.

Why the reason and the gates are asked apart: the reason is wanted a thousand times a second, the gates with their
figures only when somebody reads them. They ask the same things in the same order: the first gate that fails is the
reason that people see.
"""

from models.cells import TradingState, stop_word
from models.markets import Outcome, Side
from models.messages.base import MarketId
from models.messages.decisions import Gate
from models.messages.market import FlowUpdated
from models.phase import reduces, signed_size
from models.strategy import MarketView, Quote, Take, Targets, View, Withheld
from models.units import SHARE

_MS = 1_000_000
FUSE = "toxic_flow"
"""The one reason under which a hedge may be left standing."""


def stopped_by(market: MarketView, now_ns: int) -> str | None:
    """Return the first reason for which nothing may be decided on a market, None where there is none."""
    return (
        closed_by(market, now_ns)
        or _held_by(market)
        or market.unusable
        or (FUSE if market.flow is not None and market.flow.toxic else None)
    )


def common_gates(market: MarketView, now_ns: int) -> tuple[Gate, ...]:
    """Return what `stopped_by` asks, with figures, in the same order."""
    gates: list[Gate] = []
    end_ns, closed = market.market.end_ns, closed_by(market, now_ns)
    if closed is not None or end_ns is not None:
        left_ms = None if end_ns is None else (end_ns - now_ns) // _MS
        gates.append(Gate("market_open", closed is None, left_ms, 0, "ms", note=closed or ""))
    gates.append(Gate("trading_state", _held_by(market) is None, note=market.state.name))
    if market.ticks_back:
        gates.append(Gate("ticks_back", True, market.ticks_back, blocks="", note=market.because))
    age_ms = None if market.book is None else max(0, now_ns - known_ns(market)) // _MS
    gates.append(Gate("book", market.unusable is None, age_ms, None, "ms", note=market.unusable or ""))
    flow = market.flow
    if flow is not None:
        score = max(flow.yes_score, flow.no_score, key=abs)
        gates.append(Gate("flow", not flow.toxic, score, flow.threshold, "size", note=_flow_note(flow)))
    return tuple(gates)


def closed_by(market: MarketView, now_ns: int) -> str | None:
    """Return why the venue takes no order of a market any more, or not yet; None where it does."""
    end_ns = market.market.end_ns
    if market.resolved or (end_ns is not None and now_ns >= end_ns):
        return "market_expired"
    return None if market.market.accepting_orders else "not_accepting_orders"


def known_ns(market: MarketView) -> int:
    """Return when the venue's book was last known to be what ours says; 0 without a book."""
    return 0 if market.book is None else max(market.book.event_ns, market.book.proven_ns)


def skew_gate(view: View, limit_ms: int) -> Gate:
    """Return whether the books of a group are of about the same time, so that they may be compared."""
    known = [known_ns(market) for market in view.markets.values()]
    skew_ms = (max(known) - min(known)) // _MS
    return Gate("group_skew", skew_ms <= limit_ms, skew_ms, limit_ms, "ms")


def permitted(targets: Targets, view: View) -> Targets:
    """Withhold what a market that is REDUCING would not admit: whatever does not lower |net|, or would pass zero."""
    refused: set[tuple[MarketId, Outcome, Side]] = {
        (one.market, one.outcome, one.side)
        for one in (*targets.quotes, *targets.takes, *(leg for bundle in targets.bundles for leg in bundle.legs))
        if not _admits(view.markets[one.market], one)
    }
    if not refused:
        return targets
    quotes = tuple(quote for quote in targets.quotes if (quote.market, quote.outcome, quote.side) not in refused)
    takes = tuple(take for take in targets.takes if (take.market, take.outcome, take.side) not in refused)
    bundles = tuple(
        bundle
        for bundle in targets.bundles
        if not any((leg.market, leg.outcome, leg.side) in refused for leg in bundle.legs)
    )
    withheld = tuple(
        Withheld(market, outcome, side, _cell_word(view.markets[market])) for market, outcome, side in sorted(refused)
    )
    reason = targets.reason if quotes or takes or bundles else withheld[0].reason
    return Targets(quotes, takes, bundles, targets.withheld + withheld, targets.gates, reason)


def risk_is_ahead(market: MarketView) -> bool:
    """Whether risk has counted a fill that the inventory has not told of yet: its count of net alone says REDUCING."""
    return (
        market.state is TradingState.REDUCING
        and market.phase == "Balanced"
        and all(cell.source == "inventory" for cell in market.cells)
    )


def standing_only(targets: Targets, view: View) -> Targets:
    """Keep the quotes for which an order stands already, and want nothing new.

    Decided on without the fill, the quote that completes the pair would go, or the side that was filled come back.
    """
    standing = {(one, order.outcome, order.side) for one, seen in view.markets.items() for order in seen.working}
    kept = tuple(quote for quote in targets.quotes if (quote.market, quote.outcome, quote.side) in standing)
    return Targets(kept, withheld=targets.withheld, gates=targets.gates, reason="inventory_limit")


def _held_by(market: MarketView) -> str | None:
    return _cell_word(market) if market.state >= TradingState.CANCEL_ONLY else None


def _cell_word(market: MarketView) -> str:
    """Name what holds a market: a person or a limit before the fuse, for only the fuse may leave a hedge standing."""
    holding = [cell for cell in market.cells if cell.state >= min(market.state, TradingState.CANCEL_ONLY)]
    holding.sort(key=lambda cell: cell.source == "flow")
    if not holding:
        return market.state.name.lower()
    return stop_word(holding[0].state, holding[0].source, holding[0].reason)


def _admits(market: MarketView, wanted: Quote | Take) -> bool:
    if market.state is not TradingState.REDUCING:
        return True
    return reduces(market.net, market.net, market.net, signed_size(wanted.outcome, wanted.side, wanted.size))


def _flow_note(flow: FlowUpdated) -> str:
    return f"yes {flow.yes_score // SHARE:+d} no {flow.no_score // SHARE:+d}"
