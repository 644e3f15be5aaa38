"""Documents that no command of a running engine shows, and figures that must agree between those that do."""

from decimal import Decimal

from models.orders import OrderState
from surfaces import documents
from tests.little_engine import NO, LittleEngine


def test_the_demo_has_exactly_the_keys_of_the_contract() -> None:
    engine = LittleEngine(2)
    engine.book(1)
    engine.decide(1)
    engine.fill(1, shares=3)
    engine.fill(1, NO, 4_900, shares=3)
    found = documents.demo(engine.board.look(), 1, 20.0)
    assert list(found) == [
        "schema", "seed", "duration_s", "markets", "decisions", "orders", "fills", "cancels_by_reason", "pnl",
        "restarts", "errors",
    ]  # fmt: skip
    assert found["schema"] == "keel.demo/1"
    assert list(found["markets"][0]) == ["slug", "condition_id", "on", "state", "net_shares", "fills"]
    assert [row["fills"] for row in found["markets"]] == [2, 0]
    assert found["fills"] == 2
    assert {"total", "realized", "unrealized", "fees"} <= set(found["pnl"])


def test_a_profits_parts_sum_to_its_total_and_the_rows_to_the_whole() -> None:
    engine = LittleEngine(3)
    for number in (1, 2, 3):
        engine.book(number, 4_000 + number, 4_100 + number)
        engine.fill(number, shares=number)
    status = documents.status(engine.board.look(), engine.clock.now_ns())
    parts = status["pnl"]
    total = (
        Decimal(parts["realized"]) + Decimal(parts["unrealized"]) - Decimal(parts["fees"]) + Decimal(parts["rebates"])
    )
    assert Decimal(parts["total"]) == total == sum(Decimal(row["pnl"]["total"]) for row in status["markets"])


def test_status_markets_and_monitor_agree_at_one_snapshot() -> None:
    engine = LittleEngine(3)
    engine.fill(2, NO, shares=7)
    engine.control.set_state("off", ["market-3"], "test", 1)
    board = engine.board.look()
    status, monitor = documents.status(board, 0), documents.monitor(board, 0, 0, None)
    listed = documents.markets(board)["markets"]
    assert status["snapshot_id"] == monitor["snapshot_id"]
    for rows in (status["markets"], monitor["markets"]):
        assert [(row["slug"], row["on"], row["state"], row["net_shares"]) for row in rows] == [
            (row["slug"], row["on"], row["state"], row["net_shares"]) for row in listed
        ]


def test_the_best_of_several_bids_is_the_quote() -> None:
    engine = LittleEngine(1)
    engine.place(1, NO, 4_800)
    engine.place(1, NO, 4_900)
    engine.place(1, NO, 4_700)
    (row,) = documents.rows(engine.board.look(), 0)
    assert (row["no_quote"], row["yes_quote"], row["orders_open"]) == ("0.49", None, 3)


def test_an_order_of_unknown_fate_is_counted_as_such() -> None:
    from msgspec.structs import replace

    engine = LittleEngine(1)
    order = engine.orders[engine.place(1)]
    engine.change(replace(order, state=OrderState.UNKNOWN, reason="no answer"))
    status = documents.status(engine.board.look(), 0)
    assert (status["orders_open"], status["orders_unknown"]) == (1, 1)
