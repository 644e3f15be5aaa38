"""The executor's machine: orders, the venue that takes them, and what the rest of the engine has to know of both."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from models.executor_parameters import ExecutorParameters, Mode
from models.messages.base import MarketId, Message, Tag
from models.messages.catalogue import MarketListed
from models.messages.control import TradingStateChanged
from models.messages.market import BookEpochChanged
from models.messages.orders import CancelMarket, PlaceOrder
from models.messages.position import OrdersSnapshot
from models.messages.runtime import ActorFailed, ActorRestarted
from models.order_ids import paper_order_id
from models.order_life import Messages
from models.venue_operations import VenueOperations


class ExecutorMachine(VenueOperations):
    """All orders and positions of one run. `desks` maps a tag to its groups, and those to their markets.

    `identify` names an order before it is sent; where none is given it is the hash of what a signed order would cover.
    Raises ValueError for mode `live` without it: there the name is what the signature covers. `siblings` are the other
    markets of each one's neg-risk event.
    """

    def __init__(
        self,
        run_id: str,
        mode: Mode,
        parameters: ExecutorParameters,
        desks: Mapping[Tag, Mapping[str, tuple[MarketId, ...]]],
        identify: Callable[[PlaceOrder], str] | None = None,
        siblings: Mapping[MarketId, tuple[MarketId, ...]] = MappingProxyType({}),
    ) -> None:
        if identify is None and mode == "live":
            raise ValueError("a live order is named by its signed hash: say how to compute it")
        super().__init__(mode, parameters, identify or partial(paper_order_id, run_id))
        self._desks = desks
        self._trades_in = tuple(
            dict.fromkeys(market for groups in desks.values() for members in groups.values() for market in members)
        )
        self._siblings = siblings
        self._handlers |= {
            BookEpochChanged: self._epoch_changed,
            TradingStateChanged: self._state_changed,
            MarketListed: self._market_listed,
            ActorFailed: self._actor_failed,
            ActorRestarted: self._actor_restarted,
        }

    # What the rest of the engine says

    def _epoch_changed(self, changed: BookEpochChanged, now_ns: int) -> Messages:
        self._stops.epoch_changed(changed)
        return ()

    def _state_changed(self, changed: TradingStateChanged, now_ns: int) -> Messages:
        self._stops.state_changed(changed)
        return ()

    def _market_listed(self, said: MarketListed, now_ns: int) -> Messages:
        """Trade in one market more; live no order goes out there before the wallet was looked at.

        What was traded in is looked after for as long as it runs, also when it is not traded in any more.
        """
        market = said.listed.id
        if not said.traded or market in self._trades_in:
            return ()
        self._trades_in = (*self._trades_in, market)
        self._desks = {tag: {**groups, market: (market,)} for tag, groups in self._desks.items()}
        return self._look_at(market, now_ns) if self._live else ()

    def _actor_failed(self, failed: ActorFailed, now_ns: int) -> Messages:
        """Cancel the markets that an actor of ours no longer watches."""
        _, markets = self._whose(failed.name)
        return tuple(
            message
            for market in markets
            for message in self._cancel_market(CancelMarket(market, "actor_failed"), now_ns)
        )

    def _actor_restarted(self, restarted: ActorRestarted, now_ns: int) -> Messages:
        """Give an empty actor what it has to know of us. A coordinator's position comes through its inventory."""
        tag, markets = self._whose(restarted.name)
        kind = restarted.name.partition("/")[0]
        if kind == "lane":
            return *self._read_again(now_ns), *self._operations_again()
        out: list[Message] = []
        for market in markets:
            if kind in ("inventory", "coordinator"):
                out.append(self._accounts.snapshot(tag, market, now_ns))
            if kind == "coordinator":
                out += self._restated(tag, market, now_ns)
            elif kind == "book":
                out += [record.changed("restated", now_ns) for record in self._orders.open_in(market)]
        return tuple(out)

    def _restated(self, tag: Tag, market: MarketId, now_ns: int) -> Messages:
        open_orders = self._orders.open_in(market, tag=tag)
        restated = [record.changed("restated", now_ns) for record in open_orders]
        return *restated, OrdersSnapshot(tag, market, len(open_orders))

    def _whose(self, actor: str) -> tuple[Tag, tuple[MarketId, ...]]:
        """Return desk and markets of an actor by its name; no markets for one that serves none."""
        kind, _, rest = actor.partition("/")
        if kind in ("book", "flow"):
            return "", (rest,)
        if kind not in ("inventory", "coordinator"):
            return "", ()
        tag, _, serves = rest.partition("/")
        return tag, self._desks.get(tag, {}).get(serves, (serves,))
