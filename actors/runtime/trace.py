"""The trace of a run: one line per step of a machine, so that two runs can be compared byte for byte."""

from hashlib import sha256
from typing import BinaryIO

import msgspec

from models.messages.base import Message


class Trace:
    """An `Observer` that writes `[now_ns, actor, message]` as JSON lines and keeps their digest.

    Nothing of the machine it runs on is in it: no addresses, paths, process ids or versions.
    """

    def __init__(self, file: BinaryIO | None = None) -> None:
        self._file = file
        self._digest = sha256()
        self._encode = msgspec.json.Encoder(order="deterministic").encode

    def __call__(self, now_ns: int, name: str, message: Message) -> None:
        line = self._encode((now_ns, name, message)) + b"\n"
        self._digest.update(line)
        if self._file is not None:
            self._file.write(line)

    @property
    def sha256(self) -> str:
        """Hex digest of all lines so far."""
        return self._digest.hexdigest()
