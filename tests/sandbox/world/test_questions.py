import pytest

from sandbox.markets import Catalogue
from sandbox.world import questions

T = 1_790_000_100_000_000_000


def listed(version):
    """The markets of a neg-risk event and two single ones."""
    catalogue = Catalogue()
    event, asked = questions.soccer(3)
    single = [(questions.alone(one), one) for one in (questions.election(1), questions.election(2))]
    for its_event, question in [(event, one) for one in asked] + single:
        catalogue.add(questions.make_market(question, its_event, 1, T, T + 1, version=version))
    return catalogue.markets


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_no_two_markets_share_an_id_and_the_same_seed_gives_the_same(version):
    markets = listed(version)
    assert len({market.condition_id for market in markets}) == 5
    assert len({token for market in markets for token in market.token_ids}) == 10
    assert [market.token_ids for market in markets] == [market.token_ids for market in listed(version)]
    assert {market.version for market in markets} == {version}


def test_positions_of_the_newer_protocol_say_their_event_and_place():
    markets = listed("v2")
    modules = [int(market.token_ids[0]) >> 248 for market in markets]
    asked = {int(market.token_ids[0]) >> 120 for market in markets[:3]}
    places = [int(market.token_ids[0]) >> 8 & 0xFFFF for market in markets]
    assert (modules, len(asked), places) == ([2, 2, 2, 1, 1], 1, [0, 1, 2, 0, 0])
    for market in markets:
        yes, no = map(int, market.token_ids)
        assert (market.condition_id, no) == (f"0x{yes:064x}", yes + 1)
        assert not yes >> 40 & (1 << 64) - 1
