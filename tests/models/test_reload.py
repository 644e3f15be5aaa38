"""Machines go by other parameters while they run: what they have counted, asked and learnt stays."""

from typing import Any

import pytest
from msgspec.structs import astuple, replace

from models.controls.control import Guard
from models.controls.families import FAMILIES, guards
from models.controls.market_guard import MarketGuard
from models.controls.repetition import Repetition
from models.coordinator import CoordinatorMachine
from models.engine import EngineParameters
from models.exposure import Exposures
from models.inventory import InventoryMachine, InventoryParameters
from models.messages.control import Reading
from models.messages.orders import CancelOrder, IntentDenied, MergePairs, OrderApproved
from models.messages.position import LedgerSnapshot, Leg, Position
from models.messages.reload import ParametersChanged
from models.quotes import QuoteParameters
from models.risk import RiskMachine
from models.strategies.catalogue import STRATEGIES
from models.strategies.lead_lag import LeadLag, LeadLagParameters
from models.strategies.maker import MakerParameters
from models.units import DOLLAR, SHARE
from tests.models.coordination import SMALL, Room, maker, market, orders
from tests.models.wishes import TAG, M, wish

BEFORE = EngineParameters()
AFTER = replace(
    BEFORE,
    risk=replace(
        BEFORE.risk, wallet_usd=400 * DOLLAR, order_usd=0.5, order_shares=1.0, market_worst_case=0.5, total_net=0.3,
        cash_reserve=0.2, open_orders_per_market=1, open_positions=7, token_tied_up=0.9, event_worst_case=0.8,
    ),
    losses=replace(BEFORE.losses, day_loss=0.01, market_loss=0.2),
    inventory=replace(BEFORE.inventory, max_net_diff=9 * SHARE),
    price=replace(BEFORE.price, bounds_ticks=4),
    failures=replace(BEFORE.failures, total=9),
    rejects=replace(BEFORE.rejects, total=9, market=3),
)  # fmt: skip
MARKETS = {M: market(M)}
ABLE = [family for family in FAMILIES if family.changed is not Guard.changed]
READ = [family for family in ABLE if family not in (MarketGuard, Repetition)]
"""These two read by their limits only where there is a book, or a fill: controls/test_changed.py."""


def changed(parameters: EngineParameters) -> ParametersChanged:
    return ParametersChanged(astuple(parameters))


def family(kind: type[Guard], parameters: EngineParameters) -> Guard:
    return next(one for one in guards(parameters, {}, 1_000 * DOLLAR, Exposures(MARKETS)) if type(one) is kind)


def readings(guard: Guard) -> list[Reading]:
    return list(guard.readings(0))


@pytest.mark.parametrize("kind", READ)
def test_a_family_that_was_told_reads_as_one_that_was_built_so(kind: type[Guard]) -> None:
    told, built = family(kind, BEFORE), family(kind, AFTER)
    assert readings(told) != readings(built), "or the test says nothing"
    told.changed(AFTER)
    assert readings(told) == readings(built)
    told.changed(BEFORE)
    assert readings(told) == readings(family(kind, BEFORE))


def test_a_family_that_cannot_goes_on_as_it_was() -> None:
    deaf = [kind for kind in FAMILIES if kind not in ABLE]
    for kind in deaf:
        guard = family(kind, BEFORE)
        guard.changed(AFTER)
        assert readings(guard) == readings(family(kind, BEFORE))


def test_risk_holds_the_next_intent_against_the_new_limits_and_keeps_what_is_open() -> None:
    risk = RiskMachine(
        MARKETS, BEFORE.risk, BEFORE.phase, BEFORE.inventory, {}, lambda held: guards(BEFORE, {}, None, held)[4:5]
    )
    assert any(isinstance(said, OrderApproved) for said in risk.step(wish(1), 0))
    assert risk.step(changed(AFTER), 1) == ()
    (denied,) = risk.step(wish(2), 2)
    assert isinstance(denied, IntentDenied)
    assert (denied.reason, denied.detail) == ("open_orders_market", "1 open orders >= 1")


def test_a_policy_of_merging_holds_from_the_next_moment_on() -> None:
    off = replace(BEFORE, inventory=InventoryParameters(auto_merge="off"))
    machine = InventoryMachine(TAG, M, off.inventory)
    pairs = Position(Leg(6 * SHARE, 3 * DOLLAR, 6 * SHARE), Leg(6 * SHARE, 3 * DOLLAR, 6 * SHARE))
    assert not any(isinstance(said, MergePairs) for said in machine.step(LedgerSnapshot(TAG, M, pairs, 0), 0))
    at_least = replace(off, inventory=InventoryParameters(auto_merge="at_least", merge_pairs=5 * SHARE))
    (asked,) = machine.step(changed(at_least), 1)
    assert isinstance(asked, MergePairs)


def test_who_waits_for_its_ledger_merges_nothing_on_other_parameters() -> None:
    machine = InventoryMachine(TAG, M, BEFORE.inventory, restarted=True)
    assert machine.step(changed(AFTER), 0) == ()


def test_a_coordinator_quotes_by_the_new_parameters_and_keeps_its_orders() -> None:
    big = replace(BEFORE, maker=MakerParameters(bid_size=11 * SHARE), inventory=SMALL)
    room = Room()
    room.machine = CoordinatorMachine(
        TAG, "group", (market("m"),), maker(), BEFORE.quotes, BEFORE.phase, BEFORE.coordinator, BEFORE.leg,
        BEFORE.flatten, rebuild=lambda said: STRATEGIES["maker"](EngineParameters(*said.sections)),
    )  # fmt: skip
    room.accept(room.book())
    room.later(1_000)
    out = room.tell(changed(big))
    assert [(order.outcome, order.size) for order in orders(out)] == [(0, 6 * SHARE), (1, 6 * SHARE)], "added"
    assert not [said for said in room.said if isinstance(said, CancelOrder)]


def test_a_coordinator_that_cannot_make_its_strategy_anew_goes_on_as_it_was() -> None:
    room = Room()
    room.accept(room.book())
    assert room.tell(changed(AFTER)) == ()


def test_a_strategy_that_is_made_anew_takes_its_memory_along() -> None:
    old, new = LeadLag(LeadLagParameters(lookback=5)), LeadLag(LeadLagParameters(lookback=2))
    old._samples.extend([(1.0, 0.5), (2.0, 0.5), (3.0, 0.6)])
    new.restore(old.snapshot())
    assert list(new._samples) == [(2.0, 0.5), (3.0, 0.6)], "as far as it remembers"


def test_a_section_is_found_by_its_kind() -> None:
    message = changed(AFTER)
    assert message.of(QuoteParameters) is AFTER.quotes
    assert EngineParameters(*message.sections) == AFTER
    found: Any = message.key
    assert found == "parameters", "the newest takes the place of one that waits"
