"""What there is to trade: markets, their two tokens, the groups they form, and the catalogue of all of them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal, TypeAlias

import msgspec

from models.messages.base import MarketId
from models.units import ONE, SHARE, Price, Size

Outcome: TypeAlias = Literal[0, 1]
"""Which token of a market: 0 is YES (the first outcome), 1 is NO."""

YES: Final[Outcome] = 0
NO: Final[Outcome] = 1


class Side(StrEnum):
    """What the order does with the token it names."""

    BUY = "BUY"
    SELL = "SELL"


def opposite(side: Side) -> Side:
    """Return the side that trades against `side`."""
    return Side.SELL if side is Side.BUY else Side.BUY


def complement(outcome: Outcome) -> Outcome:
    """Return the other token of the market."""
    return NO if outcome == YES else YES


def in_yes_terms(outcome: Outcome, side: Side, price: Price) -> tuple[Side, Price]:
    """Say an order or print of either token as one on the YES token: buying NO at q is selling YES at 1 - q."""
    return (side, price) if outcome == YES else (opposite(side), ONE - price)


def would_trade(
    outcome: Outcome, side: Side, price: Price, with_outcome: Outcome, with_side: Side, with_price: Price
) -> bool:
    """Whether two orders of a market would trade: on one token, or as a pair that is minted or merged for a dollar."""
    (mine, at), (theirs, their_at) = (
        in_yes_terms(outcome, side, price),
        in_yes_terms(with_outcome, with_side, with_price),
    )
    if mine is theirs:
        return False
    return at >= their_at if mine is Side.BUY else at <= their_at


class Fees(msgspec.Struct, frozen=True):
    """Fee schedule of a market: fee = shares x rate x (p (1 - p)) ^ exponent, paid by takers; rates in millionths."""

    rate_e6: int = 0
    exponent: int = 1
    rebate_share_e6: int = 0


class Market(msgspec.Struct, frozen=True):
    """A condition with two tokens, as the catalogue knows it.

    `assumed` names the fields that no source gave and that were inferred; `end_ns` and `start_ns` (of the game or
    window that it is about, else of the market) are UTC nanoseconds or None where unknown; `reference` names the
    outside price that the market follows, if any.
    """

    id: MarketId
    slug: str
    token_ids: tuple[str, str]
    outcomes: tuple[str, str] = ("YES", "NO")
    condition_id: str | None = None
    question: str = ""
    tick: Price = 100
    min_order_size: Size = 5 * SHARE
    neg_risk: bool = False
    fees: Fees = Fees()
    end_ns: int | None = None
    start_ns: int | None = None
    taker_delay_ms: int = 0
    group: str | None = None
    placeholder: bool = False
    accepting_orders: bool = True
    reference: str | None = None
    version: str = "v1"
    assumed: tuple[str, ...] = ()

    def outcome_of(self, token_id: str) -> Outcome:
        """Return which outcome a token id is. Raises KeyError for a token of another market."""
        if token_id == self.token_ids[0]:
            return YES
        if token_id == self.token_ids[1]:
            return NO
        raise KeyError(token_id)


class Group(msgspec.Struct, frozen=True):
    """Markets of one event that are decided together: a neg-risk event, a three-way match, a ladder.

    `exhaustive` is true only when it is proven that exactly one member resolves YES.
    """

    id: str
    title: str
    markets: tuple[MarketId, ...]
    neg_risk: bool = False
    exhaustive: bool = False


def neg_risk_siblings(markets: Mapping[MarketId, Market]) -> dict[MarketId, tuple[MarketId, ...]]:
    """Return the other markets of each one's neg-risk event, of which one alone can pay, where there are any."""
    events: dict[str, list[MarketId]] = {}
    for market in markets.values():
        if market.neg_risk and market.group is not None:
            events.setdefault(market.group, []).append(market.id)
    return {
        one: tuple(other for other in members if other != one)
        for members in events.values()
        if len(members) > 1
        for one in members
    }


class LeftOut(msgspec.Struct, frozen=True):
    """A market that an engine was told to trade, once or now, and does not, and why."""

    market: Market
    reason: str


class Catalogue(msgspec.Struct, frozen=True):
    """All markets and groups that the engine was told of; replaced as a whole, never changed.

    `resolved`: what a YES share pays of those that ended while no engine listened, and are here for what is held there.
    `kept`: those that are open and not to be traded, and are here, off, for what is held there.
    """

    markets: dict[MarketId, Market]
    groups: dict[str, Group] = {}
    resolved: dict[MarketId, Price] = {}
    left_out: tuple[LeftOut, ...] = ()
    kept: tuple[MarketId, ...] = ()

    @property
    def unresolved(self) -> dict[MarketId, Market]:
        """The markets that can still move."""
        return {name: market for name, market in self.markets.items() if name not in self.resolved}

    def by_name(self, name: str) -> Market | None:
        """Find a market by id, condition id, slug, or one of its tokens."""
        found = self.markets.get(name)
        if found is not None:
            return found
        return next((market for market in self.markets.values() if is_called(market, name)), None)


def is_called(market: Market, name: str) -> bool:
    """Whether a name is a market's id, condition id, slug, or one of its tokens."""
    return name in (market.id, market.slug, market.condition_id, *market.token_ids)
