from statistics import median

import pytest

from sandbox.trading.settlement import FAILED, FAILED_THEN_CONFIRMED, RETRIED, STUCK, Fate
from sandbox.units import SECOND, SHARE


def matched(pit, fate=None):
    """One trade of a buyer with 1,000 dollars who takes 10 shares from a seller at 0.50."""
    if fate is not None:
        pit.engine.settlement.next_fates.append(fate)
    seller, buyer = pit.trader(cash=0, yes=10 * SHARE), pit.trader()
    pit.rest(seller, "SELL", 5_000, 10 * SHARE)
    pit.place(buyer, "BUY", 5_000, 10 * SHARE)
    return pit.trades[-1], seller.wallets[0], buyer.wallets[0]


def test_nothing_moves_before_a_trade_is_mined(pit):
    trade, seller, buyer = matched(pit)
    assert (trade.status, trade.transaction_hash) == ("MATCHED", "")
    assert (seller.cash, buyer.cash) == (0, 1_000 * SHARE)
    assert (buyer.free_cash, seller.free_tokens(pit.market.token_ids[0])) == (995 * SHARE, 0)
    pit.settle()
    assert pit.statuses == ["MATCHED", "MINED", "CONFIRMED"]
    assert trade.transaction_hash.startswith("0x")
    assert (seller.cash, buyer.cash, buyer.owed_cash, seller.owed_tokens) == (5 * SHARE, 995 * SHARE, 0, {})
    assert buyer.tokens == {pit.market.token_ids[0]: 10 * SHARE}


def test_bought_tokens_cannot_be_sold_before_they_are_there(pit):
    _, _, buyer = matched(pit, STUCK)
    assert buyer.free_tokens(pit.market.token_ids[0]) == 0


def test_confirmation_takes_four_seconds_in_the_middle_and_thirty_at_the_end(pit):
    trader = pit.trader(cash=10_000 * SHARE)
    times = {}
    pit.engine.on_trade.append(lambda trade, at_ns: times.setdefault(trade.id, []).append(at_ns - trade.matched_ns))
    for _ in range(2_000):
        pit.outside("SELL", 5_000, 2 * SHARE)
        pit.place(trader, "BUY", 5_000, 2 * SHARE)
    pit.advance(10_000)
    total = sorted(confirmed for _, _, confirmed in times.values())
    assert 3.6 < median(total) / SECOND < 4.4
    assert 24 < total[1_900] / SECOND < 37
    assert 1.8 < median(mined for _, mined, _ in times.values()) / SECOND < 2.2
    pit.check()


@pytest.mark.parametrize(
    "fate, statuses, moved",
    [
        (RETRIED, ["MATCHED", "RETRYING", "MINED", "CONFIRMED"], True),
        (FAILED, ["MATCHED", "RETRYING", "FAILED"], False),
        (FAILED_THEN_CONFIRMED, ["MATCHED", "FAILED", "CONFIRMED"], True),
        (STUCK, ["MATCHED"], False),
        (Fate((("CONFIRMED", SECOND),)), ["MATCHED", "CONFIRMED"], True),
    ],
)
def test_every_fate_keeps_the_sum(pit, fate, statuses, moved):
    trade, seller, buyer = matched(pit, fate)
    pit.check()
    for _ in range(60):
        pit.advance(1)
        pit.check()
    assert pit.statuses == statuses
    assert (seller.cash, buyer.cash) == ((5 * SHARE, 995 * SHARE) if moved else (0, 1_000 * SHARE))
    assert (buyer.owed_cash, seller.owed_tokens == {}) == ((5 * SHARE, False) if fate is STUCK else (0, True))
    assert bool(trade.transaction_hash) == moved


def test_a_retried_trade_takes_about_fifty_seconds(pit):
    trade, _, _ = matched(pit, RETRIED)
    pit.settle()
    assert trade.updated_ns - trade.matched_ns == 50 * SECOND


def test_a_failed_trade_gives_back_what_was_owed(pit):
    _, seller, buyer = matched(pit, FAILED)
    pit.settle()
    assert (buyer.free_cash, seller.free_tokens(pit.market.token_ids[0])) == (1_000 * SHARE, 10 * SHARE)


def test_a_trade_that_finds_an_emptied_wallet_fails_for_good(pit):
    _, _, buyer = matched(pit)
    pit.ledger.deposit(buyer, -999 * SHARE, pit.now_ns)
    pit.settle()
    assert pit.statuses == ["MATCHED", "FAILED"]
    assert buyer.free_cash == SHARE
    pit.check()


def test_a_trade_fails_when_the_contract_may_no_longer_take_what_it_owes(pit):
    _, _, buyer = matched(pit)
    pit.ledger.revoke(buyer, pit.spender, pit.now_ns)
    pit.settle()
    assert pit.statuses == ["MATCHED", "FAILED"]
    pit.check()


def test_a_finite_allowance_shrinks_by_what_was_taken(pit):
    _, _, buyer = matched(pit)
    pit.ledger.approve(buyer, pit.spender, 500 * SHARE, pit.now_ns)
    before = buyer.cash
    pit.settle()
    assert buyer.cash < before
    assert buyer.allowances[pit.spender] == 500 * SHARE - (before - buyer.cash)


def test_an_order_that_can_no_longer_be_settled_is_taken_off(pit):
    order = pit.rest(pit.trader(), "BUY", 1_000, 10 * SHARE)
    pit.ledger.revoke(order.wallet, pit.spender, pit.now_ns)
    assert order.status == "INVALID"
    pit.check()


def test_a_confirmation_after_a_failure_that_spends_promised_money_uncovers_orders(pit):
    _, _, buyer = matched(pit, FAILED_THEN_CONFIRMED)
    pit.advance(5)
    account = pit.trades[0].order.account
    order = pit.rest(account, "BUY", 4_000, 2_490 * SHARE)
    assert buyer.free_cash == 4 * SHARE
    pit.settle()
    assert pit.statuses == ["MATCHED", "FAILED", "CONFIRMED"]
    assert order.status == "INVALID"
    pit.check()


def test_a_stuck_trade_can_be_given_another_fate_later(pit):
    trade, _, buyer = matched(pit, STUCK)
    pit.settle()
    pit.engine.settlement.follow(trade, FAILED, pit.now_ns)
    pit.settle()
    assert (trade.status, buyer.free_cash) == ("FAILED", 1_000 * SHARE)


def test_a_trade_that_is_mined_after_the_resolution_still_delivers(pit):
    pit.engine.settlement.next_fates.append(STUCK)
    buyer = pit.trader()
    pit.outside("SELL", 5_000, 10 * SHARE)
    pit.place(buyer, "BUY", 5_000, 10 * SHARE)
    pit.venue.resolve(pit.market, (10_000, 0), pit.now_ns)
    pit.engine.settlement.advance(pit.trades[0], "CONFIRMED", pit.now_ns)
    assert buyer.wallets[0].tokens == {pit.market.token_ids[0]: 10 * SHARE}
    assert pit.ledger.redeem(buyer.wallets[0], pit.market, pit.market.payouts, pit.now_ns) == 10 * SHARE
    assert pit.ledger.locked[pit.market.condition_id] == 0
    pit.check()
