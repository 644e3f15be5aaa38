"""What the relayer takes, what it says of it, and what it does to a wallet once it is mined."""

import pytest

from sandbox.signing.abi import call_data
from sandbox.signing.contracts import COLLATERAL, COLLATERAL_ADAPTER, CONDITIONAL_TOKENS, ROUTER
from sandbox.signing.relayed import Call
from sandbox.trading.relaying import RelayFate
from sandbox.units import ONE, SECOND
from tests.sandbox.holder import adapter_of, holder_in, merge, redeem, split
from tests.sandbox.house import CASH, MICRO, House

SETTLED_S = 15
"""By then every ordinary transaction is confirmed or has failed."""
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


def holdings(holder, market):
    return [holder.wallet.cash, *(holder.wallet.tokens.get(token, 0) for token in market.token_ids)]


def settled(house, holder, *calls, **changed):
    """Submit calls and wait for the end; gives the last state and the error."""
    transaction = holder.taken(*calls, **changed)
    house.advance(SETTLED_S)
    shown = holder.shown(transaction)
    return shown["state"], shown["error_msg"]


@pytest.mark.parametrize("version", ["v1", "v2"], ids=["tokens", "positions"])
@pytest.mark.parametrize("neg_risk", [False, True], ids=["alone", "neg-risk"])
def test_a_wallet_splits_merges_and_redeems(house, holder, neg_risk, version):
    market = house.market(neg_risk=neg_risk, version=version)
    assert settled(house, holder, split(market, 10 * MICRO)) == ("STATE_CONFIRMED", None)
    assert holdings(holder, market) == [(CASH - 10) * MICRO, 10 * MICRO, 10 * MICRO]
    assert settled(house, holder, merge(market, 4 * MICRO)) == ("STATE_CONFIRMED", None)
    assert holdings(holder, market) == [(CASH - 6) * MICRO, 6 * MICRO, 6 * MICRO]
    house.venue.resolve(market, (ONE, 0), house.now_ns)
    assert settled(house, holder, *redeem(market, (6 * MICRO, 6 * MICRO))) == ("STATE_CONFIRMED", None)
    assert holdings(holder, market) == [CASH * MICRO, 0, 0]
    assert holder.nonce() == 3
    assert house.accounts.ledger.cash == house.accounts.ledger.brought_in


def test_several_calls_are_one_transaction(house, holder):
    one, other = house.market("rain"), house.market("snow", neg_risk=True)
    assert settled(house, holder, split(one, MICRO), split(other, 2 * MICRO), merge(one, MICRO))[0] == "STATE_CONFIRMED"
    assert holdings(holder, one) == [(CASH - 2) * MICRO, 0, 0]
    assert holdings(holder, other)[1:] == [2 * MICRO, 2 * MICRO]
    assert holder.nonce() == 1


def test_when_one_of_several_calls_reverts_nothing_has_happened(house, holder):
    market = house.market()
    state, error = settled(house, holder, split(market, MICRO), merge(market, 2 * MICRO))
    assert state == "STATE_FAILED"
    assert "execution reverted" in error
    assert holdings(holder, market) == [CASH * MICRO, 0, 0]
    assert not list(house.logged("merge"))
    assert [line["wallet"] for line in house.logged("split")] == ["outside"]


def test_a_transaction_does_what_it_does_when_it_is_mined_and_is_seen_in_each_state(house, wallet_holder):
    market, seen = house.market(), {}
    transaction = wallet_holder.taken(split(market, MICRO))
    for _ in range(SETTLED_S * 10):
        shown = wallet_holder.shown(transaction)
        seen[shown["state"]] = bool(shown["transaction_hash"]), wallet_holder.wallet.cash == CASH * MICRO
        house.advance(0.1)
    assert seen == {
        "STATE_NEW": (False, True),
        "STATE_EXECUTED": (True, True),
        "STATE_MINED": (True, False),
        "STATE_CONFIRMED": (True, False),
    }
    assert [line["state"] for line in house.logged("relayed")] == list(seen)


