import json
from collections import Counter, defaultdict
from decimal import Decimal
from itertools import pairwise

import pytest

from sandbox.world.population import LostFrames


def by_kind(frames):
    return Counter(frame["event_type"] for _, frame in frames)


@pytest.mark.parametrize(
    "profile, seconds",
    [("demo", 30), ("neg_risk", 30), ("sports_inplay", 120), ("crypto_5m", 20), ("venue_wide_stress", 3)],
)
def test_every_hash_and_touch_on_the_wire_is_proven_by_a_reader_of_frames(populated, lossless, profile, seconds):
    world = populated(profile)
    world.subscribe()
    world.advance(seconds)
    assert world.reader.wrong == []
    assert world.reader.proven > 100
    for token in world.tokens:
        bid, ask = world.reader.touch(token)
        assert bid is None or ask is None or bid < ask


@pytest.mark.parametrize("profile", ["demo", "neg_risk", "sports_inplay", "crypto_5m", "adverse"])
def test_the_same_seed_gives_the_same_bytes(populated, profile):
    texts = []
    for _ in range(2):
        world = populated(profile, seed=7, read=False)
        world.subscribe(custom=True)
        world.advance(10)
        texts.append(world.texts)
    assert texts[0] == texts[1]
    other = populated(profile, seed=8, read=False)
    other.subscribe(custom=True)
    other.advance(10)
    assert other.texts != texts[0]


def test_a_late_caller_gets_the_same_frames_as_a_punctual_one(populated):
    punctual, late = populated(), populated()
    punctual.subscribe()
    late.subscribe()
    punctual.advance(10)
    late.now_ns += 10 * 1_000_000_000
    late._take(late.exchange.tick(late.now_ns))
    assert late.texts == punctual.texts


def test_both_tokens_of_a_market_always_mirror(populated, lossless):
    world = populated()
    world.subscribe()
    for _ in range(40):
        world.advance(0.5)
        for market in world.markets:
            yes, no = (world.reader.levels(token) for token in market["token_ids"])
            assert yes["bids"] == {1 - price: size for price, size in no["asks"].items()}
            assert yes["asks"] == {1 - price: size for price, size in no["bids"].items()}


def test_the_demo_trades_twice_a_second_and_walks_about_once(populated):
    world = populated()
    world.subscribe()
    frames = world.advance(60)
    prints = [frame for _, frame in frames if frame["event_type"] == "last_trade_price"]
    assert 1_000 < len(prints) < 1_400
    assert all(1 <= Decimal(frame["size"]) <= 20 for frame in prints)
    touches = defaultdict(list)
    for _, frame in frames:
        for entry in frame.get("price_changes", []):
            touches[entry["asset_id"]].append((entry["best_bid"], entry["best_ask"]))
    moves = [sum(a != b for a, b in pairwise(seen)) / 60 for seen in touches.values()]
    assert all(0.3 < per_second < 4 for per_second in moves)


def test_the_demo_holds_a_touch_of_20_to_60_shares_and_a_spread_of_one_to_three_ticks(populated):
    world = populated()
    world.subscribe()
    sizes, spreads = [], Counter()
    for _ in range(200):
        world.advance(0.1)
        for token in world.tokens:
            bid, ask = world.reader.touch(token)
            sizes.append(Decimal(world.reader.books[token]["bids"][bid]))
            spreads[int((ask - bid) * 100)] += 1
    usual = sum(20 <= size <= 60 for size in sizes) / len(sizes)
    assert usual > 0.7
    assert sum(spreads[ticks] for ticks in (1, 2, 3)) / spreads.total() > 0.97
    assert spreads[1] > spreads[2]


