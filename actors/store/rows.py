"""What a message leaves in the database: pure functions from messages to rows.

Why three classes of messages: an order must be on the disk before it leaves, and a fill, a merge or a command that a
crash takes away cannot be derived from anything else we keep: these are `DURABLE`. What belongs to the life of an order
or holds a market's trading is chained beside them (`CHAINED`), but may wait, because the venue can be asked again and
whoever raised a cell says so again. Everything else is for people.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
from peewee import Model

from actors.store.tables import (
    Audit,
    BookSnapshot,
    Decision,
    Error,
    Event,
    Fact,
    Fill,
    LatencyMetric,
    Order,
    OrderIntent,
    PnlSnapshot,
    PositionSnapshot,
)
from models.messages.audit import CommandAnswered
from models.messages.base import Message
from models.messages.catalogue import MarketListed
from models.messages.control import CommandApplied, MarketHeld, MarketParked, RaiseCell, TradingStateChanged
from models.messages.decisions import DecisionMade
from models.messages.lanes import CashFound, DriftFound, HoldingsFound
from models.messages.losses import LossesNoted
from models.messages.market import BookEpochChanged, BookResynchronised, BookUpdated, MarketResolved, TradeSeen
from models.messages.operations import RedemptionChanged
from models.messages.orders import (
    FillCounted,
    FillSettled,
    FillVoided,
    IntentDenied,
    MergeChanged,
    OrderChanged,
    PlaceBundle,
    PlaceOrder,
    PositionsRedeemed,
    SubmitCancel,
    SubmitOrder,
)
from models.messages.position import InventoryUpdated
from models.messages.recall import Checkpointed
from models.messages.records import (
    FillMarkedOut,
    LatencyMeasured,
    ProfitMarked,
    RanUnder,
    SegmentOpened,
    StoppedCleanly,
)
from models.messages.runtime import (
    ActorFailed,
    ActorQuarantined,
    ActorRestarted,
    DeadLettered,
    HandlerSlow,
    HandlerStuck,
    MailOverflowed,
)
from models.orders import TERMINAL, OrderState

Values: TypeAlias = dict[str, Any]


class Row(NamedTuple):
    """Values for every column of a table, and perhaps for more; a repeated key is the writer's business."""

    table: type[Model]
    values: Values


CHAINED: Final[Mapping[type[Message], Callable[[Any], str]]] = MappingProxyType(
    {
        SubmitOrder: lambda m: m.order_id,
        SubmitCancel: lambda m: m.order_id,
        OrderChanged: lambda m: m.order_id,
        FillCounted: lambda m: m.trade_id,
        FillSettled: lambda m: m.fill.trade_id,
        FillVoided: lambda m: m.fill.trade_id,
        MergeChanged: lambda m: m.operation,
        PositionsRedeemed: lambda m: m.market,
        RedemptionChanged: lambda m: m.operation,
        MarketResolved: lambda m: m.market,
        CommandApplied: lambda m: m.request,
        MarketListed: lambda m: m.listed.id,
        RaiseCell: lambda m: m.market or "all",
        MarketHeld: lambda m: m.market or "all",
        LossesNoted: lambda _: "losses",
        HoldingsFound: lambda m: m.market,
        CashFound: lambda _: "all",
        ActorFailed: lambda m: m.name,
        ActorRestarted: lambda m: m.name,
        ActorQuarantined: lambda m: m.name,
        StoppedCleanly: lambda m: m.run,
        Checkpointed: lambda _: "all",
    }
)
"""The kinds that enter the chain, and what each is about: the order, trade, merge, market, request or actor."""

DURABLE: Final = frozenset(
    {
        SubmitOrder, FillCounted, FillVoided, MergeChanged, PositionsRedeemed, RedemptionChanged, HoldingsFound,
        CashFound, CommandApplied, StoppedCleanly, LossesNoted, MarketHeld, MarketListed,
    }
)  # fmt: skip
"""Messages that are committed at the end of the turn in which they came; the others may wait for a batch."""

OPEN_STATES: Final = tuple(state.value for state in OrderState if state not in TERMINAL)
"""States of orders that have not ended, as they stand in the database."""

LISTED: Final = "market/"
SLUG: Final = "slug/"
"""Begin keys in `meta` of markets that a person has named while an engine ran, and of what every market is called."""

