"""What the venue says of the whole account, held against what the executor knows."""

import pytest

from models.cells import TradingState
from models.executor import ExecutorMachine
from models.markets import NO, YES, Side
from models.messages.control import RaiseCell
from models.messages.lanes import (
    AccountRead,
    CashRead,
    DriftFound,
    HoldingsFound,
    OpenOrderSeen,
    QueryFailed,
    ReadAccount,
)
from models.messages.market import MarketResolved
from models.messages.orders import ForeignOrderSeen, OrderChanged, SubmitOrder
from models.messages.runtime import ActorRestarted, WakeAt
from models.orders import OrderState
from models.units import ONE, SHARE
from tests.models.live_venue import HALTED, HALTED_ALL, LiveFloor
from tests.models.venue import S
from tests.models.wishes import M, report, wish

CANCEL_ONLY = TradingState.CANCEL_ONLY
BID = wish(1)
OTHER = wish(2, outcome=NO)
QUIET = wish(3)
STRANGER = wish(99)
LAG = 30 * S


# When it is read


def test_the_first_message_of_all_makes_it_read_the_account() -> None:
    floor = LiveFloor(ready=False)
    floor.set_epoch(1)
    assert floor.reads() == ["start"]
    floor.set_epoch(1)
    assert floor.reads() == ["start"]


@pytest.mark.control("user_feed", "blocks")
def test_without_a_user_feed_nothing_is_sent() -> None:
    floor = LiveFloor(ready=False)
    floor.read()
    floor.approve(BID)
    assert floor.denials() == [("user_feed_lost", "nobody tells us of our fills: not connected yet")]


@pytest.mark.proves("I25")
def test_before_the_account_was_read_nothing_is_sent() -> None:
    floor = LiveFloor(ready=False)
    floor.connect()
    floor.approve(BID)
    assert floor.denials() == [("not_reconciled", "the account has still to be read")]
    floor.read(tokens={M: (0, 0)})
    assert floor.approve(OTHER) in floor.submitted()


def test_what_the_account_holds_in_cash_is_said_with_every_read() -> None:
    floor = LiveFloor(ready=False)
    floor.connect()
    for cash in (7 * SHARE, 5 * SHARE):
        floor.now_ns += S
        floor.tell(AccountRead("test", (), cash, floor.now_ns, floor.now_ns + 1))
    assert [(read.cash, read.at_ns - read.asked_ns) for read in floor.heard(CashRead)] == [
        (7 * SHARE, 1),
        (5 * SHARE, 1),
    ]


def test_a_market_is_held_back_until_somebody_has_looked_at_what_the_wallet_holds_of_it() -> None:
    floor = LiveFloor(ready=False)
    floor.connect()
    (cell,) = [cell for cell in floor.heard(RaiseCell) if cell.market is not None]
    assert cell == RaiseCell(M, "holdings", CANCEL_ONLY, "what the wallet holds of it has still to be read")
    floor.read()
    floor.approve(BID)
    assert floor.denials() == [("not_reconciled", "what the wallet holds of it has still to be read")]
    floor.look({M: (7 * SHARE, 0)})
    assert floor.heard(HoldingsFound) == [HoldingsFound(M, 7 * SHARE, 0, floor.now_ns)]
    assert floor.cells() == [(M, "holdings", "CANCEL_ONLY"), (M, "holdings", "ACTIVE")]
    assert floor.approve(OTHER) in floor.submitted()


def test_markets_are_let_go_one_by_one_as_they_are_looked_at() -> None:
    floor = LiveFloor(ready=False, groups={str(number): (f"m{number}",) for number in range(9)}, holdings_per_read=4)
    floor.connect()
    floor.read()
    looked: list[str] = []
    for number in range(3):
        assert len(floor.looks()) == number + 1
        looked += floor.looks()[-1]
        floor.look(dict.fromkeys(floor.looks()[-1], (0, 0)))
        let_go = [market for market, _, state in floor.cells() if state == "ACTIVE"]
        assert let_go == list(dict.fromkeys(looked))
    assert set(looked) == {M, *(f"m{number}" for number in range(9))}
    assert len(floor.looks()) == 3, "all are looked at without a pause, and then no more until the next read"
    assert floor.approve(wish(1, market="m0")) in floor.submitted()


