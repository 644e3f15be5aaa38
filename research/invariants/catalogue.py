"""The forty-five invariants: what holds at every step (safety), by a deadline (liveness), against people (security)."""

from typing import Final, Literal, NamedTuple

Class = Literal["safety", "liveness", "security"]


class Invariant(NamedTuple):
    """One of them. `holds` says it in a sentence or two."""

    name: str
    kind: Class
    holds: str


PARTS: Final = {
    "Money and orders": range(1, 19),
    "Market data and reaction": range(19, 24),
    "Process, state, recovery": range(24, 32),
    "Actors": range(32, 39),
    "Security": range(39, 46),
}
"""The headings of the page, with the numbers below each."""

INVARIANTS: Final = {
    "I1": Invariant(
        "Fills count once", "safety",
        "A token's position is the sum of its different fills (trade id and order hash), whatever came twice, late,"
        " out of order or only by REST: confirmed ones are settled, provisional ones pending, failed ones nothing.",
    ),
    "I2": Invariant(
        "A fill only moves on", "safety",
        "The status of a fill never goes back. Where the venue calls one both confirmed and failed, it is disputed:"
        " its market halts and people are told.",
    ),
    "I3": Invariant(
        "Nothing is lost or made", "safety",
        "Cash, cost of what is held, fees and realised profit add up to what there was, but for recorded flows from"
        " outside; all in whole millionths, none in floats.",
    ),
    "I4": Invariant(
        "Written before it is sent", "safety",
        "Every order that the venue has seen of us stands in the journal under the same hash, on the disk before its"
        " first byte left.",
    ),
    "I5": Invariant(
        "One wish, one order", "safety",
        "An intent has one order hash for ever; what is sent again is the same bytes.",
    ),
    "I6": Invariant(
        "No second try in the dark", "safety",
        "While the fate of an order is unknown, nothing leaves that adds to the exposure of its market or of the"
        " event that shares its limit. Cancels and questions do.",
    ),
    "I7": Invariant(
        "The unknown is found out", "liveness",
        "An order of unknown fate comes to an end within 30 s of the venue answering again; never accepted takes"
        " three answers after the time in which it could still have been taken in, and an error is no answer.",
    ),
    "I8": Invariant(
        "An end has its evidence", "safety",
        "An order ends only by what the venue said of it, and that is in the journal.",
    ),
    "I9": Invariant(
        "Nothing leaves after a kill", "safety",
        "Once `kill()` has returned, no thread writes a byte of an order to any socket until a person has lifted it,"
        " in this process or the next.",
    ),
    "I10": Invariant(
        "A kill empties the book", "liveness",
        "All orders are cancelled within 2 s, and within 10 s two listings in a row show none.",
    ),
    "I11": Invariant(
        "A state binds", "safety",
        "In REDUCING nothing is approved that raises the worst case; in CANCEL_ONLY, HALTED and KILLED nothing at"
        " all.",
    ),
    "I12": Invariant(
        "Limits hold in the worst case", "safety",
        "What is held, rests, is on its way, unknown and asked for stays within the limits of token, market, event"
        " and account together, whichever of it fills.",
    ),
    "I13": Invariant(
        "Reserved before it is sent", "safety",
        "Cash and shares of an order are set aside in the step that approves it, and given back only by evidence of"
        " its end; together they never exceed what there is.",
    ),
    "I14": Invariant(
        "Only settled shares are sold", "safety",
        "A sale is no larger than the settled shares that no other sale or merge has.",
    ),
    "I15": Invariant(
        "On the grid of now", "safety",
        "Every price that leaves is a multiple of the tick of its book's epoch, between 0 and 1, with the decimals"
        " and the least size that the venue takes; a tick that changes meanwhile stops the order.",
    ),
    "I16": Invariant(
        "Never against ourselves", "safety",
        "No order leaves that could trade with one of ours, on its token or on the other one in the mirror.",
    ),
    "I17": Invariant(
        "Every order is ours", "safety",
        "What rests at the venue for our account is in the journal. A foreign order or fill halts everything and is"
        " told.",
    ),
    "I18": Invariant(
        "No repetition, no flood", "safety",
        "The same order does not leave twice within the window from two intents, no more leave in a second than may,"
        " and no order is filled beyond its size.",
    ),
    "I19": Invariant(
        "No quote on an old book", "safety",
        "Nothing is placed on a book that is stale, crossed, gapped or of another epoch, nor after a reconnect before"
        " its first full frame.",
    ),
    "I20": Invariant(
        "Toxic flow, then cancel", "liveness",
        "From the trade that makes the flow toxic to the cancel on the wire: 99 of 100 within 50 ms, 999 of 1,000"
        " within 250 ms.",
    ),
    "I21": Invariant(
        "Conflation loses no meaning", "safety",
        "The book after any conflation is the book of all messages; fills, answers, commands and statuses are never"
        " conflated or dropped.",
    ),
    "I22": Invariant(
        "Resolved means stop", "safety",
        "A market that is resolved, closed, takes no orders or is too near its end gets no new order; its quotes go,"
        " and what is held is worth what the result says and nothing that is guessed.",
    ),
    "I23": Invariant(
        "Numbers are not trusted", "safety",
        "No NaN, infinity, negative size, price outside [0, 1], key that comes twice, number of more than 18 digits"
        " or unknown word enters the state; an unknown status of a trade is provisional, with an alert.",
    ),
    "I24": Invariant(
        "One writer", "safety",
        "One process at most holds a wallet's lease, and one that lost it sends no order. A second start exits with"
        " 73 and has sent the venue nothing.",
    ),
    "I25": Invariant(
        "Recovery is the truth", "safety",
        "After any death the open orders, positions, cash, latches and counters of risk are those that the venue's"
        " own log adds up to, and no order leaves before that is known.",
    ),
    "I26": Invariant(
        "Recovery is soon", "liveness",
        "Ready, or refused with a reason, within 30 s in 95 of 100 starts while the venue is healthy.",
    ),
    "I27": Invariant(
        "Latches survive", "safety",
        "A kill, a quarantine, a loss of the day and orders that were given up outlive crash, restart and an older"
        " database.",
    ),
    "I28": Invariant(
        "Paper cannot trade", "safety",
        "A process on paper or a backtest loads no key, has no way to submit and opens no connection to the order"
        " host; live needs the command, an armed configuration and a person's resume.",
    ),
    "I29": Invariant(
        "The journal cannot be edited", "safety",
        "It only grows, each entry carries the hash of the one before, and an edit, a gap or a cut is found and"
        " named.",
    ),
    "I30": Invariant(
        "No disk, no order", "safety",
        "Whatever goes wrong with the database closes the gate before the next order; cancels still leave and are"
        " kept in the emergency file.",
    ),
    "I31": Invariant(
        "The same again", "safety",
        "The same seed, configuration and code give the same trace, byte for byte; what decides reads time, chance"
        " and ids only from its arguments.",
    ),
    "I32": Invariant(
        "No message disappears", "safety",
        "What is sent is handled, or is a dead letter with a reason; a lost fill, answer or command has consequences.",
    ),
    "I33": Invariant(
        "Nobody waits for ever", "liveness",
        "Every ask has an end of at most 2 s, none comes from inside an actor, and asks of a dead actor are answered"
        " at once.",
    ),
    "I34": Invariant(
        "A death has an heir", "liveness",
        "However an actor dies, it is noticed at once and restarted, quarantined or escalated; none lingers.",
    ),
    "I35": Invariant(
        "The stuck are found", "liveness",
        "A handler that takes 2 s is reported with its stack, one that takes 10 s (5 s where all depends on it) ends"
        " the process, and so does an interpreter that stands still.",
    ),
    "I36": Invariant(
        "Memory has a bound", "safety",
        "Mailboxes, caches and registers have their bounds; memory, threads and files do not grow with time.",
    ),
    "I37": Invariant(
        "Trouble stays where it is", "safety",
        "A market whose actors crash again and again changes no order of another.",
    ),
    "I38": Invariant(
        "It ends in time", "liveness",
        "SIGTERM ends it within 30 s with no order of ours left, or with an exit code that says otherwise.",
    ),
    "I39": Invariant(
        "No secret leaves", "security",
        "Keys, secrets, passphrases and signatures are in no log, database, journal, export, traceback, metric or"
        " answer, however written.",
    ),
    "I40": Invariant(
        "Control is for its owner", "security",
        "A call on the control socket that is unauthorised, replayed, malformed, oversized or of another user is"
        " refused and audited.",
    ),
    "I41": Invariant(
        "Text from outside is inert", "security",
        "No control, bidirectional or other format character from outside reaches a terminal, a log line or the first"
        " place of a CSV cell.",
    ),
    "I42": Invariant(
        "Input has a bound", "security",
        "Frames and messages of a socket have at most 4 MiB, HTTP bodies 16 MiB unpacked, JSON that enters the ledger"
        " is nested 64 deep at most; no message is decoded in one piece of more than 50 ms.",
    ),
    "I43": Invariant(
        "Only what may be signed", "security",
        "What signs takes typed data of its own list of domains, for our account, within limits of its own.",
    ),
    "I44": Invariant(
        "Known packages only", "security",
        "What is installed is the lock file, with hashes; nothing comes from a version control system or a bare"
        " address.",
    ),
    "I45": Invariant(
        "A person lifts a kill", "security",
        "A kill is lifted on the local socket only, by somebody who types what is asked, and the journal says who.",
    ),
}  # fmt: skip
