from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from config.problems import ConfigurationError, Problem
from config.settings import Settings, check, load, profiles


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(
    options: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None, **more: Any
) -> Settings:
    return load(options, environment=environment or {}, **more)


def problems(
    options: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None, **more: Any
) -> tuple[Problem, ...]:
    with pytest.raises(ConfigurationError) as raised:
        read(options, environment, **more)
    return raised.value.problems


def write(text: str, name: str = "config.yaml") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def test_without_any_source_all_is_default() -> None:
    settings = read()
    assert settings.mode == "paper"
    assert settings.engine.maker.bid_size == 1_000_000
    assert not settings.given
    assert {shown.source for shown in settings.shown()} == {"default"}


def test_the_stronger_source_wins_and_is_named() -> None:
    write("maker:\n  bid_size: 6\n  pair_target: 0.98\n  pair_edge_ticks: 2\nflow:\n  window_ms: 5000\n")
    write("PM_BID_SIZE=7\nPM_PAIR_TARGET='0.97'\nPM_OFI_WINDOW_MS=6000\n", ".env")
    environment = {"PM_BID_SIZE": "8", "PM_PAIR_TARGET": "0.96"}
    settings = read({"maker.bid_size": 9}, environment, profile="small_250")
    maker = settings.engine.maker
    assert (maker.bid_size, maker.pair_target, maker.pair_edge_ticks) == (9_000_000, 9_600, 2)
    assert settings.engine.flow.window_ms == 6_000
    assert settings.engine.inventory.max_net_diff == 10_000_000
    shown = {line.path: (line.value, line.source, line.place) for line in settings.shown()}
    assert shown["maker.bid_size"] == ("9", "cli", "command line")
    assert shown["maker.pair_target"] == ("0.96", "env", "environment PM_PAIR_TARGET")
    assert shown["flow.window_ms"] == ("6000", ".env", ".env PM_OFI_WINDOW_MS")
    assert shown["maker.pair_edge_ticks"] == ("2", "yaml", "config.yaml line 4")
    assert shown["inventory.max_net_diff"][:2] == ("10", "profile")
    assert shown["marks.mark_max_spread"] == ("0.1", "default", "")


def test_a_key_has_a_name_of_its_own_in_the_environment() -> None:
    assert read(environment={"KEEL_MAKER__BID_SIZE": "5"}).engine.maker.bid_size == 5_000_000
    assert read(environment={"KEEL_DATA_DIR": "elsewhere"}).run.data_dir == "elsewhere"


def test_an_unknown_key_names_its_file_and_the_nearest() -> None:
    write("maker:\n  bid_sise: 5\n")
    [problem] = problems()
    assert str(problem) == "config.yaml line 2: maker.bid_sise: unknown key; did you mean maker.bid_size?"


@pytest.mark.parametrize(
    "text, meant",
    [
        ("bid_size: 5\n", "maker.bid_size"),
        ("makr:\n  bid_size: 5\n", "maker"),
        ("data_dri: x\n", "data_dir"),
        ("flow:\n  windows_ms: 1\n", "flow.window_ms"),
        ("risk:\n  wallet: 5\n", "risk.wallet_usd"),
        ("zzzzzzzz: 5\n", None),
    ],
)
def test_the_nearest_key_is_looked_for_where_it_probably_stands(text: str, meant: str | None) -> None:
    write(text)
    [problem] = problems()
    assert problem.nearest == meant
    assert problem.reason == "unknown key"


