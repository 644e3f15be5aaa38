"""HTTP on one connection whose every request is written at once, through the gate, within one deadline.

Why the gate is here: between a check and a socket thousands of orders may pass. The lock is held for the one write that
hands a request to the kernel, never for the answer, so that a kill does not wait for a slow venue.

Why a request is gathered until its answer is asked for: the library writes headers and body apart, and a kill between
the two would leave half an order on the wire. One write is one answer to "was it sent?", and one packet less.

Why an own deadline: the library's timeouts are for each single read. A server that sends a byte a second never times
out, and a lane that waits for it cannot send the next order.
"""

import socket
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Protocol

import httpcore
import httpx

from actors.runtime.clock import monotonic_ns
from actors.venues.background import BackgroundCall

_S: Final = 1_000_000_000
_WRITE_S: Final = 1.0
"""Longest that one write may hold the gate. A request fits the kernel's buffer; one that does not has a dead peer."""

_ALIVE: Final = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, int(getattr(socket, name)), value)
        for name, value in (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 3), ("TCP_KEEPCNT", 3))
        if hasattr(socket, name)
    ),
]
"""A peer that is gone without a word is found within 14 s, before an order is sent to it."""


class NotSent(Exception):
    """No byte of the request left this process: nothing can have come of it."""


class GateClosed(NotSent):
    """The gate refused the write. Not an error of the library, which would swallow it and wait for an answer."""


class AnswerLost(Exception):
    """The request left, at least in part, and no whole answer came: whether it was heard is unknown."""


class Passage(Protocol):
    """The gate, as a lane sees it."""

    @property
    def closed(self) -> str | None:
        """Why it is closed, None while open."""
        ...

    def passes(self) -> AbstractContextManager[str | None]:
        """Hold it for one write; yields why nothing may be written, None where it may."""
        ...


class GatedTransport(httpx.BaseTransport):
    """One HTTP/1.1 connection for one thread. Without a gate every write passes.

    `begin` must be called before each request: it sets the deadline by which the whole answer has to be there.
    `connect_s` bounds looking up and connecting, `idle_s` how long an unused connection is kept; without `secured` the
    authorities that vouch for servers are not loaded.
    """

    def __init__(
        self, gate: Passage | None = None, *, secured: bool = True, connect_s: float = 3.0, idle_s: float = 30.0
    ) -> None:
        self._backend = GatedBackend(gate, connect_s)
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False) if secured else None,
            max_connections=1,
            max_keepalive_connections=1,
            keepalive_expiry=idle_s,
            http1=True,
            http2=False,
            retries=0,
            network_backend=self._backend,
        )

    def begin(self, within_s: float) -> None:
        """Start the time of the next request."""
        self._backend.begin(within_s)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its answer, whose body is still to be read. Raises NotSent, AnswerLost."""
        url = request.url
        with self._told_apart():
            answer = self._pool.handle_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                    headers=request.headers.raw,
                    content=request.stream,
                )
            )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(self, answer))

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()

    def parts(self, answer: httpcore.Response) -> Iterator[bytes]:
        """Read the body of an answer. Raises AnswerLost."""
        with self._told_apart():
            yield from answer.iter_stream()

    def end(self, answer: httpcore.Response) -> None:
        """Keep the connection for the next request, unless something came beyond the answer.

        The library would take that for the next answer, and from then on each answer for that of the next request.
        """
        answer.close()
        for connection in self._pool.connections:
            inside: Any = connection
            if inside._connection._h11_state.trailing_data[0]:  # noqa: SLF001 - it is told nowhere else
                self._pool.close()

    @contextmanager
    def _told_apart(self) -> Generator[None]:
        """Say of a failure whether anything had been sent. What the library says of our own headers is not repeated."""
        try:
            yield
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            text = f"{type(error).__name__}: {error}".removesuffix(": ")
            if isinstance(error, httpcore.LocalProtocolError):
                text = "the request is malformed"
            raise (AnswerLost if self._backend.sent else NotSent)(text) from None


class _Body(httpx.SyncByteStream):
    def __init__(self, transport: GatedTransport, answer: httpcore.Response) -> None:
        self._transport = transport
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._transport.parts(self._answer)

    def close(self) -> None:
        self._transport.end(self._answer)


class GatedBackend(httpcore.NetworkBackend):
    """Opens connections whose writes pass the gate. `sent`: whether any byte of the present request was written."""

    def __init__(self, gate: Passage | None, connect_s: float) -> None:
        self._gate = gate
        self._connect_s = connect_s
        self._sockets = httpcore.SyncBackend()
        self._deadline_ns = 0
        self.sent = False

    def begin(self, within_s: float) -> None:
        """Start the time of the next request."""
        self._deadline_ns = monotonic_ns() + int(within_s * _S)
        self.sent = False

    def remaining_s(self, at_most: float | None = None) -> float:
        """Return how long the next step may take. Raises httpcore.ReadTimeout when the time is over."""
        remaining_s = (self._deadline_ns - monotonic_ns()) / _S
        if remaining_s <= 0:
            raise httpcore.ReadTimeout("the deadline of the request is over")
        return remaining_s if at_most is None else min(remaining_s, at_most)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of a host that answers, all within the time to connect."""
        until_ns = monotonic_ns() + int(self.remaining_s(self._connect_s) * _S)
        addresses = _addresses(host, port, self.remaining_s(self._connect_s))
        trouble: Exception = httpcore.ConnectError(f"{host} has no address")
        for number, address in enumerate(addresses):
            # A share for each that is left: one address that swallows everything must not cost the others their turn.
            share_s = (until_ns - monotonic_ns()) / _S / (len(addresses) - number)
            if share_s <= 0:
                break
            try:
                stream = self._sockets.connect_tcp(address, port, share_s, local_address, _ALIVE)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
            else:
                return _GatedStream(stream, self)
        raise trouble

    def write(self, stream: httpcore.NetworkStream, data: bytes) -> None:
        """Write a request if the gate lets it pass. Raises GateClosed."""
        if self._gate is None:
            self.sent = True
            stream.write(data, self.remaining_s(_WRITE_S))
            return
        with self._gate.passes() as refusal:
            if refusal is not None:
                raise GateClosed(refusal)
            timeout_s = self.remaining_s(_WRITE_S)
            self.sent = True
            stream.write(data, timeout_s)


class _GatedStream(httpcore.NetworkStream):
    """Gathers what is written and hands it over in one piece when the answer is asked for."""

    def __init__(self, stream: httpcore.NetworkStream, backend: GatedBackend) -> None:
        self._stream = stream
        self._backend = backend
        self._gathered: list[bytes] = []

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._gathered.append(buffer)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._gathered:
            data = b"".join(self._gathered)
            self._gathered.clear()
            self._backend.write(self._stream, data)
        return self._stream.read(max_bytes, self._backend.remaining_s())

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._backend.remaining_s())
        return _GatedStream(secured, self._backend)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _addresses(host: str, port: int, within_s: float) -> list[str]:
    """Look a host up. The system's own patience is half a minute; a lane has not so much."""

    def look_up() -> list[str]:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    call = BackgroundCall(f"look up {host}", look_up, lambda _: None)
    try:
        addresses = call.wait(within_s)
    except OSError as error:
        raise httpcore.ConnectError(f"{host} cannot be looked up: {error}") from error
    if addresses is None:
        call.abandon()
        raise httpcore.ConnectTimeout(f"{host} was not looked up within {within_s:.1f} s")
    return addresses
