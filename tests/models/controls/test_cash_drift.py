import pytest

from models.cells import TradingState
from models.controls.cash_drift import CashDrift, CashDriftParameters
from models.exposure import Exposures
from models.markets import NO, YES, Outcome, Side
from models.messages.base import Message
from models.messages.lanes import CashFound, CashRead
from models.messages.market import MarketResolved
from models.messages.orders import FillCounted, FillSettled, MergeChanged, PositionsRedeemed
from models.messages.position import LedgerSnapshot, Position
from models.messages.recall import Checkpointed
from models.units import DOLLAR, SHARE
from tests.models.controls.guarded import Guarded, of_kind
from tests.models.supervisor import M, N

CENT = DOLLAR // 100


def family(exposures: Exposures) -> tuple[CashDrift]:
    return (CashDrift(CashDriftParameters(), exposures),)


class Account(Guarded):
    """An account with a hundred dollars, which the venue tells of every half minute."""

    def __init__(self) -> None:
        super().__init__(family)
        self.cash = 100 * DOLLAR

    def read(self, more: int = 0, count: int = 1, apart_s: float = 30) -> tuple[Message, ...]:
        """Have the cash told, as if there were so much more."""
        out: tuple[Message, ...] = ()
        for _ in range(count):
            self.later(apart_s)
            out += self.tell(CashRead(self.cash + more, self.now_ns, self.now_ns))
        return out

    def trade_settled(self, price: int, outcome: Outcome = YES, shares: int = 10) -> FillCounted:
        """Buy, and have it settled; the venue takes the cash."""
        _, fill = self.fill(self.order(outcome, price, shares))
        self.tell(FillSettled(fill, self.now_ns))
        self.cash -= fill.cash
        return fill


@pytest.fixture
def account() -> Account:
    account = Account()
    account.read()
    return account


@pytest.mark.control("cash_drift", "trips")
def test_more_than_a_cent_that_is_missing_twice_leaves_only_what_reduces(account: Account) -> None:
    account.read(-CENT - 1)
    assert account.state() is TradingState.ACTIVE
    account.read(-CENT - 1)
    assert (account.state(), account.state(N)) == (TradingState.REDUCING, TradingState.REDUCING)
    (cell,) = account.states[M].cells
    assert (cell.scope, cell.source) == ("all", "cash_drift")
    assert cell.reason == "0.010001 dollars are missing: 99.989999, should be at least 100, limit 0.01"


@pytest.mark.control("cash_drift", "nearly")
def test_a_cent_or_what_only_one_read_says_is_no_drift(account: Account) -> None:
    account.read(-CENT, 5)
    for _ in range(5):
        account.read(-4 * DOLLAR)
        account.read()
    account.read(-4 * DOLLAR)
    account.read(-4 * DOLLAR, apart_s=4)
    assert account.state() is TradingState.ACTIVE
    (reading,) = account.readings("cash_drift")
    assert (reading.value, reading.limit, reading.unit, reading.holds) == (4, 0.01, "dollars missing", False)


@pytest.mark.control("cash_drift", "blocks")
def test_what_opens_waits_until_two_reads_say_that_the_money_is_there(account: Account) -> None:
    account.trade_settled(4_900)
    account.read(-2 * DOLLAR, 2)
    assert (account.refused(YES) or "").startswith("reducing: REDUCING by cash_drift on all: 2 dollars are missing")
    assert account.refused(NO) is None
    assert account.readings("cash_drift")[0].holds
    account.read()
    assert account.state() is TradingState.REDUCING
    account.read()
    assert account.state() is TradingState.ACTIVE


@pytest.mark.control("cash_drift_large", "trips")
def test_more_than_five_dollars_that_are_missing_twice_halt_everything(account: Account) -> None:
    account.read(-6 * DOLLAR, 2)
    assert account.state() is TradingState.HALTED
    assert {cell.source for cell in account.states[M].cells} == {"cash_drift", "cash_drift_large"}


@pytest.mark.control("cash_drift_large", "nearly")
def test_five_dollars_are_not_more_than_five(account: Account) -> None:
    account.read(-5 * DOLLAR, 3)
    assert account.state() is TradingState.REDUCING
    (reading,) = account.readings("cash_drift_large")
    assert (reading.value, reading.limit, reading.holds) == (5, 5, False)


@pytest.mark.control("cash_drift_large", "blocks")
def test_nothing_is_sent_until_the_money_is_there_or_a_person_has_looked(account: Account) -> None:
    account.read(-50 * DOLLAR, 2)
    refused = account.refused(NO) or ""
    assert refused == (
        "halted: HALTED by cash_drift_large on all: 50 dollars are missing: 50, should be at least 100, limit 5"
    )
    account.say("resume", M)
    assert account.state() is TradingState.HALTED
    account.say("resume", None)
    assert account.state() is TradingState.ACTIVE
    (found,) = of_kind(account.read(-50 * DOLLAR), CashFound)
    assert found.cash == 50 * DOLLAR
    account.read(-50 * DOLLAR, 3)
    assert account.state() is TradingState.ACTIVE, "what is there then is what should be there"


