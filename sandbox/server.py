"""The thin shell: one TCP port on loopback, a clock, and a queue per socket.

All that is decided is decided in `exchange`. Paths: the CLOB at the root (its clients sign their paths), Gamma under
`/gamma`, the relayer under `/relayer`, the control calls under `/sandbox`, sockets under `/ws/`.
"""

import asyncio
import logging
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as HttpCall
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.exchange import Exchange
from sandbox.messages import (
    Answer,
    Channel,
    Close,
    HttpRequest,
    Request,
    Send,
    Service,
    SocketClosed,
    SocketOpened,
    SocketText,
)
from sandbox.units import MILLISECOND, SECOND

_BODY_MAX = 1 << 20
_QUEUE_MAX = 20_000
"""Frames that may wait for one client: beyond it a replay waits too, and a generated world drops the client."""
_SLICE_NS = 5 * MILLISECOND
"""Exchange time that is made up in one go when it is behind, before the sockets get their turn."""
_WAIT_MIN_S = 0.002
_WAIT_MAX_S = 0.02
_FRAMES_PER_TURN = 100
_CHANNELS: tuple[Channel, ...] = ("market", "user", "reference")
_SERVICES: dict[str, Service] = {"gamma": "gamma", "relayer": "relayer", "sandbox": "control"}


def endpoints(port: int) -> dict[str, str]:
    """Where each service is found; the keys of the first line of `--json` and of the status."""
    http, ws = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/ws"
    return {
        "clob_url": http,
        "market_ws_url": f"{ws}/market",
        "user_ws_url": f"{ws}/user",
        "gamma_url": f"{http}/gamma",
        "relayer_url": f"{http}/relayer",
        "control_url": f"{http}/sandbox",
        "reference_ws_url": f"{ws}/reference",
    }


class _Client:
    """One socket's outgoing queue; nothing follows a `Close`."""

    def __init__(self) -> None:
        self.waiting: deque[str | Close] = deque()
        self.ready = asyncio.Event()
        self.sending = False
        self._ended = False

    @property
    def backlog(self) -> int:
        """What is not yet written, with the one that is being written."""
        return len(self.waiting) + self.sending

    def put(self, item: str | Close) -> None:
        """Queue a text or the end."""
        if not self._ended:
            self.waiting.append(item)
            self.ready.set()
            self._ended = isinstance(item, Close)


