import time

import pytest

from actors.runtime.clock import SystemClock


def test_the_clock_tells_the_time() -> None:
    assert abs(SystemClock().now_ns() - time.time_ns()) < 1_000_000_000


def test_the_clock_never_decreases() -> None:
    clock = SystemClock()
    times = [clock.now_ns() for _ in range(10_000)]
    assert times == sorted(times)


def test_a_step_of_the_wall_clock_is_seen_but_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    before_ns = clock.now_ns()
    wall_ns = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns() - 30_000_000_000)
    assert 0 <= clock.now_ns() - before_ns < 5_000_000_000
    assert clock.skew_ns() == pytest.approx(-30e9, abs=1e9)
