"""What an executor is told of its venue: how long answers may take, how often to look, and what the account may send.

Why windows in which absence proves nothing: a request that was given up may be taken in seconds later, and what the
venue lists may lag behind what it did. An order is called gone only by reads that are younger than both.
"""

from typing import Annotated, Literal, TypeAlias

import msgspec

from models.parameters import parameter
from models.units import SHARE, Size

Mode: TypeAlias = Literal["observe", "paper", "live", "backtest"]
Tier: TypeAlias = Literal["Standard", "Copper", "Bronze", "Silver", "Gold", "Platinum", "Diamond", "Elite"]


class ExecutorParameters(msgspec.Struct, frozen=True):
    """How long the venue may take to answer, how orders of unknown fate are resolved, and how much may be sent."""

    submit_answer_ms: Annotated[
        int, parameter("An order without an answer for this long is of unknown fate.", "ms", gt=0)
    ] = 5_000
    cancel_answer_ms: Annotated[
        int, parameter("A cancel that was refused or not answered for this long is sent again.", "ms", gt=0)
    ] = 2_000
    cancel_repeat_max_ms: Annotated[
        int, parameter("Live: each repeat of a cancel waits twice as long as the one before, up to this.", "ms", gt=0)
    ] = 10_000
    order_ttl_ms: Annotated[
        int, parameter("An order that rests for this long is cancelled; 0: it may rest for ever.", "ms", ge=0)
    ] = 0
    churn_per_second: Annotated[
        int,
        parameter(
            "After so many cancels of a market by its strategies within a second no new quote goes out there; hedges "
            "and exits do. 0: no bound.",
            "count",
            ge=0,
        ),
    ] = 0
    query_first_ms: Annotated[
        int, parameter("Live: a question to the venue without a usable answer is asked again after this.", "ms", gt=0)
    ] = 500
    query_max_ms: Annotated[
        int, parameter("Live: each repeat of a question waits twice as long, up to this.", "ms", gt=0)
    ] = 8_000
    late_acceptance_ms: Annotated[
        int,
        parameter("Live: the venue may still take an order this long after it was sent; 'not found' is no evidence "
                  "before that.", "ms", gt=0),
    ] = 20_000  # fmt: skip
    read_lag_ms: Annotated[
        int,
        parameter("Live: what the venue lists may be this much older than what it did; a read that contradicts what "
                  "we were told is no evidence before that.", "ms", ge=0),
    ] = 30_000  # fmt: skip
    absences_needed: Annotated[
        int, parameter("Live: an order is gone once the venue said so often that it knows it nowhere.", "count", ge=2)
    ] = 3
    absence_apart_ms: Annotated[
        int, parameter("Live: two such answers count as two when they are this far apart.", "ms", gt=0)
    ] = 2_000
    reconcile_every_ms: Annotated[
        int, parameter("Live: open orders, trades and balances are read from the venue this often.", "ms", gt=0)
    ] = 30_000
    read_answer_ms: Annotated[
        int, parameter("Live: a read of the account that has no answer for this long is asked for again.", "ms", gt=0)
    ] = 120_000
    holdings_per_read: Annotated[
        int,
        parameter("Live: what the wallet holds is read of so many markets at a time: those first of which nothing is "
                  "known yet, then those in which something happened, then the others in turn.", "count", ge=4),
    ] = 20  # fmt: skip
    drift_reported: Annotated[
        Size, parameter("Live: a difference to the wallet of more than this is reported.", "shares", ge=0)
    ] = SHARE // 100
    drift_halts: Annotated[
        Size, parameter("Live: a difference to the wallet of more than this halts the market.", "shares", ge=0)
    ] = SHARE
    redeem_retry_ms: Annotated[
        int, parameter("Live: a redemption that failed is tried again after this.", "ms", gt=0)
    ] = 60_000
    redeem_retry_max_ms: Annotated[
        int, parameter("Live: each further try to redeem waits twice as long, up to this.", "ms", gt=0)
    ] = 3_600_000
    rate_tier: Annotated[
        Tier, parameter("Live: tier of the account's rate limits until the venue names it.", "choice")
    ] = "Standard"
    orders_kept_for_exits: Annotated[
        int, parameter("Live: so many order tokens are kept back from new quotes, for hedges and exits.", "count", ge=0)
    ] = 15
    cancels_kept_for_stops: Annotated[
        int,
        parameter("Live: so many cancel tokens are kept back from re-quotes, for stops.", "count", ge=0),
    ] = 30
    mode_pause_first_ms: Annotated[
        int, parameter("Live: a venue that takes no orders and does not say until when is tried again after this.",
                       "ms", gt=0)
    ] = 1_000  # fmt: skip
    mode_pause_max_ms: Annotated[
        int, parameter("Live: each further try waits twice as long, up to this.", "ms", gt=0)
    ] = 30_000
    slow_answers_ms: Annotated[
        int, parameter("Live: quotes are pulled when half of the last 20 answers to orders took longer.", "ms", gt=0)
    ] = 750
    slow_tail_ms: Annotated[
        int, parameter("Live: quotes are pulled when more than 5 % of the last minute's answers to orders took longer.",
                       "ms", gt=0)
    ] = 500  # fmt: skip
    slow_answer_ms: Annotated[
        int, parameter("Live: quotes are pulled when one answer to an order took longer.", "ms", gt=0)
    ] = 3_000
    slow_pause_ms: Annotated[
        int, parameter("Live: so long after that one quote asks whether the venue is still slow.", "ms", gt=0)
    ] = 10_000
    lapse_ms: Annotated[
        int, parameter("Live: a stop that has to wait longer for its cancel tokens is left to the venue, which cancels "
                       "everything once it has not heard from us for so long.", "ms", gt=0)
    ] = 15_000  # fmt: skip
    remembered_orders: Annotated[
        int, parameter("Ended orders that are remembered, against repeated intents and late fills.", "count", ge=1)
    ] = 20_000
