"""The common gates: one order for the reason and for what people read, and what REDUCING admits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from models.cells import TradingState
from models.gates import common_gates, permitted, skew_gate, stopped_by
from models.markets import NO, YES, Outcome, Side
from models.messages.control import CellNote
from models.strategy import Bundle, MarketView, Quote, Take, Targets
from models.units import ONE, SHARE
from tests.models.coordination import MS, M, N, book, cell, flow, held, market, seen, view

WORDS = {
    "market_open": {"market_expired", "not_accepting_orders"},
    "trading_state": {"paused", "off", "toxic_flow", "kill", "executor", "cancel_only", "halted", "killed"},
    "book": {"gap", "stale", "no_book", "recovering"},
    "flow": {"toxic_flow"},
}
cells = st.sampled_from(
    [
        (),
        (cell(TradingState.REDUCING, "inventory", "hedge_only"),),
        (cell(TradingState.CANCEL_ONLY),),
        (cell(TradingState.CANCEL_ONLY, "flow", "fused"),),
        (cell(TradingState.HALTED, "switch", "off"), cell(TradingState.CANCEL_ONLY, "flow", "fused")),
        (cell(TradingState.HALTED, "executor", "overfilled order 0x1"),),
        (cell(TradingState.KILLED, "kill", "why not"),),
    ]
)


@st.composite
def markets(draw: st.DrawFn) -> MarketView:
    listed = market(
        end_ns=draw(st.sampled_from([None, 5 * MS, 10 * MS, 50 * MS])), accepting_orders=draw(st.booleans())
    )
    held_by: tuple[CellNote, ...] = draw(cells)
    known = book() if draw(st.booleans()) else None
    unusable = "no_book" if known is None else draw(st.sampled_from([None, None, "gap", "stale", "recovering"]))
    return replace(
        seen(book(), listed=listed),
        cells=held_by,
        state=max((note.state for note in held_by), default=TradingState.ACTIVE),
        book=known,
        unusable=unusable,
        flow=draw(st.sampled_from([None, flow(toxic=False), flow(toxic=True)])),
        resolved=draw(st.sampled_from([False, False, True])),
    )


@given(markets())
def test_the_reason_is_that_of_the_first_gate_that_fails(shown: MarketView) -> None:
    failed = [gate.name for gate in common_gates(shown, 10 * MS) if not gate.passed]
    reason = stopped_by(shown, 10 * MS)
    assert (reason is None) == (not failed)
    assert reason is None or reason in WORDS[failed[0]]


def test_gates_carry_value_threshold_and_unit() -> None:
    shown = replace(seen(book(), listed=market(end_ns=70_000 * MS)), flow=flow(toxic=True))
    gates = {gate.name: gate for gate in common_gates(shown, 10_000 * MS)}
    assert (gates["market_open"].value, gates["market_open"].threshold, gates["market_open"].unit) == (60_000, 0, "ms")
    assert (gates["book"].value, gates["book"].unit) == (10_000, "ms")
    assert (gates["flow"].value, gates["flow"].threshold) == (60 * SHARE, 50 * SHARE)
    assert gates["flow"].note == "yes +60 no +0"


def test_books_that_were_known_at_different_times_fail_the_skew_gate() -> None:
    shown = view(seen(book(at_ns=0)), seen(book(name=N, at_ns=2_001 * MS)))
    gate = skew_gate(shown, 2_000)
    assert (gate.passed, gate.value, gate.threshold) == (False, 2_001, 2_000)
    assert skew_gate(shown, 2_001).passed


# REDUCING


def reducing(yes: int = 0, no: int = 0, *, name: str = M) -> MarketView:
    shown = seen(book(name=name), held(yes=yes, no=no, yes_cost=yes * 50, no_cost=no * 50), TradingState.REDUCING)
    return replace(shown, cells=(cell(TradingState.REDUCING, "operator", "reduce"),))


def quote(outcome: Outcome, side: Side, shares: int) -> Targets:
    return Targets((Quote(M, outcome, side, 5_000, shares * SHARE, "provide"),), reason="providing")


@pytest.mark.proves("I11")
@given(
    st.integers(0, 20),
    st.integers(0, 20),
    st.sampled_from([YES, NO]),
    st.sampled_from([Side.BUY, Side.SELL]),
    st.integers(1, 30),
)
def test_reducing_admits_exactly_what_brings_net_nearer_to_zero_and_not_past_it(
    yes: int, no: int, outcome: Outcome, side: Side, shares: int
) -> None:
    move = shares if (outcome == YES) == (side is Side.BUY) else -shares
    after = yes - no + move
    nearer = abs(after) < abs(yes - no) and after * (yes - no) >= 0
    wanted = quote(outcome, side, shares)
    allowed = permitted(wanted, view(reducing(yes, no)))
    assert bool(allowed.quotes) == nearer
    if nearer:
        assert allowed is wanted
    else:
        assert [(skip.outcome, skip.side, skip.reason) for skip in allowed.withheld] == [(outcome, side, "reduce")]
        assert allowed.reason == "reduce"


def test_an_active_market_admits_everything() -> None:
    wanted = quote(YES, Side.BUY, 5)
    assert permitted(wanted, view(seen(book()))) is wanted


def test_a_bundle_with_one_leg_that_is_not_admitted_is_dropped_whole() -> None:
    legs = tuple(Take(name, YES, Side.BUY, 5_000, 5 * SHARE, "set") for name in (M, N))
    shown = view(reducing(no=5), reducing(yes=5, name=N))
    allowed = permitted(Targets(bundles=(Bundle(legs, ONE, "set"),), reason="taking"), shown)
    assert allowed.bundles == ()
    assert allowed.reason == "reduce"


def test_what_is_still_wanted_keeps_its_reason() -> None:
    both = Targets((*quote(NO, Side.BUY, 5).quotes, *quote(YES, Side.BUY, 5).quotes), reason="providing")
    allowed = permitted(both, view(reducing(yes=5)))
    assert [one.outcome for one in allowed.quotes] == [NO]
    assert allowed.reason == "providing"
