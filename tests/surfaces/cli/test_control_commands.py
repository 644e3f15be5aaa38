"""`orders`, `cancel`, `get`, `set`, `markets add` and `remove`, `audit`: what a person gets, in which code."""

import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from actors.control.ports import Changed, Listed, Refused, Reloaded, Value
from actors.store.database import resolve_url
from actors.store.queries import Reader
from actors.store.rows import rows_of
from actors.store.writer import Writer
from models.markets import YES, Market, Side
from models.messages.audit import CommandAnswered
from models.messages.catalogue import MarketListed
from models.messages.orders import OrderChanged
from models.orders import OrderState
from models.units import SHARE
from surfaces.cli.app import run
from surfaces.cli.errors import CommandError
from surfaces.cli.since import since_ns
from tests.little_engine import START_NS, TAG
from tests.surfaces.conftest import Served

Keel = Callable[..., tuple[int, str, str]]


@pytest.fixture
def keel(served: Served, capsys: pytest.CaptureFixture[str]) -> Keel:
    """Run a command against the engine; return exit code, stdout and stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run([*arguments, "--data-dir", str(served.data_dir)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


class Values:
    """A configuration of two keys; to lower `risk.floor` adds risk."""

    def __init__(self) -> None:
        self.now = {"maker.bid_size": "5", "risk.floor": "10"}

    def get(self, keys: Sequence[str]) -> tuple[Value, ...]:
        unknown = [key for key in keys if key not in self.now]
        if unknown:
            raise Refused("not_found", f"no key {unknown[0]!r}", "did you mean maker.bid_size?")
        return tuple(Value(key, self.now[key], "shares", "default", "A size.", live=True) for key in keys or self.now)

    def change(
        self,
        changes: Mapping[str, str],
        who: str,
        *,
        persist: bool,
        confirmed: bool,
        dry_run: bool,
        may_add_risk: bool = True,
    ) -> Reloaded:
        self.get(list(changes))
        risky = "risk.floor" in changes
        if risky and not may_add_risk:
            raise Refused("not_permitted", "this may add risk")
        if risky and not (confirmed or dry_run):
            raise Refused("confirmation_required", "this may add risk:\n  risk.floor")
        done = tuple(Changed(key, self.now[key], new, "shares", persist) for key, new in changes.items())
        if not dry_run:
            self.now |= changes
        return Reloaded(
            tuple(f"{one.path}: {one.old} -> {one.new}" for one in done), 0 if dry_run else 1, dry_run, done
        )


class Listings:
    """A catalogue that takes everything."""

    def add(self, name: str, who: str, timeout_s: float, *, dry_run: bool) -> Listed:
        verb = "would be added" if dry_run else "added"
        return Listed("0xnew", name, (f"{name} {verb}",), not dry_run, dry_run)

    def remove(self, market: str, who: str, timeout_s: float, *, dry_run: bool) -> Listed:
        raise Refused("refused", "market-1 is on", "keel markets off market-1")


@pytest.fixture
def values(served: Served) -> Values:
    served.engine.control.settings = values = Values()
    return values


def test_orders_are_listed_shown_and_cancelled_by_the_beginning_of_their_id(served: Served, keel: Keel) -> None:
    assert keel("orders", "list")[:2] == (0, "no order is open\n")
    first, second = served.engine.place(1), served.engine.place(2, price=3_100)
    out = keel("orders", "list")[1].splitlines()
    assert out[0].split() == ["ORDER", "MARKET", "SIDE", "PRICE", "SIZE", "FILLED", "STATE", "SINCE"]
    assert " ".join(out[2].split()).startswith("order-intent-2 market-2 BUY YES 0.31 5 0 working 2025-11-21")
    assert len(json.loads(keel("orders", "list", "--market", "market-1", "--json")[1])["orders"]) == 1
    assert "market-2" in keel("orders", "show", f"order-{second}")[1]
    code, out, _ = keel("orders", "cancel", f"order-{first}", "--dry-run")
    assert (code, out) == (0, "1 order would be cancelled\n")
    code, out, _ = keel("orders", "cancel", f"order-{first}")
    assert (code, out.splitlines()[0]) == (0, "1 order cancelled, 0 open")
    assert out.splitlines()[1] == "still traded, and may be quoted again: market-1 (to stop it: keel pause)"
    assert [line.intent for line in served.engine.board.look().open_orders()] == [second]
    assert keel("cancel", "--all", "--market", "market-2")[0] == 0
    assert served.engine.board.look().open_orders() == []


def test_an_order_that_cannot_be_cancelled_is_left_and_exits_8(served: Served, keel: Keel) -> None:
    intent = served.engine.place(1)
    served.engine.stuck = {intent}
    code, out, _ = keel("cancel", "--all", "--timeout", "0.4")
    assert (code, out.splitlines()[-1]) == (8, f"  left: YES bid 5 @ 0.48 working (order-{intent})")


@pytest.mark.parametrize(
    "arguments, code, told",
    [
        (("cancel",), 2, "name orders, or say --all"),
        (("cancel", "order-1", "--all"), 2, "name orders, or say --all"),
        (("cancel", "order-1", "--market", "market-1"), 2, "--market goes with --all"),
        (("cancel", "order-nobody"), 7, "no open order 'order-nobody'"),
        (("cancel", "--all", "--market", "nope"), 7, "no market 'nope'"),
        (("cancel", "order-intent"), 2, "is the beginning of 2 orders"),
        (("set",), 2, "name what to set"),
        (("set", "maker.bid_size"), 2, "is no KEY=VALUE"),
        (("set", "a=1", "a=2"), 2, "a is set twice"),
        (("set", "maker.bid_sise=3"), 7, "no key 'maker.bid_sise'"),
        (("get", "nothing"), 7, "did you mean maker.bid_size?"),
        (("markets", "remove", "market-1"), 6, "market-1 is on"),
        (("orders", "list", "--since", "2h"), 2, "go with --past"),
    ],
)
@pytest.mark.usefixtures("values")
def test_what_cannot_be_done_says_why(
    served: Served, keel: Keel, arguments: tuple[str, ...], code: int, told: str
) -> None:
    served.engine.control.markets = Listings()
    served.engine.place(1)
    served.engine.place(1)
    found, _, err = keel(*arguments)
    assert (found, told.lower() in err.lower()) == (code, True), err


def test_values_are_set_all_or_none_and_what_adds_risk_asks(
    values: Values, keel: Keel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert keel("set", "maker.bid_size=8", "--dry-run")[:2] == (0, "maker.bid_size: 5 -> 8\n")
    assert values.now["maker.bid_size"] == "5"
    assert keel("set", "maker.bid_size=8", "--persist")[0] == 0
    code, _, err = keel("set", "maker.bid_size=9", "risk.floor=1")
    assert (code, "add --yes" in err) == (6, True)
    assert values.now == {"maker.bid_size": "8", "risk.floor": "10"}
    found = json.loads(keel("set", "risk.floor=1", "--yes", "--json")[1])
    assert found["changes"] == [
        {"key": "risk.floor", "old": "10", "new": "1", "unit": "shares", "persisted": False}
    ]  # fmt: skip
    assert [row["value"] for row in json.loads(keel("get", "--json")[1])["settings"]] == ["8", "1"]
    assert keel("get", "risk.floor")[1].splitlines()[1].split() == ["risk.floor", "1", "shares", "default", "yes"]


@pytest.mark.proves("I40")
def test_an_operator_may_set_what_adds_no_risk(served: Served, values: Values) -> None:
    with served.client() as client:
        client.post("/v1/settings", values={"maker.bid_size": "6"})
    with served.client(role="operator") as operator:
        operator.post("/v1/settings", values={"maker.bid_size": "7"})
        with pytest.raises(CommandError, match="may add risk") as refused:
            operator.post("/v1/settings", values={"maker.bid_size": "8", "risk.floor": "1"}, confirmed=True)
    assert refused.value.exit_code == 6
    assert values.now == {"maker.bid_size": "7", "risk.floor": "10"}


def test_what_looks_like_a_key_is_not_written_into_the_audit(served: Served, keel: Keel) -> None:
    key = "ab" * 32
    keel("kill", "--reason", f"the key {key} leaked", "--dry-run")
    served.engine.control.settings = Values()
    keel("set", f"account.api_secret={key}", f"db=postgresql://ana:{key[:9]}@host/x")
    text = str(served.engine.audited)
    assert key[:9] not in text
    assert "the key [hidden] leaked" in text
    assert "postgresql://[hidden]@host/x" in text


def test_markets_are_added(served: Served, keel: Keel) -> None:
    code, _, err = keel("markets", "add", "fed-cut-mar")
    assert (code, "this engine has no catalogue" in err) == (6, True)
    served.engine.control.markets = Listings()
    assert keel("markets", "add", "fed-cut-mar", "--dry-run")[:2] == (0, "fed-cut-mar would be added\n")
    assert keel("markets", "add", "fed-cut-mar")[:2] == (0, "fed-cut-mar added\n")


def test_a_surface_that_only_looks_may_not_say_anything_but_kill(served: Served) -> None:
    with served.client(role="viewer") as viewer:
        assert viewer.get("/v1/status")["schema"] == "keel.status/1"
        with pytest.raises(CommandError, match="a viewer may not say pause") as refused:
            viewer.post("/v1/commands/pause", markets=[])
        assert refused.value.exit_code == 6
        viewer.post("/v1/kill", reason="it burns")
        with pytest.raises(CommandError, match="may not say clear_kill"):
            viewer.post("/v1/kill/clear", word="CLEAR")
    assert served.engine.gate == ["closed: it burns"]


def test_the_audit_and_past_orders_are_read_without_an_engine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    writer = Writer(resolve_url(None, tmp_path), START_NS)
    order = OrderChanged(
        "0xfeed01", "i-1", TAG, "0xab", YES, Side.BUY, 4_800, 5 * SHARE, 0, OrderState.CANCELLED, "operator", START_NS
    )
    said = [
        CommandAnswered("r1", "cli ana", "off", "0xab", {"markets": "one"}, "one off", START_NS, START_NS + 10**7),
        CommandAnswered(
            "r2", "web bob", "resume", None, {}, "a viewer may not say resume", START_NS + 1, START_NS + 1, "refused",
            "viewer", 7, 71,
        ),
        order,
    ]  # fmt: skip
    rows = [row for one in said for row in rows_of(one, writer.run, START_NS)]
    added = MarketListed(Market("0xcd", "fed-cut-mar", ("1", "2")), True, "paper", "ana", START_NS)
    writer.write([*rows, *rows_of(added, writer.run, START_NS)], [])
    writer.name_markets({"0xab": "fed-cut-jan"})
    writer.close()

    def keel(*arguments: str) -> tuple[int, str]:
        code = run([*arguments, "--data-dir", str(tmp_path)])
        return code, capsys.readouterr().out

    with Reader(resolve_url(None, tmp_path)) as reader:
        assert reader.slugs() == {"0xab": "fed-cut-jan", "0xcd": "fed-cut-mar"}
    code, out = keel("audit")
    assert code == 0
    assert [line.split()[2:6] for line in out.splitlines()[1:]] == [
        ["cli", "ana", "off", "one"],
        ["web", "bob", "uid", "7"],
    ]
    (newest,) = json.loads(keel("audit", "--limit", "1", "--json")[1])["calls"]
    assert (newest["outcome"], newest["role"], newest["uid"], newest["pid"]) == ("refused", "viewer", 7, 71)
    assert json.loads(keel("audit", "--since", "2025-11-22", "--json")[1])["calls"] == []
    assert json.loads(keel("orders", "list", "--past", "--json")[1])["orders"][0]["state"] == "cancelled"
    assert keel("orders", "list", "--past")[1].splitlines()[1].split()[:2] == ["0xfeed01", "fed-cut-jan"]
    for name, found in (("fed-cut-jan", 1), ("0xab", 1), ("fed-cut-mar", 0)):
        assert len(json.loads(keel("orders", "list", "--past", "--market", name, "--json")[1])["orders"]) == found
    assert "operator" in keel("orders", "show", "0xfeed")[1]
    assert keel("orders", "show", "0xbeef")[0] == 7


@pytest.mark.parametrize(
    "text, found",
    [
        (None, 0),
        ("30m", START_NS - 1_800_000_000_000),
        ("7d", START_NS - 604_800_000_000_000),
        ("2025-11-21", 1_763_683_200_000_000_000),
        ("2025-11-21T02:00:00+02:00", 1_763_683_200_000_000_000),
    ],
)
def test_since_is_a_time_ago_or_a_time(text: str | None, found: int) -> None:
    assert since_ns(text, START_NS) == found


def test_since_says_what_it_takes() -> None:
    with pytest.raises(CommandError, match="no time: 'yesterday'"):
        since_ns("yesterday", START_NS)
