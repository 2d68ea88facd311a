"""Keepers of what happens in a run: one that writes on a thread of its own, one that writes nothing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from queue import SimpleQueue
from typing import Protocol, TypeAlias

from attrs import evolve

from . import lanes
from .codec.journal import Shrinker
from .codec.records import Asked, Ended, Fold, Record
from .core.values import Pending, Step
from .errors import StoreError, TraceforkError
from .log import Log
from .redact import Redactor, taken_out

BATCH = 256  # records that one chunk holds at most
BACKLOG = 64  # records that may wait where nobody waits for a disk
TOGETHER = 16  # records for which the thread is woken there: it takes the interpreter from the agent

Happened: TypeAlias = "tuple[tuple[Step, ...], tuple[Pending, ...]]"
"""The steps that are over, in the order in which they began, and what is in flight."""

_Item: TypeAlias = "tuple[Record, Redactor | None]"


class Keeper(Protocol):
    """Takes records in the order in which things happened; the caller keeps puts in order."""

    @property
    def redacted(self) -> Mapping[str, int]:
        """How often secrets of each kind were taken out of what is kept."""
        ...

    def put(self, record: Record, redact: Redactor | None = None) -> int:
        """Keep `record`, redacted by `redact`, and return its ticket, for `wait`."""
        ...

    def hold(self, record: Record) -> None:
        """Keep `record` together with the next one: nothing depends on it before."""
        ...

    def push(self) -> None:
        """Keep what is held."""
        ...

    def wait(self, ticket: int | None = None, timeout: float | None = None) -> bool:
        """Wait until the record of `ticket`, or all, is as safe as it is to be; False on a timeout.

        Raises:
            StoreError: the store refused this record or an earlier one.
        """
        ...

    def so_far(self) -> Happened:
        """What all records that were put come to."""
        ...

    def close(self) -> None:
        """Keep all that was put, and take no more.

        Raises:
            StoreError: the store refused.
        """
        ...


class Unwritten:
    """Keeps the records of a replay as they are: its answers are those of the tape, and redacted already."""

    def __init__(self) -> None:
        self._fold = Fold()
        self.redacted: Mapping[str, int] = {}

    def put(self, record: Record, redact: Redactor | None = None) -> int:  # noqa: ARG002
        self._fold.add(record)
        return 1

    def hold(self, record: Record) -> None:
        self._fold.add(record)

    def push(self) -> None:
        pass

    def wait(self, ticket: int | None = None, timeout: float | None = None) -> bool:  # noqa: ARG002
        return True

    def so_far(self) -> Happened:
        return self._fold.happened()

    def close(self) -> None:
        pass


class Writer:
    """Keeps records with their bodies in little room, and writes them to `log`, if there is one.

    A thread of its own does both, and looks for secrets, so that the agent's need not;
    what waits together goes into one chunk. `put` may be called from a finalizer: it takes no
    lock. The first failure is kept and raised to whoever waits; what happens then is still
    kept in memory, unless it was the redaction that failed.
    """

    def __init__(self, log: Log | None) -> None:
        self._log = log
        self._shrinker = None if log else Shrinker()
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        self._held: list[_Item] = []
        self._counts = Counter[str]()
        self._fold = Fold()
        self._put = 0
        self._written = 0
        self._failure: TraceforkError | None = None
        self._moved = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="tracefork-writer", daemon=True)
        threading.Thread.start(self._thread)

    @property
    def redacted(self) -> Mapping[str, int]:
        return self._counts

    def put(self, record: Record, redact: Redactor | None = None) -> int:
        self._held.append((record, redact))
        if self._log or len(self._held) >= TOGETHER:
            self.push()
        return self._put + len(self._held)

    def hold(self, record: Record) -> None:
        self._held.append((record, None))

    def push(self) -> None:
        for item in self._held:
            self._put += 1
            self._queue.put(item)
        self._held.clear()

    def wait(self, ticket: int | None = None, timeout: float | None = None) -> bool:
        ticket = self._put if ticket is None else ticket
        if self._log is None:
            ticket -= BACKLOG
        self._reach(ticket, timeout)
        if self._failure:
            raise self._failure
        if self._written < ticket and not self._thread.is_alive():
            raise StoreError(
                "nothing is written any more: the run is over, or this process was forked from its own"
            )
        return self._written >= ticket

    def so_far(self) -> Happened:
        self.push()
        self._reach(self._put)
        return self._fold.happened()

    def close(self) -> None:
        self.push()
        self._queue.put(None)
        self._thread.join()
        if self._failure:
            raise self._failure

    def _reach(self, ticket: int, timeout: float | None = None) -> None:
        if self._written < ticket and self._thread.is_alive():
            with self._moved:
                self._moved.wait_for(lambda: self._written >= ticket, timeout)

    def _run(self) -> None:
        with lanes.aside():  # finders, and what backends ask, are nothing of the agent's
            self._write()

    def _write(self) -> None:
        going = True
        while going:
            batch = [self._queue.get()]
            while len(batch) < BATCH and batch[-1] is not None and not self._queue.empty():
                batch.append(self._queue.get())
            going = batch[-1] is not None
            items = [item for item in batch if item is not None]
            for record in self._kept(self._clean(items)):
                self._fold.add(record)
            with self._moved:
                self._written += len(items)
                self._moved.notify_all()

    def _clean(self, items: list[_Item]) -> list[Record]:
        """The records as they may be kept; none where the redaction fails."""
        try:
            records = [_redacted(record, redact) for record, redact in items]
        except Exception as exc:  # noqa: BLE001  a finder may be anybody's
            self._failure = StoreError(f"what happened is not kept, since a finder failed: {exc!r}")
            self._failure.__cause__ = exc
            return []
        for record in records:
            self._counts.update(_taken_out(record))
        return records

    def _kept(self, records: list[Record]) -> list[Record]:
        """Write `records`, and return them with their bodies in less room."""
        try:
            if self._shrinker:
                return [self._shrinker.shrunk(record) for record in records]
            if records and self._log and not self._failure:
                return self._log.write(records)
        except TraceforkError as exc:
            self._failure = exc
        except Exception as exc:  # noqa: BLE001  whoever waits must hear of it
            self._failure = StoreError(f"the store failed: {type(exc).__name__}: {exc}")
            self._failure.__cause__ = exc
        return records


def _redacted(record: Record, redact: Redactor | None) -> Record:
    if redact is None:
        return record
    if isinstance(record, Asked):
        question = redact.question(record.question)
        return record if question is record.question else evolve(record, question=question)
    if isinstance(record, Ended):
        answer = redact.answer(record.answer)
        return record if answer is record.answer else evolve(record, answer=answer)
    return record


def _taken_out(record: Record) -> Iterable[str]:
    if isinstance(record, Asked):
        return taken_out(record.question)
    return taken_out(record.answer) if isinstance(record, Ended) else ()
