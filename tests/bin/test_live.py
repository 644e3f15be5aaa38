"""A live engine on a local venue: what it places, gets filled and cancels there, and what the venue says it holds."""

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.live import LiveVenue
from actors.venues.polymarket.credentials import Credentials
from actors.venues.polymarket.keys import SigningKey
from actors.venues.polymarket.orders import Account, SignatureType
from actors.venues.secret import Secret
from bin.catalogue import sandbox_endpoints
from bin.engine import Engine, Options
from config.settings import load
from models.cells import TradingState
from models.markets import NO, YES
from tests.bin.processes import Sandbox, sandbox, until

_SMALL = {
    "mode": "live",
    "tag": "desk",
    "maker.bid_size": "5",
    "inventory.max_net_diff": "10",
    "inventory.max_position_value": "10",
    "risk.wallet_usd": "500",
}
_WORLD = ("--port", 0, "--profile", "demo", "--markets-count", 4, "--seed", 3)


@pytest.fixture(scope="module", params=[("2", 0), ("mixed", 1)], ids=["own account", "deposit wallet, mixed protocols"])
def told(request: pytest.FixtureRequest) -> Iterator[tuple[Sandbox, int]]:
    protocol, number = request.param
    with sandbox(*_WORLD, "--protocol", protocol) as venue:
        yield venue, number


@contextmanager
def live(venue: Sandbox, number: int, data_dir: Path) -> Iterator[Engine]:
    account = venue.said["accounts"][number]
    kind = SignatureType(account["signature_type"])
    owner = Account(SigningKey(Secret(account["private_key"])), 137, kind, account["funder"])
    secret, passphrase = Secret(account["api_secret"]), Secret(account["api_passphrase"])
    endpoints = sandbox_endpoints(venue.url)
    found = LiveVenue(
        endpoints.clob_url, endpoints.user_ws_url, owner, Credentials(account["api_key"], secret, passphrase), 2
    )
    settings = load(_SMALL, config_file=None, env_file=None, environment={})
    engine = Engine(
        Options(
            "live", {"desk": "maker"}, settings.engine, endpoints, data_dir, f"sqlite:///{data_dir}/arb.db", live=found
        )
    )
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()


def test_what_a_live_engine_holds_is_what_the_venue_says_and_nothing_rests_behind_it(
    told: tuple[Sandbox, int], tmp_path: Path
) -> None:
    venue, number = told
    before = wallet(venue, number)
    with live(venue, number, tmp_path) as engine:
        board = engine.board

        until(lambda: any(desk.explanation for desk in board.look().desks.values()), "it decides")
        until(lambda: states(engine) == {TradingState.CANCEL_ONLY}, "it begins paused")
        assert not board.look().counts.orders
        engine.control.set_state("resume", (), "test", 5, confirmed=True)

        until(lambda: board.look().counts.fills >= 5 and board.look().counts.cancels >= 3, "it trades", 60)
        paused = engine.control.set_state("pause", (), "test", 10)
        assert paused.proven
        until(lambda: not any(desk.position.provisional for desk in board.look().desks.values()), "all settles", 60)
        assert states(engine) == {TradingState.CANCEL_ONLY}
        after = wallet(venue, number)
        assert held(engine) == Counter(after["tokens"]) - Counter(before["tokens"])
        spent = sum(desk.position.yes.cost + desk.position.no.cost for desk in board.look().desks.values())
        assert before["cash"] - after["cash"] == spent
        assert not board.look().counts.denials_by_reason.get("unknown_order")
        assert engine.stop() == ()
    assert accounts(venue)[number]["open_orders"] == []


def states(engine: Engine) -> set[TradingState]:
    return {line.state for line in engine.board.look().markets.values()}


def held(engine: Engine) -> Counter[str]:
    found: Counter[str] = Counter()
    for (_, market), desk in engine.board.look().desks.items():
        for outcome in (YES, NO):
            found[engine.catalogue.markets[market].token_ids[outcome]] += (desk.position.yes, desk.position.no)[
                outcome
            ].shares
    return +found


def wallet(venue: Sandbox, number: int) -> dict[str, Any]:
    return accounts(venue)[number]["wallets"][0]


def accounts(venue: Sandbox) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{venue.said['control_url']}/accounts", timeout=5) as answer:
        return json.load(answer)["accounts"]
