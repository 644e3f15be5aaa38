"""Frames in: what decoding costs against a bare JSON parser (P4), and a ladder against a peer's book (P5).

The peer lives in its own environment, because it brings a hundred megabytes and pins of its own: `peers` makes it in
the user's cache folder, once.
"""

import importlib
import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

from actors.runtime.clock import monotonic_ns
from actors.venues.polymarket.codec import Codec
from models.ladder import Ladder
from models.markets import NO, YES
from models.messages.market import LevelsChanged
from models.units import ONE, SHARE, TICKS, Price, Size, format_price, format_size

NAUTILUS: Final = "nautilus_trader==1.221.0"
"""The last release for Python 3.11."""

_SCRIPT: Final = Path(__file__).with_name("nautilus_book.py")
_TURNS: Final = 15
_TOKENS: Final = ("7132" + "0" * 72, "5211" + "0" * 72)

Change = tuple[bool, Price, Size]
"""Whether a bid, its price, its new size."""


class PeerMissing(Exception):
    """What a comparison needs is not there; the text says why."""


def decode(frames: int = 2_000) -> dict[str, float]:
    """Measure P4 once: nanoseconds from bytes to a typed message with integers, against orjson on the same bytes.

    Raises PeerMissing without orjson.
    """
    try:
        loads: Callable[[bytes], Any] = importlib.import_module("orjson").loads
    except ImportError as error:
        raise PeerMissing("orjson is not installed: pip install orjson") from error
    raws = [_frame(Random(number)) for number in range(frames)]
    codec = Codec({_TOKENS[0]: ("market", YES), _TOKENS[1]: ("market", NO)})
    if not all(isinstance(message, LevelsChanged) for raw in raws for message in codec.decode(raw, 0)):
        raise AssertionError("a frame of the measurement was not understood")

    def ours() -> None:
        for raw in raws:
            codec.decode(raw, 0)

    def theirs() -> None:
        for raw in raws:
            loads(raw)

    ours_ns, theirs_ns = _fastest_in_turns(ours, theirs)
    return {"ratio": ours_ns / theirs_ns, "ours_ns": ours_ns / frames, "orjson_ns": theirs_ns / frames}


