import pytest

from research.bench.actors import markets_in_one_process, pool_against_threads


def test_the_pool_and_the_threads_are_measured_doing_the_same() -> None:
    numbers = pool_against_threads(messages=2_000, hops=20)
    rates = numbers["pool_messages_per_s"] / numbers["threads_messages_per_s"]
    assert numbers["throughput_ratio"] == pytest.approx(rates)
    assert numbers["chain_ratio"] == pytest.approx(numbers["pool_chain_p50_us"] / numbers["threads_chain_p50_us"])
    assert all(number > 0 for number in numbers.values())


def test_markets_are_started_fed_and_stopped_in_a_process_of_their_own() -> None:
    numbers = markets_in_one_process(markets=50, rate=200, seconds=0.5)
    assert numbers["actors"] == 250
    assert 0 < numbers["tick_to_decision_p50_ms"] <= numbers["tick_to_decision_p99_ms"]
    assert min(numbers.values()) >= 0
