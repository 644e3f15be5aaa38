"""Plans: what throws switches by itself."""

import json
import time

import httpx
import pytest
import websocket

from sandbox.exchange import Exchange, Setup
from sandbox.faults.plan import PLANS, Plan
from sandbox.faults.switchboard import FAULTS
from sandbox.messages import SocketOpened, SocketText
from tests.sandbox.faults.live import Live, until

BEGIN_NS = 1_790_000_100_000_000_000
SECOND = 1_000_000_000


def run(name, seed, minutes):
    """A world under a plan; gives the log's lines of faults, and all of them."""
    exchange = Exchange(Setup(seed=1))
    exchange.populate("demo", BEGIN_NS, count=3)
    Plan(name, seed).arm(exchange._schedule, exchange._faults, BEGIN_NS)
    tokens = [token for market in exchange.describe_markets() for token in market["token_ids"]]
    exchange.handle(SocketOpened(1, "market"), BEGIN_NS)
    exchange.handle(SocketText(1, json.dumps({"type": "market", "assets_ids": tokens})), BEGIN_NS)
    end_ns = BEGIN_NS + minutes * 60 * SECOND
    effects = []
    while (due_ns := exchange.next_event_at) is not None and due_ns <= end_ns:
        effects += exchange.tick(due_ns)
    lines = exchange.log.after(0, exchange.log.last)
    return [line for line in map(json.loads, lines) if line["kind"] == "fault"], lines, effects


def test_the_same_name_and_seed_give_the_same_run():
    first, second, other = run("mixed", 5, 3), run("mixed", 5, 3), run("mixed", 6, 3)
    assert first[1:] == second[1:]
    assert first[0] != other[0]


@pytest.mark.parametrize("name", ["network", "settlement", "mixed"])
def test_a_plan_throws_most_of_its_switches_within_twenty_minutes(name):
    faults, _, _ = run(name, 1, 20)
    thrown = {line["fault"] for line in faults if line["what"] == "thrown"}
    planned = {pick.fault for pick in PLANS[name]}
    assert thrown <= planned
    assert len(thrown) > len(planned) * 0.7
    assert [line for line in faults if line["what"] == "refused"] == []


def is_well(live):
    try:
        return live.ask("GET", "/ok").json() == "OK"
    except (httpx.HTTPError, ValueError):
        return False


def test_a_server_under_a_plan_stays_a_server_and_makes_no_money(capfd):
    live = Live()
    Plan("mixed", 2).arm(live.exchange._schedule, live.exchange._faults, live.now_ns)
    markets, end = [live.market() for _ in range(5)], time.monotonic() + 4
    live._http.timeout = 0.3
    outcomes: set[str] = set()
    while time.monotonic() < end:
        for trader in live.traders[:2]:
            try:
                outcomes.add(str(trader.place(markets[0], 0, "BUY", "0.55", "10")[0]))
                outcomes.add(str(trader.call("DELETE", "/cancel-all")[0]))
            except (httpx.HTTPError, ValueError) as error:
                outcomes.add(type(error).__name__)
        try:
            live.subscribe(*markets).heard(0.05)
        except (OSError, ValueError, websocket.WebSocketException) as error:
            outcomes.add(type(error).__name__)
    live._http.timeout = 10
    assert until(lambda: is_well(live))
    ledger = live.accounts.ledger
    assert ledger.cash == ledger.brought_in
    live.hang_up()
    live.stop()
    assert len(outcomes) > 3
    assert capfd.readouterr().err == ""


def test_the_plan_of_nothing_does_nothing():
    assert run("none", 1, 2)[0] == []


def test_what_a_plan_picks_is_in_the_table():
    picked = {pick.fault for picks in PLANS.values() for pick in picks}
    assert picked <= set(FAULTS)
    with pytest.raises(KeyError):
        Plan("chaos", 1)
