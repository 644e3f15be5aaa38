"""What may leave the process: held against every request that places orders, at the moment in which its bytes leave."""

from collections import deque
from typing import Any, Final

from models.markets import NO, YES, Outcome, Side
from models.messages.base import MarketId
from models.messages.control import SetOperatorState
from models.messages.market import BookEpochChanged, BookFrame, FeedRestored, MarketResolved, TickSizeChanged
from models.messages.runtime import ActorFailed
from models.units import TICKS
from research.prove.sim.claims_base import Claim, Hears, S, said, stepped
from research.prove.sim.claims_history import OwnOrder, Terms
from research.prove.sim.claims_holdings import ONE
from research.prove.sim.contract import Answered, Committed, Died, Disowned, Operated, Refused, Started, Written

_SHARE_STEP: Final = 10_000
_ACCOUNT: Final = frozenset({"/data/orders", "/data/trades"})
"""What stands and what was filled: who has not read it cannot say what an order adds to."""
_LEAST_DOLLARS: Final = 1_000_000


class Leaving(Claim):
    """Orders on the wire."""

    invariants = ("I4", "I5", "I9", "I11", "I15", "I16", "I18", "I19", "I22", "I24", "I25", "I30")

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._killed: int | None = None
        """The step at which a kill had returned; None where nothing is killed."""
        self._stops: dict[MarketId | None, set[str]] = {}
        """What a person has said that risk has heard, by market (None: all)."""
        self._refused = ""
        self._disowned: Disowned | None = None
        self._epochs: dict[MarketId, int] = {}
        """The epoch of each book, as it was said last."""
        self._missing: dict[MarketId, set[Outcome]] = {}
        """Tokens that have missed frames, and whose whole book has not come since."""
        self._ticks = {market.id: market.tick for market in self.facts.markets.values()}
        self._void_step: dict[MarketId, tuple[int, str]] = {}
        """When the prices of a market were void last, and why."""
        self._resolved: dict[MarketId, int] = {}
        self._left: deque[int] = deque()
        self._read: set[str] = set()
        """What this life of the engine has read of the account, whole pages alone."""

    def hears(self) -> Hears:
        return {
            Written: self._written,
            Answered: self._answered,
            Operated: self._operated,
            Committed: self._committed,
            Disowned: lambda event: setattr(self, "_disowned", event),
            Died: lambda _: self._missing.clear(),
            said(ActorFailed): lambda _: self._missing.clear(),
            said(BookEpochChanged): self._epoch_changed,
            stepped(BookFrame): self._framed,
            Refused: lambda event: setattr(self, "_refused", event.reason),
            Started: self._started,
            stepped(SetOperatorState): self._commanded,
            stepped(TickSizeChanged): self._tick_changed,
            stepped(FeedRestored): self._restored,
            stepped(MarketResolved): self._market_resolved,
        }

    # What holds

    def _operated(self, event: Operated) -> None:
        if event.act == "kill" and event.done:
            self._killed = event.step
        elif event.act == "clear":
            self._killed = None

    def _started(self, event: Started) -> None:
        """A restart remembers what was said; a book of a new process knows no void, and no order of before leaves."""
        self._refused = ""
        self._disowned = None
        self._epochs.clear()
        self._missing.clear()
        self._read.clear()
        self._ticks = {market.id: self._ticks[market.id] for market in self.facts.markets.values()}
        self._void_step.clear()

    def _commanded(self, event: Any) -> None:
        """A command holds from the moment in which risk has taken it: what follows is said in the same turn."""
        if event.actor != "risk":
            return
        command: SetOperatorState = event.message
        stops = self._stops.setdefault(command.market, set())
        match command.verb:
            case "pause" | "off":
                stops.add(command.verb)
            case "on":
                stops.discard("off")
            case "resume" | "reduce" | "flatten":
                stops.discard("pause")
            case _:
                pass

    def _tick_changed(self, event: Any) -> None:
        changed: TickSizeChanged = event.message
        if self._ticks.get(changed.market) != changed.tick:
            self._ticks[changed.market] = changed.tick
            self._void_step[changed.market] = (event.step, "the tick has changed")

    def _restored(self, event: Any) -> None:
        restored: FeedRestored = event.message
        if restored.resynchronise:
            self._void_step[restored.market] = (event.step, "frames were missed")
            self._missing[restored.market] = {YES, NO}

    def _framed(self, event: Any) -> None:
        frame: BookFrame = event.message
        self._missing.get(frame.market, set()).discard(frame.outcome)

    def _epoch_changed(self, event: Any) -> None:
        changed: BookEpochChanged = event.message
        self._epochs[changed.market] = changed.epoch

    def _committed(self, event: Committed) -> None:
        self._refused = ""
        lost = self._disowned
        if lost is not None:
            self.hold("I24", False, lambda: f"a row was committed after step {lost.step} gave the journal to another")

    def _market_resolved(self, event: Any) -> None:
        if event.actor == "risk":
            resolved: MarketResolved = event.message
            self._resolved.setdefault(resolved.market, event.step)

    def _answered(self, event: Answered) -> None:
        call = self.history.calls.get(event.call)
        if call is not None and event.status == 200 and call.path in _ACCOUNT:
            self._read.add(call.path)

    # What leaves

    def _written(self, event: Written) -> None:
        orders = self.history.terms_of(event.method, event.path, event.body)
        for terms, body in orders:
            order = self.history.of(terms.order_id)
            name = f"{terms.order_id[:12]} in {terms.market[:10]}"
            self._is_ours(order, body, name)
            self._may_leave(terms, name)
            self._is_priced(order, terms, name)
            self._crosses_none(terms, name)
            self._paced(event, name)

    def _is_ours(self, order: OwnOrder, body: bytes, name: str) -> None:
        known = order.order_id in self.history.committed
        self.hold("I4", known, lambda: f"{name} left before its row was committed")
        self.hold("I5", order.body in (b"", body), lambda: f"{name} left again as other bytes")
        if order.wish is None:
            return
        intent = order.wish.intent
        others = (other for other in self.history.by_intent.get(intent, ()) if other != order.order_id)
        left = [other[:12] for other in others if self.history.of(other).written_ns is not None]
        self.hold("I5", not left, lambda: f"{name}: of its intent {intent} {left[0]} has left before")

    def _may_leave(self, terms: Terms, name: str) -> None:
        self.hold("I9", self._killed is None, lambda: f"{name} left after the kill of step {self._killed}")
        self.hold("I30", not self._refused, lambda: f"{name} left though the journal is refused: {self._refused}")
        lost = self._disowned
        ours = lost is None or not lost.told
        self.hold("I24", ours, lambda: f"{name} left though the lock was lost at step {lost.step if lost else 0}")
        stops = {*self._stops.get(None, ()), *self._stops.get(terms.market, ())}
        self.hold("I11", not stops, lambda: f"{name} left in a market that is {', '.join(sorted(stops))}")
        resolved = self._resolved.get(terms.market)
        self.hold("I22", resolved is None, lambda: f"{name} left after step {resolved} told that it is resolved")
        unread = sorted(_ACCOUNT - self._read)
        self.hold("I25", not unread, lambda: f"{name} left before this engine had read {', '.join(unread)}")

    def _is_priced(self, order: OwnOrder, terms: Terms, name: str) -> None:
        tick, market = self._ticks[terms.market], self.facts.markets[terms.market]
        on_grid = tick in TICKS and terms.price % tick == 0 and tick <= terms.price <= ONE - tick
        self.hold("I15", on_grid, lambda: f"{name}: price {terms.price} on a grid of {tick}")
        if terms.rests:
            exact = terms.price * terms.size == (terms.making if terms.side is Side.BUY else terms.taking) * ONE
            fits = exact and terms.size % _SHARE_STEP == 0 and terms.size >= market.min_order_size
            self.hold("I15", fits, lambda: f"{name}: {terms.making} for {terms.taking}")
        elif terms.side is Side.BUY:
            worth = terms.making >= _LEAST_DOLLARS
            self.hold("I15", worth, lambda: f"{name} takes for {terms.making} micro-dollars")
        void = self._void_step.get(terms.market)
        if void is not None and order.wish_step:
            since, why = void
            fresh = order.wish_step > since
            self.hold("I19", fresh, lambda: f"{name} was wished for at step {order.wish_step}; at {since} {why}")
        if order.wish is not None:
            made, now = order.wish.epoch, self._epochs.get(terms.market, order.wish.epoch)
            self.hold("I19", made == now, lambda: f"{name} was priced in epoch {made} of its book, which is at {now}")
        missing = self._missing.get(terms.market)
        self.hold("I19", not missing, lambda: f"{name} left before its book was whole again: no {missing}")

    def _crosses_none(self, terms: Terms, name: str) -> None:
        for other in self.history.orders.values():
            if not other.stands or other.terms is None or other.told is None or other.order_id == terms.order_id:
                continue
            if other.terms.market != terms.market or other.terms.buys_yes is terms.buys_yes:
                continue
            bid, ask = (terms, other.terms) if terms.buys_yes else (other.terms, terms)
            apart = bid.yes_price < ask.yes_price
            self.hold("I16", apart, lambda other=other: f"{name} would trade with our own {other.order_id[:12]}")

    def _paced(self, event: Written, name: str) -> None:
        gate, left = self.facts.parameters.gate, self._left
        left.append(event.at_ns)
        while left[0] <= event.at_ns - 10 * S:
            left.popleft()
        second = sum(1 for at_ns in left if at_ns > event.at_ns - S)
        slow = second <= gate.second_max and len(left) <= gate.ten_seconds_max
        self.hold("I18", slow, lambda: f"{name} is the {second}th within a second, the {len(left)}th within ten")
