"""What a checkout and its lock file say about the packages: ours are ours, theirs come from PyPI."""

import importlib
import re
import tomllib
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK: dict[str, Any] = tomllib.loads((ROOT / "uv.lock").read_text())
PACKAGES: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_of_a_common_name_is_ours(package: str) -> None:
    assert importlib.import_module(package).__file__ == str(ROOT / package / "__init__.py")


def test_every_package_of_the_house_is_shipped() -> None:
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"} == set(PACKAGES)


@pytest.mark.proves("I44", kind="unit")
def test_the_lock_knows_only_pypi() -> None:
    ours, *_ = (package for package in LOCK["package"] if package["name"] == "keel")
    theirs = [package for package in LOCK["package"] if package is not ours]
    assert ours["source"] == {"editable": "."}
    assert {package["source"].get("registry") for package in theirs} == {"https://pypi.org/simple"}
    files = [file for package in theirs for file in [*package.get("wheels", []), package.get("sdist")] if file]
    assert {file["url"].split("/")[2] for file in files} == {"files.pythonhosted.org"}


@pytest.mark.proves("I44", kind="unit")
def test_every_locked_file_has_its_hash() -> None:
    theirs = [package for package in LOCK["package"] if package["name"] != "keel"]
    files = [file for package in theirs for file in [*package.get("wheels", []), package.get("sdist")] if file]
    assert all(re.fullmatch("sha256:[0-9a-f]{64}", file["hash"]) for file in files)
    assert all(package.get("wheels") or package.get("sdist") for package in theirs)


@pytest.mark.proves("I44", kind="unit")
def test_nothing_is_asked_for_by_an_address() -> None:
    asked = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["dependency-groups"]["dev"],
        *PROJECT["build-system"]["requires"],
    ]
    asked += [one for extra in PROJECT["project"]["optional-dependencies"].values() for one in extra]
    assert [one for one in asked if Requirement(one).url] == []
    assert "uv" not in PROJECT["tool"], "no other sources than the lock file's"


@pytest.mark.proves("I44", kind="unit")
def test_what_is_installed_came_from_an_index() -> None:
    """A package from a checkout or an address says so in a file of its own; ours alone may."""
    direct = {found.name for found in distributions() if found.read_text("direct_url.json")}
    assert direct <= {"keel"}


@pytest.mark.proves("I44", kind="unit")
def test_the_lock_was_made_from_these_dependencies() -> None:
    asked = [(requirement, None) for requirement in PROJECT["project"]["dependencies"]]
    for extra, requirements in PROJECT["project"]["optional-dependencies"].items():
        asked += [(requirement, extra) for requirement in requirements]
    ours = next(package for package in LOCK["package"] if package["name"] == "keel")
    assert {_locked(entry) for entry in ours["metadata"]["requires-dist"]} == {_asked(*entry) for entry in asked}
    groups = {_asked(requirement, None) for requirement in PROJECT["dependency-groups"]["dev"]}
    assert {_locked(entry) for entry in ours["metadata"]["requires-dev"]["dev"]} == groups


def _locked(entry: dict[str, Any]) -> str:
    marker = entry.get("marker", "").replace("'", "")
    return f"{entry['name']}{sorted(entry.get('extras', []))}{entry['specifier']}{marker}"


def _asked(requirement: str, extra: str | None) -> str:
    parsed = Requirement(requirement)
    marker = f"extra == {extra}" if extra else ""
    return f"{parsed.name}{sorted(parsed.extras)}{_in_order(str(parsed.specifier))}{marker}"


def _in_order(specifier: str) -> str:
    return ",".join(sorted(specifier.split(","), reverse=True))
