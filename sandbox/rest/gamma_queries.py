"""What a listing of Gamma is asked for: filters, order, and pages by offset or by cursor.

Why a cursor holds values and not an offset: it goes on after the last item that was shown, whatever was listed or
resolved meanwhile. A bad value raises ValueError, which is answered with a 422.
"""

import binascii
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

import msgspec

from sandbox import wire
from sandbox.units import SECOND

Query = Mapping[str, Sequence[str]]
T = TypeVar("T")

Filter = Callable[[T, Sequence[str]], bool]
"""Whether an item is wanted, by the values of a parameter."""

_LIMIT: Final = 20
_OFFSET_LIMIT_MAX: Final = 500
_KEYSET_LIMIT_MAX: Final = 100


class Listing(Generic[T]):
    """How one kind of object is chosen and ordered; `orders` are keyed by small letters without underscores."""

    def __init__(
        self,
        filters: Mapping[str, Filter[T]],
        orders: Mapping[str, Callable[[T], Any]],
        number: Callable[[T], int],
        defaults: Query,
    ) -> None:
        self._filters = filters
        self._orders = orders
        self._number = number
        self._defaults = defaults

    def by_offset(self, items: Sequence[T], query: Query) -> list[T]:
        """The page that `offset` and `limit` cut out."""
        found = self._ordered(items, query)
        begin = count(query, "offset", 0)
        return found[begin : begin + min(count(query, "limit", _LIMIT), _OFFSET_LIMIT_MAX)]

    def by_cursor(self, items: Sequence[T], query: Query) -> tuple[list[T], str | None]:
        """The page after `after_cursor`, and the cursor of the next one when this one is full."""
        if "offset" in query:
            raise ValueError("offset is not allowed on keyset endpoints")
        limit = min(count(query, "limit", _LIMIT), _KEYSET_LIMIT_MAX)
        if not limit:
            raise ValueError("limit must be at least 1")
        found = self._ordered(items, query)
        after = query.get("after_cursor")
        begin = self._after(found, query, after[-1]) if after else 0
        part = found[begin : begin + limit]
        return part, _encoded(self._place(part[-1], query)) if len(part) == limit else None

    def _ordered(self, items: Sequence[T], query: Query) -> list[T]:
        query = {**self._defaults, **query}
        asked = [(self._filters[name], values) for name, values in query.items() if name in self._filters and values]
        found = [item for item in items if all(wanted(item, values) for wanted, values in asked)]
        found.sort(key=lambda item: self._place(item, query), reverse=self._descends(query))
        return found

    def _place(self, item: T, query: Query) -> list[Any]:
        return [*(key(item) for key in self._keys(query)), self._number(item)]

    def _keys(self, query: Query) -> list[Callable[[T], Any]]:
        names = [name for text in query.get("order", ()) for name in text.split(",") if name.strip()]
        wanted = [self._orders.get(name.strip().replace("_", "").lower()) for name in names]
        if None in wanted:
            raise ValueError("order fields are not valid")
        return [key for key in wanted if key is not None]

    def _descends(self, query: Query) -> bool:
        return bool(query.get("order")) and not truth(query.get("ascending", ("true",)))

    def _after(self, found: list[T], query: Query, text: str) -> int:
        place = _decoded(text)
        try:
            ahead = (
                (lambda item: self._place(item, query) < place)
                if self._descends(query)
                else (lambda item: self._place(item, query) > place)
            )
            return next((index for index, item in enumerate(found) if ahead(item)), len(found))
        except TypeError:
            # The cursor of another order.
            raise ValueError("cursor is invalid") from None


def truth(values: Sequence[str]) -> bool:
    """A parameter that is true or false."""
    text = values[-1].lower()
    if text not in ("true", "false", "1", "0"):
        raise ValueError(f"expected true or false, found {values[-1]}")
    return text in ("true", "1")


def amount(values: Sequence[str]) -> float:
    """A parameter that is a number."""
    found = float(values[-1])
    if math.isnan(found):
        raise ValueError("expected a number")
    return found


def moment(values: Sequence[str]) -> int:
    """A parameter that is a time, as nanoseconds; without a zone it is UTC."""
    found = datetime.fromisoformat(values[-1])
    zoned = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return int(zoned.timestamp()) * SECOND


def count(query: Query, name: str, default: int) -> int:
    """A parameter that counts something."""
    values = query.get(name)
    if not values:
        return default
    if not values[-1].isdecimal() or len(values[-1]) > 9:
        raise ValueError(f"{name} must be a number >= 0")
    return int(values[-1])


def _encoded(place: list[Any]) -> str:
    return urlsafe_b64encode(msgspec.json.encode(place)).decode()


def _decoded(text: str) -> list[Any]:
    try:
        return wire.decode(urlsafe_b64decode(text), list[Any])
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise ValueError("cursor is invalid") from None