def test_the_older_paths_tell_of_the_same_transaction(house, wallet_holder):
    transaction = wallet_holder.taken(split(house.market(), MICRO), metadata="ten pairs")
    house.advance(SETTLED_S)
    status, (shown,) = wallet_holder.anonymously("/transaction", id=transaction)
    assert (status, shown["transactionID"], shown["state"]) == (200, transaction, "STATE_CONFIRMED")
    assert (shown["type"], shown["nonce"], shown["metadata"]) == ("WALLET", "0", "ten pairs")
    assert shown["transactionHash"] == wallet_holder.shown(transaction)["transaction_hash"]
    assert wallet_holder.anonymously("/transaction", id="unknown") == (200, [])
    assert wallet_holder.call("GET", "/v1/account/transactions/unknown")[0] == 404


def test_a_transaction_whose_answer_was_lost_is_found_among_its_owners(house, wallet_holder):
    market, other = house.market(), holder_in(house, "other")
    made = []
    for number in range(3):
        made.append(wallet_holder.taken(split(market, MICRO), metadata=str(number)))
        other.taken(split(market, MICRO))
        house.advance(SETTLED_S)
    status, listed = wallet_holder.call("GET", "/transactions")
    assert (status, [one["transactionID"] for one in listed]) == (200, made[::-1])
    assert [one["nonce"] for one in listed] == ["2", "1", "0"]


def test_the_nonce_counts_what_was_mined_on_all_paths(house, wallet_holder):
    asked = {"address": wallet_holder.trader.key.address, "type": "WALLET"}
    wallet_holder.taken(split(house.market(), MICRO))
    assert wallet_holder.nonce() == 0
    house.advance(SETTLED_S)
    assert wallet_holder.nonce() == 1
    for status, said in (
        wallet_holder.call("GET", "/v1/account/transactions/params", **asked),
        wallet_holder.anonymously("/relay-payload", **asked),
    ):
        assert (status, said["nonce"]) == (200, "1")
        assert said["address"].startswith("0x")
    stranger = asked | {"address": "0x" + "1" * 40}
    assert wallet_holder.anonymously("/nonce", **stranger) == (200, {"nonce": "0"})


@pytest.mark.parametrize("path", ["/nonce", "/relay-payload"])
@pytest.mark.parametrize("query", [{}, {"address": "0x12"}, {"address": "0x" + "1" * 40, "type": "HOUSE"}])
def test_a_malformed_question_for_a_nonce_is_refused(wallet_holder, path, query):
    status, answer = wallet_holder.anonymously(path, **query)
    assert (status, list(answer)) == (400, ["error"])


def test_a_position_is_redeemed_outcome_by_outcome_and_not_beyond_what_is_held(house, wallet_holder):
    market = house.market(version="v2")
    house.accounts.ledger.split(wallet_holder.wallet, market, 5 * MICRO, house.now_ns)
    (yes, no), before = redeem(market, (2 * MICRO, 3 * MICRO)), (CASH - 5) * MICRO
    assert settled(house, wallet_holder, yes)[1].endswith("the condition is not resolved")
    house.venue.resolve(market, (ONE, 0), house.now_ns)
    assert settled(house, wallet_holder, yes)[0] == "STATE_CONFIRMED"
    assert holdings(wallet_holder, market) == [before + 2 * MICRO, 3 * MICRO, 5 * MICRO]
    assert settled(house, wallet_holder, no)[0] == "STATE_CONFIRMED"
    assert holdings(wallet_holder, market) == [before + 2 * MICRO, 3 * MICRO, 2 * MICRO]
    assert settled(house, wallet_holder, no)[0] == "STATE_FAILED"
    unknown = call_data("redeem(bytes31,uint256,uint256)", bytes.fromhex(market.condition_id[2:64]), 2, MICRO)
    assert settled(house, wallet_holder, Call(ROUTER, 0, unknown))[0] == "STATE_FAILED"
    assert holdings(wallet_holder, market) == [before + 2 * MICRO, 3 * MICRO, 2 * MICRO]


