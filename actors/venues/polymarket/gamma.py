"""The catalogue from Gamma: its market objects, of all vintages, as our `Market`s and `Group`s.

Why everything is optional here: the schema says so, old objects lack half of the fields, numbers come as strings, and
lists come as JSON inside a string. What is missing is assumed and named in `Market.assumed`; what is wrong skips that
one market with a reason, never the page.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import httpx
import msgspec

from models.markets import Catalogue, Fees, Group, Market
from models.messages.base import MarketId
from models.text import clean
from models.units import SHARE, parse_size, parse_tick

_Object: TypeAlias = Mapping[str, Any]

_PAGE: Final = 100
_OK: Final = 200
_CONDITION_ID_SHORT: Final = 2 + 62
_PAGES_MAX: Final = 200
_PLACEHOLDERS: Final = ("other", "person ", "candidate ", "team ", "option ")


class GammaError(RuntimeError):
    """Gamma did not answer with a catalogue; says what it answered."""


class Skipped(msgspec.Struct, frozen=True):
    """A market object that cannot be traded or read, and why."""

    name: str
    reason: str


def fetch_catalogue(client: httpx.Client, gamma_url: str) -> tuple[Catalogue, tuple[Skipped, ...]]:
    """Read all tradable markets. Raises GammaError where a page cannot be had: half a catalogue is none."""
    tradable = {"closed": "false", "active": "true"}
    objects = _get_pages(client, f"{gamma_url}/markets", tradable)
    members: Counter[str] = Counter()
    if any(found.get("negRisk") for found in objects):
        # A list of open markets cannot show that one of an event is missing from it; the event's own list can.
        for event in _get_pages(client, f"{gamma_url}/events", {"closed": "false"}):
            members[_group({"events": [event], **event}) or ""] += len(event.get("markets") or ())
    return catalogue_of(objects, members)


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
            market = market_of(found)
        except (KeyError, TypeError, ValueError) as error:
            name = clean(str(found.get("slug") or found.get("conditionId") or "?"), 80)
            skipped.append(Skipped(name, f"{type(error).__name__}: {clean(str(error), 120)}"))
            continue
        markets[market.id] = market
        if market.group is not None:
            event = _event(found)
            titles.setdefault(market.group, clean(str(event.get("title") or market.group), 120))
            if found.get("negRiskOther") or event.get("negRiskAugmented"):
                augmented.add(market.group)
    counted = {group: count for group, count in members.items() if group not in augmented}
    return Catalogue(markets, _groups(markets, titles, counted)), tuple(skipped)


def market_of(found: _Object) -> Market:
    """Read one Gamma market object. Raises KeyError, TypeError or ValueError naming what is missing or wrong."""
    version = str(found.get("version") or "v1")
    condition_id = _condition_id(str(found["conditionId"]), version)
    # A market that moves to the newer protocol may show both for a time; the version says which of them is traded.
    ids = "positionIds" if version == "v2" else "clobTokenIds"
    token_ids = _strings(found.get(ids))
    if len(token_ids) != 2 or not all(token.isdigit() for token in token_ids):
        raise ValueError(f"{ids} {found.get(ids)!r} are not two token ids")
    outcomes = _strings(found.get("outcomes")) or ["Yes", "No"]
    assumed = [field for field in ("orderPriceMinTickSize", "orderMinSize") if found.get(field) is None]
    neg_risk = bool(found.get("negRisk"))
    title = str(found.get("groupItemTitle") or "")
    return Market(
        id=condition_id,
        slug=clean(str(found.get("slug") or condition_id), 120),
        token_ids=(token_ids[0], token_ids[1]),
        outcomes=(clean(outcomes[0], 40), clean(outcomes[1], 40)),
        condition_id=condition_id,
        question=clean(str(found.get("question") or ""), 200),
        tick=parse_tick(_decimal(found.get("orderPriceMinTickSize", "0.01"))),
        min_order_size=parse_size(_decimal(found.get("orderMinSize", "5"))) or 5 * SHARE,
        neg_risk=neg_risk,
        fees=_fees(found),
        end_ns=_time_ns(found.get("endDate")),
        start_ns=_time_ns(found.get("gameStartTime")),
        taker_delay_ms=int(found.get("secondsDelay") or 0) * 1_000,
        group=_group(found) if neg_risk else None,
        placeholder=bool(found.get("negRiskOther")) or title.lower().startswith(_PLACEHOLDERS),
        accepting_orders=bool(found.get("acceptingOrders", True)) and not found.get("closed", False),
        version=version,
        assumed=tuple(assumed),
    )


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
    named = found.get("negRiskMarketID")
    if named:
        return str(named)
    slug = _event(found).get("slug")
    return str(slug) if slug else None


def _event(found: _Object) -> _Object:
    events: list[_Object] = found.get("events") or []
    return events[0] if events else {}


def _fees(found: _Object) -> Fees:
    schedule: _Object | None = found.get("feeSchedule")
    if not found.get("feesEnabled", schedule is not None) or schedule is None:
        return Fees()
    rate, rebate = (parse_size(_decimal(schedule.get(key, "0"))) for key in ("rate", "rebateRate"))
    return Fees(rate, int(float(_decimal(schedule.get("exponent", "1")))), rebate)


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


def _get_pages(client: httpx.Client, url: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
    objects: list[dict[str, Any]] = []
    for page in range(_PAGES_MAX):
        batch = _get_list(client, url, {**query, "limit": str(_PAGE), "offset": str(page * _PAGE)})
        objects += batch
        if len(batch) < _PAGE:
            return objects
    raise GammaError(f"{url} lists more than {_PAGES_MAX * _PAGE}: name the markets to trade")


def _get_list(client: httpx.Client, url: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
    try:
        answer = client.get(url, params=dict(query))
        if not answer.is_success:
            raise GammaError(f"{url} answered {answer.status_code} instead of a list")
        return msgspec.json.decode(answer.content, type=list[dict[str, Any]])
    except (httpx.HTTPError, msgspec.DecodeError) as error:
        raise GammaError(f"{url} did not answer with a list: {type(error).__name__}: {error}") from error
