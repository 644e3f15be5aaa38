"""The thin shell: one TCP port on loopback, a clock, and a queue per socket.

All that is decided is decided in `exchange`. Paths: the CLOB at the root (its clients sign their paths), Gamma under
`/gamma`, the relayer under `/relayer`, a node of the chain under `/rpc`, the web site under `/site`, the control calls
under `/sandbox`, sockets under `/ws/`. Why plain ASGI and no framework: a path has to reach the exchange as it was
sent, and an answer may have to leave as no framework would send it.
"""

import asyncio
import logging
import signal
import socket
import ssl
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import uvicorn

from sandbox import answering
from sandbox.answering import Receive, Scope, Sender
from sandbox.exchange import Exchange
from sandbox.messages import (
    Answer,
    Channel,
    Close,
    Cut,
    Effect,
    HttpRequest,
    Request,
    Send,
    SendRaw,
    Service,
    SocketClosed,
    SocketOpened,
    SocketText,
)
from sandbox.outgoing import Client, write
from sandbox.transport import Lines
from sandbox.units import MILLISECOND, SECOND

_QUEUE_MAX = 20_000
"""Frames that may wait for one client: beyond it a replay waits too, and a generated world drops the client."""
_SLICE_NS = 5 * MILLISECOND
"""Exchange time that is made up in one go when it is behind, before the sockets get their turn."""
_WAIT_MIN_S = 0.002
_WAIT_MAX_S = 0.02
_KEPT_S = 60
"""An idle connection that a client keeps is closed after it: what stands before the venue is as patient."""
_CHANNELS: dict[str, Channel] = {"/ws/market": "market", "/ws/user": "user", "/ws/reference": "reference"}
_SERVICES: dict[str, Service] = {
    "gamma": "gamma", "relayer": "relayer", "rpc": "rpc", "site": "site", "sandbox": "control"
}  # fmt: skip
_EXPIRED = Path(__file__).with_name("expired.pem")
_TOO_LARGE = Answer(413, '{"error":"request body too large"}')


def endpoints(port: int) -> dict[str, str]:
    """Where each service is found; the keys of the first line of `--json` and of the status."""
    http, ws = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/ws"
    return {
        "clob_url": http,
        "market_ws_url": f"{ws}/market",
        "user_ws_url": f"{ws}/user",
        "gamma_url": f"{http}/gamma",
        "relayer_url": f"{http}/relayer",
        "rpc_url": f"{http}/rpc",
        "site_url": f"{http}/site",
        "control_url": f"{http}/sandbox",
        "reference_ws_url": f"{ws}/reference",
    }


