"""Tapes over a backend: runs, branches and their lineage. Touches no file itself.

A run is one log. While it is recorded the log grows by chunks of records; at the
end it is sealed into one packed chunk. Both forms are read alike. The log of a
branch refers to steps of its parent, if that run is over and in the same store.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Literal, Self

from attrs import evolve

from ..backends.base import Backend, seal
from ..codec import journal, pack
from ..codec.limits import DEFAULT, Limits
from ..codec.records import Header, Parent
from ..core.notes import PROCESS, add_notes
from ..core.tape import Tape
from ..errors import CorruptTape, NotFound, RunExists, StoreError
from ..host import clocks
from ..host.process import mark
from . import lineage, maintenance
from .catalogue.searchable import Searchable
from .follow import Following
from .info import BranchInfo, Finding, Reclaimed, RunInfo, describe
from .run_log import Log, refusals

__all__ = ["BranchInfo", "Finding", "Log", "Reclaimed", "RunInfo", "TapeStore", "new_run_id"]


class TapeStore(Searchable):
    """Tapes over `backend`. Callable from any thread; whoever opens it closes it."""

    def __init__(self, backend: Backend, *, limits: Limits = DEFAULT) -> None:
        self.backend = backend
        self._limits = limits
        self._family = lineage.Family(self._read, self._read_sealed)

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
        sealed runs survive both. `limits` is how much of a run is read; it may be written
        beyond them, which a RuntimeWarning then says.

        Raises:
            ValueError: the path says none of these.
            StoreError: it cannot be opened.
        """
        name, path = os.fspath(where), Path(where)
        if name == ":memory:":
            from ..backends.memory import MemoryBackend  # noqa: PLC0415

            return cls(MemoryBackend(), limits=limits)
        if os.path.isdir(name) or not path.suffix:  # noqa: PTH112  a name too long for a file is none
            from ..backends.directory import DirectoryBackend  # noqa: PLC0415

            return cls(DirectoryBackend(path, durability=durability), limits=limits)
        if path.suffix in (".db", ".sqlite", ".sqlite3"):
            from ..backends.sqlite import SQLiteBackend  # noqa: PLC0415

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
        self.close_catalogue()
        self.backend.close()

    def __contains__(self, run_id: object) -> bool:
        return isinstance(run_id, str) and (self._has_log(run_id) or self._is_moving(run_id))

    # -- tapes ---------------------------------------------------------------------

    def save(self, tape: Tape, run_id: str | None = None) -> str:
        """Keep `tape` as `run_id`, by default its own, or else a new one; return the run_id.

        The tape that is kept bears that run_id. One that the limits would not let back in
        is kept too, with a RuntimeWarning. A process that dies in here may
        leave a run without steps.

        Raises:
            RunExists: the name is taken.
            CorruptTape: the tape does not survive packing.
            ValueError: its meta is too large.
        """
        name = run_id or tape.run_id or new_run_id()
        tape = evolve(tape, run_id=name)
        head = Header.of(tape)
        parent = self._family.of_new(head)
        packed, _ = pack.pack_verified(tape, parent, self._limits)
        log = self._begin(evolve(head, shares=parent.shares), parent)
        try:
            if log.parent is not parent:
                packed, _ = pack.pack_verified(tape, log.parent, self._limits)
            with refusals(name):
                seal(self.backend, name, packed, 1)
        except BaseException:
            with suppress(StoreError):
                self.backend.delete(name)
            raise
        return name

    def load(self, run_id: str) -> Tape:
        """Return the run, every byte of it verified. What a crash cut short is simply not there.

        Bodies are kept in less room, and made when they are looked at.

        Raises:
            NotFound: there is no such run, or it is a branch whose parent is not here.
            CorruptTape: it is damaged, the error says where; or its parent is another run than it was.
        """
        return self._read(run_id, 0)[1]

    def follow(self, run_id: str) -> Following:
        """Read a run while it is being recorded; one that is over is given whole by the first `steps`.

        Raises:
            NotFound, CorruptTape: as `load`.
        """
        with _locate(run_id):
            head = journal.decode_header(next(self._chunks(run_id), b""))
            return Following(self.backend, head, self._family.of(head), self._limits)

    def _read(self, run_id: str, below: int) -> tuple[Header, Tape]:
        with _locate(run_id):
            chunks = self._chunks(run_id)
            first = next(chunks, b"")
            head = journal.decode_header(first)
            if head.run_id != run_id:
                raise CorruptTape(f"it is the header of run {head.run_id!r}", "chunk 0")
            parent = self._family.of(head, below)
            if pack.is_packed(first):
                return head, pack.unpack(first, parent, self._limits)
            return head, journal.unroll(_after(first, chunks), run_id, parent, self._limits)

    def _read_sealed(self, run_id: str) -> bytes:
        """The bytes of a run that is over; none of one that is not."""
        chunks = self._chunks(run_id)
        first = next(chunks, b"")
        return b"".join((first, *chunks)) if pack.is_packed(first) else b""

    def _chunks(self, run_id: str) -> Iterator[bytes]:
        """The chunks of a run, also where it is on its way to its name."""
        try:
            yield from self.backend.chunks(run_id)
        except NotFound:
            if not run_id or (packed := lineage.read_moving(self.backend, run_id)) is None:
                raise
            yield packed

    def runs(self) -> Iterator[RunInfo]:
        """Describe every run as it is found, in no order, from the heads of the logs alone; damage too."""
        return (info for info, _ in self.heads())

    def heads(
        self, known: Callable[[str, bytes], RunInfo | None] = lambda _name, _first: None
    ) -> Iterator[tuple[RunInfo, bytes]]:
        """Describe every run as `runs` does, each with the first bytes of its log: none where it is damaged.

        Where the caller has a description already, for the name of a log and its first bytes, it is not made.
        """
        heads = iter(self.backend.heads())
        while True:
            try:
                name, first = next(heads)
            except StopIteration:
                return
            except CorruptTape as exc:
                yield RunInfo(exc.log, damage=exc.problem if exc.log else str(exc)), b""
                continue
            try:
                info = known(name, first) or describe(name, first, moved=lineage.moving_name)
            except CorruptTape as exc:
                info = RunInfo(name, damage=exc.problem)
            if name == info.run_id or not self._has_log(info.run_id):
                yield info, first

    def branches(self, run_id: str) -> Iterator[BranchInfo]:
        """Describe every run that names `run_id` as its parent."""
        return (branch for branch in map(_branch, self.runs()) if branch and branch.parent == run_id)

    def delete(self, run_id: str, *, rebase: bool = False) -> None:
        """Remove a run. One that has branches is kept, unless `rebase` lets them stand by themselves first.

        Interrupted, a `rebase` has lost nothing, and can be done again.

        Raises:
            NotFound: there is no such run.
            StoreError: it has branches, or one of those to rebase is not over; the message names them.
            CorruptTape: a branch that is to stand by itself cannot be read.
        """
        for branch_id in maintenance.find_bound(list(self.runs()), run_id, rebase=rebase):
            head, tape = self._read(branch_id, 0)
            if head.shares is None:
                continue
            if not pack.is_packed(next(self._chunks(branch_id), b"")):
                raise StoreError(
                    f"branch {branch_id!r} is still being recorded, or died: wait, or `gc` first"
                )
            lineage.replace(self.backend, tape, self._limits)
        lineage.remove(self.backend, run_id)
        self.forget(run_id)

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
        for info in self.sample(sample):
            yield from self.examine(info)

    def sample(self, share: float = 1.0) -> list[RunInfo]:
        """Describe a random `share` of the runs; and all whose head is damaged."""
        return [i for i in self.runs() if share >= 1 or not i.run_id or random.random() < share]  # noqa: S311

    def examine(self, info: RunInfo) -> Iterator[Finding]:
        """Read one run, check its digest too, and give what is wrong with it."""
        return maintenance.findings(self.load, info)

    def salvage(self, run_id: str) -> Tape:
        """Return what is left of a damaged run; what that is, the advice of its finding says.

        A sealed run comes back whole as long as no more than two of its 240 blocks are
        damaged. Of a run that was not sealed, or is damaged worse, what came before
        the damage comes back; of a lost answer the question stays, as pending.

        Raises:
            NotFound: there is no such run, or its parent is not here.
            CorruptTape: nothing of it can be read.
        """
        with suppress(CorruptTape):
            return self.load(run_id)
        with _locate(run_id):
            return maintenance.salvage(self.backend, run_id, self._family.of, self._limits).tape

    def gc(self, *, idle: float = 86_400.0, now: float | None = None) -> Iterator[Reclaimed]:
        """Tidy up, and say what was done: a run at a time, so that it may be stopped between two.

        Runs that died are sealed once nothing has happened in them for `idle`
        seconds; what an interrupted `delete` left is finished; and the backend
        gives room back, if it can.

        Raises:
            StoreError: the backend refused.
            ValueError: `idle` is not positive.
        """
        if idle <= 0:
            raise ValueError(f"idle is a time without a sign of life, not {idle} seconds")
        before = (clocks.now() if now is None else now) - idle
        yield from maintenance.tidy(self.backend, self._family.of, self._limits, before)

    # -- writing -------------------------------------------------------------------

    def begin(self, head: Header) -> Log:
        """Create the log of a new run; that of a branch refers to its parent, if that is here and over.

        Until the run is sealed, its log says which process records it: so it can be told from one that died.

        Raises:
            RunExists: the name is taken.
            ValueError: it has no run_id, or a reserved one, or its meta is too large.
        """
        parent = self._family.of_new(head)
        head = evolve(head, meta=add_notes(head.meta, {PROCESS: mark()}))
        return self._begin(evolve(head, shares=parent.shares), parent)

    def _begin(self, head: Header, parent: Parent) -> Log:
        if not head.run_id:
            raise ValueError("a run needs a run_id")
        if head.run_id.startswith(lineage.MOVED):
            raise ValueError(f"no run_id begins with {lineage.MOVED!r}")
        if head.run_id in self:
            raise RunExists(head.run_id)

        def orphaned() -> bool:
            return bool(head.shares and head.parent and head.parent.parent not in self)

        log = Log.begin(self.backend, head, parent, self._limits, orphaned)
        if orphaned():
            self.backend.delete(head.run_id)
            return Log.begin(self.backend, evolve(head, shares=None), limits=self._limits)
        return log

    # -- below ---------------------------------------------------------------------

    def _has_log(self, run_id: str) -> bool:
        try:
            return any(True for _ in self.backend.chunks(run_id))
        except CorruptTape:
            return True
        except (NotFound, ValueError):  # an empty or endless name is no run's
            return False

    def _names(self) -> list[str]:
        return sorted(info.run_id for info in self.runs() if info.run_id)

    def _is_moving(self, run_id: str) -> bool:
        return bool(run_id) and lineage.read_moving(self.backend, run_id) is not None


def _branch(info: RunInfo) -> BranchInfo | None:
    at = info.parent
    return BranchInfo(info.run_id, at.parent, at.step, at.name, at.desc, info) if at else None


def new_run_id() -> str:
    """Return a name that sorts by time, `YYYYMMDD-HHMMSS-xxxxxxxx` in UTC."""
    return f"{datetime.fromtimestamp(clocks.now(), UTC):%Y%m%d-%H%M%S}-{token_hex(4)}"


def _after(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


@contextmanager
def _locate(run_id: str) -> Iterator[None]:
    """Say of a CorruptTape from within which run it is about."""
    try:
        yield
    except CorruptTape as exc:
        where = f"run {run_id!r}"
        if exc.where.startswith(where):
            raise
        raise type(exc)(exc.problem, f"{where}, {exc.where}".rstrip(", "), exc.advice) from exc
