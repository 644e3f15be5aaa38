"""One HTTP client for one lane: an answer is whole, exact and of bounded size, or an error says what had left.

Why redirects, cookies and the environment's proxies are ignored: a request that is signed goes to one host only, and
nothing that a host says may change where the next one goes. Why answers are asked for unpacked: 190 KB can unpack to
200 MB. What a server packs all the same is unpacked up to the bound.
"""

import logging
import zlib
from collections.abc import Mapping
from typing import Final

import httpx
import msgspec

from actors.venues.gated_transport import AnswerLost, GatedTransport, Passage

BODY_MAX: Final = 16 * 1024 * 1024
"""Bytes of the largest answer, unpacked."""

USER_AGENT: Final = "keel (trading client)"


class Answer(msgspec.Struct, frozen=True):
    """A whole answer. Names of headers are in small letters; `body` is what was sent, byte for byte, unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """Requests of one thread to one host, over one connection; with a gate, each of them passes it."""

    def __init__(
        self,
        url: str,
        gate: Passage | None = None,
        *,
        connect_s: float = 3.0,
        idle_s: float = 30.0,
        body_max: int = BODY_MAX,
    ) -> None:
        base = httpx.URL(url)
        if base.scheme not in ("http", "https") or not base.host or base.userinfo:
            raise ValueError(f"{base} is not an address http(s)://HOST[:PORT]")
        # Both write addresses with their queries, and headers with their secrets, to whoever turns logging on.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self.gated = gate is not None
        self._body_max = body_max
        self._transport = GatedTransport(gate, connect_s=connect_s, idle_s=idle_s)
        self._client = httpx.Client(
            base_url=base,
            transport=self._transport,
            trust_env=False,
            follow_redirects=False,
            headers={"user-agent": USER_AGENT, "accept": "application/json", "accept-encoding": "identity"},
        )

    def exchange(
        self,
        method: str,
        path: str,
        *,
        within_s: float,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Send a request and return the whole answer, whatever its status. Raises NotSent (GateClosed), AnswerLost."""
        request = self._client.build_request(method, path, params=query, headers=headers, content=body)
        if body is not None:
            request.headers["content-type"] = "application/json"
        self._transport.begin(within_s)
        response = self._client.send(request, stream=True)
        try:
            received = _whole(response, self._body_max)
        finally:
            response.close()
            self._client.cookies.clear()
        return Answer(response.status_code, dict(response.headers), received)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _whole(response: httpx.Response, at_most: int) -> bytes:
    """Return the body. Raises AnswerLost where it is cut, too large, or packed in a way that is not known."""
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip", "deflate", ""):
        raise AnswerLost(f"the answer is packed as {encoding!r}, which was not asked for")
    unpacker = zlib.decompressobj(wbits=47) if encoding in ("gzip", "deflate") else None
    body = bytearray()
    for part in response.iter_raw():
        try:
            body += part if unpacker is None else unpacker.decompress(part, at_most - len(body) + 1)
        except zlib.error as error:
            raise AnswerLost(f"the answer cannot be unpacked: {error}") from error
        if len(body) > at_most:
            raise AnswerLost(f"the answer is larger than {at_most} bytes")
    if unpacker is not None and not unpacker.eof:
        raise AnswerLost("the packed answer is cut")
    return bytes(body)
