"""How an endpoint says no: by raising the answer."""

from collections.abc import Mapping
from typing import Any

from sandbox import wire
from sandbox.messages import Answer


class Refused(Exception):
    """An answer that is no success; `body` replaces the venue's usual `{"error": message}`."""

    def __init__(
        self, status: int, message: str, headers: Mapping[str, str] | None = None, body: Any | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.answer = Answer(status, wire.encode({"error": message} if body is None else body), headers or {})
