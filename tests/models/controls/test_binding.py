"""Which limit orders meet first: what they do not use up is none, until it holds."""

from models.controls.binding import OrderSize, bounds
from models.messages.control import Reading
from models.snapshot import MarketLine
from tests.models.controls.losing import MARKETS, M

SIZE = OrderSize(5, 2.5)


def test_a_loss_is_no_limit_that_orders_use_up_until_it_holds() -> None:
    line = MarketLine(MARKETS[M])
    loss = Reading("day_loss", "all", 29, 30, "dollars")
    worst = Reading("market_worst_case", "slug-m", 100, 150, "dollars")
    assert [(one.reading.control, one.orders) for one in bounds((loss, worst), line, SIZE)] == [
        ("market_worst_case", 20)
    ]
    holds = Reading("day_loss", "all", 31, 30, "dollars", holds=True)
    assert bounds((holds, worst), line, SIZE)[0] == (holds, 0)
