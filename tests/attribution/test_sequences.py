"""What may be looked at after every fork: exact chances, by dynamic programming over all paths."""

import math
from itertools import product

import pytest

from tracefork.attribution import Interval, log_evidence, sequence, sequence_difference, wilson
from tracefork.attribution.statistics.sequences import (
    log_evidence_level,
    log_likelihood,
    log_likelihood_apart,
)

RATES = 0.02, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.98
FORKS = 60


def always(holds, rate):
    """The chance that `holds(successes, failures)` is true after each of the forks."""
    alive = {0: 1.0}
    for n in range(1, FORKS + 1):
        after = {}
        for s, mass in alive.items():
            for t, p in ((s + 1, rate), (s, 1 - rate)):
                after[t] = after.get(t, 0.0) + mass * p
        alive = {s: mass for s, mass in after.items() if holds(s, n - s)}
    return sum(alive.values())


def ever(reached, p, q):
    """The chance that `reached(s1, f1, s2, f2)` is true after one of the forks, made in turns."""
    alive, gone = {(0, 0): 1.0}, 0.0
    for n in range(FORKS):
        first = n % 2 == 0
        rate, after = p if first else q, {}
        for (s, t), mass in alive.items():
            for up, share in ((1, rate), (0, 1 - rate)):
                key = (s + up, t) if first else (s, t + up)
                after[key] = after.get(key, 0.0) + mass * share
        one, two = (n + 2) // 2, (n + 1) // 2
        alive = {}
        for (s, t), mass in after.items():
            if reached(s, one - s, t, two - t):
                gone += mass
            else:
                alive[s, t] = mass
    return gone


@pytest.mark.parametrize("rate", RATES)
def test_a_sequence_holds_though_one_looks_after_each_of_60_forks(rate):
    assert always(lambda s, f: rate in sequence(s, f, 0.05), rate) >= 0.95


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5])
def test_wilson_does_not(rate):
    assert always(lambda s, f: rate in wilson(s, s + f), rate) < 0.8


@pytest.mark.parametrize(("p", "q"), [(0.6, 0.5), (0.15, 0.05), (0.95, 0.85), (0.1, 0.0), (0.3, 0.4)])
def test_evidence_of_a_drop_that_is_not_above_the_margin_hardly_ever_comes(p, q):
    false = ever(lambda *counts: log_evidence(*counts, 0.1) >= math.log(20), p, q)

    assert false <= 0.05


@pytest.mark.parametrize(("p", "q"), [(0.7, 0.5), (0.22, 0.02), (0.9, 0.1)])
def test_evidence_against_a_fall_that_is_there_hardly_ever_comes(p, q):
    assert ever(lambda *counts: log_evidence_level(*counts, 0.2) >= math.log(20), p, q) <= 0.05


@pytest.mark.parametrize("known", [0.0, 0.3, 0.8])
def test_neither_does_it_where_one_rate_is_known(known):
    drop = always(lambda s, f: log_evidence(s, f, 0, 0, 0.1, known) < math.log(20), known + 0.1)
    fall = always(lambda s, f: log_evidence_level(s, f, 0, 0, 0.2, known) < math.log(20), known + 0.2)

    assert drop >= 0.95 and fall >= 0.95


def test_the_evidence_of_four_successes_against_a_rate_of_a_tenth():
    mixture = (1 / 2 * 3 / 2 * 5 / 2 * 7 / 2) / math.factorial(4)

    assert math.exp(log_evidence(4, 0, 0, 0, 0.1, 0.0)) == pytest.approx(mixture / 0.1**4)


def test_the_evidence_of_two_and_none_of_two():
    # each mixture is 3/8, and of equal rates 1/2 is the likeliest: 9/64 over 1/16
    assert math.exp(log_evidence(2, 0, 0, 2, 0.0)) == pytest.approx(9 / 4)


def test_the_evidence_of_four_failures_against_a_fall_of_a_half():
    # the mixture of four is 35/128; the likeliest pair is 1/2 and 0, at 1/4
    assert math.exp(log_evidence_level(0, 2, 0, 2, 0.5)) == pytest.approx(35 / 32)


def test_there_is_no_evidence_where_the_shares_do_not_say_so():
    assert log_evidence(0, 0, 0, 0, 0.1) == log_evidence(1, 1, 0, 0, 0.1) == 0
    assert log_evidence(5, 5, 5, 5, 0.1) == log_evidence(1, 9, 0, 0, 0.1, 0.0) == 0
    assert log_evidence_level(9, 1, 1, 9, 0.2) == log_evidence_level(5, 5, 0, 0, 0.2, 0.0) == 0


def test_more_successes_never_lower_an_end():
    for n in range(1, 61):
        ends = [sequence(s, n - s, 0.05) for s in range(n + 1)]
        assert sorted(i.low for i in ends) == [i.low for i in ends]
        assert sorted(i.high for i in ends) == [i.high for i in ends]


def test_a_sequence_narrows_and_holds_the_share():
    widths = [sequence(n, n, 0.05).width for n in (1, 5, 25, 125)]

    assert widths == sorted(widths, reverse=True)
    assert all(s / 20 in sequence(s, 20 - s, 0.05) for s in range(21))
    assert sequence(0, 9, 0.05).low == 0 and sequence(9, 0, 0.05).high == 1


def test_an_interval_of_a_difference_excludes_a_margin_as_the_evidence_does():
    for s1, f1, s2, f2 in product((1, 9, 14), (1, 5), (0, 3), (2, 11)):
        excluded = sequence_difference(s1, f1, s2, f2, 0.05).low > 0.1
        assert excluded == (log_evidence(s1, f1, s2, f2, 0.1) > math.log(20))


def test_a_difference_to_a_known_rate_is_that_of_the_sequence():
    one = sequence(7, 3, 0.05)

    assert sequence_difference(7, 3, 0, 0, 0.05, 0.25) == Interval(one.low - 0.25, one.high - 0.25)
    assert sequence_difference(7, 3, 0, 0, 0.05) == Interval(-1, 1)


def test_the_likeliest_rates_apart_are_those_of_a_fine_grid():
    for s1, f1, s2, f2, apart in product((0, 3), (0, 4), (0, 2), (0, 5), (-0.3, 0.0, 0.1, 0.9)):
        low, high = max(0.0, -apart), min(1.0, 1 - apart)
        rates = [low + (high - low) * k / 2000 for k in range(2001)]
        grid = max(log_likelihood(s1, f1, min(1.0, v + apart)) + log_likelihood(s2, f2, v) for v in rates)
        assert log_likelihood_apart(s1, f1, s2, f2, apart) >= grid - 1e-9
        assert log_likelihood_apart(s1, f1, s2, f2, apart) == pytest.approx(grid, abs=2e-3)


def test_what_cannot_be_counted_is_refused():
    for wrong in (
        lambda: sequence(-1, 2, 0.05),
        lambda: sequence(1, 2, 0.0),
        lambda: log_evidence(1, 2, 0, 0, 0.1, 1.5),
        lambda: sequence_difference(1, 2, 3, -4, 0.05),
    ):
        with pytest.raises(ValueError):
            wrong()
