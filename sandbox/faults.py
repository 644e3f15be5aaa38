"""The switches by which a test makes things go wrong: one row each, so that the table can grow.

`POST /sandbox/faults` with `{"fault": "lose_deltas", "market": "<condition id, slug or token id>", "count": 2}`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from sandbox.channel import MarketChannel
from sandbox.markets import Market
from sandbox.messages import Answer, HttpRequest
from sandbox.rest.refusals import Refused
from sandbox.rest.routes import json_answer
from sandbox.units import SECOND
from sandbox.venue import Venue

_CLOSE_CODES = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})
_GARBAGE = '{"event_type":"price_change","price_changes":[{"asset_id":'


class FaultError(Exception):
    """A switch that does not exist or cannot be thrown so; says what would be right."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One switch: what it does, and what it takes besides its name."""

    says: str
    takes: tuple[str, ...]
    throw: Callable[["Faults", Mapping[str, Any], int], int]
    """Does it and says how many sockets, frames or markets it concerns."""


class Faults:
    """Throws the switches of `FAULTS`."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    @property
    def channel(self) -> MarketChannel:
        """The market sockets."""
        return self._venue.channel

    def answer(self, request: HttpRequest, now_ns: int) -> Answer:
        """Answer a control call: `GET` or `POST` of `/faults`."""
        if request.method == "GET":
            return json_answer({name: {"says": fault.says, "takes": fault.takes} for name, fault in FAULTS.items()})
        try:
            return json_answer(self.throw(msgspec.json.decode(request.body), now_ns))
        except (FaultError, msgspec.DecodeError) as error:
            return Refused(400, str(error)).answer

    def throw(self, body: Any, now_ns: int) -> dict[str, Any]:
        """Throw the switch that a control request names. Raises FaultError."""
        name = body.get("fault") if isinstance(body, Mapping) else None
        fault = FAULTS.get(name) if isinstance(name, str) else None
        if fault is None:
            raise FaultError(f'expected {{"fault": NAME}} with one of {", ".join(FAULTS)}; found {name!r}')
        unknown = sorted(set(body) - {"fault", *fault.takes})
        if unknown:
            raise FaultError(f"{name} takes {', '.join(fault.takes) or 'nothing more'}; found {', '.join(unknown)}")
        return {"fault": name, "concerned": fault.throw(self, body, now_ns)}

    def drop_ws(self, body: Mapping[str, Any], now_ns: int) -> int:
        """Close every market socket."""
        code = _whole(body, "code", 1001)
        if code not in _CLOSE_CODES and not 3000 <= code <= 4999:
            raise FaultError(f"expected code as a WebSocket close code that can be sent; found {code}")
        return self.channel.close_all(code)

    def lose_deltas(self, body: Mapping[str, Any], now_ns: int) -> int:
        """Lose the next level changes of a market."""
        count = _whole(body, "count", 1)
        self.channel.impairments.lose_changes(self._market(body).condition_id, count)
        return count

    def silence(self, body: Mapping[str, Any], now_ns: int) -> int:
        """Send nothing of a market for a while, and keep the sockets alive."""
        until_ns = now_ns + _whole(body, "seconds", 60) * SECOND
        self.channel.impairments.silence(self._market(body).condition_id, until_ns)
        return 1

    def garbage(self, body: Mapping[str, Any], now_ns: int) -> int:
        """Send text that is no JSON to everybody who listens to a market."""
        return self.channel.send_raw(self._market(body), _GARBAGE)

    def resolve(self, body: Mapping[str, Any], now_ns: int) -> int:
        """End a market with one of its outcomes."""
        market = self._market(body)
        outcome = body.get("outcome")
        if outcome not in market.outcomes:
            raise FaultError(f"outcome of {market.slug} is one of {', '.join(market.outcomes)}; found {outcome!r}")
        self._venue.resolve(market, market.outcomes.index(outcome), now_ns)
        return 1

    def _market(self, body: Mapping[str, Any]) -> Market:
        name = body.get("market")
        market = self._venue.catalogue.find(name) if isinstance(name, str) else None
        if market is None:
            raise FaultError(f"expected market as a condition id, slug or token id of this sandbox; found {name!r}")
        return market


def _whole(body: Mapping[str, Any], key: str, default: int) -> int:
    value = body.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise FaultError(f"expected {key} as a whole number >= 1; found {value!r}")
    return value


FAULTS: dict[str, Fault] = {
    "drop_ws": Fault("close every market socket", ("code",), Faults.drop_ws),
    "lose_deltas": Fault("lose the next price_change frames of a market", ("market", "count"), Faults.lose_deltas),
    "silence": Fault("send nothing of a market while sockets and PONG go on", ("market", "seconds"), Faults.silence),
    "garbage": Fault("send a frame that is cut in the middle", ("market",), Faults.garbage),
    "resolve": Fault("end a market with an outcome", ("market", "outcome"), Faults.resolve),
}
