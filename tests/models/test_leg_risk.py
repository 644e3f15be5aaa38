"""The naked leg: the figures of the specification's own sample, and each step of the ladder."""

import msgspec
import pytest

from models.inventory import InventoryParameters
from models.leg_risk import Ceiling, LegParameters, hedge_ceiling, leg_exit, naked_leg
from models.markets import NO, YES, Fees, Market, Outcome, Side
from models.messages.decisions import NakedLeg
from models.messages.orders import FillSettled
from models.messages.position import Leg, Position
from models.positions import advance
from models.strategy import Take, Touch
from models.units import ONE, SHARE
from tests.models.wishes import M, fill, wish

MINUTE = 60_000
MS = 1_000_000
START = 1_000_000 * MS
POLITICS = Market(M, "fed-cut-jan", ("1", "2"), fees=Fees(rate_e6=40_000), end_ns=START + 120 * MINUTE * MS)
SEED = InventoryParameters()
PLAIN = LegParameters()
TARGET = 9_900


def bought(*lots: tuple[str, int, Outcome]) -> Position:
    """A position of settled lots: price, shares and token of each, in the order in which they came."""
    position = Position()
    for number, (price, shares, outcome) in enumerate(lots):
        counted = fill(wish(price=price, size=shares * SHARE, outcome=outcome), f"t{number}", at_ns=START)
        for event in (counted, FillSettled(counted, START)):
            position = advance(position, event) or position
    return position


def touches(bid: int, ask: int, size: int = 100) -> tuple[Touch, Touch]:
    """The two touches of a mirrored book, with shares on each."""
    yes = Touch(bid, size * SHARE, ask, size * SHARE)
    return yes, Touch(ONE - ask, size * SHARE, ONE - bid, size * SHARE)


FIVE_YES = bought(("0.48", 5, YES))
BOOK = touches(3_100, 3_300)


def after_minutes(minutes: int) -> int:
    return START + minutes * MINUTE * MS


def ceiling(
    leg: LegParameters, minutes: int, position: Position = FIVE_YES, book: tuple[Touch, Touch] | None = None
) -> Ceiling:
    return hedge_ceiling(position, TARGET, SEED, leg, POLITICS, after_minutes(minutes), book)


def exit_of(
    leg: LegParameters, minutes: int, position: Position = FIVE_YES, book: tuple[Touch, Touch] = BOOK
) -> Take | None:
    return leg_exit(position, book, POLITICS, leg, after_minutes(minutes))


def test_the_sample_of_the_specification() -> None:
    hedge = ceiling(PLAIN, 41)
    assert (hedge.price, hedge.step, hedge.formula) == (5_100, "ceiling", "ceiling 0.990 - 0.480")
    leg = naked_leg(FIVE_YES, *BOOK, POLITICS, 100, PLAIN, after_minutes(41), hedge.price)
    assert leg == NakedLeg(
        outcome=YES,
        shares=5 * SHARE,
        average=4_800,
        age_ms=41 * MINUTE,
        mid=3_200,
        unrealized=-800_000,
        worst_case=-2_400_000,
        hedge_price=5_100,
        hedge_ticks_behind=16,
        finish_maker_price=11_600,
        finish_maker_profit=-800_000,
        finish_taker_price=11_786,
        finish_taker_profit=-892_780,
        policy="hold",
        missing_ask=6_900,
    )


def test_a_flat_position_has_no_naked_leg() -> None:
    flat = bought(("0.48", 5, YES), ("0.5", 5, NO))
    assert naked_leg(flat, *BOOK, POLITICS, 100, PLAIN, START, None) is None
    assert exit_of(msgspec.structs.replace(PLAIN, sell_after_ms=1), 1, flat) is None


def test_a_naked_no_is_the_mirror_of_a_naked_yes() -> None:
    mirrored = naked_leg(bought(("0.48", 5, NO)), BOOK[1], BOOK[0], POLITICS, 100, PLAIN, after_minutes(41), 5_100)
    straight = naked_leg(FIVE_YES, *BOOK, POLITICS, 100, PLAIN, after_minutes(41), 5_100)
    assert straight is not None
    assert mirrored == msgspec.structs.replace(straight, outcome=NO)


def test_what_the_book_does_not_show_is_not_made_up() -> None:
    nothing = naked_leg(FIVE_YES, Touch(0, 0, ONE, 0), Touch(0, 0, ONE, 0), POLITICS, 100, PLAIN, START, None)
    assert nothing is not None
    assert (nothing.mid, nothing.unrealized, nothing.hedge_ticks_behind) == (None, None, None)
    assert (nothing.finish_maker_price, nothing.finish_taker_price) == (None, None)
    thin = naked_leg(FIVE_YES, *touches(3_100, 3_300, size=4), POLITICS, 100, PLAIN, START, None)
    assert thin is not None
    assert thin.finish_taker_price is None, "the ask shows four shares of the five"


def test_rounding_is_against_us() -> None:
    thirds = Position(Leg(3 * SHARE, 1_000_000, 0), unpaired_since_ns=START)
    leg = naked_leg(thirds, *BOOK, POLITICS, 100, PLAIN, START, None)
    assert leg is not None
    assert leg.average == 3_334
    assert ceiling(PLAIN, 0, thirds).price == 9_900 - 3_334


