"""Whether the account holds the dollars that it should: what was there before us, and what our trades made of it.

What was there is the venue's word less our own count, from the first read at which nothing was under way; it is
journalled, so that a loss while we were down is seen as well. From then on the cash has to lie between what there is if
everything under way went against it, and what there is if all of it came: fills that are not settled, merges, payouts
of resolved markets.

Why less money counts only when two reads agree: a read is older than what we were told meanwhile, and a fill may be
older than our being told of it. Why more money halts nothing: somebody paid in, or was paid a rebate. It is taken for
that, and journalled, when it has been there for a while, for a fee that was taken in shares looks the same until it is
booked. A person who says `resume` of everything has looked: what is there then is what should be there.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final

import msgspec

from models.cells import TradingState
from models.controls.control import Control
from models.controls.timed import TimedControls
from models.exposure import Exposures
from models.markets import Side
from models.messages.base import MarketId, Message
from models.messages.control import Reading, SetOperatorState
from models.messages.lanes import CashFound, CashRead
from models.messages.market import MarketResolved
from models.parameters import parameter
from models.units import DOLLAR, ONE, Money, Price, cash_of, format_money

DRIFT: Final = "cash_drift"
LARGE: Final = "cash_drift_large"

_APART_NS: Final = 5_000_000_000
"""Reads that are nearer to each other do not agree with each other, they are the same one."""

_SECOND_NS: Final = 1_000_000_000


class CashDriftParameters(msgspec.Struct, frozen=True):
    """How many dollars may be missing."""

    reduce: Annotated[
        Money, parameter("More missing than this leaves only what reduces.", "dollars", ge=0, le=1_000 * DOLLAR)
    ] = DOLLAR // 100
    halt: Annotated[
        Money, parameter("More missing than this halts everything.", "dollars", ge=0, le=100_000 * DOLLAR)
    ] = 5 * DOLLAR
    deposit_s: Annotated[
        int, parameter("What is too much for so long was paid in from outside.", "seconds", ge=60, le=86_400)
    ] = 600


class _Between(msgspec.Struct, frozen=True):
    """The least and the most that our trades can have made of the cash by now; negative: spent."""

    least: Money
    most: Money


class CashDrift(TimedControls):
    """Compares every word of a live venue on the cash with what `exposures` come to."""

    controls = (
        Control(
            DRIFT, "after", "open", "only what lowers the risk goes on",
            "cash that the venue says, below the least that fills, merges and payouts can have left, twice in a row",
            ("cash_drift.reduce",),
        ),
        Control(
            LARGE, "after", "all", "everything is halted until the money is there again, or a person says resume",
            "cash that the venue says, below the least that fills, merges and payouts can have left, twice in a row",
            ("cash_drift.halt",),
        ),
    )  # fmt: skip
    counts = (CashRead, CashFound, MarketResolved)
    hears = (CashRead, MarketResolved, SetOperatorState)
    timer = "cash_drift"

    def __init__(self, parameters: CashDriftParameters, exposures: Exposures) -> None:
        super().__init__({}, {DRIFT: TradingState.REDUCING, LARGE: TradingState.HALTED})
        self._parameters = parameters
        self._exposures = exposures
        self._payouts: dict[MarketId, Price] = {}
        self._before: Money | None = None
        """What was there before us, and what was paid in since; None until that is known."""
        self._last: CashRead | None = None
        self._drift: Money = 0
        """By how much the last word was outside; negative: too little."""
        self._richer_ns: int | None = None

    def heard(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        if isinstance(message, SetOperatorState) and message.verb == "resume" and message.market is None:
            self._before = None
        return super().heard(message, now_ns)

    def counted(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        match message:
            case MarketResolved():
                self._payouts[message.market] = message.payout_yes
            case CashFound():
                self._before = message.cash
            case _:
                return self._compare(message, now_ns)
        return ()

    def _compare(self, read: CashRead, now_ns: int) -> tuple[Message, ...]:
        if self._last is not None and read.asked_ns - self._last.asked_ns < _APART_NS:
            return ()
        between, self._last = self._between(), read
        if self._before is None:
            self._drift, self._richer_ns = 0, None
            return self._found(read, read.cash - between.least) if between.least == between.most else ()
        least, most = self._before + between.least, self._before + between.most
        was, self._drift = self._drift, read.cash - min(max(read.cash, least), most)
        if self._drift > self._parameters.reduce:
            return (*self._paid_in(read), *self._held(was, least, read, now_ns))
        self._richer_ns = None
        return self._held(was, least, read, now_ns)

    def _paid_in(self, read: CashRead) -> tuple[Message, ...]:
        """Take what is too much for something from outside, once it has been there for long enough."""
        if self._richer_ns is None:
            self._richer_ns = read.asked_ns
        if self._before is None or read.asked_ns - self._richer_ns < self._parameters.deposit_s * _SECOND_NS:
            return ()
        before, drift = self._before, self._drift
        self._drift, self._richer_ns = 0, None
        return self._found(read, before + drift)

    def _found(self, read: CashRead, cash: Money) -> tuple[Message, ...]:
        self._before = cash
        return (CashFound(cash, read.asked_ns),)

    def _held(self, was: Money, least: Money, read: CashRead, now_ns: int) -> tuple[Message, ...]:
        missing = f"{format_money(least - read.cash)} dollars are missing"
        figures = f"{missing}: {format_money(read.cash)}, should be at least {format_money(least)}"
        out: tuple[Message, ...] = ()
        for control, limit in ((DRIFT, self._parameters.reduce), (LARGE, self._parameters.halt)):
            if max(was, self._drift) < -limit:
                reason = f"{figures}, limit {format_money(limit)}"
                out += self.cells[control].hold(None, reason, None, now_ns)
            elif min(was, self._drift) >= -limit:
                out += self.cells[control].let_go(None, "the money is there", now_ns)
        return out

    def _between(self) -> _Between:
        """Return what our trades made of the cash; what is under way may have come or gone, or not yet."""
        least = most = self._exposures.totals.cash_flow
        for market, exposure in self._exposures.in_use():
            payout = self._payouts.get(market.id)
            for _, position in exposure.held():
                for fill in position.provisional:
                    most += fill.cash + fill.fee if fill.side is Side.BUY else fill.cash - fill.fee
                most += position.merging
                if payout is not None:
                    most += cash_of(payout, position.yes.shares) + cash_of(ONE - payout, position.no.shares)
        return _Between(least, most)

    def readings(self, now_ns: int) -> Iterator[Reading]:
        known = self._before is not None and self._last is not None
        for control, limit in ((DRIFT, self._parameters.reduce), (LARGE, self._parameters.halt)):
            held = self.cells[control].reason(None)
            note = "" if known else "the venue has not said yet, or something was under way"
            missing = max(0, -self._drift) / DOLLAR if known else None
            yield Reading(control, "all", missing, limit / DOLLAR, "dollars missing", held is not None, held or note)
