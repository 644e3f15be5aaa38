"""Faults by themselves: a named plan throws switches of the table at times and in an order that its seed decides."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final, TypeAlias

from sandbox.books import MirroredBook
from sandbox.faults.switchboard import FAULTS, Faults
from sandbox.faults.table import FaultError
from sandbox.schedule import Schedule
from sandbox.units import SECOND

Body: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Pick:
    """A switch that a plan may throw: how often beside the others, and with what."""

    weight: int
    fault: str
    said: Callable[[Random], Body] = lambda random: {}
    market: bool = False
    account: bool = False


def _between(name: str, low: float, high: float, **more: Any) -> Callable[[Random], Body]:
    return lambda random: {name: round(random.uniform(low, high), 3), **more}


def _one_of(name: str, *options: Any, **more: Any) -> Callable[[Random], Body]:
    return lambda random: {name: random.choice(options), **more}


_CALLS: Final = (
    _Pick(3, "lose_request", _one_of("manner", "never", "reset")),
    _Pick(4, "lose_answer", _one_of("manner", "never", "reset", "cut")),
    _Pick(3, "late_answer"),
    _Pick(3, "error_though_done", _one_of("status", 500, 502, 504)),
    _Pick(2, "cut_answer", _one_of("how", "cut", "truncated")),
    _Pick(1, "dribble"),
    _Pick(2, "stale_connection"),
    _Pick(2, "close_idle"),
    _Pick(2, "too_many", _one_of("how", "retry_after", "bare", "html")),
    _Pick(2, "latency", _between("seconds", 5, 20)),
    _Pick(1, "unauthorized"),
    _Pick(1, "gzip_bomb", _one_of("mib", 20)),
    _Pick(1, "pages", lambda random: {"how": random.choice(("repeat", "endless", "missing")), "seconds": 5}),
    _Pick(2, "stale_reads", lambda random: {"lag": random.randint(1, 30), "seconds": random.randint(5, 30)}),
    _Pick(1, "restart", _one_of("seconds", 10, 30, 90)),
    _Pick(1, "post_only", _one_of("seconds", 20, 120)),
    _Pick(1, "cancel_only", _between("seconds", 5, 30)),
    _Pick(1, "disabled", _between("seconds", 5, 20)),
)
_LINES: Final = (
    _Pick(3, "drop_ws", lambda random: {"code": random.choice((1000, 1001, 1006, 1012, 4000)), "channel": "market"}),
    _Pick(2, "drop_ws", lambda random: {"code": random.choice((1000, 1006, 1012)), "channel": "user"}),
    _Pick(2, "cut_lines"),
    _Pick(2, "partition", lambda random: {"direction": random.choice(("both", "in", "out")), "seconds": 10}),
    _Pick(1, "half_open", _one_of("line", "http", "market", "user", seconds=30)),
    _Pick(1, "flap", _between("seconds", 5, 20)),
    _Pick(3, "silence", _between("seconds", 5, 60), market=True),
    _Pick(1, "silence", _between("seconds", 5, 20)),
    _Pick(1, "never_snapshot", _between("seconds", 5, 30), market=True),
    _Pick(3, "duplicate", lambda random: {"probability": 0.2, "seconds": random.randint(5, 20)}),
    _Pick(2, "duplicate", lambda random: {"channel": "user", "probability": 0.2, "seconds": random.randint(5, 60)}),
    _Pick(1, "replay_batch"),
    _Pick(2, "shuffle", _between("within", 0.1, 5, seconds=10), market=True),
    _Pick(2, "shuffle", _between("within", 0.1, 5, channel="user", seconds=10)),
    _Pick(2, "lose_frames", _one_of("count", 1, 2, 5, channel="user")),
    _Pick(3, "lose_deltas", _one_of("count", 1, 2, 3), market=True),
    _Pick(3, "corrupt_delta", market=True),
    _Pick(2, "wrong_book", _one_of("how", "crossed", "locked", "empty", "zero"), market=True),
    _Pick(1, "mutate", _one_of("how", "unknown_event", "unknown_field", "renamed", "missing", "numbers"), market=True),
    _Pick(1, "garbage", market=True),
    _Pick(1, "bad_frame", _one_of("how", "utf8", "binary", "rsv1", "masked"), market=True),
    _Pick(1, "huge_frame", market=True),
    _Pick(1, "big_snapshot", market=True),
    _Pick(1, "storm", _one_of("kind", "new_market", "market_resolved", count=300)),
)
_SETTLEMENT: Final = (
    _Pick(4, "trade_fate", _one_of("fate", "retried", "failed")),
    _Pick(1, "trade_fate", _one_of("fate", "contradictory", "stuck")),
    _Pick(2, "overfill"),
    _Pick(3, "race", _one_of("how", "matched", "after")),
    _Pick(2, "zombie", _between("hidden", 2, 30)),
    _Pick(1, "fee_in_shares"),
    _Pick(2, "delay_orders", _one_of("unmatched", True, False, seconds=20), market=True),
    _Pick(1, "balance_stuck", _between("seconds", 5, 30), market=True),
    _Pick(1, "post_only_crosses"),
    _Pick(1, "killed"),
    _Pick(1, "second_writer"),
    _Pick(1, "cancel_all", account=True),
    _Pick(1, "drain_bucket", _one_of("bucket", "orders", "cancels"), account=True),
    _Pick(
        2,
        "sweep",
        lambda random: {"side": random.choice(("BUY", "SELL")), "size": random.randint(10, 500)},
        market=True,
    ),
    _Pick(1, "flicker", _between("seconds", 1, 5), market=True),
    _Pick(1, "tick_change", market=True),
)
PLANS: Final[Mapping[str, tuple[_Pick, ...]]] = {
    "none": (),
    "network": (*_CALLS, *_LINES),
    "settlement": _SETTLEMENT,
    "mixed": (*_CALLS, *_LINES, *_SETTLEMENT),
}
_PATIENCE_S: Final = 120
"""A switch that waits for something to happen gives up after it."""
_GAP_S: Final = 4.0
"""Between two switches, on average."""


class Plan:
    """One plan: the same name and seed throw the same switches at the same times. Raises KeyError for no plan."""

    def __init__(self, name: str, seed: int) -> None:
        self._picks = PLANS[name]
        self._random = Random(f"{seed}/plan {name}")

    def arm(self, schedule: Schedule, faults: Faults, now_ns: int) -> None:
        """Throw switches from now on."""
        if not self._picks:
            return

        def due(due_ns: int) -> None:
            self._throw(faults, due_ns)
            self.arm(schedule, faults, due_ns)

        schedule.at(now_ns + round(self._random.expovariate(1 / _GAP_S) * SECOND), due)

    def _throw(self, faults: Faults, now_ns: int) -> None:
        pick = self._random.choices(self._picks, [one.weight for one in self._picks])[0]
        body: Body = {"fault": pick.fault, **_patience(pick.fault), **pick.said(self._random)}
        markets = [
            market.condition_id
            for market in faults.parts.venue.catalogue.markets
            if not market.closed and isinstance(market.book, MirroredBook)
        ]
        accounts = [account.address for account in faults.parts.accounts if account.wallets]
        if (pick.market and not markets) or (pick.account and not accounts):
            return
        if pick.market:
            body["market"] = self._random.choice(markets)
        if pick.account:
            body["account"] = self._random.choice(accounts)
        try:
            faults.throw(body, now_ns)
        except FaultError as error:
            faults.parts.log.write(now_ns, "fault", fault=pick.fault, what="refused", error=str(error))


def _patience(fault: str) -> Body:
    row = FAULTS[fault]
    ends, _, count = row.ends.partition(" ")
    return {"count": int(count), "seconds": _PATIENCE_S} if ends == "count" and "seconds" in row.takes else {}
