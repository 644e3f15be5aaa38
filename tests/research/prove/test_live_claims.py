"""What the live proof notices: a venue's log and a journal that agree, and every lie that one of them can tell."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from actors.store.rows import rows_of
from actors.store.writer import Writer
from models.ledger import cash_of_fill
from models.markets import NO, YES
from models.messages.base import Message
from models.messages.orders import FillCounted, FillSettled, OrderChanged, PlaceOrder, SubmitOrder
from models.messages.position import InventoryUpdated, Leg, Position
from models.orders import OrderState
from models.units import SHARE
from research.prove.live_claims import Clocks, check, check_end, check_errors, check_wallet, has_settled
from research.prove.live_journal import read
from research.prove.live_venue import Fault, VenueAccount, fold
from research.prove.witness import Findings
from sandbox.log import Log
from tests.models.wishes import TAG, M, fill, wish

ADDRESS, TOKENS = "0xAb", ("1", "2")
CLOCKS = Clocks(0, 0, 1.0, 0)
FILLED, CUT, REFUSED, UNSENT = wish(1), wish(2, "0.50", outcome=NO), wish(3), wish(4)
BEGAN, PLACED, MATCHED, MINED = 1, 2_000_000_000, 3_000_000_000, 60_000_000_000
Lines = list[dict[str, Any]]


@pytest.fixture
def lines() -> Lines:
    """What a venue wrote of one order that was filled, one that was cancelled with 2 of 5 matched, and one refused."""
    log = Log()
    found: Lines = []
    log.on_line.append(lambda line: found.append(json.loads(line)))
    log.write(BEGAN, "market_listed", market=M, tokens=TOKENS)
    log.write(BEGAN, "deposit", wallet=ADDRESS, amount=100 * SHARE)
    for order in (FILLED, CUT):
        log.write(PLACED, "order_placed", **name(order), market=M, token=order.outcome, side="BUY", size=order.size)
    log.write(PLACED, "order_refused", **name(REFUSED), error="no")
    for order, size in ((FILLED, 5 * SHARE), (CUT, 2 * SHARE)):
        cash = cash_of_fill(order, order.price, size)
        part = {"token": order.outcome, "side": "BUY", "price": order.price, "size": size, "cash": cash}
        makers = [{"order": order.intent, "account": ADDRESS, **part}]
        facts = {"id": f"t{order.outcome}", "status": "MATCHED", "market": M, "taker": "x", "account": "outside"}
        log.write(MATCHED, "trade", **facts, **part, fee=10, makers=makers)
        status = "MATCHED" if size == order.size else "LIVE"
        log.write(MATCHED, "order_matched", id=order.intent, matched=size, status=status)
    log.write(MATCHED, "order_cancelled", id=CUT.intent, status="CANCELED", reason="", matched=2 * SHARE)
    for status in ("MINED", "CONFIRMED"):
        for trade in ("t0", "t1"):
            log.write(MINED, "trade", id=trade, status=status, transaction="0x1")
    return found


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """What an engine wrote of the same."""
    whole, part = fill(FILLED, "t0"), fill(CUT, "t1", 2 * SHARE)
    held = Position(
        Leg(5 * SHARE, whole.cash, 5 * SHARE), Leg(2 * SHARE, part.cash, 2 * SHARE), fills=2, realized=0, fees=0
    )
    said: list[Message] = [SubmitOrder(order.intent, order, 1) for order in (FILLED, CUT, REFUSED, UNSENT)]
    for counted in (replace(whole, order_id=FILLED.intent), replace(part, order_id=CUT.intent)):
        said += [counted, FillSettled(counted, 5)]
    said += [
        changed(FILLED, OrderState.FILLED, 5 * SHARE),
        changed(CUT, OrderState.CANCELLED, 2 * SHARE),
        changed(REFUSED, OrderState.REJECTED),
        changed(UNSENT, OrderState.NEVER_SENT),
        InventoryUpdated(TAG, M, held, 6),
    ]
    file = tmp_path / "arb.db"
    writer = Writer(f"sqlite:///{file}", 1)
    for message in said:
        chained = [] if isinstance(message, InventoryUpdated) else [(1, message)]
        writer.write(rows_of(message, writer.run, 1), chained)
    writer.close()
    return file


def name(order: PlaceOrder) -> dict[str, str]:
    return {"id": order.intent, "account": ADDRESS, "wallet": ADDRESS}


def changed(order: PlaceOrder, state: OrderState, filled: int = 0) -> OrderChanged:
    return OrderChanged(
        order.intent, order.intent, TAG, M, order.outcome, order.side, order.price, order.size, filled, state, "", 4
    )


def folded(lines: Lines) -> VenueAccount:
    return fold((json.dumps(line) for line in lines), ADDRESS, ADDRESS)


def wrong(lines: Lines, database: Path) -> set[str]:
    """Return the claims that do not hold."""
    findings = Findings()
    check(folded(lines), read(database), CLOCKS, findings)
    assert len(findings.cases) == sum(findings.wrong.values()), "every case is named"
    return set(findings.wrong)


def test_books_that_agree_hold_and_are_settled(lines: Lines, database: Path) -> None:
    venue, findings = folded(lines), Findings()
    check(venue, read(database), CLOCKS, findings)
    assert findings.cases == []
    assert findings.checked["every fill was counted"] == 2
    assert findings.checked["positions to the micro-share"] == 2
    assert findings.checked["every order ended as the venue says"] == 4
    assert has_settled(venue, read(database), MINED)


@pytest.mark.parametrize(
    ("lie", "claim"),
    [
        ("DELETE FROM fills WHERE trade_id = 't1'", "every fill was counted"),
        ("UPDATE fills SET size = size + 1 WHERE trade_id = 't1'", "size, price, cash, fee and side of each"),
        ("UPDATE fills SET fee = 10", "size, price, cash, fee and side of each"),
        ("UPDATE fills SET status = 'pending' WHERE trade_id = 't0'", "each settled or failed as its trade did"),
        ("UPDATE fills SET trade_id = 't2' WHERE trade_id = 't1'", "no fill was made up"),
        ("UPDATE positions SET no_shares = no_shares - 1", "positions to the micro-share"),
        ("UPDATE positions SET yes_cost = yes_cost + 1", "cash to the micro-dollar"),
        ("UPDATE orders SET state = 'unknown' WHERE state = 'cancelled'", "no order's fate is unknown"),
        ("UPDATE orders SET state = 'disputed' WHERE state = 'cancelled'", "no order's fate is unknown"),
        ("UPDATE orders SET state = 'working' WHERE state = 'filled'", "every order ended as the venue says"),
        ("UPDATE orders SET filled = 1 WHERE state = 'cancelled'", "every order ended as the venue says"),
        ("UPDATE orders SET state = 'cancelled' WHERE state = 'rejected'", "every order ended as the venue says"),
        ("DELETE FROM orders WHERE state = 'filled'", "every order ended as the venue says"),
        ("DELETE FROM journal WHERE kind = 'SubmitOrder' AND seq = 1", "the journal knows every order at the venue"),
        ("DELETE FROM journal WHERE kind = 'SubmitOrder' AND seq = 3", "the journal knows every order at the venue"),
        ("UPDATE journal SET seq = seq + 1000 WHERE seq = 1", "each was journalled before anything was heard of it"),
        (
            f"UPDATE journal SET at_ns = {PLACED + 1} WHERE seq = 1",
            "each was journalled before it was sent, by the clocks",
        ),
    ],
)
def test_a_lie_of_the_journal_is_found(lines: Lines, database: Path, lie: str, claim: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute(lie).rowcount > 0
        connection.commit()
    assert claim in wrong(lines, database)


def test_a_fill_or_kill_that_met_nobody_is_cancelled_and_was_never_there(lines: Lines, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE orders SET state = 'cancelled' WHERE state = 'rejected'")
        connection.commit()
        assert wrong(lines, database) == {"every order ended as the venue says"}
        connection.execute("UPDATE journal SET body = replace(body, 'GTC', 'FAK')")
        connection.commit()
    assert wrong(lines, database) == set()


def test_a_second_order_of_one_intent_is_found(lines: Lines, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "INSERT INTO journal SELECT 1000, at_ns, kind, 'another', body, digest FROM journal WHERE seq = 1"
        )
        connection.execute(
            "INSERT INTO orders SELECT 'another', run, 'x', tag, market, outcome, side, price, size, 0, 'never_sent', "
            "reason, post_only, created_ns, changed_ns FROM orders WHERE state = 'rejected'"
        )
        connection.commit()
    assert wrong(lines, database) == {"no intent has two orders"}


def test_what_the_venue_alone_knows_is_found(lines: Lines, database: Path) -> None:
    placed = next(line for line in lines if line["kind"] == "order_placed")
    assert wrong([*lines, {**placed, "id": "foreign"}], database) == {
        "the journal knows every order at the venue",
        "nothing is open at the venue",
    }
    assert wrong([*lines, placed], database) >= {"none was sent twice", "nothing is open at the venue"}
    cancelled = [line for line in lines if line["kind"] != "order_cancelled"]
    assert wrong(cancelled, database) == {"nothing is open at the venue", "every order ended as the venue says"}


def test_a_trade_that_failed_before_we_heard_of_it_need_not_be_counted(lines: Lines, database: Path) -> None:
    trade = next(line for line in lines if line["kind"] == "trade")
    failed = {"n": 99, "at_ns": MINED, "kind": "trade", "id": "late", "status": "FAILED"}
    more = [*lines, {**trade, "id": "late"}]
    assert "every fill was counted" in wrong(more, database)
    assert "every fill was counted" not in wrong([*more, failed], database)


def test_what_others_moved_and_what_still_moves_is_no_difference(lines: Lines, database: Path) -> None:
    moved = [
        {"n": 90, "at_ns": MINED, "kind": "deposit", "wallet": ADDRESS, "amount": 7},
        {"n": 91, "at_ns": MINED, "kind": "transfer", "wallet": ADDRESS, "to": "0x", "token_id": "1", "size": 3},
        {"n": 92, "at_ns": MINED, "kind": "transfer", "wallet": "0x", "to": ADDRESS, "token_id": "2", "size": 4},
    ]
    assert wrong([*lines, *moved], database) == set()
    hanging = [line for line in lines if not (line.get("transaction") and line["id"] == "t1")]
    assert wrong(hanging, database) == {"each settled or failed as its trade did"}
    assert not has_settled(folded(hanging), read(database), MINED)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE fills SET status = 'pending' WHERE trade_id = 't1'")
        connection.commit()
    assert wrong(hanging, database) == set()
    assert has_settled(folded(hanging), read(database), MATCHED + 131_000_000_000)


def test_a_merge_counts_where_both_know_of_it(lines: Lines, database: Path) -> None:
    merge = {"n": 90, "at_ns": MINED, "kind": "merge", "wallet": ADDRESS, "market": M, "size": SHARE}
    assert wrong([*lines, merge], database) == {
        "merged pairs", "positions to the micro-share", "cash to the micro-dollar",
    }  # fmt: skip


def test_of_what_was_paid_out_only_what_pays_nothing_may_stay_in_the_wallet(lines: Lines, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE positions SET yes_shares = 0, no_shares = 0, no_cost = 0")
        connection.execute(
            "INSERT INTO journal SELECT 1000, at_ns, 'PositionsRedeemed', 'm', "
            "json_object('market', ?, 'payout_yes', 10000), digest FROM journal WHERE seq = 1",
            (M,),
        )
        connection.commit()
    assert wrong(lines, database) == {"cash to the micro-dollar", "positions to the micro-share"}, "YES is not redeemed"
    redeem = {"n": 90, "at_ns": MINED, "kind": "redeem", "wallet": ADDRESS, "market": M, "paid": 5 * SHARE}
    with closing(sqlite3.connect(database)) as connection:
        cost = fill(FILLED).cash + fill(CUT, "t", 2 * SHARE).cash
        connection.execute("UPDATE positions SET yes_cost = 0, realized = ?", (5 * SHARE - cost,))
        connection.commit()
    assert wrong([*lines, redeem], database) == set()


def test_a_merge_that_has_not_ended_is_waited_for(lines: Lines, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "INSERT INTO journal SELECT 1000, at_ns, 'MergeChanged', 'merge/1', "
            "json_object('market', ?, 'operation', 'merge/1', 'state', 'submitted', 'size', 5), digest "
            "FROM journal WHERE seq = 1",
            (M,),
        )
        connection.commit()
    assert not has_settled(folded(lines), read(database), MINED)
    assert wrong(lines, database) == {"no operation on chain is open"}


def test_a_fee_that_was_taken_in_shares_is_the_venues_doing(lines: Lines) -> None:
    """The taker's dollars come back, and its shares leave by a transfer."""
    trade = next(line for line in lines if line["kind"] == "trade" and line["id"] == "t0")
    ours = {**trade, "id": "t9", "account": ADDRESS, "taker": "y", "makers": []}
    confirmed = {"n": 90, "at_ns": MINED, "kind": "trade", "id": "t9", "status": "CONFIRMED"}
    effect = {"n": 91, "at_ns": MINED, "kind": "fault", "fault": "fee_in_shares", "what": "effect", "trade": "t9"}
    before, after = folded([*lines, ours, confirmed]), folded([*lines, ours, confirmed, effect])
    assert (after.wallet.cash - before.wallet.cash, after.others.cash - before.others.cash) == (10, 10)
    assert after.faults == {"fee_in_shares": Fault(0, 1)}


