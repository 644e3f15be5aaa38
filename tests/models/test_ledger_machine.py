"""A ledger that is told the truth in pieces: late, twice, in any order, beside lies, and over deaths.

What was said of each fill is kept here as a plain set of words. What the ledger's events add up to has to follow from
these sets alone, after every step.
"""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from models.inventory import InventoryMachine, InventoryParameters
from models.ledger import STATUSES, FillEvent, Ledger, Standing
from models.markets import NO, Side
from models.messages.orders import FillCounted, FillSettled, FillVoided, PlaceOrder, TradeReported
from models.units import SHARE, Size
from tests.models.wishes import TAG, M, report, wish
from tests.sizes import machine

ORDERS = [wish(1), wish(2, outcome=NO, price="0.3"), wish(3, side=Side.SELL, price="0.7", size=4 * SHARE)]
WORDS = [*STATUSES, "SOMETHING_NEW"]
LIES = [{"size": 2 * SHARE}, {"price": 1}, {"size": -1}]


class Told(RuleBasedStateMachine):
    """The ledger, the set of words that were said of each fill, and what its events add up to."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.words: dict[tuple[str, int], set[str]] = {}
        self.events: list[FillEvent] = []
        self.counted: set[tuple[str, str]] = set()
        self.settled: set[tuple[str, str]] = set()

    @rule(trade=st.sampled_from(["t1", "t2", "t3"]), order=st.integers(0, 2), word=st.sampled_from(WORDS))
    def the_venue_reports(self, trade: str, order: int, word: str) -> None:
        before = self.ledger.standing(trade, f"o{order}")
        self.words.setdefault((trade, order), set()).add(word)
        booking = self.ledger.book(self.said(trade, order, word), ORDERS[order])
        assert booking.first == (before is None)
        assert (booking.trouble == "unknown_status") == (word not in STATUSES)
        after = self.ledger.standing(trade, f"o{order}")
        assert after is not None
        assert before is None or after >= before, "a fill only moves on"
        self.hear(booking.events)

    @precondition(lambda self: self.words)
    @rule(data=st.data(), lie=st.sampled_from(LIES))
    def the_venue_contradicts_itself(self, data: st.DataObject, lie: dict[str, int]) -> None:
        trade, order = data.draw(st.sampled_from(sorted(self.words)))
        word = data.draw(st.sampled_from(WORDS))
        told = report(ORDERS[order], f"o{order}", word, trade, lie.get("size", SHARE), price=lie.get("price"))
        assert self.ledger.book(told, ORDERS[order]) == ((), False, "contradiction")

    @rule(chance=st.randoms(use_true_random=False))
    def it_dies_and_the_venue_says_again_how_its_trades_stand(self, chance) -> None:
        self.ledger = Ledger()
        for event in self.events:
            self.ledger.recall(event)
        again = [(trade, order, word) for (trade, order), words in self.words.items() for word in words]
        chance.shuffle(again)
        for trade, order, word in again:
            self.hear(self.ledger.book(self.said(trade, order, word), ORDERS[order]).events)

    def said(self, trade: str, order: int, word: str) -> TradeReported:
        return report(ORDERS[order], f"o{order}", word, trade, SHARE)

    def hear(self, events: tuple[FillEvent, ...]) -> None:
        for event in events:
            self.events.append(event)
            fill = event if isinstance(event, FillCounted) else event.fill
            key = (fill.trade_id, fill.order_id)
            match event:
                case FillCounted():
                    assert key not in self.counted, "counted once"
                    self.counted.add(key)
                case FillSettled():
                    assert key in self.counted
                    assert key not in self.settled
                    self.settled.add(key)
                case FillVoided():
                    assert key in self.counted
                    assert key not in self.settled
                    self.counted.discard(key)

    @invariant()
    def what_counts_follows_from_what_was_said(self) -> None:
        confirmed = {key for key, words in self.words.items() if "CONFIRMED" in words}
        failed = {key for key, words in self.words.items() if "FAILED" in words}
        disputed = confirmed & failed
        expected = {key for key in self.words if key in confirmed or key not in failed}
        assert self.counted == {(trade, f"o{order}") for trade, order in expected}
        assert self.settled == {(trade, f"o{order}") for trade, order in confirmed}
        for trade, order in self.words:
            standing = self.ledger.standing(trade, f"o{order}")
            assert (standing is Standing.DISPUTED) == ((trade, order) in disputed)

    @invariant()
    def what_was_matched_is_off_the_book_whatever_became_of_it(self) -> None:
        for order in range(len(ORDERS)):
            trades = {trade for trade, of in self.words if of == order}
            assert self.ledger.matched(f"o{order}") == len(trades) * SHARE
            last = [self.words[trade, order] & {"CONFIRMED", "FAILED"} for trade in trades]
            assert self.ledger.is_final(f"o{order}") == all(last)

    @invariant()
    def an_inventory_that_hears_the_events_holds_what_counts(self) -> None:
        inventory = InventoryMachine(TAG, M, InventoryParameters(auto_merge="off"))
        for event in self.events:
            inventory.step(event, 0)
        position = inventory.position
        bought, sold = self.shares(ORDERS[0], 0), self.shares(ORDERS[2], 2)
        assert (position.yes.shares, position.no.shares) == (bought - sold, self.shares(ORDERS[1], 1))

    def shares(self, order: PlaceOrder, number: int) -> Size:
        assert order is ORDERS[number]
        return sum(SHARE for _, of in self.counted if of == f"o{number}")


@pytest.mark.proves("I1", "I2", "I25")
class TestTheLedgerIsWhatWasSaidOfEachFill(Told.TestCase):
    settings = machine(60, 25)
