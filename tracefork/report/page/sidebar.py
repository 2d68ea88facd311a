"""The page's sidebar: the ranking of a blame report, and the tree of branches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from attrs import frozen

from ..figures import plural, share
from ..model.blame import Blame, Mark
from ..model.course import Fact, tell
from ..model.parents import RUN
from ..model.titles import line
from ..model.view import BranchView, View

DEEPEST = 8
"""Levels of branches of branches that are told apart."""

_SENTENCE = 400  # characters of what a blame report says of itself
_FINAL = 200  # characters of a branch's last words


@frozen
class BlameRow:
    """A line of the ranking; `listed` if the run is at hand and has that step."""

    step: int
    listed: bool
    title: str
    value: str
    sentence: str
    whisker: str
    dot: str
    decided: bool


@frozen
class BlameTable:
    """The ranking; `axis` labels its ends and middle, `at` is the place of the threshold, 0 to 100."""

    estimand: str
    meaning: str
    verdict: str
    summary: str
    line: str
    axis: tuple[str, str, str]
    at: str
    marks: tuple[BlameRow, ...]


@frozen
class Twig:
    """A branch in a list where those that left it come next, one level deeper than its `depth`.

    `facts` is what there is to say of how it went on from its parent.
    """

    number: int
    depth: int
    place: str
    name: str
    summary: str
    final: str
    facts: tuple[Fact, ...] = ()


def blame(view: View) -> BlameTable | None:
    """The ranking of a View's blame; None where nobody measured it."""
    if view.blame is None:
        return None
    return make_blame_table(view.blame, {step.index: step.title.title for step in view.steps})


def make_blame_table(found: Blame, titles: Mapping[int, str] | None = None) -> BlameTable:
    """The ranking of a blame; `titles` are those of the run's steps, where these are at hand."""
    low = min([0.0, *(mark.low for mark in found.marks)])
    start = -1.0 if low < 0 and min(mark.value for mark in found.marks) < 0 else 0.0

    def place(value: float) -> str:
        return f"{100 * (min(1.0, max(start, value)) - start) / (1 - start):.1f}"

    def row(mark: Mark) -> BlameRow:
        whisker = f"M{place(mark.low)} 8H{place(mark.high)}"
        return BlameRow(
            mark.step,
            titles is not None and mark.step in titles,
            _entitle(mark, titles),
            share(mark.value),
            _describe(found, mark),
            whisker,
            f"M{place(mark.value)} 8h0",
            mark.decided,
        )

    axis = (share(start), share((1 + start) / 2), share(1.0))
    return BlameTable(
        found.estimand,
        found.meaning,
        line(found.conclusion, _SENTENCE),
        line(found.summary, _SENTENCE),
        share(found.threshold),
        axis,
        place(found.threshold),
        tuple(map(row, found.marks)),
    )


def branches(view: View) -> Iterator[Twig]:
    """List the branches depth first, below the branch that they left; others are at depth 0.

    No depth exceeds `DEEPEST`: browsers nest no more than some hundred elements.
    """
    below = defaultdict[int, list[int]](list)
    for number, branch in enumerate(view.branches):
        below[RUN if branch.above is None else branch.above].append(number)
    for numbers in below.values():
        numbers.sort(key=lambda n: (view.branches[n].parts_at, n), reverse=True)
    left = [(number, 0) for number in below.pop(RUN, ())]
    while left:
        number, depth = left.pop()
        branch = view.branches[number]
        summary = f"{_count(branch)}, {line(branch.ending, 80)}"
        facts = tell(branch.course) if branch.course else ()
        yield Twig(number, depth, branch.place, line(branch.name, 80), summary, _final_text(branch), facts)
        left += [(inner, min(depth + 1, DEEPEST)) for inner in below.pop(number, ())]


# -- below ---------------------------------------------------------------------------


def _count(branch: BranchView) -> str:
    """How many exchanges it has from where it parts: of these, some may be from the tape after all."""
    served = sum(step.mark == "served" for step in branch.steps)
    if branch.course is None or not served:
        return plural(len(branch.steps), "new step")
    return f"{plural(len(branch.steps) - served, 'new step')}, {served:,} from the tape"


def _final_text(branch: BranchView) -> str:
    words = branch.steps[-1].completion.text if branch.steps and branch.steps[-1].completion else ""
    return line(words, _FINAL)


def _entitle(mark: Mark, titles: Mapping[int, str] | None) -> str:
    """What stands behind the number of a step: its part, or its title where the run is at hand."""
    if titles is not None and mark.step in titles:
        return mark.part or titles[mark.step]
    missing = ", which the run has not" * (titles is not None)
    return f"{', ' * bool(mark.part)}{mark.part}{missing}"


def _describe(found: Blame, mark: Mark) -> str:
    counted = f" ({mark.flips} of {mark.trials} re-runs)" if mark.trials and mark.flips is not None else ""
    interval = f"{found.interval} {share(mark.low)} to {share(mark.high)}"
    decided = "decided" if mark.decided else "not decided"
    return f"{mark.what}: {found.estimand} {share(mark.value)}{counted}, {interval}, {decided}"
