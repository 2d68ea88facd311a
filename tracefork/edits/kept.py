"""Edits as a run's `meta` keeps them, as JSON: read, written, put together with new ones, and described.

An edit of somebody's own is kept by its name: what comes from elsewhere imports nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve, fields, frozen

from ..core.notes import EDITS
from ..errors import CorruptTape, EditMissing
from .base import AnyEdit, Edit, Where, describe_edit, name_edit
from .places import Append, Delete, Set
from .texts import Replace
from .vendors import Model, SystemPrompt, Temperature, Tools

KINDS: dict[str, type[Edit]] = {
    kind.__name__: kind for kind in (Set, Delete, Replace, Append, Model, SystemPrompt, Temperature, Tools)
}

MOST = 36_000
"""Characters that the edits of a run may take, as JSON: they stand in its header."""

_WHERE, _FIRST, _ROUND, _OWN = "where", "first", "round", "own"


@frozen
class Planned:
    """An edit of one run: it leaves the `first` requests as they are. `is_new`: no tape has it yet.

    Edits that were given to one run and begin together are of one `round`, others of later ones.
    """

    edit: AnyEdit
    first: int = 0
    is_new: bool = True
    round: int = 0


@frozen
class _Own:
    """An edit of somebody's own that a tape names."""

    name: str
    where: Where | None = None


def plan_edits(meta: Mapping[str, str], given: Iterable[AnyEdit]) -> tuple[Planned, ...]:
    """Return the edits of a run: those that the `meta` of its tape keeps, then those `given` that are new.

    A given one that is equal to a kept one, or has its name, is that one.

    Raises:
        EditMissing: the tape names an edit of somebody's own, which is not given.
        CorruptTape: what it keeps makes no sense.
    """
    left, planned = list(given), list[Planned]()
    for kept, first, number in _read(meta):
        again = next((edit for edit in left if _is_again(edit, kept, first)), None)
        if again is not None:
            left.remove(again)
        elif isinstance(kept, _Own):
            raise EditMissing(kept.name)
        planned.append(Planned(again or kept, first, is_new=False, round=number))  # type: ignore[arg-type]  # no _Own is left
    number = 1 + max((one.round for one in planned), default=-1)
    firsts = sorted({_first_of(edit) for edit in left})
    new = [
        Planned(edit, first, round=number + firsts.index(first))
        for edit in left
        for first in [_first_of(edit)]
    ]
    return (*planned, *new)


def keep_edits(planned: Iterable[Planned], served: int = 0) -> dict[str, str]:
    """Return edits as `meta` keeps them: nothing where there are none.

    New ones left at least the first `served` requests as they are: a tape answered these.

    Raises:
        ValueError: they are longer than a run has room for.
    """
    rows = [_write(one, served if one.is_new else 0) for one in planned]
    text = json.dumps(rows)
    if len(text) > MOST:
        raise ValueError(
            f"the edits of a run are kept with it, and may take {MOST:,} characters: these are {len(text):,}"
            "; shorten what they say, or change the agent instead"
        )
    return {EDITS: text} if rows else {}


def describe(meta: Mapping[str, str]) -> tuple[str, ...]:
    """Return what the edits of a run with this `meta` do, a plain line each; of none that makes no sense."""
    try:
        kept = _read(meta)
    except CorruptTape:
        return ("edits that make no sense",)
    return tuple(_describe(edit, first) for edit, first, _ in kept)


# -- below -------------------------------------------------------------------------------


def _describe(edit: Edit | _Own, first: int) -> str:
    if isinstance(edit, _Own):
        text = f"{edit.name}, where {edit.where}" if edit.where is not None else edit.name
    else:
        text = describe_edit(edit)
    return f"{text}, from request {first} on" if first else text


def _is_again(given: AnyEdit, kept: Edit | _Own, first: int) -> bool:
    """True if `given` is the edit that a tape keeps, from its request `first` on, or from where that says."""
    if isinstance(given, Edit) and given.first not in (None, first):
        return False
    if isinstance(kept, _Own):
        return name_edit(given) == kept.name
    return type(given) is type(kept) and evolve(given, first=None) == kept


def _first_of(edit: AnyEdit) -> int:
    return (edit.first or 0) if isinstance(edit, Edit) else 0


def _write(planned: Planned, served: int) -> dict[str, object]:
    edit, row = planned.edit, dict[str, object]()
    if isinstance(edit, Edit) and KINDS.get(type(edit).__name__) is type(edit):
        own = [a.name for a in fields(type(edit)) if a.name not in (_WHERE, _FIRST)]
        row = {"edit": type(edit).__name__, **{name: getattr(edit, name) for name in own}}
    else:
        row = {_OWN: name_edit(edit)}
    if isinstance(edit, Edit) and edit.where is not None:
        given = {a.name: getattr(edit.where, a.name) for a in fields(Where)}
        row[_WHERE] = {name: text for name, text in given.items() if text is not None}
    first = max(planned.first, served)
    return row | {name: n for name, n in ((_FIRST, first), (_ROUND, planned.round)) if n}


def _read(meta: Mapping[str, str]) -> list[tuple[Edit | _Own, int, int]]:
    """The edits that `meta` keeps, how many requests each leaves as they are, and its round.

    Raises:
        CorruptTape: they make no sense.
    """
    try:
        rows = json.loads(meta.get(EDITS, "[]"))
        return [_read_row(row) for row in rows]
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as exc:
        raise CorruptTape(f"its edits make no sense: {exc}", "the run's meta") from exc


def _read_row(row: Mapping[str, Any]) -> tuple[Edit | _Own, int, int]:
    numbers = [_check_number(row.get(name, 0)) for name in (_FIRST, _ROUND)]
    made = _make(**{name: value for name, value in row.items() if name not in (_FIRST, _ROUND)})
    return made, numbers[0], numbers[1]


def _make(*, own: str = "", edit: str = "", where: object = None, **values: object) -> Edit | _Own:
    """The edit of a row, without its `first`: with that it would equal none that is given again."""
    if isinstance(where, dict):
        where = Where(**where)
    if not isinstance(where, Where | None):
        raise TypeError(f"{where!r} is no choice of requests")
    if own and not values:
        return _Own(own, where)
    made: Edit = KINDS[edit](**values, where=where)  # type: ignore[arg-type]  # each kind looks at its own
    return made


def _check_number(number: object) -> int:
    if type(number) is not int or number < 0:
        raise TypeError(f"{number!r} is no number of requests, nor of a round")
    return number
