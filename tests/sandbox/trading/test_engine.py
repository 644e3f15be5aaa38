import pytest

from sandbox.units import SHARE


def fills(trade):
    return [(fill.order_id, fill.token, fill.side, fill.price, fill.size) for fill in trade.fills]


def test_an_order_that_meets_nobody_rests_and_shows_on_both_tokens(pit):
    order = pit.rest(pit.trader(), "BUY", 4_000, 10 * SHARE, token=1)
    assert order.status == "LIVE"
    assert pit.book.touch(0) == (None, 6_000)
    assert pit.book.touch(1) == (4_000, None)
    assert pit.events == [(order.id, "PLACEMENT", "LIVE")]
    pit.check()


def test_best_price_then_oldest_order_trades_first_at_the_makers_price(pit):
    worse = pit.rest(pit.trader(yes=5 * SHARE), "SELL", 5_100, 5 * SHARE)
    first = pit.rest(pit.trader(yes=5 * SHARE), "SELL", 5_000, 5 * SHARE)
    second = pit.rest(pit.trader(yes=5 * SHARE), "SELL", 5_000, 5 * SHARE)
    taker = pit.trader()
    placed = pit.place(taker, "BUY", 5_500, 12 * SHARE)
    (trade,) = pit.trades
    assert [(fill.order, fill.size, fill.cash) for fill in trade.fills] == [
        (first, 5 * SHARE, 2_500_000),
        (second, 5 * SHARE, 2_500_000),
        (worse, 2 * SHARE, 1_020_000),
    ]
    assert (placed.status, placed.making, placed.taking) == ("matched", 6_020_000, 12 * SHARE)
    assert placed.trade_ids == (trade.id,)
    assert trade.price == 5_100
    assert pit.book.asks.sizes == {5_100: 3 * SHARE}
    pit.settle()
    assert taker.wallets[0].cash == 1_000 * SHARE - 6_020_000
    assert taker.wallets[0].tokens == {pit.market.token_ids[0]: 12 * SHARE}
    pit.check()


def test_two_buyers_of_the_two_tokens_make_a_pair(pit):
    maker, taker = pit.trader(), pit.trader()
    order = pit.rest(maker, "BUY", 4_820, 10 * SHARE, token=1)
    pit.place(taker, "BUY", 5_300, 10 * SHARE)
    (trade,) = pit.trades
    assert fills(trade) == [(order.id, 1, "BUY", 4_820, 10 * SHARE)]
    before = pit.ledger.locked[pit.market.condition_id]
    pit.settle()
    assert pit.ledger.locked[pit.market.condition_id] == before + 10 * SHARE
    assert maker.wallets[0].cash == 1_000 * SHARE - 4_820_000
    assert taker.wallets[0].cash == 1_000 * SHARE - 5_180_000
    assert maker.wallets[0].tokens == {pit.market.token_ids[1]: 10 * SHARE}
    pit.check()


def test_two_sellers_of_the_two_tokens_undo_a_pair(pit):
    maker, taker = pit.trader(no=10 * SHARE), pit.trader(yes=10 * SHARE)
    pit.rest(maker, "SELL", 4_500, 10 * SHARE, token=1)
    pit.place(taker, "SELL", 5_000, 10 * SHARE)
    before = pit.ledger.locked[pit.market.condition_id]
    pit.settle()
    assert pit.ledger.locked[pit.market.condition_id] == before - 10 * SHARE
    assert maker.wallets[0].cash == 1_000 * SHARE + 4_500_000
    assert taker.wallets[0].cash == 1_000 * SHARE + 5_500_000
    assert maker.wallets[0].tokens == taker.wallets[0].tokens == {}
    pit.check()


def test_odd_amounts_are_rounded_against_the_maker(pit):
    size = 14_925_372
    for side, token, paid in (("SELL", 0, 9_999_999), ("BUY", 1, 9_999_999)):
        maker = pit.trader(yes=size)
        pit.rest(maker, side, 6_700 if token == 0 else 3_300, size, token=token)
        placed = pit.place(pit.trader(), "BUY", 6_700, size)
        assert (placed.making, placed.taking) == (paid, size)
    for side, token, got in (("BUY", 0, 10_000_000), ("SELL", 1, 10_000_000)):
        maker = pit.trader(no=size)
        pit.rest(maker, side, 6_700 if token == 0 else 3_300, size, token=token)
        placed = pit.place(pit.trader(yes=size), "SELL", 6_700, size)
        assert (placed.making, placed.taking) == (size, got)
    pit.settle()
    pit.check()


