"""The same intent is the same order, for whoever asks and in whichever run of the process."""

import pytest
from msgspec.structs import replace

from actors.venues.polymarket.keys import SigningKey
from actors.venues.polymarket.lanes.intents import IntentSigner
from actors.venues.polymarket.orders import Account, SignatureType, SignedOrder
from actors.venues.secret import Secret
from models.limits import Refusal
from models.markets import Market
from models.messages.base import MarketId
from tests.models.wishes import M, wish

KEY = SigningKey(Secret("0x" + "42" * 32))
ACCOUNT = Account(KEY, 137, SignatureType.ACCOUNT, KEY.address)
MARKET = Market(M, "rain", ("11", "22"))


def signer(run_id: str = "run", market: Market = MARKET, venue_version: int = 2) -> IntentSigner:
    markets: dict[MarketId, Market] = {market.id: market}
    return IntentSigner(run_id, ACCOUNT, lambda: markets, venue_version)


@pytest.mark.proves("I5")
def test_an_intent_has_one_order_for_ever() -> None:
    order = wish(created_ns=1_790_000_000_123_456_789)
    first, again = signer().sign(order), signer().sign(order)
    assert isinstance(first, SignedOrder)
    assert first == again
    assert first.order_id == signer().identify(order)
    assert first.order.timestamp_ms == 1_790_000_000_123


def test_another_intent_run_or_generation_has_another_order() -> None:
    order = wish()
    ids = {
        signer().identify(order),
        signer().identify(wish(2)),
        signer("another run").identify(order),
        signer(market=replace(MARKET, version="v2")).identify(order),
        signer(market=replace(MARKET, neg_risk=True)).identify(order),
    }
    assert len(ids) == 5


def test_what_cannot_be_signed_says_why_and_has_a_name_all_the_same() -> None:
    def reason(of: IntentSigner, price: str = "0.48") -> str:
        refusal = of.sign(wish(price=price))
        assert isinstance(refusal, Refusal)
        assert of.identify(wish(price=price)).startswith("paper:")
        return refusal.reason

    assert reason(signer(), "0.485") == "price"
    assert reason(signer(market=replace(MARKET, id="another"))) == "market"
    assert reason(signer(venue_version=9)) == "generation"


def test_the_newest_description_of_a_market_counts() -> None:
    markets: dict[MarketId, Market] = {}
    of = IntentSigner("run", ACCOUNT, lambda: markets, 2)
    assert isinstance(of.sign(wish(price="0.485")), Refusal)
    markets[M] = replace(MARKET, tick=10)
    assert isinstance(of.sign(wish(price="0.485")), SignedOrder)
