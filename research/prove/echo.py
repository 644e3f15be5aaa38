"""A way to a sandbox that can answer in its place with all that it was asked: with every header and the body.

So does many a proxy that is misconfigured; what a client makes of such an answer in its errors is what is to be seen.
"""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread  # noqa: TID251 - a server outside of any engine
from typing import Any, Final
from urllib.parse import urlsplit

_STATUSES: Final = (500, 400, 401, 200, 425, 302)
_PRIVATE: Final = "poly_"
_PASSED: Final = ("content-type", "poly-ratelimit-limit", "poly-ratelimit-remaining", "retry-after")


class Echo:
    """While it is `on`, what comes with headers of an account is answered with them; else the venue answers."""

    def __init__(self, venue: str) -> None:
        self.on = False
        self.echoed = 0
        self.signatures: list[str] = []
        """What the requests were signed with that it has said back: good for a few seconds, and no text for a log."""
        self.host = urlsplit(venue).netloc
        self.url = ""


@contextmanager
def echo(venue: str) -> Iterator[Echo]:
    """Serve the way to a venue."""
    state = Echo(venue)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(
        target=server.serve_forever,
        name="echo",
        daemon=True,
    )
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(state: Echo) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
            """Say nothing."""

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if state.on and any(name.lower().startswith(_PRIVATE) for name in self.headers):
                self._echo(body)
            else:
                self._pass_on(body)

        do_GET = do_POST = do_DELETE = do_PUT = answer  # noqa: N815 - the base class looks for these names

        def _echo(self, body: bytes) -> None:
            state.echoed += 1
            state.signatures += self.headers.get_all("POLY_SIGNATURE", [])
            # The most secret first: what is kept of a long text is its beginning.
            headers = dict(sorted(self.headers.items(), key=lambda one: one[0].lower() != "poly_passphrase"))
            said = {"error": f"bad request: {headers!r}", "headers": headers, "body": body.decode()}
            self._send(_STATUSES[state.echoed % len(_STATUSES)], json.dumps(said).encode(), {})

        def _pass_on(self, body: bytes) -> None:
            connection = http.client.HTTPConnection(state.host, timeout=30)
            try:
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                connection.request(self.command, self.path, body or None, headers)
                said = connection.getresponse()
                self._send(
                    said.status, said.read(), {name: said.headers[name] for name in _PASSED if said.headers[name]}
                )
            except OSError:
                self.close_connection = True
            finally:
                connection.close()

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
