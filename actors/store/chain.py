"""The chain of the journal: each entry's digest covers its own fields and the digest before it.

An edited, removed or inserted entry breaks every digest after it; a missing one breaks the count. What the chain cannot
show is a tail cut off clean, or that all of it is yesterday's: the head that is kept beside it does (`heads`).

Why a start looks at the newest entries only: a million take seconds to walk through, and what an engine that has died
had just written is what it may have spoilt. `keel db verify` walks through all.
"""
# peewee carries no annotations.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec
from peewee import Database, fn

from actors.store.rows import CHAINED, OPEN_STATES
from actors.store.tables import Fill, Journal, Order
from actors.store.trouble import StoreError
from models.messages.base import Message
from models.messages.orders import OrderChanged, SubmitCancel, SubmitOrder
from models.messages.recall import Chained, Checkpointed

NEWEST: Final = 50_000
"""How many entries a start walks through, and never fewer than it learns from; it takes about a tenth of a second."""

_PAGE: Final = 10_000


class Head(NamedTuple):
    """The newest entry of a chain."""

    seq: int
    digest: str


class Link(NamedTuple):
    """An entry: its row of the journal, and the head of the chain that ends with it."""

    values: dict[str, Any]
    head: Head


class Entry(NamedTuple):
    """An entry as it is read back."""

    seq: int
    at_ns: int
    message: Chained


GENESIS: Final = Head(0, hashlib.sha256(b"keel journal 1").hexdigest())


def link(head: Head, chained: Iterable[tuple[int, Message]]) -> Iterator[Link]:
    """Return the entries that follow `head`, for messages with the time each came."""
    seq, digest = head
    for at_ns, message in chained:
        kind, subject = type(message).__name__, CHAINED[type(message)](message)
        body = msgspec.json.encode(message, order="deterministic").decode()
        seq += 1
        digest = _digest(digest, seq, at_ns, kind, subject, body)
        values = {"seq": seq, "at_ns": at_ns, "kind": kind, "subject": subject, "body": body, "digest": digest}
        yield Link(values, Head(seq, digest))


class Broken(StoreError):
    """The chain does not hold; `seq` is the first entry that is wrong."""

    def __init__(self, seq: int, what: str) -> None:
        super().__init__(f"the journal is damaged: entry {seq} {what}", fix=_WAY_OUT, cause="damaged")
        self.seq = seq


class Older(StoreError):
    """The journal is not the one of which the head was kept, or ends before it."""

    def __init__(self, text: str) -> None:
        super().__init__(text, fix=_WAY_OUT)


def check(database: Database, kept: Head | None, newest: int = NEWEST) -> Head:
    """Walk the newest part of the chain and return its head. `kept` is where it ended when somebody last looked.

    Raises:
        Older: it ends before `kept`, or is another journal.
        Broken: an entry was edited, removed or inserted there; the text names the first.
    """
    last: int = Journal.select(fn.MAX(Journal.seq)).scalar(database) or 0
    if kept is not None:
        _compare(database, kept, last)
    from_seq = last - newest
    checkpointed = newest_checkpoint(database) if newest else None
    if checkpointed is not None:
        from_seq = min(from_seq, checkpointed - 1)
    first = _at(database, from_seq) if from_seq > 0 else GENESIS
    if first is None:
        raise Broken(from_seq, "is missing")
    return verify(database, first)


def verify(database: Database, start: Head = GENESIS, told: Callable[[int], object] = lambda _: None) -> Head:
    """Walk the chain from an entry that is known to be good and return its head. `told` hears how far it is.

    Raises:
        Broken: an entry was edited, removed or inserted; the text names the first.
    """
    seq, digest = start
    before: int | None = Journal.select(fn.MIN(Journal.seq)).scalar(database)
    if before is not None and before < 1:
        raise Broken(before, "is not what was written")
    query = Journal.select(Journal.seq, Journal.at_ns, Journal.kind, Journal.subject, Journal.body, Journal.digest)
    while True:
        page: list[tuple[int, int, str, str, str, str]] = _page(database, query, seq, _PAGE)
        for found, at_ns, kind, subject, body, claimed in page:
            seq += 1
            if found != seq:
                raise Broken(seq, "is missing")
            digest = _digest(digest, seq, at_ns, kind, subject, body)
            if digest != claimed:
                raise Broken(seq, f"({kind} {subject}) is not what was written")
        told(seq)
        if len(page) < _PAGE:
            return Head(seq, digest)


