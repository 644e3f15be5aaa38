"""A replayed market in which an account trades: its book is one, and the recording is its outside flow."""

import json
from typing import Any

import pytest

from sandbox.exchange import Exchange
from sandbox.messages import Answer, HttpRequest, SocketOpened, SocketText
from sandbox.world.recording import load
from tests.sandbox.world.trading import trader_in

BEGIN_NS = 1_790_000_100_000_000_000
SECOND = 1_000_000_000
FIRST_MS = 1_750_361_006_000
YES, NO = str(7 << 250), str(11 << 248)
SLUG = "mlb-aaa-bbb-2025-06-19"


def book(at_ms, bids, asks, **first):
    """The books of both tokens, by YES levels."""
    yes = {"bids": sided(bids), "asks": sided(asks)}
    no = {"bids": sided(mirrored(asks)), "asks": sided(mirrored(bids))}
    head = {"event_type": "book", "market": SLUG, "timestamp": str(FIRST_MS + at_ms), "hash": "0" * 40}
    return [{**head, "asset_id": token, **sides, **first} for token, sides in ((YES, yes), (NO, no))]


def sided(levels):
    return [{"price": price, "size": size} for price, size in levels.items()]


def mirrored(levels):
    return {f"{1 - float(price):.2f}": size for price, size in levels.items()}


def change(at_ms, *levels, tokens=(YES, NO)):
    """Changes of YES levels, said of both tokens or of one."""
    other = {"BUY": "SELL", "SELL": "BUY"}
    entries: list[dict[str, str]] = []
    for side, price, size in levels:
        if YES in tokens:
            entries.append({"asset_id": YES, "side": side, "price": price, "size": size, "hash": "0"})
        if NO in tokens:
            entries.append(
                {"asset_id": NO, "side": other[side], "price": f"{1 - float(price):.2f}", "size": size, "hash": "0"}
            )
    return [
        {"event_type": "price_change", "market": SLUG, "timestamp": str(FIRST_MS + at_ms), "price_changes": entries}
    ]


def printed(at_ms, side, price, size, token=YES):
    frame = {"event_type": "last_trade_price", "market": SLUG, "timestamp": str(FIRST_MS + at_ms), "asset_id": token}
    return [{**frame, "side": side, "price": price, "size": size, "fee_rate_bps": "0"}]


FIRST = book(0, {"0.40": "100", "0.41": "50"}, {"0.45": "80", "0.44": "60"}, tick_size="0.01", last_trade_price="")


class Scene:
    """A recording of one market, an account, and what a client of the market saw."""

    def __init__(self, folder, *frames) -> None:
        path = folder / "frames.jsonl"
        path.write_text("".join(json.dumps(frame) + "\n" for frame in (*FIRST, *(f for some in frames for f in some))))
        self.exchange = Exchange()
        self.exchange.replay(load(path), (), 1.0, BEGIN_NS)
        (self.market,) = self.exchange.catalogue.markets
        self.trader = trader_in(self.exchange, BEGIN_NS)
        self.house: Any = self.trader.house
        self.exchange.handle(SocketOpened(1, "market"), BEGIN_NS)
        said = {"assets_ids": [YES, NO], "type": "market"}
        self.exchange.handle(SocketText(1, json.dumps(said)), BEGIN_NS)

    def buy(self, token, price, size):
        status, said = self.trader.place(self.market, token, "BUY", price, size)
        assert status == 200, said
        return said["orderID"]

    def matched(self, order_id):
        return self.exchange.engine.orders[order_id].matched // 10**6

    def play(self, seconds=10.0):
        self.house.advance_to(self.house.now_ns + round(seconds * SECOND))

    def levels(self, token=0):
        bids, asks = self.market.book.sides(token)
        return {level["price"]: level["size"] for level in json.loads(f"[{bids}]")}, {
            level["price"]: level["size"] for level in json.loads(f"[{asks}]")
        }


def test_a_book_in_mid_stream_that_has_less_at_the_touch_is_a_trade_that_takes_the_account_in_its_way(tmp_path):
    scene = Scene(tmp_path, book(2_000, {"0.40": "90"}, {"0.45": "80", "0.44": "60"}))
    better = scene.buy(0, "0.42", "20")
    behind = scene.buy(0, "0.41", "30")
    scene.play()
    # A seller of 60 took 50 at 0.41 and 10 at 0.40. With the account: its 20 first, then 40 of the 50 at 0.41.
    assert scene.matched(better) == 20
    assert scene.matched(behind) == 0
    assert scene.levels()[0] == {"0.4": "100", "0.41": "30"}


def test_a_decrease_that_a_print_explains_is_a_trade_and_prints_itself(tmp_path):
    frames = change(2_000, ("SELL", "0.44", "20")), printed(2_040, "BUY", "0.44", "40")
    scene = Scene(tmp_path, *frames)
    order = scene.buy(1, "0.57", "15")
    assert scene.levels()[1] == {"0.45": "80", "0.44": "60", "0.43": "15"}
    scene.play()
    assert scene.matched(order) == 15
    assert scene.levels()[1] == {"0.45": "80", "0.44": "35"}
    assert scene.market.last_trade_price == "0.440"


