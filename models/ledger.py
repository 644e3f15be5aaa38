"""The fills of our own orders, each counted once, whatever the venue repeats, reorders or takes back.

A trade on the venue moves along a lattice; the report of a later status says everything about the earlier ones:

    MATCHED_NOT_BROADCASTED < MATCHED < MINED, RETRYING < CONFIRMED | FAILED < DISPUTED

Why the standing of a fill is a join and its messages follow from it: a join does not care about order or repetition, so
any permutation of the same reports, with any duplicates, ends in the same ledger. A fill is counted at its first
standing that is not FAILED, settled by CONFIRMED, voided by FAILED; a FAILED that comes first counts nothing.

Why DISPUTED counts as CONFIRMED does: a fill that was both confirmed and failed may be ours, and a position that may
exist belongs in the worst case. It is never resolved here: the caller halts the market until a person or the chain has.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from models.markets import Outcome, Side
from models.messages.base import MarketId
from models.messages.orders import FillCounted, FillSettled, FillVoided, PlaceOrder, TradeReported
from models.units import ONE, Money, Price, Size, cash_of


class Standing(IntEnum):
    """How far a trade has come. ANNOUNCED, MATCHED and MINED are provisional."""

    ANNOUNCED = 0
    MATCHED = 1
    MINED = 2
    CONFIRMED = 3
    FAILED = 4
    DISPUTED = 5


STATUSES: Final[Mapping[str, Standing]] = MappingProxyType(
    {
        "MATCHED_NOT_BROADCASTED": Standing.ANNOUNCED,
        "MATCHED": Standing.MATCHED,
        "MINED": Standing.MINED,
        "RETRYING": Standing.MINED,
        "CONFIRMED": Standing.CONFIRMED,
        "FAILED": Standing.FAILED,
    }
)
"""The venue's words for the status of a trade. A word that is not here is taken as provisional and reported."""

FillEvent: TypeAlias = FillCounted | FillSettled | FillVoided


class Booking(NamedTuple):
    """What one report did to the ledger.

    `first`: the trade was not known of before. `trouble` is None where all is well, `disputed`, `unknown_status`, or
    `contradiction`: the report names another token, side, price or size than the order or an earlier report; it was not
    booked.
    """

    events: tuple[FillEvent, ...] = ()
    first: bool = False
    trouble: str | None = None


class Amounts(NamedTuple):
    """What an order gives and what it wants for it, as it is signed: shares and dollars in millionths."""

    making: int
    taking: int


def join(one: Standing, other: Standing) -> Standing:
    """Return what two reports of the same trade say together; commutative, associative, idempotent, never downwards."""
    if one != other and min(one, other) == Standing.CONFIRMED and max(one, other) == Standing.FAILED:
        return Standing.DISPUTED
    return max(one, other)


def amounts_of(order: PlaceOrder) -> Amounts:
    """Return the two amounts of an order: a BUY gives dollars for shares, a SELL shares for dollars."""
    dollars = cash_of(order.price, order.size)
    return Amounts(dollars, order.size) if order.side is Side.BUY else Amounts(order.size, dollars)


def cash_of_fill(order: PlaceOrder, price: Price, size: Size) -> Money:
    """Return the dollars that change hands when `size` shares of an order are filled at `price`.

    The exchange contract pays floor(making x taking_amount / making_amount), where `making` are the shares that the
    seller of the trade gives. At the order's own price its own amounts decide; at a better one (a taker's) the price
    does, for the amounts are then those of the orders that it met.
    """
    if price != order.price:
        return cash_of(price, size)
    return size * cash_of(order.price, order.size) // order.size


class _Entry:
    """One fill and how far it has come."""

    __slots__ = ("fill", "standing")

    def __init__(self, fill: FillCounted, standing: Standing) -> None:
        self.fill = fill
        self.standing = standing


