"""From an intent to the order that is signed for it: the same for whoever asks, whenever.

The executor needs the id before the order is journalled, the submit lane the bytes after. Both have them from here, so
nothing that was signed travels in a message or stands in the journal.
"""

from collections.abc import Callable, Mapping
from typing import Final

from actors.venues.polymarket.official_signer import LibraryMissing
from actors.venues.polymarket.orders import (
    EXPIRES_EARLIER_S,
    Account,
    SignedOrder,
    SigningRefused,
    UnsignedOrder,
    expiration_s,
    unsigned,
)
from actors.venues.polymarket.signing import Signer, generation_of, signer_for
from models.amounts import signed_amounts
from models.limits import Refusal
from models.markets import Market
from models.messages.base import MarketId
from models.messages.orders import PlaceOrder
from models.order_ids import paper_order_id
from models.orders import TimeInForce

_NAMED_AHEAD_MIN_S: Final = 181
"""The venue takes a GTD order that names a time at least three minutes ahead when it arrives, half a second later."""

Markets = Callable[[], Mapping[MarketId, Market]]
"""All markets as they are known now. Asked by any thread."""


class IntentSigner:
    """Signs the intents of one run for one account. `venue_version` is what `GET /version` answers.

    One for each thread: it keeps the signers that it made.
    """

    def __init__(self, run_id: str, account: Account, markets: Markets, venue_version: int) -> None:
        self._run_id = run_id
        self._account = account
        self._markets = markets
        self._venue_version = venue_version
        self._signers: dict[int, Signer] = {}

    def sign(self, order: PlaceOrder) -> SignedOrder | Refusal:
        """Return the order that an intent is, or why it cannot be signed. The market's tick decides amounts, too."""
        prepared = self._prepared(order)
        if isinstance(prepared, Refusal):
            return prepared
        signer, asked = prepared
        try:
            return signer.sign(asked)
        except SigningRefused as error:
            return Refusal("signer", str(error))

    def identify(self, order: PlaceOrder) -> str:
        """Return the id under which an intent is journalled. What cannot be signed has one that no lane sends.

        Nothing is signed for it: whoever decides does not wait for a signer.
        """
        prepared = self._prepared(order)
        if isinstance(prepared, Refusal):
            return paper_order_id(self._run_id, order)
        signer, asked = prepared
        return signer.identify(asked)

    def _prepared(self, order: PlaceOrder) -> tuple[Signer, UnsignedOrder] | Refusal:
        market = self._markets().get(order.market)
        if market is None:
            return Refusal("market", f"{order.market} is not known")
        amounts = _expiry_refusal(order) or signed_amounts(order, market.tick)
        if isinstance(amounts, Refusal):
            return amounts
        try:
            signer = self._signer_of(market)
        except (SigningRefused, LibraryMissing) as error:
            return Refusal("generation", str(error))
        return signer, unsigned(order, market, amounts, self._run_id)

    def _signer_of(self, market: Market) -> Signer:
        generation = generation_of(market.version, self._venue_version)
        signer = self._signers.get(generation)
        if signer is None:
            signer = self._signers[generation] = signer_for(generation, self._account)
        return signer


def _expiry_refusal(order: PlaceOrder) -> Refusal | None:
    """Return why the venue would not take an order with this expiry: GTD alone has one, and not too soon."""
    if (order.expires_ns is None) == (order.time_in_force is TimeInForce.GTD):
        return Refusal("expiration", f"{order.time_in_force} until {order.expires_ns}: GTD has an end, and no other")
    if order.expires_ns is None:
        return None
    ahead_s = expiration_s(order.expires_ns) - order.created_ns // 1_000_000_000
    if ahead_s < _NAMED_AHEAD_MIN_S:
        lives_s, least_s = ahead_s - EXPIRES_EARLIER_S, _NAMED_AHEAD_MIN_S - EXPIRES_EARLIER_S
        return Refusal("expiration", f"it would live {lives_s} s, the venue takes none below {least_s} s")
    return None
