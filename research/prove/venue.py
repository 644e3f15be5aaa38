"""`bin/prove venue`: the sandbox's own claims, checked over hours of virtual time from a client's side of its wire.

It drives an `Exchange` in process from event to event, subscribes to all that is listed, fetches books by REST every
virtual minute, and holds everything against its own arithmetic (`witness`). Then it measures what the wire looked like
(`statistics`) and compares it with the recordings (`ranges`).
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from research.prove.frames import ONE, Market
from research.prove.ranges import RANGES
from research.prove.statistics import Statistics
from research.prove.traders import Trader
from research.prove.witness import Findings, Witness
from sandbox.exchange import Exchange, Setup
from sandbox.messages import Answer, Effect, HttpRequest, Send, SocketOpened, SocketText

SCHEMA: Final = "keel.prove.venue/1"
_BEGIN_NS: Final = 1_790_000_100_000_000_000
_SECOND: Final = 1_000_000_000
_MINUTE: Final = 60 * _SECOND
_SAMPLES: Final = 8
"""Looks at every book in a minute."""
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
    orders: int
    refused: Mapping[str, int]
    """Orders of the scripted accounts that were not taken, by the venue's text."""
    findings: Findings
    verdicts: tuple[Verdict, ...]

    @property
    def holds(self) -> bool:
        """Whether every claim held and every measure is in its range."""
        return not self.findings.wrong and all(verdict.holds for verdict in self.verdicts)


class Proof:
    """One exchange, one client that sees everything, and the time between them."""

    def __init__(self, profile: str, seed: int, count: int | None, orders: float) -> None:
        self.exchange = Exchange(Setup(seed=seed))
        self.exchange.populate(profile, _BEGIN_NS, count=count)
        self.now_ns = _BEGIN_NS
        self.statistics = Statistics()
        self.witness = Witness(self.statistics, lossy=profile in _LOSSY)
        self.frames = 0
        self.traders = [Trader(account, seed, self._call) for account in self.exchange.describe_accounts()]
        self._turn = 0
        self._due = 0.0
        self._orders = orders
        self._collected: set[str] = set()
        self._heard: dict[int, Callable[[Answer], None]] = {}
        self._calls = 0
        self._fetched = 0
        self._take(self.exchange.handle(SocketOpened(_CONNECTION, "market"), self.now_ns))
        tokens = [t.id for d in self.exchange.describe_markets() for t in self.witness.learn(d).tokens]
        self._say({"assets_ids": tokens, "type": "market", "custom_feature_enabled": True})

    def run(self, hours: float, told: Callable[[float], object]) -> None:
        """Let time pass; `told` hears which share of it is over."""
        begin_ns, end_ns = self.now_ns, self.now_ns + round(hours * _MINUTE * 60)
        while self.now_ns < end_ns:
            for _ in range(_SAMPLES):
                self._advance(min(self.now_ns + _MINUTE // _SAMPLES, end_ns))
                self.statistics.look(self.witness.markets.values())
                self._trade()
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
            if isinstance(effect, Answer):
                self._heard.pop(effect.call)(effect)
            elif isinstance(effect, Send) and isinstance(effect.text, str) and effect.text[0] in "[{":
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

    def _call(self, request: HttpRequest, heard: Callable[[Answer], None]) -> None:
        self._calls += 1
        self._heard[self._calls] = heard
        self._take(self.exchange.handle(replace(request, call=self._calls), self.now_ns))

    def _trade(self) -> None:
        """Let one account do something, and redeem what has ended."""
        markets = [market for market in self.witness.markets.values() if market.tokens[0].told and not market.winner]
        for market in self.witness.markets.values():
            if market.winner and market.id not in self._collected:
                self._collected.add(market.id)
                for trader in self.traders:
                    trader.collect(market)
        self._due += self._orders / _SAMPLES
        while self._due >= 1 and self.traders and markets:
            self._due -= 1
            self._turn += 1
            self.traders[self._turn % len(self.traders)].act(markets, self.now_ns)

    def _book(self, token_id: str) -> Mapping[str, Any] | None:
        answers: list[Answer] = []
        self._call(HttpRequest("clob", "GET", "/book", {"token_id": [token_id]}), answers.append)
        return msgspec.json.decode(answers[0].body) if answers and answers[0].status == 200 else None

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
        ledger, findings = self.exchange.engine.ledger, self.witness.findings
        wallets = tuple(ledger.wallets.values())
        cash = sum(wallet.cash for wallet in wallets) + sum(ledger.locked.values()) + ledger.fees
        findings.hold("cash, locked dollars and fees are what came in", cash == ledger.brought_in, lambda: f"{cash}")
        for market in self.exchange.catalogue.markets:
            held = [sum(wallet.tokens.get(token, 0) for wallet in wallets) for token in market.token_ids]
            locked = ledger.locked[market.condition_id]
            if market.payouts is None:
                even = held[0] == held[1] == locked
            else:
                even = locked == sum(size * payout // ONE for size, payout in zip(held, market.payouts, strict=True))
            findings.hold("every token is half of a pair that a dollar stands behind", even, lambda: str(market.slug))  # noqa: B023
        for wallet in wallets:
            covered = wallet.cash >= 0 and all(size >= 0 for size in wallet.tokens.values())
            findings.hold("no wallet owes what it does not have", covered, lambda: wallet.address)  # noqa: B023


def prove(
    profile: str, hours: float, seed: int, told: Callable[[float], object], *, count: int | None = None, orders: float
) -> Report:
    """Run a profile and judge it; scripted accounts place or cancel so many `orders` a virtual minute."""
    proof = Proof(profile, seed, count, orders)
    proof.run(hours, told)
    seconds = hours * 3_600
    verdicts = tuple(
        Verdict(row.measure, row.measured, row.take(proof.statistics), row.low, row.high)
        for row in RANGES[profile]
        if seconds >= row.needs_s
    )
    refused = sum((Counter(trader.refusals) for trader in proof.traders), Counter[str]())
    orders = sum(trader.placed for trader in proof.traders)
    return Report(profile, seed, hours, proof.frames, orders, refused, proof.witness.findings, verdicts)
