import json

import pytest

from sandbox.log import Log
from sandbox.modes import Modes
from sandbox.schedule import Schedule

SECOND = 1_000_000_000
T = 1_790_000_000 * SECOND


class World:
    def __init__(self):
        self.log = Log()
        self.schedule = Schedule()
        self.modes = Modes(self.log, self.schedule)

    def status(self, kind, now_ns, *, post_only=False):
        self.schedule.run(now_ns)
        refused = self.modes.refusal(kind, post_only, now_ns)
        return None if refused is None else refused.answer.status

    def refused(self, kind, now_ns):
        refused = self.modes.refusal(kind, False, now_ns)
        assert refused is not None
        return refused

    @property
    def logged(self):
        lines = [json.loads(line) for line in self.log.after(0, 100)]
        return [((line["at_ns"] - T) // SECOND, line["mode"]) for line in lines]


@pytest.fixture
def world():
    return World()


def test_at_first_everything_is_taken(world):
    assert [world.status(kind, T) for kind in ("place", "cancel", "read")] == [None] * 3


def test_a_restart_is_425_on_everything_and_then_two_minutes_post_only(world):
    world.modes.restart(T, 90)
    assert [world.status(kind, T + 89 * SECOND, post_only=True) for kind in ("place", "cancel", "read")] == [425] * 3
    assert world.status("place", T + 90 * SECOND) == 503
    assert world.status("place", T + 90 * SECOND, post_only=True) is None
    assert world.status("cancel", T + 90 * SECOND) is None
    assert world.status("place", T + 209 * SECOND) == 503
    assert world.status("place", T + 210 * SECOND) is None
    assert world.logged == [(0, "restarting"), (90, "post_only"), (210, "normal")]


def test_post_only_mode_says_how_long_it_lasts_as_the_venue_does(world, shared):
    capture = json.loads((shared / "payloads/docs_examples/post_only_mode_503.json").read_text())
    world.modes.post_only(T)
    refused = world.refused("place", T + 40 * SECOND + 1)
    body = json.loads(refused.answer.body)
    assert body == capture | {"retry_after_seconds": 80}
    assert list(body) == list(capture)
    assert refused.message == capture["error"]
    assert refused.answer.headers == {"Retry-After": "80"}


def test_the_leg_of_a_batch_says_the_same_words(world, shared):
    (leg,) = json.loads((shared / "payloads/docs_examples/post_only_mode_batch_200.json").read_text())
    world.modes.post_only(T)
    assert world.refused("place", T).message == leg["errorMsg"]


def test_cancel_only_takes_cancels_and_reads_until_it_is_ended(world):
    world.modes.cancel_only(T)
    assert world.status("place", T + 3_600 * SECOND, post_only=True) == 503
    assert world.status("cancel", T + 3_600 * SECOND) is None
    assert world.status("read", T + 3_600 * SECOND) is None
    assert "cancel-only" in world.refused("place", T).message
    world.modes.normal(T + 3_600 * SECOND)
    assert world.status("place", T + 3_600 * SECOND) is None


def test_a_disabled_venue_takes_neither_orders_nor_cancels(world):
    world.modes.disabled(T)
    assert [world.status(kind, T) for kind in ("place", "cancel", "read")] == [503, 503, None]
    refused = world.refused("cancel", T)
    assert json.loads(refused.answer.body) == {
        "error": "Trading is currently disabled. Check polymarket.com for updates"
    }


def test_a_mode_entered_meanwhile_is_not_ended_by_the_one_before_it(world):
    world.modes.restart(T, 10)
    world.modes.disabled(T + SECOND)
    assert world.status("place", T + 500 * SECOND) == 503
    assert world.logged == [(0, "restarting"), (1, "disabled")]
    world.modes.restart(T + 600 * SECOND, 10)
    world.modes.restart(T + 605 * SECOND, 10)
    assert world.status("place", T + 614 * SECOND) == 425
    assert world.status("place", T + 615 * SECOND) == 503
