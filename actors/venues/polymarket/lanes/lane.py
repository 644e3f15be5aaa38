"""What the lanes to the CLOB have in common: one connection in one thread, and what every answer says beside its own.

Why a lane keeps so little: the executor knows the orders. A lane knows what has just been said, and tells it once; it
never sends anything again by itself.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Final, Literal

from actors.runtime.actor import BaseActor, Context
from actors.runtime.machine import Route
from actors.venues.polymarket.clob_client import ClobClient
from actors.venues.polymarket.clob_session import ReadFailed
from actors.venues.polymarket.verdicts import ADVICE, Cause, Fate, Verdict
from models.messages.base import Message
from models.messages.lanes import LimitsSeen, VenueMode, VenueModeSeen

WITHIN_MAX_S: Final = 4.5
"""Most that one request of a lane may take: two of them fit a turn, and a turn of ten seconds ends the process."""

_UNAUTHORISED_MAX: Final = 3
_S: Final = 1_000_000_000
_MODES: Final[Mapping[Cause, VenueMode]] = MappingProxyType(
    {
        Cause.RESTARTING: "restarting",
        Cause.POST_ONLY_MODE: "post_only",
        Cause.CANCEL_ONLY_MODE: "cancel_only",
        Cause.DISABLED: "disabled",
        Cause.BLOCKED: "blocked",
        Cause.BANNED: "blocked",
        Cause.WRONG_GENERATION: "blocked",
        Cause.CLOSED_ONLY: "closed_only",
    }
)
"""What the venue says of itself, or of us, in a refusal.

`blocked`: it takes nothing of ours until a person has done something; `closed_only`: nothing that opens.
"""


class Lane(BaseActor):
    """Speaks to the CLOB through `client`, which is its own and is closed with it. `route`: who is told a message."""

    patience_ns: ClassVar[int] = int(2 * WITHIN_MAX_S * 1e9)
    bucket: ClassVar[Literal["orders", "cancels"] | None] = None
    """Which of the signer's buckets its requests are taken from."""

    def __init__(self, context: Context, client: ClobClient, route: Route) -> None:
        super().__init__(context)
        if client.session.credentials is None or client.session.within_s > WITHIN_MAX_S:
            raise ValueError(f"a lane needs an API key, and requests that end within {WITHIN_MAX_S} s")
        self.client = client
        self.mode: VenueMode = "normal"
        """The mode that was told last."""
        self._route = route
        self._unauthorised = 0

    def on_end(self) -> None:
        self.client.close()

    def read_clock(self) -> int:
        """Return the time, which moves on while a request is under way."""
        return self.context.dispatcher.clock.now_ns()

    def tell(self, message: Message) -> None:
        """Tell a message to all whom it concerns."""
        for name in self._route(message):
            self.context.send(name, message)

    def note(self, *verdicts: Verdict) -> None:
        """Tell what the verdicts on one request say of the venue and of our account; once after every request."""
        by_cause = {verdict.cause: verdict for verdict in verdicts}
        self._note_limits(by_cause.get(Cause.RATE_LIMITED))
        for cause, verdict in by_cause.items():
            if cause in _MODES:
                self._told_mode(_MODES[cause], verdict)
        if Cause.UNAUTHORISED in by_cause:
            self._note_unauthorised(by_cause[Cause.UNAUTHORISED])
        elif any(verdict.fate is Fate.DONE for verdict in verdicts):
            self._unauthorised = 0

    def back_to_normal(self, text: str) -> None:
        """Tell that the venue takes orders again, if it did not before."""
        if self.mode != "normal":
            self.mode = "normal"
            self.tell(VenueModeSeen("normal", text, None, self.read_clock()))

    def _note_limits(self, limited: Verdict | None) -> None:
        """Tell what is left of the bucket. A refusal that does not say it, as a proxy's, leaves nothing."""
        session = self.client.session
        limit, session.rate_limit = session.rate_limit, None
        if self.bucket is None or (limit is None and limited is None):
            return
        wait_s = None if limited is None else limited.retry_after_s
        self.tell(
            LimitsSeen(
                bucket=self.bucket,
                remaining=0 if limit is None else limit.remaining,
                tier="" if limit is None else limit.tier,
                retry_after_ms=None if wait_s is None else wait_s * 1_000,
                at_ns=self.read_clock(),
                refused=limited is not None,
            )
        )

    def _told_mode(self, mode: VenueMode, verdict: Verdict) -> None:
        now_ns = self.read_clock()
        until_ns = None if verdict.retry_after_s is None else now_ns + verdict.retry_after_s * _S
        if mode != self.mode:
            self.log.bind(mode=mode).warning("the venue is {}: {}", mode, advised(verdict))
        self.mode = mode
        self.tell(VenueModeSeen(mode, advised(verdict), until_ns, now_ns))

    def _note_unauthorised(self, verdict: Verdict) -> None:
        """Sign by the venue's clock after the first refusal; when that does not help, say so."""
        self._unauthorised += 1
        if self._unauthorised == 1:
            self._learn_time()
        elif self._unauthorised >= _UNAUTHORISED_MAX:
            self._told_mode("blocked", verdict)

    def _learn_time(self) -> None:
        try:
            ahead_s = self.client.learn_time()
        except ReadFailed as failed:
            self.log.bind(status=401).warning("not authorised, and the venue's clock could not be read: {}", failed)
        else:
            self.log.bind(ahead_s=ahead_s).warning("not authorised; now signing by the clock of the venue")


def said(verdict: Verdict) -> str:
    """Return the venue's words, or in ours why there are none."""
    return verdict.text or verdict.cause.value


def advised(verdict: Verdict) -> str:
    """Return what was said, with what a person does about it."""
    advice = ADVICE.get(verdict.cause)
    return said(verdict) if advice is None else f"{said(verdict)} ({advice})"
