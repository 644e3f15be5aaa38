"""Shares that a wallet lacks because the venue took its fee from what was bought."""

import pytest
from msgspec.structs import replace

from models.markets import Side
from models.messages.lanes import DriftFound
from models.messages.orders import FillCounted, FillSettled
from models.orders import TimeInForce
from models.units import SHARE, Size
from tests.models.live_venue import LiveFloor, name
from tests.models.wishes import M, report, wish

TAKE = replace(wish(1, "0.50", 10 * SHARE), post_only=False, time_in_force=TimeInForce.FAK)
FEE = 125_000
SHARES_OF_FEE: Size = 250_000


def bought(*takes: str) -> LiveFloor:
    """A machine that has taken ten shares in each of some trades, all confirmed."""
    floor = LiveFloor(reconcile_every_ms=1_000)
    for number, trade in enumerate(takes, 1):
        take = replace(TAKE, intent=f"take {number}")
        floor.working(take)
        floor.tell(replace(report(take, name(take), "CONFIRMED", trade), maker=False, fee=FEE, at_ns=floor.now_ns))
    return floor


def reads(floor: LiveFloor, yes: Size, times: int = 2) -> None:
    for _ in range(times):
        floor.read(tokens={M: (yes, 0)})


def sold(floor: LiveFloor) -> list[FillCounted]:
    return [fill for fill in floor.heard(FillCounted) if fill.side is Side.SELL]


@pytest.mark.fault("F54")
def test_missing_shares_of_a_fee_are_booked_as_sold_for_it_and_nothing_drifts_any_more() -> None:
    floor = bought("t1")
    held = 10 * SHARE - SHARES_OF_FEE - 3
    reads(floor, held)
    (sale,) = sold(floor)
    assert (sale.trade_id, sale.size, sale.cash, sale.fee) == ("fee of t1", SHARES_OF_FEE + 3, FEE, 0)
    position = floor.position()
    assert (position.yes.shares, position.yes.settled, position.provisional) == (held, held, ())
    assert position.realized - position.fees - position.yes.cost == -5_000_000, "the dollars of the fee are back"
    assert [settled.fill for settled in floor.heard(FillSettled) if settled.fill.side is Side.SELL] == [sale]
    reads(floor, held, 4)
    assert [drift.held for drift in floor.heard(DriftFound)] == [held, held], "found, and over"
    assert (len(sold(floor)), floor.cells()) == (1, [])


def test_fees_of_all_takes_or_of_one_are_known_and_each_is_booked_once() -> None:
    floor = bought("t1", "t2")
    reads(floor, 20 * SHARE - SHARES_OF_FEE)
    assert [sale.trade_id for sale in sold(floor)] == ["fee of t2"]
    reads(floor, 20 * SHARE - SHARES_OF_FEE)
    reads(floor, 20 * SHARE - 2 * SHARES_OF_FEE)
    assert [sale.trade_id for sale in sold(floor)] == ["fee of t2", "fee of t1"]
    reads(floor, 20 * SHARE - 2 * SHARES_OF_FEE)
    reads(floor, 20 * SHARE - 3 * SHARES_OF_FEE)
    assert len(sold(floor)) == 2, "no fee is left that would explain it"
    together = bought("t1", "t2")
    reads(together, 20 * SHARE - 2 * SHARES_OF_FEE)
    assert [sale.trade_id for sale in sold(together)] == ["fee of t1", "fee of t2"]


@pytest.mark.parametrize("missing", [2 * SHARE, SHARES_OF_FEE // 2, -SHARES_OF_FEE])
def test_what_is_missing_for_another_reason_is_not_corrected(missing: Size) -> None:
    floor = bought("t1")
    reads(floor, 10 * SHARE - missing)
    assert not sold(floor)
    assert len(floor.heard(DriftFound)) == 1


def test_a_fee_that_was_booked_is_not_booked_again_by_the_next_process() -> None:
    floor = bought("t1")
    held = 10 * SHARE - SHARES_OF_FEE
    reads(floor, held)
    floor.begin_anew()
    assert floor.position().yes.shares == held
    floor.connect()
    reads(floor, held - SHARES_OF_FEE, 3)
    assert len(sold(floor)) == 1
