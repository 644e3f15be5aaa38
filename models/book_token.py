"""One token's half of a market's book: its ladder, fed only by its own frames, and whether that can be trusted.

Why each level remembers when it was set: frames may come twice, or later than those that were sent after them. Of each
level the newest size counts, so the order of their coming changes nothing.
"""

from typing import Final

from models.book_hash import BookProof, Verdict
from models.book_parameters import BookCounts, BookParameters
from models.ladder import Ladder
from models.markets import YES, Outcome, Side
from models.messages.market import BookFrame, LevelChange
from models.units import ONE, Price, Size

_LATE_MAX_MS: Final = 10_000
"""No frame is on its way for longer: what claims to be older than the last full book by more tells no time of ours."""


class TokenBook:
    """A token's ladder in YES terms (`ladder` is None before its first full book) and the gap it may be in.

    `gap` says why the ladder is not trusted until the next full book, empty where it is. `book_ms` is the venue's time
    of the last full book, `last_ms` of the last frame.
    """

    __slots__ = (
        "_ask_ms",
        "_bid_ms",
        "_counts",
        "_failed",
        "_hash",
        "_parameters",
        "_proof",
        "_unsettled",
        "_unverified",
        "book_ms",
        "gap",
        "gap_since_ns",
        "ladder",
        "last_ms",
        "outcome",
    )

    def __init__(self, outcome: Outcome, proof: BookProof, parameters: BookParameters, counts: BookCounts) -> None:
        self.outcome: Outcome = outcome
        self.ladder: Ladder | None = None
        self.book_ms = self.last_ms = 0
        self.gap = ""
        self.gap_since_ns = 0
        self._proof, self._parameters, self._counts = proof, parameters, counts
        self._bid_ms: dict[Price, int] = {}
        self._ask_ms: dict[Price, int] = {}
        """The venue's time of the newest change of each level since the last full book."""
        self._hash = ""
        self._unverified = 0
        self._unsettled: tuple[int, str] | None = None
        self._failed = ""

    @property
    def name(self) -> str:
        """YES or NO, for reasons that people read."""
        return "YES" if self.outcome == YES else "NO"

    def verify(self, frame: BookFrame, tick: Price) -> bool:
        """Compare a full book with its own hash. Returns False only where that proves it wrong."""
        verdict = self._proof.check_book(frame, tick)
        counts, holds = self._counts, verdict is Verdict.HOLDS
        if verdict is Verdict.UNPROVEN:
            counts.hash_unproven += 1
        elif verdict is not Verdict.UNCHECKED and frame.source == "rest":
            counts.rest_hash_checked += 1
            counts.rest_hash_ok += holds
        elif verdict is not Verdict.UNCHECKED:
            counts.book_hash_checked += 1
            counts.book_hash_ok += holds
        return verdict is not Verdict.FAILS

    def load(self, bids: dict[Price, Size], asks: dict[Price, Size], tick: Price, timestamp_ms: int) -> None:
        """Put a full book, in YES terms, in the place of what was known. It ends a gap."""
        if self.ladder is None:
            self.ladder = Ladder(tick)
        self.ladder.load(bids, asks, tick)
        self.book_ms = self.last_ms = timestamp_ms
        self._bid_ms.clear()
        self._ask_ms.clear()
        self.gap = ""
        self._unsettled = None
        self._failed = ""

    def change(self, change: LevelChange, timestamp_ms: int, tick: Price) -> None:
        """Set one level, a multiple of `tick`. Void before the first full book, and where something newer is known."""
        ladder = self.ladder
        if ladder is None:
            return
        if timestamp_ms < self.book_ms:
            self._counts.changes_late += 1
            if self.book_ms - timestamp_ms > _LATE_MAX_MS:
                self._failed = "late"
            return
        if self._unsettled is not None and timestamp_ms > self._unsettled[0]:
            self._settle(ladder, tick)
        is_bid = (change.side is Side.BUY) is (self.outcome == YES)
        price = change.price if self.outcome == YES else ONE - change.price
        set_ms = self._bid_ms if is_bid else self._ask_ms
        if timestamp_ms < self.last_ms:
            self._counts.changes_late += 1
            if set_ms.get(price, 0) > timestamp_ms:
                return
        else:
            self._hash = change.hash
            self.last_ms = timestamp_ms
        set_ms[price] = timestamp_ms
        if is_bid:
            ladder.set_bid(price, change.size)
        else:
            ladder.set_ask(price, change.size)

    def doubt(self, timestamp_ms: int, tick: Price) -> str:
        """Say what is wrong with the ladder now that a frame was applied whole; empty where nothing new is."""
        ladder, venue_hash, self._hash = self.ladder, self._hash, ""
        if ladder is None or self.gap:
            return ""
        if ladder.bid > ladder.ask:
            return "crossed"
        if venue_hash and self._proof.covers_changes:
            self._unverified += 1
            sampled = self._unverified >= self._parameters.verify_every
            if sampled:
                self._unverified = 0
            # Of a batch of equal timestamp the last hash is that of its last state, whatever those before it were of.
            if sampled or (self._unsettled is not None and self._unsettled[0] == timestamp_ms):
                self._unsettled = (timestamp_ms, venue_hash)
            if self._parameters.verify_every == 1:
                self._settle(ladder, tick)
        return self._failed

    def open_gap(self, reason: str, now_ns: int) -> bool:
        """Stop trusting the ladder. Returns False where it was not trusted before."""
        if self.ladder is None or self.gap:
            return False
        self.gap, self.gap_since_ns = reason, now_ns
        self._unsettled = None
        self._failed = ""
        return True

    def _settle(self, ladder: Ladder, tick: Price) -> None:
        """Compare the ladder as it stands with the hash that was kept for it."""
        if self._unsettled is None:
            return
        timestamp_ms, venue_hash = self._unsettled
        self._unsettled = None
        verdict = self._proof.check_ladder(self.outcome, ladder, tick, timestamp_ms, venue_hash)
        if verdict is Verdict.UNPROVEN:
            self._counts.hash_unproven += 1
        elif verdict is not Verdict.UNCHECKED:
            self._counts.change_hash_checked += 1
            self._counts.change_hash_ok += verdict is Verdict.HOLDS
            self._failed = "hash" if verdict is Verdict.FAILS else ""
