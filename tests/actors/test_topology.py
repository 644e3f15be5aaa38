"""Every message has its arrow, nothing goes to who is not there, and each desk hears what is its own."""

import importlib
import pkgutil
import types
from collections.abc import Iterator
from enum import Enum
from itertools import chain, combinations
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
import pytest

import models.messages
from actors.topology import (
    BOARD,
    CANCEL_LANE,
    EXECUTOR,
    FEED,
    HEARTBEAT,
    JOURNAL,
    MARKETS,
    QUERY_LANE,
    RISK,
    VENUE,
    Topology,
    book_name,
    coordinator_name,
    flow_name,
    inventory_name,
)
from models.depth import EMPTY, Depth
from models.messages import recall, runtime
from models.messages.base import Message
from models.messages.control import ClearKill, Kill
from models.messages.market import BookUpdated, FlowUpdated, ReferenceUpdated
from models.messages.orders import OrderChanged

TAGS = ("maker", "sets")
M, N, ALONE = "m", "n", "alone"
DESKS = {TAGS[0]: {M: (M,), N: (N,), ALONE: (ALONE,)}, TAGS[1]: {"event": (M, N)}}
CORE = {RISK, EXECUTOR, JOURNAL, MARKETS}
OPTIONAL = (BOARD, FEED, JOURNAL, VENUE, CANCEL_LANE, QUERY_LANE, HEARTBEAT)

WITHOUT_ARROW: dict[type[Message], str] = {
    runtime.WakeAt: "a machine's shell keeps the deadline itself",
    runtime.Woke: "comes from the timers to the one who asked",
    runtime.MailOverflowed: "told to the mailbox's own actor, or to the runtime's owner",
    runtime.DeadLettered: "told by the dead letters to who watches their lane",
    runtime.ActorDown: "told to the supervisor of the actor alone",
    runtime.HandlerStuck: "told by the watchdog to its listeners, before it aborts",
    recall.Checkpointed: "the journal writes it itself, and reads it back in a page",
    runtime.ControlMailLate: "told by the watchdog to its listeners",
}


def kinds() -> list[type[Message]]:
    """Find every message that machines and actors exchange: those of models/messages."""
    found: list[type[Message]] = []
    for module in pkgutil.iter_modules(models.messages.__path__):
        listed = vars(importlib.import_module(f"models.messages.{module.name}")).values()
        found += [
            kind
            for kind in listed
            if isinstance(kind, type)
            and issubclass(kind, Message)
            and kind is not Message
            and kind.__module__ == f"models.messages.{module.name}"
        ]
    return found


def topology(*present: str, recording: bool = True, own_orders_in_feed: bool = True) -> Topology:
    return Topology(
        DESKS,
        {M: "BTC/USD", ALONE: "BTC/USD"},
        frozenset(present),
        recording=recording,
        own_orders_in_feed=own_orders_in_feed,
    )


def sample(kind: type[msgspec.Struct], **given: Any) -> Any:
    """Make one of a struct out of its types; markets and tags are those of the desks."""
    fields = {
        field.name: given.get(field.name, value(field.name, field.type)) for field in msgspec.structs.fields(kind)
    }
    return kind(**fields)


def value(name: str, of: Any) -> Any:
    if name in ("market", "tag"):
        return M if name == "market" else TAGS[0]
    origin = get_origin(of)
    if of is Depth:
        return EMPTY
    if origin is Literal:
        return get_args(of)[0]
    if origin in (Union, types.UnionType):
        return value(name, get_args(of)[0])
    if origin is tuple or of is tuple:
        return ()
    if origin is dict or of is dict:
        return {}
    if isinstance(of, type) and issubclass(of, Enum):
        return next(iter(of))
    if isinstance(of, type) and issubclass(of, Message) and of is Message:
        return sample(BookUpdated)
    if isinstance(of, type) and issubclass(of, msgspec.Struct):
        return sample(of)
    return of()


def allowed(present: tuple[str, ...]) -> set[str]:
    """Who may be told something in a process that has these global actors."""
    names = {*CORE, *present}
    for tag, groups in DESKS.items():
        for group, members in groups.items():
            names.add(coordinator_name(tag, group))
            for member in members:
                names |= {inventory_name(tag, member), book_name(member), flow_name(member)}
    return names


