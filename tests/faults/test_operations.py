"""Pairs that a live engine merges and markets that it redeems: done on chain once, and booked to the micro-unit."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import msgspec
import pytest

from actors.gate import Gate
from models.markets import NO, YES, Market
from models.messages.control import Explain
from models.messages.operations import RedemptionChanged
from models.messages.orders import MergeChanged, MergePairs, PositionsRedeemed
from models.positions import cash_flow
from models.units import SHARE, Size, parse_size
from tests.actors.venues.polymarket.local_venue import CLOCK, Trader
from tests.bin.processes import Engine, Sandbox, engine, sandbox, until
from tests.faults.by_hand import Hand, by_hand
from tests.faults.journal import journalled
from tests.faults.live_engine import accounts, clear, log

_WORLD = ("--port", 0, "--profile", "demo", "--markets-count", 12, "--seed", 6)
_FULL = {"inventory__auto_merge": "when_blocked", "inventory__max_position_value": "0.08"}
"""Ten shares for a cent each shut a market, five do not."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    with (
        sandbox(*_WORLD, "--protocol", "mixed") as venue,
        by_hand(venue, 1, tmp_path_factory.mktemp("operations"), **_FULL) as found,
    ):
        yield found


@pytest.fixture
def hand(desk: Hand) -> Iterator[Hand]:
    yield desk
    clear(desk.venue)


@pytest.mark.proves("I3")
def test_a_full_market_is_freed_and_cash_and_tokens_agree_to_the_micro_unit(hand: Hand) -> None:
    frees_a_full_market(hand)


def test_a_full_market_of_the_older_protocol_is_freed(tmp_path: Path) -> None:
    with sandbox(*_WORLD, "--protocol", "2") as venue, by_hand(venue, 1, tmp_path, **_FULL) as hand:
        frees_a_full_market(hand)


def frees_a_full_market(hand: Hand) -> None:
    market, before = hand.market(), hand.running.wallet()["cash"]
    buy(hand, market, 12 * SHARE, 10 * SHARE)
    hand.until(lambda: hand.shares(market) == (2 * SHARE, 0), "the pairs are merged")
    hand.until(lambda: last(merges(hand, market), "confirmed"), "it is journalled")
    assert [merge.state for merge in merges(hand, market)] == ["requested", "submitted", "confirmed"]
    position = hand.running.board.desks["desk", market.id].position
    assert (position.realized, position.merging) == (10_000_000 - 200_000, 0)
    assert hand.in_wallet(market) == (2 * SHARE, 0)
    assert hand.running.wallet()["cash"] - before == cash_flow(position)
    held = (hand.running.wallet()["cash"], 2 * SHARE, 0)
    hand.until(lambda: copy(hand, market) == held, "the venue was told to look again")


def test_a_merge_that_a_person_wants_is_done_and_one_that_fails_can_be_done_again(hand: Hand) -> None:
    market = hand.market()
    buy(hand, market, 5 * SHARE, 5 * SHARE)
    hand.venue.fault("relayed_failed")
    merge(hand, market, 5 * SHARE)
    failed = hand.until(lambda: last(merges(hand, market), "failed"), "it fails")
    assert failed.text == "execution reverted: out of gas"
    assert hand.shares(market) == hand.in_wallet(market) == (5 * SHARE, 5 * SHARE)
    hand.venue.fault("relayer_answer_lost", how="reset")
    merge(hand, market, 5 * SHARE)
    hand.until(lambda: hand.shares(market) == (0, 0), "it is merged")
    assert hand.in_wallet(market) == (0, 0)
    assert len(done(hand, "merge", market)) == 1


