"""Beside the buckets of the venue itself: whoever asks the limiter first is never refused.

The venue here counts exactly: a token for each call, so many back a second. What it says of its count comes late, and
so is lower than the truth or higher; calls that are under way are not in it.
"""

from copy import deepcopy

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from models.limiter import TIERS, Kind, Limiter
from models.messages.lanes import LimitsSeen
from tests.sizes import machine

MS = 1_000_000
S = 1_000 * MS
TIER = TIERS["standard"]
RATES: dict[Kind, tuple[int, int]] = {
    "orders": (TIER.orders_rate, TIER.orders_burst),
    "cancels": (TIER.cancels_rate, TIER.cancels_burst),
}
WINDOWS: dict[Kind, int] = {"orders": 3_500, "cancels": 3_000}
KEPT: dict[Kind, int] = {"orders": 15, "cancels": 60}
KINDS: st.SearchStrategy[Kind] = st.sampled_from(["orders", "cancels"])


class Calls(RuleBasedStateMachine):
    """A limiter, and the venue's own count in billionths of a token."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = Limiter("Standard", KEPT)
        self.now_ns = 0
        self.venue = {kind: burst * S for kind, (_, burst) in RATES.items()}
        self.calls: dict[Kind, list[int]] = {"orders": [], "cancels": []}
        self.alone_until: dict[Kind, int] = {"orders": 0, "cancels": 0}

    @rule(kind=KINDS, urgent=st.booleans(), most=st.sampled_from([1, 30, 200]), answer=st.none() | st.integers(0, 200))
    def send(self, kind: Kind, urgent: bool, most: int, answer: int | None) -> None:
        """Send as many as may be; the answer to one of them, not always the last, comes behind them all."""
        left: list[int] = []
        for _ in range(most):
            before = self.venue[kind] // S
            wait_ns = self.limits.take(kind, self.now_ns, urgent=urgent)
            if wait_ns:
                later = deepcopy(self.limits)
                assert later.wait_ns(kind, self.now_ns + wait_ns - 1, urgent=urgent) > 0, "not before it is over"
                assert later.wait_ns(kind, self.now_ns + wait_ns, urgent=urgent) == 0, "it says how long"
                break
            assert before >= 1, "the venue would have refused it"
            assert urgent or before > KEPT[kind], "what is kept for the urgent was taken"
            assert self.now_ns >= self.alone_until[kind], "the venue wants to be left alone"
            self.venue[kind] -= S
            self.calls[kind].append(self.now_ns)
            left.append(self.venue[kind] // S)
        if left and answer is not None:
            self.limits.seen(LimitsSeen(kind, left[answer % len(left)], "Standard", None, self.now_ns), self.now_ns)

    @rule(ms=st.sampled_from([1, 7, 25, 250, 1_000, 5_000, 30_000]))
    def wait(self, ms: int) -> None:
        self.now_ns += ms * MS
        for kind, (rate, burst) in RATES.items():
            self.venue[kind] = min(burst * S, self.venue[kind] + ms * MS * rate)

    @rule(kind=KINDS, ms=st.integers(1, 3_000))
    def the_venue_wants_to_be_left_alone(self, kind: Kind, ms: int) -> None:
        self.limits.seen(LimitsSeen(kind, self.venue[kind] // S, "Standard", ms, self.now_ns), self.now_ns)
        self.alone_until[kind] = max(self.alone_until[kind], self.now_ns + ms * MS)

    @rule(kind=KINDS)
    def the_venue_refuses_though_it_has_tokens(self, kind: Kind) -> None:
        self.limits.seen(LimitsSeen(kind, self.venue[kind] // S, "", None, self.now_ns, refused=True), self.now_ns)
        if self.now_ns >= self.alone_until[kind]:  # else it is one more refusal of the same moment
            self.alone_until[kind] = self.now_ns + S
        assert self.now_ns + self.limits.wait_ns(kind, self.now_ns, urgent=True) >= self.alone_until[kind]

    @invariant()
    def no_ten_seconds_see_more_than_the_venues_window(self) -> None:
        for kind, most in WINDOWS.items():
            assert sum(at_ns > self.now_ns - 10 * S for at_ns in self.calls[kind]) <= most

    @invariant()
    def whoever_waits_for_long_enough_may_send(self) -> None:
        for kind in RATES:
            assert self.limits.wait_ns(kind, self.now_ns, urgent=False) < 60 * S


@pytest.mark.proves("I18")
class TestWhoAsksTheLimiterFirstIsNeverRefused(Calls.TestCase):
    settings = machine(40)
