"""The engine's journal held against the venue's log, order by order, fill by fill, and to the micro-unit.

Each claim counts how often it was checked; what does not hold is named by its ids.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from research.prove.live_journal import Journal, Row, Submission
from research.prove.live_venue import Fault, Token, VenueAccount, VenueFill, VenueOrder, unmoved
from research.prove.witness import Findings

_ONE: Final = 10_000
_NOT_TAKEN: Final = frozenset({"rejected", "never_sent", "never_accepted"})
_UNCERTAIN: Final = frozenset({"unknown", "disputed"})
_ENDED: Final = _NOT_TAKEN | {"filled", "cancelled", "expired"}
_STANDINGS: Final = {"CONFIRMED": "settled", "FAILED": "voided"}
_HANGS_NS: Final = 130_000_000_000
"""Of a trade that was matched so long ago, and not mined, nothing more is to be expected."""
_FAILED_NS: Final = 20_000_000_000
_COMPARED: Final = ("market", "outcome", "side", "price", "size", "cash", "fee", "maker")

_ERROR: Final = re.compile(r"^\S+ \S+ \| (ERROR|CRITICAL) ")
_HOLDING: Final = ("partition", "half_open", "latency", "lose_request", "lose_answer", "late_answer", "dribble")
_UNHEARD: Final = ("never_snapshot", "silence", "wrong_book", "mutate", "garbage", "big_snapshot", "huge_frame")
_CLOSING: Final = ("drop_ws", "flap", "cut_lines", "partition", "half_open", "bad_frame", "huge_frame", "restart")
_SHUT: Final = ("restart", "disabled", *_HOLDING)
_EXPLAINED: Final = (
    (re.compile("another program sends heartbeats"), ("second_writer",)),
    (re.compile("mail of lane/(cancel|query) is late"), _HOLDING),  # one connection waits for its answer
    (re.compile("feed did not stop in time and is abandoned"), _HOLDING),  # it reads books
    (re.compile("the venue did not say what rests there|may still fill: not cancelled in time"), _SHUT),  # at a stop
    (re.compile("quarantined: (no book of|the venue's book moves)"), _UNHEARD),
    (re.compile("quarantined: (closed by the venue|\\d+ connections lost)"), _CLOSING),
)
"""Errors, and the switches that make an engine say so."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """How the venue's clock stood against ours. `within_ns`: what this is not known better than."""

    venue_ns: int
    our_ns: int
    speed: float
    within_ns: int

    def ours(self, venue_ns: int) -> int:
        """Return our time at a time of the venue's."""
        return self.our_ns + round((venue_ns - self.venue_ns) / self.speed)


def check(venue: VenueAccount, journal: Journal, clocks: Clocks, findings: Findings, *, settled: bool = True) -> None:
    """Hold all that concerns orders, fills and holdings. Not `settled`: trades and operations may be under way."""
    _check_known(venue, journal, clocks, findings)
    _check_ends(venue, journal, findings)
    _check_fills(venue, journal, findings, settled=settled)
    _check_holdings(venue, journal, findings)
    if settled:
        _check_operations(journal, findings)


def has_settled(venue: VenueAccount, journal: Journal, now_ns: int) -> bool:
    """Whether all that can be settled is, by `now_ns` of the venue's clock, and the journal knows it."""
    for key, fill in venue.fills.items():
        age_ns, row = now_ns - fill.matched_ns, journal.fills.get(key)
        hangs = fill.status in ("MATCHED", "RETRYING") and age_ns > _HANGS_NS
        if fill.status not in _STANDINGS and not hangs:
            return False
        # What failed may yet be confirmed.
        if fill.status == "FAILED" and age_ns < _FAILED_NS:
            return False
        if row is None and fill.status != "FAILED":
            return False
        if row is not None and fill.status in _STANDINGS and row["status"] != _STANDINGS[fill.status]:
            return False
    done = all(state in ("confirmed", "failed") for state in journal.operations.values())
    return done and all(row["state"] in _ENDED for row in journal.orders.values())


