"""What risk costs an order: all controls and the reservation, against making the messages of the answer alone.

Why in a book of orders and positions: what is held and open is what an intent is held against, and each of twenty
markets has a pair and two bids, in neg-risk events of ten. Why a few orders at once: the collector of one loop is the
same as that of the other one.
"""

from functools import partial
from statistics import median

from msgspec.structs import replace

from actors.runtime.clock import monotonic_ns
from models.controls.families import guards
from models.depth import Depth
from models.engine import EngineParameters
from models.markets import NO, YES, Group, Market, Outcome, Side
from models.messages.base import MarketId, Message
from models.messages.control import ExposureUpdated
from models.messages.market import BookUpdated
from models.messages.orders import FillCounted, OrderApproved, OrderChanged, PlaceOrder
from models.orders import OrderState, TimeInForce
from models.risk import RiskMachine
from models.units import DOLLAR, SHARE

_MARKETS = 20
_EVENT = 10
_WALLET = 20_000 * DOLLAR
_STEP_NS = 50_000_000
_START_NS = 10**18


def approval(orders: int) -> dict[str, float]:
    """Measure the median microseconds of an approval, of the order's end, and of the bare messages."""
    desk = _Desk()
    approved: list[int] = []
    ended: list[int] = []
    bare: list[int] = []
    for number in range(orders):
        desk.now_ns += _STEP_NS
        order = desk.order(number % _MARKETS, YES, 4_600)
        began_ns = monotonic_ns()
        out = desk.risk.step(order, desk.now_ns)
        approved.append(monotonic_ns() - began_ns)
        if not isinstance(out[0], OrderApproved):
            raise RuntimeError(out[0])
        over = desk.over(order)
        began_ns = monotonic_ns()
        desk.risk.step(over, desk.now_ns)
        ended.append(monotonic_ns() - began_ns)
        began_ns = monotonic_ns()
        _answer(order, desk.now_ns)
        bare.append(monotonic_ns() - began_ns)
    return {
        "approval_us": median(approved) / 1e3,
        "end_us": median(ended) / 1e3,
        "bare_us": median(bare) / 1e3,
        "ratio": median(approved) / median(bare),
    }


class _Desk:
    """A supervisor with every control over markets in which something is held and open."""

    def __init__(self) -> None:
        self.now_ns = _START_NS
        self._orders = 0
        self._markets = tuple(f"market-{number}" for number in range(_MARKETS))
        defaults = EngineParameters()
        parameters = replace(
            defaults,
            book=replace(defaults.book, tape_is_proof=True),
            inventory=replace(defaults.inventory, max_net_diff=1_000 * SHARE),
            risk=replace(defaults.risk, wallet_usd=_WALLET),
        )
        markets = {
            market: Market(market, market, ("1", "2"), neg_risk=True, group=f"event-{number // _EVENT}")
            for number, market in enumerate(self._markets)
        }
        groups = {
            name: Group(name, name, tuple(one.id for one in markets.values() if one.group == name), neg_risk=True)
            for name in dict.fromkeys(market.group or "" for market in markets.values())
        }
        self.risk = RiskMachine(
            markets, parameters.risk, parameters.phase, parameters.inventory,
            guards=partial(guards, parameters, groups, _WALLET),
        )  # fmt: skip
        for number, market in enumerate(self._markets):
            self._tell(_book(market, self.now_ns))
            for outcome in (YES, NO):
                self._tell(self.order(number, outcome, 4_700))
                self._tell(_fill(market, outcome, self.now_ns))
                self.now_ns += _STEP_NS

    def order(self, number: int, outcome: Outcome, price: int) -> PlaceOrder:
        self._orders += 1
        market = self._markets[number]
        return PlaceOrder(
            f"desk/{self._orders}", "desk", market, outcome, Side.BUY, price, 5 * SHARE, True, TimeInForce.GTC,
            "provide", 1, self.now_ns,
        )  # fmt: skip

    def over(self, order: PlaceOrder) -> OrderChanged:
        return OrderChanged(
            f"id of {order.intent}", order.intent, order.tag, order.market, order.outcome, order.side, order.price,
            order.size, 0, OrderState.CANCELLED, "reprice", self.now_ns,
        )  # fmt: skip

    def _tell(self, message: Message) -> None:
        self.risk.step(message, self.now_ns)


def _answer(order: PlaceOrder, now_ns: int) -> tuple[Message, ...]:
    return (OrderApproved(order, order.size), ExposureUpdated(order.market, 0, 0, 1, now_ns))


def _book(market: MarketId, now_ns: int) -> BookUpdated:
    bids, asks = Depth({4_800: 100 * SHARE}), Depth({5_000: 100 * SHARE})
    return BookUpdated(market, 1, 1, 100, bids, asks, 4_800, 5_000, 4_800, 5_000, None, now_ns, now_ns)


def _fill(market: MarketId, outcome: Outcome, now_ns: int) -> FillCounted:
    return FillCounted(
        f"{market} {outcome}", "id", "intent", "desk", market, outcome, Side.BUY, 4_700, 5 * SHARE, 2_350_000, 0, 0,
        True, now_ns,
    )  # fmt: skip
