"""The exchange as a machine: requests in, answers and frames out.

Why sans-I/O: no clock, no asyncio, no chance of its own. The time is an argument, every draw comes from the seed that
is given, and what is due happens at its own time however late the caller is. So a server can drive it in real time, a
proof in virtual time, and the same seed gives the same bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final, Literal, Protocol, TypeAlias

from sandbox.accounts import Accounts
from sandbox.channel import MarketChannel
from sandbox.faults.impairments import Impairments, Outbox
from sandbox.faults.plan import Plan
from sandbox.faults.switchboard import Faults, Parts
from sandbox.limits import TIERS, IpWindows, SignerBuckets
from sandbox.log import Log
from sandbox.markets import Catalogue, Market
from sandbox.messages import (
    Answer,
    Channel,
    Effect,
    HttpRequest,
    Request,
    Service,
    SocketClosed,
    SocketOpened,
    SocketText,
)
from sandbox.modes import Modes
from sandbox.reference import ReferenceChannel
from sandbox.rest.chain import Chain
from sandbox.rest.clob import public_routes
from sandbox.rest.gamma import Gamma
from sandbox.rest.refusals import Refused
from sandbox.rest.relayer import Relayer
from sandbox.rest.relayer_keys import RelayerKeys, named
from sandbox.rest.routes import Routes, json_answer
from sandbox.rest.rpc import Rpc
from sandbox.rest.settings import Settings
from sandbox.rest.site import Site
from sandbox.rest.tape import Tape
from sandbox.rest.trading import Trading
from sandbox.rewards import Rewards
from sandbox.schedule import Schedule
from sandbox.tiers import Tiers
from sandbox.trading.contracts import Contracts
from sandbox.trading.engine import Engine
from sandbox.trading.ledger import Ledger
from sandbox.trading.mempool import Mempool
from sandbox.trading.relaying import Relaying
from sandbox.units import MILLISECOND, SHARE
from sandbox.user_channel import UserChannel
from sandbox.venue import Venue
from sandbox.world.profiles import PROFILES, World
from sandbox.world.questions import Issuer
from sandbox.world.recording import Recording
from sandbox.world.replay import Replay
from sandbox.world.replay_markets import Facts, make_markets

Protocols: TypeAlias = Literal["1", "2", "3", "mixed"]

_GENERATION: Final[Mapping[Protocols, Literal[1, 2]]] = {"1": 1, "2": 2, "3": 2, "mixed": 2}
"""What `/version` says: the third generation belongs to markets, not to the venue."""
_VERSIONS: Final[Mapping[Protocols, Literal["v1", "v2", "mixed"]]] = {
    "1": "v1", "2": "v1", "3": "v2", "mixed": "mixed",
}  # fmt: skip
_FAULT_CALLS: Final = (("GET", "/faults"), ("POST", "/faults"), ("DELETE", "/faults"), ("DELETE", "/faults/*"))


class Sockets(Protocol):
    """All sockets of one channel."""

    def opened(self, connection: int) -> None:
        """Take a new socket."""
        ...

    def said(self, connection: int, text: str, now_ns: int) -> None:
        """Take a client's text."""
        ...

    def closed(self, connection: int) -> None:
        """Forget a socket."""
        ...


@dataclass(frozen=True, slots=True)
class Setup:
    """How an exchange is set up; `seed` decides all of its chance.

    `protocol` is the generation of orders that its markets take; in a mixed world some take 2 and some 3.
    `accounts` are made with `account_cash` micro-dollars each, the first ones of `signature_types`, the others with
    deposit wallets. `clock_tolerance_s` is how far a caller's timestamp may be off, None for any: what a clock that
    does not run with everybody else's needs. `tier` is the accounts' rate tier.
    """

    seed: int = 1
    protocol: Protocols = "2"
    accounts: int = 2
    signature_types: tuple[int, ...] = (0,)
    account_cash: int = 10_000 * SHARE
    clock_tolerance_s: int | None = 30
    tier: str = "Standard"


