from research.bench.processes import help_seconds, memory


def test_help_is_timed_from_the_start_of_python() -> None:
    assert 0 < help_seconds()["seconds"] < 60


def test_the_engine_that_is_weighed_has_quoted() -> None:
    measured = memory(markets=2, seconds=3)
    assert measured["orders"] >= 2
    assert 20 < measured["resident_mib"] < 1_000