def test_orders_after_the_end_are_found(lines: Lines) -> None:
    venue, findings = folded(lines), Findings()
    check_end(venue, max(order.number for order in venue.orders.values()), findings)
    assert not findings.cases
    check_end(venue, min(order.number for order in venue.orders.values()), findings)
    assert findings.wrong == {"nothing was placed after the end": 1}


def test_a_log_that_does_not_make_its_wallet_is_found(lines: Lines) -> None:
    venue, findings = folded(lines), Findings()
    tokens = {token: (M, outcome) for token, outcome in zip(TOKENS, (YES, NO), strict=True)}
    shown = {"cash": venue.wallet.cash, "tokens": {"1": 5 * SHARE, "2": 2 * SHARE}}
    check_wallet(venue, shown, tokens, findings)
    assert not findings.cases
    check_wallet(venue, {**shown, "cash": shown["cash"] + 1}, tokens, findings)
    check_wallet(venue, {**shown, "tokens": {"1": 5 * SHARE}}, tokens, findings)
    assert findings.wrong == {"the venue's log and its wallet agree": 2}


def test_an_error_is_explained_by_a_fault_that_fired_or_not_at_all() -> None:
    said = """2026-11-21 16:54:20.163 | INFO     | engine | ERROR is a word
2026-11-21 16:54:20.163 | ERROR    | lane/heartbeat | another program sends heartbeats with our API key"""
    findings = Findings()
    check_errors(said, {"second_writer": Fault(1, 1)}, findings)
    assert not findings.cases
    check_errors(said, {}, findings)
    check_errors(said.replace("another program", "nobody"), {"second_writer": Fault(1, 1)}, findings)
    assert findings.wrong == {"no error that the plan does not explain": 2}


def test_a_taker_pays_its_fee_and_has_the_mean_price(lines: Lines) -> None:
    fills = [line for line in lines if "makers" in line]
    taken = {**fills[0], "account": ADDRESS, "taker": "y", "makers": [], "price": 4_900}
    found = folded([*lines, {**taken, "id": "t9"}]).fills["t9", "y"]
    assert (found.price, found.fee, found.maker, found.dollars) == (FILLED.price, 10, False, -fill(FILLED).cash - 10)


def test_fills_of_others_are_not_ours(lines: Lines) -> None:
    assert isinstance(fill(FILLED), FillCounted)
    assert fold((json.dumps(line) for line in lines), "0xother", "0xother").fills == {}
