"""Where production code reaches outside by itself, and what it finds there in virtual time. Listed once.

Why replaced from here and not given as arguments: a sleep, a socket and a thread are the same in every production; a
parameter for each would serve nobody but this proof.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeVar
from unittest.mock import patch
from urllib.parse import parse_qs

import httpcore
import httpx
from loguru import logger

from actors.venues import gated_transport, socket_feed
from actors.venues.polymarket import sweep
from research.prove.sim.turns import S, Time, sleep
from research.prove.sim.wire import Network, Socket
from sandbox.exchange import Exchange
from sandbox.messages import Answer, HttpRequest

Result = TypeVar("Result")
_CONNECT_S: Final = 5.0


@contextmanager
def virtual(time: Time, network: Network) -> Generator[None]:
    """Let production code wait in virtual time and speak to the network of a run."""

    class Call(Generic[Result]):
        """`BackgroundCall` without a thread: it is made, and waited for, where its result is asked for."""

        def __init__(self, name: str, call: Callable[[], Result], discard: Callable[[Result], object]) -> None:
            self._call = call

        def wait(self, timeout_s: float) -> Result:
            return self._call()

        def abandon(self) -> None:
            """Nothing goes on alone."""

    class Pause:
        """`Event` that nobody sets: what is left of it is the wait."""

        def wait(self, timeout_s: float) -> bool:
            # A feed with nothing to connect for looks every 50 ms; so does one that looks twice a second.
            sleep(time, max(int(timeout_s * S), S // 2))
            return False

    class Feed:
        """Makes sockets of the network where `WebSocketClient` is called."""

        close = Socket.close

        def __new__(cls, url: str, timeout_s: float) -> Any:
            return network.open(url, int(timeout_s * S))

    class Backend(httpcore.NetworkBackend):
        """Makes connections of the network where `httpcore.SyncBackend` is asked to."""

        def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,
            local_address: str | None = None,
            socket_options: Iterable[Any] | None = None,
        ) -> httpcore.NetworkStream:
            return network.connect(host, int((timeout or _CONNECT_S) * S))

    with (
        patch.object(gated_transport, "monotonic_ns", time.now_ns),
        patch.object(gated_transport, "_addresses", lambda host, port, within_s: [host]),
        patch.object(httpcore, "SyncBackend", Backend),
        patch.object(socket_feed, "BackgroundCall", Call),
        patch.object(socket_feed, "WebSocketClient", Feed),
        patch.object(socket_feed, "Event", Pause),
        patch.object(sweep, "Event", Pause),
    ):
        for package in ("actors", "research"):
            logger.disable(package)
        try:
            yield
        finally:
            for package in ("actors", "research"):
                logger.enable(package)


class Beside(httpx.BaseTransport):
    """Asks the exchange at once, in no time: for what is read before a run begins."""

    def __init__(self, exchange: Exchange, now_ns: int) -> None:
        self._exchange = exchange
        self._now_ns = now_ns

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path, _, query = request.url.raw_path.decode().partition("?")
        asked = HttpRequest("gamma", request.method, path, parse_qs(query, keep_blank_values=True), request.read())
        effects = self._exchange.handle(asked, self._now_ns)
        answer = next(effect for effect in effects if isinstance(effect, Answer))
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body
        return httpx.Response(answer.status, stream=httpx.ByteStream(body))
