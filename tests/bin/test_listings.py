"""What a kill sweeps at a venue, and when it sweeps no more."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from actors.control.ports import Refused
from actors.gate import Gate
from actors.runtime.clock import SystemClock
from actors.venues.polymarket.clob_answers import OpenOrder
from actors.venues.polymarket.sweep import Unproven, sweep
from bin.listings import VenueListings
from models.markets import Side

CLOCK = SystemClock()
ORDER = OpenOrder("0xnew", "LIVE", "0xcondition", "token", Side.BUY, 4_000, 5_000_000, 0, "GTC", "0xmaker", 0, ())


class Venue:
    """A venue that lists an order; `reads` is called whenever it is asked what rests, `cancels` counts."""

    def __init__(self, reads: Callable[[], object]) -> None:
        self.cancels = 0
        self.session = SimpleNamespace(within_s=1.0)
        self._reads = reads

    def cancel_all(self) -> Any:
        self.cancels += 1

    def open_orders(self) -> tuple[OpenOrder, ...]:
        self._reads()
        return (ORDER,)

    def sweep(
        self, within_s: float, enough: Callable[[], bool] = lambda: False, at_rest: Callable[[], bool] = lambda: True
    ) -> tuple[OpenOrder, ...]:
        return sweep(self, CLOCK, within_s, enough, at_rest)  # pyright: ignore[reportArgumentType]


def test_a_sweep_ends_with_its_kill_and_cancels_nothing_of_what_is_quoted_anew(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "KILL", CLOCK)
    gate.kill("drill")
    venue = Venue(gate.clear)
    began_ns = CLOCK.now_ns()
    rests = VenueListings(venue, gate).swept(9.0)  # pyright: ignore[reportArgumentType]
    assert [one.order_id for one in rests] == ["0xnew"]
    assert venue.cancels == 1
    assert CLOCK.now_ns() - began_ns < 5_000_000_000


def test_a_kill_that_was_lifted_before_its_sweep_cancels_nothing(tmp_path: Path) -> None:
    venue = Venue(lambda: None)
    with pytest.raises(Refused, match="the kill was lifted") as refused:
        VenueListings(venue, Gate(tmp_path / "KILL", CLOCK)).swept(9.0)  # pyright: ignore[reportArgumentType]
    assert (refused.value.code, venue.cancels) == ("unproven", 0)


def test_a_sweep_that_proves_nothing_is_refused_with_why(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "KILL", CLOCK)
    gate.kill("drill")

    def fails() -> None:
        raise Unproven("the venue is away")

    with pytest.raises(Refused, match="the venue is away"):
        VenueListings(Venue(fails), gate).swept(1.0)  # pyright: ignore[reportArgumentType]
