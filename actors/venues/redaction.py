"""Hides secrets in what is about to be written: those that are known, and what looks like one.

By value: every `Secret` that this process has had, in all its forms (`secret_forms`).
By name: what is assigned to a passphrase, a secret, an API key, a header that authorises.
By what it opens: 64 hexadecimal digits may be an order, a condition, a transaction, all of which people need to see, or
a private key. So each is tried: what is the key of an account of ours is hidden, however it came there; so is what
stands beside the word for one.
"""

import re
from functools import lru_cache
from typing import Final

from actors.venues.secret import known, known_changes
from actors.venues.secret_forms import forms
from models.text import clean

HIDDEN: Final = "<redacted>"
_NAME: Final = (
    r"(?=[abcmpsx])(?:poly_(?:builder_)?signature|(?:proxy-)?authorization|(?:set-)?cookie|"
    r"\bx-[\w-]{0,40}(?:key|token)|api[_-]?key|secret|passphrase|private[_-]?key|password|mnemonic|"
    r"(?:access|auth|bearer)[_-]?token)"
)
"""Whatever stands before it: `POLYMARKET_API_SECRET` is one too. The first letters are a shortcut."""
_QUOTE: Final = r"\\{0,7}['\"]"
_QUOTED: Final = (
    r"(?:(?P<double>\")(?:[^\"\\\r\n]|\\.)++(?=\")|(?P<single>')(?:[^'\\\r\n]|\\.)++(?=')|"
    r"(?P<inner>\\{1,7}['\"])(?!(?P=inner)).+?(?<!\\)(?=(?P=inner))|(?P<open>\\{0,7}['\"])(?:[^\"\\\r\n]|\\.)++)"
)
"""A quoted value to the quote that closes it, which is escaped as it was opened; else to the end of what it is in."""
_KEPT: Final = r"\g<name>\g<double>\g<single>\g<inner>\g<open>"
_ASSIGNED: Final = re.compile(
    rf"(?i)(?P<name>{_NAME}(?:{_QUOTE}\s*[:=]\s*|\s*[:=]\s*(?!{_QUOTE}\s*[,}}\])]))(?:b(?={_QUOTE}))?)"
    rf"(?:{_QUOTED}|(?:bearer|basic|digest)\s+[^\s'\"\\,}}]+|[^\s'\"\\,;}})\]]+)"
)
_PAIRED: Final = re.compile(rf"(?i)(?P<name>(?<=['\"])[\w-]{{0,40}}{_NAME}{_QUOTE}\s*,\s*b?){_QUOTED}")
_BESIDE: Final = re.compile(
    r"(?i)((?:(?:priv(?:ate)?|secret|signing)[\W_]?(?:key)?|(?<![a-z0-9])pk)[\W_]{1,6}(?:is\W+)?)(?:0x)?[0-9a-f]{64}\b"
)
_WORDS: Final = (
    "passphrase", "secret", "api", "poly_", "authorization", "cookie", "x-", "priv", "password", "mnemonic", "token",
    "signing", "pk",
)  # fmt: skip
"""One of these stands in whatever the patterns above find."""
_DIGITS: Final = re.compile(r"[0-9a-fA-F]{64,}")


class _Known:
    """The secrets that are known, as one pattern, and the accounts whose keys are hidden wherever they stand."""

    changes = 0
    shapes: tuple[str, ...] = ()
    pattern = re.compile("")
    addresses: frozenset[str] = frozenset()


def redacted(text: str) -> str:
    """Return a text without the secrets in it."""
    if known_changes() != _Known.changes:
        _learn()
    small = text.lower()
    # Whether there is anything to hide: the pattern of all shapes takes many times as long to say so.
    if any(shape in small for shape in _Known.shapes):
        text = _Known.pattern.sub(HIDDEN, text)
    if any(word in small for word in _WORDS):
        text = _PAIRED.sub(_KEPT + HIDDEN, _ASSIGNED.sub(_KEPT + HIDDEN, text))
        text = _BESIDE.sub(rf"\1{HIDDEN}", text)
    if _Known.addresses:
        text = _DIGITS.sub(lambda found: HIDDEN if _opens(found[0].lower()) else found[0], text)
    return text


def without_secrets(text: str, limit: int = 200) -> str:
    """Return what a venue said as it is kept and shown: cleaned, and without what it said back of our secrets."""
    return clean(redacted(text[: 8 * limit]), limit)


def hide_key_of(address: str) -> None:
    """Hide the private key of an account wherever it stands, though it was never a secret here."""
    _Known.addresses |= {address}
    _opens.cache_clear()


def _learn() -> None:
    """Learn the secrets of now. The number comes last: who writes meanwhile must not go by a pattern without them."""
    changes = known_changes()
    every = {form for text in known() for form in forms(text)}
    # The longest first: a form may hold another one.
    ordered = sorted(every, key=lambda one: (-len(one), one))
    _Known.pattern = re.compile("|".join(map(re.escape, ordered)), re.IGNORECASE)
    _Known.shapes = tuple({shape.lower() for shape in ordered})
    _Known.changes = changes


@lru_cache(maxsize=4_096)
def _opens(digits: str) -> bool:
    from actors.venues.polymarket.keys import address_of

    return len(digits) == 64 and address_of(bytes.fromhex(digits)) in _Known.addresses
