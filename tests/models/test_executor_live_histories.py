"""Whatever lanes and feed say of orders, late, twice, reordered or against each other: what can never happen.

The venue here has a truth of its own (which orders stand, what of them was matched); the machine learns of it by
answers that are true but late, repeated and in any order, and by lines that break.
"""

from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from models.messages.base import Message
from models.messages.lanes import (
    AccountRead,
    CancelUnanswered,
    OpenOrderSeen,
    OrderFound,
    OrderNotFound,
    QueryFailed,
    QueryOrder,
    ReadAccount,
    SubmitUnanswered,
)
from models.messages.orders import (
    CancelOrder,
    CancelRejected,
    FillCounted,
    FillVoided,
    OrderAccepted,
    OrderApproved,
    OrderCancelled,
    OrderChanged,
    OrderRejected,
    PlaceOrder,
    SubmitCancel,
    SubmitOrder,
    UserFeedLost,
    UserFeedRestored,
)
from models.messages.runtime import Woke
from models.orders import TERMINAL, OrderState
from models.units import SHARE, Size
from tests.models.live_venue import LiveFloor
from tests.models.venue import MS, S
from tests.models.wishes import M, report, wish
from tests.sizes import machine

_FATES = ["taken", "taken without an answer", "late", "lost", "refused"]
_LATE_MAX_NS = 15 * S
"""Well inside of the window in which the machine believes that an order may still be taken in."""


class _AtVenue:
    """What is true of one order at the venue. `arrives_ns`: when it is taken in; None once it is, or never will be."""

    def __init__(self, order: PlaceOrder, arrives_ns: int | None) -> None:
        self.order = order
        self.arrives_ns = arrives_ns
        self.stands = False
        self.was_there = False
        self.filled: Size = 0


