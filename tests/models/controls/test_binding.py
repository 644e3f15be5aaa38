"""Which limit orders meet first: what they do not use up is none, until it holds."""

from models.controls.binding import Bound, OrderSize, bounds, order_size
from models.markets import Side
from models.messages.control import ExposureUpdated, Reading
from models.messages.decisions import QuoteNote
from models.snapshot import MarketLine
from models.units import SHARE
from tests.little_engine import NO, YES, LittleEngine
from tests.models.controls.losing import MARKETS, M

SIZE = OrderSize(5, 2.5)
LINE = MarketLine(MARKETS[M])
WORST = Reading("market_worst_case", "slug-m", 100, 150, "dollars")


def orders(*readings: Reading, line: MarketLine = LINE, size: OrderSize = SIZE) -> list[tuple[str, int]]:
    """Return which controls bind, and how many more orders each lets pass."""
    return [(one.reading.control, one.orders) for one in bounds(readings, line, size)]


def test_a_loss_is_no_limit_that_orders_use_up_until_it_holds() -> None:
    loss = Reading("day_loss", "all", 29, 30, "dollars")
    assert orders(loss, WORST) == [("market_worst_case", 20)]
    holds = Reading("day_loss", "all", 31, 30, "dollars", holds=True)
    assert bounds((holds, WORST), LINE, SIZE)[0] == Bound(holds, 0)


def test_dollars_shares_and_counts_are_compared_in_orders() -> None:
    shares = Reading("net_limit", "slug-m YES", 20, 40, "shares")
    count = Reading("open_orders", "all", 9, 10, "count")
    assert orders(WORST, shares, count) == [("open_orders", 1), ("net_limit", 4), ("market_worst_case", 20)]


def test_what_is_beyond_its_limit_lets_no_order_pass() -> None:
    assert orders(Reading("market_worst_case", "slug-m", 151, 150, "dollars")) == [("market_worst_case", 0)]


def test_a_limit_on_each_single_order_binds_only_an_order_that_is_too_large() -> None:
    single = Reading("order_dollars", "all", None, 2.5, "dollars")
    assert orders(single) == []
    assert orders(single, size=OrderSize(6, 3.0)) == [("order_dollars", 0)]


def test_what_cannot_be_counted_in_orders_does_not_bind() -> None:
    ticks = Reading("price_bounds", "all", None, 2, "ticks")
    boundless = Reading("market_worst_case", "slug-m", 100, None, "dollars")
    free = OrderSize(5, 0.0)
    assert orders(ticks, boundless) == []
    assert orders(WORST, size=free) == []


def test_a_limit_on_another_market_is_none_of_this_one() -> None:
    assert orders(Reading("market_worst_case", "slug-n", 149, 150, "dollars")) == []


def test_a_market_that_is_counted_already_uses_up_no_more_markets() -> None:
    markets = Reading("open_positions", "all", 4, 4, "count")
    assert orders(markets) == [("open_positions", 0)]
    counted = MarketLine(MARKETS[M], exposure=ExposureUpdated(M, 5 * SHARE, 2_500_000, 1, 0))
    assert orders(markets, line=counted) == []


def test_orders_are_counted_by_the_dearest_quote_that_is_wanted() -> None:
    engine = LittleEngine(1)
    cheap = QuoteNote(YES, Side.BUY, 2_000, 8 * SHARE, "wanted", "", 0, 0)
    dear = QuoteNote(NO, Side.BUY, 7_000, 6 * SHARE, "wanted", "", 0, 0)
    engine.decide(1, quotes=(cheap, dear))
    board = engine.board.look()
    assert order_size(board, board.markets[engine.id(1)]) == OrderSize(6.0, 4.2)


def test_where_no_quote_is_wanted_orders_are_the_smallest_at_the_mid_or_at_half_a_dollar() -> None:
    engine = LittleEngine(2)
    engine.book(1, 2_000, 2_400)
    board = engine.board.look()
    assert order_size(board, board.markets[engine.id(1)]) == OrderSize(5.0, 1.1)
    assert order_size(board, board.markets[engine.id(2)]) == OrderSize(5.0, 2.5)
