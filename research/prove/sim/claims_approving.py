"""What risk lets through: every approval held against our own count of what is held, what may fill, and the limits.

What risk knows is what it was told, so that is what is counted here: by other arithmetic, in whole micro-units times
prices, without rounding. What it does not know, the claims on the ledger and on the life of orders judge.

Why sums may differ by a micro-dollar for each order: production rounds what it sets aside up, and never more than that.
"""

from collections import deque
from typing import Any, Final, NamedTuple

from models.limiter import TIERS
from models.markets import YES, Outcome, Side
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
from models.orders import TERMINAL
from research.prove.sim.claims_base import MS, Claim, Hears, said, stepped
from research.prove.sim.claims_holdings import LEDGER, ONE, Holdings
from research.prove.sim.contract import Committed, Crashed, Operated, Started

_MOVES_BOOK: Final = (BookFrame, LevelsChanged, TradePrinted, TickSizeChanged)
_TOLERANCE: Final = 4
"""Micro-dollars of rounding for each order and position."""


class Open(NamedTuple):
    """An order that may still fill, as risk was told of it."""

    market: MarketId
    outcome: Outcome
    side: Side
    price: int
    left: int

    @property
    def move(self) -> int:
        """By how much YES less NO moves when it fills."""
        return self.left if (self.outcome == YES) is (self.side is Side.BUY) else -self.left


