"""Markets that come and go while the others trade on: what `keel markets add` and `remove` do in a running engine.

Why the database and not the configuration remembers it: the file is a person's, and every mode reads the same one. What
was said here holds for runs of this mode until it is said otherwise here, and a start names what it brings back.

Why a market that is decided on together with others is neither added nor removed: its group is the unit of a strategy,
of a bundle's reservation and of an event's worst case, and none of these can be taken over half by half.

Why a removed market stays on the board until the restart: what it won and lost is part of the figures of this run.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Final, Protocol

from actors.assembly import Assembly
from actors.control.ports import Listed, Refused, View
from actors.runtime.clock import monotonic_ns
from actors.runtime.directory import Directory
from actors.system import ADDED_MAX, System
from actors.topology import Topology
from bin.catalogue import ClosedMarket, Endpoints, SeveralMarkets, UnknownMarket, VenueUnreachable, find_market
from bin.cautions import sizes_refused
from bin.feeds import MarketFeeds
from bin.standing import announced, waited
from models.answers import plural
from models.markets import Catalogue, Market
from models.messages.base import MarketId, Message
from models.messages.catalogue import MarketListed
from models.messages.control import SetOperatorState
from models.snapshot import Board, MarketLine
from models.text import clean
from models.words import shares_text

if TYPE_CHECKING:
    from actors.live import Live

_NAME_MAX: Final = 300
_RESTART: Final = "name it in `markets` of the configuration and restart"
_SHOWN_MAX: Final = 5


class Engine(Protocol):
    """The part of an engine that this needs."""

    @property
    def board(self) -> View: ...
    def now_ns(self) -> int: ...
    def tell(self, message: Message) -> object: ...


@dataclass(frozen=True)
class Parts:
    """Those of an engine who know its markets besides its feeds and its account."""

    endpoints: Endpoints
    assembly: Assembly
    topology: Topology
    system: System
    directory: Directory


class RunningMarkets:
    """Adds and removes markets, one at a time."""

    def __init__(self, engine: Engine, parts: Parts, feeds: MarketFeeds, live: "Live | None") -> None:
        self._engine = engine
        self._parts = parts
        self._feeds = feeds
        self._live = live
        self._added = 0
        self._lock = Lock()

    def add(self, name: str, who: str, timeout_s: float, *, dry_run: bool) -> Listed:
        """Trade a market too, by slug, page, condition id or token; done when its actors stand.

        Raises Refused: `not_found`, `usage` (a page of several markets), `failure` (the venue does not say it),
        `refused`, `timeout`.
        """
        with self._alone(timeout_s) as left_s:
            market = self._found(clean(name, _NAME_MAX))
            line = self._engine.board.look().markets.get(market.id)
            if line is not None and not line.removed:
                how = "is traded already" if line.on else "is here already, and off: keel markets on"
                return Listed(market.id, market.slug, (f"{market.slug} {how}",), False, dry_run)
            self._require(market)
            if not dry_run:
                self._add(market, who, left_s)
            said = "would be added" if dry_run else "added: its actors stand, its book is asked for"
            return Listed(market.id, market.slug, (f"{market.slug} {said}", *self._cautions(market)), True, dry_run)

    def remove(self, market: MarketId, who: str, timeout_s: float, *, dry_run: bool) -> Listed:
        """Switch a market off, and forget it once it is flat and has nothing open, unknown or unsettled.

        Raises Refused: `not_found`, `refused` with what it still holds, `timeout`.
        """
        with self._alone(timeout_s) as left_s:
            board = self._engine.board.look()
            line = board.markets.get(market)
            if line is None:
                raise Refused("not_found", f"no market {clean(market, 80)!r}", "list them with: keel markets list")
            slug = line.market.slug
            if line.removed:
                return Listed(market, slug, (f"{slug} is removed already",), False, dry_run)
            self._require_alone(line.market)
            if not dry_run:
                self._remove(line.market, who, left_s)
                return Listed(
                    market, slug, (f"{slug} removed, also for later runs: nobody serves or hears it",), True, False
                )
            return Listed(market, slug, (_would(board, line),), True, True)

    @contextmanager
    def _alone(self, timeout_s: float) -> Generator[float]:
        """Wait for whoever adds or removes another; yield what is left of the time. Raises Refused."""
        began_ns = monotonic_ns()
        if not self._lock.acquire(timeout=timeout_s):
            why = "another market is being added or removed: nothing was done"
            raise Refused("refused", why, "ask again", retryable=True)
        try:
            yield max(0.0, timeout_s - (monotonic_ns() - began_ns) / 1e9)
        finally:
            self._lock.release()

    # Adding

    def _found(self, name: str) -> Market:
        try:
            return find_market(self._parts.endpoints, name)
        except UnknownMarket as error:
            raise Refused("not_found", str(error), error.hint) from error
        except ClosedMarket as error:
            raise Refused("refused", str(error)) from error
        except SeveralMarkets as error:
            more = ", ..." if len(error.slugs) > _SHOWN_MAX else ""
            raise Refused("usage", str(error), f"name one: {', '.join(error.slugs[:_SHOWN_MAX])}{more}") from error
        except VenueUnreachable as error:
            raise Refused("failure", str(error), retryable=True) from error

    def _require(self, market: Market) -> None:
        """Refuse what would not be traded, or cannot be taken in while the engine runs."""
        parts, catalogue = self._parts, self._parts.assembly.plan.catalogue
        if not market.accepting_orders:
            raise Refused("refused", f"the venue takes no orders in {market.slug}", "try again when it does")
        if self._added >= ADDED_MAX:
            raise Refused("refused", f"{ADDED_MAX} markets were added since the start", "restart to have more")
        others = (one for one in catalogue.markets.values() if one.group == market.group and one.id != market.id)
        beside = None if market.group is None else next(others, None)
        if beside is not None:
            why = f"{market.slug} is of the same event as {beside.slug}: what both can lose is counted as one"
            raise Refused("refused", why, _RESTART)
        apart = parts.assembly.why_not_alone(
            Catalogue({**catalogue.markets, market.id: market}, catalogue.groups), market
        )
        if apart:
            raise Refused("refused", f"{market.slug}: {apart}", _RESTART)
        if self._live is None:
            return
        from actors.venues.polymarket.orders import SigningRefused  # it brings what signs, which paper never loads

        try:
            self._live.require(market)
        except SigningRefused as error:
            raise Refused("refused", f"orders in {market.slug} cannot be signed: {error}") from error

    def _cautions(self, market: Market) -> Iterator[str]:
        """Say what will keep a desk from trading there."""
        yield from sizes_refused(self._parts.assembly.plan.parameters, Catalogue({market.id: market}))
        if not self._feeds.follows(market.reference):
            yield f"it follows {market.reference}, which nobody listens to before the restart"

    def _add(self, market: Market, who: str, timeout_s: float) -> None:
        """Have it known to all, then served, then heard: a book that nobody serves would be lost."""
        parts = self._parts
        self._added += 1
        if self._live is not None:
            self._live.add(market)
        parts.assembly.take_in(market)
        self._engine.tell(self._said(market, who, traded=True))
        # Told before all of them stand, they would miss it: so nothing is, and all is said again when they do.
        connect = partial(self._connect, market)
        if not announced(parts.assembly, parts.directory, (market.id,), waited, timeout_s, stood=connect):
            late = f"the actors of {market.slug} did not start within {timeout_s:g} s"
            raise Refused("timeout", late, "see the log; keel markets remove takes it out again", retryable=True)
        self._feeds.hear(market, parts.system, parts.directory)

    def _connect(self, market: Market) -> None:
        for tag in self._parts.assembly.plan.desks:
            self._parts.topology.add(tag, market.id, market.reference)

    # Removing

    def _require_alone(self, market: Market) -> None:
        for groups in self._parts.assembly.groups.values():
            for name, members in groups.items():
                if market.id in members and len(members) > 1:
                    why = f"{market.slug} is decided on together with {len(members) - 1} more, as {name}"
                    raise Refused("refused", why, "switch it off; leave it out of `markets`, and restart")

    def _remove(self, market: Market, who: str, timeout_s: float) -> None:
        """Switch it off, wait until nobody serves it, have risk hold it off for good, and then hear it no more."""
        parts, slug, board = self._parts, market.slug, self._engine.board
        request = f"remove-{market.id}-{self._engine.now_ns()}"
        if board.look().markets[market.id].on:
            self._engine.tell(SetOperatorState("off", market.id, request, who))
            board.wait_for(lambda seen: request in seen.commands, timeout_s)
        names = [part.name for part in parts.assembly.market_parts(market.id)]

        def served() -> bool:
            return any(parts.directory.find(name) is not None for name in names)

        waited(lambda: not served() or _is_held(board.look(), market.id), timeout_s)
        if served():
            kept = "; ".join(_keeping(board.look(), market.id)) or "its actors have not stopped yet"
            hint = f"wait and ask again, or: keel markets on {slug}; keel flatten {slug}; keel markets remove {slug}"
            raise Refused(
                "refused", f"{slug} is off, marked and settled until it is flat: {kept}", hint, retryable=True
            )
        parts.topology.remove(market.id)
        self._engine.tell(self._said(market, who, traded=False))
        _, removed = board.wait_for(lambda seen: seen.markets[market.id].removed, timeout_s)
        if not removed:
            self._connect(market)
            raise Refused("timeout", f"risk does not let go of {slug}: something came late", retryable=True)
        self._feeds.forget(market, parts.directory)

    def _said(self, market: Market, who: str, *, traded: bool) -> MarketListed:
        return MarketListed(market, traded, self._parts.assembly.plan.mode, who, self._engine.now_ns())


def _would(board: Board, line: MarketLine) -> str:
    """Say what removing a market would do."""
    slug, orders = line.market.slug, len(board.open_orders(line.market.id))
    cancelled = f"{plural(orders, 'order')} cancelled, " if orders else ""
    held = any(board.holding(line.market.id))
    when = f"but removed only when it is flat: {next(_keeping(board, line.market.id))}" if held else "and removed"
    return f"{slug} would be switched off, {cancelled}{when}"


def _is_held(board: Board, market: MarketId) -> bool:
    """Whether something is held, and nothing is under way that could change that."""
    line, held = board.markets[market], any(board.holding(market))
    waits = any(desk.position.provisional or desk.position.merging for desk in board.desks_of(market))
    return held and not line.on and not waits and not board.open_orders(market)


def _keeping(board: Board, market: MarketId) -> Iterator[str]:
    """Say what keeps a market from being removed."""
    held = board.holding(market)
    legs = [f"{shares_text(size)} {token}" for size, token in zip(held, ("YES", "NO"), strict=True) if size]
    if legs:
        yield f"holding {' and '.join(legs)}"
    orders = board.open_orders(market)
    if orders:
        yield f"{plural(len(orders), 'order')} open"
    waiting = sum(len(desk.position.provisional) for desk in board.desks_of(market))
    if waiting:
        yield f"{plural(waiting, 'fill')} not settled"
    if any(desk.position.merging for desk in board.desks_of(market)):
        yield "merging pairs"
