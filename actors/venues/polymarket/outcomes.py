"""What came of a request that places or cancels: done, refused, never sent, or unknown. Decided here and nowhere else.

Why a table of statuses and not of texts: the venue rewrites its texts, and a proxy answers for it in HTML. A text only
says why (`Cause`), which decides what is done next, and makes two differences: an order that is called a duplicate
stands, and one that is "delayed" may yet trade.

Why so much is unknown: an order that is taken for refused and rests all the same is exposure that nobody counts. An
unknown one costs a question. So every answer of a server in trouble, every answer that is not whole or contradicts
itself (a key that comes twice, too), and every answer that names another order, is unknown; a refusal is what the venue
says in words, with a status that it gives before it looks at a book (400, 401, 403, 404), or with its limiter's own
headers (429).
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from actors.venues.gated_transport import AnswerLost, GateClosed, NotSent
from actors.venues.http_client import Answer
from actors.venues.polymarket.verdicts import Cause, Fate, RateLimit, Verdict, cause_of
from actors.venues.redaction import without_secrets
from models.strict_json import AmbiguousJson, refuse_ambiguous
from models.text import clean
from models.units import parse_size

Heard: TypeAlias = Answer | NotSent | AnswerLost
"""What an exchange ended in: an answer, or how it failed."""


class Cancellation(msgspec.Struct, frozen=True):
    """What came of a request to cancel. `kept` are the orders that the venue did not cancel, each with its reason."""

    verdict: Verdict
    cancelled: tuple[str, ...] = ()
    kept: Mapping[str, str] = {}

    def of(self, order_id: str) -> Verdict:
        """Return what came of one order. What a whole answer passes over in silence is unknown.

        REFUSED with cause `gone` is no proof of a cancel: the order may have been filled.
        """
        if order_id in self.cancelled:
            return Verdict(Fate.DONE, order_id=order_id)
        if order_id in self.kept:
            text = without_secrets(self.kept[order_id])
            return Verdict(Fate.REFUSED, cause_of(text), text, order_id)
        if self.verdict.fate is Fate.DONE:
            return Verdict(Fate.UNKNOWN, Cause.CONTRADICTION, "the answer does not name the order", order_id)
        return msgspec.structs.replace(self.verdict, order_id=order_id)


_ACCEPTED: Final = frozenset({"live", "matched", "delayed", "unmatched"})
_REFUSING: Final = frozenset({400, 401, 403, 404})
_TEXT_MAX: Final = 300

_UNREADABLE: Final = (msgspec.DecodeError, AmbiguousJson, RecursionError)
_MODES: Final = frozenset({Cause.POST_ONLY_MODE, Cause.CANCEL_ONLY_MODE, Cause.DISABLED})


class _Placed(msgspec.Struct):
    """The answer to an order; `error` is what stands there instead when the request itself was refused."""

    success: bool | None = None
    error: str | None = None
    error_message: str | None = msgspec.field(name="errorMsg", default=None)
    order_id: str | None = msgspec.field(name="orderID", default=None)
    status: str | None = None
    making: object = msgspec.field(name="makingAmount", default=None)
    taking: object = msgspec.field(name="takingAmount", default=None)
    trade_ids: tuple[str, ...] | None = msgspec.field(name="tradeIDs", default=None)


class _Cancelled(msgspec.Struct):
    canceled: tuple[str, ...] | None
    not_canceled: dict[str, str] | None


class _Error(msgspec.Struct):
    error: str
    code: str = ""
    retry_after_seconds: int | None = None


_placed = msgspec.json.Decoder(_Placed)
_batch = msgspec.json.Decoder(list[msgspec.Raw])
_cancelled = msgspec.json.Decoder(_Cancelled)
_error = msgspec.json.Decoder(_Error)


def order_verdict(heard: Heard, order_id: str) -> Verdict:
    """Return what came of `POST /order`. `order_id` is the hash of what was sent."""
    if isinstance(heard, Answer) and heard.status == 200:
        return _order_verdict(heard.body, order_id)
    verdict = request_verdict(heard)
    fate = Fate.DONE if verdict.cause is Cause.DUPLICATE else verdict.fate
    return msgspec.structs.replace(verdict, fate=fate, order_id=order_id)


def batch_verdicts(heard: Heard, order_ids: Sequence[str]) -> tuple[Verdict, ...]:
    """Return what came of each order of `POST /orders`, which answers in the order in which they were sent."""
    if not isinstance(heard, Answer) or heard.status != 200:
        verdict = request_verdict(heard)
        return tuple(msgspec.structs.replace(verdict, order_id=order_id) for order_id in order_ids)
    try:
        legs = _batch.decode(heard.body)
    except _UNREADABLE:
        legs = []
    if len(legs) != len(order_ids):
        return tuple(_unread(heard.body, order_id) for order_id in order_ids)
    return tuple(_order_verdict(bytes(leg), order_id) for leg, order_id in zip(legs, order_ids, strict=True))


def cancellation(heard: Heard) -> Cancellation:
    """Return what came of a request to cancel one order, several, those of a market or all."""
    if not isinstance(heard, Answer) or heard.status != 200:
        return Cancellation(request_verdict(heard))
    try:
        refuse_ambiguous(heard.body)
        found = _cancelled.decode(heard.body)
    except _UNREADABLE:
        return Cancellation(_unread(heard.body))
    return Cancellation(Verdict(Fate.DONE), found.canceled or (), found.not_canceled or {})


def request_verdict(heard: Heard) -> Verdict:
    """Return what came of any request by how it failed or by its status; 200 is done, whatever it says."""
    if isinstance(heard, GateClosed):
        return Verdict(Fate.NEVER_SENT, Cause.GATE, str(heard))
    if isinstance(heard, NotSent):
        return Verdict(Fate.NEVER_SENT, Cause.CONNECTION, without_secrets(str(heard)))
    if isinstance(heard, AnswerLost):
        return Verdict(Fate.UNKNOWN, Cause.LOST, without_secrets(str(heard)))
    if heard.status == 200:
        return Verdict(Fate.DONE)
    text, code, retry_after_s = _said(heard)
    cause = cause_of(f"{code} {text}")
    fate = Fate.UNKNOWN
    match heard.status:
        case 425:
            cause = Cause.RESTARTING
        case 429:
            cause = Cause.RATE_LIMITED
            fate = Fate.REFUSED if rate_limit(heard) is not None else Fate.UNKNOWN
        case 503 if cause in _MODES:
            fate = Fate.REFUSED
        case status if status in _REFUSING:
            fate = Fate.UNKNOWN if cause in (Cause.DELAYED, Cause.DUPLICATE) else Fate.REFUSED
            if cause in (Cause.OTHER, Cause.GONE):
                cause = {401: Cause.UNAUTHORISED, 403: Cause.BLOCKED}.get(status, cause)
        case status if status >= 500:
            cause = Cause.UNAVAILABLE
        case _:
            cause = Cause.OTHER
    return Verdict(fate, cause, f"{heard.status} {text}".strip(), retry_after_s=retry_after_s)


def rate_limit(answer: Answer) -> RateLimit | None:
    """Return what the venue's limiter says, None where the answer did not come from it."""
    remaining = _integer(answer.headers.get("poly-ratelimit-remaining"))
    if remaining is None:
        return None
    reset_s = _integer(answer.headers.get("poly-ratelimit-reset"))
    return RateLimit(remaining, reset_s, clean(answer.headers.get("poly-ratelimit-tier", ""), 20))


