"""Orders: latency, refusals, cancels, taking, delay, self-trades."""

import pytest

from models.markets import NO, Fees
from models.messages.market import MarketResolved
from models.messages.orders import (
    CancelRejected,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    SubmitCancel,
    TradeReported,
)
from models.messages.runtime import WakeAt, Woke
from models.orders import TimeInForce
from models.paper.parameters import PaperParameters
from models.units import DOLLAR, SHARE, parse_money
from tests.models.paper.world import BUY, CRYPTO, MS, SELL, M, World, market

ACCURACY = "orders maker amount supports a max accuracy of {} decimals, taker amount a max of {} decimals"
FOK, FAK, GTC, GTD = TimeInForce.FOK, TimeInForce.FAK, TimeInForce.GTC, TimeInForce.GTD


def test_nothing_is_answered_before_the_order_has_arrived() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.send("a", BUY, "0.48", "10")
    world.wait(50, deadlines=False)
    assert world.answers == []
    world.wait(0)
    assert world.answers == [OrderAccepted("a", "m", 50 * MS)]


def test_an_order_is_judged_by_the_book_of_the_moment_it_arrives() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.send("a", BUY, "0.50", "10")
    world.wait(50, deadlines=False)
    world.book({"0.48": "100"}, {"0.50": "80"})  # the same instant: market data first
    world.wait(0)
    assert world.refusals() == ["invalid post-only order: order crosses book"]


def test_market_data_that_comes_after_the_arrival_does_not_judge_it() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.send("a", BUY, "0.50", "10")
    world.now_ns += 51 * MS  # the timer is late; the book comes before it
    world.book({"0.48": "100"}, {"0.52": "80", "0.50": "4"})
    assert world.answers[0] == OrderAccepted("a", "m", 50 * MS)
    assert world.fills() == [("0.5", "4")]


def test_one_timer_is_asked_for_and_only_when_it_changes() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.send("a", BUY, "0.48", "10")
    world.wait(10)
    assert world.machine.step(SubmitCancel("a", "m", "test"), world.now_ns) == ()  # lands later than what is asked for
    assert world.machine.step(Woke(timer="agenda"), 50 * MS)[1:] == (WakeAt(at_ns=60 * MS, timer="agenda"),)


def test_an_idle_venue_asks_for_no_timer() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    assert world.machine.step(SubmitCancel("a", "m", "test"), 0) == (WakeAt(at_ns=50 * MS, timer="agenda"),)
    answers = world.machine.step(Woke(timer="agenda"), 50 * MS)
    assert [type(answer) for answer in answers] == [CancelRejected]


def test_a_post_only_order_that_crosses_the_book_is_refused() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("yes", BUY, "0.52", "10")
    world.place("no", BUY, "0.52", "10", outcome=NO)  # a YES ask at 0.48
    assert world.refusals() == ["invalid post-only order: order crosses book"] * 2
    assert world.machine.reserved == 0


@pytest.mark.parametrize(
    "price, size, kind, text",
    [
        ("0.485", "10", GTC, "order a is invalid. Price (0.485) breaks minimum tick size rule: 0.01"),
        ("0", "10", GTC, "order a is invalid. Price (0) breaks minimum tick size rule: 0.01"),
        ("1", "10", GTC, "order a is invalid. Price (1) breaks minimum tick size rule: 0.01"),
        ("0.48", "4.99", GTC, "order a is invalid. Size (4.99) lower than the minimum: 5"),
        (
            "0.48",
            "5.001",
            GTC,
            f"invalid amounts, the buy {ACCURACY.format(4, 2)}",
        ),
        (
            "0.52",
            "5.00001",
            FAK,
            f"invalid amounts, the market buy {ACCURACY.format(2, 4)}",
        ),
        ("0.48", "2083.34", GTC, "not enough balance / allowance"),
        ("0.10", "5", FAK, "invalid amount for a marketable BUY order ($0.5), min size: $1"),
        ("0.51", "5", FOK, "order couldn't be fully filled. FOK orders are fully filled or killed."),
        (
            "0.51",
            "5",
            FAK,
            "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.",
        ),
        ("0.48", "10", GTD, "invalid expiration"),
    ],
)
def test_what_the_venue_refuses_is_refused_in_its_words(price: str, size: str, kind: TimeInForce, text: str) -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("a", BUY, price, size, kind=kind)
    assert world.of(OrderRejected) == [OrderRejected("a", "m", text, 50 * MS)]
    assert world.accepted() == []
    assert (world.machine.cash, world.machine.reserved) == (1_000 * DOLLAR, 0)


