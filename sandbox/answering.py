"""How an HTTP request is read and how its answer leaves: whole, or in one of the ways in which answers fail."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from sandbox.messages import Answer
from sandbox.transport import Line

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Sender: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_BODY_MAX: Final = 1 << 20
_DRIBBLE_S: Final = 0.5


async def body_of(receive: Receive) -> bytes | None:
    """Read a request's body; None when it is larger than any that the venue takes."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _BODY_MAX:
            return None
        if not message.get("more_body"):
            return body


async def give(answer: Answer, line: Line, receive: Receive, send: Sender) -> None:
    """Send an answer in its manner."""
    body = answer.body.encode() if isinstance(answer.body, str) else answer.body
    if answer.manner == "reset":
        line.drop(reset=True)
        await receive()
    elif answer.manner == "never":
        await receive()
    else:
        await send({"type": "http.response.start", "status": answer.status, "headers": _headers(answer, len(body))})
        if answer.manner == "cut":
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            line.drop(reset=False)
            await receive()
        elif answer.manner == "dribbled":
            await _dribble(body, receive, send)
        else:
            await send({"type": "http.response.body", "body": body})
            if answer.manner == "stale":
                line.close()


def _headers(answer: Answer, size: int) -> list[tuple[bytes, bytes]]:
    given = {name.lower(): value for name, value in answer.headers.items()}
    named = {"content-type": "application/json", **given, "content-length": str(size)}
    if answer.manner == "last":
        named["connection"] = "close"
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]


async def _dribble(body: bytes, receive: Receive, send: Sender) -> None:
    """Send a byte every half second until the client has all or has had enough."""
    gone = asyncio.ensure_future(receive())
    for index in range(len(body)):
        done, _ = await asyncio.wait((gone,), timeout=_DRIBBLE_S)
        if done:
            return
        await send({"type": "http.response.body", "body": body[index : index + 1], "more_body": index + 1 < len(body)})
    gone.cancel()
