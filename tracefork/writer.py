"""A thread of its own puts a run's records into its log, so that the agent's thread need not."""

from __future__ import annotations

import threading
from queue import SimpleQueue

from .codec.records import Record
from .errors import StoreError, TraceforkError
from .store import Log

BATCH = 256  # records that one chunk holds at most


class Writer:
    """Writes records to `log` in the order of `put`; what waits together goes into one chunk.

    `put` may be called from a finalizer: it takes no lock. The first failure is
    kept and raised to whoever waits.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._queue: SimpleQueue[Record | None] = SimpleQueue()
        self._held: list[Record] = []
        self._put = 0
        self._written = 0
        self._failure: TraceforkError | None = None
        self._moved = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="tracefork-writer", daemon=True)
        threading.Thread.start(self._thread)

    def put(self, record: Record) -> int:
        """Queue `record` and return its ticket, for `wait`. The caller keeps puts in order."""
        self.push()
        self._put += 1
        self._queue.put(record)
        return self._put

    def hold(self, record: Record) -> None:
        """Queue `record` together with the next one: nothing depends on it before."""
        self._held.append(record)

    def push(self) -> None:
        """Queue what is held."""
        for record in self._held:
            self._put += 1
            self._queue.put(record)
        self._held.clear()

    def wait(self, ticket: int | None = None, timeout: float | None = None) -> bool:
        """Wait until the record of `ticket` is durable, or all that was put; False on a timeout.

        Raises:
            StoreError: the store refused this record or an earlier one.
        """
        ticket = self._put if ticket is None else ticket
        if self._written < ticket:
            with self._moved:
                self._moved.wait_for(lambda: self._written >= ticket or self._failure, timeout)
        if self._failure:
            raise self._failure
        return self._written >= ticket

    def close(self) -> None:
        """Write what is queued and end the thread.

        Raises:
            StoreError: the store refused.
        """
        self._queue.put(None)
        self._thread.join()
        if self._failure:
            raise self._failure

    def _run(self) -> None:
        going = True
        while going:
            batch = [self._queue.get()]
            while len(batch) < BATCH and batch[-1] is not None and not self._queue.empty():
                batch.append(self._queue.get())
            going = batch[-1] is not None
            records = [record for record in batch if record is not None]
            try:
                if records and not self._failure:
                    self._log.write(records)
            except TraceforkError as exc:
                self._failure = exc
            except Exception as exc:  # noqa: BLE001  whoever waits must hear of it
                self._failure = StoreError(f"the store failed: {type(exc).__name__}: {exc}")
                self._failure.__cause__ = exc
            with self._moved:
                self._written += len(records)
                self._moved.notify_all()
