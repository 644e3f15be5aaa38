from sandbox.units import SECOND, SHARE

MS_50 = 50_000_000


def test_a_sports_taker_is_told_delayed_and_matched_seconds_later(make_pit):
    pit = make_pit(seconds_delay=3)
    pit.outside("SELL", 5_000, 10 * SHARE)
    placed = pit.place(pit.trader(), "BUY", 5_000, 10 * SHARE)
    assert (placed.status, placed.making, placed.trade_ids) == ("delayed", 0, ())
    order = placed.order
    assert pit.events == [(order.id, "PLACEMENT", "DELAYED")]
    assert not pit.venue.cancel(order, "CANCELED", pit.now_ns)
    pit.advance(2.9)
    assert pit.book.asks.sizes == {5_000: 10 * SHARE}
    pit.advance(0.1)
    assert (order.status, order.matched) == ("MATCHED", 10 * SHARE)
    assert pit.events[1] == (order.id, "UPDATE", "MATCHED")
    pit.check()


def test_a_delayed_order_whose_match_has_gone_rests_as_unmatched(make_pit):
    pit = make_pit(seconds_delay=3)
    pit.outside("SELL", 5_000, 10 * SHARE)
    order = pit.place(pit.trader(), "BUY", 5_000, 10 * SHARE).order
    pit.venue.withdraw_outside(pit.market, "SELL", 5_000, 10 * SHARE, pit.now_ns)
    pit.advance(3)
    assert pit.events == [(order.id, "PLACEMENT", "DELAYED"), (order.id, "UPDATE", "UNMATCHED")]
    assert order.status == "LIVE"
    assert pit.book.bids.sizes == {5_000: 10 * SHARE}
    assert pit.venue.cancel(order, "CANCELED", pit.now_ns)


def test_a_call_waits_for_the_short_delay_and_has_the_final_result(make_pit):
    pit = make_pit(taker_delay_ns=MS_50)
    pit.outside("SELL", 5_000, 10 * SHARE)
    answers = []
    pit.place(pit.trader(), "BUY", 5_000, 4 * SHARE, done=lambda placed, at_ns: answers.append((placed, at_ns)))
    assert answers == []
    begin_ns = pit.now_ns
    pit.advance(1)
    ((placed, at_ns),) = answers
    assert (placed.status, placed.taking, at_ns - begin_ns) == ("matched", 4 * SHARE, MS_50)


def test_what_does_not_cross_is_never_held(make_pit):
    pit = make_pit(seconds_delay=3)
    pit.outside("SELL", 5_000, 10 * SHARE)
    assert pit.place(pit.trader(), "BUY", 4_900, 10 * SHARE).status == "live"
    assert pit.place(pit.trader(), "BUY", 4_900, 10 * SHARE, kind="FAK").error.startswith("no orders found")


def test_a_held_order_is_judged_again_at_the_end_of_its_delay(make_pit):
    pit = make_pit(taker_delay_ns=MS_50)
    pit.outside("SELL", 5_000, 10 * SHARE)
    rich, poor, answers = pit.trader(), pit.trader(), []
    for trader, kind, size in ((rich, "FOK", 5 * SHARE), (poor, "GTC", 4 * SHARE)):
        pit.place(trader, "BUY", 5_000, size, kind=kind, done=lambda placed, _: answers.append(placed))
    assert (rich.wallets[0].reserved_cash, poor.wallets[0].reserved_cash) == (5 * SHARE, 2 * SHARE)
    pit.take("BUY", 8 * SHARE)
    pit.ledger.deposit(poor.wallets[0], -999 * SHARE, pit.now_ns)
    pit.advance(1)
    assert [placed.error.split(".")[0] for placed in answers] == [
        "order couldn't be fully filled",
        "not enough balance / allowance: the balance is not enough -> balance: 1000000, order amount: 2000000",
    ]
    assert [status for _, event, status in pit.events if event == "CANCELLATION"] == [
        "CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed.",
        "CANCELED_NOT_ENOUGH_BALANCE",
    ]
    assert pit.engine.open == {}
    pit.check()


