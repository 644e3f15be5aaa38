"""What goes into the exchange and what comes out: the whole of its contact with the world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Service = Literal["clob", "gamma", "relayer", "rpc", "site", "control"]
Channel = Literal["market", "user", "reference"]

LineKind = Literal["http", "market", "user", "reference"]
"""What a connection carries; calls of the control service belong to none of these."""
LINES: Final[tuple[LineKind, ...]] = ("http", "market", "user", "reference")

Manner = Literal["whole", "cut", "dribbled", "reset", "never", "last", "stale"]
"""How an answer leaves: `cut` ends it in the middle of its body, `dribbled` sends a byte every half second, `reset`
drops the connection instead, `never` keeps it open without a word, `last` closes it after the answer, `stale` does so
without having said so: a client that keeps connections learns of it by its next call."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One call of a REST service; `path` is without the service's prefix and without the query.

    `call` is the shell's number for it, which the answer bears. Names of `headers` are in small letters. `backlog` is
    what the shell knows and the exchange cannot: how many frames still wait to be written to sockets.
    """

    service: Service
    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    body: bytes = b""
    backlog: int = 0
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    call: int = 0

    def asked(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return next(iter(self.query.get(name, ())), default)


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
    """The answer to the `HttpRequest` of the same `call`; its body is JSON unless `headers` say otherwise."""

    status: int
    body: str | bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    call: int = 0
    manner: Manner = "whole"


@dataclass(frozen=True, slots=True)
class Send:
    """One text (or, as bytes, one binary frame) for several clients, in the order in which effects are given."""

    connections: tuple[int, ...]
    text: str | bytes


@dataclass(frozen=True, slots=True)
class SendRaw:
    """Bytes for several clients' connections below the WebSocket protocol: for what no proper server would send."""

    connections: tuple[int, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The end of a connection, said by the exchange; code 1006 drops it without a word."""

    connection: int
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Cut:
    """The end of all connections that carry one of `lines`: with a reset, or as if the peer had closed them."""

    lines: tuple[LineKind, ...]
    reset: bool


@dataclass(frozen=True, slots=True)
class Hold:
    """What lies between client and server on all connections that carry one of `lines`, until the next `Hold` of them.

    Without `hears` nothing of a client arrives; of what is sent, `bytes_per_second` arrive (None: all, 0: nothing).
    With `newcomers` it concerns those who connect later, too; without, only those who are connected, for as long as
    they are. With nothing but `lines` it lets go.
    """

    lines: tuple[LineKind, ...]
    hears: bool = True
    bytes_per_second: int | None = None
    newcomers: bool = True


Effect: TypeAlias = Answer | Send | SendRaw | Close | Cut | Hold
