"""What risk lets through and what the engine concludes of orders: each claim is broken once, and nearly broken once."""

from msgspec.structs import replace

from models.cells import TradingState
from models.markets import NO, YES, Side
from models.messages.control import ExposureUpdated, RaiseCell, SetOperatorState
from models.messages.lanes import OrderFound, SubmitUnanswered
from models.messages.market import FlowUpdated
from models.messages.orders import CancelMarket, FillSettled, OrderApproved, PlaceOrder
from models.messages.runtime import ActorFailed
from models.orders import OrderState
from models.units import DOLLAR, SHARE
from research.prove.sim.claims_told import Open, Told
from research.prove.sim.contract import Faulted
from tests.research.prove.claims_run import M, N, Run, bid


def held(size: int = 10 * SHARE, *, settled: bool = True) -> Run:
    """A run in which YES is held, and nothing rests."""
    run, order = Run(), bid(size=size)
    run.sent(order)
    fill = run.traded(order, size)
    run.told(fill).changed(order, OrderState.FILLED, filled=size)
    if settled:
        run.status(fill, "CONFIRMED").told(FillSettled(fill, run.now_ns))
    return run


def offer(size: int = 10 * SHARE, number: int = 9):
    return bid(YES, 4_600, size=size, number=number, side=Side.SELL)


# What risk lets through


def test_in_a_market_that_is_to_be_reduced_nothing_opens():
    reduce = SetOperatorState("reduce", None, "r", "a person")
    assert Run().fresh().stepped("risk", reduce).approved(bid()).broken == "I11"
    hedge = bid(NO, 5_000, size=10 * SHARE, number=2)
    assert held().stepped("risk", reduce).approved(hedge).broken is None
    assert held().stepped("risk", reduce).approved(replace(hedge, size=11 * SHARE)).broken == "I11"  # passes zero


def test_counts_and_nets_stay_within_their_limits():
    run = Run().fresh().fresh(N)
    for number in range(4):
        run.later(300).approved(bid(YES, 4_000 + 100 * number, size=SHARE, number=number))
    assert run.broken is None
    assert run.approved(bid(YES, 3_000, size=SHARE, number=7)).broken == "I12"
    beside = Run().fresh().approved(bid(size=4 * SHARE)).later(300).approved(bid(size=2 * SHARE, number=2))
    assert beside.broken == "I12"  # two orders of one side may fill at once
    alone = Run().fresh().approved(bid(size=6 * SHARE))
    assert alone.broken is None


def test_what_may_be_lost_stays_within_the_limit_of_the_market():
    large = bid(price=9_000, size=160 * SHARE)
    assert Run(token_tied_up=1.0).fresh().approved(large).broken is None  # 144 dollars of 150
    assert Run(token_tied_up=1.0).fresh().approved(replace(large, size=170 * SHARE)).broken == "I12"


def test_what_a_token_ties_up_stays_within_its_share_with_all_of_its_bids():
    two = Run(max_net_diff=1_000 * SHARE).fresh().approved(bid(price=5_000, size=100 * SHARE)).later(300)
    assert two.approved(bid(price=4_900, size=100 * SHARE, number=2)).broken is None  # 99 dollars of 100
    assert two.later(300).approved(bid(NO, 4_900, size=100 * SHARE, number=3)).broken is None
    assert two.later(300).approved(bid(price=4_800, size=3 * SHARE, number=4)).broken == "I12"


def test_all_markets_together_lean_one_way_no_further_than_their_share():
    def leaning(second: PlaceOrder) -> str | None:
        run = Run(total_net=0.1, token_tied_up=1.0).fresh().fresh(N)
        return run.approved(bid(price=5_000, size=100 * SHARE)).later(300).approved(second).broken

    other = bid(price=5_000, size=99 * SHARE, market_id=N)
    assert leaning(other) is None  # 99.50 dollars of 100
    assert leaning(replace(other, size=102 * SHARE)) == "I12"
    assert leaning(replace(other, outcome=NO, size=102 * SHARE)) is None


def test_an_event_loses_no_more_than_its_share_in_its_worst_outcome():
    one_event = {"neg_risk": True, "group": "event"}

    def approved(*, event: bool) -> str | None:
        markets = {"first": one_event, "second": one_event} if event else {}
        run = Run(**markets, event_worst_case=0.1, token_tied_up=1.0).fresh().fresh(N)
        run.approved(bid(price=5_000, size=120 * SHARE)).later(300)  # 60 dollars of 100
        return run.approved(bid(price=5_000, size=120 * SHARE, market_id=N)).broken

    assert approved(event=False) is None
    assert approved(event=True) is None  # 60 dollars, whichever of them wins
    either = Run(first=one_event, second=one_event, event_worst_case=0.1, token_tied_up=1.0).fresh().fresh(N)
    either.approved(bid(NO, 9_000, size=60 * SHARE)).later(300)  # 54 dollars are lost where it resolves YES
    assert either.approved(bid(price=5_000, size=120 * SHARE, market_id=N, number=2)).broken == "I12"


