"""What commands came to, as versioned JSON documents; the others are in `documents`.

Every one of a command that changes something has `lines` for a person, `dry_run`, and `proven`: false where something
is left that the command promises not to leave.
"""

from collections.abc import Iterable
from typing import Final

from actors.control.ports import Listed, Reloaded, Value
from models.answers import Answer, Cancelled, MarketAnswer, Rest
from models.flatten_plan import MarketPlan, Residual
from models.snapshot import Board, MarketLine, OrderLine
from models.units import format_money, format_size
from models.words import outcome_text, rfc3339
from surfaces import documents
from surfaces.documents import Document

_RISK: Final = "risk"
_SOURCES: Final = {_RISK: "a limit of risk", "file": "a file that somebody left", "signal": "SIGUSR2"}


def killed(board: Board, by: str | None, word: str) -> Document:
    """Return `keel.kill/1`: whether the latch is closed, by what, why and since when, and the word that lifts it.

    `by` is who or what latched the gate, which may be closed before risk has heard of it; `word` lifts it.
    """
    cell = board.killed
    source = None if by is None else by.partition(" ")[0]
    return {
        "schema": "keel.kill/1",
        "killed": cell is not None or by is not None,
        "source": source,
        "by": None if by is None else _SOURCES.get(by, by),
        "reason": None if cell is None else cell.reason,
        "since": None if cell is None else rfc3339(cell.since_ns),
        "confirm": word,
    }


def command(answer: Answer) -> Document:
    """Return `keel.command/1`: what a command did.

    `proven` is false where an order may still fill that it forbids, or where a flatten has not come to its end; also
    where the venue itself lists one still (`rests`), or has not said (`doubt`).
    """
    return {
        "schema": "keel.command/1",
        "verb": answer.verb,
        "changed": answer.changed,
        "proven": answer.proven,
        "dry_run": answer.dry_run,
        "lines": list(answer.lines),
        "markets": [_answered(one) for one in answer.markets],
        "rests": [_rest(one) for one in answer.rests],
        "doubt": answer.doubt or None,
    }


def cancelled(done: Cancelled) -> Document:
    """Return `keel.cancel/1`: which orders are gone, and which may still fill."""
    return {
        "schema": "keel.cancel/1",
        "lines": list(done.lines),
        "dry_run": done.dry_run,
        "proven": done.proven,
        "cancelled": [documents.order(line) for line in done.cancelled],
        "left": [documents.order(line) for line in done.left],
    }


def changed(verb: str, done: Reloaded) -> Document:
    """Return `keel.set/1` or `keel.reload/1`: which values differ, and the segment that it opened (0: none)."""
    return {
        "schema": f"keel.{verb}/1",
        "lines": list(done.lines),
        "segment": done.segment,
        "dry_run": done.dry_run,
        "proven": done.proven,
        "changes": [
            {"key": one.path, "old": one.old, "new": one.new, "unit": one.unit, "persisted": one.persisted}
            for one in done.changes
        ],
    }


def listed(done: Listed) -> Document:
    """Return `keel.listed/1`: a market that is traded now, or is not any more."""
    return {
        "schema": "keel.listed/1",
        "market": done.market,
        "slug": done.slug,
        "lines": list(done.lines),
        "changed": done.changed,
        "dry_run": done.dry_run,
        "proven": done.proven,
    }


def settings(values: Iterable[Value]) -> Document:
    """Return `keel.settings/1`: values of the configuration, where each is from, and whether it can be set."""
    return {
        "schema": "keel.settings/1",
        "settings": [
            {
                "key": one.path,
                "value": one.value,
                "unit": one.unit,
                "source": one.source,
                "can_be_set": one.live,
                "meaning": one.meaning,
            }
            for one in values
        ],
    }


def orders(board: Board, only: MarketLine | None) -> Document:
    """Return `keel.orders/1`: the orders that may still fill, oldest first."""
    found = board.open_orders(None if only is None else only.market.id)
    return {"schema": "keel.orders/1", "orders": [_placed(board, line) for line in found]}


def order(board: Board, line: OrderLine) -> Document:
    """Return `keel.order/1`: one of them."""
    return {"schema": "keel.order/1", **_placed(board, line)}


def _placed(board: Board, line: OrderLine) -> Document:
    return {"slug": board.markets[line.market].market.slug, "market": line.market, **documents.order(line)}


def _rest(one: Rest) -> Document:
    return {
        "order_id": one.order_id,
        "market": one.market,
        "side": one.side,
        "price": one.price,
        "size": one.size,
    }


def _answered(one: MarketAnswer) -> Document:
    return {
        "slug": one.slug,
        "before": "/".join(one.before),
        "after": "/".join(one.after),
        "orders_cancelled": one.cancelled,
        "orders_open": one.open,
        "yes_shares": format_size(one.yes),
        "no_shares": format_size(one.no),
        "left": [documents.order(line) for line in one.left],
        "over": one.over,
        "why": one.why,
        "plan": None if one.plan is None else _planned(one.plan),
    }


def _planned(plan: MarketPlan) -> Document:
    return {
        "cancel_orders": plan.orders,
        "merge_pairs": format_size(plan.pairs),
        "locked_pairs": format_size(plan.locked),
        "unwind": [_residual(one) for one in plan.unwind],
        "stays": [_residual(one) for one in plan.stays],
        "untouched": plan.untouched,
    }


def _residual(residual: Residual) -> Document:
    return {
        "token": outcome_text(residual.outcome),
        "shares": format_size(residual.size),
        "value": None if residual.value is None else format_money(residual.value),
    }
