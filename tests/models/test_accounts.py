"""What the wallet may hold, from the ledger's side: settled shares, and what is under way to or from it."""

from msgspec.structs import replace

from models.accounts import Accounts, Bounds, Holdings
from models.ledger import FillEvent
from models.markets import NO, YES, Side
from models.messages.lanes import DriftFound
from models.messages.market import MarketResolved
from models.messages.orders import MergePairs, PlaceOrder
from models.units import ONE, SHARE
from tests.models.wishes import TAG, M, report, wish

NOTHING = Bounds(0, 0)


def booked(accounts: Accounts, order: PlaceOrder, status: str, trade_id: str = "t1", at_ns: int = 0) -> None:
    accounts.book(report(order, f"id of {order.intent}", status, trade_id, at_ns=at_ns), order)


def test_what_is_settled_is_there_and_what_is_matched_may_be() -> None:
    accounts = Accounts()
    booked(accounts, wish(1), "CONFIRMED")
    booked(accounts, wish(2, size=2 * SHARE), "MATCHED", "t2")
    assert accounts.holdings() == {M: Holdings(Bounds(5 * SHARE, 7 * SHARE), NOTHING)}


def test_what_is_sold_may_still_be_there() -> None:
    accounts = Accounts()
    booked(accounts, wish(1), "CONFIRMED")
    booked(accounts, wish(2, side=Side.SELL, size=2 * SHARE), "MATCHED", "t2")
    assert accounts.holdings() == {M: Holdings(Bounds(3 * SHARE, 5 * SHARE), NOTHING)}


def test_pairs_on_their_way_to_a_dollar_may_be_gone() -> None:
    accounts = Accounts()
    booked(accounts, wish(1), "CONFIRMED")
    booked(accounts, wish(2, outcome=NO), "CONFIRMED", "t2")
    accounts.request_merge(MergePairs(TAG, M, 4 * SHARE, "test", 0), 0)
    assert accounts.holdings() == {M: Holdings(Bounds(SHARE, 5 * SHARE), Bounds(SHARE, 5 * SHARE))}


def test_one_wallet_holds_what_all_desks_hold() -> None:
    accounts = Accounts()
    booked(accounts, wish(1), "CONFIRMED")
    booked(accounts, wish(2, tag="other"), "MATCHED", "t2")
    assert accounts.holdings() == {M: Holdings(Bounds(5 * SHARE, 10 * SHARE), NOTHING)}


def test_a_market_that_has_paid_out_is_left_out() -> None:
    accounts = Accounts()
    booked(accounts, wish(1), "CONFIRMED")
    accounts.resolve(MarketResolved(M, ONE, 0))
    assert (accounts.holdings(), accounts.paid_out()) == ({}, {M})


def test_the_oldest_fill_without_a_last_word_is_known() -> None:
    accounts = Accounts()
    assert accounts.oldest_provisional_ns() is None
    for number, status in ((1, "CONFIRMED"), (2, "MATCHED"), (3, "MATCHED")):
        booked(accounts, wish(number), status, f"t{number}", at_ns=number)
    assert accounts.oldest_provisional_ns() == 2


def test_a_holding_misses_its_bounds_by_what_is_outside() -> None:
    assert [Bounds(2, 5).miss(held) for held in (0, 2, 4, 5, 9)] == [-2, 0, 0, 0, 4]


def test_a_fee_in_shares_that_a_checkpoint_tells_of_is_not_taken_out_again() -> None:
    order = wish(1)
    paid = replace(report(order, "id", "CONFIRMED"), fee=48_000)
    accounts = Accounts()
    fills = accounts.book(paid, order).events
    lacks_a_tenth = DriftFound(M, YES, 5 * SHARE - 100_000, 5 * SHARE, 5 * SHARE, 1)
    fees = accounts.book_fees_in_shares(lacks_a_tenth)
    assert accounts.position(TAG, M).yes.shares == 5 * SHARE - 100_000

    def booked_again(*counted: FillEvent) -> tuple[FillEvent, ...]:
        """What one that begins at a checkpoint with these fills books of the same shares."""
        anew = Accounts()
        anew.recall_position(accounts.snapshot(TAG, M, 2))
        for event in counted:
            anew.recall_counted(event)
        return anew.book_fees_in_shares(lacks_a_tenth)

    assert len(booked_again(*fills)) == 2, "the fill is known, and nobody has told of its fee"
    assert booked_again(*fills, *fees) == ()
