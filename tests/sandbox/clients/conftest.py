"""The official clients, each in a virtual environment of its own, and a sandbox for them to trade on.

Why own environments: the clients need older libraries than this project does, and nothing of ours may stand in their
way. They run in a process without our paths and without our environment variables, exactly as they were published.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from platformdirs import user_cache_path

_RELEASES = {
    "v1": ("py-clob-client", "0.34.6"),
    "v2": ("py-clob-client-v2", "1.2.1"),
    "unified": ("polymarket-client", "0.14.0"),
}
_BUILD_S = 300
_NO_INDEX = "after connection broken by"
"""What pip says when nobody answers at the package index."""
_PIPE = subprocess.PIPE

Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def python_of() -> Callable[[str], Path]:
    """Give the interpreter of a client's environment, which is built once per machine and version."""
    folder = Path(os.environ.get("KEEL_CLIENTS") or user_cache_path("keel") / "clients")

    def build(client: str) -> Path:
        name, version = _RELEASES[client]
        home = folder / f"{name}-{version}"
        python = home / "bin" / "python"
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{home}.lock"):
            if _installed(python, name) != version:
                subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True, timeout=_BUILD_S)
                _install(python, f"{name}=={version}")
        return python

    return build


@pytest.fixture(scope="module")
def sandbox() -> Iterator[dict[str, Any]]:
    """Give the first line of a sandbox in a process of its own."""
    yield from _started("--clock-speed", "1")


@pytest.fixture(scope="module")
def hurried() -> Iterator[dict[str, Any]]:
    """Give the first line of the same world in which half a minute, the chain's time, passes in three seconds."""
    yield from _started("--clock-speed", "10")


@pytest.fixture(scope="module")
def newer() -> Iterator[dict[str, Any]]:
    """Give the first line of a world, as hurried, whose markets are of the newer protocol."""
    yield from _started("--protocol", "3", "--clock-speed", "10")


@pytest.fixture(scope="module")
def wallets() -> Iterator[dict[str, Any]]:
    """Give the first line of a world of both protocols, as hurried, with an account of every signature type."""
    kinds = ("--accounts", "4", "--signature-types", "0,1,2,3")
    yield from _started("--protocol", "mixed", "--markets-count", "16", "--clock-speed", "10", *kinds)


@pytest.fixture(scope="module")
def first_generation() -> Iterator[dict[str, Any]]:
    """Give the first line of the same world as it was before the second generation of orders."""
    yield from _started("--protocol", "1")


@pytest.fixture(scope="session")
def run(python_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Let a client live through one of its stories and give the JSON document of what it saw."""
    tellers: dict[str, subprocess.Popen[str]] = {}

    def play(client: str, story: str, **facts: Any) -> dict[str, Any]:
        if client not in tellers:
            here = Path(__file__).parent
            command = [python_of(client.partition("_")[0]), "-I", here / "storyteller.py", here / f"run_{client}.py"]
            tellers[client] = subprocess.Popen(command, stdin=_PIPE, stdout=_PIPE, text=True, env={})
        teller, folder = tellers[client], tmp_path_factory.mktemp(story)
        (folder / "told").write_text(json.dumps(facts), encoding="utf-8")
        assert teller.stdin is not None
        assert teller.stdout is not None
        teller.stdin.write(f"{story} {folder}\n")
        teller.stdin.flush()
        ended = teller.stdout.readline().strip()
        complaints = folder / "complaints"
        assert ended == "0", f"{client} {story}:\n{complaints.read_text()[-4_000:] if complaints.exists() else ended}"
        return json.loads((folder / "seen").read_text(encoding="utf-8"))

    yield play
    for teller in tellers.values():
        teller.communicate()


def _started(*flags: str) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "sandbox", "--json", "--port", "0", "--seed", "7", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.terminate()


def _installed(python: Path, name: str) -> str:
    if not python.exists():
        return ""
    question = f"from importlib.metadata import version; print(version({name!r}))"
    return subprocess.run([python, "-I", "-c", question], check=False, capture_output=True, text=True).stdout.strip()


def _install(python: Path, release: str) -> None:
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", release]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_BUILD_S)
    if done.returncode and _NO_INDEX in done.stderr:
        pytest.skip(f"{release} is not installed yet and the package index cannot be reached")
    assert done.returncode == 0, f"pip install {release}:\n{done.stderr}"
