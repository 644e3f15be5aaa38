"""What stands twice in a chain is learned once."""

from hypothesis import given
from hypothesis import strategies as st

from models.messages.base import Message
from models.messages.orders import FillCounted, FillSettled, FillVoided, MergeChanged
from models.messages.position import Position
from models.positions import advance
from models.repeats import Repeats
from tests.models.test_executor_histories import histories, played
from tests.models.wishes import TAG, M, fill, wish

COUNTED = fill(wish())
SETTLED, VOIDED = FillSettled(COUNTED, 1), FillVoided(COUNTED, 1)
MERGE = MergeChanged("m1", TAG, M, 5, "requested", 0, 0)


def news(*entries: Message) -> list[Message]:
    repeats = Repeats()
    return [entry for entry in entries if repeats.is_news(entry)]


def test_a_fill_that_is_said_twice_is_learned_once() -> None:
    assert news(COUNTED, COUNTED, SETTLED, COUNTED, SETTLED) == [COUNTED, SETTLED]
    assert news(COUNTED, VOIDED, VOIDED) == [COUNTED, VOIDED]


def test_a_fill_that_was_voided_may_be_counted_again() -> None:
    story = [COUNTED, VOIDED, COUNTED, SETTLED]
    assert news(*story) == story
    assert news(*story, *story[1:]) == story


def test_fills_of_one_trade_for_two_orders_are_two() -> None:
    other = fill(wish(2))
    assert news(COUNTED, other) == [COUNTED, other]


def test_each_step_of_a_merge_is_learned_once() -> None:
    done = MergeChanged("m1", TAG, M, 5, "confirmed", 0, 1)
    nothing = MergeChanged("m1", TAG, M, 0, "failed", 0, 1)
    assert news(MERGE, MERGE, nothing, done, done) == [MERGE, nothing, done]


@given(histories, st.data())
def test_whatever_stretch_of_a_chain_stands_twice_the_position_is_the_same(history, data: st.DataObject) -> None:
    kinds = FillCounted | FillSettled | FillVoided | MergeChanged
    chain: list[Message] = [entry for entry in played(history).chain if isinstance(entry, kinds)]
    begin = data.draw(st.integers(0, len(chain)))
    end = data.draw(st.integers(begin, len(chain)))
    assert _position(news(*chain[:end], *chain[begin:])) == _position(chain)


def _position(chain: list[Message]) -> Position:
    position = Position()
    for entry in chain:
        position = advance(position, entry) or position
    return position
