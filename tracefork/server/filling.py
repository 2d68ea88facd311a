"""Fills a store's catalogue beside the server, on a thread of its own: no answer reads a tape, or writes."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..errors import StoreError, TraceforkError
from ..host import clocks
from ..providers.prices import Prices
from ..report.model.titles import line
from ..storage.catalogue.catalogue import Catalogue
from ..storage.catalogue.facts import Found
from ..storage.catalogue.filters import Filters
from ..storage.store import TapeStore

LOOK = 0.5  # seconds between two looks at the store while somebody reads the list
REST = 4  # times what a look took that passes until the next
FRESH = 0.15  # seconds that an answer waits for what came last
READ = 1.0  # seconds that the first answer waits until runs are read
FIRST = 30.0  # seconds that the first answer waits until it is known which runs there are
_NAME = 60  # characters
IDLE = 30.0  # seconds after the last answer in which the store is looked at


class Filling:
    """The thread that fills `catalogue`; it begins with `start`, or the first answer, and rests while nobody
    asks.

    It ends once `ending()` is true, or `stop` was called, and by nothing else: a run that cannot be read is
    passed over, and `trouble` names it, and what fails altogether is told to whoever asks.
    """

    def __init__(self, store: TapeStore, prices: Prices | None, ending: Callable[[], bool]) -> None:
        self.catalogue = store.catalogue if prices is None else Catalogue(store, prices)
        self._ending = ending
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False
        # numbers of looks: the last that somebody waits for, that has begun, and that was done
        self._asked = self._begun = self._looked = 0
        self._unread = 0  # runs that the last look found, and that were not read since
        self._last_asked = 0.0
        self._has_answered = False
        self._failure: TraceforkError | None = None
        self.trouble = ""

    def start(self) -> None:
        """Begin to fill: what is in the store is known before anybody asks."""
        with self._changed:
            self._start()

    def search(self, filters: Filters) -> Found:
        """Return what is known of the runs that `filters` ask for, as of a moment ago.

        Raises:
            StoreError: the store cannot be read; or not in time.
        """
        self.refresh()
        found = self.catalogue.peek(filters)
        if found is None:  # it was damaged, or thrown away, and is made anew
            self.refresh(anew=True)
            found = self.catalogue.peek(filters)
        if found is None:
            raise StoreError("what is known of the runs is made anew: ask again")
        return found

    def refresh(self, *, anew: bool = False) -> None:
        """Ask for a look at the store, and wait for it a moment; for the first one, or one that makes all of
        it `anew`, until it is done.

        Raises:
            StoreError: the store cannot be read; or not in time.
        """
        with self._changed:
            self._last_asked = clocks.monotonic()
            self._asked = self._begun + 1  # one that is under way may have passed by what came last
            wanted, first = self._asked, anew or not self._has_answered
            self._start()
            self._changed.notify_all()
            if first and not self._changed.wait_for(lambda: self._looked >= wanted, FIRST):
                raise StoreError("the store is still being listed: ask again")
            self._changed.wait_for(
                lambda: self._looked >= wanted and (not self._unread or self._failure),
                READ if first else FRESH,
            )
            if self._failure:
                raise self._failure
            self._has_answered = True

    def stop(self) -> None:
        """End the thread, and wait for it: the store may be closed then."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="tracefork-catalogue", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._is_over():
            began = clocks.monotonic()
            try:
                self._fill()
            except TraceforkError as exc:
                self._note(exc)
            except Exception as exc:  # noqa: BLE001  the next look may do better
                self._note(StoreError(f"the runs cannot be listed: {type(exc).__name__}: {exc}"))
            took = clocks.monotonic() - began
            with self._changed:
                self._changed.wait_for(self._is_wanted, max(LOOK, min(LOOK * 10, REST * took)))
                while not self._is_wanted() and clocks.monotonic() - self._last_asked > IDLE:
                    self._changed.wait(LOOK)

    def _fill(self) -> None:
        """Look at the store, and read what is to be read; stop in between if somebody waits for a look."""
        with self._changed:
            self._begun += 1
        jobs = self.catalogue.look()
        self._unread = len(jobs)
        self._note(None)
        trouble = ""
        for job in jobs:
            if self._is_wanted():
                return
            try:
                self.catalogue.read(job)
            except Exception as exc:  # noqa: BLE001  the others are read all the same
                trouble = trouble or f"{line(job.info.run_id, _NAME)} could not be read: {exc}"
            self._unread -= 1
        self.trouble = trouble
        with self._changed:
            self._changed.notify_all()

    def _note(self, failure: TraceforkError | None) -> None:
        with self._changed:
            self._failure = failure
            self._looked = self._begun
            self._changed.notify_all()

    def _is_wanted(self) -> bool:
        return self._is_over() or self._asked > self._begun

    def _is_over(self) -> bool:
        return self._stopped or self._ending()
