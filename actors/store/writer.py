"""The one writer: the rows and chain entries of a batch become one transaction, durable when it returns.

Why plain SQL and not the query builder: a batch is one prepared statement run over many rows, at five times the rows a
second; peewee still says what the columns are. Why values go by name: a row is a dictionary all the way from the
message to the disk, so no order of columns can be got wrong.
Why every transaction asks for the lease: who lost it unawares must not add to a journal that goes on elsewhere.
"""
# peewee carries no annotations.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import contextlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from msgspec import json
from peewee import (
    EXCEPTIONS,  # pyright: ignore[reportAttributeAccessIssue]
    BigAutoField,
    ExceptionWrapper,
    Model,
    PeeweeException,
    SqliteDatabase,
    fn,
)

from actors.store.chain import GENESIS, Entry, Head, Older, check, link, newest_checkpoint, read_page
from actors.store.database import checkpoint, open_writer, sqlite_file
from actors.store.heads import Heads
from actors.store.rows import ACCOUNT, KILL, SLUG, Row
from actors.store.tables import (
    Audit,
    BookSnapshot,
    Decision,
    Error,
    Event,
    Fact,
    Fill,
    Journal,
    LatencyMetric,
    Order,
    OrderIntent,
    PnlSnapshot,
    PositionSnapshot,
)
from actors.store.trouble import StoreError, trouble
from models.messages.base import MarketId, Message, Tag
from models.messages.records import StoppedCleanly
from models.units import Size

_AGING: Final = (Event, Decision, BookSnapshot, LatencyMetric, Error)
"""Tables whose rows are kept for a time only, and in a number."""

_COUNTED: Final = (PositionSnapshot, PnlSnapshot)
"""Tables whose rows are kept in a number only: the newest of a market that rests is still the present."""

_PRUNE_STEP: Final = 10_000
"""Rows deleted in one step, so that no order waits long behind it."""

_RUNS = "runs"
_ENDED_RECALLED: Final = 5_000
"""Orders that ended last and are recalled beside those that have not: the venue may repeat itself about them."""
_drivers_errors = ExceptionWrapper(EXCEPTIONS)
"""Turns what sqlite3 and psycopg raise into peewee's own, as peewee does around its queries."""

_ON_REPEAT: Final[Mapping[type[Model], str]] = MappingProxyType(
    {
        Order: "(order_id) DO UPDATE SET filled = excluded.filled, state = excluded.state, reason = excluded.reason, "
        "changed_ns = excluded.changed_ns",
        # A fill that is told again as pending has not lost what is known of it since.
        Fill: "(trade_id, order_id) DO UPDATE SET status = excluded.status, changed_ns = excluded.changed_ns "
        "WHERE excluded.status <> 'pending'",
        # The wish and the order that came of it arrive on two lanes, in either order.
        OrderIntent: "(run, intent) DO UPDATE SET order_id = COALESCE(excluded.order_id, order_intents.order_id), "
        "submitted_ns = COALESCE(excluded.submitted_ns, order_intents.submitted_ns)",
        # A command is written down when it begins, and again with what came of it.
        Audit: "(request) DO UPDATE SET result = excluded.result, answered_ns = excluded.answered_ns, "
        "arguments = excluded.arguments, outcome = excluded.outcome",
        Fact: "(key) DO UPDATE SET value = excluded.value",
    }
)
"""What a repeated key means; for a table that is not here it is an error."""


