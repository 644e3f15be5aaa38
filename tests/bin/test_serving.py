"""What an engine at work does when a signal asks for what it cannot do."""

from collections.abc import Iterator

import pytest
from loguru import logger

from actors.control.ports import Refused, Reloaded
from bin.serving import _reload
from tests.little_engine import LittleEngine


class Failing:
    """A configuration that cannot be read anew."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def reload(self, who: str, *, confirmed: bool, dry_run: bool, may_add_risk: bool = True) -> Reloaded:
        raise self.error


@pytest.fixture
def logged() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lines.append, format="{level} {message}")
    yield lines
    logger.remove(sink)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (Refused("configuration", ".env: the file: cannot be read"), "ERROR reload refused: .env: the file: cannot"),
        (PermissionError(13, "Permission denied"), "ERROR reload failed: PermissionError"),
        (KeyError("anything"), "ERROR reload failed: KeyError"),
    ],
)
def test_a_reload_that_a_signal_asked_for_never_ends_the_engine(error: Exception, line: str, logged: list[str]) -> None:
    engine = LittleEngine(1)
    engine.control.reloads = Failing(error)
    _reload(engine.control)
    assert logged[0].startswith(line)
