"""Which handler answers a call: a table of methods and paths, where a path that ends in `/*` takes any last part."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from sandbox import wire
from sandbox.messages import Answer, HttpRequest
from sandbox.rest.refusals import Refused

Handler: TypeAlias = Callable[[HttpRequest, int], Answer | None]
"""Takes a call and the time; None says that the answer follows later. Raises Refused."""
Table: TypeAlias = Mapping[tuple[str, str], Handler]


class Routes:
    """All endpoints of a service, from the tables of those who answer for a part of it."""

    def __init__(self, *tables: Table) -> None:
        self._handlers = {place: handler for table in tables for place, handler in table.items()}
        self._methods: dict[str, list[str]] = {}
        for method, path in self._handlers:
            self._methods.setdefault(path, []).append(method)

    def answer(self, request: HttpRequest, now_ns: int) -> Answer | None:
        """Let the right handler answer. What is no endpoint is a 404, another's method a 405."""
        try:
            return self._find(request)(request, now_ns)
        except Refused as refused:
            return refused.answer

    def _find(self, request: HttpRequest) -> Handler:
        for path in (request.path, f"{request.path.rpartition('/')[0]}/*"):
            handler = self._handlers.get((request.method, path))
            if handler is not None:
                return handler
            if path in self._methods:
                raise Refused(405, "method not allowed", {"Allow": ", ".join(self._methods[path])})
        raise Refused(404, "not found")


def last_part(request: HttpRequest) -> str:
    """What stands in the place of the `*`."""
    return request.path.rpartition("/")[2]


def json_answer(value: Any) -> Answer:
    """A successful answer."""
    return Answer(200, wire.encode(value))


def number(value: int, unit: int) -> int | float:
    """A JSON number as the venue writes it: whole ones without a point."""
    return value // unit if value % unit == 0 else value / unit
