"""The closing figures add up, whatever has happened, and say what kept a run from trading."""

from models.cells import TradingState
from models.markets import Side
from models.messages.control import CellNote, TradingStateChanged
from models.messages.decisions import Explanation, QuoteNote
from models.messages.orders import FillVoided, IntentDenied
from models.snapshot import Spell
from models.statistics import Held, Tally, closing
from models.units import SHARE
from tests.little_engine import TAG, LittleEngine

S = 1_000_000_000
QUOTE = QuoteNote(0, Side.BUY, 4_800, 5 * SHARE, "working", "provide", 0, 0, "", 4_800)


def said(market: str, reason: str, at_s: int, *quotes: QuoteNote) -> Explanation:
    return Explanation(
        TAG, market, market, at_s * S, "Balanced", TradingState.ACTIVE, reason, (), tuple(quotes), None, ()
    )


def state(market: str, at_s: int, *cells: CellNote) -> TradingStateChanged:
    return TradingStateChanged(
        market, max((cell.state for cell in cells), default=TradingState.ACTIVE), cells, at_s * S
    )


def test_a_run_without_a_trade_has_no_success_rate_and_no_profit() -> None:
    board = LittleEngine(2).board.look()
    figures = closing(board, board)
    assert (figures.trades, figures.successful, figures.failed, figures.success_rate) == (0, 0, 0, None)
    assert (figures.opportunities, figures.orders, figures.profit.total, figures.held) == (0, 0, 0, ())


def test_orders_and_refusals_are_the_opportunities_and_fills_that_stand_the_successes() -> None:
    engine = LittleEngine(2)
    before = engine.board.look()
    engine.place(1)
    engine.place(2)
    for reason in ("duplicate", "duplicate", "net_limit"):
        engine.show(IntentDenied("i", TAG, engine.id(1), 0, Side.BUY, reason, "", 7))
    engine.fill(1)
    engine.show(FillVoided(engine.fill(2), 7))
    after = engine.board.look()
    figures = closing(before, after)
    assert (figures.opportunities, figures.orders, figures.refused) == (5, 2, {"duplicate": 2, "net_limit": 1})
    assert (figures.trades, figures.successful, figures.failed, figures.success_rate) == (2, 1, 1, 0.5)
    assert figures.held == (Held(TAG, "market-1", 5 * SHARE, 0), Held(TAG, "market-2", 5 * SHARE, 0))
    profit = figures.profit
    assert profit.total == profit.realized + (profit.unrealized or 0) - profit.fees + profit.rebates


def test_time_without_a_quote_is_counted_by_its_reason_over_all_desks() -> None:
    tally = Tally()
    tally.decided(said("m", "no_book", 0))
    tally.decided(said("n", "no_book", 1))
    tally.decided(said("m", "providing", 4, QUOTE))
    tally.decided(said("m", "hedge_only", 6))
    tally.decided(said("m", "hedge_only", 7))
    assert tally.idle(10 * S) == (Spell("no_book", 2, 13 * S), Spell("hedge_only", 1, 4 * S))
    assert tally.idle(11 * S)[0] == Spell("no_book", 2, 14 * S), "what is under way goes on"


def test_a_hold_of_all_markets_is_one_and_ends_when_the_last_market_is_free_of_it() -> None:
    tally = Tally()
    paused = CellNote("all", "operator", TradingState.CANCEL_ONLY, "paused", 2 * S)
    for market in ("m", "n"):
        tally.state_changed(state(market, 2, paused))
    assert tally.holds(5 * S) == (Spell("CANCEL_ONLY by operator", 1, 3 * S),)
    for market in ("m", "n"):
        tally.state_changed(state(market, 6))
    assert tally.holds(9 * S) == (Spell("CANCEL_ONLY by operator", 1, 4 * S),)


def test_holds_of_several_markets_by_the_same_source_are_counted_each() -> None:
    tally = Tally()
    for at_s, market in ((1, "m"), (2, "n")):
        fused = CellNote(f"market {market}", "flow", TradingState.CANCEL_ONLY, "fused", at_s * S)
        tally.state_changed(state(market, at_s, fused))
        tally.state_changed(state(market, at_s + 3))
    reducing = CellNote("market m", "inventory", TradingState.REDUCING, "hedge_only", 8 * S)
    tally.state_changed(state("m", 8, reducing))
    assert tally.holds(9 * S) == (Spell("CANCEL_ONLY by flow", 2, 6 * S),), "what only reduces lets orders out"


def test_a_clock_that_seems_to_go_back_takes_no_time_away() -> None:
    tally = Tally()
    tally.decided(said("m", "no_book", 5))
    tally.decided(said("m", "stale", 3))
    assert tally.idle(3 * S) == (Spell("no_book", 1, 0), Spell("stale", 1, 0))
