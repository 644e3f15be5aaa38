"""The limits on what may be lost: in an hour, in a day, from the highest point, in one market; and what has no mark.

A loss is counted in dollars of all desks together from a baseline: their worth at the beginning of the UTC hour or day,
or at its highest. It is evaluated at every fill, and every two seconds while something is held whose price moves; else
there is no timer, and nothing to do.

Why the baselines begin anew when a person lifts a kill that a loss has made: whoever lifts it has seen that loss and
takes it. Held against the same baselines it would kill again at once, and `kill --clear` would mean nothing before the
next day. From then on as much again may be lost. Lifting a kill that a person made moves no baseline: else killing and
lifting would be a way to get a second limit for the day.

Why a market's loss is counted from its first fill and not by the day: markets are short-lived. After its halt it is
counted from the end of that, for the halt has answered for what was before.

Why no limit trips on marks of an earlier life, for as long as a mark may be missing: they are as old as the last
record, and what was held then need not be what is held now.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from models.cells import TradingState
from models.controls.control import Guard
from models.controls.loss_rules import (
    CONTROLS,
    MARKET_LOSS,
    PERIODS,
    RULES,
    SECOND_NS,
    LossParameters,
    Rule,
    change_text,
    loss_text,
    time_text,
)
from models.controls.loss_watch import APART_NS, Holds, Peak, Watch, shifted
from models.controls.unmarked import Unmarked
from models.controls.worths import Desk, Worths
from models.exposure import Exposures
from models.marks import MarkParameters
from models.messages.base import MarketId, Message, Tag
from models.messages.control import ClearKill, CommandApplied, Kill, Reading
from models.messages.losses import Baseline, GoodMark, Hold, LossesNoted, Worth
from models.messages.market import BookUpdated, MarketResolved
from models.messages.orders import FillCounted, FillVoided, MergeChanged, PositionsRedeemed
from models.messages.position import LedgerSnapshot
from models.messages.runtime import WakeAt
from models.units import DOLLAR, Money

if TYPE_CHECKING:
    from models.engine import EngineParameters

_MINUTE_NS: Final = 60 * SECOND_NS
_STEPS: Final = 1_000
"""A peak is written down when it has risen by the wallet over this, and a minute has passed since the last record."""

_NOTHING: Final = Baseline(0)

Messages = tuple[Message, ...]


class Losses(Guard):
    """Holds the worth of all positions that `exposures` counts against limits that are shares of `wallet`."""

    controls = CONTROLS
    hears = (BookUpdated, MarketResolved, FillCounted, FillVoided, MergeChanged, PositionsRedeemed, ClearKill)
    timer = "losses"

    def __init__(self, parameters: LossParameters, marks: MarkParameters, wallet: Money, exposures: Exposures) -> None:
        self._go_by(parameters, wallet)
        self._markets = exposures.markets
        self._worths = Worths(exposures, marks)
        self._holds = Holds()
        self._unmarked = Unmarked(marks, self._holds)
        self._killed = ""
        """The loss that has killed, in words, until a person lifts it."""
        self._periods: dict[str, Baseline] = {}
        """Empty before the first fill."""
        self._peak = Peak(_NOTHING)
        self._halted: dict[MarketId, Baseline] = {}
        """Markets that a loss has halted, with the baseline since."""
        self._watches: dict[str, Watch] = {rule.control: Watch() for rule in RULES}
        self._market_watches: dict[MarketId, Watch] = {}
        self._noted_ns = 0
        self._noted_peak: Money = 0
        self._tick_ns: int | None = None
        self._wake_ns: int | None = None
        self._recalled: dict[Desk, GoodMark] = {}
        self._recalled_ns: int | None = None
        """Since when it lives after a death, while there are marks of the earlier life."""
        self._lift_recalled = False

    def changed(self, parameters: "EngineParameters") -> None:
        self._go_by(parameters.losses, parameters.risk.wallet_usd)

    def _go_by(self, parameters: LossParameters, wallet: Money) -> None:
        self._limits = {rule.control: round(wallet * getattr(parameters, rule.control)) for rule in RULES}
        self._market_limit = round(wallet * parameters.market_loss)
        self._market_halt_ns = parameters.market_halt_s * SECOND_NS
        self._clean_ns = parameters.clean_s * SECOND_NS
        self._step = wallet // _STEPS

    def heard(self, message: Any, now_ns: int) -> Messages:
        match message:
            case BookUpdated():
                self._worths.book_updated(message, now_ns)
                return ()
            case ClearKill():
                return self._cleared(now_ns)
            case MarketResolved():
                rolled = self._roll(now_ns)
                self._worths.resolved(message, now_ns)
                return (*rolled, *self._evaluate((message.market,), now_ns))
            case _:
                market, tag, own_ns = _moved(message)
                self._begin(now_ns)
                rolled = self._roll(now_ns)
                self._count(market, self._worths.moved(market, tag, now_ns), own_ns)
                return (*rolled, *self._evaluate((market,), now_ns))

    def woke(self, now_ns: int) -> Messages:
        self._wake_ns = None
        rolled = self._roll(now_ns)
        if self._tick_ns is None or now_ns < self._tick_ns:
            return (*rolled, *self._evaluate((), now_ns))
        self._tick_ns = None
        self._worths.mark(now_ns)
        unpaired = tuple(self._worths.unpaired(now_ns))
        missing = self._unmarked.looked_at(unpaired, now_ns)
        markets = dict.fromkeys((*(market for market, _, _ in unpaired), *self._market_watches))
        return (*rolled, *missing, *self._evaluate(markets, now_ns))

    def readings(self, now_ns: int) -> Iterator[Reading]:
        for rule in RULES:
            change, since = self._change(rule), self._since(rule, now_ns)
            holds = self._holds.get(rule.control) is not None or self._killed.startswith(f"{rule.control}:")
            yield _reading(rule.control, "all", change, since, self._limits[rule.control], holds=holds)
        for market in self._worths.traded():
            change, holds = self._market_change(market), self._holds.get(MARKET_LOSS, market) is not None
            if holds or change.total < 0:
                slug, since = self._slug(market), self._market_since(market, now_ns)
                yield _reading(MARKET_LOSS, slug, change, since, self._market_limit, holds=holds)
        for market, size, mark in self._worths.unpaired(now_ns):
            yield self._unmarked.reading(self._slug(market), market, size, mark, now_ns)

    # After a death

    def recall(self, entry: Any, at_ns: int) -> Messages:
        match entry:
            case LossesNoted():
                return self._restored(entry)
            case CommandApplied(verb="clear_kill", changed=True):
                self._lift_recalled |= bool(self._killed)
            case MarketResolved():
                self._worths.recall_result(entry)
            case LedgerSnapshot():
                self._begin(at_ns)
                self._worths.recall(entry.market, entry.tag)
            case FillCounted() | FillVoided() | MergeChanged() | PositionsRedeemed():
                market, tag, own_ns = _moved(entry)
                self._begin(at_ns)
                self._count(market, self._worths.recall(market, tag), own_ns)
            case _:
                return ()  # it says nothing of money
        return ()

    def recalled(self, now_ns: int) -> Messages:
        self._worths.recalled(self._recalled, now_ns)
        self._recalled_ns = now_ns if self._worths.moving else None
        if self._lift_recalled:
            self._begin_anew(now_ns)
        killed = (self._kill(now_ns),) if self._killed else ()
        return (*killed, *self._roll(now_ns), *self._evaluate((), now_ns))

    def _restored(self, noted: LossesNoted) -> Messages:
        self._periods = {"hour": noted.hour, "day": noted.day}
        self._peak = Peak(noted.peak)
        self._noted_ns, self._noted_peak = noted.at_ns, noted.peak.worth.total
        self._halted = dict(noted.markets)
        self._killed, self._lift_recalled = noted.killed, False
        self._recalled = {(market, tag): mark for tag, market, mark in noted.marks}
        return tuple(self._holds.become(noted.holds))

    # Baselines

    def _begin(self, now_ns: int) -> None:
        """With the first fill of all, count from the beginning of its hour and day."""
        if not self._periods:
            self._periods = {name: Baseline(now_ns // length * length) for name, length in PERIODS.items()}
            self._peak = Peak(Baseline(now_ns))
            self._holds.changed = True

    def _roll(self, now_ns: int) -> Messages:
        """Begin the hour and the day at what was won when the last ones ended, and let go what they held."""
        out: Messages = ()
        for name, base in self._periods.items():
            begins_ns = now_ns // PERIODS[name] * PERIODS[name]
            if base.since_ns >= begins_ns:
                continue
            self._periods[name] = Baseline(begins_ns, self._worths.total)
            self._holds.changed = True
            for rule in RULES:
                if rule.baseline == name:
                    self._watches[rule.control] = Watch()
                    out += self._lifted(self._holds.get(rule.control))
        return out

    def _count(self, market: MarketId, realised: Money, own_ns: int) -> None:
        """Take in what was realised, at its own time."""
        if not realised:
            return
        for name, base in self._periods.items():
            self._periods[name] = shifted(base, realised, own_ns)
        self._peak.baseline = shifted(self._peak.baseline, realised, own_ns)
        if market in self._halted:
            self._halted[market] = shifted(self._halted[market], realised, own_ns)

    def _cleared(self, now_ns: int) -> Messages:
        """A person has lifted the latch."""
        if not self._killed:
            return ()
        self._begin_anew(now_ns)
        return self._evaluate((), now_ns)

    def _begin_anew(self, now_ns: int) -> None:
        self._killed, self._lift_recalled = "", False
        self._holds.changed = True
        now = Baseline(now_ns, self._worths.total)
        self._periods = dict.fromkeys(self._periods, now)
        self._peak = Peak(now)
        self._watches = {rule.control: Watch() for rule in RULES}

    # Evaluations

    def _evaluate(self, markets: Iterable[MarketId], now_ns: int) -> Messages:
        """Hold all against its limits, and these markets against theirs; say what has to be remembered."""
        out: list[Message] = [*self._halts_over(now_ns)]
        if self._is_sure(now_ns):
            self._peak.follow(self._worths.total, now_ns, moving=self._worths.moving)
            out += [said for rule in RULES for said in self._judge(rule, now_ns)]
            out += [said for market in markets for said in self._judge_market(market, now_ns)]
        risen = self._peak.baseline.worth.total - self._noted_peak >= self._step
        if self._holds.changed or (risen and now_ns - self._noted_ns >= _MINUTE_NS):
            out.append(self._note(now_ns))
            risen = False
        return (*out, *self._wake(self._noted_ns + _MINUTE_NS if risen else None, now_ns))

    def _judge(self, rule: Rule, now_ns: int) -> Messages:
        change, limit, watch = self._change(rule), self._limits[rule.control], self._watches[rule.control]
        hold = self._holds.get(rule.control)
        if not watch.trips(change, limit, now_ns):
            clean = watch.clean_since_ns is not None and now_ns - watch.clean_since_ns >= self._clean_ns
            return self._lifted(hold) if clean else ()
        if hold is not None or (self._killed and rule.state is TradingState.KILLED):
            return ()
        reason = loss_text(rule.control, change, self._since(rule, now_ns), limit)
        if rule.state is not TradingState.KILLED:
            return (self._holds.put(Hold(rule.control, None, reason, now_ns)),)
        self._killed, self._holds.changed = reason, True
        return (self._kill(now_ns),)

    def _judge_market(self, market: MarketId, now_ns: int) -> Messages:
        change = self._market_change(market)
        watch = self._market_watches.setdefault(market, Watch())
        trips = watch.trips(change, self._market_limit, now_ns)
        if watch.beyond_since_ns is None:
            del self._market_watches[market]
        if not trips or self._holds.get(MARKET_LOSS, market) is not None:
            return ()
        until_ns, since = now_ns + self._market_halt_ns, self._market_since(market, now_ns)
        reason = f"{loss_text(MARKET_LOSS, change, since, self._market_limit)}, until {time_text(until_ns, now_ns)}"
        return (self._holds.put(Hold(MARKET_LOSS, market, reason, now_ns, until_ns)),)

    def _halts_over(self, now_ns: int) -> Messages:
        out: Messages = ()
        for hold in self._holds.by(MARKET_LOSS):
            if hold.market is not None and hold.until_ns is not None and now_ns >= hold.until_ns:
                self._halted[hold.market] = Baseline(now_ns, self._worths.of(hold.market))
                self._market_watches.pop(hold.market, None)
                out += self._lifted(hold)
        return out

    def _is_sure(self, now_ns: int) -> bool:
        """Whether no mark is one of an earlier life any more."""
        since_ns = self._recalled_ns
        if since_ns is not None:
            if now_ns - since_ns < self._unmarked.after_ns and not self._worths.all_marked_since(since_ns, now_ns):
                return False
            self._recalled_ns = None
        return True

    # What is said

    def _base(self, rule: Rule) -> Baseline:
        return self._peak.baseline if rule.baseline == "peak" else self._periods.get(rule.baseline, _NOTHING)

    def _change(self, rule: Rule) -> Worth:
        """Return what was won or lost since a rule's baseline."""
        return self._worths.total.less(self._base(rule).worth)

    def _since(self, rule: Rule, now_ns: int) -> str:
        since = time_text(self._base(rule).since_ns or now_ns, now_ns)
        return f"the peak at {since}" if rule.baseline == "peak" else since

    def _market_change(self, market: MarketId) -> Worth:
        return self._worths.of(market).less(self._halted.get(market, _NOTHING).worth)

    def _market_since(self, market: MarketId, now_ns: int) -> str:
        base = self._halted.get(market)
        return "the first fill here" if base is None else time_text(base.since_ns, now_ns)

    def _kill(self, now_ns: int) -> Kill:
        return Kill(self._killed, f"loss-{now_ns}", "risk")

    def _lifted(self, hold: Hold | None) -> Messages:
        return () if hold is None else (self._holds.lift(hold),)

    def _note(self, now_ns: int) -> LossesNoted:
        self._holds.changed = False
        self._noted_ns, self._noted_peak = now_ns, self._peak.baseline.worth.total
        return LossesNoted(
            self._periods["day"], self._periods["hour"], self._peak.baseline, tuple(self._halted.items()),
            self._holds.all(), self._killed, tuple(self._worths.marks(now_ns)), now_ns,
        )  # fmt: skip

    def _wake(self, note_ns: int | None, now_ns: int) -> Messages:
        """Ask to be woken when time alone changes something, for no time if none does."""
        watches = [*self._watches.values(), *self._market_watches.values()]
        looks = self._worths.moving or self._peak.rising is not None or self._unmarked.holds_any
        looks = looks or any(watch.waits for watch in watches)
        if not looks:
            self._tick_ns = None
        elif self._tick_ns is None:
            self._tick_ns = now_ns + APART_NS
        times = [self._tick_ns, note_ns, *(hold.until_ns for hold in self._holds.all())]
        for rule in RULES:
            if self._holds.get(rule.control) is not None:
                clean_ns = self._watches[rule.control].clean_since_ns
                length = PERIODS[rule.baseline]
                times.append((now_ns // length + 1) * length if clean_ns is None else clean_ns + self._clean_ns)
        due_ns = min((at_ns for at_ns in times if at_ns is not None), default=None)
        if due_ns == self._wake_ns:
            return ()
        self._wake_ns = due_ns
        return (WakeAt(due_ns, self.timer),)

    def _slug(self, market: MarketId) -> str:
        known = self._markets.get(market)
        return market if known is None else known.slug


def _moved(event: FillCounted | FillVoided | MergeChanged | PositionsRedeemed) -> tuple[MarketId, Tag, int]:
    """Return whose position an event moves, and its own time."""
    of = event.fill if isinstance(event, FillVoided) else event
    return of.market, of.tag, event.at_ns


def _reading(control: str, scope: str, change: Worth, since: str, limit: Money, *, holds: bool) -> Reading:
    lost = max(0, -change.total) / DOLLAR
    return Reading(control, scope, lost, limit / DOLLAR, "dollars", holds, change_text(change, since))
