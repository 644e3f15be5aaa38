"""Whether the venue takes orders at the moment, by its own words.

Why a mode without an end is tried again: nobody tells when it is over. After a pause one order goes as the question; if
it hears the same, the pause doubles. Why not so when it has shut us out, or lets us only close: an answer like that is
meant for us, and asking again and again is no answer to it. A person looks, and says `resume`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from models.cells import TradingState
from models.markets import Side
from models.messages.lanes import VenueMode, VenueModeSeen
from models.messages.orders import PlaceOrder
from models.stops import Refusal

_MS: Final = 1_000_000

STATES: Final[Mapping[VenueMode, TradingState]] = MappingProxyType(
    {
        "cancel_only": TradingState.CANCEL_ONLY,
        "disabled": TradingState.HALTED,
        "blocked": TradingState.HALTED,
        "closed_only": TradingState.REDUCING,
    }
)
"""What a mode makes of our own trading state. In the others some orders still pass, and the venue says how long."""

PERSONAL: Final[frozenset[VenueMode]] = frozenset({"blocked", "closed_only"})
"""Modes that are meant for us and stay until a person says `resume`."""


class GrowingPause:
    """A pause that doubles with each refusal after it, for many requests may hear the same one."""

    def __init__(self, first_ms: int, max_ms: int) -> None:
        self._first_ns, self._max_ns = first_ms * _MS, max_ms * _MS
        self._pause_ns = 0

    def refused(self, at_ns: int, until_ns: int) -> int:
        """Return until when to wait after a refusal at that time, where the last pause went until `until_ns`."""
        if at_ns >= until_ns:
            self._pause_ns = min(max(2 * self._pause_ns, self._first_ns), self._max_ns)
        return at_ns + self._pause_ns

    def over(self) -> None:
        """Begin with the first pause again."""
        self._pause_ns = 0


class VenueGate:
    """The venue's last word on what it takes, and until when it is believed."""

    def __init__(self, pause_first_ms: int, pause_max_ms: int) -> None:
        self._pause = GrowingPause(pause_first_ms, pause_max_ms)
        self.mode: VenueMode = "normal"
        self.until_ns: int | None = 0
        """When it is asked again; None: once a person has said so."""
        self._text = ""

    @property
    def state(self) -> TradingState:
        """What it makes of our own trading state."""
        return STATES.get(self.mode, TradingState.ACTIVE)

    def seen(self, seen: VenueModeSeen) -> None:
        """Believe it, but for a word that another one, meant for us, outweighs."""
        if seen.mode == "normal":
            self.resume()
        elif seen.mode in PERSONAL:
            self.mode, self._text, self.until_ns = seen.mode, seen.text, None
        elif self.until_ns is not None:
            paused_ns = self._pause.refused(seen.at_ns, self.until_ns)
            until_ns = paused_ns if seen.until_ns is None else seen.until_ns
            self.until_ns = until_ns if seen.mode != self.mode else max(until_ns, self.until_ns)
            self.mode, self._text = seen.mode, seen.text

    def resume(self) -> None:
        """Take it for granted that it takes orders."""
        self.mode, self.until_ns = "normal", 0
        self._pause.over()

    def refusal(self, placed: PlaceOrder, now_ns: int) -> Refusal | None:
        """Return why an order would not be taken, None where it may be."""
        if self.mode == "normal" or (self.until_ns is not None and now_ns >= self.until_ns):
            return None
        if self.mode == "post_only" and placed.post_only:
            return None
        if self.mode == "closed_only" and placed.side is Side.SELL:
            return None
        return Refusal(self.mode, f"{self._text or 'the venue said so'}; {self._again(now_ns)}")

    def _again(self, now_ns: int) -> str:
        if self.until_ns is None:
            return "asked again after `resume`"
        return f"asked again in {-(-(self.until_ns - now_ns) // _MS)} ms"
