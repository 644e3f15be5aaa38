"""`keel get` and `keel set`: what is set holds as a whole until the restart, or is written into the file."""

from pathlib import Path
from typing import Any

import pytest

from actors.control.ports import Refused
from bin.notify import Notifier
from bin.reload import Reloader
from config.settings import load
from models.engine import EngineParameters
from models.messages.base import Message
from models.messages.records import SegmentOpened
from models.units import SHARE

_FILE = """\
tag: desk   # mine
risk: {wallet_usd: 1000}
maker:
  # shares a quote
  bid_size: 5
"""


class Recorder:
    """Stands where the engine would: it remembers what it is told."""

    def __init__(self) -> None:
        self.earlier_segments: dict[str, str | None] = {}
        self.parameters: list[EngineParameters] = []
        self.told: list[Message] = []

    def now_ns(self) -> int:
        return len(self.told)

    def change(self, parameters: EngineParameters) -> None:
        self.parameters.append(parameters)

    def tell(self, message: Message) -> None:
        self.told.append(message)


class Desk:
    """A reloader of a file, with names for what one does to it."""

    def __init__(self, folder: Path, environment: dict[str, str], **typed: str) -> None:
        self.file = folder / "config.yaml"
        self.file.write_text(_FILE, encoding="utf-8")
        self.engine = Recorder()

        def read() -> Any:
            return load(typed, config_file=self.file, env_file=None, environment=environment)

        self.reloader = Reloader(self.engine, read(), read, Notifier(), self.file)
        self.reloader.begin()

    def set(self, *, confirmed: bool = True, persist: bool = False, **more: Any) -> Any:
        flags = {name: more.pop(name) for name in ("dry_run", "may_add_risk") if name in more}
        changes = {name.replace("__", "."): value for name, value in more.items()}
        return self.reloader.change(changes, "me", persist=persist, confirmed=confirmed, **{"dry_run": False, **flags})

    def refused(self, **more: Any) -> Refused:
        before = (self.reloader.settings, len(self.engine.told), self.file.read_text(encoding="utf-8"))
        with pytest.raises(Refused) as raised:
            self.set(**more)
        assert before == (self.reloader.settings, len(self.engine.told), self.file.read_text(encoding="utf-8"))
        assert not self.engine.parameters, "nothing was changed"
        return raised.value

    def value(self, key: str) -> tuple[str, str]:
        (value,) = self.reloader.get([key])
        return value.value, value.source

    def reload(self) -> Any:
        return self.reloader.reload("me", confirmed=True, dry_run=False)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, {})


def test_what_is_set_is_in_force_at_once_and_opens_a_segment(desk: Desk) -> None:
    done = desk.set(maker__bid_size="7", risk__wallet_usd="900")
    assert desk.engine.parameters[-1].maker.bid_size == 7 * SHARE
    assert done.lines[:2] == (
        "risk.wallet_usd: 1000 -> 900 dollars (runtime)", "maker.bid_size: 5 -> 7 shares (runtime)",
    )  # fmt: skip
    opened = desk.engine.told[-1]
    assert isinstance(opened, SegmentOpened)
    assert (opened.number, opened.changes["maker.bid_size"], opened.who) == (done.segment, "5 -> 7", "me")
    assert [(one.path, one.old, one.new) for one in done.changes][1] == ("maker.bid_size", "5", "7")
    assert desk.value("maker.bid_size") == ("7", "runtime")
    assert desk.value("tag") == ("desk", "yaml")
    assert desk.value("maker.pair_target")[1] == "default"
    assert desk.file.read_text(encoding="utf-8") == _FILE


def test_one_wrong_value_refuses_them_all(desk: Desk) -> None:
    assert desk.refused(maker__bid_size="7", risk__wallet_usd="much").code == "usage"
    unknown = desk.refused(maker__bid_size="7", maker__bidsize="8", rsk__wallet_usd="3")
    assert unknown.code == "not_found"
    assert "maker.bidsize" in str(unknown)
    assert "did you mean maker.bid_size?" in unknown.hint


def test_a_value_against_another_is_refused(desk: Desk) -> None:
    assert "losses.day_loss" in str(desk.refused(losses__day_loss="0.5", losses__day_loss_kill="0.1"))


