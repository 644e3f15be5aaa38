"""Faults of the relayer, as its client sees them over a real socket."""

import httpx
import pytest

from tests.sandbox.faults.live import until
from tests.sandbox.holder import Holder, split
from tests.sandbox.house import MICRO

ENDS = ("STATE_CONFIRMED", "STATE_FAILED", "STATE_INVALID")


@pytest.fixture
def holder(live):
    """Whoever trades in these tests holds a deposit wallet whose transactions are all over."""

    def ask(method, path, body, headers, query):
        answer = live.ask(method, f"/relayer{path}", body, headers, **query)
        return answer.status_code, answer.json()

    made = Holder(live.traders[2], ask)
    yield made
    live.clear()
    until(lambda: all(one["state"] in ENDS for one in made.call("GET", "/transactions")[1]))


def newest(holder):
    return holder.call("GET", "/transactions")[1][0]


def ended(holder, transaction):
    """The state in which a transaction ends."""
    until(lambda: holder.shown(transaction)["state"] in ENDS)
    return holder.shown(transaction)["state"]


@pytest.mark.parametrize("how, status", [("unavailable", 503), ("error", 500)])
def test_a_relayer_that_is_down_says_so_and_takes_nothing(live, holder, how, status):
    before = holder.nonce()
    body = holder.body(split(live.market(), MICRO))
    live.throw("relayer_down", how=how)
    assert holder.call("POST", "/submit", body)[0] == status
    assert holder.call("GET", "/transactions")[0] == status
    live.clear("relayer_down")
    status, said = holder.call("POST", "/submit", body)
    assert (status, ended(holder, said["transactionID"])) == (200, "STATE_CONFIRMED")
    assert holder.nonce() == before + 1


@pytest.mark.parametrize("how, error", [("never", httpx.ReadTimeout), ("reset", httpx.ReadError)])
def test_a_relayer_that_is_down_may_say_nothing_on_one_path(live, holder, how, error):
    live.throw("relayer_down", how=how, method="GET", path="/nonce", count=1)
    live._http.timeout = 0.3 if how == "never" else 10
    with pytest.raises(error):
        holder.nonce()
    live._http.timeout = 10
    assert holder.nonce() >= 0
    assert live.on() == []


@pytest.mark.parametrize(
    "how, error", [("never", httpx.ReadTimeout), ("reset", httpx.ReadError), ("cut", httpx.RemoteProtocolError)]
)
def test_a_lost_answer_leaves_a_transaction_that_is_found_and_cannot_be_sent_twice(live, holder, how, error):
    body = holder.body(split(live.market(), MICRO))
    live.throw("relayer_answer_lost", how=how)
    live._http.timeout = 0.3 if how == "never" else 10
    with pytest.raises(error):
        holder.call("POST", "/submit", body)
    live._http.timeout = 10
    found = newest(holder)
    assert found["signature"] == body["signature"]
    assert holder.call("POST", "/submit", body)[0] == 400
    assert ended(holder, found["transactionID"]) == "STATE_CONFIRMED"
    assert holder.call("POST", "/submit", body)[0] == 400


def test_an_error_can_be_said_of_a_transaction_that_was_taken(live, holder):
    live.throw("relayer_answer_lost", how="error")
    assert holder.submit(split(live.market(), MICRO))[0] == 500
    assert ended(holder, newest(holder)["transactionID"]) == "STATE_CONFIRMED"


@pytest.mark.parametrize("state", ["STATE_FAILED", "STATE_INVALID"])
def test_a_transaction_can_fail(live, holder, state):
    cash = holder.wallet.cash
    assert live.throw("relayed_failed", state=state) == 1
    assert ended(holder, holder.taken(split(live.market(), MICRO))) == state
    assert holder.wallet.cash == cash


@pytest.mark.parametrize("state", ["STATE_NEW", "STATE_EXECUTED", "STATE_MINED"])
def test_a_transaction_can_be_stuck(live, holder, state):
    begin_ns = live.now_ns
    live.throw("relayed_stuck", state=state, delay=20)
    transaction = holder.taken(split(live.market(), MICRO))
    until(lambda: holder.shown(transaction)["state"] == state)
    assert ended(holder, transaction) == "STATE_CONFIRMED"
    assert live.now_ns - begin_ns > 20_000_000_000
