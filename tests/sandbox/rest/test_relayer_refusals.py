"""What the relayer does not take: other keys, other signatures, what was done already, and what is no transaction."""

from typing import Any

import pytest

from tests.sandbox.holder import holder_in, merge, raw_of, split
from tests.sandbox.house import CASH, MICRO, House

KINDS = {1: "proxy", 2: "safe", 3: "deposit wallet"}


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture(params=KINDS, ids=list(KINDS.values()))
def holder(request, house):
    return holder_in(house, KINDS[request.param], request.param)


@pytest.fixture
def wallet_holder(house):
    return holder_in(house)


def refusal(holder, body: Any) -> str:
    """Why a body is refused with 400, after which nothing is on its way."""
    status, said = holder.call("POST", "/submit", body)
    assert status == 400, said
    assert not list(holder.trader.house.logged("relayed"))
    return said["error"]


def test_a_transaction_is_done_once(house, holder):
    market = house.market()
    body = holder.body(split(market, MICRO))
    assert holder.call("POST", "/submit", body)[0] == 200
    status, busy = holder.call("POST", "/submit", body)
    assert (status, busy["error"]) == (400, "wallet busy: it has an active action")
    house.advance(15)
    status, done = holder.call("POST", "/submit", body)
    assert (status, done["error"]) == (400, "batch nonce 0 does not match on-chain nonce 1")
    house.advance(15)
    assert holder.wallet.cash == (CASH - 1) * MICRO


def test_a_nonce_that_is_not_yet_there_is_refused(house, holder):
    body = holder.body(split(house.market(), MICRO), nonce=1)
    assert refusal(holder, body) == "batch nonce 1 does not match on-chain nonce 0"


def test_two_wallets_do_not_wait_for_each_other(house):
    market = house.market()
    for name in ("one", "other"):
        holder_in(house, name).taken(split(market, MICRO))


def test_what_was_changed_after_the_signing_is_not_taken(house, holder):
    market = house.market()
    good, other = holder.body(split(market, MICRO)), holder.body(split(market, 2 * MICRO))
    for name in ("data", "depositWalletParams"):
        if name in good:
            assert refusal(holder, good | {name: other[name]}) == "invalid signature"
    assert refusal(holder, good | {"nonce": "1"}) == "invalid signature"
    assert refusal(holder, good | {"signature": other["signature"]}) == "invalid signature"
    assert refusal(holder, good | {"signature": "0x1234"}) == "invalid signature"


def test_the_deadline_is_signed_for_and_kept(house, wallet_holder):
    call = split(house.market(), MICRO)
    assert refusal(wallet_holder, wallet_holder.body(call, lasts_s=-1)) == "deadline expired"
    body = wallet_holder.body(call)
    later = body["depositWalletParams"] | {"deadline": str(int(body["depositWalletParams"]["deadline"]) + 1)}
    assert refusal(wallet_holder, body | {"depositWalletParams": later}) == "invalid signature"


def test_gas_and_hub_are_signed_for(house):
    call = split(house.market(), MICRO)
    for signature_type, name, value in ((1, "gasLimit", "1"), (1, "relayHub", "0x" + "1" * 40), (2, "safeTxnGas", "1")):
        holder = holder_in(house, f"{signature_type} {name}", signature_type)
        body = holder.body(call)
        assert (
            refusal(holder, body | {"signatureParams": body["signatureParams"] | {name: value}}) == "invalid signature"
        )


def test_another_wallet_than_the_signers_is_refused(house, holder):
    other, call = holder_in(house, "other", holder.trader.signature_type), split(house.market(), MICRO)
    body, theirs = holder.body(call), other.body(call)
    name = "depositWalletParams" if holder.kind == "WALLET" else "proxyWallet"
    assert refusal(holder, body | {name: theirs[name]}) == "the wallet is not the signer's"


def test_a_signature_of_another_account_is_refused(house, holder):
    other, call = holder_in(house, "other", holder.trader.signature_type), split(house.market(), MICRO)
    body = holder.body(call) | {"signature": other.body(call)["signature"]}
    assert refusal(holder, body) == "invalid signature"


def test_a_wallet_that_is_not_deployed_does_nothing(house, holder):
    holder.wallet.deployed = False
    assert refusal(holder, holder.body(split(house.market(), MICRO))) == "wallet not deployed"


