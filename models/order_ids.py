"""The name of an order, known before it is sent and the same after a crash.

Why derived and not drawn: the same intent must give the same bytes for ever, so that it can never make two orders, and
so that an order of unknown fate can be asked for by its name. In live the name is the hash that the order's signature
covers; where there is no key, the same facts are hashed here, and the name has the same life in journal and dedupe.
"""

import hashlib
from typing import Final

import msgspec

from models.ledger import amounts_of
from models.messages.orders import PlaceOrder

_PREFIX: Final = "paper:"
_SALT_BITS: Final = 52
"""What a JSON number carries exactly; the venue's API takes the salt as one."""


def salt_of(run_id: str, intent: str) -> int:
    """Return the number that makes an order unique: the first 52 bits of a hash of run and intent."""
    digest = hashlib.sha256(msgspec.json.encode((run_id, intent))).digest()
    return int.from_bytes(digest[:7], "big") >> (56 - _SALT_BITS)


def paper_order_id(run_id: str, order: PlaceOrder) -> str:
    """Return the id of an order that is not signed: `paper:` and the SHA-256 of what a signed one would cover."""
    making, taking = amounts_of(order)
    facts = (
        salt_of(run_id, order.intent), order.market, order.outcome, order.side, making, taking,
        order.created_ns // 1_000_000,
    )  # fmt: skip
    return _PREFIX + hashlib.sha256(msgspec.json.encode(facts)).hexdigest()
