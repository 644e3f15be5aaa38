"""The life of an order: its states and the only transitions there are, as a table.

Why a table: what a late, doubled or contradictory event does must be readable in one place. An event that the table
does not list for a state changes nothing and is reported by the caller. A terminal state is left only by proof that the
order stands after all (REAPPEARED), but its filled size may still grow (a fill that raced the cancel).

Why UNKNOWN is a state and not an error: a request without an answer may be on the book. It keeps its reservation until
the venue has said otherwise. So does DISPUTED: the venue says two things of it, until it says one of them twice.
"""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class OrderState(StrEnum):
    """Where an order is. The last six are terminal; NEVER_ACCEPTED was sent, and the venue knows it nowhere."""

    PLACING = "placing"
    UNKNOWN = "unknown"
    WORKING = "working"
    CANCELLING = "cancelling"
    DISPUTED = "disputed"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    NEVER_SENT = "never_sent"
    NEVER_ACCEPTED = "never_accepted"


class OrderEvent(StrEnum):
    """What can happen to an order."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    TIMED_OUT = "timed_out"
    CANCEL_SENT = "cancel_sent"
    CANCEL_REFUSED = "cancel_refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FILLED = "filled"
    ABSENT = "absent"
    REAPPEARED = "reappeared"
    CONTRADICTED = "contradicted"


class TimeInForce(StrEnum):
    """How long an order may rest: GTC and GTD rest, FOK and FAK take or die."""

    GTC = "GTC"
    GTD = "GTD"
    FOK = "FOK"
    FAK = "FAK"


TERMINAL: Final = frozenset(
    {
        OrderState.FILLED,
        OrderState.CANCELLED,
        OrderState.REJECTED,
        OrderState.EXPIRED,
        OrderState.NEVER_SENT,
        OrderState.NEVER_ACCEPTED,
    }
)

UNCERTAIN: Final = frozenset({OrderState.UNKNOWN, OrderState.DISPUTED})
"""Where nobody can say whether the order stands."""

_S = OrderState
_E = OrderEvent

TRANSITIONS: Final = MappingProxyType(
    {
        # A cancel asked for while placing waits for the acceptance: an id that the venue may not know yet cannot be
        # cancelled with evidence. CANCEL_SENT therefore does not leave PLACING, nor UNKNOWN, where a cancel may be sent
        # but proves nothing.
        _S.PLACING: {
            _E.ACCEPTED: _S.WORKING,
            _E.REJECTED: _S.REJECTED,
            _E.NOT_SENT: _S.NEVER_SENT,
            _E.TIMED_OUT: _S.UNKNOWN,
            _E.FILLED: _S.FILLED,
            _E.CANCELLED: _S.CANCELLED,
            _E.EXPIRED: _S.EXPIRED,
        },
        _S.UNKNOWN: {
            _E.ACCEPTED: _S.WORKING,
            _E.REJECTED: _S.REJECTED,
            _E.NOT_SENT: _S.NEVER_SENT,
            _E.FILLED: _S.FILLED,
            _E.CANCELLED: _S.CANCELLED,
            _E.EXPIRED: _S.EXPIRED,
            _E.ABSENT: _S.NEVER_ACCEPTED,
        },
        # What was once accepted and is nowhere any more was taken off the book, and nobody told us.
        _S.WORKING: {
            _E.CANCEL_SENT: _S.CANCELLING,
            _E.FILLED: _S.FILLED,
            _E.CANCELLED: _S.CANCELLED,
            _E.EXPIRED: _S.EXPIRED,
            _E.ABSENT: _S.CANCELLED,
            _E.CONTRADICTED: _S.DISPUTED,
        },
        _S.CANCELLING: {
            _E.CANCEL_SENT: _S.CANCELLING,
            _E.CANCEL_REFUSED: _S.WORKING,
            _E.FILLED: _S.FILLED,
            _E.CANCELLED: _S.CANCELLED,
            _E.EXPIRED: _S.EXPIRED,
            _E.ABSENT: _S.CANCELLED,
        },
        _S.DISPUTED: {
            _E.REAPPEARED: _S.WORKING,
            _E.CANCEL_SENT: _S.DISPUTED,
            _E.CANCEL_REFUSED: _S.DISPUTED,
            _E.FILLED: _S.FILLED,
            _E.CANCELLED: _S.CANCELLED,
            _E.EXPIRED: _S.EXPIRED,
            _E.ABSENT: _S.CANCELLED,
        },
        _S.CANCELLED: {_E.REAPPEARED: _S.WORKING, _E.CONTRADICTED: _S.DISPUTED},
        _S.REJECTED: {_E.REAPPEARED: _S.WORKING},
        _S.EXPIRED: {_E.REAPPEARED: _S.WORKING},
        _S.NEVER_SENT: {_E.REAPPEARED: _S.WORKING},
        _S.NEVER_ACCEPTED: {_E.REAPPEARED: _S.WORKING},
    }
)


def next_state(state: OrderState, event: OrderEvent) -> OrderState | None:
    """Return the state after an event, or None where the event means nothing in this state."""
    return TRANSITIONS.get(state, {}).get(event)
