"""Merges and redemptions of a live executor: journalled, sent again as what they were, and booked once confirmed."""

from typing import TypeVar

from models.markets import NO, YES, Outcome
from models.messages.base import Message
from models.messages.market import MarketResolved
from models.messages.operations import (
    Batch,
    OperationSigned,
    RedemptionChanged,
    RedemptionReported,
    SubmitRedemption,
)
from models.messages.orders import MergeChanged, MergeReported, PositionsRedeemed, SubmitMerge
from models.messages.runtime import ActorRestarted, Woke
from models.positions import cash_flow
from models.units import ONE, SHARE
from tests.models.live_venue import LiveFloor
from tests.models.venue import S
from tests.models.wishes import TAG, M, wish

Kind = TypeVar("Kind", bound=Message)
BATCH = Batch(7, 1_700_000_600)


def floor_with(yes: int, no: int, status: str = "CONFIRMED") -> LiveFloor:
    """A desk that holds some of each token."""
    floor = LiveFloor()
    held: tuple[tuple[int, Outcome], ...] = ((yes, YES), (no, NO))
    for number, (size, outcome) in enumerate(held, 1):
        if size:
            order = wish(number, size=size * SHARE, outcome=outcome)
            floor.working(order)
            floor.trade(order, status, f"t{number}")
    return floor


def signed(floor: LiveFloor, operation: str, batch: Batch = BATCH) -> tuple[Message, ...]:
    return floor.tell(OperationSigned(operation, M, batch, floor.now_ns))


def resolve(floor: LiveFloor, payout_yes: int = ONE) -> tuple[Message, ...]:
    return floor.tell(MarketResolved(M, payout_yes, floor.now_ns))


def reported(floor: LiveFloor, status: str, text: str = "") -> tuple[Message, ...]:
    """End the redemption that was requested last."""
    operation = floor.heard(RedemptionChanged)[-1].operation
    return floor.tell(RedemptionReported(operation, M, status, text, floor.now_ns))


def of_kind(messages: tuple[Message, ...], kind: type[Kind]) -> list[Kind]:
    return [message for message in messages if isinstance(message, kind)]


def states(floor: LiveFloor) -> list[str]:
    return [changed.state for changed in floor.heard(RedemptionChanged)]


# Merges


def test_a_merge_is_signed_then_journalled_then_sent() -> None:
    floor = floor_with(5, 3)
    requested = floor.merge(9)
    assert floor.heard(SubmitMerge) == [SubmitMerge(requested.operation, M, 3 * SHARE)], "to be signed"
    said = signed(floor, requested.operation)
    assert [type(message) for message in said] == [MergeChanged, SubmitMerge], "the journal has it first"
    assert of_kind(said, MergeChanged)[0].batch == of_kind(said, SubmitMerge)[0].batch == BATCH
    floor.tell(MergeReported(requested.operation, M, "confirmed", 0, floor.now_ns))
    assert [changed.state for changed in floor.heard(MergeChanged)] == ["requested", "submitted", "confirmed"]
    assert (floor.position().yes.shares, floor.position().no.shares, floor.position().merging) == (2 * SHARE, 0, 0)


def test_a_merge_that_failed_frees_its_pairs_and_says_why() -> None:
    floor = floor_with(5, 5)
    operation = floor.merge(5).operation
    said = floor.tell(MergeReported(operation, M, "failed", 0, floor.now_ns, "merge unavailable"))
    assert of_kind(said, MergeChanged)[0].text == "merge unavailable"
    assert (floor.position().merging, floor.position().yes.shares) == (0, 5 * SHARE)
    assert floor.merge(5, 8).state == "requested"


def test_a_batch_for_nothing_that_is_under_way_is_not_sent() -> None:
    floor = floor_with(5, 5)
    operation = floor.merge(5).operation
    floor.tell(MergeReported(operation, M, "failed", 0, floor.now_ns))
    assert signed(floor, operation) == ()


def test_a_new_lane_is_given_what_is_under_way_as_it_was_sent() -> None:
    floor = floor_with(5, 5)
    first, second = floor.merge(2).operation, floor.merge(3, 8).operation
    signed(floor, second)
    said = floor.tell(ActorRestarted("lane/operations", "", 1))
    assert of_kind(said, SubmitMerge) == [
        SubmitMerge(second, M, 3 * SHARE, BATCH),
        SubmitMerge(first, M, 2 * SHARE),
    ], "what may have been sent comes first: its nonce is the lower one"


def test_after_a_fall_a_merge_is_sent_again_as_the_batch_that_it_was() -> None:
    floor = floor_with(5, 5)
    operation = floor.merge(5).operation
    signed(floor, operation, Batch(6, 1))
    signed(floor, operation)
    said = floor.begin_anew()
    assert of_kind(said, SubmitMerge) == [SubmitMerge(operation, M, 5 * SHARE, BATCH)]
    assert floor.position().merging == 5 * SHARE
    floor.tell(MergeReported(operation, M, "confirmed", 0, floor.now_ns))
    assert floor.tell(MergeReported(operation, M, "confirmed", 0, floor.now_ns)) == ()
    assert floor.position().yes.shares == 0


