"""Calls that are waited for only so long."""

import time
from threading import Event

import pytest

from actors.venues.background import BackgroundCall


def test_a_result_that_is_there_in_time_is_returned_as_often_as_it_is_asked_for() -> None:
    call = BackgroundCall("quick", lambda: "answer", lambda _: None)
    assert call.wait(5) == "answer"
    assert call.wait(0) == "answer"


def test_what_the_call_raised_is_raised_where_it_is_waited_for() -> None:
    def fail() -> str:
        raise OSError("no route to host")

    call = BackgroundCall("failing", fail, lambda _: None)
    with pytest.raises(OSError, match="no route"):
        call.wait(5)


def test_who_waits_is_free_again_when_the_time_is_over() -> None:
    may_end = Event()
    call = BackgroundCall("slow", lambda: may_end.wait(30), lambda _: None)
    began = time.monotonic()
    assert call.wait(0.05) is None
    assert time.monotonic() - began < 5
    may_end.set()
    assert call.wait(5) is True


def test_a_result_that_nobody_waits_for_any_more_is_discarded_whenever_it_comes() -> None:
    may_end, discarded = Event(), list[str]()
    gone = Event()

    def late() -> str:
        may_end.wait(30)
        return "late"

    def discard(result: str) -> None:
        discarded.append(result)
        gone.set()

    call = BackgroundCall("late", late, discard)
    call.abandon()
    assert discarded == []
    may_end.set()
    assert gone.wait(5)
    early = BackgroundCall("early", lambda: "early", discarded.append)
    assert early.wait(5) == "early"
    early.abandon()
    assert discarded == ["late", "early"]
