"""What a run is told besides the parameters of its machines: the mode, where its data is, what it trades and where."""

from typing import Annotated, Literal

import msgspec

from models.parameters import parameter

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
    gamma_url: Annotated[str, parameter("REST of the catalogue of markets.", "text", env=["GAMMA_URL"])] = (
        "https://gamma-api.polymarket.com"
    )
    reference_ws_url: Annotated[
        str | None, parameter("WebSocket of outside prices that strategies follow; none without one.", "text")
    ] = None
