"""What `why` is made of: where each quote stands, what it waits for, and the naked leg."""

import pytest
from msgspec.structs import replace

from models.depth import Depth
from models.explain import Explainer, shares_ahead, ticks_from_touch
from models.leg_risk import LegParameters
from models.markets import NO, YES, Outcome, Side
from models.messages.decisions import Explanation, Gate, RefusalNote
from models.orders import OrderState
from models.strategy import MarketView, Quote, Targets, Withheld, WorkingOrder
from models.units import SHARE
from tests.models.coordination import MS, M, book, held, maker, seen, view

DEEP = replace(
    book(),
    bids=Depth({4_800: 30 * SHARE, 4_700: 20 * SHARE, 4_600: 10 * SHARE}),
    asks=Depth({5_200: 40 * SHARE, 5_300: 5 * SHARE}),
)


def explain(
    shown: MarketView, targets: Targets, refusals: tuple[RefusalNote, ...] = (), now_ns: int = 0
) -> Explanation:
    return Explainer("tag", LegParameters()).explanation(
        shown, targets, (Gate("book", True), Gate("flow", True)), refusals, now_ns
    )


def bid(outcome: Outcome, price: int, reason: str = "provide") -> Quote:
    return Quote(M, outcome, Side.BUY, price, 5 * SHARE, reason, "mid 0.5 - 0.01")


def working(outcome: Outcome, price: int, shares: int = 5, state: OrderState = OrderState.WORKING) -> WorkingOrder:
    return WorkingOrder(f"i{price}{shares}", outcome, Side.BUY, price, shares * SHARE, state)


@pytest.mark.parametrize(
    ("outcome", "side", "price", "ticks", "ahead"),
    [
        (YES, Side.BUY, 4_800, 0, 30),
        (YES, Side.BUY, 4_900, 1, 0),
        (YES, Side.BUY, 4_600, -2, 60),
        (NO, Side.BUY, 4_800, 0, 40),
        (NO, Side.BUY, 4_700, -1, 45),
        (NO, Side.BUY, 4_900, 1, 0),
        (YES, Side.SELL, 5_200, 0, 40),
        (YES, Side.SELL, 5_300, -1, 45),
        (NO, Side.SELL, 5_200, 0, 30),
        (NO, Side.SELL, 5_300, -1, 50),
        (NO, Side.SELL, 5_100, 1, 0),
    ],
)
def test_where_an_order_stands_against_the_touch_of_its_own_token(
    outcome: Outcome, side: Side, price: int, ticks: int, ahead: int
) -> None:
    shown = seen(DEEP)
    assert ticks_from_touch(shown, outcome, side, price) == ticks
    assert shares_ahead(shown, outcome, side, price) == ahead * SHARE


def test_a_wanted_quote_is_shown_with_its_formula_and_the_touch_it_stands_against() -> None:
    (note,) = explain(seen(DEEP), Targets((bid(NO, 4_700),), reason="providing")).quotes
    assert (note.state, note.price, note.size, note.ticks_from_touch) == ("wanted", 4_700, 5 * SHARE, -1)
    assert (note.touch, note.formula) == (4_800, "mid 0.5 - 0.01")


def test_a_standing_order_is_shown_as_it_stands_with_all_that_rests_there() -> None:
    shown = replace(seen(DEEP), working=(working(YES, 4_800), working(YES, 4_800, 6)))
    (note,) = explain(shown, Targets((bid(YES, 4_800),))).quotes
    assert (note.state, note.price, note.size) == ("working", 4_800, 11 * SHARE)


def test_a_reprice_says_what_it_gives_up() -> None:
    shown = replace(seen(DEEP), working=(working(YES, 4_600),))
    told = explain(shown, Targets((bid(YES, 4_800),)))
    assert told.quotes[0].price == 4_600
    assert told.notes == ("YES buy stands at 0.460 with 60 ahead; wanted at 0.480, with 30 ahead",)


