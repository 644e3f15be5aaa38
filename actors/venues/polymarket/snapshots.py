"""Full books by REST: for markets that lost frames, and as proof of life for tokens that are quiet.

Why one actor for all shards: the venue counts requests per address, and a batch of 500 tokens costs as much as one.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final

import httpx
import msgspec

from actors.runtime.actor import BaseActor, Context
from actors.venues.polymarket.codec import Codec, MalformedFrame
from actors.venues.polymarket.feed import ProbeBooks
from models.markets import Market, Outcome
from models.messages.base import MarketId, Message
from models.messages.market import RequestSnapshot

_BATCH: Final = 500
_OK: Final = 200
_TIMEOUT_S: Final = 5.0
_ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024

Route = Callable[[Message], Iterable[str]]


class Snapshots(BaseActor):
    """Answers `RequestSnapshot` and `ProbeBooks` with `BookFrame`s of source `rest`, told to the markets' books."""

    batch: ClassVar[int] = 1

    def __init__(self, context: Context, clob_url: str, markets: Mapping[MarketId, Market], route: Route) -> None:
        super().__init__(context)
        self._url = clob_url
        self._tokens = {market.id: market.token_ids for market in markets.values()}
        self._route = route
        self._codec = Codec(_tokens_of(markets))
        self._client: httpx.Client | None = None
        self._failing = False

    def on_start(self) -> None:
        self._client = httpx.Client(timeout=_TIMEOUT_S, trust_env=False, follow_redirects=False)

    def on_receive(self, message: Any) -> None:
        match message:
            case RequestSnapshot():
                self._ask(self._tokens.get(message.market, ()))
            case ProbeBooks():
                for start in range(0, len(message.token_ids), _BATCH):
                    self._ask(message.token_ids[start : start + _BATCH])
            case _:
                pass

    def on_end(self) -> None:
        if self._client is not None:
            self._client.close()

    def _ask(self, token_ids: Iterable[str]) -> None:
        """Read books and pass them on. A failed read is no book: nothing is told, and what is quiet goes stale."""
        assert self._client is not None
        body = msgspec.json.encode([{"token_id": token_id} for token_id in token_ids])
        try:
            answer = self._client.post(f"{self._url}/books", content=body, headers={"content-type": "application/json"})
        except httpx.HTTPError as error:
            self._failed(f"{type(error).__name__}: {error}")
            return
        if answer.status_code != _OK or len(answer.content) > _ANSWER_BYTES_MAX:
            self._failed(f"status {answer.status_code}, {len(answer.content)} bytes")
            return
        self._failing = False
        for decoded in self._codec.decode_rest(answer.content, self.context.dispatcher.clock.now_ns()):
            if isinstance(decoded, MalformedFrame):
                self._failed(f"malformed book: {decoded.detail}")
                continue
            for name in self._route(decoded):
                self.context.send(name, decoded)

    def _failed(self, reason: str) -> None:
        if not self._failing:
            self._failing = True
            self.log.warning("books cannot be read by REST: {}", reason)


def _tokens_of(markets: Mapping[MarketId, Market]) -> dict[str, tuple[MarketId, Outcome]]:
    tokens: dict[str, tuple[MarketId, Outcome]] = {}
    for market in markets.values():
        tokens[market.token_ids[0]] = (market.id, 0)
        tokens[market.token_ids[1]] = (market.id, 1)
    return tokens
