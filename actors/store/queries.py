"""What people ask of the database; reading only, beside the engine that writes it, on SQLite and PostgreSQL.

Rows are dictionaries with the columns of `tables.py`, newest first; integers as there.
"""
# peewee carries no annotations.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import msgspec
from peewee import Case, Model, PeeweeException, Select, fn

from actors.store.chain import Head, check, verify
from actors.store.database import open_reader, sqlite_file
from actors.store.lease import Holder, holder
from actors.store.rows import ACCOUNT, KILL, LISTED, OPEN_STATES, RESET, SLUG
from actors.store.tables import (
    TABLES,
    Audit,
    Decision,
    Error,
    Event,
    Fact,
    Fill,
    Journal,
    Order,
    PnlSnapshot,
    PositionSnapshot,
)
from actors.store.trouble import trouble
from models.markets import Side
from models.messages.base import MarketId, Tag
from models.units import Money, Size

Record: TypeAlias = dict[str, Any]

LIMIT: Final = 100
_SAME_BEGINNING: Final = 5


class Profit(msgspec.Struct, frozen=True):
    """What a desk made of a market: counted from its fills, and as it last said itself (None: it has not).

    `cash` is what came in less what went out, fees and rebates apart; shares are net of sales, merges not counted.
    """

    tag: Tag
    market: MarketId
    fills: int
    bought: Size
    sold: Size
    cash: Money
    fees: Money
    rebates: Money
    last_fill_ns: int
    realized: Money | None = None
    unrealized: Money | None = None
    mark_age_ms: int | None = None


