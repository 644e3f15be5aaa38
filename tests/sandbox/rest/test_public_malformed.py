"""Whatever is asked, the services give one answer in JSON, and go on."""

import json
from itertools import count
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.exchange import Exchange
from sandbox.messages import Answer, HttpRequest

BEGIN_NS = 1_790_000_100_000_000_000

CLOCK = count(BEGIN_NS, 200_000_000)
"""Slow enough not to be made to wait."""
EXCHANGE = Exchange()
EXCHANGE.populate("demo", BEGIN_NS)
KNOWN = [
    (service, method, path)
    for service in ("clob", "gamma", "relayer", "site")
    for method, path in EXCHANGE._services[service]._handlers
]
NAMES = [
    "token_id", "side", "market", "interval", "fidelity", "startTs", "endTs", "next_cursor", "date", "maker_address",
    "sponsored", "limit", "offset", "after_cursor", "order", "ascending", "closed", "id", "slug", "condition_ids",
    "volume_num_min", "liquidity_num_max", "start_date_min", "end_date_max", "tag_id", "include_tag", "q", "page",
    "limit_per_type", "address", "type",
]  # fmt: skip
MARKET = EXCHANGE.catalogue.markets[0]
PLAUSIBLE = [
    "", "0", "-1", "1e9", "true", "BUY", "MA==", "LTE=", "2026-09-21", "0x", "1d", "9" * 30, "volumeNum", "nan", "inf",
    MARKET.condition_id, MARKET.slug, *MARKET.token_ids,
]  # fmt: skip
VALUES = st.one_of(st.sampled_from(PLAUSIBLE), st.text(max_size=20))
BODIES = st.one_of(
    st.binary(max_size=40),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), VALUES),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["token_id", "side", "x"]), inner, max_size=3)
        ),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode()),
)


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(KNOWN),
    VALUES,
    st.dictionaries(st.sampled_from(NAMES), st.lists(VALUES, min_size=1, max_size=2), max_size=5),
    BODIES,
)
def test_any_question_gets_one_answer(place, last, query, body):
    service, method, path = place
    request = HttpRequest(service, method, path.replace("*", last), query, body, call=7)
    answers = [effect for effect in EXCHANGE.handle(request, next(CLOCK)) if isinstance(effect, Answer)]
    assert [answer.call for answer in answers] == [7]
    assert answers[0].status in (200, 400, 401, 404, 405, 422)
    json.loads(answers[0].body)


def test_any_method_and_path_gets_one_answer():
    random = Random(1)
    for _ in range(2_000):
        service = random.choice(("clob", "gamma", "relayer", "site"))
        path = "".join(random.choice(["/", "book", "markets", "..", "%00", "é", "?", "slug", "1"]) for _ in range(5))
        request = HttpRequest(service, random.choice(("GET", "PUT", "PATCH", "BREW")), path, {}, b"", call=1)
        (answer,) = [effect for effect in EXCHANGE.handle(request, next(CLOCK)) if isinstance(effect, Answer)]
        assert answer.status in (200, 400, 401, 404, 405, 422)
