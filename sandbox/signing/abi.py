"""Arguments of contract calls as Solidity lays them out: read as strictly as its decoder does, and written.

Known are the kinds that the contracts of the venue take: `uint8`, `uint256`, `bool`, `address`, `bytes31`, `bytes32`,
`bytes`, arrays of any of them, and tuples with something of variable length within, such as
`(uint8,address,uint256,bytes)`. An address is checksummed text, all other bytes are bytes.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sandbox.signing.keys import bytes_of, checksum_address, keccak256

_WORD = 32


@lru_cache(maxsize=64)
def selector(signature: str) -> bytes:
    """The four bytes by which a call says which function it means, such as `merge(bytes31,uint256)`."""
    return keccak256(signature.encode())[:4]


@lru_cache(maxsize=64)
def kinds_of(signature: str) -> tuple[str, ...]:
    """The kinds of a function's arguments."""
    return _parts(signature[signature.index("(") + 1 : -1])


def call_data(signature: str, *values: Any) -> bytes:
    """A call of a function."""
    return selector(signature) + encode(kinds_of(signature), values)


def decode(kinds: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """Read values; what stands behind them is passed over. Raises ValueError."""
    return _members(kinds, data, 0)


def encode(kinds: Sequence[str], values: Sequence[Any]) -> bytes:
    """Write values. Raises ValueError."""
    head, tail = b"", b""
    for kind, value in zip(kinds, values, strict=True):
        if _is_dynamic(kind):
            head += _number(len(kinds) * _WORD + len(tail))
            tail += _encode_dynamic(kind, value)
        else:
            head += _encode_word(kind, value)
    return head + tail


def _members(kinds: Sequence[str], data: bytes, base: int) -> tuple[Any, ...]:
    """Values that stand side by side from `base` on, to which their offsets count."""
    values: list[Any] = []
    for index, kind in enumerate(kinds):
        word = _word(data, base + index * _WORD)
        if _is_dynamic(kind):
            values.append(_dynamic(kind, data, base + int.from_bytes(word)))
        else:
            values.append(_static(kind, word))
    return tuple(values)


def _dynamic(kind: str, data: bytes, at: int) -> Any:
    if not kind.endswith("]") and kind != "bytes":
        return _members(_parts(kind[1:-1]), data, at)
    count, begin = int.from_bytes(_word(data, at)), at + _WORD
    if kind == "bytes":
        if begin + count > len(data):
            raise ValueError("bytes end beyond the data")
        return data[begin : begin + count]
    if begin + count * _WORD > len(data):
        raise ValueError("an array ends beyond the data")
    return _members((kind[:-2],) * count, data, begin)


def _static(kind: str, word: bytes) -> Any:
    value = int.from_bytes(word)
    match kind:
        case "uint256":
            return value
        case "bytes32":
            return word
        case "address" if value < 1 << 160:
            return checksum_address(word[12:])
        case "bool" if value <= 1:
            return bool(value)
        case "uint8" if value < 1 << 8:
            return value
        case "bytes31" if not word[31]:
            return word[:31]
        case _:
            raise ValueError(f"no {kind}")


def _encode_dynamic(kind: str, value: Any) -> bytes:
    if kind == "bytes":
        return _number(len(value)) + value + bytes(-len(value) % _WORD)
    if kind.endswith("]"):
        return _number(len(value)) + encode((kind[:-2],) * len(value), value)
    return encode(_parts(kind[1:-1]), value)


def _encode_word(kind: str, value: Any) -> bytes:
    if kind.startswith("bytes"):
        if len(value) != int(kind[5:]):
            raise ValueError(f"no {kind}")
        return value + bytes(_WORD - len(value))
    return bytes(12) + bytes_of(value, 20) if kind == "address" else _number(int(value))


def _is_dynamic(kind: str) -> bool:
    return kind == "bytes" or kind.endswith((")", "]"))


def _parts(text: str) -> tuple[str, ...]:
    """The kinds in a list of them; commas within a tuple are its own."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return tuple(part for part in parts if part)


def _word(data: bytes, at: int) -> bytes:
    if at + _WORD > len(data):
        raise ValueError("the data ends too early")
    return data[at : at + _WORD]


def _number(value: int) -> bytes:
    try:
        return value.to_bytes(_WORD)
    except OverflowError:
        raise ValueError("a number is negative or has more than 256 bits") from None
