"""Many deadlines behind one timer."""

from models.deadlines import Deadlines
from models.messages.runtime import WakeAt


def test_only_the_earliest_deadline_asks_for_the_timer() -> None:
    deadlines = Deadlines("orders")
    assert deadlines.ask() == ()
    deadlines.put("a", 50)
    assert deadlines.ask() == (WakeAt(50, "orders"),)
    deadlines.put("b", 60)
    assert deadlines.ask() == ()
    deadlines.put("c", 40)
    assert deadlines.ask() == (WakeAt(40, "orders"),)


def test_what_is_due_is_taken_once_and_the_next_is_asked_for() -> None:
    deadlines = Deadlines("orders")
    for key, at_ns in (("a", 50), ("b", 60), ("c", 40)):
        deadlines.put(key, at_ns)
    assert deadlines.take_due(39) == ()
    assert deadlines.take_due(55) == ("c", "a")
    assert deadlines.take_due(55) == ()
    assert deadlines.ask() == (WakeAt(60, "orders"),)


def test_a_dropped_or_moved_deadline_never_comes_and_wakes_nobody() -> None:
    deadlines = Deadlines("orders")
    deadlines.put("a", 50)
    deadlines.put("b", 55)
    deadlines.drop("a")
    deadlines.put("b", 90)
    deadlines.drop("unknown")
    assert deadlines.take_due(10) == ()
    assert deadlines.ask() == (WakeAt(90, "orders"),)
    assert deadlines.take_due(90) == ("b",)
    assert deadlines.ask() == ()
