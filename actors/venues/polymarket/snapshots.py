"""Full books by REST: for markets that lost frames, and as proof of life for tokens that are quiet.

Why one actor for all shards, and one request for all that waits: the venue counts requests per address, and a batch of
500 tokens costs as much as one.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final, Literal, TypeAlias

import msgspec

from actors.runtime.actor import BaseActor, Context
from actors.venues.gated_transport import AnswerLost, NotSent
from actors.venues.http_client import HttpClient
from actors.venues.polymarket.codec import Codec
from actors.venues.polymarket.feed import BooksProbed, ProbeBooks, tokens_of
from models.markets import Market
from models.messages.base import MarketId, Message
from models.messages.catalogue import MarketListed
from models.messages.market import BookFrame, RequestSnapshot

_BATCH: Final = 500
_OK: Final = 200
_TIMEOUT_S: Final = 4.5
"""Most that one request takes. Two fit a turn, and a turn of ten seconds ends the process."""

Route: TypeAlias = Callable[[Message], Iterable[str]]


class Snapshots(BaseActor):
    """Answers `RequestSnapshot` and `ProbeBooks` with `BookFrame`s of source `rest`, told to the markets' books.

    Whoever probed is told of when they are.
    """

    batch: ClassVar[int] = 256
    patience_ns: ClassVar[int] = int(2 * _TIMEOUT_S * 1e9)

    def __init__(self, context: Context, clob_url: str, markets: Mapping[MarketId, Market], route: Route) -> None:
        super().__init__(context)
        self.requests = 0
        self._tokens: dict[MarketId, tuple[str, str]] = {}
        self._route = route
        self._codec = Codec({})
        for market in markets.values():
            self._add(market)
        self._wanted: dict[str, str | None] = {}
        """Tokens, and the shard that wants to know of when their books are."""
        self._client = HttpClient(clob_url)
        self._failing = False

    def on_receive(self, message: Any) -> None:
        match message:
            case RequestSnapshot():
                for token_id in self._tokens.get(message.market, ()):
                    self._wanted.setdefault(token_id, None)
            case MarketListed():
                self._add(message.listed)
            case ProbeBooks():
                self._wanted.update(dict.fromkeys(message.token_ids, message.asker))
            case _:
                pass

    def _add(self, market: Market) -> None:
        self._tokens[market.id] = market.token_ids
        self._codec.tokens |= tokens_of(market)

    def on_turn_end(self) -> None:
        """Ask for all that is wanted. Where one request is slow or fails, the rest waits for the next turn."""
        began_ns = self.context.dispatcher.clock.now_ns()
        while self._wanted and self.context.dispatcher.clock.now_ns() - began_ns < _TIMEOUT_S * 1e9:
            batch = {token_id: self._wanted.pop(token_id) for token_id in list(self._wanted)[:_BATCH]}
            if not self._ask(batch):
                return

    def on_end(self) -> None:
        self._client.close()

    def _ask(self, wanted: dict[str, str | None]) -> bool:
        """Read books and pass them on; whether there was an answer.

        A failed read is no book: nothing is told, and what is quiet goes stale.
        """
        self.requests += 1
        body = msgspec.json.encode([{"token_id": token_id} for token_id in wanted])
        try:
            answer = self._client.exchange("POST", "/books", within_s=_TIMEOUT_S, body=body)
        except (NotSent, AnswerLost) as error:
            return self._failed(f"{type(error).__name__}: {error}")
        if answer.status != _OK:
            return self._failed(f"status {answer.status}, {len(answer.body)} bytes")
        self._failing = False
        probed: dict[str, dict[MarketId, int]] = {}
        for decoded in self._codec.decode_rest(answer.body, self.context.dispatcher.clock.now_ns()):
            if not isinstance(decoded, BookFrame):
                self._failed(f"malformed book: {getattr(decoded, 'detail', decoded)}")
                continue
            asker = wanted.get(self._tokens[decoded.market][decoded.outcome])
            if asker is not None:
                probed.setdefault(asker, {})[decoded.market] = decoded.timestamp_ms
            for name in self._route(decoded):
                self.context.send(name, decoded)
        for asker, timestamps_ms in probed.items():
            self.context.send(asker, BooksProbed(timestamps_ms))
        return True

    def _failed(self, reason: str) -> Literal[False]:
        if not self._failing:
            self._failing = True
            self.log.bind(reason=reason).warning("books cannot be read by REST")
        return False
