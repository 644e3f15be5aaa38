"""What a close of a connection calls for."""

import pytest

from models.feeds import after_close


@pytest.mark.fault("F39")
@pytest.mark.parametrize("code", [None, 1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014, 1015, 429, 500, 503, 2999])
def test_a_venue_that_goes_away_or_is_in_trouble_is_tried_again(code: int | None) -> None:
    assert after_close(code) == "retry"


@pytest.mark.fault("F39")
@pytest.mark.parametrize("code", [401, 403, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 4000, 4001, 4403, 4999])
def test_a_venue_that_does_not_take_what_we_say_or_who_we_are_halts(code: int) -> None:
    assert after_close(code) == "halt"
