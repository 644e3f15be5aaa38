"""Signs orders: one signer per generation of the protocol, each giving the order's id with its signature.

Why a registry: three generations differ in domain, contract and struct; the market and the venue say which one counts,
and an order of the wrong one is refused. Generation 1 is dead in production and is left to the official library.
Generations 2 and 3 are digested here, in a tenth of the library's time. The library stays the judge: in a test on
random orders, and once at each live start (`prove_against_library`). So live needs it, and says so where it is missing.

Why the proof has a key of its own, which everybody knows: what is proven is how things are signed. The account's key is
handed to no library, and may be in another process.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

import msgspec

from actors.venues.polymarket.keys import SigningKey, keccak256
from actors.venues.polymarket.official_signer import OfficialSigner
from actors.venues.polymarket.orders import Account, SignatureType, SignedOrder, SigningRefused, UnsignedOrder
from actors.venues.polymarket.signables import SignOrder
from actors.venues.polymarket.typed_data import (
    EXCHANGES,
    ORDER_TYPE,
    ORDER_TYPE_HASH,
    address_word,
    digest,
    exchange_separator,
    wallet_struct_hash,
    word,
)
from actors.venues.secret import Secret
from models.markets import Side

_PROVING: Final = "1".zfill(64)
_WALLET_TRAILER: Final = ORDER_TYPE + len(ORDER_TYPE).to_bytes(2, "big")
_BUY: Final = word(0)
_SELL: Final = word(1)


class Signer(Protocol):
    """Signs orders of one generation for one account."""

    def identify(self, order: UnsignedOrder) -> str:
        """Return the id that an order has when it is signed."""
        ...

    def sign(self, order: UnsignedOrder) -> SignedOrder:
        """Return the order with its id and signature; the same order always gives the same ones.

        Raises SigningRefused.
        """
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
    key, kind = SigningKey(Secret(_PROVING)), account.signature_type
    account = Account(key, account.chain_id, kind, key.address if kind is SignatureType.ACCOUNT else account.maker)
    order = UnsignedOrder("1234", False, Side.BUY, 500_000, 1_000_000, 1, 1_700_000_000_000)
    for generation in (2, 3):
        for neg_risk in (False, True):
            probe = msgspec.structs.replace(order, neg_risk=neg_risk)
            if DigestSigner(generation, account).sign(probe) != OfficialSigner(generation, account).sign(probe):
                raise SigningRefused(f"orders of generation {generation} are not signed as the official library does")


class Digests(NamedTuple):
    """Of an order: the hash of its struct, the hash that is its id, and what its account's key signs."""

    contents: bytes
    order_hash: bytes
    signed: bytes


class DigestSigner:
    """Generations 2 and 3: the digest is made here."""

    def __init__(self, generation: int, account: Account) -> None:
        self._generation = generation
        self._account = account
        self._contracts = EXCHANGES[account.chain_id, generation]
        self._separators = tuple(
            exchange_separator(account.chain_id, generation, neg_risk) for neg_risk in (False, True)
        )
        self._parties = address_word(account.maker) + address_word(account.signer)
        self._kind = word(account.signature_type)

    def identify(self, order: UnsignedOrder) -> str:
        """Return the id of an order."""
        return f"0x{self.digests(order).order_hash.hex()}"

    def sign(self, order: UnsignedOrder) -> SignedOrder:
        """Return the order with its id and signature."""
        account, found = self._account, self.digests(order)
        what = SignOrder(
            account.chain_id, self._generation, self._contracts[order.neg_risk], account.maker, account.signer,
            account.signature_type, order,
        )  # fmt: skip
        signature = account.key.sign(found.signed, what)
        if account.signature_type is SignatureType.DEPOSIT_WALLET:
            signature += self._separators[order.neg_risk] + found.contents + _WALLET_TRAILER
        return SignedOrder(
            f"0x{found.order_hash.hex()}", order, self._generation, account.maker, account.signer,
            account.signature_type, f"0x{signature.hex()}",
        )  # fmt: skip

    def digests(self, order: UnsignedOrder) -> Digests:
        """Return what is hashed of an order."""
        account, separator, contents = self._account, self._separators[order.neg_risk], self._struct_hash(order)
        order_hash = signed = digest(separator, contents)
        if account.signature_type is SignatureType.DEPOSIT_WALLET:
            signed = digest(separator, wallet_struct_hash(contents, account.chain_id, account.maker))
        return Digests(contents, order_hash, signed)

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
