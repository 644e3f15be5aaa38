"""The control socket of an engine, without a client process for every question."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any, Final

from actors.runtime.clock import monotonic_ns

_PATIENCE_S: Final = 15.0


class Refused(Exception):
    """The engine did not do it; the text is what it said. Also raised where nobody listens, or it ended meanwhile."""


def ask(data_dir: Path, method: str, route: str, body: object = None) -> dict[str, Any]:
    """Ask or tell the engine of a data folder; return its document. Raises Refused."""
    connection = _Connection(_path(data_dir))
    content = None if body is None else json.dumps(body).encode()
    try:
        named = {"content-type": "application/json", "x-keel-who": "proof", "x-keel-request": f"proof-{monotonic_ns()}"}
        connection.request(method, route, content, named)
        answer = connection.getresponse()
        document: dict[str, Any] = json.loads(answer.read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Refused(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()
    if answer.status >= http.client.BAD_REQUEST:
        raise Refused(str(document.get("error", document)))
    return document


def answers(data_dir: Path, route: str) -> bool:
    """Whether the engine answers a question."""
    try:
        ask(data_dir, "GET", route)
    except Refused:
        return False
    return True


def _path(data_dir: Path) -> Path:
    """Return where it listens: its folder says so where its own path is too long for a socket."""
    try:
        return Path((data_dir / "run" / "socket").read_text(encoding="utf-8").strip())
    except OSError:
        return data_dir / "run" / "keel.sock"


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("keel", timeout=_PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_PATIENCE_S)
        self.sock.connect(str(self._path))
