"""What paired differences show: better, worse, the same within a margin, or nothing yet. Pure.

The differences of blocks that were drawn with replacement are independent, and their mean is the mean over
tapes. Each end of the interval is wrong with a chance of at most half of alpha, at whatever moment one looks
(bets, see `attribution.statistics.bets`), so that a verdict which is read off the interval is wrong with a
chance of at most alpha, though one looks after each block and stops at the first that decides.

A score that is not known counts as the worse for either end: as the least that the difference may be for the
lower one, as the most for the upper one.
"""

from __future__ import annotations

import math
from enum import StrEnum

from attrs import evolve, frozen

from ..attribution.statistics.bets import NONE, Differences, bound_mean, weigh_above, weigh_below
from ..attribution.statistics.intervals import Interval


class Verdict(StrEnum):
    """What a comparison came to."""

    BETTER = "BETTER"
    WORSE = "WORSE"
    SAME = "SAME"
    NOT_DECIDED = "NOT_DECIDED"


@frozen
class Evidence:
    """The differences so far of the tapes that a change touches, which are `share` of all tapes.

    On the others the difference is 0. `low` has the least that each may be, `high` the most.

    Raises:
        ValueError: alpha, margin or share is not within (0, 1), (0, 1) or [0, 1].
    """

    alpha: float = 0.05
    margin: float = 0.1
    share: float = 1.0
    low: Differences = NONE
    high: Differences = NONE

    def __attrs_post_init__(self) -> None:
        for name in ("alpha", "margin"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name}= is within (0, 1), not {getattr(self, name)!r}")
        if not 0 <= self.share <= 1:
            raise ValueError(f"share= is within [0, 1], not {self.share!r}")

    def add(self, low: float, high: float) -> Evidence:
        """Return this and one more difference, which is within `low` and `high`."""
        return evolve(self, low=self.low.add(low), high=self.high.add(high))

    @property
    def pairs(self) -> int:
        return self.low.pairs

    @property
    def interval(self) -> Interval:
        """The interval of the mean over all tapes: it may be looked at at any time."""
        low = bound_mean(self.low, self.alpha / 2).low
        high = bound_mean(self.high, self.alpha / 2).high
        return Interval(low * self.share, high * self.share)

    @property
    def mean(self) -> float | None:
        """The mean over all tapes, unknown scores counted as halves of what they may be; None of no pair."""
        if not self.share:
            return 0.0
        if self.low.mean is None or self.high.mean is None:
            return None
        return self.share * (self.low.mean + self.high.mean) / 2

    @property
    def logs(self) -> tuple[float, float]:
        """The natural logarithms of the e-values for better and for worse; -log(alpha / 2) decides."""
        return weigh_above(self.low, 0.0), weigh_below(self.high, 0.0)

    @property
    def verdict(self) -> Verdict:
        """What this shows; NOT_DECIDED if nothing yet."""
        needed = -math.log(self.alpha / 2)
        if self.share and self.pairs:
            better, worse = self.logs
            if better >= needed:
                return Verdict.BETTER
            if worse >= needed:
                return Verdict.WORSE
        return Verdict.SAME if self._is_within(needed) else Verdict.NOT_DECIDED

    def _is_within(self, needed: float) -> bool:
        """True if the mean is shown to be within the margin, on either side."""
        if self.share < self.margin:
            return True
        level = self.margin / self.share
        if level >= 1:  # it is at the very end of what a difference can be
            return False
        return weigh_above(self.low, -level) >= needed and weigh_below(self.high, level) >= needed
