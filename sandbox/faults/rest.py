"""What can go wrong with a REST call: it is lost, its answer is, it is refused, or it is told what is not so."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from zlib import DEFLATED, compressobj

import msgspec

from sandbox import wire
from sandbox.faults.calls import Rule
from sandbox.faults.table import ENDS, Arguments, Fault, FaultError
from sandbox.messages import Answer, HttpRequest, Manner, Service
from sandbox.trading.engine import FAK_KILLED, FOK_KILLED, POST_ONLY
from sandbox.units import MILLISECOND

if TYPE_CHECKING:
    from sandbox.faults.switchboard import Faults

_SERVICES: Final[tuple[Service, ...]] = ("clob", "gamma", "relayer", "rpc", "site")
_WHICH: Final = ("service", "method", "path", "account", *ENDS)
_HTML: Final = {"content-type": "text/html; charset=UTF-8", "server": "cloudflare"}
_BLOCKED: Final = (
    "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head>"
    "<body><h1>Sorry, you have been blocked</h1><p>You are unable to access polymarket.com</p></body></html>"
)
_BUSY: Final = (
    "<!DOCTYPE html><html><head><title>Too Many Requests</title></head><body><h1>Error 1015</h1></body></html>"
)
_MIB: Final = 1 << 20
_LAST_PAGE: Final = "LTE="
_KILLED: Final = {"FOK": FOK_KILLED, "FAK": FAK_KILLED}
_GEOBLOCK: Final = "/api/geoblock"


def _said(request: HttpRequest) -> list[dict[str, Any]]:
    """The order bodies of a POST of one order or of several."""
    try:
        body = msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        return []
    return [one for one in (body if isinstance(body, list) else [body]) if isinstance(one, dict)]


def _refusal(request: HttpRequest, text: Callable[[dict[str, Any]], str]) -> Answer:
    """What the venue says of orders that it does not take: a 400 for one, a leg for each of several."""
    orders = _said(request)
    if request.path != "/orders":
        return Answer(400, wire.encode({"error": text(orders[0] if orders else {})}))
    amounts = {"orderID": "", "takingAmount": "", "makingAmount": "", "status": ""}
    return Answer(200, wire.encode([{"errorMsg": text(order), **amounts, "success": True} for order in orders]))


def _row(
    name: str,
    ids: tuple[str, ...],
    says: str,
    make: Callable[["Faults", Arguments], dict[str, Any]],
    *,
    method: str = "",
    path: str = "/",
    takes: tuple[str, ...] = (),
    count: int | None = 1,
) -> Fault:
    def throw(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
        which: dict[str, Any] = {
            "service": arguments.choice("service", _SERVICES),
            "method": arguments.text("method", method).upper(),
            "path": arguments.text("path", path),
            "account": arguments.text("account", ""),
        }
        return faults.arm(Rule(**which, **arguments.ends(count), **make(faults, arguments)))

    return Fault(name, ids, says, (*takes, *_WHICH), "cleared" if count is None else f"count {count}", throw)


def _lose_request(faults: "Faults", arguments: Arguments) -> dict[str, Any]:
    manner: Any = arguments.choice("manner", ("never", "reset"))
    return {"instead": lambda request, now_ns: Answer(0, "", manner=manner)}


def _in_manner(*manners: Manner) -> Callable[["Faults", Arguments], dict[str, Any]]:
    def make(faults: "Faults", arguments: Arguments) -> dict[str, Any]:
        manner: Any = arguments.choice("manner", manners)
        return {"change": lambda request, answer, now_ns: replace(answer, manner=manner)}

    return make


def _late(faults: "Faults", arguments: Arguments) -> dict[str, Any]:
    least, most = arguments.seconds_ns("least", 5), arguments.seconds_ns("most", 40)
    random = faults.parts.random
    return {"late_ns": lambda: random.randint(min(least, most), most) // MILLISECOND * MILLISECOND}


def _latency(faults: "Faults", arguments: Arguments) -> dict[str, Any]:
    wait_ns = arguments.seconds_ns("delay", 3)
    return {"early_ns": lambda: wait_ns}


def _error_though_done(faults: "Faults", arguments: Arguments) -> dict[str, Any]:
    status = arguments.whole("status", 500, 500, 599)
    body = wire.encode({"error": arguments.text("error", "Internal server error")})
    return {"change": lambda request, answer, now_ns: Answer(status, body)}


def _truncate(faults: "Faults", arguments: Arguments) -> dict[str, Any]:
    how = arguments.choice("how", ("cut", "truncated"))

    def change(request: HttpRequest, answer: Answer, now_ns: int) -> Answer:
        if how == "cut":
            return replace(answer, manner="cut")
        return replace(answer, body=answer.body[: len(answer.body) // 2])

    return {"change": change}


def _too_many(faults: "Faults", arguments: Arguments) -> dict[str, Any]:
    how = arguments.choice("how", ("retry_after", "bare", "html"))
    wait_s = str(arguments.whole("retry_after", 2))
    answer = {
        "retry_after": Answer(429, wire.encode({"error": "Too Many Requests"}), {"retry-after": wait_s}),
        "bare": Answer(429, wire.encode({"error": "Too Many Requests"})),
        "html": Answer(429, _BUSY, _HTML),
    }[how]
    if arguments.flag("done"):
        return {"change": lambda request, own, now_ns: answer}
    return {"instead": lambda request, now_ns: answer}


def _instead(answer: Answer) -> Callable[["Faults", Arguments], dict[str, Any]]:
    return lambda faults, arguments: {"instead": lambda request, now_ns: answer}


def _region_block(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    """Whoever is where trading is not allowed may read, and is told so when it asks."""
    page, ends = Answer(403, _BLOCKED, _HTML), arguments.ends()

    def change(request: HttpRequest, answer: Answer, at_ns: int) -> Answer:
        said = msgspec.json.decode(answer.body) | {"blocked": True, "country": "US", "region": "NY"}
        return replace(answer, body=wire.encode(said))

    faults.arm(Rule(method="POST", instead=lambda request, at_ns: page, **ends))
    return faults.arm(Rule(service="site", path=_GEOBLOCK, change=change, **ends))


def _unauthorized(faults: "Faults", arguments: Arguments) -> dict[str, Any]:
    answer = Answer(401, wire.encode({"error": "Unauthorized/Invalid api key"}))
    return {"instead": lambda request, now_ns: answer, "fits": lambda request: "poly_signature" in request.headers}


@cache
def _bomb(mib: int) -> bytes:
    packer = compressobj(9, DEFLATED, 31)
    spaces = b" " * _MIB
    return b"".join([*(packer.compress(spaces) for _ in range(mib)), packer.compress(b"[]"), packer.flush()])


def _gzip_bomb(faults: "Faults", arguments: Arguments) -> dict[str, Any]:
    answer = Answer(200, _bomb(arguments.whole("mib", 200, high=1_024)), {"content-encoding": "gzip"})
    return {"instead": lambda request, now_ns: answer}


def _redirect(faults: "Faults", arguments: Arguments) -> dict[str, Any]:
    status = arguments.whole("status", 307, 300, 399)
    to = arguments.text("to", "http://localhost:9")
    if not to.isascii() or not to.isprintable():
        raise FaultError(f"expected to as an address; found {to!r}")
    return {"instead": lambda request, now_ns: Answer(status, "", {"location": to + request.path})}


def _pages(faults: "Faults", arguments: Arguments) -> dict[str, Any]:
    how = arguments.choice("how", ("repeat", "endless", "missing"))
    pages = 0

    def change(request: HttpRequest, answer: Answer, now_ns: int) -> Answer:
        nonlocal pages
        pages += 1
        page = msgspec.json.decode(answer.body) if answer.status == 200 else None
        if not isinstance(page, dict) or "next_cursor" not in page:
            return answer
        if how == "repeat":
            page["next_cursor"] = request.asked("next_cursor") or "MA=="
        elif how == "endless" and page["next_cursor"] == _LAST_PAGE:
            page["next_cursor"] = b64encode(str(pages * 1_000_000).encode()).decode()
        elif how == "missing":
            page |= {"data": [], "count": 0}
        return replace(answer, body=wire.encode(page))

    return {"change": change}


def _stale_reads(faults: "Faults", arguments: Arguments) -> dict[str, Any]:
    """As a cache would: what was read once is told again until it is `lag` old."""
    lag_ns = arguments.seconds_ns("lag", 10)
    kept: dict[tuple[str, str, str], tuple[int, Answer]] = {}

    def change(request: HttpRequest, answer: Answer, now_ns: int) -> Answer:
        key = request.path, str(sorted(request.query.items())), request.headers.get("poly_api_key", "")
        read_ns, known = kept.get(key, (0, answer))
        if now_ns - read_ns < lag_ns:
            return known
        kept[key] = now_ns, answer
        return answer

    return {"change": change}


def _refuse_post_only(faults: "Faults", arguments: Arguments) -> dict[str, Any]:
    return {
        "instead": lambda request, now_ns: _refusal(request, lambda order: POST_ONLY),
        "fits": lambda request: any(order.get("postOnly") is True for order in _said(request)),
    }


def _kill(faults: "Faults", arguments: Arguments) -> dict[str, Any]:
    return {
        "instead": lambda request, now_ns: _refusal(request, lambda order: _KILLED[order["orderType"]]),
        "fits": lambda request: (
            bool(orders := _said(request)) and all(order.get("orderType") in _KILLED for order in orders)
        ),
    }


def _version_mismatch(faults: "Faults", arguments: Arguments) -> dict[str, Any]:
    return {"instead": lambda request, now_ns: _refusal(request, lambda order: "order_version_mismatch")}


def _second_writer(faults: "Faults", arguments: Arguments) -> dict[str, Any]:
    def change(request: HttpRequest, answer: Answer, now_ns: int) -> Answer:
        faults.parts.heartbeats.break_chain(request.headers.get("poly_api_key", ""))
        return answer

    return {"change": change}


ROWS: Final = (
    _row("lose_request", ("F01",), "never handle a call, nor answer it (or reset it)", _lose_request,
         method="POST", path="/order", takes=("manner",)),
    _row("lose_answer", ("F02",), "handle a call and never answer it (or reset or cut the answer)",
         _in_manner("never", "reset", "cut"), method="POST", path="/order", takes=("manner",)),
    _row("late_answer", ("F03",), "handle a call at once and answer it 5 to 40 seconds later", _late,
         method="POST", path="/order", takes=("least", "most")),
    _row("error_though_done", ("F04",), "handle a call and answer that it failed", _error_though_done,
         method="POST", path="/order", takes=("status", "error")),
    _row("cut_answer", ("F05",), "end an answer in the middle, or send half of its JSON as if that were all", _truncate,
         takes=("how",)),
    _row("reset_answer", ("F05",), "handle a call and reset its connection", _in_manner("reset")),
    _row("dribble", ("F06",), "send an answer's body a byte every half second", _in_manner("dribbled")),
    _row("stale_connection", ("F07",), "close a connection after an answer without having said so",
         _in_manner("stale", "last"), takes=("manner",)),
    _row("too_many", ("F10",), "answer 429, with Retry-After, bare or as HTML; `done` handles the call nevertheless",
         _too_many, takes=("how", "retry_after", "done")),
    _row("latency", ("F12",), "let calls wait silently before they are handled", _latency,
         takes=("delay",), count=None),
    _row("forbidden", ("F13",), "answer 403 with Cloudflare's HTML", _instead(Answer(403, _BLOCKED, _HTML)),
         method="POST"),
    Fault("region_block", ("F13",), "answer POSTs with 403 and say that the caller's region is blocked", ("seconds",),
          "cleared", _region_block),
    _row("unauthorized", ("F14",), "answer signed calls with 401", _unauthorized, count=3),
    _row("gzip_bomb", ("F18",), "answer with a small body that unpacks to many MiB", _gzip_bomb, takes=("mib",)),
    _row("redirect", ("F19",), "send a call elsewhere", _redirect, takes=("status", "to")),
    _row("pages", ("F22",), "let a listing repeat its page, never end, or leave a page out", _pages,
         path="/data/", takes=("how",), count=None),
    _row("stale_reads", ("F23",), "answer reads as they were up to `lag` seconds ago", _stale_reads,
         method="GET", takes=("lag",), count=None),
    _row("post_only_crosses", ("F51",), "say of post-only orders that they cross", _refuse_post_only,
         method="POST", path="/order"),
    _row("killed", ("F52",), "say of FOK and FAK orders that nothing was there", _kill, method="POST", path="/order"),
    _row("version_mismatch", ("F55",), "refuse orders as if the protocol had changed", _version_mismatch,
         method="POST", path="/order"),
    _row("second_writer", ("F61",), "expect another heartbeat id than was said, as if somebody else had sent one",
         _second_writer, method="POST", path="/v1/heartbeats"),
)  # fmt: skip
