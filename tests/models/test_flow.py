"""Taker flow: what counts, what the clock forgets, and when a market is fused."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.flow import FlowMachine, FlowParameters
from models.markets import NO, YES, Outcome, Side
from models.messages.base import Message
from models.messages.market import FlowUpdated, TradeSeen
from models.messages.runtime import ActorRestarted, WakeAt, Woke
from models.units import SHARE

M = "market"
MS = 1_000_000
START_NS = 1_750_000_000_000 * MS
SEED: dict[str, Any] = {"exit_ratio": 1.0, "min_toxic_ms": 0, "recovery_hold_ms": 0}


class Window:
    """A flow machine with a clock and its deadlines."""

    def __init__(self, *, restarted: bool = False, **parameters: Any) -> None:
        self.machine = FlowMachine(M, FlowParameters(**parameters), restarted=restarted)
        self.now_ns = START_NS
        self.wake_ns: int | None = None
        self.said: list[FlowUpdated] = []
        self.wakes = 0

    def trade(self, at_ms: int, shares: int, outcome: Outcome = YES, side: Side = Side.BUY, price: int = 5_000) -> None:
        """A taker buys or sells YES (in YES terms) by way of the token `outcome`."""
        self.until(at_ms)
        self.take(TradeSeen(M, outcome, side, price, shares * SHARE, self.now_ns))

    def until(self, at_ms: int) -> None:
        end_ns = START_NS + at_ms * MS
        while self.wake_ns is not None and self.wake_ns <= end_ns:
            self.now_ns, self.wake_ns = max(self.now_ns, self.wake_ns), None
            self.wakes += 1
            self.take(Woke(timer="flow"))
        self.now_ns = max(self.now_ns, end_ns)

    def take(self, message: Message) -> None:
        for out in self.machine.step(message, self.now_ns):
            if isinstance(out, WakeAt):
                self.wake_ns = out.at_ns
            else:
                assert isinstance(out, FlowUpdated)
                self.said.append(out)

    @property
    def scores(self) -> tuple[int, int, int]:
        last = self.said[-1]
        return last.yes_score // SHARE, last.no_score // SHARE, last.net_score // SHARE

    @property
    def toxic(self) -> bool:
        return self.said[-1].toxic


def test_each_token_has_its_own_window_of_buys_less_sells() -> None:
    window = Window()
    window.trade(0, 30)
    window.trade(1, 10, side=Side.SELL)
    # Who sells YES by way of the NO token has bought NO.
    window.trade(2, 7, outcome=NO, side=Side.SELL)
    window.trade(3, 2, outcome=NO, side=Side.BUY)
    assert window.scores == (20, 5, 15)


def test_toxic_is_strictly_above_the_threshold() -> None:
    window = Window(**SEED)
    window.trade(0, 50)
    assert not window.toxic
    window.trade(1, 1)
    assert window.toxic


def test_the_clock_ends_toxicity_in_a_silent_market() -> None:
    window = Window(**SEED)
    window.trade(0, 60)
    window.until(3_000)
    assert window.toxic
    window.until(3_001)
    assert not window.toxic
    assert window.scores == (0, 0, 0)


def test_an_idle_market_asks_for_no_deadline() -> None:
    window = Window()
    assert window.wake_ns is None
    window.trade(0, 60)
    window.until(10_000)
    assert window.wake_ns is None
    assert window.wakes < 5


def test_a_taker_of_both_tokens_is_seen_as_one_flow_by_the_net_rule_only() -> None:
    for rule, toxic in (("seed", False), ("net", True)):
        window = Window(flow_rule=rule)
        window.trade(0, 40)
        window.trade(1, 40, outcome=NO, side=Side.BUY)
        assert window.scores == (40, -40, 80)
        assert window.toxic is toxic


def test_opposite_flows_cancel_under_the_net_rule_and_not_under_the_seeds() -> None:
    for rule, toxic in (("seed", True), ("net", False)):
        window = Window(flow_rule=rule, **SEED)
        window.trade(0, 60, outcome=NO, side=Side.SELL)
        window.trade(1, 60, side=Side.BUY)
        assert window.toxic is toxic


@pytest.mark.parametrize("rule", ["seed", "net"])
@pytest.mark.parametrize(
    ("outcome", "side", "direction"),
    [(YES, Side.BUY, 1), (YES, Side.SELL, -1), (NO, Side.BUY, 1), (NO, Side.SELL, -1)],
)
def test_toxicity_has_the_direction_of_yes(rule: str, outcome: Outcome, side: Side, direction: int) -> None:
    window = Window(flow_rule=rule)
    window.trade(0, 51, outcome=outcome, side=side)
    assert window.said[-1].direction == direction
    window.until(10_000)
    assert window.said[-1].direction == 0


def test_in_dollars_a_trade_counts_what_was_paid_for_its_token() -> None:
    window = Window(unit="dollars")
    window.trade(0, 100, price=2_500)
    window.trade(1, 100, outcome=NO, side=Side.SELL, price=2_500)
    assert window.scores == (25, 75, -50)


def test_a_fuse_lasts_its_shortest_time_and_until_flow_was_low_for_the_hold() -> None:
    window = Window(window_ms=100, min_toxic_ms=800, recovery_hold_ms=1_200)
    window.trade(0, 60)
    window.until(101 + 1_199)
    assert window.toxic
    window.until(101 + 1_200)
    assert not window.toxic
    window = Window(window_ms=100, min_toxic_ms=5_000, recovery_hold_ms=0)
    window.trade(0, 60)
    window.until(4_999)
    assert window.toxic
    window.until(5_000)
    assert not window.toxic


def test_flow_between_the_exit_and_the_threshold_keeps_a_fuse_and_does_not_start_one() -> None:
    window = Window(window_ms=1_000, exit_ratio=0.8, min_toxic_ms=0, recovery_hold_ms=0)
    window.trade(0, 45)
    assert not window.toxic
    window.trade(500, 10)
    assert window.toxic
    window.trade(900, 32)
    window.until(1_001)
    assert (window.scores[0], window.toxic) == (42, True)
    window.until(1_501)
    assert (window.scores[0], window.toxic) == (32, False)


def test_a_new_burst_during_the_hold_begins_the_hold_anew() -> None:
    window = Window(window_ms=100, min_toxic_ms=0, recovery_hold_ms=1_000)
    window.trade(0, 60)
    window.trade(900, 60)
    window.until(1_000 + 1_000)
    assert window.toxic
    window.until(1_001 + 1_000)
    assert not window.toxic


def test_a_restarted_window_is_toxic_for_one_window() -> None:
    window = Window(restarted=True, **SEED)
    window.take(ActorRestarted("flow/market", M, 1))
    assert window.toxic
    window.until(2_999)
    assert window.toxic
    window.until(3_000)
    assert not window.toxic


trades = st.lists(
    st.tuples(st.integers(0, 1_500), st.integers(1, 80), st.sampled_from([YES, NO]), st.sampled_from(Side)), max_size=20
)


@pytest.mark.proves("I20")
@given(trades, st.sampled_from([100, 3_000]), st.sampled_from([0, 800, 5_000]), st.sampled_from([0, 1_200, 4_000]))
def test_a_toxic_flow_is_never_silent_for_longer_than_it_says(
    burst: list[tuple[int, int, Outcome, Side]], window_ms: int, min_toxic_ms: int, hold_ms: int
) -> None:
    window = Window(window_ms=window_ms, min_toxic_ms=min_toxic_ms, recovery_hold_ms=hold_ms)
    at_ms = 0
    for after_ms, shares, outcome, side in burst:
        at_ms += after_ms
        window.trade(at_ms, shares, outcome, side)
    window.until(at_ms + 60_000)
    longest_ns = FlowParameters(window_ms=window_ms, min_toxic_ms=min_toxic_ms, recovery_hold_ms=hold_ms).silence_max_ns
    for said, next_said in pairwise(window.said):
        assert not said.toxic or next_said.at_ns - said.at_ns <= longest_ns
    assert not window.said or not window.toxic


def test_nothing_is_said_where_nothing_changes() -> None:
    window = Window()
    window.take(ActorRestarted("flow/market", M, 1))
    window.take(Woke(timer="flow"))
    assert not window.said


@pytest.mark.proves("I36")
def test_only_so_many_trades_are_kept() -> None:
    window = Window(trades_max=3)
    for at_ms in range(5):
        window.trade(at_ms, 1)
    assert window.scores == (3, 0, 3)


def test_the_environment_names_of_the_seed_set_window_and_threshold() -> None:
    described = msgspec.inspect.type_info(FlowParameters)
    assert isinstance(described, msgspec.inspect.StructType)
    env = {field.name: getattr(field.type, "extra", {})["env"] for field in described.fields}
    names = {name: env[name] for name in env if env[name]}
    assert names == {"window_ms": ("PM_OFI_WINDOW_MS",), "threshold": ("PM_OFI_TOXICITY_THRESHOLD",)}
    assert (FlowParameters().window_ms, FlowParameters().threshold) == (3_000, 50 * SHARE)


TRADES = st.lists(
    st.tuples(
        st.integers(0, 900), st.sampled_from([YES, NO]), st.sampled_from(list(Side)), st.integers(1, 60)
    ),
    max_size=40,
)  # fmt: skip


@pytest.mark.proves("I20")
@given(trades=TRADES, window_ms=st.integers(1, 2_000), rule=st.sampled_from(["seed", "net"]))
def test_scores_and_toxicity_are_those_of_a_list_that_is_summed_anew(
    trades: list[tuple[int, Outcome, Side, int]], window_ms: int, rule: str
) -> None:
    window = Window(window_ms=window_ms, flow_rule=rule, **SEED)
    at_ms = 0
    told: list[tuple[int, Outcome, int]] = []
    for gap_ms, outcome, side, shares in trades:
        at_ms += gap_ms
        window.trade(at_ms, shares, outcome, side)
        told.append((at_ms, outcome, shares if (side is Side.BUY) == (outcome == YES) else -shares))
        inside = [(token, signed) for when, token, signed in told if when >= at_ms - window_ms]
        yes, no = (sum(signed for token, signed in inside if token == wanted) for wanted in (YES, NO))
        assert window.scores == (yes, no, yes - no)
        assert window.toxic == ((max(abs(yes), abs(no)) if rule == "seed" else abs(yes - no)) > 50)
