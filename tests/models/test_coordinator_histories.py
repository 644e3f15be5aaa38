"""Any history: nothing is placed where nothing may be, no cancel is lost, in the end what stands is what is wanted."""

from collections.abc import Iterable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from models.cells import TradingState
from models.leg_risk import LegParameters
from models.markets import NO, YES
from models.messages.base import Message
from models.messages.control import CellNote
from models.messages.decisions import DecisionMade
from models.messages.market import BookEpochChanged
from models.messages.orders import CancelOrder, PlaceOrder
from models.messages.position import Position
from models.orders import TERMINAL, OrderState
from models.quotes import QuoteParameters
from models.units import DOLLAR
from tests.models.coordination import M, Room, cell, flow, held, maker
from tests.sizes import machine

HELD = st.sampled_from(
    [
        Position(),
        held(yes=3, yes_cost=145),
        held(yes=5, yes_cost=245),
        held(no=8, no_cost=390),
        held(yes=20, no=20, yes_cost=900, no_cost=950),
    ]
)
CELLS = st.sampled_from(
    [
        (),
        (cell(TradingState.REDUCING, "inventory", "hedge_only"),),
        (cell(TradingState.REDUCING, "operator", "reduce"),),
        (cell(TradingState.CANCEL_ONLY),),
        (cell(TradingState.HALTED, "switch", "off"),),
    ]
)
LEG = LegParameters(leg_max_loss=DOLLAR, take_after_ms=5_000)
ANSWERS = st.sampled_from(
    [OrderState.WORKING, OrderState.WORKING, OrderState.REJECTED, OrderState.UNKNOWN, OrderState.NEVER_SENT]
)