def test_everything_that_is_wrong_is_said_at_once() -> None:
    write("maker:\n  bid_size: five\n  bid_sise: 5\nflow: 3\n")
    write("PM_PAIR_TARGET=1.5\n", ".env")
    found = problems(
        {"quotes.debounce_ms": "soon", "no.such": 1, "strategy": "makr"},
        {"PM_MAX_NET_DIFF": "x", "KEEL_MAKER__BID_SIZ": "1", "BOT_MODE": "lvie"},
        profile="smal_250",
    )
    assert sorted((problem.place, problem.key) for problem in found) == sorted(
        [
            ("command line", "profile"),
            ("config.yaml line 3", "maker.bid_sise"),
            ("config.yaml line 4", "flow"),
            ("environment", "KEEL_MAKER__BID_SIZ"),
            ("command line", "no.such"),
            ("environment BOT_MODE", "BOT_MODE"),
            ("command line", "strategy"),
            ("environment PM_MAX_NET_DIFF", "inventory.max_net_diff"),
            ("command line", "quotes.debounce_ms"),
            ("config.yaml line 2", "maker.bid_size"),
            (".env PM_PAIR_TARGET", "maker.pair_target"),
        ]
    )
    said = {problem.key: problem for problem in found}
    assert said["profile"].nearest == "small_250"
    assert said["strategy"].nearest == "maker"
    assert said["KEEL_MAKER__BID_SIZ"].nearest == "KEEL_MAKER__BID_SIZE"
    assert said["maker.bid_size"].value == "five"
    assert "shares as a plain decimal" in said["maker.bid_size"].reason


def test_a_bad_number_in_the_environment_is_never_ignored() -> None:
    [problem] = problems(environment={"PM_BID_SIZE": "1,5"})
    assert (problem.place, problem.key, problem.value) == ("environment PM_BID_SIZE", "maker.bid_size", "1,5")


def test_an_empty_value_in_the_environment_is_not_given() -> None:
    write("PM_PAIR_TARGET=\n", ".env")
    assert not read(environment={"PM_BID_SIZE": ""}).given


def test_names_of_others_in_the_environment_are_left_alone() -> None:
    foreign = {"PATH": "/bin", "NEWSAPI_KEY": "x", "PM_SCAN_ENABLE": "1", "LEAD_LAG_EDGE_EXIT_PCT": "0.05"}
    assert not read(environment=foreign).given


@pytest.mark.parametrize(
    "name, meant",
    [("PM_BIDSIZE", "PM_BID_SIZE"), ("KEEL_DATADIR", "KEEL_DATA_DIR"), ("KEEL_BID_SIZE", "KEEL_MAKER__BID_SIZE")],
)
def test_a_misspelt_name_of_ours_is_an_error(name: str, meant: str) -> None:
    write(f"{name}=5\n", ".env")
    [problem] = problems()
    assert (problem.place, problem.key, problem.nearest) == (".env", name, meant)


def test_two_names_of_one_key_that_disagree_are_an_error_naming_both() -> None:
    [problem] = problems(environment={"MARKETS": "a", "POLYMARKET_MARKET_SLUG": "b"})
    assert problem.place == "MARKETS=a, POLYMARKET_MARKET_SLUG=b"
    assert problem.key == "markets"
    agreeing = {"PM_BID_SIZE": "5", "KEEL_MAKER__BID_SIZE": "5.0"}
    assert read(environment=agreeing).engine.maker.bid_size == 5_000_000


def test_two_names_disagree_across_the_environment_and_its_file_too() -> None:
    write("MARKETS=a\n", ".env")
    [problem] = problems(environment={"POLYMARKET_MARKET_SLUG": "b"})
    assert problem.key == "markets"


def test_two_names_of_one_secret_that_disagree_are_an_error_that_does_not_tell_it() -> None:
    secrets = {"PRIVATE_KEY": "0xsparrow1", "POLYMARKET_PRIVATE_KEY": "0xsparrow2"}
    [problem] = problems(environment=secrets)
    assert problem.place == "PRIVATE_KEY, POLYMARKET_PRIVATE_KEY"
    assert "sparrow" not in str(problem)


def test_of_a_secret_only_its_place_is_kept() -> None:
    settings = read(environment={"POLYMARKET_PRIVATE_KEY": "0xsparrow", "CLOB_API_KEY": "sparrow"})
    assert settings.secrets == {"private key": "POLYMARKET_PRIVATE_KEY", "API key": "CLOB_API_KEY"}
    assert "sparrow" not in repr(settings)


