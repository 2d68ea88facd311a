"""Which run each branch left, found once and by number: ids may be empty, twice there, or go in circles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from ...core.tape import Tape

RUN: Final = -1
"""The run itself, where else the number of a branch stands."""


def parents(tape: Tape, branches: Sequence[Tape]) -> list[int | None]:
    """For each branch the number of the branch that it left, or `RUN`; None where that is not shown.

    One that names no parent left the run. Of branches that name each other, one has None.
    """
    named = defaultdict[str, list[int]](list)
    for number, branch in enumerate(branches):
        named[branch.run_id].append(number)
    found = [_parent(tape, branch, number, named) for number, branch in enumerate(branches)]
    _open_circles(found)
    return found


def _parent(tape: Tape, branch: Tape, number: int, named: dict[str, list[int]]) -> int | None:
    if branch.parent is None or branch.parent.parent == tape.run_id:
        return RUN
    return next((other for other in named.get(branch.parent.parent, ()) if other != number), None)


def _open_circles(found: list[int | None]) -> None:
    """Let the branch at which a circle is entered have no parent."""
    known = set[int]()
    for number in range(len(found)):
        path, at = set[int](), number
        while at not in known and at not in path:
            path.add(at)
            above = found[at]
            if above is None or above == RUN:
                break
            at = above
        else:
            if at in path:
                found[at] = None
        known |= path
