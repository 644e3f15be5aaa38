"""The positions of all desks in all markets: the ledger's fills, merges and payouts, applied where they arise.

Everybody else (inventories, risk, journal) applies the very events that were applied here, so that no two of them can
come to different positions.

Why a payout waits: a resolved market is redeemed when no fill of it is provisional and no merge is under way. A FAILED
that came after the payout would have nothing to void. Fills that settle later are redeemed then.

Why a redemption is the wallet's and not a desk's: on chain it takes all that the wallet holds of a market. What it paid
is booked desk by desk when it is confirmed.
"""

from typing import NamedTuple, TypeAlias

from msgspec.structs import replace

from models.fees_in_shares import FEE_OF, fees_that_come_to, sold_for_fees
from models.ledger import Booking, FillEvent, Ledger
from models.markets import NO, YES, Outcome, Side
from models.messages.base import MarketId, Message, Tag
from models.messages.lanes import DriftFound
from models.messages.market import MarketResolved
from models.messages.operations import OperationSigned, RedemptionChanged, RedemptionReported
from models.messages.orders import (
    FillCounted,
    FillSettled,
    MergeChanged,
    MergePairs,
    MergeReported,
    PlaceOrder,
    PositionsRedeemed,
    TradeReported,
)
from models.messages.position import LedgerSnapshot, Position
from models.positions import advance, cost_leaving, leg_of, mergeable
from models.units import ONE, Money, Price, Size, cash_of

Operation: TypeAlias = MergeChanged | RedemptionChanged
"""What is under way on chain, in the state that it was last said to be in."""

_ENDS = ("confirmed", "failed")


class Bounds(NamedTuple):
    """The least and the most shares of a token that the wallet may hold."""

    least: Size
    most: Size

    def plus(self, other: "Bounds") -> "Bounds":
        """Return what two desks may hold together."""
        return Bounds(self.least + other.least, self.most + other.most)

    def miss(self, held: Size) -> Size:
        """Return by how much a holding is outside: above zero too much, below zero too little."""
        return held - min(max(held, self.least), self.most)


class Holdings(NamedTuple):
    """Both tokens of a market."""

    yes: Bounds
    no: Bounds


