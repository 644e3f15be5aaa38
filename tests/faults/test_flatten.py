"""Live engines are flattened: nothing rests at the venue any more, and what their wallets hold is nothing, or named.

Two engines trade in one market place, on a wallet for which the relayer merges and on one for which nobody does. Both
are flattened at once, since a settlement takes as long as it takes; fills race their cancels, and a merge fails.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest

from models.answers import Answer
from models.cells import TradingState
from models.snapshot import DeskLine
from models.units import SHARE, Size
from tests.bin.processes import sandbox
from tests.faults.live_engine import LiveEngine, live, log

LEAST = 5 * SHARE
EOA, DEPOSIT_WALLET = 0, 1


class Flattened(NamedTuple):
    running: LiveEngine
    answer: Answer


@pytest.fixture(scope="module")
def flattened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Flattened]]:
    """Both engines after a flatten, by account."""
    with (
        sandbox("--port", 0, "--profile", "demo", "--markets-count", 4, "--seed", 5) as venue,
        live(venue, EOA, tmp_path_factory.mktemp("locked")) as locked,
        live(venue, DEPOSIT_WALLET, tmp_path_factory.mktemp("flat"), inventory__auto_merge="off") as merging,
        ThreadPoolExecutor() as threads,
    ):
        engines = (locked, merging)
        for running in engines:
            running.resume()
        for running in engines:
            running.until(lambda running=running: has_pairs(running) and has_residual(running), "it holds enough", 120)
            running.quotes()
        venue.fault("race", how="after", delay=0.4, count=2)
        venue.fault("relayed_failed", count=1)
        answers = tuple(threads.map(flatten, engines))
        yield {running.number: Flattened(running, answer) for running, answer in zip(engines, answers, strict=True)}


def flatten(running: LiveEngine) -> Answer:
    return running.engine.control.set_state("flatten", (), "test", 110, confirmed=True)


def desks(running: LiveEngine) -> list[DeskLine]:
    return list(running.board.desks.values())


def held(desk: DeskLine) -> tuple[Size, Size]:
    return desk.position.yes.shares, desk.position.no.shares


def has_pairs(running: LiveEngine) -> bool:
    return any(min(held(desk)) >= SHARE for desk in desks(running))


def has_residual(running: LiveEngine) -> bool:
    return any(abs(desk.net) >= LEAST for desk in desks(running))


def tokens(running: LiveEngine) -> dict[str, int]:
    """What the chain says that the wallet holds, in micro-shares."""
    return {token: int(size) for token, size in running.wallet()["tokens"].items() if int(size)}


@pytest.mark.parametrize("account", [EOA, DEPOSIT_WALLET])
def test_nothing_rests_and_the_wallet_holds_what_the_ledger_says(flattened: dict[int, Flattened], account: int) -> None:
    running, answer = flattened[account]
    assert answer.proven, answer.lines
    assert running.account()["open_orders"] == []
    assert running.board.open_orders() == []
    assert running.states() == {TradingState.HALTED}
    assert {running.board.word(desk) for desk in desks(running)} == {"FLAT"}
    running.until(lambda: tokens(running) == running.held(), "both sides agree to the micro-share")


def test_pairs_are_merged_the_rest_is_sold_and_dust_is_named(flattened: dict[int, Flattened]) -> None:
    running, answer = flattened[DEPOSIT_WALLET]
    assert log(running.venue, "merge")
    said = {one.market: one for one in answer.markets}
    for desk in desks(running):
        assert min(held(desk)) == 0, answer.lines
        assert max(held(desk)) < LEAST, answer.lines
        assert not any(held(desk)) or "below the minimum" in said[desk.market].why


def test_where_nobody_merges_the_pairs_are_named_and_the_rest_is_sold(flattened: dict[int, Flattened]) -> None:
    running, answer = flattened[EOA]
    assert all(abs(desk.net) < LEAST for desk in desks(running))
    locked = [one for one in answer.markets if min(one.yes, one.no) > 0]
    assert locked
    assert all("pairs locked until resolution, merge unavailable" in one.why for one in locked)
