"""Bugs in what a new engine, or a new actor, knows of the one before it."""

from typing import Any, Final

from models.messages.orders import FillVoided, SubmitOrder
from models.orders import TERMINAL
from research.prove.zoo.bug import Bug, bug


def _without(*kinds: type) -> Any:
    def breaks(original: Any) -> Any:
        return lambda self, entry: None if isinstance(entry, kinds) else original(self, entry)

    return breaks


def _of_ended_alone(original: Any) -> Any:
    def recall_order(self: Any, event: Any) -> None:
        if event.state in TERMINAL and self._orders.of_id(event.order_id) is not None:
            original(self, event)

    return recall_order


def _to_the_first(original: Any) -> Any:
    def send(self: Any, name: str, message: Any) -> bool:
        known = vars(self).setdefault("refs", {})
        first = known.setdefault(name, self._mailboxes.get(name))
        now = self._mailboxes.get(name)
        if first is None or first is now or now is None:
            known[name] = now
            return original(self, name, message)
        self._mailboxes[name] = first
        try:
            return original(self, name, message)
        finally:
            self._mailboxes[name] = now

    return send


RESTARTS: Final[tuple[Bug, ...]] = (
    bug(
        "open_orders_forgotten", "a restart knows nothing of the orders that were sent",
        ("models.executor_recall:RecalledExecutor._learn", _without(SubmitOrder)),
        ("models.executor_recall:RecalledExecutor._recall_order", _of_ended_alone),
    ),
    bug(
        "voids_forgotten", "a restart holds what failed on chain",
        ("models.executor_recall:RecalledExecutor._learn", _without(FillVoided)),
    ),
    bug(
        "stale_addresses", "who has told an actor once goes on telling that one, dead or not",
        ("actors.runtime.directory:Directory.send", _to_the_first),
    ),
)  # fmt: skip
