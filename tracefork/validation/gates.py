"""Acceptance tests of a search on planted worlds: goals as data, and verdicts on them.

Each row is a world, a length and goals. `run_row` tries it and counts; a verdict says
what the counts show, and how surely. Rows and results are plain values, so that rows can
be spread over any `concurrent.futures.Executor`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from attrs import evolve, frozen

from ..attribution.search import direct, flip
from ..attribution.search.conclusion import Conclusion
from ..attribution.search.config import Config
from ..attribution.search.confirming import bound_value
from ..attribution.search.estimate import report
from ..attribution.search.planner import init
from ..attribution.search.simulation import states
from ..attribution.search.state import Grade, State, Tally
from ..attribution.statistics.chance import share, unit
from ..attribution.statistics.intervals import binomial_tail
from .worlds import Planted, World, plant

CONFIDENCE = 0.95
COMPARED = 10  # forks a step of the uniform design that costs are measured against


class Measure(StrEnum):
    """A quantity that is counted, or averaged, over the repetitions of a row.

    NAMED: the first certified step is a culprit. GUESSED: the best guess is. FALSE: a step
    is certified whose drop is not above the margin. COVERED: all intervals of the curve
    held, at every moment. RIGHT: the conclusion is. LIVE: the live calls, as a share of
    those of ten forks for every step. HALVES: a necessary step is found by its direct
    effect, counted for each of them. DIRECT_FALSE: another one is. DIRECT_LIVE: the calls
    of that, as a share of the same. UNIFORM: the first step that ten forks for every step
    certify, alpha shared by all, is a culprit. DENIED: the conclusion is that no step is to blame,
    though one has a drop of delta.
    """

    NAMED = "decided step is a culprit"
    GUESSED = "best guess is a culprit"
    FALSE = "false blame"
    DENIED = "a cause that exists is denied"
    COVERED = "all intervals held, always"
    RIGHT = "right conclusion"
    LIVE = "share of uniform live calls"
    HALVES = "necessary steps found"
    DIRECT_FALSE = "false direct effect"
    DIRECT_LIVE = "share of uniform live calls, direct"
    UNIFORM = "uniform design names a culprit"


CEILINGS = frozenset({Measure.FALSE, Measure.DENIED, Measure.DIRECT_FALSE, Measure.LIVE, Measure.DIRECT_LIVE})
"""Measures of which less is better; of all others more is."""

DENIALS = frozenset({Conclusion.SYSTEMIC, Conclusion.NO_DROP, Conclusion.DIFFUSE})
"""The conclusions that no single step is to blame."""

MEANS = frozenset({Measure.LIVE, Measure.DIRECT_LIVE})
"""Measures that are averaged; all others are shares of trials."""


@frozen
class Goal:
    measure: Measure
    bound: float


@frozen
class Row:
    """`goals` for runs of `n` steps with something planted; `hasty` as in `simulation.states`."""

    planted: Planted
    n: int
    goals: tuple[Goal, ...]
    batch: int = 4
    hasty: bool = False

    @property
    def name(self) -> str:
        return f"{self.planted}, n={self.n}" + (f", {self.batch} in flight" if self.hasty else "")


@frozen
class Count:
    """Of `trials`, how many had it; for a mean, the sum."""

    measure: Measure
    amount: float
    trials: int

    @property
    def mean(self) -> float:
        return self.amount / self.trials


@frozen
class Verdict:
    """Whether a goal is met. `shown`: the exact binomial test has it at `CONFIDENCE`, on one side.

    `refuted`: it has the contrary. Of a mean, which is simply compared, one or the other.
    `claim` says it in words.
    """

    goal: Goal
    shown: bool
    refuted: bool
    claim: str


@frozen
class RowResult:
    row: Row
    repetitions: int
    counts: tuple[Count, ...]
    forks: float

    def count(self, measure: Measure) -> Count:
        return next(count for count in self.counts if count.measure is measure)

    def verdicts(self) -> tuple[Verdict, ...]:
        return tuple(judge(self.count(goal.measure), goal) for goal in self.row.goals)


def run_row(row: Row, repetitions: int, seed: int) -> RowResult:
    """Try a row on as many worlds, which all follow from `seed`. A pure function that may be pickled."""
    sums: dict[Measure, tuple[float, int]] = {}
    forks = 0
    for n in range(repetitions):
        state, found = _try_once(row, int(unit(seed, row.name, n) * 2**53))
        forks += state.forks
        for measure, amount, trials in found:
            had, of = sums.get(measure, (0.0, 0))
            sums[measure] = had + amount, of + trials
    counts = tuple(Count(measure, *summed) for measure, summed in sums.items())
    return RowResult(row, repetitions, counts, forks / repetitions)


def passes(successes: int, trials: int, goal: float) -> bool:
    """True if so many successes show, at 95% confidence, that the rate is at least `goal`.

    The exact test on one side: at a rate of just below the goal, so many would come with a
    chance of at most 5%. Ceilings are the same of failures.
    """
    return binomial_tail(successes, trials, goal) <= 1 - CONFIDENCE


def judge(count: Count, goal: Goal) -> Verdict:
    """Return the verdict of a count on a goal."""
    measure, ceiling = goal.measure, goal.measure in CEILINGS
    word = "at most" if ceiling else "at least"
    if measure in MEANS:
        met = count.mean <= goal.bound
        claim = (
            f"{measure}: {count.mean:.1%} on average over {count.trials}, the goal is {word} {goal.bound:.0%}"
        )
        return Verdict(goal, met, not met, claim)
    had = round(count.amount)
    hits, bound = (count.trials - had, 1 - goal.bound) if ceiling else (had, goal.bound)
    shown = passes(hits, count.trials, bound)
    refuted = passes(count.trials - hits, count.trials, 1 - bound)
    how = "shown to be" if shown else "shown not to be" if refuted else "not shown to be"
    claim = (
        f"{measure}: {had} of {count.trials}, {how} {word} {goal.bound:.0%} at {CONFIDENCE:.0%} confidence"
    )
    return Verdict(goal, shown, refuted, claim)


def table() -> tuple[Row, ...]:
    """Return all rows."""
    rows = [_make_row(Planted.CLEAR, n, named=0.95, live=live) for n, live in CLEAR_LIVE]
    rows += [
        _make_row(Planted.FLOOR_10, 100, named=0.95, live=0.10),
        _make_row(Planted.FLOOR_20, 100, named=0.85, guessed=0.95, live=0.15),
        _make_row(Planted.FLOOR_30, 100),
    ]
    rows += [_make_row(kind, 100, named=0.95, live=0.15) for kind in ARCHETYPES]
    conjunction = _make_row(Planted.CONJUNCTION, 100, named=0.95, live=0.15)
    halves = Goal(Measure.HALVES, 0.90), Goal(Measure.DIRECT_FALSE, 0.01), Goal(Measure.DIRECT_LIVE, 0.02)
    rows += [
        evolve(conjunction, goals=(*conjunction.goals, *halves)),
        _make_row(Planted.SYSTEMIC, 100, right=0.95, live=0.10),
        _make_row(Planted.FLAT, 100, live=0.45),
        _make_row(Planted.FLAT_LOW, 100),
        _make_row(Planted.DRIFT, 100, right=0.95, live=0.25),
    ]
    rows += [_make_row(kind, n) for n in (10, 100) for kind in (Planted.BOUNDARY, Planted.BOUNDARY_END)]
    rows += [_make_row(kind, 30) for kind in (*ARCHETYPES, Planted.CONJUNCTION, Planted.DRIFT)]
    rows.append(_make_row(Planted.FLAT, 30, right=0.9, live=1.2))
    rows += [_make_row(kind, n) for n in (10, 30) for kind in (Planted.RESCUED, Planted.DIP, Planted.FAINT)]
    rows += [
        Row(kind, n, (Goal(Measure.FALSE, 0.05),))
        for n in (10, 30)
        for kind in (Planted.TURNS, Planted.WANDERING, Planted.LOST)
    ]
    hasty = Planted.CLEAR, Planted.FLOOR_20, Planted.BOUNDARY, Planted.DRIFT
    rows += [evolve(_make_row(kind, 100), batch=8, hasty=True) for kind in hasty]
    return tuple(rows)


CLEAR_LIVE = (10, 0.50), (30, 0.20), (100, 0.10), (300, 0.03)
ARCHETYPES = (
    Planted.ROOT,
    Planted.DECOYS,
    Planted.ECHO,
    Planted.LATE,
    Planted.REDUNDANCY,
    Planted.RECOVERY,
    Planted.TWO,
)


def _make_row(
    planted: Planted,
    n: int,
    *,
    named: float | None = None,
    guessed: float | None = None,
    right: float | None = None,
    live: float | None = None,
) -> Row:
    """A row with these goals, and with those that every row has."""
    wanted = (
        (Measure.NAMED, named),
        (Measure.GUESSED, guessed),
        (Measure.RIGHT, right),
        (Measure.LIVE, live),
        (Measure.FALSE, 0.05),
        (Measure.DENIED, 0.05),
        (Measure.COVERED, 0.95),
    )
    return Row(planted, n, tuple(Goal(measure, bound) for measure, bound in wanted if bound is not None))


def _try_once(row: Row, seed: int) -> tuple[State, tuple[tuple[Measure, float, int], ...]]:
    """Run one repetition: return the search at its end, and for each measure the amount and the trials."""
    world = plant(row.planted, row.n, seed)
    config = Config(row.n, final=world.final, seed=seed, batch=row.batch, barrier=not row.hasty)
    state, covered = init(config), True
    for after in states(state, world.grade, row.hasty):
        covered = covered and _covers(state, after, world)
        state = after
    known = report(state)
    named = [drop.step for drop in known.named]
    guess = named[0] if named else known.best_guess
    whole = COMPARED * row.n * (row.n - 1) / 2
    calls = sum(tally.total * (row.n - arm) for arm, tally in enumerate(state.arms))
    found: list[tuple[Measure, float, int]] = [
        (Measure.NAMED, bool(named) and named[0] in world.culprits, 1),
        (Measure.GUESSED, guess in world.culprits, 1),
        (Measure.FALSE, any(world.drop(step) <= config.margin + 1e-12 for step in named), 1),
        (Measure.DENIED, known.conclusion in DENIALS and _has_cause(world, config), 1),
        (Measure.COVERED, covered, 1),
        (Measure.RIGHT, known.conclusion in world.right, 1),
        (Measure.LIVE, calls / whole, 1),
        (Measure.UNIFORM, _try_uniform(world, seed) in world.culprits, 1),
    ]
    if any(goal.measure is Measure.HALVES for goal in row.goals):
        found += _try_direct(world, seed, whole)
    return state, tuple(found)


def _has_cause(world: World, config: Config) -> bool:
    return any(world.drop(step) >= config.delta for step in range(config.n))


def _covers(before: State, after: State, world: World) -> bool:
    """True if the intervals that changed cover the curve."""
    moved = (n for n, (a, b) in enumerate(zip(before.arms, after.arms, strict=True)) if a is not b)
    return all(world.curve[arm] in bound_value(after, arm) for arm in moved)


def _try_uniform(world: World, seed: int) -> int | None:
    """The first step that a uniform design certifies, or None."""
    arms = []
    for arm, rate in enumerate(world.curve):
        successes = sum(unit(seed, "uniform", arm, draw) < rate for draw in range(COMPARED))
        arms.append(Tally(successes, COMPARED - successes))
    named = flip.bonferroni(arms, known=world.final)
    return named[0] if named else None


def _try_direct(world: World, seed: int, whole: float) -> Iterable[tuple[Measure, float, int]]:
    """The measures of the but-for screen on the same world."""
    state = direct.init(direct.Screen(len(world.forced), seed=seed))
    while probes := direct.plan(state):
        for probe in probes:
            success = share(probe.seed) < world.forced[probe.arm]
            state = direct.observe(state, probe, Grade.SUCCESS if success else Grade.FAILURE)
    named = set(direct.report(state).named)
    yield Measure.HALVES, len(named & world.necessary), len(world.necessary)
    yield Measure.DIRECT_FALSE, bool(named - world.necessary), 1
    yield Measure.DIRECT_LIVE, state.forks / whole, 1
