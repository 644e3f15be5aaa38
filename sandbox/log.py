"""The append-only log of all that the exchange saw and did: the truth that others compare their journals with.

Level changes of the outside participants are not in it: seed and flags give them again, and the wire shows them.
Secrets and signatures are never in it.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec

_KEPT: Final = 1_000_000
"""Lines that are kept for reading back; beyond it the oldest go, and `first` says where the rest begins."""


class Log:
    """Lines of JSON: `{"n": 1, "at_ns": ..., "kind": "order_placed", ...}`, numbered from 1 without gaps."""

    def __init__(self) -> None:
        self.on_line: list[Callable[[str], None]] = []
        """Who gets every line as it is written, such as a file."""
        self._lines: deque[str] = deque(maxlen=_KEPT)
        self._written = 0

    @property
    def first(self) -> int:
        """The number of the oldest line that is kept."""
        return self._written - len(self._lines) + 1

    @property
    def last(self) -> int:
        """The number of the newest line."""
        return self._written

    def write(self, at_ns: int, kind: str, **facts: Any) -> None:
        """Add a line; `facts` is what JSON can say."""
        self._written += 1
        line = msgspec.json.encode({"n": self._written, "at_ns": at_ns, "kind": kind, **facts}).decode()
        self._lines.append(line)
        for told in self.on_line:
            told(line)

    def after(self, number: int, limit: int) -> list[str]:
        """At most `limit` lines that follow line `number`, oldest first."""
        begin = max(number - self.first + 1, 0)
        return [self._lines[index] for index in range(begin, min(begin + limit, len(self._lines)))]
