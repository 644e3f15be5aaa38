from itertools import islice
from pathlib import Path

import pytest

from actors.store.chain import verify
from actors.store.database import sqlite_url
from models.messages.orders import FillCounted, FillSettled, FillVoided, OrderChanged, SubmitOrder
from models.messages.recall import Checkpointed
from research.bench.journals import Journalist, write
from research.bench.restart import restart


@pytest.mark.proves("I26", kind="whole engine")
@pytest.mark.timeout(120)
def test_a_start_with_a_long_journal_is_held_against_one_without() -> None:
    measured = restart(2_000)
    assert measured["ready_s"] > 0
    assert measured["journal_s"] == measured["ready_s"] - measured["empty_s"]
    assert measured["database_mb"] > 1


def test_a_journal_is_written_as_a_run_would_leave_it(tmp_path: Path) -> None:
    writer = write(sqlite_url(tmp_path / "arb.db"), 3_000, "0xab", 1_000)
    assert verify(writer.database).seq > 3_000
    first, *later = writer.read_back(0, 10_000)
    assert isinstance(first.message, Checkpointed)
    assert not any(isinstance(entry.message, Checkpointed) for entry in later)
    writer.close()


def test_what_is_journalled_tells_of_lives_that_can_be() -> None:
    told = list(islice(Journalist().entries(), 20_000))
    submitted = {message.order_id for message in told if isinstance(message, SubmitOrder)}
    assert {message.order_id for message in told if isinstance(message, OrderChanged)} <= submitted
    counted = {message.trade_id for message in told if isinstance(message, FillCounted)}
    ended = [message.fill.trade_id for message in told if isinstance(message, FillSettled | FillVoided)]
    assert len(ended) == len(set(ended))
    assert set(ended) <= counted
    assert 0 < len(counted) < len(submitted)
