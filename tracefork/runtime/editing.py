"""Edits at work in a run: which apply to a question, in which forms the tape may have it, what they met.

A question has several forms where edits begin in the middle of a run, or were taken over by the agent's
code since: as it is asked, and as one or another of them make it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations

from attrs import field, frozen

from ..core.values import Lane, Request
from ..edits.base import Attempt, Edit, attempt, describe_edit
from ..edits.kept import Planned
from ..errors import EditUnused

MOST = 5
"""Kinds of edits, by when they were given and where they begin, of which each combination is tried."""


@frozen
class Edited:
    """A question as it is to be asked.

    `forms` are those in which the tape may have it, each with what is to be asked then, the likeliest first.
    `is_new` says that edits changed it which the tape does not have; `attempts` are what came of these.
    """

    request: Request
    forms: tuple[tuple[Request, Request], ...] = ()
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
        kinds = sorted({(one.round, one.first) for one in self._old}, reverse=True)
        sets = [combinations(kinds, n) for n in range(len(kinds) + 1)] if len(kinds) <= MOST else []
        starts = sorted({one.first for one in self._old}) if len(kinds) > MOST else []
        self._sets = [frozenset(one) for some in sets for one in some]
        self._sets += [frozenset(kind for kind in kinds if kind[1] <= start) for start in (-1, *starts)]

    def __bool__(self) -> bool:
        return bool(self._old or self._new)

    def edit(
        self, request: Request, lane: Lane, *, live: bool, is_expected: Callable[[Request], bool]
    ) -> Edited:
        """Return the next `request` of the run, asked by `lane`, as edited.

        A form that `is_expected` needs no other beside it.

        Raises:
            EditRefused: it cannot be edited without damage.
        """
        count = next(self._asked)
        kept = _apply([one for one in self._old if count >= one.first], request, lane)[0]
        new = [one for one in self._new if count >= one.first]
        edited, attempts = _apply(new, kept, lane)
        is_new = edited is not kept
        if live or (is_new and not self._from_opening):
            return Edited(edited, (), is_new, attempts)
        forms = [(kept, edited)]
        for form in () if is_expected(kept) else self.list_forms(request, lane):
            if form != kept:
                forms.append((form, _apply(new, form, lane)[0]))
            if is_expected(form):
                forms = forms[-1:]
                break
        return Edited(
            edited, tuple(forms if is_new else [pair for pair in forms if pair[0] != kept]), is_new, attempts
        )

    def list_forms(self, request: Request, lane: Lane) -> Iterator[Request]:
        """Give every form in which the tape may have `request`, as it is asked first."""
        seen = list[Request]()
        for kinds in self._sets:
            form = _apply([one for one in self._old if (one.round, one.first) in kinds], request, lane)[0]
            if form not in seen:
                seen.append(form)
                yield form

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
    planned: Iterable[Planned], request: Request, lane: Lane
) -> tuple[Request, tuple[tuple[Planned, Attempt | None], ...]]:
    """`request` after the edits, and what each met; None for one that it is not for."""
    attempts = list[tuple[Planned, Attempt | None]]()
    for one in planned:
        found = attempt(one.edit, request, lane)
        request = request if found is None else found.request
        attempts.append((one, found))
    return request, tuple(attempts)