def test_the_average_is_that_of_all_shares_or_of_the_unpaired_lots() -> None:
    mixed = bought(("0.30", 5, YES), ("0.60", 5, NO), ("0.50", 5, YES))
    assert ceiling(PLAIN, 0, mixed).price == 9_900 - 4_000
    residual = msgspec.structs.replace(PLAIN, leg_average="residual")
    assert ceiling(residual, 0, mixed).price == 9_900 - 5_000
    leg = naked_leg(mixed, *BOOK, POLITICS, 100, residual, START, None)
    assert leg is not None
    assert leg.worst_case == -2_500_000


def test_the_ceiling_rises_with_age_in_steps_up_to_the_portfolio_cost() -> None:
    leg = msgspec.structs.replace(PLAIN, raise_after_ms=10 * MINUTE, raise_every_ms=MINUTE)
    risen = [(minutes, ceiling(leg, minutes)) for minutes in (9, 10, 11, 12, 60)]
    assert [(minutes, each.price, each.step) for minutes, each in risen] == [
        (9, 5_100, "ceiling"),
        (10, 5_200, "raise"),
        (11, 5_300, "raise"),
        (12, 5_400, "raise"),
        (60, 5_400, "raise"),
    ]
    assert risen[-1][1].formula == "ceiling 1.020 - 0.480"


def test_the_ceiling_rises_towards_the_end_and_with_the_loss() -> None:
    before_end = msgspec.structs.replace(
        PLAIN, raise_before_end_ms=30 * MINUTE, raise_every_ms=10 * MINUTE, raise_ticks=1
    )
    assert [ceiling(before_end, minutes).price for minutes in (89, 90, 101)] == [5_100, 5_200, 5_300]
    at_loss = msgspec.structs.replace(PLAIN, raise_at_loss=400_000)
    assert ceiling(at_loss, 0, book=BOOK).price == 5_300, "0.80 is twice the 0.40 of a step"
    assert ceiling(at_loss, 0).price == 5_100, "without touches there is no loss to see"


def test_a_leg_is_finished_as_taker_only_within_its_loss() -> None:
    take = Take(M, NO, Side.BUY, 6_900, 5 * SHARE, "leg_take")
    for loss, expected in ((892_780, None), (892_781, take)):
        assert exit_of(msgspec.structs.replace(PLAIN, leg_max_loss=loss), 0) == expected
    late = msgspec.structs.replace(PLAIN, leg_max_loss=900_000, take_after_ms=5 * MINUTE)
    assert [exit_of(late, minutes) for minutes in (4, 5)] == [None, take]


def test_the_hard_cut_off_finishes_at_any_loss() -> None:
    leg = msgspec.structs.replace(PLAIN, take_before_end_ms=10 * MINUTE)
    assert exit_of(leg, 109) is None
    assert exit_of(leg, 110) == Take(M, NO, Side.BUY, 6_900, 5 * SHARE, "leg_take")
    assert exit_of(leg, 110, book=touches(3_100, 3_300, size=4)) is None, "four shares are below the minimum"


@pytest.mark.parametrize(
    "leg",
    [
        LegParameters(sell_after_ms=41 * MINUTE),
        LegParameters(sell_at_loss=800_000),
        LegParameters(sell_before_end_ms=79 * MINUTE),
    ],
)
def test_a_leg_is_sold_by_age_loss_or_time_to_end(leg: LegParameters) -> None:
    assert exit_of(leg, 41) == Take(M, YES, Side.SELL, 3_100, 5 * SHARE, "leg_sell")
    assert exit_of(leg, 40, book=touches(3_200, 3_300)) is None


def test_only_settled_shares_are_sold_and_taking_comes_first() -> None:
    leg = LegParameters(sell_after_ms=1)
    pending = msgspec.structs.replace(FIVE_YES, yes=Leg(5 * SHARE, 2_400_000, 4 * SHARE))
    assert exit_of(leg, 1, pending) is None
    both = msgspec.structs.replace(leg, take_before_end_ms=120 * MINUTE)
    taken = exit_of(both, 1)
    assert taken is not None
    assert taken.reason == "leg_take"


def test_the_policy_names_the_hard_cut_off() -> None:
    ending = msgspec.structs.replace(POLITICS, end_ns=START + 90 * MINUTE * 1_000_000)
    held = msgspec.structs.replace(PLAIN, take_before_end_ms=30 * MINUTE)
    leg = naked_leg(FIVE_YES, *BOOK, ending, 100, held, START, None)
    assert leg is not None
    assert leg.policy.startswith("ceiling, then take, then hold, hard cut-off ")
    assert len(leg.policy.rpartition(" ")[2]) == len("15:30")


def test_the_policy_names_the_steps_that_are_on() -> None:
    own = LegParameters(raise_after_ms=1, leg_max_loss=1)
    leg = naked_leg(FIVE_YES, *BOOK, POLITICS, 100, own, START, None)
    assert leg is not None
    assert leg.policy == "ceiling, then raise, then take, then hold"
