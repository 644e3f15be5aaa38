"""Which markets are heard, step by step."""

from hypothesis import given
from hypothesis import strategies as st

from models.feeds import FeedParameters
from models.markets import NO, YES, Outcome
from models.subscriptions import Lost, Move, Quarantine, Redrive, Release, Replace, Restored, Step, Subscriptions

MS = 1_000_000
P = FeedParameters(unheard_ms=100, moved_on_ms=50, probe_ms=500, flaps=3, flap_window_ms=1_000, steady_ms=200)
MARKETS = {"A": ("a1", "a2"), "B": ("b1", "b2")}


def connected(*, last: bool = False) -> Subscriptions:
    made = Subscriptions(MARKETS, P, last=last)
    made.connected(0)
    return made


def shown(*markets: str, last: bool = False) -> Subscriptions:
    """Connected, with the books of some markets shown at 1 ms."""
    made = connected(last=last)
    for market in markets:
        for outcome in (YES, NO):
            made.heard(market, 10, MS)
            assert made.book(market, outcome, MS) == []
    return made


def test_nothing_is_due_where_all_is_heard() -> None:
    made = shown("A", "B")
    assert made.due(10_000 * MS) == []
    assert made.quiet(400 * MS) == ()
    assert made.quiet(501 * MS) == ("a1", "a2", "b1", "b2")
    assert made.quiet(502 * MS) == (), "each is asked for once a period"


def test_a_market_without_its_book_is_asked_for_three_times_and_moved() -> None:
    made = shown("A")
    assert made.due(100 * MS) == [Lost("B", "no book of its YES or NO token"), Redrive(("b1", "b2"))]
    assert made.due(150 * MS) == []
    assert made.due(200 * MS) == made.due(300 * MS) == [Redrive(("b1", "b2"))]
    assert made.due(400 * MS) == [Move("B", "no book of its YES or NO token")]
    assert "B" not in made
    assert made.due(10_000 * MS) == []


def test_where_there_is_no_other_connection_it_is_quarantined_and_asked_for_at_times() -> None:
    made = shown("A", last=True)
    said: list[Step] = [step for at in range(100, 500, 100) for step in made.due(at * MS)]
    assert said[-2:] == [Quarantine("B", "no book of its YES or NO token"), Redrive(("b1", "b2"))]
    assert made.due(599 * MS) == []
    assert made.due(600 * MS) == [Redrive(("b1", "b2"))]
    assert made.book("B", YES, 700 * MS) == [], "of the other token nothing is known yet"
    assert made.book("B", NO, 700 * MS) == [Restored("B")]
    assert made.due(899 * MS) == []
    assert made.due(900 * MS) == [Release("B")]


def test_a_connection_that_shows_nothing_at_all_is_replaced() -> None:
    made = connected()
    steps = made.due(100 * MS)
    assert [type(step) for step in steps] == [Lost, Lost, Replace, Replace]


def test_a_market_that_was_given_is_subscribed_to_once_and_then_quarantined() -> None:
    made = Subscriptions({}, P, last=True)
    made.connected(0)
    made.add("A", ("a1", "a2"), is_given=True)
    assert [type(step) for step in made.due(100 * MS)] == [Replace], "nothing was ever heard on this connection"
    assert made.disconnected("replaced", 102 * MS) == [], "it was lost before"
    made.connected(103 * MS)
    assert [type(step) for step in made.due(203 * MS)] == [Quarantine, Replace]


def test_a_market_that_is_new_is_subscribed_to_and_returns_with_its_books() -> None:
    made = shown("A", "B")
    made.add("C", ("c1", "c2"), is_given=False)
    assert made.is_lost("C"), "nothing is known of it yet"
    assert made.due(100 * MS) == [Redrive(("c1", "c2"))]
    assert made.book("C", NO, 101 * MS) == []
    assert made.book("C", YES, 102 * MS) == [Restored("C")]
    assert made.due(10_000 * MS) == []


STALLED = "the venue's book moves on and its stream says nothing"


