"""What others do at the exchange: they trade with our orders, and its switches are thrown and put back."""

from collections.abc import Mapping
from typing import Any

import msgspec

from models.messages.base import MarketId
from research.prove.sim.turns import Time
from research.prove.sim.wire import Network
from sandbox.exchange import Exchange
from sandbox.faults.outside import fill
from sandbox.messages import Answer, HttpRequest
from sandbox.trading.records import Order


class Outsiders:
    """Acts on an exchange, by what the plan has drawn; `which` (0 to 1) picks of what there is at the time."""

    def __init__(
        self, exchange: Exchange, network: Network, time: Time, markets: tuple[MarketId, ...], address: str
    ) -> None:
        self._exchange = exchange
        self._network = network
        self._time = time
        self._markets = markets
        self._address = address

    def pick(self, which: float) -> MarketId:
        """Return a market."""
        return self._markets[int(which * len(self._markets))]

    def take(self, which: float, share: float) -> None:
        """Let an outside taker trade with one of our orders."""
        resting, now_ns = self._resting(), self._time.now_ns()
        if resting:
            order = resting[int(which * len(resting))]
            effects = self._exchange.tick(now_ns)
            venue = self._exchange._venue  # noqa: SLF001 - its crowd trades there as well
            fill(venue, order, max(1, int((order.size - order.matched) * share)), now_ns)
            self._network.deliver([*effects, *self._exchange.tick(now_ns)])

    def throw(self, said: Mapping[str, Any]) -> None:
        """Throw a switch; which market or order it concerns is seen now."""
        body, about, which = dict(said["body"]), said["about"], said["which"]
        if about["market"]:
            body["market"] = market = self.pick(which)
            listed = self._exchange.catalogue.find(market)
            if about["outcome"] and listed is not None:
                body["outcome"] = listed.outcomes[int(which * 1_000) % 2]
        if about["account"]:
            body["account"] = self._address
        if about["order"]:
            resting = self._resting()
            if not resting:
                return
            body["order"] = resting[int(which * len(resting))].id
        self._ask("POST", msgspec.json.encode(body))

    def heal(self) -> None:
        """Put all switches back."""
        self._ask("DELETE", b"")

    def _resting(self) -> list[Order]:
        return [order for order in self._exchange.engine.orders.values() if order.resting is not None]

    def _ask(self, method: str, body: bytes) -> None:
        request = HttpRequest("control", method, "/faults", {}, body, call=-1)
        effects = self._exchange.handle(request, self._time.now_ns())
        own = [effect for effect in effects if not (isinstance(effect, Answer) and effect.call == -1)]
        self._network.deliver(own)