def test_a_marketable_limit_buy_under_a_dollar_is_refused_and_a_resting_one_is_not() -> None:
    world = World()
    world.book({"0.05": "100"}, {"0.10": "80"})
    world.place("resting", BUY, "0.09", "5", post_only=False)
    world.place("marketable", BUY, "0.10", "5", post_only=False)
    assert world.accepted() == ["resting"]
    assert world.refusals() == ["invalid amount for a marketable BUY order ($0.5), min size: $1"]


def test_a_sale_needs_settled_shares() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("buy", BUY, "0.52", "10", kind=FOK)
    world.place("early", SELL, "0.55", "10")
    world.wait(600_000)
    world.place("later", SELL, "0.55", "6")
    world.place("rest", SELL, "0.55", "5")
    assert world.accepted() == ["buy", "later"]
    assert world.refusals() == ["not enough balance / allowance"] * 2


def test_orders_for_a_market_without_a_book_a_closed_and_an_unknown_one_are_refused() -> None:
    world = World(M, market(id="closed", accepting_orders=False))
    world.place("a", BUY, "0.48", "10")
    world.book({"0.48": "100"}, {"0.52": "80"}, market="closed")
    world.place("b", BUY, "0.48", "10", market="closed")
    world.place("c", BUY, "0.48", "10", market="unknown")
    assert world.refusals() == [
        "the market is not yet ready to process new orders",
        "the market is not yet ready to process new orders",
        "No orderbook exists for the requested token id",
    ]


def test_a_market_that_is_added_later_trades() -> None:
    world = World()
    world.machine.add_market(market(id="late"))
    world.book({"0.48": "100"}, {"0.52": "80"}, market="late")
    world.place("a", BUY, "0.48", "10", market="late")
    assert world.accepted() == ["a"]


def test_an_order_that_comes_in_a_gap_is_refused() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.48": "80"}, unusable="gap")
    world.place("a", BUY, "0.40", "10")
    assert world.refusals() == ["the market is not yet ready to process new orders"]


def test_the_same_order_twice_is_one_order() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("a", BUY, "0.48", "10")
    world.place("a", BUY, "0.48", "10")
    assert world.accepted() == ["a"]
    assert world.refusals() == ["order a is invalid. Duplicated."]
    assert world.machine.reserved == parse_money("4.8")
    world.cancel("a")
    world.wait(50)
    world.place("a", BUY, "0.48", "10")
    assert world.refusals() == ["order a is invalid. Duplicated."] * 2


def test_an_order_that_was_refused_may_come_again() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.50": "80"})
    world.place("a", BUY, "0.50", "10")
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("a", BUY, "0.50", "10")
    assert world.accepted() == ["a"]


def test_fills_until_the_cancel_lands_are_real() -> None:
    world = World()
    world.book({"0.48": "2"}, {"0.52": "80"})
    world.place("a", BUY, "0.48", "10")
    world.cancel("a")
    world.wait(49)
    world.trade(SELL, "0.48", "5")
    world.wait(1)
    world.trade(SELL, "0.48", "50")
    assert world.fills() == [("0.48", "3")]
    assert world.cancelled() == [("a", "CANCELED")]
    assert [answer.filled for answer in world.of(OrderCancelled)] == [3 * SHARE]
    assert world.machine.reserved == 0


def test_a_cancel_of_what_is_gone_is_refused_in_the_venues_words() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("filled", BUY, "0.50", "10")
    world.trade(SELL, "0.49", "10")
    world.cancel("filled")
    world.cancel("never")
    world.wait(50)
    gone = "order can't be found - already canceled or matched"
    assert world.not_cancelled() == [("filled", gone), ("never", gone)]


def test_a_taker_walks_the_visible_levels_at_their_prices() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80", "0.53": "40", "0.55": "500"})
    world.place("a", BUY, "0.54", "130", kind=FAK)
    assert world.fills() == [("0.52", "80"), ("0.53", "40")]
    assert world.cancelled() == [("a", "CANCELED")]
    assert not any(trade.maker for trade in world.of(TradeReported))
    assert world.machine.cash == 1_000 * DOLLAR - parse_money("41.6") - parse_money("21.2")


