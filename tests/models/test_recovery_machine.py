"""An executor that dies again and again amid anything that can happen, and goes on from its journal each time.

What is held is kept here as a plain count of fills; every death has to leave it as it was, whatever is told again, and
wherever the journal was summed up meanwhile.
"""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from models.compaction import Compaction
from models.messages.orders import FillCounted, FillSettled, FillVoided, OrderChanged, SubmitOrder, TradeReported
from models.messages.recall import Checkpointed
from models.orders import TERMINAL, OrderState
from models.repeats import Repeats
from tests.models.test_executor_histories import ACTS, ORDERS
from tests.models.venue import Floor
from tests.models.wishes import TAG
from tests.sizes import machine


class Lives(RuleBasedStateMachine):
    """An executor, the chain of its journal as a start would read it, and what was counted."""

    @initialize()
    def begin(self) -> None:
        self.floor = Floor()
        self.heard = 0
        self.counted: set[tuple[str, str]] = set()
        self.settled: set[tuple[str, str]] = set()
        self.ended: dict[str, OrderState] = {}
        self.sent: list[str] = []
        for order in ORDERS:
            self.floor.approve(order)
        self.listen()

    @rule(act=st.sampled_from(sorted(ACTS)), order=st.sampled_from(ORDERS))
    def something_happens(self, act: str, order) -> None:
        ACTS[act](self.floor, order)
        self.listen()

    @rule(news=st.data())
    def the_venue_repeats_itself(self, news: st.DataObject) -> None:
        reports = [message for message in self.floor.told if isinstance(message, TradeReported)]
        if reports:
            self.floor.tell(news.draw(st.sampled_from(reports)))
            self.listen()

    @rule(torn=st.integers(0, 3))
    def it_dies(self, torn: int) -> None:
        """Go on from the chain, of which the last entries stand twice where it was cut as they were written."""
        before = {tag: self.floor.position(tag) for tag in (TAG, "other")}
        chain, repeats = [*self.floor.chain, *self.floor.chain[len(self.floor.chain) - torn :]], Repeats()
        self.floor.begin_anew([news for entry in chain for news in repeats.news(entry)])
        assert {tag: self.floor.position(tag) for tag in (TAG, "other")} == before
        self.listen()

    @rule()
    def its_journal_is_summed_up(self) -> None:
        compaction = Compaction()
        for entry in self.floor.chain:
            compaction.take(entry, self.floor.now_ns)
        checkpoint = compaction.checkpoint()
        assert isinstance(checkpoint, Checkpointed)
        self.floor.chain[:] = [checkpoint]

    def listen(self) -> None:
        """Take in what was said since the last time."""
        for message in self.floor.said[self.heard :]:
            match message:
                case FillCounted():
                    assert (message.trade_id, message.order_id) not in self.counted, "counted once in all lives"
                    self.counted.add((message.trade_id, message.order_id))
                case FillSettled():
                    self.settled.add((message.fill.trade_id, message.fill.order_id))
                case FillVoided():
                    self.counted.remove((message.fill.trade_id, message.fill.order_id))
                case SubmitOrder():
                    self.sent.append(message.order_id)
                case OrderChanged():
                    if message.state in TERMINAL:
                        self.ended[message.order_id] = message.state
                case _:
                    pass
        self.heard = len(self.floor.said)

    @invariant()
    def no_order_is_sent_in_two_lives(self) -> None:
        assert len(self.sent) == len(set(self.sent))

    @invariant()
    def what_is_settled_was_counted(self) -> None:
        assert self.settled <= self.counted

    @invariant()
    def an_order_that_ended_stays_ended(self) -> None:
        last = {changed.order_id: changed.state for changed in self.floor.heard(OrderChanged)}
        assert all(last[order_id] is state for order_id, state in self.ended.items())


@pytest.mark.proves("I1", "I5", "I25")
class TestAnExecutorThatDiesGoesOnFromItsJournal(Lives.TestCase):
    settings = machine(60, 25)
