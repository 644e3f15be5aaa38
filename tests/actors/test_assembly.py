"""What an engine is made of: names, order, groups, and that every part can be built, also in a dead one's place."""

from dataclasses import replace

from actors.assembly import Assembly, Plan
from actors.topology import EXECUTOR, RISK, VENUE
from models.coordinator import CoordinatorMachine
from models.depth import Depth
from models.engine import EngineParameters
from models.executor_recall import RecalledExecutor
from models.markets import Catalogue, Group, Market
from models.messages.base import Message
from models.messages.control import TradingStateChanged
from models.messages.market import BookUpdated, ReferenceUpdated
from models.messages.orders import PlaceBundle
from models.messages.position import LedgerSnapshot
from models.risk_recall import RecalledRisk
from models.units import SHARE


def listed(name: str, group: str | None = None, reference: str | None = None) -> Market:
    return Market(name, f"slug-{name}", (f"{name}1", f"{name}2"), group=group, reference=reference)


MARKETS = {one.id: one for one in (listed("a", "event"), listed("b", "event"), listed("c", reference="BTC/USD"))}
EVENT = Group("event", "Who wins?", ("a", "b"), neg_risk=True, exhaustive=True)
DESKS = {"maker": "maker", "sets": "complete_set", "lag": "lead_lag"}


def plan(exhaustive: bool = True) -> Plan:
    group = EVENT if exhaustive else Group("event", "Who wins?", ("a", "b"), neg_risk=True)
    return Plan(Catalogue(MARKETS, {"event": group}), DESKS, EngineParameters(), "paper", "run-1")


def test_each_desk_decides_on_its_own_groups() -> None:
    assert Assembly(plan()).groups == {
        "maker": {"a": ("a",), "b": ("b",), "c": ("c",)},
        "sets": {"event": ("a", "b")},
        "lag": {"c": ("c",)},
    }


def test_a_markets_actors_come_in_the_order_in_which_they_start() -> None:
    assembly = Assembly(plan())
    assert [part.name for part in assembly.market_parts("c")] == [
        "book/c", "flow/c", "inventory/maker/c", "coordinator/maker/c", "inventory/lag/c", "coordinator/lag/c",
    ]  # fmt: skip
    assert [part.name for part in assembly.market_parts("a")] == [
        "book/a", "flow/a", "inventory/maker/a", "coordinator/maker/a", "inventory/sets/a",
    ]  # fmt: skip
    assert {part.scope for part in assembly.market_parts("a")} == {"a"}


def test_the_coordinator_of_an_event_stands_apart_from_its_markets() -> None:
    (part,) = Assembly(plan()).event_parts()
    assert (part.name, part.scope) == ("coordinator/sets/event", "event")


def test_every_part_can_be_built_for_the_first_time_and_again_and_is_told_of() -> None:
    built: list[str] = []
    assembly = Assembly(plan(), lambda name, _: built.append(name))
    parts = [*assembly.core_parts(), *assembly.event_parts()]
    parts += [part for market in MARKETS for part in assembly.market_parts(market)]
    for again in (False, True):
        for part in parts:
            part.build(again)
    assert assembly.venue() is not None
    assert built == [*[part.name for part in parts] * 2, VENUE]
    assert {RISK, EXECUTOR} <= set(built)


def book(name: str, bid: int, ask: int) -> BookUpdated:
    bids, asks = Depth({bid: 50 * SHARE}), Depth({ask: 50 * SHARE})
    return BookUpdated(name, 1, 1, 100, bids, asks, bid, ask, bid, ask, None, 10**18, 10**18)


def said_by_the_event(exhaustive: bool) -> list[Message]:
    (part,) = Assembly(plan(exhaustive)).event_parts()
    machine = part.build(False)
    assert isinstance(machine, CoordinatorMachine)
    books = [book("a", 3_000, 3_200), book("b", 3_000, 3_200)]
    return [said for one in books for said in machine.step(one, 10**18)]


def test_an_event_is_decided_on_with_the_proof_that_the_catalogue_has() -> None:
    assert any(isinstance(said, PlaceBundle) for said in said_by_the_event(exhaustive=True))
    assert not any(isinstance(said, PlaceBundle) for said in said_by_the_event(exhaustive=False))


def test_where_pairs_cannot_be_merged_no_inventory_asks_for_it() -> None:
    assert Assembly(plan()).plan.parameters.inventory.auto_merge == "when_blocked"
    closed = replace(plan(), merge_unavailable="no key")
    assert closed.parameters.inventory.auto_merge == "off"


def test_references_are_told_to_the_coordinators_that_follow_them() -> None:
    topology = Assembly(plan()).topology(frozenset(), recording=False)
    told = set(topology.route(ReferenceUpdated("BTC/USD", 1.0, 0)))
    assert told == {"coordinator/maker/c", "coordinator/lag/c"}


def test_a_market_that_every_desk_decides_on_alone_is_taken_in_and_no_other() -> None:
    assembly = Assembly(replace(plan(), desks={"maker": "maker"}))
    more = listed("d")
    known = assembly.plan.catalogue
    grown = Catalogue({**known.markets, "d": more}, known.groups)
    assert assembly.why_not_alone(grown, more) == ""
    assembly.take_in(more)
    assert assembly.groups == {"maker": {name: (name,) for name in "abcd"}}
    assert [part.name for part in assembly.market_parts("d")] == [
        "book/d", "flow/d", "inventory/maker/d", "coordinator/maker/d",
    ]  # fmt: skip
    sets = Assembly(replace(plan(), desks={"sets": "complete_set"}))
    assert "does not decide on it" in sets.why_not_alone(grown, more)
    assert "together with 1 more" in sets.why_not_alone(known, MARKETS["a"])


def test_whoever_takes_the_place_of_a_dead_core_knows_a_market_that_was_added_since() -> None:
    assembly = Assembly(replace(plan(), desks={"maker": "maker"}))
    parts = {part.name: part for part in assembly.core_parts()}
    assembly.take_in(listed("d"))
    executor, risk = parts[EXECUTOR].build(True), parts[RISK].build(True)
    assert isinstance(executor, RecalledExecutor)
    assert isinstance(risk, RecalledRisk)
    told = {said.market for said in executor.recalled(1) if isinstance(said, LedgerSnapshot)}
    assert told == {"a", "b", "c", "d"}
    states = {said.market for said in risk.recalled(1) if isinstance(said, TradingStateChanged)}
    assert states == {"a", "b", "c", "d"}