class Nets(NamedTuple):
    """YES less NO: now, with all that raises it filled, and with all that lowers it."""

    now: int
    up: int
    down: int


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
        self._open: dict[str, Open] = {}
        self._told, self._committed = Holdings(), Holdings()
        self._committed_open: dict[str, Open] = {}
        self._holds: dict[tuple[str, MarketId | None], Hold] = {}
        """What losses hold, as the disk has it."""
        self._reducing: set[MarketId | None] = set()
        self._killed = False
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
            _follow(self._open, event.message)

    def _moved(self, event: Any) -> None:
        if event.actor == "risk":
            self._told.take(event.message)

    def _committed_all(self, event: Committed) -> None:
        for message in event.messages:
            self._committed.take(message)
            if isinstance(message, OrderChanged):
                _follow(self._committed_open, message)
            elif isinstance(message, LossesNoted):
                self._holds = {(hold.control, hold.market): hold for hold in message.holds}

    def _recalled(self, event: Any) -> None:
        """A supervisor that was rebuilt knows what is on the disk, and nothing else."""
        if event.actor == "risk":
            self._told, self._open = self._committed.copy(), dict(self._committed_open)

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
        nets = self._nets(order.market)
        now = Open(order.market, order.outcome, order.side, order.price, order.size)
        opens = not _lowers(now, nets)
        self.hold("I27", not self._killed, lambda: f"{name} is approved though everything was killed")
        halted = [hold for hold in self._holds.values() if _halts(hold, order.market, event.at_ns)]
        self.hold("I27", not halted, lambda: f"{name} is approved though a loss has halted its market: {halted[0]}")
        reducing = order.market in self._reducing or None in self._reducing
        self.hold("I11", not (reducing and opens), lambda: f"{name} opens in a market that is to be reduced: {nets}")
        self._once(order, name, event.at_ns)
        if order.side is Side.SELL:
            free = self._sellable(order.market, order.outcome)
            self.hold("I14", order.size <= free, lambda: f"{name} sells {order.size}, settled and free are {free}")
        if opens:
            self._knows_its_book(order.market, name, event.at_ns)
        self._within(now, opens, nets, name)
        self._open[order.intent] = now

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
        here = sum(1 for one in self._open.values() if one.market == order.market)
        self.hold("I12", here < risk.open_orders_per_market, lambda: f"{name}: {here} orders are open in its market")
        everywhere = len(self._open)
        self.hold("I12", everywhere < self._most_open, lambda: f"{name}: {everywhere} orders are open")
        if not opens:
            return
        raises = 1 if order.move > 0 else -1
        held, filled = raises * nets.now, raises * (nets.up if raises > 0 else nets.down)
        alone = filled == held and held < limits.max_net_diff
        within = alone or filled + order.left <= limits.max_net_diff
        self.hold("I12", within, lambda: f"{name}: |net| may become {filled + order.left}, {nets}")
        worst, was = self._worst(order.market, order), self._worst(order.market)
        total = sum(self._worst(market) for market in self.facts.markets if market != order.market) + worst
        if worst > was:
            most = int(risk.wallet_usd * risk.market_worst_case)
            self.hold("I12", worst <= most + _TOLERANCE, lambda: f"{name}: its market may lose {worst} of {most}")
            most_in_all = int(risk.wallet_usd * risk.total_worst_case)
            slack = _TOLERANCE * (1 + len(self.facts.markets))
            self.hold("I12", total <= most_in_all + slack, lambda: f"{name}: all may lose {total} of {most_in_all}")

    def _exposure(self, event: Any) -> None:
        """What risk says that it has reserved is for every order that may still fill."""
        update: ExposureUpdated = event.message
        here = sum(1 for one in self._open.values() if one.market == update.market)
        said_of = f"{update.market[:10]}: risk counts {update.open_orders} orders that may fill"
        self.hold("I13", update.open_orders == here, lambda: f"{said_of}, there are {here}")
        net = self._told.of(update.market).net
        self.hold("I13", update.net_shares == net, lambda: f"{said_of}, and a net of {update.net_shares}, not {net}")
        worst = self._worst(update.market)
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

    # Our own arithmetic

    def _nets(self, market: MarketId) -> Nets:
        now = self._told.of(market).net
        moves = [one.move for one in self._open.values() if one.market == market]
        return Nets(now, now + sum(move for move in moves if move > 0), now + sum(move for move in moves if move < 0))

    def _sellable(self, market: MarketId, outcome: Outcome) -> int:
        held = self._told.of(market)
        offered = sum(
            one.left
            for one in self._open.values()
            if (one.market, one.outcome, one.side) == (market, outcome, Side.SELL)
        )
        return (held.settled_yes if outcome == YES else held.settled_no) - held.merging - offered

    def _worst(self, market: MarketId, more: Open | None = None) -> int:
        """Return the most that can be lost from here on: in the worst outcome, with what makes it worse filled.

        What is paid out is in 1/10,000 dollar a YES share; what is held is worth what was paid for it.
        """
        held = self._told.of(market)
        cost = self._told.cost(market)
        orders = [one for one in self._open.values() if one.market == market]
        orders += [more] if more is not None else []
        losses: list[int] = []
        for payout in (ONE, 0, ONE // 2):
            won = held.yes * payout + held.no * (ONE - payout)
            losses.append(cost * ONE - won + sum(max(0, -_gain(one, payout)) for one in orders))
        return max(0, max(losses) // ONE)


def _halts(hold: Hold, market: MarketId, at_ns: int) -> bool:
    return hold.market == market and hold.until_ns is not None and hold.until_ns > at_ns


def _gain(order: Open, payout_yes: int) -> int:
    """Return what filling an order brings if YES pays so much, in micro-dollars times 10,000."""
    pays = payout_yes if order.outcome == YES else ONE - payout_yes
    each = pays - order.price if order.side is Side.BUY else order.price - pays
    return each * order.left


def _lowers(order: Open, nets: Nets) -> bool:
    """Whether an order lowers |YES less NO| and cannot pass zero, whatever of its side fills beside it."""
    if nets.now > 0:
        return order.move < 0 <= nets.down + order.move
    return nets.now < 0 < order.move and nets.up + order.move <= 0


def _follow(orders: dict[str, Open], change: OrderChanged) -> None:
    left = change.size - change.filled
    if change.state in TERMINAL or left <= 0:
        orders.pop(change.intent, None)
    else:
        orders[change.intent] = Open(change.market, change.outcome, change.side, change.price, left)
