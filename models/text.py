"""Text from outside (market titles, slugs, error texts) made safe to show: cleaned once, at the edge, into plain words.

Why by Unicode category and not by a list of bad characters: control characters move a terminal's cursor, bidirectional
and other format characters make a title read as another one, and each Unicode version adds some. Whole categories stay
right without being looked after.

Why whoever writes to a terminal or a file escapes all the same: an exception of a library, a path, an argument of a
person never passed an edge. There nothing is lost: what hides is written out.
"""

import re
from typing import Final
from unicodedata import category, normalize

LENGTH_MAX: Final = 160
"""Characters of a text from outside, where nothing else is said."""

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Control, format (bidirectional marks, zero-width, tags), surrogate, private use, unassigned."""

_BLANK: Final = frozenset({"Zs", "Zl", "Zp"})
_BREAKS: Final = frozenset({"Zl", "Zp"})
_WHITE_CONTROLS: Final = frozenset("\t\n\v\f\r\x85")
_ELLIPSIS: Final = "..."
_LOGIN: Final = re.compile(r"(://[^:@/\s]*:)(?:[^?]*@|.*@)", re.DOTALL)
_ASKED: Final = re.compile(r"([?&](?:ssl)?password=)[^&#]*", re.IGNORECASE)
_PLAIN: Final = re.compile(r"[ -~]*").fullmatch


def clean(text: str, limit: int = LENGTH_MAX) -> str:
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


def escaped(text: str) -> str:
    r"""Return a text on one line in which every character that hides, reorders or commands is written out: `\u202e`.

    What it writes JSON takes for the same character inside of a string.
    """
    if _PLAIN(text):
        return text
    return "".join(_written_out(one) if _is_hidden(one) else one for one in text)


def concealed(url: str) -> str:
    """Return a text without the passwords of the URL that it is: in its login, and in what it asks for.

    A password that should have been escaped ends at the last `@`, whatever is in it. Cut a text behind this only.
    """
    return _LOGIN.sub(r"\1***@", _ASKED.sub(r"\1***", url))


def _is_hidden(character: str) -> bool:
    kind = category(character)
    return kind in _HIDDEN or kind in _BREAKS


def _written_out(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
