"""Gamma: the listings of markets and events by which a bot finds what it may trade."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from sandbox.markets import Catalogue, Event, Market
from sandbox.messages import Answer, HttpRequest
from sandbox.rest.gamma_objects import (
    DAY,
    Objects,
    competitive,
    condition_id,
    event_closed,
    liquidity,
    series_of,
    tags,
    tags_of,
)
from sandbox.rest.gamma_queries import Filter, Listing, amount, count, moment, truth
from sandbox.rest.refusals import Refused
from sandbox.rest.routes import Handler, json_answer, last_part
from sandbox.rest.tape import Tape
from sandbox.units import SHARE, decimal_text

_FOUND_MAX: Final = 10
T = TypeVar("T", Market, Event)


class Gamma:
    """Answers the listings from the catalogue and the tape."""

    def __init__(self, catalogue: Catalogue, tape: Tape) -> None:
        self._catalogue = catalogue
        self._tape = tape
        self._objects = Objects(tape)
        self.routes: dict[tuple[str, str], Handler] = {
            ("GET", "/markets"): _checked(self._list_markets),
            ("GET", "/markets/keyset"): _checked(self._page_markets),
            ("GET", "/markets/*"): self._market,
            ("GET", "/markets/slug/*"): self._market,
            ("GET", "/events"): _checked(self._list_events),
            ("GET", "/events/keyset"): _checked(self._page_events),
            ("GET", "/events/*"): self._event,
            ("GET", "/events/slug/*"): self._event,
            ("GET", "/tags"): lambda request, _: json_answer(tags()),
            ("GET", "/tags/*"): self._tag,
            ("GET", "/tags/slug/*"): self._tag,
            ("GET", "/series"): self._series,
            ("GET", "/sports"): self._sports,
            ("GET", "/public-search"): _checked(self._search),
        }

    def _markets(self, now_ns: int) -> Listing[Market]:
        return Listing(self._market_filters(), self._market_orders(now_ns), _number, {"closed": ("false",)})

    def _events(self, now_ns: int) -> Listing[Event]:
        return Listing(self._event_filters(), self._event_orders(now_ns), _number, {})

    def _list_markets(self, request: HttpRequest, now_ns: int) -> Answer:
        found = self._markets(now_ns).by_offset(self._catalogue.markets, request.query)
        return json_answer(self._shown(found, request, now_ns))

    def _page_markets(self, request: HttpRequest, now_ns: int) -> Answer:
        found, cursor = self._markets(now_ns).by_cursor(self._catalogue.markets, request.query)
        return _page("markets", self._shown(found, request, now_ns), cursor)

    def _shown(self, found: list[Market], request: HttpRequest, now_ns: int) -> list[dict[str, Any]]:
        tagged = truth(request.query.get("include_tag", ("false",)))
        return [self._objects.market(market, now_ns, tagged=tagged) for market in found]

    def _list_events(self, request: HttpRequest, now_ns: int) -> Answer:
        found = self._events(now_ns).by_offset(self._catalogue.events, request.query)
        return json_answer([self._objects.event(event, now_ns) for event in found])

    def _page_events(self, request: HttpRequest, now_ns: int) -> Answer:
        found, cursor = self._events(now_ns).by_cursor(self._catalogue.events, request.query)
        return _page("events", [self._objects.event(event, now_ns) for event in found], cursor)

    def _market(self, request: HttpRequest, now_ns: int) -> Answer:
        market = _one(request, self._catalogue.markets)
        return json_answer(self._objects.market(market, now_ns, tagged=request.asked("include_tag") == "true"))

    def _event(self, request: HttpRequest, now_ns: int) -> Answer:
        return json_answer(self._objects.event(_one(request, self._catalogue.events), now_ns))

    def _tag(self, request: HttpRequest, now_ns: int) -> Answer:
        key = "slug" if "/slug/" in request.path else "id"
        found = [tag for tag in tags() if tag[key] == last_part(request)]
        if not found:
            raise _not_found()
        return json_answer(found[0])

    def _series(self, request: HttpRequest, now_ns: int) -> Answer:
        found = {one["id"]: one for event in self._catalogue.events for one in series_of(event)}
        return json_answer(list(found.values()))

    def _sports(self, request: HttpRequest, now_ns: int) -> Answer:
        played = dict.fromkeys(m.slug.partition("-")[0] for m in self._catalogue.markets if m.category.name == "sports")
        return json_answer(
            [
                {
                    "id": number,
                    "sport": name,
                    "image": "",
                    "resolution": "",
                    "ordering": "home",
                    "tags": "1",
                    "series": "",
                }
                for number, name in enumerate(played, 1)
            ]
        )

    def _search(self, request: HttpRequest, now_ns: int) -> Answer:
        words = request.asked("q").lower().split()
        if not words:
            raise ValueError("q is required")
        found = [event for event in self._catalogue.events if _mentions(event, words)]
        limit = count(request.query, "limit_per_type", _FOUND_MAX)
        begin = (max(count(request.query, "page", 1), 1) - 1) * limit
        part = found[begin : begin + limit]
        return json_answer(
            {
                "events": [self._objects.event(event, now_ns) for event in part],
                "tags": [tag for tag in tags() if any(word in tag["slug"] for word in words)],
                "profiles": [],
                "pagination": {"hasMore": begin + len(part) < len(found), "totalResults": len(found)},
            }
        )

    def _market_filters(self) -> dict[str, Filter[Market]]:
        return {
            "id": lambda market, wanted: str(market.number) in wanted,
            "slug": lambda market, wanted: market.slug in wanted,
            "condition_ids": lambda market, wanted: market.condition_id in wanted or condition_id(market) in wanted,
            "question_ids": lambda market, wanted: market.question_id in wanted,
            "clob_token_ids": lambda market, wanted: any(token in wanted for token in market.token_ids),
            "active": lambda market, wanted: truth(wanted),
            "closed": lambda market, wanted: market.closed == truth(wanted),
            "archived": lambda market, wanted: not truth(wanted),
            "uma_resolution_status": lambda market, wanted: market.closed == (wanted[-1] == "resolved"),
            "tag_id": lambda market, wanted: any(tag["id"] in wanted for tag in tags_of(market.category)),
            **_range("liquidity_num", liquidity, _micro),
            **_range("volume_num", self._tape.volume, _micro),
            **_range("start_date", lambda market: market.created_ns, moment),
            **_range("end_date", lambda market: market.end_ns, moment),
        }

    def _event_filters(self) -> dict[str, Filter[Event]]:
        return {
            "id": lambda event, wanted: str(event.number) in wanted,
            "slug": lambda event, wanted: event.slug in wanted,
            "active": lambda event, wanted: truth(wanted),
            "closed": lambda event, wanted: event_closed(event) == truth(wanted),
            "archived": lambda event, wanted: not truth(wanted),
            "featured": lambda event, wanted: not truth(wanted),
            "tag_id": lambda event, wanted: any(tag["id"] in wanted for tag in tags_of(event.markets[0].category)),
            "tag_slug": lambda event, wanted: event.markets[0].category.name in wanted,
            "exclude_tag_id": lambda event, wanted: all(
                tag["id"] not in wanted for tag in tags_of(event.markets[0].category)
            ),
            **_range("liquidity", lambda event: sum(map(liquidity, event.markets)), _micro),
            **_range("volume", lambda event: self._objects.volume(event.markets), _micro),
            **_range("start_date", lambda event: event.markets[0].created_ns, moment),
            **_range("end_date", lambda event: event.markets[0].end_ns, moment),
        }

    def _market_orders(self, now_ns: int) -> dict[str, Callable[[Market], Any]]:
        return {
            "id": _number,
            "slug": lambda market: market.slug,
            "question": lambda market: market.question,
            # The venue keeps this one as text and orders it so: 9 comes after 10.
            "volume": lambda market: decimal_text(self._tape.volume(market), 6),
            "volumenum": self._tape.volume,
            "volume24hr": lambda market: self._tape.volume_since(market, now_ns - DAY),
            "liquidity": liquidity,
            "liquiditynum": liquidity,
            "competitive": competitive,
            "startdate": lambda market: market.created_ns,
            "createdat": lambda market: market.created_ns,
            "updatedat": lambda market: max(market.changed_ns),
            "enddate": lambda market: market.end_ns or 0,
        }

    def _event_orders(self, now_ns: int) -> dict[str, Callable[[Event], Any]]:
        return {
            "id": _number,
            "slug": lambda event: event.slug,
            "title": lambda event: event.title,
            "volume": lambda event: self._objects.volume(event.markets),
            "volume24hr": lambda event: sum(self._tape.volume_since(m, now_ns - DAY) for m in event.markets),
            "liquidity": lambda event: sum(map(liquidity, event.markets)),
            "competitive": lambda event: max(map(competitive, event.markets)),
            "startdate": lambda event: event.markets[0].created_ns,
            "createdat": lambda event: event.markets[0].created_ns,
            "enddate": lambda event: event.markets[0].end_ns or 0,
        }


def _number(item: Market | Event) -> int:
    return item.number


def _micro(values: Sequence[str]) -> float:
    return amount(values) * SHARE


def _range(name: str, of: Callable[[T], Any], parse: Callable[[Sequence[str]], Any]) -> dict[str, Filter[T]]:
    """The two filters by which a value is kept between bounds; who has none is not between any."""

    def at_least(item: T, wanted: Sequence[str]) -> bool:
        value, bound = of(item), parse(wanted)
        return value is not None and value >= bound

    def at_most(item: T, wanted: Sequence[str]) -> bool:
        value, bound = of(item), parse(wanted)
        return value is not None and value <= bound

    return {f"{name}_min": at_least, f"{name}_max": at_most}


def _checked(handler: Handler) -> Handler:
    """Answer a bad parameter as Gamma does."""

    def checked(request: HttpRequest, now_ns: int) -> Answer | None:
        try:
            return handler(request, now_ns)
        except ValueError as error:
            raise _invalid(str(error)) from None

    return checked


def _one(request: HttpRequest, items: Sequence[T]) -> T:
    wanted = last_part(request)
    if "/slug/" in request.path:
        found = [item for item in items if item.slug == wanted]
    elif wanted.isdecimal():
        found = [item for item in items if item.number == int(wanted[:12])]
    else:
        raise _invalid("id is invalid")
    if not found:
        raise _not_found()
    return found[0]


def _page(name: str, shown: list[dict[str, Any]], cursor: str | None) -> Answer:
    return json_answer({name: shown} if cursor is None else {name: shown, "next_cursor": cursor})


def _mentions(event: Event, words: Sequence[str]) -> bool:
    text = " ".join([event.title, event.slug, *(market.question for market in event.markets)]).lower()
    return all(word in text for word in words)


def _invalid(error: str) -> Refused:
    return Refused(422, error, body={"type": "validation error", "error": error})


def _not_found() -> Refused:
    return Refused(404, "not found", body={"type": "not found error", "error": "not found"})
