"""The life of each order: what the engine concludes of it, held against the exchange and what reached us by then."""

from typing import Any, Final

from models.messages.base import MarketId
from models.messages.control import RaiseCell
from models.messages.lanes import AccountRead, OrderFound, SubmitUnanswered
from models.messages.orders import (
    FillCounted,
    FillSettled,
    FillVoided,
    OrderAccepted,
    OrderCancelled,
    OrderChanged,
    OrderRejected,
    PlaceOrder,
    SubmitOrder,
    TradeReported,
)
from models.messages.recall import RecallEnded
from models.orders import TERMINAL, OrderState
from research.prove.sim.claims_base import MS, Claim, Hears, S, said, stepped
from research.prove.sim.claims_history import OwnOrder, Settled
from research.prove.sim.claims_holdings import Holdings
from research.prove.sim.contract import Committed, Crashed, Started

_DUST: Final = 10_000
_FOREIGN_NS: Final = 180 * S
"""By then a foreign order was seen: a read every half minute, and patience for what goes wrong with reads."""
_CONNECTED_MS: Final = 4_500
"""Within this a request has its connection, or is given up."""
_SURE: Final = (OrderAccepted, OrderFound, OrderCancelled, OrderRejected, TradeReported)


class Life(Claim):
    """Orders of unknown fate, ends of orders, and orders that are not ours."""

    invariants = ("I6", "I7", "I8", "I17")

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._foreign: dict[str, tuple[int, int]] = {}
        """Orders in our name that nobody here has journalled: when they were placed, and at which step."""
        self._held = Holdings()

    def hears(self) -> Hears:
        return {
            **super().hears(),
            "order_placed": self._placed,
            said(SubmitOrder): self._submits,
            said(OrderChanged): self._changed,
            said(RaiseCell): self._raised,
            Committed: self._committed,
            Crashed: self._crashed,
            Started: lambda _: None,
            stepped(SubmitUnanswered): self._unanswered,
            stepped(AccountRead): self._listed,
            stepped(RecallEnded): self._recalled,
            **{stepped(kind): self._sure for kind in _SURE},
            **{said(kind): self._filled for kind in (FillCounted, FillSettled, FillVoided)},
        }

    # Orders of unknown fate

    def _unanswered(self, event: Any) -> None:
        message: SubmitUnanswered = event.message
        if event.actor == "executor":
            order = self.history.of(message.order_id)
            order.uncertain = order.told in (None, OrderState.PLACING, OrderState.UNKNOWN)

    def _sure(self, event: Any) -> None:
        order = self.history.orders.get(event.message.order_id)
        if order is not None and event.actor == "executor":
            order.uncertain = False

    def _listed(self, event: Any) -> None:
        """What the venue lists as open is known to stand."""
        for seen in event.message.open_orders if event.actor == "executor" else ():
            order = self.history.orders.get(seen.order_id)
            if order is not None:
                order.uncertain = False

    def _recalled(self, event: Any) -> None:
        """Who was rebuilt knows of each order that is on the disk and not over, and of none what became of it."""
        if event.actor != "executor":
            return
        for order in self.history.orders.values():
            if order.order_id in self.history.committed:
                order.uncertain = order.told in (None, OrderState.PLACING, OrderState.UNKNOWN)

    def _submits(self, event: Any) -> None:
        """No order goes on its way beside one of unknown fate; what opens, not in the same event either."""
        submit: SubmitOrder = event.message
        if event.to != "journal":
            return
        order, placed = self.history.of(submit.order_id), submit.order
        order.wish, order.submitted_step = placed, event.step
        order.wish_step = order.wish_step or self.history.wished.get(placed.intent, 0)
        around = {placed.market} | (set() if self._exits(placed) else set(self.facts.siblings(placed.market)))
        unknown = self._unknown(around, submit.order_id)
        self.hold("I6", unknown is None, lambda: f"{placed.intent} goes out beside {unknown} of unknown fate")

    def _unknown(self, markets: set[MarketId], but_for: str) -> str | None:
        for order in self.history.orders.values():
            other = order.uncertain and order.order_id != but_for and order.told not in TERMINAL
            if other and order.wish is not None and order.wish.market in markets:
                return order.order_id[:12]
        return None

    def _exits(self, order: PlaceOrder) -> bool:
        net = self._held.of(order.market).net
        move = order.size if (order.outcome == 0) is (order.side == "BUY") else -order.size
        return order.side == "SELL" or move * net < 0

    def _filled(self, event: Any) -> None:
        if event.to == "risk":
            self._held.take(event.message)

    # How orders end

    def _changed(self, event: Any) -> None:
        if event.to != "risk":
            return
        change: OrderChanged = event.message
        order = self.history.of(change.order_id)
        before, order.told, order.filled = order.told, change.state, change.filled
        order.uncertain = order.uncertain or change.state is OrderState.UNKNOWN
        if change.state in TERMINAL:
            order.uncertain = False
            if before is not change.state:
                self._ended(order, change, event.at_ns)

    def _ended(self, order: OwnOrder, change: OrderChanged, now_ns: int) -> None:
        name = f"{order.order_id[:12]} in {change.market[:10]} is {change.state}"
        resolved = change.reason == "market_resolved"
        if order.written_ns is None:
            unsent = change.state in (OrderState.NEVER_SENT, OrderState.NEVER_ACCEPTED) or resolved
            self.hold("I8", unsent or self._since_crash(order), lambda: f"{name}, and has never left")
            return
        match change.state:
            case OrderState.NEVER_SENT:
                self.hold("I8", False, lambda: f"{name}, but its bytes left")
            case OrderState.REJECTED:
                self.hold("I8", not order.stands and self._was_refused(order), lambda: f"{name}: {_standing(order)}")
            case OrderState.FILLED:
                matched = order.matched >= change.size - _DUST
                self.hold("I8", matched, lambda: f"{name}; the exchange matched {order.matched} of {change.size}")
            case OrderState.NEVER_ACCEPTED:
                enough = self._is_absent(order, now_ns)
                self.hold("I8", enough, lambda: f"{name} after {len(order.negative_ns)} times that it was not found")
            case _:
                known = bool(order.ended) or order.said_over or resolved or self._is_absent(order, now_ns)
                known = known or (order.placed_ns is None and self._was_refused(order))
                self.hold("I8", known, lambda: f"{name}: {_standing(order)}")

    def _since_crash(self, order: OwnOrder) -> bool:
        """Whether it was announced in an earlier life, which may have left it behind unsent."""
        return order.order_id not in self.history.committed

    def _was_refused(self, order: OwnOrder) -> bool:
        """Whether an answer to a request that carried it says so: a refusal in words, and not a server in trouble."""
        return any(
            status is not None and (400 <= status < 500 or (status == 200 and b"errorMsg" in body))
            for status, body in order.answers
        ) or any(status in (425, 503) for status, _ in order.answers)

    def _is_absent(self, order: OwnOrder, now_ns: int) -> bool:
        """Whether it was not found often enough, late enough, and far enough apart."""
        executor = self.facts.parameters.executor
        assert order.written_ns is not None
        # It is counted from when the order was made: its bytes may have had to wait for a connection.
        lag_ms = executor.late_acceptance_ms - _CONNECTED_MS if order.placed_ns is None else 0
        apart: list[int] = []
        for asked_ns in order.negative_ns:
            if not apart or asked_ns - apart[-1] >= executor.absence_apart_ms * MS - S:
                apart.append(asked_ns)
        late = [asked_ns for asked_ns in apart if asked_ns >= order.written_ns + lag_ms * MS]
        # A question asks for the order, the list and the trades: one may begin too early, and have its answer in time.
        enough = len(apart) >= executor.absences_needed <= len(late) + 1
        return enough and now_ns > order.written_ns

    # What is not ours

    def _placed(self, event: Any) -> None:
        line = event.line
        if line["account"].lower() != self.facts.address.lower():
            return
        known = line["id"] in self.history.committed
        self._checks["I17"] += 1
        if not known:
            self._foreign.setdefault(line["id"], (event.at_ns, event.step))

    def _raised(self, event: Any) -> None:
        cell: RaiseCell = event.message
        if cell.source == "foreign" and cell.state:
            self._foreign.clear()

    def _committed(self, event: Committed) -> None:
        """An order of ours may be placed before we are told that it is; one that is not ours never comes in here."""
        if self._foreign:
            for order_id in [order_id for order_id in self._foreign if order_id in self.history.committed]:
                del self._foreign[order_id]

    def _crashed(self, event: Crashed) -> None:
        for order_id, (_, step) in list(self._foreign.items()):
            self._foreign[order_id] = (event.at_ns, step)

    def settled(self, event: Settled) -> None:
        """At the end every fate is known, and whatever was not ours was met with a halt."""
        for order_id, (at_ns, step) in self._foreign.items():
            self.hold(
                "I17",
                event.at_ns < at_ns + _FOREIGN_NS,
                lambda one=order_id, step=step: f"{one[:12]} of step {step} is not ours, and nothing was halted",
            )
        for order in self.history.orders.values():
            if order.order_id in self.history.committed:
                known = order.told not in (None, OrderState.UNKNOWN, OrderState.DISPUTED)
                known = known or order.written_ns is None
                late = order.written_ns is None or event.at_ns - order.written_ns > 60 * S
                self.hold("I7", known or not late, lambda order=order: f"{order.order_id[:12]} is {order.told}")


def _standing(order: OwnOrder) -> str:
    if order.placed_ns is None:
        return f"the exchange has never taken it, {len(order.negative_ns)} times it was not found"
    return f"at the exchange it is {order.ended or 'open'}, {order.matched} matched"
