"""Real databases for the tests of the store: a SQLite file, and a PostgreSQL cluster of our own where there is one."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.store.database import open_reader, sqlite_url
from models.depth import Depth
from models.markets import Side
from models.messages.market import BookUpdated
from models.messages.orders import FillCounted, OrderChanged, PlaceOrder, SubmitOrder
from models.orders import OrderState, TimeInForce
from research.prove import postgres


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """Folder with the socket of a PostgreSQL server that lives as long as the tests."""
    with ExitStack() as running:
        try:
            folder = running.enter_context(postgres.server())
        except postgres.NoServer as error:
            pytest.skip(f"{error}; the same tests run on SQLite")
        yield folder


@pytest.fixture
def postgres_url(cluster: Path) -> str:
    """URL of an empty PostgreSQL database."""
    return postgres.url(cluster, postgres.new_database(cluster))


@pytest.fixture
def proxy(cluster: Path) -> Iterator[postgres.Proxy]:
    """A way to the server that can be cut."""
    proxy = postgres.Proxy(cluster)
    yield proxy
    proxy.close()


@pytest.fixture
def distant(proxy: postgres.Proxy, cluster: Path) -> str:
    """URL of an empty PostgreSQL database behind the proxy."""
    return proxy.url(postgres.new_database(cluster))


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database; every test that takes it runs on both kinds."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "arb.db")
    return request.getfixturevalue("postgres_url")


class Make:
    """Messages as an engine says them about its n-th order in a market."""

    def place(self, number: int, **changes: object) -> PlaceOrder:
        order = PlaceOrder(
            intent=f"maker/0xab/0/BUY/{number}",
            tag="maker",
            market="0xab",
            outcome=0,
            side=Side.BUY,
            price=4_800,
            size=5_000_000,
            post_only=True,
            time_in_force=TimeInForce.GTC,
            reason="provide",
            epoch=1,
            created_ns=1_000 + number,
        )
        return msgspec.structs.replace(order, **changes)

    def submit(self, number: int, **changes: object) -> SubmitOrder:
        return SubmitOrder(f"0x{number:064x}", self.place(number, **changes), 2_000 + number)

    def changed(self, number: int, state: OrderState, filled: int = 0, at_ns: int = 3_000) -> OrderChanged:
        order = self.place(number)
        return OrderChanged(
            f"0x{number:064x}",
            order.intent,
            order.tag,
            order.market,
            order.outcome,
            order.side,
            order.price,
            order.size,
            filled,
            state,
            f"it is {state}",
            at_ns,
        )

    def fill(self, number: int, trade: str = "trade", **changes: object) -> FillCounted:
        order = self.place(number)
        fill = FillCounted(
            trade_id=f"{trade} {number}",
            order_id=f"0x{number:064x}",
            intent=order.intent,
            tag=order.tag,
            market=order.market,
            outcome=order.outcome,
            side=order.side,
            price=order.price,
            size=order.size,
            cash=2_400_000,
            fee=0,
            rebate=100,
            maker=True,
            at_ns=4_000 + number,
        )
        return msgspec.structs.replace(fill, **changes)

    def book(
        self, market: str = "0xab", bid: int = 4_800, ask: int = 5_200, seq: int = 1, at_ns: int = 5
    ) -> BookUpdated:
        bids = Depth({bid - 100 * step: 1_000_000 for step in range(8)})
        asks = Depth({ask + 100 * step: 2_000_000 for step in range(8)})
        return BookUpdated(market, seq, 1, 100, bids, asks, bid, ask, bid, ask, None, at_ns, at_ns)


@pytest.fixture
def make() -> Make:
    """Builder of messages."""
    return Make()


Table = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def table(url: str) -> Table:
    """Read a whole table of the test's database as it stands now."""

    def read(name: str) -> list[dict[str, Any]]:
        database = open_reader(url)
        cursor = database.execute_sql(f"SELECT * FROM {name}")
        columns = [column[0] for column in cursor.description]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        database.close()
        return rows

    return read