class Exchange:
    """A local Polymarket: `populate` or `replay` gives it a world, then it lives by `handle` and `tick`."""

    def __init__(self, setup: Setup = Setup()) -> None:
        self.catalogue = Catalogue()
        self.log = Log()
        self.accounts = Accounts(Ledger(self.log), f"seed {setup.seed}", protocol=_GENERATION[setup.protocol])
        self._setup = setup
        self._schedule = Schedule()
        impairments = Impairments(self._schedule)
        self._outbox = Outbox(impairments)
        self._channels: dict[int, Channel] = {}
        self._about: dict[str, Any] = {"seed": setup.seed, "protocol": setup.protocol}
        self._replay: Replay | None = None
        self._market_channel = MarketChannel(self.catalogue, self._schedule, self._outbox, impairments)
        self._references = ReferenceChannel(self._schedule, self._outbox)
        self.engine = Engine(
            self.accounts.ledger, self.log, self._schedule, self._random("engine"), self.accounts.spender
        )
        self._venue = Venue(self.catalogue, self._schedule, self._market_channel, self.engine)
        self._contracts = Contracts(self.accounts.ledger, self.catalogue)
        self._relaying = Relaying(self._contracts, self.log, self._schedule, self._random("relayer"))
        self._mempool = Mempool(self._contracts, self.log, self._schedule, self._random("mempool"))
        self._user_channel = UserChannel(
            self.accounts, self.engine, self._schedule, self._random("user channel"), self._outbox
        )
        self._modes = Modes(self.log, self._schedule)
        self._buckets = SignerBuckets()
        self._tiers = Tiers(self.accounts, self.engine, self._buckets, self.log, self._schedule)
        self._windows = IpWindows()
        self._tape = Tape(self.catalogue, self._schedule)
        self._venue.on_print.append(self._tape.printed)
        self._rewards = Rewards(self.catalogue, self.engine, self.log, self._schedule, self._random("rewards"))
        self._sockets: dict[Channel, Sockets] = {
            "market": self._market_channel, "user": self._user_channel, "reference": self._references
        }  # fmt: skip
        self._services = self._make_services()

    def _make_services(self) -> dict[Service, Routes]:
        trading = Trading(
            self.accounts, self._venue, self._rewards, self._buckets, self._modes, self.log,
            self._random("heartbeats"), self._reply,
        )  # fmt: skip
        trading.auth.tolerance_s = self._setup.clock_tolerance_s
        public = public_routes(self.catalogue, self._tape, self._rewards, _GENERATION[self._setup.protocol])
        self._faults = Faults(
            Parts(
                self._venue, self._user_channel, self.accounts, self._modes, self._buckets, trading.heartbeats,
                self._schedule, self.log, self._outbox, self._random("faults"), self._relaying,
            )
        )  # fmt: skip
        site = Site()
        relayer_keys = RelayerKeys(self.accounts, self.log, tolerance_s=self._setup.clock_tolerance_s)
        control = {
            ("GET", "/status"): lambda request, now_ns: json_answer(self._status(request.backlog, now_ns)),
            **dict.fromkeys(_FAULT_CALLS, self._faults.answer),
            **Chain(self.accounts, self.catalogue, self.engine, self._buckets, self.log).routes,
            **Settings(self._windows, self._buckets, site, self.log).routes,
        }
        return {
            "clob": Routes(public, trading.routes),
            "gamma": Routes(Gamma(self.catalogue, self._tape).routes),
            "relayer": Routes(Relayer(self.accounts, self._relaying, relayer_keys).routes),
            "rpc": Routes(Rpc(self.accounts, self._contracts, self._mempool).routes),
            "site": Routes(site.routes),
            "control": Routes(control),
        }

    def populate(self, profile: str, now_ns: int, *, count: int | None = None, reacts: bool = True) -> None:
        """Fill it with a generated world, whose participants see what accounts do unless `reacts` is false."""
        chosen = PROFILES[profile]
        self.introduce(profile=profile)
        seed = self._setup.seed
        issuer = Issuer(seed, _VERSIONS[self._setup.protocol])
        world = World(self._venue, self._references, Random(seed), issuer, now_ns, reacts)
        chosen.build(world, chosen.count if count is None else count)
        self._begin(now_ns)

    def replay(self, recording: Recording, facts: tuple[Facts, ...], speed: float, now_ns: int) -> None:
        """Fill it with the markets of a recording, to be played when its tokens are subscribed."""
        markets = make_markets(recording, facts, now_ns)
        for market in markets.values():
            self._venue.list_market(market, now_ns)
        self._replay = Replay(self._venue, recording, markets, speed)
        self._begin(now_ns)

    def go_wrong(self, plan: str, now_ns: int) -> None:
        """Let a named plan throw switches from now on, as the seed decides."""
        self.introduce(faults=plan)
        Plan(plan, self._setup.seed).arm(self._schedule, self._faults, now_ns)

    def introduce(self, **facts: Any) -> None:
        """Add what the shell knows (addresses, clock speed) to the status."""
        self._about |= facts

    @property
    def next_event_at(self) -> int | None:
        """When `tick` has something to do, in nanoseconds; None when nothing is planned."""
        return self._schedule.next_due

    @property
    def is_replay(self) -> bool:
        """Whether its frames are a recording's, none of which may be dropped."""
        return self._replay is not None

    def tick(self, now_ns: int) -> list[Effect]:
        """Do what is due."""
        self._schedule.run(now_ns)
        return self._drain()

    def handle(self, request: Request, now_ns: int) -> list[Effect]:
        """Do what is due, then take a request; an `HttpRequest` gets exactly one `Answer`, from here or from a tick."""
        self._schedule.run(now_ns)
        if isinstance(request, HttpRequest):
            self._called(request, now_ns)
        elif isinstance(request, SocketOpened):
            self._opened(request, now_ns)
        elif isinstance(request, SocketText):
            self._said(request, now_ns)
        else:
            self._closed(request, now_ns)
        return self._drain()

    def describe_accounts(self) -> list[dict[str, Any]]:
        """What a bot needs to trade for each account, its private key included."""
        return self.accounts.describe()

    def describe_markets(self) -> list[dict[str, Any]]:
        """What a bot needs to know of each market to find it."""
        return [_described(market) for market in self.catalogue.markets if not market.closed]

    def _random(self, purpose: str) -> Random:
        return Random(f"{self._setup.seed}/{purpose}")

    def _begin(self, now_ns: int) -> None:
        setup = self._setup
        self.accounts.make_default(setup.accounts, setup.account_cash, now_ns, setup.signature_types)
        for account in self.accounts:
            self._buckets.assign(account.address, TIERS[setup.tier], now_ns)
        self._tape.start(now_ns)
        self._rewards.start(now_ns)
        self._tiers.start(now_ns)
        self._outbox.clear()

    def _drain(self) -> list[Effect]:
        effects = self._outbox.copy()
        self._outbox.clear()
        return effects

    def _reply(self, answer: Answer) -> None:
        self._faults.calls.leave(answer)

    def _called(self, request: HttpRequest, now_ns: int) -> None:
        """Let a call through to its service, unless it is lost or answered on the way."""
        if request.service == "control":
            self._serve(request, now_ns)
            return
        account = request.headers.get("poly_address", "") or named(request)
        self.log.write(
            now_ns, "request", service=request.service, method=request.method, path=request.path, account=account
        )
        self._faults.calls.enter(request, now_ns, self._queue)

    def _queue(self, request: HttpRequest, now_ns: int) -> None:
        """Let a call have its service after the time that it has to wait for."""
        try:
            wait_ns = self._windows.delay_ns(request.method, request.path, request.service, now_ns)
        except Refused as refused:
            self._reply(replace(refused.answer, call=request.call))
            return
        if wait_ns:
            self._schedule.at(now_ns + wait_ns, lambda due_ns: self._serve(request, due_ns))
        else:
            self._serve(request, now_ns)

    def _serve(self, request: HttpRequest, now_ns: int) -> None:
        answer = self._services[request.service].answer(request, now_ns)
        if answer is not None:
            self._reply(replace(answer, call=request.call))

    def _status(self, backlog: int, now_ns: int) -> Mapping[str, Any]:
        status = {**self._about, "now_ms": now_ns // MILLISECOND, "backlog": backlog}
        if self._replay is not None:
            played = self._replay.played
            done = self._replay.done and not backlog
            status["replay"] = {"done": done, "frames": played, "total": self._replay.total}
        status["references"] = {name: reference.text for name, reference in self._references.references.items()}
        status["markets"] = [_described(market) for market in self.catalogue.markets]
        return status

    def _opened(self, request: SocketOpened, now_ns: int) -> None:
        self._channels[request.connection] = request.channel
        self.log.write(now_ns, "socket", connection=request.connection, channel=request.channel, what="opened")
        self._market_channel.impairments.opened(request, now_ns)
        self._sockets[request.channel].opened(request.connection)

    def _said(self, request: SocketText, now_ns: int) -> None:
        channel = self._channels.get(request.connection)
        if channel is not None:
            self._sockets[channel].said(request.connection, request.text, now_ns)

    def _closed(self, request: SocketClosed, now_ns: int) -> None:
        channel = self._channels.pop(request.connection, None)
        if channel is not None:
            self.log.write(now_ns, "socket", connection=request.connection, channel=channel, what="closed")
            self._market_channel.impairments.closed(request.connection)
            self._sockets[channel].closed(request.connection)


def _described(market: Market) -> dict[str, Any]:
    described: dict[str, Any] = {
        "slug": market.slug,
        "condition_id": market.condition_id,
        "token_ids": market.token_ids,
        "outcomes": market.outcomes,
        "event": market.event.slug,
        "neg_risk": market.event.neg_risk,
        "tick_size": market.tick_text,
        "min_order_size": market.min_order_size_text,
        "version": market.version,
        "closed": market.closed,
    }
    if market.reference:
        described["reference"] = market.reference
    return described
