"""How long each stage of a tick takes, measured where it happens and written down every few seconds.

    tick_to_decision   a frame was received        -> a coordinator decides on the book it made
    decision_to_send   a coordinator made an intent -> its order goes out, whether to a venue or its model
    send_to_ack        the order was sent           -> the venue's acceptance is read
    ack_to_fill        the acceptance               -> the first report of a fill

Why an observer of steps and no code in the actors: a figure that nobody decides on must not touch what decides.
"""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any, Final

from models.messages.base import Message
from models.messages.market import BookUpdated
from models.messages.orders import OrderAccepted, SubmitOrder, TradeReported
from models.messages.records import LatencyMeasured

_EVERY_NS: Final = 10_000_000_000
_SAMPLES_MAX: Final = 10_000
_ORDERS_MAX: Final = 10_000
_SANE_NS: Final = 60_000_000_000
"""A book that is older was said again (a fill, a timer); that is no latency."""


class LatencyMeter:
    """An observer of steps; `tell` gets a `LatencyMeasured` for each stage that was seen, every ten seconds."""

    def __init__(self, tell: Callable[[LatencyMeasured], object]) -> None:
        self._tell = tell
        self._lock = Lock()
        self._samples: dict[str, list[int]] = {}
        self._sent_ns: OrderedDict[str, int] = OrderedDict()
        self._accepted_ns: OrderedDict[str, int] = OrderedDict()
        self._books: dict[tuple[str, str], int] = {}
        self._flushed_ns = 0
        self._stages: dict[type[Message], Callable[[int, str, Any], None]] = {
            BookUpdated: self._book,
            SubmitOrder: self._sent,
            OrderAccepted: self._accepted,
            TradeReported: self._traded,
        }

    def __call__(self, now_ns: int, actor: str, message: Message) -> None:
        """Take note of a step."""
        stage = self._stages.get(type(message))
        if stage is None:
            return
        with self._lock:
            stage(now_ns, actor, message)
            due = now_ns - self._flushed_ns >= _EVERY_NS
            measured = self._flush(now_ns) if due else ()
        for one in measured:
            self._tell(one)

    def _book(self, now_ns: int, actor: str, book: BookUpdated) -> None:
        at = (actor, book.market)
        if actor.startswith("coordinator/") and self._books.get(at) != book.event_ns:
            self._books[at] = book.event_ns
            self._add("tick_to_decision", now_ns - book.event_ns)

    def _sent(self, now_ns: int, actor: str, sent: SubmitOrder) -> None:
        self._add("decision_to_send", now_ns - sent.order.created_ns)
        _remember(self._sent_ns, sent.order_id, now_ns)

    def _accepted(self, now_ns: int, actor: str, accepted: OrderAccepted) -> None:
        sent_ns = self._sent_ns.pop(accepted.order_id, None)
        if sent_ns is not None:
            self._add("send_to_ack", now_ns - sent_ns)
            _remember(self._accepted_ns, accepted.order_id, now_ns)

    def _traded(self, now_ns: int, actor: str, trade: TradeReported) -> None:
        accepted_ns = self._accepted_ns.pop(trade.order_id, None)
        if accepted_ns is not None:
            self._add("ack_to_fill", now_ns - accepted_ns, sane_ns=None)

    def _add(self, stage: str, latency_ns: int, *, sane_ns: int | None = _SANE_NS) -> None:
        samples = self._samples.setdefault(stage, [])
        if latency_ns >= 0 and (sane_ns is None or latency_ns < sane_ns) and len(samples) < _SAMPLES_MAX:
            samples.append(latency_ns)

    def _flush(self, now_ns: int) -> tuple[LatencyMeasured, ...]:
        self._flushed_ns = now_ns
        taken, self._samples = self._samples, {}
        return tuple(_measured(stage, samples, now_ns) for stage, samples in taken.items() if samples)


def _measured(stage: str, samples: list[int], now_ns: int) -> LatencyMeasured:
    samples.sort()

    def percentile(share: float) -> int:
        return samples[min(len(samples) - 1, int(len(samples) * share))]

    mean_ns = sum(samples) // len(samples)
    return LatencyMeasured(stage, len(samples), mean_ns, percentile(0.5), percentile(0.95), percentile(0.99), now_ns)


def _remember(times: OrderedDict[str, int], order_id: str, at_ns: int) -> None:
    times[order_id] = at_ns
    if len(times) > _ORDERS_MAX:
        times.popitem(last=False)
