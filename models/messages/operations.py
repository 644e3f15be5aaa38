"""What is done on chain beside orders, at a live venue: pairs that are merged, and what a resolved market pays.

    MergePairs -> (executor) MergeChanged requested, SubmitMerge -> (journal) -> (lane) OperationSigned
    -> (executor) MergeChanged submitted, SubmitMerge with its batch -> (journal) -> (lane) MergeReported
    MarketResolved -> (executor) RedemptionChanged, SubmitRedemption, in the same steps -> RedemptionReported

Why a batch is journalled before it is sent: a wallet takes each nonce once. Whoever sends an operation again, after a
fall or a lost answer, sends it under the nonce that it had; so it happens once at most, whatever was heard of it.
"""

from typing import ClassVar

import msgspec

from models.messages.base import Lane, MarketId, Message
from models.units import Price


class Batch(msgspec.Struct, frozen=True, gc=False):
    """The one transaction of the wallet that an operation may become: by its nonce, and until a second (UTC).

    Without a deadline the chain may take it for ever, as long as its nonce is free.
    """

    nonce: int
    deadline_s: int | None


class OperationSigned(Message, frozen=True, gc=False):
    """The lane asks for leave to send an operation as this batch. Until it has it, nothing of it has left."""

    lane: ClassVar[Lane] = Lane.ORDER
    operation: str
    market: MarketId
    batch: Batch
    at_ns: int


class SubmitRedemption(Message, frozen=True, gc=False):
    """A redemption on its way to the venue: all that the wallet holds of a market that pays `payout_yes` for YES."""

    lane: ClassVar[Lane] = Lane.ORDER
    operation: str
    market: MarketId
    payout_yes: Price
    batch: Batch | None = None


class RedemptionReported(Message, frozen=True, gc=False):
    """The venue's word on a redemption: `confirmed`, also where somebody else has redeemed it, or `failed`."""

    lane: ClassVar[Lane] = Lane.ORDER
    operation: str
    market: MarketId
    status: str
    text: str
    at_ns: int


class RedemptionChanged(Message, frozen=True, gc=False):
    """The journalled state of a redemption: `requested`, `submitted`, `confirmed`, `failed`.

    It moves no position: what was paid is booked as `PositionsRedeemed`, desk by desk, once it is confirmed.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    operation: str
    market: MarketId
    payout_yes: Price
    state: str
    at_ns: int
    batch: Batch | None = None
    text: str = ""
