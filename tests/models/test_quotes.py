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


def test_a_refused_slot_is_left_alone_for_a_while() -> None:
    desk = Desk(refused_cooldown_ms=1_000, debounce_ms=0)
    (placed,) = desk.want(bid(4_900))
    assert isinstance(placed, PlaceOrder)
    desk.own.intent_denied(IntentDenied(placed.intent, "tag", M, YES, Side.BUY, "paused", "", desk.now_ns), desk.now_ns)
    assert desk.want(bid(4_900)) == []
    assert desk.quotes.wake_ns == desk.now_ns + 1_000 * MS
    desk.later(1_000)
    assert len(desk.want(bid(4_900))) == 1


def test_an_intent_that_nobody_answers_is_replaced_after_it_must_have_died() -> None:
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
    desk.says(placed.intent, OrderState.WORKING)
    assert desk.want(withheld=(Withheld(M, YES, Side.BUY, "gap"),)) == [CancelOrder(placed.intent, M, "gap")]


def test_a_refused_cancel_can_be_asked_for_again() -> None:
    desk = Desk()
    intent = desk.rest(bid(4_900))
    why = (Withheld(M, YES, Side.BUY, "gap"),)
    assert len(desk.want(withheld=why)) == 1
    desk.says(intent, OrderState.CANCELLING)
    desk.says(intent, OrderState.WORKING)
    assert len(desk.want(withheld=why)) == 1


def test_a_cancel_without_a_word_for_its_slot_gets_the_reason_for_which_nothing_is_wanted() -> None:
    desk = Desk()
    intent = desk.rest(bid(4_900))
    assert desk.want(reason="market_expired") == [CancelOrder(intent, M, "market_expired")]
    desk = Desk()
    intent = desk.rest(bid(4_900))
    (cancel, _) = desk.want(bid(4_900, outcome=NO), reason="providing")
    assert cancel == CancelOrder(intent, M, "not_wanted"), "what is provided elsewhere is no reason to cancel here"


def test_a_whole_order_too_many_is_cut_and_the_youngest_goes() -> None:
    desk = Desk(debounce_ms=0)
    first = desk.rest(bid(4_900))
    second = desk.rest(bid(4_900, 10))
    assert desk.want(bid(4_900, 8)) == [], "an excess of two shares is no risk"
    assert desk.want(bid(4_900, 5)) == [CancelOrder(second, M, "size")]
    desk.says(second, OrderState.CANCELLED)
    assert [order.intent for order in desk.own.working(M)] == [first]
    assert desk.want(bid(4_900, 5)) == []


def test_a_hedge_beyond_what_is_naked_is_cut_to_what_still_fits() -> None:
    desk = Desk(debounce_ms=0)
    desk.rest(bid(4_900))
    second = desk.rest(bid(4_900, 10))
    assert desk.want(bid(4_900, 8, urgent=True)) == [CancelOrder(second, M, "size")]


def test_nothing_is_placed_that_would_trade_with_an_own_order() -> None:
    desk = Desk()
    desk.rest(bid(4_900))
    keep = bid(4_900)
    assert desk.want(keep, bid(5_100, outcome=NO)) == [], "0.49 and 0.51 are a pair for a dollar"
    assert len(desk.want(keep, bid(5_000, outcome=NO))) == 1
    desk = Desk()
    desk.rest(bid(4_900))
    ask = Quote(M, YES, Side.SELL, 4_900, 5 * SHARE, "provide")
    assert desk.want(bid(4_900), ask) == []


def test_the_same_targets_again_cost_nothing_until_something_was_heard_or_is_due() -> None:
    desk = Desk(debounce_ms=200)
    targets = Targets((bid(4_900),))
    (placed,) = desk.quotes.move(targets, VIEWS, desk.now_ns)
    assert isinstance(placed, PlaceOrder)
    desk.placed[placed.intent] = placed
    desk.says(placed.intent, OrderState.CANCELLED)
    assert desk.quotes.move(targets, VIEWS, desk.now_ns) == [], "debounced"
    desk.later(199)
    assert desk.quotes.move(targets, VIEWS, desk.now_ns) == []
    desk.later(1)
    assert len(desk.quotes.move(targets, VIEWS, desk.now_ns)) == 1


def test_sizes_are_sent_with_the_two_decimals_that_the_venue_takes() -> None:
    desk = Desk()
    (placed,) = desk.want(Quote(M, YES, Side.BUY, 4_900, 5_123_456, "hedge"))
    assert isinstance(placed, PlaceOrder)
    assert placed.size == 5_120_000