class TestReverts:
    """What the chain refuses fails when it would have been mined, and leaves everything as it was."""

    @pytest.fixture
    def attempt(self, house, wallet_holder):
        market = house.market()
        house.accounts.ledger.split(wallet_holder.wallet, market, 5 * MICRO, house.now_ns)
        before = holdings(wallet_holder, market)

        def act(call):
            state, error = settled(house, wallet_holder, call)
            assert holdings(wallet_holder, market) == before
            assert wallet_holder.nonce() == 0
            return state, error.removeprefix("execution reverted: ")

        return market, act

    def test_a_merge_of_more_than_is_held(self, attempt):
        market, act = attempt
        state, error = act(merge(market, 5 * MICRO + 1))
        assert (state, "does not hold" in error) == ("STATE_FAILED", True)

    def test_a_split_of_more_than_there_is(self, attempt):
        market, act = attempt
        assert act(split(market, CASH * MICRO))[0] == "STATE_FAILED"

    def test_a_redemption_before_the_resolution(self, attempt):
        market, act = attempt
        assert act(*redeem(market)) == ("STATE_FAILED", "the condition is not resolved")

    def test_a_wrong_contract_for_the_market(self, house, attempt):
        market, act = attempt
        grouped = house.market("snow", neg_risk=True)
        assert act(Call(COLLATERAL_ADAPTER, 0, split(grouped, MICRO).data))[0] == "STATE_FAILED"
        assert act(Call(adapter_of(grouped), 0, split(market, MICRO).data))[0] == "STATE_FAILED"

    def test_an_unknown_condition(self, attempt):
        _, act = attempt
        unknown = "splitPosition(address,bytes32,bytes32,uint256[],uint256)"
        data = call_data(unknown, COLLATERAL, bytes(32), bytes(32), (1, 2), MICRO)
        assert "is none of" in act(Call(COLLATERAL_ADAPTER, 0, data))[1]

    @pytest.mark.parametrize("sets", [(2, 1), (1,), (1, 2, 4), ()])
    def test_anything_but_the_pair(self, attempt, sets):
        market, act = attempt
        condition = bytes.fromhex(market.condition_id[2:])
        signature = "mergePositions(address,bytes32,bytes32,uint256[],uint256)"
        data = call_data(signature, COLLATERAL, bytes(32), condition, sets, MICRO)
        assert act(Call(COLLATERAL_ADAPTER, 0, data))[0] == "STATE_FAILED"

    def test_a_function_that_is_unknown(self, attempt):
        market, act = attempt
        assert "has no function" in act(Call(ROUTER, 0, merge(market, MICRO).data))[1]
        assert "has no function" in act(Call(COLLATERAL, 0, b""))[1]

    def test_arguments_that_are_cut_short(self, attempt):
        market, act = attempt
        assert act(Call(COLLATERAL_ADAPTER, 0, merge(market, MICRO).data[:-1]))[0] == "STATE_FAILED"

    def test_a_payment_in_the_chains_own_coin(self, attempt):
        market, act = attempt
        call = merge(market, MICRO)
        assert "POL" in act(Call(call.target, 1, call.data))[1]

    def test_the_same_batch_may_be_sent_again_as_its_nonce_is_still_free(self, house, wallet_holder, attempt):
        market, _ = attempt
        batch = wallet_holder.body(merge(market, 6 * MICRO))
        for _ in range(2):
            status, said = wallet_holder.call("POST", "/submit", batch)
            assert status == 200
            house.advance(SETTLED_S)
            assert wallet_holder.shown(said["transactionID"])["state"] == "STATE_FAILED"
        house.accounts.ledger.split(wallet_holder.wallet, market, MICRO, house.now_ns)
        assert wallet_holder.call("POST", "/submit", batch)[0] == 200
        house.advance(SETTLED_S)
        assert holdings(wallet_holder, market)[1:] == [0, 0]


def test_a_proxys_nonce_counts_what_failed_too(house):
    holder = holder_in(house, "proxy", 1)
    assert settled(house, holder, merge(house.market(), MICRO))[0] == "STATE_FAILED"
    assert holder.nonce() == 1


