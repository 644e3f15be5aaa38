"""The chain of the journal: each entry's digest covers its own fields and the digest before it.

An edited, removed or inserted entry breaks every digest after it; a missing one breaks the count. What the chain cannot
show is a tail cut off clean: the venue's own record shows that.
"""
# peewee carries no annotations.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec
from peewee import Database

from actors.store.database import StoreError
from actors.store.rows import CHAINED, OPEN_STATES
from actors.store.tables import Fill, Journal, Order
from models.messages.base import Message
from models.messages.orders import OrderChanged, SubmitCancel, SubmitOrder
from models.messages.recall import Chained

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


def verify(database: Database, start: Head = GENESIS) -> Head:
    """Walk the chain from an entry that is known to be good and return its head.

    Raises:
        StoreError: an entry was edited, or is missing; the text names the first.
    """
    seq, digest = start
    query = Journal.select(Journal.seq, Journal.at_ns, Journal.kind, Journal.subject, Journal.body, Journal.digest)
    while True:
        page: list[tuple[int, int, str, str, str, str]] = _page(database, query, seq, _PAGE)
        for found, at_ns, kind, subject, body, claimed in page:
            seq += 1
            if found != seq:
                raise StoreError(f"the journal is damaged: entry {seq} is missing")
            digest = _digest(digest, seq, at_ns, kind, subject, body)
            if digest != claimed:
                raise StoreError(f"the journal is damaged: entry {seq} ({kind} {subject}) is not what was written")
        if len(page) < _PAGE:
            return Head(seq, digest)


def read_back(database: Database, after: int = 0, *, ended: int = 0) -> Iterator[Entry]:
    """Return what the executor and the risk supervisor are rebuilt from, in the order in which it was journalled.

    That is all that moved a position or a cell, and of the orders those that the venue may still speak of: they have
    not ended, or wait for the last word on a fill, or are among the `ended` that changed last.
    """
    while page := read_page(database, after, _PAGE, ended=ended):
        yield from page
        after = page[-1].seq


def read_page(database: Database, after: int, limit: int, *, ended: int = 0) -> list[Entry]:
    """Return the next entries of `read_back` after number `after`; none where there are no more."""
    not_ended = Order.select(Order.order_id).where(Order.state.in_(OPEN_STATES))
    unsettled = Fill.select(Fill.order_id).where(Fill.status == "pending")
    newest = Order.select(Order.order_id).order_by(Order.changed_ns.desc()).limit(ended)
    subject = Journal.subject
    wanted = Journal.kind.not_in([kind.__name__ for kind in (SubmitOrder, SubmitCancel, OrderChanged)])
    wanted |= subject.in_(not_ended) | subject.in_(unsettled) | subject.in_(newest)
    query = Journal.select(Journal.seq, Journal.at_ns, Journal.body).where(wanted)
    found: list[tuple[int, int, str]] = _page(database, query, after, limit)
    return [Entry(seq, at_ns, _decoder.decode(body)) for seq, at_ns, body in found]


def _page(database: Database, query: Any, after: int, limit: int) -> Any:
    """Return the next rows as the driver gives them: peewee's own rows would double the time of a start."""
    return database.execute(query.where(Journal.seq > after).order_by(Journal.seq).limit(limit)).fetchall()


def _digest(before: str, seq: int, at_ns: int, kind: str, subject: str, body: str) -> str:
    return hashlib.sha256(f"{before}\n{seq}\n{at_ns}\n{kind}\n{subject}\n{body}".encode()).hexdigest()


_decoder: msgspec.json.Decoder[Chained] = msgspec.json.Decoder(Chained)
