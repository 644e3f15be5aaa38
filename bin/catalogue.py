"""Where the venue is, and which of its markets an engine trades."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from ssl import SSLContext
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx
import msgspec
from loguru import logger
from msgspec.structs import replace

from actors.venues.polymarket.gamma import GammaError, fetch_catalogue, fetch_closed, glance_at_slugs, slugs_of_event
from models.markets import Catalogue, LeftOut, Market, is_called
from models.messages.base import MarketId
from models.messages.market import MarketResolved
from models.units import Price, format_price

if TYPE_CHECKING:
    from actors.assembly import Mode
    from actors.store.writer import Writer

_TIMEOUT_S: Final = 10.0
_SHOWN_MAX: Final = 5
_DROPPED: Final = "not named in `markets`; off, and kept for what is or was held there"
_LATE_NS: Final = 86_400_000_000_000
"""How long after its order a fill may still be told of."""


class VenueUnreachable(Exception):
    """The venue does not say what an engine has to know before it starts; asked again it may."""


class SeveralMarkets(Exception):
    """One market was meant, and the page that was given shows several. `slugs` names them."""

    def __init__(self, url: str, slugs: Sequence[str]) -> None:
        super().__init__(f"{url} shows {len(slugs)} markets")
        self.slugs = tuple(slugs)


class NothingToTrade(Exception):
    """All markets that an engine was told to trade are closed, and nothing is held in any of them."""

    def __init__(self, left_out: Sequence[LeftOut]) -> None:
        shown = "; ".join(f"{one.market.slug} is {one.reason}" for one in left_out[:_SHOWN_MAX])
        more = f"; and {len(left_out) - _SHOWN_MAX} more" if len(left_out) > _SHOWN_MAX else ""
        super().__init__(f"none of the markets to trade is open: {shown}{more}")


class ClosedMarket(Exception):
    """A market was named that has ended."""

    def __init__(self, left_out: LeftOut) -> None:
        super().__init__(f"{left_out.market.slug} is {left_out.reason}")


class UnknownMarket(Exception):
    """A market was named that the venue does not list. `hint` names the nearest ones."""

    def __init__(self, name: str, where: str, known: Sequence[str]) -> None:
        super().__init__(f"no open market {name!r} at {where}")
        near = get_close_matches(name, known, n=3, cutoff=0.4)
        self.hint = f"did you mean {' or '.join(near)}?" if near else ""


@dataclass(frozen=True)
class Endpoints:
    """Where the venue is. `reference_ws_url` and `status_url` are the sandbox's own; live needs the last three."""

    clob_url: str
    market_ws_url: str
    gamma_url: str
    reference_ws_url: str | None = None
    status_url: str | None = None
    user_ws_url: str = ""
    relayer_url: str = ""
    site_url: str = ""


class _SandboxEndpoints(msgspec.Struct):
    clob_url: str
    market_ws_url: str
    gamma_url: str
    reference_ws_url: str
    user_ws_url: str
    relayer_url: str
    site_url: str


class _SandboxMarket(msgspec.Struct):
    condition_id: str
    reference: str | None = None


class _SandboxStatus(msgspec.Struct):
    endpoints: _SandboxEndpoints
    markets: list[_SandboxMarket]


def sandbox_endpoints(url: str) -> Endpoints:
    """Ask a running sandbox where its services are. Raises VenueUnreachable."""
    status_url = f"{url.rstrip('/')}/sandbox/status"
    with _client() as client:
        where = _status(client, status_url).endpoints
    return Endpoints(
        where.clob_url, where.market_ws_url, where.gamma_url, where.reference_ws_url, status_url,
        where.user_ws_url, where.relayer_url, where.site_url,
    )  # fmt: skip


