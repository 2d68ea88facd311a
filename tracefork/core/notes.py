"""What a recorder notes of a run in its `meta`, beside what it was told: as text, under keys of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import cast

from .values import Escape

VIRTUALIZED = "run.virtualized"
"""Which kinds of chance were drawn through the run, with blanks between."""

ESCAPED = "run.escaped"
"""What escaped the run, as JSON."""

REDACTED = "run.redacted"
"""How often secrets of each kind were taken out, as JSON."""

OPTIONS = "run.options"
"""Which options the run had, where they were not the default ones, as JSON."""

MOST = 50
"""Escapes that are named one by one; of more, the last one's count stands for the others."""

ROOM = 40_000
"""Characters that a run's `meta` and its notes may take together, as JSON; beyond, the notes are left out."""


def virtualized(meta: Mapping[str, str]) -> frozenset[str]:
    """The kinds of chance that a run with this `meta` drew through itself."""
    return frozenset(meta.get(VIRTUALIZED, "").split())


def escaped(meta: Mapping[str, str]) -> tuple[Escape, ...]:
    """What escaped a run with this `meta`, in the order in which it was first seen."""
    rows = _list(meta.get(ESCAPED, "[]"))
    return tuple(
        Escape(kind, target, site, count)
        for row in rows
        if isinstance(row, list) and len(row) == 4  # noqa: PLR2004  the fields of an Escape
        for kind, target, site, count in [row]
        if isinstance(kind, str)
        and isinstance(target, str)
        and isinstance(site, str)
        and isinstance(count, int)
    )


def redacted(meta: Mapping[str, str]) -> dict[str, int]:
    """How often secrets of each kind were taken out of a run with this `meta`."""
    found = _parsed(meta.get(REDACTED, "{}"))
    counts = cast("dict[str, object]", found) if isinstance(found, dict) else {}
    return {kind: count for kind, count in counts.items() if isinstance(count, int)}


def options(meta: Mapping[str, str]) -> dict[str, object]:
    """The options that a run with this `meta` had, where they were not the default ones."""
    found = _parsed(meta.get(OPTIONS, "{}"))
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def noted(
    virtualized: Iterable[str] = (),
    escaped: Iterable[Escape] = (),
    redacted: Mapping[str, int] | None = None,
    options: Mapping[str, object] | None = None,
) -> dict[str, str]:
    """Return these as `meta` keeps them; what is empty is left out."""
    notes = {}
    if kinds := sorted(virtualized):
        notes[VIRTUALIZED] = " ".join(kinds)
    if rows := [[e.kind, e.target, e.site, e.count] for e in escaped]:
        notes[ESCAPED] = json.dumps(rows)
    if options:
        notes[OPTIONS] = json.dumps(dict(sorted(options.items())))
    if redacted:
        notes[REDACTED] = json.dumps(dict(sorted(redacted.items())))
    return notes


def added(meta: Mapping[str, str], notes: Mapping[str, str]) -> Mapping[str, str]:
    """Return `meta` with `notes`, where there is room: what happened is worth more than notes about it."""
    both = {**meta, **notes}
    return both if notes and len(json.dumps(both)) <= ROOM else meta


def inherited(meta: Mapping[str, str]) -> dict[str, str]:
    """Return what of `meta` a run takes over from the one it follows: all but these notes."""
    return {key: text for key, text in meta.items() if key not in (VIRTUALIZED, ESCAPED, REDACTED, OPTIONS)}


def _list(text: str) -> list[object]:
    found = _parsed(text)
    return found if isinstance(found, list) else []


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