def test_what_needs_a_restart_refuses_them_all(desk: Desk) -> None:
    refused = desk.refused(maker__bid_size="6", data_dir="elsewhere")
    assert refused.code == "refused"
    assert "data_dir: data -> elsewhere" in str(refused)


@pytest.mark.parametrize(
    "key",
    [
        "data_dir",
        "markets",
        "db",
        "strategy",
        "phase.flat_band",
        "leg.leg_max_loss",
        "pace.orders_per_s",
        "unknowns.kill",
        "settlement.reduce_s",
        "markouts.decay_fills",
        "rejects.ratio_window_s",
    ],
)
def test_what_needs_a_restart_is_named_with_the_way_to_have_it(desk: Desk, key: str) -> None:
    (before,) = desk.reloader.get([key])
    value = {"markets": "a,b", "db": "sqlite:///x.db", "strategy": "lead_lag"}.get(key, "90")
    refused = desk.refused(**{key: value, "persist": True})
    assert (refused.code, before.live) == ("refused", False)
    assert f"this needs a restart: {key}: " in str(refused)
    assert "put it into the configuration file and restart" in refused.hint


@pytest.mark.parametrize("name", ["mode", "KEEL_MODE", "DRY_RUN"])
@pytest.mark.parametrize("persist", [False, True])
def test_the_mode_is_never_set_and_the_answer_says_how_to_have_another(desk: Desk, name: str, persist: bool) -> None:
    refused = desk.refused(**{name: "live", "maker.bid_size": "4"}, persist=persist)
    assert refused.code == "usage"
    assert "the mode cannot be set in a running engine: this one was started in paper" in str(refused)
    assert "keel run --mode" in refused.hint


def test_a_limit_raised_a_hundredfold_is_refused_with_its_path(desk: Desk) -> None:
    refused = desk.refused(risk__wallet_usd="100000")
    assert "a hundredfold: risk.wallet_usd: 1000 -> 100000" in str(refused)


def test_what_adds_risk_asks_and_what_lowers_it_does_not(desk: Desk) -> None:
    assert desk.refused(maker__bid_size="6", confirmed=False).code == "confirmation_required"
    assert desk.refused(maker__bid_size="6", may_add_risk=False).code == "not_permitted"
    assert desk.set(maker__bid_size="4", confirmed=False, may_add_risk=False).segment


def test_a_dry_run_shows_and_changes_nothing(desk: Desk) -> None:
    shown = desk.set(maker__bid_size="6", persist=True, dry_run=True, confirmed=False)
    assert shown.dry_run
    assert shown.lines[0] == "maker.bid_size: 5 -> 6 shares"
    assert "would be written" in shown.lines[1]
    assert not desk.engine.parameters
    assert desk.file.read_text(encoding="utf-8") == _FILE


def test_what_is_persisted_stands_in_the_file_beside_its_comments(desk: Desk) -> None:
    done = desk.set(maker__bid_size="6", persist=True)
    assert desk.file.read_text(encoding="utf-8") == _FILE.replace("bid_size: 5", "bid_size: 6")
    assert done.changes[0].persisted
    assert desk.value("maker.bid_size") == ("6", "yaml")
    assert desk.reload().lines == ("nothing has changed",)


def test_what_was_set_can_be_persisted_later(desk: Desk) -> None:
    desk.set(maker__bid_size="6")
    done = desk.set(maker__bid_size="6", persist=True)
    assert not done.segment, "it is in force already"
    assert "bid_size: 6" in desk.file.read_text(encoding="utf-8")
    assert desk.value("maker.bid_size") == ("6", "yaml")


def test_what_was_raised_until_the_restart_is_kept_for_good_by_an_owner_who_confirms_it(desk: Desk) -> None:
    desk.set(maker__bid_size="6")
    for kept in ("6", "5.5"):
        before = desk.file.read_text(encoding="utf-8")
        with pytest.raises(Refused) as raised:
            desk.set(maker__bid_size=kept, persist=True, may_add_risk=False)
        assert (raised.value.code, "5 -> " in str(raised.value)) == ("not_permitted", True)
        with pytest.raises(Refused) as raised:
            desk.set(maker__bid_size=kept, persist=True, confirmed=False)
        assert raised.value.code == "confirmation_required"
        assert desk.file.read_text(encoding="utf-8") == before
    assert desk.set(maker__bid_size="4", persist=True, confirmed=False, may_add_risk=False).segment


