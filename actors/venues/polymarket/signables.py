"""What an account is asked to sign, in the terms of what it means: the whole of it, and nothing else can be asked for.

Why terms and no digest: a key that stands in a process of its own has to know what it signs. Each struct says all that
its digest covers; `digest_of` makes it, in whichever process. What needs no struct here is never signed by a signer.
"""

from typing import TypeAlias

import msgspec

from actors.venues.polymarket.contract_calls import Call
from actors.venues.polymarket.orders import SignatureType, UnsignedOrder
from models.messages.operations import Batch


class SignOrder(msgspec.Struct, frozen=True, gc=False, tag="order", forbid_unknown_fields=True):
    """An order of generation 2 or 3; `contract` is the exchange whose domain it is signed for."""

    chain_id: int
    generation: int
    contract: str
    maker: str
    signer: str
    signature_type: SignatureType
    order: UnsignedOrder


class SignIn(msgspec.Struct, frozen=True, gc=False, tag="sign_in", forbid_unknown_fields=True):
    """That the account controls its wallet (ClobAuth), which makes and derives its API key."""

    chain_id: int
    address: str
    timestamp_s: int
    nonce: int


class SignBatch(msgspec.Struct, frozen=True, tag="batch", forbid_unknown_fields=True):
    """Calls of a deposit wallet, with their nonce and deadline."""

    chain_id: int
    wallet: str
    batch: Batch
    calls: tuple[Call, ...]


class SignSafeCalls(msgspec.Struct, frozen=True, tag="safe", forbid_unknown_fields=True):
    """Calls of a safe, with their nonce; good for ever."""

    chain_id: int
    wallet: str
    nonce: int
    calls: tuple[Call, ...]


Signable: TypeAlias = SignOrder | SignIn | SignBatch | SignSafeCalls
