"""What is there before a run begins: an exchange with its world, our account at it, and an empty database."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from actors.live import LiveVenue
from actors.store.database import open_writer, sqlite_url
from actors.venues.polymarket.credentials import Credentials
from actors.venues.polymarket.gamma import fetch_catalogue
from actors.venues.polymarket.keys import SigningKey
from actors.venues.polymarket.orders import Account, SignatureType
from actors.venues.polymarket.relayer import OwnKey
from actors.venues.secret import Secret
from config.settings import load
from models.engine import EngineParameters
from models.markets import Catalogue
from research.prove.sim.plan import BEGIN_NS, Plan
from research.prove.sim.seams import Beside
from sandbox.exchange import Exchange, Setup

_CHAIN_ID = 137


def exchange_of(plan: Plan) -> Exchange:
    """Return the exchange of a plan, with one account."""
    setup = Setup(seed=plan.seed, protocol=plan.protocol, accounts=1, signature_types=(plan.signature_type,))
    exchange = Exchange(setup)
    exchange.populate(plan.profile, BEGIN_NS, count=plan.markets)
    return exchange


def catalogue_of(exchange: Exchange) -> Catalogue:
    """Return the markets as the production reader finds them."""
    with httpx.Client(transport=Beside(exchange, BEGIN_NS)) as client:
        return fetch_catalogue(client, "http://gamma.sim")[0]


def account_at(exchange: Exchange) -> LiveVenue:
    """Return our account, ready to trade."""
    account: Any = exchange.describe_accounts()[0]
    kind = SignatureType(account["signature_type"])
    owner = Account(SigningKey(Secret(account["private_key"])), _CHAIN_ID, kind, account["funder"])
    credentials = Credentials(account["api_key"], Secret(account["api_secret"]), Secret(account["api_passphrase"]))
    relayer_key = OwnKey(Secret(account["relayer_api_key"]["key"]), owner.key.address)
    return LiveVenue(
        "http://clob.sim", "ws://clob.sim/ws/user", owner, credentials, 2,
        relayer_url="http://relayer.sim", relayer_key=relayer_key,
    )  # fmt: skip


@cache
def empty_database() -> bytes:
    """Make a database with all tables, once in a process: each seed begins with a copy."""
    with tempfile.TemporaryDirectory(prefix="keel-sim-") as folder:
        file = Path(folder) / "arb.db"
        open_writer(sqlite_url(file)).close()
        return file.read_bytes()


@cache
def parameters_of(settings: tuple[tuple[str, str], ...]) -> EngineParameters:
    """Return by what an engine goes that is given these settings."""
    return load(dict(settings), config_file=None, env_file=None, environment={}).engine