def test_holdings_that_could_not_be_read_are_asked_for_again_ever_slower() -> None:
    floor = LiveFloor(ready=False)
    floor.connect()
    floor.read(tokens={})
    looks = len(floor.looks())
    floor.wait(S // 2)
    assert len(floor.looks()) == looks + 1
    floor.look({})
    floor.wait(S // 2)
    assert len(floor.looks()) == looks + 1
    floor.wait(S // 2)
    assert len(floor.looks()) == looks + 2


def test_a_look_that_takes_longer_than_the_cadence_is_not_begun_anew() -> None:
    floor = LiveFloor(ready=False)
    floor.connect()
    floor.read()
    for _ in range(3):
        floor.wait(30 * S)
        floor.read()
    assert floor.reads()[-3:] == ["cadence"] * 3
    assert floor.looks() == [[M]]
    floor.look({M: (0, 0)})
    assert floor.approve(BID) in floor.submitted()


def test_a_read_under_way_is_not_begun_anew_and_one_that_is_late_enough_follows_it() -> None:
    floor = LiveFloor()
    floor.wait(30 * S)
    asked_ns = floor.now_ns + 1
    floor.now_ns += S
    for _ in range(5):
        floor.lose()
        floor.connect()
    assert floor.reads() == ["cadence"]
    floor.read(asked_ns=asked_ns)
    assert floor.reads() == ["cadence", "user_feed"]
    floor.approve(BID)
    assert [reason for reason, _ in floor.denials()] == ["not_reconciled"]
    floor.read()
    assert floor.approve(OTHER) in floor.submitted()


def test_a_read_that_failed_is_no_read_and_is_asked_for_again_ever_slower() -> None:
    floor = LiveFloor(ready=False)
    floor.connect()
    floor.query_failed()
    floor.approve(BID)
    assert [reason for reason, _ in floor.denials()] == ["not_reconciled"]
    reads = len(floor.reads())
    floor.wait(S // 2)
    assert len(floor.reads()) == reads + 1
    floor.query_failed()
    floor.wait(S // 2)
    assert len(floor.reads()) == reads + 1
    floor.wait(S // 2)
    assert len(floor.reads()) == reads + 2


def test_a_read_without_an_answer_is_asked_for_again() -> None:
    floor = LiveFloor(ready=False)
    floor.connect()
    reads = len(floor.reads())
    floor.wait(119 * S)
    assert len(floor.reads()) == reads, "it takes hundreds of requests, and asking again begins it anew"
    floor.wait(S)
    assert len(floor.reads()) == reads + 1


def test_a_read_whose_reader_died_is_asked_for_again() -> None:
    floor = LiveFloor()
    floor.tell(ActorRestarted("lane/query", "", 1))
    assert floor.reads() == []
    floor.wait(30 * S)
    floor.tell(ActorRestarted("lane/query", "", 2))
    assert floor.reads() == ["cadence", "again"]


def test_it_is_read_on_a_cadence() -> None:
    floor = LiveFloor()
    for _ in range(3):
        floor.wait(30 * S)
        floor.read()
    assert floor.reads() == ["cadence"] * 3


def test_after_the_feed_was_lost_it_has_to_be_restored_and_the_account_read() -> None:
    floor = LiveFloor()
    floor.lose("closed by the server")
    floor.approve(wish(1))
    floor.connect()
    floor.approve(wish(2))
    floor.read()
    floor.approve(wish(3))
    assert [reason for reason, _ in floor.denials()] == ["user_feed_lost", "not_reconciled"]
    assert floor.submitted() == [floor.id_of(wish(3))]


def test_a_read_that_was_asked_for_before_the_feed_was_restored_does_not_do() -> None:
    floor = LiveFloor()
    asked_ns = floor.now_ns + 1
    floor.now_ns += S
    floor.lose()
    floor.connect()
    assert any(isinstance(message, ReadAccount) for message in floor.read(asked_ns=asked_ns)), (
        "another one is asked for"
    )
    floor.approve(BID)
    assert [reason for reason, _ in floor.denials()] == ["not_reconciled"]


def test_what_could_not_be_understood_of_one_market_stops_that_market_alone() -> None:
    floor = LiveFloor()
    floor.connect("elsewhere")
    floor.approve(wish(5, market="elsewhere"))
    assert [reason for reason, _ in floor.denials()] == ["not_reconciled"]
    assert floor.approve(BID) in floor.submitted()


def test_for_one_markets_sake_a_read_under_way_is_not_begun_anew() -> None:
    floor = LiveFloor()
    floor.wait(30 * S)
    asked_ns = floor.now_ns + 1
    floor.now_ns += S
    floor.connect("elsewhere")
    assert floor.reads() == ["cadence"]
    floor.read(asked_ns=asked_ns)
    assert floor.reads() == ["cadence", "user_feed"]


def test_trades_are_read_since_the_oldest_thing_that_is_under_way() -> None:
    floor = LiveFloor()
    floor.unknown(BID)
    sent_ns = floor.now_ns
    for _ in range(5):
        floor.wait(30 * S)
        floor.read()
    assert floor.heard(ReadAccount)[-1].since_ns == sent_ns
    floor.cancelled(BID)
    floor.wait(30 * S)
    assert floor.heard(ReadAccount)[-1].since_ns == floor.now_ns - 30 * S, "since the last read"
    floor.trade(BID, "MATCHED", size=SHARE)
    filled_ns = floor.now_ns
    floor.read()
    floor.wait(30 * S)
    floor.read()
    floor.wait(30 * S)
    assert floor.heard(ReadAccount)[-1].since_ns == filled_ns, "its last word is still to come"


def test_of_an_order_that_was_listed_trades_are_read_since_that_read() -> None:
    floor = LiveFloor()
    floor.working(BID)
    for _ in range(5):
        floor.wait(30 * S)
        floor.read([BID])
    assert floor.heard(ReadAccount)[-1].since_ns == floor.now_ns - 30 * S - 1
    floor.cancel(BID)
    floor.wait(30 * S)
    assert floor.heard(ReadAccount)[-1].since_ns == floor.now_ns - 30 * S, "also while it is being cancelled"


def test_an_order_that_is_listed_with_more_matched_than_we_know_is_read_since_it_was_sent() -> None:
    floor = LiveFloor()
    floor.working(BID)
    sent_ns = floor.now_ns
    floor.wait(30 * S)
    asked_ns = floor.now_ns
    more = OpenOrderSeen(floor.id_of(BID), M, BID.outcome, BID.side, BID.price, BID.size, SHARE)
    floor.tell(AccountRead("test", (more,), 0, asked_ns, floor.now_ns))
    floor.wait(30 * S)
    assert floor.heard(ReadAccount)[-1].since_ns == sent_ns
    floor.trade(BID, "CONFIRMED", size=SHARE)
    asked_ns = floor.now_ns
    floor.tell(AccountRead("test", (more,), 0, asked_ns, floor.now_ns))
    floor.wait(30 * S)
    assert floor.heard(ReadAccount)[-1].since_ns == asked_ns


@pytest.mark.control("foreign", "nearly")
def test_beside_a_quiet_order_a_trade_that_is_told_again_is_not_foreign() -> None:
    floor = LiveFloor(remembered_orders=2)
    floor.working(QUIET)
    filled = [wish(number) for number in range(10, 14)]
    for order in filled:
        floor.working(order)
        floor.trade(order, "CONFIRMED", order.intent)
        floor.wait(30 * S)
        floor.read([QUIET])
    for order in filled:
        floor.tell(report(order, floor.id_of(order), "CONFIRMED", order.intent, at_ns=floor.now_ns))
    assert floor.cells() == []
    assert floor.held() == 4 * filled[0].size


def test_what_filled_is_forgotten_once_no_read_goes_back_to_it() -> None:
    floor = LiveFloor(remembered_orders=2)
    first = wish(10)
    floor.working(first)
    floor.trade(first, "CONFIRMED", first.intent)
    for number in range(11, 17):
        floor.wait(600 * S)
        floor.read()
        floor.working(wish(number))
        floor.cancelled(wish(number))
    floor.wait(600 * S)
    floor.trade(first, "CONFIRMED", first.intent)
    assert floor.cells() == [HALTED_ALL]
    assert floor.held() == first.size, "and it is not counted twice"


def test_a_forgotten_order_that_never_filled_is_foreign_when_it_fills() -> None:
    floor = LiveFloor(remembered_orders=1)
    for number in range(10, 13):
        floor.working(wish(number))
        floor.cancelled(wish(number))
    floor.trade(wish(10), "MATCHED")
    assert floor.cells() == [HALTED_ALL]


# Orders


def test_an_order_of_unknown_fate_that_is_listed_works() -> None:
    floor = LiveFloor()
    floor.unknown(BID)
    floor.read([BID])
    assert floor.state(BID) is OrderState.WORKING
    assert floor.approve(OTHER) in floor.submitted()


@pytest.mark.proves("I8")
def test_an_order_that_is_not_listed_is_asked_for_and_one_read_ends_nothing() -> None:
    floor = LiveFloor()
    order_id = floor.working(BID)
    floor.now_ns += LAG
    floor.read()
    assert (floor.questions(), floor.state(BID)) == ([order_id], OrderState.DISPUTED)
    floor.found(BID)
    assert floor.state(BID) is OrderState.DISPUTED, "once it said one thing, and once the other"
    floor.approve(OTHER)
    assert [reason for reason, _ in floor.denials()] == ["disputed_order"]
    floor.found(BID)
    assert floor.state(BID) is OrderState.WORKING
    assert floor.cancels() == []
    assert floor.approve(wish(3, outcome=NO)) in floor.submitted()


@pytest.mark.fault("F40")
@pytest.mark.parametrize(
    "said", [("cancelled",), ("live", "cancelled", "cancelled"), ("live", "cancelled", "live", "live")]
)
def test_a_disputed_order_is_what_rest_says_twice_in_a_row(said: tuple[str, ...]) -> None:
    floor = LiveFloor()
    floor.working(BID)
    floor.now_ns += LAG
    floor.read()
    for state in said:
        assert floor.state(BID) is OrderState.DISPUTED
        floor.found(BID, state)
    assert floor.state(BID) is (OrderState.WORKING if said[-1] == "live" else OrderState.CANCELLED)


def test_a_fresh_order_may_be_missing_from_a_read_that_lags() -> None:
    floor = LiveFloor()
    floor.working(BID)
    floor.now_ns += LAG - 2
    floor.read()
    assert floor.questions() == []


@pytest.mark.proves("I8")
def test_two_reads_that_agree_end_an_order() -> None:
    floor = LiveFloor()
    floor.working(BID)
    floor.now_ns += LAG
    floor.read()
    floor.found(BID, "cancelled")
    assert floor.state(BID) is OrderState.CANCELLED


def test_an_order_that_is_neither_listed_nor_found_is_gone() -> None:
    floor = LiveFloor()
    floor.working(BID)
    floor.now_ns += LAG
    floor.read()
    floor.absent_for_good(BID)
    assert floor.state(BID) is OrderState.CANCELLED


def test_an_order_that_only_its_trades_know_is_cancelled_and_then_gone() -> None:
    floor = LiveFloor()
    order_id = floor.working(BID)
    floor.trade(BID, "MATCHED", size=SHARE)
    for _ in range(2):
        floor.now_ns += LAG
        floor.read()
        floor.found(BID, "live", SHARE)
    assert floor.cancels() == []
    floor.now_ns += LAG
    floor.read()
    assert floor.cancels() == [(order_id, "not_listed")]
    floor.refuse_cancel(BID, "Order not found or already canceled")
    assert floor.state(BID) is OrderState.DISPUTED
    floor.now_ns += LAG
    floor.read()
    assert floor.state(BID) is OrderState.CANCELLED


def test_the_same_read_twice_counts_once() -> None:
    floor = LiveFloor()
    floor.working(BID)
    floor.now_ns += LAG
    asked_ns = floor.now_ns
    for _ in range(9):
        floor.read(asked_ns=asked_ns)
    assert (floor.state(BID), floor.cancels()) == (OrderState.DISPUTED, [])


def test_an_order_that_was_cancelled_and_is_listed_long_after_is_cancelled_again_and_then_counts_again() -> None:
    floor = LiveFloor()
    order_id = floor.working(BID)
    floor.cancelled(BID)
    floor.now_ns += LAG - 2
    floor.read([BID])
    assert floor.cancels() == [], "the read may lag"
    floor.now_ns += S
    floor.read([BID])
    assert (floor.cancels(), floor.questions()) == ([(order_id, "listed_after_its_end")], [order_id])
    assert floor.state(BID) is OrderState.DISPUTED, "one read is not enough"
    floor.found(BID)
    assert floor.state(BID) is OrderState.CANCELLING
    assert floor.cells() == [HALTED]


def test_an_order_that_was_refused_and_is_listed_counts_again_at_once() -> None:
    floor = LiveFloor()
    floor.approve(BID)
    floor.reject(BID)
    floor.read([BID])
    assert (floor.state(BID), floor.cells()) == (OrderState.CANCELLING, [HALTED])


def test_a_filled_order_that_is_still_listed_is_filled() -> None:
    floor = LiveFloor()
    floor.working(BID)
    floor.trade(BID, "MATCHED")
    floor.now_ns += 2 * LAG
    floor.read([BID])
    assert (floor.state(BID), floor.cancels(), floor.questions()) == (OrderState.FILLED, [], [])


# What is not ours
@pytest.mark.proves("I17")
@pytest.mark.control("foreign", "trips")
def test_a_foreign_order_that_is_listed_halts_everything_and_is_cancelled() -> None:
    floor = LiveFloor()
    floor.read([STRANGER])
    assert floor.cells() == [HALTED_ALL]
    assert floor.cancels() == [(floor.id_of(STRANGER), "foreign")]


@pytest.mark.proves("I17")
@pytest.mark.parametrize("trade_id", [None, "t9"])
def test_a_foreign_order_or_fill_on_the_user_feed_halts_everything(trade_id: str | None) -> None:
    floor = LiveFloor()
    floor.tell(ForeignOrderSeen("0xbad", M, trade_id, floor.now_ns))
    assert floor.cells() == [HALTED_ALL]
    assert floor.cancels() == ([("0xbad", "foreign")] if trade_id is None else [])


@pytest.mark.control("foreign", "nearly")
def test_an_own_order_is_not_foreign_whoever_says_so() -> None:
    floor = LiveFloor()
    order_id = floor.working(BID)
    assert floor.tell(ForeignOrderSeen(order_id, M, None, floor.now_ns)) == ()


def test_a_fill_of_an_order_that_we_do_not_know_halts_everything() -> None:
    floor = LiveFloor()
    floor.trade(STRANGER, "MATCHED")
    assert floor.cells() == [HALTED_ALL]


def test_a_fill_of_before_this_run_is_in_the_books_of_an_earlier_one() -> None:
    floor = LiveFloor()
    assert floor.tell(report(STRANGER, "0xearlier", "CONFIRMED", at_ns=9 * S)) == ()


# Holdings


def drifts(floor: LiveFloor) -> list[tuple[int, int, int, int]]:
    return [(found.outcome, found.held, found.least, found.most) for found in floor.heard(DriftFound)]


def test_a_wallet_that_holds_what_was_settled_is_right() -> None:
    floor = LiveFloor()
    floor.working(BID)
    floor.trade(BID, "CONFIRMED")
    for _ in range(3):
        floor.read(tokens={M: (5 * SHARE, 0)})
    assert (drifts(floor), floor.cells()) == ([], [])


@pytest.mark.parametrize("held", [0, 5 * SHARE])
def test_shares_that_are_under_way_may_be_there_or_not(held: int) -> None:
    floor = LiveFloor()
    floor.working(BID)
    floor.trade(BID, "MATCHED")
    for _ in range(3):
        floor.read(tokens={M: (held, 0)})
    assert drifts(floor) == []


@pytest.mark.parametrize("held", [2 * SHARE, 5 * SHARE])
def test_shares_that_are_being_sold_may_be_there_or_not(held: int) -> None:
    floor = LiveFloor()
    floor.working(BID)
    floor.trade(BID, "CONFIRMED")
    offer = wish(7, price="0.60", size=3 * SHARE, side=Side.SELL)
    floor.working(offer)
    floor.trade(offer, "MATCHED", "t2")
    for _ in range(3):
        floor.read(tokens={M: (held, 0)})
    assert drifts(floor) == []


@pytest.mark.parametrize("held", [(2 * SHARE, 0), (5 * SHARE, 3 * SHARE)])
def test_pairs_that_are_being_merged_may_be_there_or_not(held: tuple[int, int]) -> None:
    floor = LiveFloor()
    for order, trade_id, size in ((BID, "t1", 5 * SHARE), (OTHER, "t2", 3 * SHARE)):
        floor.working(order)
        floor.trade(order, "CONFIRMED", trade_id, size)
    floor.merge(3)
    for _ in range(3):
        floor.read(tokens={M: held})
    assert drifts(floor) == []


@pytest.mark.control("drift", "trips")
def test_a_difference_in_two_reads_is_reported_once_and_halts_the_market() -> None:
    floor = LiveFloor()
    floor.working(BID)
    floor.trade(BID, "CONFIRMED")
    floor.read(tokens={M: (2 * SHARE, 0)})
    assert drifts(floor) == [], "fills go on while it is read"
    for _ in range(3):
        floor.read(tokens={M: (2 * SHARE, 0)})
    assert drifts(floor) == [(YES, 2 * SHARE, 5 * SHARE, 5 * SHARE)]
    (cell,) = floor.heard(RaiseCell)
    assert cell == RaiseCell(M, "drift", TradingState.HALTED, "the wallet differs by -3 YES and 0 NO")
    assert floor.position().yes.shares == 5 * SHARE, "nothing is corrected"


def test_a_difference_that_goes_away_lets_the_market_go_after_two_reads() -> None:
    floor = LiveFloor()
    for held in (0, 2 * SHARE, 2 * SHARE, 0, 0, 0):
        floor.read(tokens={M: (0, held)})
    assert [held for _, held, _, _ in drifts(floor)] == [2 * SHARE, 0]
    assert floor.cells() == [(M, "drift", "HALTED"), (M, "drift", "ACTIVE")]


@pytest.mark.control("drift", "nearly")
def test_a_small_difference_is_reported_and_dust_is_not() -> None:
    floor = LiveFloor()
    floor.read(tokens={M: (0, 0)})
    for _ in range(2):
        floor.read(tokens={M: (SHARE // 100, SHARE // 2)})
    assert drifts(floor) == [(NO, SHARE // 2, 0, 0)]
    assert floor.cells() == []


def test_a_market_that_has_paid_out_or_was_not_read_is_not_compared() -> None:
    floor = LiveFloor()
    floor.working(BID)
    floor.trade(BID, "CONFIRMED")
    for _ in range(3):
        floor.read(tokens={})
    floor.tell(MarketResolved(M, ONE, floor.now_ns))
    for _ in range(3):
        floor.read(tokens={M: (9 * SHARE, 0)})
    assert drifts(floor) == []


def test_a_halt_for_a_drift_outlives_a_restart_until_two_reads_say_that_it_is_over() -> None:
    floor = LiveFloor()
    floor.read(tokens={M: (0, 0)})
    for _ in range(2):
        floor.read(tokens={M: (2 * SHARE, 0)})
    floor.begin_anew()
    floor.said.clear()
    floor.read(tokens={M: (0, 0)})
    assert floor.cells() == [(M, "holdings", "ACTIVE")]
    floor.read(tokens={M: (0, 0)})
    assert floor.cells()[1:] == [(M, "drift", "ACTIVE")]


def test_what_the_wallet_held_before_us_is_known_after_a_restart_too() -> None:
    floor = LiveFloor(ready=False)
    floor.read(tokens={M: (2 * SHARE, 0)})
    assert floor.heard(HoldingsFound) == [HoldingsFound(M, 2 * SHARE, 0, floor.now_ns)]
    floor.begin_anew()
    floor.said.clear()
    for _ in range(2):
        floor.read(tokens={M: (5 * SHARE, 0)})
    assert floor.heard(HoldingsFound) == []
    assert floor.cells() == [(M, "drift", "HALTED")], "it is known, and nobody waits for a look"


def test_after_a_restart_only_what_was_never_traded_has_to_be_looked_at_again() -> None:
    traded, idle = LiveFloor(), LiveFloor()
    traded.working(BID)
    traded.trade(BID, "CONFIRMED")
    for floor, waits in ((traded, "ACTIVE"), (idle, "CANCEL_ONLY")):
        floor.said.clear()
        floor.begin_anew()
        assert [cell for cell in floor.cells() if cell[1] == "holdings"] == [(M, "holdings", waits)]


def test_what_a_predecessor_asked_for_is_not_what_has_to_be_read() -> None:
    floor = LiveFloor()
    asked_ns = floor.now_ns
    floor.now_ns += S
    floor.begin_anew()
    floor.connect()
    floor.read(tokens={M: (0, 0)}, asked_ns=asked_ns)
    floor.approve(wish(1, created_ns=floor.now_ns + 1))
    assert [reason for reason, _ in floor.denials()] == ["not_reconciled"], "its trades were told to the dead one"


def test_what_happened_is_looked_at_first_and_everything_in_its_turn() -> None:
    names = [f"m{number}" for number in range(12)]
    floor = LiveFloor(ready=False, groups={name: (name,) for name in names}, holdings_per_read=4)
    floor.connect()
    floor.read()
    for _ in range(4):
        floor.look(dict.fromkeys(floor.looks()[-1], (0, 0)))
    bought = wish(1, market="m11")
    floor.working(bought)
    floor.trade(bought, "CONFIRMED")
    seen: list[str] = []
    for number in range(8):
        floor.wait(30 * S)
        floor.read([])
        look = floor.looks()[-1]
        assert number or look[0] == "m11"
        seen += look
        floor.look({market: (5 * SHARE, 0) if market == "m11" else (0, 0) for market in look})
    assert set(seen) >= set(names)
    assert drifts(floor) == []


def test_a_paper_machine_reads_and_asks_nothing() -> None:
    floor = LiveFloor()
    floor.unknown(BID)
    floor.lose()
    floor.limits(remaining=0)
    paper = ExecutorMachine("run", "paper", floor.parameters, floor.desks)
    said = [message for told in floor.told for message in paper.step(told, floor.now_ns)]
    assert {type(message) for message in said} == {SubmitOrder, OrderChanged, WakeAt}


@pytest.mark.proves("I25", "I26")
def test_a_start_recovers_until_the_account_was_read_and_says_what_keeps_it() -> None:
    floor = LiveFloor(ready=False)
    floor.connect()
    assert floor.recovery() == [("CANCEL_ONLY", "the account has still to be read")]
    floor.tell(QueryFailed(None, "HTTP 503: currently disabled", floor.now_ns))
    assert floor.recovery()[-1] == ("CANCEL_ONLY", "the venue cannot be read: HTTP 503: currently disabled")
    floor.approve(wish(1))
    assert (floor.state(wish(1)), floor.last(wish(1)).reason) == (OrderState.NEVER_SENT, "not_reconciled")
    floor.read()
    assert floor.recovery()[-1] == ("ACTIVE", "")
    said = len(floor.recovery())
    floor.tell(QueryFailed(None, "HTTP 503: currently disabled", floor.now_ns))
    floor.read()
    assert len(floor.recovery()) == said, "a read that fails later is no recovery"


def test_a_start_goes_on_recovering_while_nobody_tells_of_fills() -> None:
    floor = LiveFloor()
    floor.begin_anew()
    floor.read()
    assert floor.recovery()[-1] == ("CANCEL_ONLY", "nobody tells us of our fills: not connected yet")
    floor.connect()
    floor.read()
    assert floor.recovery()[-1] == ("ACTIVE", "")
