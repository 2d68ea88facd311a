"""Intervals of a fixed number of trials: exact coverage by enumeration, and published values."""

import math
from itertools import product

import pytest

from tracefork.attribution import Interval, clopper_pearson, newcombe, sequence, wilson
from tracefork.attribution.statistics.intervals import binomial_tail

TRIALS = 5, 10, 20, 50
RATES = 0.02, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.98
CELLS = list(product(TRIALS, RATES))


def chance(s, n, p):
    return math.comb(n, s) * p**s * (1 - p) ** (n - s)


def coverage(interval, n, p):
    return sum(chance(s, n, p) for s in range(n + 1) if p in interval(s, n))


def covered(interval):
    return [cell for cell in CELLS if coverage(interval, *cell) >= 0.95]


@pytest.mark.parametrize("interval", [clopper_pearson, lambda s, n: sequence(s, n - s, 0.05)])
def test_a_guaranteed_interval_covers_in_every_cell(interval):
    assert covered(interval) == CELLS


def test_wilson_covers_about_the_level_and_not_always_as_much():
    cells = [coverage(wilson, *cell) for cell in CELLS]

    assert 0 < len(covered(wilson)) < len(CELLS)
    assert min(cells) < 0.94
    assert sum(cells) / len(cells) == pytest.approx(0.95, abs=0.02)


def test_newcombe_covers_about_the_level_and_not_always_as_much():
    n, rates = 20, (0.05, 0.1, 0.3, 0.5, 0.9)

    cells = []
    for p, q in product(rates, rates):
        held = (
            (s, t) for s, t in product(range(n + 1), repeat=2) if round(p - q, 12) in newcombe(s, n, t, n)
        )
        cells.append(sum(chance(s, n, p) * chance(t, n, q) for s, t in held))

    assert min(cells) < 0.95
    assert sum(cells) / len(cells) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 10, 0.0, 0.30850), (1, 10, 0.00253, 0.44502), (5, 10, 0.18709, 0.81291), (7, 20, 0.15391, 0.59219)],
)
def test_clopper_pearson_is_as_in_the_tables(successes, trials, low, high):
    interval = clopper_pearson(successes, trials)

    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-6)


@pytest.mark.parametrize(("successes", "trials"), [(0, 7), (3, 7), (1, 60), (30, 60), (59, 60), (400, 1000)])
def test_each_end_of_clopper_pearson_leaves_half_of_the_rest(successes, trials):
    interval = clopper_pearson(successes, trials)
    low, high = interval.low, interval.high

    if successes:
        above = math.fsum(chance(s, trials, low) for s in range(successes, trials + 1))
        assert above == pytest.approx(0.025, abs=1e-9)
    if successes < trials:
        below = math.fsum(chance(s, trials, high) for s in range(successes + 1))
        assert below == pytest.approx(0.025, abs=1e-9)


@pytest.mark.parametrize("trials", [1, 2, 9, 40])
def test_the_binomial_tail_is_the_sum_that_it_stands_for(trials):
    for successes, share in product(range(trials + 2), (0.0, 0.001, 0.2, 0.5, 0.93, 1.0)):
        exact = math.fsum(chance(s, trials, share) for s in range(successes, trials + 1))
        assert binomial_tail(successes, trials, share) == pytest.approx(exact, abs=1e-12)


def test_wilson_is_as_published():
    interval = wilson(10, 20)

    assert (interval.low, interval.high) == pytest.approx((0.2993, 0.7007), abs=5e-5)
    assert wilson(0, 10).low == 0 and wilson(10, 10).high == 1


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
    ],
)
def test_newcombe_is_as_in_his_table(counts, low, high):
    interval = newcombe(*counts)

    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


def test_without_a_trial_everything_is_possible():
    assert wilson(0, 0) == clopper_pearson(0, 0) == sequence(0, 0, 0.05) == Interval(0, 1)
    assert newcombe(0, 0, 1, 2) == newcombe(1, 2, 0, 0) == Interval(-1, 1)


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
@pytest.mark.parametrize("wrong", [(3, 2, 0.95), (-1, 2, 0.95), (1, 2, 0.0), (1, 2, 1.0)])
def test_what_cannot_be_counted_is_refused(interval, wrong):
    with pytest.raises(ValueError):
        interval(*wrong)


def test_the_difference_of_two_intervals_holds_all_differences():
    assert Interval(0.5, 0.75) - Interval(0.25, 0.5) == Interval(0.0, 0.5)
    assert Interval(0.25, 0.75).width == 0.5