def test_what_was_there_before_us_is_known_once_nothing_is_under_way() -> None:
    account = Account()
    assert account.readings("cash_drift")[0].value is None
    _, fill = account.fill(account.order(YES, 4_900, 10))
    assert of_kind(account.read(), CashFound) == []
    assert account.readings("cash_drift")[0].note == "the venue has not said yet, or something was under way"
    account.tell(FillSettled(fill, account.now_ns))
    account.cash -= fill.cash
    (found,) = of_kind(account.read(), CashFound)
    assert found.cash == 100 * DOLLAR
    assert account.readings("cash_drift")[0].value == 0


def test_what_trades_took_and_brought_is_not_missing(account: Account) -> None:
    yes = account.trade_settled(4_900)
    account.trade_settled(4_800, NO)
    account.read(0, 3)
    account.tell(MergeChanged("m1", "tag", M, 4 * SHARE, "requested", 0, account.now_ns))
    account.read(0, 2)
    account.read(4 * DOLLAR, 2)
    account.cash += 4 * DOLLAR
    account.tell(MergeChanged("m1", "tag", M, 4 * SHARE, "confirmed", 0, account.now_ns))
    account.read(0, 2)
    account.tell(MarketResolved(M, 10_000, account.now_ns))
    account.read(0, 2)
    account.read(6 * DOLLAR, 2)
    account.cash += 6 * DOLLAR
    account.tell(PositionsRedeemed("tag", M, 10_000, account.now_ns))
    account.read(0, 30)
    assert account.state(N) is TradingState.ACTIVE
    assert len(of_kind(account.said, CashFound)) == 1
    assert yes.cash == 4_900_000


def test_what_is_under_way_may_have_gone_or_come_or_not_yet(account: Account) -> None:
    _, bought = account.fill(account.order(YES, 4_000, 10))
    account.read(0, 3)
    account.read(-bought.cash, 3)
    account.tell(FillSettled(bought, account.now_ns))
    account.cash -= bought.cash
    _, sold = account.fill(account.order(YES, 5_000, 10, side=Side.SELL))
    account.read(0, 3)
    account.read(sold.cash, 3)
    assert account.state() is TradingState.ACTIVE
    account.read(-CENT - 1, 2)
    assert account.state() is TradingState.REDUCING


def test_what_was_paid_in_halts_nothing_and_is_missed_when_it_goes_later(account: Account) -> None:
    account.read(20 * DOLLAR, 20)
    assert len(of_kind(account.said, CashFound)) == 1
    account.read(20 * DOLLAR)
    found = of_kind(account.said, CashFound)
    assert [one.cash for one in found] == [100 * DOLLAR, 120 * DOLLAR]
    account.read(20 * DOLLAR, 3)
    assert account.state() is TradingState.ACTIVE
    account.read(14 * DOLLAR, 2)
    assert account.state() is TradingState.HALTED


def test_what_was_too_much_for_a_moment_was_not_paid_in(account: Account) -> None:
    for _ in range(5):
        account.read(DOLLAR, 10)
        account.read()
    assert len(of_kind(account.said, CashFound)) == 1
    account.read(0, 2)
    assert account.state() is TradingState.ACTIVE


def test_what_goes_while_nobody_looks_is_missed_after_a_death(account: Account) -> None:
    account.trade_settled(4_900)
    again = account.recalled()
    for _ in range(2):
        again.later(30)
        again.tell(CashRead(account.cash, again.now_ns, again.now_ns))
    assert again.state() is TradingState.ACTIVE
    for _ in range(2):
        again.later(30)
        again.tell(CashRead(account.cash - DOLLAR, again.now_ns, again.now_ns))
    assert again.state() is TradingState.REDUCING


def test_what_is_missing_before_a_death_is_so_after_it(account: Account) -> None:
    account.read(-DOLLAR, 2)
    assert account.recalled().states[M].cells == account.states[M].cells


def test_a_payout_that_was_told_before_a_death_is_awaited_after_it(account: Account) -> None:
    fill = account.trade_settled(4_900)
    account.tell(MarketResolved(M, 10_000, account.now_ns))
    again = account.recalled()
    for cash in (account.cash, account.cash + fill.size):
        for _ in range(2):
            again.later(30)
            again.tell(CashRead(cash, again.now_ns, again.now_ns))
    assert again.readings("cash_drift")[0].value == 0
    assert of_kind(again.said, CashFound) == []


def test_it_goes_on_from_a_checkpoint() -> None:
    account = Account()
    held = LedgerSnapshot("tag", M, Position(realized=DOLLAR), 0)
    account.chain.append((0, Checkpointed(0, ((0, held), (0, CashFound(99 * DOLLAR, 0))), ())))
    again = account.recalled()
    for _ in range(2):
        again.later(30)
        again.tell(CashRead(100 * DOLLAR, again.now_ns, again.now_ns))
    assert (again.state(), of_kind(again.said, CashFound)) == (TradingState.ACTIVE, [])
    assert again.readings("cash_drift")[0].value == 0
