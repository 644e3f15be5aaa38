"""No limit can be raised a hundredfold, made negative, or misspelled: each is refused with its path."""

from pathlib import Path
from typing import Any

import pytest

from config.problems import ConfigurationError, Problem
from config.registry import KEYS, Key
from config.settings import load
from config.values import show
from models.controls.families import FAMILIES

BEFORE = sorted(
    path
    for path in {
        path
        for family in FAMILIES
        for control in family.controls
        if control.stage == "before"
        for path in control.parameters
    }
    if KEYS[path].unit not in ("choice", "switch", "text")
)
"""The numbers of all controls that an order is held against; `inventory.max_net_diff` is the strategy's own."""

LIMITS = [path for path in BEFORE if path not in ("risk.wallet_usd", "inventory.max_net_diff")]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def problem(path: str, value: object) -> Problem:
    with pytest.raises(ConfigurationError) as raised:
        load({path: value}, environment={})
    (problem,) = raised.value.problems
    return problem


def times(key: Key, factor: float) -> Any:
    value = float(show(key, key.default)) * factor
    return value if key.unit in ("ratio", "price", "dollars", "shares") else int(value)


@pytest.mark.parametrize("path", [path for path in LIMITS if KEYS[path].default])
def test_a_limit_raised_a_hundredfold_is_refused_with_its_path(path: str) -> None:
    assert problem(path, str(times(KEYS[path], 100))).key == path


@pytest.mark.parametrize("path", BEFORE)
def test_a_negative_limit_is_refused_with_its_path(path: str) -> None:
    assert problem(path, "-1").key == path


@pytest.mark.parametrize(
    ("path", "beyond"),
    [("risk.wallet_usd", "1000001"), ("risk.open_orders_total", "1001"), ("risk.open_positions", "10001"),
     ("market.min_touch", "100001")],
)  # fmt: skip
def test_what_follows_from_the_markets_or_the_account_has_a_ceiling_as_well(path: str, beyond: str) -> None:
    assert problem(path, beyond).key == path


@pytest.mark.parametrize("path", ["risk.market_worst_cases", "pace.orders_per_minute", "price.colar", "market.spread"])
def test_an_unknown_limit_is_refused_with_its_path(path: str) -> None:
    found = problem(path, "1")
    assert (found.key, found.reason) == (path, "unknown key")