def test_a_gtd_order_dies_a_minute_before_its_time(pit):
    order = pit.place(pit.trader(), "BUY", 4_000, 10 * SHARE, kind="GTD", expires_s=pit.now_ns // SECOND + 200).order
    pit.advance(139.9)
    assert order.status == "LIVE"
    pit.advance(0.1)
    assert (order.status, order.reason) == ("CANCELED", "CANCELED_EXPIRED_ORDER")
    assert pit.book.bids.sizes == {}
    assert order.wallet.reserved_cash == 0


def test_a_gtd_order_that_expires_while_it_is_held_does_not_trade(make_pit):
    pit = make_pit(seconds_delay=3)
    pit.outside("SELL", 5_000, 10 * SHARE)
    expires_s = pit.now_ns // SECOND + 62
    order = pit.place(pit.trader(), "BUY", 5_000, 10 * SHARE, kind="GTD", expires_s=expires_s).order
    pit.advance(3)
    assert (order.status, order.reason, pit.trades) == ("CANCELED", "CANCELED_EXPIRED_ORDER", [])


def test_a_game_that_starts_clears_accounts_orders_and_only_theirs(make_pit):
    pit = make_pit(game_start_ns=1_790_000_200_000_000_000, clear_on_start=True)
    pit.outside("BUY", 4_000, 10 * SHARE)
    order = pit.rest(pit.trader(), "BUY", 4_000, 10 * SHARE)
    pit.advance(99)
    assert order.status == "LIVE"
    pit.advance(1)
    assert order.status == "CANCELED"
    assert pit.book.bids.sizes == {4_000: 10 * SHARE}


def test_a_game_that_is_put_off_keeps_its_orders(make_pit):
    pit = make_pit(game_start_ns=1_790_000_200_000_000_000, clear_on_start=True)
    order = pit.rest(pit.trader(), "BUY", 4_000, 10 * SHARE)
    pit.market.game_start_ns += SECOND
    pit.settle()
    assert order.status == "LIVE"


def test_a_market_that_closes_ends_accounts_orders_and_takes_no_more(make_pit):
    pit = make_pit(taker_delay_ns=MS_50)
    pit.outside("BUY", 4_000, 10 * SHARE)
    resting = pit.rest(pit.trader(), "BUY", 3_900, 10 * SHARE)
    answers = []
    pit.place(pit.trader(yes=5 * SHARE), "SELL", 4_000, 5 * SHARE, done=lambda placed, _: answers.append(placed))
    pit.venue.close(pit.market, pit.now_ns)
    pit.advance(1)
    assert resting.status == "INVALID"
    assert [placed.error for placed in answers] == ["the market is not yet ready to process new orders"]
    assert pit.book.bids.sizes == {4_000: 10 * SHARE}
    placed = pit.place(pit.trader(), "BUY", 4_000, 10 * SHARE)
    assert placed.error == "the market is not yet ready to process new orders"


def test_a_resolved_market_cancels_all_orders_and_pays(make_pit):
    pit = make_pit(seconds_delay=3)
    winner, loser = pit.trader(yes=10 * SHARE), pit.trader(no=10 * SHARE)
    resting = pit.rest(winner, "SELL", 6_000, 10 * SHARE)
    held = pit.place(loser, "BUY", 6_000, 5 * SHARE).order
    assert held.status == "DELAYED"
    pit.venue.resolve(pit.market, (10_000, 0), pit.now_ns)
    assert resting.status == held.status == "CANCELED_MARKET_RESOLVED"
    assert pit.market.winner == 0
    assert pit.ledger.outside.tokens == {}
    pit.settle()
    assert pit.trades == []
    assert pit.ledger.redeem(winner.wallets[0], pit.market, pit.market.payouts, pit.now_ns) == 10 * SHARE
    assert pit.ledger.redeem(loser.wallets[0], pit.market, pit.market.payouts, pit.now_ns) == 0
    assert pit.ledger.locked[pit.market.condition_id] == 0
    pit.check()


def test_a_void_market_pays_half_a_dollar_for_either_token(pit):
    trader = pit.trader(yes=10 * SHARE, no=4 * SHARE)
    pit.venue.resolve(pit.market, (5_000, 5_000), pit.now_ns)
    assert (pit.market.closed, pit.market.winner) == (True, None)
    assert pit.ledger.redeem(trader.wallets[0], pit.market, pit.market.payouts, pit.now_ns) == 7 * SHARE
    pit.check()
