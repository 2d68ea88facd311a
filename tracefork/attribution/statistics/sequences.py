"""Intervals and evidence that stay valid however often one looks, and whenever one stops.

All rest on one fact. Mix the likelihood over all rates with the weights of
Jeffreys (the KT mixture) and divide by the likelihood at the true rate: the
ratio is a nonnegative martingale that begins at 1, so that it ever reaches 1/a
with a chance of at most a (Ville). Rates for which it has not are the interval.

Sources: Ville, Étude critique de la notion de collectif (1939); Krichevsky and
Trofimov, The performance of universal encoding, IEEE Trans. Inf. Theory 27
(1981) 199-207; Robbins, Statistical methods related to the law of the iterated
logarithm, Ann. Math. Stat. 41 (1970) 1397-1409; Howard, Ramdas, McAuliffe and
Sekhon, Time-uniform, nonparametric, nonasymptotic confidence sequences, Ann.
Stat. 49 (2021) 1055-1080; for two samples Turner, Ly and Grünwald, Generic
E-variables for exact sequential k-sample tests, JSPI 230 (2024).
"""

from __future__ import annotations

import math
from functools import lru_cache

from .intervals import Interval

NEAR = 30  # how many forks the guess weighs that a rate is the known one
HALVINGS = 40  # of a range of at most 2: more than nine digits


@lru_cache(maxsize=200_000)
def sequence(successes: int, failures: int, alpha: float) -> Interval:
    """The time-uniform interval of a Bernoulli rate.

    Guaranteed: with a chance of at least 1 - alpha it holds the rate at *every*
    number of trials at once, whatever decides when to go on, to look or to stop,
    as long as that does not know the outcomes to come. More successes among as
    many trials never lower an end.

    Raises:
        ValueError: a count is negative, or `alpha` is not within (0, 1).
    """
    _check(alpha, successes, failures)
    trials = successes + failures
    if not trials:
        return Interval(0.0, 1.0)
    least = log_mixture(successes, failures) + math.log(alpha)
    share = successes / trials
    low = _last(share, 0.0, successes, failures, least) if successes else 0.0
    high = _last(share, 1.0, successes, failures, least) if failures else 1.0
    return Interval(low, high)


@lru_cache(maxsize=200_000)
def sequence_difference(
    s1: int, f1: int, s2: int, f2: int, alpha: float, known: float | None = None
) -> Interval:
    """The time-uniform interval of a difference of Bernoulli rates, p1 - p2.

    Guaranteed as `sequence` is, for two independent series of trials in any
    adaptive order: the product of the two martingales is one. With `known`, p2
    is that, and its trials do not count. It is narrower than the difference of
    two `sequence`s of half the alpha.

    Raises:
        ValueError: a count is negative, `alpha` is not within (0, 1), or `known` not within [0, 1].
    """
    _check(alpha, s1, f1, s2, f2, known=known)
    if known is not None:
        one = sequence(s1, f1, alpha)
        return Interval(one.low - known, one.high - known)
    if not s1 + f1 or not s2 + f2:
        return Interval(-1.0, 1.0)
    least = log_mixture(s1, f1) + log_mixture(s2, f2) + math.log(alpha)
    middle = s1 / (s1 + f1) - s2 / (s2 + f2)
    ends = []
    for end in (-1.0, 1.0):
        inside, outside = middle, end
        for _ in range(HALVINGS):
            half = (inside + outside) / 2
            if log_likelihood_apart(s1, f1, s2, f2, half) > least:
                inside = half
            else:
                outside = half
        ends.append(outside)
    return Interval(*ends)


@lru_cache(maxsize=200_000)
def log_evidence(s1: int, f1: int, s2: int, f2: int, margin: float, known: float | None = None) -> float:
    """The natural logarithm of the e-value against "p1 - p2 is at most `margin`"; never below 0.

    It is the infimum, over all pairs of rates that this allows, of the product
    of the two martingales. Guaranteed: if p1 - p2 <= margin, its exponential
    ever reaches 1/a with a chance of at most a, however the trials were
    allotted and whenever one stops. With `known`, p2 is that.

    Raises:
        ValueError: a count is negative, or `known` is not within [0, 1].
    """
    _check(0.5, s1, f1, s2, f2, known=known)
    if not s1 + f1 or (known is None and not s2 + f2):
        return 0.0
    share = s1 / (s1 + f1)
    if known is not None:
        bound = min(1.0, known + margin)
        if share <= bound:
            return 0.0
        return max(0.0, log_mixture(s1, f1) - log_likelihood(s1, f1, bound))
    if share - s2 / (s2 + f2) <= margin:
        return 0.0
    mixtures = log_mixture(s1, f1) + log_mixture(s2, f2)
    return max(0.0, mixtures - log_likelihood_apart(s1, f1, s2, f2, margin))


