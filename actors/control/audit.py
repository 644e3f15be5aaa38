"""Who may say a command, that it is carried out once, and that what came of it is written down.

Why a call that came twice is refused and not answered again: what it did is in the audit, under its own name, and an
answer that is as old as the first call would tell of orders that are not as they were. Whoever lost the first answer is
told when it came, and can look.

Why only so many calls a minute are written that changed nothing: whoever can reach the socket could fill the disk with
them. What was carried out is always written; of what was not written, the next row says how much there was.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from itertools import islice
from threading import Lock
from typing import Final

from actors.control.ports import Refused
from actors.runtime.clock import Clock
from models.messages.audit import CommandAnswered
from models.messages.base import MarketId, Message
from models.roles import COMMANDS, Caller, may
from models.text import clean
from models.words import rfc3339

REMEMBERED_MAX: Final = 4_096
"""Names of calls, newest first; whoever sends one again does so within seconds."""
UNCHANGED_MAX: Final = 60
"""Rows of refusals and dry runs that may be written at once; one more is added every second."""
_ONE_MORE_NS: Final = 1_000_000_000
_NAME_MAX: Final = 64
_TEXT_MAX: Final = 500
_ARGUMENTS_MAX: Final = 20
"""Of the arguments of what was not carried out so much is written."""

_SECRET_NAME: Final = re.compile(r"secret|passphrase|password|token|credential|private|api_key", re.IGNORECASE)
_SECRET_TEXT: Final = re.compile(r"\b(?:0x)?[0-9a-fA-F]{64}\b")
_LOGIN: Final = re.compile(r"(?<=://)[^/@\s]+@")
_HIDDEN: Final = "[hidden]"


class Audit:
    """For any thread. `tell` sends a row to the journal."""

    def __init__(self, tell: Callable[[Message], object], clock: Clock) -> None:
        self.hide: Callable[[str], str] = str
        """Takes the secrets that this process knows out of a text; set by whoever knows them."""
        self._tell = tell
        self._clock = clock
        self._lock = Lock()
        # A row is named for ever, so its name must differ between two runs, and must not be a client's to choose.
        self._prefix = f"control-{clock.now_ns() // 1_000_000}"
        self._number = 0
        self._said: OrderedDict[str, str] = OrderedDict()
        self._allowed, self._counted_ns = float(UNCHANGED_MAX), clock.now_ns()
        self._unwritten = 0
        self._begun: set[str] = set()

    def name(self) -> str:
        """Return a new name for a question or a row."""
        with self._lock:
            self._number += 1
            return f"{self._prefix}-{self._number}"

    def permit(self, verb: str, caller: Caller) -> None:
        """Let a caller say a command. Raises Refused `not_permitted`."""
        if not may(caller, verb):
            least = COMMANDS[verb].role.name.lower()
            message = f"a {caller.role.name.lower()} may not say {verb}"
            raise Refused("not_permitted", message, f"it takes the role {least}")

    def once(self, verb: str, caller: Caller) -> None:
        """Remember a call by its client's name for it. Raises Refused `replayed` where it has come before."""
        if not caller.request:
            return
        with self._lock:
            before = self._said.get(caller.request)
            if before is None:
                self._said[caller.request] = f"{verb} of {rfc3339(self._clock.now_ns())}"
                if len(self._said) > REMEMBERED_MAX:
                    self._said.popitem(last=False)
        if before is not None:
            hint = "a call is carried out once; what came of it: keel audit"
            raise Refused("replayed", f"request {clean(caller.request, _NAME_MAX)} is {before}", hint)

    def note(
        self,
        caller: Caller,
        verb: str,
        result: str,
        asked_ns: int,
        *,
        outcome: str = "done",
        request: str = "",
        market: MarketId | None = None,
        arguments: Mapping[str, str] | None = None,
    ) -> None:
        """Write down what a call came to; where it changed nothing, only if there were not too many of them lately.

        One that is noted as `begun` is noted again under the same `request` when it has ended.
        """
        now_ns, said = self._clock.now_ns(), (arguments or {}).items()
        longest: int | None = None
        had_begun = request in self._begun
        (self._begun.add if outcome == "begun" else self._begun.discard)(request)
        if outcome in ("refused", "shown"):
            unwritten = 0 if had_begun else self._counted(now_ns)
            if unwritten is None:
                return
            result += f" ({unwritten} calls before it were not written)" if unwritten else ""
            said, longest = islice(said, _ARGUMENTS_MAX), _TEXT_MAX
        result = "; ".join(line.strip() for line in result.splitlines())
        self._tell(
            CommandAnswered(
                request or self.name(),
                caller.who,
                clean(verb, _NAME_MAX),
                market,
                {self._shown("", name, longest): self._shown(name, text, longest) for name, text in said},
                self.hide(result),
                asked_ns,
                now_ns,
                outcome,
                caller.role.name.lower(),
                caller.uid,
                caller.pid,
            )
        )

    def refused(self, caller: Caller, verb: str, reason: str) -> None:
        """Write down a call that never became a command: malformed, oversized, by another user, of an unknown kind."""
        self.note(caller, verb, redacted("", clean(reason, _TEXT_MAX)), self._clock.now_ns(), outcome="refused")

    def _shown(self, name: str, text: str, longest: int | None) -> str:
        """Return a text as it is written; cut last of all, for a half of a secret is not known as one."""
        return self.hide(redacted(name, text))[:longest]

    def _counted(self, now_ns: int) -> int | None:
        """Count a row; return how many before it were not written, None where this one is not to be either."""
        with self._lock:
            gained = (now_ns - self._counted_ns) / _ONE_MORE_NS
            self._allowed = min(UNCHANGED_MAX, self._allowed + max(0.0, gained))
            self._counted_ns = now_ns
            if self._allowed < 1:
                self._unwritten += 1
                return None
            self._allowed -= 1
            unwritten, self._unwritten = self._unwritten, 0
            return unwritten


def redacted(name: str, text: str) -> str:
    """Return a text that a person typed without what looks like a key, and without the login of a URL.

    Ids of orders and markets look like keys; they are not typed here but written by us, under `orders` and `markets`.
    """
    if _SECRET_NAME.search(name):
        return _HIDDEN
    if name in ("orders", "markets"):
        return text
    return _LOGIN.sub(f"{_HIDDEN}@", _SECRET_TEXT.sub(_HIDDEN, text))
