"""What a flatten would do is shown in its three steps, with amounts, before anybody confirms it."""

from msgspec.structs import replace

from models.flatten_plan import MarketPlan, Residual, flatten_plan, plan_text
from models.markets import NO, YES
from models.messages.position import InventoryUpdated, Position
from models.snapshot import Board
from models.units import SHARE
from tests.little_engine import TAG, LittleEngine
from tests.models.coordination import held


def hold(engine: LittleEngine, number: int, position: Position) -> None:
    engine.show(InventoryUpdated(TAG, engine.id(number), position, engine.clock.now_ns()))


def planned(board: Board, *, everything: bool = True) -> dict[str, MarketPlan]:
    return {plan.slug: plan for plan in flatten_plan(board, board.markets.values(), everything=everything)}


def test_the_three_steps_are_listed_over_all_markets_and_by_market() -> None:
    engine = LittleEngine(4)
    engine.place(1)
    engine.place(1, NO, 5_000)
    engine.book(1, 4_800, 5_200)
    hold(engine, 1, held(yes=8, no=5))
    engine.book(2, 3_000, 3_200)
    hold(engine, 2, held(no=6))
    hold(engine, 3, held(yes=3))
    board = engine.board.look()
    assert plan_text(tuple(planned(board).values())) == (
        "flatten 4 markets:",
        "  1. cancel 2 orders",
        "  2. merge 5 pairs (5.00 USDC)",
        "  3. unwind 6 NO ~ 4.08 USDC",
        "  6 YES stay: below the minimum size",
        "  market-1: cancel 2 orders, merge 5 pairs (5.00 USDC), 3 YES below the minimum stay",
        "  market-2: unwind 6 NO ~ 4.08 USDC",
        "  market-3: 3 YES below the minimum stay",
    )


def test_where_there_is_nothing_to_do_it_says_so() -> None:
    board = LittleEngine(2).board.look()
    assert plan_text(tuple(planned(board).values())) == (
        "flatten 2 markets:", "  1. cancel 0 orders", "  2. merge 0 pairs", "  3. unwind nothing",
    )  # fmt: skip


def test_what_is_bid_is_what_the_book_holds_level_by_level() -> None:
    engine = LittleEngine(1)
    engine.book(1, 4_800, 5_200, size=4)
    hold(engine, 1, held(yes=10))
    (unwind,) = planned(engine.board.look())["market-1"].unwind
    assert unwind == Residual(YES, 10 * SHARE, 4 * 4_800 * 100)


def test_without_a_bid_nobody_knows_what_it_would_bring() -> None:
    engine = LittleEngine(1)
    hold(engine, 1, held(yes=10))
    assert planned(engine.board.look())["market-1"].text == "unwind 10 YES nobody bids"


def test_pairs_that_nothing_can_merge_stay() -> None:
    engine = LittleEngine(1)
    hold(engine, 1, held(yes=5, no=8))
    board = replace(engine.board.look(), engine=replace(engine.engine, merges=False))
    assert plan_text(tuple(planned(board).values()))[2:5] == (
        "  2. merge 0 pairs",
        "  3. unwind nothing",
        "  5 pairs stay: locked until resolution, merge unavailable",
    )


def test_pairs_on_their_way_are_not_merged_twice() -> None:
    engine = LittleEngine(1)
    hold(engine, 1, replace(held(yes=10, no=10), merging=6 * SHARE))
    assert planned(engine.board.look())["market-1"].pairs == 4 * SHARE


def test_a_market_that_a_person_stopped_is_left_alone_by_a_flatten_of_everything_only() -> None:
    engine = LittleEngine(2)
    hold(engine, 1, held(yes=10))
    engine.control.set_state("off", ["market-1"], "cli", 1)
    board = engine.board.look()
    assert planned(board)["market-1"] == MarketPlan("market-1", untouched=True)
    assert "  market-1: stopped by itself, left alone" in plan_text(tuple(planned(board).values()))
    assert planned(board, everything=False)["market-1"].unwind[0].size == 10 * SHARE
