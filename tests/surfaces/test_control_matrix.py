"""Every route against every role, and against all that is no command. Made from the routes, so none is left out."""

import asyncio
import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import pytest
from fastapi.routing import APIRoute

from actors.control.audit import UNCHANGED_MAX
from models.roles import COMMANDS, ROLES, Role
from surfaces.control_guard import BODY_MAX, Guard
from surfaces.control_routes import control_app
from surfaces.control_server import ControlServer
from tests.little_engine import LittleEngine

pytestmark = pytest.mark.proves("I40")

_SYSTEM_PYTHON: Final = Path("/usr/bin/python3")
_NOBODY: Final = 65_534
_numbers = count(1)


class Route(NamedTuple):
    verb: str
    method: str
    path: str


def _routes() -> list[Route]:
    found = control_app(LittleEngine(1).control).routes
    assert all(isinstance(route, APIRoute) for route in found)
    routes = [route for route in found if isinstance(route, APIRoute)]
    return [Route(one.name, "".join(one.methods or ()), _filled(one.path)) for one in routes]


def _filled(path: str) -> str:
    return re.sub(r"\{name.*?\}", "market-1", path)


ROUTES: Final = _routes()
COMMAND_ROUTES: Final = [route for route in ROUTES if COMMANDS[route.verb].changes]
_BODIES: Final[dict[str, dict[str, Any]]] = {
    "set": {"values": {"maker.bid_size": "5"}},
    "add": {"market": "market-1"},
    "remove": {"market": "market-1"},
    "on": {"markets": ["market-1"]},
    "off": {"markets": ["market-1"]},
}


class Said(NamedTuple):
    """A socket that is spoken to without the client's manners."""

    engine: LittleEngine
    http: httpx.Client
    path: Path

    def say(self, route: Route, body: Any = None, *, method: str = "", **headers: str | None) -> httpx.Response:
        self.engine.clock.at_ns += 10_000_000_000  # so that each refusal may be written
        sent = {"x-keel-who": "matrix", "x-keel-request": f"request-{next(_numbers)}"}
        for name, value in headers.items():
            sent.pop(name.replace("_", "-"), None)
            if value is not None:
                sent[name.replace("_", "-")] = value
        content = body if isinstance(body, bytes) else None
        if route.method == "POST" and body is None:
            body = {"dry_run": True, **_BODIES.get(route.verb, {})}
        if content is not None:
            return self.http.request(
                method or route.method, route.path, content=content, headers={"content-type": "application/json"} | sent
            )
        return self.http.request(method or route.method, route.path, json=body, headers=sent)

    def refused(self, answer: httpx.Response, status: int, code: str) -> str:
        """Check the envelope of a refusal, and that it was audited last; return what it says."""
        assert answer.status_code == status, answer.text
        error = answer.json()["error"]
        assert (sorted(error), error["code"]) == (["code", "hint", "message", "retryable"], code)
        row = self.engine.audited[-1]
        assert (row.outcome, row.at_ns) == ("refused", self.engine.clock.at_ns)
        return error["message"]


@pytest.fixture(scope="module")
def said() -> Iterator[Said]:
    with tempfile.TemporaryDirectory(prefix="k") as folder:
        engine = LittleEngine(1)
        server = ControlServer(engine.control, Path(folder))
        path = server.start()
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path), verify=False), base_url="http://keel") as http:
            yield Said(engine, http, path)
        server.stop()


