"""Families of controls go by other parameters from one order to the next, and keep what they have counted."""

from functools import partial

import pytest
from msgspec.structs import replace

from models.book_parameters import BookParameters
from models.cells import TradingState
from models.controls.control import Guard
from models.controls.failures import FailedTrades, FailureParameters
from models.controls.families import changeable
from models.controls.market_guard import MarketGuard, MarketParameters
from models.controls.price_guard import PriceGuard, PriceParameters
from models.controls.rejects import RejectParameters, Rejects
from models.controls.repetition import Repetition, RepetitionParameters
from models.engine import EngineParameters
from models.exposure import Exposures
from models.markets import YES
from models.messages.orders import FillVoided
from models.messages.reload import ParametersChanged
from models.orders import OrderState
from models.units import SHARE
from tests.models.controls.books import book
from tests.models.controls.guarded import Guarded
from tests.models.supervisor import M
from tests.models.wishes import wish

DEFAULTS = EngineParameters()


def changed(parameters: EngineParameters) -> ParametersChanged:
    return ParametersChanged(tuple(getattr(parameters, field) for field in parameters.__struct_fields__))


def refused(guard: Guard, price: str) -> str:
    refusal = guard.refusal(wish(1, price, market=M), (), True, 0)
    return "passes" if refusal is None else refusal.reason


def test_a_wider_collar_lets_pass_what_the_narrow_one_refused() -> None:
    guard = PriceGuard(PriceParameters(), Exposures({}).markets, exit_collar=500)
    guard.heard(book(48, 50, market=M), 0)
    assert refused(guard, "0.56") == "collar"
    guard.changed(replace(DEFAULTS, price=PriceParameters(collar=1_000)))
    assert refused(guard, "0.56") == "passes"
    guard.changed(DEFAULTS)
    assert refused(guard, "0.56") == "collar"


def test_a_spread_and_a_touch_are_held_to_the_limits_of_now() -> None:
    risk = Guarded(lambda held: (MarketGuard(MarketParameters(max_spread=100), BookParameters(), held.markets),))
    risk.tell(book(48, 50, market=M, shares=100))
    assert risk.place(YES, 4_900) == "max_spread"
    risk.tell(changed(replace(DEFAULTS, market=MarketParameters(max_spread=500, min_touch=200 * SHARE))))
    assert risk.place(YES, 4_900) == "min_touch"
    risk.tell(changed(replace(DEFAULTS, market=MarketParameters(max_spread=500))))
    assert risk.place(YES, 4_900) not in ("max_spread", "min_touch")


def test_fills_of_one_side_that_were_counted_before_count_against_the_limit_of_now() -> None:
    def family(exposures: Exposures) -> tuple[Repetition]:
        return (Repetition(RepetitionParameters(), exposures.markets),)

    risk = Guarded(family)
    for _ in range(3):
        risk.fill(risk.order(YES, 4_900))
        risk.later(1)
    risk.tell(changed(replace(DEFAULTS, repetition=RepetitionParameters(fills=4))))
    assert risk.state() is TradingState.ACTIVE, "a limit holds nothing by itself"
    risk.fill(risk.order(YES, 4_900))
    assert risk.state() is TradingState.CANCEL_ONLY


@pytest.mark.parametrize(("market", "state"), [(1, TradingState.CANCEL_ONLY), (3, TradingState.ACTIVE)])
def test_trades_that_fail_are_held_to_the_limit_of_now(market: int, state: TradingState) -> None:
    def family(parameters: FailureParameters, exposures: Exposures) -> tuple[FailedTrades]:
        return (FailedTrades(parameters, exposures.markets),)

    risk = Guarded(partial(family, FailureParameters(market=2)))
    risk.tell(changed(replace(DEFAULTS, failures=FailureParameters(market=market, total=9))))
    _, fill = risk.fill(risk.order(YES, 4_900))
    risk.tell(FillVoided(fill, risk.now_ns))
    assert risk.state() is state


@pytest.mark.parametrize(("market", "state"), [(2, TradingState.CANCEL_ONLY), (4, TradingState.ACTIVE)])
def test_orders_that_are_refused_are_held_to_the_limit_of_now(market: int, state: TradingState) -> None:
    def family(exposures: Exposures) -> tuple[Rejects]:
        return (Rejects(RejectParameters(market=3), exposures.markets),)

    risk = Guarded(family)
    for count in range(2):
        if count:
            risk.tell(changed(replace(DEFAULTS, rejects=RejectParameters(market=market))))
        order = risk.order(YES, 4_900)
        risk.tell(risk.changed(order, OrderState.PLACING))
        risk.tell(replace(risk.changed(order, OrderState.REJECTED), reason="invalid signature"))
    assert risk.state() is state


def test_what_is_counted_from_a_start_on_needs_a_restart() -> None:
    able = changeable()
    assert {"rejects.market", "rejects.clean_s", "rejects.crossings"} <= able
    assert "rejects.ratio_window_s" not in able
    assert not {path.partition(".")[0] for path in able} & {"pace", "unknowns", "settlement", "markouts"}


def test_when_an_end_is_near_cannot_be_changed_for_it_is_settled_with_the_first_book() -> None:
    able = changeable()
    assert {"market.max_spread", "price.collar", "repetition.fills", "failures.market"} <= able
    assert not able & {"market.end_guard_ms", "market.end_guard_share"}
