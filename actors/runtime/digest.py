"""A short name for what a message says, by which one that kills its reader is known when it comes again."""

from hashlib import blake2b

import msgspec

from models.messages.base import Message

_STAMPS = frozenset({"received_ns", "created_ns"})
"""Fields that differ when the same thing is said again."""


def digest_of(message: object) -> str:
    """Return 32 hex digits of a message's type and content without its time stamps.

    "" if it is no message, or one that nobody can go on without.
    """
    if not isinstance(message, Message) or not message.dispensable:
        return ""
    said = {field: getattr(message, field) for field in message.__struct_fields__ if field not in _STAMPS}
    try:
        content = msgspec.json.encode(said, order="deterministic")
    except TypeError:
        content = repr(said).encode()
    return blake2b(type(message).__name__.encode() + content, digest_size=16).hexdigest()
