"""A coordinator that always quotes both sides cannot raise |net|, however late its cancels land.

The machine is told what a rogue says and what a venue does: orders on both sides at any price and size, again and
again, never withdrawn; partial and whole fills of any order at any time; cancels that land late or never; a fuse that
comes and goes; an operator who has it flattened and thinks better of it. The test keeps its own count of what is held
and of what may still fill.
"""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from models.markets import NO, YES, Outcome, Side
from models.messages.control import ExposureUpdated
from models.messages.orders import CancelMarket, PlaceOrder
from models.orders import OrderState
from models.units import DOLLAR, SHARE
from tests.models.supervisor import M, Supervisor
from tests.sizes import machine

BAND = 5
MAX_NET = 10
LARGEST = 8
WALLET = 1_000 * DOLLAR


class Rogue(RuleBasedStateMachine):
    """What the test believes, beside the supervisor that it tries to break."""

    def __init__(self) -> None:
        super().__init__()
        self.risk = Supervisor(max_net=MAX_NET, open_orders_per_market=50, open_orders_total=50)
        self.live: dict[str, tuple[PlaceOrder, int]] = {}
        self.net = 0
        self.said_net = 0
        self.fused = False
        self.flattened = False

    def signed(self, order: PlaceOrder, shares: int) -> int:
        return shares if (order.outcome == YES) == (order.side is Side.BUY) else -shares

    def may_become(self) -> tuple[int, int]:
        """Net with every live order filled that raises it, and with every one that lowers it."""
        moves = [self.signed(order, order.size // SHARE - filled) for order, filled in self.live.values()]
        return self.net + sum(move for move in moves if move > 0), self.net + sum(move for move in moves if move < 0)

    def hear(self, out: object) -> None:
        assert isinstance(out, tuple)
        for message in out:
            if isinstance(message, ExposureUpdated) and message.market == M:
                self.said_net = message.net_shares

    @rule(prices=st.tuples(st.integers(30, 60), st.integers(30, 60)), shares=st.integers(5, LARGEST))
    def quote_both_sides(self, prices: tuple[int, int], shares: int) -> None:
        outcomes: tuple[Outcome, Outcome] = (YES, NO)
        for outcome, cents in zip(outcomes, prices, strict=True):
            up, down = self.may_become()
            order = self.risk.place(outcome, cents * 100, shares)
            if not isinstance(order, PlaceOrder):
                continue
            assert not self.fused
            move = self.signed(order, shares)
            if abs(self.net) >= BAND or self.flattened:
                assert self.net * move < 0, "nothing that raises |net| is let through"
                assert self.net * ((down if move < 0 else up) + move) >= 0, "nor what could pass zero"
            self.live[order.intent] = order, 0

    @rule(pick=st.integers(0, 50), shares=st.integers(1, LARGEST))
    def fill(self, pick: int, shares: int) -> None:
        if not self.live:
            return
        order, filled = list(self.live.values())[pick % len(self.live)]
        shares = min(shares, order.size // SHARE - filled)
        whole = filled + shares == order.size // SHARE
        out, trade = self.risk.fill(order, shares)
        self.hear(out)
        state = OrderState.FILLED if whole else OrderState.WORKING
        self.hear(self.risk.tell(self.risk.changed(order, state, (filled + shares) * SHARE)))
        assert trade.size == shares * SHARE
        self.net += self.signed(order, shares)
        if whole:
            del self.live[order.intent]
        else:
            self.live[order.intent] = order, filled + shares

    @rule(pick=st.integers(0, 50))
    def a_cancel_lands(self, pick: int) -> None:
        if self.live:
            order, filled = self.live.pop(list(self.live)[pick % len(self.live)])
            self.hear(self.risk.tell(self.risk.changed(order, OrderState.CANCELLED, filled * SHARE)))

    @rule(toxic=st.booleans())
    def the_fuse_moves(self, toxic: bool) -> None:
        out = self.risk.flow(toxic=toxic)
        assert not toxic or self.fused or CancelMarket(M, "toxic_flow") in out
        self.fused = toxic

    @rule(flattened=st.booleans())
    def an_operator_flattens_or_resumes(self, flattened: bool) -> None:
        out = self.risk.say("flatten" if flattened else "resume", M)
        assert not flattened or self.flattened or CancelMarket(M, "flattening") in out
        self.flattened = flattened

    @invariant()
    def net_stays_within_what_may_fill_at_once(self) -> None:
        for worst in (*self.may_become(), self.net):
            assert abs(worst) <= max(MAX_NET, BAND - 1 + LARGEST)

    @invariant()
    def the_supervisors_own_count_is_right(self) -> None:
        assert self.said_net == self.net * SHARE


@pytest.mark.proves("I11", "I12", "I13")
class TestARogueCoordinatorCannotRaiseNet(Rogue.TestCase):
    settings = machine(60, 40)
