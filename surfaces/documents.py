"""The board as versioned JSON documents: snake case, money and sizes as decimal strings, times RFC 3339 in UTC.

Why one place: the CLI prints these documents, the monitor draws them, later a portal serves them; a figure that two of
them show at one `snapshot_id` is the same figure.
"""

from collections import Counter
from typing import Any, TypeAlias

from models.controls.families import how_computed
from models.markets import NO, YES, Outcome, Side
from models.messages.base import MarketId, Tag
from models.orders import UNCERTAIN
from models.snapshot import Board, Counts, DeskLine, LogLine, MarketLine, OrderLine, Profit, token_touch
from models.units import Price, Size, format_money, format_price, format_size
from models.words import cell_text, explanation_text, gate_text, rfc3339
from models.written_book import written_book

Document: TypeAlias = dict[str, Any]

_HOUR_S = 3_600


def status(board: Board, now_ns: int, only: MarketLine | None = None) -> Document:
    """Return `keel.status/1`: engine, states, profit, counts, and a row for each desk in each market (or in one)."""
    engine, counts = board.engine, board.counts
    uptime_s = max(0, now_ns - engine.started_ns) / 1e9
    orders = board.open_orders()
    killed = board.killed
    return {
        "schema": "keel.status/1",
        "snapshot_id": board.snapshot_id,
        "at": rfc3339(now_ns),
        "mode": engine.mode,
        "tags": list(engine.tags),
        "run": engine.run,
        "pid": engine.pid,
        "version": engine.version,
        "started_at": rfc3339(engine.started_ns),
        "uptime_s": round(uptime_s, 3),
        "killed": None if killed is None else {"reason": killed.reason, "since": rfc3339(killed.since_ns)},
        "states": dict(Counter(board.word(desk) for desk in board.desks.values())),
        "markets_on": sum(line.on for line in board.markets.values()),
        "markets_total": len(board.markets),
        "pnl": profit(board.profit, now_ns),
        "orders_open": len(orders),
        "orders_unknown": sum(order.state in UNCERTAIN for order in orders),
        "decisions": board.decisions,
        **_counts(counts, now_ns),
        "fills_per_hour": round(counts.fills * _HOUR_S / uptime_s, 2) if uptime_s else None,
        "cancels_per_order": round(counts.cancels / counts.orders, 3) if counts.orders else None,
        "feed_age_s": None if board.feed_ns is None else _age_s(board.feed_ns, now_ns),
        "markets": rows(board, now_ns, only),
        "feeds": [
            {"name": feed.feed, "connections": feed.connections, "malformed": feed.malformed}
            for feed in board.feeds.values()
        ],
        "left_out": left_out(board),
    }


def rows(board: Board, now_ns: int, only: MarketLine | None = None) -> list[Document]:
    """Return a row for each desk in each market, in the order of the catalogue."""
    bids = _best_bids(board)
    open_orders = Counter((order.tag, order.market) for order in board.orders.values())
    desks = board.desks.values() if only is None else board.desks_of(only.market.id)
    return [_row(board, desk, bids, open_orders[(desk.tag, desk.market)], now_ns) for desk in desks]


def markets(board: Board) -> Document:
    """Return `keel.markets/1`: what is on, and in which state."""
    return {
        "schema": "keel.markets/1",
        "markets": [
            {
                "slug": line.market.slug,
                "condition_id": line.market.condition_id,
                "on": line.on,
                "state": _words(board, line.market.id),
                "net_shares": format_size(_net(board, line.market.id)),
            }
            for line in board.markets.values()
            if not line.removed
        ],
    }


def left_out(board: Board) -> list[Document]:
    """Return the markets that are not traded: named and ended, or not named any more and held."""
    return [
        {"slug": one.market.slug, "condition_id": one.market.condition_id, "reason": one.reason}
        for one in board.engine.left_out
    ]


def market(board: Board, line: MarketLine, now_ns: int) -> Document:
    """Return `keel.market/1`: all that is known of one market."""
    known = line.market
    return {
        "schema": "keel.market/1",
        "slug": known.slug,
        "condition_id": known.condition_id,
        "question": known.question,
        "outcomes": list(known.outcomes),
        "token_ids": list(known.token_ids),
        "on": line.on,
        "state": _words(board, known.id),
        "cells": [cell_text(cell) for cell in line.cells],
        "tick": format_price(line.book.tick if line.book is not None else known.tick),
        "min_order_size": format_size(known.min_order_size),
        "end": None if known.end_ns is None else rfc3339(known.end_ns),
        "resolved_yes": None if line.payout_yes is None else format_price(line.payout_yes),
        "worst_case": None if line.exposure is None else format_money(line.exposure.worst_case),
        "desks": rows(board, now_ns, line),
        "orders": [order(one) for one in board.open_orders(known.id)],
        "assumed": list(known.assumed),
    }


def book(line: MarketLine, depth: int | None) -> Document:
    """Return `keel.book/1`: the levels of both tokens. The market must have a book."""
    assert line.book is not None
    return {"schema": "keel.book/1", **written_book(line.market, line.book, depth)}


def monitor(board: Board, now_ns: int, since: int, selected: MarketLine | None) -> Document:
    """Return `keel.board/1`: the status, the log lines after number `since`, and why the selected market stands so."""
    lines = [log_line(line) for line in board.log if line.sequence > since]
    said = () if selected is None else board.explanations(selected.market.id)
    why = (explanation_text(one, how_computed) for one in said)
    return {**status(board, now_ns), "schema": "keel.board/1", "log": lines, "why": "\n".join(why)}