def test_what_a_market_pays_is_held_until_it_is_redeemed(hand: Hand) -> None:
    won, lost, void = hand.market(), hand.market(), hand.market()
    before = hand.running.wallet()["cash"]
    for market, no in ((won, 0), (lost, 5 * SHARE), (void, 5 * SHARE)):
        buy(hand, market, 5 * SHARE if market is not lost else 0, no)
    hand.venue.fault("relayed_stuck", state="STATE_EXECUTED", delay=5)
    hand.venue.fault("resolve", market=won.slug, outcome=won.outcomes[YES])
    hand.until(lambda: hand.running.board.markets[won.id].payout_yes, "we hear of it")
    hand.until(lambda: last(redemptions(hand, won), "submitted"), "it is being redeemed")
    assert hand.shares(won) == (5 * SHARE, 0)
    hand.until(lambda: hand.running.board.desks["desk", won.id].profit.unrealized == 4_950_000, "it is valued")
    hand.venue.fault("resolve", market=lost.slug, outcome=lost.outcomes[YES])
    hand.until(lambda: hand.shares(lost) == (0, 0), "what pays nothing is booked off")
    assert (redemptions(hand, lost), hand.in_wallet(lost)) == ([], (0, 5 * SHARE))
    hand.venue.fault("void", market=void.slug)
    hand.until(lambda: hand.shares(won) == hand.shares(void) == (0, 0), "all is paid", 90)
    assert hand.in_wallet(won) == hand.in_wallet(void) == (0, 0)
    hand.until(lambda: len(payouts(hand)) == 3, "all is journalled")
    assert payouts(hand) == [lost.id, won.id, void.id]
    hand.until(lambda: last(redemptions(hand, won), "confirmed"), "that it was redeemed as well")
    assert [change.state for change in redemptions(hand, won)] == ["requested", "submitted", "confirmed"]
    desks = hand.running.board.desks
    flows = [cash_flow(desks["desk", market.id].position) for market in (won, lost, void)]
    assert flows == [4_950_000, -50_000, 4_900_000]
    assert hand.running.wallet()["cash"] - before == sum(flows)


def test_a_market_that_ends_while_its_pairs_are_merged_pays_for_the_rest(hand: Hand) -> None:
    market, before = hand.market(), hand.running.wallet()["cash"]
    buy(hand, market, 7 * SHARE, 5 * SHARE)
    hand.venue.fault("relayed_stuck", state="STATE_EXECUTED", delay=5)
    merge(hand, market, 5 * SHARE)
    hand.until(lambda: last(merges(hand, market), "submitted"), "it is on its way")
    hand.venue.fault("resolve", market=market.slug, outcome=market.outcomes[YES])
    hand.until(lambda: hand.shares(market) == (0, 0), "all is paid", 90)
    assert hand.in_wallet(market) == (0, 0)
    hand.until(lambda: last(merges(hand, market), "confirmed"), "it is journalled")
    assert hand.running.wallet()["cash"] - before == 5_000_000 + 2_000_000 - 120_000


def test_where_nothing_can_be_merged_it_is_said_why_a_market_stays_full(tmp_path: Path) -> None:
    with sandbox(*_WORLD) as venue, by_hand(venue, 0, tmp_path, **_FULL) as hand:
        assert any(said.startswith("merge unavailable: the relayer path") for said in hand.running.engine.warnings())
        market = hand.market()
        buy(hand, market, 10 * SHARE, 10 * SHARE)
        saturated = "saturated: 10 pairs locked until resolution, merge unavailable"

        def says_so() -> bool:
            hand.running.engine.tell(Explain("desk", market.id, "test"))
            explanation = hand.running.board.desks["desk", market.id].explanation
            return explanation is not None and saturated in explanation.notes

        hand.until(says_so, "it says so")
        merge(hand, market, 10 * SHARE)
        failed = hand.until(lambda: last(merges(hand, market), "failed"), "nothing is merged")
        assert failed.text.startswith("merge unavailable")
        assert hand.shares(market) == (10 * SHARE, 10 * SHARE)


# Helpers


def buy(hand: Hand, market: Market, yes: Size, no: Size) -> None:
    """Hold so much, settled, for a cent a share."""
    if yes:
        hand.bought(market, size=yes, outcome=YES)
    if no:
        hand.bought(market, size=no, outcome=NO)
    hand.settles(market)


def merge(hand: Hand, market: Market, size: Size) -> None:
    engine = hand.running.engine
    engine.tell(MergePairs("desk", market.id, size, "flatten", engine.clock.now_ns()))


def merges(hand: Hand, market: Market) -> list[MergeChanged]:
    return [change for change in journalled(hand.running, MergeChanged) if change.market == market.id]


def redemptions(hand: Hand, market: Market) -> list[RedemptionChanged]:
    return [change for change in journalled(hand.running, RedemptionChanged) if change.market == market.id]


def payouts(hand: Hand) -> list[str]:
    """The markets that have paid the desk, in order."""
    return [paid.market for paid in journalled(hand.running, PositionsRedeemed)]


def last(changes: list[Any], state: str) -> Any:
    """The newest change, if it is to this state."""
    return changes[-1] if changes and changes[-1].state == state else None


def done(hand: Hand, kind: str, market: Market) -> list[dict[str, Any]]:
    """What the venue's log has of something done on chain in a market."""
    return [line for line in log(hand.venue, kind) if line.get("market") == market.condition_id]


