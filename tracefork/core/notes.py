"""The recorder's own notes in a run's `meta`: text, under keys of its own, beside the caller's own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import cast

from attrs import frozen

from .values import Call, Escape

VIRTUALIZED = "run.virtualized"
"""Which kinds of chance were drawn through the run, with blanks between."""

ESCAPED = "run.escaped"
"""What escaped the run, as JSON."""

REDACTED = "run.redacted"
"""How often secrets of each kind were taken out, as JSON."""

OPTIONS = "run.options"
"""Which options the run had, where they were not the default ones, as JSON."""

DOUBTS = "run.doubts"
"""The unsettled calls that the run took over, as JSON: see `core.doubt`."""

WRAPPED = "run.wrapped"
"""The functions that were tools without a decorator, as JSON: a list of `module:path`."""

ASKED_IN_TOOLS = "run.asked_in_tools"
"""How often each tool asked a model while it ran, unrecorded, as JSON."""

EDITS = "run.edits"
"""The edits of the run's requests, as JSON: see `tracefork.edits`."""

COMMAND = "gateway.command"
"""The command that the run's agent was, behind the gateway, as JSON: a list of words."""

WORKSPACE = "gateway.workspace"
"""Set if the command's working folder is kept with the run."""

TLS = "gateway.tls"
"""Set if what the command encrypts is read."""

ORIGINS = "gateway.origins"
"""Whom the variables stood for by which the gateway's clients are told whom to ask, as a JSON object."""

CASSETTE = "run.cassette"
"""Which other recorder's cassette the run was read from, and what that does not keep, as JSON."""

PROCESS = "run.process"
"""Which process records the run, as `host.process` writes it: in the log of an open run, and in no tape."""

_OWN = frozenset(
    {VIRTUALIZED, ESCAPED, REDACTED, OPTIONS, DOUBTS, WRAPPED, ASKED_IN_TOOLS, EDITS, CASSETTE, PROCESS}
)

DOUBTS_ROOM = 16_000
"""Characters that the arguments of unsettled calls may take together; beyond, their names are kept alone."""

MOST = 50
"""Escapes that are named one by one; of more, the last one's count stands for the others."""

ROOM = 40_000
"""Characters that a run's `meta` and its notes may take together, as JSON; beyond, the notes are left out."""


@frozen
class Doubts:
    """The unsettled calls that a run took over, and which of its own are live.

    Those are what it asked after tick `since`, when it went live, or at one of the ticks `open`, where it
    asked again what had been in flight.
    """

    calls: tuple[Call, ...] = ()
    since: int = -1
    open: tuple[int, ...] = ()

    def is_live(self, began: int) -> bool:
        return began > self.since or began in self.open


@frozen
class Cassette:
    """The cassette that a run was read from: its format, that format's version, and what it does not keep."""

    format: str
    version: str = ""
    lost: tuple[str, ...] = ()

    def __str__(self) -> str:
        version = f", version {self.version}" if self.version else ""
        return (
            f"from a cassette of {self.format}{version}; not kept there: {', '.join(self.lost) or 'nothing'}"
        )


def read_virtualized(meta: Mapping[str, str]) -> frozenset[str]:
    """The kinds of chance that a run with this `meta` drew through itself."""
    return frozenset(meta.get(VIRTUALIZED, "").split())


def read_command(meta: Mapping[str, str]) -> tuple[str, ...]:
    """The command that the agent of a run with this `meta` was; empty if it was none."""
    return tuple(word for word in _list(meta.get(COMMAND, "[]")) if isinstance(word, str))


def read_origins(meta: Mapping[str, str]) -> dict[str, str]:
    """Whom the gateway's variables stood for in a run with this `meta`; empty if it had no gateway."""
    try:
        found = json.loads(meta.get(ORIGINS, "{}"))
    except ValueError:
        return {}
    return (
        {name: url for name, url in found.items() if isinstance(url, str)} if isinstance(found, dict) else {}
    )


def read_escapes(meta: Mapping[str, str]) -> tuple[Escape, ...]:
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


def read_redacted(meta: Mapping[str, str]) -> dict[str, int]:
    """How often secrets of each kind were taken out of a run with this `meta`."""
    return _read_counts(meta.get(REDACTED, "{}"))


