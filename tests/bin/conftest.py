"""What the tests of commands share: a generated market place, and what engines on it are told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bin.processes import Sandbox, sandbox

_CONFIG = """
profile: small_250
inventory: {max_position_value: 500}
leg: {leg_max_loss: 2}
paper: {cash: 10000, settlement_median_ms: 300, settlement_p95_ms: 300, merge_delay_ms: 500}
risk: {wallet_usd: 10000}
"""
"""Enough money that no market is full after two pairs, naked legs that are finished at once, and a quick chain."""


@pytest.fixture(scope="session")
def venue() -> Iterator[Sandbox]:
    """A sandbox with the ten markets of the demo."""
    with sandbox("--markets-count", 10, "--seed", 7) as running:
        yield running


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration file for engines that are to trade all the time."""
    file = tmp_path_factory.mktemp("config") / "config.yaml"
    file.write_text(_CONFIG, encoding="utf-8")
    return file
