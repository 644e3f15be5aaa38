"""The one writer: the rows and chain entries of a batch become one transaction, durable when it returns.

Why plain SQL and not the query builder: a batch is one prepared statement run over many rows, at five times the rows a
second; peewee still says what the columns are. Why values go by name: a row is a dictionary all the way from the
message to the disk, so no order of columns can be got wrong.
"""
# peewee carries no annotations.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from peewee import (
    EXCEPTIONS,  # pyright: ignore[reportAttributeAccessIssue]
    BigAutoField,
    ExceptionWrapper,
    Model,
    PeeweeException,
    SqliteDatabase,
    fn,
)

from actors.store.chain import GENESIS, Entry, link, read_page, verify
from actors.store.database import StoreError, checkpoint, open_writer
from actors.store.rows import Row
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
from models.messages.base import Message
from models.messages.records import StoppedCleanly

_AGING: Final = (Event, Decision, BookSnapshot, LatencyMetric, Error)
"""Tables whose rows are kept for a time only, and in a number."""

_COUNTED: Final = (PositionSnapshot, PnlSnapshot)
"""Tables whose rows are kept in a number only: the newest of a market that rests is still the present."""

_PRUNE_STEP: Final = 10_000
"""Rows deleted in one step, so that no order waits long behind it."""

_RUNS = "runs"
_ACCOUNT = "account"
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
        Audit: "(request) DO UPDATE SET result = excluded.result, answered_ns = excluded.answered_ns",
        Fact: "(key) DO UPDATE SET value = excluded.value",
    }
)
"""What a repeated key means; for a table that is not here it is an error."""


class Writer:
    """The database as its writer has it. `run` names the run of the engine; it enters the salt of every order."""

    def __init__(self, url: str, now_ns: int, account: str = "") -> None:
        """Open, verify the chain, and count a new run.

        `account` names the wallet that is traded live. Its database is its own, for what it holds and what stands at
        the venue outlives a run: all of its chain is read back, of any other run's only what came since.

        Raises:
            StoreBusy: another engine writes there.
            StoreError: it cannot be opened, is damaged, newer than this version, or another account's.
        """
        self._url = url
        self._statements: dict[type[Model], str] = {}
        self._head = GENESIS
        self.ends_cleanly = False
        """Whether the chain ends with a run that has ended in good order, as far as this process has written it."""
        self._open()
        try:
            self.run = self._count_run(now_ns, account)
        except StoreError:
            self._close()
            raise
        self._began = 0 if account else self._head.seq

    @property
    def is_open(self) -> bool:
        return not self.database.is_closed()

    def reopen(self) -> None:
        """Open again after a `close`, in the same run; the errors are those of the first time.

        Of the chain only what came since is verified: a core that is down waits for this.
        """
        if not self.is_open:
            self._open()

    def write(self, rows: Sequence[Row], chained: Sequence[tuple[int, Message]]) -> None:
        """Write rows, and chain messages with the time each came, in one transaction.

        Raises:
            StoreError: nothing was written.
        """
        by_table: dict[type[Model], list[dict[str, Any]]] = {}
        for row in rows:
            by_table.setdefault(row.table, []).append(row.values)
        links = list(link(self._head, chained))
        if links:
            by_table[Journal] = [entry.values for entry in links]
        try:
            with self.database.atomic(), _drivers_errors:
                for table, values in by_table.items():
                    self.database.cursor().executemany(self._insert(table), values)
        except PeeweeException as error:
            raise StoreError(f"the database took nothing: {type(error).__name__}: {error}") from error
        if links:
            self._head = links[-1].head
            self.ends_cleanly = type(chained[-1][1]) is StoppedCleanly

    def read_back(self, after: int, limit: int) -> list[Entry]:
        """Return the next entries of this run after number `after` from which the core is rebuilt.

        Raises:
            StoreError: the database refused.
        """
        try:
            return read_page(self.database, max(after, self._began), limit, ended=_ENDED_RECALLED)
        except PeeweeException as error:
            raise StoreError(f"cannot read the journal back: {error}") from error

    def prune(self, before_ns: int, keep_rows: int) -> bool:
        """Delete some of what is older than a time or beyond the newest `keep_rows`; return whether there may be more.

        Raises:
            StoreError: the database refused.
        """
        more = False
        try:
            for table in _AGING + _COUNTED:
                newest = table.select(fn.MAX(table.id)).scalar(self.database) or 0
                doomed = table.id <= newest - keep_rows
                if table in _AGING:
                    doomed |= table.at_ns < before_ns
                step = table.select(table.id).where(doomed).limit(_PRUNE_STEP)
                more |= table.delete().where(table.id.in_(step)).execute(self.database) == _PRUNE_STEP
        except PeeweeException as error:
            raise StoreError(f"cannot prune: {error}") from error
        return more

    def close(self) -> None:
        """Fold the write-ahead log in, close, and give up the lease.

        Raises:
            StoreError: the log could not be folded in; the database is closed all the same, and whole.
        """
        try:
            checkpoint(self.database)
        except PeeweeException as error:
            raise StoreError(f"no checkpoint: {error}") from error
        finally:
            self._close()

    def _open(self) -> None:
        self.database, self._close = open_writer(self._url)
        try:
            self._head = verify(self.database, self._head)
        except PeeweeException as error:
            self._close()
            raise StoreError(f"cannot read the journal: {error}") from error
        except StoreError:
            self._close()
            raise

    def order_ids(self) -> frozenset[str]:
        """Return the ids of all orders that were ever announced."""
        return frozenset(order_id for (order_id,) in Order.select(Order.order_id).tuples().execute(self.database))

    def _count_run(self, now_ns: int, account: str) -> str:
        facts = dict(Fact.select(Fact.key, Fact.value).tuples().execute(self.database))
        runs, owner = int(facts.get(_RUNS) or 0) + 1, facts.get(_ACCOUNT) or ""
        if runs > 1 and owner != account:
            whose = f"live trading of {owner}" if owner else "runs that moved no money"
            raise StoreError(f"the database belongs to {whose}: name another with --db or --data-dir")
        facts = {_RUNS: str(runs)} | ({_ACCOUNT: account} if account else {})
        self.write([Row(Fact, {"key": key, "value": value}) for key, value in facts.items()], ())
        return f"{runs}-{now_ns // 1_000_000}"

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
