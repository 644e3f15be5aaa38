"""`bin/prove venue`: the sandbox's own claims, checked over hours of virtual time from a client's side of its wire.

It drives an `Exchange` in process from event to event, subscribes to all that is listed, fetches books by REST every
virtual minute, and holds everything against its own arithmetic (`witness`). Then it measures what the wire looked like
(`statistics`) and compares it with the recordings (`ranges`).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from research.prove.frames import Market
from research.prove.ranges import RANGES
from research.prove.statistics import Statistics
from research.prove.witness import Findings, Witness
from sandbox.exchange import Exchange, Setup
from sandbox.messages import Answer, Effect, HttpRequest, Send, SocketOpened, SocketText

SCHEMA: Final = "keel.prove.venue/1"
_BEGIN_NS: Final = 1_790_000_100_000_000_000
_SECOND: Final = 1_000_000_000
_MINUTE: Final = 60 * _SECOND
_SAMPLE_NS: Final = 7 * _SECOND
_LOSSY: Final = ("demo", "adverse")
_CONNECTION: Final = 1
_FETCHED: Final = 40
"""Markets whose books are fetched by REST each minute, one after the other."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One measure of a run."""

    measure: str
    measured: str
    value: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        """Whether the value lies in its range."""
        return self.low <= self.value <= self.high


@dataclass(frozen=True, slots=True)
class Report:
    """What a run found."""

    profile: str
    seed: int
    hours: float
    frames: int
    findings: Findings
    verdicts: tuple[Verdict, ...]

    @property
    def holds(self) -> bool:
        """Whether every claim held and every measure is in its range."""
        return not self.findings.wrong and all(verdict.holds for verdict in self.verdicts)


class Proof:
    """One exchange, one client that sees everything, and the time between them."""

    def __init__(self, profile: str, seed: int, count: int | None) -> None:
        self.exchange = Exchange(Setup(seed=seed))
        self.exchange.populate(profile, _BEGIN_NS, count=count)
        self.now_ns = _BEGIN_NS
        self.statistics = Statistics()
        self.witness = Witness(self.statistics, lossy=profile in _LOSSY)
        self.frames = 0
        self._calls = 0
        self._fetched = 0
        self._take(self.exchange.handle(SocketOpened(_CONNECTION, "market"), self.now_ns))
        tokens = [t.id for d in self.exchange.describe_markets() for t in self.witness.learn(d).tokens]
        self._say({"assets_ids": tokens, "type": "market", "custom_feature_enabled": True})

    def run(self, hours: float, told: Callable[[float], object]) -> None:
        """Let time pass; `told` hears which share of it is over."""
        begin_ns, end_ns = self.now_ns, self.now_ns + round(hours * _MINUTE * 60)
        while self.now_ns < end_ns:
            for _ in range(6):
                self._advance(min(self.now_ns + _SAMPLE_NS, end_ns))
                for market in self.witness.markets.values():
                    self.statistics.sample(market)
            self._fetch()
            self._conserve()
            told((self.now_ns - begin_ns) / (end_ns - begin_ns))
        self._fetched = 0
        self._fetch(everything=True)

    def _advance(self, end_ns: int) -> None:
        while (due_ns := self.exchange.next_event_at) is not None and due_ns <= end_ns:
            self.now_ns = max(self.now_ns, due_ns)
            self._take(self.exchange.tick(self.now_ns))
            for market in tuple(self.witness.astray.values()):
                self._refetch(market)
            if self.witness.news:
                self._join()
        self.now_ns = end_ns

    def _take(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send) and isinstance(effect.text, str) and effect.text[0] in "[{":
                frame = msgspec.json.decode(effect.text)
                for one in frame if isinstance(frame, list) else [frame]:
                    self.frames += 1
                    self.witness.see(effect.text, one, self.now_ns)

    def _join(self) -> None:
        news, self.witness.news = self.witness.news, []
        listed = {market["condition_id"]: market for market in self.exchange.describe_markets()}
        for frame in news:
            market = self.witness.learn(listed[frame["market"]])
            self._say({"assets_ids": [token.id for token in market.tokens], "operation": "subscribe"})

    def _say(self, frame: Mapping[str, Any]) -> None:
        self._take(self.exchange.handle(SocketText(_CONNECTION, json.dumps(frame)), self.now_ns))

    def _book(self, token_id: str) -> Mapping[str, Any] | None:
        self._calls += 1
        call = HttpRequest("clob", "GET", "/book", {"token_id": [token_id]}, call=self._calls)
        effects = self.exchange.handle(call, self.now_ns)
        self._take(effects)
        answers = [effect for effect in effects if isinstance(effect, Answer) and effect.status == 200]
        return msgspec.json.decode(answers[0].body) if answers else None

    def _refetch(self, market: Market) -> None:
        books = tuple(self._book(token.id) for token in market.tokens)
        if books[0] is not None and books[1] is not None:
            self.witness.refetched(market, (books[0], books[1]))
        else:
            self.witness.astray.pop(market.id)

    def _fetch(self, *, everything: bool = False) -> None:
        markets = [market for market in self.witness.markets.values() if not market.winner]
        for number in range(len(markets) if everything else min(_FETCHED, len(markets))):
            market = markets[(self._fetched + number) % len(markets)]
            for token in market.tokens:
                book = self._book(token.id)
                if book is not None and token.told and market.id not in self.witness.astray:
                    self.witness.compare(token, book)
        self._fetched += _FETCHED

    def _conserve(self) -> None:
        """Hold the ledger's sums: no micro-dollar and no token is made or lost."""


def prove(profile: str, hours: float, seed: int, count: int | None, told: Callable[[float], object]) -> Report:
    """Run a profile and judge it."""
    proof = Proof(profile, seed, count)
    proof.run(hours, told)
    seconds = hours * 3_600
    verdicts = tuple(
        Verdict(row.measure, row.measured, row.take(proof.statistics), row.low, row.high)
        for row in RANGES[profile]
        if seconds >= row.needs_s
    )
    return Report(profile, seed, hours, proof.frames, proof.witness.findings, verdicts)
