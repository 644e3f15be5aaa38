"""Gamma: the listings of markets and events, with its JSON-in-a-string fields and its offset paging."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sandbox import wire
from sandbox.markets import Catalogue, Event, Market
from sandbox.messages import Answer, HttpRequest
from sandbox.rest.routes import number
from sandbox.units import ONE, SHARE, iso_text

_LIMIT_DEFAULT = 20
_LIMIT_MAX = 500
_Filter = Callable[[Any, Sequence[str]], bool]

_MARKET_FILTERS: dict[str, Callable[[Market, Sequence[str]], bool]] = {
    "id": lambda market, wanted: str(market.number) in wanted,
    "slug": lambda market, wanted: market.slug in wanted,
    "condition_ids": lambda market, wanted: market.condition_id in wanted,
    "clob_token_ids": lambda market, wanted: any(token in wanted for token in market.token_ids),
    "active": lambda market, wanted: wanted[-1].lower() == "true",
    "closed": lambda market, wanted: market.closed == (wanted[-1].lower() == "true"),
}
_EVENT_FILTERS: dict[str, Callable[[Event, Sequence[str]], bool]] = {
    "id": lambda event, wanted: str(event.number) in wanted,
    "slug": lambda event, wanted: event.slug in wanted,
    "closed": lambda event, wanted: _event_closed(event) == (wanted[-1].lower() == "true"),
}


class Gamma:
    """Answers the listings from the catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def answer(self, request: HttpRequest, now_ns: int) -> Answer:
        """Answer `GET /markets` or `GET /events`; anything else is a 404."""
        try:
            if (request.method, request.path) == ("GET", "/markets"):
                # Gamma lists no closed market unless asked to.
                query = {"closed": ("false",), **request.query}
                markets = _filtered(self._catalogue.markets, query, _MARKET_FILTERS)
                return Answer(200, wire.encode([market_object(m) for m in _page(list(markets), query)]))
            if (request.method, request.path) == ("GET", "/events"):
                events = _filtered(self._catalogue.events, request.query, _EVENT_FILTERS)
                return Answer(200, wire.encode([event_object(e) for e in _page(list(events), request.query)]))
        except ValueError as error:
            return Answer(422, wire.encode({"type": "validation error", "error": str(error)}))
        return Answer(404, wire.encode({"type": "not found error", "error": "not found"}))


def market_object(market: Market) -> dict[str, Any]:
    """A market as Gamma shows it."""
    bid, ask = market.book.touch(0)
    category = market.category
    shown: dict[str, Any] = {
        "id": str(market.number),
        "question": market.question,
        "conditionId": market.condition_id,
        "slug": market.slug,
        "resolutionSource": "",
        "startDate": iso_text(market.created_ns),
        "description": market.question,
        "outcomes": _in_string(market.outcomes),
        "outcomePrices": _in_string(_outcome_prices(market)),
        "active": True,
        "closed": market.closed,
        "archived": False,
        "restricted": True,
        "createdAt": iso_text(market.created_ns),
        "updatedAt": iso_text(max(market.changed_ns)),
        "category": category.name,
        "enableOrderBook": True,
        "orderPriceMinTickSize": number(market.tick, ONE),
        "orderMinSize": number(market.min_order_size, SHARE),
        "clobTokenIds": _in_string(market.token_ids),
        "acceptingOrders": market.accepting,
        "acceptingOrdersTimestamp": iso_text(market.created_ns),
        "negRisk": market.event.neg_risk,
        "negRiskOther": False,
        "rewardsMinSize": 50,
        "rewardsMaxSpread": 4.5,
        "bestBid": number(bid or 0, ONE),
        "bestAsk": number(ONE if ask is None else ask, ONE),
        "spread": number((ONE if ask is None else ask) - (bid or 0), ONE),
        "lastTradePrice": float(market.last_trade_price or 0),
        "secondsDelay": 0,
        "automaticallyActive": True,
        "clearBookOnStart": False,
        "feesEnabled": category.has_fees,
        "version": "v1",
        "events": [{"id": str(market.event.number), "slug": market.event.slug, "title": market.event.title}],
    }
    if market.end_ns is not None:
        shown |= {"endDate": iso_text(market.end_ns), "endDateIso": iso_text(market.end_ns)[:10]}
    if market.event.neg_risk:
        shown |= {"negRiskMarketID": market.event.neg_risk_id, "negRiskRequestID": market.condition_id}
    if category.has_fees:
        shown |= {
            "makerBaseFee": 1000,
            "takerBaseFee": 1000,
            "feeType": category.fee_type,
            "feeSchedule": {
                "exponent": 1,
                "rate": float(category.rate),
                "takerOnly": True,
                "rebateRate": float(category.rebate_rate),
            },
        }
    return shown


def event_object(event: Event) -> dict[str, Any]:
    """An event as Gamma shows it, with its markets."""
    first = event.markets[0]
    shown: dict[str, Any] = {
        "id": str(event.number),
        "ticker": event.slug,
        "slug": event.slug,
        "title": event.title,
        "description": event.title,
        "startDate": iso_text(first.created_ns),
        "active": True,
        "closed": _event_closed(event),
        "archived": False,
        "restricted": True,
        "enableOrderBook": True,
        "negRisk": event.neg_risk,
        "markets": [market_object(market) for market in event.markets],
    }
    if first.end_ns is not None:
        shown["endDate"] = iso_text(first.end_ns)
    if event.neg_risk:
        shown["negRiskMarketID"] = event.neg_risk_id
    return shown


def _filtered(
    items: Iterable[Any], query: Mapping[str, Sequence[str]], filters: Mapping[str, _Filter]
) -> Iterable[Any]:
    asked = [(filters[name], values) for name, values in query.items() if name in filters and values]
    return (item for item in items if all(matches(item, values) for matches, values in asked))


def _page(items: list[Any], query: Mapping[str, Sequence[str]]) -> list[Any]:
    offset = _count(query, "offset", 0)
    return items[offset : offset + min(_count(query, "limit", _LIMIT_DEFAULT), _LIMIT_MAX)]


def _count(query: Mapping[str, Sequence[str]], name: str, default: int) -> int:
    values = query.get(name)
    if not values:
        return default
    if not values[-1].isdecimal():
        raise ValueError(f"{name} must be a number >= 0")
    return int(values[-1])


def _event_closed(event: Event) -> bool:
    return all(market.closed for market in event.markets)


def _outcome_prices(market: Market) -> tuple[str, str]:
    if market.winner is not None:
        return ("1", "0") if market.winner == 0 else ("0", "1")
    return market.mid_text(0), market.mid_text(1)


def _in_string(values: Sequence[str]) -> str:
    # The real objects have a space after each comma inside these strings.
    return "[" + ", ".join(wire.encode(value) for value in values) + "]"
