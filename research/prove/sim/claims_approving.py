"""What risk lets through: every approval held against our own count of what is held, what may fill, and the limits.

What risk knows is what it was told, so that is what is counted here: by other arithmetic, in whole micro-units times
prices, without rounding. What it does not know, the claims on the ledger and on the life of orders judge.

Why sums may differ by a micro-dollar for each order: production rounds what it sets aside up, and never more than that.
"""

from collections import deque
from typing import Any, Final, NamedTuple

from models.limiter import TIERS
from models.markets import Side
from models.messages.base import MarketId
from models.messages.control import ExposureUpdated, SetOperatorState
from models.messages.losses import Hold, LossesNoted
from models.messages.market import (
    BookFrame,
    BookVerified,
    FeedLost,
    FeedRestored,
    LevelsChanged,
    TickSizeChanged,
    TradePrinted,
)
from models.messages.orders import OrderApproved, OrderChanged, PlaceBundle, PlaceOrder
from models.messages.recall import RecallEnded
from research.prove.live_venue import unmoved
from research.prove.sim.claims_base import MS, Claim, Hears, said, stepped
from research.prove.sim.claims_holdings import LEDGER
from research.prove.sim.claims_told import Nets, Open, Told, lowers
from research.prove.sim.contract import Committed, Crashed, Faulted, Operated, Started

_MOVES_BOOK: Final = (BookFrame, LevelsChanged, TradePrinted, TickSizeChanged)
_TOLERANCE: Final = 4
"""Micro-dollars of rounding for each order and position."""


class Heard(NamedTuple):
    """When a market's feed said something last, when its book was proven last, and whether it is connected."""

    event_ns: int = 0
    proof_ns: int = 0
    lost: bool = False


