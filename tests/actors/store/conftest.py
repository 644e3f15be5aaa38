"""Real databases for the tests of the store: a SQLite file, and a PostgreSQL cluster of our own where there is one."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from actors.store.database import sqlite_url

_numbers = count()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """Folder with the socket of a PostgreSQL server that lives as long as the tests."""
    binaries = _postgres_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL server binaries are not installed")
    folder = Path(tempfile.mkdtemp(prefix="keel-pg-", dir="/tmp"))
    # initdb refuses to run as root.
    user = _somebody() if os.geteuid() == 0 else None
    if user is not None:
        os.chown(folder, user, -1)
    data = folder / "data"

    def run(*command: str | Path) -> None:
        subprocess.run(command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL, timeout=60)

    try:
        run(binaries / "initdb", "-D", data, "-U", "keel", "--auth=trust", "--no-sync")
        options = f"-c listen_addresses='' -k {folder} -c fsync=off -c max_connections=20"
        run(binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
        try:
            yield folder
        finally:
            run(binaries / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def postgres_url(cluster: Path) -> str:
    """URL of an empty PostgreSQL database."""
    import psycopg

    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(host=str(cluster), user="keel", dbname="postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"postgresql://keel@/{name}?host={cluster}"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database; every test that takes it runs on both kinds."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "arb.db")
    return request.getfixturevalue("postgres_url")


def _postgres_binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


def _somebody() -> int:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    pytest.skip("PostgreSQL does not run as root, and there is no user `nobody`")
