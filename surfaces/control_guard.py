"""What stands before the routes of the control socket: who is there, and whether what they say can be a command at all.

Why the kernel says whose process it is: who kills, and above all who lifts a kill, stands in the audit, and what a
client says of itself is only what it says. Another user is refused whatever the modes of the files are: files are
copied, restored and opened up by mistake.

Why a surface can only lower its role: the header asks for less than the user owns, so whoever forges it can but lose.

Why it asks for Host and Origin, where no browser can reach: should a proxy ever be put before the socket, a page that
somebody visits must still not be able to speak to it.
"""

import os
import re
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

import msgspec
from fastapi import Response
from loguru import logger

from actors.control.audit import Audit
from actors.control.ports import Refused
from models.roles import ROLES, Caller, Role
from models.strict_json import AmbiguousJson, refuse_ambiguous
from models.text import clean
from surfaces.documents import Document

BODY_MAX: Final = 64 * 1024
"""Bytes of a command; what is longer is refused before it is read on."""
_DEPTH_MAX: Final = 8
"""A command is an object with lists and a table of words; nothing nests deeper than three."""

_HOSTS: Final = frozenset({"keel", "localhost"})
_REQUEST: Final = re.compile(r"[A-Za-z0-9._:-]{8,64}")
_STATUSES: Final = {
    "usage": 400,
    "not_permitted": 403,
    "not_found": 404,
    "replayed": 409,
    "oversized": 413,
    "unsupported": 415,
    "internal": 500,
    "undecided": 503,
    "starting": 503,
    "timeout": 504,
}

Scope: TypeAlias = MutableMapping[str, Any]
Event: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """The application that the server runs: lets through what may be a command, with its caller, and audits the rest.

    Beyond it `scope["state"]["caller"]` is who calls, and the body is an object of JSON, or empty.
    """

    def __init__(self, app: App, audit: Audit, uid: int | None = None) -> None:
        self._app = app
        self._audit = audit
        self._uid = os.getuid() if uid is None else uid

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self._admitted(scope, receive)
        except Refused as refused:
            answer = envelope(refused)
            answer.headers["connection"] = "close"  # what is left of the request is not read
            await answer(scope, receive, send)
            return
        except Exception as error:  # noqa: BLE001 - a bug of ours, which must look like an answer
            _log(scope, error)
            await failed(error)(scope, receive, send)
            return
        try:
            await self._app(scope, _said_again(body), send)
        except Exception as error:  # noqa: BLE001 - it was answered with `failed`, and the engine goes on
            _log(scope, error)

    async def _admitted(self, scope: Scope, receive: Receive) -> bytes:
        """Write down who calls, and return the body. Raises Refused, which then is in the audit."""
        caller = caller_of({}, scope.get("client"))
        try:
            headers = _headers(scope)
            caller = caller_of(headers, scope.get("client"))
            self._refuse_strangers(headers, caller)
            if headers.get("x-keel-role", "owner") not in ROLES:
                raise Refused("usage", f"x-keel-role is one of {', '.join(ROLES)}")
            if not _REQUEST.fullmatch(headers.get("x-keel-request", "no-name-given")):
                raise Refused("usage", "x-keel-request has 8 to 64 letters, digits, dots or dashes")
            body = await _body(headers, receive)
            if body:
                _refuse_unreadable(headers, body)
        except Refused as refused:
            self._audit.refused(caller, f"{scope['method']} {scope['path']}", str(refused))
            raise
        scope.setdefault("state", {})["caller"] = caller
        return body

    def malformed(self, client: tuple[str, int] | None, problem: str) -> bytes:
        """Audit what is no HTTP, and return the whole answer to it."""
        self._audit.refused(caller_of({}, client), "malformed", problem)
        body = envelope(Refused("usage", f"this is no HTTP: {clean(problem, 100)}")).body
        head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        return f"{head}connection: close\r\n\r\n".encode() + bytes(body)

    def _refuse_strangers(self, headers: dict[str, str], caller: Caller) -> None:
        if caller.uid is not None and caller.uid != self._uid:
            raise Refused("not_permitted", f"uid {caller.uid} is not the user of this engine")
        if headers.get("host", "").partition(":")[0] not in _HOSTS:
            raise Refused("not_permitted", "the host of this socket is keel")
        if "origin" in headers or any(name.startswith("sec-fetch-") for name in headers):
            raise Refused("not_permitted", "no page of a browser speaks here")


def caller_of(headers: dict[str, str], client: tuple[str, int] | None) -> Caller:
    """Return who calls, by what the system says of the other end (`UID`, PID) and by what they ask to be held to."""
    uid, pid = client or ("", 0)
    who = clean(headers.get("x-keel-who", ""), 60) or "unknown"
    role = ROLES.get(headers.get("x-keel-role", "owner"), Role.VIEWER)
    return Caller(who, role, int(uid) if uid else None, pid or None, headers.get("x-keel-request", ""))


def peer_of(connection: socket.socket) -> tuple[str, int]:
    """Return the user and the process at the other end of a socket; empty and 0 where the system does not say it."""
    if not hasattr(socket, "SO_PEERCRED"):
        return "", 0
    pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return str(uid), pid


def answered(document: Document, status_code: int = 200) -> Response:
    """Return a document as an answer."""
    return Response(msgspec.json.encode(document), status_code, media_type="application/json")


def envelope(refused: Refused, status_code: int | None = None) -> Response:
    """Return the answer to what was not carried out."""
    error = {
        "code": refused.code,
        "message": str(refused),
        "hint": refused.hint,
        "retryable": refused.retryable,
    }
    return answered({"error": error}, status_code or _STATUSES.get(refused.code, 409))


def failed(error: Exception) -> Response:
    """Return the answer to a programmer's error."""
    return envelope(Refused("internal", f"{type(error).__name__}: {clean(str(error), 300)}"))


def _log(scope: Scope, error: Exception) -> None:
    logger.opt(exception=error).error("control request {} {} failed", scope["method"], scope["path"])


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers by name. One that decides and comes twice is refused: nobody knows which of them counts."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        if key in found and (key.startswith("x-keel-") or key in ("host", "origin", "content-type", "content-length")):
            raise Refused("usage", f"the header {clean(key, 40)} comes twice")
        found[key] = value.decode("latin-1")
    return found


async def _body(headers: dict[str, str], receive: Receive) -> bytes:
    """Return the whole body. Raises Refused `oversized` as soon as it is known to be too long."""
    too_long = Refused("oversized", f"a command has at most {BODY_MAX} bytes")
    told = headers.get("content-length", "0")
    if not told.isdecimal() or len(told) > 9 or int(told) > BODY_MAX:
        raise too_long
    body = b""
    while True:
        event = await receive()
        if event["type"] != "http.request":
            raise Refused("usage", "the body ended too early")
        body += event.get("body", b"")
        if len(body) > BODY_MAX:
            raise too_long
        if not event.get("more_body"):
            return body


def _refuse_unreadable(headers: dict[str, str], body: bytes) -> None:
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused("unsupported", "a command is said in application/json")
    try:
        refuse_ambiguous(body, _DEPTH_MAX)
    except AmbiguousJson as error:
        raise Refused("usage", clean(str(error), 200)) from None
    if not body.lstrip().startswith(b"{"):
        raise Refused("usage", "a command is an object")


def _said_again(body: bytes) -> Receive:
    """Give a body that was read to whoever reads it next."""
    events = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Event:
        return next(events, {"type": "http.disconnect"})

    return receive
