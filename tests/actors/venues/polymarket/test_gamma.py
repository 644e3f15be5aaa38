import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.venues.http_client import BODY_MAX
from actors.venues.polymarket.gamma import GammaError, catalogue_of, fetch_catalogue, fetch_closed, market_of
from models.fees import taker_fee
from models.text import LENGTH_MAX, clean
from models.units import ONE, SHARE

LISTED: dict[str, Any] = {
    "conditionId": "0xabc",
    "slug": "will-it-rain",
    "question": "Will it rain?",
    "clobTokenIds": '["111", "222"]',
    "outcomes": '["Yes", "No"]',
    "orderPriceMinTickSize": 0.001,
    "orderMinSize": 5,
    "acceptingOrders": True,
    "endDate": "2026-12-31T12:00:00Z",
    "gameStartTime": "2026-12-30 10:00:00+00",
    "feesEnabled": True,
    "feeSchedule": {"exponent": 1, "rate": 0.07, "takerOnly": True, "rebateRate": 0.2},
}


def member(condition: str, **changes: Any) -> dict[str, Any]:
    tokens = json.dumps([condition[2:] + "1", condition[2:] + "2"])
    event = [{"slug": "cup", "title": "Who wins the cup?"}]
    return (
        LISTED
        | {"conditionId": condition, "clobTokenIds": tokens, "negRisk": True, "negRiskMarketID": "0x9", "events": event}
        | changes
    )


def test_a_market_object_is_read_exactly() -> None:
    market = market_of(LISTED)
    assert (market.tick, market.min_order_size, market.token_ids) == (10, 5 * SHARE, ("111", "222"))
    assert (market.fees.rate_e6, market.fees.exponent, market.fees.rebate_share_e6) == (70_000, 1, 200_000)
    assert market.end_ns == 1_798_718_400_000_000_000
    assert market.start_ns == 1_798_624_800_000_000_000
    assert market.assumed == ()


def test_a_market_starts_with_its_game_or_window_and_else_when_it_was_opened() -> None:
    opened, window = "2026-12-30T11:00:57.37498Z", "2026-12-31T11:45:00Z"
    nothing = {key: value for key, value in LISTED.items() if key != "gameStartTime"}
    assert market_of(nothing).start_ns is None
    assert market_of(nothing | {"startDate": opened}).start_ns == 1_798_628_457_000_000_000
    assert market_of(nothing | {"startDate": opened, "eventStartTime": window}).start_ns == 1_798_717_500_000_000_000
    assert market_of(LISTED | {"startDate": opened}).start_ns == 1_798_624_800_000_000_000


def test_what_an_object_does_not_say_is_assumed_and_named() -> None:
    market = market_of(
        {key: value for key, value in LISTED.items() if key not in ("orderMinSize", "orderPriceMinTickSize")}
    )
    assert (market.tick, market.min_order_size) == (100, 5 * SHARE)
    assert market.assumed == ("orderPriceMinTickSize", "orderMinSize")


def test_an_object_without_two_tokens_is_skipped_with_its_reason_and_the_rest_stay() -> None:
    catalogue, skipped = catalogue_of([LISTED, LISTED | {"slug": "new", "clobTokenIds": ""}])
    assert list(catalogue.markets) == ["0xabc"]
    assert [(skip.name, "clobTokenIds" in skip.reason) for skip in skipped] == [("new", True)]


def test_a_neg_risk_event_is_exhaustive_only_when_all_its_members_are_listed_named_and_take_orders() -> None:
    proven, _ = catalogue_of([member("0x1"), member("0x3")], {"0x9": 2})
    assert [(group.title, group.exhaustive) for group in proven.groups.values()] == [("Who wins the cup?", True)]
    for doubt in ({"negRiskOther": True}, {"groupItemTitle": "Other"}, {"acceptingOrders": False}):
        doubtful, _ = catalogue_of([member("0x1"), member("0x3", **doubt)], {"0x9": 2})
        assert not doubtful.groups["0x9"].exhaustive
    for members in ({}, {"0x9": 3}):
        doubtful, _ = catalogue_of([member("0x1"), member("0x3")], members)
        assert not doubtful.groups["0x9"].exhaustive, "a member may be missing from the list"
    unreadable, skipped = catalogue_of([member("0x1"), member("0x3"), member("0x5", clobTokenIds="")], {"0x9": 3})
    assert not unreadable.groups["0x9"].exhaustive
    assert len(skipped) == 1


