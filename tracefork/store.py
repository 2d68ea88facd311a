"""Tapes over a backend: runs, branches and their lineage. Touches no file itself.

A run is one log. Its lineage stands in its own header alone, so that no
operation spans two logs. While it is recorded the log grows by chunks of
records; at the end it is sealed into one packed chunk. Both forms are read alike.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Literal, Self

from attrs import evolve

from .backends.base import Backend
from .codec import journal, pack
from .codec.limits import DEFAULT, Limits
from .codec.records import Header, Record
from .core.tape import Tape
from .errors import Conflict, CorruptTape, NotFound, RunExists, StoreError, TraceforkError
from .listing import BranchInfo, Finding, RunInfo, described

__all__ = ["BranchInfo", "Finding", "Log", "RunInfo", "TapeStore", "new_run_id"]

_MOST_LOST = 1_000  # damaged chunks in a row, before a backend that never reaches the end is believed


class TapeStore:
    """Tapes over `backend`. Callable from any thread; whoever opens it closes it."""

    def __init__(self, backend: Backend, *, limits: Limits = DEFAULT) -> None:
        self.backend = backend
        self._limits = limits

    @classmethod
    def open(
        cls,
        where: str | os.PathLike[str],
        *,
        durability: Literal["process", "power"] = "process",
        limits: Limits = DEFAULT,
    ) -> Self:
        """Open or create the store at `where`.

        A path that ends in .db, .sqlite or .sqlite3 is an SQLite file; an existing
        directory, or a path without a suffix, a directory of logs; `":memory:"` is
        neither. "process" survives a killed process, "power" a power cut too;
        sealed runs survive both.

        Raises:
            ValueError: the path says none of these.
            StoreError: it cannot be opened.
        """
        name, path = os.fspath(where), Path(where)
        if name == ":memory:":
            from .backends.memory import MemoryBackend  # noqa: PLC0415

            return cls(MemoryBackend(), limits=limits)
        if path.is_dir() or not path.suffix:
            from .backends.directory import DirectoryBackend  # noqa: PLC0415

            return cls(DirectoryBackend(path, durability=durability), limits=limits)
        if path.suffix in (".db", ".sqlite", ".sqlite3"):
            from .backends.sqlite import SQLiteBackend  # noqa: PLC0415

            return cls(SQLiteBackend(path, durability=durability), limits=limits)
        raise ValueError(
            f"{name!r} is no store: use .db or .sqlite for SQLite, or a path without suffix for a directory"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release what the backend holds."""
        self.backend.close()

    def __contains__(self, run_id: object) -> bool:
        try:
            return isinstance(run_id, str) and any(True for _ in self.backend.chunks(run_id))
        except CorruptTape:
            return True
        except (NotFound, ValueError):  # an empty or endless name is no run's
            return False

    # -- tapes ---------------------------------------------------------------------

    def save(self, tape: Tape, run_id: str | None = None) -> str:
        """Keep `tape` as `run_id`, by default its own, or else a new one; return the run_id.

        The tape that is kept bears that run_id. A process that dies in here may
        leave a run without steps.

        Raises:
            RunExists: the name is taken.
            CorruptTape: the tape does not survive packing.
            ValueError: its meta is too large.
        """
        name = run_id or tape.run_id or new_run_id()
        tape = evolve(tape, run_id=name)
        packed = pack.verified(tape)
        self.begin(Header.of(tape))
        try:
            self.backend.seal(name, packed)
        except BaseException:
            with suppress(StoreError):
                self.backend.delete(name)
            raise
        return name

    def load(self, run_id: str) -> Tape:
        """Return the run, every byte of it verified. What a crash cut short is simply not there.

        Raises:
            NotFound: there is no such run.
            CorruptTape: it is damaged; the error says which chunk.
        """
        with _located(run_id):
            chunks = iter(self.backend.chunks(run_id))
            first = next(chunks, b"")
            if not pack.is_packed(first):
                return journal.unroll(itertools.chain([first], chunks), run_id, self._limits)
            tape = pack.unpack(first, self._limits)
            if tape.run_id != run_id:
                raise CorruptTape(f"it holds run {tape.run_id!r}")
            return tape

    def runs(self) -> Iterator[RunInfo]:
        """Describe every run, in no order, from the heads of the logs alone; damage is described too."""
        heads = iter(self.backend.heads())
        while True:
            try:
                name, first = next(heads)
            except StopIteration:
                return
            except CorruptTape as exc:  # its backend cannot even name it
                yield RunInfo("", damage=str(exc))
                continue
            try:
                yield described(name, first)
            except CorruptTape as exc:
                yield RunInfo(name, damage=exc.problem)

    def branches(self, run_id: str) -> Iterator[BranchInfo]:
        """Describe every run that names `run_id` as its parent."""
        for info in self.runs():
            if info.parent and info.parent.parent == run_id:
                at = info.parent
                yield BranchInfo(info.run_id, at.parent, at.step, at.name, at.desc, info)

    def delete(self, run_id: str, *, orphan: bool = False) -> None:
        """Remove a run. One that has branches is kept, unless `orphan` says to leave them without parent.

        Raises:
            NotFound: there is no such run.
            StoreError: it has branches; the message names them.
        """
        if not orphan and (branches := [b.branch_id for b in self.branches(run_id)]):
            raise StoreError(
                f"run {run_id!r} has branches: {', '.join(branches)}; delete them first, or pass orphan=True"
            )
        self.backend.delete(run_id)

    def resolve(self, prefix: str) -> str:
        """Return the run_id that is `prefix`, or the only one that begins with it.

        Raises:
            NotFound: none does.
            StoreError: several do; the message names them.
        """
        names = self._names()
        found = [name for name in names if name == prefix] or [
            name for name in names if name.startswith(prefix)
        ]
        if not found:
            raise NotFound(prefix, tuple(names))
        if len(found) > 1:
            raise StoreError(f"{prefix!r} may be {', '.join(found[:5])}{' ...' if len(found) > 5 else ''}")  # noqa: PLR2004
        return found[0]

    # -- integrity -----------------------------------------------------------------

    def check(self, sample: float = 1.0) -> Iterator[Finding]:
        """Read every run, or a random `sample` between 0 and 1 of them, and give what is wrong."""
        for info in self.runs():
            if not info.run_id:
                yield Finding("", "", info.damage, "look for the file or row in the backend")
                continue
            if sample < 1 and random.random() >= sample:  # noqa: S311  a sample needs no secrecy
                continue
            try:
                self.load(info.run_id)
            except CorruptTape as exc:
                yield Finding(info.run_id, exc.where, exc.problem, exc.advice)
            except NotFound:
                continue  # deleted while we looked

    def salvage(self, run_id: str) -> Tape:
        """Return the steps of a damaged run that are whole and agree with each other.

        Of a lost answer the question stays, as pending.

        Raises:
            NotFound: there is no such run.
            CorruptTape: nothing of it can be read.
        """
        with suppress(CorruptTape):
            return self.load(run_id)
        with _located(run_id):
            chunks = list(self._whole_chunks(run_id))
            if len(chunks) == 1:  # a header that is whole would have been loaded
                return pack.salvage(chunks[0], run_id, self._limits)
            return journal.salvage(chunks, run_id, self._limits)

    # -- writing -------------------------------------------------------------------

    def begin(self, head: Header) -> Log:
        """Create the log of a new run.

        Raises:
            RunExists: the name is taken.
            ValueError: it has no run_id, or its meta is too large.
        """
        if not head.run_id:
            raise ValueError("a run needs a run_id")
        chunk = journal.header(head)
        try:
            with _refusals(head.run_id):
                self.backend.append(head.run_id, 0, chunk)
        except Conflict as exc:
            raise RunExists(head.run_id) from exc
        return Log(self.backend, head.run_id)

    def _names(self) -> list[str]:
        return sorted(info.run_id for info in self.runs() if info.run_id)

    def _whole_chunks(self, run_id: str) -> Iterator[bytes]:
        """The chunks that the backend vouches for, each in its place; b"" for one that it does not."""
        number = lost = 0
        while lost < _MOST_LOST:
            try:
                for chunk in self.backend.chunks(run_id, number):
                    yield chunk
                    number, lost = number + 1, 0
            except CorruptTape:
                yield b""
                number, lost = number + 1, lost + 1
            else:
                return


