"""What every event of the ledger does to a position, to the micro-dollar."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.markets import NO, YES, Outcome, Side
from models.messages.base import Message
from models.messages.market import TradeSeen
from models.messages.orders import FillCounted, FillSettled, FillVoided, MergeChanged, PositionsRedeemed
from models.messages.position import LedgerSnapshot, Leg, Position
from models.positions import advance, after_merges, cash_flow, cost_leaving, leg_of, mergeable, net_diff
from models.units import ONE, SHARE, cash_of
from tests.models.wishes import TAG, M, fill, wish


def after(position: Position, *events: Message) -> Position:
    for event in events:
        moved = advance(position, event)
        assert moved is not None
        position = moved
    return position


def bought(trade_id: str, price: str, shares: int, outcome: Outcome = YES, at_ns: int = 0) -> FillCounted:
    return fill(wish(price=price, size=shares * SHARE, outcome=outcome), trade_id, at_ns=at_ns)


def sold(position: Position, trade_id: str, price: str, shares: int, outcome: Outcome = YES) -> FillCounted:
    order = wish(price=price, size=shares * SHARE, outcome=outcome, side=Side.SELL)
    return fill(order, trade_id, cost_out=cost_leaving(position, outcome, order.size))


def settled(*fills: FillCounted) -> tuple[Message, ...]:
    return tuple(event for each in fills for event in (each, FillSettled(each, 0)))


def merge(size: int, state: str, cost: int = 0) -> MergeChanged:
    return MergeChanged("op", TAG, M, size, state, cost, 0)


PAIRS = after(Position(), *settled(bought("y", "0.48", 5), bought("n", "0.50", 5, NO)))


def test_a_buy_is_held_at_once_and_settled_later() -> None:
    counted = bought("t1", "0.48", 5)
    position = after(Position(), counted)
    assert position.yes == Leg(5 * SHARE, 2_400_000, 0)
    assert position.provisional == (counted,)
    position = after(position, FillSettled(counted, 0))
    assert position.yes == Leg(5 * SHARE, 2_400_000, 5 * SHARE)
    assert position.provisional == ()


def test_a_sale_takes_the_average_cost_along_and_leaves_the_settled_at_once() -> None:
    position = after(Position(), *settled(bought("a", "0.40", 5), bought("b", "0.50", 5)))
    sale = sold(position, "c", "0.60", 4)
    position = after(position, sale)
    assert position.yes == Leg(6 * SHARE, 2_700_000, 6 * SHARE)
    assert position.realized == 2_400_000 - 1_800_000
    assert after(position, FillSettled(sale, 0)).yes == position.yes


@pytest.mark.proves("I3")
def test_a_void_gives_back_shares_cost_cash_and_fees_exactly() -> None:
    before = after(PAIRS, bought("x", "0.333", 3))
    for counted in (bought("v", "0.41", 7), bought("v", "0.41", 7, NO), sold(before, "v", "0.60", 2)):
        charged = msgspec.structs.replace(counted, fee=17, rebate=5)
        assert after(before, charged).fees == 17
        assert _without_ages(after(before, charged, FillVoided(charged, 9))) == _without_ages(before)


def test_the_part_of_the_cost_that_leaves_is_rounded_down_and_the_last_share_takes_the_rest() -> None:
    position = after(Position(), *settled(fill(wish(price="0.3333", size=3 * SHARE), "a")))
    assert position.yes.cost == 999_900
    assert cost_leaving(position, YES, SHARE + 1) == 333_300
    position = after(position, sold(position, "b", "0.5", 1), sold(position, "c", "0.5", 1))
    assert cost_leaving(position, YES, SHARE) == position.yes.cost


def test_a_sale_that_is_told_before_its_buy_ends_with_no_cost_and_no_lost_cash() -> None:
    sale = sold(Position(), "a", "0.60", 5)
    position = after(Position(), sale, bought("b", "0.40", 5))
    assert position.yes == Leg(0, 0, -5 * SHARE)
    assert position.realized == 1_000_000


def test_a_merge_turns_settled_pairs_into_a_dollar_each_at_their_average_cost() -> None:
    requested = after(PAIRS, merge(3 * SHARE, "requested"))
    assert requested.yes == PAIRS.yes, "until it is confirmed the pairs are still ours"
    assert mergeable(requested) == 2 * SHARE
    assert after_merges(requested).yes == Leg(2 * SHARE, 960_000, 2 * SHARE)
    confirmed = after(requested, merge(3 * SHARE, "submitted"), merge(3 * SHARE, "confirmed", cost=10_000))
    assert confirmed.no == Leg(2 * SHARE, 1_000_000, 2 * SHARE)
    assert confirmed.realized == 3_000_000 - 3 * 480_000 - 3 * 500_000
    assert (confirmed.merging, confirmed.fees) == (0, 10_000)


def test_a_failed_merge_leaves_the_pairs_and_costs_what_it_cost() -> None:
    failed = after(PAIRS, merge(3 * SHARE, "requested"), merge(3 * SHARE, "failed", cost=20))
    assert failed == msgspec.structs.replace(PAIRS, fees=20)


@pytest.mark.parametrize("payout_yes, paid", [(ONE, 5_000_000), (0, 8_000_000), (ONE // 2, 6_500_000)])
def test_a_resolved_market_pays_every_share(payout_yes: int, paid: int) -> None:
    position = after(PAIRS, *settled(bought("x", "0.40", 3, NO)))
    redeemed = after(position, PositionsRedeemed(TAG, M, payout_yes, 0))
    assert (redeemed.yes, redeemed.no) == (Leg(), Leg())
    assert redeemed.realized == paid - 2_400_000 - 2_500_000 - 1_200_000
    assert redeemed.unpaired_since_ns is None


def test_the_naked_quantity_has_the_age_and_the_cost_of_its_own_lots() -> None:
    position = after(PAIRS, bought("a", "0.30", 4, at_ns=100), bought("b", "0.20", 4, at_ns=200))
    assert (position.unpaired_since_ns, position.unpaired_cost) == (100, 2_000_000)
    position = after(position, bought("c", "0.60", 2, NO, at_ns=300))
    assert (position.unpaired_since_ns, position.unpaired_cost) == (100, 1_500_000), "2 of 8 took their average along"
    flipped = after(position, bought("d", "0.50", 9, NO, at_ns=400))
    assert (flipped.unpaired_since_ns, flipped.unpaired_cost) == (400, 1_500_000), "3 of the last 9"
    assert after(flipped, bought("e", "0.48", 3, at_ns=500)).unpaired_since_ns is None
    bare = after(PAIRS, sold(PAIRS, "f", "0.60", 2))
    assert bare.unpaired_cost == 1_000_000, "a sale of YES lays NO bare at its average"
    lot = bought("g", "0.90", 1, at_ns=600)
    assert after(position, lot, FillVoided(lot, 700)).unpaired_cost == position.unpaired_cost


def test_other_messages_move_no_position() -> None:
    assert advance(PAIRS, TradeSeen(M, YES, Side.BUY, 4_800, SHARE, 0)) is None
    assert advance(PAIRS, LedgerSnapshot(TAG, M, Position(), 0)) == Position()


# Properties: any history that a venue could write

steps = st.lists(
    st.tuples(
        st.sampled_from(["buy", "buy", "sell", "settle", "void", "merge", "merge ends", "redeem"]),
        st.sampled_from([YES, NO]),
        st.integers(1, 9_999),
        st.integers(1, 9 * SHARE),
        st.booleans(),
    ),
    max_size=25,
)


class History:
    """A market's past, one possible event at a time; `cash` is counted from the events alone."""

    def __init__(self) -> None:
        self.position = Position()
        self.cash = 0
        self.events: list[Message] = []
        self.merging = 0

    def play(self, number: int, kind: str, outcome: Outcome, price: int, size: int, flag: bool) -> None:
        event = self._event(number, kind, outcome, price, size, flag)
        if event is not None:
            self.add(event)

    def add(self, event: Message) -> None:
        self.cash += self._flow(event)
        self.position = after(self.position, event)
        self.events.append(event)

    def _event(self, number: int, kind: str, outcome: Outcome, price: int, size: int, flag: bool) -> Message | None:
        position = self.position
        open_fills = [each for each in position.provisional if each.outcome == outcome]
        free = leg_of(position, outcome).settled - position.merging
        match kind:
            case "buy":
                return self._fill(number, outcome, Side.BUY, price, size, 0)
            case "sell" if free > 0:
                size = min(size, free)
                return self._fill(number, outcome, Side.SELL, price, size, cost_leaving(position, outcome, size))
            case "settle" if open_fills:
                return FillSettled(open_fills[size % len(open_fills)], number)
            case "void" if open_fills:
                return FillVoided(open_fills[size % len(open_fills)], number)
            case "merge" if mergeable(position) and not self.merging:
                self.merging = min(size, mergeable(position))
                return merge(self.merging, "requested")
            case "merge ends" if self.merging:
                size, self.merging = self.merging, 0
                return merge(size, "confirmed" if flag else "failed", cost=price)
            case "redeem" if not position.provisional and not position.merging:
                return PositionsRedeemed(TAG, M, ONE if flag else 0, number)
            case _:
                return None

    @staticmethod
    def _fill(number: int, outcome: Outcome, side: Side, price: int, size: int, cost_out: int) -> FillCounted:
        order = wish(number, price=f"0.{price:04d}", size=size, outcome=outcome, side=side)
        return msgspec.structs.replace(fill(order, f"t{number}", at_ns=number, cost_out=cost_out), fee=price % 7)

    def _flow(self, event: Message) -> int:
        match event:
            case FillCounted():
                return _cash(event)
            case FillVoided():
                return -_cash(event.fill)
            case MergeChanged():
                return (event.size if event.state == "confirmed" else 0) - event.cost
            case PositionsRedeemed():
                yes, no = self.position.yes.shares, self.position.no.shares
                return cash_of(event.payout_yes, yes) + cash_of(ONE - event.payout_yes, no)
            case _:
                return 0