def test_a_limit_order_takes_what_it_can_and_rests_with_the_rest(pit):
    pit.outside("SELL", 5_000, 4 * SHARE)
    trader = pit.trader()
    placed = pit.place(trader, "BUY", 5_500, 10 * SHARE)
    assert (placed.status, placed.making, placed.taking) == ("matched", 2 * SHARE, 4 * SHARE)
    assert placed.order.status == "LIVE"
    assert pit.book.bids.sizes == {5_500: 6 * SHARE}
    assert trader.wallets[0].reserved_cash == 3_300_000
    assert trader.wallets[0].owed_cash == 2_000_000
    pit.check()


def test_a_market_buy_spends_its_dollars_and_gets_what_they_buy(pit):
    pit.outside("SELL", 5_000, 10 * SHARE)
    pit.outside("SELL", 5_300, 100 * SHARE)
    placed = pit.place(pit.trader(), "BUY", 5_300, 10 * SHARE, kind="FOK")
    assert placed.status == "matched"
    assert (placed.making, placed.taking) == (9_999_999, 10 * SHARE + 9_433_962)
    assert placed.order.status == "MATCHED"
    assert pit.trades[0].price == 5_300
    pit.settle()
    pit.check()


def test_a_fok_order_trades_wholly_or_leaves_no_trace(pit):
    pit.outside("SELL", 5_000, 10 * SHARE)
    trader = pit.trader()
    own = pit.rest(pit.trader(yes=5 * SHARE), "SELL", 5_100, 5 * SHARE)
    for placed in (
        pit.place(pit.trader(yes=5 * SHARE), "SELL", 4_000, 5 * SHARE, kind="FOK"),
        pit.place(trader, "BUY", 5_100, 7_551_000, kind="FOK"),
    ):
        assert (placed.order, placed.status, placed.http_status) == (None, "", 400)
        assert placed.error == "order couldn't be fully filled. FOK orders are fully filled or killed."
    assert pit.book.asks.sizes == {5_000: 10 * SHARE, 5_100: 5 * SHARE}
    assert (own.status, trader.wallets[0].free_cash) == ("LIVE", 1_000 * SHARE)
    assert pit.events[-1][1:] == (
        "CANCELLATION",
        "CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed.",
    )
    assert pit.events[-1][0] not in pit.engine.orders
    assert pit.place(trader, "BUY", 5_100, 7_550_000, kind="FOK").taking == 15 * SHARE
    assert pit.trades[0].status == "MATCHED"


def test_a_fak_order_takes_what_there_is_and_never_rests(pit):
    pit.outside("SELL", 5_000, 10 * SHARE)
    trader = pit.trader()
    placed = pit.place(trader, "BUY", 5_500, 8 * SHARE, kind="FAK")
    assert (placed.status, placed.making, placed.taking) == ("matched", 5 * SHARE, 10 * SHARE)
    assert placed.order.status == "MATCHED"
    assert placed.order.id not in pit.engine.open
    assert trader.wallets[0].reserved_cash == 0
    placed = pit.place(trader, "BUY", 5_500, 8 * SHARE, kind="FAK")
    assert placed.error == (
        "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
    )


def test_a_post_only_order_that_would_cross_is_refused(pit):
    pit.outside("SELL", 5_000, 10 * SHARE)
    placed = pit.place(pit.trader(), "BUY", 5_000, 10 * SHARE, post_only=True)
    assert (placed.error, placed.http_status) == ("invalid post-only order: order crosses book", 400)
    assert pit.place(pit.trader(), "BUY", 4_900, 10 * SHARE, post_only=True).status == "live"


def test_a_buy_that_trades_at_once_is_worth_a_dollar_at_least(pit):
    pit.outside("SELL", 1_000, 10 * SHARE)
    assert "min size: $1" in pit.place(pit.trader(), "BUY", 1_000, 9_990_000).error
    assert pit.place(pit.trader(), "BUY", 900, 6 * SHARE).status == "live"
    assert pit.place(pit.trader(), "BUY", 1_000, 10 * SHARE).status == "matched"


def test_a_taker_never_meets_its_own_wallet_the_resting_order_gives_way(pit):
    trader = pit.trader(yes=10 * SHARE)
    own = pit.rest(trader, "SELL", 5_000, 10 * SHARE)
    other = pit.rest(trader, "BUY", 4_950, 4 * SHARE, token=1)
    pit.outside("SELL", 5_200, 10 * SHARE)
    placed = pit.place(trader, "BUY", 5_200, 10 * SHARE)
    assert placed.taking == 10 * SHARE
    assert (own.status, other.status) == ("CANCELED", "CANCELED")
    assert (own.id, "CANCELLATION", "CANCELED") in pit.events
    assert [fill.order for trade in pit.trades for fill in trade.fills] == [None]
    assert trader.wallets[0].reserved_tokens == {}
    pit.check()