def test_a_stream_that_is_silent_while_others_speak_is_moved_alone() -> None:
    made = shown("A", "B")
    made.probed("A", 10, 2 * MS)
    assert made.due(1_000 * MS) == [], "REST says what the stream said"
    made.probed("A", 11, 1_000 * MS)
    assert made.due(1_049 * MS) == []
    made.heard("B", 12, 1_040 * MS)
    assert made.due(1_050 * MS) == [Lost("A", STALLED), Move("A", STALLED)]
    assert "A" not in made


def test_where_there_is_no_other_connection_it_is_subscribed_to_anew_and_quarantined_when_that_does_not_help() -> None:
    made = shown("A", "B", last=True)
    for stalls in range(1, 5):
        at_ns = stalls * 500 * MS
        made.probed("A", 10 + stalls, at_ns)
        made.heard("B", 10 + stalls, at_ns + MS)
        held = [Quarantine("A", STALLED)] if stalls == 4 else []
        assert made.due(at_ns + 50 * MS) == [Lost("A", STALLED), *held, Redrive(("a1", "a2"))]
        assert made.is_lost("A")
        assert made.book("A", NO, at_ns + 60 * MS) == []
        assert made.book("A", YES, at_ns + 60 * MS) == [Restored("A")]
    assert made.due(2_260 * MS) == [Release("A")]


def test_a_connection_on_which_all_is_silent_while_a_book_moves_on_is_replaced() -> None:
    made = shown("A", "B")
    made.probed("A", 11, 1_000 * MS)
    assert [type(step) for step in made.due(1_050 * MS)] == [Replace]


def test_a_stream_that_catches_up_is_not_doubted() -> None:
    made = shown("A", "B")
    made.probed("A", 11, 1_000 * MS)
    made.heard("A", 11, 1_020 * MS)
    assert made.due(1_100 * MS) == []


def test_too_many_lost_connections_quarantine_all_and_the_count_forgets() -> None:
    made = shown("A")
    assert made.disconnected("gone", 0) == [Lost("A", "gone"), Lost("B", "gone")]
    assert made.disconnected("refused", 5 * MS) == [], "it never stood"
    for at_ms in (2_000, 2_100):
        made.connected(at_ms * MS)
        assert made.disconnected("gone", at_ms * MS) == []
    made.connected(2_200 * MS)
    assert [type(step) for step in made.disconnected("gone", 2_300 * MS)] == [Quarantine, Quarantine]


class Told:
    """What an owner knows of its markets by what it was told; it is never told twice."""

    def __init__(self) -> None:
        self.lost: set[str] = set()
        self.held: set[str] = set()

    def take(self, step: Step) -> None:
        if isinstance(step, Redrive | Replace):
            return
        known = self.lost if isinstance(step, Lost | Restored) else self.held
        begins = isinstance(step, Lost | Quarantine)
        assert (step.market in known) is not begins
        (known.add if begins else known.remove)(step.market)


_EVENTS = st.tuples(
    st.sampled_from(["connect", "lose", "book", "probe", "due"]),
    st.sampled_from("AB"),
    st.sampled_from([YES, NO]),
    st.integers(1, 150),
)


@given(st.lists(_EVENTS, max_size=60))
def test_losses_and_returns_alternate_and_so_do_quarantine_and_release(
    events: list[tuple[str, str, Outcome, int]],
) -> None:
    made, told, now_ns, is_up = Subscriptions(MARKETS, P, last=True), Told(), 0, False
    for what, market, outcome, ms in events:
        now_ns += ms * MS
        steps: list[Step] = []
        if what == "lose":
            steps, is_up = made.disconnected("gone", now_ns), False
        elif what == "connect" or not is_up:
            if not is_up:
                made.connected(now_ns)
            is_up = True
        elif what == "book":
            made.heard(market, ms, now_ns)
            steps = made.book(market, outcome, now_ns)
        elif what == "probe":
            made.probed(market, ms, now_ns)
        else:
            steps = made.due(now_ns)
        for step in steps:
            told.take(step)
