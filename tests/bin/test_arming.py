"""New code, a new strategy or new limits trade on paper first, then a little, then as they may."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.store.database import sqlite_url
from actors.store.rows import rows_of
from actors.store.writer import Writer
from bin.arming import Stint, digest_of, is_on_this_machine
from config.settings import Settings, load
from models.messages.base import Message
from models.messages.records import RanUnder
from surfaces.cli.errors import CommandError

HOUR = 3_600_000_000_000
START = 1_763_733_802_000_000_000


class Hands:
    now = START

    def now_ns(self) -> int:
        return self.now


def settings(**given: str) -> Settings:
    return load(
        {name.replace("__", "."): value for name, value in given.items()},
        environment={},
        config_file=None,
        env_file=None,
    )


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    opened = Writer(sqlite_url(tmp_path / "arb.db"), START)
    yield opened
    opened.close()


def ran(writer: Writer, mode: str, hours: float, **given: str) -> None:
    """Have a mode run for so long, and write down what is said of it."""
    clock = Hands()
    stint = Stint(mode, settings(**given), writer, clock)
    clock.now += int(hours * HOUR)

    def tell(message: Message) -> None:
        writer.write(rows_of(message, writer.run, clock.now), ())

    stint.note(tell, lambda: settings(**given))


def asks(writer: Writer, **given: str) -> str:
    """What a live start is told that it lacks."""
    try:
        Stint("live", settings(**given), writer, Hands()).require_paper()
    except CommandError as error:
        return f"exit {error.exit_code}: {error.message}"
    return "admitted"


def test_live_is_refused_until_the_same_was_on_paper_for_a_day(writer: Writer) -> None:
    assert "were on paper for 0.0 of 24.0 h" in asks(writer)
    ran(writer, "paper", 20)
    assert "were on paper for 20.0 of 24.0 h" in asks(writer)
    ran(writer, "paper", 4)
    assert asks(writer) == "admitted"


@pytest.mark.parametrize(
    "given", [{"risk__wallet_usd": "2000"}, {"losses__day_loss": "0.02"}, {"strategy": "two_sided"}]
)
def test_another_limit_or_strategy_begins_anew(writer: Writer, given: dict[str, str]) -> None:
    ran(writer, "paper", 30)
    assert "were on paper for 0.0 of 24.0 h" in asks(writer, **given)


def test_a_tuned_parameter_does_not(writer: Writer) -> None:
    ran(writer, "paper", 30)
    assert asks(writer, maker__bid_size="6", tag="other") == "admitted"
    assert asks(writer, arming__paper_s=str(48 * 3_600)).startswith("exit 6: this code, strategy and these limits")


def test_what_was_observed_or_traded_live_is_not_paper(writer: Writer) -> None:
    ran(writer, "observe", 30)
    ran(writer, "live", 30)
    assert "0.0 of 24.0 h" in asks(writer)


def test_the_first_hour_live_is_counted_over_restarts(writer: Writer) -> None:
    assert Stint("live", settings(), writer, Hands()).canary_ns == HOUR
    ran(writer, "live", 0.25)
    assert Stint("live", settings(), writer, Hands()).canary_ns == 3 * HOUR // 4
    ran(writer, "live", 5)
    assert Stint("live", settings(), writer, Hands()).canary_ns == 0
    assert Stint("paper", settings(), writer, Hands()).canary_ns == 0


def test_the_time_is_said_once_a_minute_and_no_more_once_a_limit_has_changed(writer: Writer) -> None:
    clock, said = Hands(), list[Message]()
    first = settings()
    stint = Stint("paper", first, writer, clock)
    for second in range(1, 125):
        clock.now = START + second * 1_000_000_000
        stint.note(said.append, lambda: first)
    assert [one.ran_ns // 1_000_000_000 for one in said if isinstance(one, RanUnder)] == [60, 120]
    stint.note(said.append, lambda: first, last=True)
    stint.note(said.append, lambda: settings(risk__wallet_usd="900"), last=True)
    assert len(said) == 3


def test_the_digest_covers_the_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = digest_of(settings())
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "risk.py").write_text("raise SystemExit\n")
    monkeypatch.setattr("bin.arming._ROOT", tmp_path)
    assert digest_of(settings()) != before == before.lower()


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8642", True), ("http://localhost:8642", True), ("http://[::1]:1/", True),
        ("https://clob.polymarket.com", False), ("https://10.0.0.3", False), ("", False),
    ],
)  # fmt: skip
def test_a_venue_of_this_machine_is_known(url: str, here: bool) -> None:
    assert is_on_this_machine(url) is here


def test_the_command_refuses_before_it_asks_the_venue_anything(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch(0o600)
    key.write_text("0x" + "11" * 32)
    (tmp_path / "config.yaml").write_text(
        f"armed: true\naccount:\n  private_key_file: {key}\n"
        "endpoints:\n  clob_url: https://venue.invalid\n  gamma_url: https://venue.invalid\n"
    )
    command = (
        sys.executable, "-P", "-m", "bin.main", "run", "--mode", "live", "--tag", "t", "--i-understand-live", "--yes",
        "--config", str(tmp_path / "config.yaml"), "--data-dir", str(tmp_path / "data"), "--json",
    )  # fmt: skip
    home = {"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(command, check=False, env=home, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "on paper for 0.0 of 24.0 h" in done.stdout) == (6, True), done.stderr
