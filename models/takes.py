"""From wanted takes to orders: one-shot orders and bundles go out alone, and not again before a while has passed.

Why alone: a take beside a resting quote of the same market is two orders for one wish. It would buy from us, or close
the same position twice.
"""

from collections.abc import Iterable, Mapping

import msgspec

from models.messages.base import MarketId, Message, Tag
from models.messages.orders import PlaceBundle, PlaceOrder
from models.own_orders import OwnOrders
from models.strategy import MarketView, Take, Targets, Withheld

_MS = 1_000_000


def alone(targets: Targets) -> Targets:
    """Withdraw the quotes of every market in which something is to be taken, for the reason of the take."""
    if not targets.quotes or not (targets.takes or targets.bundles):
        return targets
    taken = {take.market: take.reason for take in _all_takes(targets)}
    if not any(quote.market in taken for quote in targets.quotes):
        return targets
    withheld = tuple(
        Withheld(quote.market, quote.outcome, quote.side, taken[quote.market])
        for quote in targets.quotes
        if quote.market in taken
    )
    quotes = tuple(quote for quote in targets.quotes if quote.market not in taken)
    return msgspec.structs.replace(targets, quotes=quotes, withheld=targets.withheld + withheld)


class Takes:
    """Sends the takes of one desk on one group. `wake_ns` is when one that waits may go, None where none does."""

    def __init__(self, tag: Tag, group: str, own: OwnOrders, cooldown_ms: int) -> None:
        self.wake_ns: int | None = None
        self._tag = tag
        self._group = group
        self._own = own
        self._cooldown_ns = cooldown_ms * _MS

    def send(self, targets: Targets, views: Mapping[MarketId, MarketView], now_ns: int) -> list[Message]:
        """Return what is taken now. The legs of a bundle go together or not at all."""
        self.wake_ns = None
        out: list[Message] = []
        for take in targets.takes:
            if self._may_go((take,), now_ns):
                out.append(self._ask(take, views, now_ns))
        for bundle in targets.bundles:
            if self._may_go(bundle.legs, now_ns):
                name = f"{self._tag}/{self._group}/{self._own.next_sequence(now_ns)}"
                legs = tuple(self._ask(leg, views, now_ns, name) for leg in bundle.legs)
                out.append(PlaceBundle(name, self._tag, self._group, legs, bundle.payout, now_ns))
        return out

    def _may_go(self, takes: Iterable[Take], now_ns: int) -> bool:
        ready_ns = 0
        for take in takes:
            if not self._own.is_clear(take.market):
                return False
            slot = self._own.slot((take.market, take.outcome, take.side))
            asked_ns = -self._cooldown_ns if slot.last_asked_ns is None else slot.last_asked_ns
            ready_ns = max(ready_ns, slot.refused_until_ns, asked_ns + self._cooldown_ns)
        if now_ns >= ready_ns:
            return True
        self.wake_ns = ready_ns if self.wake_ns is None else min(self.wake_ns, ready_ns)
        return False

    def _ask(
        self, take: Take, views: Mapping[MarketId, MarketView], now_ns: int, bundle: str | None = None
    ) -> PlaceOrder:
        book = views[take.market].book
        epoch = 0 if book is None else book.epoch
        at = (take.market, take.outcome, take.side)
        return self._own.ask(
            at, take.limit, take.size, take.reason, epoch, now_ns, time_in_force=take.time_in_force, bundle=bundle
        )


def _all_takes(targets: Targets) -> Iterable[Take]:
    yield from targets.takes
    for bundle in targets.bundles:
        yield from bundle.legs
