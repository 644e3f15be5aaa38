"""What a flatten does next in a market: wait for the orders, merge the pairs, unwind the residual; or say what stays.

Why one thing at a time: a sale and a merge under way at once could both use the same shares, and two unwinding orders
at once could pass zero.

Why shares are sold and the missing token is bought only where they have not settled yet: on a mirrored book both cost
the same, but a sale is of exactly so many shares, while the venue fills a buy that takes until its dollars are spent.
So a buy names the best price and no worse one, and only where that level alone leaves nothing that is too small to
trade. What it has bought completes pairs, which are merged.

Why nothing is chased: an order trades within the collar around the net mid, with what is visible there, or waits.

Why a stale book may do: getting out needs the book alone, and where its stream is silent the venue is asked for it once
a second. What it answers is true for as long as that.
"""

from collections.abc import Iterator
from itertools import takewhile
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from models.cells import TradingState
from models.flattening import FLATTENING, OPERATOR, is_flatten_cell
from models.gates import closed_by, known_ns
from models.markets import NO, YES, Outcome, Side, complement
from models.messages.control import CellNote
from models.messages.market import BookUpdated
from models.messages.position import Position
from models.parameters import parameter
from models.positions import leg_of, mergeable, net_diff
from models.sizes import least_take, placeable
from models.strategy import MarketView, Take
from models.units import ONE, Price, Size
from models.words import outcome_text, price_text, shares_text

_TRADABLE: Final = frozenset({None, "one_sided", "locked"})
"""States of a book on which one can still take what is visible."""

_READ_FRESH_NS: Final = 2_000_000_000
"""How long the venue's answer to a read of its book may be traded on while the stream says nothing."""

Merging = Literal["possible", "asked", "given_up"]


class FlattenParameters(msgspec.Struct, frozen=True):
    """How a position is got rid of."""

    collar: Annotated[
        Price, parameter("Furthest from the net mid at which a flatten trades.", "price", gt=0, le=2_000)
    ] = 500
    merge_retry_ms: Annotated[
        int,
        parameter("Wait for a merge to begin, and after one that failed, before the next.", "ms", gt=0),
    ] = 5_000
    merge_tries: Annotated[
        int, parameter("Merges that may fail before the pairs are left locked until resolution.", "count", ge=1)
    ] = 3


class Unwind(NamedTuple):
    """One step, as in `FlattenChanged`, and what is done for it now: a take, or a merge of so many pairs."""

    step: Literal["waiting", "merging", "unwinding", "flat", "rest"]
    detail: str
    take: Take | None = None
    merge: Size = 0


def next_unwind(seen: MarketView, merging: Merging, parameters: FlattenParameters, now_ns: int) -> Unwind:
    """Return the next step. It never takes while an order stands, nor trades what is not settled, nor passes zero."""
    position = seen.position
    if seen.unusable == "recovering":
        return Unwind("waiting", "recovering")
    if seen.working:
        orders = "1 order" if len(seen.working) == 1 else f"{len(seen.working)} orders"
        return Unwind("waiting", f"{orders} not over yet")
    if not (position.yes.shares or position.no.shares or position.merging or position.provisional):
        return Unwind("flat", "flat")
    resolved = seen.resolved or any(cell.reason == "market_resolved" for cell in seen.cells)
    held = None if resolved else _held_by(seen)
    if held is not None and (held.state > TradingState.CANCEL_ONLY or held.source == OPERATOR):
        return Unwind("waiting", _cell_text(held))
    closed = "resolved" if resolved else closed_by(seen, now_ns)
    pairs = mergeable(position)
    if pairs and not resolved and not position.merging and merging != "given_up":
        return Unwind("merging", f"merging {shares_text(pairs)} pairs", merge=pairs if merging == "possible" else 0)
    size = placeable(abs(net_diff(position)))
    if closed is None and size >= seen.market.min_order_size:
        if held is not None:
            return Unwind("waiting", f"{_wanted_text(seen, size)}: {_cell_text(held)}")
        return _unwound(seen, size, merging, parameters, now_ns)
    if position.merging:
        return Unwind("merging", f"merging {shares_text(position.merging)} pairs")
    if position.provisional:
        fills = "1 fill" if len(position.provisional) == 1 else f"{len(position.provisional)} fills"
        return Unwind("waiting", f"{fills} not settled yet")
    return Unwind("rest", _rest(seen, closed))


def bids_of(book: BookUpdated, outcome: Outcome) -> Iterator[tuple[Price, Size]]:
    """Walk what is bid for a token, best first."""
    if outcome == YES:
        return book.bids.descending()
    return ((ONE - price, size) for price, size in book.asks.ascending())