def _compare(database: Database, kept: Head, last: int) -> None:
    """Raise Older where the journal is older than the head that was kept of it, or another one."""
    if last < kept.seq:
        text = f"the database is older than its journal was: it ends at entry {last}, and there were {kept.seq}"
        raise Older(f"{text}; it was restored from a backup, cut off, or removed")
    if kept.seq and _at(database, kept.seq) != kept:
        text = f"the database has another journal: entry {kept.seq} is not the one that was kept in mind"
        raise Older(f"{text}; it was restored from a backup and written again, or is another's")


def _at(database: Database, seq: int) -> Head | None:
    found: str | None = Journal.select(Journal.digest).where(Journal.seq == seq).scalar(database)
    return None if found is None else Head(seq, found)


def read_back(database: Database, after: int = 0, *, ended: int = 0) -> Iterator[Entry]:
    """Return what the executor and the risk supervisor are rebuilt from, in the order in which it was journalled.

    That is all that moved a position or a cell, and of the orders those that the venue may still speak of: they have
    not ended, or wait for the last word on a fill, or are among the `ended` that changed last.
    """
    while page := read_page(database, after, _PAGE, ended=ended):
        yield from page
        after = page[-1].seq


def newest_checkpoint(database: Database, after: int = 0) -> int | None:
    """Return the number of the newest entry that stands for all before it, None where none came after `after`."""
    newest = Journal.select(fn.MAX(Journal.seq)).where(Journal.kind == Checkpointed.__name__)
    found: int | None = newest.where(Journal.seq > after).scalar(database)
    return found


def read_page(database: Database, after: int, limit: int, *, ended: int | None = 0) -> list[Entry]:
    """Return the next entries of `read_back` after number `after`; none where there are no more. `ended` None: all."""
    query = Journal.select(Journal.seq, Journal.at_ns, Journal.body)
    if ended is not None:
        query = query.where(_may_be_spoken_of(ended))
    found: list[tuple[int, int, str]] = _page(database, query, after, limit)
    return [Entry(seq, at_ns, _decoder.decode(body)) for seq, at_ns, body in found]


def _may_be_spoken_of(ended: int) -> Any:
    not_ended = Order.select(Order.order_id).where(Order.state.in_(OPEN_STATES))
    unsettled = Fill.select(Fill.order_id).where(Fill.status == "pending")
    newest = Order.select(Order.order_id).order_by(Order.changed_ns.desc()).limit(ended)
    subject = Journal.subject
    wanted = Journal.kind.not_in([kind.__name__ for kind in (SubmitOrder, SubmitCancel, OrderChanged)])
    return wanted | subject.in_(not_ended) | subject.in_(unsettled) | subject.in_(newest)


def _page(database: Database, query: Any, after: int, limit: int) -> Any:
    """Return the next rows as the driver gives them: peewee's own rows would double the time of a start."""
    return database.execute(query.where(Journal.seq > after).order_by(Journal.seq).limit(limit)).fetchall()


def _digest(before: str, seq: int, at_ns: int, kind: str, subject: str, body: str) -> str:
    return hashlib.sha256(f"{before}\n{seq}\n{at_ns}\n{kind}\n{subject}\n{body}".encode()).hexdigest()


_decoder: msgspec.json.Decoder[Chained] = msgspec.json.Decoder(Chained)

_WAY_OUT: Final = (
    "put the newest whole database back, or let keel db recover set this one aside: "
    "the next start begins a new journal with what the venue says of the wallet"
)