def test_an_event_says_itself_how_many_markets_it_has() -> None:
    listed = [member("0x1"), member("0x3")]

    def fetched(members: int) -> bool:
        event = {"slug": "cup", "negRisk": True, "negRiskMarketID": "0x9", "markets": [{}] * members}
        pages = {
            "/markets/keyset": {"markets": listed},
            "/events/keyset": {"events": [event, {"slug": "none", "markets": None}]},
        }
        transport = served(lambda request: httpx.Response(200, json=pages[request.url.path]))
        with httpx.Client(transport=transport) as client:
            catalogue, _ = fetch_catalogue(client, "http://gamma")
        return catalogue.groups["0x9"].exhaustive

    assert fetched(2)
    assert not fetched(3)


@pytest.mark.proves("I41")
def test_a_hostile_title_is_cleaned_before_it_gets_in() -> None:
    market = market_of(LISTED | {"question": "Rain?\x1b]52;c;AA\x07\u202e\n2026 INFO kill off"})
    assert "\x1b" not in market.question
    assert "\u202e" not in market.question
    assert "\n" not in market.question


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["1e999", "-1", "NaN", "\x1b[2J", "\u202eON", "=1", '["1"]', "[" * 5_000, "9" * 30]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["slug", "rate", "exponent"]), inner),
    max_leaves=6,
)  # fmt: skip


@pytest.mark.proves("I23", "I41")
@given(
    st.dictionaries(st.sampled_from(sorted({*member("0x1"), "secondsDelay", "version", "groupItemTitle"})), ANY_JSON)
)
def test_whatever_an_object_says_it_is_a_market_of_plain_words_or_left_out(changes: dict[str, Any]) -> None:
    catalogue, skipped = catalogue_of([member("0x1") | changes, LISTED])
    assert "0xabc" in catalogue.markets
    assert len(catalogue.markets) + len(skipped) <= 2
    for market in catalogue.markets.values():
        words = (market.id, market.slug, *market.token_ids, *market.outcomes, market.question, market.group or "")
        assert all(word == clean(word) and len(word) <= LENGTH_MAX for word in words)
        assert taker_fee(market.fees, 5_000, 100 * SHARE) <= 100 * SHARE
    assert all(f"{one.name}{one.reason}".isprintable() for one in skipped)


@pytest.mark.proves("I23")
@pytest.mark.parametrize(
    "wrong",
    [
        {"conditionId": "0x\u202e1"},
        {"conditionId": "=1"},
        {"clobTokenIds": '["1", "\u00b2"]'},
        {"outcomes": '["Yes"]'},
        {"feeSchedule": {"rate": 0.07, "exponent": 100_000}},
        {"feeSchedule": {"rate": 0.07, "exponent": "1e999"}},
        {"feeSchedule": {"rate": 1.5, "exponent": 1}},
        {"feeSchedule": [1]},
        {"secondsDelay": -1},
        {"secondsDelay": 10**9},
        {"negRisk": True, "events": ["cup"]},
        {"negRisk": True, "negRiskMarketID": "0x9\u200b"},
        {"clobTokenIds": "[" * 5_000},
    ],
)
def test_a_market_that_says_what_cannot_be_is_left_out_with_its_reason(wrong: dict[str, Any]) -> None:
    pages = {"/markets/keyset": {"markets": [member("0x1"), LISTED | wrong]}, "/events/keyset": {"events": [wrong]}}
    with httpx.Client(transport=served(lambda request: httpx.Response(200, json=pages[request.url.path]))) as client:
        catalogue, skipped = fetch_catalogue(client, "http://gamma")
    assert list(catalogue.markets) == ["0x1"]
    assert len(skipped) == 1


@pytest.mark.proves("I42")
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b'{"markets":' + b"[" * 100_000),
        httpx.Response(200, content=b" " * (BODY_MAX + 1)),
        httpx.Response(
            200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(gzip.compress(bytes(BODY_MAX + 1)))
        ),
    ],
    ids=["deep", "long", "packed"],
)
def test_a_page_that_is_too_deep_or_too_long_is_none(answer: httpx.Response) -> None:
    with (
        httpx.Client(transport=httpx.MockTransport(lambda _: as_it_is(answer))) as client,
        pytest.raises(GammaError, match="did not answer with a page"),
    ):
        fetch_catalogue(client, "http://gamma")


def as_it_is(answer: httpx.Response) -> httpx.Response:
    """What a network would bring of it: packed, where it is packed."""
    return (
        answer
        if answer.headers.get("content-encoding")
        else httpx.Response(200, stream=httpx.ByteStream(answer.content))
    )