def test_a_taker_on_the_no_token_walks_the_yes_bids() -> None:
    world = World()
    world.book({"0.48": "6", "0.47": "50"}, {"0.52": "80"})
    world.place("a", BUY, "0.53", "10", outcome=NO, kind=FOK)
    assert world.fills() == [("0.52", "6"), ("0.53", "4")]


def test_a_fok_order_is_filled_whole_or_not_at_all() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80", "0.53": "40"})
    world.place("whole", BUY, "0.53", "120", kind=FOK)
    world.book({"0.48": "100"}, {})
    world.book({"0.48": "100"}, {"0.52": "80", "0.53": "40"})
    world.place("killed", BUY, "0.53", "121", kind=FOK)
    assert world.filled("whole") == 120 * SHARE
    assert world.filled("killed") == 0
    assert world.refusals() == ["order couldn't be fully filled. FOK orders are fully filled or killed."]


def test_the_rest_of_a_crossing_limit_order_rests() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80", "0.53": "40"})
    world.place("a", BUY, "0.52", "100", post_only=False)
    assert world.fills() == [("0.52", "80")]
    assert world.ahead("a") == "0"
    assert world.machine.reserved == parse_money("10.4")
    world.book({"0.48": "90"}, {"0.52": "80", "0.53": "40"})
    assert len(world.fills()) == 1  # the 80 were ours already
    world.trade(SELL, "0.51", "5")
    assert world.fills()[1:] == [("0.52", "5")]


def test_visible_size_is_not_taken_twice_until_new_size_shows() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("a", BUY, "0.52", "60", kind=FAK)
    world.place("b", BUY, "0.52", "60", kind=FAK)
    world.place("c", BUY, "0.52", "60", kind=FAK)
    assert [world.filled(name) for name in "abc"] == [60 * SHARE, 20 * SHARE, 0]
    world.book({"0.48": "100"}, {"0.52": "95"})
    world.place("d", BUY, "0.52", "60", kind=FAK)
    assert world.filled("d") == 15 * SHARE


def test_a_taker_pays_the_fee_and_a_maker_accrues_the_rebate() -> None:
    world = World(market(fees=CRYPTO))
    world.book({"0.29": "5"}, {"0.30": "200"})
    world.place("taker", BUY, "0.30", "100", kind=FOK)
    world.place("maker", BUY, "0.29", "100")
    world.trade(SELL, "0.28", "100")
    taker, maker = (trade for trade in world.of(TradeReported) if trade.status == "MATCHED")
    assert (taker.fee, taker.rebate) == (parse_money("1.47"), 0)
    assert (maker.fee, maker.rebate, maker.maker) == (0, parse_money("0.28826"), True)
    assert world.machine.cash == 1_000 * DOLLAR - parse_money("30") - parse_money("1.47") - parse_money("29")
    assert (world.machine.summary().fees, world.machine.summary().rebates) == (taker.fee, maker.rebate)


def test_a_buy_that_spends_the_whole_balance_fails_for_its_fee() -> None:
    world = World(market(fees=CRYPTO), parameters=PaperParameters(cash=30 * DOLLAR))
    world.book({}, {"0.30": "200"})
    world.place("all", BUY, "0.30", "100", kind=FOK)
    world.place("less", BUY, "0.30", "95", kind=FOK)
    assert world.refusals() == ["not enough balance / allowance"]
    assert world.filled("less") == 95 * SHARE
    assert world.machine.cash == 30 * DOLLAR - parse_money("28.5") - parse_money("1.3965")


def test_open_buys_reserve_their_cash_at_their_price() -> None:
    world = World(parameters=PaperParameters(cash=10 * DOLLAR))
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("a", BUY, "0.40", "15")
    world.place("b", BUY, "0.41", "10")
    world.place("c", BUY, "0.40", "10")
    assert world.accepted() == ["a", "c"]
    assert world.machine.reserved == 10 * DOLLAR
    world.cancel("a")
    world.wait(50)
    assert world.machine.reserved == 4 * DOLLAR