class Accounts:
    """The one ledger, and by (desk, market) what it adds up to."""

    def __init__(self) -> None:
        self._ledger = Ledger()
        self._told: set[tuple[str, str]] = set()
        """Trades and orders of the fills whose fees were taken in shares."""
        self._positions: dict[tuple[Tag, MarketId], Position] = {}
        self._under_way: dict[str, Operation] = {}
        self._payouts: dict[MarketId, Price] = {}

    def position(self, tag: Tag, market: MarketId) -> Position:
        """Return what a desk holds in a market; an empty position where it never traded."""
        return self._positions.get((tag, market)) or Position()

    def snapshot(self, tag: Tag, market: MarketId, now_ns: int) -> LedgerSnapshot:
        """Return the truth for an inventory that begins empty."""
        return LedgerSnapshot(tag, market, self.position(tag, market), now_ns)

    def is_resolved(self, market: MarketId) -> bool:
        """Whether the market has paid out."""
        return market in self._payouts

    def holdings(self) -> dict[MarketId, Holdings]:
        """Return what the wallet may hold of every market that is traded and has not paid out.

        Shares are there once a trade was mined, which is told later or not yet: bought ones from the match on may be,
        sold ones may still be, and so may those on their way into a merge.
        """
        held: dict[MarketId, Holdings] = {}
        for (_, market), position in self._positions.items():
            if market not in self._payouts:
                before = held.get(market, Holdings(Bounds(0, 0), Bounds(0, 0)))
                held[market] = Holdings(
                    *(before[outcome].plus(_bounds(position, outcome)) for outcome in (YES, NO)),
                )
        return held

    def oldest_provisional_ns(self) -> int | None:
        """Return when the oldest fill was made of which the venue has not said the last word."""
        fills = (fill for position in self._positions.values() for fill in position.provisional)
        return min((fill.at_ns for fill in fills), default=None)

    # Fills

    def book(self, report: TradeReported, order: PlaceOrder) -> Booking:
        """Count, settle or void a fill of one of our orders, once, whatever is repeated or reordered."""
        cost_out = 0
        if order.side is Side.SELL:
            cost_out = cost_leaving(self.position(order.tag, order.market), order.outcome, report.size)
        booking = self._ledger.book(report, order, cost_out)
        for event in booking.events:
            self._apply(order.tag, order.market, event)
        return booking

    def matched(self, order_id: str) -> Size:
        """Return the shares of an order that the venue has matched."""
        return self._ledger.matched(order_id)

    def paid(self, order_id: str) -> Money:
        """Return the dollars that changed hands in all fills of an order."""
        return self._ledger.paid(order_id)

    def is_final(self, order_id: str) -> bool:
        """Whether every fill of an order has had the venue's last word."""
        return self._ledger.is_final(order_id)

    def forget(self, order_id: str) -> None:
        """Drop the fills of an order that is no longer known."""
        self._ledger.forget(order_id)

    def book_fees_in_shares(self, drift: DriftFound) -> tuple[FillEvent, ...]:
        """Take out the shares that the wallet lacks where they are the fees of what was bought, each fee once."""
        missing = drift.least - drift.held
        paid = self._ledger.fees_paid(drift.market, drift.outcome)
        fills = fees_that_come_to(missing, [fill for fill in paid if (fill.trade_id, fill.order_id) not in self._told])
        events: list[FillEvent] = []
        for fill, sale in zip(fills, sold_for_fees(missing, fills) if fills else (), strict=True):
            cost_out = cost_leaving(self.position(fill.tag, fill.market), fill.outcome, sale.size)
            counted = replace(sale, cost_out=cost_out, at_ns=drift.at_ns)
            for event in (counted, FillSettled(counted, drift.at_ns)):
                self._apply(fill.tag, fill.market, event)
                events.append(event)
            self._told.add((fill.trade_id, fill.order_id))
        return tuple(events)

    # What is under way on chain

    def request_merge(self, wish: MergePairs, now_ns: int) -> MergeChanged:
        """Set pairs aside for a merge: `requested` with what there is of them, `failed` with 0 where there is none."""
        operation = f"merge/{wish.tag}/{wish.market}/{wish.created_ns}"
        size = min(wish.size, mergeable(self.position(wish.tag, wish.market)))
        if size <= 0 or self.is_resolved(wish.market) or operation in self._under_way:
            text = "resolved" if self.is_resolved(wish.market) else "no pairs to merge"
            return MergeChanged(operation, wish.tag, wish.market, 0, "failed", 0, now_ns, text=text)
        requested = MergeChanged(operation, wish.tag, wish.market, size, "requested", 0, now_ns)
        self._under_way[operation] = requested
        self._apply(wish.tag, wish.market, requested)
        return requested

    def request_redemption(self, market: MarketId, now_ns: int) -> RedemptionChanged | None:
        """Begin to redeem what the wallet holds of a market; None where it has to wait, or nothing would be paid."""
        if self._waits(market) or not self.worth(market):
            return None
        requested = RedemptionChanged(
            f"redeem/{market}/{now_ns}", market, self._payouts[market], "requested", now_ns
        )  # fmt: skip
        self._under_way[requested.operation] = requested
        return requested

    def signed(self, signed: OperationSigned) -> Operation | None:
        """Note the batch as which an operation is sent; None for an operation that is not under way."""
        known = self._under_way.get(signed.operation)
        if known is None:
            return None
        submitted = replace(known, state="submitted", batch=signed.batch, at_ns=signed.at_ns)
        self._under_way[signed.operation] = submitted
        return submitted

    def merge_reported(self, report: MergeReported) -> MergeChanged | None:
        """End a merge with the venue's word, once; None for a repeated word or an operation that is not ours."""
        known = self._under_way.get(report.operation)
        if not isinstance(known, MergeChanged) or report.status not in _ENDS:
            return None
        del self._under_way[report.operation]
        ended = replace(known, state=report.status, cost=report.cost, at_ns=report.at_ns, text=report.text)
        self._apply(ended.tag, ended.market, ended)
        return ended

    def redemption_reported(self, report: RedemptionReported) -> RedemptionChanged | None:
        """End a redemption with the venue's word, once; what it paid is for `redeem` to book."""
        known = self._under_way.get(report.operation)
        if not isinstance(known, RedemptionChanged) or report.status not in _ENDS:
            return None
        del self._under_way[report.operation]
        return replace(known, state=report.status, at_ns=report.at_ns, text=report.text)

    def under_way(self) -> tuple[Operation, ...]:
        """Return what the venue has not ended yet; first what may have been sent, whose nonce comes first."""
        return tuple(sorted(self._under_way.values(), key=lambda operation: operation.batch is None))

    # Payouts

    def resolve(self, resolved: MarketResolved) -> None:
        """Remember what a market pays; the first word stays."""
        self._payouts.setdefault(resolved.market, resolved.payout_yes)

    def resolved(self) -> tuple[tuple[MarketId, Price], ...]:
        """Return the markets that have paid out, and what a YES share got."""
        return tuple(self._payouts.items())

    def paid_out(self) -> frozenset[MarketId]:
        """Return the markets that have paid out, whose tokens the wallet may still hold or not."""
        return frozenset(self._payouts)

    def worth(self, market: MarketId) -> Money:
        """Return what a resolved market pays for all that is held of it."""
        payout_yes = self._payouts[market]
        held = [position for (_, held_in), position in self._positions.items() if held_in == market]
        yes, no = sum(position.yes.shares for position in held), sum(position.no.shares for position in held)
        return cash_of(payout_yes, yes) + cash_of(ONE - payout_yes, no)

    def redeem(self, market: MarketId, now_ns: int) -> tuple[PositionsRedeemed, ...]:
        """Pay out the desks of a resolved market that hold something and wait for nothing."""
        payout_yes = self._payouts.get(market)
        if payout_yes is None:
            return ()
        redeemed: list[PositionsRedeemed] = []
        for (tag, held_in), position in self._positions.items():
            holds = position.yes.shares or position.no.shares
            if held_in == market and holds and not position.provisional and not position.merging:
                redeemed.append(PositionsRedeemed(tag, market, payout_yes, now_ns))
        for payout in redeemed:
            self._apply(payout.tag, market, payout)
        return tuple(redeemed)

    def _waits(self, market: MarketId) -> bool:
        """Whether a market has not paid out, is being redeemed, or what is held of it may still change."""
        return (
            market not in self._payouts
            or any(isinstance(one, RedemptionChanged) and one.market == market for one in self._under_way.values())
            or any(
                position.provisional or position.merging
                for (_, held_in), position in self._positions.items()
                if held_in == market
            )
        )

    # What is recalled of an earlier life

    def recall_fill(self, event: FillEvent, *, known: bool) -> None:
        """Move the position; the ledger takes only fills of orders that are `known`, for no other can be told again."""
        fill = event if isinstance(event, FillCounted) else event.fill
        if known:
            self._ledger.recall(event)
        self._recall_fee(fill)
        self._apply(fill.tag, fill.market, event)

    def recall_counted(self, event: FillEvent) -> None:
        """Know of a fill, or of the fee of one, that is in the position already."""
        fill = event if isinstance(event, FillCounted) else event.fill
        self._recall_fee(fill)
        if not fill.trade_id.startswith(FEE_OF):
            self._ledger.recall(event)

    def recall_position(self, held: LedgerSnapshot) -> None:
        """Hold what a desk was said to hold."""
        self._apply(held.tag, held.market, held)

    def recall_merge(self, changed: MergeChanged) -> None:
        """Begin or end a merge; one that came to nothing (size 0) was never under way."""
        if changed.size:
            self._recall_operation(changed)
        self._apply(changed.tag, changed.market, changed)

    def recall_redemption(self, changed: RedemptionChanged) -> None:
        """Begin or end a redemption."""
        self._recall_operation(changed)

    def recall_payout(self, redeemed: PositionsRedeemed) -> None:
        """Pay a desk out."""
        self._apply(redeemed.tag, redeemed.market, redeemed)

    def _recall_fee(self, fill: FillCounted) -> None:
        if fill.trade_id.startswith(FEE_OF):
            self._told.add((fill.trade_id.removeprefix(FEE_OF), fill.order_id.removeprefix(FEE_OF)))

    def _recall_operation(self, changed: Operation) -> None:
        if changed.state in _ENDS:
            self._under_way.pop(changed.operation, None)
        else:
            self._under_way[changed.operation] = changed

    def _apply(self, tag: Tag, market: MarketId, event: Message) -> None:
        position = advance(self.position(tag, market), event)
        assert position is not None, f"{type(event).__name__} moves no position"
        self._positions[tag, market] = position


def _bounds(position: Position, outcome: Outcome) -> Bounds:
    settled = leg_of(position, outcome).settled
    under_way = sum(fill.size for fill in position.provisional if fill.outcome == outcome)
    return Bounds(settled - position.merging, settled + under_way)