def copy(hand: Hand, market: Market) -> tuple[int, ...]:
    """Cash, YES and NO as the CLOB believes them to be in the wallet."""
    gate = Gate(Path("unused"), CLOCK)
    client = Trader(hand.venue.said, hand.venue.said["accounts"][hand.running.number], gate).client
    asset: Any = "CONDITIONAL-V2" if market.version == "v2" else "CONDITIONAL"
    reads: list[Callable[[], Any]] = [
        client.balance,
        *(lambda token=token: client.balance(asset, token) for token in market.token_ids),
    ]
    try:
        return tuple(read().amount for read in reads)
    finally:
        client.close()


# Killed in the midst of it


def test_a_merge_on_its_way_when_the_process_is_killed_is_done_once_and_booked_by_the_next(tmp_path: Path) -> None:
    with sandbox(*_WORLD, "--protocol", "mixed") as venue:
        account = venue.said["accounts"][1]
        flags = ("--mode", "live", "--sandbox", venue.url, "--i-understand-live", "--yes")
        variables = _MERGING | {
            "POLYMARKET_PRIVATE_KEY": account["private_key"],
            "POLYMARKET_FUNDER": account["funder"],
            "POLYMARKET_RELAYER_API_KEY": account["relayer_api_key"]["key"],
            "MARKETS": next(market["slug"] for market in venue.said["markets"] if not market["neg_risk"]),
        }
        before = accounts(venue)[1]["wallets"][0]
        with engine(tmp_path, *flags, **variables) as first:
            assert first.keel("resume", "--yes").returncode == 0
            venue.fault("relayed_stuck", state="STATE_EXECUTED", delay=8)
            until(lambda: fill_all(venue) and relayed(venue, account["funder"]), "a merge is on its way", 90)
            first.process.kill()
            first.process.wait(10)
        assert not any(line["state"] == "STATE_CONFIRMED" for line in relayed(venue, account["funder"]))
        under_way = booked(tmp_path, "submitted")
        assert under_way
        with engine(tmp_path, *flags, **variables) as second:
            until(lambda: under_way <= booked(tmp_path, "confirmed"), "the next process hears of its end", 90)

            def agrees() -> bool:
                merged = [line for line in log(venue, "merge") if line["wallet"] == account["funder"]]
                ended = booked(tmp_path, "confirmed")
                told = len(merged) == len(ended) and ended == booked(tmp_path, "requested")
                return told and held(second) == held_in(accounts(venue)[1]["wallets"][0], before)

            until(agrees, "every merge is done once and booked")
            assert second.end() == 0
        ids = {line["id"]: line["nonce"] for line in relayed(venue, account["funder"])}
        assert sorted(ids.values()) == list(range(len(ids))), "one transaction to a nonce"
        assert account["relayer_api_key"]["key"].encode() not in b"".join(
            file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()
        )


_MERGING = {
    "SIGNATURE_TYPE": "3",
    "KEEL_ARMED": "true",
    "STRATEGY_TAG": "desk",
    "PM_BID_SIZE": "5",
    "KEEL_INVENTORY__MAX_NET_DIFF": "10",
    "KEEL_INVENTORY__MAX_POSITION_VALUE": "10",
    "KEEL_INVENTORY__AUTO_MERGE": "at_least",
    "KEEL_INVENTORY__MERGE_PAIRS": "5",
    "KEEL_FLOW__THRESHOLD": "1000000",
}


def fill_all(venue: Sandbox) -> bool:
    """Let outside takers fill whatever rests of the account."""
    for order_id in accounts(venue)[1]["open_orders"]:
        with suppress(HTTPError):  # it is gone by now
            venue.fault("partial_fills", order=order_id, parts=1, dust="0")
    return True


def relayed(venue: Sandbox, wallet: str) -> list[dict[str, Any]]:
    return [line for line in log(venue, "relayed") if line["wallet"] == wallet]


def booked(data_dir: Path, state: str) -> set[str]:
    """The merges that are journalled in a state."""
    with closing(sqlite3.connect(f"file:{data_dir}/arb.db?mode=ro", uri=True)) as database:
        rows = database.execute("select body from journal where kind = 'MergeChanged' order by seq")
        changes = [msgspec.json.decode(body, type=MergeChanged) for (body,) in rows]
    return {change.operation for change in changes if change.state == state}


def held(running: Engine) -> int:
    return sum(parse_size(row["yes_shares"]) + parse_size(row["no_shares"]) for row in running.rows().values())


def held_in(wallet: dict[str, Any], before: dict[str, Any]) -> int:
    return sum((Counter(wallet["tokens"]) - Counter(before["tokens"])).values())
