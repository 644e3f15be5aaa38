"""What is signed: the typed data (EIP-712) of orders and of the proof that a wallet is controlled.

Why by hand: three fixed structs need no general encoder, and this one takes a tenth of the time. Addresses and 32-byte
values are `0x` text as on the wire; whatever does not fit its field raises ValueError.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sandbox.signing.keys import bytes_of, keccak256

ZERO_ADDRESS: Final = "0x" + "00" * 20
ZERO_32: Final = "0x" + "00" * 32

POLYGON: Final = 137
AMOY: Final = 80_002

EXCHANGES: Final[dict[int, dict[tuple[int, bool], str]]] = {
    POLYGON: {
        (1, False): "0x4bFb41d5B3570DeFd03C39a9A4D8dE6Bd8B8982E",
        (1, True): "0xC5d563A36AE78145C45a50134d48A1215220f80a",
        (2, False): "0xE111180000d2663C0091e4f400237545B87B996B",
        (2, True): "0xe2222d279d744050d28e00520010520000310F59",
        (3, False): "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa",
        (3, True): "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa",
    },
    AMOY: {
        (1, False): "0xdFE02Eb6733538f8Ea35D585af8DE5958AD99E40",
        (1, True): "0xC5d563A36AE78145C45a50134d48A1215220f80a",
        (2, False): "0xE111180000d2663C0091e4f400237545B87B996B",
        (2, True): "0xe2222d279d744050d28e00520010520000310F59",
        (3, False): "0x9fE6e61422AdB6F610d8597F9684b16912D50C3D",
        (3, True): "0x9fE6e61422AdB6F610d8597F9684b16912D50C3D",
    },
}
"""Chain, then (generation, neg-risk): the exchange contract. Generation 3 has one for both kinds of market."""

_ORDER_TYPE_1: Final = (
    b"Order(uint256 salt,address maker,address signer,address taker,uint256 tokenId,uint256 makerAmount,"
    b"uint256 takerAmount,uint256 expiration,uint256 nonce,uint256 feeRateBps,uint8 side,uint8 signatureType)"
)
ORDER_TYPE: Final = (
    b"Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    b"uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
"""The order of generations 2 and 3."""

_ORDER_TYPE_1_HASH: Final = keccak256(_ORDER_TYPE_1)
_ORDER_TYPE_HASH: Final = keccak256(ORDER_TYPE)
_DOMAIN_TYPE_HASH: Final = keccak256(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_EXCHANGE_NAME_HASH: Final = keccak256(b"Polymarket CTF Exchange")
_WALLET_SIGN_TYPE_HASH: Final = keccak256(
    b"TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
    + ORDER_TYPE
)
_WALLET_NAME_HASH: Final = keccak256(b"DepositWallet")
_WALLET_VERSION_HASH: Final = keccak256(b"1")
_AUTH_DOMAIN_TYPE_HASH: Final = keccak256(b"EIP712Domain(string name,string version,uint256 chainId)")
_AUTH_NAME_HASH: Final = keccak256(b"ClobAuthDomain")
_AUTH_VERSION_HASH: Final = keccak256(b"1")
_AUTH_TYPE_HASH: Final = keccak256(b"ClobAuth(address address,string timestamp,uint256 nonce,string message)")
_AUTH_MESSAGE_HASH: Final = keccak256(b"This message attests that I control the given wallet")


@dataclass(frozen=True, slots=True)
class Domain:
    """For which exchange an order is signed: an order for one is worth nothing to another."""

    generation: int
    chain_id: int
    verifying_contract: str


@dataclass(frozen=True, slots=True)
class Order:
    """The fields of an order as they are signed; the last four are of generation 1, the three before them of 2 and 3.

    Amounts are micro-dollars and micro-shares; `side` is 0 to buy, 1 to sell; `expiration` is in seconds.
    """

    salt: int
    maker: str
    signer: str
    token_id: int
    maker_amount: int
    taker_amount: int
    side: int
    signature_type: int
    timestamp_ms: int = 0
    metadata: str = ZERO_32
    builder: str = ZERO_32
    taker: str = ZERO_ADDRESS
    expiration: int = 0
    nonce: int = 0
    fee_rate_bps: int = 0


def exchange_domain(generation: int, chain_id: int, *, neg_risk: bool) -> Domain:
    """Domain of the exchange that settles a market; raises KeyError where there is none."""
    return Domain(generation, chain_id, EXCHANGES[chain_id][generation, neg_risk])


def order_hash(domain: Domain, order: Order) -> str:
    """Id of an order, known before it is sent: the hash that an account itself (types 0 to 2) signs."""
    return "0x" + order_digest(domain, order).hex()


def order_digest(domain: Domain, order: Order) -> bytes:
    """The bytes of an order's id."""
    return _digest(domain_separator(domain), order_struct_hash(domain.generation, order))