def test_the_mode_is_the_strictest_of_all_sources() -> None:
    write("mode: live\ndry_run: false\n")
    environment = {"BOT_MODE": "live", "DRY_RUN": "true", "PM_DRY_RUN": "false", "TRADING_MODE": "paper"}
    settings = read({"mode": "live"}, environment)
    assert settings.mode == settings.run.mode == "paper"
    assert len(settings.decision.switches) == 7
    assert {switch.place for switch in settings.decision.switches} >= {"command line", "config.yaml line 1"}


@pytest.mark.proves("I28")
def test_live_needs_every_switch_and_comes_up_paused() -> None:
    settings = read({"mode": "live", "tag": "edge_1"}, {"DRY_RUN": "false"})
    assert settings.mode == "live"
    assert settings.engine.risk.start_paused
    assert not read({"mode": "live", "tag": "t"}, {"START_PAUSED": "false"}).engine.risk.start_paused


def test_paper_comes_up_running_unless_it_is_told() -> None:
    assert not read().engine.risk.start_paused
    assert read(environment={"START_PAUSED": "true"}).engine.risk.start_paused


def test_live_refuses_to_start_without_a_tag() -> None:
    [problem] = problems({"mode": "live"})
    assert problem.key == "tag"


def test_the_dry_run_of_run_means_observe() -> None:
    assert read({"mode": "live"}, dry_run=True).mode == "observe"


def test_a_profile_may_be_named_by_any_source() -> None:
    assert read(profile="small_250").engine.maker.bid_size == 5_000_000
    assert read(environment={"KEEL_PROFILE": "small_250"}).engine.maker.bid_size == 5_000_000
    write("profile: small_250\n")
    assert read().engine.maker.bid_size == 5_000_000
    [problem] = problems(profile="other")
    assert "small_250" in problem.reason


def test_a_profile_that_says_paper_is_never_live() -> None:
    assert read({"mode": "live", "tag": "t"}, profile="small_250").mode == "paper"


@pytest.mark.parametrize(
    "strategy, options, tag",
    [
        ("maker", {}, "maker"),
        ("two_sided", {"risk.wallet_usd": 200}, "edge_2p0_0p6_200"),
        (
            "two_sided",
            {"two_sided.min_edge": "0.015", "two_sided.exit_edge": "0.0025", "risk.wallet_usd": "250.5"},
            "edge_1p5_0p25_250p5",
        ),
        ("two_sided", {"tag": "mine"}, "mine"),
    ],
)
def test_a_desk_without_a_name_is_named_by_its_edges(strategy: str, options: dict[str, object], tag: str) -> None:
    assert read({"strategy": strategy, **options}).tag == tag


def test_options_that_are_none_were_not_given() -> None:
    assert not read({"maker.bid_size": None, "mode": None, "tag": None}).given


def test_a_file_that_was_named_must_be_there() -> None:
    [problem] = problems(config_file=Path("other.yaml"))
    assert (problem.place, problem.reason) == ("other.yaml", "cannot be read: No such file or directory")
    [problem] = problems(env_file=Path("other.env"))
    assert problem.place == "other.env"


def test_an_env_file_that_is_not_text_is_named_beside_all_else_that_is_wrong_and_not_shown() -> None:
    Path(".env").write_bytes(b"PRIVATE_KEY=\xff\xfesecret\n")
    [problem, other] = problems(environment={"PM_BID_SIZE": "1,5"})
    assert str(problem) == ".env: the file: cannot be read: it is not UTF-8"
    assert other.place == "environment PM_BID_SIZE"


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="this system has no file that nobody can read")
def test_an_env_file_that_cannot_be_read_is_named() -> None:
    Path(".env").symlink_to("/proc/self/mem")
    [problem] = problems()
    assert str(problem) == ".env: the file: cannot be read: Input/output error"


