"""What is done on chain is done once: signed with leave, followed to its end, found again when its answer is lost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loguru import logger
from msgspec.structs import replace

from actors.gate import Gate
from actors.venues.polymarket.credentials import Credentials
from actors.venues.polymarket.keys import SigningKey
from actors.venues.polymarket.orders import SigningRefused
from actors.venues.polymarket.remote_signer import SignerAbsent
from actors.venues.polymarket.signables import SignBatch
from actors.venues.secret import Secret
from models.markets import Market
from models.messages.operations import OperationSigned, SubmitRedemption
from models.messages.orders import SubmitMerge
from models.units import ONE
from tests.actors.venues.polymarket.lanes.chain_at_work import Chain, shares
from tests.actors.venues.polymarket.local_venue import CLOCK, clear, sandbox, throw

DOLLAR = 1_000_000


@pytest.fixture(scope="module")
def venue() -> Iterator[dict[str, Any]]:
    with sandbox("--protocol", "mixed", "--clock-speed", "20", "--accounts", "4") as told:
        yield told


class Watched(Gate):
    """A gate that counts how often it was asked."""

    asked = 0

    @property
    def closed(self) -> str | None:
        self.asked += 1
        return super().closed


@pytest.fixture
def number() -> int:
    """Which account of the venue merges; the wallet of the third is kept busy."""
    return 1


@pytest.fixture
def gate(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "killed", CLOCK)


@pytest.fixture
def chain(venue: dict[str, Any], number: int, gate: Watched) -> Iterator[Chain]:
    logger.disable("actors")
    made = Chain(venue, venue["accounts"][number], gate)
    made.start()
    yield made
    clear(venue)
    made.close()
    logger.enable("actors")


def pairs_in(chain: Chain, count: int, slug: str = "btc-above-63880") -> Market:
    """Have so many pairs of a market, and nothing else of it."""
    (market,) = (market for market in chain.markets.values() if market.slug == slug)
    chain.act("split", market, str(count))
    return market


def nonce_of(sent: SubmitMerge | SubmitRedemption) -> int:
    assert sent.batch is not None
    return sent.batch.nonce


def sent_as(chain: Chain, sent: SubmitMerge | SubmitRedemption) -> list[dict[str, Any]]:
    """The transactions that the relayer took under the nonce of an operation, but for those that came to nothing."""
    ended = ("STATE_FAILED", "STATE_INVALID")
    return [line for line in chain.relayed() if line["nonce"] == nonce_of(sent) and line["state"] not in ended]


def of_version(chain: Chain, version: str, *, neg_risk: bool = False) -> Market:
    return next(
        market for market in chain.markets.values() if market.version == version and market.neg_risk == neg_risk
    )


@pytest.mark.parametrize(("version", "neg_risk"), [("v1", False), ("v2", True)])
def test_pairs_become_dollars_to_the_micro_unit_and_the_venue_knows(
    chain: Chain, version: str, *, neg_risk: bool
) -> None:
    merges_to_the_micro_unit(chain, of_version(chain, version, neg_risk=neg_risk))


def test_pairs_of_a_neg_risk_market_of_the_older_protocol_become_dollars(tmp_path: Path) -> None:
    with sandbox("--clock-speed", "20") as told:
        chain = Chain(told, told["accounts"][1], Gate(tmp_path / "killed", CLOCK))
        chain.start()
        try:
            merges_to_the_micro_unit(chain, of_version(chain, "v1", neg_risk=True))
        finally:
            chain.close()


def merges_to_the_micro_unit(chain: Chain, market: Market) -> None:
    before, _ = chain.wallet()
    chain.act("split", market, "7.25")
    chain.merge(market, 5_250_001)
    assert chain.ended() == ("confirmed", "")
    cash, tokens = chain.wallet()
    left = 7_250_000 - 5_250_001
    assert (cash, [tokens[token] for token in market.token_ids]) == (before - left, [left, left])
    assert chain.copy(market) == (cash, left, left)
    chain.act("merge", market, "1.999999")


def test_operations_are_done_one_after_the_other(chain: Chain) -> None:
    market = pairs_in(chain, 5)
    first = chain.merge(market, shares(2))
    second = replace(first, operation="merge/second", batch=None, size=shares(3))
    chain.send(second)
    assert chain.ended() == ("confirmed", "")
    assert nonce_of(chain.leave(second)) == nonce_of(first) + 1
    assert chain.ended() == ("confirmed", "")
    assert chain.wallet()[1] == {}


def test_nothing_is_sent_without_leave(chain: Chain) -> None:
    market = pairs_in(chain, 2)
    chain.send(SubmitMerge("merge/unheard", market.id, shares(2)))
    signed = chain.answer(OperationSigned)
    assert [line for line in chain.relayed() if line["nonce"] == signed.batch.nonce] == []
    chain.send(SubmitMerge("merge/unheard", market.id, shares(2)))
    again = chain.answer(OperationSigned)
    assert again.batch.nonce == signed.batch.nonce, "who asks again is answered again"
    chain.send(SubmitMerge("merge/unheard", market.id, shares(2), again.batch))
    assert chain.ended() == ("confirmed", "")


# What goes wrong on the way


@pytest.mark.parametrize("how", ["never", "reset", "cut", "error"])
def test_a_merge_whose_answer_is_lost_is_found_and_not_sent_again(chain: Chain, how: str) -> None:
    market = pairs_in(chain, 2)
    throw(chain.venue, "relayer_answer_lost", how=how)
    sent = chain.merge(market, shares(2))
    assert chain.ended() == ("confirmed", "")
    assert len(sent_as(chain, sent)) == 1
    assert chain.wallet()[1] == {}


def test_a_merge_is_sent_once_the_relayer_is_back(chain: Chain) -> None:
    market = pairs_in(chain, 2)
    throw(chain.venue, "relayer_down", how="unavailable", method="POST")
    sent = chain.merge(market, shares(2))
    before = chain.posts()
    chain.until(lambda: chain.posts() > before + 1)
    assert (sent_as(chain, sent), chain.told) == ([], [])
    clear(chain.venue)
    assert chain.ended() == ("confirmed", "")
    assert len(sent_as(chain, sent)) == 1


@pytest.mark.parametrize(
    ("state", "why"),
    [("STATE_FAILED", "execution reverted: out of gas"), ("STATE_INVALID", "the transaction is invalid")],
)
def test_a_merge_that_fails_on_chain_says_why_and_the_next_one_is_done(chain: Chain, state: str, why: str) -> None:
    market = pairs_in(chain, 2)
    throw(chain.venue, "relayed_failed", state=state)
    failed = chain.merge(market, shares(2))
    assert chain.ended() == ("failed", why)
    assert chain.wallet()[1] == dict.fromkeys(market.token_ids, shares(2))
    assert nonce_of(chain.merge(market, shares(2))) == nonce_of(failed)
    assert chain.ended() == ("confirmed", "")


def test_a_merge_of_more_than_there_is_fails(chain: Chain) -> None:
    chain.merge(of_version(chain, "v1"), shares(1))
    status, why = chain.ended()
    assert (status, "reverted" in why) == ("failed", True)


def test_what_is_stuck_is_followed_to_its_end(chain: Chain) -> None:
    market = pairs_in(chain, 2)
    throw(chain.venue, "relayed_stuck", state="STATE_NEW", delay=10)
    sent = chain.merge(market, shares(2))
    assert chain.ended() == ("confirmed", "")
    assert len(sent_as(chain, sent)) == 1


@pytest.mark.parametrize("number", [2])
def test_what_is_stuck_for_longer_than_it_may_happen_is_given_up(chain: Chain) -> None:
    market = pairs_in(chain, 2)
    throw(chain.venue, "relayed_stuck", state="STATE_NEW", delay=900)
    sent = chain.merge(market, shares(2))
    chain.until(lambda: sent_as(chain, sent))
    assert chain.relayer is not None
    chain.relayer.clock_offset_s += 700
    assert chain.ended() == ("failed", "it was not mined in time")


def test_a_lane_in_the_place_of_a_dead_one_finds_what_was_sent(chain: Chain) -> None:
    market = pairs_in(chain, 2)
    throw(chain.venue, "relayed_stuck", state="STATE_EXECUTED", delay=120)
    sent = chain.merge(market, shares(2))
    chain.until(lambda: sent_as(chain, sent))
    chain.stop()
    assert chain.told == []
    chain.start()
    chain.send(sent)
    assert chain.ended() == ("confirmed", "")
    assert len(sent_as(chain, sent)) == 1
    assert chain.wallet()[1] == {}


def test_a_lane_in_the_place_of_a_dead_one_sends_what_was_not(chain: Chain) -> None:
    market = pairs_in(chain, 2)
    asked = SubmitMerge("merge/unsent", market.id, shares(2))
    chain.send(asked)
    granted = replace(asked, batch=chain.answer(OperationSigned).batch)
    chain.stop()
    chain.start()
    chain.send(granted)
    assert chain.ended() == ("confirmed", "")
    assert [line["nonce"] for line in sent_as(chain, granted)] == [nonce_of(granted)]


def test_a_merge_whose_nonce_was_taken_before_it_left_is_signed_anew(chain: Chain) -> None:
    market = pairs_in(chain, 3)
    asked = SubmitMerge("merge/overtaken", market.id, shares(2))
    chain.send(asked)
    old = chain.answer(OperationSigned).batch
    chain.by_hand(market, shares(1), old.nonce)
    chain.send(replace(asked, batch=old))
    again = chain.leave(asked)
    assert again.batch.nonce == old.nonce + 1
    assert chain.ended() == ("confirmed", "")
    assert chain.wallet()[1] == {}


def test_a_merge_that_may_have_left_under_a_nonce_that_another_took_has_failed(chain: Chain) -> None:
    market = pairs_in(chain, 3)
    asked = SubmitMerge("merge/lost", market.id, shares(2))
    chain.send(asked)
    old = chain.answer(OperationSigned).batch
    chain.stop()
    chain.by_hand(market, shares(1), old.nonce)
    chain.start()
    chain.send(replace(asked, batch=old))
    assert chain.ended() == ("failed", "another transaction took its nonce")
    assert chain.wallet()[1] == dict.fromkeys(market.token_ids, shares(2))
    chain.act("merge", market, "2")


def test_where_the_relayer_does_not_list_it_the_wallet_tells_that_a_merge_was_done(chain: Chain) -> None:
    market = pairs_in(chain, 2)
    chain.stop()
    other = chain.venue["accounts"][3]["builder_api_key"]
    chain.key = Credentials(other["key"], Secret(other["secret"]), Secret(other["passphrase"]))
    chain.start()
    throw(chain.venue, "relayer_answer_lost", how="error")
    sent = chain.merge(market, shares(2))
    assert chain.ended() == ("confirmed", "the wallet does not hold it any more")
    assert len(sent_as(chain, sent)) == 1
    assert chain.wallet()[1] == {}


def test_nothing_leaves_past_a_closed_gate(chain: Chain, gate: Watched) -> None:
    market = pairs_in(chain, 2)
    gate.kill("test")
    before = chain.posts()
    sent = chain.merge(market, shares(2))
    asked = gate.asked
    chain.until(lambda: gate.asked > asked + 2)
    assert chain.posts() == before
    gate.clear()
    assert chain.ended() == ("confirmed", "")
    assert len(sent_as(chain, sent)) == 1


def test_a_merge_waits_for_a_signer_that_is_gone_and_fails_where_it_is_refused(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = SigningKey.sign
    said: list[SigningRefused] = [SignerAbsent("gone"), SignerAbsent("gone")]

    def signs(key: SigningKey, digest: bytes, what: object = None) -> bytes:
        if isinstance(what, SignBatch) and said:
            raise said.pop()
        return sign(key, digest)

    monkeypatch.setattr(SigningKey, "sign", signs)
    market = pairs_in(chain, 3)
    chain.merge(market, 2 * DOLLAR)
    assert chain.ended() == ("confirmed", "")
    assert not said
    said.append(SigningRefused("only pairs are merged"))
    chain.merge(market, DOLLAR)
    assert chain.ended() == ("failed", "the signer: only pairs are merged")
    chain.act("merge", market, "1")


def test_what_was_sent_by_a_lane_that_died_is_followed_to_its_end_though_nobody_signs_any_more(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = pairs_in(chain, 2)
    throw(chain.venue, "relayed_stuck", state="STATE_EXECUTED", delay=40)
    sent = chain.merge(market, shares(2))
    chain.until(lambda: sent_as(chain, sent))
    chain.stop()

    def refuses(key: SigningKey, digest: bytes, what: object = None) -> bytes:
        raise SigningRefused("no more today")

    monkeypatch.setattr(SigningKey, "sign", refuses)
    chain.start()
    chain.send(sent)
    assert chain.ended() == ("confirmed", "")
    assert chain.wallet()[1] == {}


def test_without_a_relayer_a_merge_fails_at_once(chain: Chain) -> None:
    chain.stop()
    chain.key = None
    chain.start()
    chain.send(SubmitMerge("merge/nowhere", of_version(chain, "v1").id, shares(2)))
    assert chain.ended() == ("failed", "merge unavailable: no key is given")


# Payouts


@pytest.mark.parametrize(("slug", "outcome", "payout_yes", "paid"), [
    ("btc-above-63880", "Yes", ONE, 3),
    ("rate-decision-meeting-1-hold", "No", 0, 5),
    ("rate-decision-meeting-1-hike", None, ONE // 2, 4),
])  # fmt: skip
def test_what_a_market_pays_is_redeemed(
    chain: Chain, slug: str, outcome: str | None, payout_yes: int, paid: int
) -> None:
    market = pairs_in(chain, 5, slug)
    chain.give_away(market, "2")
    before, _ = chain.wallet()
    end(chain, slug, outcome)
    chain.redeem(market, payout_yes)
    assert chain.ended() == ("confirmed", "")
    cash, tokens = chain.wallet()
    assert (cash - before, tokens) == (paid * DOLLAR, {})
    assert chain.copy(market) == (cash, 0, 0)


def end(chain: Chain, slug: str, outcome: str | None) -> None:
    """End a market with an outcome, or without one."""
    if outcome is None:
        throw(chain.venue, "void", market=slug)
    else:
        throw(chain.venue, "resolve", market=slug, outcome=outcome)


def test_what_is_not_resolved_on_chain_yet_cannot_be_redeemed_yet(chain: Chain) -> None:
    market = pairs_in(chain, 1, "btc-above-64000")
    chain.redeem(market)
    status, why = chain.ended()
    assert (status, "reverted" in why) == ("failed", True)
    chain.act("merge", market, "1")


def test_what_somebody_else_has_redeemed_is_paid(chain: Chain) -> None:
    market = pairs_in(chain, 2, "rate-decision-meeting-1-cut-25")
    end(chain, market.slug, "Yes")
    chain.act("redeem", market)
    before = chain.posts()
    chain.redeem(market, leave=False)
    assert chain.ended() == ("confirmed", "the wallet holds none of it any more")
    assert chain.posts() == before


def test_without_a_relayer_a_payout_is_for_people(chain: Chain) -> None:
    market = pairs_in(chain, 2, "rate-decision-meeting-1-cut-50")
    end(chain, market.slug, "No")
    chain.stop()
    chain.key = None
    chain.start()
    chain.redeem(market, 0, leave=False)
    assert chain.ended() == ("failed", "redeem it by hand: no key is given")
    chain.act("redeem", market)
    chain.redeem(market, 0, leave=False)
    assert chain.ended()[0] == "confirmed"


def test_a_market_that_is_not_listed_any_more_is_redeemed_too(chain: Chain) -> None:
    market = pairs_in(chain, 2, "league-ath-bos-round-1-draw")
    end(chain, market.slug, "Yes")
    del chain.markets[market.id]
    chain.redeem(market)
    assert chain.ended() == ("confirmed", "")
    assert not chain.wallet()[1].keys() & set(market.token_ids)


def test_a_market_that_nobody_knows_is_not_redeemed(chain: Chain) -> None:
    chain.send(SubmitRedemption("redeem/nowhere", "0x" + "ab" * 32, ONE))
    status, why = chain.ended()
    assert (status, "does not know the market" in why) == ("failed", True)
