"""An order as Polymarket has it signed, and the account that signs it.

Why salt and time come from the intent: the hash of what is signed is the order's id, known before it is sent, and the
same intent gives the same bytes after a crash.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import msgspec

from actors.venues.polymarket.keys import InvalidKey, Key, address_bytes, checksum_address
from actors.venues.polymarket.typed_data import EXCHANGES, ZERO_32
from models.ledger import Amounts
from models.markets import Market, Side
from models.messages.orders import PlaceOrder
from models.order_ids import salt_of

EXPIRES_EARLIER_S: Final = 60
"""The venue lets a GTD order go so long before the time that it names."""

_S: Final = 1_000_000_000


class SigningRefused(RuntimeError):
    """What is asked for is not signed: an unknown generation, chain or wallet, or a signer that fails its proof."""


class SignatureType(IntEnum):
    """Whose money an order spends: the account's own, that of its proxy or safe, or of its deposit wallet."""

    ACCOUNT = 0
    PROXY = 1
    SAFE = 2
    DEPOSIT_WALLET = 3


@dataclass(frozen=True, slots=True)
class Account:
    """Who signs, and whose money it is. `maker` is the wallet that holds the money; for type 0 the account itself.

    Raises SigningRefused where these do not fit together.
    """

    key: Key
    chain_id: int
    signature_type: SignatureType
    maker: str

    def __post_init__(self) -> None:
        try:
            maker = checksum_address(address_bytes(self.maker))
        except InvalidKey as error:
            raise SigningRefused(f"the funder: {error}") from None
        object.__setattr__(self, "maker", maker)
        chains = sorted({chain_id for chain_id, _ in EXCHANGES})
        if self.chain_id not in chains:
            raise SigningRefused(f"chain {self.chain_id} has no exchange of Polymarket: use one of {chains}")
        own = maker == self.key.address
        if own != (self.signature_type is SignatureType.ACCOUNT):
            expected = "the account's own address" if not own else "the address of its wallet"
            raise SigningRefused(
                f"signature type {self.signature_type:d} wants {expected} as funder, {maker} is not: "
                f"set the signature type of the wallet (0 account, 1 proxy, 2 safe, 3 deposit wallet) or its address"
            )

    @property
    def signer(self) -> str:
        """The address that stands as signer in the order: a deposit wallet signs through its owner, as itself."""
        return self.maker if self.signature_type is SignatureType.DEPOSIT_WALLET else self.key.address


class UnsignedOrder(msgspec.Struct, frozen=True, gc=False):
    """What is to be signed, apart from who signs it.

    `making` and `taking` in millionths. Generation 1 alone signs `expiration_s` (UTC; 0: none) and `fee_rate_bps`, the
    later ones `timestamp_ms`, `metadata` and `builder` (`0x` and 64 hexadecimal digits).
    """

    token_id: str
    neg_risk: bool
    side: Side
    making: int
    taking: int
    salt: int
    timestamp_ms: int
    expiration_s: int = 0
    metadata: str = ZERO_32
    builder: str = ZERO_32
    fee_rate_bps: int = 0


class SignedOrder(msgspec.Struct, frozen=True, gc=False):
    """An order that the venue will take for ours. `order_id` is its hash, both are `0x` text."""

    order_id: str
    order: UnsignedOrder
    generation: int
    maker: str
    signer: str
    signature_type: SignatureType
    signature: str


def unsigned(order: PlaceOrder, market: Market, amounts: Amounts, run_id: str) -> UnsignedOrder:
    """Return what is to be signed of an intent: its salt and times come from the intent alone."""
    return UnsignedOrder(
        token_id=market.token_ids[order.outcome],
        neg_risk=market.neg_risk,
        side=order.side,
        making=amounts.making,
        taking=amounts.taking,
        salt=salt_of(run_id, order.intent),
        timestamp_ms=order.created_ns // 1_000_000,
        expiration_s=0 if order.expires_ns is None else expiration_s(order.expires_ns),
    )


def expiration_s(expires_ns: int) -> int:
    """Return what an order has to name so that the venue lets it go then, in whole seconds UTC, rounded up."""
    return -(-expires_ns // _S) + EXPIRES_EARLIER_S
