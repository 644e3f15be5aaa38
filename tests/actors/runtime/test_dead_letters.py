from typing import Any

import pytest

from actors.runtime.dead_letters import DeadLetters, Reason
from models.messages.base import Lane
from models.messages.runtime import DeadLettered
from tests.actors.runtime.worlds import Filled, Frame, Query, Recorder, SimWorld


@pytest.mark.proves("I32")
def test_what_cannot_be_delivered_is_a_dead_letter_and_the_answer_is_no(sim: SimWorld) -> None:
    assert sim.directory.send("nobody", Filled(1)) is False
    sim.record("busy")
    assert [sim.directory.send("busy", Query(number)) for number in range(201)] == [True] * 200 + [False]
    assert sim.dead("unknown") == [Filled(1)]
    assert sim.dead("busy") == [Query(200)]
    assert sim.dead_letters.counts == {("nobody", "Filled", "unknown"): 1, ("busy", "Query", "busy"): 1}


def test_mail_for_an_actor_that_is_just_ending_is_a_dead_letter(sim: SimWorld) -> None:
    answers: list[bool] = []

    class Ending(Recorder):
        def on_stop(self) -> None:
            answers.append(self.context.send(self.context.name, Filled(1)))

    Ending.start(sim.context("ending"), [])
    mailbox = sim.directory.mailbox("ending")
    assert mailbox is not None
    sim.directory.stop("ending")
    sim.sim.run_ready()
    assert answers == [True]
    assert sim.dead("unread") == [Filled(1)]
    sim.directory._mailboxes["ending"] = mailbox  # as one who looked it up a moment ago still has it
    assert sim.directory.send("ending", Filled(2)) is False
    assert sim.directory.stop("ending") is False
    assert sim.dead("dead") == [Filled(2)]


def test_only_the_newest_letters_are_kept_but_all_are_counted() -> None:
    letters = DeadLetters()
    for number in range(10_050):
        letters.bury("a", Frame(number), Reason.UNREAD)
    kept = letters.newest(20_000)
    assert [letter.message for letter in kept] == [Frame(number) for number in range(50, 10_050)]
    assert letters.newest(1) == (DeadLettered("a", "unread", Frame(10_049)),)
    assert letters.counts == {("a", "Frame", "unread"): 10_050}


def test_a_hook_hears_of_the_letters_of_its_lane(sim: SimWorld) -> None:
    risk = sim.record("risk")
    sim.dead_letters.watch(Lane.ORDER, lambda letter: sim.directory.send("risk", letter))
    sim.directory.send("nobody", Filled(1))
    sim.directory.send("nobody", Frame(1))
    sim.sim.run_ready()
    assert risk == [DeadLettered("nobody", "unknown", Filled(1))]


def test_letters_that_a_hook_causes_do_not_call_it_again(sim: SimWorld) -> None:
    calls: list[Any] = []

    def hook(letter: DeadLettered) -> None:
        calls.append(letter)
        sim.directory.send("also nobody", Filled(2))
        raise ValueError

    sim.dead_letters.watch(Lane.ORDER, hook)
    sim.directory.send("nobody", Filled(1))
    sim.directory.send("nobody", Filled(3))
    assert [letter.message for letter in calls] == [Filled(1), Filled(3)]
    assert sim.dead_letters.total() == 4


def test_what_is_lost_while_all_are_stopped_is_counted_but_no_news(sim: SimWorld) -> None:
    calls: list[DeadLettered] = []
    sim.dead_letters.watch(Lane.ORDER, calls.append)
    sim.dead_letters.end()
    sim.directory.send("nobody", Filled(1))
    assert calls == []
    assert [letter.message for letter in sim.dead_letters.newest()] == [Filled(1)]
