"""Keepers of a run: `Writer` appends its records to a log, on its own thread; `Unwritten` writes nothing.

Both read the linked list of moments (`stepper.py`) from its start; the number of a moment is the ticket with
which one waits until it is written.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from os import getpid
from typing import Protocol, TypeAlias, TypeVar

from attrs import evolve

from ..codec.journal import Shrinker
from ..codec.records import Asked, Ended, Fold, Headed, Hidden, Parted, Record
from ..core.values import Pending, Request, Step
from ..errors import StoreError, TraceforkError
from ..host import clocks
from ..host.tables import list_items
from ..host.uninterrupted import Gate, give, make_gate, result, run_apart, start, wait_at
from ..redact import Redactor, Vault, taken_out
from ..storage.run_log import Log
from . import lanes
from .stepper import Moment, Note, look

BATCH = 256  # records that one chunk holds at most
BACKLOG = 64  # without a store: moments that may be queued before `wait` blocks
TOGETHER = 16  # moments per wake-up of the writer without a store: each costs the agent's thread the GIL
AHEAD = 4096  # more unwritten moments than this, and each step of the agent sleeps for PAUSE
PAUSE = 0.0005  # seconds that the agent sleeps then, so that the writer gets the GIL
SOME_TIME = 1e9  # seconds

T = TypeVar("T")

Happened: TypeAlias = "tuple[tuple[Step, ...], tuple[Pending, ...]]"
"""The steps that are over, in the order in which they began, and the questions in flight."""


class Keeper(Protocol):
    """Keeps the notes of a run's moments, in order. Callable from any thread, and from finalizers."""

    @property
    def redacted(self) -> Mapping[str, int]:
        """How many different secrets of each name were taken out of what is kept."""
        ...

    def follow(self, moment: Moment) -> None:
        """Start keeping with the moment after `moment`."""
        ...

    def put(self, number: int) -> None:
        """Tell the keeper that moments up to `number` exist."""
        ...

    def push(self) -> None:
        """Keep all there is now, including heads, which otherwise wait to be written with a later record."""
        ...

    def wait(self, number: int, timeout: float | None = None) -> bool:
        """Wait until the moment `number`, and all before it, are durable; False on a timeout.

        Without a store, the last `BACKLOG` moments need not be kept yet.

        Raises:
            StoreError: the store refused this moment or an earlier one.
        """
        ...

    def so_far(self) -> Happened:
        """Return the steps and the questions in flight that all moments up to now result in."""
        ...

    def close(self, last: Callable[[], object]) -> None:
        """Keep all that happened, call `last`, and keep no more. Doing it twice is harmless."""
        ...

    def is_over(self, timeout: float) -> bool:
        """True once what `close` asked for is done; waits up to `timeout` seconds for it."""
        ...


class Unwritten:
    """Keeps the records of a replay in memory, unredacted: its answers come from a tape that was redacted."""

    def __init__(self) -> None:
        self._notes: dict[int, tuple[Note, ...]] = {}
        self._moment: Moment | None = None
        self.has_parted = False
        """True once a record says that the agent has left its script."""
        self.redacted: Mapping[str, int] = {}

    def follow(self, moment: Moment) -> None:
        self._moment = moment

    def put(self, number: int) -> None:  # noqa: ARG002
        """Copy the notes of new moments, by number. Interrupts and concurrent calls do no harm."""
        moment = self._moment
        while moment is not None and (after := moment.after()) is not None:
            if after.notes:
                self._notes[after.number] = after.notes
                self.has_parted = self.has_parted or isinstance(after.notes[0][0], Parted)
            self._moment = moment = after

    def push(self) -> None:
        pass

    def wait(self, number: int, timeout: float | None = None) -> bool:  # noqa: ARG002
        return True

    @property
    def newest(self) -> Moment | None:
        """The last moment whose notes are kept."""
        return self._moment

    def list_notes(self) -> list[Note]:
        """Return what is kept, in its order."""
        return [note for _, notes in sorted(self._notes.items()) for note in notes]

    def so_far(self) -> Happened:
        self.put(0)
        fold = Fold()
        for record, _ in self.list_notes():
            fold.add(record)
        return fold.happened()

    def close(self, last: Callable[[], object]) -> None:
        run_apart(last)

    def is_over(self, timeout: float) -> bool:  # noqa: ARG002
        return True