def demo(board: Board, seed: int, duration_s: float) -> Document:
    """Return `keel.demo/1`: what a demonstration came to."""
    counts = board.counts
    by_market = Counter[MarketId]()
    for desk in board.desks.values():
        by_market[desk.market] += desk.fills
    return {
        "schema": "keel.demo/1",
        "seed": seed,
        "duration_s": duration_s,
        "markets": [
            {**row, "fills": by_market[line.market.id]}
            for row, line in zip(markets(board)["markets"], board.markets.values(), strict=True)
        ],
        "decisions": board.decisions,
        "orders": counts.orders,
        "fills": counts.fills,
        "cancels_by_reason": dict(sorted(counts.cancels_by_reason.items())),
        "pnl": {part: money for part, money in profit(board.profit, board.at_ns).items() if part != "mark_age_s"},
        "restarts": counts.restarts,
        "errors": counts.errors,
    }


def profit(total: Profit, now_ns: int) -> Document:
    """Return the parts of a profit, which sum to its total; an unrealized part without a mark is null, counted as 0."""
    return {
        "total": format_money(total.total),
        "realized": format_money(total.realized),
        "unrealized": None if total.unrealized is None else format_money(total.unrealized),
        "fees": format_money(total.fees),
        "rebates": format_money(total.rebates),
        "mark_age_s": None if total.marked_ns is None else _age_s(total.marked_ns, now_ns),
    }


def order(line: OrderLine) -> Document:
    """Return an open order."""
    return {
        "order_id": line.order_id,
        "intent": line.intent,
        "tag": line.tag,
        "token": "NO" if line.outcome else "YES",
        "side": line.side.value,
        "price": format_price(line.price),
        "size": format_size(line.size),
        "filled": format_size(line.filled),
        "state": line.state.value,
        "reason": line.reason,
        "at": rfc3339(line.at_ns),
    }


def log_line(line: LogLine) -> Document:
    """Return an event."""
    return {
        "sequence": line.sequence,
        "at": rfc3339(line.at_ns),
        "level": line.level,
        "market": line.slug,
        "text": line.text,
    }


def _row(
    board: Board, desk: DeskLine, bids: dict[tuple[Tag, MarketId, Outcome], Price], open_orders: int, now_ns: int
) -> Document:
    line = board.markets[desk.market]
    bid, ask = (None, None) if line.book is None else token_touch(line.book, YES)
    flow, stop = line.flow, desk.stopped_opening
    return {
        "slug": line.market.slug,
        "condition_id": line.market.condition_id,
        "tag": desk.tag,
        "on": line.on,
        "state": board.word(desk),
        "net_shares": format_size(desk.net),
        "yes_shares": format_size(desk.position.yes.shares),
        "no_shares": format_size(desk.position.no.shares),
        "yes_quote": _price(bids.get((desk.tag, desk.market, YES))),
        "no_quote": _price(bids.get((desk.tag, desk.market, NO))),
        "bid": _price(bid),
        "ask": _price(ask),
        "book_age_s": None if line.book is None else _age_s(line.book.proven_ns, now_ns),
        "unusable": "no_book" if line.book is None else line.book.unusable,
        "ofi_yes": None if flow is None else format_size(flow.yes_score),
        "ofi_no": None if flow is None else format_size(flow.no_score),
        "ofi_threshold": None if flow is None else format_size(flow.threshold),
        "toxic": flow is not None and flow.toxic,
        "can_open": desk.explanation is not None and stop is None,
        "stopped_by": None if stop is None else gate_text(stop).removeprefix("[STOP] "),
        "reason": "" if desk.explanation is None else desk.explanation.reason,
        "flatten": None if desk.flatten is None else {"step": desk.flatten.step, "detail": desk.flatten.detail},
        "pnl": profit(desk.profit, now_ns),
        "decisions": desk.decisions,
        "orders_open": open_orders,
        "orders": desk.orders,
        "fills": desk.fills,
        "cancels": desk.cancels,
        "denials": desk.denials,
    }


def _counts(counts: Counts, now_ns: int) -> Document:
    return {
        "orders": counts.orders,
        "fills": counts.fills,
        "voids": counts.voids,
        "cancels": counts.cancels,
        "rejects": counts.rejects,
        "cancels_by_reason": counts.cancels_by_reason,
        "denials_by_reason": counts.denials_by_reason,
        "dead_letters_by_reason": counts.dead_letters_by_reason,
        "resyncs": counts.resyncs,
        "restarts": counts.restarts,
        "errors": counts.errors,
        "errors_15min": counts.errors_recent,
        "last_error": counts.last_error or None,
        "last_error_age_s": None if counts.last_error_ns is None else _age_s(counts.last_error_ns, now_ns),
    }


def _best_bids(board: Board) -> dict[tuple[Tag, MarketId, Outcome], Price]:
    """Return the best bid that each desk has standing on each token."""
    found: dict[tuple[Tag, MarketId, Outcome], Price] = {}
    for line in board.orders.values():
        if line.side is Side.BUY:
            at = (line.tag, line.market, line.outcome)
            found[at] = max(line.price, found.get(at, 0))
    return found


def _words(board: Board, found: MarketId) -> str:
    """Return the word of a market; desks that differ are all named."""
    return "/".join(dict.fromkeys(board.word(desk) for desk in board.desks_of(found)))


def _net(board: Board, found: MarketId) -> Size:
    yes, no = board.holding(found)
    return yes - no


def _price(price: Price | None) -> str | None:
    return None if price is None else format_price(price)


def _age_s(at_ns: int, now_ns: int) -> float:
    return round(max(0, now_ns - at_ns) / 1e9, 3)