class Server:
    """Drives an exchange from `begin_ns` on, `clock_speed` times as fast as real time, and speaks for it."""

    def __init__(self, exchange: Exchange, begin_ns: int, clock_speed: float) -> None:
        self._exchange = exchange
        self._begin_ns = begin_ns
        self._begin_monotonic_ns = time.monotonic_ns()
        self._clock_speed = clock_speed
        self._clients: dict[int, Client] = {}
        self._connections = 0
        self._calls: dict[int, asyncio.Future[Answer]] = {}
        self._call_number = 0
        self._lines = Lines()
        self._stopping = False

    def run(self, listener: socket.socket, first_line: str) -> None:
        """Say `first_line` and serve on a listening socket until SIGTERM or SIGINT."""
        # uvicorn raises the signal that stopped it once more for whoever handled it before: us, so we exit with 0.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        # Otherwise asyncio warns of each write to a client that has just vanished, which is no news.
        logging.getLogger("asyncio").setLevel(logging.ERROR)
        sys.stdout.write(first_line + "\n")
        sys.stdout.flush()
        asyncio.run(self.serve(listener))

    def stop(self, *_: object) -> None:
        """Let `serve` come to its end."""
        self._stopping = True

    async def serve(self, listener: socket.socket) -> None:
        """Serve on a listening socket until `stop`, and beside it with a certificate that nobody should accept."""
        http, websocket = self._lines.protocols
        config = uvicorn.Config(
            self._application,
            http=http,
            ws=websocket,
            interface="asgi3",
            proxy_headers=False,
            ws_per_message_deflate=False,
            ws_ping_interval=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
            timeout_keep_alive=_KEPT_S,
        )
        config.load()
        server = uvicorn.Server(config)
        driver = asyncio.create_task(self._drive())
        serving = asyncio.create_task(server.serve(sockets=[listener]))

        def protocol() -> asyncio.Protocol:
            return http(config=config, server_state=server.server_state, app_state={})  # type: ignore[call-arg]

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_EXPIRED)
        beside = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=context)
        self._exchange.introduce(expired_tls_url=f"https://127.0.0.1:{beside.sockets[0].getsockname()[1]}")
        # A driver that dies must not leave a server behind that looks alive.
        await asyncio.wait((driver, serving), return_when=asyncio.FIRST_COMPLETED)
        self._stopping = server.should_exit = True
        beside.close()
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
        self._lines.free()

    def _clock_ns(self) -> int:
        return self._begin_ns + int((time.monotonic_ns() - self._begin_monotonic_ns) * self._clock_speed)

    def _handle(self, request: Request) -> None:
        """Let the exchange take a request; where it is behind, at the time it has reached, so that nothing jumps."""
        now_ns = self._clock_ns()
        due_ns = self._exchange.next_event_at
        for effect in self._exchange.handle(request, now_ns if due_ns is None else min(now_ns, due_ns)):
            self._deliver(effect)

    def _deliver(self, effect: Effect) -> None:
        if isinstance(effect, Send):
            for connection in effect.connections:
                self._put(connection, effect.text)
        elif isinstance(effect, Answer):
            waiting = self._calls.get(effect.call)
            if waiting is not None and not waiting.done():
                waiting.set_result(effect)
        elif isinstance(effect, SendRaw):
            for connection in effect.connections:
                self._put(connection, effect)
        elif isinstance(effect, Close):
            self._put(effect.connection, effect)
        elif isinstance(effect, Cut):
            self._lines.cut(effect)
        else:
            self._lines.hold(effect)

    def _put(self, connection: int, item: str | bytes | SendRaw | Close) -> None:
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

    async def _application(self, scope: Scope, receive: Receive, send: Sender) -> None:
        if scope["type"] == "http":
            await self._call(scope, receive, send)
        elif (channel := _CHANNELS.get(scope["path"].rstrip("/"))) is not None:
            await self._socket(channel, scope, receive, send)
        else:
            await send({"type": "websocket.close"})

    async def _call(self, scope: Scope, receive: Receive, send: Sender) -> None:
        body = await answering.body_of(receive)
        if body is None:
            answer = _TOO_LARGE
        else:
            answer = await self._answer(scope, body, receive)
        line = self._lines.find(scope["client"])
        if answer is not None and line is not None:
            await answering.give(answer, line, receive, send)

    async def _answer(self, scope: Scope, body: bytes, receive: Receive) -> Answer | None:
        """What the exchange answers, however late; None when the client goes away before."""
        self._call_number += 1
        call = self._call_number
        waiting = self._calls[call] = asyncio.get_running_loop().create_future()
        try:
            self._handle(self._request(scope, body, call))
            if not waiting.done():
                gone = asyncio.ensure_future(receive())
                await asyncio.wait((waiting, gone), return_when=asyncio.FIRST_COMPLETED)
                gone.cancel()
            return waiting.result() if waiting.done() else None
        finally:
            del self._calls[call]

    def _request(self, scope: Scope, body: bytes, call: int) -> HttpRequest:
        path = scope["raw_path"].decode("latin-1")
        first, _, rest = path[1:].partition("/")
        service = _SERVICES.get(first, "clob")
        query: dict[str, list[str]] = {}
        for name, value in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True):
            query.setdefault(name, []).append(value)
        headers: dict[str, str] = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        shown = path if service == "clob" else f"/{rest}"
        return HttpRequest(service, scope["method"], shown, query, body, self._backlog(), headers, call)

    async def _socket(self, channel: Channel, scope: Scope, receive: Receive, send: Sender) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        line = self._lines.find(scope["client"])
        if line is None:
            return
        line.become(channel)
        self._connections += 1
        connection = self._connections
        client = self._clients[connection] = Client(line)
        writer = asyncio.create_task(write(client, send))
        self._handle(SocketOpened(connection, channel))
        try:
            message: Any
            while (message := await receive())["type"] == "websocket.receive":
                if (text := message.get("text")) is not None:
                    self._handle(SocketText(connection, text))
        finally:
            del self._clients[connection]
            self._handle(SocketClosed(connection))
            writer.cancel()
