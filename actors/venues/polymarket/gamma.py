"""The catalogue from Gamma: its market objects, of all vintages, as our `Market`s and `Group`s.

Why pages follow a cursor and not an offset: markets are listed and closed while we read, and an offset then leaves one
out or shows one twice.

Why everything is optional here: the schema says so, old objects lack half of the fields, numbers come as strings, and
lists come as JSON inside a string. What is missing is assumed and named in `Market.assumed`; what is wrong skips that
one market with a reason, never the page.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import httpx
import msgspec

from actors.venues.gated_transport import AnswerLost
from actors.venues.http_client import whole
from models.markets import Catalogue, Fees, Group, Market
from models.messages.base import MarketId
from models.text import clean
from models.units import ONE, SHARE, Price, parse_size, parse_tick

_Object: TypeAlias = Mapping[str, Any]
_Query: TypeAlias = Mapping[str, str | Sequence[str]]

_PAGE: Final = 100
_OK: Final = 200
_CONDITION_ID_SHORT: Final = 2 + 62
_TOKEN_DIGITS: Final = 30
_PAGES_MAX: Final = 1_000
_NAMES_PER_QUERY: Final = 50
_GLANCE_PAGES: Final = 20
_TRADABLE: Final[_Query] = {"closed": "false", "active": "true"}
_CLOSED: Final[_Query] = {"closed": "true"}
_PAYOUTS: Final[Mapping[tuple[float, ...], Price]] = {(1.0, 0.0): ONE, (0.0, 1.0): 0, (0.5, 0.5): ONE // 2}
_EXPONENT_MAX: Final = 8
_DELAY_MAX_S: Final = 3_600
_NAME: Final = re.compile(r"[0-9A-Za-z][!-~]{0,119}").fullmatch
_TOKEN: Final = re.compile(r"[0-9]{1,78}").fullmatch
_UNREADABLE: Final = (LookupError, TypeError, ValueError, OverflowError, RecursionError)
_PLACEHOLDERS: Final = ("other", "person ", "candidate ", "team ", "option ")


class GammaError(RuntimeError):
    """Gamma did not answer with a catalogue; says what it answered."""


class Skipped(msgspec.Struct, frozen=True):
    """A market object that cannot be traded or read, and why."""

    name: str
    reason: str


def fetch_catalogue(
    client: httpx.Client, gamma_url: str, names: Sequence[str] = ()
) -> tuple[Catalogue, tuple[Skipped, ...]]:
    """Read the tradable markets of these slugs, condition ids and tokens, all without names, with whole groups.

    Raises GammaError where a page cannot be had: half a catalogue is none.
    """
    objects = [found for query in _queries(names) for found in _get_pages(client, gamma_url, "markets", query)]
    members: Counter[str] = Counter()
    still_open: Counter[str] = Counter()
    slugs = {_slug_of_event(found) for found in objects if found.get("negRisk")}
    if slugs:
        # A list of open markets cannot show that one of an event is missing from it; the event's own list can.
        everything: _Query = {}
        for query in _chunks("slug", sorted(slugs)) if names else (everything,):
            for event in _get_pages(client, gamma_url, "events", {"closed": "false", **query}):
                group, listed = _members_of(event)
                members[group] += len(listed)
                still_open[group] += sum(not member.get("closed") for member in listed)
    catalogue, skipped = catalogue_of(objects, members)
    # Of a group that is named in part the rest is not seen, so nothing can be said of it as a whole.
    whole = {name: one for name, one in catalogue.groups.items() if not names or len(one.markets) >= still_open[name]}
    return Catalogue(catalogue.markets, whole), skipped


def fetch_closed(client: httpx.Client, gamma_url: str, names: Sequence[str]) -> tuple[tuple[Market, Price | None], ...]:
    """Read which of these markets are closed, each with what a YES share pays; None while that is not final.

    They are named as in `fetch_catalogue`, but none without names. Raises GammaError.
    """
    queries = _queries(names, _CLOSED) if names else ()
    objects = [found for query in queries for found in _get_pages(client, gamma_url, "markets", query)]
    catalogue, _ = catalogue_of(objects)
    pays = {str(found.get("slug")): _payout(found) for found in objects}
    return tuple((market, pays.get(market.slug)) for market in catalogue.markets.values())


def slugs_of_event(client: httpx.Client, gamma_url: str, slug: str) -> tuple[str, ...]:
    """Return the slugs of the open markets of an event; none where there is no such event. Raises GammaError."""
    events = _get_pages(client, gamma_url, "events", {"slug": [slug]})
    listed: list[_Object] = [market for event in events for market in event.get("markets") or ()]
    return tuple(str(market["slug"]) for market in listed if market.get("slug") and not market.get("closed"))


def glance_at_slugs(client: httpx.Client, gamma_url: str) -> tuple[str, ...]:
    """Return the slugs of the first few thousand tradable markets. Raises GammaError."""
    pages = _pages(client, gamma_url, "markets", _TRADABLE)
    return tuple(str(found["slug"]) for page in islice(pages, _GLANCE_PAGES) for found in page if found.get("slug"))


def catalogue_of(
    objects: Iterable[_Object], members: Mapping[str, int] = MappingProxyType({})
) -> tuple[Catalogue, tuple[Skipped, ...]]:
    """Turn Gamma market objects into a catalogue, with the reason for each that was left out.

    `members` is how many markets the events themselves say they have, open or not, by the name of the group.
    """
    markets: dict[MarketId, Market] = {}
    titles: dict[str, str] = {}
    augmented: set[str] = set()
    skipped: list[Skipped] = []
    for found in objects:
        try:
            market, event = market_of(found), _event(found)
        except _UNREADABLE as error:
            name = clean(str(found.get("slug") or found.get("conditionId") or "?"), 80)
            skipped.append(Skipped(name, f"{type(error).__name__}: {clean(str(error), 120)}"))
            continue
        markets[market.id] = market
        if market.group is not None:
            titles.setdefault(market.group, clean(str(event.get("title") or market.group), 120))
            if found.get("negRiskOther") or event.get("negRiskAugmented"):
                augmented.add(market.group)
    counted = {group: count for group, count in members.items() if group not in augmented}
    return Catalogue(markets, _groups(markets, titles, counted)), tuple(skipped)


def market_of(found: _Object) -> Market:
    """Read one Gamma market object. Raises one of the five errors of a reader, naming what is missing or wrong."""
    version = str(found.get("version") or "v1")
    condition_id = _condition_id(_name(found["conditionId"]), version)
    # A market that moves to the newer protocol may show both for a time; the version says which of them is traded.
    ids = "positionIds" if version == "v2" else "clobTokenIds"
    token_ids = _strings(found.get(ids))
    if len(token_ids) != 2 or not all(map(_TOKEN, token_ids)):
        raise ValueError(f"{ids} {found.get(ids)!r} are not two token ids")
    outcomes = _strings(found.get("outcomes")) or ["Yes", "No"]
    delay_s = int(found.get("secondsDelay") or 0)
    if not 0 <= delay_s <= _DELAY_MAX_S:
        raise ValueError(f"secondsDelay {delay_s} is not between 0 and {_DELAY_MAX_S}")
    assumed = [field for field in ("orderPriceMinTickSize", "orderMinSize") if found.get(field) is None]
    neg_risk = bool(found.get("negRisk"))
    title = str(found.get("groupItemTitle") or "")
    return Market(
        id=condition_id,
        slug=clean(str(found.get("slug") or condition_id), 120),
        token_ids=(token_ids[0], token_ids[1]),
        outcomes=(clean(outcomes[0], 40), clean(outcomes[1], 40)),
        condition_id=condition_id,
        question=clean(str(found.get("question") or "")),
        tick=parse_tick(_decimal(found.get("orderPriceMinTickSize", "0.01"))),
        min_order_size=parse_size(_decimal(found.get("orderMinSize", "5"))) or 5 * SHARE,
        neg_risk=neg_risk,
        fees=_fees(found),
        end_ns=_time_ns(found.get("endDate")),
        # Of the game or window that it is about, else of the market itself, which is opened a day before a window.
        start_ns=_time_ns(found.get("gameStartTime") or found.get("eventStartTime") or found.get("startDate")),
        taker_delay_ms=delay_s * 1_000,
        group=_group(found) if neg_risk else None,
        placeholder=bool(found.get("negRiskOther")) or title.lower().startswith(_PLACEHOLDERS),
        accepting_orders=bool(found.get("acceptingOrders", True)) and not found.get("closed", False),
        version=version,
        assumed=tuple(assumed),
    )


def _payout(found: _Object) -> Price | None:
    """Return what a YES share of a market pays: strictly all, nothing or half, and only once its oracle is done."""
    try:
        steps = [*_strings(found.get("umaResolutionStatuses")), str(found.get("resolutionStatus") or "")]
        prices = [float(price) for price in _strings(found.get("outcomePrices"))]
    except _UNREADABLE:
        return None
    return _PAYOUTS.get(tuple(prices)) if "resolved" in steps else None


def _slug_of_event(found: _Object) -> str:
    try:
        return str(_event(found).get("slug"))
    except _UNREADABLE:
        return ""  # of a market that nobody can read; it is left out with its reason


def _members_of(event: _Object) -> tuple[str, Sequence[_Object]]:
    """Return the name of an event's group and the markets that it lists; none where it cannot be read."""
    try:
        return _group({"events": [event], **event}) or "", msgspec.convert(
            event.get("markets") or [], list[dict[str, Any]]
        )
    except _UNREADABLE:
        return "", ()


