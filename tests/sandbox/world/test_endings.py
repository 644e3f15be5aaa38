from itertools import pairwise
from random import Random

import pytest

from sandbox.units import SECOND
from sandbox.world import questions
from sandbox.world.draws import always
from sandbox.world.endings import Ending
from sandbox.world.games import Games
from sandbox.world.makers import Makers
from tests.sandbox.house import BEGIN_NS, House
from tests.sandbox.world.test_reactions import STYLE


def ended(asked, seed, apart_s=10):
    """The order in which an event's markets resolved, with their winners, and the seconds of it."""
    house = House()
    makers = Makers(house.venue, reacts=False)
    event, markets = asked
    crowds = [
        makers.open(questions.make_market(one, event, seed, BEGIN_NS, BEGIN_NS), STYLE, bid, Random(seed), BEGIN_NS)
        for one, bid in zip(markets, (4_000, 2_500, 2_000, 1_000), strict=False)
    ]
    Ending(crowds, BEGIN_NS + 60 * SECOND, apart_s * SECOND, Random(seed))
    resolved: list[tuple[int, int | None]] = []
    for second in range(200):
        house.advance_to(BEGIN_NS + second * SECOND)
        known = len(resolved)
        closed = [crowd.market for crowd in crowds if crowd.market.closed]
        resolved += [(second, market.winner) for market in closed[known:]] if len(closed) > known else []
    return resolved, [crowd.market.winner for crowd in crowds], house


@pytest.mark.parametrize("asked", [questions.soccer(0), questions.rates(0)])
def test_exactly_one_market_of_an_event_is_yes_and_it_is_the_last_to_resolve(asked):
    winners = set()
    for seed in range(12):
        resolved, results, house = ended(asked, seed)
        assert results.count(0) == 1
        assert results.count(1) == len(results) - 1
        assert [b - a for (a, _), (b, _) in pairwise(resolved)] == [10] * (len(results) - 1)
        ledger = house.accounts.ledger
        assert ledger.cash == ledger.brought_in
        assert not any(ledger.locked.values())
        winners.add(results.index(0))
        asked[0].markets.clear()
    assert len(winners) > 1


def test_a_market_alone_resolves_by_its_price():
    question = questions.election(1)
    results = [ended((questions.alone(question), (question,)), seed)[1][0] for seed in range(30)]
    assert set(results) == {0, 1}


def game(number, seconds):
    house = House()
    games = Games(Makers(house.venue, reacts=False), number, 2, questions.Issuer(1), Random(4), BEGIN_NS)
    house.advance_to(BEGIN_NS + seconds * SECOND)
    return house, games


def test_a_game_is_decided_ends_and_the_next_one_is_listed():
    house, games = game(0, 12_900)
    first, second = house.catalogue.markets
    assert first.closed
    assert first.end_ns is not None
    assert BEGIN_NS + 9_000 * SECOND <= first.end_ns <= BEGIN_NS + 12_600 * SECOND
    assert second.created_ns == first.end_ns + 60 * SECOND
    assert games.crowd.market is second


def test_the_price_of_a_decided_game_is_near_what_it_pays():
    house, games = game(0, 0)
    market = games.crowd.market
    assert market.end_ns is not None
    house.advance_to(market.end_ns - SECOND)
    bid, ask = market.book.touch(0)
    assert (bid is not None and bid > 9_000) or (ask is not None and ask < 1_000)
    near = 0 if (bid or 0) > 5_000 else 1
    house.advance_to(market.end_ns)
    assert market.winner == near


def test_every_other_game_loses_its_orders_at_its_start_and_the_rest_make_takers_wait():
    house, games = game(1, 0)
    market = games.crowd.market
    assert market.clear_on_start
    assert market.game_start_ns == BEGIN_NS + 600 * SECOND
    trader = house.trader()
    trader.place(market, 0, "BUY", "0.05", "10")
    house.advance_to(BEGIN_NS + 599 * SECOND)
    assert len(house.engine.open) == 1
    house.advance_to(BEGIN_NS + 600 * SECOND)
    assert not house.engine.open
    assert market.book.touch(0) == (None, None)
    house.advance_to(BEGIN_NS + 601 * SECOND)
    assert None not in market.book.touch(0)
    _, others = game(0, 0)
    assert (others.crowd.market.seconds_delay, others.crowd.market.clear_on_start) == (3, False)


def test_a_draw_that_is_always_the_same_draws_nothing():
    random = Random(1)
    state = random.getstate()
    assert always(5)(random) == 5
    assert random.getstate() == state
