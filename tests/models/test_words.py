"""The same figures are written the same way everywhere, and `why` says what rule 6 shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from models import words
from models.cells import TradingState
from models.markets import NO, YES, Side
from models.messages.control import CellNote
from models.messages.decisions import Explanation, Gate, NakedLeg, QuoteNote
from models.units import DOLLAR, SHARE

AT_NS = 1_763_733_802_120_000_000  # 2025-11-21T14:03:22.120Z

# ruff: noqa: E501 - the sample's lines are as long as they are
SAMPLE = """\
fed-cut-jan  HEDGE  14:03:22.120  quoting NO only    naked 5 YES @ 0.480 since 41 min, mid 0.320: -0.80, worst -2.40
  [ok] book 0.2 s, YES/NO mirror exact   [ok] OFI yes -41 no +6 (limit 50)   [STOP] opening: |net_diff| 5.0 >= 5.0 (PM_MAX_NET_DIFF)
  hedge NO bid 0.510 = min(ceiling 0.990 - 0.480, ask 0.690 - 0.010): 16 ticks behind the NO touch 0.670, fills only if YES returns to 0.490
  finish now: maker 0.680, pair 1.160 (-0.80); taker 0.690 + fee, pair 1.179 (-0.89)   policy: hold, hard cut-off 15:30"""


def explanation(**changes: object) -> Explanation:
    fields = {
        "tag": "maker",
        "market": "0xfed",
        "slug": "fed-cut-jan",
        "at_ns": AT_NS,
        "phase": "Hedge",
        "state": TradingState.ACTIVE,
        "reason": "hedging",
        "gates": (
            Gate("book", True, 200, None, "ms"),
            Gate("flow", True, -41 * SHARE, 50 * SHARE, "size", note="yes -41 no +6"),
            Gate("net_diff", False, 5 * SHARE, 5 * SHARE, "size", "open", "PM_MAX_NET_DIFF"),
        ),
        "quotes": (
            QuoteNote(
                NO, Side.BUY, 5_100, 5 * SHARE, "working", "hedge", -16, 900 * SHARE,
                "min(ceiling 0.990 - 0.480, ask 0.690 - 0.010)", 6_700,
            ),
        ),
        "naked": NakedLeg(
            YES, 5 * SHARE, 4_800, 41 * 60_000, 3_200, -800_000, -2_400_000, 5_100, 16,
            11_600, -800_000, 11_786, -892_780, "hold, hard cut-off 15:30", 6_900,
        ),
        "cells": (),
    }  # fmt: skip
    return Explanation(**(fields | changes))  # type: ignore[arg-type]


def test_why_says_rule_6_figure_by_figure() -> None:
    assert words.explanation_text(explanation()) == SAMPLE


def test_a_market_that_quotes_nothing_says_what_stopped_it() -> None:
    held = CellNote("all", "operator", TradingState.CANCEL_ONLY, "paused", AT_NS)
    text = words.explanation_text(
        explanation(state=TradingState.CANCEL_ONLY, reason="paused", quotes=(), naked=None, cells=(held,))
    )
    assert text.splitlines()[0] == "fed-cut-jan  PAUSED  14:03:22.120  not quoting: paused"
    assert text.splitlines()[-1] == "  held: CANCEL_ONLY on all by operator since 14:03:22.120: paused"


def test_a_leg_that_nobody_offers_to_finish_says_so() -> None:
    naked = explanation().naked
    assert naked is not None
    alone = replace(
        naked, finish_maker_price=None, finish_maker_profit=None, finish_taker_price=None, finish_taker_profit=None
    )
    text = words.explanation_text(explanation(naked=alone))
    assert text.splitlines()[-1] == "  finish now: nobody offers the missing side   policy: hold, hard cut-off 15:30"


def test_a_long_list_of_gates_is_folded_and_none_is_lost() -> None:
    gates = tuple(Gate(f"gate_{number}", True, note="x" * 40) for number in range(9))
    lines = words.explanation_text(explanation(gates=gates, quotes=(), naked=None)).splitlines()[1:]
    assert len(lines) == 5
    assert all(len(line) <= 160 for line in lines)
    assert all(f"gate_{number}" in "".join(lines) for number in range(9))


@pytest.mark.parametrize(
    "ticks, ahead, said",
    [
        (0, 1_200, "provide YES bid 0.480 = mid 0.485 - 0.005: joins the YES touch 0.480, 1200 shares ahead"),
        (1, 0, "provide YES bid 0.480 = mid 0.485 - 0.005: improves 1 tick, 0 shares ahead"),
        (-5, 12.5, "provide YES bid 0.480 = mid 0.485 - 0.005: 5 ticks behind the YES touch 0.480, 12.5 shares ahead"),
    ],
)
def test_a_quote_says_where_it_stands(ticks: int, ahead: float, said: str) -> None:
    quote = QuoteNote(
        YES, Side.BUY, 4_800, 5 * SHARE, "working", "provide", ticks, int(ahead * SHARE), "mid 0.485 - 0.005", 4_800
    )
    assert words.quote_text(quote) == said


def test_a_quote_that_does_not_rest_yet_says_so() -> None:
    quote = QuoteNote(NO, Side.BUY, 4_800, 5 * SHARE, "wanted", "provide", 0, 0)
    assert words.quote_text(quote) == "provide NO bid 0.480 (wanted): joins the NO touch, 0 shares ahead"


@pytest.mark.parametrize(
    "gate, said",
    [
        (Gate("book", False, 1_500, None, "ms", note="gap"), "[STOP] book 1.5 s, gap"),
        (Gate("book", False, note="no_book"), "[STOP] book, no_book"),
        (
            Gate("flow", False, 61 * SHARE, 50 * SHARE, "size", note="yes +61 no -2"),
            "[STOP] OFI yes +61 no -2: toxic, 61 against 50",
        ),
        (Gate("trading_state", False, note="HALTED"), "[STOP] state HALTED"),
        (
            Gate("size_at_least_minimum", False, SHARE, 5 * SHARE, "size", "open", "PM_BID_SIZE"),
            "[STOP] opening: size 1.0 < 5.0 (PM_BID_SIZE)",
        ),
        (Gate("market_open", True, 90 * 60_000, 0, "ms"), "[ok] market open, 1h30m to its end"),
        (Gate("market_open", False, -1, 0, "ms"), "[STOP] market has ended"),
        (
            Gate("portfolio_cost", False, 10_300, 10_200, "price", "open"),
            "[STOP] opening: portfolio_cost 1.030 >= 1.020",
        ),
        (Gate("hedge_possible", False, None, None, "price", "no", "no_ask"), "[STOP] NO: hedge_possible: no_ask"),
    ],
)
def test_a_gate_gives_its_value_threshold_and_what_it_stops(gate: Gate, said: str) -> None:
    assert words.gate_text(gate) == said


def cell(state: TradingState, source: str) -> CellNote:
    return CellNote("market m", source, state, "why", 0)


@pytest.mark.parametrize(
    "state, sources, phase, word",
    [
        (TradingState.ACTIVE, (), "Balanced", "BALANCED"),
        (TradingState.ACTIVE, (), "Hedge", "HEDGE"),
        (TradingState.REDUCING, ("inventory",), "Hedge", "HEDGE"),
        (TradingState.REDUCING, ("operator",), "Balanced", "REDUCING"),
        (TradingState.CANCEL_ONLY, ("flow",), "Fused", "FUSED"),
        (TradingState.CANCEL_ONLY, ("flow", "operator"), "Fused", "PAUSED"),
        (TradingState.CANCEL_ONLY, ("feed",), "Hedge", "CANCEL_ONLY"),
        (TradingState.HALTED, ("switch",), "Balanced", "OFF"),
        (TradingState.HALTED, ("runtime",), "Balanced", "QUARANTINED"),
        (TradingState.CANCEL_ONLY, ("operator", "recovery"), "Balanced", "RECOVERING"),
        (TradingState.HALTED, ("venue",), "Balanced", "HALTED"),
        (TradingState.KILLED, ("kill",), "Fused", "KILLED"),
    ],
)
def test_a_state_has_one_word(state: TradingState, sources: tuple[str, ...], phase: str, word: str) -> None:
    cells = (*(cell(state, source) for source in sources), cell(TradingState.REDUCING, "inventory"))
    assert words.state_word(state, cells, phase) == word


def test_killed_is_said_of_nothing_but_the_latch() -> None:
    said = {
        words.state_word(state, (cell(state, source),), phase)
        for state in TradingState
        if state is not TradingState.KILLED
        for source in ("operator", "switch", "flow", "inventory", "runtime", "kill", "feed")
        for phase in ("Balanced", "Hedge", "Fused")
    }
    assert "KILLED" not in said


@pytest.mark.parametrize(
    "price, text",
    [(4_800, "0.480"), (5, "0.0005"), (4_825, "0.4825"), (10_000, "1.000"), (0, "0.000"), (11_786, "1.1786")],
)
def test_a_price_has_three_decimals_or_four(price: int, text: str) -> None:
    assert words.price_text(price) == text


@pytest.mark.parametrize(
    "money, text",
    [(0, "0.00"), (9_300_000, "+9.30"), (-892_780, "-0.89"), (4_999, "0.00"), (-4_999, "0.00"), (5_000, "+0.01")],
)
def test_money_that_was_won_or_lost_carries_its_sign(money: int, text: str) -> None:
    assert words.signed_text(money) == text


@given(st.integers(-(10**15), 10**15))
def test_money_is_never_off_by_more_than_half_a_cent(money: int) -> None:
    assert abs(round(float(words.money_text(money)) * 100) * 10_000 - money) <= 5_000
    assert words.signed_text(money).lstrip("+") == words.money_text(money)


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0.0 s"),
        (0.25, "0.2 s"),
        (59.9, "59.9 s"),
        (60, "1 min"),
        (41 * 60, "41 min"),
        (7_980, "2h13m"),
        (273_600, "3d04h"),
    ],
)
def test_an_age_is_said_in_its_own_unit(seconds: float, text: str) -> None:
    assert words.age_text(int(seconds * 1e9)) == text


def test_times_are_utc() -> None:
    assert words.clock_text(AT_NS) == "14:03:22.120"
    assert words.rfc3339(AT_NS + 7_000) == "2025-11-21T14:03:22.120007Z"


def test_dollars_are_written_as_short_as_cents_allow() -> None:
    assert words.money_text(-2 * DOLLAR - 400_000) == "-2.40"
    assert words.shares_text(333_333) == "0.33"
    assert words.shares_text(23_619_510_000) == "23619.51"


def test_a_negative_edge_is_written_with_its_sign() -> None:
    assert [words.price_text(price) for price in (-115, -10_000, -1, 4_825, 0)] == [
        "-0.0115",
        "-1.000",
        "-0.0001",
        "0.4825",
        "0.000",
    ]
