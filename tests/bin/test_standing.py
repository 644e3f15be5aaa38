"""What an engine lets go of that an earlier process raised, and how it waits for those who are to stand."""

from actors.venues.polymarket.lanes.submit import CELL as SIGNER
from actors.venues.polymarket.user_feed import CELL as USER_FEED
from bin.standing import let_go, waited
from models.cells import TradingState


def test_what_troubled_an_earlier_process_is_lifted_for_each_market_and_for_all() -> None:
    said = list(let_go(["a", "b"]))
    assert {cell.market for cell in said} == {None, "a", "b"}
    assert {cell.state for cell in said} == {TradingState.ACTIVE}
    lifted = {cell.source for cell in said if cell.market is None}
    assert {SIGNER, USER_FEED, "journal", "feed"} <= lifted
    assert not lifted & {"operator", "switch", "kill", "drift"}, "what a person said, and what is so, stays"


def test_a_wait_ends_with_its_condition_or_with_its_time() -> None:
    asked: list[int] = []

    def third() -> bool:
        asked.append(1)
        return len(asked) == 3

    assert waited(third, 10)
    assert len(asked) == 3
    assert not waited(lambda: False, 0.02)