def check_end(venue: VenueAccount, quiet_from: int, findings: Findings) -> None:
    """Hold that nothing came in after the line `quiet_from` of the venue's log."""
    for order in venue.orders.values():
        findings.hold(
            "nothing was placed after the end", order.number <= quiet_from, lambda order=order: order.order_id
        )


def check_wallet(
    venue: VenueAccount, shown: Mapping[str, Any], tokens: Mapping[str, Token], findings: Findings
) -> None:
    """Hold the judge itself: what its log says moved is what its wallet has. `shown` is what it shows of the wallet."""
    claim = "the venue's log and its wallet agree"
    findings.hold(claim, shown["cash"] == venue.wallet.cash, lambda: f"cash {shown['cash']}, {venue.wallet.cash}")
    held = Counter({tokens[token_id]: size for token_id, size in shown["tokens"].items()})
    for token in sorted(set(held) | set(venue.wallet.tokens)):
        found = (held[token], venue.wallet.tokens[token])
        findings.hold(claim, found[0] == found[1], lambda token=token, found=found: f"{token}: {found}")


def check_errors(said: str, faults: Mapping[str, Fault], findings: Findings) -> None:
    """Hold that no line of the engine's log is an error but those which a fault that fired explains."""
    for line in said.splitlines():
        if _ERROR.match(line):
            explained = any(
                pattern.search(line) and any(name in faults for name in names) for pattern, names in _EXPLAINED
            )
            findings.hold("no error that the plan does not explain", explained, lambda line=line: line)


# Orders


def _check_known(venue: VenueAccount, journal: Journal, clocks: Clocks, findings: Findings) -> None:
    came = {order.order_id: order.at_ns for order in venue.orders.values()} | venue.refused_ns
    for order_id, at_ns in came.items():
        entry = journal.submitted.get(order_id)
        known = findings.hold("the journal knows every order at the venue", entry is not None, lambda one=order_id: one)
        if not known or entry is None:
            continue
        late_ns = entry.at_ns - clocks.ours(at_ns)
        findings.hold(
            "each was journalled before it was sent, by the clocks",
            late_ns <= clocks.within_ns,
            lambda one=order_id, late_ns=late_ns: f"{one}: {late_ns / 1e6:.3f} ms too late",
        )
    for order_id, submission in journal.submitted.items():
        first = submission.heard_seq is None or submission.seq < submission.heard_seq
        findings.hold("each was journalled before anything was heard of it", first, lambda one=order_id: one)
    for order_id, times in venue.arrivals.items():
        findings.hold("none was sent twice", times == 1, lambda one=order_id, times=times: f"{one}: {times} times")
    by_intent: dict[str, list[str]] = defaultdict(list)
    for order_id, submission in journal.submitted.items():
        by_intent[submission.intent].append(order_id)
    for intent, order_ids in by_intent.items():
        findings.hold(
            "no intent has two orders", len(order_ids) == 1, lambda intent=intent, ids=order_ids: f"{intent}: {ids}"
        )
    for order_id in journal.doubled:
        findings.hold("no intent has two orders", False, lambda one=order_id: f"{one} is journalled twice")


def _check_ends(venue: VenueAccount, journal: Journal, findings: Findings) -> None:
    for order_id, submission in journal.submitted.items():
        row, order = journal.orders.get(order_id), venue.orders.get(order_id)
        state = "missing" if row is None else row["state"]
        findings.hold("no order's fate is unknown", state not in _UNCERTAIN, lambda one=order_id: one)
        findings.hold(
            "every order ended as the venue says",
            row is not None and _ended_alike(row, submission, order),
            lambda one=order_id, row=row, order=order: f"{one}: {_state(row)}, at the venue {_venue_state(order)}",
        )
    for order in venue.orders.values():
        findings.hold("nothing is open at the venue", bool(order.ended), lambda order=order: order.order_id)


def _ended_alike(row: Row, submission: Submission, order: VenueOrder | None) -> bool:
    if order is None:
        killed = submission.time_in_force in ("FOK", "FAK") and row["state"] == "cancelled"
        return (killed or row["state"] in _NOT_TAKEN) and row["filled"] == 0
    if row["state"] not in _ENDED or not order.ended or row["filled"] != min(order.matched, order.size):
        return False
    # An order that was told to be cancelled stays so, though fills that come after it may use it up.
    return row["state"] in ("cancelled", "expired") or (row["state"] == "filled" and order.matched >= order.size)