class LiveOrders(RuleBasedStateMachine):
    """A venue, its lanes and its feed around a live executor."""

    @initialize()
    def begin(self) -> None:
        self.floor = LiveFloor(read_lag_ms=1)
        self.venue: dict[str, _AtVenue] = {}
        self.mail: list[tuple[bool, Callable[[], Message]]] = []
        """What lanes and feed still have to say; true: it comes by the user feed."""
        self.connected = True
        self.wishes = self.asked = 0
        self.trades = 0

    # The engine

    @rule(market=st.sampled_from([M, "elsewhere"]), fate=st.sampled_from(_FATES))
    def approve(self, market: str, fate: str) -> None:
        self.fate = fate
        unknown = self._unknown_markets()
        self.wishes += 1
        order = wish(self.wishes, market=market)
        said = self._tell(OrderApproved(order, 0))
        sent = any(isinstance(message, SubmitOrder) for message in said)
        assert not (sent and market in unknown), "nothing goes where an order of unknown fate is"
        assert not (sent and not self.connected), "nothing goes while nobody tells us of fills"

    @precondition(lambda self: self.venue)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(list(self.venue.values()))).order
        self._tell(CancelOrder(order.intent, order.market, "reprice"))

    @rule(ms=st.sampled_from([1, 100, 700, 2_000, 5_000, 12_000]))
    def wait(self, ms: int) -> None:
        self.floor.now_ns += ms * MS
        for at in self.venue.values():
            if at.arrives_ns is not None and at.arrives_ns <= self.floor.now_ns:
                self._take_in(at)
        self._tell(Woke("orders"))

    # The venue and its lines

    @precondition(lambda self: any(at.stands for at in self.venue.values()))
    @rule(data=st.data(), whole=st.booleans())
    def fill(self, data: st.DataObject, whole: bool) -> None:
        at = data.draw(st.sampled_from([at for at in self.venue.values() if at.stands]))
        left = at.order.size - at.filled
        size = left if whole else min(left, SHARE)
        at.filled += size
        at.stands = at.filled < at.order.size
        self.trades += 1
        made = report(at.order, self.floor.id_of(at.order), "MATCHED", f"t{self.trades}", size, at_ns=self.floor.now_ns)
        self.mail.append((False, lambda: made))  # reads find it even when the feed lost it

    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """Bring any letter, not always the first, and sometimes leave it to be brought again."""
        bringable = [index for index, (by_feed, _) in enumerate(self.mail) if self.connected or not by_feed]
        if not bringable:
            return
        index = data.draw(st.sampled_from(bringable))
        letter = self.mail[index][1]
        if data.draw(st.booleans()):
            del self.mail[index]
        self._tell(letter())

    @rule(rounds=st.integers(1, 8), ms=st.sampled_from([500, 2_000]))
    def run_smoothly(self, rounds: int, ms: int) -> None:
        """Bring every letter as soon as it is written, for a while."""
        for _ in range(rounds):
            mail, self.mail = self.mail, []
            for by_feed, letter in mail:
                if self.connected or not by_feed:
                    self._tell(letter())
            self.wait(ms)

    @precondition(lambda self: self.connected)
    @rule()
    def lose_feed(self) -> None:
        self.connected = False
        self.mail = [(by_feed, letter) for by_feed, letter in self.mail if not by_feed]
        self._tell(UserFeedLost("closed", None))

    @precondition(lambda self: not self.connected)
    @rule()
    def restore_feed(self) -> None:
        self.connected = True
        self._tell(UserFeedRestored(None, self.floor.now_ns))

    def _tell(self, message: Message) -> tuple[Message, ...]:
        said = self.floor.tell(message)
        for each in said:
            match each:
                case SubmitOrder():
                    self._submitted(each)
                case SubmitCancel():
                    self._cancel_sent(each)
                case QueryOrder():
                    self._asked(each)
                case ReadAccount():
                    self._read()
                case _:
                    pass
        return said

    def _submitted(self, submit: SubmitOrder) -> None:
        """Take it in at once, late, or never; the answer is true, or there is none."""
        assert submit.order_id not in self.venue, "nothing is sent twice"
        now_ns = self.floor.now_ns
        at = self.venue[submit.order_id] = _AtVenue(submit.order, None)
        name, market = submit.order_id, submit.order.market
        if self.fate == "taken":
            self._take_in(at)
            self.mail.append((False, lambda: OrderAccepted(name, market, now_ns)))
        elif self.fate == "taken without an answer":
            self._take_in(at)
            self.mail.append((False, lambda: SubmitUnanswered(name, market, "500", now_ns)))
        elif self.fate == "late":
            at.arrives_ns = now_ns + _LATE_MAX_NS
            self.mail.append((False, lambda: SubmitUnanswered(name, market, "reset", now_ns)))
        elif self.fate == "lost":
            self.mail.append((False, lambda: SubmitUnanswered(name, market, "timed out", now_ns)))
        else:
            self.mail.append((False, lambda: OrderRejected(name, market, "no", now_ns)))

    def _take_in(self, at: _AtVenue) -> None:
        at.arrives_ns, at.stands, at.was_there = None, True, True
        name, market, now_ns = self.floor.id_of(at.order), at.order.market, self.floor.now_ns
        self.mail.append((True, lambda: OrderAccepted(name, market, now_ns)))

    def _cancel_sent(self, cancel: SubmitCancel) -> None:
        at = self.venue[cancel.order_id]
        name, market, now_ns = cancel.order_id, cancel.market, self.floor.now_ns
        if at.stands:
            at.stands = False
            filled = at.filled
            self.mail.append((False, lambda: OrderCancelled(name, market, filled, "", now_ns)))
        elif at.was_there:
            self.mail.append((False, lambda: CancelRejected(name, market, "already canceled or matched", now_ns)))
        else:
            self.mail.append((False, lambda: CancelUnanswered(name, market, "timed out", now_ns)))

    def _asked(self, query: QueryOrder) -> None:
        """Answer with what is true now, whenever the answer comes; or break."""
        at, now_ns = self.venue[query.order_id], self.floor.now_ns
        name, market = query.order_id, query.market
        self.asked += 1
        if self.asked % 4 == 0:
            answer: Message = QueryFailed(name, "no route", now_ns)
        elif not at.was_there:
            answer = OrderNotFound(name, market, now_ns)
        else:
            whole = at.filled == at.order.size
            state = "live" if at.stands else "matched" if whole else "cancelled"
            answer = OrderFound(name, market, state, at.filled, state, now_ns)
        self.mail.append((False, lambda: answer))

    def _read(self) -> None:
        now_ns = self.floor.now_ns
        listed = tuple(
            OpenOrderSeen(
                name, at.order.market, at.order.outcome, at.order.side, at.order.price, at.order.size, at.filled
            )
            for name, at in self.venue.items()
            if at.stands
        )
        self.mail.append((False, lambda: AccountRead("read", listed, 0, now_ns, now_ns)))

    # What must hold

    def _last(self) -> dict[str, OrderChanged]:
        return {changed.order_id: changed for changed in self.floor.heard(OrderChanged)}

    def _unknown_markets(self) -> set[str]:
        return {changed.market for changed in self._last().values() if changed.state is OrderState.UNKNOWN}

    @invariant()
    def no_intent_has_two_orders(self) -> None:
        submitted = self.floor.heard(SubmitOrder)
        assert len({each.order_id for each in submitted}) == len({each.order.intent for each in submitted})
        assert len({each.order_id for each in submitted}) == len(submitted)

    @invariant()
    def exposure_is_never_released_while_an_order_may_stand(self) -> None:
        last = self._last()
        for name, at in self.venue.items():
            if at.stands or at.arrives_ns is not None:
                assert last[name].state not in TERMINAL, f"{name} may stand and is {last[name].state}"

    @invariant()
    def a_fill_is_counted_once(self) -> None:
        counted = [(fill.trade_id, fill.order_id) for fill in self.floor.heard(FillCounted)]
        assert len(counted) == len(set(counted))
        assert not self.floor.heard(FillVoided)
        for name, changed in self._last().items():
            mine = sum(fill.size for fill in self.floor.heard(FillCounted) if fill.order_id == name)
            assert changed.filled == min(mine, changed.size)

    def teardown(self) -> None:
        """Let every line work again: in the end everything is known."""
        if not hasattr(self, "floor"):
            return
        if not self.connected:
            self.restore_feed()
        for _ in range(80):
            mail, self.mail = self.mail, []
            for _, letter in mail:
                self._tell(letter())
            self.wait(1_000)
        last = self._last()
        for name, at in self.venue.items():
            assert last[name].state not in (OrderState.PLACING, OrderState.UNKNOWN), f"{name} is not resolved"
            assert at.stands == (last[name].state not in TERMINAL), f"{name} is {last[name].state}"
            assert last[name].filled == at.filled


