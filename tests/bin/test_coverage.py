"""`bin/coverage` measures what it names: a module that was moved away would be left out in silence."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["coverage"]


def test_every_module_that_is_held_to_its_branches_is_there() -> None:
    assert [path for path in SETTINGS["run"]["include"] if not list(ROOT.glob(path))] == []


def test_the_gate_the_ledger_the_life_of_orders_and_all_of_risk_are_held_to_every_branch() -> None:
    measured = {str(found.relative_to(ROOT)) for path in SETTINGS["run"]["include"] for found in ROOT.glob(path)}
    controls = {str(found.relative_to(ROOT)) for found in ROOT.glob("models/controls/*.py")}
    assert {"actors/gate.py", "models/ledger.py", "models/order_life.py", "models/risk.py"} | controls <= measured
    assert (SETTINGS["run"]["branch"], SETTINGS["report"]["fail_under"]) == (True, 100)
