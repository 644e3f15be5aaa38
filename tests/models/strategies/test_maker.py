"""The maker against the rules that a literal reading of its source would break."""

from fractions import Fraction
from math import floor

import msgspec
import pytest

from models.cells import TradingState
from models.depth import Depth
from models.inventory import InventoryParameters
from models.leg_risk import LegParameters
from models.markets import NO, YES, Market, Side
from models.messages.market import BookUpdated
from models.messages.position import Leg, Position
from models.phase import phase_of
from models.strategies.maker import Maker, MakerParameters, balanced_bids, hedge_bid, quote_tick
from models.strategy import MarketView, Targets, Touch, View
from models.units import ONE, SHARE

M = "market"
MARKET = Market(M, "slug", ("1", "2"))
SMALL = (
    MakerParameters(bid_size=5 * SHARE),
    InventoryParameters(max_net_diff=10 * SHARE, max_position_value=10_000_000),
)


def touches(bid: int, ask: int) -> tuple[Touch, Touch]:
    """A mirrored pair of touches."""
    return Touch(bid, SHARE, ask, SHARE), Touch(ONE - ask, SHARE, ONE - bid, SHARE)


def view(
    bid: int, ask: int, position: Position = Position(), *, tick: int = 100, state: TradingState = TradingState.ACTIVE
) -> View:
    book = BookUpdated(
        M, 1, 1, tick, Depth({bid: 50 * SHARE}), Depth({ask: 50 * SHARE}), bid, ask, bid, ask, None, 0, 0
    )
    net = position.yes.shares - position.no.shares
    phase = phase_of(net, False, MARKET.min_order_size)
    return View("tag", 0, {M: MarketView(MARKET, phase, state, (), book, None, position, (), None)}, {})


def maker(**changes: object) -> Maker:
    parameters, inventory = SMALL
    return Maker(msgspec.structs.replace(parameters, **changes), inventory, LegParameters())


def held(yes: int = 0, no: int = 0, yes_cost: int = 0, no_cost: int = 0) -> Position:
    return Position(
        Leg(yes * SHARE, yes_cost, yes * SHARE),
        Leg(no * SHARE, no_cost, no * SHARE),
        unpaired_since_ns=0 if yes != no else None,
    )