def test_only_own_orders_in_the_way_let_a_limit_order_rest(pit):
    trader = pit.trader(yes=10 * SHARE)
    own = pit.rest(trader, "SELL", 5_000, 10 * SHARE)
    assert pit.place(trader, "BUY", 5_000, 10 * SHARE, kind="FAK").error.startswith("no orders found")
    assert own.status == "LIVE"
    assert pit.place(trader, "BUY", 5_000, 10 * SHARE).status == "live"
    assert own.status == "CANCELED"
    assert pit.book.bids.sizes == {5_000: 10 * SHARE}


def test_a_balance_can_be_promised_once(pit):
    trader = pit.trader(cash=10 * SHARE, yes=10 * SHARE)
    pit.rest(trader, "BUY", 4_000, 20 * SHARE)
    assert pit.place(trader, "BUY", 4_000, 5_010_000).error == (
        "not enough balance / allowance: the balance is not enough -> balance: 2000000, order amount: 2004000"
    )
    assert pit.place(trader, "BUY", 4_000, 5 * SHARE).status == "live"
    sale = pit.rest(trader, "SELL", 6_000, 8 * SHARE)
    assert "balance: 2000000, order amount: 5000000" in pit.place(trader, "SELL", 6_100, 5 * SHARE).error
    assert pit.venue.cancel(sale, "CANCELED", pit.now_ns)
    assert not pit.venue.cancel(sale, "CANCELED", pit.now_ns)
    assert pit.place(trader, "SELL", 6_100, 10 * SHARE).status == "live"
    pit.check()


def test_the_exchange_contract_must_be_allowed_to_take_what_an_order_gives(pit):
    trader = pit.trader(yes=10 * SHARE)
    trader.wallets[0].allowances.clear()
    trader.wallets[0].approvals.clear()
    assert "spender: 0xExchange, allowance: 0" in pit.place(trader, "BUY", 4_000, 10 * SHARE).error
    assert "not enough balance / allowance" in pit.place(trader, "SELL", 6_000, 10 * SHARE).error


def test_a_buyer_that_takes_needs_its_fee_as_well(make_pit):
    pit = make_pit("crypto")
    pit.outside("SELL", 5_000, 100 * SHARE)
    poor, rich = pit.trader(cash=50 * SHARE), pit.trader(cash=51_750_000)
    assert "balance: 50000000, order amount: 51750000" in pit.place(poor, "BUY", 5_000, 100 * SHARE).error
    assert pit.place(poor, "BUY", 4_900, 102 * SHARE).status == "live"
    assert pit.place(rich, "BUY", 5_000, 100 * SHARE).status == "matched"
    assert rich.wallets[0].free_cash == 0
    pit.settle()
    assert (rich.wallets[0].cash, pit.ledger.fees) == (0, 1_750_000)
    pit.check()


def test_a_stuck_balance_counter_refuses_though_the_money_is_there(pit):
    trader = pit.trader()
    pit.engine.refuse_balance_for[pit.market.token_ids[0]] = pit.now_ns + 10
    assert "balance: 0, order amount: 4000000" in pit.place(trader, "BUY", 4_000, 10 * SHARE).error
    assert pit.place(trader, "BUY", 4_000, 10 * SHARE, token=1).status == "live"
    pit.now_ns += 10
    assert pit.place(trader, "BUY", 4_000, 10 * SHARE).status == "live"


def test_a_withdrawal_cancels_the_newest_orders_that_it_uncovers(pit):
    trader = pit.trader(cash=10 * SHARE, yes=10 * SHARE)
    old = pit.rest(trader, "BUY", 4_000, 10 * SHARE)
    new = pit.rest(trader, "BUY", 4_100, 10 * SHARE)
    sale = pit.rest(trader, "SELL", 6_000, 10 * SHARE)
    pit.ledger.deposit(trader.wallets[0], -5 * SHARE, pit.now_ns)
    assert (old.status, new.status, sale.status) == ("LIVE", "INVALID", "LIVE")
    pit.ledger.transfer(trader.wallets[0], pit.ledger.outside, pit.market.token_ids[0], SHARE, pit.now_ns)
    assert sale.status == "INVALID"
    assert pit.book.asks.sizes == {}
    pit.check()


