"""The one table of all that a test can make go wrong, and where its switches are thrown, listed and cleared.

`POST /sandbox/faults` with `{"fault": "lose_deltas", "market": "<condition id, slug or token id>", "count": 2}`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final, TypeVar

import msgspec

from sandbox.accounts import Accounts
from sandbox.faults import frames, markets, matching, relayer, rest, wire
from sandbox.faults.calls import Calls
from sandbox.faults.impairments import Filter
from sandbox.faults.table import Arguments, Fault, FaultError, Switch
from sandbox.heartbeats import Heartbeats
from sandbox.limits import SignerBuckets
from sandbox.log import Log
from sandbox.messages import Answer, Effect, HttpRequest
from sandbox.modes import Modes
from sandbox.rest.refusals import Refused
from sandbox.rest.routes import json_answer
from sandbox.schedule import Schedule
from sandbox.trading.relaying import Relaying
from sandbox.user_channel import UserChannel
from sandbox.venue import Venue

FAULTS: Final[dict[str, Fault]] = {
    fault.name: fault for fault in (*rest.ROWS, *wire.ROWS, *frames.ROWS, *matching.ROWS, *markets.ROWS, *relayer.ROWS)
}
ELSEWHERE: Final = {
    "F08": "a name that is not resolved is the client's own: its proofs take its resolver away",
    "F09": "always there: the status names an `expired_tls_url`, whose certificate expired in 2021",
}
"""What of the first 64 of the catalogue has no switch, and where it is found."""
_SHOWN: Final = 200
"""Characters of a frame that a line of the log shows."""

Listener = TypeVar("Listener")


@dataclass(frozen=True, slots=True)
class Parts:
    """What the switches reach into."""

    venue: Venue
    user_channel: UserChannel
    accounts: Accounts
    modes: Modes
    buckets: SignerBuckets
    heartbeats: Heartbeats
    schedule: Schedule
    log: Log
    outbox: list[Effect]
    random: Random
    relaying: Relaying


class Faults:
    """Throws the switches of `FAULTS` and remembers those that are on."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.calls = Calls(self, parts.schedule, parts.outbox)
        self.on: list[Switch] = []
        impairments = parts.venue.channel.impairments
        impairments.on_effect = lambda one, text, now_ns: self.spend(one, now_ns, frame=text[:_SHOWN])
        impairments.hits = self.hits

    def answer(self, request: HttpRequest, now_ns: int) -> Answer:
        """Answer a control call: `GET`, `POST` or `DELETE` of `/faults`, or `DELETE` of `/faults/{name}`."""
        try:
            if request.method == "GET":
                return json_answer(self.describe())
            if request.method == "DELETE":
                return json_answer({"cleared": self.clear(request.path.removeprefix("/faults").strip("/"), now_ns)})
            return json_answer(self.throw(msgspec.json.decode(request.body), now_ns))
        except (FaultError, msgspec.DecodeError) as error:
            return Refused(400, str(error)).answer

    def describe(self) -> dict[str, Any]:
        """All switches, those that are on, and what has none."""
        rows = {
            name: {"ids": fault.ids, "says": fault.says, "takes": fault.takes, "ends": fault.ends}
            for name, fault in FAULTS.items()
        }
        return {"switches": rows, "on": [switch.describe() for switch in self.on], "elsewhere": ELSEWHERE}

    def throw(self, body: Any, now_ns: int) -> dict[str, Any]:
        """Throw the switch that a control request names. Raises FaultError."""
        name = body.get("fault") if isinstance(body, Mapping) else None
        fault = FAULTS.get(name) if isinstance(name, str) else None
        if fault is None:
            raise FaultError(f'expected {{"fault": NAME}} with one of {", ".join(FAULTS)}; found {name!r}')
        unknown = sorted(set(body) - {"fault", *fault.takes})
        if unknown:
            raise FaultError(f"{name} takes {', '.join(fault.takes) or 'nothing more'}; found {', '.join(unknown)}")
        concerned = fault.throw(self, Arguments(fault, body, self.parts, now_ns), now_ns)
        self.note(fault, "thrown", now_ns, concerned=concerned)
        return {"fault": name, "concerned": concerned}

    def clear(self, name: str, now_ns: int) -> int:
        """End the switches of a name, or all; says how many were on. Raises FaultError."""
        if name and name not in FAULTS:
            raise FaultError(f"expected one of {', '.join(FAULTS)}; found {name!r}")
        fault = FAULTS.get(name)
        ended = [switch for switch in self.on if fault is None or switch.fault is fault]
        for switch in ended:
            self.end(switch, now_ns)
        return len(ended)

    def arm(self, switch: Switch) -> int:
        """Let a switch be on until it ends."""
        self.on.append(switch)
        if isinstance(switch, Filter):
            self.parts.venue.channel.impairments.filters.append(switch)
        if switch.until_ns is not None:
            self.parts.schedule.at(switch.until_ns, lambda now_ns: self.end(switch, now_ns))
        return 1

    def listen(self, listeners: list[Listener], listener: Listener, switch: Switch) -> int:
        """Let a switch hear of something for as long as it is on."""
        before = switch.undo

        def undo(now_ns: int) -> None:
            # Not now: the list may just be gone through.
            self.parts.schedule.at(now_ns, lambda _: listeners.remove(listener))
            if before is not None:
                before(now_ns)

        switch.undo = undo
        listeners.append(listener)
        return self.arm(switch)

    def hits(self, switch: Switch) -> bool:
        """Whether a switch that is on has its effect this time."""
        return switch.chance >= 1 or self.parts.random.random() < switch.chance

    def spend(self, switch: Switch, now_ns: int, **facts: Any) -> None:
        """Note an effect of a switch and count it."""
        self.note(switch.fault, "effect", now_ns, **facts)
        if switch.left is not None:
            switch.left -= 1
            if switch.left <= 0:
                self.end(switch, now_ns)

    def end(self, switch: Switch, now_ns: int) -> None:
        """Put a switch off."""
        if switch in self.on:
            self.on.remove(switch)
            if isinstance(switch, Filter):
                self.parts.venue.channel.impairments.filters.remove(switch)
            if switch.undo is not None:
                switch.undo(now_ns)
            self.note(switch.fault, "ended", now_ns)

    def note(self, fault: Fault | None, what: str, now_ns: int, **facts: Any) -> None:
        """Write a line about a fault."""
        if fault is not None:
            self.parts.log.write(now_ns, "fault", fault=fault.name, ids=fault.ids, what=what, **facts)
