"""The official library as a signer: of generation 1, and as the judge of our own signers.

Why it is imported by name, and only here: it brings forty packages and a second of start-up, which only a live process
pays for.
"""

import importlib
import importlib.metadata
import sys
from typing import Any, Final

from actors.venues.polymarket.keys import SigningKey
from actors.venues.polymarket.orders import Account, SignatureType, SignedOrder, SigningRefused, UnsignedOrder
from actors.venues.polymarket.typed_data import EXCHANGES
from models.markets import Side

LIBRARY: Final = "py_clob_client_v2"
_ANYBODY: Final = "0x" + "00" * 20


class LibraryMissing(RuntimeError):
    """The official client cannot be imported, so that nothing can be traded live; says how to get it."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{LIBRARY} cannot be imported ({why}): install it with `bin/setup live`")


class OfficialSigner:
    """Any generation, by the builders of the official library. Raises LibraryMissing when it is made."""

    def __init__(self, generation: int, account: Account) -> None:
        if generation == 1 and account.signature_type is SignatureType.DEPOSIT_WALLET:
            raise SigningRefused("generation 1 knows no deposit wallets (signature type 3)")
        if not isinstance(account.key, SigningKey):
            raise SigningRefused("the official library signs with the key itself, which a signer gives to nobody")
        library = _import_library(f"{LIBRARY}.order_utils")
        self._library: Any = library
        self._generation = generation
        self._account = account
        key = _import_library(f"{LIBRARY}.signer").Signer(account.key.reveal().reveal(), account.chain_id)
        contracts = EXCHANGES[account.chain_id, generation]
        if generation == 1:
            self._builders = tuple(library.ExchangeOrderBuilderV1(one, account.chain_id, key) for one in contracts)
        else:
            self._builders = tuple(
                library.ExchangeOrderBuilderV2(one, account.chain_id, key, domain_version=str(generation))
                for one in contracts
            )

    def identify(self, order: UnsignedOrder) -> str:
        return self.sign(order).order_id

    def sign(self, order: UnsignedOrder) -> SignedOrder:
        builder, account = self._builders[order.neg_risk], self._account
        builder.generate_salt = lambda: str(order.salt)
        typed_data = builder.build_order_typed_data(builder.build_order(self._data(order)))
        return SignedOrder(
            builder.build_order_hash(typed_data), order, self._generation, account.maker, account.signer,
            account.signature_type, builder.build_order_signature(typed_data),
        )  # fmt: skip

    def _data(self, order: UnsignedOrder) -> Any:
        library, account = self._library, self._account
        terms: dict[str, Any] = {
            "maker": account.maker,
            "signer": account.signer,
            "tokenId": order.token_id,
            "makerAmount": str(order.making),
            "takerAmount": str(order.taking),
            "side": library.Side.SELL if order.side is Side.SELL else library.Side.BUY,
            "expiration": str(order.expiration_s),
        }
        if self._generation == 1:
            kind = library.SignatureTypeV1(int(account.signature_type))
            return library.OrderDataV1(**terms, taker=_ANYBODY, signatureType=kind, feeRateBps=str(order.fee_rate_bps))
        return library.OrderDataV2(
            **terms,
            signatureType=library.SignatureTypeV2(int(account.signature_type)),
            timestamp=str(order.timestamp_ms),
            metadata=order.metadata,
            builder=order.builder,
        )


def library_version() -> str:
    """Return the version of the official library. Raises LibraryMissing."""
    _import_library(LIBRARY)
    return importlib.metadata.version(LIBRARY.replace("_", "-"))


def _import_library(name: str) -> Any:
    """Import it, and undo what one of its packages does: with calls 100,000 deep, nested JSON ends the process."""
    deepest = sys.getrecursionlimit()
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise LibraryMissing(f"{type(error).__name__}: {error}") from error
    finally:
        sys.setrecursionlimit(deepest)
