"""Orders, tokens, heartbeats and cancels of our account that are not ours: drift and foreign hands halt trading."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.store.queries import Reader
from models.cells import TradingState
from models.markets import YES
from models.messages.control import RaiseCell
from models.orders import OrderState
from models.units import SHARE
from tests.bin.processes import Sandbox, sandbox
from tests.faults.by_hand import by_hand
from tests.faults.journal import agree, journalled, life
from tests.faults.live_engine import clear, log

_WORLD = ("--port", 0, "--profile", "demo", "--markets-count", 4, "--seed", 7, "--accounts", 6)
_OFTEN = {"executor__reconcile_every_ms": "400"}


@pytest.fixture(scope="module")
def house() -> Iterator[Sandbox]:
    with sandbox(*_WORLD) as venue:
        yield venue


@pytest.fixture
def venue(house: Sandbox) -> Iterator[Sandbox]:
    yield house
    clear(house)


@pytest.mark.fault("F59")
def test_tokens_that_come_or_go_without_us_are_recorded_and_beyond_the_threshold_they_halt_their_market(
    venue: Sandbox, tmp_path: Path
) -> None:
    with by_hand(venue, 0, tmp_path, **_OFTEN) as hand:
        small, large = hand.market(), hand.market()
        for market in (small, large):
            hand.bought(market)
            hand.settles(market)
        account = {"account": venue.said["accounts"][0]["address"]}
        venue.fault("move_funds", **account, how="receive", market=small.condition_id, amount="0.5")
        venue.fault("move_funds", **account, how="send", market=large.condition_id, amount="2")

        def found() -> dict[str, tuple[int, int, int, int]]:
            with Reader(hand.running.engine.options.database) as reader:
                drifts = reader.events(kind="drift")
            return {
                one["market"]: tuple(one["detail"][of] for of in ("outcome", "held", "least", "most")) for one in drifts
            }

        hand.until(lambda: {small.id, large.id} <= set(found()), "both drifts are recorded")
        assert found() == {
            small.id: (YES, 5_500_000, 5 * SHARE, 5 * SHARE), large.id: (YES, 3 * SHARE, 5 * SHARE, 5 * SHARE)
        }  # fmt: skip
        hand.until(lambda: hand.state(large) is TradingState.HALTED, "the large one halts")
        assert set(hand.cells(large)) == {"drift"}
        assert hand.state(small) is TradingState.ACTIVE
        assert hand.shares(small) == hand.shares(large) == (5 * SHARE, 0), "nothing is corrected in silence"
        denied = hand.denied().get("halted", 0)
        hand.ask(large, "0.01")
        hand.until(lambda: hand.denied().get("halted", 0) == denied + 1, "nothing is placed there")
        assert hand.rests(small)


@pytest.mark.proves("I17")
@pytest.mark.fault("F60")
def test_an_order_of_our_account_that_is_not_ours_halts_everything_and_is_taken_off(
    venue: Sandbox, tmp_path: Path
) -> None:
    with by_hand(venue, 1, tmp_path) as hand:
        ours, market = hand.rests(hand.market()), hand.market()
        venue.fault("foreign_order", account=venue.said["accounts"][1]["address"], market=market.condition_id)
        hand.until(lambda: hand.running.states() == {TradingState.HALTED}, "everything halts")
        reason = hand.cells(market)["foreign"]
        foreign = next(line["id"] for line in reversed(log(venue, "order_placed")) if line["id"] != ours.order_id)
        assert foreign in reason
        hand.until(lambda: not hand.running.account()["open_orders"], "neither it nor ours stands any more")
        denied = hand.denied().get("halted", 0)
        hand.ask(market, "0.01")
        hand.until(lambda: hand.denied().get("halted", 0) == denied + 1, "nothing is placed")

        def halts() -> list[RaiseCell]:
            cells = journalled(hand.running, RaiseCell)
            return [cell for cell in cells if (cell.source, cell.state) == ("foreign", TradingState.HALTED)]

        hand.until(halts, "the halt is journalled")
        assert {cell.market for cell in halts()} == {None}


@pytest.mark.proves("I17")
@pytest.mark.fault("F60")
def test_a_foreign_order_that_no_stream_tells_of_is_found_by_the_next_read(venue: Sandbox, tmp_path: Path) -> None:
    with by_hand(venue, 2, tmp_path, **_OFTEN) as hand:
        market = hand.market()
        venue.fault("half_open", line="user", seconds=20)
        venue.fault("foreign_order", account=venue.said["accounts"][2]["address"], market=market.condition_id)
        hand.until(lambda: hand.running.states() == {TradingState.HALTED}, "everything halts")
        assert "foreign" in hand.cells(market)


@pytest.mark.fault("F61")
def test_a_second_writer_of_heartbeats_closes_the_gate_for_good(venue: Sandbox, tmp_path: Path) -> None:
    with by_hand(venue, 3, tmp_path) as hand:
        order = hand.rests(hand.market())
        beats = hand.posts("/v1/heartbeats")
        assert beats
        venue.fault("second_writer", account=venue.said["accounts"][3]["address"])
        hand.until(lambda: hand.running.states() == {TradingState.HALTED}, "everything halts")
        said = ("heartbeat", "another program sends heartbeats with our API key")
        hand.until(lambda: said in hand.running.cells(), "it says why")
        assert hand.running.engine.gate.closed == "another program sends heartbeats with our API key"
        assert hand.end(order).state is OrderState.CANCELLED
        sent = len(hand.posts())
        hand.ask(hand.running.engine.catalogue.markets[order.market], "0.01")
        hand.until(lambda: hand.denied().get("halted"), "it is refused")
        assert len(hand.posts()) == sent
        assert hand.running.account()["open_orders"] == []


@pytest.mark.fault("F62")
def test_what_the_venue_cancels_by_itself_is_cancelled_by_its_word_and_new_orders_go_out(
    venue: Sandbox, tmp_path: Path
) -> None:
    with by_hand(venue, 4, tmp_path) as hand:
        market, other = hand.market(), hand.market()
        orders = [hand.rests(market), hand.rests(market, "0.02"), hand.rests(other)]
        venue.fault("cancel_all", account=venue.said["accounts"][4]["address"])
        for order in orders:
            last = hand.end(order)
            assert (last.state, last.reason) == (OrderState.CANCELLED, "CANCELED")
            assert not any(changed.state is OrderState.CANCELLING for changed in life(hand.running, order))
        assert hand.running.account()["open_orders"] == []
        assert hand.rests(market)
        agree(hand.running)


@pytest.mark.fault("F62")
def test_when_heartbeats_lapse_what_rested_is_cancelled_and_quotes_wait_for_the_next_beat(
    venue: Sandbox, tmp_path: Path
) -> None:
    with by_hand(venue, 5, tmp_path) as hand:
        market = hand.market()
        order = hand.rests(market)
        venue.fault("lose_request", path="/v1/heartbeats", seconds=60)
        clear_after = hand.until(lambda: ("heartbeat" in hand.cells(market)) or None, "no quotes any more")
        assert clear_after
        hand.until(lambda: hand.state(market) is TradingState.CANCEL_ONLY, "what rests may only be cancelled")
        assert hand.end(order).state is OrderState.CANCELLED
        denied = hand.denied().get("cancel_only", 0)
        hand.ask(market, "0.01")
        hand.until(lambda: hand.denied().get("cancel_only", 0) == denied + 1, "nothing is placed")
        clear(venue)
        hand.until(lambda: hand.state(market) is TradingState.ACTIVE, "it beats again")
        assert hand.rests(market)
