"""The exchange as a machine: requests in, answers and frames out.

Why sans-I/O: no clock, no asyncio, no chance of its own. The time is an argument, every draw comes from the seed that
is given, and what is due happens at its own time however late the caller is. So a server can drive it in real time, a
proof in virtual time, and the same seed gives the same bytes.
"""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import msgspec

from sandbox import wire
from sandbox.channel import MarketChannel
from sandbox.faults import FAULTS, FaultError, Faults
from sandbox.log import Log
from sandbox.markets import Catalogue, Market
from sandbox.messages import Answer, Effect, HttpRequest, Request, Send, SocketClosed, SocketOpened, SocketText
from sandbox.reference import ReferenceChannel
from sandbox.rest.clob import public_routes
from sandbox.rest.gamma import Gamma
from sandbox.rest.routes import Routes
from sandbox.rest.site import Site
from sandbox.rest.tape import Tape
from sandbox.rewards import Rewards
from sandbox.schedule import Schedule
from sandbox.signing.typed_data import POLYGON, exchange_domain
from sandbox.trading.engine import Engine
from sandbox.trading.ledger import Ledger
from sandbox.units import MILLISECOND
from sandbox.venue import Venue
from sandbox.world.profiles import PROFILES, World
from sandbox.world.recording import Recording
from sandbox.world.replay import Replay
from sandbox.world.replay_markets import Facts, make_markets


class Exchange:
    """A local Polymarket: `populate` or `replay` gives it a world, then it lives by `handle` and `tick`."""

    def __init__(self) -> None:
        self.catalogue = Catalogue()
        self._schedule = Schedule()
        self._outbox: list[Effect] = []
        self._market_channel = MarketChannel(self.catalogue, self._schedule, self._outbox)
        self._references = ReferenceChannel(self._schedule, self._outbox)
        self._log = Log()
        self._ledger = Ledger(self._log)
        self._engine = Engine(self._ledger, self._log, self._schedule, Random(0), _spender_of)
        self._venue = Venue(self.catalogue, self._schedule, self._market_channel, self._engine)
        self._faults = Faults(self._venue)
        self._tape = Tape(self.catalogue, self._schedule)
        self._venue.on_print.append(self._tape.printed)
        self._rewards = Rewards(self.catalogue, self._engine, self._log, self._schedule, Random(0))
        self._clob = Routes(public_routes(self.catalogue, self._tape, self._rewards, protocol=2))
        self._gamma = Routes(Gamma(self.catalogue, self._tape).routes)
        self.site = Site()
        self._site = Routes(self.site.routes)
        self._replay: Replay | None = None
        self._channels: dict[int, str] = {}
        self._about: dict[str, Any] = {}

    def populate(self, profile: str, seed: int, now_ns: int, *, count: int | None = None) -> None:
        """Fill it with a generated world."""
        chosen = PROFILES[profile]
        self.introduce(profile=profile, seed=seed)
        self._engine.random.seed(seed)
        self._rewards.random.seed(seed)
        world = World(self._venue, self._references, Random(seed), seed, now_ns)
        chosen.build(world, chosen.count if count is None else count)
        self._begin(now_ns)

    def replay(self, recording: Recording, facts: tuple[Facts, ...], speed: float, now_ns: int) -> None:
        """Fill it with the markets of a recording, to be played when its tokens are subscribed."""
        markets = make_markets(recording, facts, now_ns)
        for market in markets.values():
            self._venue.list_market(market, now_ns)
        self._replay = Replay(self._venue, recording, markets, speed)
        self._begin(now_ns)

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
        """Do what is due, then take a request; an `HttpRequest` always gets exactly one `Answer`."""
        self._schedule.run(now_ns)
        if isinstance(request, HttpRequest):
            answer = self._answer(request, now_ns)
            if answer is not None:
                self._outbox.append(replace(answer, call=request.call))
        elif isinstance(request, SocketOpened):
            self._opened(request)
        elif isinstance(request, SocketText):
            self._said(request, now_ns)
        else:
            self._closed(request)
        return self._drain()

    def describe_markets(self) -> list[dict[str, Any]]:
        """What a bot needs to know of each market to find it."""
        return [_described(market) for market in self.catalogue.markets if not market.closed]

    def _begin(self, now_ns: int) -> None:
        self._tape.start(now_ns)
        self._rewards.start(now_ns)
        self._outbox.clear()

    def _drain(self) -> list[Effect]:
        effects = self._outbox.copy()
        self._outbox.clear()
        return effects

    def _answer(self, request: HttpRequest, now_ns: int) -> Answer | None:
        if request.service == "clob":
            return self._clob.answer(request, now_ns)
        if request.service == "gamma":
            return self._gamma.answer(request, now_ns)
        if request.service == "site":
            return self._site.answer(request, now_ns)
        if request.service == "control":
            return self._control(request, now_ns)
        return Answer(404, wire.encode({"error": "not found"}))

    def _control(self, request: HttpRequest, now_ns: int) -> Answer:
        call = (request.method, request.path)
        if call == ("GET", "/status"):
            return Answer(200, wire.encode(self._status(request.backlog, now_ns)))
        if call == ("GET", "/faults"):
            return Answer(200, wire.encode({name: {"says": f.says, "takes": f.takes} for name, f in FAULTS.items()}))
        if call == ("POST", "/faults"):
            try:
                return Answer(200, wire.encode(self._faults.throw(msgspec.json.decode(request.body), now_ns)))
            except (FaultError, msgspec.DecodeError) as error:
                return Answer(400, wire.encode({"error": str(error)}))
        return Answer(404, wire.encode({"error": "expected GET /status, GET /faults or POST /faults"}))

    def _status(self, backlog: int, now_ns: int) -> Mapping[str, Any]:
        status = {**self._about, "now_ms": now_ns // MILLISECOND, "backlog": backlog}
        if self._replay is not None:
            played = self._replay.played
            done = self._replay.done and not backlog
            status["replay"] = {"done": done, "frames": played, "total": self._replay.total}
        status["references"] = {name: reference.text for name, reference in self._references.references.items()}
        status["markets"] = [_described(market) for market in self.catalogue.markets]
        return status

    def _opened(self, request: SocketOpened) -> None:
        self._channels[request.connection] = request.channel
        if request.channel == "market":
            self._market_channel.opened(request.connection)
        elif request.channel == "reference":
            self._references.opened(request.connection)

    def _said(self, request: SocketText, now_ns: int) -> None:
        channel = self._channels.get(request.connection)
        if channel == "market":
            self._market_channel.said(request.connection, request.text, now_ns)
        elif channel == "reference":
            self._references.said(request.connection, request.text, now_ns)
        elif channel == "user" and request.text == "PING":
            # Nobody has an account here, and to wrong credentials the venue stays silent.
            self._outbox.append(Send((request.connection,), "PONG"))

    def _closed(self, request: SocketClosed) -> None:
        if self._channels.pop(request.connection, None) == "market":
            self._market_channel.closed(request.connection)
        else:
            self._references.closed(request.connection)


def _spender_of(market: Market) -> str:
    generation = 3 if market.version == "v2" else 2
    return exchange_domain(generation, POLYGON, neg_risk=market.event.neg_risk).verifying_contract


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
        "closed": market.closed,
    }
    if market.reference:
        described["reference"] = market.reference
    return described
