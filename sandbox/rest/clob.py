"""The public reads of the CLOB's REST API, with the venue's statuses and error texts."""

from collections.abc import Callable
from typing import Any

import msgspec

from sandbox import wire
from sandbox.markets import Catalogue, Market
from sandbox.messages import Answer, HttpRequest
from sandbox.rest.refusals import Refused
from sandbox.units import ONE, SECOND, SHARE, iso_text

_BOOKS_MAX = 500
_NO_BOOK = "No orderbook exists for the requested token id"


class Clob:
    """Answers REST calls from the state of the markets."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._fixed: dict[tuple[str, str], Callable[[HttpRequest, int], str]] = {
            ("GET", "/ok"): lambda request, now_ns: '"OK"',
            ("GET", "/time"): lambda request, now_ns: str(now_ns // SECOND),
            ("GET", "/version"): lambda request, now_ns: '{"version":2}',
            ("GET", "/book"): self._book,
            ("POST", "/books"): self._books,
            ("GET", "/midpoint"): self._midpoint,
            ("GET", "/tick-size"): self._tick_size,
            ("GET", "/neg-risk"): self._neg_risk,
        }
        self._by_last_part: dict[tuple[str, str], Callable[[str], str]] = {
            ("GET", "/clob-markets"): self._clob_market,
            ("GET", "/tick-size"): lambda token_id: self._tick_text(self._token(token_id)[0]),
            ("GET", "/neg-risk"): lambda token_id: self._neg_risk_text(self._token(token_id)[0]),
        }

    def answer(self, request: HttpRequest, now_ns: int) -> Answer:
        """Answer a call; what is not an endpoint of the venue is a 404."""
        try:
            fixed = self._fixed.get((request.method, request.path))
            if fixed is not None:
                return Answer(200, fixed(request, now_ns))
            prefix, _, last = request.path.rpartition("/")
            by_last_part = self._by_last_part.get((request.method, prefix))
            if by_last_part is None:
                raise Refused(404, "not found")
            return Answer(200, by_last_part(last))
        except Refused as refused:
            return refused.answer

    def _book(self, request: HttpRequest, now_ns: int) -> str:
        return wire.book_summary(*self._asked(request))

    def _books(self, request: HttpRequest, now_ns: int) -> str:
        try:
            asked = [item["token_id"] for item in msgspec.json.decode(request.body, type=list[dict[str, Any]])]
        except (msgspec.DecodeError, KeyError):
            raise Refused(400, "Invalid payload") from None
        if len(asked) > _BOOKS_MAX:
            raise Refused(400, "Payload exceeds the limit")
        known = (self._catalogue.by_token.get(token_id) for token_id in asked if isinstance(token_id, str))
        return f"[{','.join(wire.book_summary(*found) for found in known if found and not found[0].closed)}]"

    def _midpoint(self, request: HttpRequest, now_ns: int) -> str:
        market, token = self._asked(request)
        return wire.encode({"mid": market.mid_text(token)})

    def _tick_size(self, request: HttpRequest, now_ns: int) -> str:
        return self._tick_text(self._asked(request)[0])

    def _neg_risk(self, request: HttpRequest, now_ns: int) -> str:
        return self._neg_risk_text(self._asked(request)[0])

    def _tick_text(self, market: Market) -> str:
        return f'{{"minimum_tick_size":{market.tick_text}}}'

    def _neg_risk_text(self, market: Market) -> str:
        return wire.encode({"neg_risk": market.event.neg_risk})

    def _clob_market(self, condition_id: str) -> str:
        market = self._catalogue.by_condition.get(condition_id)
        if market is None:
            raise Refused(404, "market not found")
        base_fee = 1000 if market.category.has_fees else 0
        info: dict[str, Any] = {
            "t": [{"t": t, "o": o} for t, o in zip(market.token_ids, market.outcomes, strict=True)],
            "c": market.condition_id,
            "mos": number(market.min_order_size, SHARE),
            "mts": number(market.tick, ONE),
            "mbf": base_fee,
            "tbf": base_fee,
            "ao": market.accepting,
            "aot": iso_text(market.created_ns),
            "v": "v1",
        }
        if market.category.has_fees:
            info["fd"] = {"r": float(market.category.rate), "e": 1, "to": True}
        if market.event.neg_risk:
            info["nr"] = True
        return wire.encode(info)

    def _asked(self, request: HttpRequest) -> tuple[Market, int]:
        return self._token(next(iter(request.query.get("token_id", ())), ""))

    def _token(self, token_id: str) -> tuple[Market, int]:
        if not token_id.isdecimal():
            raise Refused(400, "Invalid token id")
        found = self._catalogue.by_token.get(token_id)
        if found is None or found[0].closed:
            raise Refused(404, _NO_BOOK)
        return found


def number(value: int, unit: int) -> int | float:
    """A JSON number as the venue writes it: whole ones without a point."""
    return value // unit if value % unit == 0 else value / unit
