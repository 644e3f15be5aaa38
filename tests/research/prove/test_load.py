"""The load proof, at its smallest."""

from research.prove.load import measure


def test_a_sandbox_takes_every_order_while_it_sends() -> None:
    load = measure(1.0, 1_000, 40, seed=1)
    assert load.refused == 0
    assert load.messages_per_s > 0
    assert load.orders_per_s > 0
    assert load.order_p50_ms <= load.order_p99_ms
