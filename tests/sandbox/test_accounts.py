import uuid

import pytest

from sandbox.signing.contracts import CONVERTERS
from sandbox.signing.wallets import deposit_wallet
from tests.sandbox.house import House


def test_the_same_seed_gives_the_same_accounts_and_another_seed_others():
    made = []
    for seed in (1, 1, 2):
        house = House(seed=seed)
        house.accounts.make_default(3, 1_000_000_000, house.now_ns)
        made.append(house.accounts.describe())
    assert made[0] == made[1]
    assert {one["address"] for one in made[0]}.isdisjoint(one["address"] for one in made[2])


def test_by_default_one_trades_from_its_own_address_and_the_others_from_deposit_wallets():
    house = House()
    house.accounts.make_default(3, 1_000_000_000, house.now_ns)
    own, second, third = house.accounts.describe()
    assert (own["signature_type"], own["funder"]) == (0, own["address"])
    assert (second["signature_type"], second["funder"]) == (3, deposit_wallet(second["address"]))
    assert third["funder"] not in (second["funder"], own["funder"])
    assert own["cash"] == "1000"
    assert str(uuid.UUID(own["api_key"], version=4)) == own["api_key"]


def test_an_account_is_found_by_address_key_and_wallet_in_any_capitals():
    house = House()
    trader = house.trader("1", 3)
    for found in (
        house.accounts.by_address(trader.account.address.upper().replace("0X", "0x")),
        house.accounts.by_key(trader.credentials.api_key),
        house.accounts.by_wallet(trader.wallet.address.lower()),
    ):
        assert found is trader.account


def test_a_funded_wallet_lets_every_contract_of_the_venue_move_its_money_unless_it_is_made_without():
    house = House()
    ready, bare = house.trader("0"), house.trader("1", approved=False)
    assert set(ready.wallet.allowances) == ready.wallet.approvals == {*house.accounts.spenders, *CONVERTERS}
    assert not bare.wallet.allowances
    assert not bare.wallet.approvals
    assert bare.wallet.cash == ready.wallet.cash


@pytest.mark.parametrize(("protocol", "count"), [(1, 2), (2, 3)])
def test_the_spenders_are_the_contracts_of_the_protocol_that_is_spoken(protocol, count):
    assert len(House(protocol=protocol).accounts.spenders) == count


def test_a_key_that_replaces_a_deleted_one_is_another():
    house = House()
    trader = house.trader()
    house.accounts.drop_key(trader.account, trader.credentials.api_key)
    assert house.accounts.by_key(trader.credentials.api_key) is None
    renewed = house.accounts.make_key(trader.account, 0)
    assert renewed is not None
    assert renewed.api_key != trader.credentials.api_key
