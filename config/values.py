"""From what a person writes to the exact value of a key, and back.

Why text and not the types of YAML: `0.1` must become exactly 1,000 ten-thousandths, `off` is a choice and not False,
and a value means the same in a file, in the environment and on the command line. The key says what a text is.
"""

import re
from decimal import Decimal
from typing import Any, Final

from config.registry import Key
from models.units import format_money, format_price, format_size

_PLACES: Final = {"shares": 6, "dollars": 6, "price": 4}
_SHOW: Final = {"shares": format_size, "dollars": format_money, "price": format_price}
MOST: Final = {
    "shares": 10**15, "dollars": 10**15, "price": 10**7, "ratio": 10**9,
    "ms": 10**12, "seconds": 10**9, "count": 10**15,
}  # fmt: skip
"""What no number is beyond, on either side of 0, in the key's own integers: more is a slip, whatever the key."""
_SWITCH: Final = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_DECIMAL: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
_WHOLE: Final = re.compile(r"[+-]?\d[\d_]*")
_NULL: Final = frozenset({"null", "~", "none"})
_WORDS: Final = {
    "shares": "shares as a plain decimal such as 5 or 0.5",
    "dollars": "dollars as a plain decimal such as 200 or 2.50",
    "price": "dollars per share as a plain decimal such as 0.48",
    "ms": "whole milliseconds",
    "seconds": "whole seconds",
    "count": "a whole number",
    "ratio": "a plain decimal such as 0.85",
    "switch": "true or false",
    "text": "text",
}


def parse(key: Key, given: object) -> Any:
    """Return the value of a key, from text or from what Python code gave.

    Raises:
        ValueError: it is none; the error says what would be right.
    """
    if given is None or (isinstance(given, str) and given.strip().lower() in _NULL and key.optional):
        if key.optional:
            return None
        raise ValueError(expected(key))
    if key.many:
        parts = given.split(",") if isinstance(given, str) else [str(part) for part in _listed(key, given)]
        return tuple(part.strip() for part in parts if part.strip())
    if isinstance(given, (list, tuple, dict)):
        raise ValueError(expected(key))
    value = _parse_one(key, _text(given))
    _check_bounds(key, value)
    return value


def show(key: Key, value: Any) -> str:
    """Return a value as a person writes it; `parse` takes it back."""
    if value is None:
        return "null"
    if key.many:
        return ", ".join(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _text(value)
    return _SHOW.get(key.unit, str)(value)


def expected(key: Key) -> str:
    """Say in words what a key takes."""
    if key.choices:
        words = "one of " + ", ".join(key.choices)
    elif key.many:
        words = "a list, or names between commas"
    else:
        words = _WORDS[key.unit]
    bounds = (
        ("at least", key.ge),
        ("more than", key.gt),
        ("at most", key.le),
        ("less than", key.lt),
    )
    limits = " and ".join(f"{words} {_show_bound(key, bound)}" for words, bound in bounds if bound is not None)
    words = f"{words}, {limits}" if limits else words
    return f"{words}, or null" if key.optional else words


def _parse_one(key: Key, text: str) -> Any:
    if key.unit in _PLACES:
        return _exact(key, text, _PLACES[key.unit])
    match key.unit:
        case "ms" | "seconds" | "count":
            if not _WHOLE.fullmatch(text):
                raise ValueError(expected(key))
            return _whole(key, text)
        case "ratio":
            if not _DECIMAL.fullmatch(text):
                raise ValueError(expected(key))
            return float(text)
        case "switch":
            if text.lower() not in _SWITCH:
                raise ValueError(expected(key))
            return _SWITCH[text.lower()]
        case "choice":
            found = next((choice for choice in key.choices if choice.lower() == text.lower()), None)
            if found is None:
                raise ValueError(expected(key))
            return found
        case _:
            if not text:
                raise ValueError(expected(key))
            return text


def _whole(key: Key, text: str) -> int:
    try:
        return int(text)
    except ValueError:  # of thousands of digits
        raise _beyond(key) from None


def _exact(key: Key, text: str, places: int) -> int:
    if not _DECIMAL.fullmatch(text):
        raise ValueError(expected(key))
    scaled = Decimal(text).scaleb(places)
    if scaled != int(scaled):
        raise ValueError(f"{expected(key)}, with at most {places} decimals")
    return int(scaled)


def _check_bounds(key: Key, value: Any) -> None:
    beyond = (
        (key.ge is not None and value < key.ge)
        or (key.gt is not None and value <= key.gt)
        or (key.le is not None and value > key.le)
        or (key.lt is not None and value >= key.lt)
    )
    if beyond:
        raise ValueError(expected(key))
    if key.unit in MOST and abs(value) > MOST[key.unit]:
        raise _beyond(key)


def _beyond(key: Key) -> ValueError:
    most = _show_bound(key, MOST[key.unit])
    return ValueError(expected(key) if key.le is not None or key.lt is not None else f"{expected(key)}, at most {most}")


def _text(given: object) -> str:
    """Write a number out in full, so that 1e-05 is read as the decimal that it is."""
    if isinstance(given, float):
        return format(Decimal(repr(given)), "f")
    return str(given).strip()


def _listed(key: Key, given: object) -> list[object] | tuple[object, ...]:
    if isinstance(given, (list, tuple)):
        return given
    raise ValueError(expected(key))


def _show_bound(key: Key, bound: float) -> str:
    return _SHOW[key.unit](int(bound)) if key.unit in _SHOW else _text(bound)