def test_what_was_lowered_in_the_file_since_it_was_read_is_raised_by_an_owner_alone(desk: Desk) -> None:
    lowered = _FILE.replace("bid_size: 5", "bid_size: 3")
    desk.file.write_text(lowered, encoding="utf-8")
    for kept in ("5", "4"):
        with pytest.raises(Refused, match=f"maker.bid_size: 3 -> {kept} shares") as raised:
            desk.set(maker__bid_size=kept, persist=True, may_add_risk=False)
        assert raised.value.code == "not_permitted"
        assert desk.refused(maker__bid_size=kept, persist=True, confirmed=False).code == "confirmation_required"
    assert (desk.file.read_text(encoding="utf-8"), desk.value("maker.bid_size")[0]) == (lowered, "5")
    desk.set(maker__bid_size="2", persist=True, confirmed=False, may_add_risk=False)
    assert "bid_size: 2" in desk.file.read_text(encoding="utf-8")


def test_what_others_just_write_into_the_file_is_not_taken_up_by_a_set(desk: Desk) -> None:
    desk.file.write_text(_FILE.replace("1000", "2000"), encoding="utf-8")
    desk.set(maker__bid_size="4")
    assert desk.value("risk.wallet_usd") == ("1000", "yaml")


def test_what_was_set_stays_over_a_reload_which_says_so(desk: Desk) -> None:
    desk.set(maker__bid_size="6")
    desk.file.write_text(_FILE.replace("bid_size: 5", "bid_size: 4"), encoding="utf-8")
    assert desk.reload().lines == (
        "maker.bid_size: stays 6 until the restart, as it was set; the sources say 4",
    )  # fmt: skip
    assert desk.value("maker.bid_size") == ("6", "runtime")


def test_a_file_cannot_be_written_over_what_stands_above_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, {"PM_BID_SIZE": "5"})
    assert "PM_BID_SIZE" in str(desk.refused(maker__bid_size="6", persist=True))
    assert desk.set(maker__bid_size="6").segment, "until the restart it holds"


def test_a_file_with_something_wrong_in_it_is_not_written(desk: Desk) -> None:
    desk.file.write_text("maker: [\n", encoding="utf-8")
    assert desk.refused(maker__bid_size="6", persist=True).code == "configuration"


def test_keys_are_known_by_other_names_where_only_one_is_meant(desk: Desk) -> None:
    desk.set(bid_size="4")
    desk.set(WALLET_USD="800")
    assert (desk.value("maker.bid_size")[0], desk.value("risk.wallet_usd")[0]) == ("4", "800")
    with pytest.raises(Refused, match=r"may be .*risk\.order_usd"):
        desk.set(order_usd="0.01")


def test_a_section_stands_for_its_keys_and_nothing_for_all(desk: Desk) -> None:
    assert {value.path.partition(".")[0] for value in desk.reloader.get(["risk"])} == {"risk"}
    assert len(desk.reloader.get([])) > len(desk.reloader.get(["risk"]))
    (live,) = desk.reloader.get(["maker.bid_size"])
    assert live.live
    assert live.meaning


def test_what_is_sent_is_shown_cleaned_and_cut(desk: Desk) -> None:
    unknown = desk.refused(**{"maker\x1b[31m" + "x" * 60_000: "1"})
    assert len(str(unknown)) < 200
    assert "\x1b" not in str(unknown)
    wrong = desk.refused(maker__bid_size="\x1b]0;" + "9" * 60_000)
    assert len(str(wrong)) < 400
    assert "\x1b" not in str(wrong)


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    desk = Desk(tmp_path, {}, db="postgresql://keel:canary@host/db")
    assert desk.value("db")[0] == "postgresql://keel:***@host/db"
    assert "canary" not in str(desk.refused(db="postgresql://keel:canary2@other/db"))
