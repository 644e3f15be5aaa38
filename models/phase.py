"""Balanced, Hedge or Fused: one rule for the coordinator that proposes and for the supervisor that enforces.

Why a band and not zero: a partial fill below the venue's minimum size leaves a residue that no order can unwind.
Calling that Hedge would lock the market for ever; inside the band both sides stay quoted and the missing side carries
the residue.
"""

from typing import Annotated, Literal

import msgspec

from models.markets import NO, YES, Market, Outcome, Side
from models.messages.market import FlowUpdated
from models.parameters import parameter
from models.units import Size

Phase = Literal["Balanced", "Hedge", "Fused"]


class PhaseParameters(msgspec.Struct, frozen=True):
    """When a market counts as flat, and what the fuse leaves standing."""

    flat_band: Annotated[
        Size,
        parameter(
            "Net position below which a market is Balanced; 0 takes the market's minimum order size.", "shares", ge=0
        ),
    ] = 0
    fuse_keeps_hedge: Annotated[
        bool,
        parameter("Keep the hedge order while toxic flow runs towards it (it would complete the pair).", "switch"),
    ] = False

    def band(self, market: Market) -> Size:
        """Return the net position in micro-shares at which Hedge begins."""
        return self.flat_band or market.min_order_size


def phase_of(net: Size, toxic: bool, band: Size) -> Phase:
    """Return the phase for a net position (YES minus NO, micro-shares): toxic flow first, then the band."""
    if toxic:
        return "Fused"
    return "Hedge" if abs(net) >= band else "Balanced"


def hedge_outcome(net: Size) -> Outcome:
    """Return the token that is missing: buying it lowers |net|."""
    return NO if net > 0 else YES


def kept_by_fuse(net: Size, band: Size, flow: FlowUpdated, parameters: PhaseParameters) -> Outcome | None:
    """Return the token whose hedge bid may stand under the fuse, None for none.

    Toxic flow that buys YES lifts YES asks, and a NO bid is one: with YES naked it completes the pair.
    """
    if not parameters.fuse_keeps_hedge or abs(net) < band:
        return None
    towards_hedge = flow.direction > 0 if net > 0 else flow.direction < 0
    return hedge_outcome(net) if towards_hedge else None


def signed_size(outcome: Outcome, side: Side, size: Size) -> Size:
    """Return how a fill moves net (YES minus NO): buying YES and selling NO raise it."""
    return size if (outcome == YES) == (side is Side.BUY) else -size


def reduces(up: Size, down: Size, net: Size, move: Size) -> bool:
    """Whether an order that moves net by `move` lowers |net| without passing zero: all that REDUCING admits.

    `up` and `down` are net with every order filled that raises it, and with every order that lowers it.
    """
    if net > 0:
        return move < 0 <= down + move
    return net < 0 < move and up + move <= 0
