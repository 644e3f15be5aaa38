"""What came of a request is said once: nothing that may rest is called refused, and no refusal is called unknown."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.venues.gated_transport import AnswerLost, GateClosed, NotSent
from actors.venues.http_client import Answer
from actors.venues.polymarket.outcomes import (
    batch_verdicts,
    cancellation,
    order_verdict,
    rate_limit,
    request_verdict,
)
from actors.venues.polymarket.verdicts import Cause, Fate, RateLimit, Verdict

ID = "0x" + "ab" * 32
FIELDS = st.sampled_from(["success", "errorMsg", "orderID", "status", "error", "code", "canceled", "not_canceled"])
LIMITED = {"poly-ratelimit-remaining": "0", "poly-ratelimit-reset": "1791241810", "retry-after": "2"}
HTML = b"<!DOCTYPE html><title>Attention Required! | Cloudflare</title>"


def answer(status: int, body: Any = b"", **headers: str) -> Answer:
    packed = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): text for name, text in headers.items()}, packed)


def placed(**changed: Any) -> dict[str, Any]:
    return {
        "errorMsg": "", "orderID": ID, "takingAmount": "", "makingAmount": "", "status": "live", "success": True,
        **changed,
    }  # fmt: skip


def refused(text: str, **changed: Any) -> dict[str, Any]:
    return placed(success=False, errorMsg=text, orderID="", status="", **changed)


@pytest.mark.parametrize("status", ["live", "matched", "delayed", "unmatched"])
def test_an_order_that_the_venue_took_is_done(status: str) -> None:
    verdict = order_verdict(answer(200, placed(status=status)), ID)
    assert verdict == Verdict(Fate.DONE, order_id=ID, status=status, making=0, taking=0)


def test_what_traded_at_once_is_read_in_millionths() -> None:
    told = placed(status="matched", makingAmount="9.999999", takingAmount="14.925372", tradeIDs=["t1", "t2"])
    verdict = order_verdict(answer(200, told), ID.upper().replace("X", "x"))
    assert (verdict.making, verdict.taking, verdict.trade_ids) == (9_999_999, 14_925_372, ("t1", "t2"))


@pytest.mark.parametrize("amount", ["9.9999999", "-1", "1e3", "NaN", 9.99, 10, ["1"]])
def test_an_amount_that_cannot_be_read_does_not_undo_an_order(amount: Any) -> None:
    verdict = order_verdict(answer(200, placed(status="matched", makingAmount=amount)), ID)
    assert (verdict.fate, verdict.making, verdict.taking) == (Fate.DONE, None, 0)


@pytest.mark.parametrize(
    ("heard", "fate", "cause"),
    [
        # In words, with 200.
        (answer(200, refused("not enough balance / allowance")), Fate.REFUSED, Cause.BALANCE),
        (answer(200, refused("")), Fate.REFUSED, Cause.OTHER),
        (answer(200, placed(orderID="", status="", errorMsg="invalid expiration")), Fate.REFUSED, Cause.EXPIRATION),
        (
            answer(200, placed(status="", errorMsg="order couldn't be fully filled. FOK orders are ...")),
            Fate.REFUSED,
            Cause.UNFILLED,
        ),
        (answer(200, {"error": "invalid post-only order: order crosses book"}), Fate.REFUSED, Cause.CROSSES),
        # With a status that is given before the book is looked at.
        (answer(400, {"error": "order 0x is invalid. Price (0.485) breaks minimum tick size rule: 0.01"}),
         Fate.REFUSED, Cause.TICK),
        (answer(400, {"error": "order 0x is invalid. Size (1) lower than the minimum: 5"}), Fate.REFUSED, Cause.SIZE),
        (answer(400, {"error": "invalid amounts, the buy orders maker amount ..."}), Fate.REFUSED, Cause.AMOUNTS),
        (answer(400, {"error": "order_version_mismatch"}), Fate.REFUSED, Cause.WRONG_GENERATION),
        (answer(400, {"error": "maker address not allowed, please use the deposit wallet flow"}),
         Fate.REFUSED, Cause.WALLET),
        (answer(400, {"error": "the order signer address has to be the address of the API KEY"}),
         Fate.REFUSED, Cause.WALLET),
        (answer(400, {"error": "'0x' address in closed only mode"}), Fate.REFUSED, Cause.CLOSED_ONLY),
        (answer(400, {"error": "'0x' address banned"}), Fate.REFUSED, Cause.BANNED),
        (answer(400, {"error": "the market is not yet ready to process new orders"}), Fate.REFUSED, Cause.NOT_READY),
        (answer(400, b"Bad Request"), Fate.REFUSED, Cause.OTHER),
        (answer(401, {"error": "Unauthorized/Invalid api key"}), Fate.REFUSED, Cause.UNAUTHORISED),
        (answer(401, b""), Fate.REFUSED, Cause.UNAUTHORISED),
        (answer(403, HTML), Fate.REFUSED, Cause.BLOCKED),
        (answer(404, {"error": "not found"}), Fate.REFUSED, Cause.GONE),
        (answer(429, {"error": "Too Many Requests"}, **{k.replace("-", "_"): v for k, v in LIMITED.items()}),
         Fate.REFUSED, Cause.RATE_LIMITED),
        (answer(503, {"error": "post-only mode: only post-only orders", "code": "post_only_mode"}),
         Fate.REFUSED, Cause.POST_ONLY_MODE),
        (answer(503, {"error": "Trading is currently cancel-only. New orders are not accepted"}),
         Fate.REFUSED, Cause.CANCEL_ONLY_MODE),
        (answer(503, {"error": "Trading is currently disabled. Check polymarket.com"}), Fate.REFUSED, Cause.DISABLED),
        (answer(503, {"error": "trading is disabled"}), Fate.REFUSED, Cause.DISABLED),
        # The first one stands.
        (answer(400, {"error": f"order {ID} is invalid. Duplicated."}), Fate.DONE, Cause.DUPLICATE),
        (answer(200, refused(f"order {ID} is invalid. Duplicated.")), Fate.DONE, Cause.DUPLICATE),
        # Nobody knows.
        (answer(400, {"error": "order match delayed due to market conditions"}), Fate.UNKNOWN, Cause.DELAYED),
        (answer(200, refused("order match delayed due to market conditions")), Fate.UNKNOWN, Cause.DELAYED),
        (answer(425, b""), Fate.UNKNOWN, Cause.RESTARTING),
        (answer(429, b"<html>slow down</html>", retry_after="1"), Fate.UNKNOWN, Cause.RATE_LIMITED),
        (answer(500, {"error": "could not insert order"}), Fate.UNKNOWN, Cause.UNAVAILABLE),
        (answer(500, {"error": "order timed out"}), Fate.UNKNOWN, Cause.UNAVAILABLE),
        (answer(502, HTML), Fate.UNKNOWN, Cause.UNAVAILABLE),
        (answer(503, HTML), Fate.UNKNOWN, Cause.UNAVAILABLE),
        (answer(301, b"", location="https://elsewhere"), Fate.UNKNOWN, Cause.OTHER),
        (answer(202, placed()), Fate.UNKNOWN, Cause.OTHER),
        (answer(408, b""), Fate.UNKNOWN, Cause.OTHER),
        (answer(200, b""), Fate.UNKNOWN, Cause.MALFORMED),
        (answer(200, b'{"success":true,"orderID":"0xab'), Fate.UNKNOWN, Cause.MALFORMED),
        (answer(200, HTML), Fate.UNKNOWN, Cause.MALFORMED),
        (answer(200, b"\xff\xfe"), Fate.UNKNOWN, Cause.MALFORMED),
        (answer(200, b'{"error":"\xff"}'), Fate.UNKNOWN, Cause.MALFORMED),
        (answer(200, b'{"x":' + b"[" * 100_000), Fate.UNKNOWN, Cause.MALFORMED),
        (answer(200, placed(success="yes")), Fate.UNKNOWN, Cause.MALFORMED),
        (answer(200, [placed()]), Fate.UNKNOWN, Cause.MALFORMED),
        (answer(200, {}), Fate.UNKNOWN, Cause.CONTRADICTION),
        (answer(200, placed(orderID="0xother")), Fate.UNKNOWN, Cause.CONTRADICTION),
        (answer(200, placed(orderID="")), Fate.UNKNOWN, Cause.CONTRADICTION),
        (answer(200, placed(status="")), Fate.UNKNOWN, Cause.CONTRADICTION),
        (answer(200, placed(status="resting")), Fate.UNKNOWN, Cause.CONTRADICTION),
        (answer(200, placed(errorMsg="something")), Fate.UNKNOWN, Cause.CONTRADICTION),
        (AnswerLost("ReadTimeout: the deadline of the request is over"), Fate.UNKNOWN, Cause.LOST),
        # Certainly nothing.
        (NotSent("ConnectError: refused"), Fate.NEVER_SENT, Cause.CONNECTION),
        (GateClosed("killed by the operator"), Fate.NEVER_SENT, Cause.GATE),
    ],
)  # fmt: skip
def test_every_answer_to_an_order_has_one_meaning(heard: Any, fate: Fate, cause: Cause) -> None:
    verdict = order_verdict(heard, ID)
    assert (verdict.fate, verdict.cause, verdict.order_id) == (fate, cause, ID)
    leg = heard
    if isinstance(heard, Answer) and heard.status == 200:
        leg = Answer(200, {}, b"[" + heard.body + b"]")
    if cause is Cause.DUPLICATE and heard.status != 200:
        fate = Fate.UNKNOWN  # said of a whole batch it does not say which of its orders stands
    for found in batch_verdicts(leg, [ID]):
        assert (found.fate, found.cause, found.order_id) == (fate, cause, ID)


@pytest.mark.parametrize("status", [*range(300, 313), *range(402, 403), *range(405, 425), *range(500, 512), 520, 599])
def test_a_status_that_nobody_listed_is_unknown(status: int) -> None:
    for body in (b"", HTML, json.dumps({"error": "no such thing"}).encode()):
        assert order_verdict(answer(status, body), ID).fate is Fate.UNKNOWN


def test_when_to_try_again_is_read_from_the_header_or_the_body() -> None:
    body = {"error": "post-only mode", "code": "post_only_mode", "retry_after_seconds": 79}
    assert order_verdict(answer(503, body, retry_after="5"), ID).retry_after_s == 79
    assert order_verdict(answer(425, b"", retry_after="5"), ID).retry_after_s == 5
    assert order_verdict(answer(425, b"", retry_after="Wed, 21 Oct 2026 07:28:00 GMT"), ID).retry_after_s is None


@pytest.mark.proves("I41")
def test_a_text_of_the_venue_cannot_command_a_terminal() -> None:
    verdict = order_verdict(answer(400, {"error": "no\x1b[2J\u202e" + "x" * 10_000}), ID)
    assert verdict.text.startswith("400 no[2Jxxx")
    assert len(verdict.text) < 400
    assert "\x1b" not in order_verdict(answer(403, b"\x1b]0;x\x07"), ID).text


def test_a_batch_is_judged_leg_by_leg_in_the_order_in_which_it_was_sent() -> None:
    other = "0x" + "cd" * 32
    legs = [placed(), placed(orderID="", status="", errorMsg="invalid post-only order: order crosses book")]
    first, second = batch_verdicts(answer(200, legs), [ID, other])
    assert (first.fate, second.fate, second.cause) == (Fate.DONE, Fate.REFUSED, Cause.CROSSES)
    swapped = batch_verdicts(answer(200, [placed(orderID=other), placed()]), [ID, other])
    assert [verdict.cause for verdict in swapped] == [Cause.CONTRADICTION] * 2


def test_a_leg_that_cannot_be_read_costs_the_others_nothing() -> None:
    first, second, third = batch_verdicts(answer(200, [placed(), placed(success=[]), placed()]), [ID, ID, ID])
    assert [verdict.fate for verdict in (first, second, third)] == [Fate.DONE, Fate.UNKNOWN, Fate.DONE]


@pytest.mark.parametrize("legs", [[], [placed()], [placed()] * 3, {"error": "odd"}])
def test_a_batch_that_is_not_answered_leg_for_leg_is_unknown(legs: Any) -> None:
    assert [verdict.fate for verdict in batch_verdicts(answer(200, legs), [ID, ID])] == [Fate.UNKNOWN] * 2


def test_a_batch_that_is_refused_is_refused_whole() -> None:
    whole = batch_verdicts(answer(400, {"error": "Too many orders in payload: 16, max allowed: 15"}), [ID, "0x2"])
    assert [(verdict.fate, verdict.order_id) for verdict in whole] == [(Fate.REFUSED, ID), (Fate.REFUSED, "0x2")]


def test_a_cancel_says_of_each_order_what_came_of_it() -> None:
    found = cancellation(answer(200, {"canceled": [ID], "not_canceled": {"0x2": "Order already matched"}}))
    assert found.of(ID) == Verdict(Fate.DONE, order_id=ID)
    assert found.of("0x2") == Verdict(Fate.REFUSED, Cause.GONE, "Order already matched", "0x2")
    assert (found.of("0x3").fate, found.of("0x3").cause) == (Fate.UNKNOWN, Cause.CONTRADICTION)


def test_an_empty_cancel_is_an_answer() -> None:
    for body in ({"canceled": [], "not_canceled": {}}, {"canceled": None, "not_canceled": None}):
        assert cancellation(answer(200, body)).verdict.fate is Fate.DONE


@pytest.mark.parametrize(
    ("heard", "fate", "cause"),
    [
        (answer(200, b"{}"), Fate.UNKNOWN, Cause.MALFORMED),
        (answer(200, b'{"canceled":["0x'), Fate.UNKNOWN, Cause.MALFORMED),
        (answer(200, HTML), Fate.UNKNOWN, Cause.MALFORMED),
        (answer(503, {"error": "Trading is currently disabled."}), Fate.REFUSED, Cause.DISABLED),
        (answer(400, {"error": "Invalid orderID"}), Fate.REFUSED, Cause.OTHER),
        (answer(425), Fate.UNKNOWN, Cause.RESTARTING),
        (AnswerLost("reset"), Fate.UNKNOWN, Cause.LOST),
        (NotSent("refused"), Fate.NEVER_SENT, Cause.CONNECTION),
    ],
)
def test_a_cancel_that_was_not_answered_cancelled_nothing_for_sure(heard: Any, fate: Fate, cause: Cause) -> None:
    found = cancellation(heard)
    assert (found.verdict.fate, found.verdict.cause) == (fate, cause)
    assert (found.of(ID).fate, found.of(ID).order_id) == (fate, ID)


def test_the_limiter_is_known_by_its_own_headers() -> None:
    told = Answer(200, {**LIMITED, "poly-ratelimit-remaining": "-37", "poly-ratelimit-tier": "gold"}, b"")
    assert rate_limit(told) == RateLimit(-37, 1791241810, "gold")
    assert rate_limit(answer(429, retry_after="1")) is None
    assert rate_limit(Answer(200, {"poly-ratelimit-remaining": "many"}, b"")) is None


def test_any_request_is_judged_by_its_status_alone() -> None:
    assert request_verdict(answer(200, HTML)) == Verdict(Fate.DONE)
    assert request_verdict(answer(418)).fate is Fate.UNKNOWN


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS | st.text(max_size=5), inner, max_size=6),
    max_leaves=10,
)
BODIES = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())
STATUSES = st.sampled_from([200, 400, 401, 403, 404, 425, 429, 500, 503]) | st.integers(200, 599)
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "poly-ratelimit-remaining", "poly-ratelimit-reset", "poly-ratelimit-tier"]),
    st.text(max_size=10) | st.integers(-5, 5).map(str),
)


@pytest.mark.proves("I23")
@given(STATUSES, HEADERS, BODIES)
def test_no_answer_is_too_odd_to_be_judged(status: int, headers: dict[str, str], body: bytes) -> None:
    heard = Answer(status, headers, body)
    verdict = order_verdict(heard, ID)
    assert verdict.order_id == ID
    if verdict.fate is Fate.DONE:
        assert verdict.cause is Cause.DUPLICATE or (status == 200 and ID in body.decode().lower())
    if verdict.fate is Fate.REFUSED:
        assert status in {200, 400, 401, 403, 404, 429, 503}
        assert status != 429 or "poly-ratelimit-remaining" in headers
    assert verdict.fate is not Fate.NEVER_SENT
    assert [one.order_id for one in batch_verdicts(heard, [ID, "0x2"])] == [ID, "0x2"]
    assert cancellation(heard).of(ID).fate in Fate
