"""How long a trade takes to settle, and whether it does."""

from statistics import median, quantiles

from models.paper.parameters import PaperParameters
from models.paper.settlement import settlement_of

MS = 1_000_000


def test_delays_follow_the_median_and_the_95_percent_point() -> None:
    delays = [settlement_of(7, f"trade {n}", PaperParameters()).delay_ns / MS for n in range(4_000)]
    assert 3_700 < median(delays) < 4_300
    assert 27_000 < quantiles(delays, n=20)[-1] < 33_500


def test_a_trade_draws_from_its_own_name_and_the_seed_alone() -> None:
    parameters = PaperParameters()
    assert settlement_of(7, "a", parameters) == settlement_of(7, "a", parameters)
    assert settlement_of(7, "a", parameters) != settlement_of(7, "b", parameters)
    assert settlement_of(7, "a", parameters) != settlement_of(8, "a", parameters)


def test_equal_median_and_95_percent_point_is_a_fixed_delay() -> None:
    parameters = PaperParameters(settlement_median_ms=2_000, settlement_p95_ms=2_000)
    assert {settlement_of(7, f"trade {n}", parameters).delay_ns for n in range(50)} == {2_000 * MS}


def test_no_delay_at_all_may_be_configured() -> None:
    assert settlement_of(7, "a", PaperParameters(settlement_median_ms=0, settlement_p95_ms=0)).delay_ns == 0


def test_the_configured_share_of_trades_fails() -> None:
    def failed(share: float) -> int:
        parameters = PaperParameters(failed_share=share)
        return sum(settlement_of(7, f"trade {n}", parameters).failed for n in range(2_000))

    assert failed(0.0) == 0
    assert 150 < failed(0.1) < 250
    assert failed(1.0) == 2_000
