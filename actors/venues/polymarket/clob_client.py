"""Typed calls of the CLOB, for one lane: what places and cancels returns verdicts, what reads returns values or raises.

Why placing needs a client with a gate: nothing else may open an order socket.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Literal, Protocol, TypeVar

from actors.venues.gated_transport import AnswerLost, NotSent
from actors.venues.http_client import Answer
from actors.venues.polymarket.clob_answers import (
    Balance,
    Beat,
    MarketTerms,
    OpenOrder,
    OwnTrade,
    Page,
    WireBalance,
    WireBeat,
    WireClosedOnly,
    WireKeys,
    WireNegRisk,
    WireOrder,
    WireTerms,
    WireTick,
    WireTrade,
    WireVersion,
    plain,
)
from actors.venues.polymarket.clob_session import ClobSession, ReadFailed, decoded, malformed, succeeded
from actors.venues.polymarket.credentials import Credentials, InvalidCredentials, read_credentials
from actors.venues.polymarket.order_body import (
    batch_body,
    cancel_body,
    cancel_market_body,
    cancels_body,
    heartbeat_body,
)
from actors.venues.polymarket.outcomes import (
    Cancellation,
    Heard,
    batch_verdicts,
    cancellation,
    order_verdict,
    request_verdict,
)
from actors.venues.polymarket.verdicts import Verdict
from models.units import Price, parse_tick

AssetType = Literal["COLLATERAL", "CONDITIONAL", "CONDITIONAL-V2"]
"""Dollars; tokens of generations 1 and 2; tokens of generation 3."""

Value_co = TypeVar("Value_co", covariant=True)


class _Wire(Protocol[Value_co]):
    def typed(self) -> Value_co: ...


class ClobClient:
    """The CLOB as one lane of one account sees it."""

    def __init__(self, session: ClobSession) -> None:
        self.session = session

    # What places and cancels.

    def place(self, body: bytes, order_id: str) -> Verdict:
        """Place one order: `body` is what was journalled, `order_id` the hash of what is signed in it."""
        self._needs_gate()
        return order_verdict(self.session.hear("POST", "/order", body=body), order_id)

    def place_many(self, bodies: Sequence[bytes], order_ids: Sequence[str]) -> tuple[Verdict, ...]:
        """Place up to 15 orders in one request; a verdict for each, in their order."""
        self._needs_gate()
        return batch_verdicts(self.session.hear("POST", "/orders", body=batch_body(bodies)), order_ids)

    def cancel(self, order_id: str) -> Verdict:
        """Cancel one order."""
        return cancellation(self.session.hear("DELETE", "/order", body=cancel_body(order_id))).of(order_id)

    def cancel_many(self, order_ids: Sequence[str]) -> Cancellation:
        """Cancel up to 1,000 orders."""
        return cancellation(self.session.hear("DELETE", "/orders", body=cancels_body(order_ids)))

    def cancel_market(self, condition_id: str, token_id: str | None = None) -> Cancellation:
        """Cancel all orders of a market, or of one of its tokens."""
        body = cancel_market_body(condition_id, token_id)
        return cancellation(self.session.hear("DELETE", "/cancel-market-orders", body=body))

    def cancel_all(self) -> Cancellation:
        """Cancel all orders of the account."""
        return cancellation(self.session.hear("DELETE", "/cancel-all"))

    def heartbeat(self, last: str = "") -> Beat:
        """Beat once; `last` is the id of the answer before. Raises ReadFailed: then nothing is refreshed for sure."""
        what = "heartbeat"
        heard = self.session.hear("POST", "/v1/heartbeats", body=heartbeat_body(last))
        stale = _stale(what, heard)
        return stale or Beat(True, decoded(what, succeeded(what, heard), WireBeat).heartbeat_id)

    # What reads of the account. All raise ReadFailed.

    def open_orders(self, condition_id: str | None = None) -> tuple[OpenOrder, ...]:
        """Read all open orders, or those of a market."""
        query = {} if condition_id is None else {"market": condition_id}
        listed = self.session.read_pages("/data/orders", Page[WireOrder], query)
        return _each_once("open orders", listed, lambda order: order.order_id)

    def order(self, order_id: str) -> OpenOrder | None:
        """Read one order, whatever became of it. None: the venue says that it does not know it, not that it is dead."""
        what = f"order {order_id}"
        heard = self.session.hear("GET", f"/data/order/{order_id}")
        if isinstance(heard, Answer):
            unknown = heard.status == 404 and "order not found" in request_verdict(heard).text.lower()
            if unknown or (heard.status == 200 and heard.body.strip() == b"null"):
                return None
        return _typed(what, decoded(what, succeeded(what, heard), WireOrder))

    def trades(
        self, *, trade_id: str | None = None, condition_id: str | None = None, after_s: int | None = None
    ) -> tuple[OwnTrade, ...]:
        """Read our trades: one, those of a market, or those matched after a second (UTC)."""
        asked = {"id": trade_id, "market": condition_id, "after": None if after_s is None else str(after_s)}
        query = {name: text for name, text in asked.items() if text is not None}
        listed = self.session.read_pages("/data/trades", Page[WireTrade], query)
        return _each_once("trades", listed, lambda trade: trade.trade_id)

    def balance(self, asset_type: AssetType = "COLLATERAL", token_id: str | None = None) -> Balance:
        """Read what the wallet holds of collateral or of a token."""
        return _typed(
            "balance", self.session.read("/balance-allowance", WireBalance, self._asset(asset_type, token_id))
        )

    def refresh_balance(self, asset_type: AssetType = "COLLATERAL", token_id: str | None = None) -> None:
        """Have the venue look at the chain again: what moves there without a trade it does not notice by itself."""
        query = self._asset(asset_type, token_id)
        succeeded("balance update", self.session.hear("GET", "/balance-allowance/update", query=query))

    def closed_only(self) -> bool:
        """Whether the account may only close positions."""
        return self.session.read("/auth/ban-status/closed-only", WireClosedOnly).closed_only

    # API keys. All raise ReadFailed.

    def create_or_derive_key(self, nonce: int = 0) -> Credentials:
        """Make the API key of a nonce, or derive it where it exists, and use it from now on."""
        heard = self.session.hear_l1("POST", "/auth/api-key", nonce)
        if isinstance(heard, Answer) and heard.status == 400:
            return self.derive_key(nonce)
        return self._use_key(heard)

    def derive_key(self, nonce: int = 0) -> Credentials:
        """Derive the API key that exists for a nonce, and use it from now on."""
        return self._use_key(self.session.hear_l1("GET", "/auth/derive-api-key", nonce))

    def api_keys(self) -> tuple[str, ...]:
        """List the API keys of the account."""
        return tuple(self.session.read("/auth/api-keys", WireKeys).api_keys)

    def delete_key(self) -> None:
        """Delete the API key in use."""
        succeeded("deleting the API key", self.session.hear("DELETE", "/auth/api-key"))

    # What anybody may read. All raise ReadFailed.

    def version(self) -> int:
        """Read which generation the venue speaks."""
        return self.session.read_public("/version", WireVersion).version

    def server_time_s(self) -> int:
        """Read the clock of the venue, in seconds UTC."""
        return self.session.read_public("/time", int)

    def keep_warm(self, within_s: float) -> bool:
        """Have a connection ready for the next request; False where there is none after two tries.

        The first try may only find out that the venue has closed the connection that there was.
        """
        for _ in range(2):
            with suppress(NotSent, AnswerLost):
                self.session.http.exchange("GET", "/time", within_s=within_s / 2)
                return True
        return False

    def learn_time(self) -> int:
        """Sign by the clock of the venue from now on; returns by how many seconds it is ahead of ours."""
        session = self.session
        session.clock_offset_s += self.server_time_s() - session.now_s()
        return session.clock_offset_s

    def market_terms(self, condition_id: str) -> MarketTerms:
        """Read tick, least size, fees, generation and kind of a market."""
        return _typed("market", self.session.read_public(f"/clob-markets/{condition_id}", WireTerms))

    def tick_size(self, token_id: str) -> Price:
        """Read the tick of a token's market."""
        found = self.session.read_public("/tick-size", WireTick, {"token_id": token_id})
        try:
            return parse_tick(plain(found.minimum_tick_size))
        except ValueError as error:
            raise malformed("tick size", str(error)) from error

    def neg_risk(self, token_id: str) -> bool:
        """Read whether a token's market belongs to a neg-risk event."""
        return self.session.read_public("/neg-risk", WireNegRisk, {"token_id": token_id}).neg_risk

    def close(self) -> None:
        """Close the connection."""
        self.session.http.close()

    def _needs_gate(self) -> None:
        if not self.session.http.gated:
            raise RuntimeError("orders are placed through a client with a gate only")

    def _asset(self, asset_type: AssetType, token_id: str | None) -> dict[str, str]:
        kind = str(int(self.session.account.signature_type))
        query = {"asset_type": asset_type, "signature_type": kind}
        return query if token_id is None else {**query, "token_id": token_id}

    def _use_key(self, heard: Heard) -> Credentials:
        try:
            self.session.credentials = read_credentials(succeeded("API key", heard).body)
        except InvalidCredentials as error:
            raise malformed("API key", str(error)) from None
        return self.session.credentials


def _stale(what: str, heard: Heard) -> Beat | None:
    """Return the id that the venue expects where it refused a heartbeat for its id."""
    if not isinstance(heard, Answer) or heard.status != 400:
        return None
    try:
        return Beat(False, decoded(what, heard, WireBeat).heartbeat_id)
    except ReadFailed:  # another refusal, of which the caller hears
        return None


def _typed(what: str, found: _Wire[Value_co]) -> Value_co:
    try:
        return found.typed()
    except ValueError as error:
        raise malformed(what, str(error)) from error


def _each_once(what: str, listed: Iterable[_Wire[Value_co]], key: Callable[[Value_co], str]) -> tuple[Value_co, ...]:
    """Return the items of all pages; one that moved to a later page while they were read is taken as it was last."""
    return tuple({key(found): found for found in (_typed(what, one) for one in listed)}.values())
