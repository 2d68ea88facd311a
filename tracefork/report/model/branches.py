"""Views of branches; each starts at the first step that differs from its parent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...core.diff import diff
from ...core.tape import Tape
from ...core.values import Branch
from . import clock
from .parents import RUN, parents
from .view import BranchView

if TYPE_CHECKING:
    from .gather import Gathering


def gather_branches(gathering: Gathering, tape: Tape, branches: Sequence[Tape]) -> Iterator[BranchView]:
    """Yield the views of `branches` of `tape`, whose own steps have been gathered.

    Each goes on from the steps that it shares with its parent, not from those that were gathered last.
    """
    first = len(tape)
    paths = {RUN: list(range(first))}  # of each run, the numbers of all its steps
    for number, (branch, above) in enumerate(zip(branches, parents(tape, branches), strict=True)):
        parent = tape if above is None or above == RUN else branches[above]
        parts_at = _parts_at(branch, parent, kin=above is not None)
        before = paths.get(RUN if above is None else above, paths[RUN])[:parts_at]
        gathering.go_on(before)
        start = clock.since(branch.steps)
        steps = tuple(gathering.step(branch[n], n, start) for n in range(parts_at, len(branch)))
        lineage = branch.parent or Branch(tape.run_id, parts_at)
        yield BranchView(
            branch.run_id, lineage, above, branch.outcome, parts_at, first, steps, branch.digest()
        )
        paths[number] = [*before, *range(first, first + len(steps))]
        first += len(steps)


def _parts_at(branch: Tape, parent: Tape, *, kin: bool) -> int:
    """Return the first exchange that differs; if none does, the one at which the branch left `parent`."""
    parting = diff(parent, branch)
    left = branch.parent.step if branch.parent and kin else None
    taken = len(branch) if left is None else left  # a rerun that never left its tape parts nowhere
    return min(taken if parting is None else parting.step, len(branch))
