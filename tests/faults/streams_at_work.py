"""A live engine whose streams are watched closely, and what can be asked of it and its venue about them."""

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models.cells import TradingState
from models.markets import YES, Market
from models.messages.market import (
    BookUpdated,
)
from models.messages.orders import PlaceOrder
from models.units import parse_price, parse_size
from tests.bin.processes import sandbox
from tests.faults.live_engine import LiveEngine, live, log
from tests.faults.overheard import Overheard

QUICK = {
    "inventory__max_position_value": "300",
    "inventory__auto_merge": "off",
    "feed__unheard_ms": "1000",
    "feed__steady_ms": "1000",
    "feed__refused_ms": "1500",
    "feed__silent_ms": "3000",
    "feed__ping_ms": "500",
    "feed__backoff_ms": "10",
    "feed__backoff_cap_ms": "60",
    "feed__flaps": "8",
    "feed__flap_window_ms": "2000",
    "book__verify_every": "4",
}


@contextmanager
def streaming(folder: Path) -> Iterator[LiveEngine]:
    """Run an engine on a venue of four markets, and let it trade."""
    with (
        sandbox("--port", 0, "--profile", "demo", "--markets-count", 4, "--seed", 3) as venue,
        live(venue, 0, folder, **QUICK) as running,
    ):
        running.resume()
        yield running


def quoted(running: LiveEngine) -> list[str]:
    board = running.board
    resting = {order.market for order in board.orders.values() if order.state.value == "working"}
    return [market for market in board.markets if market in resting and usable(running, market)]


def usable(running: LiveEngine, market: str) -> bool:
    book = running.board.markets[market].book
    return book is not None and book.unusable is None


def is_well(running: LiveEngine) -> bool:
    sources = {source for source, _ in running.cells()}
    return not sources & {"feed", "user_feed", "runtime", "executor"} and any(
        usable(running, market) for market in running.board.markets
    )


def is_back(running: LiveEngine, market: str) -> bool:
    """Whether a market may be traded again: its book is usable and no feed halts it."""
    return usable(running, market) and not any(cell.source == "feed" for cell in running.board.markets[market].cells)


def connections(running: LiveEngine, *feeds: str) -> int:
    """How often the market channel was connected to, by some shards or all."""
    counted = running.board.feeds
    return sum(counted[feed].connections for feed in feeds or ("feed/0", "feed/spare") if feed in counted)


def misunderstood(running: LiveEngine) -> Counter[str]:
    """What the market channel said that was not understood, by kind."""
    found: Counter[str] = Counter()
    for feed in ("feed/0", "feed/spare"):
        if feed in running.board.feeds:
            found.update(running.board.feeds[feed].malformed)
    return found


def orders_in(running: LiveEngine, market: str) -> int:
    return sum(order.market == market for order in running.board.orders.values())


def last_line(running: LiveEngine) -> int:
    return log(running.venue)[-1]["n"]


def placed_in(running: LiveEngine, market: Market, after: int) -> list[dict[str, Any]]:
    """What the venue took from us in a market since a line of its log."""
    address = running.venue.said["accounts"][running.number]["address"]
    lines = log(running.venue, "order_placed", after)
    return [line for line in lines if line["account"] == address and line["market"] == market.condition_id]


def rest_levels(running: LiveEngine, market: Market) -> tuple[dict[int, int], dict[int, int]]:
    """The YES book of a market as REST shows it: bids and asks."""
    with urllib.request.urlopen(f"{running.venue.url}/book?token_id={market.token_ids[YES]}", timeout=5) as answer:
        book = json.load(answer)
    bids, asks = (
        {parse_price(one["price"]): parse_size(one["size"]) for one in book[side]} for side in ("bids", "asks")
    )
    return bids, asks


def books_agree(running: LiveEngine) -> None:
    """Pause until nothing of ours rests, see that every book is the venue's own to the last level, and go on."""
    running.engine.control.set_state("pause", (), "test", 10)
    running.until(lambda: not running.account()["open_orders"], "nothing rests")
    for market in running.engine.catalogue.markets.values():

        def agrees(market: Market = market) -> bool:
            book, levels = running.board.markets[market.id].book, rest_levels(running, market)
            return book is not None and (book.bids.sizes, book.asks.sizes) == levels

        running.until(agrees, f"the book of {market.slug} is the venue's")
    running.engine.control.set_state("resume", (), "test", 10, confirmed=True)


def unusable_reasons(heard: Overheard, market: str) -> set[str]:
    return {book.unusable for book in heard.of(BookUpdated, market) if book.unusable is not None}


def quoted_while_unusable(heard: Overheard, market: str) -> list[PlaceOrder]:
    """Orders that were wanted after a book was said to be unusable, and before it was usable again."""
    found: list[PlaceOrder] = []
    since_ns: int | None = None
    for said in tuple(heard.all):
        if getattr(said, "market", None) != market:
            continue
        if isinstance(said, BookUpdated):
            since_ns = (since_ns or said.event_ns) if said.unusable is not None else None
        elif isinstance(said, PlaceOrder) and since_ns is not None and said.created_ns > since_ns + 20_000_000:
            found.append(said)
    return found


def halted(running: LiveEngine, market: Market) -> bool:
    line = running.board.markets[market.id]
    return line.state is TradingState.HALTED and any(cell.source == "feed" for cell in line.cells)


def sockets_opened(running: LiveEngine) -> int:
    return sum(line["what"] == "opened" and line["channel"] == "market" for line in log(running.venue, "socket"))
