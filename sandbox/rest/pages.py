"""Cursor paging: base64 of the offset, `MA==` for the first page, `LTE=` after the last one."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from sandbox.messages import HttpRequest
from sandbox.rest.refusals import Refused

LAST: Final = "LTE="

T = TypeVar("T")


def page(request: HttpRequest, items: Sequence[T], limit: int, shown: Callable[[T], Any]) -> dict[str, Any]:
    """The page of `items` that a call asks for by `next_cursor`. Raises Refused."""
    begin = offset(request.asked("next_cursor"))
    part = items[begin : begin + limit]
    end = begin + len(part)
    return {
        "limit": limit,
        "count": len(part),
        "next_cursor": cursor(end) if end < len(items) else LAST,
        "data": [shown(item) for item in part],
    }


def cursor(begin: int) -> str:
    """The cursor of the page that begins at an offset."""
    return b64encode(str(begin).encode()).decode()


def offset(text: str) -> int:
    """Where the page of a cursor begins; none is the first. Raises Refused."""
    if not text:
        return 0
    try:
        decoded = b64decode(text, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        decoded = ""
    if not decoded.isdecimal() or len(decoded) > 9:
        raise Refused(400, "Invalid next_cursor")
    return int(decoded)
