"""Tapes by the names that commands are given."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import attrs
from attrs.filters import exclude

from .. import redact
from ..codec.strict_json import damage
from ..core.doubt import continue_tape, find_doubts
from ..core.tape import Tape
from ..edits import describe
from ..errors import CorruptTape, NotFound, StoreError
from ..providers.unrecorded import find_unrecorded
from ..report.model.course import course_of
from ..report.page.embedded_tape import tape_in
from ..report.served import is_parent
from ..report.text import step_table
from ..storage.info import leave_out_probes
from ..storage.store import TapeStore
from ..storage.tape_file import load
from ..testing import cassettes
from .app import limits
from .stores import open_store

_PAGE = b"<!doctype html>"
_CASSETTES = frozenset({".yaml", ".yml", ".har", ".toml"})
"""What the names of cassettes end with; others are told by how they begin."""


def read_file(path: Path) -> Tape:
    """The tape in a tape file, in a report, or of another recorder's cassette, without its secrets."""
    if is_cassette_file(path):
        tape = cassettes.read(path, limits=limits())
        return redact.scrubbed(tape, redact.redactor(os.environ), chance=os.urandom(32))
    with path.open("rb") as file:
        if file.read(len(_PAGE)) != _PAGE:
            return load(path, limits=limits())
    with damage(str(path)):
        return tape_in(path.read_text("utf-8"), limits=limits())


def is_cassette_file(path: Path) -> bool:
    """True if the file at `path` is, or should be, a cassette of another recorder."""
    return path.suffix.lower() in _CASSETTES or cassettes.is_cassette(path)


def load_tape(name: str, where: str, *, furthest: bool = False) -> Tape:
    """The tape of this name; with `furthest`, `last` is none that got less far than the run it resumed."""
    if not Path(where).exists() and Path(name).is_file():
        return read_file(Path(name))
    with open_store(where) as store:
        if name == "last":
            infos = list(leave_out_probes(store.runs()))
            if not infos:
                raise StoreError(f"no runs in {where}")
            newest = store.load(max(infos, key=lambda info: info.created_at).run_id)
            return _find_furthest(newest, store) if furthest else newest
        if Path(name).is_file() and name not in store:
            return read_file(Path(name))
        return store.load(store.resolve(name))


def load_parent(tape: Tape, where: str) -> Tape | None:
    """The run that `tape` went on from, if it is in the store and can be read; else None."""
    if tape.parent is None or not Path(where).exists():
        return None
    with open_store(where) as store:
        try:
            parent = store.load(tape.parent.parent)
        except (CorruptTape, NotFound):
            return None
    return parent if is_parent(parent, tape) else None


def _find_furthest(tape: Tape, store: TapeStore) -> Tape:
    """`tape`, or the nearest run before it that holds more than those that resumed it."""
    while tape.parent and tape.parent.name == "resumed" and tape.outcome.kind != "returned":
        if tape.parent.parent not in store:
            break
        before = store.load(tape.parent.parent)
        if len(continue_tape(tape).steps) >= len(continue_tape(before).steps):
            break
        tape = before
    return tape


def make_summary(tape: Tape, parent: Tape | None = None) -> dict[str, Any]:
    course = course_of(tape, parent)
    return {
        "run_id": tape.run_id,
        "agent_name": tape.agent_name,
        "created_at": tape.created_at,
        "digest": tape.digest(),
        "outcome": attrs.asdict(tape.outcome),
        "parent": tape.parent and attrs.asdict(tape.parent, filter=exclude("departure")),
        "parted": _make_parted(tape),
        "edits": list(describe(tape.meta)),
        "savings": course and course.savings and attrs.asdict(course.savings),
        "meta": dict(tape.meta),
        "cassette": tape.cassette and attrs.asdict(tape.cassette),
        "escaped": [attrs.asdict(one) for one in tape.escaped],
        "redacted": dict(tape.redacted),
        "virtualized": sorted(tape.virtualized),
        "wrapped": list(tape.wrapped),
        "unrecorded": list(find_unrecorded(tape)),
        "asked_in_tools": dict(tape.asked_in_tools),
        "in_doubt": [attrs.asdict(call) for call in find_doubts(tape)],
        "exchanges": len(tape),
        "steps": [attrs.asdict(row) for row in step_table.rows(tape, parent)],
    }


def _make_parted(tape: Tape) -> dict[str, Any] | None:
    """Where the run left the tape that it went on from, in fields and as a sentence; None if it has not."""
    departure = tape.parent and tape.parent.departure
    return {**attrs.asdict(departure), "text": str(departure)} if departure else None