def prices(targets: Targets) -> dict[int, tuple[int, int]]:
    return {quote.outcome: (quote.price, quote.size // SHARE) for quote in targets.quotes}


@pytest.mark.parametrize(
    ("tick", "spread", "above_best", "pair"),
    [
        (100, 1, 0, 9_900),
        (100, 2, 0, 9_800),
        (100, 3, 1, 9_900),
        (100, 4, 1, 9_800),
        (100, 5, 2, 9_900),
        (10, 1, -5, 9_890),
        (10, 2, -4, 9_900),
        (10, 3, -4, 9_890),
        (10, 4, -3, 9_900),
        (10, 5, -3, 9_890),
        (10, 10, 0, 9_900),
        (10, 12, 1, 9_900),
    ],
)
def test_where_the_bid_stands_for_each_spread(tick: int, spread: int, above_best: int, pair: int) -> None:
    bid = 4_800
    bids = balanced_bids(touches(bid, bid + spread * tick), 9_900, tick)
    assert bids is not None
    yes, no = bids
    assert yes is not None
    assert no is not None
    assert (yes - bid) // tick == above_best
    assert yes + no == pair


@pytest.mark.parametrize("tick", [100, 50, 25, 10, 1])
def test_bids_are_exact_at_every_price_of_every_tick(tick: int) -> None:
    for spread in range(1, 6):
        for bid in range(tick, ONE - spread * tick, tick):
            ask = bid + spread * tick
            bids = balanced_bids(touches(bid, ask), 9_900, tick)
            assert bids is not None
            wanted = Fraction(bid + ask, 2) - Fraction(ONE - 9_900, 2)
            expected = floor(wanted / tick) * tick
            assert bids[YES] == (expected if expected >= tick else None)
            yes, no = bids
            if yes is not None and no is not None:
                assert yes + no <= 9_900
                assert yes < ask
                assert no < ONE - bid


def test_a_float_floor_would_be_a_tick_too_low_here() -> None:
    bids = balanced_bids(touches(500, 600), 9_900, 100)
    assert bids is not None
    assert bids[YES] == 500


def test_books_that_do_not_mirror_are_never_quoted_even_when_their_sum_is_low() -> None:
    low = (Touch(4_000, SHARE, 4_200, SHARE), Touch(5_000, SHARE, 5_200, SHARE))
    assert balanced_bids(low, 9_900, 100) is None


def test_a_bid_that_the_clamp_would_have_raised_is_dropped() -> None:
    targets = maker().targets(view(100, 200))
    assert NO in prices(targets)
    assert YES in prices(targets)
    dropped = maker(pair_target=9_000).targets(view(100, 200))
    assert prices(dropped).keys() == {NO}
    assert {(skip.outcome, skip.reason) for skip in dropped.withheld} == {(YES, "price_out_of_range")}


def test_a_pair_target_of_one_is_refused_at_load() -> None:
    with pytest.raises(msgspec.ValidationError, match="pair_target"):
        msgspec.convert({"pair_target": ONE}, MakerParameters)


def test_balanced_quotes_both_sides_at_the_configured_size() -> None:
    assert prices(maker().targets(view(4_800, 5_200))) == {YES: (4_900, 5), NO: (4_900, 5)}


def test_inside_the_band_the_missing_side_carries_the_residue() -> None:
    targets = maker().targets(view(4_800, 5_200, held(yes=3, yes_cost=1_440_000)))
    assert {outcome: size for outcome, (_, size) in prices(targets).items()} == {YES: 5, NO: 8}


def test_hedge_quotes_only_the_missing_leg_for_the_naked_size() -> None:
    targets = maker().targets(view(3_100, 3_300, held(yes=8, no=1, yes_cost=3_840_000, no_cost=500_000)))
    assert prices(targets) == {NO: (5_100, 7)}
    assert [(skip.outcome, skip.reason) for skip in targets.withheld] == [(YES, "inventory_limit")]


def test_the_hedge_price_is_the_lower_of_the_ceiling_and_one_tick_under_the_ask() -> None:
    assert hedge_bid(5_100, Touch(6_700, SHARE, 6_900, SHARE), 100) == (5_100, None)
    assert hedge_bid(5_100, Touch(4_700, SHARE, 4_900, SHARE), 100) == (4_800, None)


@pytest.mark.parametrize(
    ("ceiling", "touch", "reason"),
    [
        (0, Touch(4_700, SHARE, 4_900, SHARE), "ceiling_out_of_range"),
        (-200, Touch(4_700, SHARE, 4_900, SHARE), "ceiling_out_of_range"),
        (ONE, Touch(4_700, SHARE, 4_900, SHARE), "ceiling_out_of_range"),
        (5_100, Touch(4_700, SHARE, ONE, 0), "no_ask"),
        (5_100, Touch(0, 0, 100, SHARE), "no_room_under_ask"),
    ],
)
def test_without_a_sound_price_there_is_no_hedge_and_never_the_bare_ceiling(
    ceiling: int, touch: Touch, reason: str
) -> None:
    assert hedge_bid(ceiling, touch, 100) == (None, reason)


def test_hedging_is_allowed_when_opening_is_not() -> None:
    full = held(yes=30, no=10, yes_cost=14_000_000, no_cost=5_000_000)
    assert prices(maker().targets(view(4_800, 5_000, full))).keys() == {NO}


def test_a_flat_market_that_may_not_open_cancels_both_sides() -> None:
    full = held(yes=30, no=30, yes_cost=14_000_000, no_cost=15_000_000)
    targets = maker().targets(view(4_800, 5_000, full))
    assert targets.quotes == ()
    assert {skip.reason for skip in targets.withheld} == {"inventory_limit"}


def test_a_size_below_the_venues_minimum_is_never_raised_silently() -> None:
    targets = Maker(MakerParameters(), InventoryParameters(), LegParameters()).targets(view(4_800, 5_200))
    assert targets.quotes == ()
    assert targets.reason == "size_below_minimum"
    gate = targets.gates[0]
    assert (gate.passed, gate.value, gate.threshold, gate.note) == (False, SHARE, 5 * SHARE, "PM_BID_SIZE")


def test_reducing_wants_only_what_lowers_the_position() -> None:
    reducing = TradingState.REDUCING
    assert maker().targets(view(4_800, 5_200, state=reducing)).quotes == ()
    naked = held(yes=8, yes_cost=3_840_000)
    assert prices(maker().targets(view(4_800, 5_200, naked, state=reducing))).keys() == {NO}


def test_the_pair_edge_in_ticks_replaces_the_target() -> None:
    targets = maker(pair_edge_ticks=3).targets(view(4_900, 5_000))
    assert sum(price for price, _ in prices(targets).values()) <= ONE - 300


def test_the_tick_that_an_even_spread_loses_goes_to_the_side_that_shrinks_inventory() -> None:
    plain = maker().targets(view(4_800, 5_000, held(yes=3, yes_cost=1_440_000)))
    given = maker(even_spread="improve_reducing").targets(view(4_800, 5_000, held(yes=3, yes_cost=1_440_000)))
    assert prices(plain)[NO][0] == 5_000
    assert prices(given)[NO][0] == 5_100
    assert prices(given)[YES] == prices(plain)[YES]


def test_a_coarser_configured_grid_is_used_only_where_it_lies_on_the_markets_own() -> None:
    assert quote_tick(1, 10) == 10
    assert quote_tick(100, 10) == 100
    assert quote_tick(25, 10) == 25


def test_a_moving_clock_alone_changes_nothing() -> None:
    first = view(4_800, 5_200)
    later = msgspec.structs.replace(first, now_ns=60_000_000_000)
    assert maker().targets(first) == maker().targets(later)


def test_an_answer_holds_while_touch_inventory_and_state_do() -> None:
    quoting = maker()
    first = quoting.targets(view(4_800, 5_200))
    assert quoting.targets(view(4_800, 5_200)) is first
    assert prices(quoting.targets(view(4_700, 5_200))) != prices(first)
    assert prices(quoting.targets(view(4_800, 5_200, held(yes=3, yes_cost=1_440_000)))) != prices(first)
    assert quoting.targets(view(4_800, 5_200, state=TradingState.REDUCING)).quotes == ()


def test_a_hedge_that_the_ceiling_bounds_has_no_anchor_in_the_mid() -> None:
    naked = held(yes=8, yes_cost=3_840_000)
    (bounded,) = maker().targets(view(3_100, 3_300, naked)).quotes
    (under_ask,) = maker().targets(view(5_600, 5_800, naked)).quotes
    assert (bounded.price, bounded.anchor) == (5_100, None)
    assert (under_ask.price, under_ask.anchor) == (4_300, 4_200 + 4_400)


def test_a_side_that_may_not_open_is_kept_where_its_residue_makes_an_order() -> None:
    """With a band wider than the minimum a residue can be placed although opening is not allowed."""
    full = held(yes=30, no=22, yes_cost=14_000_000, no_cost=11_000_000)
    shown = view(4_800, 5_200, full)
    wide = msgspec.structs.replace(shown.markets[M], phase="Balanced")
    targets = maker().targets(msgspec.structs.replace(shown, markets={M: wide}))
    assert prices(targets) == {NO: (4_900, 8)}
    assert [(skip.outcome, skip.reason) for skip in targets.withheld] == [(YES, "inventory_limit")]


def test_every_quote_is_a_bid() -> None:
    targets = maker().targets(view(4_800, 5_200, held(yes=3, yes_cost=1_440_000)))
    assert {quote.side for quote in targets.quotes} == {Side.BUY}


def test_a_hedge_stands_until_a_touch_the_position_or_a_step_of_the_leg_policy_moves_it() -> None:
    raised = LegParameters(raise_after_ms=60_000, raise_every_ms=30_000, raise_ticks=2)
    hedger = Maker(*SMALL[:1], msgspec.structs.replace(SMALL[1], max_portfolio_cost=10_100), raised)
    held_view = view(3_900, 4_500, held(yes=10, yes_cost=4_800_000))

    def hedge_at(seconds: int, shown: View = held_view) -> Targets:
        return hedger.targets(msgspec.structs.replace(shown, now_ns=seconds * 1_000_000_000))

    first = hedge_at(0)
    assert prices(first) == {NO: (5_100, 10)}
    assert hedge_at(59) is first
    assert prices(hedge_at(60)) == {NO: (5_300, 10)}
    assert prices(hedge_at(89)) == {NO: (5_300, 10)}
    assert prices(hedge_at(89, view(3_900, 4_500, held(yes=15, yes_cost=7_200_000)))) == {NO: (5_300, 15)}
    assert prices(hedge_at(89, view(4_800, 5_000, held(yes=10, yes_cost=4_800_000)))) == {NO: (5_100, 10)}