class Writer:
    """Redacts records, keeps them with compact bodies, and writes them to its log, if it has one.

    All of this is done on the writer's own thread, which no interrupt of the agent's reaches. Records
    that are ready together go into one chunk. The first failure is kept and raised by `wait`; later
    records are still kept in memory, except batches whose redaction fails.
    """

    def __init__(self, *, stored: bool) -> None:
        self._stored = stored
        self._log: Log | None = None
        self._shrinker = None if stored else Shrinker()
        self._jobs = make_gate()
        self._runner: dict[int, int] = {}
        self._moment: Moment | None = None
        self._shown = dict[str, int]()
        self._asked = dict[int, Request]()
        self._vault: Vault | None = None
        self._fold = Fold()
        self._adopted: tuple[list[Note], int] | None = None
        self._woken_at = 0
        self._written = 0
        self._over = False
        self._failure: TraceforkError | None = None
        self._waiting: dict[Gate, float] = {}
        self._process = getpid()

    @property
    def redacted(self) -> Mapping[str, int]:
        counts = Counter(self._shown)
        return counts | Counter(self._vault.counts()) if self._vault is not None else counts

    def start(self) -> None:
        """Start the writer's thread; if one runs already, the new one returns at once."""
        start(self._run)

    def begin(self, begun: Callable[[], Log]) -> None:
        """Call `begun` on the writer's thread, and write to the log that it returns."""

        def begin() -> None:
            self._log = begun()

        self._do(begin)

    def follow(self, moment: Moment) -> None:
        self._moment = moment

    def adopt(self, other: Unwritten) -> None:
        """Go on where `other` has come, with what it has kept. Before the start; to repeat it is harmless."""
        self._moment = newest = other.newest
        self._adopted = other.list_notes(), newest.number if newest else 0

    def put(self, number: int) -> None:
        if self._stored or number - self._woken_at >= TOGETHER:
            self._woken_at = number
            self._jobs.put(None)
        if number - self._written > AHEAD and self._goes_on():  # bounds the memory of unwritten moments
            clocks.sleep(PAUSE)

    def push(self) -> None:
        self._jobs.put(_nothing)

    def wait(self, number: int, timeout: float | None = None) -> bool:
        number -= 0 if self._stored else BACKLOG
        if self._written < number and not self._over:
            self._reach(number, SOME_TIME if timeout is None else timeout)
        if self._failure:
            raise self._failure
        if self._written < number and not self._goes_on():
            raise StoreError(
                "nothing is written any more: the run is over, or this process was forked from its own"
            )
        return self._written >= number

    def so_far(self) -> Happened:
        if self._over:
            return self._fold.happened()
        if self._runner.get(0) == threading.get_ident():
            self._write(everything=True)
            return self._fold.happened()
        return self._do(self._fold.happened)

    def close(self, last: Callable[[], object]) -> None:
        if not self._runner:
            self.start()  # an interrupt may have prevented it

        def end() -> None:
            try:
                last()
            finally:
                self._over = True

        self._jobs.put(end)

    def is_over(self, timeout: float) -> bool:
        if self._is_there():
            self._reach(None, timeout)
        return self._over

    def _goes_on(self) -> bool:
        return not self._over and self._process == getpid()

    def _is_there(self) -> bool:
        if not self._runner:  # an exception sent to the agent's thread may have hit the new thread
            self.start()
        return self._goes_on()

    def _do(self, job: Callable[[], T]) -> T:
        """Return what `job` returns on the writer's thread, once all moments so far are kept.

        Raises:
            StoreError: the writer's thread has ended, or is in another process.
        """
        if not self._goes_on():
            raise StoreError("the run is over, or this process was forked from its own: ask it there")
        answer = make_gate()
        self._jobs.put(partial(give, answer, job))
        done: T = result(answer, self._is_there)
        return done

    def _reach(self, number: int | None, timeout: float) -> None:
        """Wait up to `timeout` seconds until moment `number` is written; None: until the writer is over."""
        at, until = make_gate(), clocks.monotonic() + timeout
        self._waiting[at] = SOME_TIME if number is None else number
        try:
            while self._goes_on() and (number is None or self._written < number):
                if not wait_at(at, look(until - clocks.monotonic())):
                    if clocks.monotonic() >= until:
                        return
                    self._is_there()
                    self.push()  # the thread that should have called `put` may have been interrupted
        finally:
            self._waiting.pop(at, None)

    # -- on the writer's thread -------------------------------------------------------

    def _run(self) -> None:
        me = threading.get_ident()
        if self._runner.setdefault(0, me) != me or self._over:
            return
        with lanes.aside():  # what finders and backends ask is not the agent's, so it is not recorded
            while not self._over:
                job = self._jobs.get()
                self._write(everything=job is not None)
                if job is not None:
                    job()
                self._open_gates()

    def _write(self, *, everything: bool) -> None:
        """Keep the notes of new moments; if all of them are heads, only if `everything` is set."""
        self._keep_adopted()
        while True:
            notes, moment = list[Note](), self._moment
            while moment and len(notes) < BATCH and (after := moment.after()) is not None:
                moment = after
                notes += after.notes
            heads = all(isinstance(record, Headed) for record, _ in notes)
            if moment is None or moment is self._moment or (heads and not everything):
                return
            for record in self._redact(self._clean(notes)):
                self._fold.add(record)
            self._moment, self._written = moment, moment.number
            self._open_gates()

    def _keep_adopted(self) -> None:
        if self._adopted is not None:
            (notes, number), self._adopted = self._adopted, None
            for record in self._redact(self._clean(notes)):
                self._fold.add(record)
            self._written = max(self._written, number)

    def _open_gates(self) -> None:
        for at, number in list_items(self._waiting):
            if self._over or number <= self._written:
                at.put(None)

    def _clean(self, notes: list[Note]) -> list[Record]:
        """Return the records of `notes`, redacted; none of them if the redaction fails."""
        try:
            records = [kept for record, redact in notes for kept in self._redacted(record, redact)]
        except Exception as exc:  # noqa: BLE001  finders are users' code and may raise anything
            self._failure = StoreError(f"what happened is not kept, since a finder failed: {exc!r}")
            self._failure.__cause__ = exc
            return []
        return records

    def _redacted(self, record: Record, redact: Redactor | None) -> Iterator[Record]:
        """Yield `record` redacted, and before it the surrogates that its answer is the first to hold."""
        if redact is not None:
            self._vault = redact.vault
        if redact is None or not isinstance(record, Asked | Ended):
            if isinstance(record, Asked) and isinstance(record.question, Request):
                self._asked[record.call] = record.question
            yield record
        elif isinstance(record, Asked):
            question, site = redact.question(record.question), redact.text(record.site)
            self._shown.update(dict.fromkeys(taken_out(question), 1))
            if isinstance(question, Request):
                self._asked[record.call] = question
            same = question is record.question and site == record.site
            yield record if same else evolve(record, question=question, site=site)
        else:
            answer = redact.keep(record.answer, self._asked.pop(record.call, None))
            self._shown.update(dict.fromkeys(taken_out(answer), 1))
            if redact.vault is not None and (hidden := redact.vault.take(answer)):
                yield Hidden(hidden)
            yield record if answer is record.answer else evolve(record, answer=answer)

    def _redact(self, records: list[Record]) -> list[Record]:
        """Write `records` to the log, if any, and return them with their bodies in compact form."""
        try:
            if self._shrinker:
                return [self._shrinker.shrunk(record) for record in records]
            if records and self._log and not self._failure:
                return self._log.write(records)
        except TraceforkError as exc:
            self._failure = exc
        except Exception as exc:  # noqa: BLE001  `wait` raises it
            self._failure = StoreError(f"the store failed: {type(exc).__name__}: {exc}")
            self._failure.__cause__ = exc
        return records


def _nothing() -> None:
    pass