def served(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.MockTransport:
    """Answer so, as a network does: the body comes behind the head."""

    def streamed(request: httpx.Request) -> httpx.Response:
        given = answer(request)
        return httpx.Response(given.status_code, headers=given.headers, stream=httpx.ByteStream(given.content))

    return httpx.MockTransport(streamed)


def listing(*pages: tuple[int, str | None]) -> httpx.Client:
    """Markets on so many pages, each with its count and the cursor of the next."""
    cursors = {None: 0} | {cursor: number for number, (_, cursor) in enumerate(pages, 1)}

    def answer(request: httpx.Request) -> httpx.Response:
        number = cursors[request.url.params.get("after_cursor")] % len(pages)
        count, cursor = pages[number]
        found = [LISTED | {"conditionId": f"0x{number}{item:03d}"} for item in range(count)]
        return httpx.Response(200, json={"markets": found, "next_cursor": cursor})

    return httpx.Client(transport=served(answer))


def test_pages_are_read_until_there_is_no_cursor() -> None:
    with listing((100, "a"), (100, "b"), (3, None)) as client:
        catalogue, _ = fetch_catalogue(client, "http://gamma")
    assert len(catalogue.markets) == 203


@pytest.mark.fault("F22")
def test_a_cursor_that_comes_again_is_no_end_of_the_listing() -> None:
    with (
        listing((100, "a"), (100, "b"), (100, "a")) as client,
        pytest.raises(GammaError, match="http://gamma/markets/keyset gave the same cursor twice"),
    ):
        fetch_catalogue(client, "http://gamma")


def test_named_markets_alone_are_asked_for_some_at_a_time() -> None:
    asked: list[dict[str, list[str]]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append({key: request.url.params.get_list(key) for key in request.url.params})
        return httpx.Response(200, json={"markets": []})

    names = ("0x1", *(f"slug-{number}" for number in range(60)), "slug-1")
    with httpx.Client(transport=served(answer)) as client:
        fetch_catalogue(client, "http://gamma", names)
    assert [(one.get("condition_ids"), len(one.get("slug", ()))) for one in asked] == [
        (["0x1"], 0),
        (None, 50),
        (None, 10),
    ]


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(503, text="<html>"), httpx.Response(200, text="<html>"), httpx.Response(200, json={"a": 1})],
)
def test_half_a_catalogue_is_none(answer: httpx.Response) -> None:
    with (
        httpx.Client(transport=served(lambda _: answer)) as client,
        pytest.raises(GammaError, match="http://gamma/markets"),
    ):
        fetch_catalogue(client, "http://gamma")


def test_real_objects_of_all_vintages_are_read(shared: Path) -> None:
    dump = shared / "recordings" / "borat_gamma_clob_dumps" / "gamma_markets_600_closed.json.gz"
    catalogue, skipped = catalogue_of(json.loads(gzip.decompress(dump.read_bytes())))
    assert len(catalogue.markets) == 596, "four of the 600 objects come twice"
    assert skipped == ()


def test_a_market_of_the_newer_protocol_is_traded_by_its_positions_and_its_whole_condition() -> None:
    short = "0x017791f201d5a788e0039e511fc1900e5f0000000000000000000000000000"
    newer = LISTED | {"version": "v2", "conditionId": short, "positionIds": ["6635", "6636"]}
    market = market_of(newer)
    assert (market.token_ids, market.version) == (("6635", "6636"), "v2")
    assert market.id == market.condition_id == f"{short}00"
    assert market_of(newer | {"conditionId": f"{short}00"}).id == f"{short}00"
    assert market_of(newer | {"version": "v1"}).token_ids == ("111", "222"), "both may be shown"


def test_a_market_of_an_unknown_protocol_is_skipped() -> None:
    catalogue, skipped = catalogue_of([LISTED | {"version": "v3"}])
    assert not catalogue.markets
    assert "'v3' is not known" in skipped[0].reason


@pytest.mark.parametrize(
    ("said", "pays"),
    [
        ({"umaResolutionStatuses": '["proposed", "resolved"]', "outcomePrices": '["1", "0"]'}, ONE),
        ({"umaResolutionStatuses": '["resolved"]', "outcomePrices": '["0", "1"]'}, 0),
        ({"resolutionStatus": "resolved", "outcomePrices": ["0.5", "0.5"]}, ONE // 2),
        ({"umaResolutionStatuses": '["resolved"]', "outcomePrices": '["0.9995", "0.0005"]'}, None),
        ({"umaResolutionStatuses": '["proposed"]', "outcomePrices": '["1", "0"]'}, None),
        ({"umaResolutionStatuses": '["resolved"]', "outcomePrices": '["all", "nothing"]'}, None),
        ({}, None),
    ],
)
def test_a_closed_market_pays_what_is_final_or_nobody_knows_yet(said: dict[str, Any], pays: int | None) -> None:
    asked: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(dict(request.url.params))
        return httpx.Response(200, json={"markets": [LISTED | {"closed": True} | said]})

    with httpx.Client(transport=served(answer)) as client:
        ((market, found),) = fetch_closed(client, "http://gamma", ("0xabc",))
    assert (market.id, market.accepting_orders, found) == ("0xabc", False, pays)
    assert (asked[0]["closed"], asked[0]["condition_ids"]) == ("true", "0xabc")