class Server:
    """Drives an exchange from `begin_ns` on, `clock_speed` times as fast as real time, and speaks for it."""

    def __init__(self, exchange: Exchange, begin_ns: int, clock_speed: float) -> None:
        self._exchange = exchange
        self._begin_ns = begin_ns
        self._begin_monotonic_ns = time.monotonic_ns()
        self._clock_speed = clock_speed
        self._clients: dict[int, _Client] = {}
        self._connections = 0
        self._stopping = False

    def run(self, listener: socket.socket, first_line: str) -> None:
        """Say `first_line` and serve on a listening socket until SIGTERM or SIGINT."""
        # uvicorn raises the signal that stopped it once more for whoever handled it before: us, so we exit with 0.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        # Otherwise asyncio warns of each write to a client that has just vanished, which is no news.
        logging.getLogger("asyncio").setLevel(logging.ERROR)
        sys.stdout.write(first_line + "\n")
        sys.stdout.flush()
        asyncio.run(self._serve(listener))

    def _stop(self, *_: object) -> None:
        self._stopping = True

    async def _serve(self, listener: socket.socket) -> None:
        routes = [WebSocketRoute(f"/ws/{channel}", self._endpoint(channel)) for channel in _CHANNELS]
        application = Starlette(routes=[*routes, Route("/{path:path}", self._call, methods=["GET", "POST", "DELETE"])])
        config = uvicorn.Config(
            application,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            ws_ping_interval=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        driver = asyncio.create_task(self._drive())
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        # A driver that dies must not leave a server behind that looks alive.
        await asyncio.wait((driver, serving), return_when=asyncio.FIRST_COMPLETED)
        self._stopping = server.should_exit = True
        await asyncio.gather(driver, serving)

    async def _drive(self) -> None:
        while not self._stopping:
            due_ns, now_ns = self._exchange.next_event_at, self._clock_ns()
            if due_ns is None or due_ns > now_ns:
                wait_s = _WAIT_MAX_S if due_ns is None else (due_ns - now_ns) / SECOND / self._clock_speed
                await asyncio.sleep(min(max(wait_s, _WAIT_MIN_S), _WAIT_MAX_S))
            elif self._exchange.is_replay and self._backlog() > _QUEUE_MAX:
                await asyncio.sleep(_WAIT_MIN_S)
            else:
                for effect in self._exchange.tick(min(now_ns, due_ns + _SLICE_NS)):
                    self._deliver(effect)
                await asyncio.sleep(0)

    def _clock_ns(self) -> int:
        return self._begin_ns + int((time.monotonic_ns() - self._begin_monotonic_ns) * self._clock_speed)

    def _handle(self, request: Request) -> Answer | None:
        """Let the exchange take a request; where it is behind, at the time it has reached, so that nothing jumps."""
        now_ns = self._clock_ns()
        due_ns = self._exchange.next_event_at
        answer: Answer | None = None
        for effect in self._exchange.handle(request, now_ns if due_ns is None else min(now_ns, due_ns)):
            if isinstance(effect, Answer):
                answer = effect
            else:
                self._deliver(effect)
        return answer

    def _deliver(self, effect: Answer | Send | Close) -> None:
        if isinstance(effect, Send):
            for connection in effect.connections:
                self._put(connection, effect.text)
        elif isinstance(effect, Close):
            self._put(effect.connection, effect)

    def _put(self, connection: int, item: str | Close) -> None:
        client = self._clients.get(connection)
        if client is None:
            return
        if client.backlog >= _QUEUE_MAX and not self._exchange.is_replay:
            client.waiting.clear()
            item = Close(connection, 1008, "slow consumer")
            # Not now: what this would send must not overtake the frames that are being delivered.
            asyncio.get_running_loop().call_soon(self._handle, SocketClosed(connection))
        client.put(item)

    def _backlog(self) -> int:
        return sum(client.backlog for client in self._clients.values())

    async def _call(self, call: HttpCall) -> Response:
        body = b""
        async for chunk in call.stream():
            body += chunk
            if len(body) > _BODY_MAX:
                return Response('{"error":"request body too large"}', 413, media_type="application/json")
        first, _, rest = call.url.path.lstrip("/").partition("/")
        service = _SERVICES.get(first, "clob")
        query: dict[str, list[str]] = {}
        for name, value in call.query_params.multi_items():
            query.setdefault(name, []).append(value)
        path = call.url.path if service == "clob" else f"/{rest}"
        answer = self._handle(HttpRequest(service, call.method, path, query, body, self._backlog()))
        assert answer is not None
        return Response(answer.body, answer.status, media_type="application/json")

    def _endpoint(self, channel: Channel) -> Callable[[WebSocket], Awaitable[None]]:
        async def serve(websocket: WebSocket) -> None:
            await websocket.accept()
            self._connections += 1
            connection = self._connections
            client = self._clients[connection] = _Client()
            writer = asyncio.create_task(_write(websocket, client))
            self._handle(SocketOpened(connection, channel))
            try:
                while (message := await websocket.receive())["type"] == "websocket.receive":
                    if (text := message.get("text")) is not None:
                        self._handle(SocketText(connection, text))
            finally:
                del self._clients[connection]
                self._handle(SocketClosed(connection))
                writer.cancel()

        return serve


async def _write(websocket: WebSocket, client: _Client) -> None:
    sent = 0
    try:
        while True:
            await client.ready.wait()
            client.ready.clear()
            while client.waiting:
                item = client.waiting.popleft()
                if isinstance(item, Close):
                    await websocket.close(item.code, item.reason[:120])
                    return
                client.sending = True
                await websocket.send_text(item)
                client.sending = False
                sent += 1
                if sent % _FRAMES_PER_TURN == 0:
                    await asyncio.sleep(0)
    except (WebSocketDisconnect, RuntimeError):
        # The client went while we were writing; its reader ends the connection.
        client.sending = False
        client.waiting.clear()
