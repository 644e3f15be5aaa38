"""Markets, events and tags as Gamma shows them: JSON inside strings, numbers beside their texts."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from zlib import crc32

from sandbox import wire
from sandbox.books import MirroredBook
from sandbox.markets import CATEGORIES, Category, Event, Market
from sandbox.rest.prices import base_fee
from sandbox.rest.routes import number
from sandbox.rest.tape import Tape
from sandbox.rewards import ASSET
from sandbox.units import ONE, PRICE_TEXT, SECOND, SHARE, decimal_text, iso_text

_HOUR: Final = 3_600 * SECOND
DAY: Final = 24 * _HOUR
_SPANS: Final = (("24hr", DAY), ("1wk", 7 * DAY), ("1mo", 30 * DAY), ("1yr", 365 * DAY))
_CHANGES: Final = (("Hour", _HOUR), ("Day", DAY), ("Week", 7 * DAY))
_TAG_NUMBERS: Final = {"sports": 1, "politics": 2, "crypto": 21, "economics": 100_328, "geopolitics": 100_265}
_BEGUN: Final = "2020-10-02T00:00:00Z"


def tags() -> list[dict[str, Any]]:
    """All tags: one for each category."""
    return [tag for category in CATEGORIES.values() for tag in tags_of(category)]


def tags_of(category: Category) -> list[dict[str, Any]]:
    """The tags of a category; one that only a recording knows has none."""
    if category.name not in _TAG_NUMBERS:
        return []
    return [
        {
            "id": str(_TAG_NUMBERS[category.name]),
            "label": category.name.capitalize(),
            "slug": category.name,
            "forceShow": False,
            "createdAt": _BEGUN,
            "updatedAt": _BEGUN,
            "requiresTranslation": False,
        }
    ]


def series_of(event: Event) -> list[dict[str, Any]]:
    """The series to which an event belongs: the windows of one price that follow each other."""
    market = event.markets[0]
    if market.starts_ns is None or market.end_ns is None or not market.reference:
        return []
    asset, duration = _window(market, market.starts_ns, market.end_ns)
    slug = f"{asset}-up-or-down-{duration}"
    return [
        {
            "id": str(crc32(slug.encode())),
            "ticker": slug,
            "slug": slug,
            "title": f"{asset.upper()} Up or Down {duration}",
            "seriesType": "single",
            "recurrence": duration,
            "active": True,
            "closed": False,
            "archived": False,
        }
    ]


def condition_id(market: Market) -> str:
    """As Gamma writes it: for the newer protocol without the outcome's byte, so two digits shorter than elsewhere."""
    return market.condition_id if market.version == "v1" else market.condition_id[:-2]


def event_closed(event: Event) -> bool:
    """Whether all markets of an event are resolved."""
    return all(market.closed for market in event.markets)


def liquidity(market: Market) -> int:
    """Micro-dollars that rest in a book: what its bids pay, and what its asks would pay for the other token."""
    if isinstance(market.book, MirroredBook):
        bids, asks = market.book.bids, market.book.asks
    else:
        bids, asks = market.book.tokens[0]
    paid = sum(level * size for level, size in bids.sizes.items())
    return (paid + sum((ONE - level) * size for level, size in asks.sizes.items())) // ONE


def competitive(market: Market) -> float:
    """How near to even a market is, 1 at 0.50."""
    return 1 / (1 + (market.mid(0) / (10 * ONE) - 0.5) ** 2)


