"""What the paper venue assumes about the real one: latencies, the queue, settlement."""

from typing import Annotated, Literal

import msgspec

from models.parameters import parameter
from models.units import DOLLAR, Money


class PaperParameters(msgspec.Struct, frozen=True):
    """How the paper venue answers."""

    cash: Annotated[Money, parameter("Dollars on the paper account at the start.", "dollars", ge=0)] = 1_000 * DOLLAR
    accept_ms: Annotated[int, parameter("Time from sending an order until the venue judges it.", "ms", ge=0)] = 50
    cancel_ms: Annotated[
        int, parameter("Time from sending a cancel until it lands; fills until then count.", "ms", ge=0)
    ] = 50
    taker_delay_ms: Annotated[
        int, parameter("Delay of marketable orders in every market, on top of the market's own.", "ms", ge=0)
    ] = 0
    cancels_ahead: Annotated[
        Literal["conservative", "pro_rata"],
        parameter(
            "Who cancelled when a level shrank without a trade: those behind us (conservative), or everyone by share.",
            "choice",
        ),
    ] = "conservative"
    print_wait_ms: Annotated[
        int,
        parameter(
            "How long a shrunk level waits for the trade print that explains it, and a print for its level.", "ms", ge=0
        ),
    ] = 500
    settlement_median_ms: Annotated[
        int, parameter("Median time from MATCHED to the end of settlement (log-normal).", "ms", ge=0)
    ] = 4_000
    settlement_p95_ms: Annotated[
        int,
        parameter(
            "95 % of trades settle within this; at or below the median every trade takes the median.", "ms", ge=0
        ),
    ] = 30_000
    failed_share: Annotated[float, parameter("Share of trades whose settlement fails.", "ratio", ge=0, le=1)] = 0.0
    merge_delay_ms: Annotated[int, parameter("Time a merge of pairs takes on chain.", "ms", ge=0)] = 30_000
    merge_cost: Annotated[Money, parameter("What a merge costs, whatever its size.", "dollars", ge=0)] = 0