def book(changes: int = 10_000) -> dict[str, float]:
    """Measure P5 once: a change and both best prices against the peer, `ratio` on the worst of all ticks.

    `gap_ratio` is that of the worst case of all: every change removes or restores a best price whose next one is at the
    other end of the finest grid. Raises PeerMissing where the peer's environment cannot be made.
    """
    python = peers()
    found: dict[str, float] = {"ratio": 0.0}
    for tick in TICKS:
        opening = [(is_bid, _level(tick, is_bid, depth), SHARE) for is_bid in (True, False) for depth in range(20)]
        ours_ns, theirs_ns = _book_ns(python, tick, opening, _churn(tick, changes))
        if ours_ns / theirs_ns > found["ratio"]:
            found |= {"ratio": ours_ns / theirs_ns, "ours_ns": ours_ns, "nautilus_ns": theirs_ns}
    tick = TICKS[-1]
    ends: list[Change] = [(True, tick, SHARE), (True, ONE - tick, SHARE)]
    ours_ns, theirs_ns = _book_ns(
        python, tick, ends, [(True, ONE - tick, size) for size in (0, SHARE)] * (changes // 2)
    )
    return found | {"gap_ratio": ours_ns / theirs_ns, "gap_ours_ns": ours_ns, "gap_nautilus_ns": theirs_ns}


def peers() -> Path:
    """Make the peer's environment where it is not there yet, and return its Python. Raises PeerMissing."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = (
        cache / "keel" / "peers" / f"{NAUTILUS.replace('==', '-')}-py{sys.version_info.major}{sys.version_info.minor}"
    )
    python = folder / "bin" / "python"
    if (folder / "ready").exists():
        return python
    venv.create(folder, clear=True, with_pip=True)
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", NAUTILUS],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if installed.returncode:
        raise PeerMissing(f"{NAUTILUS} cannot be installed: {installed.stderr.strip().splitlines()[-1:]}")
    (folder / "ready").touch()
    return python


def _frame(random: Random) -> bytes:
    """Return a level change of both tokens as the venue writes it, about 600 bytes."""
    price = random.randrange(1, 100) * 100
    size = format_size(random.choice((0, random.randrange(1, 500) * SHARE, random.randrange(SHARE, 10**11))))
    sides = random.choice((("BUY", "SELL"), ("SELL", "BUY")))
    entries = [
        {
            "asset_id": token, "price": format_price(quoted), "size": size, "side": side,
            "hash": f"{random.getrandbits(160):040x}", "best_bid": "0.48", "best_ask": "0.5",
        }
        for token, side, quoted in zip(_TOKENS, sides, (price, ONE - price), strict=True)
    ]  # fmt: skip
    market = f"0x{random.getrandbits(256):064x}"
    return json.dumps(
        {"market": market, "price_changes": entries, "timestamp": "1757908892351", "event_type": "price_change"}
    ).encode()


def _level(tick: Price, is_bid: bool, depth: int) -> Price:
    """Return the price so many ticks behind the touch around 0.50, or the last one on that side of the grid."""
    bid = (ONE // tick // 2 - 1) * tick
    return max(bid - depth * tick, tick) if is_bid else min(bid + (1 + depth) * tick, ONE - tick)


def _churn(tick: Price, changes: int) -> list[Change]:
    """Return changes near the touch, one in six a removal, as recorded books have them."""
    random = Random(tick)
    found: list[Change] = []
    for _ in range(changes):
        is_bid = random.random() < 0.5
        depth = int(random.expovariate(0.25))
        size = 0 if random.random() < 0.18 else random.randrange(1, 10**9)
        found.append((is_bid, _level(tick, is_bid, depth), size))
    return found


def _book_ns(python: Path, tick: Price, opening: list[Change], changes: list[Change]) -> tuple[float, float]:
    """Return nanoseconds a change, ours and the peer's; ours before and after, so that both meet the same machine."""
    before = _ladder_ns(tick, opening, changes)
    theirs = _peer_ns(python, opening, changes)
    return min(before, _ladder_ns(tick, opening, changes)), theirs


def _ladder_ns(tick: Price, opening: list[Change], changes: list[Change]) -> float:
    ladder = Ladder(tick)
    for is_bid, price, size in opening:
        (ladder.set_bid if is_bid else ladder.set_ask)(price, size)
    prepared = [(ladder.set_bid if is_bid else ladder.set_ask, price, size) for is_bid, price, size in changes]
    fastest = sys.maxsize
    for _ in range(_TURNS):
        began_ns = monotonic_ns()
        for change, price, size in prepared:
            change(price, size)
            ladder.bid  # noqa: B018  (reading it is what is measured)
            ladder.ask  # noqa: B018
        fastest = min(fastest, monotonic_ns() - began_ns)
    return fastest / len(changes)


def _peer_ns(python: Path, opening: list[Change], changes: list[Change]) -> float:
    asked = json.dumps({"opening": opening, "changes": changes, "repeat": _TURNS})
    answer = subprocess.run([python, _SCRIPT], input=asked, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise PeerMissing(f"the peer failed: {answer.stderr.strip().splitlines()[-1:]}")
    return float(answer.stdout)


def _fastest_in_turns(ours: Callable[[], None], theirs: Callable[[], None]) -> tuple[int, int]:
    """Return the fastest of several turns of each, in nanoseconds; taking turns, both meet the same machine."""
    fastest = [sys.maxsize, sys.maxsize]
    for _ in range(_TURNS):
        for side, loop in enumerate((ours, theirs)):
            began_ns = monotonic_ns()
            loop()
            fastest[side] = min(fastest[side], monotonic_ns() - began_ns)
    return fastest[0], fastest[1]
