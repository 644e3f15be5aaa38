"""From when on: `30m`, `2h`, `7d` ago, or a day or time in UTC."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from surfaces.cli.errors import CommandError

_AGO: Final = re.compile(r"(\d{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_NS_MAX: Final = (1 << 63) - 1
"""A database knows no later time."""
_LIMIT_MAX: Final = 1_000_000

Since = Annotated[
    str | None, Parameter(name="--since", help="From then on: 30m, 2h, 7d, 2026-08-01, 2026-08-01T14:03:22Z.")
]
Limit = Annotated[
    int, Parameter(name="--limit", help="At most so many, the newest.", validator=Number(gte=1, lte=_LIMIT_MAX))
]


def since_ns(text: str | None, now_ns: int) -> int:
    """Return when that was; 0 without a text. Raises CommandError `usage`."""
    if text is None:
        return 0
    ago = _AGO.fullmatch(text)
    if ago is not None:
        back = timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return max(0, now_ns - int(back.total_seconds()) * 1_000_000_000)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError("usage", f"no time: {text!r}", "write 30m, 2h, 7d, or 2026-08-01") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return min(max(0, round(found.timestamp() * 1e9)), _NS_MAX)
