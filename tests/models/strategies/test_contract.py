"""What every strategy in the catalogue has to keep. A new one is found by itself."""

import ast
import inspect
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.cells import TradingState
from models.depth import Depth
from models.engine import EngineParameters
from models.fees import taker_fee
from models.inventory import InventoryParameters
from models.markets import NO, YES, Catalogue, Fees, Group, Market, Outcome, Side
from models.messages.market import BookUpdated, ReferenceUpdated
from models.messages.position import Leg, Position
from models.orders import TimeInForce
from models.phase import phase_of
from models.sizes import SIZE_STEP, least_take
from models.strategies.catalogue import STRATEGIES
from models.strategies.complete_set import CompleteSetParameters
from models.strategies.lead_lag import LeadLagParameters
from models.strategies.maker import MakerParameters
from models.strategies.two_sided import TwoSidedParameters
from models.strategy import MarketView, Strategy, Take, Targets, View
from models.units import DOLLAR, ONE, SHARE, TICKS
from tests.models.coordination import Room, cell, flow, market, orders

EAGER = EngineParameters(
    inventory=InventoryParameters(max_net_diff=10 * SHARE, max_position_value=10 * DOLLAR),
    maker=MakerParameters(bid_size=5 * SHARE),
    lead_lag=LeadLagParameters(lookback=2, spot_move_min_pct=0.0, edge_min_pct=0.0),
    complete_set=CompleteSetParameters(min_edge=0, failure_buffer=0),
    two_sided=TwoSidedParameters(min_edge=0, exit_edge=0, fair="reference"),
)
"""Parameters with which every strategy has something to say."""

LINES_MAX = 120
"""Of a strategy's class and helpers together, its parameters and words apart; the maker is the whole of S4."""

names = pytest.mark.parametrize("name", sorted(STRATEGIES))


@st.composite
def books(draw: st.DrawFn, of: Market) -> BookUpdated:
    ticks = ONE // of.tick
    bid = draw(st.integers(1, ticks - 2))
    ask = draw(st.integers(bid + 1, min(bid + 6, ticks - 1)))
    sizes = st.integers(1, 40 * SHARE)
    bids = {(bid - below) * of.tick: draw(sizes) for below in range(min(3, bid))}
    asks = {(ask + above) * of.tick: draw(sizes) for above in range(min(3, ticks - ask))}
    bid, ask = bid * of.tick, ask * of.tick
    return BookUpdated(of.id, 1, 1, of.tick, Depth(bids), Depth(asks), bid, ask, bid, ask, None, 0, 0)


