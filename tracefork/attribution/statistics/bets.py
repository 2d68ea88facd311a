"""Evidence from paired differences, by bets: valid however often one looks, and whatever drifts.

Two forks, one on either side of a step, are made in an order that chance decides, and their difference is
what is bet on: that its mean is above a margin. Whoever bets the share `l` of what he has on it holds
`1 + l (z - margin)` times as much after a difference z. If the mean is at most the margin, given all that
came before, this is a nonnegative supermartingale, so that it ever reaches 1/a with a chance of at most a
(Ville). A mixture over several shares is one as well. What differs from one fork to the next, a provider
that wanders or two that take turns, hits both sides of a pair alike, because chance decides which is first.

Differences are any numbers from -1 to 1: those of scores as well as those of successes.

Sources: Ville, Étude critique de la notion de collectif (1939); Shafer, Testing by betting, JRSS A 184
(2021) 407-431; Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, JRSS B 86
(2024) 1-27.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Final

from attrs import frozen

from .intervals import Interval

SHARES: Final = (
    (0.05, 0.06),
    (0.10, 0.07),
    (0.20, 0.12),
    (0.30, 0.10),
    (0.45, 0.10),
    (0.60, 0.10),
    (0.75, 0.10),
    (0.90, 0.15),
    (0.97, 0.20),
)
"""Shares of what can be bet without ruin, and their weights: much for large effects, soon over."""

HALVINGS = 40  # of a range of at most 2: more than nine digits


@frozen
class Differences:
    """How often each difference was seen; no order is kept, and none is needed."""

    counts: tuple[tuple[float, int], ...] = ()

    @cached_property
    def pairs(self) -> int:
        """How many there were."""
        return sum(count for _, count in self.counts)

    @cached_property
    def mean(self) -> float | None:
        """Their mean; None of none."""
        total = math.fsum(value * count for value, count in self.counts)
        return total / self.pairs if self.pairs else None

    def add(self, difference: float) -> Differences:
        """Return these and one more.

        Raises:
            ValueError: it is not within [-1, 1].
        """
        if not -1 <= difference <= 1:
            raise ValueError(f"a difference is within [-1, 1], not {difference}")
        counts = dict(self.counts)
        counts[difference] = counts.get(difference, 0) + 1
        return Differences(tuple(sorted(counts.items())))


NONE: Final = Differences()
"""No difference at all."""


def of(differences: Iterable[float]) -> Differences:
    """Return how often each of `differences` is there."""
    found = NONE
    for difference in differences:
        found = found.add(difference)
    return found


def weigh_above(seen: Differences, margin: float, least: float = -1.0) -> float:
    """Return the natural logarithm of the e-value against "the mean is at most `margin`".

    No difference can be less than `least`: -v where one side is known to be v, and tells more then.

    Raises:
        ValueError: the margin is not within (least, 1), or a difference is less than `least`.
    """
    if not least < margin < 1:
        raise ValueError(f"a margin is within ({least}, 1), not {margin}")
    if seen.counts and seen.counts[0][0] < least:
        raise ValueError(f"a difference of {seen.counts[0][0]} is less than {least}")
    return _weigh(seen.counts, margin, margin - least)


def weigh_below(seen: Differences, level: float, most: float = 1.0) -> float:
    """Return the natural logarithm of the e-value against "the mean is at least `level`".

    No difference can be more than `most`.

    Raises:
        ValueError: the level is not within (-1, most), or a difference is more than `most`.
    """
    turned = Differences(tuple((-value, count) for value, count in reversed(seen.counts)))
    return weigh_above(turned, -level, -most)


def bound_mean(seen: Differences, alpha: float, within: Interval = Interval(-1.0, 1.0)) -> Interval:  # noqa: B008  a value
    """Return the interval of the mean: each end is wrong with a chance of at most `alpha`, at any moment.

    All differences are known to be `within` an interval.

    Raises:
        ValueError: `alpha` is not within (0, 1).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is within (0, 1), not {alpha}")
    middle, needed = seen.mean, -math.log(alpha)
    if middle is None:
        return within
    low = _find_end(middle, within.low, lambda at: weigh_above(seen, at, within.low) >= needed)
    high = _find_end(middle, within.high, lambda at: weigh_below(seen, at, within.high) >= needed)
    return Interval(low, high)


# -- below ---------------------------------------------------------------------------


def _weigh(counts: tuple[tuple[float, int], ...], margin: float, room: float) -> float:
    """The logarithm of what the mixture of bets has come to, from 1; a loss of `room` would ruin it."""
    logs = [
        math.log(weight)
        + math.fsum(count * math.log1p(share * (value - margin) / room) for value, count in counts)
        for share, weight in SHARES
    ]
    top = max(logs)
    return top + math.log(math.fsum(math.exp(log - top) for log in logs))


def _find_end(middle: float, end: float, is_refuted: Callable[[float], bool]) -> float:
    """The first mean that is refuted, on the way from the `middle` of what was seen to an `end`; or that."""
    inside, outside = middle, end
    for _ in range(HALVINGS):
        half = (inside + outside) / 2
        if half in (inside, outside) or not is_refuted(half):
            inside = half
        else:
            outside = half
    return outside
