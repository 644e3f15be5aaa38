import pytest
from msgspec.structs import replace

from models.cells import TradingState
from models.controls.watched import Watched
from models.executor_parameters import ExecutorParameters
from models.exposure import Exposures
from models.feeds import FeedParameters
from models.markets import NO, YES
from models.messages.control import RaiseCell
from models.messages.orders import UserFeedLost, UserFeedRestored
from models.orders import OrderState
from tests.models.controls.guarded import SECOND, Guarded
from tests.models.supervisor import M, N

MS = 1_000_000


def family(exposures: Exposures) -> tuple[Watched]:
    return (Watched(ExecutorParameters(), FeedParameters(), exposures.markets),)


@pytest.fixture
def risk() -> Guarded:
    return Guarded(family)


def raised(risk: Guarded, source: str, state: TradingState, reason: str = "", market: str | None = None) -> None:
    risk.tell(RaiseCell(market, source, state, reason))


def test_a_feed_that_is_lost_is_shown_with_its_age(risk: Guarded) -> None:
    (reading,) = risk.readings("user_feed")
    assert (reading.value, reading.limit, reading.unit, reading.holds) == (0, 15, "seconds", False)
    risk.tell(UserFeedLost("silent for 15000 ms", risk.now_ns))
    risk.later(20)
    (reading,) = risk.readings("user_feed")
    assert (reading.value, reading.holds, reading.note) == (20, True, "silent for 15000 ms")
    risk.tell(UserFeedRestored(M, risk.now_ns))
    assert risk.readings("user_feed")[0].holds, "of one market only something was not understood"
    risk.tell(UserFeedRestored(None, risk.now_ns))
    assert not risk.readings("user_feed")[0].holds


def test_a_feed_that_died_was_heard_nobody_knows_when(risk: Guarded) -> None:
    risk.tell(UserFeedLost("the feed died", None))
    (reading,) = risk.readings("user_feed")
    assert (reading.value, reading.holds) == (None, True)


def test_a_feed_that_is_refused_holds_everything(risk: Guarded) -> None:
    raised(risk, "user_feed", TradingState.HALTED, "closed by the venue: 4001 log in")
    (reading,) = risk.readings("user_feed")
    assert (reading.holds, reading.note) == (True, "closed by the venue: 4001 log in")


@pytest.mark.control("heartbeat", "blocks")
def test_without_a_heartbeat_no_order_goes_out(risk: Guarded) -> None:
    assert not risk.readings("heartbeat")[0].holds
    raised(risk, "heartbeat", TradingState.CANCEL_ONLY, "2 beats without an answer")
    assert risk.refused(NO) == "cancel_only: CANCEL_ONLY by heartbeat on all: 2 beats without an answer"
    (reading,) = risk.readings("heartbeat")
    assert (reading.holds, reading.note) == (True, "2 beats without an answer")
    raised(risk, "heartbeat", TradingState.ACTIVE)
    assert not risk.readings("heartbeat")[0].holds


@pytest.mark.control("foreign", "blocks")
def test_who_trades_beside_us_halts_everything(risk: Guarded) -> None:
    raised(risk, "foreign", TradingState.HALTED, "foreign order 0xbad in m")
    assert risk.refused(NO, market=N) == "halted: HALTED by foreign on all: foreign order 0xbad in m"
    (reading,) = risk.readings("foreign")
    assert (reading.value, reading.limit, reading.holds, reading.note) == (1, 1, True, "foreign order 0xbad in m")


@pytest.mark.control("drift", "blocks")
def test_a_market_of_which_the_wallet_holds_other_shares_is_halted(risk: Guarded) -> None:
    raised(risk, "drift", TradingState.HALTED, "the wallet differs by -3 YES and 0 NO", M)
    raised(risk, "drift", TradingState.HALTED, "the wallet differs by 2 YES and 0 NO", "other")
    assert risk.refused(NO) == "halted: HALTED by drift on market m: the wallet differs by -3 YES and 0 NO"
    assert risk.refused(market=N) is None
    assert [(one.scope, one.limit, one.holds) for one in risk.readings("drift")] == [
        ("slug-m", 1, True),
        ("other", 1, True),
    ]
    raised(risk, "drift", TradingState.ACTIVE, "", M)
    assert [one.scope for one in risk.readings("drift")] == ["other"]


@pytest.mark.control("latency", "blocks")
def test_a_slow_venue_gets_only_what_lowers_the_risk(risk: Guarded) -> None:
    risk.fill(risk.order(YES, 4_900, 10))
    raised(risk, "latency", TradingState.REDUCING, "an answer took 3001 ms > 3000 ms")
    assert risk.refused(YES) == "reducing: REDUCING by latency on all: an answer took 3001 ms > 3000 ms"
    assert risk.refused(NO) is None
    assert risk.readings("latency")[0].holds


def test_what_the_answers_took_is_shown_and_forgotten_after_a_minute(risk: Guarded) -> None:
    for number in range(20):
        order = risk.order(YES, 4_900)
        risk.tell(risk.changed(order, OrderState.PLACING))
        risk.now_ns += (100 if number else 700) * MS
        risk.tell(risk.changed(order, OrderState.WORKING))
        risk.tell(risk.changed(order, OrderState.CANCELLED))
    never = risk.order(YES, 4_900)
    risk.tell(risk.changed(never, OrderState.PLACING))
    risk.tell(risk.changed(never, OrderState.NEVER_SENT))
    (reading,) = risk.readings("latency")
    assert (reading.value, reading.limit, reading.unit, reading.note) == (100, 500, "ms", "20 answers within a minute")
    risk.later(61)
    (reading,) = risk.readings("latency")
    assert (reading.value, reading.note) == (None, "0 answers within a minute")


def test_cells_of_others_are_none_of_its_business(risk: Guarded) -> None:
    raised(risk, "journal", TradingState.CANCEL_ONLY, "disk full")
    risk.say("pause", M)
    assert not any(
        one.holds for name in ("user_feed", "heartbeat", "foreign", "latency") for one in risk.readings(name)
    )


def test_what_holds_is_shown_after_a_death_too(risk: Guarded) -> None:
    raised(risk, "foreign", TradingState.HALTED, "foreign order 0xbad in m")
    risk.tell(replace(risk.changed(risk.order(YES, 4_900), OrderState.WORKING), at_ns=SECOND))
    assert risk.recalled().readings("foreign") == risk.readings("foreign")
