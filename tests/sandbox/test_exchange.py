"""The exchange as a whole, without its shell."""

import json

import pytest

from sandbox.exchange import Exchange, Setup
from sandbox.messages import Answer, HttpRequest

BEGIN_NS = 1_790_000_100_000_000_000


def said(exchange: Exchange, path: str) -> object:
    (answer,) = exchange.handle(HttpRequest("clob", "GET", path, {}), BEGIN_NS)
    assert isinstance(answer, Answer)
    return json.loads(answer.body)


@pytest.mark.parametrize(
    ("protocol", "generation", "versions"),
    [("1", 1, {"v1"}), ("2", 2, {"v1"}), ("3", 2, {"v2"}), ("mixed", 2, {"v1", "v2"})],
)
def test_the_protocol_decides_which_orders_the_venue_and_its_markets_take(protocol, generation, versions):
    exchange = Exchange(Setup(protocol=protocol))
    exchange.populate("demo", BEGIN_NS)
    assert said(exchange, "/version") == {"version": generation}
    markets = exchange.describe_markets()
    assert {market["version"] for market in markets} == versions
    for market in markets:
        reserved = int(market["token_ids"][0]) >> 40 & (1 << 64) - 1
        assert (reserved == 0) == (market["version"] == "v2"), "clients tell the protocols apart by these bits"
    for event in {market["event"] for market in markets}:
        assert len({market["version"] for market in markets if market["event"] == event}) == 1


def test_the_log_says_when_markets_come_and_go():
    exchange = Exchange()
    exchange.populate("demo", BEGIN_NS, count=1)
    (market,) = exchange.describe_markets()
    body = json.dumps({"fault": "resolve", "market": market["slug"], "outcome": "Yes"}).encode()
    exchange.handle(HttpRequest("control", "POST", "/faults", {}, body), BEGIN_NS)
    lines = [json.loads(line) for line in exchange.log.after(0, exchange.log.last)]
    listed, resolved = (next(x for x in lines if x["kind"] == f"market_{what}") for what in ("listed", "resolved"))
    assert (listed["slug"], listed["market"]) == (market["slug"], resolved["market"])
    assert resolved["payouts"] == [10_000, 0]


def test_two_exchanges_of_one_seed_write_the_same_log_and_another_seed_another():
    def log(seed: int) -> list[str]:
        exchange = Exchange(Setup(seed=seed))
        exchange.populate("demo", BEGIN_NS)
        exchange.go_wrong("settlement", BEGIN_NS)
        exchange.tick(BEGIN_NS + 60_000_000_000)
        return exchange.log.after(0, exchange.log.last)

    assert log(1) == log(1)
    assert log(1) != log(2)
    assert len(log(1)) > 50
