"""What a wallet calls on chain to merge pairs and to redeem what a market paid, as bytes.

Which contract it is: tokens of the older protocol (CTF, generations 1 and 2) go through an adapter that pays out in the
venue's dollar, another one for neg-risk markets; positions of the newer one (generation 3) all go through one router.

Addresses and functions: polymarket-client 0.14.0, read 2026-11-21. Nothing is called anywhere else.
"""

from dataclasses import dataclass
from typing import Final

from actors.venues.polymarket.keys import keccak256
from actors.venues.polymarket.typed_data import address_word, word
from models.markets import NO, YES, Market
from models.units import Size

CHAIN_ID: Final = 137
"""The only chain whose contracts are known here."""

_COLLATERAL: Final = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"
_ADAPTERS: Final = ("0xAdA100Db00Ca00073811820692005400218FcE1f", "0xadA2005600Dec949baf300f4C6120000bDB6eAab")
"""The adapter of ordinary markets, and that of neg-risk ones."""
_ROUTER: Final = "0x12121212006e4CD160D18e3f00711DA5c3372600"

_MERGE_CTF: Final = keccak256(b"mergePositions(address,bytes32,bytes32,uint256[],uint256)")[:4]
_REDEEM_CTF: Final = keccak256(b"redeemPositions(address,bytes32,bytes32,uint256[])")[:4]
_MERGE: Final = keccak256(b"merge(bytes31,uint256)")[:4]
_REDEEM: Final = keccak256(b"redeem(bytes31,uint256,uint256)")[:4]
_BOTH_OUTCOMES: Final = word(2) + word(1) + word(2)
"""A list of two index sets, one bit for each outcome of a market."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a contract, without money."""

    target: str
    data: bytes


def merge_calls(market: Market, size: Size) -> tuple[Call, ...]:
    """Return what turns `size` pairs into a dollar each."""
    if market.version == "v2":
        return (Call(_ROUTER, _MERGE + _position_condition(market) + word(size)),)
    # The list comes behind the five words of the head.
    head = address_word(_COLLATERAL) + bytes(32) + _condition(market) + word(5 * 32) + word(size)
    return (Call(_ADAPTERS[market.neg_risk], _MERGE_CTF + head + _BOTH_OUTCOMES),)


def redeem_calls(market: Market, yes: Size, no: Size) -> tuple[Call, ...]:
    """Return what redeems all that a wallet holds of a resolved market; an adapter takes all by itself."""
    if market.version == "v2":
        condition = _position_condition(market)
        return tuple(
            Call(_ROUTER, _REDEEM + condition + word(outcome) + word(held))
            for outcome, held in ((YES, yes), (NO, no))
            if held
        )
    head = address_word(_COLLATERAL) + bytes(32) + _condition(market) + word(4 * 32)
    return (Call(_ADAPTERS[market.neg_risk], _REDEEM_CTF + head + _BOTH_OUTCOMES),)


def is_known(call: Call) -> bool:
    """Whether a call is one of those that are made here, of whatever market and size."""
    function, money = call.data[:4], call.data[4:36]
    if call.target in _ADAPTERS:
        return function in (_MERGE_CTF, _REDEEM_CTF) and money == address_word(_COLLATERAL)
    return call.target == _ROUTER and function in (_MERGE, _REDEEM)


def _condition(market: Market) -> bytes:
    """Return the condition of a market as the older protocol knows it. Raises ValueError."""
    condition = bytes.fromhex((market.condition_id or market.id).removeprefix("0x"))
    if len(condition) != 32:
        raise ValueError(f"{market.slug} has no condition id of 32 bytes")
    return condition


def _position_condition(market: Market) -> bytes:
    """Return the condition of a market of the newer protocol: its position's id without the byte of the outcome."""
    return word(int(market.token_ids[YES]))[:31] + bytes(1)