@st.composite
def legs(draw: st.DrawFn) -> Leg:
    shares = draw(st.sampled_from([0, 0, 3 * SHARE, 5 * SHARE, 7_123_456, 20 * SHARE]))
    return Leg(shares, shares * draw(st.integers(1, 99)) // 100, draw(st.integers(0, shares)))


@st.composite
def market_views(draw: st.DrawFn, name: str) -> MarketView:
    of = market(
        name,
        tick=draw(st.sampled_from(TICKS[:-1])),
        fees=draw(st.sampled_from([Fees(), Fees(70_000)])),
        end_ns=draw(st.sampled_from([None, 10**15])),
        reference="ref",
    )
    yes, no = draw(legs()), draw(legs())
    merging = draw(st.integers(0, min(yes.settled, no.settled)))
    position = Position(yes, no, merging, unpaired_since_ns=0 if yes.shares != no.shares else None)
    phase = phase_of(yes.shares - no.shares, False, of.min_order_size)
    state = draw(st.sampled_from([TradingState.ACTIVE, TradingState.ACTIVE, TradingState.REDUCING]))
    return MarketView(of, phase, state, (), draw(books(of)), None, position, (), None)


@st.composite
def views(draw: st.DrawFn, group: bool) -> View:
    members = [draw(market_views(f"m{number}")) for number in range(draw(st.integers(2, 4)) if group else 1)]
    values = (
        st.floats(0.0, 1.0)
        | st.floats(min_value=1.0, max_value=1e6)
        | st.sampled_from([0.0, -1.0, float("nan"), float("inf")])
    )
    at_ns = draw(st.integers(0, 5))
    references = {"ref": ReferenceUpdated("ref", draw(values), at_ns)} if draw(st.booleans()) else {}
    return View("tag", 10**9, {one.market.id: one for one in members}, references, draw(st.booleans()))


def built(name: str, parameters: EngineParameters = EAGER) -> Strategy:
    return STRATEGIES[name](parameters)


def shown(name: str) -> st.SearchStrategy[list[View]]:
    return st.lists(views(built(name).scope == "group"), min_size=1, max_size=6)


def written(targets: Targets) -> bytes:
    return msgspec.json.encode(targets)


def all_takes(targets: Targets) -> Sequence[Take]:
    return [*targets.takes, *(leg for bundle in targets.bundles for leg in bundle.legs)]


@names
def test_it_declares_what_it_is(name: str) -> None:
    strategy = built(name)
    assert strategy.name == name
    assert strategy.scope in ("market", "group")
    assert strategy.style in ("maker", "taker")
    assert isinstance(strategy.parameters, msgspec.Struct)
    assert strategy.parameters.__struct_config__.frozen
    assert strategy.parameters is getattr(EAGER, name), "its section of the configuration bears its name"


@names
def test_its_groups_are_markets_of_the_catalogue_each_at_most_once(name: str) -> None:
    listed = {key: market(key, reference="ref" if key < "c" else None, group="e") for key in "abcd"}
    catalogue = Catalogue(listed, {"e": Group("e", "event", tuple("abc"), neg_risk=True, exhaustive=True)})
    groups = built(name).groups(catalogue)
    members = [member for group in groups for member in group]
    assert members
    assert set(members) <= set(listed)
    assert len(members) == len(set(members))
    assert all((len(group) == 1) == (built(name).scope == "market") for group in groups)


@pytest.mark.proves("I31")
@names
@settings(max_examples=25)
@given(st.data())
def test_the_same_views_give_the_same_targets_byte_for_byte(name: str, data: st.DataObject) -> None:
    first, second = built(name), built(name)
    for view in data.draw(shown(name)):
        wanted = written(first.targets(view))
        assert written(first.targets(view)) == wanted, "asking twice changes nothing"
        assert written(second.targets(view)) == wanted


@names
@settings(max_examples=25)
@given(st.data())
def test_a_restored_strategy_goes_on_as_the_one_that_was_written_down(name: str, data: st.DataObject) -> None:
    before, after = data.draw(shown(name)), data.draw(shown(name))
    first, second = built(name), built(name)
    for view in before:
        first.targets(view)
    second.restore(first.snapshot())
    assert second.snapshot() == first.snapshot()
    for view in after:
        assert written(second.targets(view)) == written(first.targets(view))


@pytest.mark.proves("I15")
@names
@settings(max_examples=25)
@given(st.data())
def test_its_quotes_are_such_as_the_venue_takes_and_never_trade_at_once(name: str, data: st.DataObject) -> None:
    strategy = built(name)
    for view in data.draw(shown(name)):
        quotes = strategy.targets(view).quotes
        assert strategy.style == "maker" or not quotes
        slots = [(quote.market, quote.outcome, quote.side) for quote in quotes]
        assert len(slots) == len(set(slots))
        for quote in quotes:
            seen = view.markets[quote.market]
            assert quote.price % seen.tick == 0
            assert seen.tick <= quote.price <= ONE - seen.tick
            assert quote.size % SIZE_STEP == 0
            assert quote.size >= seen.market.min_order_size
            touch = seen.touch(quote.outcome)
            assert quote.price < touch.ask if quote.side is Side.BUY else quote.price > touch.bid
            assert quote.reason
        for one in view.markets:
            bids = [quote.price for quote in quotes if quote.market == one and quote.side is Side.BUY]
            assert len(bids) < 2 or sum(bids) < ONE, "our two bids would make a pair with each other"


@pytest.mark.proves("I14")
@names
@settings(max_examples=25)
@given(st.data())
def test_its_takes_are_such_as_the_venue_takes_and_within_what_is_held(name: str, data: st.DataObject) -> None:
    strategy = built(name)
    for view in data.draw(shown(name)):
        targets = strategy.targets(view)
        takes = all_takes(targets)
        assert strategy.style == "taker" or not takes
        for take in takes:
            seen = view.markets[take.market]
            assert take.limit % seen.tick == 0
            assert seen.tick <= take.limit <= ONE - seen.tick
            assert take.size % SIZE_STEP == 0
            assert take.time_in_force in (TimeInForce.FAK, TimeInForce.FOK)
            assert take.reason
            if take.side is Side.BUY:
                assert take.size >= least_take(seen.market, take.limit) or targets.bundles
                assert take.size * take.limit >= DOLLAR * ONE
            leg = seen.position.yes if take.outcome == YES else seen.position.no
            assert take.side is Side.BUY or take.size <= leg.settled - seen.position.merging
        for bundle in targets.bundles:
            assert len({leg.size for leg in bundle.legs}) == 1
            assert {leg.market for leg in bundle.legs} == set(view.markets)


@names
@settings(max_examples=25)
@given(st.data())
def test_what_it_does_not_want_has_a_reason_and_its_gates_can_be_read(name: str, data: st.DataObject) -> None:
    strategy = built(name)
    for view in data.draw(shown(name)):
        targets = strategy.targets(view)
        assert targets.reason.isidentifier()
        quoted = {(quote.market, quote.outcome) for quote in targets.quotes}
        withheld = {(skip.market, skip.outcome) for skip in targets.withheld}
        assert not quoted & withheld
        assert all(skip.reason.isidentifier() and skip.market in view.markets for skip in targets.withheld)
        if quoted and strategy.scope == "market":
            every: set[tuple[str, Outcome]] = {(one, outcome) for one in view.markets for outcome in (YES, NO)}
            assert quoted | withheld == every, "a side that is not quoted says why"
        if not targets.quotes and not all_takes(targets):
            assert targets.withheld or any(not gate.passed for gate in targets.gates)
        for gate in targets.gates:
            assert gate.name
            assert gate.blocks in ("all", "open", "yes", "no", "")
            assert isinstance(gate.value, int | None)
            assert isinstance(gate.threshold, int | None)


@names
def test_it_trades_nowhere_where_the_coordinator_was_told_to_stop(name: str) -> None:
    strategy = built(name)
    count = 3 if strategy.scope == "group" else 1
    listed = [market(f"m{number}", reference="ref", tick=100) for number in range(count)]
    for stop in ("unusable", "flow", "state", "resolved"):
        room = Room(strategy, *listed, exhaustive=True)
        for number, one in enumerate(listed):
            room.tell(flow(toxic=stop == "flow" and number == count - 1, name=one.id))
            if stop == "state" and number == count - 1:
                room.state(cell(TradingState.HALTED, "switch", "off"), name=one.id)
        for value in (0.5, 0.6, 0.7):
            room.tell(ReferenceUpdated("ref", value, int(10 * value)))
            for number, one in enumerate(listed):
                gap = "gap" if stop == "unusable" and number == count - 1 else None
                ended = stop == "resolved" and number == count - 1
                room.book(2_000, 2_100, one.id, unusable="resolved" if ended else gap)
        assert orders(room.said) == [], stop


@names
def test_it_is_short(name: str) -> None:
    """Code alone is counted: no docstrings, comments, imports or blank lines, and not the struct of its parameters."""
    strategy = built(name)
    module = inspect.getmodule(type(strategy))
    assert module is not None
    tree = ast.parse(inspect.getsource(module))
    counted = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    lines = sum(
        len(ast.unparse(_without_docstrings(node)).splitlines())
        for node in counted
        if node.name != type(strategy.parameters).__name__
    )
    assert lines <= (2 * LINES_MAX if name == "maker" else LINES_MAX)


def _without_docstrings(node: ast.FunctionDef | ast.ClassDef) -> ast.AST:
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(inner) is not None:
            inner.body = inner.body[1:] or [ast.Pass()]
    return node


def test_the_eager_parameters_make_every_strategy_want_something() -> None:
    """Without this the contract above could hold because nothing is ever wanted."""
    for name in STRATEGIES:
        assert _wants(name), name


def _wants(name: str) -> bool:
    strategy, count = built(name), 3 if built(name).scope == "group" else 1
    for value in (0.5, 0.6, 0.7):
        members: dict[str, MarketView] = {}
        for number in range(count):
            of = market(f"m{number}", reference="ref")
            bids, asks = Depth({2_000: 400 * SHARE}), Depth({2_100: 10 * SHARE})
            book = BookUpdated(of.id, 1, 1, 100, bids, asks, 2_000, 2_100, 2_000, 2_100, None, 0, 0)
            members[of.id] = MarketView(of, "Balanced", TradingState.ACTIVE, (), book, None, Position(), (), None)
        view = View("tag", 0, members, {"ref": ReferenceUpdated("ref", value, int(10 * value))}, exhaustive=True)
        targets = strategy.targets(view)
        if targets.quotes or all_takes(targets):
            return True
    return False


def test_the_fee_of_these_tests_is_one() -> None:
    assert taker_fee(Fees(70_000), 5_000, SHARE) == 17_500
