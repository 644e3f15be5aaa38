"""Bugs in what was filled, what is held, and what it cost."""

from typing import Any, Final

from msgspec.structs import replace

from research.prove.zoo.bug import Bug, bug


def _without_memory(original: Any) -> Any:
    def book(self: Any, report: Any, order: Any, cost_out: int = 0) -> Any:
        self._fills.get(report.order_id, {}).pop(report.trade_id, None)
        return original(self, report, order, cost_out)

    return book


def _by_trade_alone(original: Any) -> Any:
    def book(self: Any, report: Any, order: Any, cost_out: int = 0) -> Any:
        fills = self._fills.items()
        told = any(report.trade_id in trades for order_id, trades in fills if order_id != report.order_id)
        return type(original(self, report, order, cost_out))() if told else original(self, report, order, cost_out)

    return book


def _without_voids(original: Any) -> Any:
    return lambda fill, before, after, at_ns: tuple(
        event for event in original(fill, before, after, at_ns) if type(event).__name__ != "FillVoided"
    )


def _in_floats(_: Any) -> Any:
    return lambda side, price, size: int(price / 10_000 * size)


def _of_open_orders_alone(original: Any) -> Any:
    def traded(self: Any, report: Any, now_ns: int) -> Any:
        record = self._orders.of_id(report.order_id)
        return () if record is not None and not record.is_open else original(self, report, now_ns)

    return traded


def _merged_when_sent(original: Any) -> Any:
    def changed(position: Any, merge: Any) -> Any:
        if merge.state == "submitted":
            # What is confirmed later leaves the pairs that are on their way once more.
            position = replace(position, merging=position.merging + merge.size)
            return original(position, replace(merge, state="confirmed"))
        return original(position, merge)

    return changed


def _settled_at_once(original: Any) -> Any:
    def counted(position: Any, fill: Any) -> Any:
        after = original(position, fill)
        if fill.side == "SELL":
            return after
        leg = "yes" if fill.outcome == 0 else "no"
        held = getattr(after, leg)
        return replace(after, **{leg: replace(held, settled=held.settled + fill.size)})

    return counted


def _settled_before(_: Any) -> Any:
    def settled(position: Any, fill: Any) -> Any:
        at = (fill.trade_id, fill.order_id)
        return replace(
            position, provisional=tuple(one for one in position.provisional if (one.trade_id, one.order_id) != at)
        )

    return settled


def _newest_alone(original: Any) -> Any:
    def post(self: Any, message: Any, envelope: Any = None) -> None:
        waiting = (self._lanes[message.lane] if type(message).__name__ == "FillCounted" else None) or []
        for mail in [mail for mail in waiting if type(mail) is type(message) and mail.market == message.market]:
            waiting.remove(mail)
        original(self, message, envelope)

    return post


MONEY: Final[tuple[Bug, ...]] = (
    bug("no_fill_dedupe", "a trade that is told twice counts twice", ("models.ledger:Ledger.book", _without_memory)),
    bug(
        "fills_by_trade_alone", "of a trade that fills two of our orders one part counts",
        ("models.ledger:Ledger.book", _by_trade_alone),
    ),
    bug(
        "failed_trade_kept", "a trade that fails on chain is not voided", ("models.ledger:_events", _without_voids),
    ),
    bug(
        "status_moves_down", "an older word on a trade takes the place of a newer one",
        ("models.ledger:join", lambda _: lambda one, other: other),
    ),
    bug(
        "float_cash", "the dollars of a fill are computed in floats",
        ("actors.venues.polymarket.user_fills:_maker_cash", _in_floats),
    ),
    bug(
        "merge_counted_twice", "pairs leave when their merge is sent, and once more when it is confirmed",
        ("models.positions:_merge_changed", _merged_when_sent),
    ),
    bug(
        "late_fill_dropped", "a fill that comes after the end of its order is not counted",
        ("models.order_life:OrderLife._traded", _of_open_orders_alone),
    ),
    bug(
        "sells_from_pending", "what was matched counts as settled, and is sold",
        ("models.positions:_counted", _settled_at_once), ("models.positions:_settled", _settled_before),
    ),
    bug(
        "fills_conflated", "of the fills that wait in a mailbox the newest of a market is left",
        ("actors.runtime.mailbox:Mailbox.post", _newest_alone),
    ),
)  # fmt: skip
