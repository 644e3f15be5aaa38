"""What has still to be read of the account, and what two reads in a row say of its holdings."""

from hypothesis import given
from hypothesis import strategies as st

from models.accounts import Bounds, Holdings
from models.cells import TradingState
from models.executor_parameters import ExecutorParameters
from models.messages.control import RaiseCell
from models.messages.lanes import AccountRead, DriftFound, HoldingsFound, HoldingsRead
from models.reconciliation import Reconciliation
from models.units import SHARE
from tests.models.wishes import M


def read(asked_ns: int) -> AccountRead:
    return AccountRead("test", (), 0, asked_ns, asked_ns + 1)


def held(asked_ns: int, yes: int, *markets: str) -> HoldingsRead:
    return HoldingsRead(dict.fromkeys(markets or (M,), (yes, 0)), asked_ns, asked_ns + 1)


def fresh() -> Reconciliation:
    return Reconciliation(ExecutorParameters())


def test_at_first_everything_has_to_be_read_and_any_read_does() -> None:
    reading = fresh()
    assert reading.lacks(M)
    assert reading.take(read(1))
    assert not reading.lacks(M)
    assert not reading.is_needed


def test_what_is_needed_is_needed_since_its_time() -> None:
    reading = fresh()
    reading.take(read(1))
    reading.need(M, 100)
    reading.take(read(99))
    assert (reading.lacks(M), reading.lacks("elsewhere")) == (True, False)
    reading.take(read(100))
    assert not reading.lacks(M)


def test_a_read_that_is_no_newer_than_the_last_is_none() -> None:
    reading = fresh()
    assert reading.take(read(5))
    assert not reading.take(read(5))
    assert not reading.take(read(4))


def test_trades_are_read_since_we_were_last_there() -> None:
    reading = fresh()
    reading.lived(10)
    reading.lived(30)
    assert reading.since_ns(None, 99) == 30
    assert reading.since_ns(20, 99) == 20
    assert reading.is_before_us(9)
    assert not reading.is_before_us(10)


@given(st.lists(st.integers(0, 4), max_size=30))
def test_only_what_two_reads_say_alike_is_said_and_the_cell_follows_what_is_said(wallet) -> None:
    reading, said, halted = fresh(), 0, False
    ours = {M: Holdings(Bounds(2 * SHARE, 2 * SHARE), Bounds(0, 0))}
    for index, shares in enumerate(wallet):
        out = reading.compare(held(index, shares * SHARE), ours, frozenset())
        agreed = index > 0 and wallet[index - 1] == shares
        drift = shares - 2
        # The first read of all agrees with the beginning, in which nothing differs.
        if agreed and drift != said:
            said = drift
            assert [message.held for message in out if isinstance(message, DriftFound)] == [shares * SHARE]
        else:
            assert not any(isinstance(message, DriftFound) for message in out)
        cells = [message for message in out if isinstance(message, RaiseCell)]
        assert len(cells) == ((abs(said) > 1) != halted)
        halted = abs(said) > 1


def test_what_the_wallet_held_of_a_market_before_us_is_said_once_and_is_no_drift() -> None:
    reading = fresh()
    assert reading.compare(held(1, 7 * SHARE), {}, frozenset()) == [HoldingsFound(M, 7 * SHARE, 0, 2)]
    ours = {M: Holdings(Bounds(2 * SHARE, 2 * SHARE), Bounds(0, 0))}
    for asked_ns in (2, 3):
        assert reading.compare(held(asked_ns, 9 * SHARE), ours, frozenset()) == []
    out = [reading.compare(held(asked_ns, 12 * SHARE), ours, frozenset()) for asked_ns in (4, 5)][-1]
    assert [type(message) for message in out] == [DriftFound, RaiseCell]


def test_what_was_held_before_us_is_recalled_and_found_nowhere_else() -> None:
    reading = fresh()
    reading.recall_found(HoldingsFound(M, 7 * SHARE, 0, 1))
    for asked_ns in (2, 3):
        assert reading.compare(held(asked_ns, 7 * SHARE), {}, frozenset()) == []
    out = [reading.compare(held(asked_ns, 9 * SHARE), {}, frozenset()) for asked_ns in (4, 5)][-1]
    assert [type(message) for message in out] == [DriftFound, RaiseCell]


def test_shares_that_come_later_or_where_we_traded_are_a_drift() -> None:
    later, traded = fresh(), fresh()
    later.compare(held(1, 0), {}, frozenset())
    ours = {M: Holdings(Bounds(0, 0), Bounds(0, 0))}
    for reading, holdings in ((later, {}), (traded, ours)):
        out = [reading.compare(held(asked_ns, 9 * SHARE), holdings, frozenset()) for asked_ns in (2, 3)][-1]
        assert [type(message) for message in out] == [DriftFound, RaiseCell]


def test_a_market_that_was_looked_at_in_an_earlier_life_is_let_go_again() -> None:
    reading = fresh()
    reading.recall_found(HoldingsFound(M, SHARE, 0, 1))
    cells = [cell for cell in reading.begin((M, "elsewhere"), ()) if isinstance(cell, RaiseCell)]
    assert {cell.market: cell.state for cell in cells} == {
        M: TradingState.ACTIVE,
        "elsewhere": TradingState.CANCEL_ONLY,
    }
