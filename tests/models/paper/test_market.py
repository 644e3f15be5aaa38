"""The queue: what is ahead of our orders, and what fills them."""

import json
from pathlib import Path

import pytest

from actors.venues.polymarket.codec import Codec
from models.book import BookMachine
from models.book_parameters import BookParameters
from models.markets import NO, YES, Market
from models.messages.base import Message
from models.messages.market import BookUpdated, TradeSeen
from models.paper.parameters import PaperParameters
from models.units import format_size
from tests.models.paper.world import BUY, MS, SELL, World


def test_an_order_joins_behind_all_size_that_is_visible_at_its_price() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("bid", BUY, "0.48", "10")
    world.place("ask", BUY, "0.48", "10", outcome=NO)  # a NO bid at 0.48 is a YES ask at 0.52
    assert world.ahead("bid") == "100"
    assert world.ahead("ask") == "80"


def test_an_order_that_improves_has_nothing_ahead_but_pays_the_latency() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.send("bid", BUY, "0.49", "10")
    world.wait(49)
    world.trade(SELL, "0.48", "30")
    world.wait(1)
    assert world.ahead("bid") == "0"
    assert world.fills() == []


def test_the_fed_capture_shrinks_the_queue_by_the_print_once() -> None:
    world = World()
    world.book({"0.924": "1"}, {"0.925": "23619.51"}, tick=10)
    world.place("ask", BUY, "0.075", "100", outcome=NO)
    world.book({"0.924": "1"}, {"0.925": "23403.29"}, tick=10)
    assert world.ahead("ask") == "23619.51"
    world.wait(228)
    world.trade(BUY, "0.925", "216.216215")
    assert world.ahead("ask") == "23403.293785"  # less the print, once: not 432.43
    world.wait(600)
    assert world.ahead("ask") == "23403.29"  # the level is rounded, and no more can be ahead than is visible


def test_the_fed_capture_counts_the_same_when_the_print_comes_first() -> None:
    world = World()
    world.book({"0.924": "1"}, {"0.925": "23619.51"}, tick=10)
    world.place("ask", BUY, "0.075", "100", outcome=NO)
    world.trade(BUY, "0.925", "216.216215")
    assert world.ahead("ask") == "23403.293785"
    world.wait(228)
    world.book({"0.924": "1"}, {"0.925": "23403.29"}, tick=10)
    world.wait(600)
    assert world.ahead("ask") == "23403.29"


def test_a_trade_at_our_price_shrinks_the_queue_and_then_fills_us() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("bid", BUY, "0.48", "10")
    world.trade(SELL, "0.48", "96")
    assert world.ahead("bid") == "4"
    assert world.fills() == []
    world.trade(SELL, "0.48", "7")
    assert world.ahead("bid") == "0"
    assert world.fills() == [("0.48", "3")]
    world.trade(SELL, "0.48", "50")
    assert world.fills() == [("0.48", "3"), ("0.48", "7")]


def test_trades_on_the_other_side_or_at_a_better_price_do_not_touch_the_queue() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("bid", BUY, "0.48", "10")
    world.trade(BUY, "0.48", "500")
    world.trade(SELL, "0.49", "500")
    assert world.ahead("bid") == "100"
    assert world.fills() == []


def test_a_no_order_fills_in_its_own_price() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("ask", BUY, "0.48", "10", outcome=NO)
    world.trade(BUY, "0.52", "85")
    assert world.fills() == [("0.48", "5")]


def test_a_level_that_is_traded_through_fills_us_by_at_most_what_was_traded() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("bid", BUY, "0.48", "10")
    world.trade(SELL, "0.47", "6")
    assert world.fills() == [("0.48", "6")]
    assert world.ahead("bid") == "0"


def test_one_trade_fills_the_better_of_our_orders_first_and_no_share_twice() -> None:
    world = World()
    world.book({"0.48": "2"}, {"0.52": "80"})
    world.place("low", BUY, "0.48", "10")
    world.place("high", BUY, "0.49", "10")
    world.trade(SELL, "0.48", "15")
    assert world.fills("high") == [("0.49", "10")]
    assert world.fills("low") == [("0.48", "3")]  # 15 less 10 above and 2 ahead


def test_our_orders_at_one_price_fill_in_the_order_in_which_they_came() -> None:
    world = World()
    world.book({"0.48": "20"}, {"0.52": "80"})
    world.place("first", BUY, "0.48", "10")
    world.book({"0.48": "50"}, {"0.52": "80"})
    world.place("second", BUY, "0.48", "10")
    world.trade(SELL, "0.48", "26")
    assert world.fills() == [("0.48", "6")]
    assert (world.ahead("first"), world.ahead("second")) == ("0", "30")
    world.trade(SELL, "0.48", "36")
    assert world.filled("first") == 10_000_000
    assert world.filled("second") == 2_000_000  # 4 to the first, 30 outside


def test_a_cancel_ahead_is_not_credited_beyond_what_is_visible() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("bid", BUY, "0.48", "10")
    world.book({"0.48": "160"}, {"0.52": "80"})
    world.book({"0.48": "120"}, {"0.52": "80"})
    world.wait(501)
    assert world.ahead("bid") == "100"
    world.book({"0.48": "30"}, {"0.52": "80"})
    assert world.ahead("bid") == "100"  # a print may still explain it
    world.wait(500)
    assert world.ahead("bid") == "100"
    world.wait(1)
    assert world.ahead("bid") == "30"


