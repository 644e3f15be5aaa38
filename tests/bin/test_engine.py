"""What an engine does to the process that it runs in."""

import gc

from bin.engine import _keep_for_good


def test_the_collector_does_not_go_through_what_the_start_has_made() -> None:
    before = gc.get_freeze_count()
    made = [[number] for number in range(1_000)]
    try:
        _keep_for_good()
        assert gc.get_freeze_count() >= before + len(made)
        assert not any(found is made[0] for found in gc.get_objects())
    finally:
        gc.unfreeze()


def test_a_start_works_without_the_collector_and_an_engine_that_is_up_with_it() -> None:
    gc.disable()
    try:
        _keep_for_good()
        assert gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()
