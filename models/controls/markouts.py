"""What fills turn out to be worth, and what follows where they are worth less than their price (`models/markouts.py`).

Three controls look at the marks of a market's fills:

- `adverse_selection`: the mean mark-out after `adverse_horizon_s` of a desk's maker fills on one side is below zero by
  more than `adverse_sigmas` standard errors, weighted by size. The spread that the quotes captured is in the mark-out,
  so that below zero is beyond what it earns. Fills within one horizon of each other are one sample, of which there must
  be `adverse_fills`.
- `edge_decay`: over the last `decay_window` fills, of at least `decay_fills`, what was realised is less than
  `decay_ratio` of what was predicted, both weighted by size. Predicted is how far the price of the order was from the
  net mid when risk approved it, in our favour; realised is the mark-out after 60 s, or at the payout. An order that
  expects nothing of its price (a take, a leg of a bundle) has no predicted edge and does not count.
- `picked_off`: so many maker fills within a window had the mid more than a tick against them a second later.

The first two widen the market's quotes by a step, and disable the market if the fills from then on are as bad. Each
step ends after `pause_s`, the second one by way of the first; good fills end the first one early, and a person who
says `resume` or `on` of the market ends all. A side is BUY where YES is bought or NO is sold.

Why only the fills of makers are adverse: who takes pays half the spread on purpose, and is marked against it at once.
Why the marks themselves begin anew after a death of risk: they are in the journal for people, but the chain holds only
what holds a market (`MarketHeld`). So a market that is held stays held, and its fills are counted from zero.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from models.cells import TradingState
from models.controls.control import Control, Guard
from models.controls.samples import Running, Samples
from models.controls.steps import Steps
from models.deadlines import Deadlines
from models.markets import YES, Market, Side
from models.markouts import HORIZONS_S, Marked, Markouts, worth_beyond
from models.messages.base import MarketId, Message, Tag
from models.messages.control import MarketHeld, Reading, SetOperatorState
from models.messages.market import BookUpdated, MarketResolved
from models.messages.orders import FillCounted, FillVoided, PlaceOrder
from models.messages.records import FillMarkedOut
from models.parameters import parameter
from models.units import DOLLAR, ONE, Money

ADVERSE: Final = "adverse_selection"
DECAY: Final = "edge_decay"
PICKED_OFF: Final = "picked_off"

_PREDICTED_MAX: Final = 10_000
"""So many approved orders are remembered with what they promised, the latest ones."""

_SAMPLES_MAX: Final = 200
_SECOND_NS: Final = 1_000_000_000


class MarkoutParameters(msgspec.Struct, frozen=True):
    """How bad fills may turn out before a market's quotes stand back, and before it is disabled."""

    patience_ms: Annotated[
        int, parameter("A fill waits so long for a good book beyond each of its horizons.", "ms", ge=0, le=4_000)
    ] = 1_000
    adverse_horizon_s: Annotated[
        int,
        parameter("Fills are judged by their mark-out after this; taken up to 1, 5, 30 or 60.", "seconds", ge=1, le=60),
    ] = 5
    adverse_sigmas: Annotated[
        float, parameter("So many standard errors below zero are no chance any more.", "ratio", ge=1, le=10)
    ] = 3.0
    adverse_fills: Annotated[
        int, parameter("Fewer samples of a desk's fills on one side are not judged.", "count", ge=5, le=_SAMPLES_MAX)
    ] = 20
    widen_ticks: Annotated[
        int, parameter("Quotes of a market with bad fills stand back by so many ticks.", "count", ge=1, le=100)
    ] = 1
    pause_s: Annotated[
        int,
        parameter("Each step, quotes that stand back and a market that is disabled, ends after this; 0: when a person "
                  "says so.", "seconds", ge=0, le=86_400),
    ] = 1_800  # fmt: skip
    picked_off_fills: Annotated[
        int, parameter("So many fills that the price ran away from within the window pause the market.", "count",
                       ge=2, le=100)
    ] = 5  # fmt: skip
    picked_off_window_s: Annotated[
        int, parameter("The window in which such fills are counted.", "seconds", ge=1, le=3_600)
    ] = 60  # fmt: skip
    picked_off_pause_s: Annotated[
        int, parameter("A market whose quotes are picked off is paused for so long.", "seconds", ge=1, le=86_400)
    ] = 300  # fmt: skip
    decay_ratio: Annotated[
        float, parameter("Least part of the predicted edge that fills must realise.", "ratio", ge=0, le=1)
    ] = 0.5
    decay_fills: Annotated[int, parameter("Fewer fills with a known edge are not judged.", "count", ge=2, le=1_000)] = (
        15
    )
    decay_window: Annotated[int, parameter("The latest so many fills are judged.", "count", ge=2, le=1_000)] = 30