def read_catalogue(endpoints: Endpoints, names: Sequence[str]) -> Catalogue:
    """Return the markets that are named by slug or condition id, all without names; groups only where whole.

    Those named that are closed are left out: markets end, and a desk that names some must be able to start again.

    Raises:
        UnknownMarket: the venue does not know one of them.
        VenueUnreachable: it does not answer, or not with a catalogue.
    """
    with _client() as client:
        try:
            catalogue, skipped = fetch_catalogue(client, endpoints.gamma_url, names)
            missing = [name for name in names if catalogue.by_name(name) is None]
            ended = fetch_closed(client, endpoints.gamma_url, missing)
        except (GammaError, httpx.HTTPError) as error:
            raise VenueUnreachable(f"the catalogue cannot be read: {error}") from error
        left_out = tuple(LeftOut(market, _ended(pays)) for market, pays in ended)
        unknown = [name for name in missing if not any(is_called(one.market, name) for one in left_out)]
        if unknown:
            raise UnknownMarket(unknown[0], endpoints.gamma_url, _open_slugs(client, endpoints.gamma_url))
        references = _references(client, endpoints)
    for one in skipped:
        logger.bind(market=one.name).warning("left out: {}", one.reason)
    wanted = catalogue.markets if not names else _named(catalogue, names)
    return Catalogue(_following(wanted, references), catalogue.groups, left_out=left_out)


def find_market(endpoints: Endpoints, name: str) -> Market:
    """Return the one market of that slug, condition id, token, or page of the venue's site.

    Raises UnknownMarket, ClosedMarket, SeveralMarkets, or VenueUnreachable.
    """
    if not name.startswith(("https://", "http://")):
        wanted = name
    else:
        kind, _, slugs = urlsplit(name).path.strip("/").partition("/")
        wanted = slugs.rpartition("/")[2] if kind == "market" or "/" in slugs else _only_one(endpoints, name, slugs)
    found = read_catalogue(endpoints, (wanted,))
    for one in found.left_out:
        raise ClosedMarket(one)
    (market,) = found.markets.values()
    return market


def _only_one(endpoints: Endpoints, url: str, event: str) -> str:
    """Return the slug of the only market of an event that is still open."""
    with _client() as client:
        try:
            slugs = slugs_of_event(client, endpoints.gamma_url, event)
        except (GammaError, httpx.HTTPError) as error:
            raise VenueUnreachable(f"the catalogue cannot be read: {error}") from error
    if len(slugs) > 1:
        raise SeveralMarkets(url, slugs)
    return slugs[0] if slugs else event or url


class _Listed(msgspec.Struct):
    """What a person said of a market while an earlier engine ran."""

    slug: str
    traded: bool
    who: str


def with_listed(
    endpoints: Endpoints, catalogue: Catalogue, facts: Mapping[MarketId, str], concerned: Collection[MarketId] = ()
) -> Catalogue:
    """Return the catalogue with what people added while an earlier engine ran, and without what they removed.

    What was added and is closed by now is left out. What was removed, and is held after all or may have been traded, is
    there: off, as it was left. Every difference is logged. Raises VenueUnreachable.
    """
    markets, left_out = catalogue.markets.copy(), list(catalogue.left_out)
    for name, fact in facts.items():
        said = msgspec.json.decode(fact, type=_Listed)
        wanted = said.traded or name in concerned
        if wanted == (name in markets) or any(one.market.id == name for one in left_out):
            continue
        told = logger.bind(market=said.slug, who=said.who)
        if not wanted:
            del markets[name]
            told.warning("{} is left out: removed while an earlier engine ran; back with: keel markets add", said.slug)
            continue
        try:
            added = read_catalogue(endpoints, (name,))
        except UnknownMarket as error:
            told.warning("{} is left out, though added while an earlier engine ran: {}", said.slug, error)
            continue
        markets |= added.markets
        left_out += added.left_out
        if added.markets and said.traded:
            told.info("{} is traded too: added while an earlier engine ran; out with: keel markets remove", said.slug)
        elif added.markets:
            told.warning("{} was removed while an earlier engine ran: kept off for what may be held there", said.slug)
    groups = {name: group for name, group in catalogue.groups.items() if markets.keys() >= set(group.markets)}
    return Catalogue(markets, groups, left_out=tuple(left_out))


def catalogue_of(endpoints: Endpoints, named: Catalogue, writer: "Writer", mode: "Mode", now_ns: int) -> Catalogue:
    """Return what an engine begins with: what its configuration names, what people changed, what is still held.

    The database is told what its markets are called.

    Raises VenueUnreachable; NothingToTrade where all that is named has ended, and nothing of it is held.
    """
    from actors.store.rows import listed_prefix

    concerned = writer.markets_concerned(now_ns - _LATE_NS) if mode == "live" else set[MarketId]()
    catalogue = with_listed(endpoints, named, writer.facts(listed_prefix(mode)), concerned)
    catalogue = with_held(endpoints, catalogue, concerned)
    if catalogue.left_out and not catalogue.markets:
        raise NothingToTrade(catalogue.left_out)
    writer.name_markets({market.id: market.slug for market in catalogue.markets.values()})
    return catalogue


