"""What goes into the exchange and what comes out: the whole of its contact with the world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Service = Literal["clob", "gamma", "relayer", "control"]
Channel = Literal["market", "user", "reference"]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One call of a REST service; `path` is without the service's prefix and without the query.

    `backlog` is what the shell knows and the exchange cannot: how many frames still wait to be written to sockets.
    """

    service: Service
    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    body: bytes = b""
    backlog: int = 0


@dataclass(frozen=True, slots=True)
class SocketOpened:
    """A client connected; `connection` is the shell's number for it, never used again."""

    connection: int
    channel: Channel


@dataclass(frozen=True, slots=True)
class SocketText:
    """A client sent a text."""

    connection: int
    text: str


@dataclass(frozen=True, slots=True)
class SocketClosed:
    """A client is gone."""

    connection: int


Request: TypeAlias = HttpRequest | SocketOpened | SocketText | SocketClosed


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to an `HttpRequest`; the body is JSON."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Send:
    """One text for several clients, in the order in which effects are given."""

    connections: tuple[int, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Close:
    """The end of a connection, said by the exchange."""

    connection: int
    code: int
    reason: str


Effect: TypeAlias = Answer | Send | Close
