"""What may leave: each claim about the wire is broken once, and nearly broken once."""

from models.markets import NO, YES
from models.messages.control import SetOperatorState
from models.messages.market import BookEpochChanged, FeedRestored, MarketResolved, TickSizeChanged
from models.messages.orders import PlaceOrder
from models.units import SHARE
from research.prove.sim.contract import Disowned
from tests.research.prove.claims_run import BEGIN_NS, M, N, Run, bid


def ready(order: PlaceOrder | None = None, salt: int = 1) -> Run:
    """A run in which an order is on the disk and may leave."""
    order = order or bid()
    return Run().wished(order).submitted(order, salt).journalled(order, salt)


def test_an_order_leaves_after_its_row_is_on_the_disk():
    assert ready().written(bid()).broken is None
    assert Run().wished(bid()).submitted(bid()).written(bid()).journalled(bid()).broken == "I4"


def test_an_intent_has_one_order_and_that_is_sent_as_the_same_bytes():
    assert ready().written(bid()).written(bid()).broken is None
    assert ready().written(bid()).journalled(bid(), 2).written(bid(), 2).broken == "I5"


def test_nothing_leaves_after_a_kill_has_returned_not_even_from_the_next_process():
    killed = ready().operated("kill").operated("kill", done=True)
    assert ready().operated("kill").written(bid()).broken is None  # it is being said, and has not returned
    assert killed.written(bid()).broken == "I9"
    assert ready().operated("kill", done=True).crashed().written(bid()).broken == "I9"
    assert ready().operated("kill", done=True).operated("clear").written(bid()).broken is None


def test_a_paused_market_and_one_that_is_off_send_nothing_and_others_do():
    pause = SetOperatorState("pause", M, "r", "a person")
    assert ready().stepped("risk", pause).written(bid()).broken == "I11"
    other = bid(market_id=N)
    assert ready(other).stepped("risk", pause).written(other).broken is None
    resumed = ready().stepped("risk", pause).stepped("risk", SetOperatorState("resume", None, "r", "a person"))
    assert resumed.written(bid()).broken == "I11"  # `resume` of everything lifts nothing of one market
    off = ready().stepped("risk", SetOperatorState("off", M, "r", "a person"))
    assert off.stepped("risk", SetOperatorState("resume", M, "r", "a person")).written(bid()).broken == "I11"


def test_a_price_is_on_the_grid_of_now():
    fine = bid(price=4_510)
    assert ready(fine).written(fine).broken == "I15"
    finer = Run().stepped(f"book/{M}", TickSizeChanged(M, 10, 1, 1))
    assert finer.wished(fine).submitted(fine).journalled(fine).written(fine).broken is None
    small = bid(size=4 * SHARE)
    assert ready(small).written(small).broken == "I15"


def test_what_was_wished_for_before_prices_were_void_does_not_leave():
    for void in (TickSizeChanged(M, 10, 1, 1), FeedRestored(M, True)):
        assert ready().stepped(f"book/{M}", void).fresh().fresh(outcome=NO).written(bid()).broken == "I19"
        whole = Run().stepped(f"book/{M}", void).fresh().fresh(outcome=NO)
        assert whole.wished(bid()).journalled(bid()).written(bid()).broken is None


def test_nothing_leaves_until_both_tokens_have_a_whole_book_after_frames_were_missed():
    half = Run().stepped(f"book/{M}", FeedRestored(M, True)).fresh().wished(bid()).journalled(bid())
    assert half.written(bid()).broken == "I19"
    begun = Run().stepped(f"book/{M}", FeedRestored(M, True)).crashed().read()
    assert begun.wished(bid()).journalled(bid()).written(bid()).broken is None


def test_what_was_priced_in_an_older_epoch_of_its_book_does_not_leave():
    def said(epoch: int) -> BookEpochChanged:
        return BookEpochChanged(M, epoch, 100, "gap", "")

    assert ready().said("executor", said(2)).written(bid()).broken == "I19"
    assert ready().said("executor", said(1)).written(bid()).broken is None
    assert ready().said("executor", said(2)).crashed().read().written(bid()).broken is None


def test_who_has_lost_the_journal_writes_no_row_and_who_knows_it_sends_no_order():
    assert ready().add(Disowned, True).written(bid()).broken == "I24"
    assert ready().add(Disowned, False).written(bid()).broken is None  # its row was written before
    assert ready().add(Disowned, False).journalled(bid(number=2)).broken == "I24"
    assert ready().add(Disowned, True).crashed().read().written(bid()).broken is None


def test_an_order_does_not_meet_our_own_on_either_token():
    ask_side = bid(NO, 5_500, number=2)
    run = Run().sent(bid(price=4_500)).wished(ask_side).submitted(ask_side).journalled(ask_side)
    assert run.written(ask_side).broken == "I16"
    apart = bid(NO, 5_400, number=2)
    run = Run().sent(bid(price=4_500)).wished(apart).submitted(apart).journalled(apart)
    assert run.written(apart).broken is None
    gone = Run().sent(bid()).ended(bid()).wished(ask_side).submitted(ask_side).journalled(ask_side)
    assert gone.written(ask_side).broken is None


def test_no_more_than_the_bound_leaves_within_a_second():
    def many(count: int) -> Run:
        run = Run()
        for number in range(count):
            order = bid(YES, 100 + 100 * (number % 40), number=number)
            run.journalled(order, number + 1).written(order, number + 1)
        return run

    assert many(100).broken is None
    assert many(101).broken == "I18"


def test_a_market_of_which_we_know_that_it_is_resolved_gets_no_order():
    resolved = MarketResolved(M, 10_000, BEGIN_NS)
    assert ready().stepped("risk", resolved).written(bid()).broken == "I22"
    assert ready().said("risk", resolved).written(bid()).broken is None  # on its way, and nobody knows


def test_while_the_journal_is_refused_nothing_leaves():
    assert ready().refused().written(bid()).broken == "I30"
    assert ready().refused().committed().written(bid()).broken is None


def test_an_engine_reads_its_account_before_it_trades():
    assert ready().crashed().wished(bid()).written(bid()).broken == "I25"
    assert ready().crashed().read().wished(bid()).written(bid()).broken is None
