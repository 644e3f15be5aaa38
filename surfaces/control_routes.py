"""Every route of the control socket, each named by its command, and by that held to the table of commands.

Why a route has no way past the table: who may say it is asked by the name of the route, before its handler is entered,
and a route whose name is no command cannot be made.

Why a kill has threads of its own, and a stop too: other commands wait in a pool of threads for their proof, and when
that pool is full of them a kill must not stand in line; nor a stop behind kills that wait for an exchange that is gone.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Annotated, Any, Final, get_args

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from actors.control.bus import Control, Verb
from actors.control.ports import Refused
from models.roles import COMMANDS, Caller
from models.snapshot import MarketLine
from models.text import clean
from surfaces import documents, explained, risk, told
from surfaces.control_guard import answered, envelope, failed

_STATES: Final = get_args(Verb)
_KILLS_MAX: Final = 64
"""So many kills may wait for their proof at once."""

PATHS: Final = {
    "status": "/v1/status",
    "board": "/v1/board",
    "markets": "/v1/markets",
    "market": "/v1/markets/{name}",
    "book": "/v1/markets/{name}/book",
    "orders": "/v1/orders",
    "order": "/v1/orders/{name:path}",
    "kill_status": "/v1/kill",
    "why": "/v1/why",
    "risk": "/v1/risk",
    "risk_explain": "/v1/risk/explain",
    "get": "/v1/settings",
    "cancel": "/v1/commands/cancel",
    "add": "/v1/commands/add",
    "remove": "/v1/commands/remove",
    "set": "/v1/settings",
    "kill": "/v1/kill",
    "clear_kill": "/v1/kill/clear",
    "reload": "/v1/reload",
    "stop": "/v1/stop",
    **{verb: f"/v1/commands/{verb}" for verb in _STATES},
}
"""Where each command is said: a GET for what changes nothing, a POST for what does."""


class _Said(BaseModel):
    """What every command needs to know."""

    model_config = ConfigDict(extra="forbid", strict=True)

    timeout_s: float = Field(default=9.0, gt=0, le=600, allow_inf_nan=False)
    confirmed: bool = False
    dry_run: bool = False


class Order(_Said):
    """Markets by name; none: everything."""

    markets: list[str] = Field(default=[], max_length=10_000)


class KillOrder(_Said):
    """Why everything is to stop."""

    reason: str = Field(default="", max_length=500)


class ClearOrder(_Said):
    """What a person has typed, and whether it is meant though orders are left."""

    word: str = Field(default="", max_length=100)
    force: bool = False


class StopOrder(_Said):
    """Whether nothing is waited for but that all is cancelled."""

    force: bool = False


class SetOrder(_Said):
    """What to go by from now on, as people write it."""

    values: dict[str, str] = Field(max_length=200)
    persist: bool = False


class MarketOrder(_Said):
    """A market by slug, URL, condition id or token."""

    market: str = Field(min_length=1, max_length=500)


class CancelOrder(_Said):
    """Orders by name; without any, all of a market, or of all markets."""

    orders: list[str] = Field(default=[], max_length=1_000)
    market: str | None = None


async def permitted(request: Request) -> Caller:
    """Return who calls a route, if they may. Raises Refused `not_permitted`, `usage`."""
    caller: Caller = request.state.caller
    control: Control = request.app.state.control
    verb: str = request.scope["route"].name
    try:
        control.audit.permit(verb, caller)
        rule = COMMANDS[verb]
        if rule.changes and not rule.bare and not caller.request:
            raise Refused("usage", f"{verb} needs a name of its own", "send a new x-keel-request with every command")
    except Refused as refused:
        control.audit.refused(caller, verb, str(refused))
        raise
    return caller


By = Annotated[Caller, Depends(permitted)]


def control_app(control: Control) -> FastAPI:
    """Return the application that serves a command bus. Without the guard before it nobody is known who calls."""
    app = FastAPI(
        openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, dependencies=[Depends(permitted)]
    )
    app.state.control = control
    route = _Routes(app)
    _add_views(route, control)
    _add_questions(route, control)
    _add_commands(route, control)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unknown)
    app.add_exception_handler(Exception, lambda _, error: failed(error))
    return app


class _Routes:
    """Adds routes by the verb of their command. Raises KeyError for one that is in no table."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def add(self, verb: str, handler: Callable[..., Any]) -> None:
        method = "POST" if COMMANDS[verb].changes else "GET"
        self._app.add_api_route(PATHS[verb], handler, methods=[method], name=verb, response_model=None)


