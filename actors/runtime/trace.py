"""The trace of a run: one line per step of a machine, so that two runs can be compared byte for byte."""

from hashlib import sha256
from typing import BinaryIO

from models.messages.base import Message
from models.messages.trace import encode_step


class Trace:
    """An `Observer` that writes steps as lines and keeps their digest; `encode_step` says what a line is."""

    def __init__(self, file: BinaryIO | None = None) -> None:
        self._file = file
        self._digest = sha256()

    def __call__(self, now_ns: int, name: str, message: Message) -> None:
        line = encode_step(now_ns, name, message)
        self._digest.update(line)
        if self._file is not None:
            self._file.write(line)

    @property
    def sha256(self) -> str:
        """Hex digest of all lines so far."""
        return self._digest.hexdigest()
