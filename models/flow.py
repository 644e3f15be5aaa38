"""Signed taker flow of a market over a sliding window, and whether a maker should stand in front of it.

    score = taker buys - taker sells within the window; toxic when |score| > threshold (strictly)

Two rules: `seed` keeps a window per token and trips on either; `net` nets both tokens into one flow in YES terms, for a
taker who buys NO sells YES.

Why the clock evicts: a window that is only cleaned by the next trade stays toxic for as long as the market is silent.
The machine therefore asks to be woken when its oldest trade expires. Why hysteresis: at the threshold itself the fuse
would flap with every trade. `exit_ratio` 1, `min_toxic_ms` 0 and `recovery_hold_ms` 0 turn it off.
"""

from collections import deque
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from models.markets import NO, YES, Outcome, Side
from models.messages.base import MarketId, Message
from models.messages.market import FlowUpdated, TradeSeen
from models.messages.runtime import WakeAt, Woke
from models.parameters import parameter
from models.units import ONE, SHARE, Size

_NS_PER_MS: Final = 1_000_000
_TIMER: Final = "flow"


class FlowParameters(msgspec.Struct, frozen=True):
    """When taker flow is toxic. The defaults of window and threshold are the seed's."""

    window_ms: Annotated[
        int, parameter("Length of the sliding window of taker trades.", "ms", env=["PM_OFI_WINDOW_MS"], ge=1)
    ] = 3_000
    threshold: Annotated[
        Size,
        parameter(
            "Flow above which a market is fused, in the unit of `unit`.",
            "shares",
            env=["PM_OFI_TOXICITY_THRESHOLD"],
            ge=0,
        ),
    ] = 50 * SHARE
    flow_rule: Annotated[
        Literal["seed", "net"], parameter("seed: a window per token; net: one flow in YES terms.", "choice")
    ] = "seed"
    unit: Annotated[
        Literal["shares", "dollars"], parameter("What a trade counts: its shares, or the dollars paid.", "choice")
    ] = "shares"
    exit_ratio: Annotated[
        float, parameter("Part of the threshold to which flow must fall before a fuse can end.", "ratio", gt=0, le=1)
    ] = 0.85
    min_toxic_ms: Annotated[int, parameter("Shortest time that a fuse lasts.", "ms", ge=0)] = 800
    recovery_hold_ms: Annotated[int, parameter("How long flow must stay low before a fuse ends.", "ms", ge=0)] = 1_200
    trades_max: Annotated[
        int, parameter("Trades kept in a window; beyond it the oldest are forgotten.", "count", ge=1)
    ] = 4_096

    @property
    def silence_max_ns(self) -> int:
        """Longest time for which the flow of a toxic market can say nothing, with half a second for its timers.

        Until then a trade has left the window, which changes a score, or the fuse has ended.
        """
        return (max(self.window_ms, self.min_toxic_ms, self.recovery_hold_ms) + 500) * _NS_PER_MS


class _Trade(NamedTuple):
    at_ns: int
    outcome: Outcome
    signed: Size


