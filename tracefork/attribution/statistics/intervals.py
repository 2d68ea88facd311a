"""Intervals for a share and for a difference of two shares, of a number of trials that was fixed beforehand.

None of them may be looked at while trials come in, to decide when to stop:
`sequences` has those that may. Levels are shares of 1.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

from attrs import frozen

LEVEL = 0.95
"""How often an interval is meant to hold, unless the caller says otherwise."""


@frozen(order=True)
class Interval:
    """All from `low` to `high`, both ends included."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __sub__(self, other: Interval) -> Interval:
        """All differences of a value in this and one in `other`."""
        return Interval(self.low - other.high, self.high - other.low)

    @property
    def width(self) -> float:
        return self.high - self.low


EXACT = 1e-15
UNKNOWN = Interval(0.0, 1.0)
"""What is known of a share without a trial."""


def wilson(successes: int, trials: int, level: float = LEVEL) -> Interval:
    """The score interval of a share; all of [0, 1] without a trial.

    Approximate: it covers about `level` on average over the shares, and less
    than that near 0 and 1 when trials are few.

    Source: Wilson, Probable inference, the law of succession, and statistical
    inference, JASA 22 (1927) 209-212.

    Raises:
        ValueError: there are more successes than trials, or `level` is not within (0, 1).
    """
    _check(successes, trials, level)
    if not trials:
        return UNKNOWN
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share, square = successes / trials, z * z / trials
    middle = share + square / 2
    half = z * math.sqrt(share * (1 - share) / trials + square / (4 * trials))
    low = 0.0 if successes == 0 else max(0.0, (middle - half) / (1 + square))
    high = 1.0 if successes == trials else min(1.0, (middle + half) / (1 + square))
    return Interval(low, high)


def clopper_pearson(successes: int, trials: int, level: float = LEVEL) -> Interval:
    """The exact interval of a share; all of [0, 1] without a trial.

    Guaranteed: it covers at least `level` whatever the share and the number of
    trials, and each end fails with at most half of the rest.

    Source: Clopper and Pearson, The use of confidence or fiducial limits
    illustrated in the case of the binomial, Biometrika 26 (1934) 404-413.

    Raises:
        ValueError: there are more successes than trials, or `level` is not within (0, 1).
    """
    _check(successes, trials, level)
    if not trials:
        return UNKNOWN
    tail = (1 - level) / 2
    low = _share_with_tail(successes, trials, tail) if successes else 0.0
    high = _share_with_tail(successes + 1, trials, 1 - tail) if successes < trials else 1.0
    return Interval(low, high)


def newcombe(s1: int, n1: int, s2: int, n2: int, level: float = LEVEL) -> Interval:
    """The hybrid score interval of a difference of shares, s1/n1 - s2/n2, without continuity correction.

    Approximate, as the Wilson intervals that it is made of. Without a trial on
    either side it is all of [-1, 1].

    Source: Newcombe, Interval estimation for the difference between
    independent proportions: comparison of eleven methods, Statistics in
    Medicine 17 (1998) 873-890, method 10.

    Raises:
        ValueError: there are more successes than trials, or `level` is not within (0, 1).
    """
    one, two = wilson(s1, n1, level), wilson(s2, n2, level)
    if not n1 or not n2:
        return Interval(-1.0, 1.0)
    p1, p2 = s1 / n1, s2 / n2
    low = p1 - p2 - math.hypot(p1 - one.low, two.high - p2)
    high = p1 - p2 + math.hypot(one.high - p1, p2 - two.low)
    return Interval(max(-1.0, low), min(1.0, high))


@lru_cache(maxsize=65_536)
def binomial_tail(successes: int, trials: int, share: float) -> float:
    """The chance of at least `successes` in `trials`, as a regularised incomplete beta function."""
    if successes <= 0:
        return 1.0
    if successes > trials or share <= 0.0:
        return 0.0
    if share >= 1.0:
        return 1.0
    a, b = successes, trials - successes + 1
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(share) + b * math.log1p(-share)
    )
    if share < (a + 1) / (a + b + 2):
        return front * _beta_fraction(a, b, share) / a
    return 1.0 - front * _beta_fraction(b, a, 1 - share) / b


def _share_with_tail(successes: int, trials: int, tail: float) -> float:
    """The share at which at least `successes` have the chance `tail`: it rises with the share."""
    low, high = 0.0, 1.0
    for _ in range(52):
        middle = (low + high) / 2
        if binomial_tail(successes, trials, middle) < tail:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method."""
    tiny = 1e-300
    c, d = 1.0, 1 / ((1 - (a + b) * x / (a + 1)) or tiny)
    value = d
    for m in range(1, 10_000):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / ((1 + term * d) or tiny)
            c = (1 + term / c) or tiny
            value *= c * d
        if abs(c * d - 1) < EXACT:
            break
    return value


def _check(successes: int, trials: int, level: float) -> None:
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes of {trials} trials")
    if not 0 < level < 1:
        raise ValueError(f"a level is within (0, 1), not {level}")
