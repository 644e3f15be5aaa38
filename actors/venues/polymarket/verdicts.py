"""What can come of a request that places or cancels, and the reasons that the venue gives.

Why so few causes: one for each different thing to do next. The text is for people.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec

from models.units import Money, Size


class Fate(StrEnum):
    """What came of it. REFUSED and NEVER_SENT are certain: nothing rests, nothing was cancelled."""

    DONE = "done"
    REFUSED = "refused"
    NEVER_SENT = "never_sent"
    UNKNOWN = "unknown"


class Cause(StrEnum):
    """Why, in as few kinds as there are different things to do next."""

    NONE = "none"
    GATE = "gate"
    CONNECTION = "connection"
    LOST = "lost"
    MALFORMED = "malformed"
    CONTRADICTION = "contradiction"
    RESTARTING = "restarting"
    UNAVAILABLE = "unavailable"
    RATE_LIMITED = "rate_limited"
    POST_ONLY_MODE = "post_only_mode"
    CANCEL_ONLY_MODE = "cancel_only_mode"
    DISABLED = "disabled"
    UNAUTHORISED = "unauthorised"
    BLOCKED = "blocked"
    BANNED = "banned"
    CLOSED_ONLY = "closed_only"
    WALLET = "wallet"
    WRONG_GENERATION = "wrong_generation"
    DUPLICATE = "duplicate"
    DELAYED = "delayed"
    CROSSES = "crosses"
    UNFILLED = "unfilled"
    TICK = "tick"
    SIZE = "size"
    AMOUNTS = "amounts"
    BALANCE = "balance"
    EXPIRATION = "expiration"
    NOT_READY = "not_ready"
    GONE = "gone"
    OTHER = "other"


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What came of one order, or of one request to cancel.

    `status` is the venue's word for an order that it took (`live`, `matched`, `delayed`, `unmatched`), empty where the
    order stands but nobody said how. `making` and `taking` are what it has traded already, in millionths of what the
    order gives and gets; None where the venue says nothing that can be read. `text` is the venue's own, cleaned.
    """

    fate: Fate
    cause: Cause = Cause.NONE
    text: str = ""
    order_id: str = ""
    status: str = ""
    making: Size | Money | None = None
    taking: Size | Money | None = None
    trade_ids: tuple[str, ...] = ()
    retry_after_s: int | None = None


class RateLimit(msgspec.Struct, frozen=True):
    """What the venue's limiter says of the account: tokens left (negative: a debt) and when they are full again."""

    remaining: int
    reset_s: int | None = None
    tier: str = ""


ADVICE: Final[Mapping[Cause, str]] = MappingProxyType(
    {
        Cause.UNAUTHORISED: "derive the API key anew, and compare the clock with the venue's",
        Cause.BLOCKED: "the venue does not serve this address or region; nothing here gets around that",
        Cause.BANNED: "the venue has banned the account: ask its support",
        Cause.CLOSED_ONLY: "the account may only close positions: reduce, or ask the venue's support",
        Cause.WALLET: "check chain, signature type and funder, that the wallet is deployed, and whose API key it is",
        Cause.WRONG_GENERATION: "the venue speaks another generation of the protocol: read /version and sign anew",
        Cause.BALANCE: "deposit or approve, then have the venue refresh the balance",
    }
)
"""What a person does about the causes that do not go away by themselves."""

_CAUSES: Final = (
    ("duplicated", Cause.DUPLICATE),
    ("delayed due to market conditions", Cause.DELAYED),
    ("order_version_mismatch", Cause.WRONG_GENERATION),
    ("post-only mode", Cause.POST_ONLY_MODE),
    ("post_only_mode", Cause.POST_ONLY_MODE),
    ("cancel-only", Cause.CANCEL_ONLY_MODE),
    ("trading is currently disabled", Cause.DISABLED),
    ("trading is disabled", Cause.DISABLED),
    ("closed only mode", Cause.CLOSED_ONLY),
    ("banned", Cause.BANNED),
    ("has to be the", Cause.WALLET),  # "the order signer address has to be the address of the API KEY"
    ("api key", Cause.UNAUTHORISED),
    ("request headers", Cause.UNAUTHORISED),
    ("maker address not allowed", Cause.WALLET),
    ("invalid signature", Cause.WALLET),
    ("crosses", Cause.CROSSES),
    ("fok orders", Cause.UNFILLED),
    ("fak orders", Cause.UNFILLED),
    ("couldn't be fully filled", Cause.UNFILLED),
    ("no orders found to match", Cause.UNFILLED),
    ("minimum tick size", Cause.TICK),
    ("lower than the minimum", Cause.SIZE),
    ("invalid amounts", Cause.AMOUNTS),
    ("not enough balance", Cause.BALANCE),
    ("invalid expiration", Cause.EXPIRATION),
    ("not yet ready", Cause.NOT_READY),
    ("rate limit", Cause.RATE_LIMITED),
    ("too many requests", Cause.RATE_LIMITED),
    ("already matched", Cause.GONE),
    ("already canceled", Cause.GONE),
    ("not found", Cause.GONE),
)
"""What a text of the venue has in it -> what it means; the first that fits counts."""


def cause_of(text: str) -> Cause:
    """Return what a text of the venue means."""
    lowered = text.lower()
    return next((cause for part, cause in _CAUSES if part in lowered), Cause.OTHER)
