"""bin/setup and bin/keel in a copy of the checkout, on a PATH where uv and Python only write down their calls."""

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "cat", "chmod", "cmp", "cp", "ln", "mkdir", "mv", "readlink", "rm", "sed", "sleep", "tr")

MAKE_VENV = """
mkdir -p .venv/bin
printf '#!/bin/sh\\necho keel "$@"\\n' >.venv/bin/keel
cp "$0" .venv/bin/python
chmod +x .venv/bin/keel .venv/bin/python
"""
UV = 'echo "uv $*" >>calls' + MAKE_VENV
PYTHON = f"""
case "$*" in
  *version_info?:3*) echo 3.13.0 ;;
  *-m*) echo "python $*" >>calls ;;
esac
case "$*" in *'-m venv'*) {MAKE_VENV} ;; esac
"""


class Checkout:
    """A copy of what bin/setup works with, and a PATH of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.path = folder / "path"
        self.started: list[subprocess.Popen[str]] = []
        self.path.mkdir()
        (self.root / "bin").mkdir(parents=True)
        for name in ("bin/setup", "bin/keel", "pyproject.toml", "uv.lock"):
            shutil.copy(ROOT / name, self.root / name)
        for tool in TOOLS:
            (self.path / tool).symlink_to(str(shutil.which(tool)))

    def provide(self, name: str, script: str) -> None:
        program = self.path / name
        program.write_text("#!/bin/sh\n" + script)
        program.chmod(0o755)

    def start(self, name: str, *arguments: str) -> subprocess.Popen[str]:
        command = [str(self.root / "bin" / name), *arguments]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, env={"PATH": str(self.path)}, cwd="/", stdout=pipe, stderr=pipe, text=True)
        self.started.append(process)
        return process

    def run(self, name: str, *arguments: str) -> tuple[int, str, str]:
        process = self.start(name, *arguments)
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err

    def calls(self) -> list[str]:
        """Give the calls since the last time."""
        file = self.root / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    checkout = Checkout(tmp_path)
    yield checkout
    for process in checkout.started:
        process.kill()
        process.communicate()


@pytest.fixture
def running() -> Iterator[subprocess.Popen[bytes]]:
    """Give a process that runs until its standard input is closed."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        yield process


def test_no_python_at_all_is_said_with_the_way_out(checkout: Checkout) -> None:
    status, out, err = checkout.run("setup")
    assert (status, out) == (4, "")
    assert "needs Python 3.11 or newer; found: none" in err
    assert "curl -LsSf https://astral.sh/uv/install.sh | sh" in err


def test_too_old_a_python_is_named(checkout: Checkout) -> None:
    checkout.provide("python3", 'case "$*" in *version_info?:3*) echo 3.8.18 ;; *) exit 1 ;; esac')
    status, out, err = checkout.run("keel", "--version")
    assert (status, out) == (4, "")
    assert "found: 3.8.18" in err
    assert "uv/install.sh" in err
    assert not (checkout.root / ".venv").exists()


@pytest.mark.parametrize(
    ("manager", "advice"),
    [
        ("apt-get", "sudo apt install python3.13-venv"),
        ("dnf", "sudo dnf install python3.13-libs"),
        ("brew", "brew reinstall python@3.13"),
        ("none", "the modules venv and ensurepip of Python 3.13"),
    ],
)
def test_a_python_without_its_venv_module_names_the_package(checkout: Checkout, manager: str, advice: str) -> None:
    checkout.provide("python3", 'case "$*" in *ensurepip*) exit 1 ;; *version_info?:3*) echo 3.13.0 ;; esac')
    checkout.provide(manager, "")
    status, out, err = checkout.run("setup")
    assert (status, out) == (4, "")
    assert advice in err


def test_the_next_python_is_taken_when_the_newest_has_no_venv_module(checkout: Checkout) -> None:
    checkout.provide("python3.14", 'case "$*" in *ensurepip*) exit 1 ;; *version_info?:3*) echo 3.14.0 ;; esac')
    checkout.provide("python3.13", PYTHON)
    status, _, err = checkout.run("setup")
    assert status == 0
    assert "Python 3.13.0" in err


@pytest.mark.proves("I44", kind="unit")
def test_uv_is_preferred_and_installs_what_is_locked(checkout: Checkout) -> None:
    checkout.provide("uv", UV)
    checkout.provide("python3", PYTHON)
    status, out, err = checkout.run("setup", "--dev", "live")
    assert (status, out) == (0, "")
    assert checkout.calls() == ["uv sync --frozen --quiet --compile-bytecode --dev --extra live"]
    assert err.endswith("Next: bin/keel demo\n")


def test_without_uv_pip_installs_the_checkout(checkout: Checkout) -> None:
    checkout.provide("python3", PYTHON)
    status, out, err = checkout.run("setup", "live", "postgres")
    assert (status, out) == (0, "")
    assert checkout.calls() == [
        "python -m venv --clear .venv",
        "python -m pip --quiet --disable-pip-version-check install --editable .[live,postgres]",
    ]
    assert err.endswith("Next: bin/keel demo\n")


