"""Signs orders: one signer per generation of the protocol, each giving the order's id with its signature.

Why a registry: three generations differ in domain, contract and struct; the market and the venue say which one counts,
and an order of the wrong one is refused. Generation 1 is dead in production and is left to the official library.
Generations 2 and 3 are digested here, in a tenth of the library's time. The library stays the judge: in a test on
random orders, and once at each live start (`prove_against_library`). So live needs it, and says so where it is missing.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

import msgspec

from actors.venues.polymarket.keys import keccak256
from actors.venues.polymarket.official_signer import OfficialSigner
from actors.venues.polymarket.orders import Account, SignatureType, SignedOrder, SigningRefused, UnsignedOrder
from actors.venues.polymarket.typed_data import (
    ORDER_TYPE,
    ORDER_TYPE_HASH,
    address_word,
    digest,
    exchange_separator,
    wallet_struct_hash,
    word,
)
from models.markets import Side

_WALLET_TRAILER: Final = ORDER_TYPE + len(ORDER_TYPE).to_bytes(2, "big")
_BUY: Final = word(0)
_SELL: Final = word(1)


class Signer(Protocol):
    """Signs orders of one generation for one account."""

    def sign(self, order: UnsignedOrder) -> SignedOrder:
        """Return the order with its id and signature; the same order always gives the same ones."""
        ...


def generation_of(market_version: str, venue_version: int) -> int:
    """Return the generation that a market's orders are signed for. Raises SigningRefused where nobody knows it.

    `market_version` is Gamma's `version` of the market, `venue_version` what `GET /version` answers.
    """
    if market_version == "v2":
        return 3
    if market_version == "v1" and venue_version in (1, 2):
        return venue_version
    raise SigningRefused(f"a market of version {market_version!r} on a venue of version {venue_version} is not known")


def signer_for(generation: int, account: Account) -> Signer:
    """Return the signer of a generation. Raises LibraryMissing, SigningRefused."""
    kind = _SIGNERS.get(generation)
    if kind is None:
        raise SigningRefused(f"generation {generation} of the protocol is not one of {sorted(_SIGNERS)}")
    return kind(generation, account)


def prove_against_library(account: Account) -> None:
    """Sign an order of each living generation here and by the official library, and compare.

    Raises LibraryMissing, SigningRefused.
    """
    order = UnsignedOrder("1234", False, Side.BUY, 500_000, 1_000_000, 1, 1_700_000_000_000)
    for generation in (2, 3):
        for neg_risk in (False, True):
            probe = msgspec.structs.replace(order, neg_risk=neg_risk)
            if DigestSigner(generation, account).sign(probe) != OfficialSigner(generation, account).sign(probe):
                raise SigningRefused(f"orders of generation {generation} are not signed as the official library does")


class DigestSigner:
    """Generations 2 and 3: the digest is made here."""

    def __init__(self, generation: int, account: Account) -> None:
        self._generation = generation
        self._account = account
        self._separators = tuple(
            exchange_separator(account.chain_id, generation, neg_risk) for neg_risk in (False, True)
        )
        self._parties = address_word(account.maker) + address_word(account.signer)
        self._kind = word(account.signature_type)

    def sign(self, order: UnsignedOrder) -> SignedOrder:
        """Return the order with its id and signature."""
        account, separator, contents = self._account, self._separators[order.neg_risk], self._struct_hash(order)
        order_hash = digest(separator, contents)
        if account.signature_type is SignatureType.DEPOSIT_WALLET:
            nested = digest(separator, wallet_struct_hash(contents, account.chain_id, account.maker))
            signature = account.key.sign(nested) + separator + contents + _WALLET_TRAILER
        else:
            signature = account.key.sign(order_hash)
        return SignedOrder(
            f"0x{order_hash.hex()}", order, self._generation, account.maker, account.signer, account.signature_type,
            f"0x{signature.hex()}",
        )  # fmt: skip

    def _struct_hash(self, order: UnsignedOrder) -> bytes:
        return keccak256(
            ORDER_TYPE_HASH
            + word(order.salt)
            + self._parties
            + word(int(order.token_id))
            + word(order.making)
            + word(order.taking)
            + (_BUY if order.side is Side.BUY else _SELL)
            + self._kind
            + word(order.timestamp_ms)
            + bytes.fromhex(order.metadata[2:])
            + bytes.fromhex(order.builder[2:])
        )


_SIGNERS: Final[Mapping[int, type[DigestSigner] | type[OfficialSigner]]] = MappingProxyType(
    {1: OfficialSigner, 2: DigestSigner, 3: DigestSigner}
)
