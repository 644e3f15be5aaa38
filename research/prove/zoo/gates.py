"""Bugs at the last point before the wire, and in what is written before it."""

from typing import Any, Final

from models.messages.orders import SubmitOrder
from research.prove.zoo.bug import Bug, bug, instead


def _open_though_killed(_: Any) -> Any:
    return property(lambda self: self._fault or self._held or self.lease())


def _open_without_lease(_: Any) -> Any:
    return property(lambda self: self.killed or self._fault or self._held)


def _for_all_but_replacements(original: Any) -> Any:
    def refusal(self: Any, leaving: Any) -> Any:
        before = vars(self).setdefault("slots", set())
        slots = {(one.order.market, one.order.outcome, one.order.side) for one in leaving}
        if leaving and slots <= before:
            return None
        said = original(self, leaving)
        if said is None:
            before |= slots
        return said

    return refusal


def _without_approval(original: Any) -> Any:
    def count(self: Any, leaving: Any) -> None:
        for one in leaving:
            if one.order_id not in self._gone and one.order.intent not in self._approved:
                return
        original(self, leaving)

    return count


def _passed_on_first(original: Any) -> Any:
    def on_receive(self: Any, message: Any) -> None:
        original(self, message)
        if isinstance(message, SubmitOrder):
            self._passed_on.remove(message)
            self._outlets.committed(message)
            self.context.send(self._outlets.venue, message)

    return on_receive


GATES: Final[tuple[Bug, ...]] = (
    bug(
        "kill_by_message", "a kill is told to risk and to nobody else: what is on its way leaves",
        ("actors.gate:Gate.closed", _open_though_killed), ("actors.gate:Gate._looked", instead(None)),
        ("actors.gate:Gate.hears", lambda original: property(
            lambda self: {kind: hear for kind, hear in original.fget(self).items() if "Kill" not in kind.__name__
                          and kind.__name__ != "TradingStateChanged"})),
    ),
    bug(
        "replacement_passes", "the gate asks nothing of an order that takes the place of another",
        ("actors.gate:Gate._refusal", _for_all_but_replacements), ("actors.gate:Gate._count", _without_approval),
    ),
    bug(
        "journal_after_send", "an order is passed on before its row is on the disk",
        ("actors.store.journal:JournalActor.on_receive", _passed_on_first),
    ),
    bug(
        "no_lease_epoch", "a journal that another engine has taken over is written on, and what it holds is sent",
        ("actors.store.lease:Lease.check", instead(None)),
    ),
    bug(
        "lease_not_asked", "the gate does not ask whether the lock on the journal is still ours",
        ("actors.gate:Gate.closed", _open_without_lease),
    ),
    bug(
        "epoch_not_checked", "an order leaves though its price was made from an older book",
        ("actors.gate:Gate._hear_epoch", instead(None)), ("models.stops:Stops.epoch_changed", instead(None)),
    ),
    bug(
        "latch_lost_at_restart", "the file and the record of a kill are forgotten with the process",
        ("actors.gate:write_latch", instead(None)), ("actors.gate:read_latch", instead(None)),
        ("actors.store.writer:Writer.killed", instead(None)),
        ("models.risk_recall:RecalledRisk._recall_command", instead(None)),
        ("models.compaction:Compaction._commanded", instead(None)),
    ),
)  # fmt: skip
