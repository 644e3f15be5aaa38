"""What becomes of frames between the exchange and its clients' sockets.

The exchange's own state stays right: a lost frame is lost on the wire only, which is what a client has to notice. The
generated world spoils its lines by the four methods below, a test by filters that its switches make.
"""

import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from sandbox.faults.table import Switch
from sandbox.messages import Channel, Effect, Send, SendRaw, SocketOpened
from sandbox.schedule import Schedule

_MARKET: Final = re.compile(r'"market":"(\w+)"')
_KIND: Final = re.compile(r'"event_type":"(\w+)"')
_REMEMBERED: Final = 200
_REMEMBERED_SIZE: Final = 1 << 16

Copies: TypeAlias = Sequence[tuple[int, Send | SendRaw]]
"""What arrives instead of a frame, each with its time; nothing when it is lost."""


@dataclass(slots=True, eq=False, kw_only=True)
class Filter(Switch):
    """Which frames it concerns, and what arrives instead of one.

    `market` is a condition id, `kind` an event type, `holding` a text that is in the frame; empty ones fit every frame.
    """

    act: Callable[[Send, int], Copies]
    channel: Channel = "market"
    market: str = ""
    kind: str = ""
    holding: str = ""

    def concerns(self, channel: Channel, text: str) -> bool:
        """Whether a frame is one of those; the first snapshot of several books is of no single market or kind."""
        if channel != self.channel or self.holding not in text:
            return False
        if text[0] == "[":
            return not self.market and not self.kind
        return _is(_MARKET, self.market, text) and _is(_KIND, self.kind, text)


class Impairments:
    """The filters of an exchange, and what they hold up."""

    def __init__(self, schedule: Schedule) -> None:
        self.filters: list[Filter] = []
        self.on_opened: list[Callable[[int, Channel, int], None]] = []
        self.on_effect: Callable[[Filter, str, int], None] | None = None
        """Who counts the effects of filters that belong to a switch."""
        self.hits: Callable[[Filter], bool] = lambda _: True
        self._schedule = schedule
        self._channels: dict[int, Channel] = {}
        self._recent: dict[Channel, deque[Send]] = {}

    def lose_changes(self, condition_id: str, count: int) -> None:
        """Lose the market's next `count` price_change frames."""
        self.filters.append(Filter(act=lost, market=condition_id, kind="price_change", left=count))

    def silence(self, condition_id: str, until_ns: int) -> None:
        """Send nothing of the market until then."""
        self.filters.append(Filter(act=lost, market=condition_id, until_ns=until_ns))

    def repeat(self, condition_id: str, count: int) -> None:
        """Send each of the market's next `count` frames twice."""
        self.filters.append(Filter(act=doubled, market=condition_id, left=count))

    def delay(self, condition_id: str, lag_ns: int, until_ns: int) -> None:
        """Deliver the market's frames late, in their order, until then."""
        busy_until_ns = 0

        def late(send: Send, now_ns: int) -> Copies:
            nonlocal busy_until_ns
            busy_until_ns = max(busy_until_ns, now_ns + (lag_ns if now_ns < until_ns else 0))
            return ((busy_until_ns, send),)

        # What comes after the end must not overtake what is still on its way.
        self.filters.append(Filter(act=late, market=condition_id, until_ns=until_ns + lag_ns))

    def opened(self, request: SocketOpened, now_ns: int) -> None:
        """Know a new socket."""
        self._channels[request.connection] = request.channel
        for told in self.on_opened:
            told(request.connection, request.channel, now_ns)

    def closed(self, connection: int) -> None:
        """Forget a socket."""
        self._channels.pop(connection, None)

    def recent(self, channel: Channel, market: str) -> list[Send]:
        """The last frames of a channel that were sent, of one market or of all."""
        return [send for send in self._recent.get(channel, ()) if market in str(send.text)]

    def pass_on(self, effect: Effect, late: Callable[[Effect], None]) -> list[Effect]:
        """What leaves now for what is sent now; what it becomes later is given to `late` when its time comes."""
        channel = self._channels.get(effect.connections[0]) if isinstance(effect, Send) else None
        if channel is None or not isinstance(effect, Send) or effect.text[:1] not in ("{", "["):
            return [effect]
        if len(effect.text) < _REMEMBERED_SIZE:
            self._recent.setdefault(channel, deque(maxlen=_REMEMBERED)).append(effect)
        if not self.filters:
            return [effect]
        now_ns = self._schedule.now_ns
        copies: Copies = ((now_ns, effect),)
        for one in tuple(self.filters):
            if one.until_ns is not None and now_ns >= one.until_ns:
                if one.fault is None:
                    self.filters.remove(one)
                continue
            copies = [copy for due_ns, copied in copies for copy in self._tried(one, copied, channel, due_ns)]
        for due_ns, copied in copies:
            if due_ns > now_ns:
                self._schedule.at(due_ns, lambda _, copied=copied: late(copied))
        return [copied for due_ns, copied in copies if due_ns <= now_ns]

    def _tried(self, one: Filter, copied: Send | SendRaw, channel: Channel, due_ns: int) -> Copies:
        if not isinstance(copied, Send) or not isinstance(copied.text, str):
            return ((due_ns, copied),)
        if one not in self.filters or not one.concerns(channel, copied.text) or not self.hits(one):
            return ((due_ns, copied),)
        copies = one.act(copied, due_ns)
        if one.fault is None:
            self._count(one)
        elif self.on_effect is not None:
            self.on_effect(one, copied.text, due_ns)
        return copies

    def _count(self, one: Filter) -> None:
        if one.left is not None:
            one.left -= 1
            if one.left <= 0:
                self.filters.remove(one)


class Outbox(list[Effect]):
    """What leaves the exchange: frames pass the impairments in the moment in which they are put in.

    Why not when they are collected: a caller that comes late would find frames of earlier times spoilt by what began
    only after them.
    """

    def __init__(self, impairments: Impairments) -> None:
        super().__init__()
        self._impairments = impairments

    def append(self, effect: Effect) -> None:
        """Send something."""
        self.extend(self._impairments.pass_on(effect, super().append))


def lost(send: Send, now_ns: int) -> Copies:
    """Let a frame never arrive."""
    return ()


def doubled(send: Send, now_ns: int) -> Copies:
    """Let a frame arrive twice."""
    return ((now_ns, send), (now_ns, send))


def rewritten(rewrite: Callable[[str], str]) -> Callable[[Send, int], Copies]:
    """Let another text arrive."""
    return lambda send, now_ns: ((now_ns, replace(send, text=rewrite(str(send.text)))),)


def _is(pattern: re.Pattern[str], wanted: str, text: str) -> bool:
    if not wanted:
        return True
    found = pattern.search(text)
    return found is not None and found[1] == wanted
