"""What becomes of targets: each test feeds order events and targets and compares what comes out."""

from models.cells import TradingState
from models.depth import Depth
from models.markets import NO, YES, Market, Outcome, Side
from models.messages.base import Message
from models.messages.market import BookUpdated
from models.messages.orders import CancelOrder, IntentDenied, OrderChanged, PlaceOrder
from models.messages.position import Position
from models.orders import OrderState
from models.own_orders import OwnOrders
from models.quotes import QuoteParameters, Quotes
from models.strategy import MarketView, Quote, Targets, Withheld
from models.units import SHARE

M = "market"
MS = 1_000_000
MARKET = Market(M, "slug", ("1", "2"))
BOOK = BookUpdated(M, 1, 1, 100, Depth({4_000: SHARE}), Depth({6_000: SHARE}), 4_000, 6_000, 4_000, 6_000, None, 0, 0)
VIEWS = {M: MarketView(MARKET, "Balanced", TradingState.ACTIVE, (), BOOK, None, Position(), (), None)}


class Desk:
    """Quotes with a clock and an executor that answers what it is told to."""

    def __init__(self, **parameters: int) -> None:
        given = QuoteParameters(**parameters)
        self.own = OwnOrders("tag", given.refused_cooldown_ms)
        self.quotes = Quotes(self.own, given)
        self.now_ns = 1_000_000 * MS
        self.placed: dict[str, PlaceOrder] = {}

    def want(self, *quotes: Quote, withheld: tuple[Withheld, ...] = (), reason: str = "") -> list[Message]:
        self.own.forget_unanswered(self.now_ns)
        out = self.quotes.move(Targets(quotes, withheld=withheld, reason=reason), VIEWS, self.now_ns)
        self.placed |= {message.intent: message for message in out if isinstance(message, PlaceOrder)}
        return out

    def says(self, intent: str, state: OrderState, filled: int = 0, reason: str = "") -> None:
        order = self.placed[intent]
        changed = OrderChanged(
            "id-" + intent, intent, "tag", M, order.outcome, order.side, order.price, order.size, filled, state, reason,
            self.now_ns, order.post_only,
        )  # fmt: skip
        self.own.order_changed(changed, self.now_ns)

    def rest(self, quote: Quote) -> str:
        placed = self.want(quote)[-1]
        assert isinstance(placed, PlaceOrder)
        self.says(placed.intent, OrderState.WORKING)
        return placed.intent

    def later(self, ms: int) -> None:
        self.now_ns += ms * MS


def bid(
    price: int, shares: int = 5, *, outcome: Outcome = YES, urgent: bool = False, anchor: int | None = None
) -> Quote:
    return Quote(M, outcome, Side.BUY, price, shares * SHARE, "provide", urgent=urgent, anchor=anchor)


def test_a_target_is_placed_once_and_waited_for() -> None:
    desk = Desk()
    (placed,) = desk.want(bid(4_900))
    assert isinstance(placed, PlaceOrder)
    assert (placed.price, placed.size, placed.post_only, placed.epoch) == (4_900, 5 * SHARE, True, 1)
    assert desk.want(bid(4_900)) == []
    desk.says(placed.intent, OrderState.PLACING)
    assert desk.want(bid(4_700)) == []


def test_replace_is_cancel_then_evidence_then_place_from_the_newest_target() -> None:
    desk = Desk()
    intent = desk.rest(bid(4_900))
    desk.later(500)
    (cancel,) = desk.want(bid(4_700))
    assert cancel == CancelOrder(intent, M, "reprice")
    desk.says(intent, OrderState.CANCELLING)
    assert desk.want(bid(4_600)) == []
    desk.says(intent, OrderState.CANCELLED)
    (placed,) = desk.want(bid(4_500))
    assert isinstance(placed, PlaceOrder)
    assert placed.price == 4_500
    assert placed.intent != intent


def test_a_move_below_the_threshold_keeps_the_order_and_its_queue() -> None:
    desk = Desk(reprice_threshold=300)
    desk.rest(bid(4_900))
    desk.later(500)
    assert desk.want(bid(4_600)) == [], "a move that only equals a configured threshold is no reprice"
    assert len(desk.want(bid(4_500))) == 1


def test_a_threshold_under_one_tick_means_one_tick_and_includes_it() -> None:
    desk = Desk(reprice_threshold=50)
    desk.rest(bid(4_900))
    desk.later(500)
    assert len(desk.want(bid(4_800))) == 1


def test_an_order_is_kept_while_the_mid_stays_within_half_a_tick_of_where_it_was_made() -> None:
    desk = Desk()
    desk.rest(bid(4_900, anchor=9_900))
    desk.later(500)
    assert desk.want(bid(5_000, anchor=10_000)) == []
    assert len(desk.want(bid(5_000, anchor=10_100))) == 1


def test_the_debounce_holds_a_second_placement_back_and_says_when_to_ask_again() -> None:
    desk = Desk(debounce_ms=200)
    intent = desk.rest(bid(4_900))
    desk.says(intent, OrderState.FILLED, filled=5 * SHARE)
    desk.later(50)
    assert desk.want(bid(4_900)) == []
    assert desk.quotes.wake_ns == desk.now_ns + 150 * MS
    desk.later(150)
    assert len(desk.want(bid(4_900))) == 1


def test_a_hedge_does_not_wait_for_the_debounce() -> None:
    desk = Desk(debounce_ms=200)
    intent = desk.rest(bid(4_900))
    desk.says(intent, OrderState.FILLED, filled=5 * SHARE)
    assert len(desk.want(bid(4_900, urgent=True))) == 1