class Series(NamedTuple):
    """Whose fills are judged together."""

    market: MarketId
    tag: Tag
    side: Side


class _Edge(NamedTuple):
    """What a fill promised and what came of it, times its size."""

    predicted: int
    realised: int


class MarkoutControls(Guard):
    """Follows all fills and holds back the markets where they turn out badly. `markets` names them for people."""

    controls = (
        Control(
            ADVERSE, "after", "all", "quotes stand back, then the market is disabled",
            "standard errors by which the mean mark-out of a desk's maker fills on one side is below zero",
            ("markouts.adverse_horizon_s", "markouts.adverse_sigmas", "markouts.adverse_fills",
             "markouts.widen_ticks", "markouts.pause_s"),
        ),
        Control(
            DECAY, "after", "all", "quotes stand back, then the market is disabled",
            "part of the predicted edge of the latest fills that their mark-outs after 60 s did not realise",
            ("markouts.decay_ratio", "markouts.decay_fills", "markouts.decay_window", "markouts.widen_ticks",
             "markouts.pause_s"),
        ),
        Control(
            PICKED_OFF, "after", "all", "the market is paused",
            "maker fills within the window after which the mid was more than a tick against them within a second",
            ("markouts.picked_off_fills", "markouts.picked_off_window_s", "markouts.picked_off_pause_s"),
        ),
    )  # fmt: skip
    hears = (BookUpdated, FillCounted, FillVoided, MarketResolved, SetOperatorState)
    timer = "markouts"

    def __init__(self, parameters: MarkoutParameters, markets: Mapping[MarketId, Market]) -> None:
        self._parameters = parameters
        self._markets = markets
        self._deadlines = Deadlines(self.timer)
        self._markouts = Markouts(self._deadlines, parameters.patience_ms * 1_000_000)
        pause_ns = parameters.pause_s * _SECOND_NS
        self._steps = Steps(self._deadlines, parameters.widen_ticks, pause_ns)
        self._horizon_s = next(one for one in HORIZONS_S if one >= parameters.adverse_horizon_s)
        self._predicted: dict[str, Money] = {}
        self._running: dict[Series, dict[int, Running]] = {}
        self._samples: dict[Series, Samples] = {}
        self._edges: dict[MarketId, deque[_Edge]] = {}
        self._adverse_ns: dict[MarketId, deque[int]] = {}

    # What is heard

    def approved(self, order: PlaceOrder, now_ns: int) -> None:
        mid = self._markouts.mid_twice(order.market)
        if mid is None:
            return
        if len(self._predicted) >= _PREDICTED_MAX:
            del self._predicted[next(iter(self._predicted))]
        self._predicted[order.intent] = worth_beyond(order.price, order.outcome, order.side, mid)

    def heard(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        match message:
            case BookUpdated():
                return self._judge(self._markouts.book(message), now_ns)
            case FillCounted():
                self._markouts.filled(message, self._predicted.get(message.intent), now_ns)
                return self._deadlines.ask()
            case FillVoided():
                self._markouts.voided(message.fill)
                return ()
            case MarketResolved():
                return self._judge(self._markouts.resolved(message), now_ns)
            case _:
                return tuple(self._anew(held) for held in self._steps.lifted(message, now_ns))

    def woke(self, now_ns: int) -> tuple[Message, ...]:
        out: list[Message] = []
        for key in self._deadlines.take_due(now_ns):
            if key.startswith(Steps.prefix):
                out.append(self._anew(self._steps.due(key, now_ns)))
            else:
                out += self._judged(self._markouts.due(key), now_ns)
        return *out, *self._deadlines.ask()

    def recall(self, entry: Any, at_ns: int) -> tuple[Message, ...]:
        ours = isinstance(entry, MarketHeld) and entry.control in (ADVERSE, DECAY, PICKED_OFF)
        return (self._steps.take(entry),) if ours else ()

    def recalled(self, now_ns: int) -> tuple[Message, ...]:
        return self.woke(now_ns)

    # Judging

    def _judge(self, marks: list[Marked], now_ns: int) -> tuple[Message, ...]:
        return (*self._judged(marks, now_ns), *self._deadlines.ask()) if marks else ()

    def _judged(self, marks: list[Marked], now_ns: int) -> list[Message]:
        out: list[Message] = []
        for mark in marks:
            series = Series(mark.fill.market, mark.fill.tag, _yes_side(mark.fill))
            if mark.value is not None:
                running = self._running.setdefault(series, {})
                running.setdefault(mark.horizon_s, Running()).add(mark.value, mark.fill.size)
                if mark.fill.maker:
                    out += self._picked_off(mark, mark.value, now_ns)
                    out += self._adverse(mark, mark.value, series, now_ns)
            if mark.is_last:
                out += self._decayed(mark, now_ns)
                out.append(_record(mark))
        return out

    def _picked_off(self, mark: Marked, value: Money, now_ns: int) -> Iterator[Message]:
        market, most = mark.fill.market, self._parameters.picked_off_fills
        tick = self._markouts.tick(market) * DOLLAR // ONE
        if mark.horizon_s != HORIZONS_S[0] or -value <= tick or self._steps.of(PICKED_OFF, market) is not None:
            return
        counted = self._adverse_ns.setdefault(market, deque(maxlen=most))
        counted.append(mark.counted_ns)
        window_s = self._parameters.picked_off_window_s
        if len(counted) < most or mark.counted_ns - counted[0] > window_s * _SECOND_NS:
            return
        counted.clear()
        reason = f"{most} fills within {window_s} s, a second after which the mid was more than a tick against them"
        yield self._steps.pause(PICKED_OFF, market, reason, self._parameters.picked_off_pause_s * _SECOND_NS, now_ns)

    def _adverse(self, mark: Marked, value: Money, series: Series, now_ns: int) -> Iterator[Message]:
        if mark.horizon_s != self._horizon_s or not self._counts(ADVERSE, mark):
            return
        samples = self._samples.get(series)
        if samples is None:
            samples = self._samples[series] = Samples(_SAMPLES_MAX, self._horizon_s * _SECOND_NS)
        samples.add(value, mark.fill.size, mark.counted_ns)
        if len(samples) < self._parameters.adverse_fills:
            return
        sigmas, limit = samples.sigmas_below_zero, self._parameters.adverse_sigmas
        figures = f"{self._horizon_s} s mark-out {_dollars(samples.mean)} a share over {len(samples)} fills"
        if sigmas > limit:
            reason = f"{figures} of {series.tag} {series.side.value}: {sigmas:.1f} > {limit:g} sigma below zero"
            yield self._anew(self._steps.up(ADVERSE, series.market, reason, now_ns))
        elif samples.mean >= 0 and self._steps.of(ADVERSE, series.market) is not None:
            yield self._anew(self._steps.let_go(ADVERSE, series.market, f"{figures} are good again", now_ns))

    def _decayed(self, mark: Marked, now_ns: int) -> Iterator[Message]:
        realised, predicted, market = mark.marks[-1], mark.predicted, mark.fill.market
        if realised is None or predicted is None or predicted <= 0 or not self._counts(DECAY, mark):
            return
        edges = self._edges.setdefault(market, deque(maxlen=self._parameters.decay_window))
        edges.append(_Edge(predicted * mark.fill.size, realised * mark.fill.size))
        if len(edges) < self._parameters.decay_fills:
            return
        ratio, least = _realised_part(edges), self._parameters.decay_ratio
        if ratio < least:
            reason = f"{len(edges)} fills realised {ratio:.2f} < {least:g} of their predicted edge"
            yield self._anew(self._steps.up(DECAY, market, reason, now_ns))
        elif self._steps.of(DECAY, market) is not None:
            reason = f"{len(edges)} fills realised {ratio:.2f} of their predicted edge"
            yield self._anew(self._steps.let_go(DECAY, market, reason, now_ns))

    def _counts(self, control: str, mark: Marked) -> bool:
        """Whether a fill says something of how a market is held now: it was made since, and more can be made."""
        held = self._steps.of(control, mark.fill.market)
        return held is None or (held.state is TradingState.ACTIVE and mark.counted_ns > held.at_ns)

    def _anew(self, held: MarketHeld) -> MarketHeld:
        """Begin to count anew, for what was before says nothing of what is done now."""
        if held.control == ADVERSE:
            for series in [series for series in self._samples if series.market == held.market]:
                del self._samples[series]
        elif held.control == DECAY:
            self._edges.pop(held.market or "", None)
        return held

    # What is read

    def readings(self, now_ns: int) -> Iterator[Reading]:
        """Give the mark-outs of every desk, side and horizon too, in cents a share; they have no limit."""
        limits = self._parameters
        for series, samples in self._samples.items():
            enough = len(samples) >= limits.adverse_fills
            note = f"{len(samples)} of {limits.adverse_fills} fills, {self._horizon_s} s"
            yield Reading(
                ADVERSE, self._scope(series), samples.sigmas_below_zero if enough else None, limits.adverse_sigmas,
                "sigmas", note=note,
            )  # fmt: skip
        for market, edges in self._edges.items():
            lost = 1 - _realised_part(edges) if len(edges) >= limits.decay_fills else None
            note = f"{len(edges)} of {limits.decay_fills} fills"
            yield Reading(DECAY, self._slug(market), lost, 1 - limits.decay_ratio, "ratio", note=note)
        for market, counted in self._adverse_ns.items():
            since_ns = now_ns - limits.picked_off_window_s * _SECOND_NS
            recent = sum(1 for at_ns in counted if at_ns >= since_ns)
            yield Reading(PICKED_OFF, self._slug(market), recent, limits.picked_off_fills, "fills")
        for held in self._steps:
            yield Reading(held.control, self._slug(held.market or ""), None, None, "", holds=True, note=held.reason)
        for series, running in self._running.items():
            for horizon_s, marks in running.items():
                cents = marks.mean / (DOLLAR // 100)
                note = f"{marks.count} fills"
                yield Reading(f"markout_{horizon_s}s", self._scope(series), cents, None, "cents", note=note)

    def _scope(self, series: Series) -> str:
        return f"{self._slug(series.market)} {series.tag} {series.side.value.lower()}"

    def _slug(self, market: MarketId) -> str:
        known = self._markets.get(market)
        return market if known is None else known.slug


def _yes_side(fill: FillCounted) -> Side:
    return fill.side if fill.outcome == YES else (Side.SELL if fill.side is Side.BUY else Side.BUY)


def _realised_part(edges: Iterable[_Edge]) -> float:
    edges = tuple(edges)
    return sum(edge.realised for edge in edges) / sum(edge.predicted for edge in edges)


def _record(mark: Marked) -> FillMarkedOut:
    fill = mark.fill
    return FillMarkedOut(
        fill.tag, fill.market, fill.trade_id, fill.order_id, fill.outcome, fill.side, fill.price, fill.size, fill.maker,
        mark.captured, mark.predicted, mark.marks, mark.counted_ns,
    )  # fmt: skip


def _dollars(micro_dollars: float) -> str:
    return f"{micro_dollars / DOLLAR:+.4f}"
