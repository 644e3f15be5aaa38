"""A made-up market channel, the same on every run: books of twenty levels, churn, a walking middle, and trades.

Why not the sandbox's worlds: the sandbox is the judge and is imported by the proofs alone. A measurement needs no
judge, only frames of the venue's form in which a maker quotes and is filled.
"""

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from models.markets import NO, YES, Market, Outcome
from models.messages.base import MarketId
from models.units import ONE, SHARE, Price, Size, format_price, format_size

START_NS = 1_750_000_000_000_000_000
LEVELS = 20
_MS = 1_000_000
_TICK: Price = 100
_TOUCH = (20, 60)
_DEPTH = (40, 200)
_OTHER = {"BUY": "SELL", "SELL": "BUY"}

Later = Callable[[int], None]
"""What happens at a time, in nanoseconds."""


def markets(number: int) -> tuple[Market, ...]:
    """Return so many markets of the stream."""
    return tuple(
        Market(f"bench-{index}", f"bench-{index}", (str(10**76 + 2 * index), str(10**76 + 2 * index + 1)))
        for index in range(number)
    )


def tokens(traded: tuple[Market, ...]) -> dict[str, tuple[MarketId, Outcome]]:
    """Return what a codec must know of markets."""
    known: dict[str, tuple[MarketId, Outcome]] = {}
    for market in traded:
        known[market.token_ids[0]] = (market.id, YES)
        known[market.token_ids[1]] = (market.id, NO)
    return known


def frames(traded: tuple[Market, ...], seconds: float, seed: int = 1) -> Iterator[tuple[int, bytes]]:
    """Yield the time and the bytes of each frame of so many seconds of trading, in order of time."""
    agenda = _Agenda(START_NS)
    said: list[tuple[int, bytes]] = []
    for index, market in enumerate(traded):
        _Crowd(market, Random(f"{seed}/{index}"), agenda, lambda at_ns, frame: said.append((at_ns, frame)))
    end_ns = START_NS + int(seconds * 1e9)
    while agenda.next_ns < end_ns:
        agenda.run_next()
        yield from said
        said.clear()


