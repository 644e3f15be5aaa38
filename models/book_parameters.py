"""How a book is trusted, and what it counts."""

from typing import Annotated

import msgspec

from models.parameters import parameter


class BookParameters(msgspec.Struct, frozen=True):
    """How long a book is believed without news, and how it is compared with the venue's.

    Why a sampled change waits: the venue may split one change over several frames of equal timestamp, all with the hash
    of the last state. Compared at once every such batch looks like a lost frame, so the sample is compared when a later
    timestamp shows that its batch is complete. Comparing every change leaves no time for that, and finds such batches.
    """

    event_fresh_ms: Annotated[
        int, parameter("A book without an event for longer is stale, unless it was verified.", "ms", ge=1, le=60_000)
    ] = 5_000
    verified_fresh_ms: Annotated[
        int,
        parameter("A quiet book is fresh for so long after the venue's own book equalled it.", "ms", ge=1, le=120_000),
    ] = 10_000
    mirror_grace_ms: Annotated[
        int, parameter("How long the touches of the two tokens may differ before the book is not used.", "ms", ge=0)
    ] = 250
    snapshot_interval_ms: Annotated[
        int, parameter("Shortest time between two requests for the full book of a market.", "ms", ge=1)
    ] = 1_000
    verify_every: Annotated[
        int,
        parameter(
            "Compare the hash of every n-th level change of a token; 1 compares all, each at once.", "count", ge=1
        ),
    ] = 16
    tape_is_proof: Annotated[
        bool, parameter("A recording is played: a quiet token is not stale, only a lost feed makes it so.", "switch")
    ] = False
    own_orders_in_feed: Annotated[
        bool, parameter("The venue's book contains our own orders (live), so they are taken out of it.", "switch")
    ] = False


class BookCounts(msgspec.Struct):
    """What a book saw and found.

    `*_hash_checked` are comparisons that could prove something, `*_hash_ok` those that held: of `book` frames, of
    answers to requests (`rest`) and of level changes.
    """

    frames: int = 0
    books: int = 0
    level_frames: int = 0
    prints: int = 0
    prints_repeated: int = 0
    tick_changes: int = 0
    books_superseded: int = 0
    changes_late: int = 0
    book_hash_checked: int = 0
    book_hash_ok: int = 0
    rest_hash_checked: int = 0
    rest_hash_ok: int = 0
    change_hash_checked: int = 0
    change_hash_ok: int = 0
    hash_unproven: int = 0
    gaps: int = 0
    resyncs: int = 0
    trades_printed: int = 0
    trades_inferred: int = 0
    unexplained: int = 0

    @property
    def hash_checked(self) -> int:
        """Comparisons of all kinds."""
        return self.book_hash_checked + self.rest_hash_checked + self.change_hash_checked

    @property
    def hash_ok(self) -> int:
        """Comparisons of all kinds that held."""
        return self.book_hash_ok + self.rest_hash_ok + self.change_hash_ok

    def add(self, other: "BookCounts") -> None:
        """Add another book's counts to these."""
        for field in self.__struct_fields__:
            setattr(self, field, getattr(self, field) + getattr(other, field))
