from math import isclose, sqrt

from models.controls.samples import Running, Samples


def of(*values: int, weight: int = 1) -> Samples:
    samples = Samples(100, 10)
    for number, value in enumerate(values):
        samples.add(value, weight, 10 * number)
    return samples


def test_a_running_mean_is_weighted() -> None:
    running = Running()
    running.add(10, 1)
    running.add(40, 2)
    assert (running.mean, running.count) == (30.0, 2)


def test_the_distance_to_zero_is_counted_in_standard_errors() -> None:
    samples = of(-1, -2, -3)
    assert samples.mean == -2
    assert isclose(samples.sigmas_below_zero, 2 / sqrt(1 / 3))
    assert of(1, 2, 3).sigmas_below_zero == -samples.sigmas_below_zero
    assert isclose(of(-1, -2, -3, weight=7).sigmas_below_zero, samples.sigmas_below_zero)


def test_a_large_fill_counts_for_more() -> None:
    samples = of(5, 5, 5)
    samples.add(-20, 9, 100)
    assert samples.mean == (15 - 180) / 12


def test_values_of_one_moment_are_one_sample() -> None:
    samples = Samples(100, 10)
    for at_ns, value in ((0, -1), (9, -3), (10, -2)):
        samples.add(value, 1, at_ns)
    assert len(samples) == 2
    assert samples.mean == -2


def test_one_sample_says_nothing() -> None:
    assert of(-5).sigmas_below_zero == 0


def test_what_all_samples_agree_on_is_beyond_every_limit() -> None:
    assert of(-5, -5).sigmas_below_zero == 99
    assert of(5, 5).sigmas_below_zero == -99
    assert of(0, 0).sigmas_below_zero == 0


def test_only_the_latest_are_kept_and_it_can_begin_anew() -> None:
    samples = Samples(2, 10)
    for number, value in enumerate((100, 1, 3)):
        samples.add(value, 1, 10 * number)
    assert samples.mean == 2
    samples.clear()
    assert len(samples) == 0