def _condition_id(text: str, version: str) -> str:
    """Return the id as everybody but Gamma writes it: there the newer protocol's lacks its last byte, which is zero.

    Raises ValueError for a version that nobody knows: its orders could not be signed.
    """
    if version not in ("v1", "v2"):
        raise ValueError(f"version {clean(version, 20)!r} is not known")
    return f"{text}00" if version == "v2" and len(text) == _CONDITION_ID_SHORT else text


def _groups(
    markets: Mapping[MarketId, Market], titles: Mapping[str, str], members: Mapping[str, int]
) -> dict[str, Group]:
    listed: dict[str, list[MarketId]] = {}
    for market in markets.values():
        if market.group is not None:
            listed.setdefault(market.group, []).append(market.id)
    # Proven exhaustive only where every member is listed, open and named, and none stands for "anyone else".
    return {
        name: Group(
            name,
            titles[name],
            tuple(known),
            neg_risk=True,
            exhaustive=members.get(name) == len(known)
            and all(markets[member].accepting_orders and not markets[member].placeholder for member in known),
        )
        for name, known in listed.items()
        if len(known) > 1
    }


def _group(found: _Object) -> str | None:
    named = found.get("negRiskMarketID") or _event(found).get("slug")
    return _name(named) if named else None


def _event(found: _Object) -> _Object:
    """Return the event of a market; an empty one where there is none. Raises ValueError for one that is no object."""
    events = msgspec.convert(found.get("events") or [], list[dict[str, Any]])
    return events[0] if events else {}


