"""Frames of a market in the words of its venue, and a book that is fed with them."""

from collections.abc import Mapping
from typing import Any, TypeVar

from models.book import BookMachine
from models.book_parameters import BookParameters
from models.markets import YES, Market, Outcome, Side
from models.messages.base import Message
from models.messages.market import BookFrame, BookUpdated, LevelChange, LevelsChanged, TradePrinted
from models.messages.runtime import WakeAt, Woke
from models.units import parse_price, parse_size

M = "market"
MS = 1_000_000
START_MS = 1_750_000_000_000
MARKET = Market(M, "slug", ("1", "2"))

Levels = Mapping[str, str | int]
AnyMessage = TypeVar("AnyMessage", bound=Message)


def full(outcome: Outcome, bids: Levels, asks: Levels, at_ms: int = 0, **more: Any) -> BookFrame:
    """Return a full book; `at_ms` counts from the start of the test."""
    return BookFrame(
        M,
        outcome,
        tuple(sorted((parse_price(price), parse_size(str(size))) for price, size in bids.items())),
        tuple(sorted(((parse_price(price), parse_size(str(size))) for price, size in asks.items()), reverse=True)),
        START_MS + at_ms,
        (START_MS + at_ms) * MS,
        **more,
    )


def mirror(frame: BookFrame, **more: Any) -> BookFrame:
    """Return the other token's book of the same moment."""
    return BookFrame(
        M,
        1 - frame.outcome,  # pyright: ignore[reportArgumentType]
        tuple((10_000 - price, size) for price, size in frame.asks),
        tuple((10_000 - price, size) for price, size in frame.bids),
        frame.timestamp_ms,
        frame.received_ns,
        **more,
    )


def changed(
    *changes: tuple[Outcome, Side, str, str | int], at_ms: int = 0, hashes: tuple[str, ...] = ()
) -> LevelsChanged:
    """Return level changes of one frame: (outcome, side, price, new total)."""
    return LevelsChanged(
        M,
        tuple(
            LevelChange(outcome, side, parse_price(price), parse_size(str(size)), hashes[index] if hashes else "")
            for index, (outcome, side, price, size) in enumerate(changes)
        ),
        START_MS + at_ms,
        (START_MS + at_ms) * MS,
    )


def both(side: Side, price: str, size: str | int, at_ms: int = 0) -> LevelsChanged:
    """Return a change of a YES level with its mirror, as the venue sends it."""
    mirrored = parse_price("1") - parse_price(price)
    other = Side.SELL if side is Side.BUY else Side.BUY
    frame = changed((YES, side, price, size), at_ms=at_ms)
    change = frame.changes[0]
    changes = (change, LevelChange(1, other, mirrored, change.size))
    return LevelsChanged(M, changes, frame.timestamp_ms, frame.received_ns)


def printed(
    outcome: Outcome, side: Side, price: str, size: str | int, at_ms: int = 0, transaction: str = ""
) -> TradePrinted:
    """Return a print."""
    at = START_MS + at_ms
    return TradePrinted(
        M, outcome, side, parse_price(price), parse_size(str(size)), at, at * MS, transaction, price_text=price
    )


class Fed:
    """A book with a clock and timers: each message is stepped at its own time, after the deadlines before it."""

    def __init__(self, market: Market = MARKET, *, restarted: bool = False, **parameters: Any) -> None:
        self.book = BookMachine(market, BookParameters(**parameters), restarted=restarted)
        self.now_ns = START_MS * MS
        self.said: list[Message] = []
        self._due: dict[str, int] = {}

    def take(self, *messages: Message) -> list[Message]:
        """Step messages; return what was said to them."""
        before = len(self.said)
        for message in messages:
            self._advance(getattr(message, "received_ns", self.now_ns))
            self._keep(self.book.step(message, self.now_ns))
        return self.said[before:]

    def until(self, at_ms: int) -> list[Message]:
        """Let time pass; return what was said at the deadlines."""
        before = len(self.said)
        self._advance((START_MS + at_ms) * MS)
        return self.said[before:]

    @property
    def seen(self) -> BookUpdated:
        """What strategies see now."""
        return [message for message in self.said if isinstance(message, BookUpdated)][-1]

    def of(self, kind: type[AnyMessage]) -> list[AnyMessage]:
        """Return all that was said of one kind."""
        return [message for message in self.said if isinstance(message, kind)]

    def _advance(self, end_ns: int) -> None:
        while self._due and min(self._due.values()) <= end_ns:
            timer = min(self._due, key=lambda name: self._due[name])
            self.now_ns = max(self.now_ns, self._due.pop(timer))
            self._keep(self.book.step(Woke(timer=timer), self.now_ns))
        self.now_ns = max(self.now_ns, end_ns)

    def _keep(self, out: tuple[Message, ...]) -> None:
        for message in out:
            if isinstance(message, WakeAt):
                assert message.at_ns is not None
                self._due[message.timer] = message.at_ns
            self.said.append(message)
