"""Whether the venue takes orders at the moment, by its own words.

Why a mode without an end is tried again: nobody tells when it is over. After a pause one order goes as the question; if
it hears the same, the pause doubles.
"""

from typing import Final

from models.messages.lanes import VenueMode, VenueModeSeen
from models.messages.orders import PlaceOrder
from models.stops import Refusal

_MS: Final = 1_000_000


class VenueGate:
    """The venue's last word on what it takes, and until when it is believed."""

    def __init__(self, pause_first_ms: int, pause_max_ms: int) -> None:
        self._first_ns, self._max_ns = pause_first_ms * _MS, pause_max_ms * _MS
        self.mode: VenueMode = "normal"
        self._text = ""
        self._until_ns = 0
        self._pause_ns = 0

    def seen(self, seen: VenueModeSeen) -> None:
        """Believe it; only a word after the pause doubles the pause, for many orders may hear the same one."""
        if seen.mode == "normal":
            self.mode, self._until_ns, self._pause_ns = "normal", 0, 0
            return
        if seen.at_ns >= self._until_ns:
            self._pause_ns = min(max(2 * self._pause_ns, self._first_ns), self._max_ns)
        until_ns = seen.at_ns + self._pause_ns if seen.until_ns is None else seen.until_ns
        self._until_ns = until_ns if seen.mode != self.mode else max(until_ns, self._until_ns)
        self.mode, self._text = seen.mode, seen.text

    def refusal(self, placed: PlaceOrder, now_ns: int) -> Refusal | None:
        """Return why an order would not be taken, None where it may be."""
        if self.mode == "normal" or now_ns >= self._until_ns:
            return None
        if self.mode == "post_only" and placed.post_only:
            return None
        return Refusal(self.mode, f"{self._text or 'the venue said so'}; asked again in {self._left_ms(now_ns)} ms")

    def _left_ms(self, now_ns: int) -> int:
        return -(-(self._until_ns - now_ns) // _MS)
