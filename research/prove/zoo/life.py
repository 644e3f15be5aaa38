"""Bugs in the life of orders: what is taken for an answer, what is sent again, and what is given up."""

from typing import Any, Final

from msgspec.structs import replace

from models.messages.lanes import OrderNotFound
from models.messages.orders import OrderApproved, OrderRejected, SubmitOrder
from models.orders import OrderEvent
from research.prove.zoo.bug import Bug, bug, instead


def _sent_anew(original: Any) -> Any:
    def submit_unanswered(self: Any, unanswered: Any, now_ns: int) -> Any:
        said = original(self, unanswered, now_ns)
        record = self._orders.of_id(unanswered.order_id)
        if record is None or record.placed.created_ns + 10_000_000_000 < now_ns:
            return said
        again = replace(record.placed, created_ns=now_ns)
        order_id = self._identify(again)
        self._orders.add(order_id, again).sent_ns = now_ns
        return *said, OrderApproved(again, 0), SubmitOrder(order_id, again, now_ns)

    return submit_unanswered


def _failure_says_no(original: Any) -> Any:
    def failed(self: Any, order_id: str | None, failure: Any) -> None:
        if order_id is None:
            original(self, order_id, failure)
        else:
            self.tell(OrderNotFound(order_id, "", self.read_clock()))

    return failed


def _cancelled_when_sent(original: Any) -> Any:
    def send_cancel(self: Any, record: Any, now_ns: int) -> Any:
        said = original(self, record, now_ns)
        return (*said, *self._ended(record, OrderEvent.CANCELLED, record.cancel_reason, now_ns)) if said else said

    return send_cancel


def _cancelled_without_answer(original: Any) -> Any:
    def cancel_unanswered(self: Any, unanswered: Any, now_ns: int) -> Any:
        record = self._orders.of_id(unanswered.order_id)
        if record is None or not record.is_open:
            return original(self, unanswered, now_ns)
        return self._ended(record, OrderEvent.CANCELLED, "cancelled", now_ns)

    return cancel_unanswered


def _refused_without_answer(_: Any) -> Any:
    def submit_unanswered(self: Any, unanswered: Any, now_ns: int) -> Any:
        return self._rejected(
            OrderRejected(unanswered.order_id, unanswered.market, unanswered.text, unanswered.at_ns), now_ns
        )

    return submit_unanswered


def _by_the_lane_of_orders(original: Any) -> Any:
    def made(self: Any, *said: Any, **more: Any) -> None:
        original(self, *said, **more)
        self._cancels = ("lane/submit",)
        self._routes = self._table()

    return made


def _takes_cancels(original: Any) -> Any:
    def on_receive(self: Any, message: Any) -> None:
        if type(message).__name__ == "SubmitCancel":
            vars(self).setdefault("cancels", {})[message.order_id] = message
        original(self, message)

    return on_receive


def _cancels_last(original: Any) -> Any:
    def on_turn_end(self: Any) -> None:
        original(self)
        for message in vars(self).pop("cancels", {}).values():
            self.client.cancel(message.order_id)

    return on_turn_end


def _approved_twice(original: Any) -> Any:
    def place(self: Any, order: Any, now_ns: int) -> Any:
        said = original(self, order, now_ns)
        return tuple(
            each
            for one in said
            for each in (
                (one, OrderApproved(replace(one.order, intent=f"{one.order.intent}'"), one.reserved))
                if isinstance(one, OrderApproved)
                else (one,)
            )
        )

    return place


LIFE: Final[tuple[Bug, ...]] = (
    bug(
        "new_salt_on_retry", "an order without an answer is signed anew and sent again",
        ("models.venue_answers:VenueAnswers._submit_unanswered", _sent_anew),
    ),
    bug(
        "error_is_not_found", "a question that failed counts as the venue's word that it knows no such order",
        ("actors.venues.polymarket.lanes.query:QueryLane._failed", _failure_says_no),
    ),
    bug(
        "not_found_is_dead", "an order that the venue does not find once is given up",
        ("models.unknown_orders:Questions.absent", instead(None)),
    ),
    bug(
        "silence_is_refusal", "an order without an answer counts as refused",
        ("models.venue_answers:VenueAnswers._submit_unanswered", _refused_without_answer),
    ),
    bug(
        "cancelled_when_sent", "an order is over when its cancel is sent",
        ("models.venue_limits:VenueLimits._send_cancel", _cancelled_when_sent),
    ),
    bug(
        "silence_is_cancel", "a cancel without an answer counts as done",
        ("models.venue_answers:VenueAnswers._cancel_unanswered", _cancelled_without_answer),
    ),
    bug(
        "unknown_blocks_nothing", "new orders go out beside one of unknown fate",
        ("models.venue_limits:VenueLimits._unknown_in", instead(None)),
        ("models.limits:Limits._unknown_refusal", instead(None)),
    ),
    bug(
        "foreign_order_ignored", "an order of our account that is not ours is nobody's business",
        ("models.venue_account:VenueAccount._foreign_order", instead(())),
        ("models.venue_account:VenueAccount._foreign", instead(())),
    ),
    bug(
        "cancel_behind_submit", "cancels leave through the lane of orders, after them",
        ("actors.topology:Topology.__init__", _by_the_lane_of_orders),
        ("actors.venues.polymarket.lanes.submit:SubmitLane.on_receive", _takes_cancels),
        ("actors.venues.polymarket.lanes.submit:SubmitLane.on_turn_end", _cancels_last),
    ),
    bug(
        "approved_twice", "one intent is approved as two orders",
        ("models.risk:RiskMachine._place", _approved_twice),
    ),
)  # fmt: skip
