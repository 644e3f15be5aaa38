"""What holds a market, whoever raises and lifts it in any order: each hold ends by its own raiser alone, over deaths.

The holds are kept here as a plain table: where, by whom, how strict. What the supervisor says of a market and what it
lets through has to follow from it.
"""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from models.cells import Cell, TradingState
from models.controls.control import Guard
from models.exposure import Exposures
from models.limits import Limits
from models.markets import YES, Side
from models.messages.base import Message
from models.messages.control import ClearKill, CommandApplied, Kill, RaiseCell, TradingStateChanged
from models.messages.market import MarketResolved
from models.messages.orders import CancelMarket, PlaceOrder
from models.units import ONE
from tests.models.supervisor import M, N
from tests.models.test_risk_recall import Journalled
from tests.sizes import machine

MARKETS = st.sampled_from([M, N])
SCOPES = st.sampled_from([None, M, N])
SOURCES = st.sampled_from(["executor", "feed", "losses", "operator"])
HOLDS = st.sampled_from([TradingState.REDUCING, TradingState.CANCEL_ONLY, TradingState.HALTED])
VERBS = {"pause": TradingState.CANCEL_ONLY, "reduce": TradingState.REDUCING, "resume": TradingState.ACTIVE}
SWITCHES = {"off": TradingState.HALTED, "on": TradingState.ACTIVE}


class OnlyLimits(Journalled):
    """A supervisor that holds nothing for reasons of its own."""

    def controls(self, exposures: Exposures) -> tuple[Guard, ...]:
        return (Limits(self.limits, exposures, 1_000_000_000_000),)


class Holds(RuleBasedStateMachine):
    """A supervisor, the table of what holds, and what it said last of each market."""

    @initialize()
    def begin(self) -> None:
        self.risk = OnlyLimits()
        self.table: dict[tuple[str | None, str], TradingState] = {}
        self.said: dict[str, TradingState] = {}
        self.requests = 0

    def tell(self, message: Message) -> tuple[Message, ...]:
        self.risk.now_ns += 1_000_000
        out = self.risk.tell(message)
        self.said |= {one.market: one.state for one in out if isinstance(one, TradingStateChanged)}
        return out

    def put(self, scope: str | None, source: str, state: TradingState) -> None:
        if state is TradingState.ACTIVE:
            self.table.pop((scope, source), None)
        else:
            self.table[scope, source] = state

    def expected(self, market: str) -> TradingState:
        """The strictest of what holds a market."""
        return max((state for (scope, _), state in self.table.items() if scope in (None, market)), default=_ACTIVE)

    @rule(
        scope=SCOPES, source=st.sampled_from(["executor", "feed", "losses"]), state=HOLDS | st.just(TradingState.ACTIVE)
    )
    def a_source_raises_or_lifts(self, scope: str | None, source: str, state: TradingState) -> None:
        before = self.table.get((scope, source))
        out = self.tell(RaiseCell(scope, source, state, "why" if state else ""))
        self.put(scope, source, state)
        if state >= TradingState.CANCEL_ONLY and state is not before:
            assert any(isinstance(one, CancelMarket) and one.market == scope for one in out)

    @rule(scope=SCOPES, verb=st.sampled_from(sorted(VERBS)))
    def an_operator_says(self, scope: str | None, verb: str) -> None:
        self.risk.now_ns += 1_000_000
        out = self.risk.say(verb, scope)
        self.said |= {one.market: one.state for one in out if isinstance(one, TradingStateChanged)}
        if not (verb == "resume" and (None, "kill") in self.table):
            self.put(scope, "operator", VERBS[verb])

    @rule(market=MARKETS, verb=st.sampled_from(sorted(SWITCHES)))
    def an_operator_switches(self, market: str, verb: str) -> None:
        self.risk.now_ns += 1_000_000
        out = self.risk.say(verb, market)
        self.said |= {one.market: one.state for one in out if isinstance(one, TradingStateChanged)}
        if not (verb == "on" and (None, "kill") in self.table):
            self.put(market, "switch", SWITCHES[verb])

    @rule()
    def somebody_kills(self) -> None:
        self.requests += 1
        out = self.tell(Kill(f"k{self.requests}", "enough", "test"))
        assert CancelMarket(None, "kill") in out
        self.put(None, "kill", TradingState.KILLED)

    @rule()
    def a_person_lifts_the_kill(self) -> None:
        self.requests += 1
        (applied,) = (
            one for one in self.tell(ClearKill(f"c{self.requests}", "test")) if isinstance(one, CommandApplied)
        )
        assert applied.changed == ((None, "kill") in self.table)
        self.put(None, "kill", TradingState.ACTIVE)

    @rule(market=MARKETS)
    def a_market_resolves(self, market: str) -> None:
        self.tell(MarketResolved(market, ONE, self.risk.now_ns))
        self.put(market, "venue", TradingState.HALTED)

    @rule()
    def it_dies_and_another_is_told_all(self) -> None:
        out = self.risk.recall()
        self.said = {one.market: one.state for one in out if isinstance(one, TradingStateChanged)}
        # Until its flow was heard for a while nobody knows whether a market may be quoted; that is no hold of ours.
        for market in (M, N):
            out = self.risk.flow(toxic=False, market=market)
            self.said |= {one.market: one.state for one in out if isinstance(one, TradingStateChanged)}

    @rule(market=MARKETS, cents=st.integers(10, 90))
    def a_desk_wants_to_buy(self, market: str, cents: int) -> None:
        self.risk.now_ns += 3_000 * 1_000_000
        got = self.risk.place(YES, cents * 100, market=market)
        if self.expected(market) is not TradingState.ACTIVE:
            assert not isinstance(got, PlaceOrder), "nothing is opened in a market that is held"

    @rule(market=MARKETS)
    def a_desk_wants_to_sell_what_it_does_not_have(self, market: str) -> None:
        assert not isinstance(self.risk.place(YES, 5_000, market=market, side=Side.SELL), PlaceOrder)

    @invariant()
    def each_hold_stands_until_its_own_raiser_lifts_it(self) -> None:
        standing: set[Cell] = set()
        for market in (M, N):
            standing |= {cell for cell in self.risk.machine._states.covering(market) if cell.source != "flow"}
        scopes = {(cell.scope.name or None, cell.source): cell.state for cell in standing}
        assert scopes == self.table

    @invariant()
    def what_was_said_last_of_a_market_is_the_strictest_of_its_holds(self) -> None:
        for market in (M, N):
            flow = any(cell.source == "flow" for cell in self.risk.machine._states.covering(market))
            assert flow or self.said.get(market, _ACTIVE) is self.expected(market)

    @invariant()
    def it_is_killed_as_long_as_nobody_lifted_it(self) -> None:
        assert self.risk.machine._states.killed == ((None, "kill") in self.table)


_ACTIVE = TradingState.ACTIVE


@pytest.mark.proves("I11", "I27")
class TestEachHoldEndsByItsOwnRaiserAlone(Holds.TestCase):
    settings = machine(50, 25)
