"""Bugs in what risk counts, holds and lets through."""

from typing import Any, Final

from models.cells import TradingState
from models.markets import YES
from models.messages.control import CommandApplied
from models.messages.losses import LossesNoted
from models.messages.orders import FillCounted
from models.orders import OrderState
from research.prove.zoo.bug import Bug, bug, instead


def _free_while(*states: OrderState) -> Any:
    def breaks(original: Any) -> Any:
        return lambda self, event: None if event.state in states else original(self, event)

    return breaks


def _of_what_is_held(original: Any) -> Any:
    def stakes(self: Any, extra: Any = ()) -> Any:
        orders, self.orders = self.orders, {}
        self._now(None)
        try:
            return original(self, extra)
        finally:
            self.orders = orders
            self._now(None)

    return stakes


def _of_what_is_held_by_desk(original: Any) -> Any:
    def nets(self: Any, before: Any = (), tag: Any = None) -> Any:
        orders, self.orders = self.orders, {}
        try:
            return original(self, before, tag)
        finally:
            self.orders = orders

    return nets


def _but_for(state: TradingState) -> Any:
    """Let risk pass over cells of a state."""

    def breaks(original: Any) -> Any:
        def refusal(self: Any, order: Any, market: Any, before: Any) -> Any:
            cells = self._states.covering(order.market, order.tag)
            return None if cells and cells[0].state is state else original(self, order, market, before)

        return refusal

    return breaks


def _of_one_token(original: Any) -> Any:
    return lambda outcome, side, price, with_outcome, with_side, with_price: (
        outcome == with_outcome and original(outcome, side, price, with_outcome, with_side, with_price)
    )


def _lifts_all(original: Any) -> Any:
    def operator(self: Any, command: Any, now_ns: int) -> Any:
        out = original(self, command, now_ns)
        if command.verb == "resume" and command.market is None:
            for market in self._markets:
                out += original(self, type(command)("resume", market, command.request, command.who), now_ns)
        return out

    return operator


def _said_and_not_done(original: Any) -> Any:
    def operator(self: Any, command: Any, now_ns: int) -> Any:
        if command.verb != "pause":
            return original(self, command, now_ns)
        return (CommandApplied(command.request, command.verb, command.market, True, None, now_ns),)

    return operator


def _without_losses(original: Any) -> Any:
    return lambda self, entry, at_ns: () if isinstance(entry, LossesNoted) else original(self, entry, at_ns)


def _calm(original: Any) -> Any:
    """Have the coordinator see no toxic flow either."""

    def flow(self: Any, member: Any, message: Any, now_ns: int) -> Any:
        return False if message.toxic else original(self, member, message, now_ns)

    return flow


def _takes_for_calm(original: Any) -> Any:
    return lambda self, flow, now_ns: () if flow.toxic else original(self, flow, now_ns)


def _tied_up_by_what_is_held(_: Any) -> Any:
    return lambda self, outcome: self.held.yes_cost if outcome == YES else self.held.no_cost


def _leans_as_held(original: Any) -> Any:
    return lambda self: original(self._replace(bid_sizes=(0, 0), bid_costs=(0, 0), bid_highest=(0, 0)))


def _by_the_last_read(original: Any) -> Any:
    return lambda self, message, now_ns: () if isinstance(message, FillCounted) else original(self, message, now_ns)


LIMITS: Final[tuple[Bug, ...]] = (
    bug(
        "unknown_is_free", "an order of unknown fate reserves nothing",
        ("models.exposure:MarketExposure._standing", _free_while(OrderState.UNKNOWN)),
    ),
    bug(
        "cancelling_is_free", "an order reserves nothing once its cancel is sent",
        ("models.exposure:MarketExposure._standing", _free_while(OrderState.CANCELLING)),
    ),
    bug(
        "worst_case_of_held", "the worst case is that of what is held, without what rests",
        ("models.exposure:MarketExposure.stakes", _of_what_is_held),
        ("models.exposure:MarketExposure.nets", _of_what_is_held_by_desk),
    ),
    bug(
        "reducing_ignored", "what opens goes on in a market that is to be reduced",
        ("models.risk:RiskMachine._state_refusal", _but_for(TradingState.REDUCING)),
        ("models.coordinator:permitted", lambda _: lambda targets, view: targets),
    ),
    bug(
        "crosses_by_complement", "an order may trade with our own order of the other token",
        ("models.exposure:would_trade", _of_one_token), ("models.own_orders:would_trade", _of_one_token),
    ),
    bug(
        "resume_lifts_all", "`resume` of everything lifts what a person said of one market, too",
        ("models.halts:Halts._operator", _lifts_all),
    ),
    bug(
        "toxic_stands", "quotes stand in front of toxic flow",
        ("models.risk:RiskMachine._flow", _takes_for_calm), ("models.coordinator:CoordinatorMachine._flow", _calm),
    ),
    bug(
        "losses_forgotten", "a restart counts losses from zero, and lifts what they held",
        ("models.controls.losses:Losses.recall", _without_losses),
    ),
    bug(
        "token_bids_are_free", "a bid ties up nothing of its token's share of the wallet before it is filled",
        ("models.stakes:Stakes.tied_up", _tied_up_by_what_is_held),
    ),
    bug(
        "bids_lean_nowhere", "all markets together lean as far as what is held, whatever bids could add",
        ("models.stakes:Stakes.lean", _leans_as_held),
    ),
    bug(
        "siblings_forgotten", "an order of unknown fate blocks its own market, and not the others of its event",
        ("models.exposure:neg_risk_siblings", instead({})), ("actors.assembly:neg_risk_siblings", instead({})),
    ),
    bug(
        "event_not_counted", "markets of which one alone can win are held to their own limits, not to their event's",
        ("models.controls.worst_cases:WorstCases._event_refusal", instead(None)),
    ),
    bug(
        "cash_for_one_bid", "every bid is held against all of the cash, as if there were no other",
        ("models.controls.cash:Cash._bids", lambda _: property(lambda _: 0)),
    ),
    bug(
        "cash_of_last_read", "what fills have spent counts once the venue is asked again, and not before",
        ("models.controls.cash:Cash.heard", _by_the_last_read),
    ),
    bug(
        "pause_not_done", "a pause is answered and not done", ("models.halts:Halts._operator", _said_and_not_done),
    ),
)  # fmt: skip