class Approving(Claim):
    """Orders that risk has approved."""

    invariants = ("I9", "I11", "I12", "I13", "I14", "I18", "I19", "I27")

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._told = Told()
        self._holds: dict[tuple[str, MarketId | None], Hold] = {}
        """What losses hold, as the disk has it."""
        self._reducing: set[MarketId | None] = set()
        self._killed = self._stale = False
        self._heard: dict[MarketId, Heard] = {}
        self._approved: deque[tuple[int, tuple[object, ...], str]] = deque()
        risk = self.facts.parameters.risk
        tier = TIERS[self.facts.parameters.executor.rate_tier.lower()]
        wanted = risk.open_orders_total or 4 * max(1, len(self.facts.markets))
        self._most_open = min(wanted, tier.cancels_burst // 2)

    def hears(self) -> Hears:
        return {
            said(OrderApproved): self._approval,
            said(ExposureUpdated): self._exposure,
            said(LossesNoted): self._losses,
            said(PlaceOrder): self._wish,
            said(PlaceBundle): self._bundle,
            stepped(OrderChanged): self._changed,
            stepped(SetOperatorState): self._commanded,
            stepped(RecallEnded): self._recalled,
            Committed: self._committed_all,
            Operated: self._operated,
            Faulted: self._faulted,
            Crashed: lambda _: self._heard.clear(),
            Started: lambda _: self._heard.clear(),
            **{stepped(kind): self._moved for kind in LEDGER},
            **{stepped(kind): self._event for kind in _MOVES_BOOK},
            stepped(BookVerified): self._verified,
            stepped(FeedLost): lambda event: self._connected(event, lost=True),
            stepped(FeedRestored): lambda event: self._connected(event, lost=False),
        }

    # What risk was told

    def _wish(self, event: Any) -> None:
        order: PlaceOrder = event.message
        self.history.wished.setdefault(order.intent, event.step)

    def _bundle(self, event: Any) -> None:
        bundle: PlaceBundle = event.message
        for leg in bundle.legs:
            self.history.wished.setdefault(leg.intent, event.step)

    def _changed(self, event: Any) -> None:
        if event.actor == "risk":
            self._told.changed(event.message)

    def _moved(self, event: Any) -> None:
        if event.actor == "risk":
            self._told.held.take(event.message)

    def _committed_all(self, event: Committed) -> None:
        for message in event.messages:
            self._told.committed(message)
            if isinstance(message, LossesNoted):
                self._holds = {(hold.control, hold.market): hold for hold in message.holds}

    def _recalled(self, event: Any) -> None:
        """A supervisor that was rebuilt knows what is on the disk, and nothing else."""
        if event.actor == "risk":
            self._told.recalled()

    def _commanded(self, event: Any) -> None:
        if event.actor != "risk":
            return
        command: SetOperatorState = event.message
        if command.verb == "reduce":
            self._reducing.add(command.market)
        elif command.verb in ("resume", "pause"):
            self._reducing.discard(command.market)

    def _operated(self, event: Operated) -> None:
        if event.act in ("kill", "clear"):
            self._killed = event.act == "kill" and (event.done or self._killed)

    def _faulted(self, event: Faulted) -> None:
        self._stale |= event.fault == "stale_reads"

    def _event(self, event: Any) -> None:
        market: MarketId = event.message.market
        heard = self._heard.get(market, Heard())
        proof_ns = event.at_ns if isinstance(event.message, BookFrame) else heard.proof_ns
        self._heard[market] = heard._replace(event_ns=event.at_ns, proof_ns=proof_ns)

    def _verified(self, event: Any) -> None:
        market: MarketId = event.message.market
        self._heard[market] = self._heard.get(market, Heard())._replace(proof_ns=event.at_ns)

    def _connected(self, event: Any, *, lost: bool) -> None:
        market: MarketId = event.message.market
        self._heard[market] = self._heard.get(market, Heard())._replace(lost=lost)

    # What it lets through

    def _approval(self, event: Any) -> None:
        order: PlaceOrder = event.message.order
        name = order.intent
        nets = self._told.nets(order.market)
        now = Open(order.market, order.outcome, order.side, order.price, order.size)
        opens = not lowers(now, nets)
        self.hold("I27", not self._killed, lambda: f"{name} is approved though everything was killed")
        halted = [hold for hold in self._holds.values() if _halts(hold, order.market, event.at_ns)]
        self.hold("I27", not halted, lambda: f"{name} is approved though a loss has halted its market: {halted[0]}")
        reducing = order.market in self._reducing or None in self._reducing
        self.hold("I11", not (reducing and opens), lambda: f"{name} opens in a market that is to be reduced: {nets}")
        self._once(order, name, event.at_ns)
        if order.side is Side.SELL:
            free = self._told.sellable(order.market, order.outcome)
            self.hold("I14", order.size <= free, lambda: f"{name} sells {order.size}, settled and free are {free}")
        if opens:
            self._knows_its_book(order.market, name, event.at_ns)
        if order.side is Side.BUY:
            self._may_pay(now, opens, name)
        self._within(now, opens, nets, name)
        self._told.open[order.intent] = now

    def _once(self, order: PlaceOrder, name: str, at_ns: int) -> None:
        window_ns = self.facts.parameters.pace.duplicate_window_ms * MS
        approved = self._approved
        while approved and approved[0][0] <= at_ns - window_ns:
            approved.popleft()
        same = (order.market, order.outcome, order.side, order.price, order.size)
        twin = next((intent for _, other, intent in approved if other == same), None)
        self.hold("I18", twin is None, lambda: f"{name} is the same order as {twin} of a moment ago")
        approved.append((at_ns, same, order.intent))

    def _knows_its_book(self, market: MarketId, name: str, at_ns: int) -> None:
        book, heard = self.facts.parameters.book, self._heard.get(market, Heard())
        event_ns, proof_ns = at_ns - heard.event_ns, at_ns - heard.proof_ns
        fresh = event_ns <= book.event_fresh_ms * MS or proof_ns <= book.verified_fresh_ms * MS
        self.hold("I19", fresh, lambda: f"{name}: its book is {event_ns // MS} ms old, proven {proof_ns // MS} ms ago")

    def _within(self, order: Open, opens: bool, nets: Nets, name: str) -> None:
        risk, limits = self.facts.parameters.risk, self.facts.parameters.inventory
        here = len(self._told.of(order.market))
        self.hold("I12", here < risk.open_orders_per_market, lambda: f"{name}: {here} orders are open in its market")
        everywhere = len(self._told.open)
        self.hold("I12", everywhere < self._most_open, lambda: f"{name}: {everywhere} orders are open")
        if not opens:
            return
        raises = 1 if order.move > 0 else -1
        held, filled = raises * nets.now, raises * (nets.up if raises > 0 else nets.down)
        alone = filled == held and held < limits.max_net_diff
        within = alone or filled + order.left <= limits.max_net_diff
        self.hold("I12", within, lambda: f"{name}: |net| may become {filled + order.left}, {nets}")
        worst, was = self._told.worst(order.market, order), self._told.worst(order.market)
        total = sum(self._told.worst(market) for market in self.facts.markets if market != order.market) + worst
        if worst > was:
            most = int(risk.wallet_usd * risk.market_worst_case)
            self.hold("I12", worst <= most + _TOLERANCE, lambda: f"{name}: its market may lose {worst} of {most}")
            most_in_all = int(risk.wallet_usd * risk.total_worst_case)
            slack = _TOLERANCE * (1 + len(self.facts.markets))
            self.hold("I12", total <= most_in_all + slack, lambda: f"{name}: all may lose {total} of {most_in_all}")
        self._of_its_event(order, name)
        if order.side is Side.BUY:
            self._may_bet(order, name)

    def _of_its_event(self, order: Open, name: str) -> None:
        event = (order.market, *self.facts.siblings(order.market))
        then, was = self._told.worst_of_event(event, order), self._told.worst_of_event(event)
        if len(event) > 1 and then > was:
            most = int(self.facts.parameters.risk.wallet_usd * self.facts.parameters.risk.event_worst_case)
            slack = _TOLERANCE * len(event)
            self.hold("I12", then <= most + slack, lambda: f"{name}: its event may lose {then} of {most}")

    def _may_bet(self, order: Open, name: str) -> None:
        """Of a token no more is tied up than its share of the wallet, and all markets together lean no further."""
        risk, markets = self.facts.parameters.risk, self.facts.markets
        tied, most = self._told.tied_up(order.market, order.outcome, order), int(risk.wallet_usd * risk.token_tied_up)
        self.hold("I12", tied <= most + _TOLERANCE, lambda: f"{name}: its token ties up {tied} of {most}")
        net, furthest = 0, int(risk.wallet_usd * risk.total_net)
        for market in markets:
            net += self._told.leans(market, order.outcome, order if market == order.market else None)
        slack = _TOLERANCE * (1 + len(markets))
        self.hold("I12", net <= furthest + slack, lambda: f"{name}: all may lean {net} its way, of {furthest}")

    def _may_pay(self, order: Open, opens: bool, name: str) -> None:
        """There is the cash for every bid, and what only hedges may use is left. The venue's own figures are taken.

        Where somebody else spends, or the venue says what was so minutes ago, nobody can know what there is.
        """
        venue, risk = self.history.venue, self.facts.parameters.risk
        if self._stale or any(order_id not in self.history.committed for _, order_id in venue.fills):
            return
        cash = venue.wallet.cash + unmoved(venue).cash
        left = cash - order.cost - sum(self._unpaid(intent, one) for intent, one in self._told.open.items())
        cost = sum(self._told.held.cost(market) for market in self.facts.markets)
        reserve = int(min(risk.wallet_usd, cash + cost) * risk.cash_reserve) if opens else 0
        slack = _TOLERANCE * (1 + len(self._told.open))
        self.hold("I12", left >= reserve - slack, lambda: f"{name} would leave {left} of the cash, and not {reserve}")

    def _unpaid(self, intent: str, order: Open) -> int:
        """Return what a bid has still to pay: the venue may have filled some of it already."""
        known = [self.history.orders[order_id] for order_id in self.history.by_intent.get(intent, ())]
        left = min((order.left, *(one.terms.size - one.matched for one in known if one.terms is not None)))
        return order._replace(left=left).cost

    def _exposure(self, event: Any) -> None:
        """What risk says that it has reserved is for every order that may still fill."""
        update: ExposureUpdated = event.message
        here = len(self._told.of(update.market))
        said_of = f"{update.market[:10]}: risk counts {update.open_orders} orders that may fill"
        self.hold("I13", update.open_orders == here, lambda: f"{said_of}, there are {here}")
        net = self._told.nets(update.market).now
        self.hold("I13", update.net_shares == net, lambda: f"{said_of}, and a net of {update.net_shares}, not {net}")
        worst = self._told.worst(update.market)
        enough = update.worst_case >= worst - _TOLERANCE
        self.hold("I13", enough, lambda: f"{said_of}, that may lose {update.worst_case}; {worst} may be lost")

    def _losses(self, event: Any) -> None:
        """A market that a loss has halted stays so for its time, whoever dies meanwhile."""
        kept = {(hold.control, hold.market) for hold in event.message.holds}
        for at, hold in self._holds.items():
            runs = hold.until_ns is not None and hold.until_ns > event.at_ns
            self.hold(
                "I27", not runs or at in kept, lambda at=at: f"{at[1]} was halted by {at[0]}, and is not any more"
            )


def _halts(hold: Hold, market: MarketId, at_ns: int) -> bool:
    return hold.market == market and hold.until_ns is not None and hold.until_ns > at_ns