def test_how_far_a_market_leans_counts_shares_without_a_pair_at_their_average():
    run, order = held(), bid(size=10 * SHARE)
    told = Told()
    told.held.take(run.traded(order, 10 * SHARE))  # 10 YES at 0.45
    assert (told.leans(M, YES), told.leans(M, NO)) == (4_500_000, -4_500_000)
    told.open["a"] = Open(M, YES, Side.BUY, 5_000, 4 * SHARE)
    assert told.leans(M, YES) == 6_500_000
    four, twelve = (Open(M, NO, Side.BUY, 6_000, shares * SHARE) for shares in (4, 12))
    assert told.leans(M, NO, four) == -4_500_000 + 1_800_000
    assert told.leans(M, NO, twelve) == 1_200_000


def test_there_is_the_cash_for_every_bid_beside_what_only_hedges_may_use():
    def ten_left() -> Run:
        return Run(wallet_usd=10_000 * DOLLAR, cash_reserve=0.999, max_net_diff=100 * SHARE).fresh()

    first = bid(price=5_000, size=10 * SHARE)
    second = bid(price=4_900, size=10 * SHARE, number=2)
    assert ten_left().approved(first).later(300).approved(second).broken is None
    assert ten_left().approved(first).later(300).approved(replace(second, size=11 * SHARE)).broken == "I12"
    spent = ten_left().sent(first)
    spent.traded(first, 10 * SHARE)  # and not told yet: it is paid for once
    assert spent.later(300).approved(second).broken is None
    assert spent.later(300).approved(bid(price=4_800, size=12 * SHARE, number=3)).broken == "I12"
    stale = ten_left().approved(first).later(300).add(Faulted, "stale_reads", "thrown")
    assert stale.approved(replace(second, size=11 * SHARE)).broken is None


def test_what_risk_has_reserved_is_for_all_that_may_fill():
    run = Run().fresh().approved(bid(size=5 * SHARE, price=4_000))
    said = ExposureUpdated(M, 0, 2_000_000, 1, run.now_ns)
    assert run.said("board", said).broken is None
    assert run.said("board", replace(said, open_orders=0)).broken == "I13"
    unknown = Run().fresh().approved(bid(size=5 * SHARE, price=4_000)).changed(bid(), OrderState.UNKNOWN)
    assert unknown.said("board", replace(said, open_orders=0, worst_case=0)).broken == "I13"
    less = Run().fresh().approved(bid(size=5 * SHARE, price=4_000)).said("board", replace(said, worst_case=1_999_000))
    assert less.broken == "I13"


def test_what_is_sold_has_settled_and_is_offered_once():
    assert held().approved(offer()).broken is None
    assert held(settled=False).approved(offer()).broken == "I14"
    assert held().approved(offer()).later(300).approved(offer(5 * SHARE, 8)).broken == "I14"


def test_the_same_order_is_not_approved_twice_within_a_moment():
    one, twin = bid(size=2 * SHARE), bid(size=2 * SHARE, number=2)
    assert Run().fresh().approved(one).later(249).approved(twin).broken == "I18"
    assert Run().fresh().approved(one).later(250).approved(twin).broken is None


def test_nothing_opens_on_a_book_of_which_nothing_was_heard_for_long():
    assert Run().approved(bid()).broken == "I19"
    assert Run().fresh().later(10_000).approved(bid()).broken is None  # proven ten seconds ago
    assert Run().fresh().later(10_001).approved(bid()).broken == "I19"


def test_a_kill_binds_risk_until_a_person_lifts_it():
    assert Run().fresh().operated("kill", done=True).crashed().fresh().approved(bid()).broken == "I27"
    lifted = Run().operated("kill", done=True).operated("clear").fresh().approved(bid())
    assert lifted.broken is None


# Orders of unknown fate


def unknown() -> Run:
    """An order that left and has no answer."""
    run = Run().fresh().wished(bid()).submitted(bid()).journalled(bid()).written(bid())
    return run.stepped("executor", SubmitUnanswered(run.order_id(bid()), M, "no answer", run.now_ns))


def test_no_order_goes_out_beside_one_of_unknown_fate():
    other = bid(NO, 5_000, number=2)
    assert unknown().submitted(other, 2).broken == "I6"
    assert unknown().submitted(bid(market_id=N), 2).broken is None
    run = unknown()
    run.stepped("executor", OrderFound(run.order_id(bid()), M, "live", 0, "LIVE", run.now_ns))
    assert run.submitted(other, 2).broken is None


def test_of_a_neg_risk_event_the_other_markets_wait_too():
    event = {"neg_risk": True, "group": "event"}
    other = bid(market_id=N)

    def run() -> Run:
        made = Run(first=event, second=event)
        order_id = made.order_id(bid())
        made.wished(bid()).submitted(bid()).journalled(bid())
        return made.stepped("executor", SubmitUnanswered(order_id, M, "no answer", made.now_ns))

    assert run().submitted(other, 2).broken == "I6"
    exit_ = replace(other, side=Side.SELL)
    assert run().submitted(exit_, 2).broken is None


