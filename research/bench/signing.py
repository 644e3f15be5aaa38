"""Orders out: what signing one costs, against the official library on the same orders (P7).

Both use the same curve library. The official one is asked for the signature only; ours gives the order's id as well,
which the library would hash a second time.
"""

import hmac
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Final

import msgspec

from actors.runtime.clock import monotonic_ns
from actors.venues.polymarket.keys import SigningKey
from actors.venues.polymarket.orders import Account, SignatureType, UnsignedOrder, unsigned
from actors.venues.polymarket.signing import signer_for
from actors.venues.polymarket.typed_data import EXCHANGES
from actors.venues.secret import Secret
from models.amounts import signed_amounts
from models.limits import Refusal
from models.markets import Market, Side
from models.messages.base import MarketId
from models.messages.orders import PlaceOrder
from research.bench.market_data import PeerMissing

_LIBRARY: Final = "py_clob_client_v2"
_POLYGON: Final = 137
_PRIVATE: Final = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
"""The first account of every development chain: public, and worth nothing."""

_TURNS: Final = 5


def sign(orders: int = 500) -> dict[str, float]:
    """Measure P7 once: microseconds an order of generation 2, ours and the library's. Raises PeerMissing."""
    key = SigningKey(Secret(_PRIVATE))
    signer = signer_for(2, Account(key, _POLYGON, SignatureType.ACCOUNT, key.address))
    wanted = [_order(Random(number)) for number in range(orders)]
    library_signs = _library_signer(key.address)
    for order in wanted[:20]:
        if signer.sign(order).signature != library_signs(order):
            raise AssertionError("the two do not sign the same")

    def ours() -> None:
        for order in wanted:
            signer.sign(order)

    def theirs() -> None:
        for order in wanted:
            library_signs(order)

    ours_ns, theirs_ns = sys.maxsize, sys.maxsize
    for _ in range(_TURNS):
        ours_ns = min(ours_ns, _took_ns(ours))
        theirs_ns = min(theirs_ns, _took_ns(theirs))
    return {
        "ratio": ours_ns / theirs_ns,
        "ours_us": ours_ns / orders / 1_000,
        "library_us": theirs_ns / orders / 1_000,
    }


def order_writer(
    markets: Mapping[MarketId, Market],
) -> Callable[[Sequence[PlaceOrder]], tuple[bytes, dict[str, str]]]:
    """Return what makes the signed bytes of a request and its headers, for a loop that has no lane (P8)."""
    key = SigningKey(Secret(_PRIVATE))
    signer = signer_for(2, Account(key, _POLYGON, SignatureType.ACCOUNT, key.address))

    def body_of(orders: Sequence[PlaceOrder]) -> tuple[bytes, dict[str, str]]:
        bodies: list[dict[str, object]] = []
        for order in orders:
            market = markets[order.market]
            amounts = signed_amounts(order, market.tick)
            if isinstance(amounts, Refusal):
                raise TypeError(f"{amounts.reason}: {amounts.detail}")
            signed = signer.sign(unsigned(order, market, amounts, "bench"))
            inner = {**msgspec.structs.asdict(signed.order), "maker": signed.maker, "signature": signed.signature}
            bodies.append({"order": inner, "owner": key.address, "orderType": "GTC", "postOnly": order.post_only})
        body = msgspec.json.encode(bodies)
        digest = hmac.digest(_PRIVATE.encode(), body, "sha256").hex()
        return body, {"Content-Type": "application/json", "POLY_ADDRESS": key.address, "POLY_SIGNATURE": digest}

    return body_of


def _order(random: Random) -> UnsignedOrder:
    return UnsignedOrder(
        token_id=str(random.getrandbits(256)),
        neg_risk=False,
        side=random.choice(list(Side)),
        making=random.randrange(1, 10**9),
        taking=random.randrange(1, 10**9),
        salt=random.getrandbits(52),
        timestamp_ms=1_750_000_000_000 + random.randrange(10**6),
    )


def _library_signer(address: str) -> Callable[[UnsignedOrder], str]:
    try:
        library: Any = importlib.import_module(f"{_LIBRARY}.order_utils")
        key = importlib.import_module(f"{_LIBRARY}.signer").Signer(_PRIVATE, _POLYGON)
    except ImportError as error:
        raise PeerMissing(f"needs {_LIBRARY}: bin/setup live installs it") from error
    builder = library.ExchangeOrderBuilderV2(EXCHANGES[_POLYGON, 2][0], _POLYGON, key)

    def sign_one(order: UnsignedOrder) -> str:
        builder.generate_salt = lambda: str(order.salt)
        return builder.build_signed_order(
            library.OrderDataV2(
                maker=address,
                tokenId=order.token_id,
                makerAmount=str(order.making),
                takerAmount=str(order.taking),
                side=library.Side.BUY if order.side is Side.BUY else library.Side.SELL,
                timestamp=str(order.timestamp_ms),
            )
        ).signature

    return sign_one


def _took_ns(loop: Callable[[], None]) -> int:
    began_ns = monotonic_ns()
    loop()
    return monotonic_ns() - began_ns