@lru_cache(maxsize=65_536)
def log_evidence_level(s1: int, f1: int, s2: int, f2: int, fall: float, known: float | None = None) -> float:
    """The natural logarithm of the e-value against "p1 - p2 is at least `fall`"; never below 0.

    Guaranteed as `log_evidence` is. It grows fastest where both rates are equal: the
    likelihoods are mixed over one common rate, or over rates about p2 where that is `known`.

    Raises:
        ValueError: a count is negative, or `known` is not within [0, 1].
    """
    _check(0.5, s1, f1, s2, f2, known=known)
    if not s1 + f1 or (known is None and not s2 + f2):
        return 0.0
    share = s1 / (s1 + f1)
    if known is not None:
        if share >= known + fall:
            return 0.0
        a, b = 1 + NEAR * known, 1 + NEAR * (1 - known)
        mixed = _log_beta(a + s1, b + f1) - _log_beta(a, b)
        return max(0.0, mixed - log_likelihood(s1, f1, min(1.0, known + fall)))
    if share - s2 / (s2 + f2) >= fall:
        return 0.0
    return max(0.0, log_mixture(s1 + s2, f1 + f2) - log_likelihood_apart(s1, f1, s2, f2, fall))


@lru_cache(maxsize=65_536)
def log_mixture(successes: int, failures: int) -> float:
    """The logarithm of B(s + 1/2, f + 1/2) / B(1/2, 1/2): the likelihood, mixed over all rates."""
    return (
        math.lgamma(successes + 0.5)
        + math.lgamma(failures + 0.5)
        - math.lgamma(successes + failures + 1)
        - math.log(math.pi)
    )


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def log_likelihood(successes: int, failures: int, rate: float) -> float:
    """The logarithm of p^s (1 - p)^f."""
    if (successes and rate <= 0.0) or (failures and rate >= 1.0):
        return -math.inf
    at = successes * math.log(rate) if successes else 0.0
    return at + (failures * math.log1p(-rate) if failures else 0.0)


def log_likelihood_apart(s1: int, f1: int, s2: int, f2: int, apart: float) -> float:
    """The largest log likelihood of rates p2 + `apart` and p2.

    It is concave in p2, so that its slope has one zero, found by halving.
    """
    low, high = max(0.0, -apart), min(1.0, 1.0 - apart)
    if low >= high:  # the rates are 0 and 1, or 1 and 0
        return log_likelihood(s1, f1, low + apart) + log_likelihood(s2, f2, low)
    a, b = low, high
    for _ in range(HALVINGS):
        v = (a + b) / 2
        u = v + apart
        slope = 0.0
        if s1:
            slope += s1 / u if u > 0.0 else math.inf
        if s2:
            slope += s2 / v if v > 0.0 else math.inf
        if f1:
            slope -= f1 / (1 - u) if u < 1.0 else math.inf
        if f2:
            slope -= f2 / (1 - v) if v < 1.0 else math.inf
        if slope > 0.0:
            a = v
        else:
            b = v
    best = -math.inf
    for v in (a, b):
        at = log_likelihood(s1, f1, min(1.0, v + apart)) + log_likelihood(s2, f2, v)
        best = max(best, at)
    return best


def _last(inside: float, outside: float, successes: int, failures: int, least: float) -> float:
    """The first rate, on the way to `outside`, whose likelihood is not above `least`."""
    for _ in range(HALVINGS):
        half = (inside + outside) / 2
        if log_likelihood(successes, failures, half) > least:
            inside = half
        else:
            outside = half
    return outside


def _check(alpha: float, *counts: int, known: float | None = None) -> None:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is within (0, 1), not {alpha}")
    if min(counts) < 0:
        raise ValueError(f"counts are not negative: {counts}")
    if known is not None and not 0 <= known <= 1:
        raise ValueError(f"a known rate is within [0, 1], not {known}")
