"""Pairs that become dollars and markets that pay out: journalled operations, which take minutes on chain.

Why a position that has been paid out is kept in live: a market is resolved before anybody has the money. The position
stays, marked at what it pays, until the redemption is confirmed; what pays nothing is booked off at once.

Why an operation is never given up here: nobody but the lane can prove that what was sent cannot happen any more. It is
sent again, as the batch that it was, to whoever takes a dead lane's or a dead executor's place.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from models.accounts import Operation
from models.executor_parameters import ExecutorParameters, Mode
from models.messages.base import MarketId, Message
from models.messages.market import MarketResolved
from models.messages.operations import OperationSigned, RedemptionReported, SubmitRedemption
from models.messages.orders import MergeChanged, MergePairs, MergeReported, PlaceOrder, SubmitMerge
from models.order_life import Messages
from models.orders import OrderEvent
from models.venue_account import VenueAccount

_REDEEM: Final = "redeem "
"""Before a market: the deadline of the next try to redeem it."""

_MS: Final = 1_000_000


class VenueOperations(VenueAccount):
    """Beside the life of orders that of merges and redemptions. In another mode a resolved market pays at once."""

    def __init__(self, mode: Mode, parameters: ExecutorParameters, identify: Callable[[PlaceOrder], str]) -> None:
        super().__init__(mode, parameters, identify)
        self._failed_redemptions: Counter[MarketId] = Counter()
        self._handlers |= {
            MergePairs: self._merge,
            MergeReported: self._merge_reported,
            MarketResolved: self._resolved,
        }
        if self._live:
            self._handlers |= {OperationSigned: self._signed, RedemptionReported: self._redemption_reported}

    # Merges

    def _merge(self, wish: MergePairs, now_ns: int) -> Messages:
        changed = self._accounts.request_merge(wish, now_ns)
        if changed.state == "failed":
            return (changed,)
        if self._live:
            return changed, _submit(changed)
        return changed, _submit(changed), replace(changed, state="submitted")

    def _merge_reported(self, report: MergeReported, now_ns: int) -> Messages:
        ended = self._accounts.merge_reported(report)
        return () if ended is None else (ended, *self._redeem(ended.market, now_ns))

    def _signed(self, signed: OperationSigned, now_ns: int) -> Messages:
        """Give leave to send an operation: the journal passes it on once the batch is on the disk."""
        submitted = self._accounts.signed(signed)
        return () if submitted is None else (submitted, _submit(submitted))

    def _operations_again(self) -> Messages:
        """Submit again what is under way, for a lane that knows nothing of it."""
        return tuple(_submit(operation) for operation in self._accounts.under_way())

    # Payouts

    def _resolved(self, resolved: MarketResolved, now_ns: int) -> Messages:
        """The venue drops every order of a resolved market; fills of it may still come, and are counted."""
        self._accounts.resolve(resolved)
        gone = [
            message
            for record in self._orders.open_in(resolved.market)
            for message in self._ended(record, OrderEvent.CANCELLED, "market_resolved", now_ns)
        ]
        return *gone, *self._redeem(resolved.market, now_ns)

    def _redeem(self, market: MarketId, now_ns: int) -> Messages:
        if not self._live or (self._accounts.is_resolved(market) and not self._accounts.worth(market)):
            return super()._redeem(market, now_ns)
        requested = self._accounts.request_redemption(market, now_ns)
        return () if requested is None else (requested, _submit(requested))

    def _redemption_reported(self, report: RedemptionReported, now_ns: int) -> Messages:
        """Book what was paid; what failed is tried again, for the chain may learn of a result later than we did."""
        ended = self._accounts.redemption_reported(report)
        if ended is None:
            return ()
        if ended.state == "confirmed":
            return ended, *self._accounts.redeem(ended.market, now_ns)
        first_ms, most_ms = self._parameters.redeem_retry_ms, self._parameters.redeem_retry_max_ms
        wait_ms = min(first_ms << min(self._failed_redemptions[ended.market], 20), most_ms)
        self._failed_redemptions[ended.market] += 1
        self._deadlines.put(_REDEEM + ended.market, now_ns + wait_ms * _MS)
        return (ended,)

    def _due(self, key: str, now_ns: int) -> Messages:
        if key.startswith(_REDEEM):
            return self._redeem(key.removeprefix(_REDEEM), now_ns)
        return super()._due(key, now_ns)


def _submit(changed: Operation) -> Message:
    if isinstance(changed, MergeChanged):
        return SubmitMerge(changed.operation, changed.market, changed.size, changed.batch)
    return SubmitRedemption(changed.operation, changed.market, changed.payout_yes, changed.batch)