def read_asked_in_tools(meta: Mapping[str, str]) -> dict[str, int]:
    """How often each tool asked a model while it ran, unrecorded, in a run with this `meta`."""
    return _read_counts(meta.get(ASKED_IN_TOOLS, "{}"))


def read_options(meta: Mapping[str, str]) -> dict[str, object]:
    """The options that a run with this `meta` had, where they were not the default ones."""
    found = _parse(meta.get(OPTIONS, "{}"))
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def read_doubts(meta: Mapping[str, str]) -> Doubts:
    """The unsettled calls that a run with this `meta` took over."""
    match _parse(meta.get(DOUBTS, "null")):
        case {"calls": list() as rows, "since": int(since), "open": list() as ticks}:
            calls = tuple(Call(str(name), str(text)) for row in rows for name, text in [_pair(row)])
            return Doubts(calls, since, tuple(tick for tick in ticks if isinstance(tick, int)))
    return Doubts()


def note_doubts(doubts: Doubts) -> dict[str, str]:
    """Return `doubts` as `meta` keeps them: nothing where there are none."""
    if not doubts.calls:
        return {}
    whole = sum(len(call.arguments) for call in doubts.calls) <= DOUBTS_ROOM
    rows = [[call.name, call.arguments if whole else ""] for call in doubts.calls]
    return {DOUBTS: json.dumps({"calls": rows, "since": doubts.since, "open": list(doubts.open)})}


def read_cassette(meta: Mapping[str, str]) -> Cassette | None:
    """The cassette that a run with this `meta` was read from; None if it was recorded by tracefork."""
    match _parse(meta.get(CASSETTE, "null")):
        case {"format": str(name), "version": str(version), "lost": list() as lost}:
            return Cassette(name, version, tuple(what for what in lost if isinstance(what, str)))
    return None


def note_cassette(cassette: Cassette) -> dict[str, str]:
    """Return `cassette` as `meta` keeps it."""
    facts = {"format": cassette.format, "version": cassette.version, "lost": cassette.lost}
    return {CASSETTE: json.dumps(facts)}


def read_wrapped(meta: Mapping[str, str]) -> tuple[str, ...]:
    """The functions that a run with this `meta` made tools, as `module:path`."""
    return tuple(path for path in _list(meta.get(WRAPPED, "[]")) if isinstance(path, str))


def make_notes(
    virtualized: Iterable[str] = (),
    escaped: Iterable[Escape] = (),
    redacted: Mapping[str, int] | None = None,
    options: Mapping[str, object] | None = None,
    wrapped: Iterable[str] = (),
    asked_in_tools: Mapping[str, int] | None = None,
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
    if asked_in_tools:
        notes[ASKED_IN_TOOLS] = json.dumps(dict(asked_in_tools))
    if paths := list(wrapped):
        notes[WRAPPED] = json.dumps(paths)
    return notes


def add_notes(meta: Mapping[str, str], notes: Mapping[str, str]) -> Mapping[str, str]:
    """Return `meta` with `notes`, where there is room: what happened is worth more than notes about it."""
    both = {**meta, **notes}
    return both if notes and len(json.dumps(both)) <= ROOM else meta


def inherit(meta: Mapping[str, str]) -> dict[str, str]:
    """Return what of `meta` a run takes over from the one it follows: all but these notes."""
    return {key: text for key, text in meta.items() if key not in _OWN}


def forget_process(meta: Mapping[str, str]) -> Mapping[str, str]:
    """Return `meta` without the process that recorded the run: a tape is the same whoever made it."""
    return {key: text for key, text in meta.items() if key != PROCESS} if PROCESS in meta else meta


def _read_counts(text: str) -> dict[str, int]:
    found = _parse(text)
    counts = cast("dict[str, object]", found) if isinstance(found, dict) else {}
    return {name: count for name, count in counts.items() if type(count) is int}


def _pair(row: object) -> tuple[object, object]:
    match row:
        case [name, text]:
            return name, text
    return row, ""


def _list(text: str) -> list[object]:
    found = _parse(text)
    return found if isinstance(found, list) else []


def _parse(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
