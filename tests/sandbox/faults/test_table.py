"""The table: what is in it, that it is complete, and what a wrong call is told."""

import json
import re
from pathlib import Path

import httpx
import pytest

from sandbox.exchange import Exchange, Setup
from sandbox.faults import relayer
from sandbox.faults.switchboard import ELSEWHERE, FAULTS
from sandbox.messages import Answer, HttpRequest
from tests.sandbox.faults.live import until

BEGIN_NS = 1_790_000_100_000_000_000
CATALOGUE = {f"F{number:02d}" for number in range(1, 65)}
NONSENSE = (None, -1, 0, 10**30, 1.5, "x", "", [], {}, True, "\u202e\r\n")


def call(exchange, method, path, body=None):
    request = HttpRequest("control", method, path, {}, b"" if body is None else json.dumps(body).encode())
    (answer,) = [one for one in exchange.handle(request, BEGIN_NS) if isinstance(one, Answer)]
    return answer.status, json.loads(answer.body)


@pytest.fixture
def exchange():
    made = Exchange(Setup(seed=1))
    made.populate("demo", BEGIN_NS, count=2)
    return made


def test_every_fault_of_the_catalogue_has_a_switch_or_says_where_it_is():
    switched = {number for fault in FAULTS.values() for number in fault.ids}
    assert switched | set(ELSEWHERE) == CATALOGUE
    assert set(ELSEWHERE) & switched == set()
    assert set(ELSEWHERE) == {"F08", "F09"}


def test_every_row_has_a_number_unless_it_is_of_the_relayer_and_a_sentence():
    for name, fault in FAULTS.items():
        assert bool(fault.ids) is (fault not in relayer.ROWS)
        assert fault.says
        assert name == fault.name == name.lower()


def test_every_switch_is_thrown_in_a_test_over_a_real_socket():
    told = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py") if path.name != "test_table.py")
    thrown = set(re.findall(r'throw\(\s*"(\w+)"', told))
    assert set(FAULTS) - thrown == set()


def test_the_list_shows_the_table_what_is_on_and_what_is_elsewhere(live):
    market = live.market()
    live.throw("silence", market=market.slug, seconds=100)
    live.throw("lose_answer", path="/nowhere", count=3)
    listed = live.ask("GET", "/sandbox/faults").json()
    assert set(listed["switches"]) == set(FAULTS)
    assert listed["switches"]["silence"]["ids"] == ["F24"]
    assert listed["elsewhere"] == dict(ELSEWHERE)
    assert [(one["fault"], one["left"]) for one in listed["on"]] == [("silence", None), ("lose_answer", 3)]
    assert live.clear("silence") == 1
    assert live.on() == ["lose_answer"]
    assert live.clear() == 1
    assert live.on() == []


def test_a_switch_ends_by_itself_and_the_log_says_so(live):
    live.throw("latency", path="/nowhere", seconds=5)
    assert until(lambda: not live.on())
    assert [line["what"] for line in live.lines("latency")][-2:] == ["thrown", "ended"]
    assert live.lines("latency")[-1]["ids"] == ["F12"]


def test_a_name_that_is_no_switch_cannot_be_cleared(live):
    answer = httpx.delete(live.url + "/sandbox/faults/nothing")
    assert (answer.status_code, "'nothing'" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize("name", FAULTS)
def test_nonsense_is_refused_in_words_and_stops_nothing(exchange, name):
    market = exchange.catalogue.markets[0].condition_id
    account = exchange.describe_accounts()[0]["address"]
    known = {"market": market, "account": account}
    body = {key: known[key] for key in FAULTS[name].takes if key in known and key != "order"}
    for key in FAULTS[name].takes:
        for value in NONSENSE:
            status, answer = call(exchange, "POST", "/faults", {"fault": name, **body, key: value})
            assert status in (200, 400)
            assert status == 200 or answer["error"]
    status, _ = call(exchange, "DELETE", "/faults")
    assert status == 200
    for _ in range(200):
        due_ns = exchange.next_event_at
        if due_ns is None:
            break
        exchange.tick(due_ns)
    assert call(exchange, "GET", "/faults")[1]["on"] == []
