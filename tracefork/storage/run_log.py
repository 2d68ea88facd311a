"""Writes one run to a backend: records as chunks of a log, then the packed tape in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ..backends.base import Backend, seal
from ..codec import journal, pack, strict_json
from ..codec.limits import DEFAULT, Limits
from ..codec.records import ALONE, Header, Parent, Record
from ..core.tape import Tape
from ..errors import Conflict, CorruptTape, RunExists, StoreError, TraceforkError


class Log:
    """The log of one run. Not thread-safe: one writer at a time.

    `parent` is what the run may refer to, and `orphaned` says that it is there no more.
    """

    def __init__(
        self,
        backend: Backend,
        run_id: str,
        parent: Parent = ALONE,
        limits: Limits = DEFAULT,
        orphaned: Callable[[], bool] = bool,
    ) -> None:
        self._backend = backend
        self._run_id = run_id
        self.parent = parent
        self._limits = limits
        self._orphaned = orphaned
        self._encoder: journal.Encoder | None = journal.Encoder(run_id, parent)
        self._next = 1
        self._broken = ""
        self.look: Callable[[bytes], object] | None = None
        """Is shown all that is written, before it is compressed, and refuses it by raising."""

    @classmethod
    def begin(
        cls,
        backend: Backend,
        head: Header,
        parent: Parent = ALONE,
        limits: Limits = DEFAULT,
        orphaned: Callable[[], bool] = bool,
    ) -> Log:
        """Create the log of a new run.

        Raises:
            RunExists: the name is taken.
            ValueError: its meta is too large.
            StoreError: the backend refused.
        """
        chunk = journal.encode_header(head)
        try:
            with refusals(head.run_id):
                backend.append(head.run_id, 0, chunk)
        except Conflict as exc:
            raise RunExists(head.run_id) from exc
        return cls(backend, head.run_id, parent, limits, orphaned)

    def write(self, records: Sequence[Record]) -> list[Record]:
        """Append `records`; they survive the death of this process on return.

        Returns them with the bodies of requests kept in less room.

        Raises:
            StoreError: the backend refused, now or before; nothing was appended, and nothing can be.
        """
        if self._broken or self._encoder is None:
            raise StoreError(self._broken or f"run {self._run_id!r} is over")
        try:
            chunk, kept = self._encoder.chunk(records, self.look)
            with refusals(self._run_id):
                self._backend.append(self._run_id, self._next, chunk)
        except BaseException as exc:  # what comes after would refer to what is not there
            self._broken = f"run {self._run_id!r} takes no more records since one was refused: {exc}"
            raise
        self._next += 1
        return kept

    def seal(self, tape: Tape) -> Tape:
        """Replace the records by the packed `tape`; return the equal tape that was read back from it.

        A tape that the limits would not let back in is sealed too, with a RuntimeWarning;
        a branch whose parent was deleted meanwhile stands by itself.

        Raises:
            Conflict: somebody else has written to the log of this run; the records stay.
            StoreError: the backend refused, or the proof failed; the records stay.
            ValueError: it is the tape of another run.
        """
        if tape.run_id != self._run_id:
            raise ValueError(f"the log of run {self._run_id!r} cannot be sealed with run {tape.run_id!r}")
        self._encoder = None  # nothing is written any more
        if self.look:
            self.look(strict_json.dump(Header.of(tape)) + tape.outcome.message.encode("utf-8", "replace"))
        try:
            parent = ALONE if self._orphaned() else self.parent
            packed, back = pack.pack_verified(tape, parent, self._limits)
        except CorruptTape as exc:
            raise StoreError(f"run {self._run_id!r} is not sealed, its records are kept: {exc}") from exc
        with refusals(self._run_id):
            seal(self._backend, self._run_id, packed, self._next)
        return back


@contextmanager
def refusals(run_id: str) -> Iterator[None]:
    """Translate what a third party's backend raises, once, here."""
    try:
        yield
    except TraceforkError:
        raise
    except Exception as exc:
        raise StoreError(f"the backend failed at run {run_id!r}: {type(exc).__name__}: {exc}") from exc