@pytest.mark.parametrize(
    "text, key, reason",
    [
        ("maker: [\n", "the file", "is not YAML"),
        ("- a\n- b\n", "the file", "expected keys and values"),
        ("maker:\n  bid_size: 5\n  bid_size: 6\n", "maker.bid_size", "expected each key once"),
        ("a: &x 5\nmaker:\n  bid_size: *x\n", "*x", "expected values written out, not aliases"),
        ("data_dir: !!python/object/apply:os.system [echo]\n", "data_dir", "expected a value without a tag"),
        ("data_dir:\n  deep: 5\n", "data_dir", "expected a value, not a section"),
        ("maker: 5\n", "maker", "expected keys and values, because it is a section"),
        ("markets: [[a]]\n", "markets", "expected a value, not a section"),
        ("x" * 300_000, "the file", "expected at most 256 KiB"),
    ],
)
def test_a_file_of_another_form_is_refused(text: str, key: str, reason: str) -> None:
    write(text)
    found = problems()
    assert (found[0].key, found[0].reason[: len(reason)]) == (key, reason)
    assert found[0].place.startswith("config.yaml")


def test_a_file_that_is_no_text_is_refused() -> None:
    Path("config.yaml").write_bytes(b"\xff\xfe\x00")
    [problem] = problems()
    assert problem.reason == "cannot be read: it is not UTF-8"


def test_yaml_guesses_nothing_about_values() -> None:
    write("inventory:\n  auto_merge: off\ntag: 1_000\nrisk:\n  wallet_usd: 0.1\n  start_paused: yes\nmaker:\n")
    settings = read()
    assert settings.engine.inventory.auto_merge == "off"
    assert settings.tag == "1_000"
    assert settings.engine.risk.wallet_usd == 100_000
    assert settings.engine.risk.start_paused is True


def test_null_in_a_file_is_not_given() -> None:
    write("profile: null\ntag: ~\ndb:\n")
    assert not read().given


def test_a_list_may_be_written_both_ways() -> None:
    write("markets:\n  - a\n  - b\n")
    assert read().run.markets == ("a", "b")
    write("markets: a, b\n")
    assert read().run.markets == ("a", "b")


def test_a_file_is_checked_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PM_BID_SIZE", "x")
    assert check(write("maker:\n  bid_size: 5\n", "good.yaml")) == ()
    assert [problem.key for problem in check(write("makr:\n  bid_size: 5\n", "bad.yaml"))] == ["makr"]


def test_every_profile_can_be_loaded() -> None:
    assert "small_250" in profiles()
    for name in profiles():
        assert read(profile=name).mode == "paper"


def test_the_profile_small_250_can_trade() -> None:
    engine = read(profile="small_250").engine
    assert engine.maker.bid_size == 5_000_000
    assert engine.inventory.max_net_diff == 10_000_000
    assert engine.inventory.max_position_value == 10_000_000


@pytest.mark.parametrize(
    ("name", "value"), [("day_loss", "3"), ("day_loss_kill", "5"), ("drawdown", "8"), ("market_loss", "-0.015")]
)
def test_a_loss_limit_of_a_hundredfold_or_below_zero_is_refused_with_its_path(name: str, value: str) -> None:
    (problem,) = problems({f"losses.{name}": value})
    assert (problem.key, problem.value) == (f"losses.{name}", value)


def test_a_kill_before_the_reducing_is_refused_with_its_path() -> None:
    write("losses:\n  day_loss: 0.04\n  day_loss_kill: 0.035\n")
    (problem,) = problems()
    assert str(problem) == (
        "config.yaml line 3: losses.day_loss_kill = '0.035': expected at least day_loss, which is 0.04: "
        "less is risked before nothing is"
    )
    (problem,) = problems({"losses.day_loss": "0.06"}, config_file=None)
    assert (problem.place, problem.key, problem.value) == ("default", "losses.day_loss_kill", "0.05")


def test_a_wrong_configuration_does_not_print_the_password_of_the_database() -> None:
    one, other = "postgresql://u:hunter2pass@h/a", "postgresql://u:hunter3pass@h/" + "a" * 80
    said = [str(problem) for problem in problems(environment={"DB_PATH": one, "KEEL_DB": other})]
    assert "DB_PATH=postgresql://u:***@h/a" in said[0]
    said += [str(Problem("config.yaml line 1", "run.mode", "expected another", other))]
    said += [str(problem) for problem in problems({"run.log_level": one})]
    assert len(said) >= 3
    assert not [one for one in said if "hunter" in one]
