"""What the database keeps of commands and orders, for people; and what is said of one that cannot be read."""

import json
from pathlib import Path

import pytest

from surfaces.cli.app import run

PASSWORD = "a-canary-of-a-password"


@pytest.mark.parametrize("command", [("audit",), ("orders", "list", "--past"), ("db", "status"), ("db", "verify")])
@pytest.mark.parametrize(
    ("url", "says"),
    [
        (f"postgresql://ana:{PASSWORD}@[::1/keel", "is none"), (f"nosuch://ana:{PASSWORD}@host/keel", "is neither"),
        ("{folder}/torn.db", "not a database"),
    ],
)  # fmt: skip
def test_a_database_that_cannot_be_read_is_a_failure_that_is_told(
    command: tuple[str, ...], url: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "torn.db").write_bytes(b"no database" * 100)
    code = run([*command, "--json", "--data-dir", str(tmp_path), "--db", url.format(folder=tmp_path)])
    said = capsys.readouterr()
    document = json.loads(said.out)
    if command == ("db", "verify") and "torn" in url:
        assert (code, document["whole"]) == (9, False), "it is what this command looks for"
    else:
        assert (code, document["error"]["code"]) == (4, "configuration"), document
    assert says in said.out
    assert PASSWORD not in said.out + said.err
    assert "Traceback" not in said.err
