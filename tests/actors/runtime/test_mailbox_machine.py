"""A mailbox beside the rules of its lanes, written down as plainly as possible, until it is closed and after."""

from collections import Counter

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pykka import ActorDeadError

from models.messages.base import Message
from tests.actors.runtime.test_mailbox import SMALL, Box, Model
from tests.actors.runtime.worlds import MS, Cancel, Filled, Frame, Halt, Place, Query, Touch
from tests.sizes import machine

KEYS = st.integers(1, 3)
ANY_MAIL = st.one_of(
    KEYS.map(Halt), KEYS.map(Cancel), st.integers().map(Filled), st.integers().map(Query), st.integers().map(Frame),
    st.builds(Place, KEYS, st.integers()), st.builds(Touch, KEYS, st.integers()),
)  # fmt: skip


class Posted(RuleBasedStateMachine):
    """A mailbox with small bounds, and its model."""

    @initialize()
    def begin(self) -> None:
        self.box, self.model = Box(), Model()
        self.sent = self.read = self.refused = self.late = 0
        self.closed = False

    def now_ns(self) -> int:
        return self.box.world.sim.now_ns()

    @rule(mail=ANY_MAIL)
    def somebody_sends(self, mail: Message) -> None:
        self.sent += 1
        if self.closed:
            # Whoever brings it makes a dead letter of it.
            with pytest.raises(ActorDeadError):
                self.box.mail.post(mail)
            self.late += 1
        else:
            self.refused += self.box.refused(mail)
            self.model.post(mail, self.now_ns())

    @precondition(lambda self: not self.closed and not self.box.mail.empty())
    @rule(limit=st.integers(1, 6))
    def its_actor_takes_a_turn(self, limit: int) -> None:
        handed = self.box.read(limit)
        assert handed == self.model.read(limit, self.now_ns())
        self.read += len(handed)

    @rule(ms=st.sampled_from([1, 499, 500]))
    def time_passes(self, ms: int) -> None:
        self.box.world.sim.advance(self.now_ns() + ms * MS)

    @precondition(lambda self: not self.closed)
    @rule()
    def it_is_closed(self) -> None:
        waiting = [message for lane in self.model.lanes for message, _ in lane]
        self.box.mail.close()
        self.model.lost += [("unread", message) for message in waiting]
        self.model.lanes = [[], [], [], []]
        self.closed = True

    @invariant()
    def what_is_lost_is_a_dead_letter_with_its_reason(self) -> None:
        letters = [(letter.reason, letter.message) for letter in self.box.world.dead_letters.newest(10_000)]
        assert Counter(map(repr, letters)) == Counter(map(repr, self.model.lost))

    @invariant()
    def raw_mail_and_intents_never_exceed_their_bounds(self) -> None:
        raw = [message for message, _ in self.model.lanes[3] if message.key is None]
        assert len(raw) <= SMALL.market
        assert len(self.model.lanes[2]) <= SMALL.intent

    @invariant()
    def what_was_sent_is_read_waiting_lost_refused_or_replaced(self) -> None:
        said = self.box.mail.dropped // SMALL.market
        waiting = sum(map(len, self.model.lanes))
        superseded = sum(reason == "superseded" for reason, _ in self.model.lost)
        known = self.read + waiting + len(self.model.lost) + self.refused + self.late
        assert self.sent + said == known + self.box.mail.conflated - superseded


@pytest.mark.proves("I21", "I32", "I36")
class TestAMailboxDoesWhatTheRulesSay(Posted.TestCase):
    settings = machine(40)
