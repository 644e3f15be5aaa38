"""Documents as people read them: the same lines and columns in the CLI, in the monitor and in its text frame."""

from models.units import parse_money, parse_price
from models.words import age_text, money_text, shares_text, signed_text
from surfaces.cli.output import Column, Document, Text

STATES = ("BALANCED", "HEDGE", "FUSED", "OFF")
"""Shown even where none is in them."""

_STATE_STYLES = {
    "BALANCED": "green",
    "HEDGE": "yellow",
    "FUSED": "magenta",
    "OFF": "dim",
    "PAUSED": "cyan",
    "RECOVERING": "cyan",
    "REDUCING": "yellow",
    "FLATTENING": "yellow",
    "FLAT": "cyan",
    "KILLED": "bold red",
}


def status_text(status: Document) -> Text:
    """Return the whole status: two lines of totals and a row a market."""
    return Text(status_lines(status), MARKET_COLUMNS, status["markets"], left_out(status), alarms(status))


def left_out(document: Document) -> list[str]:
    """Return a line for each market that is named in the configuration and is not traded."""
    return [f"{one['slug']} is left out: {one['reason']}" for one in document["left_out"]]


def alarms(status: Document) -> list[str]:
    """Return what a person has to know before anything else."""
    lines: list[str] = []
    if is_forced(status):
        lines.append("NOT LIVE: live was asked for and could not be had; the log says why, and so does keel doctor")
    killed = status["killed"]
    if killed is not None:
        lines.append(f"KILLED since {killed['since']}: {killed['reason']}. A person lifts it: keel kill --clear")
    return lines


def status_lines(status: Document) -> list[str]:
    """Return who runs and how it stands."""
    return [f"{headline(status)}   state {states(status)}      pid {status['pid']}", totals(status), activity(status)]


def is_forced(status: Document) -> bool:
    """Whether the engine runs in another mode than it was asked to."""
    return status["mode"].endswith("(forced)")


def headline(status: Document) -> str:
    """Return mode, uptime and tag."""
    running = age_text(int(status["uptime_s"] * 1e9))
    return f"{status['mode'].upper()}  running {running}  tag {','.join(status['tags'])}"


def states(status: Document) -> str:
    """Return how many markets are in each state; the usual ones even where none is."""
    counts = dict.fromkeys(STATES, 0) | status["states"]
    return "  ".join(f"{state} {count}" for state, count in counts.items())


def totals(status: Document) -> str:
    """Return total, realized and unrealized profit, the total first and the mark's age beside what it marks."""
    pnl = status["pnl"]
    rebates = f"   rebates {signed(pnl['rebates'])}" if pnl["rebates"] != "0" else ""
    return (
        f"total {signed(pnl['total'])}   realized {signed(pnl['realized'])}   unrealized {unrealized(pnl)}"
        f"   fees {money_text(-parse_money(pnl['fees']))}{rebates}"
    )


def activity(status: Document) -> str:
    """Return errors, the feed's age, orders, fills and cancels with their rates, restarts."""
    error = f": {status['last_error']}" if status["errors_15min"] else ""
    feed = "-" if status["feed_age_s"] is None else age_text(int(status["feed_age_s"] * 1e9))
    unknown = f"  {status['orders_unknown']} unknown" if status["orders_unknown"] else ""
    # Within the first minute a rate per hour says nothing.
    rate = f" ({status['fills_per_hour']:.1f}/h)" if status["uptime_s"] >= 60 else ""
    churn = "" if status["cancels_per_order"] is None else f" ({status['cancels_per_order']:.0%} of orders)"
    return (
        f"orders {status['orders_open']} open{unknown}  {status['rejects']} rejected   ws market {feed}"
        f"   errors {status['errors_15min']} (15 min){error}"
        f"   fills {status['fills']}{rate}   placed {status['orders']}   cancels {status['cancels']}{churn}"
        f"   restarts {status['restarts']}"
    )


def unrealized(pnl: Document) -> str:
    """Return unrealized profit with the age of its mark: `-3.10 (mark 0.8 s)`."""
    if pnl["unrealized"] is None:
        return "no mark"
    age = "" if pnl["mark_age_s"] is None else f" (mark {age_text(int(pnl['mark_age_s'] * 1e9))})"
    return signed(pnl["unrealized"]) + age


def quotes(row: Document) -> str:
    """Return our bids on both tokens in cents, YES first: `48.0/51.0`."""
    return f"{cents(row['yes_quote'])}/{cents(row['no_quote'])}"


def touch(row: Document) -> str:
    """Return best bid and ask of YES in cents."""
    return f"{cents(row['bid'])}/{cents(row['ask'])}"


def ofi(row: Document) -> str:
    """Return the larger flow of the two tokens against its limit: `+12/50`."""
    if row["ofi_yes"] is None:
        return "-"
    larger = max((parse_money(row["ofi_yes"]), parse_money(row["ofi_no"])), key=abs)
    return f"{'+' if larger >= 0 else '-'}{shares_text(abs(larger))}/{shares_text(parse_money(row['ofi_threshold']))}"


def can_open(row: Document) -> str:
    """Return whether the desk may open, and if not the first gate that stops it."""
    if row["can_open"]:
        return "yes"
    return f"no: {row['stopped_by'].removeprefix('opening: ')}" if row["stopped_by"] else "no: undecided"


def signed(text: str) -> str:
    """Return decimal dollars as won or lost: `+9.30`."""
    return signed_text(parse_money(text))


def shares(text: str) -> str:
    """Return decimal shares as short as they are."""
    return shares_text(parse_money(text))


def net(text: str) -> str:
    """Return a net position with its sign: `+3.0`."""
    size = parse_money(text)
    return f"{'+' if size > 0 else ''}{size / 1_000_000:.1f}"


def cents(text: str | None) -> str:
    """Return a decimal price in cents, with one decimal or as many as its grid needs: `48.0`, `48.25`."""
    if text is None:
        return "-"
    price = parse_price(text)
    return f"{price // 100}.{price % 100 // 10}{price % 10 or ''}"


def money_style(text: str) -> str:
    """Return green for won, red for lost; the sign says it too."""
    return {"+": "green", "-": "red"}.get(text[:1], "")


def state_style(text: str) -> str:
    """Return the colour of a state; the word says it too."""
    return _STATE_STYLES.get(text, "red")


MARKET_COLUMNS = (
    Column("MARKET", lambda row: row["slug"]),
    Column("STATE", lambda row: row["state"], style=state_style),
    Column("NET", lambda row: net(row["net_shares"]), "right"),
    Column("YES", lambda row: shares(row["yes_shares"]), "right"),
    Column("NO", lambda row: shares(row["no_shares"]), "right"),
    Column("QUOTES", quotes, "right"),
    Column("BID/ASK", touch, "right"),
    Column("OFI", ofi, "right"),
    Column("P&L", lambda row: signed(row["pnl"]["total"]), "right", money_style),
    Column("FILLS", lambda row: str(row["fills"]), "right"),
    Column("CAN OPEN", can_open),
)
"""The markets table. `YES` and `NO` are shares; quotes and touch are cents."""