class Writer:
    """The database as its writer has it. `run` names the run of the engine; it enters the salt of every order."""

    def __init__(
        self,
        url: str,
        now_ns: int,
        account: str = "",
        heads: Heads | None = None,
    ) -> None:
        """Open, verify the newest part of the chain, and count a new run.

        `account` names the wallet that is traded live. Its database is its own, for what it holds and what stands at
        the venue outlives a run: all of its chain is read back, of any other run's only what came since.
        `heads` remembers where the journal ended.

        Raises:
            StoreBusy: another engine writes there.
            StoreError: it cannot be opened, is damaged, of another version, another account's, or older than it was.
        """
        self.warning = ""
        """What a person should know of the database that was opened."""
        self.ended_cleanly = False
        """Whether the chain says that this run has ended in good order."""
        self._url = url
        self._account = account
        self._heads = heads
        self.on_lost: Callable[[str], object] = lambda _: None
        """Called with the reason when the lease is lost, from a thread of its own."""
        self._statements: dict[type[Model], str] = {}
        self._head = GENESIS
        self._epoch: int | None = None
        self._kept = heads.read(url) if heads is not None else None
        self._open()
        try:
            self.run = self._count_run(now_ns, account)
        except StoreError:
            self._owned.close()
            raise
        self._began = 0 if account else self._head.seq

    @property
    def is_open(self) -> bool:
        return not self.database.is_closed()

    def reopen(self) -> None:
        """Open again after a `close`, in the same run; the errors are those of the first time.

        Nobody may have had the database meanwhile: what another engine did is for a new start to find out.
        """
        if not self.is_open:
            self._open()

    @property
    def lost(self) -> str | None:
        """Why this process may not write on; None while it may."""
        return self._owned.lease.lost

    @property
    def keeps_head(self) -> bool:
        """Whether the journal ends where it is remembered to end."""
        return self._heads is None or self._kept == self._head

    def keep_head(self) -> None:
        """Remember where the journal ends. Raises OSError."""
        if self._heads is not None and not self.keeps_head:
            self._heads.keep(self._url, self._head)
            self._kept = self._head

    def write(self, rows: Sequence[Row], chained: Sequence[tuple[int, Message]]) -> None:
        """Write rows, and chain messages with the time each came, in one transaction.

        Raises:
            StoreError: nothing was written, or, where the connection was lost, perhaps all of it; the text says why.
        """
        by_table: dict[type[Model], list[dict[str, Any]]] = {}
        for row in rows:
            by_table.setdefault(row.table, []).append(row.values)
        links = list(link(self._head, chained))
        if links:
            by_table[Journal] = [entry.values for entry in links]
        try:
            with self.database.atomic(), _drivers_errors, self._sent_together():
                self._owned.lease.check(self.database)
                for table, values in by_table.items():
                    self.database.cursor().executemany(self._insert(table), values)
        except PeeweeException as error:
            raise self._trouble(error) from error
        if links:
            self._head = links[-1].head
            self.ended_cleanly |= any(type(message) is StoppedCleanly for _, message in chained)

    def name_markets(self, slugs: Mapping[MarketId, str]) -> None:
        """Keep what markets are called, for when they have gone from the catalogue. Raises StoreError."""
        self.write([Row(Fact, {"key": f"{SLUG}{market}", "value": slug}) for market, slug in slugs.items()], ())

    def killed(self) -> str | None:
        """Return why everything was killed, as far as no person has cleared it; None where nothing was.

        Raises:
            StoreError: the database refused.
        """
        try:
            value = Fact.select(Fact.value).where(Fact.key == KILL).scalar(self.database)
        except PeeweeException as error:
            raise StoreError(f"cannot read the kill latch: {error}") from error
        return None if value is None else json.decode(value, type=dict[str, Any]).get("reason") or "kill"

    def kill_is_audited(self) -> bool:
        """Whether the audit has a kill that was carried out or begun, and not lifted since.

        For the time before the journal runs.

        Raises:
            StoreError: the database refused.
        """
        done = Audit.verb.in_(("kill", "clear_kill")) & Audit.outcome.in_(("done", "partial"))
        said = done | ((Audit.verb == "kill") & (Audit.outcome == "begun"))
        try:
            newest = Audit.select(Audit.verb).where(said).order_by(Audit.answered_ns.desc()).limit(1)
            return newest.scalar(self.database) == "kill"
        except PeeweeException as error:
            raise StoreError(f"cannot read the audit: {error}") from error

    def read_back(self, after: int, limit: int) -> list[Entry]:
        """Return the next entries of this run after number `after` from which the core is rebuilt.

        The first is the newest checkpoint, where there is one: what was before it is in it.

        Raises:
            StoreError: the database refused.
        """
        try:
            checkpointed = newest_checkpoint(self.database, self._began)
            if checkpointed is None:
                return read_page(self.database, max(after, self._began), limit, ended=_ENDED_RECALLED)
            return read_page(self.database, max(after, checkpointed - 1), limit, ended=None)
        except PeeweeException as error:
            raise self._trouble(error) from error

    def fact(self, key: str) -> str | None:
        """Return a single fact, None where it was never said. For the time before the journal runs."""
        return Fact.select(Fact.value).where(Fact.key == key).scalar(self.database)

    def facts(self, prefix: str) -> dict[str, str]:
        """Return all facts whose keys begin so, without that beginning. For the time before the journal runs."""
        found = Fact.select(Fact.key, Fact.value).where(Fact.key.startswith(prefix), Fact.value.is_null(False))
        return {key.removeprefix(prefix): value for key, value in found.tuples().execute(self.database)}

    def markets_concerned(self, since_ns: int) -> set[MarketId]:
        """Return the markets of which something is held, or whose orders have changed since a time.

        For the time before the journal runs.
        """
        moved = Order.select(Order.market).where(Order.changed_ns >= since_ns)
        return {market for _, market in self.held()} | {market for (market,) in moved.tuples().execute(self.database)}

    def held(self) -> dict[tuple[Tag, MarketId], tuple[Size, Size]]:
        """Return the YES and NO shares of every desk that holds any. For the time before the journal runs."""
        position = PositionSnapshot
        newest = position.select(fn.MAX(position.id)).group_by(position.tag, position.market)
        holds = (position.yes_shares != 0) | (position.no_shares != 0)
        columns = (position.tag, position.market, position.yes_shares, position.no_shares)
        found = position.select(*columns).where(position.id.in_(newest), holds)
        return {(tag, market): (yes, no) for tag, market, yes, no in found.tuples().execute(self.database)}

    def prune(self, before_ns: int, keep_rows: int) -> bool:
        """Delete some of what is older than a time or beyond the newest `keep_rows`; return whether there may be more.

        Raises:
            StoreError: the database refused.
        """
        more = False
        try:
            for table in _AGING + _COUNTED:
                with self.database.atomic():
                    self._owned.lease.check(self.database)
                    newest = table.select(fn.MAX(table.id)).scalar(self.database) or 0
                    doomed = table.id <= newest - keep_rows
                    if table in _AGING:
                        doomed |= table.at_ns < before_ns
                    step = table.select(table.id).where(doomed).limit(_PRUNE_STEP)
                    more |= table.delete().where(table.id.in_(step)).execute(self.database) == _PRUNE_STEP
        except PeeweeException as error:
            raise self._trouble(error) from error
        return more

    def close(self) -> None:
        """Fold the write-ahead log in, close, and give up the lease.

        Raises:
            StoreError: the log could not be folded in; the database is closed all the same, and whole.
        """
        try:
            with contextlib.suppress(OSError, StoreError):
                self.keep_head()
            checkpoint(self.database)
        except PeeweeException as error:
            raise StoreError(f"no checkpoint: {error}") from error
        finally:
            self._owned.close()

    def _open(self) -> None:
        self._owned = open_writer(self._url, self._tell_lost)
        self.database = self._owned.database
        try:
            if self._epoch is not None and self._owned.lease.epoch != self._epoch + 1:
                raise StoreError("another engine has had the database meanwhile", cause="lease_lost")
            self._head = self._checked()
            self._epoch = self._owned.lease.epoch
        except PeeweeException as error:
            self._owned.close()
            raise self._trouble(error) from error
        except StoreError:
            self._owned.close()
            raise

    def _tell_lost(self, reason: str) -> None:
        self.on_lost(reason)

    def _checked(self) -> Head:
        if self._epoch is not None:
            return check(self.database, self._head, newest=0)
        try:
            return check(self.database, self._kept)
        except Older as error:
            if self._account:
                raise
            # No money hangs on what was simulated; a person may have put the file there to look at it again.
            self.warning = str(error)
            return check(self.database, None)

    def _trouble(self, error: PeeweeException) -> StoreError:
        return trouble(error, sqlite_file(self._url))

    def order_ids(self) -> frozenset[str]:
        """Return the ids of all orders that were ever announced."""
        # As the driver gives them: there may be very many, and a start waits for them.
        rows: list[tuple[str]] = self.database.execute(Order.select(Order.order_id)).fetchall()
        return frozenset(order_id for (order_id,) in rows)

    def _count_run(self, now_ns: int, account: str) -> str:
        facts = dict(Fact.select(Fact.key, Fact.value).tuples().execute(self.database))
        runs, owner = int(facts.get(_RUNS) or 0) + 1, facts.get(ACCOUNT) or ""
        if runs > 1 and owner != account:
            whose = f"live trading of {owner}" if owner else "runs that moved no money"
            raise StoreError(f"the database belongs to {whose}: name another with --db or --data-dir")
        facts = {_RUNS: str(runs)} | ({ACCOUNT: account} if account else {})
        self.write([Row(Fact, {"key": key, "value": value}) for key, value in facts.items()], ())
        return f"{runs}-{now_ns // 1_000_000}"

    def _sent_together(self) -> contextlib.AbstractContextManager[object]:
        """Let a server's answers wait until one is needed: each statement would cost a way there and back."""
        if isinstance(self.database, SqliteDatabase):
            return contextlib.nullcontext()
        return self.database.connection().pipeline()

    def _insert(self, table: type[Model]) -> str:
        statement = self._statements.get(table)
        if statement is None:
            meta: Any = table._meta  # noqa: SLF001 - peewee's documented name
            fields = [field for field in meta.sorted_fields if not isinstance(field, BigAutoField)]
            columns = ", ".join(f'"{field.column_name}"' for field in fields)
            style = ":{}" if isinstance(self.database, SqliteDatabase) else "%({})s"
            values = ", ".join(style.format(field.name) for field in fields)
            statement = f'INSERT INTO "{meta.table_name}" ({columns}) VALUES ({values})'  # noqa: S608 - our own names
            if table in _ON_REPEAT:
                statement = f"{statement} ON CONFLICT {_ON_REPEAT[table]}"
            self._statements[table] = statement
        return statement
