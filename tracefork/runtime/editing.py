"""Edits at work in a run: which apply to a question, in which forms the tape may have it, what they met.

A question has several forms where edits begin in the middle of a run, or were taken over by the agent's
code since: as it is asked, and as it is edited from one request on or another.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from attrs import field, frozen

from ..core.values import Lane, Request
from ..edits.base import Attempt, Edit, attempt, describe_edit
from ..edits.kept import Planned
from ..errors import EditUnused


@frozen
class Edited:
    """A question as it is to be asked, and the `forms` in which the tape may have it, the likeliest last.

    `is_new` says that edits changed it which the tape does not have; `attempts` are what came of these.
    """

    request: Request
    forms: tuple[Request, ...] = ()
    is_new: bool = False
    attempts: tuple[tuple[Planned, Attempt | None], ...] = ()


@frozen(eq=False)
class _Tally:
    """What a new edit has met so far; appended to by any thread."""

    shown: list[bool] = field(factory=list)
    met: set[str] = field(factory=set)
    nearest: list[str] = field(factory=list)


class Editing:
    """The edits of one run.

    `from_opening`: new ones change nothing that the tape answers before the run is live.
    """

    def __init__(self, planned: Sequence[Planned] = (), *, from_opening: bool = False) -> None:
        self._old = tuple(one for one in planned if not one.is_new)
        self._new = tuple(one for one in planned if one.is_new)
        self._from_opening = from_opening
        self._asked = itertools.count()
        self._tallies = {id(one): _Tally() for one in self._new}
        starts = sorted({one.first for one in self._old})
        self._counts = [-1, *starts]  # of requests before one: a count for each set of edits that apply

    def __bool__(self) -> bool:
        return bool(self._old or self._new)

    def edit(self, request: Request, lane: Lane, *, live: bool) -> Edited:
        """Return the next `request` of the run, asked by `lane`, as edited.

        Raises:
            EditRefused: it cannot be edited without damage.
        """
        count = next(self._asked)
        kept = _apply(self._old, request, lane, count)[0]
        edited, attempts = _apply(self._new, kept, lane, count)
        is_new = edited is not kept
        forms: tuple[Request, ...] = ()
        if not live and (self._from_opening or not is_new):
            others = [one for one in self.list_forms(request, lane) if one != kept]
            forms = (*others, *[kept] * is_new)
        return Edited(edited, forms, is_new, attempts)

    def list_forms(self, request: Request, lane: Lane) -> list[Request]:
        """Every form in which the tape may have `request`, as it is asked first."""
        forms = list[Request]()
        for count in self._counts:
            form = _apply(self._old, request, lane, count)[0]
            if form not in forms:
                forms.append(form)
        return forms

    def note(self, edited: Edited, *, served: bool) -> None:
        """Count what new edits met in a question that was asked, of the real world or of the tape."""
        if served and self._from_opening:
            return
        for planned, found in edited.attempts:
            tally = self._tallies[id(planned)]
            tally.shown.append(found is not None)
            if found is not None:
                tally.met.update(found.met)
                tally.nearest.extend([found.nearest] * bool(found.nearest))

    def find_unused(self) -> EditUnused | None:
        """Return the error for the first new edit that met nothing, or None."""
        for planned in self._new:
            edit, tally = planned.edit, self._tallies[id(planned)]
            targets = edit.targets if isinstance(edit, Edit) else frozenset({""})
            left = sorted(targets - tally.met)
            if left:
                return self._make_unused(planned, left[0])
        return None

    def _make_unused(self, planned: Planned, target: str) -> EditUnused:
        edit, tally = planned.edit, self._tallies[id(planned)]
        text = describe_edit(edit) if isinstance(edit, Edit) else str(edit)
        if not tally.shown:
            after = f" after its first {planned.first}" if planned.first else ""
            live = " of the real world" if self._from_opening else ""
            return EditUnused(text, 0, f"the run asked nothing{live}{after}")
        if not any(tally.shown):
            return EditUnused(text, len(tally.shown), "its where= fits none of them")
        problem = edit.missing if isinstance(edit, Edit) else "it changed nothing"
        nearest = max(tally.nearest, key=len, default="")
        return EditUnused(text, sum(tally.shown), problem + (f": {target}" if target else ""), nearest)


def _apply(
    planned: Sequence[Planned], request: Request, lane: Lane, count: int
) -> tuple[Request, tuple[tuple[Planned, Attempt | None], ...]]:
    """`request` after those edits that apply to the one with `count` before it, and what each met."""
    attempts = list[tuple[Planned, Attempt | None]]()
    for one in planned:
        if count >= one.first:
            found = attempt(one.edit, request, lane)
            request = request if found is None else found.request
            attempts.append((one, found))
    return request, tuple(attempts)
