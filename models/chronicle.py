"""What has happened: counts since the start and the newest events as lines for people.

Texts that came from outside (an error of the venue, an exception) are cleaned here, once, for every surface.
"""

import re
from collections import Counter, deque
from typing import Final

from models.markets import Side
from models.messages.base import Lane
from models.messages.orders import FillCounted, IntentDenied, OrderChanged
from models.messages.runtime import DeadLettered
from models.orders import OrderState
from models.snapshot import Counts, LogLine
from models.text import clean
from models.words import outcome_text, price_text, shares_text

_RECENT_NS: Final = 15 * 60 * 1_000_000_000
_ERRORS_KEPT: Final = 10_000
_LINES_KEPT: Final = 500
_TEXT_MAX: Final = 160
_REASON_MAX: Final = 60
_CODE: Final = re.compile("[a-z][a-z0-9_]*")
_VENUE: Final = "venue"
_ENDS_BY_ITSELF: Final = re.compile("MATCHED|CANCELED_(EXPIRED|ORDER_TIMED_OUT|MARKET_RESOLVED)|.*F(OK|AK) order")
"""The venue's words for an end that the order itself or its market brings; all others are the venue's own doing."""


class Chronicle:
    """Counts that only rise, and a ring of lines."""

    def __init__(self) -> None:
        self._lines: deque[LogLine] = deque(maxlen=_LINES_KEPT)
        self._sequence = 0
        self._given = 0
        """Number of the last line that `new_lines` has returned."""
        self._counts = Counter[str]()
        self._cancels = Counter[str]()
        self._denials = Counter[str]()
        self._dead_letters = Counter[str]()
        self._errors_ns: deque[int] = deque(maxlen=_ERRORS_KEPT)
        self._last_error = ""

    def lines(self) -> tuple[LogLine, ...]:
        """Return the newest lines, oldest of them first."""
        return tuple(self._lines)

    def new_lines(self) -> tuple[LogLine, ...]:
        """Return the lines since the last call, as far as they are kept."""
        if self._given == self._sequence:
            return ()
        new = min(self._sequence - self._given, len(self._lines))
        self._given = self._sequence
        return tuple(self._lines)[-new:]

    def counts(self, now_ns: int) -> Counts:
        """Return what was counted so far."""
        counts, errors = self._counts, self._errors_ns
        return Counts(
            counts["orders"],
            counts["fills"],
            counts["voids"],
            counts["cancels"],
            counts["rejects"],
            dict(self._cancels),
            dict(self._denials),
            dict(self._dead_letters),
            counts["resyncs"],
            counts["restarts"],
            counts["errors"],
            sum(1 for at_ns in errors if now_ns - at_ns <= _RECENT_NS),
            self._last_error,
            errors[-1] if errors else None,
        )

    def say(self, level: str, slug: str, text: str, now_ns: int) -> None:
        """Add a line. `slug` is empty where no market is meant."""
        self._sequence += 1
        self._lines.append(LogLine(self._sequence, now_ns, level, slug, clean(text, _TEXT_MAX)))

    def count(self, what: str) -> None:
        """Count one of `orders`, `resyncs`, `restarts`."""
        self._counts[what] += 1

    def changed_word(self, slug: str, before: str, after: str, why: str, now_ns: int) -> None:
        """A market is called differently from now on; what people or failures did stands out."""
        level = "INFO" if after in ("BALANCED", "HEDGE", "FUSED") else "WARNING"
        self.say(level, slug, f"{before} -> {after}{f': {why}' if why else ''}", now_ns)

    def order_ended(self, order: OrderChanged, slug: str, now_ns: int) -> None:
        """An order was cancelled or refused, or nobody knows what became of it; a filled one shows as its fills."""
        kind = "bid" if order.side is Side.BUY else "ask"
        token = outcome_text(order.outcome)
        said = f"{token} {kind} {shares_text(order.size)} @ {price_text(order.price)}: {order.reason}"
        match order.state:
            case OrderState.CANCELLED:
                self._counts["cancels"] += 1
                self._cancels[cancel_code(order.reason)] += 1
                unasked = cancel_code(order.reason) == _VENUE and not _ENDS_BY_ITSELF.match(order.reason)
                level, by = ("WARNING", " by the venue, unasked") if unasked else ("DEBUG", "")
                self.say(level, slug, f"cancelled{by} {said}", now_ns)
            case OrderState.REJECTED:
                self._counts["rejects"] += 1
                self.say("WARNING", slug, f"rejected {said}", now_ns)
            case OrderState.UNKNOWN | OrderState.DISPUTED:
                self.say("WARNING", slug, f"{order.state.value} {said}", now_ns)
            case _:
                pass

    def denied(self, denial: IntentDenied) -> None:
        """Our own refusals are counted, not told: a market at a limit is refused many times a second."""
        self._denials[clean(denial.reason, _REASON_MAX)] += 1

    def fill(self, fill: FillCounted, slug: str, now_ns: int) -> None:
        """We traded."""
        self._counts["fills"] += 1
        self.say("SUCCESS", slug, _fill_text(fill), now_ns)

    def void(self, fill: FillCounted, slug: str, now_ns: int) -> None:
        """A trade of ours failed on chain."""
        self._counts["voids"] += 1
        self.say("WARNING", slug, f"failed on chain and taken back: {_fill_text(fill)}", now_ns)

    def dead_letter(self, letter: DeadLettered, now_ns: int) -> None:
        """A message was lost; of fills, order events and commands that is an error."""
        self._dead_letters[letter.reason] += 1
        if letter.message.lane in (Lane.CONTROL, Lane.ORDER):
            self.error(f"{type(letter.message).__name__} for {letter.actor} lost: {letter.reason}", now_ns)

    def error(self, text: str, now_ns: int) -> None:
        """Something inside went wrong."""
        self._counts["errors"] += 1
        self._errors_ns.append(now_ns)
        self._last_error = clean(text, _TEXT_MAX)
        self.say("ERROR", "", text, now_ns)


def cancel_code(reason: str) -> str:
    """Return the code that a cancel is counted under: ours, or `venue` where the venue cancelled in its own words."""
    return reason if _CODE.fullmatch(reason) else _VENUE


def _fill_text(fill: FillCounted) -> str:
    verb = "filled" if fill.side is Side.BUY else "sold"
    return f"{verb} {outcome_text(fill.outcome)} {shares_text(fill.size)} @ {price_text(fill.price)}"