KILL: Final = "kill"
"""Key of the kill latch in `meta`: JSON with `request`, `at_ns` and `reason`; null after a person cleared it."""

ACCOUNT: Final = "account"
"""Key of the wallet that is traded live, in `meta`."""

RESET: Final = "reset"
"""Key of the time, in nanoseconds, at which the count of profits began anew, in `meta`."""

_BOOK_LEVELS = 5


def ran_key(mode: str, conditions: str) -> str:
    """Key in `meta` of how long a mode has been run under the same conditions: nanoseconds."""
    return f"ran/{mode}/{conditions}"


def segment_key(tag: str) -> str:
    """Key in `meta` of the conditions of a desk: JSON with the `number` of the segment and its `values`."""
    return f"segment/{tag}"


def listed_prefix(mode: str) -> str:
    """Begin keys in `meta` of markets that a person added or removed: JSON with `slug`, `traded`, `who`, `at_ns`."""
    return f"{LISTED}{mode}/"


def rows_of(message: Message, run: str, now_ns: int) -> tuple[Row, ...]:
    """Return the rows that a message makes; none for a message that is nobody's record."""
    make = _MAKERS.get(type(message))
    return () if make is None else make(message, run, now_ns)


def touch_row(book: BookUpdated) -> Row:
    """Return the event of a changed touch."""
    return _event("touch", book.market, book.event_ns, bid=book.bid, ask=book.ask, seq=book.book_seq)


def book_row(book: BookUpdated, now_ns: int) -> Row:
    """Return a sparse book state: the best five levels of each side."""
    bids = [level for level, _ in zip(book.bids.descending(), range(_BOOK_LEVELS), strict=False)]
    asks = [level for level, _ in zip(book.asks.ascending(), range(_BOOK_LEVELS), strict=False)]
    return Row(
        BookSnapshot,
        {
            "at_ns": now_ns,
            "market": book.market,
            "book_seq": book.book_seq,
            "epoch": book.epoch,
            "bids": _json(bids),
            "asks": _json(asks),
            "unusable": book.unusable,
        },
    )


def _intent(order: PlaceOrder, run: str, order_id: str | None = None, submitted_ns: int | None = None) -> Row:
    values: Values = {
        **msgspec.structs.asdict(order),
        "run": run,
        "side": order.side.value,
        "time_in_force": order.time_in_force.value,
        "order_id": order_id,
        "submitted_ns": submitted_ns,
    }
    return Row(OrderIntent, values)


def _submit(message: SubmitOrder, run: str, _now_ns: int) -> tuple[Row, ...]:
    intent = _intent(message.order, run, message.order_id, message.submitted_ns)
    state = {"filled": 0, "state": OrderState.PLACING.value, "changed_ns": message.submitted_ns}
    return intent, Row(Order, intent.values | state)


def _order_changed(message: OrderChanged, run: str, _now_ns: int) -> tuple[Row, ...]:
    values: Values = {
        **msgspec.structs.asdict(message),
        "run": run,
        "side": message.side.value,
        "state": message.state.value,
        "created_ns": message.at_ns,
        "changed_ns": message.at_ns,
    }
    return (Row(Order, values),)


def _fill(fill: FillCounted, status: str, run: str, at_ns: int) -> Row:
    values = {**msgspec.structs.asdict(fill), "run": run, "side": fill.side.value, "status": status}
    return Row(Fill, values | {"changed_ns": at_ns})


def _fill_counted(message: FillCounted, run: str, _now_ns: int) -> tuple[Row, ...]:
    shown = _event(
        "fill", message.market, message.at_ns, order=message.order_id, outcome=message.outcome,
        side=message.side.value, price=message.price, size=message.size,
    )  # fmt: skip
    return _fill(message, "pending", run, message.at_ns), shown


def _fill_settled(message: FillSettled, run: str, _now_ns: int) -> tuple[Row, ...]:
    return (_fill(message.fill, "settled", run, message.at_ns),)


def _fill_voided(message: FillVoided, run: str, _now_ns: int) -> tuple[Row, ...]:
    shown = _event("fill_voided", message.fill.market, message.at_ns, trade=message.fill.trade_id)
    return _fill(message.fill, "voided", run, message.at_ns), shown


