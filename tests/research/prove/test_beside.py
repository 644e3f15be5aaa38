"""Paper beside live: what is read of a journal, how both are held against each other, and a short run of the two."""

import json
from pathlib import Path

import pytest

from actors.store.database import sqlite_url
from actors.store.rows import rows_of, touch_row
from actors.store.writer import Writer
from models.depth import Depth
from models.markets import NO, YES, Outcome, Side
from models.messages.base import Message
from models.messages.market import BookUpdated
from models.messages.orders import FillCounted, OrderChanged
from models.orders import OrderState
from models.units import SHARE, Price
from research.prove import beside_table
from research.prove.beside import Pair, Report, compare
from research.prove.beside_fills import Trading, read

_S = 1_000_000_000


def test_fills_waits_and_mark_outs_are_those_of_the_span(tmp_path: Path) -> None:
    database = tmp_path / "arb.db"
    with_rows(
        database,
        changed("yes", OrderState.PLACING, 9),
        changed("yes", OrderState.WORKING, 10),
        filled("yes", YES, 4_800, 13, shares=10),
        changed("yes", OrderState.FILLED, 13),
        changed("no", OrderState.WORKING, 12),
        filled("no", NO, 5_000, 14, shares=30),
        filled("no", NO, 5_000, 99, shares=5),
        changed("no", OrderState.CANCELLED, 100),
        changed("refused", OrderState.REJECTED, 11),
        touches=((8, 4_800, 5_000), (17, 4_700, 4_900), (18, 0, 5_000), (19, 4_600, 4_800)),
    )
    found = read(database, 10 * _S, 20 * _S)
    assert (found.orders, found.bid_fills, found.ask_fills, found.shares) == (2, 1, 1, 40.0)
    assert found.rested_s == 3 + 8
    assert found.wait_s == pytest.approx((10 * 3 + 30 * 2) / 40)
    # Bought at 48 and worth 48 five seconds later; sold at 50 and worth 47 then.
    assert found.mark_out == pytest.approx((10 * 0 + 30 * 3) / 40)


def test_nothing_filled_is_read_as_nothing(tmp_path: Path) -> None:
    with_rows(tmp_path / "arb.db")
    assert read(tmp_path / "arb.db", 0, _S) == Trading(0, 0.0, 0, 0, 0.0, 0.0, 0.0)


def test_paper_that_is_filled_more_does_not_hold_unless_the_seeds_say_nothing() -> None:
    assert report((100, 100), (90, 100)).holds
    assert report((104, 100), (104, 100)).holds, "within the allowance"
    assert not report((110, 100), (111, 100), (109, 100)).holds
    assert report((110, 100), (60, 100), (150, 100)).holds, "noise"
    assert not report((0, 100), (100, 100)).holds, "one of them did not trade"
    assert report((110, 100), (110, 100)).optimism == pytest.approx(0.1)


def test_the_table_and_the_document_show_every_seed_and_the_means() -> None:
    shown = report((110, 100), (90, 100))
    lines = list(beside_table.lines(shown))
    assert [line.split()[:2] for line in lines[2:7]] == [
        ["1", "paper"], ["1", "live"], ["2", "paper"], ["2", "live"], ["mean", "paper"],
    ]  # fmt: skip
    written = beside_table.document(shown)
    assert written["mean"]["paper"]["shares"] == 100
    assert [seed["seed"] for seed in written["seeds"]] == [1, 2]
    assert json.dumps(written)


def test_both_trade_the_same_market_for_a_moment(tmp_path: Path) -> None:
    shares: list[float] = []
    found = compare("demo", [1], 0.05, shares.append, markets=4, keep=tmp_path)
    (pair,) = found.pairs
    assert pair.paper.orders
    assert pair.live.orders
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert (tmp_path / "seed-1" / "live" / "arb.db").exists()


def report(*shares: tuple[int, int]) -> Report:
    def trading(filled_shares: int) -> Trading:
        return Trading(1, 1.0, bool(filled_shares), 0, filled_shares, 1.0, 0.5)

    return Report("demo", 1.0, [Pair(n, trading(paper), trading(live)) for n, (paper, live) in enumerate(shares, 1)])


def with_rows(database: Path, *messages: Message, touches: tuple[tuple[int, Price, Price], ...] = ()) -> None:
    writer = Writer(sqlite_url(database), 0)
    for message in messages:
        at_ns = getattr(message, "at_ns", 0)
        chained = [(at_ns, message)] if isinstance(message, OrderChanged) else []
        writer.write(rows_of(message, writer.run, at_ns), chained)
    writer.write([touch_row(book(*touch)) for touch in touches], [])
    writer.close()


def book(at_s: int, bid: Price, ask: Price) -> BookUpdated:
    at_ns = at_s * _S
    return BookUpdated("m", at_s, 1, 100, Depth({}), Depth({}), bid, ask, bid, ask, None, at_ns, at_ns)


def changed(order_id: str, state: OrderState, at_s: int) -> OrderChanged:
    size = 100 * SHARE
    return OrderChanged(order_id, order_id, "desk", "m", YES, Side.BUY, 4_800, size, 0, state, "", at_s * _S)


def filled(order_id: str, outcome: Outcome, price: Price, at_s: int, shares: int) -> FillCounted:
    trade = f"{order_id} {at_s}"
    size = shares * SHARE
    return FillCounted(trade, order_id, order_id, "desk", "m", outcome, Side.BUY, price, size, 0, 0, 0, True, at_s * _S)