def by_verb(routes: list[Route]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("route", routes, ids=[route.verb for route in routes])


def test_every_command_has_one_route_and_every_route_is_a_command() -> None:
    assert sorted(route.verb for route in ROUTES) == sorted(COMMANDS)
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


def test_only_what_changes_nothing_is_a_get() -> None:
    assert {route.verb for route in ROUTES if route.method == "POST"} == {
        verb for verb, rule in COMMANDS.items() if rule.changes
    }


@pytest.mark.parametrize("role", ROLES)
@by_verb(ROUTES)
def test_a_role_may_say_what_the_table_lets_it_and_nothing_else(said: Said, route: Route, role: str) -> None:
    before = len(said.engine.audited)
    answer = said.say(route, x_keel_role=role)
    if ROLES[role] >= COMMANDS[route.verb].role:
        assert answer.status_code in {200, 409, 503, 404}, answer.text
        if answer.status_code != 200:
            assert answer.json()["error"]["code"] in {"confirmation_required", "refused", "undecided", "not_found"}
        assert len(said.engine.audited) == before + COMMANDS[route.verb].changes
        return
    assert said.refused(answer, 403, "not_permitted") == f"a {role} may not say {route.verb}"
    assert (said.engine.audited[-1].verb, said.engine.audited[-1].role) == (route.verb, role)
    assert len(said.engine.audited) == before + 1


@by_verb([route for route in ROUTES if route.method == "POST"])
def test_a_dry_run_changes_nothing_though_it_is_confirmed(route: Route) -> None:
    engine = LittleEngine(1)
    engine.place(1)
    engine.control.kill("drill", "cli", 1)
    before = engine.gate.copy(), engine.board.look().killed, engine.board.look().markets, engine.ended
    with tempfile.TemporaryDirectory(prefix="k") as folder:
        server = ControlServer(engine.control, Path(folder))
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=str(server.start()), verify=False), base_url="http://keel"
        ) as http:
            body = {"dry_run": True, "confirmed": True}
            Said(engine, http, Path(folder)).say(route, {**_BODIES.get(route.verb, {}), **body})
        server.stop()
    assert before == (engine.gate, engine.board.look().killed, engine.board.look().markets, engine.ended)
    assert engine.audited[-1].verb == route.verb
    assert engine.audited[-1].outcome in {"shown", "refused"}, "what is not there is refused"


@by_verb(ROUTES)
def test_another_user_is_refused_whatever_they_ask(said: Said, route: Route) -> None:
    guard = Guard(control_app(said.engine.control), said.engine.control.audit)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=guard, client=(str(os.getuid() + 1), 71))
        async with httpx.AsyncClient(transport=transport, base_url="http://keel") as http:
            return await http.request(route.method, route.path, headers={"x-keel-request": "of-a-stranger"})

    said.engine.clock.at_ns += 10_000_000_000
    assert "is not the user" in said.refused(asyncio.run(ask()), 403, "not_permitted")
    assert (said.engine.audited[-1].uid, said.engine.audited[-1].pid) == (os.getuid() + 1, 71)


@by_verb(ROUTES)
def test_a_header_that_no_client_of_ours_sends_is_refused(said: Said, route: Route) -> None:
    said.refused(said.say(route, host="evil.example"), 403, "not_permitted")
    said.refused(said.say(route, origin="http://keel"), 403, "not_permitted")
    said.refused(said.say(route, sec_fetch_site="cross-site"), 403, "not_permitted")
    said.refused(said.say(route, x_keel_role="root"), 400, "usage")
    said.refused(said.say(route, x_keel_request="a b"), 400, "usage")


_NO_JSON: Final = (
    b"{", b"[]", b"\xff", b'{"timeout_s": NaN}', b'{"dry_run": true, "dry_run": false}', b'{"a":' * 9 + b"1" + b"}" * 9,
    b"[" * 40_000,
)  # fmt: skip
_NO_COMMANDS: Final = (b'{"unheard_of": 1}', b'{"confirmed": "yes"}', b'{"timeout_s": -1}', b'{"timeout_s": 1e999}')


@by_verb(COMMAND_ROUTES)
def test_a_body_that_is_no_command_is_refused(said: Said, route: Route) -> None:
    for body in (*_NO_JSON, *(_NO_COMMANDS if route.verb != "stop" else ())):  # a stop reads nothing
        said.refused(said.say(route, body), 400, "usage")


@by_verb(COMMAND_ROUTES)
def test_what_is_too_long_is_refused_before_it_is_read(said: Said, route: Route) -> None:
    said.refused(said.say(route, b" " * (BODY_MAX + 1)), 413, "oversized")


def test_what_is_sent_in_pieces_is_counted_too(said: Said) -> None:
    pieces = (b" " * 1_000 for _ in range(70))
    sent = {"content-type": "application/json", "x-keel-request": "sent-in-pieces"}
    said.engine.clock.at_ns += 10_000_000_000
    said.refused(said.http.post("/v1/kill", content=pieces, headers=sent), 413, "oversized")
    assert said.engine.gate == []


@by_verb(COMMAND_ROUTES)
def test_another_kind_of_content_is_refused(said: Said, route: Route) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        said.refused(said.say(route, b"{}", content_type=kind), 415, "unsupported")