def _name(text: Any) -> str:
    """Return a name by which markets are told apart, which is never cleaned into another one. Raises ValueError."""
    name = str(text)
    if not _NAME(name):
        raise ValueError(f"{clean(name, 40)!r} is no name")
    return name


def _fees(found: _Object) -> Fees:
    schedule = msgspec.convert(found.get("feeSchedule"), dict[str, Any] | None)
    if not found.get("feesEnabled", schedule is not None) or schedule is None:
        return Fees()
    rate, rebate = (parse_size(_decimal(schedule.get(key, "0"))) for key in ("rate", "rebateRate"))
    exponent = int(float(_decimal(schedule.get("exponent", "1"))))
    # A fee is a power with this exponent, in whole numbers: a large one would never be computed to its end.
    if rate > SHARE or rebate > SHARE or not 0 <= exponent <= _EXPONENT_MAX:
        raise ValueError(f"a fee schedule of rate {rate}, exponent {exponent} and rebate {rebate} is out of bounds")
    return Fees(rate, exponent, rebate)


def _strings(value: Any) -> list[str]:
    """Read a list of texts that may be JSON inside a string."""
    if not value:
        return []
    listed = msgspec.json.decode(value, type=list[Any]) if isinstance(value, str) else msgspec.convert(value, list[Any])
    return [str(item) for item in listed]


