"""JSON of a command that has one meaning: no key twice, no number that is none, no nest without end.

Why not what the libraries take: of a key that comes twice one takes the first and another the last, and whoever reads
`{"confirmed": false, "confirmed": true}` in a log must not read something else than the engine did.
"""

import json
from typing import Any, Final

DEPTH_MAX: Final = 8
"""A command is an object with lists and a table of words; nothing nests deeper than three."""


class BadJson(ValueError):
    """A text that is no JSON, or that could be read in two ways."""


def read_object(text: bytes) -> dict[str, Any]:
    """Return the one object of a text. Raises BadJson."""
    if text.count(b"[") + text.count(b"{") > DEPTH_MAX and _depth(text) > DEPTH_MAX:
        raise BadJson(f"nested more than {DEPTH_MAX} deep")
    try:
        found = json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=_refused)
    except BadJson:
        raise
    except (ValueError, RecursionError) as error:
        raise BadJson(f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise BadJson("a command is an object")
    return found


def _depth(text: bytes) -> int:
    """Return how deep brackets nest, those in strings counted too: what is too deep here need not be told apart."""
    depth = deepest = 0
    for byte in text:
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BadJson("a key comes twice")
    return found


def _refused(constant: str) -> None:
    raise BadJson(f"{constant} is no number")