def test_an_outside_taker_meets_accounts_and_others_in_one_line(pit):
    pit.outside("BUY", 4_000, 5 * SHARE)
    order = pit.rest(pit.trader(), "BUY", 4_000, 10 * SHARE)
    assert pit.take("SELL", 8 * SHARE) == 8 * SHARE
    (trade,) = pit.trades
    assert (trade.order, trade.side, trade.size) == (None, "SELL", 8 * SHARE)
    assert trade.order_id.startswith("0x")
    assert [(fill.order, fill.size) for fill in trade.fills] == [(None, 5 * SHARE), (order, 3 * SHARE)]
    assert (order.matched, order.status) == (3 * SHARE, "LIVE")
    pit.settle()
    assert order.wallet.tokens == {pit.market.token_ids[0]: 3 * SHARE}
    pit.check()


def test_outside_liquidity_that_would_cross_takes_first(pit):
    order = pit.rest(pit.trader(), "BUY", 4_500, 10 * SHARE)
    pit.outside("SELL", 4_400, 15 * SHARE)
    assert order.status == "MATCHED"
    assert order.paid == 4_500_000
    assert (pit.book.bids.sizes, pit.book.asks.sizes) == ({}, {4_400: 5 * SHARE})


def test_the_outside_withdraws_only_its_own_newest_orders(pit):
    pit.outside("BUY", 4_000, 5 * SHARE)
    order = pit.rest(pit.trader(), "BUY", 4_000, 10 * SHARE)
    pit.outside("BUY", 4_000, 5 * SHARE)
    assert pit.venue.withdraw_outside(pit.market, "BUY", 4_000, 7 * SHARE, pit.now_ns) == 7 * SHARE
    assert [resting.remaining for resting in pit.book.orders("BUY", 4_000)] == [3 * SHARE, 10 * SHARE]
    assert pit.venue.withdraw_outside(pit.market, "BUY", 4_000, 7 * SHARE, pit.now_ns) == 3 * SHARE
    assert order.status == "LIVE"
    assert pit.book.bids.sizes == {4_000: 10 * SHARE}


def test_an_order_of_which_only_dust_is_left_is_done(pit):
    order = pit.rest(pit.trader(), "BUY", 4_000, 100 * SHARE)
    pit.take("SELL", 99_997_714)
    assert (order.status, order.matched) == ("MATCHED", 99_997_714)
    assert pit.book.bids.sizes == {}
    assert order.wallet.reserved_cash == 0
    pit.check()


@pytest.mark.parametrize("price", [1, 3_333, 6_667, 9_999])
def test_a_buy_in_many_odd_parts_never_pays_more_than_it_signed(pit, price):
    trader = pit.trader(cash=10 * price)
    order = pit.rest(trader, "BUY", price, 100_000)
    while order.open:
        pit.take("SELL", 1_667)
        pit.check()
    assert order.paid <= order.making
    assert trader.wallets[0].free_cash >= 0
    pit.settle()
    assert {trade.status for trade in pit.trades} == {"CONFIRMED"}


def test_an_overfilled_maker_gets_more_than_it_ordered(pit):
    order = pit.rest(pit.trader(), "BUY", 4_000, 10 * SHARE)
    pit.engine.overfill_next = 250
    pit.take("SELL", 4 * SHARE)
    assert order.matched == 4 * SHARE
    pit.take("SELL", 6 * SHARE)
    assert (order.matched, order.status) == (10 * SHARE + 250, "MATCHED")
    pit.settle()
    assert order.wallet.tokens == {pit.market.token_ids[0]: 10 * SHARE + 250}
    pit.check()


def test_the_log_tells_the_life_of_an_order(pit):
    trader = pit.trader()
    order = pit.rest(trader, "BUY", 4_000, 10 * SHARE)
    pit.take("SELL", 4 * SHARE)
    pit.venue.cancel(order, "CANCELED", pit.now_ns)
    (placed,) = pit.lines("order_placed")
    assert (placed["id"], placed["account"], placed["making"]) == (order.id, trader.address, 4 * SHARE)
    (matched,) = pit.lines("order_matched")
    assert (matched["matched"], matched["paid"], matched["status"]) == (4 * SHARE, 1_600_000, "LIVE")
    (cancelled,) = pit.lines("order_cancelled")
    assert (cancelled["id"], cancelled["status"], cancelled["matched"]) == (order.id, "CANCELED", 4 * SHARE)
    pit.settle()
    assert [line["status"] for line in pit.lines("trade")] == ["MATCHED", "MINED", "CONFIRMED"]
    pit.outside("BUY", 4_000, SHARE)
    pit.take("SELL", SHARE)
    assert [line["parts"] for line in pit.lines("outside_trade")] == [[[4_000, SHARE]]]