def _decimal(value: Any) -> str:
    """Write a number of Gamma (a float or a string) as the plain decimal that it means."""
    if isinstance(value, str):
        return value
    return f"{float(value):.6f}".rstrip("0").rstrip(".") or "0"


def _time_ns(value: Any) -> int | None:
    if not value:
        return None
    # `gameStartTime` is written "2026-02-21 00:30:00+00": Python 3.11 reads an offset of hours only with a T.
    moment = datetime.fromisoformat(str(value).replace(" ", "T", 1))
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000_000


def _queries(names: Sequence[str], which: _Query = _TRADABLE) -> Iterable[_Query]:
    """Return what has to be asked for the markets of these names, of all without names."""
    if not names:
        return (which,)
    kinds: dict[str, list[str]] = {"condition_ids": [], "clob_token_ids": [], "slug": []}
    for name in names:
        kinds[_kind(name)].append(name)
    return [{**which, **one} for kind, alike in kinds.items() for one in _chunks(kind, alike)]


def _kind(name: str) -> str:
    """Return by what Gamma finds a market of that name; no slug is a number as long as a token's."""
    if name.startswith("0x"):
        return "condition_ids"
    return "clob_token_ids" if name.isdigit() and len(name) >= _TOKEN_DIGITS else "slug"


def _chunks(key: str, values: Sequence[str]) -> Iterable[_Query]:
    unique = list(dict.fromkeys(values))
    return [{key: unique[start : start + _NAMES_PER_QUERY]} for start in range(0, len(unique), _NAMES_PER_QUERY)]


def _get_pages(client: httpx.Client, gamma_url: str, kind: str, query: _Query) -> list[dict[str, Any]]:
    return [found for page in _pages(client, gamma_url, kind, query) for found in page]


def _pages(client: httpx.Client, gamma_url: str, kind: str, query: _Query) -> Iterable[list[dict[str, Any]]]:
    """Yield the pages of a listing to its end. Raises GammaError: also for a cursor that comes twice, or never ends."""
    url, seen = f"{gamma_url}/{kind}/keyset", set[str]()
    cursor: str | None = None
    while len(seen) < _PAGES_MAX:
        page = _get_page(client, url, {**query, "limit": str(_PAGE), **({"after_cursor": cursor} if cursor else {})})
        yield _listed(url, kind, page)
        cursor = page.get("next_cursor")
        if not cursor:
            return
        if cursor in seen:
            raise GammaError(f"{url} gave the same cursor twice: the listing has no end")
        seen.add(cursor)
    raise GammaError(f"{url} lists more than {_PAGES_MAX * _PAGE}: name the markets to trade")


def _listed(url: str, kind: str, page: Mapping[str, Any]) -> list[dict[str, Any]]:
    try:
        return msgspec.convert(page.get(kind), list[dict[str, Any]])
    except msgspec.ValidationError as error:
        raise GammaError(f"{url} did not answer with a list of {kind}: {error}") from error


def _get_page(client: httpx.Client, url: str, query: _Query) -> dict[str, Any]:
    try:
        with client.stream("GET", url, params=dict(query), headers={"accept-encoding": "identity"}) as answer:
            if not answer.is_success:
                raise GammaError(f"{url} answered {answer.status_code} instead of a page")
            return msgspec.json.decode(whole(answer), type=dict[str, Any])
    except (httpx.HTTPError, AnswerLost, msgspec.DecodeError, RecursionError) as error:
        raise GammaError(f"{url} did not answer with a page: {type(error).__name__}: {error}") from error