def wallet_digest(domain: Domain, order: Order) -> bytes:
    """What the owner of a deposit wallet (type 3) signs: the order nested in the wallet's own name (ERC-7739)."""
    struct_hash = keccak256(
        _WALLET_SIGN_TYPE_HASH
        + order_struct_hash(domain.generation, order)
        + _WALLET_NAME_HASH
        + _WALLET_VERSION_HASH
        + _number(domain.chain_id)
        + _address(order.signer)
        + bytes(32)
    )
    return _digest(domain_separator(domain), struct_hash)


def clob_auth_digest(chain_id: int, address: str, timestamp: str, nonce: int) -> bytes:
    """What an account signs to prove itself to the order book; `timestamp` is text of seconds, signed as written."""
    struct_hash = keccak256(
        _AUTH_TYPE_HASH + _address(address) + keccak256(timestamp.encode()) + _number(nonce) + _AUTH_MESSAGE_HASH
    )
    return _digest(_auth_domain_separator(chain_id), struct_hash)


@lru_cache(maxsize=64)
def domain_separator(domain: Domain) -> bytes:
    """Hash of an exchange's domain."""
    return keccak256(
        _DOMAIN_TYPE_HASH
        + _EXCHANGE_NAME_HASH
        + keccak256(str(domain.generation).encode())
        + _number(domain.chain_id)
        + _address(domain.verifying_contract)
    )


def order_struct_hash(generation: int, order: Order) -> bytes:
    """Hash of an order without its domain."""
    head = _number(order.salt) + _address(order.maker) + _address(order.signer)
    amounts = _number(order.token_id) + _number(order.maker_amount) + _number(order.taker_amount)
    kind = _small(order.side) + _small(order.signature_type)
    if generation == 1:
        terms = _number(order.expiration) + _number(order.nonce) + _number(order.fee_rate_bps)
        return keccak256(_ORDER_TYPE_1_HASH + head + _address(order.taker) + amounts + terms + kind)
    marks = _number(order.timestamp_ms) + bytes_of(order.metadata, 32) + bytes_of(order.builder, 32)
    return keccak256(_ORDER_TYPE_HASH + head + amounts + kind + marks)


@lru_cache(maxsize=4)
def _auth_domain_separator(chain_id: int) -> bytes:
    return keccak256(_AUTH_DOMAIN_TYPE_HASH + _AUTH_NAME_HASH + _AUTH_VERSION_HASH + _number(chain_id))


def _digest(separator: bytes, struct_hash: bytes) -> bytes:
    return keccak256(b"\x19\x01" + separator + struct_hash)


def _number(value: int) -> bytes:
    try:
        return value.to_bytes(32)
    except OverflowError:
        raise ValueError("a number is negative or has more than 256 bits") from None


def _small(value: int) -> bytes:
    if not 0 <= value <= 255:
        raise ValueError("a side or a signature type has more than 8 bits")
    return value.to_bytes(32)


def _address(text: str) -> bytes:
    return bytes(12) + bytes_of(text, 20)
