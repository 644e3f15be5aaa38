from msgspec.structs import replace

from models.cells import TradingState
from models.markets import NO, YES, Side
from models.messages.control import TradingStateChanged
from models.messages.decisions import DecisionMade
from models.standing_back import StandingBack
from models.strategy import Quote, Targets, View
from models.units import SHARE
from models.words import explanation_text
from tests.models.coordination import M, Room, bids, book, cancels, of_kind, quoting, seen, view

BACK = "5 s mark-out -0.0200"


def shown(ticks: int) -> View:
    return view(replace(seen(book()), ticks_back=ticks, because=BACK))


def quote(price: int, side: Side = Side.BUY, **given: object) -> Quote:
    return replace(Quote(M, YES, side, price, 5 * SHARE, "quote", "mid"), **given)


def test_a_bid_goes_down_and_an_ask_up_and_the_formula_says_so() -> None:
    moved = StandingBack().targets(Targets((quote(4_900), quote(5_300, Side.SELL)), reason="quote"), shown(2))
    assert [one.price for one in moved.quotes] == [4_700, 5_500]
    assert [one.formula for one in moved.quotes] == ["mid, 2 ticks back"] * 2
    assert moved.reason == "quote"


def test_a_quote_without_a_formula_or_an_anchor_says_just_how_far_back_it_stands() -> None:
    moved = StandingBack().targets(Targets((quote(4_900, formula=""),)), shown(1))
    assert moved.quotes == (quote(4_800, formula="1 tick back"),)


def test_a_hedge_stays_where_it_is() -> None:
    urgent = quote(4_900, urgent=True)
    assert StandingBack().targets(Targets((urgent,)), shown(1)).quotes == (urgent,)


def test_what_no_price_is_left_for_is_withheld() -> None:
    moved = StandingBack().targets(Targets((quote(100), quote(9_900, Side.SELL)), reason="quote"), shown(1))
    assert moved.quotes == ()
    assert [(one.side, one.reason) for one in moved.withheld] == [
        (Side.BUY, "standing_back"),
        (Side.SELL, "standing_back"),
    ]
    assert moved.reason == "standing_back"


def test_the_reason_of_a_strategy_that_wants_nothing_stays() -> None:
    assert StandingBack().targets(Targets(reason="too_wide"), shown(1)).reason == "too_wide"


def test_the_same_targets_are_the_same_object_until_something_changes() -> None:
    back, wanted = StandingBack(), Targets((quote(4_900),))
    assert back.targets(wanted, shown(0)) is wanted
    once = back.targets(wanted, shown(1))
    assert back.targets(wanted, shown(1)) is once
    assert back.targets(wanted, shown(2)) is not once
    other = Targets((quote(4_800),))
    assert back.targets(other, shown(2)).quotes[0].price == 4_600


def test_markets_that_are_not_held_back_keep_their_quotes() -> None:
    other = quote(4_900, market="other")
    assert StandingBack().targets(Targets((other,)), shown(1)).quotes == (other,)


def test_standing_orders_are_moved_and_why_says_by_how_much_and_for_what_reason() -> None:
    room = quoting()
    out = room.tell(TradingStateChanged(M, TradingState.ACTIVE, (), room.now_ns, 1, BACK))
    assert [reason for _, reason in cancels(out)] == ["reprice", "reprice"]
    explanation = room.why()
    assert [one.formula[-11:] for one in explanation.quotes] == ["1 tick back"] * 2
    (gate,) = [gate for gate in explanation.gates if gate.name == "ticks_back"]
    assert (gate.passed, gate.value, gate.note, gate.blocks) == (True, 1, BACK, "")
    assert f"[ok] ticks_back 1 ({BACK})" in explanation_text(explanation)
    (decided,) = of_kind(out, DecisionMade)
    assert [one.price for one in decided.explanation.quotes] == [4_900, 4_900], "those that stand, until they are gone"


def test_a_market_that_stands_back_is_quoted_so_far_away_and_comes_back_when_it_is_let_go() -> None:
    room = Room()
    room.tell(TradingStateChanged(M, TradingState.ACTIVE, (), room.now_ns, 1, BACK))
    out = room.book()
    assert bids(out) == {YES: (4_800, 5), NO: (4_800, 5)}
    room.accept(out)
    assert cancels(room.book()) == [], "it stays there"
    out = room.tell(TradingStateChanged(M, TradingState.ACTIVE, (), room.now_ns))
    assert [reason for _, reason in cancels(out)] == ["reprice", "reprice"]