def _add_views(route: _Routes, control: Control) -> None:
    def status(market: str | None = None) -> Response:
        return answered(documents.status(control.look(), control.now_ns(), _named(control, market)))

    def board(since: int = 0, selected: str | None = None) -> Response:
        shown = control.look()
        line = None if selected is None else shown.by_name(selected)
        if line is not None and line.on:
            control.ask_why(line.market.id)  # the next look has the answer; this one does not wait for it
        return answered(documents.monitor(shown, control.now_ns(), since, line))

    def market(name: str) -> Response:
        line = control.market(name)
        return answered(documents.market(control.look(), line, control.now_ns()))

    def book(name: str, depth: Annotated[int | None, Query(ge=1)] = None) -> Response:
        line = control.market(name)
        if line.book is None:
            raise Refused("undecided", f"{line.market.slug} has no book yet", retryable=True)
        return answered(documents.book(line, depth))

    def orders(market: str | None = None) -> Response:
        return answered(told.orders(control.look(), _named(control, market)))

    def order(name: str) -> Response:
        return answered(told.order(control.look(), control.order(name)))

    route.add("status", status)
    route.add("board", board)
    route.add("markets", lambda: answered(documents.markets(control.look())))
    route.add("market", market)
    route.add("book", book)
    route.add("orders", orders)
    route.add("order", order)
    route.add("kill_status", lambda: answered(told.killed(control.look(), control.killed_by, control.kill_word)))


def _add_questions(route: _Routes, control: Control) -> None:
    def why(market: Annotated[list[str] | None, Query()] = None) -> Response:
        return answered(explained.why(control.why(market or ()), control.look()))

    def read_risk(market: str | None = None) -> Response:
        return answered(risk.risk(*control.risk(), _named(control, market)))

    def bounds(market: str | None = None) -> Response:
        return answered(risk.explain(*control.risk(), _named(control, market)))

    def get(key: Annotated[list[str] | None, Query()] = None) -> Response:
        return answered(told.settings(control.get(key or ())))

    route.add("why", why)
    route.add("risk", read_risk)
    route.add("risk_explain", bounds)
    route.add("get", get)


def _add_commands(route: _Routes, control: Control) -> None:
    stopping = ThreadPoolExecutor(1, "control-stop")
    killing = ThreadPoolExecutor(_KILLS_MAX, "control-kill")  # what asyncio has by itself is as few as there are cores

    def state(verb: Verb) -> Callable[..., Response]:
        def say(order: Order, by: By) -> Response:
            return answered(
                told.command(
                    control.set_state(
                        verb, order.markets, by, order.timeout_s, confirmed=order.confirmed, dry_run=order.dry_run
                    )
                )
            )

        return say

    async def kill(order: KillOrder, by: By) -> Response:
        reason = clean(order.reason, 200) or "no reason given"
        carry_out = partial(control.kill, reason, by, order.timeout_s, dry_run=order.dry_run)
        return answered(told.command(await asyncio.get_running_loop().run_in_executor(killing, carry_out)))

    def clear_kill(order: ClearOrder, by: By) -> Response:
        done = control.clear_kill(by, order.timeout_s, word=order.word, force=order.force, dry_run=order.dry_run)
        return answered(told.command(done))

    def cancel(order: CancelOrder, by: By) -> Response:
        return answered(
            told.cancelled(
                control.cancel(order.orders, by, order.timeout_s, market=order.market, dry_run=order.dry_run)
            )
        )

    def change(order: SetOrder, by: By) -> Response:
        done = control.set(order.values, by, persist=order.persist, confirmed=order.confirmed, dry_run=order.dry_run)
        return answered(told.changed("set", done))

    def reload(order: _Said, by: By) -> Response:
        return answered(told.changed("reload", control.reload(by, confirmed=order.confirmed, dry_run=order.dry_run)))

    def add(order: MarketOrder, by: By) -> Response:
        return answered(told.listed(control.add_market(order.market, by, order.timeout_s, dry_run=order.dry_run)))

    def remove(order: MarketOrder, by: By) -> Response:
        return answered(told.listed(control.remove_market(order.market, by, order.timeout_s, dry_run=order.dry_run)))

    async def stop(by: By, order: StopOrder | None = None) -> Response:
        asked = order or StopOrder()
        pid, orders = control.look().engine.pid, len(control.look().orders)
        carry_out = partial(control.stop, by, force=asked.force, dry_run=asked.dry_run)
        await asyncio.get_running_loop().run_in_executor(stopping, carry_out)
        return answered({"schema": "keel.stop/1", "stopping": not asked.dry_run, "pid": pid, "orders_open": orders})

    for verb in _STATES:
        route.add(verb, state(verb))
    route.add("cancel", cancel)
    route.add("add", add)
    route.add("remove", remove)
    route.add("set", change)
    route.add("kill", kill)
    route.add("clear_kill", clear_kill)
    route.add("reload", reload)
    route.add("stop", stop)


def _named(control: Control, market: str | None) -> MarketLine | None:
    return None if market is None else control.market(market)


def _refused(_: Request, error: Exception) -> Response:
    """Answer with the envelope. What was refused as a command is in the audit already."""
    assert isinstance(error, Refused)
    return envelope(error)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = clean("; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()), 500)
    _audit(request, request.scope["route"].name, found)
    return envelope(Refused("usage", found))


def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    asked = f"{request.method} {request.url.path}"
    _audit(request, asked, str(error.detail))
    code = "not_found" if error.status_code == 404 else "usage"
    return envelope(Refused(code, clean(f"{asked}: {error.detail}", 300)), error.status_code)


def _audit(request: Request, asked: str, reason: str) -> None:
    request.app.state.control.audit.refused(request.state.caller, asked, reason)
