"""The positions of all desks in all markets: the ledger's fills, merges and payouts, applied where they arise.

Everybody else (inventories, risk, journal) applies the very events that were applied here, so that no two of them can
come to different positions.

Why a payout waits: a resolved market is redeemed when no fill of it is provisional and no merge is under way. A FAILED
that came after the payout would have nothing to void. Fills that settle later are redeemed then.
"""

from typing import NamedTuple

from models.ledger import Booking, FillEvent, Ledger
from models.markets import NO, YES, Outcome, Side
from models.messages.base import MarketId, Message, Tag
from models.messages.market import MarketResolved
from models.messages.orders import (
    FillCounted,
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
        self._positions: dict[tuple[Tag, MarketId], Position] = {}
        self._merges: dict[str, MergeChanged] = {}
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

    def is_final(self, order_id: str) -> bool:
        """Whether every fill of an order has had the venue's last word."""
        return self._ledger.is_final(order_id)

    def forget(self, order_id: str) -> None:
        """Drop the fills of an order that is no longer known."""
    def paid(self, order_id: str) -> Money:
        """Return the dollars that changed hands in all fills of an order."""
        return self._ledger.paid(order_id)

        self._ledger.forget(order_id)

    # Merges

    def request_merge(self, wish: MergePairs, now_ns: int) -> MergeChanged:
        """Set pairs aside for a merge: `requested` with what there is of them, `failed` with 0 where there is none."""
        operation = f"merge/{wish.tag}/{wish.market}/{wish.created_ns}"
        size = min(wish.size, mergeable(self.position(wish.tag, wish.market)))
        if size <= 0 or self.is_resolved(wish.market) or operation in self._merges:
            return MergeChanged(operation, wish.tag, wish.market, 0, "failed", 0, now_ns)
        requested = MergeChanged(operation, wish.tag, wish.market, size, "requested", 0, now_ns)
        self._merges[operation] = requested
        self._apply(wish.tag, wish.market, requested)
        return requested

    def merge_reported(self, report: MergeReported) -> MergeChanged | None:
        """End a merge with the venue's word, once; None for a repeated word or an operation that is not ours."""
        requested = self._merges.get(report.operation)
        if requested is None or report.status not in ("confirmed", "failed"):
            return None
        del self._merges[report.operation]
        ended = MergeChanged(
            report.operation, requested.tag, requested.market, requested.size, report.status, report.cost, report.at_ns
        )
        self._apply(ended.tag, ended.market, ended)
        return ended

    def under_way(self) -> tuple[MergeChanged, ...]:
        """Return the merges that the venue has not ended yet, as they were requested."""
        return tuple(self._merges.values())

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

    # What is recalled of an earlier life

    def recall_fill(self, event: FillEvent, *, known: bool) -> None:
        """Move the position; the ledger takes only fills of orders that are `known`, for no other can be told again."""
        fill = event if isinstance(event, FillCounted) else event.fill
        if known:
            self._ledger.recall(event)
        self._apply(fill.tag, fill.market, event)

    def recall_merge(self, changed: MergeChanged) -> None:
        """Begin or end a merge; one that came to nothing (size 0) was never under way."""
        if changed.state == "requested":
            self._merges[changed.operation] = changed
        elif changed.size and changed.state != "submitted":
            self._merges.pop(changed.operation, None)
        self._apply(changed.tag, changed.market, changed)

    def recall_payout(self, redeemed: PositionsRedeemed) -> None:
        """Pay a desk out."""
        self._apply(redeemed.tag, redeemed.market, redeemed)

    def _apply(self, tag: Tag, market: MarketId, event: Message) -> None:
        position = advance(self.position(tag, market), event)
        assert position is not None, f"{type(event).__name__} moves no position"
        self._positions[tag, market] = position


def _bounds(position: Position, outcome: Outcome) -> Bounds:
    settled = leg_of(position, outcome).settled
    under_way = sum(fill.size for fill in position.provisional if fill.outcome == outcome)
    return Bounds(settled - position.merging, settled + under_way)
