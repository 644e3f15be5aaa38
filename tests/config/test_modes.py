import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.modes import MODES, decide, read_switch

STRICTNESS = {mode: number for number, mode in enumerate(MODES)}


def mode_of(**switches: object) -> str:
    return decide(read_switch(name.replace("__", "--"), value, "") for name, value in switches.items()).mode


def test_without_a_switch_it_is_paper() -> None:
    decision = decide(())
    assert (decision.mode, decision.winner) == ("paper", None)


@pytest.mark.proves("I28")
def test_the_strictest_of_six_switches_wins() -> None:
    given_switches = [
        ("BOT_MODE", "live"),
        ("DRY_RUN", "true"),
        ("PM_DRY_RUN", "false"),
        ("TRADING_MODE", "paper"),
        ("--mode", "live"),
    ]
    decision = decide(read_switch(name, value, name) for name, value in given_switches)
    assert decision.mode == "paper"
    assert decision.winner is not None
    assert decision.winner.name == "DRY_RUN"
    assert [switch.name for switch in decision.switches] == [name for name, _ in given_switches]


@pytest.mark.parametrize("name", ["DRY_RUN", "PM_DRY_RUN", "dry_run"])
def test_no_dry_run_alone_never_means_live(name: str) -> None:
    assert decide([read_switch(name, "false", "")]).mode == "paper"
    assert decide([read_switch(name, "false", ""), read_switch("--mode", "live", "")]).mode == "live"
    assert decide([read_switch(name, "true", ""), read_switch("--mode", "live", "")]).mode == "paper"


def test_the_flag_of_run_means_observe() -> None:
    assert decide([read_switch("--dry-run", "true", ""), read_switch("--mode", "live", "")]).mode == "observe"


def test_dry_run_does_not_loosen_observe() -> None:
    assert decide([read_switch("DRY_RUN", "true", ""), read_switch("mode", "observe", "")]).mode == "observe"


@pytest.mark.proves("I28")
@given(st.lists(st.tuples(st.sampled_from(["--mode", "mode", "BOT_MODE", "TRADING_MODE"]), st.sampled_from(MODES))))
def test_no_switch_loosens_what_another_said(switches: list[tuple[str, str]]) -> None:
    decided = decide(read_switch(name, mode, "") for name, mode in switches).mode
    assert all(STRICTNESS[decided] <= STRICTNESS[mode] for _, mode in switches if mode in STRICTNESS)
    without = decide(read_switch(name, mode, "") for name, mode in switches[1:]).mode
    if switches[1:]:
        assert STRICTNESS[decided] <= STRICTNESS[without]


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("--mode", "lvie", "expected observe, paper or live"),
        ("BOT_MODE", "backtest", "a backtest is a command of its own"),
        ("DRY_RUN", "maybe", r"expected true \(paper\) or false"),
        ("DRY_RUN", "paper", "expected true"),
    ],
)
def test_a_switch_that_says_nothing_known_is_an_error(name: str, value: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_switch(name, value, "")