class Log:
    """One run being written. Not thread-safe: one writer at a time."""

    def __init__(self, backend: Backend, run_id: str) -> None:
        self._backend = backend
        self._run_id = run_id
        self._next = 1

    def write(self, records: Sequence[Record]) -> None:
        """Append `records`; they survive the death of this process on return.

        Raises:
            StoreError: the backend refused; nothing was appended.
        """
        chunk = journal.encode(records, self._run_id, self._next)
        with _refusals(self._run_id):
            self._backend.append(self._run_id, self._next, chunk)
        self._next += 1

    def seal(self, tape: Tape) -> None:
        """Replace the records by the packed `tape`, once that is proven to give the tape back.

        Raises:
            StoreError: the backend refused, or the proof failed; the records stay.
            ValueError: it is the tape of another run.
        """
        if tape.run_id != self._run_id:
            raise ValueError(f"the log of run {self._run_id!r} cannot be sealed with run {tape.run_id!r}")
        try:
            packed = pack.verified(tape)
        except CorruptTape as exc:
            raise StoreError(f"run {self._run_id!r} is not sealed, its records are kept: {exc}") from exc
        with _refusals(self._run_id):
            self._backend.seal(self._run_id, packed)


def new_run_id() -> str:
    """Return a name that sorts by time, `YYYYMMDD-HHMMSS-xxxxxxxx` in UTC."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{token_hex(4)}"


@contextmanager
def _refusals(run_id: str) -> Iterator[None]:
    """Translate what a third party's backend raises, once, here."""
    try:
        yield
    except TraceforkError:
        raise
    except Exception as exc:
        raise StoreError(f"the backend failed at run {run_id!r}: {type(exc).__name__}: {exc}") from exc


@contextmanager
def _located(run_id: str) -> Iterator[None]:
    """Say of a CorruptTape from within which run it is about."""
    try:
        yield
    except CorruptTape as exc:
        where = f"run {run_id!r}"
        if exc.where.startswith(where):
            raise
        raise type(exc)(exc.problem, f"{where}, {exc.where}".rstrip(", "), exc.advice) from exc