class TestApprovals:
    """A contract moves only what the wallet lets it."""

    def test_a_split_needs_an_allowance_and_uses_it_up(self, house):
        holder, market = holder_in(house, approved=False), house.market()
        approve = Call(COLLATERAL, 0, call_data("approve(address,uint256)", COLLATERAL_ADAPTER, 3 * MICRO))
        assert settled(house, holder, split(market, MICRO))[1].endswith("insufficient allowance")
        assert settled(house, holder, approve, split(market, MICRO))[0] == "STATE_CONFIRMED"
        assert holder.wallet.allowances == {COLLATERAL_ADAPTER: 2 * MICRO}
        assert settled(house, holder, split(market, 3 * MICRO))[0] == "STATE_FAILED"
        assert holdings(holder, market) == [(CASH - 1) * MICRO, MICRO, MICRO]

    def test_merging_and_redeeming_need_an_operator(self, house):
        holder, market = holder_in(house, approved=False), house.market()
        house.accounts.ledger.split(holder.wallet, market, 2 * MICRO, house.now_ns)
        operate, revoke = (
            Call(CONDITIONAL_TOKENS, 0, call_data("setApprovalForAll(address,bool)", COLLATERAL_ADAPTER, approved))
            for approved in (True, False)
        )
        assert settled(house, holder, merge(market, MICRO))[0] == "STATE_FAILED"
        assert settled(house, holder, operate, merge(market, MICRO), revoke)[0] == "STATE_CONFIRMED"
        house.venue.resolve(market, (0, ONE), house.now_ns)
        assert settled(house, holder, *redeem(market))[1].endswith("need operator approval for all")
        assert settled(house, holder, operate, *redeem(market))[0] == "STATE_CONFIRMED"
        assert holdings(holder, market) == [CASH * MICRO, 0, 0]


def test_the_venue_does_not_hear_of_it_until_it_looks_again(house, wallet_holder):
    market, trader = house.market(), wallet_holder.trader
    asked = {"asset_type": "COLLATERAL", "signature_type": 3}
    assert settled(house, wallet_holder, split(market, 10 * MICRO))[0] == "STATE_CONFIRMED"
    assert trader.call("GET", "/balance-allowance", **asked)[1]["balance"] == str(CASH * MICRO)
    assert trader.place(market, 0, "SELL", "0.60", "10")[0] == 400
    trader.ask("GET", "/balance-allowance/update", **asked)
    token = {"asset_type": "CONDITIONAL", "signature_type": 3, "token_id": market.token_ids[0]}
    trader.ask("GET", "/balance-allowance/update", **token)
    assert trader.call("GET", "/balance-allowance", **asked)[1]["balance"] == str((CASH - 10) * MICRO)
    assert trader.place(market, 0, "SELL", "0.60", "10")[0] == 200


def test_the_same_seed_gives_the_same_log():
    logs = []
    for _ in range(2):
        house = House(seed=5)
        holder = holder_in(house)
        settled(house, holder, split(house.market(), MICRO))
        logs.append(house.log.after(0, house.log.last))
    assert logs[0] == logs[1]


class TestFates:
    """What a switch can let befall a transaction."""

    @pytest.mark.parametrize("ends", ["STATE_FAILED", "STATE_INVALID"])
    def test_it_fails_or_is_invalid_and_does_nothing(self, house, wallet_holder, ends):
        market = house.market()
        house.relaying.next_fates.append(RelayFate(ends=ends))
        state, error = settled(house, wallet_holder, split(market, MICRO))
        assert (state, bool(error)) == (ends, True)
        assert holdings(wallet_holder, market) == [CASH * MICRO, 0, 0]
        assert settled(house, wallet_holder, split(market, MICRO))[0] == "STATE_CONFIRMED"

    @pytest.mark.parametrize("state", ["STATE_NEW", "STATE_EXECUTED", "STATE_MINED"])
    def test_it_is_stuck_in_a_state(self, house, wallet_holder, state):
        house.relaying.next_fates.append(RelayFate(stuck_in=state, stuck_ns=60 * SECOND))
        transaction = wallet_holder.taken(split(house.market(), MICRO))
        house.advance(SETTLED_S)
        assert wallet_holder.shown(transaction)["state"] == state
        house.advance(60)
        assert wallet_holder.shown(transaction)["state"] == "STATE_CONFIRMED"

    def test_a_batch_whose_time_runs_out_meanwhile_is_not_done(self, house, wallet_holder):
        market = house.market()
        unsent = RelayFate(stuck_in="STATE_NEW", stuck_ns=60 * SECOND)
        unmined = RelayFate(stuck_in="STATE_EXECUTED", stuck_ns=60 * SECOND)
        for fate, ends in ((unsent, "STATE_INVALID"), (unmined, "STATE_FAILED")):
            house.relaying.next_fates.append(fate)
            transaction = wallet_holder.taken(split(market, MICRO), lasts_s=30)
            house.advance(75)
            shown = wallet_holder.shown(transaction)
            assert (shown["state"], "deadline" in shown["error_msg"]) == (ends, True)
        assert holdings(wallet_holder, market) == [CASH * MICRO, 0, 0]
