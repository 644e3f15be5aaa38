"""A market is dropped from the configuration while something is held there: risk is never blind for what we hold."""

from pathlib import Path

from models.cells import TradingState
from models.markets import Side
from models.units import DOLLAR, SHARE
from surfaces.documents import markets, status
from tests.bin.processes import sandbox
from tests.faults.by_hand import QUIET, Hand, by_hand
from tests.faults.live_engine import live

_COST = 250_000


def test_what_is_held_in_a_market_that_is_not_named_any_more_is_counted_marked_and_settled(tmp_path: Path) -> None:
    with sandbox("--port", 0, "--profile", "demo", "--markets-count", 4, "--seed", 8, "--accounts", 4) as venue:
        with by_hand(venue, 1, tmp_path) as hand:
            dropped, named = hand.market(), hand.market()
            hand.bought(dropped, "0.05")
            hand.settles(dropped)
        with live(venue, 1, tmp_path, **QUIET, markets=named.slug) as running:
            running.until(lambda: running.engine.is_ready, "it knows what is held")
            assert set(running.board.markets) == {named.id, dropped.id}
            again = Hand(running)
            running.until(lambda: not running.board.markets[dropped.id].on, "it is off")
            assert again.state(dropped) is TradingState.HALTED
            assert again.shares(dropped) == (5 * SHARE, 0)
            assert running.until(lambda: again.exposure(dropped).worst_case, "risk counts it") == _COST
            running.resume()
            assert again.state(dropped) is TradingState.HALTED, "what lets the others trade leaves it off"
            wish = again.ask(dropped, "0.95", side=Side.SELL)
            running.until(lambda: again.denied().get("halted"), "nothing is placed there")
            assert wish.intent not in running.board.orders
            shown = status(running.board, running.engine.now_ns())
            assert shown["left_out"] == [
                {
                    "slug": dropped.slug,
                    "condition_id": dropped.condition_id,
                    "reason": "not named in `markets`; off, and kept for what is or was held there",
                }
            ]
            assert {one["slug"]: one["on"] for one in markets(running.board)["markets"]} == {
                named.slug: True, dropped.slug: False,
            }  # fmt: skip
            venue.fault("resolve", market=dropped.condition_id, outcome="Yes")
            running.until(lambda: running.board.desks["desk", dropped.id].position.realized, "it is paid")
            assert running.board.desks["desk", dropped.id].position.realized == 5 * DOLLAR - _COST
