"""The official client, as published, moves positions and sets approvals from every kind of wallet.

The older clients cannot: they know the order book only.
"""

import pytest

from tests.sandbox.clients.test_official_clients import facts_of

pytestmark = pytest.mark.timeout(600)
"""The first test that needs a client's environment pays for building it."""

MILLION = 1_000_000
CASH = 10_000 * MILLION
MARKETS = {
    "token": "btc-above-63880",
    "token, neg-risk": "rate-decision-meeting-1-hold",
    "position": "btc-above-64000",
    "position, neg-risk": "league-ath-bos-round-1-ath",
}
SIGNATURE_TYPES = (0, 1, 2, 3)


@pytest.fixture(scope="module")
def accounts(wallets):
    return {account["signature_type"]: account for account in wallets["accounts"]}


@pytest.fixture(params=MARKETS.values(), ids=list(MARKETS))
def market(request, wallets):
    return facts_of(wallets, request.param)


def test_it_splits_merges_and_redeems(run, market, accounts):
    seen = run("unified_wallets", "positions", accounts=[accounts[one] for one in SIGNATURE_TYPES], **market)
    hashes = {saw[name]["hash"] for saw in seen for name in ("split", "merge", "redeem")}
    assert len(hashes) == 3 * len(SIGNATURE_TYPES)
    for saw in seen:
        assert saw["before"] == [CASH, 0, 0]
        assert saw["split"]["held"] == [CASH - 10 * MILLION, 10 * MILLION, 10 * MILLION]
        assert saw["merge"]["held"] == [CASH - 6 * MILLION, 6 * MILLION, 6 * MILLION]
        assert "execution reverted" in saw["refused"]
        assert saw["redeem"]["held"] == [CASH, 0, 0]


def test_it_finds_out_which_approvals_are_missing_and_sets_them_up(run, wallets, accounts):
    told = facts_of(wallets, "mayor-fra-term-1-reelected")
    for saw in run("unified_wallets", "approvals", accounts=[accounts[one] for one in SIGNATURE_TYPES], **told):
        assert "insufficient allowance" in saw["poor"]
        assert "need operator approval" in saw["unapproved"]
        assert saw["held"] == [CASH, 0, 0]


def test_what_it_sends_while_a_wallet_is_busy_it_sends_again(run, wallets, accounts):
    told = facts_of(wallets, "mayor-ath-term-1-reelected")
    saw = run("unified_wallets", "haste", account=accounts[3], **told)
    moved = [after - before for before, after in zip(saw["before"], saw["after"], strict=True)]
    assert moved == [-3 * MILLION, 3 * MILLION, 3 * MILLION]
