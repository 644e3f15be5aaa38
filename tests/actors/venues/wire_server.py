"""A venue on loopback whose every word a test decides: sockets that say what they are told, books that it hands out."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve


class SocketServer:
    """Keeps who connected and what they said. `greeting` is said to each; `pongs`: whether a PING is answered."""

    def __init__(self, greeting: str | None = None, *, pongs: bool = True, closes: bool = False, port: int = 0) -> None:
        self.greeting = greeting
        self.pongs = pongs
        self.closes = closes
        """Whether a connection is closed as soon as it has subscribed."""
        self.heard: list[str] = []
        self.connected_s: list[float] = []
        self._open: list[ServerConnection] = []
        self._lock = Lock()
        self._server: Server = serve(self._handle, "127.0.0.1", port, ping_interval=None, compression=None)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.port: int = self._server.socket.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}/ws/market"

    def say(self, *frames: Any) -> None:
        """Say something to everybody who is connected: text as it is, everything else as JSON."""
        for frame in frames:
            text = frame if isinstance(frame, str) else json.dumps(frame)
            for connection in self.connections():
                with suppress(ConnectionClosed):
                    connection.send(text)

    def ping(self) -> None:
        """Send a ping of the protocol, which is no text."""
        for connection in self.connections():
            connection.ping(b"are you there")

    def drop(self) -> None:
        """Close all connections."""
        for connection in self.connections():
            connection.close(1001, "going away")

    def connections(self) -> list[ServerConnection]:
        with self._lock:
            return list(self._open)

    def close(self) -> None:
        self._server.shutdown()
        self.drop()
        self._thread.join(5)

    def _handle(self, connection: ServerConnection) -> None:
        self.connected_s.append(time.monotonic())
        try:
            self.heard.append(str(connection.recv()))
            if self.closes:
                return
            if self.greeting is not None:
                connection.send(self.greeting)
            with self._lock:
                self._open.append(connection)
            for text in connection:
                self.heard.append(str(text))
                if text == "PING" and self.pongs:
                    connection.send("PONG")
        except ConnectionClosed:
            pass
        finally:
            with self._lock:
                if connection in self._open:
                    self._open.remove(connection)


@contextmanager
def socket_server(greeting: str | None = None, **more: Any) -> Iterator[SocketServer]:
    server = SocketServer(greeting, **more)
    try:
        yield server
    finally:
        server.close()


class BookServer:
    """Answers `POST /books` with `answer`; keeps which tokens each request asked for. Waits for `may_answer`."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.status = 200
        self.answer: Any = []
        self.may_answer = Event()
        self.may_answer.set()
        books = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                books.asked.append([one["token_id"] for one in body])
                books.may_answer.wait(10)
                answer = json.dumps(books.answer).encode()
                self.send_response(books.status)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *_: Any) -> None:  # noqa: A002 - the library's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self.may_answer.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@contextmanager
def book_server() -> Iterator[BookServer]:
    server = BookServer()
    try:
        yield server
    finally:
        server.close()