def test_a_delayed_taker_cannot_be_cancelled_and_trades_at_the_prices_of_the_end() -> None:
    world = World(market(taker_delay_ms=3_000))
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("a", BUY, "0.53", "10", kind=FAK)
    assert world.accepted() == ["a"]
    world.cancel("a")
    world.wait(2_900)
    assert world.not_cancelled() == [("a", "order is delayed and can't be canceled")]
    assert world.fills() == []
    world.book({"0.48": "100"}, {"0.53": "80"})
    world.wait(100)
    assert world.fills() == [("0.53", "10")]


def test_a_delayed_taker_whose_price_ran_away_is_killed_or_rests() -> None:
    world = World(parameters=PaperParameters(taker_delay_ms=500))
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("fok", BUY, "0.52", "10", kind=FOK)
    world.place("limit", BUY, "0.52", "10", post_only=False)
    world.book({"0.48": "100"}, {"0.60": "80"})
    world.wait(500)
    assert world.fills() == []
    fok = "order couldn't be fully filled. FOK orders are fully filled or killed."
    assert world.cancelled() == [("fok", f"CANCELED_{fok}")]
    assert world.ahead("limit") == "0"
    assert world.machine.reserved == parse_money("5.2")


def test_a_delay_holds_marketable_orders_only() -> None:
    world = World(parameters=PaperParameters(taker_delay_ms=500))
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("a", BUY, "0.50", "10")
    world.trade(SELL, "0.49", "10")
    assert world.fills() == [("0.5", "10")]


def test_our_orders_never_trade_with_each_other() -> None:
    world = World()
    world.book({"0.40": "100"}, {"0.60": "80"})
    world.place("yes", BUY, "0.50", "10")
    world.place("no", BUY, "0.50", "10", outcome=NO)  # would mint a pair with the YES bid
    assert world.refusals() == ["invalid post-only order: order crosses book"]
    world.place("taker", BUY, "0.55", "10", outcome=NO, post_only=False)
    assert world.cancelled() == [("yes", "CANCELED_self-trade prevention")]
    assert world.fills() == []
    assert world.ahead("taker") == "0"


def test_a_coarser_grid_ends_the_orders_that_are_off_it() -> None:
    world = World()
    world.book({"0.970": "100"}, {"0.985": "80"}, tick=10)
    world.place("fine", BUY, "0.975", "10")
    world.place("coarse", BUY, "0.970", "10")
    world.book({"0.97": "100"}, {"0.99": "80"}, tick=100)
    assert world.cancelled() == [("fine", "INVALID")]
    assert world.machine.reserved == parse_money("9.7")


def test_orders_of_a_resolved_market_are_cancelled_and_new_ones_refused() -> None:
    world = World(market(taker_delay_ms=1_000))
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("resting", BUY, "0.48", "10")
    world.place("delayed", BUY, "0.52", "10", kind=FAK)
    world.resolve(10_000)
    assert world.cancelled() == [("resting", "CANCELED_MARKET_RESOLVED"), ("delayed", "CANCELED_MARKET_RESOLVED")]
    assert world.machine.reserved == 0
    world.place("late", BUY, "0.48", "10")
    assert world.refusals() == ["No orderbook exists for the requested token id"]
    world.wait(1_000)
    world.trade(SELL, "0.40", "100")
    assert world.fills() == []


def test_the_same_input_gives_the_same_answers() -> None:
    def run(seed: int) -> list[object]:
        world = World(market(fees=Fees(rate_e6=50_000, rebate_share_e6=150_000)), seed=seed)
        world.book({"0.48": "10", "0.47": "5"}, {"0.52": "80"})
        world.place("a", BUY, "0.48", "10")
        world.place("b", BUY, "0.52", "20", kind=FAK)
        world.trade(SELL, "0.47", "12")
        world.wait(600_000)
        return [*world.answers]

    assert run(1) == run(1)
    assert run(1) != run(2)  # another seed settles at other times


def test_messages_of_other_markets_and_kinds_are_ignored() -> None:
    world = World()
    assert world.say(MarketResolved("unknown", 0, 0)) == ()
    world.book({"0.48": "100"}, {"0.52": "80"}, market="unknown")
    world.trade(SELL, "0.48", "10", market="unknown")
    assert world.say(OrderAccepted("x", "m", 0)) == ()
    assert world.answers == []
