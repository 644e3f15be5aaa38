"""Text from outside (market titles, slugs, error texts) made safe to show: cleaned once, at the edge, into plain words.

Why by Unicode category and not by a list of bad characters: control characters move a terminal's cursor, bidirectional
and other format characters make a title read as another one, and each Unicode version adds some. Whole categories stay
right without being looked after.
"""

from typing import Final
from unicodedata import category, normalize

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Control, format (bidirectional marks, zero-width, tags), surrogate, private use, unassigned."""

_BLANK: Final = frozenset({"Zs", "Zl", "Zp"})
_WHITE_CONTROLS: Final = frozenset("\t\n\v\f\r\x85")
_ELLIPSIS: Final = "..."


def clean(text: str, limit: int = 200) -> str:
    """Return a text on one line without characters that hide, reorder or command; cut to `limit` characters.

    Composed to NFC, white space runs become one blank; combining marks beyond two in a row are dropped, because a tower
    of them overwrites neighbouring lines. `limit` is at least 4.
    """
    kept: list[str] = []
    marks = 0
    # Only a bounded part is looked at: a hostile title may be megabytes long.
    for character in normalize("NFC", text[: 8 * limit]):
        kind = category(character)
        if kind in _BLANK or character in _WHITE_CONTROLS:
            if kept and kept[-1] != " ":
                kept.append(" ")
            marks = 0
            continue
        if kind in _HIDDEN:
            continue
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if marks <= 2:
            kept.append(character)
    plain = "".join(kept).strip()
    return plain if len(plain) <= limit else plain[: limit - len(_ELLIPSIS)].rstrip() + _ELLIPSIS
