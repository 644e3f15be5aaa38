"""What differs between two configurations: what a running engine can go by, and what a person has to want."""

from typing import Any

import pytest

from config.changes import changes, conditions
from config.registry import KEYS
from config.settings import Settings, load
from models.controls.control import Guard
from models.controls.families import FAMILIES, changeable


def given(**more: Any) -> Settings:
    options = {"tag": "desk"} | {name.replace("__", "."): value for name, value in more.items()}
    return load(options, config_file=None, env_file=None, environment={})


def only(before: Settings, after: Settings) -> Any:
    (change,) = changes(before, after)
    return change


def test_the_same_configuration_differs_in_nothing() -> None:
    assert changes(given(), given()) == ()
    assert conditions(given()) == conditions(given())


@pytest.mark.parametrize(
    ("path", "less", "more"),
    [
        ("maker__bid_size", "5", "6"), ("risk__wallet_usd", "100", "10000"), ("risk__order_usd", "0.01", "0.02"),
        ("inventory__max_net_diff", "5", "10"), ("losses__day_loss", "0.01", "0.02"),
        ("risk__open_orders_per_market", "2", "4"), ("risk__open_positions", "2", "0"),
    ],
)  # fmt: skip
def test_raising_a_limit_adds_risk_and_lowering_it_does_not(path: str, less: str, more: str) -> None:
    up = only(given(**{path: less}), given(**{path: more}))
    down = only(given(**{path: more}), given(**{path: less}))
    assert (up.live, up.adds_risk) == (True, True)
    assert (down.live, down.adds_risk) == (True, False)


def test_of_a_reserve_less_is_the_risk() -> None:
    assert only(given(risk__cash_reserve="0.2"), given(risk__cash_reserve="0.1")).adds_risk
    assert not only(given(risk__cash_reserve="0.1"), given(risk__cash_reserve="0.2")).adds_risk


def test_what_moves_orders_alone_adds_none_and_what_is_not_known_does() -> None:
    assert not only(given(), given(quotes__debounce_ms="700")).adds_risk
    assert only(given(), given(maker__even_spread="improve_reducing")).adds_risk


@pytest.mark.parametrize(
    ("path", "value"),
    [("markets", "a,b"), ("data_dir", "elsewhere"), ("executor__rate_tier", "elite"), ("risk__start_paused", "true"),
     ("book__event_fresh_ms", "9000"), ("risk__open_orders_total", "30"), ("phase__flat_band", "7")],
)  # fmt: skip
def test_what_a_running_engine_cannot_go_by_needs_a_restart(path: str, value: str) -> None:
    assert not only(given(), given(**{path: value})).live


def test_a_name_that_is_made_from_edges_cannot_change_under_a_desk() -> None:
    def two_sided(edge: str) -> Settings:
        options = {"strategy": "two_sided", "two_sided.min_edge": edge}
        return load(options, config_file=None, env_file=None, environment={})

    name, edge = changes(two_sided("0.02"), two_sided("0.03"))
    assert (name.path, name.live) == ("tag", False)
    assert (edge.path, edge.live, edge.adds_risk) == ("two_sided.min_edge", True, False)


def test_it_says_what_people_write() -> None:
    assert str(only(given(maker__bid_size="5"), given(maker__bid_size="6.5"))) == "maker.bid_size: 5 -> 6.5 shares"


def test_conditions_are_what_figures_depend_on_and_no_places() -> None:
    found = conditions(given())
    assert {"mode", "strategy", "maker.bid_size", "risk.wallet_usd"} <= set(found)
    assert not {"data_dir", "endpoints.clob_url", "account.funder", "db"} & set(found)


def test_no_path_can_change_that_a_family_would_not_hear_of() -> None:
    deaf = {path for f in FAMILIES if f.changed is Guard.changed for c in f.controls for path in c.parameters}
    assert changeable()
    assert not changeable() & deaf
    assert set(KEYS) >= changeable()