def test_in_the_end_every_fate_is_known():
    run = unknown().changed(bid(), OrderState.UNKNOWN).later(61_000)
    assert run.settled().broken == "I7"
    found = unknown().placed(bid()).changed(bid(), OrderState.WORKING).later(61_000).settled()
    assert found.broken is None


# How orders end


def test_an_order_is_given_up_after_enough_answers_late_enough():
    def asked(times: int, after_ms: int, apart_ms: int, status: int | None = 404) -> Run:
        run = unknown().later(after_ms)
        for _ in range(times):
            run.asked(run.order_id(bid()), status).later(apart_ms)
        return run.changed(bid(), OrderState.NEVER_ACCEPTED)

    assert asked(3, 20_000, 2_000).broken is None
    assert asked(2, 20_000, 2_000).broken == "I8"
    assert asked(3, 5_000, 2_000).broken == "I8"
    assert asked(3, 14_500, 2_000).broken is None  # the first one's list and trades were read later
    assert asked(3, 12_500, 2_000).broken == "I8"
    assert asked(9, 20_000, 100).broken == "I8"
    assert asked(9, 20_000, 2_000, status=None).broken == "I8"  # an error is not "not found"


def test_an_order_ends_as_the_exchange_says():
    assert Run().sent(bid()).changed(bid(), OrderState.CANCELLED).broken == "I8"
    assert Run().sent(bid()).ended(bid()).changed(bid(), OrderState.CANCELLED).broken is None
    assert Run().sent(bid()).changed(bid(), OrderState.FILLED).broken == "I8"
    assert Run().sent(bid()).changed(bid(), OrderState.REJECTED).broken == "I8"
    assert unknown().changed(bid(), OrderState.NEVER_SENT).broken == "I8"
    refused = unknown().answered(400, b'{"error": "no"}').changed(bid(), OrderState.REJECTED)
    assert refused.broken is None
    assert unknown().answered(502).changed(bid(), OrderState.REJECTED).broken == "I8"


def test_an_order_that_never_left_was_never_sent():
    run = Run().wished(bid()).submitted(bid()).journalled(bid())
    assert run.changed(bid(), OrderState.NEVER_SENT).broken is None
    run = Run().wished(bid()).submitted(bid()).journalled(bid())
    assert run.changed(bid(), OrderState.CANCELLED).broken == "I8"


def test_an_order_that_is_not_ours_halts_everything_within_minutes():
    stranger = "0x" + "e" * 64
    halt = RaiseCell(None, "foreign", TradingState.HALTED, f"foreign order {stranger}")
    assert Run().placed_as(stranger, bid()).later(200_000).settled().broken == "I17"
    assert Run().placed_as(stranger, bid()).later(1_000).said("risk", halt).later(200_000).settled().broken is None


# Reacting


def toxic(now_ns: int) -> FlowUpdated:
    return FlowUpdated(M, 60 * SHARE, 0, 60 * SHARE, 50 * SHARE, True, 1, now_ns)


def test_toxic_flow_cancels_what_stands_within_a_second():
    run = Run().later(60_000).sent(bid()).later(60_000)
    run.stepped("risk", toxic(run.now_ns))
    assert run.later(999).cancelled(bid()).later(100).logged("setting").broken is None
    slow = Run().later(60_000).sent(bid()).later(60_000)
    slow.stepped("risk", toxic(slow.now_ns)).later(1_001).logged("setting")
    assert slow.broken == "I20"


def test_cancels_do_not_leave_where_orders_do():
    run = Run().sent(bid()).cancelled(bid())
    assert run.broken is None
    assert Run().sent(bid()).cancelled(bid(), lane="lane/submit").broken == "I20"


def test_a_kill_empties_the_book():
    run = Run().later(60_000).sent(bid()).later(60_000).operated("kill", done=True)
    assert run.later(21_000).logged("setting").broken == "I10"
    run = Run().later(60_000).sent(bid()).later(60_000).operated("kill", done=True).later(5_000).ended(bid())
    assert run.later(21_000).logged("setting").broken is None


def test_every_message_about_orders_is_read_in_its_order():
    first, second = (OrderApproved(bid(number=number), 0) for number in (1, 2))
    run = Run().fresh().said("executor", first).later(300).said("executor", OrderApproved(bid(NO, 5_000, number=2), 0))
    assert run.stepped("executor", first).broken is None
    lost = Run().fresh().said("executor", first).later(300)
    third = OrderApproved(bid(NO, 5_000, number=3), 0)
    assert lost.said("executor", third).stepped("executor", third).broken == "I32"
    assert Run().fresh().said("executor", second).later(31_000).logged("setting").broken == "I32"


def test_a_death_cancels_the_orders_of_its_own_market_alone():
    died = ActorFailed(f"book/{M}", M, "died")
    run = Run().said("risk", died)
    assert run.said("executor", CancelMarket(M, "actor_failed")).broken is None
    assert run.said("executor", CancelMarket(N, "actor_failed")).broken == "I37"