def _position(message: InventoryUpdated, _run: str, _now_ns: int) -> tuple[Row, ...]:
    held = message.position
    values: Values = {
        "at_ns": message.at_ns,
        "tag": message.tag,
        "market": message.market,
        "yes_shares": held.yes.shares,
        "yes_cost": held.yes.cost,
        "yes_settled": held.yes.settled,
        "no_shares": held.no.shares,
        "no_cost": held.no.cost,
        "no_settled": held.no.settled,
        "merging": held.merging,
        "realized": held.realized,
        "fees": held.fees,
        "rebates": held.rebates,
        "fills": held.fills,
    }
    return (Row(PositionSnapshot, values),)


def _decision(message: DecisionMade, _run: str, _now_ns: int) -> tuple[Row, ...]:
    said = message.explanation
    values: Values = {
        "at_ns": said.at_ns,
        "tag": message.tag,
        "market": message.market,
        "sequence": message.sequence,
        "phase": said.phase,
        "state": said.state.name,
        "reason": said.reason,
        "on_synthetic_proof": message.on_synthetic_proof,
        "explanation": _json(said),
    }
    return (Row(Decision, values),)


def _command_applied(message: CommandApplied, _run: str, _now_ns: int) -> tuple[Row, ...]:
    result = message.refusal or ("changed" if message.changed else "as it was")
    shown = _event("command", message.market, message.at_ns, verb=message.verb, result=result)
    if message.changed and message.verb in ("kill", "clear_kill"):
        latch = {"request": message.request, "at_ns": message.at_ns, "reason": message.reason}
        return shown, Row(Fact, {"key": KILL, "value": _json(latch) if message.verb == "kill" else None})
    return (shown,)


def _command_answered(message: CommandAnswered, _run: str, _now_ns: int) -> tuple[Row, ...]:
    values: Values = {
        **msgspec.structs.asdict(message),
        "at_ns": message.asked_ns,
        "arguments": _json(message.arguments),
        "answered_ns": message.at_ns,
    }
    return (Row(Audit, values),)


def _segment(message: SegmentOpened, _run: str, _now_ns: int) -> tuple[Row, ...]:
    shown = _event(
        "segment", None, message.at_ns, tag=message.tag, number=message.number, who=message.who, changes=message.changes
    )
    value = _json({"number": message.number, "values": message.values})
    return shown, Row(Fact, {"key": segment_key(message.tag), "value": value})


def _listed(message: MarketListed, _run: str, _now_ns: int) -> tuple[Row, ...]:
    market, kind = message.listed, "listed" if message.traded else "unlisted"
    shown = _event(kind, market.id, message.at_ns, slug=market.slug, mode=message.mode, who=message.who)
    value = _json({"slug": market.slug, "traded": message.traded, "who": message.who, "at_ns": message.at_ns})
    return shown, Row(Fact, {"key": f"{listed_prefix(message.mode)}{market.id}", "value": value})


def _operation(changed: MergeChanged | RedemptionChanged) -> dict[str, object]:
    batch = changed.batch
    nonce = None if batch is None else batch.nonce
    return {"operation": changed.operation, "nonce": nonce, "text": changed.text}


def _rest_of(message: FillMarkedOut | MarketHeld) -> dict[str, object]:
    known = msgspec.structs.asdict(message)
    return {name: value for name, value in known.items() if name not in ("market", "at_ns")}


def _event(kind: str, market: str | None, at_ns: int, **detail: object) -> Row:
    return Row(
        Event,
        {
            "at_ns": at_ns,
            "kind": kind,
            "market": market,
            "detail": _json(detail),
            "tape_segment": None,
            "tape_offset": None,
        },
    )


def _error(actor: str, message: Message, now_ns: int, text: str) -> tuple[Row, ...]:
    return (Row(Error, {"at_ns": now_ns, "actor": actor, "kind": type(message).__name__, "text": text}),)