class FlowMachine:
    """Trades in; a `FlowUpdated` out whenever a score or the toxicity changes.

    `restarted`: it takes the place of a dead one and knows nothing of the last window, so with its first message it
    says toxic, and stays so for one window.
    """

    def __init__(self, market: MarketId, parameters: FlowParameters, *, restarted: bool = False) -> None:
        self._market = market
        self._parameters = parameters
        self._restarted = restarted
        self._window_ns = parameters.window_ms * _NS_PER_MS
        self._exit_score = int(parameters.threshold * parameters.exit_ratio)
        self._trades: deque[_Trade] = deque()
        self._scores: list[Size] = [0, 0]
        self._toxic = False
        self._toxic_since_ns = self._blind_until_ns = 0
        self._calm_since_ns: int | None = None
        self._direction = 0
        self._wake_ns: int | None = None
        self._said = (0, 0, False, 0)

    def step(self, message: Message, now_ns: int) -> tuple[Message, ...]:
        """Take one message and return what follows from it."""
        if self._restarted:
            self._restarted = False
            self._toxic = True
            self._toxic_since_ns = self._calm_since_ns = now_ns
            self._blind_until_ns = now_ns + self._window_ns
        elif not isinstance(message, TradeSeen | Woke):
            return ()
        if isinstance(message, TradeSeen):
            self._add(message)
        elif isinstance(message, Woke):
            self._wake_ns = None
        self._evict(now_ns)
        self._judge(now_ns)
        return self._answer(now_ns)

    def _add(self, trade: TradeSeen) -> None:
        # Venue times step back by some milliseconds; the window is kept in the order of arrival.
        at_ns = max(trade.at_ns, self._trades[-1].at_ns) if self._trades else trade.at_ns
        amount = trade.size
        if self._parameters.unit == "dollars":
            amount = amount * (trade.price if trade.outcome == YES else ONE - trade.price) // ONE
        # The side is in YES terms: who sells YES by way of the NO token has bought NO.
        buys = (trade.side is Side.BUY) == (trade.outcome == YES)
        signed = amount if buys else -amount
        self._trades.append(_Trade(at_ns, trade.outcome, signed))
        self._scores[trade.outcome] += signed
        if len(self._trades) > self._parameters.trades_max:
            self._forget()

    def _evict(self, now_ns: int) -> None:
        oldest_ns = now_ns - self._window_ns
        while self._trades and self._trades[0].at_ns < oldest_ns:
            self._forget()

    def _forget(self) -> None:
        trade = self._trades.popleft()
        self._scores[trade.outcome] -= trade.signed

    def _judge(self, now_ns: int) -> None:
        yes, no = self._scores[YES], self._scores[NO]
        if self._parameters.flow_rule == "net":
            toward_yes = yes - no
        else:
            toward_yes = yes if abs(yes) >= abs(no) else -no
        score = abs(toward_yes)
        if score > self._parameters.threshold:
            if not self._toxic:
                self._toxic, self._toxic_since_ns = True, now_ns
            self._direction = 1 if toward_yes > 0 else -1
        if not self._toxic:
            return
        if score > self._exit_score:
            self._calm_since_ns = None
        elif self._calm_since_ns is None:
            self._calm_since_ns = now_ns
        release_ns = self._release_ns()
        if release_ns is not None and now_ns >= release_ns:
            self._toxic, self._calm_since_ns, self._direction = False, None, 0

    def _release_ns(self) -> int | None:
        """When the fuse ends if nothing more is traded; None while flow is not low."""
        if self._calm_since_ns is None:
            return None
        parameters = self._parameters
        return max(
            self._toxic_since_ns + parameters.min_toxic_ms * _NS_PER_MS,
            self._calm_since_ns + parameters.recovery_hold_ms * _NS_PER_MS,
            self._blind_until_ns,
        )

    def _answer(self, now_ns: int) -> tuple[Message, ...]:
        out: list[Message] = []
        yes, no = self._scores
        if (yes, no, self._toxic, self._direction) != self._said:
            self._said = (yes, no, self._toxic, self._direction)
            threshold = self._parameters.threshold
            market, toxic, direction = self._market, self._toxic, self._direction
            out.append(FlowUpdated(market, yes, no, yes - no, threshold, toxic, direction, now_ns))
        due = [self._trades[0].at_ns + self._window_ns + 1] if self._trades else []
        release_ns = self._release_ns()
        if self._toxic and release_ns is not None:
            due.append(release_ns)
        # A timer that runs too early is left to run: it asks again when it wakes us.
        if due and (self._wake_ns is None or min(due) < self._wake_ns):
            self._wake_ns = min(due)
            out.append(WakeAt(at_ns=self._wake_ns, timer=_TIMER))
        return tuple(out)