@by_verb(ROUTES)
def test_another_method_is_refused(said: Said, route: Route) -> None:
    taken = {one.method for one in ROUTES if one.path == route.path} | {"HEAD"}
    for method in sorted({"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} - taken):
        said.refused(said.say(route, b"", method=method), 405, "usage")


@by_verb(COMMAND_ROUTES)
def test_the_same_call_is_not_carried_out_twice(said: Said, route: Route) -> None:
    name = f"twice-{route.verb}"
    first = said.say(route, x_keel_request=name)
    assert "replayed" not in first.text
    message = said.refused(said.say(route, x_keel_request=name), 409, "replayed")
    assert message.startswith(f"request {name} is {route.verb} of 20")


@by_verb(COMMAND_ROUTES)
def test_a_command_needs_a_name_of_its_own_but_a_kill_does_not(said: Said, route: Route) -> None:
    answer = said.say(route, x_keel_request=None)
    if route.verb == "kill":
        assert answer.status_code == 200
        return
    said.refused(answer, 400, "usage")


def _raw(said: Said, sent: bytes) -> bytes:
    """Send bytes, and no more; return all that is answered before the other side hangs up."""
    said.engine.clock.at_ns += 10_000_000_000
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(5)
        raw.connect(str(said.path))
        raw.sendall(sent)
        answer = b""
        while piece := raw.recv(4_096):
            answer += piece
    return answer


def test_a_body_that_is_announced_too_long_is_not_waited_for(said: Said) -> None:
    head = (
        b"POST /v1/kill HTTP/1.1\r\nhost: keel\r\ncontent-type: application/json\r\ncontent-length: 999999999\r\n\r\n"
    )
    assert _raw(said, head).startswith(b"HTTP/1.1 413 ")
    assert said.engine.audited[-1].result == "a command has at most 65536 bytes"


def test_a_header_that_decides_and_comes_twice_is_refused(said: Said) -> None:
    head = b"POST /v1/kill/clear HTTP/1.1\r\nhost: keel\r\nx-keel-role: viewer\r\nX-Keel-Role: owner\r\n"
    assert _raw(said, head + b"content-length: 0\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_what_is_no_http_is_answered_by_the_envelope_and_audited(said: Said) -> None:
    answer = _raw(said, b"kill everything\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"usage"' in answer
    assert (said.engine.audited[-1].verb, said.engine.audited[-1].uid) == ("malformed", os.getuid())


def test_a_flood_of_refusals_is_counted_and_does_not_fill_the_audit(said: Said) -> None:
    said.engine.clock.at_ns += 3_600_000_000_000
    before = len(said.engine.audited)
    for _ in range(UNCHANGED_MAX + 25):
        said.http.post("/v1/commands/resume", json={}, headers={"x-keel-role": "viewer"})
    assert len(said.engine.audited) == before + UNCHANGED_MAX
    said.engine.clock.at_ns += 1_000_000_000
    said.http.post("/v1/commands/resume", json={}, headers={"x-keel-role": "viewer"})
    assert said.engine.audited[-1].result == "a viewer may not say resume (25 calls before it were not written)"
    assert len(said.engine.audited) == before + UNCHANGED_MAX + 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(not _SYSTEM_PYTHON.exists(), reason=f"the other user runs {_SYSTEM_PYTHON}, which is not here")
@pytest.mark.parametrize("opened", [False, True], ids=["as it is", "opened up by mistake"])
def test_a_process_of_another_user_gets_nothing(opened: bool) -> None:
    asks = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1]);"
        "s.sendall(b'GET /v1/status HTTP/1.1\\r\\nhost: keel\\r\\n\\r\\n');"
        "print(b''.join(iter(lambda: s.recv(4096), b'')).decode())"
    )
    engine = LittleEngine(1)
    with tempfile.TemporaryDirectory(prefix="k") as folder:
        server = ControlServer(engine.control, Path(folder))
        path = server.start()
        if opened:
            for shut in (Path(folder), path.parent, path):
                shut.chmod(0o777)
        ran = subprocess.run(
            [_SYSTEM_PYTHON, "-c", asks, path], user=_NOBODY, group=_NOBODY, extra_groups=[], capture_output=True,
            text=True, check=False, timeout=30,
        )  # fmt: skip
        server.stop()
    if not opened:
        assert "Permission denied" in ran.stderr
        return
    assert ran.stdout.startswith("HTTP/1.1 403 ")
    assert f"uid {_NOBODY} is not the user of this engine" in ran.stdout
    assert (engine.audited[-1].uid, engine.audited[-1].verb) == (_NOBODY, "GET /v1/status")


def test_the_roles_are_ordered_as_the_documents_say() -> None:
    assert Role.VIEWER < Role.OPERATOR < Role.OWNER
    assert COMMANDS["kill"].role is Role.VIEWER
    assert COMMANDS["clear_kill"].role is Role.OWNER
