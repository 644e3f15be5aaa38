"""Integer prices, sizes and times, and the text in which the venue writes them.

Units: a price counts 1/10,000 of a dollar, a size counts millionths of a share, times are nanoseconds UTC.
"""

import re
from datetime import UTC, datetime
from typing import Final

ONE: Final = 10_000
SHARE: Final = 1_000_000
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000

TICKS: Final = (1_000, 100, 50, 25, 10, 1)
"""The grids of the venue, coarsest first."""

_DECIMAL: Final = re.compile(r"(?=\.?[0-9])([0-9]{0,12})(?:\.([0-9]{0,18}))?")


def decimal_text(value: int, digits: int) -> str:
    """Write a count of 10**-digits as the shortest decimal: (2300, 4) is `0.23`."""
    if value < 0:
        return "-" + decimal_text(-value, digits)
    whole, rest = divmod(value, 10**digits)
    if not rest:
        return str(whole)
    return f"{whole}.{rest:0{digits}d}".rstrip("0")


PRICE_TEXT: Final = tuple(decimal_text(price, 4) for price in range(ONE + 1))


def size_text(size: int) -> str:
    """Write a size in shares."""
    return str(size // SHARE) if not size % SHARE else decimal_text(size, 6)


def trade_price_text(price: int) -> str:
    """Write the price of a trade, which the venue pads to three decimals (`0.820`) and hashes in that form."""
    text = f"{price / ONE:.4f}"
    return text.removesuffix("0")


def ms_text(now_ns: int) -> str:
    """Write a time as the venue's millisecond string."""
    return str(now_ns // MILLISECOND)


def iso_text(now_ns: int) -> str:
    """Write a time as Gamma does: `2026-10-05T23:15:00Z`, with milliseconds where there are any."""
    moment = datetime.fromtimestamp(now_ns // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    rest = now_ns // MILLISECOND % 1_000
    return f"{moment}.{rest:03d}Z" if rest else f"{moment}Z"


def parse_decimal(text: str, digits: int) -> int:
    """Read plain decimal text (`0.48`, `.48`, `5`) as an exact count of 10**-digits. Raises ValueError."""
    match = _DECIMAL.fullmatch(text)
    whole, fraction = match.groups("") if match else ("", "")
    fraction = fraction.rstrip("0")
    if match is None or len(fraction) > digits:
        raise ValueError(f"{text!r} is not a decimal of at most {digits} places")
    return int(whole or "0") * 10**digits + int(fraction.ljust(digits, "0") or "0")


def parse_price(text: str) -> int:
    """Read a price in [0, 1]. Raises ValueError."""
    price = parse_decimal(text, 4)
    if price > ONE:
        raise ValueError(f"price {text!r} is above 1")
    return price


def parse_size(text: str) -> int:
    """Read a size in shares. Raises ValueError."""
    return parse_decimal(text, 6)
