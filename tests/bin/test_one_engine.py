"""A second engine on a wallet whose database is on a server: refused wherever it starts, and the venue is spared."""

import re
import socket
from collections.abc import Iterable
from pathlib import Path

import pytest

from surfaces.cli.errors import Exit
from tests.actors.store.conftest import cluster, postgres_url
from tests.bin.processes import Engine, engine, sandbox
from tests.bin.test_live import started
from tests.faults.live_engine import log

__all__ = ["cluster", "postgres_url"]


@pytest.mark.proves("I24")
def test_two_machines_and_one_database_are_one_engine(tmp_path: Path, postgres_url: str) -> None:
    with sandbox("--port", 0, "--profile", "demo", "--markets-count", 2, "--seed", 3) as venue:
        start, variables = started(venue)
        variables |= {"DB_PATH": postgres_url}
        with engine(tmp_path / "a", *start, **variables, XDG_STATE_HOME=str(tmp_path / "home-a")) as first:
            seen = log(venue)[-1]["n"]
            elsewhere = {**variables, "XDG_STATE_HOME": str(tmp_path / "home-b")}
            second = Engine(tmp_path / "b", *start, **elsewhere)
            assert second.process.wait(30) == Exit.LOCKED
            named = rf"another engine writes .*: PID {first.process.pid} on {socket.gethostname()}"
            assert re.search(named, second.log), second.log
            lines = log(venue, "request")
            assert proofs(line["path"] for line in lines if line["n"] <= seen), "every start asks who it is"
            assert not proofs(line["path"] for line in lines if line["n"] > seen)
            assert first.process.poll() is None


def proofs(paths: Iterable[str]) -> list[str]:
    return [path for path in paths if path.startswith("/auth")]
