"""The posterior of a fall at some step, against sums that are made by brute force."""

from itertools import combinations
from math import comb, exp, lgamma

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefork.attribution.statistics.plateaus import (
    BACK,
    CELLS,
    LEVEL,
    ONE,
    TWO,
    find_plateaus,
    weigh_places,
)

FALL = 0.2


def likelihood(counts):
    s, f = sum(c[0] for c in counts), sum(c[1] for c in counts)
    return lgamma(s + 1) + lgamma(f + 1) - lgamma(s + f + 2)


def chance_of_fall(before, after):
    """The chance that the rate of `before` is `FALL` above that of `after`, over the same cells."""

    def spread(counts):
        s, f = sum(c[0] for c in counts), sum(c[1] for c in counts)
        masses = [((i + 0.5) / CELLS) ** s * (1 - (i + 0.5) / CELLS) ** f for i in range(CELLS)]
        return [mass / sum(masses) for mass in masses]

    a, b = spread(before), spread(after)
    return sum(a[i] * b[j] for i in range(CELLS) for j in range(CELLS) if i - j >= round(FALL * CELLS))


def by_hand(arms):
    """The posterior mass of each two changes, from every place there is; keys are the arms after each."""
    n = len(arms) - 1
    masses = {}
    for a, b in combinations(range(1, n + 1), 2):
        before, within, after = arms[:a], arms[a:b], arms[b:]
        around = BACK * exp(likelihood([*before, *after]))
        around += TWO * exp(likelihood(before) + likelihood(after))
        masses[a, b] = around * exp(likelihood(within)) / comb(n, 2)
    ones = (ONE / n * exp(likelihood(arms[:a]) + likelihood(arms[a:])) for a in range(1, n + 1))
    total = LEVEL * exp(likelihood(arms)) + sum(ones) + sum(masses.values())
    return {key: mass / total for key, mass in masses.items()}


counts = st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(any)


@given(st.lists(counts, min_size=3, max_size=6))
def test_masses_are_those_of_every_place_tried_by_hand(arms):
    found = find_plateaus(tuple((arm, *one) for arm, one in enumerate(arms)), len(arms) - 1, FALL)
    masses = {}
    for stretch in found.stretches:
        key = stretch.start, stretch.stop
        masses[key] = masses.get(key, 0.0) + stretch.mass
    assert masses == pytest.approx(by_hand(arms))
    assert 0 <= found.falls <= 1


def test_a_fall_is_as_likely_as_its_rates_say():
    # all mass is where it was put: thirty successes, then thirty failures
    found = find_plateaus(((0, 30, 0), (1, 0, 30)), 1, FALL)
    assert found.falls == pytest.approx(1, abs=1e-6)
    alike = find_plateaus(((0, 15, 15), (1, 15, 15)), 1, FALL)
    one = chance_of_fall([(15, 15)], [(15, 15)])
    assert alike.falls < one < 0.1


def test_a_rise_that_is_thrown_away_is_seen_between_two_ends_that_are_level():
    ends = ((0, 0, 20), (10, 0, 12))
    assert find_plateaus(ends, 10, FALL).falls > 0.1, "nothing was looked at in between"
    rescued = find_plateaus((ends[0], (5, 6, 1), ends[1]), 10, FALL)
    assert rescued.falls > 0.95
    best = max(rescued.stretches, key=lambda one: one.mass * one.either)
    assert best.leaves > best.enters and (best.start, best.stop) == (1, 2)


def test_a_dip_falls_where_it_begins():
    found = find_plateaus(((0, 14, 6), (5, 1, 19), (10, 14, 6)), 10, FALL)
    best = max(found.stretches, key=lambda one: one.mass * one.either)
    assert found.falls > 0.9 and best.enters > best.leaves


def test_forks_that_fail_everywhere_make_a_fall_unlikely():
    tried = tuple((arm, 0, 6) for arm in range(11))
    assert find_plateaus(tried, 10, FALL).falls < 0.02


def test_a_fork_is_worth_most_where_none_was_made():
    found = find_plateaus(((0, 0, 20), (2, 0, 5), (10, 0, 12)), 10, FALL)
    worth = list(weigh_places(found))
    assert len(worth) == 2 * len(found.edges) - 1 == 7
    assert max(worth) == worth[4], "the gap between arms 2 and 10"
    assert worth[0] == 0 and all(one >= -1e-12 for one in worth)


@given(st.lists(counts, min_size=2, max_size=5), st.integers(0, 4))
def test_what_was_not_tried_only_adds_ways(arms, gap):
    """With arms that were never tried between them, the same outcomes leave as much mass to all changes."""
    spread = tuple((arm * (gap + 1), *one) for arm, one in enumerate(arms))
    found = find_plateaus(spread, (len(arms) - 1) * (gap + 1), FALL)
    assert sum(one.mass for one in found.stretches) < 1
    assert sum(found.edges) == (len(arms) - 1) * (gap + 1)