def subsets() -> Iterator[tuple[str, ...]]:
    return chain.from_iterable(combinations(OPTIONAL, count) for count in range(len(OPTIONAL) + 1))


@pytest.mark.proves("I32")
@pytest.mark.parametrize("kind", kinds())
def test_every_message_has_an_arrow_or_a_reason_to_have_none(kind: type[Message]) -> None:
    message = sample(kind, name="BTC/USD")
    if kind in WITHOUT_ARROW:
        with pytest.raises(KeyError):
            topology(*OPTIONAL).route(message)
    else:
        assert tuple(topology(*OPTIONAL).route(message)), "somebody is told"


@pytest.mark.parametrize("kind", sorted(set(kinds()) - set(WITHOUT_ARROW), key=str))
def test_nothing_is_sent_to_an_actor_that_is_not_there_nor_twice_to_the_same(kind: type[Message]) -> None:
    message = sample(kind)
    for present in subsets():
        for recording in (False, True):
            told = tuple(topology(*present, recording=recording).route(message))
            assert set(told) <= allowed(present)
            assert len(told) == len(set(told))


def test_two_desks_on_one_market_both_hear_the_book_and_each_its_own_orders() -> None:
    arrows = topology()
    both = {coordinator_name("maker", M), coordinator_name("sets", "event")}
    assert both <= set(arrows.route(sample(BookUpdated)))
    assert both <= set(arrows.route(sample(FlowUpdated)))
    for tag, group in (("maker", M), ("sets", "event")):
        told = set(arrows.route(sample(OrderChanged, tag=tag)))
        assert told & both == {coordinator_name(tag, group)}


def test_a_market_of_one_desk_is_not_told_to_the_other() -> None:
    told = set(topology().route(sample(BookUpdated, market=ALONE)))
    assert told == {coordinator_name("maker", ALONE), RISK}


def test_a_reference_is_told_once_to_each_coordinator_that_follows_it() -> None:
    told = tuple(topology().route(sample(ReferenceUpdated, name="BTC/USD")))
    assert sorted(told) == sorted(
        [coordinator_name("maker", M), coordinator_name("maker", ALONE), coordinator_name("sets", "event")]
    )
    assert tuple(topology().route(sample(ReferenceUpdated, name="ETH/USD"))) == ()


def test_a_book_hears_of_our_orders_only_where_the_feed_shows_them() -> None:
    order = sample(OrderChanged)
    assert book_name(M) in topology().route(order)
    assert book_name(M) not in topology(own_orders_in_feed=False).route(order)


def test_the_journal_is_told_everything_worth_a_row_only_when_it_records() -> None:
    order = sample(OrderChanged)
    assert JOURNAL in topology(JOURNAL).route(order)
    assert JOURNAL not in topology(JOURNAL, recording=False).route(order)


def test_a_foreign_market_is_nobodys() -> None:
    assert tuple(topology().route(sample(BookUpdated, market="elsewhere"))) == (RISK,)


def test_what_is_tapped_is_heard_before_anybody_is_sent_it() -> None:
    tapped, heard = topology(*OPTIONAL), list[Kill]()
    told = tuple(tapped.route(Kill("drill", "request", "test")))
    tapped.tap({Kill: heard.append})
    names = tapped.route(Kill("drill", "request", "test"))
    assert [kill.reason for kill in heard] == ["drill"]
    assert tuple(names) == told
    tapped.route(ClearKill("request", "test"))
    assert len(heard) == 1


def test_arrows_of_one_market_more_are_made_and_taken_away() -> None:
    arrows = topology(*OPTIONAL)
    new, said = "0xnew", sample(BookUpdated)
    told, followed = msgspec.structs.replace(said, market=new), sample(ReferenceUpdated, name="BTC/USD")
    before, following = tuple(arrows.route(told)), tuple(arrows.route(followed))
    arrows.add(TAGS[0], new, "BTC/USD")
    assert set(arrows.route(told)) - set(before) == {coordinator_name(TAGS[0], new)}
    arrows.add(TAGS[0], new, "BTC/USD")
    assert len(tuple(arrows.route(told))) == len(before) + 1, "twice is once"
    assert tuple(arrows.route(followed)) == (*following, coordinator_name(TAGS[0], new))
    arrows.remove(new)
    assert tuple(arrows.route(told)) == before
    assert tuple(arrows.route(followed)) == following