class Objects:
    """Shows markets and events with what the tape knows of them."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def market(self, market: Market, now_ns: int, *, tagged: bool = False, alone: bool = True) -> dict[str, Any]:
        """A market; `alone` with the event that it belongs to, `tagged` with its tags."""
        shown = _identity(market) | _state(market) | self._figures(market, now_ns) | _terms(market) | _fees(market)
        shown["version"] = market.version
        if alone:
            shown["events"] = [self.event(market.event, now_ns, whole=False)]
        if tagged:
            shown["tags"] = tags_of(market.category)
        return shown

    def event(self, event: Event, now_ns: int, *, whole: bool = True) -> dict[str, Any]:
        """An event; `whole` with its markets and tags."""
        first = event.markets[0]
        deep = sum(map(liquidity, event.markets))
        shown: dict[str, Any] = {
            "id": str(event.number),
            "ticker": event.slug,
            "slug": event.slug,
            "title": event.title,
            "description": event.title,
            "resolutionSource": "",
            "startDate": iso_text(first.created_ns),
            "creationDate": iso_text(first.created_ns),
            "image": "",
            "icon": "",
            "active": True,
            "closed": event_closed(event),
            "archived": False,
            "new": False,
            "featured": False,
            "restricted": True,
            "liquidity": number(deep, SHARE),
            "volume": number(self.volume(event.markets), SHARE),
            "openInterest": 0,
            "createdAt": iso_text(first.created_ns),
            "updatedAt": iso_text(max(max(market.changed_ns) for market in event.markets)),
            "competitive": max(map(competitive, event.markets)),
            **{
                f"volume{name}": number(sum(self._tape.volume_since(m, now_ns - span) for m in event.markets), SHARE)
                for name, span in _SPANS
            },
            "enableOrderBook": True,
            "liquidityClob": number(deep, SHARE),
            "negRisk": event.neg_risk,
            "commentCount": 0,
            "cyom": False,
            "showAllOutcomes": True,
            "showMarketImages": False,
            "enableNegRisk": event.neg_risk,
            "automaticallyActive": True,
            "negRiskAugmented": False,
            "pendingDeployment": False,
            "deploying": False,
            "version": first.version,
        }
        if first.end_ns is not None:
            shown["endDate"] = iso_text(first.end_ns)
        if first.starts_ns is not None:
            shown["startTime"] = iso_text(first.starts_ns)
        if event.neg_risk:
            shown["negRiskMarketID"] = event.neg_risk_id
        if whole:
            shown["markets"] = [self.market(market, now_ns, alone=False) for market in event.markets]
            shown["tags"] = tags_of(first.category)
            shown["series"] = series_of(event)
        return shown

    def volume(self, markets: Iterable[Market]) -> int:
        """Micro-dollars for which these markets were ever traded."""
        return sum(map(self._tape.volume, markets))

    def _figures(self, market: Market, now_ns: int) -> dict[str, Any]:
        deep, traded = liquidity(market), self._tape.volume(market)
        bid, ask = market.book.touch(0)
        high = ONE if ask is None else ask
        shown: dict[str, Any] = {
            "liquidity": decimal_text(deep, 6),
            "liquidityNum": number(deep, SHARE),
            "liquidityClob": number(deep, SHARE),
            "volume": decimal_text(traded, 6),
            "volumeNum": number(traded, SHARE),
            "volumeClob": number(traded, SHARE),
            "bestBid": number(bid or 0, ONE),
            "bestAsk": number(high, ONE),
            "spread": number(high - (bid or 0), ONE),
            "lastTradePrice": float(market.last_trade_price or 0),
            "competitive": competitive(market),
        }
        for name, span in _SPANS:
            amount = number(self._tape.volume_since(market, now_ns - span), SHARE)
            shown[f"volume{name}"] = shown[f"volume{name}Clob"] = amount
        for name, span in _CHANGES:
            before = self._tape.price_at(market, 0, now_ns - span)
            if before is not None:
                shown[f"one{name}PriceChange"] = number(round((market.mid(0) - before) / 10), ONE)
        return shown


def _identity(market: Market) -> dict[str, Any]:
    event = market.event
    shown: dict[str, Any] = {
        "id": str(market.number),
        "question": market.question,
        "conditionId": condition_id(market),
        "slug": market.slug,
        "resolutionSource": "",
        "image": "",
        "icon": "",
        "description": market.question,
        "category": market.category.name,
        "outcomes": _in_string(market.outcomes),
        "outcomePrices": _in_string([_price_text(market, token) for token in (0, 1)]),
        "questionID": market.question_id,
        "marketMakerAddress": "",
        "groupItemTitle": market.question if event.neg_risk else "",
        "groupItemThreshold": str(event.markets.index(market)),
        "negRisk": event.neg_risk,
        "negRiskOther": False,
    }
    if market.version == "v1":
        shown["clobTokenIds"] = _in_string(market.token_ids)
    else:
        shown["positionIds"] = market.token_ids
    if event.neg_risk:
        shown |= {"negRiskMarketID": event.neg_risk_id, "negRiskRequestID": market.question_id}
    return shown


def _state(market: Market) -> dict[str, Any]:
    created = iso_text(market.created_ns)
    shown: dict[str, Any] = {
        "startDate": created,
        "startDateIso": created[:10],
        "createdAt": created,
        "updatedAt": iso_text(max(market.changed_ns)),
        "active": True,
        "closed": market.closed,
        "new": False,
        "featured": False,
        "archived": False,
        "restricted": True,
        "approved": True,
        "enableOrderBook": True,
        "acceptingOrders": market.accepting,
        "acceptingOrdersTimestamp": created,
        "automaticallyActive": True,
        "clearBookOnStart": market.clear_on_start,
        "manualActivation": False,
        "hasReviewedDates": True,
        "ready": False,
        "funded": False,
        "cyom": False,
        "comboStatus": "disabled",
        "showGmpSeries": False,
        "showGmpOutcome": False,
        "pendingDeployment": False,
        "deploying": False,
        "rfqEnabled": False,
        "umaResolutionStatuses": '["proposed", "resolved"]' if market.closed else "[]",
        "secondsDelay": market.seconds_delay,
    }
    if market.end_ns is not None:
        shown |= {"endDate": iso_text(market.end_ns), "endDateIso": iso_text(market.end_ns)[:10]}
    if market.game_start_ns is not None:
        shown["gameStartTime"] = _sql_time(market.game_start_ns)
    if market.starts_ns is not None:
        shown["eventStartTime"] = iso_text(market.starts_ns)
        if market.reference and market.end_ns is not None:
            asset, duration = _window(market, market.starts_ns, market.end_ns)
            name = f"{asset}-{duration}"
            # Settled by the price at the end here, not by an average before it.
            config = {"id": name, "asset": asset, "duration": duration, "twapEnabled": False}
            shown |= {"cryptoMarketConfigId": name, "cryptoMarketConfig": config}
    if market.closed:
        shown |= {"closedTime": _sql_time(max(market.changed_ns)), "umaResolutionStatus": "resolved"}
    if market.version == "v2":
        shown["resolutionStatus"] = "resolved" if market.closed else "active"
    return shown


def _window(market: Market, starts_ns: int, end_ns: int) -> tuple[str, str]:
    return market.reference.removesuffix("USD").lower(), f"{(end_ns - starts_ns) // (60 * SECOND)}m"


def _terms(market: Market) -> dict[str, Any]:
    terms = market.category.rewards
    shown: dict[str, Any] = {
        "orderPriceMinTickSize": number(market.tick, ONE),
        "orderMinSize": number(market.min_order_size, SHARE),
        "rewardsMinSize": number(terms.min_size, SHARE),
        "rewardsMaxSpread": number(terms.max_spread, ONE // 100),
        "holdingRewardsEnabled": False,
    }
    if terms.daily:
        shown["clobRewards"] = [
            {
                "id": str(market.number),
                "conditionId": condition_id(market),
                "assetAddress": ASSET,
                "rewardsAmount": 0,
                "rewardsDailyRate": number(terms.daily, SHARE),
                "startDate": iso_text(market.created_ns)[:10],
                "endDate": "2500-12-31",
            }
        ]
    return shown


def _fees(market: Market) -> dict[str, Any]:
    category = market.category
    if not category.has_fees:
        return {"feesEnabled": False, "feeType": None}
    return {
        "feesEnabled": True,
        "makerBaseFee": base_fee(market),
        "takerBaseFee": base_fee(market),
        "makerRebatesFeeShareBps": 10_000,
        "feeType": category.fee_type,
        "feeSchedule": {
            "exponent": 1,
            "rate": float(category.rate),
            "takerOnly": True,
            "rebateRate": float(category.rebate_rate),
        },
    }


def _price_text(market: Market, token: int) -> str:
    return market.mid_text(token) if market.payouts is None else PRICE_TEXT[market.payouts[token]]


def _in_string(values: Sequence[str]) -> str:
    # The real objects have a space after each comma inside these strings.
    return "[" + ", ".join(wire.encode(value) for value in values) + "]"


def _sql_time(at_ns: int) -> str:
    # Two of Gamma's times come as its database writes them.
    return iso_text(at_ns // SECOND * SECOND).replace("T", " ").replace("Z", "+00")
