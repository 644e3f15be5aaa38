"""The command bus on a Unix socket: HTTP and versioned JSON, for the CLI, the monitor and scripts.

Why a kill has threads of its own: other commands wait in a pool of threads for their proof, and when that pool is full
of them a kill must not stand in line.
Why the kernel says whose process it is: who kills, and above all who lifts a kill, stands in the audit, and what a
client says of itself is only what it says.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from threading import Event, Thread
from typing import Annotated, Any, Final

import msgspec
import uvicorn
from fastapi import FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from loguru import logger
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from actors.control.bus import Control, Verb
from actors.control.ports import Refused
from models.snapshot import MarketLine
from models.text import clean
from surfaces import documents, explained, risk
from surfaces.socket_file import bind

_START_S: Final = 10.0
_STOP_S: Final = 3.0
_STATUSES: Final[Mapping[str, int]] = {
    "not_found": 404,
    "usage": 400,
    "timeout": 504,
    "undecided": 503,
    "internal": 500,
}

Who = Annotated[str, Header(alias="x-keel-who")]


class Order(BaseModel):
    """What a command needs to know. No markets: everything."""

    model_config = ConfigDict(extra="forbid")

    markets: list[str] = Field(default=[], max_length=10_000)
    timeout_s: float = Field(default=9.0, gt=0, le=600)
    confirmed: bool = False
    dry_run: bool = False


class KillOrder(BaseModel):
    """Why everything is to stop."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=500)
    timeout_s: float = Field(default=9.0, gt=0, le=600)
    dry_run: bool = False


def control_app(control: Control) -> FastAPI:
    """Return the application that serves a command bus."""
    app = FastAPI(title="Keel control", version="1", openapi_url="/v1/openapi.json", docs_url=None, redoc_url=None)
    _add_views(app, control)
    _add_commands(app, control)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unknown_route)
    app.middleware("http")(_contained)
    return app


class ControlServer:
    """Serves a command bus for as long as the engine runs, in a daemon thread with a loop of its own."""

    def __init__(self, control: Control, data_dir: Path) -> None:
        self._data_dir = data_dir
        config = uvicorn.Config(
            control_app(control),
            http=_Protocol,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
            timeout_keep_alive=60,
        )
        self._server = _Server(config)
        self.path: Path | None = None

    def start(self) -> Path:
        """Bind, serve, and return the path of the socket once it answers. Raises SocketTaken or OSError."""
        listener, self.path = bind(self._data_dir)
        self._thread = Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="control-server", daemon=True
        )
        self._thread.start()
        if not self._server.ready.wait(_START_S):
            raise RuntimeError("the control server did not start")
        return self.path

    def stop(self) -> None:
        """Stop serving and take the socket away."""
        if self.path is None:
            return
        self._server.should_exit = True
        self._thread.join(_STOP_S)
        self.path.unlink(missing_ok=True)
        (self._data_dir / "run" / "socket").unlink(missing_ok=True)
        self.path = None