def _json(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


_MAKERS: Final[Mapping[type[Message], Callable[[Any, str, int], tuple[Row, ...]]]] = MappingProxyType(
    {
        PlaceOrder: lambda m, run, _now: (_intent(m, run),),
        PlaceBundle: lambda m, run, _now: tuple(_intent(leg, run) for leg in m.legs),
        SubmitOrder: _submit,
        OrderChanged: _order_changed,
        FillCounted: _fill_counted,
        FillSettled: _fill_settled,
        FillVoided: _fill_voided,
        InventoryUpdated: _position,
        DecisionMade: _decision,
        CommandApplied: _command_applied,
        CommandAnswered: _command_answered,
        TradeSeen: lambda m, _run, _now: (
            _event("trade", m.market, m.at_ns, side=m.side.value, price=m.price, size=m.size, inferred=m.inferred),
        ),
        BookEpochChanged: lambda m, _run, now: (
            _event("epoch", m.market, now, epoch=m.epoch, tick=m.tick, reason=m.reason, detail=m.detail),
        ),
        BookResynchronised: lambda m, _run, now: (_event("resync", m.market, now, outcome=m.outcome, gap_ms=m.gap_ms),),
        MarketResolved: lambda m, _run, _now: (_event("resolved", m.market, m.received_ns, payout_yes=m.payout_yes),),
        TradingStateChanged: lambda m, _run, _now: (
            _event("state", m.market, m.at_ns, state=m.state.name, cells=m.cells),
        ),
        MarketHeld: lambda m, _run, _now: (_event("held", m.market, m.at_ns, **_rest_of(m) | {"state": m.state.name}),),
        FillMarkedOut: lambda m, _run, _now: (_event("markout", m.market, m.at_ns, **_rest_of(m)),),
        MarketParked: lambda m, _run, now: (_event("parked" if m.parked else "unparked", m.market, now),),
        IntentDenied: lambda m, _run, _now: (
            _event("denied", m.market, m.at_ns, intent=m.intent, reason=m.reason, detail=m.detail),
        ),
        MergeChanged: lambda m, _run, _now: (
            _event("merge", m.market, m.at_ns, state=m.state, size=m.size, cost=m.cost, **_operation(m)),
        ),
        RedemptionChanged: lambda m, _run, _now: (
            _event("redemption", m.market, m.at_ns, state=m.state, payout_yes=m.payout_yes, **_operation(m)),
        ),
        PositionsRedeemed: lambda m, _run, _now: (
            _event("redeemed", m.market, m.at_ns, tag=m.tag, payout_yes=m.payout_yes),
        ),
        DriftFound: lambda m, _run, _now: (
            _event("drift", m.market, m.at_ns, outcome=m.outcome, held=m.held, least=m.least, most=m.most),
        ),
        CashFound: lambda m, _run, _now: (_event("cash_found", None, m.at_ns, cash=m.cash),),
        HoldingsFound: lambda m, _run, _now: (_event("holdings_found", m.market, m.at_ns, yes=m.yes, no=m.no),),
        SegmentOpened: _segment,
        MarketListed: _listed,
        RanUnder: lambda m, _run, _now: (Row(Fact, {"key": ran_key(m.mode, m.conditions), "value": str(m.ran_ns)}),),
        StoppedCleanly: lambda m, _run, _now: (_event("clean_stop", None, m.at_ns, run=m.run, fills=m.fills),),
        ProfitMarked: lambda m, _run, _now: (Row(PnlSnapshot, msgspec.structs.asdict(m)),),
        LatencyMeasured: lambda m, _run, _now: (Row(LatencyMetric, msgspec.structs.asdict(m)),),
        ActorFailed: lambda m, _run, now: _error(m.name, m, now, f"{m.error} (handling {m.handling or 'nothing'})"),
        ActorRestarted: lambda m, _run, now: (
            _error(m.name, m, now, f"restarted, {m.restarts} in all") if m.restarts else ()
        ),
        ActorQuarantined: lambda m, _run, now: _error(m.name, m, now, m.reason),
        HandlerSlow: lambda m, _run, now: _error(m.name, m, now, f"{m.handling} took {m.age_ns // 1_000_000} ms"),
        HandlerStuck: lambda m, _run, now: _error(m.name, m, now, f"{m.handling} since {m.age_ns // 1_000_000} ms"),
        MailOverflowed: lambda m, _run, now: _error(m.name, m, now, f"{m.overflowed.name} lost {m.dropped}"),
        DeadLettered: lambda m, _run, now: _error(m.actor, m, now, f"{type(m.message).__name__}: {m.reason}"),
    }
)
