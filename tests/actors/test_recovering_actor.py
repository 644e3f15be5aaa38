"""The shell of who takes a dead one's place: first the recall, then the mail."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from loguru import logger

from actors.recovery import RECALLING, RecoveringActor, recalling
from actors.runtime.actor import Context
from models.cells import TradingState
from models.messages.base import Message
from models.messages.control import Kill, RaiseCell, SetOperatorState
from models.messages.orders import SubmitOrder
from models.messages.recall import RecallAsked, Recalled, RecallEnded
from models.words import state_word
from tests.actors.runtime.worlds import SimWorld
from tests.models.wishes import wish

SUBMIT = SubmitOrder("o1", wish(), 0)
PAUSE = SetOperatorState("pause", None, "r1", "test")
RESUME = SetOperatorState("resume", None, "r2", "test")
KILL = Kill("test", "k", "test")


class Mind:
    """A machine that remembers what it was told in which way; it answers a kill at once, and dies of `deadly`."""

    def __init__(self, deadly: Message | None = None) -> None:
        self.told: list[tuple[str, Any]] = []
        self._deadly = deadly

    def step(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        if message == self._deadly:
            raise ValueError("deadly")
        self.told.append(("step", message))
        return ()

    def recall(self, entry: Any, at_ns: int) -> None:
        self.told.append(("recall", entry))

    def meanwhile(self, message: Any, now_ns: int) -> tuple[Message, ...] | None:
        return (RESUME,) if message == KILL else None

    def recalled(self, now_ns: int) -> tuple[Message, ...]:
        return (PAUSE,)


class Scene:
    """One who takes the place of `risk`, the others as recorders."""

    def __init__(self, mind: object, *, asks: bool = True) -> None:
        self.world = SimWorld()
        self.journal = self.world.record("journal")
        self.others = self.world.record("others")
        RecoveringActor.start(Context("risk", self.world.place, "core"), lambda: mind, self._route, asks=asks)  # pyright: ignore[reportArgumentType]
        self.world.sim.run_ready()

    @staticmethod
    def _route(message: Message) -> Iterable[str]:
        return ("journal",) if isinstance(message, RecallAsked) else ("others",)

    def tell(self, *messages: Message) -> None:
        for message in messages:
            self.world.directory.send("risk", message)
        self.world.sim.run_ready()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logger.disable("actors")
    yield
    logger.enable("actors")


def test_it_asks_for_page_after_page_until_there_are_no_more() -> None:
    mind = Mind()
    scene = Scene(mind)
    scene.tell(Recalled(((1, SUBMIT), (2, PAUSE)), 7))  # pyright: ignore[reportArgumentType]
    scene.tell(Recalled(((3, SUBMIT),), 9))
    scene.tell(RecallEnded())
    assert scene.journal == [RecallAsked(0), RecallAsked(7), RecallAsked(9)]
    assert mind.told == [("recall", SUBMIT), ("recall", PAUSE), ("recall", SUBMIT)]
    assert scene.others == [PAUSE], "what it has to say when it knows all"


def test_one_that_only_listens_asks_for_nothing() -> None:
    scene = Scene(Mind(), asks=False)
    scene.tell(Recalled(((1, SUBMIT),), 7), RecallEnded())
    assert scene.journal == []
    assert scene.others == [PAUSE]


def test_mail_waits_until_all_is_recalled_and_then_has_its_order() -> None:
    mind = Mind()
    scene = Scene(mind)
    scene.tell(PAUSE, RESUME)
    assert mind.told == []
    scene.tell(Recalled(((1, SUBMIT),), 1), RecallEnded())
    assert mind.told == [("recall", SUBMIT), ("step", PAUSE), ("step", RESUME)]


def test_what_is_said_while_the_mail_is_given_back_comes_behind_it() -> None:
    mind = Mind()
    scene = Scene(mind)
    scene.tell(PAUSE)
    send = scene.world.directory.send
    mind.recalled = lambda now_ns: (send("risk", RESUME), ())[1]
    scene.tell(RecallEnded())
    assert mind.told == [("step", PAUSE), ("step", RESUME)]


def test_older_news_that_was_held_does_not_take_the_place_of_newer_that_waits() -> None:
    mind = Mind()
    scene = Scene(mind)
    calm, alarm = (RaiseCell("m", "feed", state, "") for state in (TradingState.ACTIVE, TradingState.HALTED))
    scene.tell(calm, RaiseCell("n", "feed", TradingState.HALTED, ""))
    send = scene.world.directory.send
    mind.recalled = lambda now_ns: (send("risk", alarm), ())[1]
    scene.tell(RecallEnded())
    assert [told for _, told in mind.told if told.market == "m"] == [alarm]
    assert len(mind.told) == 2


def test_what_cannot_wait_is_answered_at_once() -> None:
    scene = Scene(Mind())
    scene.tell(KILL)
    assert scene.others == [RESUME]


def test_what_was_waiting_when_it_died_again_is_a_dead_letter() -> None:
    scene = Scene(Mind())
    scene.tell(PAUSE, RESUME)
    scene.world.directory.stop("risk")
    scene.world.sim.run_ready()
    assert scene.world.dead("unread") == [PAUSE, RESUME]


def test_waiting_mail_that_kills_is_known_by_its_own_name() -> None:
    mind = Mind(deadly=PAUSE)
    scene = Scene(mind)
    scene.tell(PAUSE, RESUME, RecallEnded())
    assert scene.world.dead("crashed") == [PAUSE]
    assert scene.world.dead("unread") == [RESUME]


def test_who_cannot_be_recalled_takes_nobodys_place() -> None:
    scene = Scene(object())
    assert scene.world.directory.find("risk") is None


def test_until_risk_knows_anything_every_market_is_shown_as_recovering() -> None:
    shown = {said.market: said for said in recalling(("m", "n"), 7)}
    assert set(shown) == {"m", "n"}
    for said in shown.values():
        assert state_word(said.state, said.cells, "Balanced") == "RECOVERING"
        assert [(cell.reason, cell.since_ns) for cell in said.cells] == [(RECALLING, 7)]
