"""The row of the risk controls measures approvals, and refuses to time a refusal."""

from research.bench.approval import approval


def test_every_order_of_the_row_is_approved() -> None:
    found = approval(40)
    assert set(found) == {"approval_us", "end_us", "bare_us", "ratio"}
    assert found["approval_us"] > found["bare_us"] > 0
