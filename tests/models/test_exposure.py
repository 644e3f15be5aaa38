"""What the risk supervisor counts for itself in one market."""

from models.exposure import MarketExposure
from models.markets import NO, YES, Outcome
from models.messages.orders import FillSettled, MergeChanged
from models.units import SHARE
from tests.models.wishes import TAG, M, fill, wish


def bought(exposure: MarketExposure, outcome: Outcome, shares: int) -> None:
    """Have shares bought and settled."""
    counted = fill(wish(outcome, "0.48", shares * SHARE, outcome), f"t{outcome}")
    exposure.moved(TAG, counted)
    exposure.moved(TAG, FillSettled(counted, 0))


def test_shares_on_their_way_to_a_dollar_cannot_be_sold() -> None:
    exposure = MarketExposure()
    bought(exposure, YES, 8)
    bought(exposure, NO, 5)
    exposure.moved(TAG, MergeChanged("m1", TAG, M, 5 * SHARE, "requested", 0, 0))
    assert (exposure.settled(YES), exposure.settled(NO)) == (3 * SHARE, 0)
    exposure.moved(TAG, MergeChanged("m1", TAG, M, 5 * SHARE, "confirmed", 0, 0))
    assert (exposure.settled(YES), exposure.settled(NO)) == (3 * SHARE, 0)
