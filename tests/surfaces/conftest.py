"""A little engine behind a real control socket."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from surfaces.client import EngineClient
from surfaces.control_server import ControlServer
from tests.little_engine import LittleEngine


@dataclass
class Served:
    engine: LittleEngine
    data_dir: Path
    path: Path
    server: ControlServer

    def client(self, timeout_s: float = 5.0, role: str | None = None) -> EngineClient:
        return EngineClient(self.path, timeout_s, "test", role)


@pytest.fixture
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose path is short enough for a socket."""
    return tmp_path_factory.mktemp("d")


@pytest.fixture
def served(data_dir: Path) -> Iterator[Served]:
    engine = LittleEngine(3)
    server = ControlServer(engine.control, data_dir)
    path = server.start()
    yield Served(engine, data_dir, path, server)
    server.stop()
