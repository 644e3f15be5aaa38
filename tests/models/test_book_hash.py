"""The venue's hash as proof: which form is learned, what a mismatch means, and when a change is compared."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from models.book_hash import BookProof, Form, Keys, Verdict, book_hash, token_levels
from models.ladder import Ladder
from models.markets import NO, YES, Market, Outcome, Side
from models.messages.market import BookFrame, BookResynchronised, Level
from models.units import ONE, parse_price, parse_size, parse_tick
from tests.models.frames import START_MS, Fed, M, changed, full

CONDITION = "0xabc"
MARKET = Market(M, "slug", ("11", "22"), condition_id=CONDITION)
KEYS = Keys("5", 100, neg_risk=False, last_trade_price="0.400")
BIDS: dict[str, str | int] = {"0.40": 10, "0.39": "20.5"}
ASKS: dict[str, str | int] = {"0.45": 30}


def signed(frame: BookFrame, keys: Keys | None) -> BookFrame:
    """Return the frame with the hash that the venue would give it."""
    token = MARKET.token_ids[frame.outcome]
    digest = book_hash(CONDITION, token, frame.timestamp_ms, sorted(frame.bids), sorted(frame.asks, reverse=True), keys)
    return msgspec.structs.replace(frame, hash=digest)


def book(outcome: Outcome = YES, at_ms: int = 0, keys: Keys | None = KEYS, **more: Any) -> BookFrame:
    bids, asks = (BIDS, ASKS) if outcome == YES else ({"0.55": 30}, {"0.60": 10, "0.61": "20.5"})
    return signed(full(outcome, bids, asks, at_ms, **more), keys)


def test_the_preimage_is_the_venues_compact_json() -> None:
    text = (
        '{"market":"0xabc","asset_id":"11","timestamp":"7","hash":"","bids":[{"price":"0.4","size":"1639.343"}],'
        '"asks":[],"min_order_size":"5","tick_size":"0.001","neg_risk":true,"last_trade_price":"0.040","version":"v2"}'
    )
    keys = Keys("5", 10, neg_risk=True, last_trade_price="0.040", version="v2")
    assert book_hash("0xabc", "11", 7, [(4_000, 1_639_343_000)], [], keys) == hashlib.sha1(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("keys", "form"),
    [(None, Form.SIX), (KEYS, Form.TEN), (KEYS._replace(version="v2"), Form.VERSIONED)],
)
def test_the_form_that_verifies_a_book_is_learned(keys: Keys | None, form: Form) -> None:
    proof = BookProof(MARKET)
    version = keys.version if keys is not None else None
    assert proof.check_book(book(keys=keys, last_trade_price="0.400", version=version), 100) is Verdict.HOLDS
    assert proof.form is form
    assert proof.covers_changes is (form is not Form.SIX)


def test_a_mismatch_is_unproven_until_a_form_is_learned_and_fails_afterwards() -> None:
    proof = BookProof(MARKET)
    wrong = msgspec.structs.replace(book(last_trade_price="0.400"), hash="0" * 40)
    assert proof.check_book(wrong, 100) is Verdict.UNPROVEN
    assert proof.check_book(book(last_trade_price="0.400"), 100) is Verdict.HOLDS
    assert proof.check_book(wrong, 100) is Verdict.FAILS


def test_keys_that_a_mid_stream_book_leaves_out_are_remembered() -> None:
    proof = BookProof(MARKET)
    proof.check_book(book(last_trade_price="0.400", min_order_size="5", neg_risk=False, tick=100), 100)
    assert proof.check_book(book(at_ms=5), 100) is Verdict.HOLDS


def test_a_market_may_move_to_another_form() -> None:
    proof = BookProof(MARKET)
    proof.check_book(book(keys=None), 100)
    assert proof.check_book(book(last_trade_price="0.400"), 100) is Verdict.HOLDS
    assert proof.form is Form.TEN


def test_whether_a_market_is_neg_risk_is_found_out_only_where_it_was_assumed() -> None:
    frame = book(keys=KEYS._replace(neg_risk=True), last_trade_price="0.400")
    assert BookProof(MARKET).check_book(frame, 100) is Verdict.UNPROVEN
    proof = BookProof(msgspec.structs.replace(MARKET, assumed=("neg_risk",)))
    assert proof.check_book(frame, 100) is Verdict.HOLDS
    other = book(NO, keys=KEYS._replace(neg_risk=True), last_trade_price="0.400")
    assert proof.check_book(other, 100) is Verdict.HOLDS


def test_without_a_condition_id_nothing_is_checked() -> None:
    proof = BookProof(msgspec.structs.replace(MARKET, condition_id=None))
    assert proof.check_book(book(), 100) is Verdict.UNCHECKED


@pytest.mark.parametrize("text", ["0.450", "0.550"])
def test_after_a_print_either_tokens_price_may_be_the_last_trade(text: str) -> None:
    proof = BookProof(MARKET)
    proof.check_book(book(last_trade_price="0.400"), 100)
    proof.take_print(NO, 5_500, "0.55")
    after = book(at_ms=1, keys=KEYS._replace(last_trade_price=text))
    assert proof.check_book(after, 100) is Verdict.HOLDS
    assert proof.check_book(msgspec.structs.replace(after, hash="0" * 40), 100) is Verdict.FAILS


def test_after_a_print_a_mismatch_is_unproven_until_one_of_the_prices_has_verified() -> None:
    proof = BookProof(MARKET)
    proof.check_book(book(last_trade_price="0.400"), 100)
    proof.take_print(YES, 4_500, "0.45")
    assert proof.check_book(msgspec.structs.replace(book(), hash="0" * 40), 100) is Verdict.UNPROVEN


def test_a_ladder_is_written_in_the_tokens_own_terms() -> None:
    ladder = Ladder(100)
    ladder.load({4_000: 1, 3_900: 2}, {4_500: 3}, 100)
    assert token_levels(ladder, YES) == ([(3_900, 2), (4_000, 1)], [(4_500, 3)])
    assert token_levels(ladder, NO) == ([(5_500, 3)], [(6_100, 2), (6_000, 1)])


class TestChanges:
    """Level changes of one token carry the hash of its book after them."""

    def opened(self, **parameters: Any) -> Fed:
        fed = Fed(MARKET, tape_is_proof=True, **parameters)
        fed.take(book(last_trade_price="0.400"))
        return fed

    def hash_after(self, at_ms: int, **sizes: int) -> str:
        levels: list[Level] = sorted(
            [(3_900, 20_500_000), (4_000, 10_000_000), *((int(name[1:]), size) for name, size in sizes.items())]
        )
        return book_hash(CONDITION, "11", START_MS + at_ms, levels, [(4_500, 30_000_000)], KEYS)

    def test_each_change_is_compared_at_once_where_that_is_wanted(self) -> None:
        fed = self.opened(verify_every=1)
        fed.take(changed((YES, Side.BUY, "0.41", 1), at_ms=1, hashes=(self.hash_after(1, p4100=1_000_000),)))
        assert (fed.book.counts.change_hash_checked, fed.book.counts.change_hash_ok) == (1, 1)
        fed.take(changed((YES, Side.BUY, "0.42", 1), at_ms=2, hashes=(self.hash_after(2, p4300=1_000_000),)))
        assert (fed.book.counts.change_hash_checked, fed.book.counts.change_hash_ok) == (2, 1)
        assert (fed.seen.unusable, fed.book.counts.gaps) == ("gap", 1)

    @pytest.mark.parametrize("verify_every", [1, 2, 3])
    def test_separate_changes_within_a_millisecond_are_no_gap_whichever_is_sampled(self, verify_every: int) -> None:
        fed = self.opened(verify_every=verify_every)
        for at_ms in (1, 2, 3):
            held: dict[str, int] = {}
            for price in range(4_100, 4_500, 100):
                held[f"p{price}"] = at_ms * 1_000_000
                sizes = {f"p{other}": max(at_ms - 1, 0) * 1_000_000 for other in range(4_100, 4_500, 100)} | held
                there = {name: size for name, size in sizes.items() if size}
                hashes = (self.hash_after(at_ms, **there),)
                fed.take(changed((YES, Side.BUY, f"0.{price // 100}", at_ms), at_ms=at_ms, hashes=hashes))
        counts = fed.book.counts
        assert counts.gaps == 0
        assert counts.change_hash_ok == counts.change_hash_checked >= 2

    def test_inside_a_gap_nothing_is_compared_and_a_full_book_ends_it(self) -> None:
        fed = self.opened(verify_every=1)
        for at_ms in (1, 2, 3):
            fed.take(changed((YES, Side.BUY, "0.41", at_ms), at_ms=at_ms, hashes=("0" * 40,)))
        assert fed.book.counts.change_hash_checked == 1
        fed.take(book(at_ms=4))
        assert len(fed.of(BookResynchronised)) == 1
        fed.take(changed((YES, Side.BUY, "0.41", 1), at_ms=5, hashes=(self.hash_after(5, p4100=1_000_000),)))
        assert (fed.book.counts.change_hash_ok, fed.seen.unusable) == (1, None)

    def test_a_sampled_batch_of_one_timestamp_is_compared_when_it_is_complete(self) -> None:
        fed = self.opened(verify_every=2)
        last = self.hash_after(1, p4100=1_000_000, p4200=2_000_000, p4300=3_000_000)
        for price, size in (("0.41", 1), ("0.42", 2), ("0.43", 3)):
            fed.take(changed((YES, Side.BUY, price, size), at_ms=1, hashes=(last,)))
        assert fed.book.counts.change_hash_checked == 0
        fed.take(changed((YES, Side.BUY, "0.43", 0), at_ms=2, hashes=("0" * 40,)))
        assert (fed.book.counts.change_hash_checked, fed.book.counts.change_hash_ok) == (1, 1)
        fed.take(changed((YES, Side.BUY, "0.42", 0), at_ms=3))
        assert (fed.book.counts.change_hash_checked, fed.book.counts.gaps) == (2, 1)

    def test_only_every_nth_change_is_compared(self) -> None:
        fed = self.opened(verify_every=3)
        for at_ms in range(1, 9):
            digest = self.hash_after(at_ms, p4100=at_ms)
            fed.take(changed((YES, Side.BUY, "0.41", f"0.00000{at_ms}"), at_ms=at_ms, hashes=(digest,)))
        assert (fed.book.counts.change_hash_checked, fed.book.counts.change_hash_ok) == (2, 2)

    def test_in_the_form_of_2025_changes_are_not_compared(self) -> None:
        fed = Fed(MARKET, verify_every=1)
        fed.take(book(keys=None), changed((YES, Side.BUY, "0.41", 1), at_ms=1, hashes=("0" * 40,)))
        assert (fed.book.counts.book_hash_ok, fed.book.counts.change_hash_checked, fed.book.counts.gaps) == (1, 0, 0)

    def test_a_full_book_that_fails_a_proven_form_is_not_believed(self) -> None:
        fed = self.opened()
        fed.take(msgspec.structs.replace(full(YES, {"0.10": 1}, {}, at_ms=1), hash="0" * 40))
        assert (fed.seen.unusable, fed.seen.bid) == ("gap", 4_000)
        assert (fed.book.counts.book_hash_checked, fed.book.counts.book_hash_ok) == (2, 1)


@pytest.fixture(scope="module")
def vectors(shared: Path) -> dict[str, list[dict[str, Any]]]:
    path = shared / "vectors" / "official_sdk_book_hash_vectors.json.gz"
    return json.loads(gzip.decompress(path.read_bytes()))


def _levels(levels: list[dict[str, str]]) -> list[Level]:
    return [(parse_price(level["price"]), parse_size(level["size"])) for level in levels]


def _hash_of(payload: dict[str, Any]) -> str:
    keys = None
    if "min_order_size" in payload:
        tick = parse_tick(payload["tick_size"])
        keys = Keys(payload["min_order_size"], tick, payload["neg_risk"], payload["last_trade_price"])
    bids, asks = _levels(payload["bids"]), _levels(payload["asks"])
    return book_hash(payload["market"], payload["asset_id"], int(payload["timestamp"]), bids, asks, keys)


@pytest.mark.parametrize(("kind", "count"), [("rest", 25), ("ws_book", 15), ("legacy_2025_book", 15)])
def test_the_venues_own_hashes_of_books_are_reproduced(
    vectors: dict[str, list[dict[str, Any]]], kind: str, count: int
) -> None:
    assert len(vectors[kind]) == count
    for vector in vectors[kind]:
        assert _hash_of(vector["payload"]) == vector["expected_hash"]


def test_the_venues_own_hashes_of_changes_are_reproduced_from_a_ladder(
    vectors: dict[str, list[dict[str, Any]]],
) -> None:
    assert len(vectors["price_change"]) == 40
    for vector in vectors["price_change"]:
        payload = vector["payload_after"]
        assert _hash_of(payload) == vector["expected_hash"] == vector["change"]["hash"]
        for outcome in (YES, NO):
            bids, asks = dict(_levels(payload["bids"])), dict(_levels(payload["asks"]))
            if outcome == NO:
                bids, asks = {ONE - p: size for p, size in asks.items()}, {ONE - p: size for p, size in bids.items()}
            ladder = Ladder(1)
            ladder.load(bids, asks, 1)
            assert token_levels(ladder, outcome) == (_levels(payload["bids"]), _levels(payload["asks"]))
