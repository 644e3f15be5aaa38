"""The public reads about tokens: books, prices and what a token's orders must fit."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from sandbox import wire
from sandbox.books import Side
from sandbox.markets import Catalogue, Market
from sandbox.messages import Answer, HttpRequest
from sandbox.rest.refusals import Refused
from sandbox.rest.routes import Handler, json_answer, last_part, number
from sandbox.rest.tape import Tape
from sandbox.units import ONE, PRICE_TEXT, SECOND, decimal_text

_BATCH_MAX: Final = 500
_NO_BOOK: Final = "No orderbook exists for the requested token id"
_NO_MARKET: Final = "market not found"
_NO_FEE: Final = "fee rate not found for market"
_DAY_S: Final = 86_400
_INTERVALS: Final = {
    "1h": 3_600,
    "6h": 6 * 3_600,
    "1d": _DAY_S,
    "1w": 7 * _DAY_S,
    "1m": 30 * _DAY_S,
    "max": None,
    "all": None,
}
_Token = tuple[Market, int]


class Prices:
    """Answers from the books and the tape."""

    def __init__(self, catalogue: Catalogue, tape: Tape) -> None:
        self._catalogue = catalogue
        self._tape = tape
        self.routes: dict[tuple[str, str], Handler] = {
            ("GET", "/book"): lambda request, _: Answer(200, wire.book_summary(*self._asked(request))),
            ("POST", "/books"): self._books,
            ("GET", "/price"): self._price,
            ("POST", "/prices"): self._prices,
            ("GET", "/prices"): self._query,
            ("GET", "/midpoint"): lambda request, _: self._said(request, "mid", _mid),
            ("POST", "/midpoints"): lambda request, _: self._said_of_all(request, _mid),
            ("GET", "/midpoints"): self._query,
            ("GET", "/spread"): lambda request, _: self._said(request, "spread", _spread),
            ("POST", "/spreads"): lambda request, _: self._said_of_all(request, _spread),
            ("GET", "/spreads"): self._query,
            ("GET", "/last-trade-price"): self._last_trade,
            ("POST", "/last-trades-prices"): self._last_trades,
            ("GET", "/last-trades-prices"): self._query,
            ("GET", "/prices-history"): self._history,
            ("GET", "/tick-size"): lambda request, _: self._tick_size(request.asked("token_id")),
            ("GET", "/tick-size/*"): lambda request, _: self._tick_size(last_part(request)),
            ("GET", "/neg-risk"): lambda request, _: self._neg_risk(request.asked("token_id")),
            ("GET", "/neg-risk/*"): lambda request, _: self._neg_risk(last_part(request)),
            ("GET", "/fee-rate"): lambda request, _: self._fee_rate(request.asked("token_id")),
            ("GET", "/fee-rate/*"): lambda request, _: self._fee_rate(last_part(request)),
        }

    def _books(self, request: HttpRequest, now_ns: int) -> Answer:
        books = (wire.book_summary(*found) for found, _ in self._batch(request))
        return Answer(200, f"[{','.join(books)}]")

    def _price(self, request: HttpRequest, now_ns: int) -> Answer:
        market, token = self._asked(request)
        return json_answer({"price": _best(market, token, _side(request.asked("side")))})

    def _prices(self, request: HttpRequest, now_ns: int) -> Answer:
        said: dict[str, dict[Side, str]] = {}
        for (market, token), item in self._batch(request):
            side = _side(item.get("side"))
            said.setdefault(market.token_ids[token], {})[side] = _best(market, token, side)
        return json_answer(said)

    def _query(self, request: HttpRequest, now_ns: int) -> Answer:
        # Documented with comma lists in the query, but this is how the venue answers them.
        raise Refused(400, "Invalid payload")

    def _said(self, request: HttpRequest, name: str, text: Callable[[Market, int], str]) -> Answer:
        return json_answer({name: text(*self._asked(request))})

    def _said_of_all(self, request: HttpRequest, text: Callable[[Market, int], str]) -> Answer:
        found = (market_token for market_token, _ in self._batch(request))
        return json_answer({market.token_ids[token]: text(market, token) for market, token in found})

    def _last_trade(self, request: HttpRequest, now_ns: int) -> Answer:
        token_id = request.asked("token_id")
        if not token_id.isdecimal():
            raise Refused(400, "Invalid token id")
        found = self._catalogue.by_token.get(token_id)
        last = self._tape.last(*found) if found else None
        if last is None:
            return json_answer({"price": "0.5", "side": ""})
        return json_answer({"price": PRICE_TEXT[last.price], "side": last.side})

    def _last_trades(self, request: HttpRequest, now_ns: int) -> Answer:
        last = (self._tape.last(*found) for found, _ in self._batch(request, closed=True))
        return json_answer(
            [
                {"price": PRICE_TEXT[one.price], "side": one.side, "token_id": one.market.token_ids[one.token]}
                for one in last
                if one is not None
            ]
        )

    def _history(self, request: HttpRequest, now_ns: int) -> Answer:
        market, token = self._token(request.asked("market"), "the market field is required", _NO_MARKET)
        now_s = now_ns // SECOND
        interval = request.asked("interval")
        begin_s, end_s = _time(request, "startTs", 0), _time(request, "endTs", now_s)
        if not interval and "startTs" not in request.query:
            raise Refused(400, "either interval or startTs and endTs are required")
        if interval:
            if interval not in _INTERVALS:
                raise Refused(400, f"invalid interval: {interval}")
            length_s = _INTERVALS[interval]
            begin_s = max(begin_s, 0 if length_s is None else now_s - length_s)
        step = request.asked("fidelity", "1")
        if not step.isdecimal() or not 1 <= int(step[:9]) < 1_000_000:
            raise Refused(400, f"invalid fidelity: {step}")
        found = self._tape.history(market, token, begin_s, end_s, int(step))
        return json_answer({"history": [{"t": at_s, "p": number(price, 10 * ONE)} for at_s, price in found]})

    def _tick_size(self, token_id: str) -> Answer:
        market, _ = self._token(token_id, missing=_NO_MARKET)
        return Answer(200, f'{{"minimum_tick_size":{market.tick_text}}}')

    def _neg_risk(self, token_id: str) -> Answer:
        market, _ = self._token(token_id, missing=_NO_MARKET)
        return json_answer({"neg_risk": market.event.neg_risk})

    def _fee_rate(self, token_id: str) -> Answer:
        market, _ = self._token(token_id, missing=_NO_FEE)
        return json_answer({"base_fee": base_fee(market)})

    def _asked(self, request: HttpRequest) -> _Token:
        found = self._token(request.asked("token_id"))
        if found[0].closed:
            raise Refused(404, _NO_BOOK)
        return found

    def _token(self, token_id: str, invalid: str = "Invalid token id", missing: str = _NO_BOOK) -> _Token:
        if not token_id.isdecimal():
            raise Refused(400, invalid)
        found = self._catalogue.by_token.get(token_id)
        if found is None:
            raise Refused(404, missing)
        return found

    def _batch(self, request: HttpRequest, *, closed: bool = False) -> list[tuple[_Token, dict[str, Any]]]:
        """The tokens that a body asks for and that there are, each with what else is said of it."""
        try:
            items = wire.decode(request.body, list[dict[str, Any]])
            asked = [(str(item["token_id"]), item) for item in items]
        except (msgspec.DecodeError, KeyError):
            raise Refused(400, "Invalid payload") from None
        if len(asked) > _BATCH_MAX:
            raise Refused(400, "Payload exceeds the limit")
        known = ((self._catalogue.by_token.get(token_id), item) for token_id, item in asked)
        return [(found, item) for found, item in known if found and (closed or not found[0].closed)]


def base_fee(market: Market) -> int:
    """The fee field of the first protocol, which only says whether there are fees."""
    return 1000 if market.category.has_fees else 0


def _side(side: object) -> Side:
    if side == "BUY":
        return "BUY"
    if side == "SELL":
        return "SELL"
    raise Refused(400, "Invalid side")


def _best(market: Market, token: int, side: Side) -> str:
    bid, ask = market.touch_text(token)
    return bid if side == "BUY" else ask


def _mid(market: Market, token: int) -> str:
    return market.mid_text(token)


def _spread(market: Market, token: int) -> str:
    bid, ask = market.book.touch(token)
    return decimal_text((ONE if ask is None else ask) - (bid or 0), 4)


def _time(request: HttpRequest, name: str, default: int) -> int:
    text = request.asked(name)
    if not text:
        return default
    whole = text.partition(".")[0]
    if not whole.isdecimal() or len(whole) > 12:
        raise Refused(400, f"invalid {name}: {text}")
    return int(whole)
