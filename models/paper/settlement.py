"""When a matched trade settles, and whether it does: drawn from its own name, so that a replay draws the same."""

from hashlib import sha256
from math import exp, log
from statistics import NormalDist
from typing import NamedTuple

from models.paper.parameters import PaperParameters

_MS = 1_000_000
_STANDARD = NormalDist()
_Z95 = _STANDARD.inv_cdf(0.95)
_BITS = 52


class Settlement(NamedTuple):
    """What becomes of a trade: how long after MATCHED, and CONFIRMED or FAILED."""

    delay_ns: int
    failed: bool


def settlement_of(seed: int, trade_id: str, parameters: PaperParameters) -> Settlement:
    """Draw a log-normal delay through the given median and 95 % point, in whole milliseconds, and the outcome."""
    digest = sha256(f"{seed}/{trade_id}".encode()).digest()
    median, p95 = parameters.settlement_median_ms, parameters.settlement_p95_ms
    spread = log(p95 / median) / _Z95 if 0 < median < p95 else 0.0
    delay_ms = round(median * exp(spread * _STANDARD.inv_cdf(_uniform(digest[:8]))))
    return Settlement(delay_ms * _MS, _uniform(digest[8:16]) < parameters.failed_share)


def _uniform(eight: bytes) -> float:
    """Turn eight bytes into a number strictly between 0 and 1."""
    return ((int.from_bytes(eight) >> (64 - _BITS)) + 0.5) / (1 << _BITS)
