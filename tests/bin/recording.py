"""A small recording that a test writes: one market in which somebody trades, as the venue would have sent it."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

YES, NO = "71", "72"
SLUG = "rain-in-bern"
BEGIN_MS = 1_750_000_000_000
_STEP_MS = 250

Frame = dict[str, Any]


def write_recording(path: Path, steps: int = 400, seed: int = 1) -> Path:
    """Write frames, one per line; gzipped where the name says so."""
    text = "".join(json.dumps(frame, separators=(",", ":")) + "\n" for frame in frames(steps, seed))
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if path.suffix == ".gz" else text.encode())
    return path


def frames(steps: int, seed: int) -> Iterator[Frame]:
    """Yield a book of each token, then steps: a level changes, or somebody trades at the touch and is printed."""
    random = Random(seed)
    bids = {50 - level: random.randint(10, 30) for level in range(1, 6)}
    asks = {50 + level: random.randint(10, 30) for level in range(1, 6)}
    yield _book(YES, bids, asks, 0)
    yield _book(NO, _mirror(asks), _mirror(bids), 0)
    for step in range(1, steps + 1):
        side, book = random.choice((("BUY", bids), ("SELL", asks)))
        touch = max(bids) if side == "BUY" else min(asks)
        if random.random() < 0.5:
            # A taker hits the touch; an emptied level is refilled a tick behind, so that the mid walks.
            size = random.randint(3, 15)
            left = max(0, book[touch] - size)
            yield _change(side, touch, left, step)
            yield _trade("SELL" if side == "BUY" else "BUY", touch, size, step)
            book[touch] = left
            if not left:
                del book[touch]
                far = min(bids) - 1 if side == "BUY" else max(asks) + 1
                if 5 < far < 95:
                    book[far] = random.randint(10, 30)
                    yield _change(side, far, book[far], step)
        else:
            better = touch + 1 if side == "BUY" else touch - 1
            price = better if better not in bids and better not in asks else random.choice(sorted(book))
            book[price] = random.randint(10, 30)
            yield _change(side, price, book[price], step)
        if step % 40 == 0:
            yield _book(YES, bids, asks, step)
            yield _book(NO, _mirror(asks), _mirror(bids), step)


def _book(token: str, bids: dict[int, int], asks: dict[int, int], step: int) -> Frame:
    return {
        "event_type": "book", "asset_id": token, "market": SLUG, "timestamp": str(BEGIN_MS + step * _STEP_MS),
        "hash": "", "bids": _levels(sorted(bids.items())), "asks": _levels(sorted(asks.items(), reverse=True)),
    }  # fmt: skip


def _change(side: str, price: int, size: int, step: int) -> Frame:
    other = "SELL" if side == "BUY" else "BUY"
    entries = [
        {"asset_id": token, "price": f"{cents / 100:.2f}", "size": str(size), "side": told, "hash": ""}
        for token, cents, told in ((YES, price, side), (NO, 100 - price, other))
    ]
    return {
        "event_type": "price_change", "market": SLUG, "timestamp": str(BEGIN_MS + step * _STEP_MS),
        "price_changes": entries,
    }  # fmt: skip


def _trade(side: str, price: int, size: int, step: int) -> Frame:
    return {
        "event_type": "last_trade_price", "asset_id": YES, "market": SLUG, "price": f"{price / 100:.2f}",
        "size": str(size), "side": side, "fee_rate_bps": "0", "timestamp": str(BEGIN_MS + step * _STEP_MS + 20),
    }  # fmt: skip


def _mirror(side: dict[int, int]) -> dict[int, int]:
    return {100 - price: size for price, size in side.items()}


def _levels(side: list[tuple[int, int]]) -> list[dict[str, str]]:
    return [{"price": f"{price / 100:.2f}", "size": str(size)} for price, size in side]