class Ledger:
    """All fills by own order and trade id: the only place where these ids are looked at."""

    def __init__(self) -> None:
        self._fills: dict[str, dict[str, _Entry]] = {}
        self._matched: dict[str, Size] = {}

    def book(self, report: TradeReported, order: PlaceOrder, cost_out: Money = 0) -> Booking:
        """Take in one report on a fill of `order`. `cost_out` is the cost that leaves the leg if this is a new SELL."""
        reported = STATUSES.get(report.status, Standing.ANNOUNCED)
        entry = self._fills.get(report.order_id, {}).get(report.trade_id)
        if _contradicts(report, order) or (entry is not None and _differs(report, entry.fill)):
            return Booking(trouble="contradiction")
        before = None if entry is None else entry.standing
        if entry is None:
            entry = self._add(_fill_of(report, order, cost_out), reported)
        else:
            entry.standing = join(entry.standing, reported)
        events = _events(entry.fill, before, entry.standing, report.at_ns)
        return Booking(events, before is None, _trouble(report.status, before, entry.standing))

    def recall(self, event: FillEvent) -> None:
        """Learn what was said of a fill in an earlier life; what is told twice is known once."""
        fill, standing = _recalled(event)
        entry = self._fills.get(fill.order_id, {}).get(fill.trade_id)
        if entry is None:
            self._add(fill, standing)
        else:
            entry.standing = join(entry.standing, standing)

    def matched(self, order_id: str) -> Size:
        """Return the shares of an order that the venue has matched, whatever became of them on chain.

        A FAILED trade does not put its shares back on the book, so they do not count as open again.
        """
        return self._matched.get(order_id, 0)

    def paid(self, order_id: str) -> Money:
        """Return the dollars that changed hands in all fills of an order, whatever became of them on chain."""
        return sum(entry.fill.cash for entry in self._fills.get(order_id, {}).values())

    def fees_paid(self, market: MarketId, outcome: Outcome) -> list[FillCounted]:
        """Return the confirmed buys of a token that paid a fee, oldest first."""
        return [
            entry.fill
            for entries in self._fills.values()
            for entry in entries.values()
            if (entry.fill.market, entry.fill.outcome, entry.fill.side) == (market, outcome, Side.BUY)
            and entry.fill.fee
            and entry.standing is Standing.CONFIRMED
        ]

    def standing(self, trade_id: str, order_id: str) -> Standing | None:
        """Return how far a fill has come, None for an unknown one."""
        entry = self._fills.get(order_id, {}).get(trade_id)
        return None if entry is None else entry.standing

    def is_final(self, order_id: str) -> bool:
        """Whether every fill of an order has had the venue's last word."""
        return all(entry.standing >= Standing.CONFIRMED for entry in self._fills.get(order_id, {}).values())

    def forget(self, order_id: str) -> None:
        """Drop an order's fills. A report on them afterwards would count again: the caller has to refuse it."""
        self._fills.pop(order_id, None)
        self._matched.pop(order_id, None)

    def _add(self, fill: FillCounted, standing: Standing) -> _Entry:
        entry = self._fills.setdefault(fill.order_id, {})[fill.trade_id] = _Entry(fill, standing)
        self._matched[fill.order_id] = self.matched(fill.order_id) + fill.size
        return entry


def _contradicts(report: TradeReported, order: PlaceOrder) -> bool:
    named = (report.market, report.outcome, report.side)
    return named != (order.market, order.outcome, order.side) or report.size <= 0 or not 0 < report.price < ONE


def _differs(report: TradeReported, fill: FillCounted) -> bool:
    return (report.price, report.size) != (fill.price, fill.size)


def _fill_of(report: TradeReported, order: PlaceOrder, cost_out: Money) -> FillCounted:
    cash = cash_of_fill(order, report.price, report.size) if report.cash is None else report.cash
    return FillCounted(
        report.trade_id, report.order_id, order.intent, order.tag, order.market, order.outcome, order.side,
        report.price, report.size, cash, report.fee, report.rebate, report.maker, report.at_ns, cost_out,
    )  # fmt: skip


def _recalled(event: FillEvent) -> tuple[FillCounted, Standing]:
    if isinstance(event, FillCounted):
        return event, Standing.MATCHED
    return event.fill, Standing.CONFIRMED if isinstance(event, FillSettled) else Standing.FAILED


def _events(fill: FillCounted, before: Standing | None, after: Standing, at_ns: int) -> tuple[FillEvent, ...]:
    """Return the messages that move what a fill contributes: nothing, counted, or counted and settled."""
    was, now = _contribution(before), _contribution(after)
    if was == now:
        return ()
    if now == 0:
        return (FillVoided(fill, at_ns),)
    counted = () if was else (fill,)
    return counted if now == 1 else (*counted, FillSettled(fill, at_ns))


def _contribution(standing: Standing | None) -> int:
    if standing is None or standing is Standing.FAILED:
        return 0
    return 2 if standing >= Standing.CONFIRMED else 1


def _trouble(status: str, before: Standing | None, after: Standing) -> str | None:
    if after is Standing.DISPUTED and before is not Standing.DISPUTED:
        return "disputed"
    return None if status in STATUSES else "unknown_status"
