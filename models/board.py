"""The read model: everything worth seeing, folded from the messages that the engine's parts say anyway.

Why folding and showing are apart: thousands of messages a second change a row each, and people look four times a
second. `step` replaces one immutable row; `snapshot` copies the tables of rows, and only when somebody looks.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from models.chronicle import Chronicle
from models.flattening import is_flattened
from models.markets import Catalogue
from models.marking import TIMER, Marking
from models.marks import MarkParameters
from models.messages.audit import Fence
from models.messages.base import MarketId, Message, Tag
from models.messages.catalogue import MarketListed
from models.messages.control import CommandApplied, ExposureUpdated, FlattenChanged, RiskRead, TradingStateChanged
from models.messages.decisions import DecisionMade, Explained
from models.messages.lanes import DriftFound, HoldingsFound
from models.messages.market import BookResynchronised, BookUpdated, FeedCounted, FlowUpdated, MarketResolved
from models.messages.operations import RedemptionChanged
from models.messages.orders import FillCounted, FillVoided, IntentDenied, MergeChanged, OrderChanged
from models.messages.position import InventoryUpdated
from models.messages.runtime import ActorFailed, ActorQuarantined, ActorRestarted, DeadLettered, Woke
from models.orders import TERMINAL, OrderState
from models.snapshot import Board, DeskLine, Engine, LogLine, MarketLine, OrderLine
from models.statistics import Tally
from models.words import outcome_text, price_text, shares_text, state_word

_ANSWERS_KEPT: Final = 20_000
"""One command may name 10,000 markets, and waits until each is answered; two of them may be said at once."""
_FENCES_KEPT: Final = 200


class BoardMachine:
    """Lines by market, by desk and market, and by open order. It knows the markets of its catalogue only."""

    def __init__(self, engine: Engine, catalogue: Catalogue, marks: MarkParameters) -> None:
        self._engine = engine
        self._marking = Marking(marks)
        self._markets = {market.id: MarketLine(market) for market in catalogue.markets.values()}
        self._desks = {(tag, market): DeskLine(tag, market) for tag in engine.tags for market in self._markets}
        self._orders: dict[str, OrderLine] = {}
        self._commands: dict[str, CommandApplied] = {}
        self._fences: deque[str] = deque(maxlen=_FENCES_KEPT)
        self._feeds: dict[str, FeedCounted] = {}
        self._risk: RiskRead | None = None
        self._sequences: dict[tuple[Tag, MarketId], int] = {}
        self._chronicle = Chronicle()
        self._tally = Tally()
        self._snapshots = 0
        self._folds: dict[type[Message], Callable[[Any, int], tuple[Message, ...] | None]] = {
            BookUpdated: self._book,
            FlowUpdated: self._flow,
            ExposureUpdated: self._exposure,
            TradingStateChanged: self._state,
            MarketResolved: self._resolved,
            MarketListed: self._listed,
            BookResynchronised: self._resynchronised,
            FlattenChanged: self._flatten,
            InventoryUpdated: self._inventory,
            DecisionMade: self._decision,
            Explained: self._explained,
            OrderChanged: self._order,
            IntentDenied: self._denied,
            FillCounted: self._fill,
            FillVoided: self._void,
            MergeChanged: self._merge,
            RedemptionChanged: self._redemption,
            DriftFound: self._drift,
            HoldingsFound: self._holdings_found,
            CommandApplied: self._applied,
            Fence: self._fence,
            FeedCounted: self._feed,
            RiskRead: self._risk_read,
            ActorFailed: self._failed,
            ActorQuarantined: self._quarantined,
            ActorRestarted: self._restarted,
            DeadLettered: self._chronicle.dead_letter,
            Woke: self._woke,
        }

    def step(self, message: Message, now_ns: int) -> tuple[Message, ...]:
        """Take in one message; what follows concerns marks only. Kinds that nobody sees are passed over."""
        fold = self._folds.get(type(message))
        return () if fold is None else fold(message, now_ns) or ()

    def snapshot(self, now_ns: int) -> Board:
        """Return all that is known now. Its number is higher than that of every one before."""
        self._snapshots += 1
        marked = {at: replace(self._desks[at], profit=profit) for at, profit in self._marking.profits(now_ns).items()}
        return Board(
            self._snapshots,
            now_ns,
            self._engine,
            self._markets.copy(),
            self._desks | marked,
            self._orders.copy(),
            self._chronicle.counts(now_ns),
            self._chronicle.lines(),
            self._commands.copy(),
            frozenset(self._fences),
            self._feeds.copy(),
            self._risk,
            self._tally.idle(now_ns),
            self._tally.holds(now_ns),
        )

    def new_lines(self) -> tuple[LogLine, ...]:
        """Return the lines of the log since the last call."""
        return self._chronicle.new_lines()

    # Markets

    def _book(self, message: BookUpdated, now_ns: int) -> None:
        self._set_market(message.market, book=message)
        self._marking.book_updated(message, now_ns)

    def _flow(self, message: FlowUpdated, _now_ns: int) -> None:
        self._set_market(message.market, flow=message)

    def _exposure(self, message: ExposureUpdated, _now_ns: int) -> None:
        self._set_market(message.market, exposure=message)

    def _state(self, message: TradingStateChanged, now_ns: int) -> None:
        self._tally.state_changed(message)
        before = self._words(message.market)
        self._set_market(message.market, state=message.state, cells=message.cells)
        self._log_words(message.market, before, message.cells[0].reason if message.cells else "", now_ns)
        if not is_flattened(message.cells):
            for tag in self._engine.tags:
                self._set_desk(tag, message.market, flatten=None)

    def _resolved(self, message: MarketResolved, now_ns: int) -> None:
        self._set_market(message.market, payout_yes=message.payout_yes)
        self._marking.resolved(message)
        self._say("INFO", message.market, f"resolved: YES pays {price_text(message.payout_yes)}", now_ns)

    def _listed(self, message: MarketListed, now_ns: int) -> None:
        market = message.listed
        line = self._markets.get(market.id)
        self._markets[market.id] = MarketLine(market) if line is None else replace(line, market=market)
        for tag in self._engine.tags:
            self._desks.setdefault((tag, market.id), DeskLine(tag, market.id))
        self._say("WARNING", market.id, f"{'added' if message.traded else 'removed'} by {message.who}", now_ns)

    def _resynchronised(self, message: BookResynchronised, now_ns: int) -> None:
        self._chronicle.count("resyncs")
        token = outcome_text(message.outcome)
        self._say("WARNING", message.market, f"{token} book resynchronised after {message.gap_ms / 1000:.1f} s", now_ns)

    def _set_market(self, market: MarketId, **changes: Any) -> None:
        line = self._markets.get(market)
        if line is not None:
            self._markets[market] = replace(line, **changes)

    # Desks

    def _inventory(self, message: InventoryUpdated, now_ns: int) -> tuple[Message, ...]:
        line = self._markets.get(message.market)
        if line is None or message.tag not in self._engine.tags:
            return ()
        self._set_desk(message.tag, message.market, position=message.position)
        return self._marking.position_changed(message, line.book, now_ns)

    def _flatten(self, message: FlattenChanged, now_ns: int) -> None:
        """Follow a flatten, unless it has been ended meanwhile."""
        line, desk = self._markets.get(message.market), self._desks.get((message.tag, message.market))
        if line is None or desk is None or not is_flattened(line.cells):
            return
        if desk.flatten is None or desk.flatten.detail != message.detail:
            self._say("INFO", message.market, f"flatten: {message.detail}", now_ns)
        self._set_desk(message.tag, message.market, flatten=message)

    def _decision(self, message: DecisionMade, now_ns: int) -> None:
        at = (message.tag, message.market)
        before = self._words(message.market)
        # Decisions are conflated on their way here, their numbers are not; they begin again when a coordinator does.
        counted = self._sequences.get(at, 0)
        self._sequences[at] = message.sequence
        self._add(*at, decisions=message.sequence - (counted if message.sequence > counted else 0))
        self._set_desk(*at, explanation=message.explanation)
        self._tally.decided(message.explanation)
        self._log_words(message.market, before, message.explanation.reason, now_ns)

    def _explained(self, message: Explained, _now_ns: int) -> None:
        said = message.explanation
        self._set_desk(said.tag, said.market, explanation=said, explained=message.request)

    def _set_desk(self, tag: Tag, market: MarketId, **changes: Any) -> None:
        desk = self._desks.get((tag, market))
        if desk is not None:
            self._desks[(tag, market)] = replace(desk, **changes)

    def _add(self, tag: Tag, market: MarketId, **more: int) -> None:
        desk = self._desks.get((tag, market))
        if desk is not None:
            self._set_desk(tag, market, **{name: getattr(desk, name) + count for name, count in more.items()})

    # Orders

    def _order(self, message: OrderChanged, now_ns: int) -> None:
        known = self._orders.get(message.intent)
        if message.state not in TERMINAL:
            self._orders[message.intent] = _order_line(message)
        elif known is not None:
            del self._orders[message.intent]
        if known is None and message.state is OrderState.PLACING:
            self._chronicle.count("orders")
            self._add(message.tag, message.market, orders=1)
        reappears = known is None and message.state is OrderState.DISPUTED
        if not reappears and (known is None or known.state is message.state):
            return
        self._chronicle.order_ended(message, self._slug(message.market), now_ns)
        if message.state is OrderState.CANCELLED:
            self._add(message.tag, message.market, cancels=1)

    def _denied(self, message: IntentDenied, _now_ns: int) -> None:
        self._chronicle.denied(message)
        self._add(message.tag, message.market, denials=1)

    def _fill(self, message: FillCounted, now_ns: int) -> None:
        self._chronicle.fill(message, self._slug(message.market), now_ns)
        self._add(message.tag, message.market, fills=1)

    def _void(self, message: FillVoided, now_ns: int) -> None:
        self._chronicle.void(message.fill, self._slug(message.fill.market), now_ns)

    def _merge(self, message: MergeChanged, now_ns: int) -> None:
        level = "WARNING" if message.state == "failed" else "INFO"
        what = f"merge of {shares_text(message.size)} pairs {message.state}"
        self._say(level, message.market, f"{what}: {message.text}" if message.text else what, now_ns)

    def _redemption(self, message: RedemptionChanged, now_ns: int) -> None:
        level = "WARNING" if message.state == "failed" else "INFO"
        what = f"redemption {message.state}"
        self._say(level, message.market, f"{what}: {message.text}" if message.text else what, now_ns)

    def _drift(self, message: DriftFound, now_ns: int) -> None:
        held, least, most = (shares_text(size) for size in (message.held, message.least, message.most))
        if message.least <= message.held <= message.most:
            self._say("INFO", message.market, f"the wallet holds {outcome_text(message.outcome)} as it should", now_ns)
            return
        wanted = least if least == most else f"{least} to {most}"
        text = f"the wallet holds {held} {outcome_text(message.outcome)}, our ledger says {wanted}"
        self._say("WARNING", message.market, text, now_ns)

    def _holdings_found(self, message: HoldingsFound, now_ns: int) -> None:
        held = f"{shares_text(message.yes)} YES and {shares_text(message.no)} NO"
        text = f"the wallet already held {held}: not bought here, left alone, in no figure"
        self._say("WARNING", message.market, text, now_ns)

    # The engine itself

    def _woke(self, message: Woke, now_ns: int) -> tuple[Message, ...]:
        return self._marking.woke(now_ns) if message.timer == TIMER else ()

    def _applied(self, message: CommandApplied, now_ns: int) -> None:
        self._commands[message.request] = message
        if len(self._commands) > _ANSWERS_KEPT:
            del self._commands[next(iter(self._commands))]
        result = message.refusal or ("done" if message.changed else "as it was")
        self._say("WARNING", message.market, f"{message.verb}: {result}", now_ns)

    def _fence(self, message: Fence, _now_ns: int) -> None:
        self._fences.append(message.request)

    def _risk_read(self, message: RiskRead, _now_ns: int) -> None:
        self._risk = message

    def _feed(self, message: FeedCounted, _now_ns: int) -> None:
        self._feeds[message.feed] = message

    def _failed(self, message: ActorFailed, now_ns: int) -> None:
        self._chronicle.error(f"{message.name} failed: {message.error}", now_ns)

    def _quarantined(self, message: ActorQuarantined, now_ns: int) -> None:
        self._chronicle.error(f"{message.name} quarantined: {message.reason}", now_ns)

    def _restarted(self, message: ActorRestarted, now_ns: int) -> None:
        if message.restarts:  # else it begins anew on purpose
            self._chronicle.count("restarts")
            self._say("WARNING", None, f"{message.name} restarted, {message.restarts} in all", now_ns)

    # Words

    def _words(self, market: MarketId) -> dict[Tag, str]:
        line = self._markets.get(market)
        if line is None:
            return {}
        desks = (self._desks[(tag, market)] for tag in self._engine.tags)
        return {desk.tag: state_word(line.state, line.cells, desk.phase) for desk in desks}

    def _log_words(self, market: MarketId, before: dict[Tag, str], why: str, now_ns: int) -> None:
        """Log a desk's change of word, whether its own phase or the market's state brought it."""
        for tag, word in self._words(market).items():
            if before[tag] != word:
                self._chronicle.changed_word(self._slug(market), before[tag], word, why, now_ns)

    def _slug(self, market: MarketId) -> str:
        line = self._markets.get(market)
        return market if line is None else line.market.slug

    def _say(self, level: str, market: MarketId | None, text: str, now_ns: int) -> None:
        self._chronicle.say(level, "" if market is None else self._slug(market), text, now_ns)


def _order_line(message: OrderChanged) -> OrderLine:
    return OrderLine(
        message.intent,
        message.order_id,
        message.tag,
        message.market,
        message.outcome,
        message.side,
        message.price,
        message.size,
        message.filled,
        message.state,
        message.reason,
        message.at_ns,
    )
