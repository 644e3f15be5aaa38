"""Frames in: what decoding costs against a bare JSON parser (P4), and a ladder against a peer's book (P5).

The peers live in an environment of their own, because they bring a hundred megabytes and pins of their own: `peers`
makes it in the user's cache folder, once. Where it is not there, what needs it says so.
"""

import importlib
import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

from actors.runtime.clock import monotonic_ns
from actors.venues.polymarket.codec import Codec
from models.markets import NO, YES
from models.messages.market import LevelsChanged
from models.units import ONE, SHARE, TICKS, Price, Size, format_price, format_size

PEERS: Final = ("nautilus_trader==1.221.0", "orjson==3.13.0")
"""Whom we are measured against; of nautilus the last release for Python 3.11."""

_SCRIPT: Final = Path(__file__).with_name("nautilus_book.py")
_TURNS: Final = 15
_DEPTH: Final = 20
_TOKENS: Final = ("7132" + "0" * 72, "5211" + "0" * 72)

Change = tuple[bool, Price, Size]
"""Whether a bid, its price, its new size."""


class PeerMissing(Exception):
    """What a comparison needs is not there; the text says why."""


def decode(frames: int = 2_000) -> dict[str, float]:
    """Measure P4 once: nanoseconds from bytes to a typed message with integers, against orjson on the same bytes.

    Raises PeerMissing.
    """
    loads = _orjson_loads()
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

    `cent_ratio` is that of tick 0.01, the usual one. `gap_ratio` is that of the worst case of all: every change removes
    or restores a best price whose next one is at the other end of the finest grid. Raises PeerMissing.
    """
    cases = [
        (tick, [(is_bid, _level(tick, is_bid, depth), SHARE) for is_bid in (True, False) for depth in range(_DEPTH)])
        for tick in TICKS
    ]
    finest = TICKS[-1]
    far: list[Change] = [(True, finest, SHARE), (True, ONE - finest, SHARE)]
    removals = [(True, ONE - finest, size) for size in (0, SHARE)] * (changes // 2)
    *usual, gap = _against_nautilus(
        [*((tick, opening, _churn(tick, changes)) for tick, opening in cases), (finest, far, removals)]
    )
    ours_ns, theirs_ns = max(usual, key=lambda measured: measured[0] / measured[1])
    cent_ns = usual[TICKS.index(100)]
    return {
        "ratio": ours_ns / theirs_ns,
        "ours_ns": ours_ns,
        "nautilus_ns": theirs_ns,
        "cent_ratio": cent_ns[0] / cent_ns[1],
        "gap_ratio": gap[0] / gap[1],
        "gap_ours_ns": gap[0],
        "gap_nautilus_ns": gap[1],
    }


def peers() -> None:
    """Make the peers' environment where it is not there yet. Raises PeerMissing."""
    folder = _folder()
    if _is_ready(folder):
        return
    venv.create(folder, clear=True, with_pip=True)
    command = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEERS]
    installed = subprocess.run(command, capture_output=True, text=True, check=False)
    if installed.returncode:
        raise PeerMissing(f"{', '.join(PEERS)} cannot be installed: {installed.stderr.strip().splitlines()[-1:]}")
    (folder / "ready").write_text(" ".join(PEERS))


def _folder() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "keel" / "peers" / f"py{sys.version_info.major}{sys.version_info.minor}"


def _is_ready(folder: Path) -> bool:
    ready = folder / "ready"
    return ready.exists() and ready.read_text() == " ".join(PEERS)


def _environment() -> Path:
    folder = _folder()
    if not _is_ready(folder):
        raise PeerMissing(f"needs {', '.join(PEERS)} in an environment of their own: bin/bench --peers makes it")
    return folder


def _orjson_loads() -> Callable[[bytes], Any]:
    """Return the peer's parser: ours to import or, as it needs nothing of its environment, taken from there."""
    try:
        return importlib.import_module("orjson").loads
    except ImportError:
        folder = str(_environment())
    sys.path.append(sysconfig.get_path("platlib", "venv", {"base": folder, "platbase": folder}))
    try:
        return importlib.import_module("orjson").loads
    finally:
        sys.path.pop()


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
    """Return changes of the opening book, near the touch more often.

    Of a level that stands three changes in ten remove it, as in recorded books (13 games of June 2025, 67,760 changes:
    54 % new sizes, 23 % new levels, 18 % removals behind the touch and 4.5 % of it).
    """
    random = Random(tick)
    standing = {(is_bid, _level(tick, is_bid, depth)) for is_bid in (True, False) for depth in range(_DEPTH)}
    found: list[Change] = []
    for _ in range(changes):
        is_bid = random.random() < 0.5
        at = is_bid, _level(tick, is_bid, int(random.expovariate(0.25)))
        if at in standing and random.random() < 0.3:
            standing.remove(at)
            found.append((*at, 0))
        else:
            standing.add(at)
            found.append((*at, random.randrange(1, 10**9)))
    return found


def _against_nautilus(cases: list[tuple[Price, list[Change], list[Change]]]) -> list[tuple[float, float]]:
    """Return nanoseconds a change, ours and the peer's, of each case: a tick, the opening book, and changes."""
    asked = [
        {"tick": tick, "opening": opening, "changes": changes, "turns": _TURNS} for tick, opening, changes in cases
    ]
    root = Path(__file__).parents[2]
    answer = subprocess.run(
        [_environment() / "bin" / "python", "-P", _SCRIPT],
        input=json.dumps(asked), capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    if answer.returncode:
        raise PeerMissing(f"the peer failed: {answer.stderr.strip().splitlines()[-1:]}")
    return [(ours_ns, theirs_ns) for ours_ns, theirs_ns in json.loads(answer.stdout)]


def _fastest_in_turns(ours: Callable[[], None], theirs: Callable[[], None]) -> tuple[int, int]:
    """Return the fastest of several turns of each, in nanoseconds; taking turns, both meet the same machine."""
    fastest = [sys.maxsize, sys.maxsize]
    for _ in range(_TURNS):
        for side, loop in enumerate((ours, theirs)):
            began_ns = monotonic_ns()
            loop()
            fastest[side] = min(fastest[side], monotonic_ns() - began_ns)
    return fastest[0], fastest[1]
