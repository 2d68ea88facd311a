"""Experiments decide as fixed designs do for a part of the runs, and err no more often than they say."""

from __future__ import annotations

import pytest

from benchmarks import comparing
from tracefork.attribution.statistics.intervals import binomial_tail

REPETITIONS = 500
SURE = 0.05
"""A share is refuted if what was seen, or more, has at most this chance under it."""


def is_refuted_as_at_most(share, goal):
    """True if a rate of errors this high is too much for a design that errs as often as `goal`."""
    return binomial_tail(round(share * REPETITIONS), REPETITIONS, goal) <= SURE


def test_a_large_difference_is_decided_for_a_tenth_of_the_runs():
    row = comparing.measure([(0.2, 0.8)] * 4, 0.25, 40)

    assert row.better == row.agrees == 1.0
    assert row.runs < 0.1


def test_the_right_fix_is_certified():
    found = [comparing.race(seed) for seed in range(40)]

    assert sum(right for right, _, _ in found) >= 38
    assert not any(wrong for _, wrong, _ in found)


@pytest.mark.nightly  # minutes of a processor
@pytest.mark.parametrize(
    ("rates", "agrees"),
    [([(0.9, 0.9)] * 4, 0.95), ([(0.5, 0.9)] * 4, 0.99), ([(0.2, 0.8)] * 4, 0.99)],
    ids=["0", ".4", ".6"],
)
def test_a_comparison_decides_as_200_runs_an_arm_do(rates, agrees):
    row = comparing.measure(rates, 0.25, REPETITIONS)
    false = row.better + row.worse if rates[0][0] == rates[0][1] else row.worse

    assert row.runs <= 0.35
    assert row.agrees >= agrees
    assert not is_refuted_as_at_most(false, comparing.ALPHA)


@pytest.mark.nightly
def test_tapes_that_differ_make_no_false_verdict():
    row = comparing.measure([(0.1, 0.9), (0.9, 0.1)] * 3, 0.25, REPETITIONS)

    assert not is_refuted_as_at_most(row.better, comparing.ALPHA / 2)
    assert not is_refuted_as_at_most(row.worse, comparing.ALPHA / 2)


@pytest.mark.nightly
def test_a_tournament_takes_two_fifths_of_a_uniform_one():
    found = [comparing.race(seed) for seed in range(REPETITIONS)]
    runs = sum(runs for *_, runs in found) / REPETITIONS

    assert sum(right for right, _, _ in found) >= 0.95 * REPETITIONS
    assert runs <= 0.4 * comparing.find_uniform(REPETITIONS)
    assert not is_refuted_as_at_most(sum(wrong for _, wrong, _ in found) / REPETITIONS, comparing.ALPHA)
