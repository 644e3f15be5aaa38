import json

import pytest

from sandbox.messages import HttpRequest
from sandbox.signing.wallets import deposit_wallet
from tests.sandbox.house import House


@pytest.fixture
def asked():
    house = House()

    def ask(**query):
        listed = {name: [value] for name, value in query.items()}
        answer = house.relayer.answer(HttpRequest("relayer", "GET", "/deployed", listed), 0)
        assert answer is not None
        return answer.status, json.loads(answer.body)

    return house, ask


def test_the_wallets_of_the_accounts_are_deployed_as_what_they_are(asked):
    house, ask = asked
    deposit, proxy = house.trader("deposit", 3), house.trader("proxy", 1)
    for address in (deposit.wallet.address, deposit.wallet.address.lower()):
        assert ask(address=address, type="WALLET") == (200, {"deployed": True})
    assert deposit.wallet.address == deposit_wallet(deposit.key.address)
    assert ask(address=proxy.wallet.address, type="PROXY") == (200, {"deployed": True})
    assert ask(address=proxy.wallet.address, type="SAFE") == (200, {"deployed": False})
    assert ask(address=deposit.key.address, type="WALLET") == (200, {"deployed": False})
    assert ask(address="0x" + "1" * 40, type="WALLET") == (200, {"deployed": False})


def test_a_wallet_that_is_not_deployed_yet_is_said_to_be_so(asked):
    house, ask = asked
    trader = house.trader("deposit", 3)
    trader.wallet.deployed = False
    assert ask(address=trader.wallet.address, type="WALLET") == (200, {"deployed": False})


@pytest.mark.parametrize("query", [{}, {"address": "0x12"}, {"address": "0x" + "1" * 40, "type": "HOUSE"}])
def test_a_malformed_question_is_refused(asked, query):
    _, ask = asked
    status, answer = ask(**query)
    assert (status, list(answer)) == (400, ["error"])
