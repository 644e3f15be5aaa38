"""What a run is told besides the parameters of its machines: the mode, where its data is, what it trades and where."""

from typing import Annotated, Literal

import msgspec

from models.parameters import parameter
from models.units import DOLLAR, Money, Price

Mode = Literal["observe", "paper", "live"]


class RunParameters(msgspec.Struct, frozen=True):
    """Keys at the top of a configuration file, outside any section."""

    mode: Annotated[
        Mode,
        parameter(
            "observe only records decisions, paper trades against a simulated venue, live trades money. The strictest "
            "of all switches that are set wins: this, --mode, --dry-run, BOT_MODE, TRADING_MODE, DRY_RUN, PM_DRY_RUN.",
            "choice",
        ),
    ] = "paper"
    armed: Annotated[
        bool,
        parameter("With this configuration money may be traded: live starts with nothing that is not armed.", "switch"),
    ] = False
    profile: Annotated[
        str | None, parameter("Name of a profile, whose values stand below those of this file.", "text")
    ] = None
    strategy: Annotated[
        str, parameter("What decides: maker, lead_lag, complete_set or two_sided.", "text", env=["STRATEGY_MODE"])
    ] = "maker"
    tag: Annotated[
        str | None,
        parameter(
            "Name of the desk, under which orders, inventory and profit are kept; made from the strategy and its edges "
            "where it is not given. Live needs one.",
            "text",
            env=["STRATEGY_TAG"],
        ),
    ] = None
    markets: Annotated[
        tuple[str, ...],
        parameter(
            "Slugs or condition ids to trade; none: all that the venue lists.",
            "text",
            env=["MARKETS", "POLYMARKET_MARKET_SLUG"],
        ),
    ] = ()
    data_dir: Annotated[str, parameter("Folder of the database, the tape and the control socket.", "text")] = "data"
    db: Annotated[
        str | None,
        parameter("Database: a path, sqlite:///PATH or postgresql://...; arb.db in data_dir.", "text", env=["DB_PATH"]),
    ] = None
    log_level: Annotated[
        Literal["TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL"],
        parameter("Least severe lines of the log that are shown.", "choice", env=["LOG_LEVEL"]),
    ] = "INFO"


class EndpointParameters(msgspec.Struct, frozen=True):
    """Where the venue and the references are; `--sandbox URL` sets all of them."""

    clob_url: Annotated[str, parameter("REST of the order book.", "text", env=["CLOB_REST_URL"])] = (
        "https://clob.polymarket.com"
    )
    market_ws_url: Annotated[str, parameter("WebSocket of market data.", "text", env=["CLOB_WS_URL"])] = (
        "wss://ws-subscriptions-clob.polymarket.com/ws/market"
    )
    user_ws_url: Annotated[
        str, parameter("WebSocket of our own orders and fills.", "text", env=["CLOB_USER_WS_URL"])
    ] = "wss://ws-subscriptions-clob.polymarket.com/ws/user"
    gamma_url: Annotated[str, parameter("REST of the catalogue of markets.", "text", env=["GAMMA_URL"])] = (
        "https://gamma-api.polymarket.com"
    )
    relayer_url: Annotated[
        str, parameter("Relayer, which knows the wallets on chain and sends what they sign.", "text")
    ] = "https://relayer-v2.polymarket.com"
    site_url: Annotated[str, parameter("Web site that says whether one may trade from here.", "text")] = (
        "https://polymarket.com"
    )
    reference_ws_url: Annotated[
        str | None, parameter("WebSocket of outside prices that strategies follow; none without one.", "text")
    ] = None


class AccountParameters(msgspec.Struct, frozen=True):
    """Whose money is traded in live. Where its secrets are read from: docs/secrets.md. They never stand here."""

    chain_id: Annotated[
        int, parameter("Chain of the account: 137 is Polygon, 80002 its test chain.", "count", env=["CHAIN_ID"], gt=0)
    ] = 137
    signature_type: Annotated[
        int,
        parameter(
            "Whose money orders spend: 0 that of the account itself, 1 of its proxy, 2 of its safe, 3 of its deposit "
            "wallet.",
            "count",
            env=["SIGNATURE_TYPE", "POLYMARKET_SIGNATURE_TYPE"],
            ge=0,
            le=3,
        ),
    ] = 0
    funder: Annotated[
        str | None,
        parameter(
            "Address of the wallet that holds the money; null: the account's own, which is right for type 0 alone.",
            "text",
            env=["POLYMARKET_FUNDER"],
        ),
    ] = None
    private_key_file: Annotated[
        str | None,
        parameter("File with the private key, which nobody but its owner may read (0600).", "text"),
    ] = None
    secrets_dir: Annotated[
        str | None,
        parameter("Folder of files of mode 0600, one for each secret, named as docs/secrets.md lists them.", "text"),
    ] = None
    keystore_file: Annotated[
        str | None,
        parameter("Encrypted private key (JSON keystore V3); its password is asked for, or stands elsewhere.", "text"),
    ] = None
    signer: Annotated[
        str | None,
        parameter("Socket of a `keel signer`, which alone has the private key; null: it is read here.", "text"),
    ] = None
    clock_skew_max_ms: Annotated[
        int,
        parameter("Live is not started when our clock is farther from the venue's; 0: whatever it is.", "ms", ge=0),
    ] = 5_000


class SignerParameters(msgspec.Struct, frozen=True):
    """What `keel signer` signs at most, whatever the engine asks for."""

    order_usd: Annotated[
        Money,
        parameter("Most that one order may give: its dollars, or its shares at a dollar each.", "dollars", gt=0),
    ] = 250 * DOLLAR
    day_usd: Annotated[
        Money, parameter("Most that all orders of one day (UTC) may give together, filled or not.", "dollars", gt=0)
    ] = 1_000_000 * DOLLAR
    second_max: Annotated[int, parameter("So many requests are looked at in a second.", "count", gt=0, le=1_500)] = 100
    price_step: Annotated[Price, parameter("Prices are multiples of this.", "price", gt=0, le=1_000)] = 1
    price_margin: Annotated[
        Price, parameter("Prices are so far at least from 0 and from a dollar.", "price", gt=0, lt=5_000)
    ] = 10
    ahead_s: Annotated[
        int,
        parameter(
            "Times that are signed lie within this of the signer's clock; deadlines not farther ahead.", "seconds", gt=0
        ),
    ] = 900