# Payouts


def test_a_resolved_position_is_held_until_its_redemption_is_confirmed() -> None:
    floor = floor_with(5, 3)
    said = resolve(floor)
    (submit,) = of_kind(said, SubmitRedemption)
    assert (submit.payout_yes, submit.batch, floor.heard(PositionsRedeemed)) == (ONE, None, [])
    assert floor.position().yes.shares == 5 * SHARE
    signed(floor, submit.operation)
    paid = of_kind(reported(floor, "confirmed"), PositionsRedeemed)
    assert [(one.tag, one.payout_yes) for one in paid] == [(TAG, ONE)]
    assert states(floor) == ["requested", "submitted", "confirmed"]
    assert (floor.position().yes.shares, floor.position().no.shares) == (0, 0)
    assert cash_flow(floor.position()) == 5_000_000 - 8 * 480_000
    assert reported(floor, "confirmed") == ()


def test_one_redemption_pays_every_desk() -> None:
    floor = floor_with(5, 0)
    other = wish(3, tag="other")
    floor.working(other)
    floor.trade(other, "CONFIRMED", "t3")
    resolve(floor)
    paid = of_kind(reported(floor, "confirmed"), PositionsRedeemed)
    assert [one.tag for one in paid] == [TAG, "other"]


def test_tokens_that_pay_nothing_are_booked_off_at_once() -> None:
    floor = floor_with(5, 0)
    said = resolve(floor, 0)
    assert (len(of_kind(said, PositionsRedeemed)), of_kind(said, SubmitRedemption)) == (1, [])
    assert (floor.position().yes.shares, cash_flow(floor.position())) == (0, -5 * 480_000)


def test_a_market_of_which_nothing_is_held_is_not_redeemed() -> None:
    floor = floor_with(0, 0)
    assert resolve(floor) == ()


def test_a_void_market_pays_a_half_for_either_token() -> None:
    floor = floor_with(5, 3)
    assert of_kind(resolve(floor, ONE // 2), SubmitRedemption)
    reported(floor, "confirmed")
    assert cash_flow(floor.position()) == 4_000_000 - 8 * 480_000


def test_a_redemption_waits_for_a_merge_under_way_and_for_fills_without_a_last_word() -> None:
    floor = floor_with(5, 3)
    late = wish(3)
    floor.working(late)
    floor.trade(late, "MATCHED", "t3", 2 * SHARE)
    operation = floor.merge(3).operation
    assert of_kind(resolve(floor), SubmitRedemption) == []
    assert of_kind(floor.tell(MergeReported(operation, M, "confirmed", 0, 0)), SubmitRedemption) == []
    assert len(of_kind(floor.trade(late, "CONFIRMED", "t3", 2 * SHARE), SubmitRedemption)) == 1
    reported(floor, "confirmed")
    assert cash_flow(floor.position()) == 3_000_000 + 4_000_000 - 10 * 480_000


def test_a_merge_that_fails_in_a_resolved_market_is_redeemed_with_the_rest() -> None:
    floor = floor_with(5, 5)
    operation = floor.merge(5).operation
    resolve(floor)
    assert of_kind(floor.tell(MergeReported(operation, M, "failed", 0, 0)), SubmitRedemption)
    reported(floor, "confirmed")
    assert floor.position().yes.shares == 0


def test_a_redemption_that_failed_is_tried_again_later() -> None:
    floor = floor_with(5, 0)
    resolve(floor)
    reported(floor, "failed", "the chain does not know the result yet")
    floor.now_ns += 59 * S
    assert of_kind(floor.tell(Woke("orders")), SubmitRedemption) == []
    floor.now_ns += S
    (again,) = of_kind(floor.tell(Woke("orders")), SubmitRedemption)
    assert again.operation != floor.heard(RedemptionChanged)[0].operation
    assert floor.position().yes.shares == 5 * SHARE
    reported(floor, "confirmed")
    assert floor.position().yes.shares == 0


def test_after_a_fall_a_redemption_goes_on_once() -> None:
    floor = floor_with(5, 0)
    resolve(floor)
    (submit,) = floor.heard(SubmitRedemption)
    signed(floor, submit.operation)
    said = floor.begin_anew()
    assert of_kind(said, SubmitRedemption) == [SubmitRedemption(submit.operation, M, ONE, BATCH)]
    reported(floor, "confirmed")
    assert of_kind(floor.begin_anew(), SubmitRedemption) == []
    assert floor.position().yes.shares == 0


def test_a_redemption_that_was_confirmed_but_not_booked_before_a_fall_is_looked_into_again() -> None:
    floor = floor_with(5, 0)
    resolve(floor)
    reported(floor, "confirmed")
    cut = [entry for entry in floor.chain if not isinstance(entry, PositionsRedeemed)]
    assert len(of_kind(floor.begin_anew(cut), SubmitRedemption)) == 1