def _order_verdict(body: bytes, order_id: str) -> Verdict:
    try:
        refuse_ambiguous(body)
        placed = _placed.decode(body)
    except _UNREADABLE:
        return _unread(body, order_id)
    named, status = placed.order_id or "", (placed.status or "").lower()
    text = without_secrets(placed.error_message or placed.error or "", _TEXT_MAX)
    accepted = placed.success is True and bool(named) and status in _ACCEPTED
    if accepted and not text and named.lower() == order_id.lower():
        return Verdict(
            Fate.DONE,
            order_id=order_id,
            status=status,
            making=_amount(placed.making),
            taking=_amount(placed.taking),
            trade_ids=placed.trade_ids or (),
        )
    if accepted or (placed.success is not False and not text):
        said = f"{text} " if text else ""
        return Verdict(
            Fate.UNKNOWN,
            Cause.CONTRADICTION,
            f"{said}with success {placed.success}, order {clean(named, 80)!r}, status {clean(status, 20)!r}",
            order_id,
        )
    cause = cause_of(text)
    fate = {Cause.DUPLICATE: Fate.DONE, Cause.DELAYED: Fate.UNKNOWN}.get(cause, Fate.REFUSED)
    return Verdict(fate, cause, text or "refused without a reason", order_id)


def _unread(body: bytes, order_id: str = "") -> Verdict:
    return Verdict(Fate.UNKNOWN, Cause.MALFORMED, f"200 {_shown(body)}".strip(), order_id)


def _said(answer: Answer) -> tuple[str, str, int | None]:
    """Return the text of an answer that is no success, its code, and the seconds after which to try again."""
    retry_after_s = _integer(answer.headers.get("retry-after"))
    try:
        found = _error.decode(answer.body)
    except _UNREADABLE:
        return _shown(answer.body), "", retry_after_s
    return without_secrets(found.error, _TEXT_MAX), found.code, found.retry_after_seconds or retry_after_s


def _shown(body: bytes) -> str:
    return without_secrets(body[:1_000].decode(errors="replace"), _TEXT_MAX)


def _amount(told: object) -> int | None:
    """Read an amount of an order that was taken: empty is nothing, and what cannot be read is not worth an error."""
    if told is None or told == "":
        return 0
    try:
        return parse_size(told) if isinstance(told, str) else None
    except ValueError:
        return None


def _integer(text: str | None) -> int | None:
    try:
        return int(text) if text is not None and len(text) < 20 else None
    except ValueError:
        return None