class Reader:
    """An open database. Use it as a context manager, from one thread."""

    def __init__(self, url: str) -> None:
        """Open for reading. Raises StoreError where there is nothing to read."""
        self._url = url
        self._database = open_reader(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def counts(self) -> dict[str, int]:
        """Return how many rows each table has."""
        return {str(table._meta.table_name): self._count(table) for table in TABLES}  # noqa: SLF001

    def fills(
        self, market: MarketId | None = None, tag: Tag | None = None, since_ns: int = 0, limit: int = LIMIT
    ) -> list[Record]:
        """Return fills, voided ones too."""
        return self._rows(_of(Fill, market, tag, since_ns).order_by(Fill.at_ns.desc(), Fill.trade_id), limit)

    def orders(
        self,
        market: MarketId | None = None,
        tag: Tag | None = None,
        since_ns: int = 0,
        limit: int = LIMIT,
        *,
        only_open: bool = False,
    ) -> list[Record]:
        """Return orders by their last change."""
        query = _of(Order, market, tag, since_ns, Order.changed_ns)
        if only_open:
            query = query.where(Order.state.in_(OPEN_STATES))
        return self._rows(query.order_by(Order.changed_ns.desc(), Order.order_id), limit)

    def slugs(self) -> dict[MarketId, str]:
        """Return what each market is called that an engine has traded, or a person has added."""
        facts = Fact.select(Fact.key, Fact.value).where(Fact.value.is_null(False))
        known = (Fact.key.startswith(prefix) for prefix in (LISTED, SLUG))
        listed, named = (facts.where(one).tuples().execute(self._database) for one in known)
        added = {key.rpartition("/")[2]: msgspec.json.decode(value)["slug"] for key, value in listed}
        return added | {key.removeprefix(SLUG): value for key, value in named}

    def order(self, name: str) -> list[Record]:
        """Return the orders whose id or intent begins so, newest first; of many the first few."""
        begins = Order.order_id.startswith(name) | Order.intent.startswith(name)
        return self._rows(Order.select().where(begins).order_by(Order.changed_ns.desc()), _SAME_BEGINNING)

    def decisions(
        self, market: MarketId | None = None, tag: Tag | None = None, since_ns: int = 0, limit: int = LIMIT
    ) -> list[Record]:
        """Return decisions, with `explanation` decoded."""
        found = self._rows(_of(Decision, market, tag, since_ns).order_by(Decision.id.desc()), limit)
        for row in found:
            row["explanation"] = msgspec.json.decode(row["explanation"])
        return found

    def events(
        self, market: MarketId | None = None, kind: str | None = None, since_ns: int = 0, limit: int = LIMIT
    ) -> list[Record]:
        """Return events, with `detail` decoded."""
        query = _of(Event, market, None, since_ns)
        if kind is not None:
            query = query.where(Event.kind == kind)
        found = self._rows(query.order_by(Event.id.desc()), limit)
        for row in found:
            row["detail"] = msgspec.json.decode(row["detail"])
        return found

    def audit(self, since_ns: int = 0, limit: int = LIMIT) -> list[Record]:
        """Return calls that would change something, and refused ones, with `arguments` decoded."""
        found = self._rows(_of(Audit, None, None, since_ns).order_by(Audit.at_ns.desc(), Audit.request), limit)
        for row in found:
            row["arguments"] = msgspec.json.decode(row["arguments"])
        return found

    def errors(self, since_ns: int = 0, limit: int = LIMIT) -> list[Record]:
        """Return what went wrong inside."""
        return self._rows(_of(Error, None, None, since_ns).order_by(Error.id.desc()), limit)

    def profits(self, tag: Tag | None = None, since_ns: int = 0) -> list[Profit]:
        """Return each desk's profit by market, from fills since a time (voided ones do not count).

        What was before a reset of the database is not counted.
        """
        since_ns = max(since_ns, self.reset_ns)
        buys, sells = Fill.side == Side.BUY.value, Fill.side == Side.SELL.value
        query = (
            _of(Fill, None, tag, since_ns)
            .select(
                Fill.tag,
                Fill.market,
                fn.COUNT(Fill.trade_id).alias("fills"),
                _sum(buys, Fill.size).alias("bought"),
                _sum(sells, Fill.size).alias("sold"),
                (_sum(sells, Fill.cash) - _sum(buys, Fill.cash)).alias("cash"),
                _sum(None, Fill.fee).alias("fees"),
                _sum(None, Fill.rebate).alias("rebates"),
                fn.MAX(Fill.at_ns).alias("last_fill_ns"),
            )
            .where(Fill.status != "voided")
            .group_by(Fill.tag, Fill.market)
            .order_by(Fill.tag, Fill.market)
        )
        realized = self._newest(PositionSnapshot, "realized")
        marked = self._newest(PnlSnapshot, "unrealized", "mark_age_ms")
        profits: list[Profit] = []
        for row in self._rows(query, None):
            desk = (row["tag"], row["market"])
            profits.append(msgspec.convert(row | realized.get(desk, {}) | marked.get(desk, {}), Profit))
        return profits

    def kill_latch(self) -> dict[str, Any] | None:
        """Return the request and time of a kill that no person has cleared."""
        value = Fact.select(Fact.value).where(Fact.key == KILL).scalar(self._database)
        return None if value is None else msgspec.json.decode(value)

    @property
    def reset_ns(self) -> int:
        """When a person began the count of profits anew; 0: never."""
        return int(Fact.select(Fact.value).where(Fact.key == RESET).scalar(self._database) or 0)

    @property
    def account(self) -> str:
        """The wallet whose live trading this is; empty: none's."""
        return Fact.select(Fact.value).where(Fact.key == ACCOUNT).scalar(self._database) or ""

    @property
    def holder(self) -> Holder | None:
        """Who writes here, or wrote here last."""
        return holder(self._database)

    def entries(self) -> int:
        """Return the number of the journal's last entry."""
        return int(Journal.select(fn.MAX(Journal.seq)).scalar(self._database) or 0)

    def verify(self, kept: Head | None = None, told: Callable[[int], object] = lambda _: None) -> int:
        """Walk the journal's chain and return how many entries it has; `kept` is where it ended when last looked at.

        Raises:
            Older: it ends before that, or is another journal.
            Broken: an entry was edited, removed or inserted; the first one is named.
            StoreError: it cannot be read.
        """
        try:
            found = verify(self._database, told=told).seq
            check(self._database, kept, newest=0)
        except PeeweeException as error:
            raise trouble(error, sqlite_file(self._url)) from error
        return found

    def _newest(self, table: Any, *columns: str) -> dict[tuple[Tag, MarketId], Record]:
        """Return what each desk last said of each market."""
        last = table.select(fn.MAX(table.id)).group_by(table.tag, table.market)
        query = table.select(table.tag, table.market, *(getattr(table, column) for column in columns))
        rows = self._rows(query.where(table.id.in_(last)), None)
        return {(row["tag"], row["market"]): row for row in rows}

    def _rows(self, query: Select, limit: int | None) -> list[Record]:
        return list(query.limit(limit).dicts().execute(self._database))

    def _count(self, table: type[Model]) -> int:
        return int(table.select(fn.COUNT(1)).scalar(self._database))


def _of(table: Any, market: MarketId | None, tag: Tag | None, since_ns: int, time: Any = None) -> Any:
    """Return a query of what concerns a market and a desk (None: all) since a time."""
    query = table.select().where((table.at_ns if time is None else time) >= since_ns)
    if market is not None:
        query = query.where(table.market == market)
    if tag is not None:
        query = query.where(table.tag == tag)
    return query


def _sum(condition: Any, column: Any) -> Any:
    """Return a sum over the rows for which a condition holds, as an integer on both databases."""
    counted = column if condition is None else Case(None, ((condition, column),), 0)
    return fn.SUM(counted).cast("BIGINT")
