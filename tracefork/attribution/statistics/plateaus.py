"""The posterior of "at some step the rate falls by so much", where a rise may come before it or make it good.

The model: all arms have one rate, or it changes at one step, or at two. All places are equally likely
beforehand, and all rates. So it knows of a rise that a fall takes back, which the two ends of a run do not
show.

Where places are as it supposes, "there is no such fall" at a mass of 95% is false once in 20 times on
average. It is a judgement by Bayes' rule, and no bound that holds for each curve: what lies between two
arms that were tried weighs what it weighed before.

Source: Barry and Hartigan, A Bayesian analysis for change point problems, J. Am. Stat. Assoc. 88 (1993)
309-319, of levels that are integrated out between changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, combinations_with_replacement, pairwise
from math import comb, exp, lgamma, log, log1p
from operator import mul
from typing import TypeAlias

from attrs import frozen

Counts: TypeAlias = "tuple[int, int]"
"""Successes and failures."""

LEVEL, ONE, BACK, TWO = 0.4, 0.2, 0.3, 0.1
"""The masses beforehand of no change, one, two of which the second takes back the first, and any two."""

CELLS = 20
"""Rates that a level may have: the middles of so many equal parts of [0, 1]."""

NEGLIGIBLE = 0.003
"""A share of all mass, spread over all there is, below which a fall is taken to be there without a look."""


@frozen
class Stretch:
    """What lies between two changes, in gaps `start` and `stop`; `forks` were made there.

    Gap i is before arm i of those that were tried; the last is after all. `mass` is the posterior of that,
    and `enters` and `leaves` are the chances that the rate falls by enough where the stretch begins, and
    where it ends; `either` that it does at one of them.
    """

    start: int
    stop: int
    forks: int
    mass: float
    enters: float
    leaves: float
    either: float


@frozen
class Plateaus:
    """`arms` were tried; `falls` is the posterior of "at some step the rate falls by enough".

    `edges` says how many steps there are in each gap, `stretches` which two changes it could be; `once` is
    the part of `falls` of those runs that change only once.
    """

    arms: tuple[int, ...]
    edges: tuple[int, ...]
    stretches: tuple[Stretch, ...]
    falls: float
    once: float


@lru_cache(maxsize=64)
def find_plateaus(tried: tuple[tuple[int, int, int], ...], n: int, fall: float) -> Plateaus:
    """Return the posterior of changes among `n` steps, given arms that were `tried`: arm, successes,
    failures.

    They are in rising order, from 0 to n. Step i is between arm i and arm i + 1. `fall` is how much lower
    the rate has to be after a step.
    """
    edges = tuple(after - before for before, after in pairwise((0, *(arm for arm, _, _ in tried), n)))
    sums = list(accumulate(((s, f) for _, s, f in tried), _add, initial=(0, 0)))
    changes = list(_list_changes(edges, sums, n))
    level = log(LEVEL) + _weigh(sums[-1])
    top = max([level, *(change.likely for change in changes)])
    total = exp(level - top) + sum(exp(change.likely - top) for change in changes)
    once, stretches = 0.0, []
    for change in changes:
        mass = exp(change.likely - top) / total
        looked = mass * len(changes) > NEGLIGIBLE
        chances = _find_chances(change.levels, round(fall * CELLS)) if looked else (1.0, 1.0, 1.0)
        if len(change.levels) == len(_THREE):
            forks = sum(change.levels[1])
            stretches.append(Stretch(change.start, change.stop, forks, mass, *chances))
        else:
            once += mass * chances[-1]
    falls = once + sum(stretch.mass * stretch.either for stretch in stretches)
    return Plateaus(tuple(arm for arm, _, _ in tried), edges, tuple(stretches), falls, once)


@frozen
class _Change:
    """One change, in gap `start`, or two; the log of prior and likelihood, and the counts of each level."""

    start: int
    stop: int
    likely: float
    levels: tuple[Counts, ...]


def _list_changes(edges: tuple[int, ...], sums: list[Counts], n: int) -> Iterator[_Change]:
    for gap, edge in enumerate(edges):
        if edge:
            before, after = _levels(sums, gap)
            yield _Change(gap, gap, log(ONE * edge / n) + _weigh(before) + _weigh(after), (before, after))
    for start, stop in combinations_with_replacement(range(len(edges)), 2):
        ways = edges[start] * edges[stop] if start < stop else comb(edges[start], 2)
        if ways:
            before, within, after = _levels(sums, start, stop)
            around = _add(before, after)
            share = log(ways / comb(n, 2)) + _weigh(within)
            yield _Change(start, stop, log(BACK) + share + _weigh(around), (around, within, around))
            apart = _weigh(before) + _weigh(after)
            yield _Change(start, stop, log(TWO) + share + apart, (before, within, after))


_THREE = "before", "within", "after"


def _levels(sums: list[Counts], *gaps: int) -> tuple[Counts, ...]:
    """The counts of the levels that changes in these gaps part."""
    ends = [(0, 0), *(sums[gap] for gap in gaps), sums[-1]]
    return tuple((b[0] - a[0], b[1] - a[1]) for a, b in pairwise(ends))


def _add(one: Counts, other: Counts) -> Counts:
    return one[0] + other[0], one[1] + other[1]


def _find_chances(levels: tuple[Counts, ...], cells: int) -> tuple[float, float, float]:
    """The chances that the rate is lower by `cells` parts at the first change, at the second, at either."""
    higher = tuple(map(mul, _spread(levels[1]), _above(levels[0], cells)))
    first = sum(higher)
    if len(levels) < len(_THREE):
        return first, 0.0, first
    below = _below(levels[2], cells)
    second = sum(map(mul, _spread(levels[1]), below))
    return first, second, first + second - sum(map(mul, higher, below))


@lru_cache(maxsize=4096)
def _weigh(counts: Counts) -> float:
    """The log likelihood of these outcomes, with the rate integrated out."""
    s, f = counts
    return lgamma(s + 1) + lgamma(f + 1) - lgamma(s + f + 2)


@lru_cache(maxsize=4096)
def _spread(counts: Counts) -> tuple[float, ...]:
    """The posterior of the rate, as the masses of the cells."""
    s, f = counts
    logs = [s * a + f * b for a, b in _LOGS]
    top = max(logs)
    masses = [exp(one - top) for one in logs]
    total = sum(masses)
    return tuple(mass / total for mass in masses)


@lru_cache(maxsize=4096)
def _above(counts: Counts, cells: int) -> tuple[float, ...]:
    """For each cell, the chance that the rate is at least `cells` higher."""
    tail = list(accumulate(reversed(_spread(counts))))[::-1]
    return tuple(tail[i + cells] if i + cells < CELLS else 0.0 for i in range(CELLS))


@lru_cache(maxsize=4096)
def _below(counts: Counts, cells: int) -> tuple[float, ...]:
    """For each cell, the chance that the rate is at least `cells` lower."""
    head = list(accumulate(_spread(counts)))
    return tuple(head[i - cells] if i >= cells else 0.0 for i in range(CELLS))


_LOGS = tuple((log((i + 0.5) / CELLS), log1p(-(i + 0.5) / CELLS)) for i in range(CELLS))


def weigh_places(found: Plateaus) -> Iterator[float]:
    """For gap 0, arm 0, gap 1, arm 1, .. of those tried: how much a fork there would tell of falls.

    That is the mass of falls of the stretches around it, each for the forks that it has already.
    """
    places = [0.0] * (
        2 * len(found.edges) + 1
    )  # where a stretch begins it counts from then on, until it ends
    for stretch in found.stretches:
        worth = stretch.mass * stretch.either / (stretch.forks + 1)
        start, stop = 2 * stretch.start, 2 * stretch.stop
        steps = _HALVES if start < stop else _WHOLE
        for place, share in zip((start, start + 1, stop, stop + 1), steps, strict=True):
            places[place] += worth * share
    return accumulate(places[: 2 * len(found.edges) - 1])


_HALVES, _WHOLE = (0.5, 0.5, -0.5, -0.5), (1.0, 0.0, 0.0, -1.0)
"""How the worth of a stretch comes and goes: half of the places are in it where it begins and ends."""
