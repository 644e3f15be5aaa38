"""The import rules hold and notice a breach: import-linter on this tree and on a small house of planted imports."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "models", "models.messages", "actors", "actors.runtime", "actors.market", "actors.store", "actors.venues",
    "actors.venues.polymarket", "config", "surfaces", "research", "research.prove", "sandbox", "bin",
)  # fmt: skip
MODULES = (
    "models.book", "models.messages.base", "config.settings", "actors.assembly", "actors.control", "actors.risk",
    "actors.runtime.actor", "actors.store.queries", "actors.store.tables", "actors.system",
    "actors.venues.polymarket.codec", "actors.venues.polymarket.lanes", "surfaces.cli", "research.prove.kill",
    "research.replay", "sandbox.exchange", "bin.main",
)  # fmt: skip
ALLOWED = (
    ("models.book", "msgspec"),
    ("models.book", "hashlib"),
    ("models.book", "models.messages.base"),
    ("config.settings", "models.book"),
    ("config.settings", "pydantic_settings"),
    ("actors.runtime.actor", "models.messages.base"),
    ("actors.runtime.actor", "time"),
    ("actors.runtime.actor", "pykka"),
    ("actors.venues.polymarket.lanes", "actors.runtime.actor"),
    ("actors.venues.polymarket.lanes", "py_clob_client_v2"),
    ("actors.risk", "config.settings"),
    ("actors.risk", "models.book"),
    ("actors.system", "actors.venues.polymarket.lanes"),
    ("actors.system", "actors.market"),
    ("actors.assembly", "actors.risk"),
    ("surfaces.cli", "actors.control"),
    ("surfaces.cli", "actors.store.queries"),
    ("research.replay", "actors.system"),
    ("research.replay", "actors.venues.polymarket.codec"),
    ("research.prove.kill", "sandbox.exchange"),
    ("bin.main", "surfaces.cli"),
    ("bin.main", "filelock"),
)
FORBIDDEN = (
    ("models.book", "actors.market"),
    ("models.book", "time"),
    ("models.book", "random"),
    ("models.book", "httpx"),
    ("models.book", "tests"),
    ("config.settings", "actors.runtime"),
    ("config.settings", "msgpack"),
    ("actors.runtime.actor", "models.book"),
    ("actors.runtime.actor", "config.settings"),
    ("actors.runtime.actor", "httpx"),
    ("actors.market", "actors.store.tables"),
    ("actors.market", "peewee"),
    ("actors.risk", "actors.venues.polymarket.lanes"),
    ("actors.risk", "sandbox.exchange"),
    ("actors.store.tables", "actors.market"),
    ("actors.venues.polymarket.lanes", "config.settings"),
    ("actors.venues.polymarket.lanes", "zstandard"),
    ("actors.system", "surfaces.cli"),
    ("surfaces.cli", "actors.market"),
    ("surfaces.cli", "actors.store.tables"),
    ("surfaces.cli", "research.replay"),
    ("surfaces.cli", "peewee"),
    ("research.replay", "actors.venues.polymarket.lanes"),
    ("research.replay", "sandbox.exchange"),
    ("research.replay", "surfaces.cli"),
    ("research.replay", "docs"),
    ("sandbox.exchange", "models.book"),
    ("sandbox.exchange", "pydantic"),
    ("actors.control", "bin.main"),
    ("bin.main", "sandbox.exchange"),
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give what import-linter says of a small house that makes every import of both lists."""
    house = tmp_path_factory.mktemp("house")
    (house / "tests/imports").mkdir(parents=True)
    for name in ("pyproject.toml", "tests/__init__.py", "tests/imports/allow.py"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, house / name)
    for package in PACKAGES:
        folder = house / package.replace(".", "/")
        folder.mkdir()
        (folder / "__init__.py").write_text(_imports_of(package))
    for module in MODULES:
        (house / f"{module.replace('.', '/')}.py").write_text(_imports_of(module))
    status, report = _lint(house)
    assert status == 1
    return report


@pytest.mark.proves("I28", "I31")
def test_this_tree_keeps_every_rule() -> None:
    status, report = _lint(ROOT)
    assert status == 0, report


@pytest.mark.parametrize(("importer", "imported"), FORBIDDEN)
def test_a_forbidden_import_is_found(report: str, importer: str, imported: str) -> None:
    found = f"{importer} -> {imported} (l." in report or f"{importer} may not import {imported} (line" in report
    assert found, report


@pytest.mark.parametrize(("importer", "imported"), ALLOWED)
def test_an_allowed_import_is_not_reported(report: str, importer: str, imported: str) -> None:
    assert f"{importer} -> {imported} (l." not in report
    assert f"{importer} may not import {imported} (line" not in report


def _imports_of(module: str) -> str:
    return "".join(f"import {imported}\n" for importer, imported in ALLOWED + FORBIDDEN if importer == module)


def _lint(folder: Path) -> tuple[int, str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    environment = os.environ | {"COLUMNS": "200"}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout + result.stderr