class _Protocol(AutoHTTPProtocol):
    """Puts the user of the process at the other end where other servers put its address."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.client = (_user_at(transport.get_extra_info("socket")), 0)


def _user_at(connection: socket.socket) -> str:
    """Return `uid N` of the process at the other end of a socket; empty where the system does not say it."""
    if not hasattr(socket, "SO_PEERCRED"):
        return ""
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return f"uid {uid}"


class _Server(uvicorn.Server):
    """Says when it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = Event()

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def _add_views(app: FastAPI, control: Control) -> None:
    @app.get("/v1/status")
    def status(market: str | None = None) -> Response:
        return _json(documents.status(control.look(), control.now_ns(), _named(control, market)))

    @app.get("/v1/board")
    def board(since: int = 0, selected: str | None = None) -> Response:
        shown = control.look()
        line = None if selected is None else shown.by_name(selected)
        if line is not None and line.on:
            control.ask_why(line.market.id)  # the next look has the answer; this one does not wait for it
        return _json(documents.monitor(shown, control.now_ns(), since, line))

    @app.get("/v1/markets")
    def markets() -> Response:
        return _json(documents.markets(control.look()))

    @app.get("/v1/markets/{name}")
    def market(name: str) -> Response:
        line = control.market(name)
        return _json(documents.market(control.look(), line, control.now_ns()))

    @app.get("/v1/markets/{name}/book")
    def book(name: str, depth: Annotated[int | None, Query(ge=1)] = None) -> Response:
        line = control.market(name)
        if line.book is None:
            raise Refused("undecided", f"{line.market.slug} has no book yet", retryable=True)
        return _json(documents.book(line, depth))

    @app.get("/v1/why")
    def why(market: Annotated[list[str] | None, Query()] = None) -> Response:
        return _json(explained.why(control.why(market or ())))

    @app.get("/v1/risk")
    def risk_read(market: str | None = None) -> Response:
        return _json(risk.risk(*control.risk(), _named(control, market)))

    @app.get("/v1/risk/explain")
    def risk_explained(market: str | None = None) -> Response:
        return _json(risk.explain(*control.risk(), _named(control, market)))

    @app.get("/v1/kill")
    def killed() -> Response:
        return _json(documents.killed(control.look()))


def _add_commands(app: FastAPI, control: Control) -> None:
    @app.post("/v1/commands/{verb}")
    def command(verb: Verb, order: Order, who: Who = "unknown") -> Response:
        answer = control.set_state(
            verb, order.markets, clean(who, 60), order.timeout_s, confirmed=order.confirmed, dry_run=order.dry_run
        )
        return _json(documents.command(answer))

    @app.post("/v1/kill")
    async def kill(order: KillOrder, request: Request, who: Who = "unknown") -> Response:
        reason, whose = clean(order.reason, 200) or "no reason given", _whose(request, who)
        answer = await asyncio.to_thread(control.kill, reason, whose, order.timeout_s, dry_run=order.dry_run)
        return _json(documents.command(answer))

    @app.post("/v1/kill/clear")
    def clear_kill(order: Order, request: Request, who: Who = "unknown") -> Response:
        answer = control.clear_kill(_whose(request, who), order.timeout_s, confirmed=order.confirmed)
        return _json(documents.command(answer))

    @app.post("/v1/reload")
    def reload(order: Order, who: Who = "unknown") -> Response:
        done = control.reload(clean(who, 60), confirmed=order.confirmed, dry_run=order.dry_run)
        return _json(documents.reloaded(done.lines, done.segment, dry_run=done.dry_run))

    @app.post("/v1/stop")
    async def stop(who: Who = "unknown") -> Response:
        pid, orders = control.look().engine.pid, len(control.look().orders)
        await asyncio.to_thread(control.stop, clean(who, 60))
        return _json({"schema": "keel.stop/1", "stopping": True, "pid": pid, "orders_open": orders})


def _named(control: Control, market: str | None) -> MarketLine | None:
    return None if market is None else control.market(market)


def _whose(request: Request, who: str) -> str:
    user = "" if request.client is None else request.client.host
    return f"{clean(who, 60)} {user}".rstrip()


def _json(document: documents.Document, status_code: int = 200) -> Response:
    return Response(msgspec.json.encode(document), status_code, media_type="application/json")


def _error(code: str, message: str, hint: str = "", *, retryable: bool = False) -> Response:
    error = {"code": code, "message": message, "hint": hint, "retryable": retryable}
    return _json({"error": error}, _STATUSES.get(code, 409))


def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return _error(error.code, str(error), error.hint, retryable=error.retryable)


def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return _error("usage", clean(found, 500))


def _unknown_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(
        "not_found" if error.status_code == 404 else "usage", f"{request.method} {request.url.path}: {error.detail}"
    )


async def _contained(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    """Answer a programmer's error with an envelope: the connection, and the engine, go on."""
    try:
        return await go_on(request)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is logged and told
        logger.opt(exception=error).error("control request {} {} failed", request.method, request.url.path)
        return _error("internal", f"{type(error).__name__}: {clean(str(error), 300)}")
