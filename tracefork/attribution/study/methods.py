"""The three methods as values with the same four functions: plan, observe, stop, report."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, Self

from attrs import evolve, frozen

from ...core.tape import Tape
from ..findings.findings import BlameReport
from ..findings.ranking import hold, rank_drops, rank_effects, rank_flips
from ..forks.arms import Arms
from ..forks.jobs import Line
from ..forks.pricing import Pricing
from ..oracles import Oracle
from ..search import direct, estimate, flip, planner
from ..search.conclusion import Conclusion
from ..search.config import Config
from ..search.exploring import believe
from ..search.forecasting import forecast
from ..search.state import Grade, Kind, Probe, State, Tally
from ..statistics.sequences import sequence
from .design import Design
from .redrawn import find_held

CONTINUATIONS = 5
"""How often a study that was cut short is continued in simulation, to say what it would still take."""
LIKELY = 0.5
"""The share of them that has to come to a conclusion for that to be worth saying."""


class Method(Protocol):
    """A strategy for spending forks. A value: `observe` and `stop` return another.

    `plan` names the probes to begin beside those in flight; none when these must end first, or when
    it is over. `observe` takes what came of one, in any order, with its cost in the unit of the prices.
    """

    def plan(self, in_flight: Collection[Probe] = ()) -> tuple[Probe, ...]: ...
    def observe(self, probe: Probe, grade: Grade, cost: float) -> Self: ...
    def stop(self) -> Self: ...
    def report(self, lines: Sequence[Line]) -> BlameReport: ...

    @property
    def leading(self) -> str:
        """Which step is ahead by now, in a few words."""


def choose_method(
    design: Design, tape: Tape, oracle: Oracle, arms: Arms, pricing: Pricing, batch: int
) -> Method:
    """Return the method that `design` asks for, before its first fork."""
    prices = pricing.by_arm(arms)
    known = design.is_final_known(tape, oracle, arms)
    match design.method:
        case "value":
            config = Config(
                arms.n,
                alpha=design.alpha,
                delta=design.delta,
                margin=design.margin,
                first=design.find == "first",
                final=0.0 if known else None,
                prices=prices,
                prior=design.prior,
                seed=design.seed,
                batch=batch,
                barrier=design.barrier,
            )
            return ByValue(planner.init(config), arms, find_held(tape, design))
        case "flip":
            schedule = flip.Schedule(
                arms.n,
                design.k,
                alpha=design.alpha,
                prices=prices,
                seed=design.seed,
                batch=batch,
            )
            return ByFlips(flip.init(schedule), arms, design.margin, design.mutation is not None)
        case "direct":
            screen = direct.Screen(
                arms.n,
                design.alpha,
                design.margin,
                limit=FORCED if known else 2 * FORCED,
                price=prices[0] / arms.n,
                seed=design.seed,
                batch=batch,
            )
            return ByDirectEffect(direct.init(screen), arms, None if known else Tally())


@frozen
class ByValue:
    """The search for the largest value drop; `held` are the tools whose results no fork draws anew."""

    state: State
    arms: Arms
    held: tuple[tuple[str, int], ...] = ()

    def plan(self, in_flight: Collection[Probe] = ()) -> tuple[Probe, ...]:
        return planner.plan(self.state, in_flight)

    def observe(self, probe: Probe, grade: Grade, cost: float) -> Self:
        return evolve(self, state=planner.observe(self.state, probe, grade, cost))

    def stop(self) -> Self:
        return evolve(self, state=planner.stop(self.state))

    def report(self, lines: Sequence[Line]) -> BlameReport:
        found = rank_drops(estimate.report(self.state), self.arms, lines)
        report = hold(found, self.held)
        if found.verdict is not Conclusion.NOT_IDENTIFIED_WITHIN_BUDGET:
            return report
        ahead = forecast(self.state, CONTINUATIONS)
        if ahead.settled < LIKELY:
            return report
        return evolve(report, more=ahead.forks, more_cost=ahead.cost)

    @property
    def leading(self) -> str:
        arm, mass = believe(self.state, 0, self.state.config.n).peak()
        return f"{self.arms.part(arm).what}: {mass:.0%}"


@frozen
class ByFlips:
    """As many forks at each step, changed and unchanged; `mutated` if not merely asked anew."""

    state: flip.Trials
    arms: Arms
    margin: float
    mutated: bool = False

    def plan(self, in_flight: Collection[Probe] = ()) -> tuple[Probe, ...]:
        return flip.plan(self.state, in_flight)

    def observe(self, probe: Probe, grade: Grade, cost: float) -> Self:
        return evolve(self, state=flip.observe(self.state, probe, grade, cost))

    def stop(self) -> Self:
        return evolve(self, state=flip.stop(self.state))

    def report(self, lines: Sequence[Line]) -> BlameReport:
        alpha, found = self.state.schedule.alpha, flip.report(self.state)
        return rank_flips(found, self.arms, lines, alpha=alpha, margin=self.margin, mutated=self.mutated)

    @property
    def leading(self) -> str:
        return ""


FORCED = 25
"""Forks that a step may have for its direct effect; twice as many where the floor had to be measured."""
FLOOR = 25
"""Forks that are served all recorded answers, to know how often such a run ends otherwise by itself."""


@frozen
class ByDirectEffect:
    """Each step asked anew, with all other answers forced.

    `floor` are forks in which all answers are as recorded, made first, and `drawn` the draws that
    are over; `floor` is None where their outcome is known. They take half of alpha, and their rate's
    upper bound is what a step has to exceed.
    """

    state: direct.Screening
    arms: Arms
    floor: Tally | None = None
    drawn: frozenset[int] = frozenset()

    def plan(self, in_flight: Collection[Probe] = ()) -> tuple[Probe, ...]:
        if self.floor is None:
            return direct.plan(self.state, in_flight)
        if self.state.stopped:
            return ()
        screen, left = self.state.screen, sorted(set(range(FLOOR)) - self.drawn)
        due = [Probe.of(screen.seed, screen.n, draw, Kind.NOOP) for draw in left]
        return tuple(probe for probe in due if probe not in in_flight)[
            : max(0, screen.batch - len(in_flight))
        ]

    def observe(self, probe: Probe, grade: Grade, cost: float) -> Self:
        if probe.kind is not Kind.NOOP:
            return evolve(self, state=direct.observe(self.state, probe, grade, cost))
        floor = (self.floor or Tally()).add(grade)
        if floor.total < FLOOR:
            return evolve(self, floor=floor, drawn=self.drawn | {probe.draw})
        screen = self.state.screen
        least = sequence(*floor.best, screen.alpha / 2).high
        highest = 1 - screen.margin - _LEAST  # where it is noisier than that nothing can be certified
        settled = evolve(screen, floor=min(least, highest), alpha=screen.alpha / 2)
        return evolve(self, state=evolve(self.state, screen=settled), floor=None)

    def stop(self) -> Self:
        return evolve(self, state=direct.stop(self.state))

    def report(self, lines: Sequence[Line]) -> BlameReport:
        return rank_effects(direct.report(self.state), self.arms, lines)

    @property
    def leading(self) -> str:
        return ""


_LEAST = 1e-6
