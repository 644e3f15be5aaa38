"""Whether an order is signed by who may spend the maker's money, and signing one.

A deposit wallet has no key. Its owner signs the order inside the wallet's own typed data (ERC-7739), and the wire
signature carries what the wallet needs to check that: inner signature (65 bytes), separator of the exchange's domain
(32), hash of the order (32), text of the order's type (186) and the length of that text (2).
"""

from typing import Final

from sandbox.signing.keys import PrivateKey, Refusal, bytes_of, recover
from sandbox.signing.typed_data import (
    ORDER_TYPE,
    Domain,
    Order,
    domain_separator,
    order_digest,
    order_struct_hash,
    wallet_digest,
)
from sandbox.signing.wallets import wallets_of

DEPOSIT_WALLET: Final = 3
"""The signature type of deposit wallets; 0 is an account itself, 1 its proxy, 2 its safe."""

_WALLET_TRAILER: Final = ORDER_TYPE + len(ORDER_TYPE).to_bytes(2)
_WALLET_SIGNATURE_BYTES: Final = 65 + 32 + 32 + len(_WALLET_TRAILER)


def verify(domain: Domain, order: Order, signature: str) -> str | Refusal:
    """Address of the account that signed an order and owns its maker, or why it does not hold; never raises."""
    owner = signed_by(domain, order, signature)
    if isinstance(owner, Refusal):
        return owner
    if order.maker.lower() not in (wallet.lower() for wallet in wallets_of(owner, order.signature_type)):
        return Refusal("the maker is not the signer's wallet of this signature type")
    return owner


def signed_by(domain: Domain, order: Order, signature: str) -> str | Refusal:
    """Address of the account that signed an order, whoever owns the maker; never raises.

    For types 0 to 2 it is the order's signer. A deposit wallet is its own signer, and its owner is what is found out.
    """
    if order.side not in (0, 1):
        return Refusal("the side is neither 0 nor 1")
    if order.signature_type not in ((0, 1, 2) if domain.generation == 1 else (0, 1, 2, DEPOSIT_WALLET)):
        return Refusal("the signature type is unknown")
    try:
        if order.signature_type == DEPOSIT_WALLET:
            return _owner_of_wallet(domain, order, bytes_of(signature, _WALLET_SIGNATURE_BYTES))
        account = recover(order_digest(domain, order), bytes_of(signature, 65))
    except ValueError as error:
        return Refusal(f"malformed: {error}")
    if account is None:
        return Refusal("no account can have made this signature")
    if account.lower() != order.signer.lower():
        return Refusal("signed by another account, or for another exchange, chain or order")
    return account


def sign_order(key: PrivateKey, domain: Domain, order: Order) -> str:
    """Sign an order as its signature type asks; `0x` text as on the wire."""
    if order.signature_type != DEPOSIT_WALLET:
        return "0x" + key.sign(order_digest(domain, order)).hex()
    inner = key.sign(wallet_digest(domain, order))
    contents = order_struct_hash(domain.generation, order)
    return "0x" + (inner + domain_separator(domain) + contents + _WALLET_TRAILER).hex()


def _owner_of_wallet(domain: Domain, order: Order, signature: bytes) -> str | Refusal:
    if signature[129:] != _WALLET_TRAILER:
        return Refusal("the nested signature names another type")
    if signature[65:97] != domain_separator(domain):
        return Refusal("the nested signature is for another exchange, chain or generation")
    if signature[97:129] != order_struct_hash(domain.generation, order):
        return Refusal("the nested signature is for another order")
    if order.maker.lower() != order.signer.lower():
        return Refusal("a deposit wallet is both maker and signer")
    return recover(wallet_digest(domain, order), signature[:65]) or Refusal("no account can have made this signature")
