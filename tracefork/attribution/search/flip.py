"""Flip rates from a fixed number of forks for every step, and what they cannot tell.

A *flip* is an outcome other than the recorded one after the answer of a step was changed.
Where the rest of the run is live a flip says little by itself: runs flip as well when nothing
was changed. So every step has as many forks with its recorded answer, and the difference of
both rates is reported beside the rates.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from attrs import evolve, field, frozen

from ..statistics.intervals import Interval, newcombe, wilson
from .config import check_positive
from .state import Grade, Kind, Probe, Tally


@frozen
class Schedule:
    """`forks` forks of either kind for each of `n` steps.

    Args:
        n: how many steps the run has.
        forks: how many are perturbed at each step, and as many are not.
        recorded: whether the recorded outcome is a success.
        alpha: one less the level of all intervals, each taken by itself.
        prices: the worst-case price of a fork that goes live at call i, for i from 0
            to n; by default 1 + n - i.
        seed: all draws follow from it.
        batch: how many forks may be in flight.
        max_forks: how many forks there may be; None for no limit.
        max_cost: what all may cost; None for no limit.

    Raises:
        ValueError: a number is outside of its range, or there is not a price for each arm.
    """

    n: int = field(validator=check_positive)
    forks: int = field(default=10, validator=check_positive)
    recorded: bool = False
    alpha: float = 0.05
    prices: tuple[float, ...] | None = None
    seed: int = 0
    batch: int = field(default=4, validator=check_positive)
    max_forks: int | None = None
    max_cost: float | None = None

    def __attrs_post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is within (0, 1), not {self.alpha}")
        if self.prices is not None and len(self.prices) != self.n + 1:
            raise ValueError(f"a run of {self.n} steps has {self.n + 1} prices, not {len(self.prices)}")

    def price(self, probe: Probe) -> float:
        """Its worst-case price. The changed answer itself costs nothing."""
        live = probe.arm + 1 if probe.kind is Kind.PERTURB else probe.arm
        return 1.0 + self.n - live if self.prices is None else self.prices[live]

    def probe(self, place: int) -> Probe:
        """The one at `place`: all steps have their first forks before any has its second."""
        draw, rest = divmod(place, 2 * self.n)
        step, twin = divmod(rest, 2)
        if twin:
            return Probe.of(self.seed, step + 1, draw, Kind.NOOP)
        return Probe.of(self.seed, step, draw + self.forks, Kind.PERTURB)

    def place(self, probe: Probe) -> int:
        """Where `probe` stands.

        Raises:
            ValueError: it is not of this schedule.
        """
        noop = probe.kind is Kind.NOOP
        step, draw = (probe.arm - 1, probe.draw) if noop else (probe.arm, probe.draw - self.forks)
        place = (draw * self.n + step) * 2 + noop
        if not (0 <= step < self.n and 0 <= draw < self.forks) or self.probe(place) != probe:
            raise ValueError(f"{probe} is not of this schedule")
        return place


@frozen
class Result:
    grade: Grade
    cost: float


@frozen
class Trials:
    """A schedule so far: a result for each place, None where there is none yet."""

    schedule: Schedule
    results: tuple[Result | None, ...]
    stopped: bool = False

    @property
    def forks(self) -> int:
        return sum(result is not None for result in self.results)

    @property
    def cost(self) -> float:
        return math.fsum(result.cost for result in self.results if result)


@frozen
class Flips:
    """A step's flips among its `trials`, those with a grade of success or failure.

    `noop_flips` are those among the forks in which nothing was changed. Rates are None
    without a trial. `changed` and `same` are all forks of either kind. `excess` is the
    difference of both rates, `undefined` and `broken`
    count the forks of both kinds that are no trials, and a step of which more than half
    of the forks of one kind broke is `untrusted`.
    """

    step: int
    flips: int
    trials: int
    interval: Interval
    noop_flips: int
    noop_trials: int
    noop_interval: Interval
    changed: Tally
    same: Tally
    excess: float | None
    excess_interval: Interval
    undefined: int
    broken: int
    untrusted: bool

    @property
    def rate(self) -> float | None:
        return self.flips / self.trials if self.trials else None

    @property
    def noop_rate(self) -> float | None:
        return self.noop_flips / self.noop_trials if self.noop_trials else None


@frozen
class FlipReport:
    """The steps in their order; `complete` when no fork is missing."""

    steps: tuple[Flips, ...]
    forks: int
    cost: float
    complete: bool


def init(schedule: Schedule) -> Trials:
    return Trials(schedule, (None,) * (2 * schedule.n * schedule.forks))


def plan(state: Trials, in_flight: Collection[Probe] = ()) -> tuple[Probe, ...]:
    """The probes to run next, up to a batch together with those in flight; empty at the end.

    They fit the budget at their worst-case prices, those in flight included.
    """
    return () if state.stopped else tuple(_plan_next(state, in_flight))


def observe(state: Trials, probe: Probe, grade: Grade, cost: float | None = None) -> Trials:
    """The state with what came of a probe. The order does not matter.

    Raises:
        ValueError: the probe is not of this schedule, or was observed already.
    """
    place = state.schedule.place(probe)
    if state.results[place] is not None:
        raise ValueError(f"{probe} was observed already")
    result = Result(grade, state.schedule.price(probe) if cost is None else cost)
    return evolve(state, results=(*state.results[:place], result, *state.results[place + 1 :]))


def stop(state: Trials) -> Trials:
    return evolve(state, stopped=True)


def report(state: Trials) -> FlipReport:
    """Return the flip rates from the forks so far."""
    n = state.schedule.n
    changed, same = [Tally()] * n, [Tally()] * n
    for place, result in enumerate(state.results):
        if result:
            step, twin = divmod(place % (2 * n), 2)
            side = same if twin else changed
            side[step] = side[step].add(result.grade)
    steps = tuple(_count_flips(state.schedule, step, changed[step], same[step]) for step in range(n))
    return FlipReport(steps, state.forks, state.cost, state.forks == len(state.results))


def bonferroni(
    arms: Sequence[Tally], *, alpha: float = 0.05, margin: float = 0.10, known: float | None = None
) -> tuple[int, ...]:
    """Return the steps whose drop exceeds `margin` by equally many forks at arms 0 .. n, the largest first.

    The alpha is shared by all steps, with Newcombe's interval on one side: what a search
    is compared with. `known` is V(n) if it needs no fork.
    """
    level = 1 - 2 * alpha / (len(arms) - 1)
    sides = [(tally.successes, tally.graded) for tally in arms]
    if known is not None:
        sides[-1] = round(known * 10**6), 10**6
    found = []
    for step, ((s1, n1), (s2, n2)) in enumerate(pairwise(sides)):
        if n1 and n2 and newcombe(s1, n1, s2, n2, level).low > margin:
            found.append((s2 / n2 - s1 / n1, step))
    return tuple(step for _, step in sorted(found))


def _plan_next(state: Trials, in_flight: Collection[Probe]) -> Iterator[Probe]:
    schedule = state.schedule
    flying = len(in_flight)
    forks = state.forks + flying
    cost = state.cost + math.fsum(map(schedule.price, in_flight))
    for place, result in enumerate(state.results):
        if flying >= schedule.batch or (schedule.max_forks is not None and forks >= schedule.max_forks):
            return
        if result is not None or (probe := schedule.probe(place)) in in_flight:
            continue
        cost += schedule.price(probe)
        if schedule.max_cost is not None and cost > schedule.max_cost:
            return  # rather than go on with later steps, which are cheaper: all have as many
        forks, flying = forks + 1, flying + 1
        yield probe


def _count_flips(schedule: Schedule, step: int, changed: Tally, same: Tally) -> Flips:
    level = 1 - schedule.alpha
    flips, noop_flips = (t.failures if schedule.recorded else t.successes for t in (changed, same))
    trials, noop_trials = changed.graded, same.graded
    return Flips(
        step=step,
        flips=flips,
        trials=trials,
        interval=wilson(flips, trials, level),
        noop_flips=noop_flips,
        noop_trials=noop_trials,
        noop_interval=wilson(noop_flips, noop_trials, level),
        changed=changed,
        same=same,
        excess=flips / trials - noop_flips / noop_trials if trials and noop_trials else None,
        excess_interval=newcombe(flips, trials, noop_flips, noop_trials, level),
        undefined=changed.undefined + same.undefined,
        broken=changed.broken + same.broken,
        untrusted=changed.untrusted or same.untrusted,
    )
