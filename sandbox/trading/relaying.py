"""What becomes of a transaction that the relayer took: NEW, EXECUTED (sent to the chain), MINED, CONFIRMED.

It does what it does when it is mined. What reverts there is FAILED and has done nothing; what the relayer does not even
send is INVALID. Either ends it, and its nonce stays free, unless the wallet is a proxy: the relay hub counts whatever
it was given.

Unverified: how long each state lasts (about a second to be sent, a block or two to be mined, a few seconds more to be
confirmed); that one wallet has one transaction on its way at a time, which the official client's retries suggest; that
a batch whose time has run out before it is sent is INVALID.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, Literal
from uuid import UUID

from sandbox.log import Log
from sandbox.markets import digest_id
from sandbox.schedule import Schedule
from sandbox.signing.relayed import Call
from sandbox.trading.contracts import Contracts, Reverted
from sandbox.trading.records import Wallet
from sandbox.units import MILLISECOND, SECOND

WalletKind = Literal["PROXY", "SAFE", "WALLET"]
State = Literal["STATE_NEW", "STATE_EXECUTED", "STATE_MINED", "STATE_CONFIRMED", "STATE_INVALID", "STATE_FAILED"]

_SENT_NS: Final = (300 * MILLISECOND, 1_200 * MILLISECOND)
_MINED_NS: Final = (1_500 * MILLISECOND, 4_500 * MILLISECOND)
_CONFIRMED_NS: Final = (2 * SECOND, 6 * SECOND)


@dataclass(frozen=True, slots=True)
class RelayFate:
    """What else than usual befalls a transaction: how it ends, or how much longer it is in a state."""

    ends: Literal["", "STATE_FAILED", "STATE_INVALID"] = ""
    stuck_in: Literal["STATE_NEW", "STATE_EXECUTED", "STATE_MINED"] = "STATE_EXECUTED"
    stuck_ns: int = 0


@dataclass(slots=True, eq=False)
class Relayed:
    """A transaction that the relayer took; `owner` signed it, `to` and `data` are as they were sent.

    `deadline_s` is the last second in which the chain takes it, None where there is no such thing.
    """

    id: str
    kind: WalletKind
    owner: str
    wallet: Wallet
    to: str
    data: str
    calls: tuple[Call, ...]
    nonce: int
    deadline_s: int | None
    signature: str
    metadata: str
    created_ns: int
    updated_ns: int
    state: State = "STATE_NEW"
    transaction_hash: str = ""
    error: str = ""

    @property
    def under_way(self) -> bool:
        """Whether the chain may still do it."""
        return self.state in ("STATE_NEW", "STATE_EXECUTED")


class Relaying:
    """Takes transactions to the chain. `next_fates` are those of the next ones to be taken."""

    def __init__(self, contracts: Contracts, record: Log, schedule: Schedule, random: Random) -> None:
        self.next_fates: deque[RelayFate] = deque()
        self.transactions: dict[str, Relayed] = {}
        """All that were ever taken, oldest first."""
        self._contracts = contracts
        self._log = record
        self._schedule = schedule
        self._random = random
        self._nonces: dict[str, int] = {}
        self._under_way: dict[str, Relayed] = {}

    def nonce(self, wallet: str) -> int:
        """How many transactions of a wallet the chain has counted: the nonce of its next one."""
        return self._nonces.get(wallet.lower(), 0)

    def under_way(self, wallet: str) -> Relayed | None:
        """A wallet's transaction that is not mined yet."""
        known = self._under_way.get(wallet.lower())
        return known if known is not None and known.under_way else None

    def new_id(self) -> str:
        """An id for a transaction."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def take(self, relayed: Relayed, now_ns: int) -> None:
        """Bring a checked transaction on its way."""
        self.transactions[relayed.id] = self._under_way[relayed.wallet.address.lower()] = relayed
        fate = self.next_fates.popleft() if self.next_fates else RelayFate()
        self._note(relayed, now_ns)
        self._later(relayed, fate, _SENT_NS, self._send, now_ns)

    def _later(
        self,
        relayed: Relayed,
        fate: RelayFate,
        between_ns: tuple[int, int],
        step: Callable[[Relayed, RelayFate, int], None],
        now_ns: int,
    ) -> None:
        wait_ns = self._random.randint(*between_ns) + (fate.stuck_ns if relayed.state == fate.stuck_in else 0)
        self._schedule.at(now_ns + wait_ns, lambda due_ns: step(relayed, fate, due_ns))

    def _send(self, relayed: Relayed, fate: RelayFate, now_ns: int) -> None:
        if fate.ends == "STATE_INVALID":
            self._end(relayed, "STATE_INVALID", "the transaction is invalid", now_ns)
        elif self._is_late(relayed, now_ns):
            self._end(relayed, "STATE_INVALID", "deadline expired", now_ns)
        else:
            relayed.transaction_hash = digest_id("relayed", relayed.id)
            self._advance(relayed, "STATE_EXECUTED", now_ns)
            self._later(relayed, fate, _MINED_NS, self._mine, now_ns)

    def _mine(self, relayed: Relayed, fate: RelayFate, now_ns: int) -> None:
        wallet = relayed.wallet
        try:
            if fate.ends == "STATE_FAILED":
                raise Reverted("out of gas")
            if self._is_late(relayed, now_ns):
                raise Reverted("deadline expired")
            self._contracts.execute(wallet, relayed.calls, now_ns)
        except Reverted as reverted:
            if relayed.kind == "PROXY":
                self._nonces[wallet.address.lower()] = relayed.nonce + 1
            self._end(relayed, "STATE_FAILED", f"execution reverted: {reverted}", now_ns)
            return
        self._nonces[wallet.address.lower()] = relayed.nonce + 1
        self._advance(relayed, "STATE_MINED", now_ns)
        self._later(relayed, fate, _CONFIRMED_NS, self._confirm, now_ns)

    def _confirm(self, relayed: Relayed, fate: RelayFate, now_ns: int) -> None:
        self._advance(relayed, "STATE_CONFIRMED", now_ns)

    def _is_late(self, relayed: Relayed, now_ns: int) -> bool:
        return relayed.deadline_s is not None and now_ns // SECOND > relayed.deadline_s

    def _end(self, relayed: Relayed, state: State, error: str, now_ns: int) -> None:
        relayed.error = error
        self._advance(relayed, state, now_ns)

    def _advance(self, relayed: Relayed, state: State, now_ns: int) -> None:
        relayed.state = state
        relayed.updated_ns = now_ns
        self._note(relayed, now_ns)

    def _note(self, relayed: Relayed, now_ns: int) -> None:
        self._log.write(
            now_ns,
            "relayed",
            id=relayed.id,
            state=relayed.state,
            type=relayed.kind,
            wallet=relayed.wallet.address,
            nonce=relayed.nonce,
            calls=len(relayed.calls),
            transaction=relayed.transaction_hash,
            error=relayed.error,
        )
