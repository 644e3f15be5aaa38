"""When the clock alone moves the ladder of the leg policy: not before it was said, and never unsaid."""

from hypothesis import given
from hypothesis import strategies as st

from models.inventory import InventoryParameters
from models.leg_risk import LegParameters, hedge_ceiling, leg_due_ns, leg_exit
from models.markets import Market
from models.strategy import Touch
from models.units import DOLLAR, ONE, SHARE
from tests.models.coordination import MS, held

SINCE = 10**15
NAKED = held(yes=5, yes_cost=240, since_ns=SINCE)
BOOK = (Touch(3_100, 50 * SHARE, 3_300, 50 * SHARE), Touch(ONE - 3_300, 50 * SHARE, ONE - 3_100, 50 * SHARE))

whiles = st.just(0) | st.integers(1, 200)
policies = st.builds(
    LegParameters,
    raise_after_ms=whiles,
    raise_before_end_ms=whiles,
    raise_every_ms=st.integers(1, 50),
    leg_max_loss=st.sampled_from([0, 1, 100 * DOLLAR]),
    take_after_ms=whiles,
    take_before_end_ms=whiles,
    sell_after_ms=whiles,
    sell_before_end_ms=whiles,
)


def decided(leg: LegParameters, market: Market, now_ns: int) -> object:
    """Everything that the policy makes of the leg at a time."""
    ceiling = hedge_ceiling(NAKED, 9_900, InventoryParameters(max_portfolio_cost=20_000), leg, market, now_ns, BOOK)
    return ceiling, leg_exit(NAKED, BOOK, market, leg, now_ns)


@given(
    policies, st.integers(0, 250) | st.none(), st.integers(0, 250 * MS), st.lists(st.integers(1, 300 * MS), max_size=8)
)
def test_nothing_changes_by_the_clock_before_it_is_due(
    leg: LegParameters, end_ms: int | None, age_ns: int, waits_ns: list[int]
) -> None:
    market = Market("m", "slug", ("1", "2"), end_ns=None if end_ms is None else SINCE + end_ms * MS)
    now_ns = SINCE + age_ns
    due_ns = leg_due_ns(NAKED, market, leg, now_ns)
    assert due_ns is None or due_ns > now_ns
    standing = decided(leg, market, now_ns)
    for wait_ns in waits_ns:
        later_ns = now_ns + wait_ns
        if due_ns is None or later_ns < due_ns - MS:
            # A remaining time is told in whole milliseconds, so what ends with it may come up to one earlier.
            assert decided(leg, market, later_ns) == standing


def test_a_policy_without_times_is_never_due() -> None:
    leg = LegParameters(raise_at_loss=DOLLAR, leg_max_loss=DOLLAR, sell_at_loss=DOLLAR)
    assert leg_due_ns(NAKED, Market("m", "slug", ("1", "2"), end_ns=SINCE + 10**12), leg, SINCE) is None


def test_the_ceiling_rises_step_by_step() -> None:
    leg = LegParameters(raise_after_ms=60_000, raise_every_ms=30_000)
    market = Market("m", "slug", ("1", "2"))
    steps = [SINCE]
    for _ in range(3):
        due_ns = leg_due_ns(NAKED, market, leg, steps[-1])
        assert due_ns is not None
        steps.append(due_ns)
    assert [(step - SINCE) // MS for step in steps] == [0, 60_000, 90_000, 120_000]
