"""From an intent to the order that is signed for it: the same for whoever asks, whenever.

The executor needs the id before the order is journalled, the submit lane the bytes after. Both have them from here, so
nothing that was signed travels in a message or stands in the journal.
"""

from collections.abc import Callable, Mapping

from actors.venues.polymarket.official_signer import LibraryMissing
from actors.venues.polymarket.orders import Account, SignedOrder, SigningRefused, unsigned
from actors.venues.polymarket.signing import Signer, generation_of, signer_for
from models.amounts import signed_amounts
from models.limits import Refusal
from models.markets import Market
from models.messages.base import MarketId
from models.messages.orders import PlaceOrder
from models.order_ids import paper_order_id

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
        market = self._markets().get(order.market)
        if market is None:
            return Refusal("market", f"{order.market} is not known")
        amounts = signed_amounts(order, market.tick)
        if isinstance(amounts, Refusal):
            return amounts
        try:
            signer = self._signer_of(market)
        except (SigningRefused, LibraryMissing) as error:
            return Refusal("generation", str(error))
        return signer.sign(unsigned(order, market, amounts, self._run_id))

    def identify(self, order: PlaceOrder) -> str:
        """Return the id under which an intent is journalled. What cannot be signed has one that no lane sends."""
        signed = self.sign(order)
        return paper_order_id(self._run_id, order) if isinstance(signed, Refusal) else signed.order_id

    def _signer_of(self, market: Market) -> Signer:
        generation = generation_of(market.version, self._venue_version)
        signer = self._signers.get(generation)
        if signer is None:
            signer = self._signers[generation] = signer_for(generation, self._account)
        return signer
