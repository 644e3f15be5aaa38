"""When a desk may open more, and when its pairs become dollars."""

import msgspec
import pytest

from models.inventory import InventoryMachine, InventoryParameters, can_open, portfolio_cost
from models.markets import NO, YES, Outcome
from models.messages.orders import FillSettled, FillVoided, MergeChanged, MergePairs, PositionsRedeemed
from models.messages.position import InventoryUpdated, LedgerSnapshot, Leg, Position
from models.messages.runtime import WakeAt, Woke
from models.units import ONE, SHARE
from tests.models.wishes import TAG, M, fill, wish

SEED = InventoryParameters()
S = 1_000_000_000


def holding(yes: tuple[float, str], no: tuple[float, str], *, merging: int = 0) -> Position:
    """Shares and average cost of each leg, all settled."""
    legs = [
        Leg(int(shares * SHARE), int(shares * SHARE * float(price)), int(shares * SHARE)) for shares, price in (yes, no)
    ]
    return Position(*legs, merging=merging * SHARE)


@pytest.mark.parametrize(
    "position, blocked",
    [
        (Position(), []),
        (holding((4.999999, "0.10"), (0, "0")), []),
        (holding((5, "0.10"), (0, "0")), ["net_diff"]),
        (holding((0, "0"), (5, "0.10")), ["net_diff"]),
        (holding((4, "0.51"), (4, "0.50")), []),
        (holding((4, "0.52"), (4, "0.50")), ["portfolio_cost"]),
        (holding((4, "0.99"), (0, "0")), []),
        (holding((11, "0.45"), (9, "0.50")), []),
        (holding((8, "0.40"), (10, "0.50")), ["position_value"]),
        (holding((12.5, "0.40"), (8, "0.50")), ["position_value"]),
        (holding((20, "0.60"), (10, "0.60")), ["net_diff", "portfolio_cost", "position_value"]),
    ],
)
def test_opening_needs_all_three_conditions_strictly(position: Position, blocked: list[str]) -> None:
    opening = can_open(position, SEED)
    assert [gate.name for gate in opening.gates if not gate.passed] == blocked
    assert opening.allowed == (not blocked)


def test_each_condition_says_its_figures() -> None:
    gates = can_open(holding((8, "0.48"), (5, "0.51")), SEED).gates
    assert [(gate.value, gate.threshold, gate.unit) for gate in gates] == [
        (3 * SHARE, 5 * SHARE, "size"),
        (9_900, 10_200, "price"),
        (3_840_000, 5_000_000, "money"),
    ]
    assert [gate.note for gate in gates] == ["PM_MAX_NET_DIFF", "PM_MAX_PORTFOLIO_COST", "YES, PM_MAX_POSITION_VALUE"]


def test_portfolio_cost_is_below_the_limit_exactly_when_the_unrounded_cost_is() -> None:
    just_under = Position(Leg(3 * SHARE, 1_560_000 - 1, 0), Leg(3 * SHARE, 1_500_000, 0))
    assert portfolio_cost(just_under) == 10_199
    assert can_open(just_under, SEED).allowed
    assert portfolio_cost(Position(Leg(3 * SHARE, 1_560_000, 0), Leg(3 * SHARE, 1_500_000, 0))) == 10_200
    assert portfolio_cost(holding((5, "0.9"), (0, "0"))) == 0


def test_pairs_on_their_way_to_a_dollar_no_longer_block() -> None:
    assert can_open(holding((12, "0.45"), (12, "0.50"), merging=10), SEED).allowed


# The machine

PAIRS = holding((12, "0.45"), (12, "0.50"))


def machine(parameters: InventoryParameters = SEED, position: Position = PAIRS) -> tuple[InventoryMachine, tuple]:
    """A machine that has just been given a position, and what it said to it."""
    made = InventoryMachine(TAG, M, parameters)
    return made, made.step(LedgerSnapshot(TAG, M, position, 0), 0)


def merge(size: int, state: str) -> MergeChanged:
    return MergeChanged("op", TAG, M, size, state, 0, 0)


