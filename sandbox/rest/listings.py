"""The CLOB's public reads about markets: their facts in three sizes, their rewards, and what was traded in them."""

import re
from datetime import date
from typing import Any, Final

from sandbox.markets import Catalogue, Market
from sandbox.messages import Answer, HttpRequest
from sandbox.rest.pages import page
from sandbox.rest.prices import base_fee
from sandbox.rest.refusals import Refused
from sandbox.rest.routes import Handler, json_answer, last_part, number
from sandbox.rest.tape import Tape
from sandbox.rewards import ASSET, Rewards
from sandbox.units import ONE, PRICE_TEXT, SECOND, SHARE, iso_text, size_text
from sandbox.venue import Print

_MARKETS_PER_PAGE: Final = 1_000
_REWARDS_PER_PAGE: Final = 500
_CONFIGS_PER_PAGE: Final = 100
_NEVER: Final = "2500-12-31"
_HEX: Final = re.compile("0x[0-9a-fA-F]+")
_ADDRESS: Final = re.compile("0x[0-9a-fA-F]{40}")


class Listings:
    """Answers from the catalogue, the tape and the rewards."""

    def __init__(self, catalogue: Catalogue, tape: Tape, rewards: Rewards) -> None:
        self._catalogue = catalogue
        self._tape = tape
        self._rewards = rewards
        self.routes: dict[tuple[str, str], Handler] = {
            ("GET", "/clob-markets/*"): lambda request, _: json_answer(compact(self._market(last_part(request)))),
            ("GET", "/markets-by-token/*"): self._by_token,
            ("GET", "/markets/*"): lambda request, _: json_answer(whole(self._market(last_part(request)))),
            ("GET", "/markets"): lambda request, _: self._page(request, whole, sampling=False),
            ("GET", "/sampling-markets"): lambda request, _: self._page(request, whole, sampling=True),
            ("GET", "/simplified-markets"): lambda request, _: self._page(request, simplified, sampling=False),
            ("GET", "/sampling-simplified-markets"): lambda request, _: self._page(request, simplified, sampling=True),
            ("GET", "/markets/live-activity/*"): self._activity,
            ("GET", "/live-activity/events/*"): self._activity,
            ("GET", "/rewards/markets/current"): self._current_rewards,
            ("GET", "/rewards/markets/*"): self._market_rewards,
            ("GET", "/rebates/current"): self._rebates,
        }

    def _market(self, condition_id: str) -> Market:
        if not _HEX.fullmatch(condition_id):
            raise Refused(400, "Invalid market")
        market = self._catalogue.by_condition.get(condition_id)
        if market is None:
            raise Refused(404, "market not found")
        return market

    def _by_token(self, request: HttpRequest, now_ns: int) -> Answer:
        found = self._catalogue.by_token.get(last_part(request))
        if found is None:
            raise Refused(404, "market not found")
        market, _ = found
        primary, secondary = market.token_ids
        return json_answer(
            {"condition_id": market.condition_id, "primary_token_id": primary, "secondary_token_id": secondary}
        )

    def _page(self, request: HttpRequest, shown: Any, *, sampling: bool) -> Answer:
        markets = self._sampled() if sampling else self._catalogue.markets
        return json_answer(page(request, markets, _MARKETS_PER_PAGE, shown))

    def _sampled(self) -> list[Market]:
        return [market for market in self._catalogue.markets if market.category.rewards.daily and not market.closed]

    def _activity(self, request: HttpRequest, now_ns: int) -> Answer:
        return json_answer([_event(told) for told in self._tape.recent(self._market(last_part(request)))])

    def _current_rewards(self, request: HttpRequest, now_ns: int) -> Answer:
        # Nobody sponsors anything here.
        markets = [] if request.asked("sponsored").lower() == "true" else self._sampled()
        return json_answer(page(request, markets, _REWARDS_PER_PAGE, _current))

    def _market_rewards(self, request: HttpRequest, now_ns: int) -> Answer:
        market = self._market(last_part(request))
        rewarded = [market] if market.category.rewards.daily and not market.closed else []
        return json_answer(page(request, rewarded, _CONFIGS_PER_PAGE, lambda one: self._configured(one, now_ns)))

    def _configured(self, market: Market, now_ns: int) -> dict[str, Any]:
        terms = market.category.rewards
        config = _config(market) | {
            "id": market.number,
            "total_days": (date.fromisoformat(_NEVER) - _begin(market)).days,
        }
        return {
            "condition_id": market.condition_id,
            "question": market.question,
            "market_slug": market.slug,
            "event_slug": market.event.slug,
            "image": "",
            "rewards_max_spread": number(terms.max_spread, ONE // 100),
            "rewards_min_size": number(terms.min_size, SHARE),
            "market_competitiveness": self._rewards.competitiveness(market, now_ns),
            "tokens": [
                {"token_id": token_id, "outcome": outcome, "price": price(market, token)}
                for token, (token_id, outcome) in enumerate(zip(market.token_ids, market.outcomes, strict=True))
            ],
            "rewards_config": [config],
        }

    def _rebates(self, request: HttpRequest, now_ns: int) -> Answer:
        maker = request.asked("maker_address")
        if not _ADDRESS.fullmatch(maker):
            raise Refused(400, "Invalid maker_address")
        return json_answer(self._rewards.rebates(maker, asked_date(request)))


def asked_date(request: HttpRequest) -> date:
    """The day that a call asks for. Raises Refused."""
    try:
        return date.fromisoformat(request.asked("date"))
    except ValueError:
        raise Refused(400, "Invalid date (format: YYYY-MM-DD)") from None


def compact(market: Market) -> dict[str, Any]:
    """A market in the short keys of `/clob-markets`."""
    terms, fee = market.category.rewards, base_fee(market)
    info: dict[str, Any] = {
        "r": {
            "mi": number(terms.min_size, SHARE),
            "ma": number(terms.max_spread, ONE // 100),
            "moas": terms.min_age_s,
        },
        "t": [{"t": t, "o": o} for t, o in zip(market.token_ids, market.outcomes, strict=True)],
        "c": market.condition_id,
        "mos": number(market.min_order_size, SHARE),
        "mts": number(market.tick, ONE),
        "mbf": fee,
        "tbf": fee,
        "ao": market.accepting,
    }
    if market.clear_on_start:
        info["cbos"] = True
    info["aot"] = iso_text(market.created_ns)
    if market.game_start_ns is not None:
        info["gst"] = iso_text(market.game_start_ns)
    if market.taker_delay_ns:
        info["itode"] = True
    if market.event.neg_risk:
        info["nr"] = True
    if market.category.has_fees:
        info["fd"] = {"r": float(market.category.rate), "e": 1, "to": True}
    info["v"] = market.version
    return info


def whole(market: Market) -> dict[str, Any]:
    """A market as `/markets` shows it."""
    neg_risk = market.event.neg_risk
    return {
        "enable_order_book": not market.closed,
        "active": True,
        "closed": market.closed,
        "archived": False,
        "accepting_orders": market.accepting,
        "accepting_order_timestamp": iso_text(market.created_ns),
        "minimum_order_size": number(market.min_order_size, SHARE),
        "minimum_tick_size": number(market.tick, ONE),
        "condition_id": market.condition_id,
        "question_id": market.question_id,
        "question": market.question,
        "description": market.question,
        "market_slug": market.slug,
        "end_date_iso": None if market.end_ns is None else iso_text(market.end_ns),
        "game_start_time": None if market.game_start_ns is None else iso_text(market.game_start_ns),
        "seconds_delay": market.seconds_delay,
        "fpmm": "",
        "maker_base_fee": base_fee(market),
        "taker_base_fee": base_fee(market),
        "notifications_enabled": False,
        "neg_risk": neg_risk,
        "neg_risk_market_id": market.event.neg_risk_id,
        "neg_risk_request_id": market.question_id if neg_risk else "",
        "icon": "",
        "image": "",
        "rewards": _rewards(market),
        "is_50_50_outcome": market.closed and market.winner is None,
        "tokens": _tokens(market),
        "tags": [market.category.name.capitalize(), "All"],
    }


def simplified(market: Market) -> dict[str, Any]:
    """A market as `/simplified-markets` shows it."""
    return {
        "condition_id": market.condition_id,
        "rewards": _rewards(market),
        "tokens": _tokens(market),
        "active": True,
        "closed": market.closed,
        "archived": False,
        "accepting_orders": market.accepting,
    }


def price(market: Market, token: int) -> int | float:
    """What a share of a token is worth in dollars: the middle, or what it paid."""
    if market.payouts is not None:
        return number(market.payouts[token], ONE)
    return number(market.mid(token), 10 * ONE)


def _tokens(market: Market) -> list[dict[str, Any]]:
    return [
        {"token_id": token_id, "outcome": outcome, "price": price(market, token), "winner": market.winner == token}
        for token, (token_id, outcome) in enumerate(zip(market.token_ids, market.outcomes, strict=True))
    ]


def _rewards(market: Market) -> dict[str, Any]:
    terms = market.category.rewards
    rates = [{"asset_address": ASSET, "rewards_daily_rate": number(terms.daily, SHARE)}]
    return {
        "rates": rates if terms.daily and not market.closed else None,
        "min_size": number(terms.min_size, SHARE),
        "max_spread": number(terms.max_spread, ONE // 100),
    }


def _current(market: Market) -> dict[str, Any]:
    terms = market.category.rewards
    return {
        "condition_id": market.condition_id,
        "rewards_max_spread": number(terms.max_spread, ONE // 100),
        "rewards_min_size": number(terms.min_size, SHARE),
        "rewards_config": [_config(market)],
        "native_daily_rate": number(terms.daily, SHARE),
        "total_daily_rate": number(terms.daily, SHARE),
    }


def _config(market: Market) -> dict[str, Any]:
    return {
        "id": 0,
        "asset_address": ASSET,
        "start_date": _begin(market).isoformat(),
        "end_date": _NEVER,
        "rate_per_day": number(market.category.rewards.daily, SHARE),
        "total_rewards": 0,
    }


def _begin(market: Market) -> date:
    return date.fromisoformat(iso_text(market.created_ns)[:10])


def _event(told: Print) -> dict[str, Any]:
    market = told.market
    return {
        "event_type": "trade",
        "market": {
            "condition_id": market.condition_id,
            "asset_id": market.token_ids[told.token],
            "question": market.question,
            "icon": "",
            "slug": market.slug,
        },
        # Who traded is not told here.
        "user": dict.fromkeys(("address", "username", "profile_picture", "optimized_profile_picture", "pseudonym"), ""),
        "side": told.side,
        "size": size_text(told.size),
        "fee_rate_bps": "0",
        "price": PRICE_TEXT[told.price],
        "outcome": market.outcomes[told.token],
        "outcome_index": told.token,
        "transaction_hash": told.trade,
        "timestamp": str(told.at_ns // SECOND),
    }
