"""The but-for screen: would the run have succeeded if this step alone had been answered anew?

A forced fork asks one step and serves all other recorded answers, those after it as well, so
that it costs one call. It finds the first half of a conjunction, which no total effect can,
and misses what later steps repeat. Each step is tried one fork at a time until it is certified
or not worth another; steps do not wait for each other.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from attrs import evolve, field, frozen

from ..statistics.intervals import Interval
from ..statistics.sequences import log_evidence, sequence
from .config import check_positive
from .state import Grade, Kind, Probe, Tally

FRUITLESS = 5  # failures without a success, and a step is left
ENOUGH = 12  # forks after which it is left unless a share of PROMISING succeeds
PROMISING = 0.3


@frozen
class Screen:
    """The steps 0 .. n-1, each with at most `limit` forks.

    Args:
        n: how many steps the run has.
        alpha: how often any step may be named whose rate is not above floor + margin.
        margin: how far above the floor the rate of a step has to be.
        floor: the rate of success when all answers are as recorded: 0 for a recorded
            failure that replays as one.
        limit: how many forks a step may have.
        price: the worst-case price of one.
        seed: all draws follow from it.
        batch: how many forks may be in flight.
        max_forks: how many forks there may be; None for no limit.
        max_cost: what all may cost; None for no limit.

    Raises:
        ValueError: a number is outside of its range.
    """

    n: int = field(validator=check_positive)
    alpha: float = 0.05
    margin: float = 0.10
    floor: float = 0.0
    limit: int = field(default=25, validator=check_positive)
    price: float = 1.0
    seed: int = 0
    batch: int = field(default=4, validator=check_positive)
    max_forks: int | None = None
    max_cost: float | None = None

    def __attrs_post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is within (0, 1), not {self.alpha}")
        if not (self.floor >= 0 and self.margin >= 0 and self.floor + self.margin < 1):
            raise ValueError(f"floor + margin is within [0, 1), not {self.floor} + {self.margin}")
        if self.price < 0:
            raise ValueError(f"a price is not negative: {self.price}")


@frozen
class Screening:
    """A screen so far: a tally and a cost for each step."""

    screen: Screen
    steps: tuple[Tally, ...]
    costs: tuple[float, ...]
    stopped: bool = False

    @property
    def forks(self) -> int:
        return sum(tally.total for tally in self.steps)

    @property
    def cost(self) -> float:
        return math.fsum(self.costs)


@frozen
class DirectEffect:
    """The rate at which the run succeeds when this step alone is asked anew, None without a grade.

    `interval` holds together with those of all other steps, at every moment. `certified`:
    the rate is above floor + margin, so that but for this answer the run would often have succeeded.
    """

    step: int
    estimate: float | None
    interval: Interval
    forks: int
    certified: bool
    untrusted: bool


@frozen
class DirectReport:
    """The steps in their order; `complete` when no step is worth another fork."""

    steps: tuple[DirectEffect, ...]
    forks: int
    cost: float
    complete: bool

    @property
    def named(self) -> tuple[int, ...]:
        return tuple(effect.step for effect in self.steps if effect.certified)


def init(screen: Screen) -> Screening:
    return Screening(screen, (Tally(),) * screen.n, (0.0,) * screen.n)


def plan(state: Screening, in_flight: Collection[Probe] = ()) -> tuple[Probe, ...]:
    """The probes to run next, up to a batch together with those in flight; empty at the end.

    A step has one at a time, those with fewer forks come first. They fit the budget
    at their worst-case prices, those in flight included.
    """
    screen = state.screen
    if state.stopped:
        return ()
    flying = {probe.arm for probe in in_flight}
    room = screen.batch - len(flying)
    if screen.max_forks is not None:
        room = min(room, screen.max_forks - state.forks - len(flying))
    if screen.max_cost is not None and screen.price:
        left = screen.max_cost - state.cost - len(flying) * screen.price
        room = min(room, math.floor(left / screen.price))
    waiting = [s for s in range(screen.n) if s not in flying and _is_worthwhile(state, s)]
    waiting.sort(key=lambda step: state.steps[step].total)
    return tuple(_make_probe(state, step) for step in waiting[: max(0, room)])


def observe(state: Screening, probe: Probe, grade: Grade, cost: float | None = None) -> Screening:
    """The state with what came of a probe. The order of steps does not matter.

    Raises:
        ValueError: the probe was not asked for, or was observed already.
    """
    step = probe.arm
    if not 0 <= step < state.screen.n or probe != _make_probe(state, step):
        raise ValueError(f"{probe} was not asked for, or was observed already")
    paid = state.costs[step] + (state.screen.price if cost is None else cost)
    return evolve(
        state,
        steps=(*state.steps[:step], state.steps[step].add(grade), *state.steps[step + 1 :]),
        costs=(*state.costs[:step], paid, *state.costs[step + 1 :]),
    )


def stop(state: Screening) -> Screening:
    return evolve(state, stopped=True)


def report(state: Screening) -> DirectReport:
    """What is known by now. At a chance of at least 1 - alpha no step is certified falsely."""
    steps = tuple(_estimate_effect(state, step) for step in range(state.screen.n))
    return DirectReport(steps, state.forks, state.cost, not any(_is_worthwhile(state, s.step) for s in steps))


def _make_probe(state: Screening, step: int) -> Probe:
    return Probe.of(state.screen.seed, step, state.steps[step].total, Kind.FORCED)


def _is_worthwhile(state: Screening, step: int) -> bool:
    tally = state.steps[step]
    successes, failures = tally.worst
    trials = successes + failures
    if tally.total >= state.screen.limit or tally.hopeless or _is_certified(state, step):
        return False
    if not successes and failures >= FRUITLESS:
        return False
    return trials < ENOUGH or successes >= PROMISING * trials


def _is_certified(state: Screening, step: int) -> bool:
    """True if the forks so far certify the step; it then gets no further fork."""
    screen, tally = state.screen, state.steps[step]
    evidence = log_evidence(*tally.worst, 0, 0, screen.margin, screen.floor)
    return not tally.untrusted and evidence >= math.log(screen.n / screen.alpha)


def _estimate_effect(state: Screening, step: int) -> DirectEffect:
    tally, alpha = state.steps[step], state.screen.alpha / state.screen.n
    interval = Interval(sequence(*tally.worst, alpha).low, sequence(*tally.best, alpha).high)
    certified = _is_certified(state, step)
    return DirectEffect(step, tally.rate, interval, tally.graded, certified, tally.untrusted)
