"""Reference prices: what leads the markets that are tied to them, and the socket that tells them.

The sandbox's own channel (`/ws/reference`), in place of the exchange feeds that lead the real venue: a client sends
`{"type":"reference","names":["BTCUSD"]}` and gets each name's last price at once and every change after it.
"""

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from sandbox import wire
from sandbox.messages import Close, Effect, Send
from sandbox.schedule import Schedule
from sandbox.units import MILLISECOND, decimal_text

_STEP_NS = 250 * MILLISECOND


class Reference:
    """One named price in cents: a walk of steps four times a second, drawn back to its base by `pull` per step."""

    def __init__(self, name: str, base: int, step: float, pull: float, random: Random) -> None:
        self.name = name
        self.base = base
        self.price = base
        self.step = step
        """Standard deviation of one step, in cents."""
        self.followers: list[Callable[[int, int], None]] = []
        """Called with the new price and the time of each change."""
        self._pull = pull
        self._random = random

    @property
    def text(self) -> str:
        """The price in dollars."""
        return decimal_text(self.price, 2)

    def move(self, now_ns: int) -> None:
        """Take one step."""
        drift = (self.base - self.price) * self._pull
        self.price = max(1, self.price + round(self._random.gauss(drift, self.step)))
        for follow in tuple(self.followers):
            follow(self.price, now_ns)


class ReferenceChannel:
    """All reference prices and the sockets that listen to them."""

    def __init__(self, schedule: Schedule, outbox: list[Effect]) -> None:
        self.references: dict[str, Reference] = {}
        self._schedule = schedule
        self._outbox = outbox
        self._listeners: dict[int, tuple[str, ...]] = {}

    def add(self, reference: Reference, now_ns: int) -> None:
        """Start a price on its walk."""
        self.references[reference.name] = reference
        self._schedule.at(now_ns + _STEP_NS, lambda due_ns: self._step(reference, due_ns))

    def opened(self, connection: int) -> None:
        """Take a new socket."""
        self._listeners[connection] = ()

    def closed(self, connection: int) -> None:
        """Forget a socket."""
        self._listeners.pop(connection, None)

    def said(self, connection: int, text: str, now_ns: int) -> None:
        """Take a client's text: keepalive, or the names that it wants."""
        if connection not in self._listeners:
            return
        if text == "PING":
            self._outbox.append(Send((connection,), "PONG"))
            return
        names = _names(text)
        unknown = [name for name in names if name not in self.references]
        if not names or unknown:
            known = ", ".join(self.references) or "none"
            self.closed(connection)
            self._outbox.append(Close(connection, 1008, f"unknown reference; known: {known}"))
            return
        self._listeners[connection] = tuple(names)
        for name in names:
            self._outbox.append(Send((connection,), wire.reference(name, self.references[name].text, now_ns)))

    def _step(self, reference: Reference, now_ns: int) -> None:
        reference.move(now_ns)
        listeners = tuple(c for c, names in self._listeners.items() if reference.name in names)
        if listeners:
            self._outbox.append(Send(listeners, wire.reference(reference.name, reference.text, now_ns)))
        self._schedule.at(now_ns + _STEP_NS, lambda due_ns: self._step(reference, due_ns))


def _names(text: str) -> list[str]:
    try:
        frame = wire.decode(text, dict[str, Any])
    except msgspec.DecodeError:
        return []
    names = frame.get("names") if frame.get("type") == "reference" else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
