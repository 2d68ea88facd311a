"""Keeps a catalogue equal to its store: what came is read, what is gone leaves, what goes on is read on."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Protocol, TypeAlias

from attrs import evolve, frozen

from ...backends.base import HEAD, Backend
from ...core.notes import PROCESS
from ...core.tape import Tape
from ...core.values import UNFINISHED
from ...errors import Conflict, CorruptTape, NotFound, StoreError
from ...host import clocks
from ...providers.prices import Prices
from ..follow import Following
from ..info import RunInfo
from ..reports import list_failed, stamp_reports
from . import rows
from .file import Connection
from .reading import Reading, add_all, read_tape

Notes: TypeAlias = "dict[str, str]"

_TRIES = 3
_LONGEST = 1_000  # characters of what is said of a damaged run
_SETTLED = 2.0  # seconds after which a file that says it was not changed since was not
_GROWN = 32  # runs that are remembered while they go on


class Store(Protocol):
    """What a catalogue asks of a store."""

    backend: Backend

    def heads(
        self, known: Callable[[str, bytes], RunInfo | None] = ...
    ) -> Iterator[tuple[RunInfo, bytes]]: ...
    def load(self, run_id: str) -> Tape: ...
    def follow(self, run_id: str) -> Following: ...


@frozen
class Job:
    """A run whose steps are to be read; `head` is the hash of the beginning of its log."""

    info: RunInfo
    head: bytes


@frozen
class _Growing:
    """A run that goes on, as far as it was read."""

    head: bytes
    following: Following
    reading: Reading


class Filler:
    """Fills the catalogue of `store` through `connection`. One thread at a time may use it."""

    def __init__(self, store: Store, connection: Connection, prices: Prices) -> None:
        self._store, self._connection, self._prices = store, connection, prices
        self._growing = dict[str, _Growing]()

    def look(self) -> list[Job]:
        """Put in and take out what the heads of the store's logs tell; return what is left to be read.

        Where the store's files say that nothing was written since the last look, they are believed.

        Raises:
            StoreError: the store, or a catalogue, cannot be read.
        """
        for _ in range(_TRIES):
            kept = self._connection.reading(read_notes)
            if kept.get("owed") and self._connection.checkpoint():
                self._connection.writing(lambda db: write_notes(db, {"owed": ""}))
            if self._take_heads(kept) and self._take_reports(kept):
                return self._connection.reading(_list_jobs)
        raise StoreError(f"the catalogue at {self._connection.path} is thrown away again and again")

    def read(self, job: Job) -> None:
        """Read the steps of a run, and put in what is kept of it. What cannot be read is damaged.

        Raises:
            StoreError: the store, or the catalogue, refused.
        """
        try:
            if job.info.sealed:
                self._growing.pop(job.info.run_id, None)
                self._put_tape(job, self._store.load(job.info.run_id), 0)
            else:
                self._follow(job)
        except NotFound as exc:
            if exc.name != job.info.run_id:  # else it is gone: the next look tells
                self.mark_damaged(job, f"its parent {exc.name!r} is not in this store", again=True)
        except Conflict:
            pass  # it was sealed meanwhile
        except CorruptTape as exc:
            self.mark_damaged(job, exc.problem, again="its parent" in exc.problem)
        except StoreError:
            raise
        except Exception as exc:  # noqa: BLE001  whatever it holds, the others are listed
            why = f"it cannot be read: {type(exc).__name__}: {exc}"
            self.mark_damaged(job, why[:_LONGEST], again=isinstance(exc, OSError | MemoryError))

    def _take_heads(self, kept: Notes) -> bool:
        """Make the catalogue that has these notes equal to the store; false if it is gone by now."""
        backend = self._store.backend
        stamp = _make_stamp(backend)
        if stamp is not None and kept.get("stamp") == stamp:
            return True
        state: str = getattr(backend, "state", str)()
        change = _Change()
        if not state or kept.get("state") != state:
            change = self._compare_heads(self._connection.reading(_read_heads))
        notes = {"state": state}
        if stamp is not None and stamp == _make_stamp(backend):
            notes["stamp"] = stamp
        if not self._write(kept, change.make, notes):
            return False
        if change.forgets:
            forget_words(self._connection)
        return True

    def _take_reports(self, kept: Notes) -> bool:
        """Take in which runs failed by what lies beside the store; as `_take_heads`."""
        path = getattr(self._store.backend, "path", None)
        stamp = stamp_reports(path) if isinstance(path, Path) else ""
        if kept.get("reports", "") == stamp:
            return True
        failed = dict(list_failed(path)) if isinstance(path, Path) else {}
        return self._write(kept, lambda db: rows.put_failed(db, failed), {"reports": stamp})

    def _write(self, kept: Notes, change: Callable[[sqlite3.Connection], None], notes: Notes) -> bool:
        """Change the catalogue and note it, at once; false, and nothing, if it is another than had `kept`."""

        def work(db: sqlite3.Connection) -> bool:
            if read_notes(db).get("birth") != kept.get("birth"):
                return False
            change(db)
            write_notes(db, notes)
            return True

        return self._connection.writing(work)

    def _compare_heads(self, known: dict[bytes, bytes]) -> _Change:
        """What has come and gone since the heads whose hashes are `known`."""
        seen, new = set[bytes](), list[tuple[RunInfo, bytes]]()

        def recall(name: str, first: bytes) -> RunInfo | None:
            key = rows.name_key(name)
            return RunInfo(name) if known.get(key) == _hash(first) else None

        for info, first in self._store.heads(recall):
            key, head = (
                rows.name_key(info.run_id or "?"),
                _hash(first or info.damage.encode("utf-8", "replace")),
            )
            if key in seen:
                continue
            seen.add(key)
            if known.get(key) != head:
                new.append((info if info.run_id else evolve(info, run_id="?"), head))
        gone = tuple(key for key in known if key not in seen)
        replaced = any(rows.name_key(info.run_id) in known for info, _ in new)
        return _Change(gone, tuple(new), bool(gone) or replaced)

    def _put_tape(self, job: Job, tape: Tape, chunks: int) -> None:
        reading = read_tape(tape, self._prices)
        escapes = sum(one.count for one in tape.escaped)
        info = evolve(job.info, outcome=tape.outcome) if tape.outcome != UNFINISHED else job.info
        self._put(evolve(job, info=info), reading, chunks, escapes)

    def _follow(self, job: Job) -> None:
        run_id = job.info.run_id
        kept = self._growing.pop(run_id, None)
        if kept is None or kept.head != job.head:
            kept = _Growing(job.head, self._store.follow(run_id), Reading(self._prices))
        following = kept.following
        steps = following.steps()
        add_all(kept.reading, map(following.surrogates.step, steps))
        if following.over:
            self._put_tape(job, self._store.load(run_id), following.chunks)
            return
        self._put(job, kept.reading, following.chunks)
        self._growing[run_id] = kept
        while len(self._growing) > _GROWN:
            self._growing.pop(next(iter(self._growing)))

    def _put(self, job: Job, reading: Reading, chunks: int, escapes: int = 0) -> None:
        found = reading.read(created_at=job.info.created_at, escapes=escapes)
        texts = reading.asked, reading.answered
        self._connection.writing(lambda db: rows.put_read(db, job.info, job.head, found, texts, chunks))

    def mark_damaged(self, job: Job, why: str, *, again: bool = False) -> None:
        """Note that a run cannot be read; `again` if that may change though its log does not."""
        info = evolve(job.info, damage=why)
        found = Reading(self._prices).read(created_at=job.info.created_at)

        def change(db: sqlite3.Connection) -> None:
            rows.put_read(db, info, job.head, found, ("", ""), 0)
            if again:
                db.execute("UPDATE runs SET head = X'' WHERE name = ?", (rows.name_key(info.run_id),))

        self._connection.writing(change)

    def is_still(self, job: Job) -> bool:
        """True of a run without an end that was read before, if its log has not grown since."""
        if job.info.sealed:
            return False
        chunks = self._connection.reading(lambda db: _read_chunks(db, job))
        if not chunks:
            return False
        try:
            return next(iter(self._store.backend.chunks(job.info.run_id, chunks)), None) is None
        except (NotFound, CorruptTape, Conflict):
            return False


def fill(filler: Filler, jobs: list[Job]) -> Iterator[Job]:
    """Read the runs of `jobs`, newest first; yield each when it is done."""
    for job in jobs:
        if not filler.is_still(job):
            filler.read(job)
        yield job


def forget_words(connection: Connection) -> None:
    """Leave no word of what was deleted in any file: the index keeps words until it is merged, and SQLite
    keeps them beside the file while somebody reads; then it is noted, for the next look.
    """

    def merge(db: sqlite3.Connection) -> None:
        with suppress(sqlite3.OperationalError):
            db.execute("INSERT INTO words (words) VALUES ('optimize')")

    connection.writing(merge)
    if not connection.checkpoint():
        connection.writing(lambda db: write_notes(db, {"owed": "a checkpoint"}))


def read_notes(db: sqlite3.Connection) -> Notes:
    """What a catalogue notes of itself: its `birth`, and once it has looked at its store, `state`."""
    return dict(db.execute("SELECT key, value FROM kept").fetchall())


def write_notes(db: sqlite3.Connection, notes: Notes) -> None:
    db.executemany("INSERT OR REPLACE INTO kept (key, value) VALUES (?, ?)", notes.items())


# -- below ---------------------------------------------------------------------------


@frozen
class _Change:
    """What has come into a store, and gone; it `forgets` if words are to leave the catalogue."""

    gone: tuple[bytes, ...] = ()
    new: tuple[tuple[RunInfo, bytes], ...] = ()
    forgets: bool = False

    def make(self, db: sqlite3.Connection) -> None:
        """Take out what is gone, or is another run of that name; and put in what is new, or was sealed.

        What somebody else has put in since this was compared stays: it may have been read by now.
        """
        rows.drop(db, self.gone)
        known = _read_heads(db)
        new = [(info, head) for info, head in self.new if known.get(rows.name_key(info.run_id)) != head]
        for info, _ in new:
            name = rows.name_key(info.run_id)
            same = "SELECT 1 FROM runs WHERE name = ? AND word = ? AND created = ?"
            if info.damage or not db.execute(same, (name, rows.OPEN, info.created_at)).fetchall():
                rows.drop(db, [name])
        rows.put_heads(db, new)


def _hash(first: bytes) -> bytes:
    return blake2b(first[:HEAD], digest_size=16).digest()


def _read_heads(db: sqlite3.Connection) -> dict[bytes, bytes]:
    return dict(db.execute("SELECT name, head FROM runs").fetchall())


def _read_chunks(db: sqlite3.Connection, job: Job) -> int:
    row = db.execute(
        "SELECT chunks FROM runs WHERE name = ? AND read = 1", (rows.name_key(job.info.run_id),)
    ).fetchone()
    return int(row[0]) if row else 0


def _list_jobs(db: sqlite3.Connection) -> list[Job]:
    """The runs that were not read yet, and those without an end, the newest first."""
    found = db.execute(
        "SELECT info, head, process FROM runs WHERE (read = 0 OR word = ?) AND word != 'damaged' "
        "ORDER BY created DESC, name",
        (rows.OPEN,),
    )
    return [Job(_read_info(info, process), head) for info, head, process in found.fetchall()]


def _read_info(info: bytes, process: str) -> RunInfo:
    found = rows.make_row(info, None, "open", 0, 0).info
    return evolve(found, meta={PROCESS: process}) if process else found


def _make_stamp(backend: Backend) -> str | None:
    """When the files of the store were last written, as text; None where that is not known for certain."""
    path = getattr(backend, "path", None)
    if not isinstance(path, Path):
        return None
    found, now = list[object](), clocks.now()
    for file in (path, path.with_name(path.name + "-wal")):
        try:
            stat = os.stat(file)  # noqa: PTH116  no text of a path is made
        except FileNotFoundError:
            found.append(None)
            continue
        except OSError:
            return None
        if now - stat.st_mtime < _SETTLED:
            return None
        found.append([stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size])
    return json.dumps(found)
