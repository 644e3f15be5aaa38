import json
from datetime import UTC, date, datetime
from random import Random

import pytest

from sandbox.rewards import ASSET, Rewards
from sandbox.trading.fees import taker_fee
from sandbox.units import SHARE
from tests.sandbox.house import BEGIN_NS, CASH, House

MICRO = 1_000_000
TODAY = datetime.fromtimestamp(BEGIN_NS // 10**9, UTC).date()
TO_MIDNIGHT_S = 86_400 - BEGIN_NS // 10**9 % 86_400
DAILY = 50 * MICRO


class Sampled(House):
    """A house whose rewards are sampled."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__()
        self.rewards = Rewards(self.catalogue, self.engine, self.log, self.schedule, Random(seed))
        self.rewards.start(self.now_ns)

    def two_sided(self, **facts):
        """A market with an outside maker: 100 shares on each side, two cents from the middle of 0.50."""
        market = self.market(**facts)
        self.quote(market, "BUY", 4_800, 100)
        self.quote(market, "SELL", 5_200, 100)
        return market

    def percentage(self, trader, market):
        """A trader's share of a market's rewards now."""
        return self.rewards.percentages(trader.wallet.address, self.now_ns).get(market.condition_id)

    def earned(self, trader, day=TODAY):
        """Micro-dollars that a trader earned in a day."""
        return round(sum(row["earnings"] for row in self.rewards.earnings(trader.wallet.address, day)) * MICRO)


@pytest.fixture
def house():
    return Sampled()


def quote(trader, market, *quotes):
    """Place orders and give their ids."""
    ids = []
    for token, side, price, size in quotes:
        status, answer = trader.place(market, token, side, price, size, post_only=True)
        assert (status, answer["status"]) == (200, "live"), answer
        ids.append(answer["orderID"])
    return ids


def test_a_share_is_the_squared_nearness_times_the_size_among_all_makers(house):
    market, trader = house.two_sided(), house.trader()
    quote(trader, market, (0, "BUY", "0.49", "100"), (1, "BUY", "0.49", "100"))
    house.advance(31)
    # 1 cent from the middle against 2, where 4.5 is the widest that counts.
    own, outside = (4.5 - 1) ** 2, (4.5 - 2) ** 2
    assert house.percentage(trader, market) == pytest.approx(100 * own / (own + outside), rel=1e-6)


def test_an_order_counts_only_when_it_is_old_large_and_near_enough(house):
    market, trader = house.two_sided(), house.trader()
    young, small, far = quote(
        trader, market, (0, "BUY", "0.49", "50"), (0, "BUY", "0.47", "49.99"), (0, "BUY", "0.45", "100")
    )
    now = house.now_ns
    assert not house.rewards.scores(young, now + 29 * 10**9)
    assert house.rewards.scores(young, now + 30 * 10**9)
    assert not house.rewards.scores(small, now + 3_600 * 10**9)
    assert not house.rewards.scores(far, now + 3_600 * 10**9)
    trader.call("DELETE", "/order", {"orderID": young})
    assert not house.rewards.scores(young, now + 3_600 * 10**9)
    assert not house.rewards.scores("0x12", now)


def test_a_market_without_rewards_scores_nothing(house):
    market, trader = house.two_sided(category="geopolitics"), house.trader()
    (order,) = quote(trader, market, (0, "BUY", "0.49", "100"))
    house.advance(120)
    assert not house.rewards.scores(order, house.now_ns)
    assert house.earned(trader) == 0


def test_a_quote_on_one_side_counts_a_third_near_even_and_nothing_elsewhere(house):
    trader = house.trader()
    even = house.two_sided()
    quote(trader, even, (0, "BUY", "0.48", "100"))
    low = house.market("low")
    house.quote(low, "BUY", 300, 100)
    house.quote(low, "SELL", 700, 100)
    quote(trader, low, (0, "BUY", "0.03", "100"))
    house.advance(31)
    assert house.percentage(trader, even) == pytest.approx(100 * (1 / 3) / (1 + 1 / 3), rel=1e-6)
    assert house.percentage(trader, low) is None


def test_a_bid_of_one_token_and_an_ask_of_the_other_are_the_same_side(house):
    market, trader = house.two_sided(), house.trader()
    house.engine.ledger.transfer(
        house.engine.ledger.outside, trader.wallet, market.token_ids[1], 200 * SHARE, house.now_ns
    )
    token_id = market.token_ids[1]
    trader.ask("GET", "/balance-allowance/update", asset_type="CONDITIONAL", token_id=token_id, signature_type=0)
    quote(trader, market, (0, "BUY", "0.48", "100"), (1, "SELL", "0.52", "100"))
    house.advance(31)
    assert house.percentage(trader, market) == pytest.approx(100 * (2 / 3) / (1 + 2 / 3), rel=1e-6)


def test_the_middle_is_taken_between_levels_that_are_large_enough(house):
    market, trader = house.two_sided(), house.trader()
    house.quote(market, "BUY", 5_100, 49)
    (order,) = quote(trader, market, (0, "BUY", "0.46", "100"))
    house.advance(31)
    assert house.rewards.scores(order, house.now_ns)
    house.quote(market, "BUY", 5_100, 1)
    # The middle is now 0.515, from which 0.46 is 5.5 cents away.
    assert not house.rewards.scores(order, house.now_ns)


def test_each_minute_earns_its_part_of_the_days_reward_and_midnight_pays_it(house):
    market, trader = house.two_sided(), house.trader()
    quote(trader, market, (0, "BUY", "0.48", "100"), (1, "BUY", "0.48", "100"))
    house.advance(TO_MIDNIGHT_S - 1)
    minutes = TO_MIDNIGHT_S // 60
    expected = DAILY * minutes // 1_440 // 2
    assert house.earned(trader) == pytest.approx(expected, abs=minutes + DAILY // 1_440)
    (total,) = house.rewards.total(trader.wallet.address.lower(), TODAY)
    assert total["asset_address"] == ASSET
    assert round(total["earnings"] * MICRO) == house.earned(trader)
    before = trader.wallet.cash
    house.advance(1)
    assert trader.wallet.cash - before == house.earned(trader)
    assert house.engine.ledger.cash == house.engine.ledger.brought_in
    (paid,) = house.logged("liquidity_reward")
    assert (paid["amount"], paid["day"]) == (house.earned(trader), TODAY.isoformat())
    house.advance(86_400)
    assert house.earned(trader, date.fromordinal(TODAY.toordinal() + 1)) == pytest.approx(DAILY // 2, abs=3_000)


def test_less_than_a_dollar_is_not_paid(house):
    market, trader = house.two_sided(), house.trader()
    house.advance(TO_MIDNIGHT_S - 1_200)
    quote(trader, market, (0, "BUY", "0.48", "100"), (1, "BUY", "0.48", "100"))
    house.advance(1_300)
    assert 0 < house.earned(trader) < MICRO
    assert trader.wallet.cash == CASH * MICRO
    assert list(house.logged("liquidity_reward")) == []


def test_the_moment_of_a_sample_cannot_be_foreseen_but_comes_again_with_the_same_seed():
    def moments(seed):
        house = Sampled(seed)
        market, trader = house.two_sided(), house.trader()
        quote(trader, market, (0, "BUY", "0.48", "100"), (1, "BUY", "0.48", "100"))
        house.advance(60)
        found = []
        for second in range(600):
            before = house.earned(trader)
            house.advance(1)
            if house.earned(trader) > before:
                found.append(second)
        return found

    first = moments(1)
    assert first == moments(1)
    assert first != moments(2)
    assert len(first) == 10
    assert len({second % 60 for second in first}) > 5


def test_a_confirmed_fill_brings_its_maker_a_share_of_the_fee_at_midnight(house):
    market, trader = house.market(category="crypto"), house.trader()
    quote(trader, market, (0, "BUY", "0.5", "500"))
    house.venue.trade(market, 0, "SELL", 500 * SHARE, 0, house.now_ns)
    assert house.rewards.rebates(trader.wallet.address, TODAY) == []
    house.advance(300)
    (row,) = house.rewards.rebates(trader.wallet.address.lower(), TODAY)
    rebate = taker_fee(market.category, 5_000, 500 * SHARE) // 5
    assert rebate == 1_750_000
    assert row["rebated_fees_usdc"] == "1.750000"
    assert (row["condition_id"], row["date"]) == (market.condition_id, TODAY.isoformat())
    before = trader.wallet.cash
    house.advance(TO_MIDNIGHT_S)
    assert trader.wallet.cash - before == rebate
    (paid,) = house.logged("maker_rebate")
    assert json.dumps(paid).count(str(rebate)) == 1


def test_a_taker_gets_no_rebate(house):
    market, trader = house.market(category="crypto"), house.trader()
    house.quote(market, "SELL", 5_000, 500)
    assert trader.place(market, 0, "BUY", "0.5", "500")[1]["status"] == "matched"
    house.advance(300)
    assert house.rewards.rebates(trader.wallet.address, TODAY) == []
