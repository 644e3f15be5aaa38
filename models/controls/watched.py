"""What others hold and people want to see beside the rest: the venue's word, who else is there, how fast it answers.

None of this is decided here. The executor refuses orders while nobody tells it of fills (`models/venue_answers.py`),
halts what is not ours (`models/venue_account.py`), holds the wallet against the ledger (`models/reconciliation.py`) and
pulls quotes from a slow venue (`models/slow_answers.py`); the heartbeat's lane stops new orders when the venue does not
hear us. A second place that decided the same would some day decide otherwise.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from models.cells import TradingState
from models.controls.control import Control, Guard
from models.executor_parameters import ExecutorParameters
from models.feeds import FeedParameters
from models.markets import Market
from models.messages.base import MarketId, Message
from models.messages.control import RaiseCell, Reading
from models.messages.orders import OrderChanged, UserFeedLost, UserFeedRestored
from models.orders import OrderState
from models.slow_answers import AnswerTimes
from models.units import SHARE

FEED: Final = "user_feed"
HEARTBEAT: Final = "heartbeat"
FOREIGN: Final = "foreign"
LATENCY: Final = "latency"
DRIFT: Final = "drift"

_MS: Final = 1_000_000


class Watched(Guard):
    """Listens to who holds, and gives the numbers that it can count itself. `markets` names them for people."""

    controls = (
        Control(
            FEED, "meanwhile", "all", "every order is refused, and the account is read when the feed is back",
            "time since the venue's last word on our orders and fills, while their stream is lost or silent",
            ("feed.silent_ms",),
        ),
        Control(
            HEARTBEAT, "meanwhile", "all", "no order goes out, and the venue cancels what rests",
            "whether the venue takes our signs of life; it drops everything after 10 s without one", (),
        ),
        Control(
            LATENCY, "meanwhile", "open", "only what lowers the risk goes on, then one quote asks whether it is over",
            "what 95 of 100 answers to orders within a minute took at most; half of them and each one have own limits",
            ("executor.slow_tail_ms", "executor.slow_answers_ms", "executor.slow_answer_ms", "executor.slow_pause_ms"),
        ),
        Control(
            FOREIGN, "after", "all", "everything is halted until a person says what it is",
            "orders and fills of our account that are not ours", (),
        ),
        Control(
            DRIFT, "after", "all", "the market is halted until two reads say that all is well",
            "shares that the wallet holds, beyond what fills and merges can have left, twice in a row",
            ("executor.drift_halts",),
        ),
    )  # fmt: skip
    hears = (RaiseCell, OrderChanged, UserFeedLost, UserFeedRestored)

    def __init__(self, executor: ExecutorParameters, feed: FeedParameters, markets: Mapping[MarketId, Market]) -> None:
        self._executor = executor
        self._feed = feed
        self._markets = markets
        self._cells: dict[str, dict[MarketId | None, str]] = {control.name: {} for control in self.controls}
        self._strangers = 0
        self._lost: UserFeedLost | None = None
        self._sent_ns: dict[str, int] = {}
        self._answers = AnswerTimes()

    def heard(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        match message:
            case RaiseCell():
                self._raised(message)
            case OrderChanged():
                self._order_changed(message)
            case UserFeedLost():
                self._lost = message
            case _:
                self._restored(message)
        return ()

    def _restored(self, restored: UserFeedRestored) -> None:
        if restored.market is None:
            self._lost = None

    def recall(self, entry: Any, at_ns: int) -> tuple[Message, ...]:
        if isinstance(entry, RaiseCell):
            self._raised(entry)
        return ()

    def _raised(self, cell: RaiseCell) -> None:
        cells = self._cells.get(cell.source)
        if cells is None:
            return
        cells.pop(cell.market, None)
        if cell.state is not TradingState.ACTIVE:
            cells[cell.market] = cell.reason
            self._strangers += cell.source == FOREIGN

    def _order_changed(self, order: OrderChanged) -> None:
        if order.state is OrderState.PLACING:
            self._sent_ns[order.order_id] = order.at_ns
            return
        sent_ns = self._sent_ns.pop(order.order_id, None)
        if sent_ns is not None and order.state is not OrderState.NEVER_SENT:
            self._answers.add(order.at_ns - sent_ns, order.at_ns)

    def readings(self, now_ns: int) -> Iterator[Reading]:
        yield self._feed_reading(now_ns)
        held = self._cells[HEARTBEAT].get(None)
        yield Reading(HEARTBEAT, "all", None, None, "", held is not None, held or "")
        held, p95_ns = self._cells[LATENCY].get(None), self._answers.p95_ns(now_ns)
        yield Reading(
            LATENCY, "all", None if p95_ns is None else p95_ns / _MS, self._executor.slow_tail_ms, "ms",
            held is not None, held or f"{self._answers.count(now_ns)} answers within a minute",
        )  # fmt: skip
        held = self._cells[FOREIGN].get(None)
        yield Reading(FOREIGN, "all", self._strangers, 1, "strangers", held is not None, held or "")
        limit = self._executor.drift_halts / SHARE
        for market, reason in self._cells[DRIFT].items():
            known = self._markets.get(market or "")
            yield Reading(
                DRIFT, market or "all" if known is None else known.slug, None, limit, "shares", True, reason
            )  # fmt: skip

    def _feed_reading(self, now_ns: int) -> Reading:
        limit_s, refused = self._feed.silent_ms / 1_000, self._cells[FEED].get(None)
        if self._lost is None:
            return Reading(FEED, "all", 0, limit_s, "seconds", refused is not None, refused or "")
        heard_ns = self._lost.heard_ns
        age_s = None if heard_ns is None else (now_ns - heard_ns) / (1_000 * _MS)
        return Reading(FEED, "all", age_s, limit_s, "seconds", True, refused or self._lost.reason)
