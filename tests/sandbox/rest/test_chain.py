import pytest

from tests.sandbox.house import House


def act(house: House, action: str, wallet: str, **more: str):
    return house.control("POST", "/chain", {"action": action, "wallet": wallet, **more})


def test_a_wallet_splits_merges_transfers_and_what_there_is_stays_the_same():
    house = House()
    market, trader, other = house.market(), house.trader(), house.trader("other", 3)
    yes, no = market.token_ids
    own = trader.wallet.address
    before = house.control("GET", "/accounts")[1]["totals"]
    assert act(house, "split", own, market="rain", amount="100.5")[1]["tokens"] == {yes: 100_500_000, no: 100_500_000}
    act(house, "transfer", own, to=other.wallet.address, token_id=yes, amount="40")
    figures = act(house, "merge", own, market=market.condition_id, amount="60.5")[1]
    assert figures["tokens"] == {no: 40_000_000}
    assert figures["cash"] == 1_000_000_000 - 40_000_000
    assert other.wallet.tokens == {yes: 40_000_000}
    assert house.control("GET", "/accounts")[1]["totals"] == before


def test_money_comes_in_and_goes_out():
    house = House()
    trader = house.trader()
    brought = house.control("GET", "/accounts")[1]["totals"]["brought_in"]
    act(house, "deposit", trader.wallet.address.lower(), amount="12.34")
    assert act(house, "withdraw", trader.wallet.address, amount="1000")[1]["cash"] == 12_340_000
    totals = house.control("GET", "/accounts")[1]["totals"]
    assert totals["brought_in"] == totals["cash"] == brought + 12_340_000 - 1_000_000_000


def test_tokens_are_redeemed_for_what_the_market_paid():
    house = House()
    market, trader = house.market(), house.trader()
    own = trader.wallet.address
    act(house, "split", own, market="rain", amount="10")
    assert act(house, "redeem", own, market="rain") == (400, {"error": "rain is not resolved"})
    house.venue.resolve(market, (5_000, 5_000), house.now_ns)
    figures = act(house, "redeem", own, market="rain")[1]
    assert (figures["cash"], figures["tokens"]) == (1_000_000_000, {})


def test_allowances_are_given_and_taken_per_contract_or_for_all():
    house = House()
    trader = house.trader("bare", approved=False)
    own, (first, *_) = trader.wallet.address, house.accounts.spenders
    figures = act(house, "approve", own, spender=first.lower(), amount="5")[1]
    assert (figures["allowances"], figures["approvals"]) == ({first: "5000000"}, [first])
    figures = act(house, "approve", own)[1]
    assert figures["allowances"] == dict.fromkeys(house.accounts.spenders, str(2**256 - 1))
    assert act(house, "revoke", own)[1]["approvals"] == []
    assert next(house.logged("revoke"))["wallet"] == own


def test_a_withdrawal_takes_the_orders_that_it_no_longer_pays_for():
    house = House()
    market, trader = house.market(), house.trader()
    trader.place(market, 0, "BUY", "0.5", "1000")
    newer = trader.place(market, 0, "BUY", "0.4", "1000")[1]["orderID"]
    act(house, "withdraw", trader.wallet.address, amount="300")
    assert house.engine.orders[newer].status == "INVALID"
    assert len(house.engine.open) == 1


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"action": "steal"}, "action: expected one of deposit, withdraw, split"),
        ({"action": "deposit", "wallet": "0x00"}, "wallet: expected the address of a known wallet"),
        ({"action": "deposit", "wallet": "outside", "amount": "-1"}, "amount: expected a decimal"),
        ({"action": "deposit", "wallet": "outside", "amount": "0.0000001"}, "amount: expected a decimal"),
        ({"action": "split", "wallet": "outside", "amount": "1", "market": "?"}, "market: expected"),
        ({"action": "transfer", "wallet": "outside", "amount": "1", "token_id": "1"}, "token_id: not listed"),
        ({"action": "approve", "wallet": "outside", "spender": "0x00"}, "spender: expected one of 0x"),
        ({"action": "withdraw", "wallet": "outside", "amount": "99999999999999999"}, "amount: expected"),
        (["deposit"], "expected a JSON object"),
    ],
)
def test_a_call_that_makes_no_sense_says_what_would(said, error):
    status, answer = House().control("POST", "/chain", said)
    assert status == 400
    assert answer["error"].startswith(error)


def test_what_a_wallet_does_not_hold_cannot_move():
    house = House()
    house.market()
    trader = house.trader()
    status, answer = act(house, "merge", trader.wallet.address, market="rain", amount="1")
    assert status == 400
    assert "does not hold" in answer["error"]


def test_the_accounts_show_what_is_held_back_and_owed():
    house = House()
    market, trader = house.market(), house.trader()
    house.quote(market, "SELL", 5_300, 100)
    trader.place(market, 0, "BUY", "0.53", "10")
    order_id = trader.place(market, 0, "BUY", "0.4", "10")[1]["orderID"]
    (account,) = house.control("GET", "/accounts")[1]["accounts"]
    (wallet,) = account["wallets"]
    assert account["open_orders"] == [order_id]
    assert (wallet["cash"], wallet["reserved_cash"], wallet["owed_cash"]) == (1_000_000_000, 4_000_000, 5_399_640)
    assert account["tier"] == "Standard"


def test_the_log_is_read_in_pieces():
    house = House()
    house.trader()
    _, whole = house.control("GET", "/log")
    assert [line["n"] for line in whole["lines"]] == list(range(whole["first"], whole["last"] + 1))
    _, piece = house.control("GET", "/log", after=1, limit=1)
    assert piece["lines"] == whole["lines"][1:2]
    assert house.control("GET", "/log", after="x")[0] == 400
