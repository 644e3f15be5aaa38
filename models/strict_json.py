"""JSON that decides has one meaning: a key that comes twice, or a nest without end, is refused.

Why msgspec is not enough: of a key that comes twice it takes the last one, others the first. Whoever says both
`"size": "5"` and `"size": "500"` says nothing, and whoever reads `{"confirmed": false, "confirmed": true}` in a log
must not read something else than the engine did. Numbers that are none (NaN, Infinity, 1e999) it refuses by itself.

Why not everywhere: this takes as long as ten typed decodings, 14 us for a small trade. What the market channel says is
proven otherwise, by the venue's hash over the whole book, and comes a thousand times more often.
"""

import json
import re
from itertools import accumulate
from typing import Any, Final

DEPTH_MAX: Final = 64

_STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""One without an end goes on to the end of the text, or each of its quotes would be looked at as the first of one."""
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_STEPS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


class AmbiguousJson(ValueError):
    """A text that can be read in two ways, or in none; says where."""


def refuse_ambiguous(text: bytes, depth_max: int = DEPTH_MAX) -> None:
    """Raise AmbiguousJson for a text that is no JSON, repeats a key, or nests deeper than that."""
    if text.count(b"[") + text.count(b"{") > depth_max and _depth(text) > depth_max:
        raise AmbiguousJson(f"nested more than {depth_max} deep")
    try:
        _decoder.decode(text.decode())
    except AmbiguousJson:
        raise
    except (ValueError, RecursionError) as error:
        raise AmbiguousJson(f"not JSON: {error}") from None


def _depth(text: bytes) -> int:
    """Return how deep brackets nest outside of strings."""
    brackets = _STRINGS.sub(b"", text).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def _unique(pairs: list[tuple[str, Any]]) -> None:
    """Refuse an object that names a key twice. Nothing is kept of it: it is read elsewhere, by its types."""
    if len(dict(pairs)) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise AmbiguousJson(f"the key {twice[:40]!r} comes twice")


def _refused(constant: str) -> None:
    raise AmbiguousJson(f"{constant} is no number")


_decoder: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refused, parse_int=len, parse_float=len)
"""Numbers are read by nobody here, so the longest costs nothing."""
