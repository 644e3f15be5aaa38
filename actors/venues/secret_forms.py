"""The shapes in which a secret may turn up in what a program writes, whichever library wrote it.

Why one list for those who hide secrets and for those who look for them: what is looked for and not hidden would be
found, what is hidden and not looked for would be taken on trust.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, quote_plus

LENGTH_MIN: Final = 8
"""What is shorter than this is not looked for: it would be found in everything."""

_KEY: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")
_ENCODED_MIN: Final = 16


def forms(text: str) -> frozenset[str]:
    """Return a secret as it is, in hex, base64 at every alignment, escaped and quoted; nothing for a short one.

    A private key is also its bytes and its number, an API secret also what it encodes. Hex is in small letters.
    """
    if len(text) < LENGTH_MIN:
        return frozenset()
    found = {
        text,
        quote(text),
        quote(text, safe=""),
        quote_plus(text),
        repr(text)[1:-1],
        *_as_json(text),
        *_as_bytes(text.encode()),
    }
    key = _KEY.fullmatch(text)
    if key is not None:
        data = bytes.fromhex(key[1])
        found |= {key[1].lower(), str(int(key[1], 16)), repr(data)[2:-1], *_as_bytes(data)}
    else:
        found.update(_as_bytes(_decoded(text)))
    return frozenset(one for one in found if len(one) >= LENGTH_MIN)


def _as_json(text: str) -> Iterator[str]:
    for ascii_only in (True, False):
        yield json.dumps(text, ensure_ascii=ascii_only)[1:-1]


def _as_bytes(data: bytes) -> Iterator[str]:
    """Yield bytes as hex and in both alphabets of base64, wherever in a longer text they may stand."""
    if len(data) < LENGTH_MIN:
        return
    yield data.hex()
    for before in range(3):
        # The letters at both ends also hold bits of what stands beside.
        whole = base64.b64encode(bytes(before) + data).decode().rstrip("=")
        first, last = (0, 2, 3)[before], len(whole) - bool((before + len(data)) % 3)
        encoded = whole[first:last]
        if len(encoded) >= _ENCODED_MIN:
            yield encoded
            yield encoded.translate(str.maketrans("+/", "-_"))


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
