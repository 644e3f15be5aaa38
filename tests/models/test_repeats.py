"""What stands twice in a chain is learned once."""

from hypothesis import given
from hypothesis import strategies as st

from models.markets import NO
from models.messages.base import Message
from models.messages.operations import Batch, RedemptionChanged
from models.messages.orders import FillCounted, FillSettled, FillVoided, MergeChanged, PositionsRedeemed
from models.messages.position import Position
from models.positions import advance
from models.repeats import Repeats
from models.units import ONE, SHARE
from tests.models.test_executor_histories import histories, played
from tests.models.wishes import TAG, M, fill, wish

COUNTED = fill(wish())
SETTLED, VOIDED = FillSettled(COUNTED, 1), FillVoided(COUNTED, 1)
MERGE = MergeChanged("m1", TAG, M, 5, "requested", 0, 0)


def news(*entries: Message) -> list[Message]:
    repeats = Repeats()
    return [news for entry in entries for news in repeats.news(entry)]


def test_a_fill_that_is_said_twice_is_learned_once() -> None:
    assert news(COUNTED, COUNTED, SETTLED, COUNTED, SETTLED) == [COUNTED, SETTLED]
    assert news(COUNTED, VOIDED, VOIDED) == [COUNTED, VOIDED]


def test_a_fill_that_was_voided_may_be_counted_and_settled_again() -> None:
    story = [COUNTED, VOIDED, COUNTED, SETTLED]
    assert news(*story) == story
    assert news(*story, *story[1:]) == story


def test_a_fill_that_was_voided_is_not_counted_again_without_its_settlement() -> None:
    assert news(COUNTED, VOIDED, COUNTED) == [COUNTED, VOIDED]
    assert news(COUNTED, VOIDED, COUNTED, VOIDED) == [COUNTED, VOIDED]


def test_a_voided_fill_that_stands_twice_leaves_the_cost_of_what_is_naked() -> None:
    pair = fill(wish(1, size=SHARE)), fill(wish(2, "0.2", SHARE, NO))
    naked, voided = fill(wish(3, "0.6", 2 * SHARE, NO)), fill(wish(4, size=SHARE))
    chain = [*pair, naked, voided, FillVoided(voided, 3)]
    assert _position([*chain, *chain[3:]]) != _position(chain), "it would matter"
    assert _position(news(*chain, *chain[3:])) == _position(chain)


def test_a_payout_that_stands_twice_does_not_pay_for_a_fill_that_came_late() -> None:
    payout = PositionsRedeemed(TAG, M, ONE, 2)
    late = fill(wish(2), at_ns=3)
    chain = [COUNTED, SETTLED, payout, late]
    voided = FillVoided(late, 4)
    assert news(*chain, *chain[2:], voided) == [*chain, voided]
    assert _position(news(*chain, *chain[2:], voided)) == _position([COUNTED, SETTLED, payout])


def test_fills_of_one_trade_for_two_orders_are_two() -> None:
    other = fill(wish(2))
    assert news(COUNTED, other) == [COUNTED, other]


def test_each_step_of_a_merge_is_learned_once() -> None:
    done = MergeChanged("m1", TAG, M, 5, "confirmed", 0, 1)
    nothing = MergeChanged("m1", TAG, M, 0, "failed", 0, 1)
    assert news(MERGE, MERGE, nothing, done, done) == [MERGE, nothing, done]


def test_an_operation_that_is_signed_anew_is_learned_as_it_is_sent_now() -> None:
    first, second = (
        MergeChanged("m1", TAG, M, 5, "submitted", 0, 1, Batch(nonce, 9)) for nonce in (1, 2)
    )  # fmt: skip
    assert news(MERGE, first, second, first, second) == [MERGE, first, second]
    redemption = RedemptionChanged("r1", M, ONE, "requested", 1)
    assert news(redemption, redemption) == [redemption]


@given(histories, st.data())
def test_whatever_stretch_of_a_chain_stands_twice_the_positions_are_the_same(history, data: st.DataObject) -> None:
    kinds = FillCounted | FillSettled | FillVoided | MergeChanged | PositionsRedeemed
    chain: list[Message] = [entry for entry in played(history).chain if isinstance(entry, kinds)]
    begin = data.draw(st.integers(0, len(chain)))
    end = data.draw(st.integers(begin, len(chain)))
    twice = news(*chain[:end], *chain[begin:])
    for tag in (TAG, "other"):
        assert _position(twice, tag) == _position(chain, tag)


def _position(chain: list[Message], tag: str = TAG) -> Position:
    position = Position()
    for entry in chain:
        if getattr(getattr(entry, "fill", entry), "tag", None) == tag:
            position = advance(position, entry) or position
    return position