def test_cancels_by_share_shrink_the_queue_by_share() -> None:
    world = World(parameters=PaperParameters(cancels_ahead="pro_rata"))
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("bid", BUY, "0.48", "10")
    world.book({"0.48": "400"}, {"0.52": "80"})
    world.book({"0.48": "200"}, {"0.52": "80"})
    world.wait(501)
    assert world.ahead("bid") == "50"


def test_the_explained_part_is_the_trade_and_the_rest_a_cancel() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("bid", BUY, "0.48", "10")
    world.book({"0.48": "300"}, {"0.52": "80"})
    world.book({"0.48": "210"}, {"0.52": "80"})
    world.trade(SELL, "0.48", "40")
    assert world.ahead("bid") == "60"
    world.wait(501)
    assert world.ahead("bid") == "60"


def test_a_print_of_a_trade_before_our_order_came_does_not_move_it() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.book({"0.48": "60"}, {"0.52": "80"})
    world.place("bid", BUY, "0.48", "10")
    world.place("better", BUY, "0.49", "10")
    world.trade(SELL, "0.48", "40")
    assert world.ahead("bid") == "60"
    assert world.fills() == []
    world.trade(SELL, "0.48", "5")
    assert world.fills("better") == [("0.49", "5")]


def test_a_print_later_than_the_wait_is_a_trade_of_its_own() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("bid", BUY, "0.48", "10")
    world.book({"0.48": "60"}, {"0.52": "80"})
    world.wait(501)
    world.trade(SELL, "0.48", "40")
    assert world.ahead("bid") == "20"


def test_an_opposing_order_at_our_price_fills_us_by_its_size_once() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("bid", BUY, "0.50", "10")
    world.book({"0.48": "100"}, {"0.50": "4", "0.52": "80"})
    world.book({"0.48": "90"}, {"0.50": "4", "0.52": "80"})
    assert world.fills() == [("0.5", "4")]
    world.book({"0.48": "90"}, {"0.50": "6", "0.52": "80"})
    assert world.fills() == [("0.5", "4"), ("0.5", "2")]
    world.book({"0.48": "90"}, {"0.52": "80"})
    world.book({"0.48": "90"}, {"0.50": "1", "0.52": "80"})
    assert world.fills()[2:] == [("0.5", "1")]


def test_an_opposing_order_through_our_price_fills_us_at_our_price() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("bid", BUY, "0.50", "10")
    world.book({"0.48": "100"}, {"0.49": "40", "0.52": "80"})
    assert world.fills() == [("0.5", "10")]


@pytest.mark.parametrize("unusable", ["gap", "crossed", "locked", "stale", "books_not_mirrored"])
def test_nothing_fills_on_a_book_that_cannot_be_trusted(unusable: str) -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("bid", BUY, "0.50", "10")
    world.book({"0.50": "5"}, {"0.50": "40"}, unusable=unusable)
    world.trade(SELL, "0.49", "50")
    assert world.fills() == []
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.trade(SELL, "0.49", "50")
    assert world.fills() == [("0.5", "10")]


def test_a_one_sided_book_still_trades() -> None:
    world = World()
    world.book({"0.96": "100"}, {"0.98": "50"})
    world.place("bid", BUY, "0.97", "10")
    world.book({"0.96": "100"}, {}, unusable="one_sided")
    world.trade(SELL, "0.96", "6")
    assert world.fills() == [("0.97", "6")]


def test_sizes_that_vanish_in_a_gap_wait_for_their_print_after_it() -> None:
    world = World()
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("bid", BUY, "0.48", "10")
    world.book({"0.48": "1"}, {"0.48": "80"}, unusable="gap")
    world.wait(5_000)
    world.book({"0.48": "70"}, {"0.52": "80"})
    assert world.ahead("bid") == "100"
    world.wait(501)
    assert world.ahead("bid") == "70"


def test_only_the_time_of_the_machine_decides_when_a_print_is_too_late() -> None:
    world = World(parameters=PaperParameters(print_wait_ms=0))
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("bid", BUY, "0.48", "10")
    world.book({"0.48": "60"}, {"0.52": "80"})
    world.now_ns += MS
    assert world.ahead("bid") == "60"


def test_the_recorded_fed_capture_shrinks_the_queue_by_its_print(shared: Path) -> None:
    told_at_once = json.loads((shared / "recordings" / "tinli_fixtures" / "ws_frames_fed.json").read_bytes())
    frames = [frame for said in told_at_once for frame in (said if isinstance(said, list) else [said])]
    yes, no = (change["asset_id"] for change in frames[1]["price_changes"])
    fed = Market(id=frames[0]["market"], slug="fed", token_ids=(yes, no), tick=10)
    codec = Codec({yes: (fed.id, YES), no: (fed.id, NO)})
    books = BookMachine(fed, BookParameters(tape_is_proof=True))
    world = World(fed)
    ahead: list[str] = []
    for frame in frames:
        now_ns = int(frame["timestamp"]) * MS
        world.wait(max(0, now_ns - world.now_ns) // MS)
        for message in codec.decode(json.dumps(frame).encode(), now_ns):
            assert isinstance(message, Message)
            for told in books.step(message, world.now_ns):
                if isinstance(told, (BookUpdated, TradeSeen)):
                    world.say(told)
        level = [change for change in frame.get("price_changes", ()) if change["price"] == "0.925"]
        if level and level[0]["size"] == "23619.51":
            world.place("ask", BUY, "0.075", "100", outcome=NO, market=fed.id)
        if world.accepted() and (now := world.machine.ahead_of("ask", world.now_ns)) is not None:
            ahead.append(format_size(now))
    assert list(dict.fromkeys(ahead)) == ["23619.51", "23403.293785", "23403.29"]
    assert world.fills() == []
