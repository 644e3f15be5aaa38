"""What the generated world does to its own lines, frame by frame."""

import json

import pytest

from sandbox.faults.impairments import Impairments, Outbox
from sandbox.messages import Close, Send, SocketOpened
from sandbox.schedule import Schedule

MARKET, OTHER = "0xaa", "0xbb"


class Line:
    """One socket behind impairments."""

    def __init__(self):
        self.schedule = Schedule()
        self.impairments = Impairments(self.schedule)
        self.outbox = Outbox(self.impairments)
        self.impairments.opened(SocketOpened(1, "market"), 0)

    def send(self, name, market=MARKET, kind="price_change", at_ns=0):
        self.schedule.run(at_ns)
        self.outbox.append(Send((1,), f'{{"market":"{market}","name":"{name}","event_type":"{kind}"}}'))

    def came(self, at_ns):
        """What has left by then."""
        self.schedule.run(at_ns)
        left = [json.loads(effect.text)["name"] for effect in self.outbox if isinstance(effect, Send)]
        self.outbox.clear()
        return "".join(left)


@pytest.fixture
def line():
    return Line()


def test_changes_are_lost_of_one_market_and_of_one_kind(line):
    line.impairments.lose_changes(MARKET, 2)
    for name in "abcd":
        line.send(name)
        line.send(name.upper(), kind="book")
    line.send("x", market=OTHER)
    assert line.came(0) == "ABcCdDx"
    assert line.impairments.filters == []


def test_silence_ends_at_its_time(line):
    line.impairments.silence(MARKET, 10)
    line.send("a", at_ns=5)
    line.send("b", at_ns=10)
    assert line.came(10) == "b"
    assert line.impairments.filters == []


def test_frames_are_repeated_so_often(line):
    line.impairments.repeat(MARKET, 2)
    for name in "abc":
        line.send(name)
    assert line.came(0) == "aabbc"


def test_late_frames_keep_their_order_and_are_not_overtaken(line):
    line.impairments.delay(MARKET, 100, 50)
    line.send("a", at_ns=0)
    line.send("b", at_ns=40)
    line.send("c", at_ns=60)
    line.send("x", market=OTHER, at_ns=60)
    assert line.came(99) == "x"
    assert line.came(100) == "a"
    assert line.came(140) == "bc"
    line.send("d", at_ns=160)
    assert line.came(160) == "d"
    assert line.impairments.filters == []


def test_keepalives_and_the_end_pass_whatever_is_on(line):
    line.impairments.silence(MARKET, 10)
    line.outbox.append(Send((1,), "PONG"))
    line.outbox.append(Close(1, 1000, ""))
    assert len(line.outbox) == 2
