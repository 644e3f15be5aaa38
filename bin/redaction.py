"""Hides secrets in what a command prints, and in what Python prints for it: tracebacks, warnings, dying threads."""

import sys
from typing import Any, TextIO, cast

from actors.venues.redaction import redacted


def guard_streams() -> None:
    """Let nothing out on stdout and stderr that is a secret: tracebacks, warnings, errors of commands."""
    sys.stdout = cast(TextIO, _Redacting(sys.stdout))
    sys.stderr = cast(TextIO, _Redacting(sys.stderr))


class _Redacting:
    """A stream that hides secrets in what is written to it; in all else it is the stream itself."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(redacted(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
