from collections import Counter
from typing import Any

import pykka
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pykka.messages import ProxyCall

from actors.runtime.future import ActorFuture
from actors.runtime.lanes import IDLE, READY, URGENT, Bounds
from actors.runtime.mailbox import EndOfTurn, Mailbox, MailboxFull
from actors.runtime.pykka_inside import ActorStop, Envelope
from models.messages.base import Lane, Message
from models.messages.runtime import MailOverflowed
from tests.actors.runtime.worlds import MS, Cancel, Filled, Frame, Halt, Place, Query, Recorder, SimWorld, Touch

SMALL = Bounds(control=6, order=5, intent=3, market=4)


class Turns:
    """Gives no turns of its own: writes down what a mailbox asks for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ready(self, mailbox: Mailbox, urgent: bool) -> None:
        self.asked.append("urgent" if urgent else "ready")

    def promote(self, mailbox: Mailbox) -> None:
        self.asked.append("promote")


class Box:
    """A bound mailbox that the test reads itself."""

    def __init__(self, bounds: Bounds = SMALL) -> None:
        self.world = SimWorld()
        self.turns = Turns()
        self.mail = Mailbox()
        actor = Recorder(self.world.context("box"), [])
        self.mail.bind(actor, "box", bounds, self.turns, self.world.place)

    def read(self, limit: int = 1_000_000) -> list[Any]:
        assert self.mail.begin_turn(self.world.sim.now_ns(), limit)
        read: list[Any] = []
        try:
            while True:
                read.append(self.mail.get().message)
        except EndOfTurn:
            self.mail.end_turn()
            return read

    def ask(self, message: Any) -> ActorFuture[Any]:
        future = ActorFuture[Any]()
        self.mail.put(Envelope(message, reply_to=future))
        return future

    def refused(self, message: Message) -> bool:
        try:
            self.mail.post(message)
        except MailboxFull:
            return True
        return False


def test_what_is_given_back_comes_before_all_that_is_newer_and_replaces_none_of_it() -> None:
    box = Box()
    for message in (Halt(1), Filled(1), Touch(1, 1), Touch(2, 1), Query(1)):
        box.mail.post(message)
    early = box.read()
    box.mail.post(Halt(2))
    box.mail.post(Touch(1, 2))
    box.mail.post(Filled(2))
    assert box.mail.begin_turn(box.world.sim.now_ns(), 1)
    assert box.mail.get().message == Halt(2)
    box.mail.give_back(early)
    box.mail.end_turn()
    assert box.read() == [Halt(1), Filled(1), Filled(2), Query(1), Touch(2, 1), Touch(1, 2)]
    assert box.mail.conflated == 1


def test_lanes_are_served_in_order_and_each_first_in_first_out() -> None:
    box = Box()
    sent = [Frame(1), Query(1), Filled(1), Halt(1), Frame(2), Query(2), Filled(2), Halt(2)]
    for message in sent:
        box.mail.post(message)
    assert box.read() == [Halt(1), Halt(2), Filled(1), Filled(2), Query(1), Query(2), Frame(1), Frame(2)]


def test_who_judges_intents_by_the_market_reads_of_the_market_first() -> None:
    box = Box(SMALL._replace(market_first=True))
    for message in (Query(1), Frame(1), Touch(1, 10), Filled(1), Query(2), Touch(1, 11), Halt(1)):
        box.mail.post(message)
    assert box.read() == [Halt(1), Filled(1), Frame(1), Touch(1, 11), Query(1), Query(2)]


def test_urgent_mail_that_comes_during_a_turn_is_served_before_what_waits() -> None:
    box = Box()
    box.mail.post(Frame(1))
    box.mail.post(Frame(2))
    box.mail.begin_turn(0, 10)
    assert box.mail.get().message == Frame(1)
    box.mail.post(Halt(1))
    assert box.mail.get().message == Halt(1)
    assert box.mail.get().message == Frame(2)


def test_a_newer_message_of_the_same_key_takes_the_place_of_the_waiting_one() -> None:
    box = Box()
    for message in (Touch(1, 10), Frame(1), Touch(2, 20), Touch(1, 11), Frame(2), Touch(1, 12)):
        box.mail.post(message)
    assert box.read() == [Touch(1, 12), Frame(1), Touch(2, 20), Frame(2)]
    assert box.mail.conflated == 2
    assert box.world.dead_letters.total() == 0


def test_a_key_is_free_again_once_its_message_was_read() -> None:
    box = Box()
    box.mail.post(Touch(1, 10))
    assert box.read() == [Touch(1, 10)]
    box.mail.post(Touch(1, 11))
    assert box.read() == [Touch(1, 11)]


def test_keys_of_different_types_do_not_meet() -> None:
    box = Box()
    box.mail.post(Touch(1, 10))
    box.mail.post(Cancel(1))
    assert box.read() == [Cancel(1), Touch(1, 10)]


@pytest.mark.proves("I21")
def test_raw_market_mail_is_never_conflated() -> None:
    box = Box()
    for _ in range(3):
        box.mail.post(Frame(1))
    assert box.read() == [Frame(1)] * 3


def test_a_repeated_cancel_is_kept_once() -> None:
    box = Box()
    for number in range(5):
        box.mail.post(Cancel(7, number))
    assert box.read() == [Cancel(7, 4)]
    assert box.world.aborts == []


def test_a_superseded_intent_is_a_dead_letter() -> None:
    box = Box()
    box.mail.post(Place(1, 10))
    box.mail.post(Place(1, 11))
    assert box.read() == [Place(1, 11)]
    assert box.world.dead("superseded") == [Place(1, 10)]


def test_an_ask_is_never_conflated_away() -> None:
    box = Box()
    box.mail.post(Touch(1, 10))
    box.ask(Touch(1, 11))
    box.mail.post(Touch(1, 12))
    assert box.read() == [Touch(1, 12), Touch(1, 11)]


@pytest.mark.proves("I36")
def test_control_mail_beyond_its_bound_aborts_and_is_still_kept() -> None:
    box = Box()
    for number in range(8):
        box.mail.post(Halt(number))
    assert box.world.aborts == ["CONTROL mail of box is beyond its bound"]
    assert len(box.read()) == 8


@pytest.mark.proves("I36")
def test_order_mail_beyond_its_bound_is_kept_and_announced_once() -> None:
    box = Box()
    for number in range(9):
        box.mail.post(Filled(number))
    assert box.world.overflows == [MailOverflowed("box", Lane.ORDER, 0)]
    assert box.read() == [Filled(number) for number in range(9)]


@pytest.mark.proves("I36")
def test_a_full_intent_lane_refuses_the_teller_and_the_asker() -> None:
    box = Box()
    assert [box.refused(Query(number)) for number in range(4)] == [False, False, False, True]
    with pytest.raises(MailboxFull):
        box.ask(Query(4)).get(timeout=0)
    assert len(box.read()) == 3


def test_a_full_intent_lane_still_takes_a_newer_intent_of_a_waiting_key() -> None:
    box = Box()
    for quote in range(3):
        box.mail.post(Place(quote, 0))
    box.mail.post(Place(1, 1))
    assert box.read() == [Place(0, 0), Place(1, 1), Place(2, 0)]


def test_an_intent_older_than_its_time_to_live_is_dropped_and_recorded() -> None:
    box = Box()
    box.mail.post(Place(1, 1))
    box.world.sim.advance(499 * MS)
    box.mail.post(Place(2, 2))
    box.world.sim.advance(500 * MS)
    assert box.read() == [Place(2, 2)]
    assert box.world.dead("expired") == [Place(1, 1)]


def test_an_asker_whose_question_expired_is_told() -> None:
    box = Box()
    future = box.ask(Place(1, 1))
    box.world.sim.advance(500 * MS)
    assert box.read() == []
    with pytest.raises(pykka.Timeout):
        future.get(timeout=0)


@pytest.mark.proves("I36")
def test_raw_mail_beyond_its_bound_is_dropped_at_once_and_the_actor_hears_it_before_anything_newer() -> None:
    box = Box()
    box.mail.post(Touch(1, 1))
    for number in range(5):
        box.mail.post(Frame(number))
    assert box.read() == [MailOverflowed("box", Lane.MARKET, 4), Touch(1, 1), Frame(4)]
    assert box.world.dead("overflow") == [Frame(number) for number in range(4)]
    assert box.mail.dropped == 4


def test_derived_mail_keeps_its_order_when_the_raw_mail_around_it_is_dropped() -> None:
    box = Box()
    for token in range(3):
        box.mail.post(Touch(token, 0))
        box.mail.post(Frame(token))
    for number in (3, 4):
        box.mail.post(Frame(number))
    assert box.read()[1:] == [Touch(0, 0), Touch(1, 0), Touch(2, 0), Frame(4)]


def test_the_loss_is_summed_when_it_happens_again_before_it_was_heard() -> None:
    box = Box()
    for number in range(9):
        box.mail.post(Frame(number))
    assert box.read() == [MailOverflowed("box", Lane.MARKET, 8), Frame(8)]


def test_derived_mail_does_not_count_against_the_bound_of_raw_mail() -> None:
    box = Box()
    for token in range(10):
        box.mail.post(Touch(token, 0))
    for number in range(4):
        box.mail.post(Frame(number))
    assert len(box.read()) == 14
    assert box.mail.dropped == 0


def test_only_messages_are_taken() -> None:
    box = Box()
    with pytest.raises(TypeError, match="ProxyCall"):
        box.mail.put(Envelope(ProxyCall(("stop",), (), {})))


def test_a_stop_goes_to_control() -> None:
    box = Box()
    box.mail.post(Frame(1))
    box.mail.post(Filled(1))
    box.mail.put(Envelope(ActorStop()))
    assert [type(message) for message in box.read()] == [ActorStop, Filled, Frame]


@pytest.mark.proves("I32")
def test_a_closed_mailbox_buries_what_waits_answers_who_asked_and_refuses_what_comes() -> None:
    box = Box()
    box.mail.post(Frame(1))
    box.mail.post(Touch(1, 1))
    asked, stopping = box.ask(Query(1)), box.ask(ActorStop())
    box.mail.put(Envelope(ActorStop()))
    box.mail.close()
    assert box.world.dead("unread") == [Frame(1), Touch(1, 1)]
    assert stopping.get(timeout=0) is None
    for future in (asked, box.ask(Query(2))):
        with pytest.raises(pykka.ActorDeadError):
            future.get(timeout=0)
    with pytest.raises(pykka.ActorDeadError):
        box.mail.post(Frame(2))
    assert box.mail.empty()


def test_a_mailbox_asks_for_a_turn_once_and_for_a_better_place_once() -> None:
    box = Box()
    assert box.read() == []
    for message in (Frame(1), Frame(2), Halt(1), Halt(2)):
        box.mail.post(message)
    assert box.turns.asked == ["ready", "promote"]
    box.read()
    box.mail.post(Filled(1))
    assert box.turns.asked == ["ready", "promote", "urgent"]


def test_a_turn_that_leaves_mail_says_how_urgent_it_is() -> None:
    box = Box()
    for message in (Frame(1), Frame(2), Halt(1), Halt(2)):
        box.mail.post(message)
    states = []
    for _ in range(4):
        assert box.mail.begin_turn(0, 1)
        box.mail.get()
        with pytest.raises(EndOfTurn):
            box.mail.get()
        states.append(box.mail.end_turn())
    assert states == [URGENT, READY, READY, IDLE]
    assert not box.mail.begin_turn(0, 1)


numbers = st.integers(0, 2)
messages = st.one_of(
    st.builds(Cancel, numbers, st.integers(0, 99)),
    st.builds(Halt, numbers),
    st.builds(Filled, st.integers(0, 99)),
    st.builds(Place, numbers, st.integers(0, 99)),
    st.builds(Query, numbers),
    st.builds(Frame, st.integers(0, 99)),
    st.builds(Touch, numbers, st.integers(0, 99)),
)
steps = st.lists(st.one_of(messages, st.integers(1, 4), st.just(300 * MS)), max_size=60)


class Model:
    """The rules of the lanes, written down as plainly as possible."""

    def __init__(self) -> None:
        self.lanes: list[list[tuple[Message, int]]] = [[], [], [], []]
        self.lost: list[tuple[str, Message]] = []
        self.refused = 0
        self.dropped = 0

    def post(self, message: Message, now_ns: int) -> None:
        lane = self.lanes[message.lane]
        if message.key is not None:
            for place, (other, _) in enumerate(lane):
                if type(other) is type(message) and other.key == message.key:
                    lane[place] = (message, now_ns)
                    if message.lane is Lane.INTENT:
                        self.lost.append(("superseded", other))
                    return
        if message.lane is Lane.INTENT and len(lane) >= SMALL.intent:
            self.refused += 1
            return
        raw = [other for other, _ in lane if other.key is None]
        if message.lane is Lane.MARKET and message.key is None and len(raw) >= SMALL.market:
            lane[:] = [(other, at) for other, at in lane if other.key is not None]
            self.lost += [("overflow", other) for other in raw]
            self.dropped += len(raw)
            self.post(MailOverflowed("box", Lane.MARKET, self.dropped), now_ns)
        lane.append((message, now_ns))

    def read(self, limit: int, now_ns: int) -> list[Message]:
        read: list[Message] = []
        while len(read) < limit and any(self.lanes):
            message, at_ns = next(lane for lane in self.lanes if lane).pop(0)
            if isinstance(message, Place) and now_ns - at_ns >= 500 * MS:
                self.lost.append(("expired", message))
            else:
                read.append(message)
        return read


@pytest.mark.proves("I21", "I32")
@given(steps)
def test_a_mailbox_does_what_the_rules_say_and_loses_nothing_unsaid(run: list[Message | int]) -> None:
    box, model = Box(), Model()
    read: list[Message] = []
    refused = 0
    for step in run:
        now_ns = box.world.sim.now_ns()
        if isinstance(step, Message):
            refused += box.refused(step)
            model.post(step, now_ns)
        elif step < MS:
            if not box.mail.empty():
                handed = box.read(step)
                assert handed == model.read(step, now_ns)
                read += handed
        else:
            box.world.sim.advance(now_ns + step)
    waiting = [message for lane in model.lanes for message, _ in lane]
    box.mail.close()
    model.lost += [("unread", message) for message in waiting]
    lost = [(letter.reason, letter.message) for letter in box.world.dead_letters.newest(10_000)]
    assert Counter(map(repr, lost)) == Counter(map(repr, model.lost))
    assert refused == model.refused
    sent = sum(isinstance(step, Message) for step in run) + box.mail.dropped // SMALL.market
    superseded = sum(reason == "superseded" for reason, _ in lost)
    assert sent == len(read) + len(lost) + refused + box.mail.conflated - superseded
