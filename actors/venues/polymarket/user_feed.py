"""The user feed: one WebSocket that tells what becomes of our orders and fills, for one account.

Why it is restored by the first answer and not by the connection: the venue confirms no subscription. A PING goes out
right behind the credentials, and a socket is read in order, so its PONG means that they have been read. What is read by
REST after that has no gap before the first event.

Why a PONG proves no more than that: to wrong credentials the venue says nothing at all, or closes; it still answers
PING. Silence is therefore no sign that nothing happened. Confirm the credentials by REST first (any read of the account
does); `UserFeedProven` says when the first event of the account has come. Whoever placed an order on a feed that is not
proven, and hears nothing of it, must doubt the feed and not the order.

Why it repeats itself: whoever takes the place of the one that it told has heard nothing, and would wait for ever.

Why all markets: an order of ours that we did not place may be in any.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from actors.runtime.actor import Context
from actors.venues.polymarket.codec import MalformedFrame
from actors.venues.polymarket.credentials import Credentials
from actors.venues.polymarket.user_codec import UserCodec
from actors.venues.socket_feed import Route, SocketFeed
from models.cells import TradingState
from models.feeds import FeedParameters
from models.messages.base import MarketId
from models.messages.control import RaiseCell
from models.messages.orders import UserFeedLost, UserFeedProven, UserFeedRestored
from models.messages.runtime import ActorRestarted

CELL: Final = "user_feed"
"""The source of the cell on everything while the venue refuses to tell us of our orders."""

_MS: Final = 1_000_000
_PING: Final = "PING"


class UserFeed(SocketFeed):
    """Reads the user channel of one account. `proven` says whether the connection that stands has told of it yet."""

    def __init__(
        self,
        context: Context,
        url: str,
        credentials: Credentials,
        codec: UserCodec,
        parameters: FeedParameters,
        route: Route,
        chance: Callable[[], float] = lambda: 0.5,
    ) -> None:
        super().__init__(context, url, parameters, route, chance)
        self.codec = codec
        self.proven = False
        self._credentials = credentials
        self._missed = context.dispatcher.directory.has_run(context.name)
        """Whether it takes the place of a dead one."""
        self._gone = False
        self._refused = False
        self._said: UserFeedLost | UserFeedRestored | None = None
        """What was last said of the connection."""
        self._answered = False
        self._last_ns: int | None = None
        self._doubted: dict[MarketId | None, None] = {}
        """Markets that lost an event which could not be understood; None: nobody knows which."""
        self._doubts_told_ns = 0

    def subscription(self) -> str:
        """Return the credentials as the venue wants them: in the clear. Nobody logs what is sent."""
        credentials = self._credentials
        auth = {
            "apiKey": credentials.api_key,
            "secret": credentials.secret.reveal(),
            "passphrase": credentials.passphrase.reveal(),
        }
        return msgspec.json.encode({"auth": auth, "type": "user"}).decode()

    def on_start(self) -> None:
        if self._missed:
            self.on_disconnected("the feed died", self.context.dispatcher.clock.now_ns())
        super().on_start()

    def on_receive(self, message: object) -> None:
        if not isinstance(message, ActorRestarted):
            super().on_receive(message)
        elif self._said is not None and message.name in tuple(self._route(self._said)):
            self.tell(self._said)

    def on_connected(self, now_ns: int) -> None:
        self._answered = self.proven = False
        self.say(_PING)

    def on_disconnected(self, reason: str, now_ns: int) -> None:
        self.proven = False
        if not self._gone:
            self._gone = True
            self._say(UserFeedLost(reason, self._last_ns))

    def on_refused(self, reason: str, now_ns: int) -> None:
        """Halt everything: the venue does not want to tell us, and only a person can say why."""
        self._refused = True
        self.tell(RaiseCell(None, CELL, TradingState.HALTED, reason))

    def take_frame(self, raw: bytes, received_ns: int) -> None:
        self._last_ns = received_ns
        if not self._answered:
            self._answered, self._gone = True, False
            self._doubted.clear()
            self._say(UserFeedRestored(None, received_ns))
            if self._refused:
                self._refused = False
                self.tell(RaiseCell(None, CELL, TradingState.ACTIVE, ""))
        for decoded in self.codec.decode(raw, received_ns):
            if isinstance(decoded, MalformedFrame):
                self._malformed(decoded)
                continue
            if not self.proven:
                self.proven = True
                self.tell(UserFeedProven(received_ns))
            self.tell(decoded)
        self.notice(self.codec.counts.unknown_fields)

    def on_turn(self, now_ns: int) -> None:
        """Have what was not understood read by REST, and not more often than quiet books are asked for."""
        if self._doubted and now_ns - self._doubts_told_ns >= self._parameters.probe_ms * _MS:
            self._doubts_told_ns = now_ns
            doubted, self._doubted = tuple(self._doubted), {}
            for market in (None,) if None in doubted else doubted:
                self.tell(UserFeedRestored(market, now_ns))

    def _say(self, said: UserFeedLost | UserFeedRestored) -> None:
        self._said = said
        self.tell(said)

    def _malformed(self, frame: MalformedFrame) -> None:
        self.not_understood(frame.kind, frame.detail)
        if frame.kind != "event":
            self._doubted[frame.market] = None
