"""A text that must not be seen: nothing shows, copies or stores it but one method with a name that can be searched for.

Why here and not in `models` or `config`: no machine decides by a secret, and the configuration compares the secrets it
is given and keeps none, so that only what talks to a venue ever holds one.
Why each is remembered: whoever hides secrets in what is logged has to know them, also those that a venue has just made.
"""

import hmac
from collections.abc import Generator
from contextlib import contextmanager
from typing import ClassVar, Final, NoReturn, SupportsIndex

_SHOWN: Final = "<secret>"


class _Known:
    """The texts of all secrets, and how often they have changed."""

    texts: ClassVar[dict[str, None]] = {}
    changes = 0


class Secret:
    """A private key, an API secret or a passphrase. `reveal` alone gives it out."""

    __slots__ = ("_text",)
    __hash__ = None  # type: ignore[assignment] - a hash that is logged or listed tells two secrets apart

    def __init__(self, text: str) -> None:
        self._text = text
        if text not in _Known.texts:
            _Known.texts[text] = None
            _Known.changes += 1

    def reveal(self) -> str:
        """Return the text itself, for the one call that needs it."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __repr__(self) -> str:
        return _SHOWN

    def __format__(self, how: str) -> str:
        return _SHOWN

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret is neither copied nor stored")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a secret is neither copied nor stored")


def known() -> tuple[str, ...]:
    """Return the texts of all secrets that this process has had, for those who hide and who look for them."""
    return tuple(_Known.texts)


def known_changes() -> int:
    """Return how often that has changed: whether they are others than before."""
    return _Known.changes


@contextmanager
def known_for_a_while() -> Generator[None]:
    """Know what is learned meanwhile no longer than that: for a process that plays many lives, one after the other."""
    before = dict(_Known.texts)
    try:
        yield
    finally:
        _Known.texts = before
        _Known.changes += 1
