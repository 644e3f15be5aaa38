"""Transactions that an account signs and pays for itself, as they are sent to a node (RLP, legacy form with EIP-155).

Why so strict: a node takes exactly one encoding of a transaction, since its hash is its name. The newer forms, which
begin with their number, are not known here: the official client sends the legacy one.
"""

from dataclasses import dataclass
from typing import Final

from sandbox.signing.keys import PrivateKey, checksum_address, keccak256, recover
from sandbox.signing.relayed import Call

_FIELDS: Final = 9
_SHORT: Final = 55
_TEXT: Final = 0x80
_LIST: Final = 0xC0
_REPLAY_PROTECTED: Final = 35


@dataclass(frozen=True, slots=True)
class RawTransaction:
    """A call that its sender has signed; `gas_price` in wei."""

    sender: str
    nonce: int
    gas_price: int
    gas: int
    call: Call
    hash: str


def read_raw(raw: bytes, chain_id: int) -> RawTransaction:
    """Read a signed transaction of a chain. Raises ValueError."""
    texts = _texts(raw)
    if len(texts) != _FIELDS:
        raise ValueError("no legacy transaction")
    nonce, gas_price, gas, value, v, r, s = (_number(text) for text in (*texts[:3], texts[4], *texts[6:]))
    parity = v - _REPLAY_PROTECTED - 2 * chain_id
    if parity not in (0, 1):
        raise ValueError("invalid chain id for signer")
    if len(texts[3]) != 20:
        raise ValueError("a transaction without a contract")
    digest = _digest(texts[:6], chain_id)
    sender = recover(digest, r.to_bytes(32) + s.to_bytes(32) + bytes((27 + parity,)))
    if sender is None:
        raise ValueError("invalid sender")
    call = Call(checksum_address(texts[3]), value, texts[5])
    return RawTransaction(sender, nonce, gas_price, gas, call, "0x" + keccak256(raw).hex())


def sign_raw(key: PrivateKey, chain_id: int, nonce: int, gas_price: int, gas: int, call: Call) -> bytes:
    """Sign a transaction."""
    contract = bytes.fromhex(call.target[2:])
    said = [_bytes(nonce), _bytes(gas_price), _bytes(gas), contract, _bytes(call.value), call.data]
    signature = key.sign(_digest(said, chain_id))
    v = signature[64] - 27 + _REPLAY_PROTECTED + 2 * chain_id
    numbers = (v, int.from_bytes(signature[:32]), int.from_bytes(signature[32:64]))
    return _list_of([*said, *(_bytes(number) for number in numbers)])


def _digest(said: list[bytes], chain_id: int) -> bytes:
    return keccak256(_list_of([*said, _bytes(chain_id), b"", b""]))


def _texts(data: bytes) -> list[bytes]:
    """The texts of a list that is all of the data. Raises ValueError."""
    is_list, body, rest = _item(data)
    if not is_list or rest:
        raise ValueError("no legacy transaction")
    texts: list[bytes] = []
    while body:
        is_list, text, body = _item(body)
        if is_list:
            raise ValueError("no legacy transaction")
        texts.append(text)
    return texts


def _item(data: bytes) -> tuple[bool, bytes, bytes]:
    """Whether the first item is a list, what is in it, and what stands behind it. Raises ValueError."""
    if not data:
        raise ValueError("a transaction is cut short")
    first = data[0]
    if first < _TEXT:
        return False, data[:1], data[1:]
    is_list = first >= _LIST
    size, begin = first - (_LIST if is_list else _TEXT), 1
    if size > _SHORT:
        begin += size - _SHORT
        size = _number(data[1:begin])
        if size <= _SHORT:
            raise ValueError("a length is not written in its shortest form")
    end = begin + size
    if end > len(data):
        raise ValueError("a transaction is cut short")
    if not is_list and size == 1 and data[begin] < _TEXT:
        raise ValueError("a byte is not written in its shortest form")
    return is_list, data[begin:end], data[end:]


def _list_of(texts: list[bytes]) -> bytes:
    body = b"".join(text if len(text) == 1 and text[0] < _TEXT else _head(_TEXT, len(text)) + text for text in texts)
    return _head(_LIST, len(body)) + body


def _head(base: int, size: int) -> bytes:
    if size <= _SHORT:
        return bytes((base + size,))
    written = _bytes(size)
    return bytes((base + _SHORT + len(written),)) + written


def _number(text: bytes) -> int:
    if len(text) > 32 or text[:1] == b"\0":
        raise ValueError("a number has leading zeros or more than 256 bits")
    return int.from_bytes(text)


def _bytes(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8)