def test_the_print_of_the_other_token_explains_as_well(tmp_path):
    frames = change(2_000, ("SELL", "0.44", "20")), printed(2_040, "SELL", "0.56", "40", NO)
    scene = Scene(tmp_path, *frames)
    order = scene.buy(1, "0.57", "15")
    scene.play()
    assert scene.matched(order) == 15


@pytest.mark.parametrize(
    "frames",
    [
        (change(2_000, ("SELL", "0.44", "0")),),
        (change(2_000, ("SELL", "0.44", "0")), printed(2_900, "BUY", "0.44", "60")),
        (change(2_000, ("SELL", "0.44", "0")), printed(2_050, "SELL", "0.41", "60")),
        (change(2_000, ("SELL", "0.45", "0")), printed(2_050, "BUY", "0.45", "80")),
        (book(2_000, {"0.40": "100", "0.41": "50"}, {"0.45": "80"}, tick_size="0.01", last_trade_price="0.400"),),
    ],
)
def test_any_other_decrease_is_a_withdrawal_that_meets_nobody(tmp_path, frames):
    scene = Scene(tmp_path, *frames)
    order = scene.buy(1, "0.57", "15")
    scene.play()
    assert scene.matched(order) == 0
    assert scene.levels()[1]["0.43"] == "15"
    assert len(scene.levels()[1]) == 2


def test_what_comes_into_the_recording_across_an_accounts_order_takes_it(tmp_path):
    scene = Scene(tmp_path, change(2_000, ("SELL", "0.42", "25")))
    order = scene.buy(0, "0.43", "10")
    scene.play()
    assert scene.matched(order) == 10
    assert scene.levels()[1]["0.42"] == "15"


def test_an_account_takes_what_the_recording_offers_and_the_recordings_own_changes_go_on(tmp_path):
    frames = (
        change(2_000, ("SELL", "0.44", "70")),
        change(3_000, ("SELL", "0.44", "0")),
        change(4_000, ("BUY", "0.42", "5")),
    )
    scene = Scene(tmp_path, *frames)
    order = scene.buy(0, "0.44", "45")
    assert scene.matched(order) == 45
    assert scene.levels()[1]["0.44"] == "15"
    scene.play(2.5)
    assert scene.levels()[1]["0.44"] == "25"
    scene.play(1)
    assert "0.44" not in scene.levels()[1]
    scene.play(1)
    assert scene.levels() == ({"0.4": "100", "0.41": "50", "0.42": "5"}, {"0.45": "80"})


def test_a_half_that_the_recorder_lost_is_made_good_from_the_first_order_on(tmp_path):
    scene = Scene(tmp_path, change(2_000, ("BUY", "0.42", "7"), tokens=(NO,)), change(9_000, ("BUY", "0.42", "9")))
    scene.play(3)
    assert "0.42" not in scene.levels(0)[0]
    assert scene.levels(1)[1]["0.58"] == "7"
    scene.buy(0, "0.05", "5")
    assert "0.58" not in scene.levels(1)[1]
    scene.play(7)
    assert scene.levels(0)[0]["0.42"] == scene.levels(1)[1]["0.58"] == "9"


def test_a_recording_that_crosses_itself_lets_the_older_level_go(tmp_path):
    scene = Scene(tmp_path, change(2_000, ("SELL", "0.40", "30")), change(3_000, ("SELL", "0.45", "81")))
    scene.buy(0, "0.05", "5")
    scene.play()
    assert scene.levels() == ({"0.05": "5"}, {"0.45": "81", "0.44": "60", "0.4": "30"})


@pytest.mark.parametrize("name", ["20250617_mlb-cle-sf-2025-06-17", "20250619_mlb-kc-tex-2025-06-19"])
def test_a_real_recording_stays_one_proven_book_while_an_account_trades_in_it(replayed, shared, name):
    folder = shared / "recordings" / "signaldrift_mlb"
    path = folder / "derived_frames" / f"{name}.jsonl.gz"
    world = replayed(path, folder / "markets.json", speed=1_000.0)
    trader = trader_in(world.exchange, world.now_ns)
    world.subscribe()
    house: Any = trader.house
    house._take = world._take
    house.request = lambda method, path, raw, headers: call(world, method, path, raw, headers)
    (market,) = world.exchange.catalogue.markets
    for _ in range(150):
        world.advance(0.05)
        house.now_ns = world.now_ns
        bid, ask = (float(text) for text in market.touch_text(0))
        if 0.02 < bid < ask < 0.98 and not market.closed:
            trader.place(market, 0, "BUY", f"{ask:.2f}", "20")
            trader.place(market, 0, "BUY", f"{bid:.2f}", "20")
    ledger = world.exchange.engine.ledger
    assert ledger.cash == ledger.brought_in
    assert len(world.exchange.engine.trades) > 20
    assert world.reader.wrong == []
    yes, no = (world.reader.levels(token) for token in market.token_ids)
    assert yes["bids"] == {1 - price: size for price, size in no["asks"].items()}
    assert yes["asks"] == {1 - price: size for price, size in no["bids"].items()}


def call(world, method, path, raw, headers):
    effects = world.exchange.handle(HttpRequest("clob", method, path, {}, raw, headers=headers, call=1), world.now_ns)
    world._take([effect for effect in effects if not isinstance(effect, Answer)])
    return next(effect for effect in effects if isinstance(effect, Answer))
