"""Cancel on disconnect: who has begun to send heartbeats and stops has its open orders cancelled.

Why it is never disarmed: the venue knows no way to end it. Once an API key has sent its first heartbeat, a check every
five seconds cancels whatever that key has open while its last heartbeat is ten seconds old or more, so an order that is
placed without heartbeats thereafter is gone at the next check as well.

Unverified: what id is expected after an expiry (here none, so that the chain begins anew), and that the older call
without ids counts as a heartbeat (here it does, and it ends the chain, as mixing the two is said to).
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final
from uuid import UUID

from sandbox.log import Log
from sandbox.schedule import Schedule
from sandbox.trading.records import Account
from sandbox.units import SECOND

EXPIRY_NS: Final = 10 * SECOND
_CHECK_NS: Final = 5 * SECOND


class StaleHeartbeat(Exception):
    """A heartbeat did not bear the id of the answer before; `expected` is the one that it should."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected


@dataclass(slots=True)
class _Chain:
    account: Account
    last_ns: int
    expected: str = ""


class Heartbeats:
    """The chains of all API keys; `cancel_all(api_key, now_ns)` cancels and says how many orders that were."""

    def __init__(self, schedule: Schedule, random: Random, record: Log, cancel_all: Callable[[str, int], int]) -> None:
        self._schedule = schedule
        self._random = random
        self._log = record
        self._cancel_all = cancel_all
        self._chains: dict[str, _Chain] = {}

    def beat(self, account: Account, api_key: str, heartbeat_id: str, now_ns: int) -> str:
        """Take a heartbeat and give the id of the next one. Raises StaleHeartbeat, and then it does not count."""
        chain = self._chains.get(api_key)
        expected = chain.expected if chain else ""
        if heartbeat_id != expected:
            raise StaleHeartbeat(expected)
        chain = self._counted(account, api_key, now_ns)
        chain.expected = str(UUID(int=self._random.getrandbits(128), version=4))
        return chain.expected

    def beat_without_id(self, account: Account, api_key: str, now_ns: int) -> None:
        """Take a heartbeat of the older kind."""
        self._counted(account, api_key, now_ns).expected = ""

    def break_chain(self, api_key: str) -> None:
        """Expect another id than the last answer said, as if somebody else had sent a heartbeat with the same key."""
        if api_key in self._chains:
            self._chains[api_key].expected = str(UUID(int=self._random.getrandbits(128), version=4))

    def _counted(self, account: Account, api_key: str, now_ns: int) -> _Chain:
        if not self._chains:
            self._schedule.at((now_ns // _CHECK_NS + 1) * _CHECK_NS, self._check)
        chain = self._chains.setdefault(api_key, _Chain(account, now_ns))
        chain.last_ns = now_ns
        return chain

    def _check(self, now_ns: int) -> None:
        self._schedule.at(now_ns + _CHECK_NS, self._check)
        for api_key, chain in self._chains.items():
            if now_ns - chain.last_ns < EXPIRY_NS:
                continue
            chain.expected = ""
            cancelled = self._cancel_all(api_key, now_ns)
            if cancelled:
                self._log.write(now_ns, "heartbeat_expired", account=chain.account.address, cancelled=cancelled)
