"""Mail that died with its addressee: what is brought to the next one, what is answered, and what is let go."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import pytest
from loguru import logger

from actors.redelivery import Redelivery
from actors.runtime.dead_letters import Reason
from actors.topology import CANCEL_LANE, EXECUTOR, JOURNAL, MARKETS, QUERY_LANE, RISK, SUBMIT_LANE, VENUE
from models.cells import TradingState
from models.markets import YES, Side
from models.messages.audit import CommandAnswered
from models.messages.base import Message
from models.messages.control import Kill, MarketParked, RaiseCell, SetOperatorState, TradingStateChanged
from models.messages.lanes import (
    CancelUnanswered,
    ConfirmCancel,
    OrderFound,
    OrderNotFound,
    QueryOrder,
    SubmitUnanswered,
    VenueModeSeen,
)
from models.messages.market import MarketResolved
from models.messages.orders import (
    FillSettled,
    ForeignOrderSeen,
    IntentDenied,
    OrderAccepted,
    OrderApproved,
    OrderNotJournalled,
    PlaceBundle,
    SubmitCancel,
    SubmitMerge,
    SubmitOrder,
    TradeReported,
    UserFeedLost,
    UserFeedRestored,
)
from tests.actors.runtime.worlds import SimWorld
from tests.models.wishes import M, fill, report, wish

FILL = report(wish(), "o1", "MATCHED")
SUBMIT = SubmitOrder("o1", wish(), 0)
PAUSE = SetOperatorState("pause", None, "r1", "test")


class Post:
    """A world with a redelivery, in which actors come and go by name."""

    def __init__(self, world: SimWorld) -> None:
        self.world = world
        self.told: list[Message] = []
        self.aborts: list[str] = []
        self.redelivery = Redelivery(world.directory, self._route, world.place.clock, self.aborts.append)

    def _route(self, message: Message) -> Iterable[str]:
        self.told.append(message)
        return ()

    def lose(self, name: str, *messages: Message, reason: Reason = Reason.UNREAD) -> None:
        for message in messages:
            self.world.dead_letters.bury(name, message, reason)

    def begin(self, name: str) -> list[Any]:
        """Start an actor; return what it is brought."""
        seen = self.world.record(name)
        self.redelivery.deliver(name)
        self.world.sim.run_ready()
        return seen

    def end(self, name: str) -> None:
        self.world.directory.stop(name)
        self.world.sim.run_ready()


@pytest.fixture
def post() -> Iterator[Post]:
    logger.disable("actors")
    yield Post(SimWorld())
    logger.enable("actors")


@pytest.mark.proves("I32")
def test_what_money_and_a_persons_will_hang_on_is_brought_in_its_order(post: Post) -> None:
    confirmed = msgspec.structs.replace(FILL, status="CONFIRMED")
    post.lose(EXECUTOR, FILL, OrderAccepted("o1", M, 0), confirmed)
    post.lose(RISK, PAUSE, Kill("test", "k", "test"))
    post.lose(VENUE, SubmitCancel("o1", M, "reprice"), SubmitMerge("m1", M, 5))
    post.lose(MARKETS, MarketParked(M, False))
    assert post.begin(EXECUTOR) == [FILL, OrderAccepted("o1", M, 0), confirmed]
    assert post.begin(RISK) == [PAUSE, Kill("test", "k", "test")]
    assert post.begin(VENUE) == [SubmitCancel("o1", M, "reprice"), SubmitMerge("m1", M, 5)]
    assert post.begin(MARKETS) == [MarketParked(M, False)]


def test_a_lane_that_begins_again_gets_its_cancels_and_its_questions_but_no_order_that_it_had_not_read(
    post: Post,
) -> None:
    cancel, confirm = SubmitCancel("o1", M, "reprice"), ConfirmCancel("o1", M, "")
    post.lose(CANCEL_LANE, cancel)
    post.lose(QUERY_LANE, confirm, QueryOrder("o1", M))
    post.lose(SUBMIT_LANE, SUBMIT)
    assert post.begin(CANCEL_LANE) == [cancel]
    assert post.begin(QUERY_LANE) == [confirm], "whoever asked for an order asks again by itself"
    assert post.begin(SUBMIT_LANE) == []
    assert post.begin(EXECUTOR) == [OrderNotJournalled("o1", f"{SUBMIT_LANE} is down")]


def test_an_order_that_killed_its_lane_is_brought_again_for_only_the_venue_knows_of_it(post: Post) -> None:
    post.lose(SUBMIT_LANE, SUBMIT, reason=Reason.CRASHED)
    assert post.begin(SUBMIT_LANE) == [SUBMIT]


@pytest.mark.proves("I32")
def test_an_executor_that_was_down_hears_what_the_lanes_answered(post: Post) -> None:
    said = (
        SubmitUnanswered("o1", M, "timeout", 1),
        CancelUnanswered("o1", M, "timeout", 1),
        OrderFound("o1", M, "live", 0, "LIVE", 2),
        OrderNotFound("o2", M, 2),
        VenueModeSeen("cancel_only", "maintenance", None, 3),
    )
    post.lose(EXECUTOR, *said)
    assert post.begin(EXECUTOR) == list(said)


def test_what_is_brought_is_brought_once(post: Post) -> None:
    post.lose(EXECUTOR, FILL)
    assert post.begin(EXECUTOR) == [FILL]
    post.end(EXECUTOR)
    assert post.begin(EXECUTOR) == []


def test_what_nobody_has_a_name_for_yet_waits_for_its_first_start(post: Post) -> None:
    post.world.directory.send(RISK, PAUSE)
    assert post.begin(RISK) == [PAUSE]


def test_a_journal_gets_what_it_had_not_written_but_no_order(post: Post) -> None:
    counted = fill(wish())
    answered = CommandAnswered("r1", "cli", "pause", None, {}, "paused", 0, 1)
    post.lose(JOURNAL, SUBMIT, counted, MarketResolved(M, 0, 0), answered)
    assert post.begin(JOURNAL) == [counted, MarketResolved(M, 0, 0), answered]
    assert post.told == [], "an order that is not in the chain was never sent: the executor sees that itself"


def test_an_executor_hears_of_foreign_orders_and_of_its_user_feed_although_it_was_down(post: Post) -> None:
    said = (UserFeedLost("gone", 1), UserFeedRestored(None, 2), ForeignOrderSeen("o9", M, None, 3))
    post.lose(EXECUTOR, *said)
    assert post.begin(EXECUTOR) == [*said]


def test_what_the_chain_recalls_or_risk_says_again_is_not_brought(post: Post) -> None:
    post.lose(RISK, fill(wish()), RaiseCell(M, "marks", TradingState.HALTED, "no_mark"))
    post.lose(EXECUTOR, OrderApproved(wish(), 0), TradingStateChanged(M, TradingState.HALTED, (), 0))
    assert post.begin(RISK) == []
    assert post.begin(EXECUTOR) == []


def test_an_order_that_a_dead_venue_did_not_read_was_never_sent(post: Post) -> None:
    executor = post.begin(EXECUTOR)
    post.lose(VENUE, SUBMIT)
    post.world.sim.run_ready()
    assert executor == [OrderNotJournalled("o1", "venue is down")]
    assert post.begin(VENUE) == []


def test_an_order_that_a_venue_died_of_is_brought_again(post: Post) -> None:
    executor = post.begin(EXECUTOR)
    post.lose(VENUE, SUBMIT, reason=Reason.CRASHED)
    assert post.begin(VENUE) == [SUBMIT], "only the exchange can tell what became of it"
    assert executor == []


def test_an_order_that_a_dead_venue_did_not_read_is_told_to_the_next_executor(post: Post) -> None:
    post.lose(VENUE, SUBMIT)
    assert post.begin(EXECUTOR) == [OrderNotJournalled("o1", "venue is down")]


def test_what_is_lost_on_the_way_to_one_that_lives_is_brought_at_once(post: Post) -> None:
    seen = post.begin(EXECUTOR)
    post.lose(EXECUTOR, FILL, reason=Reason.DEAD)  # by a sender who still had the dead one's address
    post.world.sim.run_ready()
    assert seen == [FILL]


def test_what_killed_waits_for_the_next_one(post: Post) -> None:
    seen = post.begin(EXECUTOR)
    post.lose(EXECUTOR, FILL, reason=Reason.CRASHED)
    post.world.sim.run_ready()
    assert seen == []
    post.end(EXECUTOR)
    assert post.begin(EXECUTOR) == [FILL]


@pytest.mark.parametrize(
    "name, message, market",
    [(EXECUTOR, FILL, M), (JOURNAL, fill(wish()), M), (RISK, PAUSE, None), (VENUE, SUBMIT, M)],
)
def test_what_killed_twice_halts_its_market_or_everything(
    post: Post, name: str, message: Message, market: str | None
) -> None:
    post.lose(name, message, reason=Reason.POISON)
    (cell,) = post.told
    assert isinstance(cell, RaiseCell)
    assert (cell.market, cell.state) == (market, TradingState.HALTED)
    assert cell.reason == f"{type(message).__name__} cannot be handled by {name}"
    assert post.begin(name) == []


def test_a_coordinator_hears_of_every_intent_that_died_on_the_way(post: Post) -> None:
    legs = (wish(1), wish(2, market="n"))
    post.lose(RISK, wish(3), PlaceBundle("b", "desk", "g", legs, 10_000, 0), reason=Reason.UNKNOWN)
    denied = [(m.intent, m.reason) for m in post.told if isinstance(m, IntentDenied)]
    assert denied == [(wish(3).intent, "unknown"), (legs[0].intent, "unknown"), (legs[1].intent, "unknown")]


def test_more_than_can_be_kept_is_the_end(post: Post) -> None:
    for number in range(10_000):
        post.lose(EXECUTOR, TradeReported(str(number), "o", M, YES, Side.BUY, 1, 1, "MATCHED", True, 0))
    assert post.aborts == []
    post.lose(RISK, PAUSE)
    assert post.aborts == ["10001 messages wait for actors that are down"]


@pytest.mark.proves("I32")
@pytest.mark.parametrize("reason", [Reason.UNKNOWN, Reason.DEAD])
def test_what_was_sent_behind_a_death_is_brought_behind_what_lay_unread_though_it_was_lost_first(
    post: Post, reason: Reason
) -> None:
    counted = fill(wish())
    post.lose(JOURNAL, settled := FillSettled(counted, 0), reason=reason)
    post.lose(JOURNAL, counted)
    assert post.begin(JOURNAL) == [counted, settled]
    post.end(JOURNAL)
    post.lose(JOURNAL, settled, reason=reason)
    assert post.begin(JOURNAL) == [settled], "nothing is brought twice"
