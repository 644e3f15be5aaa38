"""What forbids an approved order to be sent, or an accepted one to stand.

Why a stop covers what was wished for before it: CONTROL mail overtakes ORDER mail, so a cancel of a market may be
handled before an order that was approved earlier. An order whose intent is not younger than a cancel that covers it, or
than the market's CANCEL_ONLY, was approved without knowing of it. What was wished for later was approved in that
knowledge (a hedge that the fuse leaves standing). HALTED and KILLED let nothing stand.
"""

from itertools import product
from typing import Final, NamedTuple

from models.cells import TradingState, stop_word
from models.markets import Outcome, Side
from models.messages.base import MarketId
from models.messages.control import TradingStateChanged
from models.messages.market import BookEpochChanged
from models.messages.orders import CancelMarket, CancelOrder, PlaceOrder

_EARLY_CANCELS_MAX: Final = 4_096
"""An intent lives half a second, so that the oldest of so many is long dead."""


class Refusal(NamedTuple):
    """Why an approved order is not sent. `detail` is None where nothing is denied: its owner no longer wants it."""

    reason: str
    detail: str | None = None


class Stops:
    """Epochs, trading states and cancels of all markets, as far as the executor was told."""

    def __init__(self) -> None:
        self._epochs: dict[MarketId, int] = {}
        self._states: dict[MarketId, tuple[TradingState, int, str]] = {}
        self._cancels: dict[tuple[MarketId | None, Outcome | None, Side | None], tuple[str, int]] = {}
        self._early_cancels: dict[str, str] = {}

    def epoch_changed(self, changed: BookEpochChanged) -> None:
        """Void what was priced in an older book."""
        self._epochs[changed.market] = changed.epoch

    def state_changed(self, changed: TradingStateChanged) -> None:
        """Follow a market's trading state, since when it stands, and the word for who holds it."""
        state, word = changed.state, changed.state.name.lower()
        if changed.cells:
            word = stop_word(state, changed.cells[0].source, changed.cells[0].reason)
        standing = self._states.get(changed.market)
        since_ns = standing[1] if standing is not None and standing[0] is state else changed.at_ns
        self._states[changed.market] = (state, since_ns, word)

    def cancelled(self, cancel: CancelMarket, now_ns: int) -> None:
        """Stop what was wished for up to now in a market, or on one of its tokens and sides."""
        self._cancels[cancel.market, cancel.outcome, cancel.side] = (cancel.reason, now_ns)

    def cancelled_early(self, cancel: CancelOrder) -> None:
        """Remember the cancel of an intent that has not been approved yet, and may never be."""
        while len(self._early_cancels) >= _EARLY_CANCELS_MAX:
            del self._early_cancels[next(iter(self._early_cancels))]
        self._early_cancels[cancel.intent] = cancel.reason

    def refusal(self, placed: PlaceOrder) -> Refusal | None:
        """Return why an order may not be sent, None where it may."""
        unwanted = self._early_cancels.pop(placed.intent, None)
        if unwanted is not None:
            return Refusal(unwanted)
        epoch = self._epochs.get(placed.market, placed.epoch)
        if placed.epoch < epoch:
            return Refusal("epoch", f"priced in book epoch {placed.epoch}, now {epoch}")
        held = self._held_by(placed)
        if held is not None:
            return Refusal(held, f"approved before the market was stopped: {held}")
        unwanted = self._cancel_covering(placed)
        return None if unwanted is None else Refusal(unwanted)

    def ended_by(self, placed: PlaceOrder) -> str | None:
        """Return why an order that the venue has just accepted must be cancelled, None where it may stand."""
        return self._held_by(placed) or self._cancel_covering(placed)

    def _held_by(self, placed: PlaceOrder) -> str | None:
        state, since_ns, word = self._states.get(placed.market, (TradingState.ACTIVE, 0, ""))
        if state < TradingState.CANCEL_ONLY:
            return None
        knew = state is TradingState.CANCEL_ONLY and placed.created_ns > since_ns
        return None if knew else word

    def _cancel_covering(self, placed: PlaceOrder) -> str | None:
        for at in product((placed.market, None), (placed.outcome, None), (placed.side, None)):
            cancel = self._cancels.get(at)
            if cancel is not None and placed.created_ns <= cancel[1]:
                return cancel[0]
        return None
