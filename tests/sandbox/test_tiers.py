import pytest

from sandbox.limits import TIERS
from sandbox.tiers import Tiers
from sandbox.units import SHARE
from tests.sandbox.house import House

MICRO = 1_000_000
HOUR = 3_600


class Watched(House):
    """A house that raises tiers."""

    def __init__(self):
        super().__init__()
        self.tiers = Tiers(self.accounts, self.engine, self.buckets, self.log, self.schedule)
        self.tiers.start(self.now_ns)

    def tier(self, trader):
        return self.buckets.tier(trader.account.address).name


@pytest.fixture
def house():
    return Watched()


def trade(house, trader, market, dollars):
    """Let a trader take liquidity at 0.50."""
    house.quote(market, "SELL", 5_000, 2 * dollars)
    _, answer = trader.place(market, 0, "BUY", "0.5", str(2 * dollars))
    assert answer["status"] == "matched", answer
    house.advance(300)


def test_what_a_wallet_traded_raises_its_accounts_tier_after_three_hours(house):
    market, trader = house.market(category="geopolitics"), house.trader("0", 3, 200_000)
    trade(house, trader, market, 30_000)
    assert house.tiers.volume(trader.wallet.address, house.now_ns) == 30_000 * MICRO
    assert house.tier(trader) == "Standard"
    house.advance(3 * HOUR)
    assert house.tier(trader) == "Copper"
    trade(house, trader, market, 70_000)
    house.advance(3 * HOUR)
    assert house.tier(trader) == "Silver"
    assert [line["tier"] for line in house.logged("tier")] == ["Copper", "Silver"]


def test_makers_volume_counts_too_and_old_volume_does_not(house):
    market, trader = house.market(category="geopolitics"), house.trader("0", 0, 100_000)
    assert trader.place(market, 0, "BUY", "0.5", "60000")[1]["status"] == "live"
    house.venue.trade(market, 0, "SELL", 60_000 * SHARE, 0, house.now_ns)
    house.advance(300)
    assert house.tiers.volume(trader.wallet.address.lower(), house.now_ns) == 30_000 * MICRO
    assert house.tiers.volume(trader.wallet.address, house.now_ns + 31 * 86_400 * 10**9) == 0


def test_a_tier_that_was_given_is_not_taken_back(house):
    trader = house.trader()
    house.buckets.assign(trader.account.address, TIERS["Elite"], house.now_ns)
    house.advance(12 * HOUR)
    assert house.tier(trader) == "Elite"
    assert list(house.logged("tier")) == []