def test_a_vanished_target_is_cancelled_with_the_reason_of_the_strategy_even_while_placing() -> None:
    desk = Desk()
    (placed,) = desk.want(bid(4_900))
    assert isinstance(placed, PlaceOrder)
    why = Withheld(M, YES, Side.BUY, "inventory_limit")
    assert desk.want(withheld=(why,)) == [CancelOrder(placed.intent, M, "inventory_limit")]
    assert desk.want(withheld=(why,)) == [], "a cancel is asked for once"


def test_the_right_price_with_too_small_a_size_is_added_to_when_the_rest_makes_a_minimum() -> None:
    desk = Desk(debounce_ms=0)
    desk.rest(bid(4_900))
    assert desk.want(bid(4_900, 9)) == [], "four more shares are below the minimum"
    (more,) = desk.want(bid(4_900, 10))
    assert isinstance(more, PlaceOrder)
    assert (more.price, more.size) == (4_900, 5 * SHARE)


def test_an_excess_is_cut_only_for_a_hedge() -> None:
    desk = Desk()
    desk.rest(bid(4_900, 10))
    desk.later(500)
    assert desk.want(bid(4_900, 5)) == []
    (cancel,) = desk.want(bid(4_900, 5, urgent=True))
    assert isinstance(cancel, CancelOrder)
    assert cancel.reason == "size"


def test_a_reprice_waits_for_the_minimum_life_but_a_cancel_for_risk_does_not() -> None:
    desk = Desk(minimum_life_ms=1_200)
    intent = desk.rest(bid(4_900))
    desk.later(500)
    assert desk.want(bid(4_500)) == []
    assert desk.quotes.wake_ns == desk.now_ns + 700 * MS
    assert desk.want(withheld=(Withheld(M, YES, Side.BUY, "toxic_flow"),)) == [CancelOrder(intent, M, "toxic_flow")]


def test_the_churn_cap_stops_the_sixth_reprice_of_a_second() -> None:
    desk = Desk(debounce_ms=0)
    cancels = 0
    for step in range(8):
        intent = desk.rest(bid(4_900 - 200 * step)) if not desk.own.working(M) else desk.own.working(M)[0].intent
        desk.later(10)
        out = desk.want(bid(4_900 - 200 * (step + 1)))
        cancels += len(out)
        if out:
            desk.says(intent, OrderState.CANCELLED)
    assert cancels == 5
    assert desk.quotes.wake_ns is not None


def test_a_denied_intent_frees_its_slot_after_a_cooldown() -> None:
    desk = Desk(refused_cooldown_ms=1_000, debounce_ms=0)
    (placed,) = desk.want(bid(4_900))
    assert isinstance(placed, PlaceOrder)
    desk.own.intent_denied(IntentDenied(placed.intent, "tag", M, YES, Side.BUY, "paused", "", desk.now_ns), desk.now_ns)
    assert desk.own.working(M) == ()
    assert desk.want(bid(4_900)) == []
    desk.later(1_000)
    assert len(desk.want(bid(4_900))) == 1


def test_an_intent_that_nobody_answers_is_forgotten_after_it_must_have_died() -> None:
    desk = Desk(debounce_ms=0)
    (first,) = desk.want(bid(4_900))
    desk.later(999)
    assert desk.want(bid(4_900)) == []
    desk.later(1)
    (second,) = desk.want(bid(4_900))
    assert isinstance(first, PlaceOrder)
    assert isinstance(second, PlaceOrder)
    assert first.intent != second.intent


def test_an_order_of_unknown_fate_blocks_its_slot_and_is_not_cancelled_again() -> None:
    desk = Desk()
    (placed,) = desk.want(bid(4_900))
    assert isinstance(placed, PlaceOrder)
    desk.says(placed.intent, OrderState.UNKNOWN)
    desk.later(60_000)
    assert desk.want(bid(4_100)) == []
    assert desk.want(withheld=(Withheld(M, YES, Side.BUY, "gap"),)) == []


def test_a_refused_cancel_can_be_asked_for_again() -> None:
    desk = Desk()
    intent = desk.rest(bid(4_900))
    why = (Withheld(M, YES, Side.BUY, "gap"),)
    assert len(desk.want(withheld=why)) == 1
    desk.says(intent, OrderState.CANCELLING)
    desk.says(intent, OrderState.WORKING)
    assert len(desk.want(withheld=why)) == 1


def test_orders_of_an_earlier_life_are_adopted_and_cancelled_when_unwanted() -> None:
    old, new = Desk(), Desk()
    (placed,) = old.want(bid(4_900))
    assert isinstance(placed, PlaceOrder)
    new.placed = old.placed
    new.says(placed.intent, OrderState.WORKING)
    assert [order.intent for order in new.own.working(M)] == [placed.intent]
    assert new.want() == [CancelOrder(placed.intent, M, "not_wanted")]


def test_intents_are_never_named_twice_over_a_restart() -> None:
    first, second = Desk(), Desk()
    (a,) = first.want(bid(4_900))
    second.later(1)
    (b,) = second.want(bid(4_900))
    assert isinstance(a, PlaceOrder)
    assert isinstance(b, PlaceOrder)
    assert a.intent != b.intent


def test_sizes_are_sent_with_the_two_decimals_that_the_venue_takes() -> None:
    desk = Desk()
    (placed,) = desk.want(Quote(M, YES, Side.BUY, 4_900, 5_123_456, "hedge"))
    assert isinstance(placed, PlaceOrder)
    assert placed.size == 5_120_000
