"""What waits to be written to one WebSocket, and its writing."""

import asyncio
from collections import deque

from uvicorn.protocols.utils import ClientDisconnected

from sandbox.answering import Sender
from sandbox.messages import Close, SendRaw
from sandbox.transport import Line

_FRAMES_PER_TURN = 100
_DROPPED = 1006


class Client:
    """One socket's outgoing queue; nothing follows a `Close`."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.waiting: deque[str | bytes | SendRaw | Close] = deque()
        self.ready = asyncio.Event()
        self.sending = False
        self._ended = False

    @property
    def backlog(self) -> int:
        """What is not yet written, with the one that is being written."""
        return len(self.waiting) + self.sending

    def put(self, item: str | bytes | SendRaw | Close) -> None:
        """Queue a text, a binary frame, bytes below the protocol, or the end."""
        if not self._ended:
            self.waiting.append(item)
            self.ready.set()
            self._ended = isinstance(item, Close)


async def write(client: Client, send: Sender) -> None:
    """Write what a client's queue holds until its end."""
    sent = 0
    try:
        while True:
            await client.ready.wait()
            client.ready.clear()
            while client.waiting:
                item = client.waiting.popleft()
                client.sending = True
                await _write_one(client, item, send)
                client.sending = False
                sent += 1
                if sent % _FRAMES_PER_TURN == 0:
                    await asyncio.sleep(0)
    except (ClientDisconnected, RuntimeError):
        # The client went while we were writing; its reader ends the connection.
        client.sending = False
        client.waiting.clear()


async def _write_one(client: Client, item: str | bytes | SendRaw | Close, send: Sender) -> None:
    if isinstance(item, str):
        await send({"type": "websocket.send", "text": item})
    elif isinstance(item, bytes):
        await send({"type": "websocket.send", "bytes": item})
    elif isinstance(item, SendRaw):
        client.line.write(item.data)
    elif item.code == _DROPPED:
        client.line.drop(reset=False)
    else:
        await send({"type": "websocket.close", "code": item.code, "reason": item.reason[:120]})
