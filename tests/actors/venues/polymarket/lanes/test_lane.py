"""What holds for every lane."""

import pytest

from tests.actors.venues.polymarket.lanes.lanes_at_work import CANCEL, QUERY, SUBMIT, Lanes


@pytest.mark.parametrize("name", [SUBMIT, CANCEL, QUERY])
def test_a_lane_takes_no_client_whose_requests_could_outlast_a_turn(lanes: Lanes, name: str) -> None:
    lanes.slowest_s = 5.0
    with pytest.raises(ValueError, match=r"within 4\.5 s"):
        lanes.start_one(name)


@pytest.mark.parametrize("name", [SUBMIT, CANCEL, QUERY])
def test_a_lane_without_an_api_key_does_not_begin(lanes: Lanes, name: str) -> None:
    lanes.credentials = None
    with pytest.raises(ValueError, match="API key"):
        lanes.start_one(name)


def test_a_lane_that_ended_can_be_started_again_with_a_new_connection(lanes: Lanes) -> None:
    lanes.start()
    first = lanes.rests()
    for name in (SUBMIT, CANCEL, QUERY):
        lanes.stop(name)
    lanes.start()
    second = lanes.rests()
    assert lanes.resting() == {first.order_id, second.order_id}
