"""What an engine that was killed shows of itself when it stands again, held against what its venue says.

Why what it shows and not only what it wrote: what it wrote before its death is no proof of what it knows after it.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from models.units import parse_size
from models.words import money_text
from research.prove.live_claims import pays
from research.prove.live_journal import Journal
from research.prove.live_venue import VenueAccount, unmoved
from research.prove.witness import Findings

_REALISED: Final = re.compile(r"realised (\S+),")


def check_losses(risk: Mapping[str, Any], journal: Journal, findings: Findings) -> None:
    """Hold what its loss limits count of this day (`keel.risk/1`) against the profit of all positions.

    Not for a proof that has run over midnight UTC: the day then begins anew.
    """
    realised = sum(row["realized"] - row["fees"] + row["rebates"] for row in journal.positions)
    said = next((one["note"] for one in risk["readings"] if one["control"] == "day_loss"), "")
    found = _REALISED.search(said)
    counted = "nothing" if found is None else found[1]
    findings.hold(
        "the losses of the day go on from where they were",
        counted == money_text(realised) or (found is None and not realised),
        lambda: f"{said or 'no reading'}, by the positions {money_text(realised)}",
    )


def is_quiet(shown: Mapping[str, Any]) -> bool:
    """Whether a status (`keel.status/1`) knows of no order that stands or whose fate is unknown."""
    return not shown["orders_open"] and not shown["orders_unknown"]


def check_shown(
    venue: VenueAccount, shown: Mapping[str, Any], redeemed: Mapping[str, int], findings: Findings, *, killed: bool
) -> None:
    """Hold its status (`keel.status/1`) against the venue. `killed`: somebody had killed it before it died.

    `redeemed`: what a YES share has paid, by market. Tokens that pay nothing stay in a wallet and are no position.
    """
    findings.hold("no order stands", shown["orders_open"] == 0, lambda: f"{shown['orders_open']} open")
    findings.hold("no fate is unknown", shown["orders_unknown"] == 0, lambda: f"{shown['orders_unknown']} unknown")
    is_killed = shown["killed"] is not None
    findings.hold("the kill latch is as it was", is_killed == killed, lambda: f"{shown['killed']}, was {killed}")
    ours: Counter[tuple[str, int]] = Counter()
    for row in shown["markets"]:
        ours[row["condition_id"], 0] += parse_size(row["yes_shares"])
        ours[row["condition_id"], 1] += parse_size(row["no_shares"])
    waiting = unmoved(venue)
    for token in sorted(set(ours) | set(venue.wallet.tokens) | set(waiting.tokens)):
        if pays(redeemed.get(token[0]), token[1]) == 0:
            continue
        held = venue.wallet.tokens[token] - venue.others.tokens[token] + waiting.tokens[token]
        findings.hold(
            "it knows what it holds, to the micro-share",
            ours[token] == held,
            lambda token=token, held=held: f"{token}: {ours[token]}, by the wallet {held}",
        )
