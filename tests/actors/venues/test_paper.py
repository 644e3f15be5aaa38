"""The paper venue over the death of its actor."""

from actors.venues.paper import surviving
from models.markets import YES, Market, Side
from models.messages.market import MarketResolved
from models.messages.orders import OrderRejected, PlaceOrder, SubmitOrder
from models.messages.runtime import WakeAt, Woke
from models.orders import TimeInForce
from models.paper.exchange import PaperMachine
from models.paper.parameters import PaperParameters

MS = 1_000_000
M = Market(id="m", slug="m", token_ids=("1", "2"))
WISH = PlaceOrder(
    intent="i",
    tag="desk",
    market="m",
    outcome=YES,
    side=Side.BUY,
    price=4_800,
    size=5_000_000,
    post_only=True,
    time_in_force=TimeInForce.GTC,
    reason="test",
    epoch=0,
    created_ns=0,
)


def test_a_restarted_venue_still_knows_what_it_was_sent_and_asks_again_to_be_woken() -> None:
    build = surviving(PaperMachine({"m": M}, PaperParameters(), seed=1))
    build().step(SubmitOrder("a", WISH, 0), 0)
    reborn = build()
    assert reborn.step(MarketResolved("elsewhere", 0, 0), 10 * MS) == (WakeAt(at_ns=50 * MS, timer="agenda"),)
    answers = reborn.step(Woke(timer="agenda"), 50 * MS)
    assert [type(answer) for answer in answers] == [OrderRejected]  # no book was ever shown
