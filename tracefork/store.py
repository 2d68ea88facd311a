"""Tapes over a backend: runs, branches and their lineage. Touches no file itself.

A run is one log. Its lineage stands in its own header alone, so that no
operation spans two logs. While it is recorded the log grows by chunks of
records; at the end it is sealed into one packed chunk. Both forms are read alike.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Literal, Self

from attrs import evolve, frozen

from .backends.base import Backend
from .codec import journal, pack
from .codec.limits import DEFAULT, Limits
from .codec.records import Header, Record, replayed, salvaged
from .core.tape import Tape
from .core.values import Branch, Outcome
from .errors import Conflict, CorruptTape, NotFound, RunExists, StoreError


@frozen
class RunInfo:
    """What a list of runs says of one. `created_at` is in seconds since the epoch.

    `exchanges`, `outcome` and `digest` are known once the run is sealed. `damage`
    says what is wrong with a head that cannot be read; `run_id` is then the log's name.
    """

    run_id: str
    agent_name: str = ""
    created_at: float = 0.0
    parent: Branch | None = None
    sealed: bool = False
    exchanges: int | None = None
    outcome: Outcome | None = None
    digest: str | None = None
    damage: str = ""


@frozen
class BranchInfo:
    """A run that came of another: it went its own way at exchange `step` of `parent`."""

    branch_id: str
    parent: str
    step: int
    name: str
    desc: str
    info: RunInfo


@frozen
class Finding:
    """Something wrong with a stored run: where, what, and what to do about it."""

    run_id: str
    where: str
    problem: str
    advice: str


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

    def __contains__(self, run_id: str) -> bool:
        try:
            return any(True for _ in self.backend.chunks(run_id))
        except NotFound:
            return False

    # -- tapes ---------------------------------------------------------------------

    def save(self, tape: Tape, run_id: str | None = None) -> str:
        """Keep `tape` as `run_id`, by default its own, or else a new one; return the run_id.

        Raises:
            RunExists: the name is taken.
        """
        name = run_id or tape.run_id or new_run_id()
        tape = evolve(tape, run_id=name)
        log = self.begin(Header.of(tape))
        log.seal(tape)
        return name

    def load(self, run_id: str) -> Tape:
        """Return the run, every byte of it verified. What a crash cut short is simply not there.

        Raises:
            NotFound: there is no such run.
            CorruptTape: it is damaged; the error says which chunk.
        """
        chunks = list(self._chunks(run_id))
        with _located(run_id, 0):
            if pack.is_packed(chunks[0]):
                return pack.unpack(chunks[0], self._limits)
            head = journal.decode_header(chunks[0])
        records: list[Record] = []
        for number, chunk in enumerate(chunks[1:], 1):
            with _located(run_id, number):
                records += journal.decode(chunk, head.run_id, number, self._limits)
        with _located(run_id, len(chunks)):
            return replayed(head, records)

    def runs(self) -> Iterator[RunInfo]:
        """Describe every run, in no order, from the heads of the logs alone."""
        for name, first in self.backend.heads():
            try:
                yield _info(name, first)
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
        names = sorted(name for name, _ in self.backend.heads())
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
        for name in sorted(name for name, _ in self.backend.heads()):
            if sample < 1 and random.random() >= sample:  # noqa: S311  a sample needs no secrecy
                continue
            try:
                self.load(name)
            except CorruptTape as exc:
                yield Finding(name, exc.where, exc.problem, exc.advice)
            except NotFound:
                continue  # deleted while we looked

    def salvage(self, run_id: str) -> Tape:
        """Return the steps of a damaged run that are whole and agree with each other.

        Raises:
            NotFound: there is no such run.
            CorruptTape: nothing of it can be read.
        """
        records: list[Record] = []
        head: Header | None = None
        for number, chunk in enumerate(self._whole_chunks(run_id)):
            with suppress(CorruptTape):
                if number == 0:
                    if pack.is_packed(chunk):
                        return pack.unpack(chunk, self._limits)
                    head = journal.decode_header(chunk)
                else:
                    records += journal.decode(chunk, run_id, number, self._limits)
        if head is None and not records:
            raise CorruptTape("nothing of it can be read", f"run {run_id!r}", "restore it from a copy")
        return salvaged(head or Header(run_id), records)

    # -- writing -------------------------------------------------------------------

    def begin(self, head: Header) -> Log:
        """Create the log of a new run.

        Raises:
            RunExists: the name is taken.
            ValueError: its meta is too large.
        """
        try:
            self.backend.append(head.run_id, 0, journal.header(head))
        except Conflict as exc:
            raise RunExists(head.run_id) from exc
        return Log(self.backend, head.run_id)

    def _chunks(self, run_id: str) -> Iterator[bytes]:
        yield from self.backend.chunks(run_id)

    def _whole_chunks(self, run_id: str) -> Iterator[bytes]:
        """The chunks that the backend vouches for, each in its place; b"" for one that it does not."""
        number = 0
        while True:
            try:
                for chunk in self.backend.chunks(run_id, number):
                    yield chunk
                    number += 1
            except CorruptTape:
                yield b""
                number += 1
                continue
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
        self._backend.append(self._run_id, self._next, journal.encode(records, self._run_id, self._next))
        self._next += 1

    def seal(self, tape: Tape) -> None:
        """Replace the records by the packed `tape`, once that is proven to give the tape back.

        Raises:
            StoreError: the backend refused, or the proof failed; the records stay.
        """
        packed = pack.pack(tape)
        if pack.unpack(packed) != tape:
            raise StoreError(
                f"run {self._run_id!r} cannot be sealed: it does not survive packing; its records are kept"
            )
        self._backend.seal(self._run_id, packed)


def new_run_id() -> str:
    """Return a name that sorts by time, `YYYYMMDD-HHMMSS-xxxxxxxx` in UTC."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{token_hex(4)}"


def _info(name: str, first: bytes) -> RunInfo:
    if not pack.is_packed(first):
        head = journal.decode_header(first)
        return RunInfo(name, head.agent_name, head.created_at, head.parent)
    said = pack.summary(first)
    head = said.header
    return RunInfo(
        name,
        head.agent_name,
        head.created_at,
        head.parent,
        True,
        said.exchanges,
        said.outcome,
        said.digest,  # noqa: FBT003
    )


class _located:  # noqa: N801  reads as a statement
    """Says of a CorruptTape from within which run and chunk it is about."""

    def __init__(self, run_id: str, number: int) -> None:
        self._where = f"run {run_id!r}, chunk {number}"

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if isinstance(exc, CorruptTape):
            where = f"{self._where}, {exc.where}" if exc.where else self._where
            raise type(exc)(exc.problem, where, exc.advice) from exc
