"""Views of branches; each starts at the first step that differs from its parent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ...core.diff import diff
from ...core.tape import Tape
from ...core.values import Branch, Exchange
from ...providers.prices import Prices
from ..pairing import Pair, pair_by_kind, pair_by_origins
from ..served import find_sources, knows_origins, mark_step, number_exchanges, pair_steps
from . import clock
from .course import course_of
from .parents import RUN, parents
from .view import BranchView, StepView

if TYPE_CHECKING:
    from .gather import Gathering


def gather_branches(
    gathering: Gathering,
    tape: Tape,
    branches: Sequence[Tape],
    prices: Prices | None = None,
    *,
    strangers: int = 0,
) -> Iterator[BranchView]:
    """Yield the views of `branches` of `tape`, whose own steps have been gathered.

    The last `strangers` of them are other runs, to be shown beside it. Each branch goes on from the steps
    that it shares with its parent, not from those that were gathered last.
    """
    first = len(tape)
    paths = {RUN: list(range(first))}  # of each run, the numbers of all its steps
    kin = len(branches) - strangers
    left = [*parents(tape, branches[:kin]), *[None] * strangers]
    for number, (branch, above) in enumerate(zip(branches, left, strict=True)):
        parent = tape if above is None or above == RUN else branches[above]
        parts_at = _parts_at(branch, parent, kin=above is not None)
        path = paths.get(RUN if above is None else above, paths[RUN])
        before = path[:parts_at]
        gathering.go_on(before)
        paths[number] = [*before, *range(first, first + len(branch) - parts_at)]
        course = course_of(branch, parent, prices)
        is_kin = course is not None and course.savings is not None and number < kin
        pairs = _pair(parent, branch, is_kin=is_kin, is_shown=above is not None)
        yield BranchView(
            branch.run_id,
            (branch.parent if number < kin else None) or Branch(tape.run_id, parts_at),
            above,
            branch.outcome,
            parts_at,
            first,
            tuple(_gather_steps(gathering, branch, parts_at, parent if is_kin else None)),
            branch.digest(),
            course if number < kin else None,
            tuple(_number(pairs, parent, branch, parts_at, path, paths[number])),
            number < kin,
        )
        first += len(branch) - parts_at


def _gather_steps(
    gathering: Gathering, branch: Tape, parts_at: int, parent: Tape | None
) -> Iterator[StepView]:
    """Yield the steps of `branch` from `parts_at` on; `parent` is the one whose steps it was served."""
    start, known = clock.since(branch.steps), knows_origins(branch.parent, branch.steps)
    sources = find_sources(parent, branch)
    for n in range(parts_at, len(branch)):
        mark = mark_step(branch[n], branch.parent) if known else ""
        yield gathering.step(branch[n], n, start, mark, sources.get(n))


def _pair(parent: Tape, branch: Tape, *, is_kin: bool, is_shown: bool) -> Iterable[Pair]:
    """Return the pairs of steps of both; none where the page pairs them by their places.

    Of one that `is_kin` its steps know from which of the parent's they were served; if the parent of another
    `is_shown`, both have the same steps up to where they part.
    """
    if is_kin:
        origins = pair_steps(parent.steps, branch.steps)
        return pair_by_origins(parent.steps, branch.steps, origins)
    return () if is_shown else pair_by_kind(parent.steps, branch.steps)


def _number(
    pairs: Iterable[Pair],
    parent: Tape,
    branch: Tape,
    parts_at: int,
    path: Sequence[int],
    own: Sequence[int],
) -> Iterator[tuple[int, int]]:
    """Yield the pairs of exchanges from `parts_at` on, as numbers in `path`, the parent's, and in `own`."""
    theirs, ours = number_exchanges(parent.steps), number_exchanges(branch.steps)
    for _, there, here in pairs:
        if not any(
            isinstance(run.steps[n], Exchange)
            for run, n in ((parent, there), (branch, here))
            if n is not None
        ):
            continue
        left = None if there is None else theirs[there]
        right = None if here is None else ours[here]
        if (right if right is not None else left if left is not None else -1) >= parts_at:
            yield -1 if left is None else path[left], -1 if right is None else own[right]


def _parts_at(branch: Tape, parent: Tape, *, kin: bool) -> int:
    """Return the first exchange that differs; if none does, the one at which the branch left `parent`."""
    parting = diff(parent, branch)
    left = branch.parent.step if branch.parent and kin else None
    taken = len(branch) if left is None else left  # a rerun that never left its tape parts nowhere
    return min(taken if parting is None else parting.step, len(branch))
