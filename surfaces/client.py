"""Says commands to a running engine over its control socket.

Every failure is a `CommandError`: `not_running` at once where nobody listens, `timeout` where nobody answers in time,
and whatever the engine itself refused with.
"""

import getpass
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

import httpx
import msgspec

from surfaces.cli.errors import CommandError
from surfaces.socket_file import is_answered, stranger

_CONNECT_S: Final = 0.8
_LONGEST_ASK_S: Final = 600.0


class EngineClient:
    """One engine. `timeout_s` bounds each request; `surface` and the user's name enter the audit.

    `role`: to be held to less than the user may (`viewer`, `operator`).
    """

    def __init__(self, path: Path, timeout_s: float = 10.0, surface: str = "cli", role: str | None = None) -> None:
        self.path = path
        self._timeout_s = timeout_s
        self._http = httpx.Client(
            # There is no TLS on a socket file, and loading every certificate authority takes longer than a command.
            transport=httpx.HTTPTransport(uds=str(path), verify=False),
            base_url="http://keel",
            headers={
                "x-keel-who": _in_a_header(f"{surface} {_user()}"),
                **({} if role is None else {"x-keel-role": role}),
            },
            timeout=httpx.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def get(self, route: str, **parameters: Any) -> dict[str, Any]:
        """Return a document."""
        wanted = {name: value for name, value in parameters.items() if value is not None}
        return self._send("GET", route, params=wanted)

    def post(self, route: str, **body: Any) -> dict[str, Any]:
        """Say a command, once. The engine is told to answer a little before this side gives up."""
        if body:
            body["timeout_s"] = min(max(self._timeout_s - 0.5, self._timeout_s / 2), _LONGEST_ASK_S)
        return self._send("POST", route, json=body or None, headers={"x-keel-request": uuid4().hex})

    def _send(self, method: str, route: str, **request: Any) -> dict[str, Any]:
        found = stranger(self.path)
        if found:
            raise CommandError("refused", f"{found}: it is not spoken to", "say it as the engine's user")
        # Asked by hand first: httpcore leaves the socket of a refused connection open.
        if not is_answered(self.path):
            raise not_running(self.path)
        try:
            answer = self._http.request(method, route, **request)
        except httpx.NetworkError as error:
            raise not_running(self.path) from error
        except httpx.RemoteProtocolError as error:
            raise CommandError("cut_off", "the engine ended while it was asked", retryable=True) from error
        except httpx.TimeoutException as error:
            raise CommandError(
                "timeout", f"the engine did not answer within {self._timeout_s:g} s", "is it stuck? see its log",
                retryable=True,
            ) from error  # fmt: skip
        try:
            document: dict[str, Any] = msgspec.json.decode(answer.content)
        except msgspec.DecodeError as error:
            raise CommandError("internal", f"the engine answered {answer.status_code}, and no JSON") from error
        if answer.is_success:
            return document
        error = document["error"]
        raise CommandError(error["code"], error["message"], error["hint"], retryable=error["retryable"])


def not_running(path: Path) -> CommandError:
    """Return the error of a socket on which nobody answers."""
    return CommandError(
        "not_running", f"engine is not running (socket {path})", "start it with: keel run", retryable=True
    )


def _in_a_header(text: str) -> str:
    """Return a text as a header can carry it: a name with other letters must not keep its user from a kill."""
    return text.encode("ascii", "replace").decode("ascii")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"
