"""A whole live engine against a local venue, in this process: what it does, and what the venue says that it did."""

import json
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from actors.live import LiveVenue
from actors.venues.polymarket.credentials import Credentials
from actors.venues.polymarket.keys import SigningKey
from actors.venues.polymarket.orders import Account, SignatureType
from actors.venues.polymarket.relayer import OwnKey
from actors.venues.secret import Secret
from bin.catalogue import sandbox_endpoints
from bin.engine import Engine
from bin.engine_options import Options
from config.settings import load
from models.cells import TradingState
from models.markets import NO, YES
from models.snapshot import Board
from tests.bin.processes import Sandbox, until

Found = TypeVar("Found")

SMALL: Mapping[str, str] = {
    "mode": "live",
    "tag": "desk",
    "maker.bid_size": "5",
    "inventory.max_net_diff": "10",
    "inventory.max_position_value": "10",
    "risk.wallet_usd": "500",
    "price.bounds_ticks": "1",
    "market.min_touch": "0.01",  # what others leave at the touch of a small world may be less than an order
    "runtime.slow_turn_ms": "60000",
    "executor.slow_answers_ms": "60000",
    "executor.slow_tail_ms": "60000",
    "executor.slow_answer_ms": "60000",
}
"""Settings under which a desk trades all the time and never has much at risk, however slow the machine is.

Orders by hand rest one tick from nothing, where only a test's own taker finds them: that is as near as may be."""


class LiveEngine:
    """An engine that trades on account `number` of a venue; both sides can be asked."""

    def __init__(self, venue: Sandbox, number: int, engine: Engine) -> None:
        self.venue = venue
        self.number = number
        self.engine = engine

    # Ours

    @property
    def board(self) -> Board:
        """What the engine shows now."""
        return self.engine.board.look()

    def states(self) -> set[TradingState]:
        return {line.state for line in self.board.markets.values()}

    def cells(self) -> set[tuple[str, str]]:
        """The source and reason of every cell that holds a market back."""
        return {(cell.source, cell.reason) for line in self.board.markets.values() for cell in line.cells}

    def held(self) -> Counter[str]:
        """What the ledger says that the desk holds of each token, in micro-shares."""
        found: Counter[str] = Counter()
        for (_, market), desk in self.board.desks.items():
            for outcome in (YES, NO):
                leg = (desk.position.yes, desk.position.no)[outcome]
                found[self.engine.catalogue.markets[market].token_ids[outcome]] += leg.shares
        return +found

    def resume(self) -> None:
        """Let it trade, once it has begun as it must: paused."""
        self.until(lambda: any(desk.explanation for desk in self.board.desks.values()), "it decides")
        # What is read back holds it as well, and what is said meanwhile waits: the pause may come behind a resume.
        self.until(lambda: ("operator", "paused") in self.cells(), "it begins paused")
        self.engine.control.set_state("resume", (), "test", 10, confirmed=True)

    def trades(self, fills: int = 1) -> None:
        """Wait until it has so many fills more."""
        before = self.board.counts.fills
        self.until(lambda: self.board.counts.fills >= before + fills, f"{fills} fills more", 90)

    def quotes(self) -> None:
        """Wait until orders of it rest at the venue."""
        self.until(lambda: self.account()["open_orders"], "it quotes")

    def until(self, look: Callable[[], Found | None], what: str, timeout_s: float = 60) -> Found:
        """Wait until something is there; else say which cells stand, and how the log ends."""
        return until(look, what, timeout_s, self.seen)

    def seen(self) -> str:
        lines = "\n".join(line.text for line in self.board.log[-12:])
        return f"; cells {sorted(self.cells())}; the log ends\n{lines}"

    # The venue's

    def account(self) -> dict[str, Any]:
        return accounts(self.venue)[self.number]

    def wallet(self) -> dict[str, Any]:
        return self.account()["wallets"][0]

    def placed(self) -> list[str]:
        """The ids of all orders that the venue took from this account, in order."""
        return placed(self.venue, self.number)


@contextmanager
def live(
    venue: Sandbox, number: int, data_dir: Path, *, database: str | None = None, **more: str
) -> Iterator[LiveEngine]:
    """Run an engine on an account of a venue; `more` are settings, with `__` for a dot. `database`: the URL of one."""
    account = venue.said["accounts"][number]
    kind = SignatureType(account["signature_type"])
    owner = Account(SigningKey(Secret(account["private_key"])), 137, kind, account["funder"])
    secret, passphrase = Secret(account["api_secret"]), Secret(account["api_passphrase"])
    endpoints = sandbox_endpoints(venue.url)
    found = LiveVenue(
        endpoints.clob_url, endpoints.user_ws_url, owner, Credentials(account["api_key"], secret, passphrase), 2,
        relayer_url=endpoints.relayer_url,
        relayer_key=OwnKey(Secret(account["relayer_api_key"]["key"]), owner.key.address),
    )  # fmt: skip
    changed = {name.replace("__", "."): value for name, value in more.items()}
    settings = load({**SMALL, **changed}, config_file=None, env_file=None, environment={})
    database = database or f"sqlite:///{data_dir}/arb.db"
    made = Engine(
        Options(
            "live", {"desk": "maker"}, settings.engine, endpoints, data_dir, database, settings.run.markets, live=found
        ),
        leave=lambda code: None,
    )
    try:
        made.start()
        yield LiveEngine(venue, number, made)
    finally:
        made.stop()


def accounts(venue: Sandbox) -> list[dict[str, Any]]:
    return asked(venue, "/accounts")["accounts"]


def placed(venue: Sandbox, number: int) -> list[str]:
    """The ids of all orders that the venue took from an account, in order."""
    address = venue.said["accounts"][number]["address"]
    return [line["id"] for line in log(venue, "order_placed") if line["account"] == address]


def log(venue: Sandbox, kind: str = "", after: int = 0) -> list[dict[str, Any]]:
    """What the venue saw and did, of one kind or all, from the line after `after` on."""
    most = 10_000
    while True:
        more = asked(venue, f"/log?after={len(venue.lines)}&limit={most}")["lines"]
        venue.lines += more
        if len(more) < most:
            return [line for line in venue.lines[after:] if not kind or line["kind"] == kind]


def asked(venue: Sandbox, path: str) -> dict[str, Any]:
    """What the venue's control service answers."""
    with urllib.request.urlopen(f"{venue.said['control_url']}{path}", timeout=30) as answer:
        return json.load(answer)


def clear(venue: Sandbox) -> None:
    """End all faults."""
    request = urllib.request.Request(f"{venue.said['control_url']}/faults", method="DELETE")
    with urllib.request.urlopen(request, timeout=30):
        pass
