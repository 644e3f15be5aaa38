"""Under fair is bought, over fair is sold, and without an outside value nothing is."""

import pytest

from models.markets import NO, YES, Fees, Side
from models.messages.market import ReferenceUpdated
from models.messages.position import Leg, Position
from models.strategies.two_sided import TwoSided, TwoSidedParameters
from models.strategy import Targets, View
from models.units import DOLLAR, SHARE
from tests.models.coordination import book, held, market, seen, view


def ask(
    value: float | None = None,
    position: Position = Position(),
    bid: int = 4_800,
    best_ask: int = 5_000,
    *,
    shares: int = 50,
    rate_e6: int = 0,
    **given: object,
) -> Targets:
    of = market(reference="fair", fees=Fees(rate_e6))
    base = view(seen(book(bid, best_ask, shares=shares), position, listed=of))
    references = {} if value is None else {"fair": ReferenceUpdated("fair", value, 0)}
    parameters = TwoSidedParameters(**{"fair": "reference", **given})  # pyright: ignore[reportArgumentType]
    return TwoSided(parameters).targets(View(base.tag, 0, base.markets, references))


@pytest.mark.parametrize("fair", ["mid", "microprice"])
def test_an_internal_fair_value_never_has_an_edge_and_the_gates_say_why(fair: str) -> None:
    targets = ask(position=held(yes=20, yes_cost=900), fair=fair, min_edge=0, exit_edge=0)
    assert targets.takes == ()
    assert targets.reason == "no_directional_edge"
    assert all("no directional edge possible" in gate.note for gate in targets.gates)


def test_a_token_under_its_fair_value_is_bought_for_what_an_order_may_cost() -> None:
    (take,) = ask(0.55).takes
    assert (take.outcome, take.side, take.limit, take.size) == (YES, Side.BUY, 5_000, 16 * SHARE)
    (take,) = ask(0.40).takes
    assert (take.outcome, take.side, take.limit) == (NO, Side.BUY, 5_200)


def test_a_token_over_its_fair_value_is_sold_as_far_as_it_is_settled() -> None:
    position = Position(Leg(20 * SHARE, 9 * DOLLAR, 7 * SHARE), Leg(), unpaired_since_ns=0)
    (take,) = ask(0.465, position).takes
    assert (take.outcome, take.side, take.limit, take.size, take.reason) == (
        YES, Side.SELL, 4_800, 7 * SHARE, "over_fair",
    )  # fmt: skip


def test_the_larger_edge_beyond_its_own_least_goes_first() -> None:
    settled = Position(Leg(20 * SHARE, 9 * DOLLAR, 20 * SHARE), Leg(), unpaired_since_ns=0)
    (sale,) = ask(0.45, settled).takes
    assert sale.side is Side.SELL, "300 against 60 beats 300 against 200"


def test_the_fee_is_part_of_the_edge() -> None:
    assert len(ask(0.525, min_edge=200).takes) == 1
    charged = ask(0.525, min_edge=200, rate_e6=70_000)
    assert charged.takes == ()
    assert charged.reason == "low_edge"
    gate = next(gate for gate in charged.gates if gate.passed is False and gate.name == "under_fair")
    assert gate.threshold == 200


def test_inventory_of_a_token_is_bounded_in_dollars() -> None:
    nearly = Position(Leg(60 * SHARE, 22 * DOLLAR, 60 * SHARE), Leg(), unpaired_since_ns=0)
    (take,) = ask(0.55, nearly).takes
    assert take.size == 6 * SHARE
    full = Position(Leg(60 * SHARE, 24 * DOLLAR, 60 * SHARE), Leg(), unpaired_since_ns=0)
    assert ask(0.55, full).reason == "too_small"


def test_a_buy_under_a_dollar_is_not_sent() -> None:
    assert ask(0.15, bid=100, best_ask=200, shares=20).reason == "too_small"
    assert len(ask(0.15, bid=100, best_ask=200, shares=50).takes) == 1


@pytest.mark.parametrize("fair", [None, float("nan"), -0.1, 1.1])
def test_without_a_probability_nothing_is_known(fair: float | None) -> None:
    assert ask(fair).reason == "missing_fair"
