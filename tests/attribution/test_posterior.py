"""The change point: by hand, and against the sum over all hypotheses."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefork.attribution.statistics.posterior import entropy, posterior


def test_one_success_between_two_steps():
    seen = posterior([(1, 1, 0)], 0, 2, null=0.2)

    # the success has the chance 1/3 after a drop at step 0, 2/3 before one at step 1, 1/2 without one
    assert seen.weights() == pytest.approx((4 / 15, 8 / 15))
    assert seen.null == pytest.approx(1 / 5)
    assert seen.gaps[0].before == pytest.approx(2 / 3) and seen.gaps[0].after == pytest.approx(1 / 2)
    assert seen.peak() == (1, pytest.approx(8 / 15))


def test_what_is_not_told_apart_has_equal_weights_or_those_of_the_prior():
    equal = posterior([(2, 3, 0)], 0, 4, null=0.1)
    told = posterior([(2, 3, 0)], 0, 4, null=0.1, prior=(1.0, 1.0, 1.0, 3.0))

    assert equal.weight(2) == equal.weight(3)
    assert told.weight(3) == pytest.approx(3 * told.weight(2))
    assert told.peak()[0] == 3


def brute(counts, n, null, prior):
    def beta(a, b):
        return math.exp(math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b))

    masses = []
    for t in range(n):
        before = [c for c in counts if c[0] <= t]
        after = [c for c in counts if c[0] > t]
        s, f, u, v = (
            sum(c[k] for c in side) for side, k in ((before, 1), (before, 2), (after, 1), (after, 2))
        )
        masses.append((1 - null) * prior[t] / sum(prior) * beta(2 + s, 1 + f) * 2 * beta(1 + u, 2 + v) * 2)
    s, f = sum(c[1] for c in counts), sum(c[2] for c in counts)
    masses.append(null * beta(1 + s, 1 + f))
    return [mass / sum(masses) for mass in masses]


def tables(n):
    counts = st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(any)
    return st.dictionaries(st.integers(0, n), counts, max_size=n + 1)


@given(
    st.integers(1, 7).flatmap(lambda n: st.tuples(st.just(n), tables(n))), st.randoms(use_true_random=False)
)
def test_the_posterior_is_that_of_all_hypotheses(table, random):
    n, found = table
    counts = [(arm, *found[arm]) for arm in sorted(found)]
    prior = tuple(random.uniform(0.5, 2) for _ in range(n))

    seen = posterior(counts, 0, n, null=0.15, prior=prior)

    *weights, null = brute(counts, n, 0.15, prior)
    assert seen.weights() == pytest.approx(weights)
    assert seen.null == pytest.approx(null)
    assert [seen.weight(step) for step in range(n)] == pytest.approx(weights)


def test_information_is_never_negative_and_highest_in_the_middle_of_the_unknown():
    told = list(posterior([(0, 5, 0), (8, 0, 5)], 0, 8, null=0.1).information())

    assert len(told) == 9 and min(told) > -1e-12
    assert told.index(max(told)) in (3, 4, 5)
    assert told[0] < max(told) / 4 and told[8] < max(told) / 4


def test_entropy_is_that_of_a_coin():
    assert entropy(0.0) == entropy(1.0) == 0
    assert entropy(0.5) == pytest.approx(math.log(2))