def test_every_change_of_the_position_is_told() -> None:
    made = InventoryMachine(TAG, M, SEED)
    counted = fill(wish(size=4 * SHARE))
    for event, leg in (
        (counted, Leg(4 * SHARE, 1_920_000, 0)),
        (FillSettled(counted, 0), Leg(4 * SHARE, 1_920_000, 4 * SHARE)),
        (PositionsRedeemed(TAG, M, ONE, 0), Leg()),
    ):
        assert made.step(event, 7) == (InventoryUpdated(TAG, M, made.position, 7),)
        assert made.position.yes == leg
    other = InventoryMachine(TAG, M, SEED)
    other.step(counted, 0)
    assert other.step(FillVoided(counted, 0), 7) == (InventoryUpdated(TAG, M, Position(), 7),)
    assert other.step(Woke("something else"), 0) == ()


def test_a_blocked_market_merges_every_settled_pair_once() -> None:
    made, said = machine()
    assert said[1:] == (MergePairs(TAG, M, 12 * SHARE, "when_blocked", 0),)
    again = made.step(fill(wish(size=SHARE)), 1)
    assert [type(message) for message in again] == [InventoryUpdated], "one merge is under way"
    assert [type(message) for message in made.step(merge(12 * SHARE, "requested"), 2)] == [InventoryUpdated]
    made.step(merge(12 * SHARE, "confirmed"), 3)
    assert made.position.yes.shares == SHARE
    assert made.position.realized == 600_000


def test_pairs_that_block_nothing_stay() -> None:
    assert len(machine(position=holding((5, "0.45"), (5, "0.50")))[1]) == 1
    assert len(machine(msgspec.structs.replace(SEED, auto_merge="off"))[1]) == 1


def test_pairs_merge_from_a_number_on() -> None:
    policy = msgspec.structs.replace(SEED, auto_merge="at_least", merge_pairs=6 * SHARE)
    assert len(machine(policy, holding((5, "0.45"), (7, "0.50")))[1]) == 1
    assert machine(policy, holding((6, "0.45"), (7, "0.50")))[1][1].size == 6 * SHARE


def test_what_is_not_settled_is_not_merged() -> None:
    position = msgspec.structs.replace(PAIRS, no=Leg(12 * SHARE, 6_000_000, 3 * SHARE))
    assert machine(position=position)[1][1].size == 3 * SHARE


def test_a_failed_merge_is_tried_again_after_a_while() -> None:
    made, _ = machine()
    made.step(merge(12 * SHARE, "requested"), 1)
    failed = made.step(merge(12 * SHARE, "failed"), 5 * S)
    assert failed[1:] == (WakeAt(65 * S, "merge"),)
    assert made.step(Woke("merge"), 64 * S) == (WakeAt(65 * S, "merge"),)
    (again,) = made.step(Woke("merge"), 65 * S)
    assert again == MergePairs(TAG, M, 12 * SHARE, "when_blocked", 65 * S)


@pytest.mark.parametrize("outcome", [YES, NO])
def test_a_restarted_inventory_goes_on_from_the_ledger(outcome: Outcome) -> None:
    made, _ = machine(position=Position())
    counted = fill(wish(outcome=outcome))
    made.step(counted, 0)
    reborn, said = machine(position=made.position)
    assert said == (InventoryUpdated(TAG, M, made.position, 0),)
    reborn.step(FillVoided(counted, 0), 1)
    assert reborn.position == Position()


def test_who_takes_a_dead_ones_place_says_nothing_before_the_ledger_has_told_it_all() -> None:
    inventory = InventoryMachine(TAG, M, SEED, restarted=True)
    counted = fill(wish(1))
    assert inventory.step(counted, 0) == (), "it is in what the ledger will tell"
    held = holding((7, "0.48"), (0, "0"))
    (updated,) = inventory.step(LedgerSnapshot(TAG, M, held, 1), 1)
    assert isinstance(updated, InventoryUpdated)
    assert updated.position == held
    (updated,) = inventory.step(fill(wish(2), "t2"), 2)
    assert isinstance(updated, InventoryUpdated)
    assert updated.position.yes.shares == 12 * SHARE
