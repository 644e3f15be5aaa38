"""The closing figures of a run, as a document and as the block that people read, and where they are kept for others.

Why also a file: whoever asked for the end learns from it what is left, after the process that knew it is gone.
"""

from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from models.snapshot import Spell
from models.statistics import Statistics
from models.units import format_money, format_size, parse_money
from models.words import shares_text, signed_text

Document: TypeAlias = dict[str, Any]

_FILE: Final = "final.json"
_RULE: Final = "=" * 72
_LABEL: Final = 20
_REASONS: Final = 5
_HELD: Final = 20


def final(statistics: Statistics, pid: int, left: list[Document], exit_code: int) -> Document:
    """Return `keel.final/1`. `left` are the orders that may still fill."""
    rate = statistics.success_rate
    return {
        "schema": "keel.final/1",
        "pid": pid,
        "exit_code": exit_code,
        "mode": statistics.mode,
        "tags": list(statistics.tags),
        "run": statistics.run,
        "markets": statistics.markets,
        "ran_s": round(statistics.ran_ns / 1e9, 3),
        "cycles": statistics.cycles,
        "opportunities": statistics.opportunities,
        "refused": statistics.refused,
        "orders": statistics.orders,
        "cancelled": statistics.cancelled,
        "rejected": statistics.rejected,
        "trades": statistics.trades,
        "successful": statistics.successful,
        "failed": statistics.failed,
        "success_rate": None if rate is None else round(rate, 4),
        "profit": {
            "total": format_money(statistics.profit.total),
            "realized": format_money(statistics.profit.realized),
            "marked": None if statistics.profit.unrealized is None else format_money(statistics.profit.unrealized),
            "fees": format_money(statistics.profit.fees),
            "rebates": format_money(statistics.profit.rebates),
        },
        "held": [
            {"tag": one.tag, "slug": one.slug, "yes_shares": format_size(one.yes), "no_shares": format_size(one.no)}
            for one in statistics.held
        ],
        "without_quotes": [_spell(spell) for spell in statistics.idle],
        "held_back": [_spell(spell) for spell in statistics.holds],
        "left": left,
    }


def final_lines(document: Document) -> list[str]:
    """Return the block that stands at the end of a run."""
    profit, rate = document["profit"], document["success_rate"]
    marked = "no mark" if profit["marked"] is None else _signed(profit["marked"])
    lines = [
        _RULE,
        "FINAL STATISTICS",
        _RULE,
        _line("Run time", f"{_time(document['ran_s'])}  {document['mode']}, tag {','.join(document['tags'])}"),
        _line("Scan cycles", f"{document['cycles']:,}  decisions on {document['markets']} markets"),
        _line("Opportunities", f"{document['opportunities']:,}  orders wanted"),
        _line("  refused", _counted(document["refused"])),
        _line("Orders", f"{document['orders']:,}  {document['cancelled']} cancelled, {document['rejected']} rejected"),
        _line("Trades", f"{document['trades']:,}" if document["trades"] else "0  nothing was traded"),
        _line("Successful", f"{document['successful']:,}"),
        _line("Failed", f"{document['failed']:,}"),
        _line("Success rate", "-" if rate is None else f"{rate:.1%}"),
        _line("Total profit", _signed(profit["total"])),
        _line("  realized", _signed(profit["realized"])),
        _line("  marked", marked),
        _line("  fees", signed_text(-parse_money(profit["fees"]))),
        _line("  rebates", _signed(profit["rebates"])),
    ]
    lines += _list("Still held", [_held(one) for one in document["held"]], _HELD)
    lines += _list("Without quotes", [_spelled(one) for one in document["without_quotes"]], _REASONS)
    lines += _list("Held back", [_spelled(one) for one in document["held_back"]], _REASONS)
    if document["left"]:
        lines += _list("MAY STILL FILL", [left_text(one) for one in document["left"]], _HELD)
    return [*lines, _RULE]


def keep(data_dir: Path, document: Document) -> None:
    """Write the document beside the data, for who asked for the end. Raises OSError."""
    path = data_dir / _FILE
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(document) + b"\n")
    part.replace(path)


def kept(data_dir: Path, pid: int) -> Document | None:
    """Return what a process has left behind, None where it left nothing."""
    try:
        document: Document = msgspec.json.decode((data_dir / _FILE).read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
    return document if document.get("pid") == pid else None


def left_text(order: Document) -> str:
    """Name an order that may still fill."""
    return order["order_id"] if not order["slug"] else f"{order['slug']} {order['order_id']}"


def _spell(spell: Spell) -> Document:
    return {"what": spell.what, "times": spell.times, "seconds": round(spell.ns / 1e9, 3)}


def _spelled(spell: Document) -> str:
    times = "once" if spell["times"] == 1 else f"{spell['times']:,} times"
    return f"{spell['what']}  {times}, {_time(spell['seconds'])}"


def _held(one: Document) -> str:
    yes, no = (shares_text(parse_money(one[name])) for name in ("yes_shares", "no_shares"))
    return f"{one['slug']}  {yes} YES, {no} NO"


def _counted(counts: dict[str, int]) -> str:
    named = [f"{reason} {count:,}" for reason, count in list(counts.items())[:_REASONS]]
    total = sum(counts.values())
    return f"{total:,}  {', '.join(named)}" if named else "0"


def _list(label: str, rows: list[str], most: int) -> list[str]:
    more = [f"and {len(rows) - most} more"] if len(rows) > most else []
    shown = [*rows[:most], *more] or ["nothing"]
    return [_line(label if at == 0 else "", row) for at, row in enumerate(shown)]


def _line(label: str, text: str) -> str:
    return f"{f'{label}:' if label else '':<{_LABEL}}{text}".rstrip()


def _signed(text: str) -> str:
    return signed_text(parse_money(text))


def _time(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
