"""A server over real sockets whose exchange does what a test tells it."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import websocket

from sandbox.messages import Answer, Effect, HttpRequest, Request
from sandbox.server import Server


class Scripted:
    """Answers each request by `on`; `later` holds what a tick brings, with its due time."""

    is_replay = False

    def __init__(self) -> None:
        self.about: dict[str, Any] = {}
        self.forget()

    def forget(self) -> None:
        """Be as new."""
        self.requests: list[Request] = []
        self.later: list[tuple[int, Effect]] = []
        self.on: Callable[[Request, int], list[Effect]] = self.echo

    @property
    def calls(self) -> list[HttpRequest]:
        """What came over HTTP."""
        return [request for request in self.requests if isinstance(request, HttpRequest)]

    @property
    def next_event_at(self) -> int | None:
        return min((due for due, _ in self.later), default=None)

    def introduce(self, **facts: Any) -> None:
        self.about |= facts

    def handle(self, request: Request, now_ns: int) -> list[Effect]:
        self.requests.append(request)
        return self.on(request, now_ns)

    def tick(self, now_ns: int) -> list[Effect]:
        due = [effect for due, effect in self.later if due <= now_ns]
        self.later = [(due, effect) for due, effect in self.later if due > now_ns]
        return due

    def echo(self, request: Request, now_ns: int) -> list[Effect]:
        return [Answer(200, '"said"', call=request.call)] if isinstance(request, HttpRequest) else []


class Running:
    """A scripted server in a thread."""

    def __init__(self) -> None:
        self.exchange = Scripted()
        listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.server = Server(self.exchange, time.time_ns(), 1.0)  # type: ignore[arg-type]
        self._thread = threading.Thread(target=lambda: asyncio.run(self.server.serve(listener)))
        self._thread.start()
        self._clients: list[socket.socket | websocket.WebSocket] = []

    def connect(self) -> socket.socket:
        """A bare connection."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self._clients.append(connection)
        return connection

    def open(self, channel: str, timeout_s: float = 10) -> websocket.WebSocket:
        """A WebSocket of a channel."""
        connection = websocket.create_connection(f"ws://127.0.0.1:{self.port}/ws/{channel}", timeout=timeout_s)
        self._clients.append(connection)
        return connection

    def leave(self) -> None:
        """Close what this made."""
        for client in self._clients:
            client.shutdown() if isinstance(client, websocket.WebSocket) else client.close()
        self._clients.clear()

    def stop(self) -> None:
        """Stop serving, whoever is connected."""
        self.server.stop()
        self._thread.join()
