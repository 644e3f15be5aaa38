"""Requests of one account to the CLOB: signed, sent once, and read whole or not at all.

Why a failed read raises: "could not read" is not "there is none". An empty list of open orders makes the executor drop
orders, so it may not come out of an error, a missing page or a cursor that goes round.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar

import msgspec

from actors.runtime.clock import Clock
from actors.venues.gated_transport import AnswerLost, NotSent
from actors.venues.http_client import Answer, HttpClient
from actors.venues.polymarket.clob_answers import END, Page
from actors.venues.polymarket.credentials import Credentials, l1_headers, l2_headers
from actors.venues.polymarket.orders import Account
from actors.venues.polymarket.outcomes import Heard, rate_limit, request_verdict
from actors.venues.polymarket.verdicts import ADVICE, Cause, Fate, RateLimit, Verdict
from models.strict_json import AmbiguousJson, refuse_ambiguous
from models.text import clean

Shape = TypeVar("Shape")

PAGES_MAX: Final = 100
_FIRST: Final = "MA=="
_S: Final = 1_000_000_000


class ReadFailed(Exception):
    """A read gave nothing that can be used; `verdict` says why. It says nothing about what was asked."""

    def __init__(self, what: str, verdict: Verdict) -> None:
        advice = ADVICE.get(verdict.cause)
        super().__init__(f"{what}: {verdict.text or verdict.cause}" + (f" ({advice})" if advice else ""))
        self.verdict = verdict


class ClobSession:
    """One lane's connection to the CLOB, and the account that it speaks for. `within_s` is the whole time of each call.

    `clock_offset_s` is added to our own seconds in the headers that sign; `rate_limit` is what the venue's limiter said
    last, None before it said anything.
    """

    def __init__(
        self,
        http: HttpClient,
        account: Account,
        clock: Clock,
        credentials: Credentials | None = None,
        *,
        within_s: float = 5.0,
        pages_max: int = PAGES_MAX,
    ) -> None:
        self.http = http
        self.account = account
        self.credentials = credentials
        self.clock_offset_s = 0
        self.rate_limit: RateLimit | None = None
        self.within_s = within_s
        self._clock = clock
        self._pages_max = pages_max

    def hear(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Heard:
        """Send a request that is signed with the API secret."""
        if self.credentials is None:
            raise RuntimeError("the API key of the account is not known yet")
        headers = l2_headers(self.credentials, self.account.key.address, self.now_s(), method, path, body or b"")
        return self.exchange(method, path, query=query, headers=headers, body=body)

    def hear_l1(self, method: str, path: str, nonce: int) -> Heard:
        """Send a request that the account itself signs."""
        headers = l1_headers(self.account.key, self.account.chain_id, self.now_s(), nonce)
        return self.exchange(method, path, headers=headers)

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Heard:
        """Send a request once and return what came of it."""
        try:
            answer = self.http.exchange(method, path, within_s=self.within_s, query=query, headers=headers, body=body)
        except (NotSent, AnswerLost) as failure:
            return failure
        self.rate_limit = rate_limit(answer) or self.rate_limit
        return answer

    def read(self, path: str, kind: type[Shape], query: Mapping[str, str] | None = None) -> Shape:
        """Read something of the account. Raises ReadFailed."""
        return decoded(path, succeeded(path, self.hear("GET", path, query=query)), kind)

    def read_public(self, path: str, kind: type[Shape], query: Mapping[str, str] | None = None) -> Shape:
        """Read what anybody may. Raises ReadFailed."""
        return decoded(path, succeeded(path, self.exchange("GET", path, query=query)), kind)

    def read_pages(self, path: str, kind: type[Page[Shape]], query: Mapping[str, str]) -> list[Shape]:
        """Read a list of the account to its last page. Raises ReadFailed."""
        return [item for page in self.pages(path, kind, query) for item in page]

    def pages(self, path: str, kind: type[Page[Shape]], query: Mapping[str, str]) -> Iterator[list[Shape]]:
        """Read a list page by page, for who has other things to do in between. It is whole once this has ended.

        Raises ReadFailed.
        """
        cursor, seen = _FIRST, {""}
        for _ in range(self._pages_max):
            seen.add(cursor)
            page = self.read(path, kind, {**query, "next_cursor": cursor})
            yield page.data
            cursor = page.next_cursor
            if cursor == END:
                return
            if cursor in seen:
                raise malformed(path, f"the cursor {cursor[:40]!r} comes again")
        raise malformed(path, f"more than {self._pages_max} pages")

    def now_s(self) -> int:
        """Seconds UTC by the venue's clock, as far as it is known."""
        return self._clock.now_ns() // _S + self.clock_offset_s


def succeeded(what: str, heard: Heard) -> Answer:
    """Return the answer to a read that went well. Raises ReadFailed."""
    verdict = request_verdict(heard)
    if not isinstance(heard, Answer) or verdict.fate is not Fate.DONE:
        raise ReadFailed(what, verdict)
    return heard


def decoded(what: str, answer: Answer, kind: type[Shape]) -> Shape:
    """Return the body of an answer as a value. Raises ReadFailed where it is none."""
    try:
        refuse_ambiguous(answer.body)
        return _decoder(kind).decode(answer.body)
    except (msgspec.DecodeError, AmbiguousJson, RecursionError) as error:
        raise malformed(what, str(error)) from error


def malformed(what: str, why: str) -> ReadFailed:
    """Return the error for an answer that means nothing."""
    return ReadFailed(what, Verdict(Fate.UNKNOWN, Cause.MALFORMED, clean(why)))


@lru_cache(maxsize=64)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    # Not strict: the venue writes some numbers as text and some of them at times as numbers.
    return msgspec.json.Decoder(kind, strict=False)
