"""A live engine is flattened: nothing rests at the venue any more, and what its wallet holds is nothing, or named."""

from collections.abc import Iterator

import pytest

from models.answers import Answer
from models.cells import TradingState
from models.snapshot import DeskLine
from models.units import SHARE, Size
from tests.bin.processes import Sandbox, sandbox
from tests.faults.live_engine import LiveEngine, clear, live, log

LEAST = 5 * SHARE
EOA, DEPOSIT_WALLET = 0, 1
"""Accounts of the venue: one whose wallet nobody merges for, and one for which the relayer does."""


@pytest.fixture(scope="module")
def venue() -> Iterator[Sandbox]:
    with sandbox("--port", 0, "--profile", "demo", "--markets-count", 4, "--seed", 5) as running:
        yield running


@pytest.fixture(scope="module")
def engine(venue: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveEngine]:
    """An engine that keeps its pairs."""
    with live(venue, DEPOSIT_WALLET, tmp_path_factory.mktemp("flat"), inventory__auto_merge="off") as running:
        running.resume()
        yield running


@pytest.fixture
def holding(engine: LiveEngine) -> Iterator[LiveEngine]:
    """An engine that quotes, and holds a pair and an unpaired share more than can be left."""
    if TradingState.HALTED in engine.states():
        engine.engine.control.set_state("resume", (), "test", 10, confirmed=True)
    engine.until(lambda: has_pairs(engine) and has_residual(engine), "it holds pairs and a residual", 90)
    engine.quotes(60)
    yield engine
    clear(engine.venue)


def desks(running: LiveEngine) -> list[DeskLine]:
    return list(running.board.desks.values())


def has_pairs(running: LiveEngine) -> bool:
    return any(min(held(desk)) >= SHARE for desk in desks(running))


def has_residual(running: LiveEngine) -> bool:
    return any(abs(desk.net) >= LEAST for desk in desks(running))


def held(desk: DeskLine) -> tuple[Size, Size]:
    return desk.position.yes.shares, desk.position.no.shares


def flatten(running: LiveEngine, timeout_s: float = 100) -> Answer:
    return running.engine.control.set_state("flatten", (), "test", timeout_s, confirmed=True)


def assert_flat(running: LiveEngine, answer: Answer) -> None:
    """Both sides say so: nothing rests, no pair is left, and less of one token is held than can be sold."""
    assert answer.proven, answer.lines
    assert running.account()["open_orders"] == []
    assert running.board.open_orders() == []
    assert running.states() == {TradingState.HALTED}
    said = {one.market: one for one in answer.markets}
    for desk in desks(running):
        assert min(held(desk)) == 0, answer.lines
        assert max(held(desk)) < LEAST, answer.lines
        assert not any(held(desk)) or "below the minimum" in said[desk.market].why
    assert_the_wallet_holds_it(running)


def assert_the_wallet_holds_it(running: LiveEngine) -> None:
    """What we hold is what the venue's chain says, to the micro-share."""
    running.until(lambda: tokens(running) == running.held(), "the wallet holds what the ledger says", 20)


def tokens(running: LiveEngine) -> dict[str, int]:
    return {token: int(size) for token, size in running.wallet()["tokens"].items() if int(size)}


def test_it_cancels_merges_and_unwinds_for_real(holding: LiveEngine) -> None:
    before = len(log(holding.venue, "merge"))
    answer = flatten(holding)
    assert_flat(holding, answer)
    assert len(log(holding.venue, "merge")) > before
    assert answer.markets[0].after == ("FLAT",)


def test_fills_that_race_its_cancels_and_a_merge_that_fails_do_not_keep_it_from_its_end(holding: LiveEngine) -> None:
    holding.venue.fault("race", how="after", delay=0.4, count=2)
    holding.venue.fault("relayed_failed", count=1)
    assert_flat(holding, flatten(holding))


def test_resumed_it_trades_again_and_flattened_again_it_is_flat_again(holding: LiveEngine) -> None:
    assert_flat(holding, flatten(holding))
    assert all(answer.changed is False for answer in (flatten(holding, 5),))


def test_where_nobody_merges_the_pairs_are_named_and_nothing_rests(
    venue: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with live(venue, EOA, tmp_path_factory.mktemp("locked")) as running:
        running.resume()
        running.until(lambda: has_pairs(running), "it holds pairs", 90)
        answer = flatten(running)
        assert answer.proven, answer.lines
        assert running.account()["open_orders"] == []
        for desk in desks(running):
            assert abs(desk.net) < LEAST
        locked = [one for one in answer.markets if min(one.yes, one.no) > 0]
        assert locked
        assert all("pairs locked until resolution, merge unavailable" in one.why for one in locked)
        assert_the_wallet_holds_it(running)