def test_the_demo_is_toxic_for_a_moment_in_every_ten_seconds_and_calm_otherwise(populated):
    world = populated()
    world.subscribe()
    flows = defaultdict(list)
    toxic_at, judged = [], 0
    for now_ns, frame in world.advance(60):
        if frame["event_type"] != "last_trade_price":
            continue
        flow = flows[frame["asset_id"]]
        flow.append((now_ns, Decimal(frame["size"]) * (1 if frame["side"] == "BUY" else -1)))
        while flow[0][0] < now_ns - 3_000_000_000:
            flow.pop(0)
        judged += 1
        if abs(sum(size for _, size in flow)) > 50:
            toxic_at.append(now_ns)
    for begin in range(0, 60, 20):
        window = range(world.now_ns - (60 - begin) * 10**9, world.now_ns - (40 - begin) * 10**9)
        assert any(moment in window for moment in toxic_at)
    assert len(toxic_at) < judged * 0.1


def test_the_demo_loses_a_frame_that_crosses_a_book_until_the_next_full_one(populated, monkeypatch):
    world = populated()
    world.subscribe()
    crossed: Counter = Counter()
    for _ in range(200):
        world.advance(0.1)
        for token in world.tokens:
            bid, ask = world.reader.touch(token)
            crossed[token] += bid > ask
    episodes = [count for count in crossed.values() if count]
    assert 2 <= len(episodes) <= 12
    assert all(count <= 30 for count in episodes)
    assert world.reader.wrong
    monkeypatch.setattr(LostFrames, "happen", lambda *_: True)
    world.advance(5)
    assert all(bid < ask for bid, ask in map(world.reader.touch, world.tokens))


def test_a_maker_that_joins_the_touch_at_the_back_is_filled_within_twenty_seconds(populated):
    world = populated()
    world.subscribe()
    world.advance(3)
    maker = Maker(world.reader, world.markets)
    begin = len(world.seen)
    for _ in range(400):
        world.advance(0.05)
        for now_ns, frame in world.seen[begin:]:
            if frame["event_type"] == "last_trade_price":
                maker.printed(frame, now_ns)
        begin = len(world.seen)
        maker.quote(world.now_ns)
    assert maker.fills > 10
    assert len(maker.filled_markets) >= 5


class Maker:
    """Quotes 5 shares at every token's bid: 100 ms to place or move, back of the queue, advanced by trades only."""

    LATENCY_NS = 100_000_000

    def __init__(self, reader, markets):
        self.reader = reader
        self.other = {a: b for m in markets for a, b in (m["token_ids"], m["token_ids"][::-1])}
        self.orders = {}
        self.fills = 0
        self.filled_markets = set()

    def quote(self, now_ns):
        for token in self.other:
            bid, ask = self.reader.touch(token)
            order = self.orders.get(token)
            if bid >= ask or (order is not None and (order["price"] == bid or now_ns < order["live_ns"])):
                continue
            if order is not None and not order["leaving_ns"]:
                order["leaving_ns"] = now_ns + self.LATENCY_NS
            elif order is None or now_ns >= order["leaving_ns"]:
                ahead = Decimal(self.reader.books[token]["bids"][bid])
                live_ns = now_ns + self.LATENCY_NS
                self.orders[token] = {"price": bid, "ahead": ahead, "live_ns": live_ns, "leaving_ns": 0}

    def printed(self, frame, now_ns):
        # A seller of a token hits its bids; a buyer of the other token does the same at 1 - p.
        token, price = frame["asset_id"], Decimal(frame["price"])
        if frame["side"] == "BUY":
            token, price = self.other[token], 1 - price
        order = self.orders.get(token)
        if order is None or now_ns < order["live_ns"] or (order["leaving_ns"] and now_ns >= order["leaving_ns"]):
            return
        if price == order["price"]:
            order["ahead"] -= Decimal(frame["size"])
        if price < order["price"] or order["ahead"] <= -5:
            self.fills += 1
            self.filled_markets.add(self.reader.facts[token]["condition_id"])
            del self.orders[token]