def _held_by(seen: MarketView) -> CellNote | None:
    """Return what else stops orders. Halted by the flatten itself they are stopped until risk has heard of us.

    A merge is no order: a fuse or a lost feed does not hold it up, a person does, and whatever halts the market.
    """
    stopping = (cell for cell in seen.cells if cell.state >= TradingState.CANCEL_ONLY and not is_flatten_cell(cell))
    return next(stopping, None)


def _unwound(seen: MarketView, size: Size, merging: Merging, parameters: FlattenParameters, now_ns: int) -> Unwind:
    """Sell what has settled, where it is all; else buy the missing token; else sell what there is, or wait."""
    outcome, wanted, book = _excess(seen.position), _wanted_text(seen, size), seen.book
    just_read = seen.unusable == "stale" and now_ns - known_ns(seen) <= _READ_FRESH_NS
    if book is None or not (seen.unusable in _TRADABLE or just_read):
        return Unwind("waiting", f"{wanted}: no book to trade on, {seen.unusable}")
    settled = leg_of(seen.position, outcome).settled - seen.position.merging
    sellable = placeable(min(size, settled))
    take = None
    if sellable < size and merging != "given_up":
        take = _buy(seen, book, outcome, size, parameters.collar)
    if take is None:
        least = seen.market.min_order_size
        if sellable < least or 0 < size - sellable < least:
            return Unwind("waiting", f"{wanted}: not settled yet")
        take = _sale(seen, book, outcome, sellable, size, parameters.collar)
    if take is None:
        return Unwind("waiting", f"{wanted}: too little bid within {price_text(parameters.collar)} of the mid")
    # Halted as flat, risk has to hear first that it is not.
    return Unwind("unwinding", f"unwinding {wanted}", take if seen.state <= TradingState.REDUCING else None)


def _sale(
    seen: MarketView, book: BookUpdated, outcome: Outcome, sellable: Size, held: Size, collar: Price
) -> Take | None:
    """Sell into what is bid within the collar, and leave nothing that is too small to trade if that can be helped."""
    least = seen.market.min_order_size
    limit, depth = None, 0
    for price, size in _bids_within(book, outcome, collar):
        if depth >= sellable:
            break
        limit, depth = price, depth + size
    size = placeable(min(sellable, depth))
    if 0 < held - size < least <= held - least < size:
        size = placeable(held - least)
    if limit is None or size < least:
        return None
    return Take(seen.market.id, outcome, Side.SELL, limit, size, FLATTENING)


def _buy(seen: MarketView, book: BookUpdated, held: Outcome, wanted: Size, collar: Price) -> Take | None:
    """Buy the missing token at its best price. On a mirrored book that is the best bid for the held one."""
    price, depth = next(_bids_within(book, held, collar), (0, 0))
    size, ask = placeable(min(wanted, depth)), ONE - price
    leaves_dust = 0 < wanted - size < seen.market.min_order_size
    if not price or leaves_dust or size < least_take(seen.market, ask):
        return None
    return Take(seen.market.id, complement(held), Side.BUY, ask, size, FLATTENING)


def _bids_within(book: BookUpdated, outcome: Outcome, collar: Price) -> Iterator[tuple[Price, Size]]:
    """Walk what is bid for a token within the collar. For the mid, an empty side is at the end of its scale."""
    twice_mid = book.bid + book.ask if outcome == YES else 2 * ONE - book.bid - book.ask
    return takewhile(lambda level: 2 * level[0] >= twice_mid - 2 * collar, bids_of(book, outcome))


def _rest(seen: MarketView, closed: str | None) -> str:
    """Name what stays, and why."""
    position = seen.position
    if closed is not None:
        return f"{_holding(position)} until it pays out: {closed}"
    pairs, net = min(position.yes.shares, position.no.shares), net_diff(position)
    parts: list[str] = []
    if pairs > 0:
        parts.append(f"{shares_text(pairs)} pairs locked until resolution, merge unavailable")
    if net:
        parts.append(f"{_wanted_text(seen, abs(net))} below the minimum of {shares_text(seen.market.min_order_size)}")
    return "; ".join(parts)


def _excess(position: Position) -> Outcome:
    return YES if net_diff(position) > 0 else NO


def _wanted_text(seen: MarketView, size: Size) -> str:
    return f"{shares_text(size)} {outcome_text(_excess(seen.position))}"


def _cell_text(cell: CellNote) -> str:
    return f"{cell.state.name} by {cell.source}: {cell.reason}"


def _holding(position: Position) -> str:
    legs = ((position.yes.shares, "YES"), (position.no.shares, "NO"))
    return " and ".join(f"{shares_text(size)} {token}" for size, token in legs if size)
