"""The posterior of the drop's place, given the forks: a Bayesian change point.

The model says "the rate falls once, at step t, or not at all", with the rates
before and after integrated out under Beta(2, 1) and Beta(1, 2), and under
Beta(1, 1) where there is no drop. It only decides what to try next: when the
model is wrong the search is longer, and nothing false is certified.

Sources: Smith, A Bayesian approach to inference about a change-point in a
sequence of random variables, Biometrika 62 (1975) 407-416; the choice of arms by
mutual information per price as in Lindley, On a measure of the information
provided by an experiment, Ann. Math. Stat. 27 (1956) 986-1005, and for a noisy
bisection Waeber, Frazier and Henderson, SIAM J. Control Optim. 51 (2013) 2261-2279.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import exp, lgamma, log
from typing import TypeAlias

from attrs import frozen

Counts: TypeAlias = "tuple[int, float, float]"
"""An arm, its successes and its failures; those that are only expected may be broken numbers."""

BEFORE = 2.0, 1.0, log(1 / 2)
AFTER = 1.0, 2.0, log(1 / 2)
LEVEL = 1.0, 1.0, log(1)
"""The a and b of a Beta distribution, and the logarithm of the function B(a, b)."""


@frozen
class Gap:
    """Steps that the forks do not tell apart: [start, start + size), between two arms with outcomes.

    `mass` is the posterior of "one of these has the drop"; the rates are those
    that are expected before and after it.
    """

    start: int
    size: int
    mass: float
    before: float
    after: float


@frozen
class Posterior:
    """The gaps of [low, high) in order; `null` is the mass of "no drop", `rate` what is expected then.

    Inside of a gap the mass is shared as the `prior` weights say, equally if there are none.
    """

    low: int
    high: int
    gaps: tuple[Gap, ...]
    null: float
    rate: float
    prior: tuple[float, ...] | None = None

    def weights(self) -> tuple[float, ...]:
        """The mass of each step of [low, high)."""
        return tuple(weight for gap in self.gaps for weight in self._share_mass(gap))

    def weight(self, step: int) -> float:
        """The mass of one step."""
        for gap in self.gaps:
            if gap.start <= step < gap.start + gap.size:
                return self._share_mass(gap)[step - gap.start]
        return 0.0

    def peak(self) -> tuple[int, float]:
        """The step with the largest mass, the first of equals, and that mass."""
        step, most = self.low, -1.0
        for gap in self.gaps:
            shared = self._share_mass(gap) if self.prior else (gap.mass / gap.size,)
            weight = max(shared)
            if weight > most:
                step, most = gap.start + shared.index(weight), weight
        return step, most

    def information(self) -> Iterator[float]:
        """The information that a fork of each arm, low .. high, would give on the drop's place, in nats."""
        rate = sum([gap.mass * gap.before for gap in self.gaps]) + self.null * self.rate
        noise = sum([gap.mass * entropy(gap.before) for gap in self.gaps]) + self.null * entropy(self.rate)
        for gap in self.gaps:  # an arm is past the drop at t if it is above t: the masses move as it rises
            rise, stir = gap.after - gap.before, entropy(gap.after) - entropy(gap.before)
            for weight in self._share_mass(gap):
                yield entropy(rate) - noise
                rate += weight * rise
                noise += weight * stir
        yield entropy(rate) - noise

    def _share_mass(self, gap: Gap) -> tuple[float, ...]:
        if self.prior is None:
            return (gap.mass / gap.size,) * gap.size
        weights = self.prior[gap.start : gap.start + gap.size]
        total = sum(weights)
        return tuple(gap.mass * weight / total for weight in weights)


def posterior(
    counts: Iterable[Counts], low: int, high: int, *, null: float, prior: tuple[float, ...] | None = None
) -> Posterior:
    """Return the posterior of the steps [low, high), given the outcomes of arms low .. high.

    Args:
        counts: those with an outcome, by rising arm.
        low: the first step.
        high: the arm after the last one.
        null: the prior mass of "no drop".
        prior: a weight for each step of the *run*; equal ones by default.
    """
    seen = list(counts)
    successes, failures = sum(s for _, s, _ in seen), sum(f for _, _, f in seen)
    found: list[tuple[int, int, float, float, float]] = []
    start, s, f = low, 0.0, 0.0
    for arm, more, fewer in [*seen, (high, 0.0, 0.0)]:
        stop = min(arm, high)
        if stop > start:
            before, likely_before = _fit(s, f, BEFORE)
            after, likely_after = _fit(successes - s, failures - f, AFTER)
            found.append((start, stop - start, likely_before + likely_after, before, after))
            start = stop
        s, f = s + more, f + fewer
    rate, level = _fit(successes, failures, LEVEL)
    top = max(level, *[likely for _, _, likely, _, _ in found])
    whole = float(high - low) if prior is None else sum(prior[low:high])
    scale = (1 - null) / whole
    gaps = []
    for start, size, likely, before, after in found:
        share = size if prior is None else sum(prior[start : start + size])
        gaps.append((start, size, scale * share * exp(likely - top), before, after))
    without = null * exp(level - top)
    total = without + sum(gap[2] for gap in gaps)
    normal = tuple([Gap(start, size, mass / total, b, a) for start, size, mass, b, a in gaps])
    return Posterior(low, high, normal, without / total, rate, prior)


def entropy(rate: float) -> float:
    """Return the entropy of a coin with this rate, in nats."""
    if rate <= 0.0 or rate >= 1.0:
        return 0.0
    return -rate * log(rate) - (1 - rate) * log(1 - rate)


def _fit(s: float, f: float, beta: tuple[float, float, float]) -> tuple[float, float]:
    """The mean of the rate after s and f, and the log likelihood with the rate integrated out."""
    a, b = beta[0] + s, beta[1] + f
    return a / (a + b), lgamma(a) + lgamma(b) - lgamma(a + b) - beta[2]