def test_every_side_that_is_withheld_or_refused_says_why() -> None:
    withheld = (Withheld(M, YES, Side.BUY, "inventory_limit"), Withheld("n", NO, Side.BUY, "gap"))
    no_room = RefusalNote(NO, Side.BUY, "open_orders_total", "60 open orders >= 60")
    refused = (no_room, RefusalNote(YES, Side.BUY, "hedge_only", ""))
    told = explain(seen(DEEP), Targets((bid(NO, 4_700),), withheld=withheld), refused)
    assert told.notes == ("YES buy: inventory_limit",)
    assert told.refusals == (no_room,), "the other side is not wanted any more"


def test_a_quote_that_waits_for_an_own_order_to_go_says_for_which() -> None:
    shown = replace(seen(DEEP), working=(working(YES, 4_900, state=OrderState.CANCELLING),))
    told = explain(shown, Targets((bid(NO, 5_100),)))
    assert told.notes == ("NO buy waits: it would trade with our YES buy at 0.490 (cancelling)",)
    assert explain(shown, Targets((bid(NO, 5_000),))).notes == ()


def test_gates_stand_in_the_order_asked_the_common_ones_first() -> None:
    told = explain(seen(DEEP), Targets(gates=(Gate("net_diff", False, 5, 5, "size", "open"),), reason="x"))
    assert [gate.name for gate in told.gates] == ["book", "flow", "net_diff"]


def test_quotes_of_other_markets_of_the_group_are_not_shown() -> None:
    assert explain(seen(DEEP), Targets((replace(bid(YES, 4_800), market="n"),))).quotes == ()


def test_the_naked_leg_of_the_specification() -> None:
    """YES 31/33 and 5 YES at 0.48: the hedge at 0.51 stands 16 ticks behind the NO touch."""
    shown = seen(book(3_100, 3_300), held(yes=5, yes_cost=240))
    targets = maker().targets(view(shown))
    told = explain(shown, targets, now_ns=41 * 60_000 * MS)
    assert told.phase == "Hedge"
    naked, (hedge,) = told.naked, told.quotes
    assert naked is not None
    assert (naked.outcome, naked.shares, naked.average, naked.age_ms) == (YES, 5 * SHARE, 4_800, 41 * 60_000)
    assert (naked.mid, naked.unrealized, naked.worst_case) == (3_200, -800_000, -2_400_000)
    assert (hedge.outcome, hedge.price, hedge.ticks_from_touch, hedge.touch) == (NO, 5_100, -16, 6_700)
    assert hedge.formula == "min(ceiling 0.990 - 0.480, ask 0.690 - 0.010)"
    assert (naked.hedge_price, naked.hedge_ticks_behind) == (5_100, 16)
    assert (naked.finish_maker_price, naked.finish_maker_profit) == (11_600, -800_000)
    assert [(gate.name, gate.passed) for gate in told.gates if gate.name == "net_diff"] == [("net_diff", True)]


def test_pairs_that_nothing_frees_say_what_they_keep_shut() -> None:
    shown = replace(seen(DEEP), position=held(12, 10, 600, 480))
    full = Targets(gates=(Gate("position_value", False, 6, 5, "money", "open"),), reason="x")
    naked = Targets(gates=(Gate("net_diff", False, 5, 5, "size", "open"),), reason="x")

    def notes(targets: Targets, *, merges: bool) -> tuple[str, ...]:
        return Explainer("tag", LegParameters(), merges=merges).explanation(shown, targets, (), (), 0).notes

    assert notes(full, merges=False) == ("saturated: 10 pairs locked until resolution, merge unavailable",)
    assert notes(full, merges=True) == ()
    assert notes(naked, merges=False) == (), "that is not for want of merging"


def test_a_flat_market_has_no_naked_leg() -> None:
    assert explain(seen(DEEP), Targets()).naked is None