def test_pip_learns_groups_before_it_installs_the_tools(checkout: Checkout) -> None:
    checkout.provide("python3", PYTHON)
    assert checkout.run("setup", "--dev")[0] == 0
    assert [call.split(" install ")[-1] for call in checkout.calls()] == [
        "python -m venv --clear .venv",
        "--upgrade pip>=25.1",
        "--editable . --group dev",
    ]


def test_nothing_is_done_twice(checkout: Checkout) -> None:
    checkout.provide("uv", UV)
    checkout.run("setup")
    checkout.calls()
    assert checkout.run("setup") == (0, "", "setup: nothing to do. Next: bin/keel demo\n")
    assert checkout.run("setup", "-q") == (0, "", "")
    assert checkout.calls() == []


@pytest.mark.parametrize("name", ["pyproject.toml", "uv.lock"])
def test_a_changed_file_is_followed_and_what_was_asked_for_is_kept(checkout: Checkout, name: str) -> None:
    checkout.provide("uv", UV)
    checkout.run("setup", "--dev")
    checkout.calls()
    with (checkout.root / name).open("a") as file:
        file.write("\n")
    assert checkout.run("keel", "--version")[:2] == (0, "keel --version\n")
    assert checkout.calls() == ["uv sync --frozen --quiet --compile-bytecode --dev"]


def test_an_unknown_extra_is_refused_and_the_known_are_named(checkout: Checkout) -> None:
    status, out, err = checkout.run("setup", "moon")
    assert (status, out) == (2, "")
    assert "extras: live postgres research keyring" in err


def test_a_failed_set_up_says_so_and_is_tried_again(checkout: Checkout) -> None:
    checkout.provide("uv", UV + "exit 1")
    status, out, err = checkout.run("keel", "status")
    assert (status, out) == (1, "")
    assert "failed" in err
    checkout.provide("uv", UV)
    status, out, err = checkout.run("keel", "status")
    assert (status, out) == (0, "keel status\n")
    assert "interrupted" not in err


def test_a_failed_change_that_is_taken_back_is_set_up_again(checkout: Checkout) -> None:
    checkout.provide("uv", UV)
    checkout.run("setup")
    before = (checkout.root / "pyproject.toml").read_text()
    (checkout.root / "pyproject.toml").write_text(before + "\n")
    checkout.provide("uv", UV + "exit 1")
    checkout.run("setup")
    checkout.calls()
    checkout.provide("uv", UV)
    (checkout.root / "pyproject.toml").write_text(before)
    assert checkout.run("setup")[0] == 0
    assert len(checkout.calls()) == 1


def test_an_interrupted_set_up_starts_afresh(checkout: Checkout, running: subprocess.Popen[bytes]) -> None:
    running.communicate(timeout=30)
    leftover = checkout.root / ".venv/leftover"
    leftover.parent.mkdir()
    leftover.touch()
    (checkout.root / ".venv.setup").write_text(f"{running.pid}\n")
    checkout.provide("uv", UV)
    status, _, err = checkout.run("setup")
    assert status == 0
    assert "interrupted" in err
    assert not leftover.exists()
    assert not (checkout.root / ".venv.setup").exists()


def test_a_second_set_up_waits_for_the_first(checkout: Checkout, running: subprocess.Popen[bytes]) -> None:
    (checkout.root / ".venv.setup").write_text(f"{running.pid}\n")
    checkout.provide("uv", UV)
    second = checkout.start("setup")
    assert second.stderr is not None
    assert f"process {running.pid} is at it" in second.stderr.readline()
    assert checkout.calls() == []
    running.communicate(timeout=30)
    second.communicate(timeout=30)
    assert second.returncode == 0
    assert len(checkout.calls()) == 1


def test_a_moved_checkout_is_made_anew(checkout: Checkout) -> None:
    checkout.provide("uv", UV)
    checkout.run("setup", "--dev")
    (checkout.root / ".venv/leftover").touch()
    checkout.root = checkout.root.rename(checkout.root.with_name("elsewhere"))
    assert checkout.run("keel", "status")[:2] == (0, "keel status\n")
    assert not (checkout.root / ".venv/leftover").exists()
    assert (checkout.root / ".venv/keel-setup").read_text().startswith(f"{checkout.root}\nasked: --dev\n")


def test_keel_sets_itself_up_and_says_so_only_on_stderr(checkout: Checkout) -> None:
    checkout.provide("uv", UV)
    status, out, err = checkout.run("keel", "markets", "two words")
    assert (status, out) == (0, "keel markets two words\n")
    assert "making .venv" in err
    assert checkout.run("keel", "status") == (0, "keel status\n", "")


def test_keel_runs_through_a_symbolic_link(checkout: Checkout) -> None:
    checkout.provide("uv", UV)
    (checkout.path / "keel").symlink_to(checkout.root / "bin/keel")
    (checkout.path / "trade").symlink_to("keel")
    checkout.root = checkout.path.parent
    (checkout.root / "bin").symlink_to("path")
    assert checkout.run("trade", "status")[:2] == (0, "keel status\n")


def test_the_console_script_says_the_version_of_this_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    command = [sys.executable, "-m", "bin.main", "--version"]
    assert (
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
        == f"keel {version}"
    )
