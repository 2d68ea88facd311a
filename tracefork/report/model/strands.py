"""The strands of a run as a tree: who started each, what it did, and where its result went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import field, frozen

from ...core.values import Lane
from .problems import Problem
from .titles import line

if TYPE_CHECKING:
    from .view import Aside, StepView


@frozen
class Strand:
    """A strand of a run, at its `depth` below the one that started it.

    `steps` are the numbers of its exchanges. `agent` is the sub-agent's name where it is one. `started_by` is the step whose answer it was started after, and `told` the first later step of the strand
    above, which knows its `result`; None where there is none. `errors` are the problems in it.
    """

    lane: Lane
    depth: int
    name: str
    steps: tuple[int, ...] = field(repr=False)
    agent: str = ""
    started_by: int | None = None
    told: int | None = None
    result: str = ""
    began: float = 0.0
    ended: float = 0.0
    errors: int = 0


def find_strands(
    steps: Sequence[StepView], asides: Sequence[Aside], problems: Sequence[Problem]
) -> tuple[Strand, ...]:
    """Return the strands of a run; the run's own alone where nothing else asked."""
    numbers = dict[Lane, list[int]]()
    for step in steps:
        numbers.setdefault(step.lane, []).append(step.index)
    agents = {aside.inside: aside for aside in asides if aside.inside}
    for lane in agents:
        numbers.setdefault(lane, [])
    began = {lane: _find_beginning(lane, numbers, steps, agents) for lane in numbers}
    known = frozenset(numbers)
    below = dict[Lane | None, list[Lane]]()
    for lane in sorted(numbers, key=lambda one: began[one]):
        below.setdefault(_find_above(lane, known), []).append(lane)
    made, left = list[Strand](), [(lane, 0) for lane in reversed(below.get(None, []))]
    while left:
        lane, depth = left.pop()
        above = _find_above(lane, known)
        made.append(_make(lane, depth, above, numbers, steps, agents.get(lane), problems))
        left += [(one, depth + 1) for one in reversed(below.get(lane, []))]
    return tuple(made)


# -- below ---------------------------------------------------------------------------


def _find_beginning(
    lane: Lane,
    numbers: dict[Lane, list[int]],
    steps: Sequence[StepView],
    agents: dict[Lane, Aside],
) -> tuple[int, float]:
    """What strands are sorted by: the first exchange of theirs, or the next one as they were started."""
    aside = agents.get(lane)
    first = numbers[lane][0] if numbers[lane] else len(steps)
    return (min(first, aside.before), aside.began) if aside else (first, 0.0)


def _find_above(lane: Lane, known: frozenset[Lane]) -> Lane | None:
    """The nearest strand that `lane` is below; None of the run's own, and of what nobody known started."""
    while lane:
        lane = lane.rpartition("/")[0]
        if lane in known:
            return lane
    return None


def _make(
    lane: Lane,
    depth: int,
    above: Lane | None,
    numbers: dict[Lane, list[int]],
    steps: Sequence[StepView],
    agent: Aside | None,
    problems: Sequence[Problem],
) -> Strand:
    own = numbers[lane]
    inner = [step for step in steps if step.lane == lane]
    began = agent.began if agent else min((step.began for step in inner), default=0.0)
    ended = agent.ended if agent else max((step.ended for step in inner), default=0.0)
    first = own[0] if own else len(steps)
    others = [] if above is None else numbers[above]
    before = [n for n in others if n < first and steps[n].began <= began]
    after = [n for n in others if n > first and steps[n].began >= ended]
    return Strand(
        lane,
        depth,
        line(agent.name if agent else lane.rpartition("/")[2], 60) or "main",
        tuple(own),
        agent.name if agent else "",
        before[-1] if before and lane else None,
        after[0] if after and lane else None,
        agent.answered if agent else "",
        began,
        ended,
        sum(problem.lane == lane for problem in problems),
    )