class History(RuleBasedStateMachine):
    """The coordinator between a book, risk and an executor that answer as they like, late or in the wrong order."""

    def __init__(self) -> None:
        super().__init__()
        self.room = Room(maker(LEG), leg=LEG, quotes=QuoteParameters(minimum_life_ms=300))
        self.live: dict[str, PlaceOrder] = {}
        self.said: dict[str, OrderState] = {}
        self.called_back: set[str] = set()
        self.cells: tuple[CellNote, ...] = ()
        self.usable = self.toxic = False
        self.epoch = 1
        self.touch = (0, 0)
        self.decided = ""

    @property
    def stopped(self) -> bool:
        held_back = any(one.state >= TradingState.CANCEL_ONLY for one in self.cells)
        return held_back or not self.usable or self.toxic

    def hear(self, out: Iterable[Message]) -> None:
        for message in out:
            if isinstance(message, PlaceOrder):
                self.placed(message)
            elif isinstance(message, CancelOrder):
                assert message.reason.isidentifier()
                assert message.intent not in self.called_back, "a cancel is asked for once"
                self.called_back.add(message.intent)
            elif isinstance(message, DecisionMade):
                assert message.explanation.reason
                self.decided = message.explanation.reason

    def placed(self, order: PlaceOrder) -> None:
        assert not self.stopped
        assert order.epoch == self.epoch
        assert order.intent not in self.said, "an intent is named once"
        bid, ask = self.touch
        if order.post_only:
            best = ask if order.outcome == YES else 10_000 - bid
            assert order.price < best
            beside = [
                intent
                for intent, other in self.live.items()
                if (other.outcome, other.side) == (order.outcome, order.side)
            ]
            assert all(self.said[intent] is OrderState.WORKING for intent in beside), "replaced only with evidence"
        else:
            assert not self.live, "a take goes alone"
        self.live[order.intent] = order
        self.said[order.intent] = OrderState.PLACING

    def say(self, order: PlaceOrder, state: OrderState, filled: int = 0) -> None:
        self.said[order.intent] = state
        if state in TERMINAL:
            del self.live[order.intent]
        if state is OrderState.WORKING:
            self.called_back.discard(order.intent)
        self.hear(self.room.tell(self.room.changed(order, state, filled, "said")))

    def pick(self, number: int, *states: OrderState) -> PlaceOrder | None:
        found = [order for intent, order in self.live.items() if self.said[intent] in states]
        return found[number % len(found)] if found else None

    @rule(bid=st.integers(20, 70), spread=st.integers(1, 6), unusable=st.sampled_from([None, None, None, "stale"]))
    def the_book_moves(self, bid: int, spread: int, unusable: str | None) -> None:
        self.usable = unusable is None
        self.touch = (bid * 100, (bid + spread) * 100)
        self.hear(self.room.book(*self.touch, epoch=self.epoch, unusable=unusable))

    @rule()
    def the_epoch_changes(self) -> None:
        self.epoch += 1
        self.usable = False
        self.hear(self.room.tell(BookEpochChanged(M, self.epoch, 100, "gap")))

    @rule(toxic=st.booleans())
    def the_flow_moves(self, toxic: bool) -> None:
        self.toxic = toxic
        self.hear(self.room.tell(flow(toxic=toxic)))

    @rule(cells=CELLS)
    def risk_speaks(self, cells: tuple[CellNote, ...]) -> None:
        self.cells = cells
        self.hear(self.room.state(*cells))

    @rule(position=HELD)
    def the_inventory_moves(self, position: Position) -> None:
        self.hear(self.room.hold(position))

    @rule(number=st.integers(0, 9), state=ANSWERS)
    def an_order_is_answered(self, number: int, state: OrderState) -> None:
        order = self.pick(number, OrderState.PLACING, OrderState.UNKNOWN)
        if order is not None:
            called_back = order.intent in self.called_back
            self.say(order, state)
            if called_back and state is OrderState.WORKING:
                # The executor, which was told while it was placing, cancels it at once.
                self.called_back.add(order.intent)
                self.say(order, OrderState.CANCELLING)

    @rule(number=st.integers(0, 9))
    def an_intent_is_denied(self, number: int) -> None:
        order = self.pick(number, OrderState.PLACING)
        if order is not None:
            del self.live[order.intent]
            self.hear(self.room.deny(order, "net_limit"))

    @rule(number=st.integers(0, 9), state=st.sampled_from([OrderState.CANCELLED, OrderState.FILLED]))
    def an_order_ends(self, number: int, state: OrderState) -> None:
        order = self.pick(number, OrderState.WORKING, OrderState.CANCELLING)
        if order is not None:
            self.say(order, state, order.size // 1_000_000 if state is OrderState.FILLED else 0)

    @rule(ms=st.sampled_from([1, 50, 250, 990, 1_500, 6_000]))
    def time_passes(self, ms: int) -> None:
        self.room.now_ns += ms * 1_000_000
        self.forget_the_unanswered()
        self.hear(self.room.later(0))

    @rule()
    def everything_is_answered_until_nothing_more_happens(self) -> None:
        for _ in range(30):
            before = len(self.room.said)
            for order in list(self.live.values()):
                if order.intent in self.called_back or not order.post_only:
                    self.say(order, OrderState.CANCELLED)
                elif self.said[order.intent] is not OrderState.WORKING:
                    self.say(order, OrderState.WORKING)
            self.time_passes(1_500)
            if len(self.room.said) == before:
                break
        self.what_stands_is_what_is_wanted()

    def what_stands_is_what_is_wanted(self) -> None:
        notes = self.room.why().quotes
        wanted = {(note.outcome, note.side) for note in notes}
        standing = {(order.outcome, order.side) for order in self.live.values() if order.post_only}
        if self.stopped:
            assert not standing
        assert standing == wanted, (self.decided, self.room.why().notes)

    def forget_the_unanswered(self) -> None:
        """An intent that nobody has answered for a second is dead."""
        for intent, order in list(self.live.items()):
            if self.said[intent] is OrderState.PLACING and self.room.now_ns - order.created_ns >= 10**9:
                del self.live[intent]

    @invariant()
    def no_cancel_is_lost(self) -> None:
        if not self.stopped:
            return
        for intent, order in self.live.items():
            if order.post_only and self.said[intent] in (OrderState.PLACING, OrderState.WORKING):
                assert intent in self.called_back

    @invariant()
    def both_sides_are_known_to_be_bids(self) -> None:
        assert {order.outcome for order in self.live.values()} <= {YES, NO}


@pytest.mark.proves("I19")
class TestHistory(History.TestCase):
    settings = machine(60, 40)
