"""What becomes of a transaction that an account sent to the chain itself: pending, then mined or reverted.

Either way its nonce is used up. Gas has its price, and a transaction that offers less is not taken, but nobody's coins
are counted: every account has enough of them. Unverified: how long it takes (a block or two). Unlike a node, this one
takes only an account's next nonce, keeps nothing for later and replaces nothing.
"""

from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from sandbox.log import Log
from sandbox.schedule import Schedule
from sandbox.signing.raw import RawTransaction
from sandbox.trading.contracts import Contracts, Reverted
from sandbox.trading.records import Wallet
from sandbox.units import MILLISECOND

GAS_PRICE: Final = 30_000_000_000
"""What a unit of gas costs, in wei."""
GAS: Final = 250_000
"""What any call uses."""
_MINED_NS: Final = (2_000 * MILLISECOND, 5_000 * MILLISECOND)


class NotTaken(Exception):
    """A transaction that a node does not even keep; says why."""


@dataclass(slots=True, eq=False)
class Sent:
    """A transaction that was taken, and when it comes into a block."""

    transaction: RawTransaction
    wallet: Wallet
    mined_ns: int
    state: Literal["pending", "mined", "reverted"] = "pending"
    error: str = ""


class Mempool:
    """Takes signed transactions and brings them into blocks, each account's in the order of their nonces."""

    def __init__(self, contracts: Contracts, record: Log, schedule: Schedule, random: Random) -> None:
        self.sent: dict[str, Sent] = {}
        """All that were ever taken, by their hashes."""
        self._contracts = contracts
        self._log = record
        self._schedule = schedule
        self._random = random
        self._taken: dict[str, list[Sent]] = {}

    def nonce(self, address: str, *, pending: bool) -> int:
        """How many transactions an account has in blocks, or with those that wait for one."""
        taken = self._taken.get(address.lower(), [])
        return len(taken) if pending else sum(one.state != "pending" for one in taken)

    def take(self, transaction: RawTransaction, wallet: Wallet, now_ns: int) -> None:
        """Take a transaction of the account whose wallet it is. Raises NotTaken."""
        taken = self._taken.setdefault(wallet.address.lower(), [])
        if transaction.hash in self.sent:
            raise NotTaken("already known")
        if transaction.gas_price < GAS_PRICE:
            raise NotTaken("transaction underpriced")
        if transaction.nonce < self.nonce(wallet.address, pending=False):
            raise NotTaken("nonce too low")
        if transaction.nonce < len(taken):
            raise NotTaken("replacement transaction underpriced")
        if transaction.nonce > len(taken):
            raise NotTaken("nonce too high")
        due_ns = max(now_ns + self._random.randint(*_MINED_NS), taken[-1].mined_ns if taken else 0)
        sent = self.sent[transaction.hash] = Sent(transaction, wallet, due_ns)
        taken.append(sent)
        self._note(sent, now_ns)
        self._schedule.at(due_ns, lambda at_ns: self._mine(sent, at_ns))

    def _mine(self, sent: Sent, now_ns: int) -> None:
        try:
            if sent.transaction.gas < GAS:
                raise Reverted("out of gas")
            self._contracts.execute(sent.wallet, (sent.transaction.call,), now_ns)
            sent.state = "mined"
        except Reverted as reverted:
            sent.state, sent.error = "reverted", str(reverted)
        self._note(sent, now_ns)

    def _note(self, sent: Sent, now_ns: int) -> None:
        self._log.write(
            now_ns,
            "transaction",
            hash=sent.transaction.hash,
            state=sent.state,
            wallet=sent.wallet.address,
            nonce=sent.transaction.nonce,
            error=sent.error,
        )