def _state(row: Row | None) -> str:
    return "not there" if row is None else f"{row['state']} with {row['filled']} of {row['size']} ({row['reason']})"


def _venue_state(order: VenueOrder | None) -> str:
    return "never there" if order is None else f"{order.ended or 'open'} with {order.matched} of {order.size}"


# Fills


def _check_fills(venue: VenueAccount, journal: Journal, findings: Findings, *, settled: bool) -> None:
    for key, fill in venue.fills.items():
        row = journal.fills.get(key)
        if row is None:
            # A trade that failed before we were told of it was never counted, and need not be.
            findings.hold("every fill was counted", fill.status == "FAILED", lambda key=key: str(key))
            continue
        findings.hold("every fill was counted", True, str)
        differs = _differences(row, fill)
        findings.hold(
            "size, price, cash, fee and side of each",
            not differs,
            lambda key=key, differs=differs: f"{key}: {', '.join(differs)}",
        )
        wanted = _STANDINGS.get(fill.status, "pending")
        if not settled:
            continue
        findings.hold(
            "each settled or failed as its trade did",
            row["status"] == wanted,
            lambda key=key, row=row, fill=fill: f"{key}: {row['status']}, at the venue {fill.status}",
        )
    for key in journal.fills:
        findings.hold("no fill was made up", key in venue.fills, lambda key=key: str(key))


def _differences(row: Row, fill: VenueFill) -> list[str]:
    theirs = {name: getattr(fill, "token" if name == "outcome" else name) for name in _COMPARED}
    return [f"{name} {row[name]} not {theirs[name]}" for name in _COMPARED if row[name] != theirs[name]]


# Holdings


def _check_holdings(venue: VenueAccount, journal: Journal, findings: Findings) -> None:
    """What we hold is what the wallet has, with what is still to be moved, without what others moved."""
    waiting = unmoved(venue)
    spent = sum(row["realized"] - row["fees"] - row["yes_cost"] - row["no_cost"] for row in journal.positions)
    theirs = venue.wallet.cash - venue.others.cash + waiting.cash
    findings.hold("cash to the micro-dollar", spent == theirs, lambda: f"{spent}, by the wallet {theirs}")
    ours = Counter(dict(tokens_held(journal.positions)))
    tokens = set(ours) | set(venue.wallet.tokens) | set(waiting.tokens) | set(venue.others.tokens)
    for token in sorted(tokens):
        held = venue.wallet.tokens[token] - venue.others.tokens[token] + waiting.tokens[token]
        if pays(journal.redeemed.get(token[0]), token[1]) == 0:
            # Nobody sends a transaction for what pays nothing; the cash says the rest.
            continue
        findings.hold(
            "positions to the micro-share",
            ours[token] == held,
            lambda token=token, held=held: f"{token}: {ours[token]}, by the wallet {held}",
        )
    for market in sorted(set(journal.merged) | set(venue.merged)):
        pair = (journal.merged[market], venue.merged[market])
        findings.hold("merged pairs", pair[0] == pair[1], lambda market=market, pair=pair: f"{market}: {pair}")
    for market in sorted(set(journal.redeemed) | set(venue.redeemed)):
        findings.hold("payouts", market in journal.redeemed, lambda market=market: market)


def _check_operations(journal: Journal, findings: Findings) -> None:
    for operation, state in journal.operations.items():
        done = state in ("confirmed", "failed")
        findings.hold("no operation on chain is open", done, lambda one=operation, state=state: f"{one}: {state}")


def pays(payout_yes: int | None, outcome: int) -> int | None:
    """Return what a share of a token pays in a market that has paid out."""
    return None if payout_yes is None else (payout_yes, _ONE - payout_yes)[outcome]


def tokens_held(positions: Iterable[Row]) -> Iterable[tuple[Token, int]]:
    """Return what the desks of all positions hold together, by token."""
    held: Counter[Token] = Counter()
    for row in positions:
        held[row["market"], 0] += row["yes_shares"]
        held[row["market"], 1] += row["no_shares"]
    return held.items()
