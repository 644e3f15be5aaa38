from actors.latency import LatencyMeter
from models.depth import EMPTY
from models.markets import YES, Side
from models.messages.market import BookUpdated
from models.messages.orders import OrderAccepted, PlaceOrder, SubmitOrder, TradeReported
from models.messages.records import LatencyMeasured
from models.orders import TimeInForce

MS = 1_000_000
S = 1_000 * MS


def book(event_ns: int) -> BookUpdated:
    return BookUpdated("m", 1, 1, 100, EMPTY, EMPTY, 0, 0, 0, 0, None, event_ns, event_ns)


def submitted(created_ns: int) -> SubmitOrder:
    order = PlaceOrder("i", "tag", "m", YES, Side.BUY, 4_900, 5, True, TimeInForce.GTC, "", 1, created_ns)
    return SubmitOrder("id", order, created_ns)


def test_each_stage_is_measured_from_its_own_beginning() -> None:
    told: list[LatencyMeasured] = []
    meter = LatencyMeter(told.append)
    meter(20 * S, "x", book(0))  # the first step opens the interval
    meter(20 * S + 2 * MS, "coordinator/tag/m", book(20 * S))
    meter(20 * S + 3 * MS, "venue", submitted(20 * S + 2 * MS))
    meter(20 * S + 53 * MS, "executor", OrderAccepted("id", "m", 0))
    meter(22 * S, "executor", TradeReported("t", "id", "m", YES, Side.BUY, 4_900, 5, "MATCHED", True, 0))
    meter(31 * S, "coordinator/tag/m", book(31 * S - 4 * MS))
    figures = {one.stage: (one.count, one.p50_ns) for one in told}
    assert figures == {
        "tick_to_decision": (2, 4 * MS),
        "decision_to_send": (1, 1 * MS),
        "send_to_ack": (1, 50 * MS),
        "ack_to_fill": (1, 2 * S - 53 * MS),
    }


def test_a_book_that_is_said_again_is_not_measured_again() -> None:
    told: list[LatencyMeasured] = []
    meter = LatencyMeter(told.append)
    meter(20 * S, "x", book(0))
    for later in range(5):
        meter(20 * S + later * S, "coordinator/tag/m", book(20 * S))
    meter(31 * S, "x", book(0))
    assert [(one.stage, one.count, one.p99_ns) for one in told] == [("tick_to_decision", 1, 0)]


def test_percentiles_are_those_of_the_samples() -> None:
    told: list[LatencyMeasured] = []
    meter = LatencyMeter(told.append)
    for number in range(1, 101):
        meter(20 * S, f"coordinator/tag{number}/m", book(20 * S - number))
        meter(20 * S, "x", book(0))
    meter(31 * S, "x", book(0))
    latest = told[-1]
    assert (latest.count, latest.p50_ns, latest.p95_ns, latest.p99_ns) == (99, 51, 96, 100)
    assert latest.mean_ns == sum(range(2, 101)) // 99