@pytest.mark.proves("I1", "I5", "I6", "I7", "I8", "I13")
class TestLiveOrders(LiveOrders.TestCase):
    settings = machine(120, 40)


# Lanes that contradict themselves and each other

Act = Callable[[LiveFloor, PlaceOrder], object]
ACTS: dict[str, Act] = {
    "approve": LiveFloor.approve,
    "unanswered": LiveFloor.unanswered,
    "accept": LiveFloor.accept,
    "reject": LiveFloor.reject,
    "duplicated": lambda floor, order: floor.reject(order, "order 0x is invalid. Duplicated."),
    "cancel": LiveFloor.cancel,
    "stop": lambda floor, order: floor.cancel_market(order.market),
    "cancelled": LiveFloor.cancelled,
    "cancelled with fills": lambda floor, order: floor.cancelled(order, 2 * SHARE),
    "refuse cancel": LiveFloor.refuse_cancel,
    "cancel unanswered": LiveFloor.cancel_unanswered,
    "found": LiveFloor.found,
    "found cancelled": lambda floor, order: floor.found(order, "cancelled", SHARE),
    "found matched": lambda floor, order: floor.found(order, "matched", order.size),
    "not found": LiveFloor.not_found,
    "query failed": LiveFloor.query_failed,
    "listed": lambda floor, order: floor.read([order]),
    "listed nothing": lambda floor, _: floor.read(tokens={M: (SHARE, 0)}),
    "read failed": lambda floor, _: floor.query_failed(),
    "feed lost": lambda floor, _: floor.lose(),
    "feed restored": lambda floor, _: floor.connect(),
    "no tokens": lambda floor, _: floor.limits("cancels", -3),
    "post only": lambda floor, _: floor.venue_mode("post_only"),
    "wait": lambda floor, _: floor.wait(3 * S),
    "wait long": lambda floor, _: floor.wait(31 * S),
    "die": lambda floor, _: floor.begin_anew(),
    **{
        f"{status} {trade_id}": lambda floor, order, status=status, trade_id=trade_id: floor.trade(
            order, status, trade_id, SHARE
        )
        for status in ("MATCHED", "CONFIRMED", "FAILED")
        for trade_id in ("t1", "t2", "t3")
    },
}
ORDERS = [wish(1), wish(2, size=2 * SHARE), wish(3, market="elsewhere")]


@given(st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.sampled_from(ORDERS)), max_size=50))
@example([(f"{status} t1", ORDERS[0]) for status in ("MATCHED", "FAILED", "CONFIRMED")])
@settings(max_examples=300, deadline=None)
def test_whatever_is_said_nothing_is_sent_or_counted_twice_and_only_proof_brings_an_order_back(history) -> None:
    floor = LiveFloor()
    for order in ORDERS:
        floor.approve(order)
    for act, order in history:
        ACTS[act](floor, order)
    assert len(floor.submitted()) == len(set(floor.submitted()))
    counted: set[tuple[str, str]] = set()
    for message in floor.said:
        if isinstance(message, FillCounted):
            assert (message.trade_id, message.order_id) not in counted
            counted.add((message.trade_id, message.order_id))
        elif isinstance(message, FillVoided):  # it is disputed if it is counted again
            counted.remove((message.fill.trade_id, message.fill.order_id))
    last: dict[str, OrderChanged] = {}
    for changed in floor.heard(OrderChanged):
        before = last.get(changed.order_id, changed)
        assert before.filled <= changed.filled <= changed.size
        came_back = before.state in TERMINAL and changed.state not in TERMINAL
        proof = changed.reason == "accepted_after_all" or changed.taken_off is not None
        proof = proof or changed.state is OrderState.DISPUTED  # REST says that it stands, the stream that it does not
        assert not came_back or proof
        assert before.state is not OrderState.FILLED or changed.state is OrderState.FILLED
        last[changed.order_id] = changed