def write_recording(path: Path, number: int, seconds: float) -> int:
    """Write a recording, one frame a line, and return how many frames it holds."""
    lines = [frame for _, frame in frames(markets(number), seconds)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return len(lines)


class _Agenda:
    def __init__(self, start_ns: int) -> None:
        self._due: list[tuple[int, int, Later]] = []
        self._numbers = count()
        self.now_ns = start_ns

    @property
    def next_ns(self) -> int:
        return self._due[0][0]

    def after(self, ms: float, what: Later) -> None:
        heappush(self._due, (self.now_ns + int(ms) * _MS, next(self._numbers), what))

    def run_next(self) -> None:
        self.now_ns, _, what = heappop(self._due)
        what(self.now_ns)


class _Crowd:
    """The outside makers and takers of one market; prices are of YES, NO is its mirror."""

    def __init__(self, market: Market, random: Random, agenda: _Agenda, say: Callable[[int, bytes], None]) -> None:
        self._market = market
        self._random = random
        self._agenda = agenda
        self._say = say
        self._bid = random.randrange(35, 60) * _TICK
        self._spread = random.choice((1, 1, 2, 3)) * _TICK
        self._sizes: dict[tuple[str, Price], Size] = {}
        self._changed: dict[tuple[str, Price], None] = {}
        self._settle()
        agenda.after(random.uniform(0, 100), self._open)

    def _open(self, now_ns: int) -> None:
        self._changed.clear()
        self._say_books(now_ns)
        self._again(1_000, self._walk)
        self._again(120, self._churn)
        self._again(500, self._trade)

    def _again(self, mean_ms: float, what: Later) -> None:
        self._agenda.after(mean_ms * self._random.uniform(0.5, 1.5), what)

    def _walk(self, now_ns: int) -> None:
        """Move the touch by a tick."""
        step = self._random.choice((-_TICK, _TICK))
        if 2_500 <= self._bid + step <= 7_000:
            self._bid += step
        self._settle()
        self._say_changes(now_ns)
        self._again(1_000, self._walk)

    def _churn(self, now_ns: int) -> None:
        """Change a level or two behind the touch."""
        for _ in range(self._random.choice((1, 1, 2))):
            side = self._random.choice(("BUY", "SELL"))
            self._set(side, self._price(side, self._random.randrange(1, LEVELS)), self._shares(_DEPTH))
        self._say_changes(now_ns)
        self._again(120, self._churn)

    def _trade(self, now_ns: int) -> None:
        """Let a taker trade with the touch: a smaller level first, its print a little later, then the level refills."""
        taker = self._random.choice(("BUY", "SELL"))
        side = _OTHER[taker]
        price = self._price(side, 0)
        standing = self._sizes[side, price]
        size = min(self._random.randrange(1, 21) * SHARE, standing - SHARE)
        self._again(500, self._trade)
        if not size:
            return
        self._set(side, price, standing - size)
        self._say_changes(now_ns)
        self._agenda.after(self._random.uniform(5, 40), lambda at_ns: self._say_print(taker, price, size, at_ns))
        self._agenda.after(self._random.uniform(150, 350), self._refill)

    def _refill(self, now_ns: int) -> None:
        self._settle()
        self._say_changes(now_ns)

    def _settle(self) -> None:
        """Stand around the wanted touch with twenty levels a side; leaving comes before arriving."""
        wanted = {(side, self._price(side, level)) for side in _OTHER for level in range(LEVELS)}
        for at in [at for at in self._sizes if at not in wanted]:
            self._set(*at, 0)
        for side, price in sorted(wanted):
            at_touch = price == self._price(side, 0)
            standing = self._sizes.get((side, price), 0)
            if not standing or (at_touch and not _TOUCH[0] * SHARE <= standing <= _TOUCH[1] * SHARE):
                self._set(side, price, self._shares(_TOUCH if at_touch else _DEPTH))

    def _price(self, side: str, level: int) -> Price:
        return self._bid - level * _TICK if side == "BUY" else self._bid + self._spread + level * _TICK

    def _shares(self, bounds: tuple[int, int]) -> Size:
        return self._random.randint(*bounds) * SHARE

    def _set(self, side: str, price: Price, size: Size) -> None:
        if size:
            self._sizes[side, price] = size
        else:
            del self._sizes[side, price]
        self._changed[side, price] = None

    def _say_books(self, now_ns: int) -> None:
        for outcome, token in enumerate(self._market.token_ids):
            bids, asks = (
                [
                    {"price": format_price(_shown(price, outcome)), "size": format_size(size)}
                    for (side, price), size in sorted(self._sizes.items())
                    if side == wanted
                ]
                for wanted in (("BUY", "SELL") if outcome == 0 else ("SELL", "BUY"))
            )
            self._frame("book", now_ns, asset_id=token, hash="", bids=bids, asks=asks)

    def _say_changes(self, now_ns: int) -> None:
        changes = [
            {
                "asset_id": token,
                "price": format_price(_shown(price, outcome)),
                "size": format_size(self._sizes.get((side, price), 0)),
                "side": side if outcome == 0 else _OTHER[side],
                "hash": "",
            }
            for side, price in self._changed
            for outcome, token in enumerate(self._market.token_ids)
        ]
        self._changed.clear()
        if changes:
            self._frame("price_change", now_ns, price_changes=changes)

    def _say_print(self, taker: str, price: Price, size: Size, now_ns: int) -> None:
        outcome = self._random.randrange(2)
        self._frame(
            "last_trade_price",
            now_ns,
            asset_id=self._market.token_ids[outcome],
            price=format_price(_shown(price, outcome)),
            size=format_size(size),
            side=taker if outcome == 0 else _OTHER[taker],
            transaction_hash=f"0x{now_ns:x}",
        )

    def _frame(self, kind: str, now_ns: int, **fields: Any) -> None:
        frame = {"event_type": kind, "market": self._market.slug, "timestamp": str(now_ns // _MS), **fields}
        self._say(now_ns, msgspec.json.encode(frame))


def _shown(price: Price, outcome: int) -> Price:
    return price if outcome == 0 else ONE - price