def test_the_outcomes_of_a_neg_risk_event_sum_to_about_one(populated):
    world = populated()
    world.subscribe()
    events = defaultdict(list)
    for market in world.markets:
        if market["neg_risk"]:
            events[market["event"]].append(market["token_ids"][0])
    assert sorted(map(len, events.values())) == [3, 4]
    for _ in range(60):
        world.advance(1)
        for tokens in events.values():
            middles = [sum(world.reader.touch(token)) / 2 for token in tokens]
            assert Decimal("0.85") < sum(middles) < Decimal("1.15")


def test_markets_follow_their_reference_two_to_three_seconds_later(populated):
    world = populated()
    world.subscribe()
    listener = world.connect("reference")
    (first,) = world.say(listener, {"type": "reference", "names": ["BTCUSD"]})
    assert json.loads(first)["event_type"] == "reference"
    followers = {m["token_ids"][0]: [] for m in world.markets if m.get("reference") == "BTCUSD"}
    assert len(followers) == 3
    prices = []
    for _ in range(2_400):
        for now_ns, frame in world.advance(0.05):
            if frame["event_type"] == "reference":
                prices.append((now_ns, float(frame["price"])))
        for token, middles in followers.items():
            middles.append(float(sum(world.reader.touch(token))) / 2)
    steps = steps_of(prices, world.now_ns, 2_400)
    for middles in followers.values():
        lags = {lag: correlation(steps, middles, round(lag / 0.05)) for lag in (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 6)}
        assert 1.5 <= max(lags, key=lambda lag: lags[lag]) <= 3.5, lags


def steps_of(prices, end_ns, count):
    steps, index = [], 0
    for number in range(count):
        moment = end_ns - (count - 1 - number) * 50_000_000
        while index + 1 < len(prices) and prices[index + 1][0] <= moment:
            index += 1
        steps.append(prices[index][1])
    return steps


def correlation(leader, follower, lag):
    pairs = [
        (leader[i - 20] - leader[i - 40], follower[i + lag - 20] - follower[i + lag - 40]) for i in range(40, 2_200)
    ]
    mean_a, mean_b = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
    return sum((a - mean_a) * (b - mean_b) for a, b in pairs)


def test_a_crypto_window_turns_over_into_new_tokens_and_resolves(populated):
    world = populated("crypto_5m", count=1, read=False)
    world.subscribe(custom=True)
    old = world.markets[0]
    frames = world.advance(310)
    kinds = by_kind(frames)
    assert kinds["new_market"] >= 1
    (resolved,) = [frame for _, frame in frames if frame["event_type"] == "market_resolved"]
    assert resolved["market"] == old["condition_id"]
    assert set(resolved["assets_ids"]) == set(old["token_ids"])
    status, _ = world.call("clob", "GET", "/book", token_id=old["token_ids"][0])
    assert status == 404
    open_now = [m for m in world.exchange.describe_markets() if m["reference"] == old["reference"]]
    assert open_now
    assert not set(open_now[0]["token_ids"]) & set(old["token_ids"])


def test_sports_markets_look_like_the_measured_ones(populated):
    world = populated("sports_inplay", count=4)
    world.subscribe()
    frames = world.advance(1_800)
    kinds = by_kind(frames)
    assert kinds["price_change"] / kinds.total() > 0.8
    changes = [frame["price_changes"] for _, frame in frames if frame["event_type"] == "price_change"]
    singles = sum(len(entries) == 2 for entries in changes) / len(changes)
    removed = [entry["size"] == "0" for entries in changes for entry in entries]
    assert 0.4 < singles < 0.8
    assert 0.1 < sum(removed) / len(removed) < 0.35
    assert 0.05 < len(frames) / 1_800 / 4 < 2


def test_adverse_markets_lose_repeat_delay_and_silence_frames(populated):
    world = populated("adverse")
    world.subscribe()
    world.advance(600)
    assert world.reader.wrong
    texts = [text for text in world.texts if '"price_change"' in text]
    assert len(texts) > len(set(texts))
    arrived_late = [now_ns // 10**6 - int(frame["timestamp"]) for now_ns, frame in world.seen[20:]]
    assert max(arrived_late) > 1_000
