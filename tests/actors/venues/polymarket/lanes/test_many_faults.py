"""All lanes for a while under one fault after the other, held against the venue's own log."""

import random
import time
from collections import Counter
from typing import Any

from models.messages.lanes import CancelUnanswered, OrderFound, QueryOrder, SubmitUnanswered
from models.messages.orders import (
    CancelRejected,
    OrderAccepted,
    OrderCancelled,
    OrderNotJournalled,
    OrderRejected,
    SubmitOrder,
)
from tests.actors.venues.polymarket.lanes.lanes_at_work import CANCEL, HEART, QUERY, SUBMIT, Lanes
from tests.actors.venues.polymarket.local_venue import clear, throw

RUN_S = 8
RESTING_MAX = 20
FAULTS: tuple[dict[str, Any], ...] = tuple(
    {"fault": fault, "count": 1, **more}
    for fault, more in (
        ("lose_request", {"path": "/order"}),
        ("lose_answer", {"path": "/order", "manner": "reset"}),
        ("lose_answer", {"path": "/order", "method": "DELETE"}),
        ("late_answer", {"path": "/order", "least": 1, "most": 2}),
        ("error_though_done", {"path": "/order"}),
        ("cut_answer", {}),
        ("cut_answer", {"how": "truncated"}),
        ("reset_answer", {}),
        ("dribble", {}),
        ("stale_connection", {}),
        ("too_many", {"how": "html"}),
        ("too_many", {"how": "retry_after", "done": True}),
        ("forbidden", {}),
        ("gzip_bomb", {"mib": 20}),
        ("redirect", {}),
        ("latency", {"delay": 0.3}),
    )
)


class Executor:
    """Places and cancels at random; asks for what is not answered, and cancels again what is not cancelled."""

    def __init__(self, lanes: Lanes) -> None:
        self.sent: dict[str, SubmitOrder] = {}
        self._lanes = lanes
        self._random = random.Random(5)
        self._resting: list[SubmitOrder] = []
        self._read = 0

    def act(self) -> None:
        if self._random.random() < 0.1:
            throw(self._lanes.venue, **self._random.choice(FAULTS))
        markets = list(self._lanes.markets.values())
        for _ in range(self._random.choice((1, 1, 3))):
            price = f"0.0{self._random.randint(1, 9)}"
            order = self._lanes.submit(price=price, market=self._random.choice(markets))
            self.sent[order.order_id] = order
        news = self._lanes.told[self._read :]
        self._read += len(news)
        for message in news:
            self._hear(message)
        while len(self._resting) > RESTING_MAX:
            self._lanes.cancel(self._resting.pop(0))

    def _hear(self, message: Any) -> None:
        if isinstance(message, OrderAccepted):
            self._resting.append(self.sent[message.order_id])
        elif isinstance(message, CancelUnanswered | CancelRejected):
            self._lanes.cancel(self.sent[message.order_id])
        elif isinstance(message, SubmitUnanswered):
            self._lanes.send(QUERY, QueryOrder(message.order_id, message.market))


def test_what_the_lanes_say_is_what_the_venue_did(lanes: Lanes) -> None:
    lanes.start(SUBMIT, CANCEL, QUERY, HEART)
    for name in (SUBMIT, CANCEL, QUERY, HEART):
        lanes.within(name, 0.6)
    executor = Executor(lanes)
    end = time.monotonic() + RUN_S
    while time.monotonic() < end:
        executor.act()
        time.sleep(0.03)
    answered = (OrderAccepted, OrderRejected, OrderNotJournalled, SubmitUnanswered)
    lanes.until(lambda: sum(len(lanes.of(kind)) for kind in answered) >= len(executor.sent))
    clear(lanes.venue)

    answers = {kind: [message.order_id for message in lanes.of(kind)] for kind in answered}
    told = Counter(order_id for ids in answers.values() for order_id in ids)
    assert told == Counter(list(executor.sent)), "each order has one answer"
    placed = Counter(line["id"] for line in lanes.log() if line["kind"] == "order_placed")
    assert set(placed.values()) == {1}, "no order is placed twice"
    assert placed.keys() <= executor.sent.keys(), "no order that was not journalled"
    assert set(answers[OrderAccepted]) <= placed.keys()
    assert not placed.keys() & set(answers[OrderRejected])
    assert not placed.keys() & set(answers[OrderNotJournalled])
    assert {found.order_id for found in lanes.of(OrderFound)} <= placed.keys()
    assert answers[SubmitUnanswered], "something did go wrong"
    assert lanes.of(OrderCancelled)
    for cancelled in lanes.of(OrderCancelled)[-50:]:
        order = lanes.truth.order(cancelled.order_id)
        assert order is not None
        assert (order.status != "LIVE", order.filled) == (True, cancelled.filled)
    assert lanes.gate.closed is None
    assert lanes.world.aborts == []
