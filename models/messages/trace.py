"""How a step is written down: one line of JSON, the same bytes for the same step on every run and machine."""

from typing import Any

import msgspec

from models.depth import Depth
from models.messages.base import Message


def encode_step(now_ns: int, actor: str, message: Message) -> bytes:
    """Return `[now_ns, actor name, message]` as one line with its newline; nothing of the machine is in it."""
    return _encoder.encode((now_ns, actor, message)) + b"\n"


def _encode_hook(value: Any) -> Any:
    if isinstance(value, Depth):
        return value.written()
    raise TypeError(f"a message holds a {type(value).__name__}, which has no written form")


_encoder = msgspec.json.Encoder(order="deterministic", enc_hook=_encode_hook)
