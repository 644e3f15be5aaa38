"""Entries that stand twice in a chain, because a commit that seemed to have failed had not, and was made again.

Only what adds up is looked at: a fill or a merge that is learned twice is money that nobody has. The last word on an
order is the last word however often it is said.
"""

from models.messages.base import Message
from models.messages.orders import FillCounted, FillSettled, FillVoided, MergeChanged

_COUNTED, _SETTLED = 1, 2


class Repeats:
    """Is shown every entry of a chain in its order."""

    def __init__(self) -> None:
        self._fills: dict[tuple[str, str], int] = {}
        self._merges: set[tuple[str, str, int]] = set()

    def is_news(self, entry: Message) -> bool:
        """Whether an entry says what those before it have not said yet."""
        match entry:
            case FillCounted():
                return self._moves(entry, 0, _COUNTED)
            case FillSettled():
                return self._moves(entry.fill, _COUNTED, _SETTLED)
            case FillVoided():
                return self._moves(entry.fill, _COUNTED, 0)
            case MergeChanged():
                step = (entry.operation, entry.state, entry.size)
                if step in self._merges:
                    return False
                self._merges.add(step)
                return True
            case _:
                return True

    def _moves(self, fill: FillCounted, before: int, after: int) -> bool:
        at = (fill.trade_id, fill.order_id)
        if self._fills.get(at, 0) != before:
            return False
        self._fills[at] = after
        return True