@pytest.mark.parametrize(
    "change",
    [
        {"type": "SAFE-CREATE"},
        {"type": 3},
        {"from": "0x12"},
        {"to": None},
        {"to": "0x" + "1" * 40},
        {"nonce": 0},
        {"nonce": "-1"},
        {"nonce": "9" * 78},
        {"signature": None},
        {"metadata": "x" * 501},
        {"depositWalletParams": {}},
        {"depositWalletParams": None},
    ],
)
def test_what_is_no_transaction_is_refused_in_words(house, wallet_holder, change):
    body = wallet_holder.body(merge(house.market(), MICRO))
    assert refusal(wallet_holder, body | change).startswith("invalid transaction request")


@pytest.mark.parametrize("body", [None, [], 1, "x", {"type": "WALLET"}])
def test_what_is_no_object_of_a_transaction_is_refused(wallet_holder, body):
    assert refusal(wallet_holder, body) == "invalid transaction request"


def test_a_batch_without_calls_is_refused(wallet_holder):
    assert refusal(wallet_holder, wallet_holder.body()) == "invalid transaction request"


def test_a_safe_lends_itself_to_nobody_but_its_multisend_contract(house):
    holder = holder_in(house, "safe", 2)
    body = holder.body(split(house.market(), MICRO))
    params = body["signatureParams"] | {"operation": "1"}
    assert "multisend" in refusal(holder, body | {"signatureParams": params})


class TestKeys:
    """Who may bring a transaction and see what became of it."""

    def test_without_a_key_nothing_is_taken_or_shown(self, house, wallet_holder):
        body, transaction = (
            wallet_holder.body(split(house.market(), MICRO)),
            wallet_holder.taken(split(house.market("snow"), MICRO)),
        )
        own = wallet_holder.headers()
        others = holder_in(house, "other").headers()
        for headers in (
            {},
            own | {"relayer_api_key": "unknown"},
            own | {"relayer_api_key_address": others["relayer_api_key_address"]},
            {"relayer_api_key": own["relayer_api_key"]},
        ):
            for method, path in (
                ("POST", "/submit"),
                ("GET", "/transactions"),
                ("GET", f"/v1/account/transactions/{transaction}"),
                ("GET", "/v1/account/transactions/params"),
            ):
                asked = wallet_holder._ask(method, path, str(body).encode(), headers, {})
                assert asked == (401, {"error": "invalid authorization"})
        assert {line["kind"] for line in house.logged("unauthorized")} == {"unauthorized"}

    def test_a_relayer_key_speaks_for_its_own_account_only(self, house, wallet_holder):
        other, market = holder_in(house, "other"), house.market()
        transaction = other.taken(split(market, MICRO))
        assert wallet_holder.call("POST", "/submit", other.body(split(market, MICRO)))[0] == 401
        assert wallet_holder.call("GET", f"/v1/account/transactions/{transaction}")[0] == 404
        assert wallet_holder.call("GET", "/transactions") == (200, [])

    def test_a_builder_key_signs_what_it_sends_and_may_bring_anybodys(self, house, wallet_holder):
        other = holder_in(house, "other")
        body = wallet_holder.body(split(house.market(), MICRO))
        others_path = wallet_holder.builder_headers("POST", "/submit", body)
        status, said = other._ask("POST", "/submit", raw_of(body), other.builder_headers("POST", "/submit", body), {})
        assert (status, said["state"]) == (200, "STATE_NEW")
        path = f"/v1/account/transactions/{said['transactionID']}"
        assert wallet_holder.anonymously(path, wallet_holder.builder_headers("GET", path))[0] == 200
        assert wallet_holder.anonymously(path, others_path)[0] == 401

    @pytest.mark.parametrize("name", ["api_key", "passphrase", "timestamp", "signature"])
    @pytest.mark.parametrize("value", ["", "0", "9" * 20, "\u0661"])
    def test_a_builder_key_that_is_not_so_is_refused(self, wallet_holder, name, value):
        headers = wallet_holder.builder_headers("GET", "/transactions") | {f"poly_builder_{name}": value}
        assert wallet_holder.anonymously("/transactions", headers)[0] == 401

    def test_a_builder_signature_that_is_too_old_is_refused(self, house, wallet_holder):
        headers = wallet_holder.builder_headers("GET", "/transactions")
        house.advance(30)
        assert wallet_holder.anonymously("/transactions", headers)[0] == 200
        house.advance(1)
        assert wallet_holder.anonymously("/transactions", headers)[0] == 401