def _cash(counted: FillCounted) -> int:
    return (-counted.cash if counted.side is Side.BUY else counted.cash) - counted.fee


def played(said: Sequence[tuple[str, Outcome, int, int, bool]]) -> History:
    history = History()
    for number, step in enumerate(said):
        history.play(number, *step)
    return history


@pytest.mark.proves("I3")
@given(steps)
def test_cash_and_cost_and_profit_are_conserved_to_the_micro_dollar(said) -> None:
    history = played(said)
    assert cash_flow(history.position) == history.cash


@given(steps)
def test_no_leg_holds_less_than_nothing_or_a_cost_without_shares(said) -> None:
    position = played(said).position
    for leg in (position.yes, position.no):
        assert 0 <= leg.settled <= leg.shares
        assert leg.cost >= 0
        assert leg.shares or not leg.cost
    assert mergeable(position) >= 0
    assert (net_diff(position) == 0) == (position.unpaired_since_ns is None)


@given(steps, st.integers(0, 24), st.sampled_from([YES, NO]), st.integers(1, 9_999), st.integers(1, 9 * SHARE))
def test_a_voided_buy_leaves_the_position_that_would_be_there_without_it(said, at, outcome, price, size) -> None:
    history = played([step for step in said if step[0] != "redeem"])
    events = history.events
    phantom = fill(wish(99, price=f"0.{price:04d}", size=size, outcome=outcome), "phantom")
    at = min(at, len(events))
    haunted = after(Position(), *events[:at], phantom, *events[at:], FillVoided(phantom, 99))
    assert _without_ages(haunted) == _without_ages(history.position)


def _without_ages(position: Position) -> Position:
    """Age and cost of the naked lots follow the order of events; everything else must not."""
    return msgspec.structs.replace(position, unpaired_since_ns=None, unpaired_cost=0)
