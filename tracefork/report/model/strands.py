"""The strands of a run as a tree: who started each, what it did, and where its result went."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from attrs import field, frozen

from ...core.values import Lane
from .problems import Problem
from .titles import line, spell_call

if TYPE_CHECKING:
    from .view import Aside, StepView

_NAME = 40  # characters of a name


@frozen
class Strand:
    """A strand of a run, at its `depth` below the one that started it.

    `steps` are the numbers of its exchanges. `agent` is the sub-agent's name where it is one. `started_by` is
    the last step of the strand above before it was started, and `told_in` the first one after it had ended,
    which knows its `result`; None where there is none. `errors` counts the problems in it.
    """

    lane: Lane
    depth: int
    name: str
    steps: tuple[int, ...] = field(repr=False)
    agent: str = ""
    started_by: int | None = None
    told_in: int | None = None
    result: str = ""
    began: float = 0.0
    ended: float = 0.0
    errors: int = 0


def find_strands(
    steps: Sequence[StepView], asides: Sequence[Aside], problems: Sequence[Problem]
) -> tuple[Strand, ...]:
    """Return the strands of a run; the run's own alone where nothing else asked."""
    inner: dict[Lane, list[StepView]] = {}
    for step in steps:
        inner.setdefault(step.lane, []).append(step)
    agents = {aside.inside: aside for aside in asides if aside.inside}
    for lane in agents:
        inner.setdefault(lane, [])
    began = {lane: _find_beginning(own, len(steps), agents.get(lane)) for lane, own in inner.items()}
    errors = Counter(problem.lane for problem in problems)
    below = defaultdict[Lane | None, list[Lane]](list)
    for lane in sorted(inner, key=lambda one: began[one]):
        below[_find_above(lane, inner)].append(lane)
    made, left = list[Strand](), [(lane, 0) for lane in reversed(below[None])]
    while left:
        lane, depth = left.pop()
        above = _find_above(lane, inner)
        others = inner[above] if above is not None else []
        made.append(_make(lane, depth, inner[lane], others, agents.get(lane), errors[lane]))
        left += [(one, depth + 1) for one in reversed(below[lane])]
    return tuple(made)


def name_strands(strands: Iterable[Strand], lanes: Sequence[Lane]) -> list[str]:
    """Return how each lane is called: as its strand is, and by its path where several would be called so."""
    known = {strand.lane: strand.name for strand in strands}
    names = [known.get(lane) or lane.rpartition("/")[2] or "main" for lane in lanes]
    several = {name for name, count in Counter(names).items() if count > 1}
    return [lane if name in several and lane else name for lane, name in zip(lanes, names, strict=True)]


def shorten(name: str, most: int) -> str:
    """Return `name` in `most` characters, its end included: names are told apart by that."""
    flat = line(name, 200)
    if len(flat) <= most:
        return flat
    end = (most - 1) // 2
    return f"{flat[: most - 1 - end]}…{flat[len(flat) - end :]}"


# -- below ---------------------------------------------------------------------------


def _find_beginning(own: Sequence[StepView], count: int, agent: Aside | None) -> tuple[int, float]:
    """What strands are sorted by: the first exchange of theirs, or the next one as they were started."""
    first = own[0].index if own else count
    return (min(first, agent.before), agent.began) if agent else (first, 0.0)


def _find_above(lane: Lane, known: Collection[Lane]) -> Lane | None:
    """The nearest strand that `lane` is below; None of the run's own, and of what nobody known started."""
    while lane:
        lane = lane.rpartition("/")[0]
        if lane in known:
            return lane
    return None


def _make(
    lane: Lane,
    depth: int,
    own: Sequence[StepView],
    above: Sequence[StepView],
    agent: Aside | None,
    errors: int,
) -> Strand:
    began = agent.began if agent else min((step.began for step in own), default=0.0)
    ended = agent.ended if agent else max((step.ended for step in own), default=0.0)
    starts = [step.index for step in own[:1]]
    first = min([*starts, agent.before] if agent else starts)
    place = bisect_left(above, first, key=lambda step: step.index)
    before = next((step.index for step in reversed(above[:place]) if step.began <= began), None)
    after = next((step.index for step in above[place:] if step.began >= ended), None)
    return Strand(
        lane,
        depth,
        _name(lane, agent),
        tuple(step.index for step in own),
        agent.name if agent else "",
        before,
        after,
        agent.answered if agent else "",
        began,
        ended,
        errors,
    )


def _name(lane: Lane, agent: Aside | None) -> str:
    """`search(buses, 3)` of a sub-agent; else the last part of the lane, `main` of the run's own."""
    if agent is None:
        return line(lane.rpartition("/")[2], _NAME) or "main"
    return line(spell_call(agent.name, agent.asked), _NAME)