def resolved(catalogue: Catalogue, now_ns: int) -> Iterator[MarketResolved]:
    """Yield what was to be heard while no engine listened."""
    for market, payout_yes in catalogue.resolved.items():
        yield MarketResolved(market, payout_yes, now_ns)


def with_held(endpoints: Endpoints, catalogue: Catalogue, concerned: set[MarketId]) -> Catalogue:
    """Return the catalogue with those of some markets that have closed while no engine listened, or are not named.

    Their fills and payouts are still to come, risk counts what is held wherever it is, and nobody could read an account
    whose trades are of unknown markets. Those that are open are `kept`: off. Raises VenueUnreachable.
    """
    missing = sorted(concerned - catalogue.markets.keys())
    if not missing:
        return catalogue
    with _client() as client:
        try:
            closed = fetch_closed(client, endpoints.gamma_url, missing)
            ended = {market.id: market for market, _ in closed}
            still_open = [name for name in missing if name not in ended]
            found = fetch_catalogue(client, endpoints.gamma_url, still_open)[0].markets if still_open else {}
        except (GammaError, httpx.HTTPError) as error:
            raise VenueUnreachable(f"the catalogue cannot be read: {error}") from error
        dropped = _following(found, _references(client, endpoints) if found else {})
    for market in ended.values():
        logger.bind(market=market.slug).warning("closed while no engine listened: kept for what is held there")
    for name in still_open:
        if name not in dropped:
            logger.bind(market=name).error("the venue does not list it: what is held there is counted nowhere")
    left_out = (
        replace(one, reason=f"{one.reason}; kept for what is held there") if one.market.id in ended else one
        for one in catalogue.left_out
    )
    return replace(
        catalogue,
        markets=catalogue.markets | ended | dropped,
        resolved={market.id: pays for market, pays in closed if pays is not None},
        left_out=(*left_out, *(LeftOut(market, _DROPPED) for market in dropped.values())),
        kept=tuple(dropped),
    )


def _ended(pays: Price | None) -> str:
    """Say of a market that it has ended, and how."""
    return "closed, and not decided yet" if pays is None else f"closed: YES pays {format_price(pays)}"


def _open_slugs(client: httpx.Client, gamma_url: str) -> Sequence[str]:
    """Return slugs among which that of a wrong name may be; none where they cannot be had: they are only a hint."""
    try:
        return glance_at_slugs(client, gamma_url)
    except (GammaError, httpx.HTTPError):
        return ()


def _named(catalogue: Catalogue, names: Sequence[str]) -> dict[MarketId, Market]:
    """Return the markets of these names, in their order, each once."""
    found = (catalogue.by_name(name) for name in names)
    return {market.id: market for market in found if market is not None}


def _following(markets: Mapping[MarketId, Market], references: Mapping[MarketId, str]) -> dict[MarketId, Market]:
    """Return the markets with the outside price that each is known to follow."""
    return {
        name: replace(market, reference=references[name]) if name in references else market
        for name, market in markets.items()
    }


def _references(client: httpx.Client, endpoints: Endpoints) -> dict[MarketId, str]:
    """Return which outside price each market of a sandbox follows; the venue itself does not say it."""
    if endpoints.status_url is None:
        return {}
    listed = _status(client, endpoints.status_url).markets
    return {market.condition_id: market.reference for market in listed if market.reference is not None}


def _status(client: httpx.Client, url: str) -> _SandboxStatus:
    try:
        return msgspec.json.decode(client.get(url).raise_for_status().content, type=_SandboxStatus)
    except (httpx.HTTPError, msgspec.DecodeError) as error:
        raise VenueUnreachable(f"no sandbox answers at {url}: {error}") from error


def _client() -> httpx.Client:
    return httpx.Client(timeout=_TIMEOUT_S, verify=_trusted(), trust_env=False)


@cache
def _trusted() -> SSLContext:
    """Return what says whom to trust: to read all certificate authorities takes 25 ms."""
    return httpx.create_ssl_context(trust_env=False)
