"""The catalogue of a store: brought up to date, searched, cleared. See the decision 0025."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeAlias

from ...backends.base import Backend
from ...errors import StoreError
from ...host import clocks
from ...providers.prices import Prices, listed
from . import rows, searching
from .facts import Found
from .file import VERSION, Connection, find_path, is_in_use, list_paths
from .filling import Filler, Job, Store, fill, forget_words, read_notes
from .filters import Filters


def _find_version() -> str:
    """The version of tracefork that reads the runs: another one may read more of them."""
    try:
        return version("tracefork")
    except PackageNotFoundError:
        return ""


MADE_BY = f"{VERSION} {_find_version()}"

_TRIES = 3

Through: TypeAlias = Callable[[list[Job], Iterable[Job]], Iterable[Job]]
"""Is given what is to be read, and gives each when it was: so that somebody may watch."""


class Catalogue:
    """What is known of the runs of `store`, kept in a file of the user's cache, or in memory. Any thread may
    use it.

    `prices` are what tokens cost, by default those of `providers.prices.listed()`.
    """

    def __init__(self, store: Store, prices: Prices | None = None) -> None:
        table = prices or listed()
        address = find_address(store.backend)
        path = find_path(address, table) if address else None
        self._connection = Connection(path, MADE_BY, address)
        self._filler = Filler(store, self._connection, table)
        self._filling = threading.Lock()

    @property
    def path(self) -> Path | None:
        """The file; None of one that is held in memory."""
        return self._connection.path

    def update(self, through: Through = lambda _jobs, done: done) -> None:
        """Bring it up to date: read the runs that are new, or that have grown, and forget those that are
        gone.

        Raises:
            StoreError: the store, or the catalogue, cannot be read.
        """
        with self._filling:
            jobs = self._filler.look()
            for _ in through(jobs, fill(self._filler, jobs)):
                pass

    def look(self) -> list[Job]:
        """Take in which runs there are, and what their heads tell; return those whose steps are to be read.

        Raises:
            StoreError: as `update`.
        """
        with self._filling:
            return self._filler.look()

    def read(self, job: Job) -> None:
        """Read the steps of one of those runs.

        Raises:
            StoreError: as `update`.
        """
        with self._filling:
            for _ in fill(self._filler, [job]):
                pass

    def search(self, filters: Filters) -> Found:
        """Return the runs that the filters ask for, as the catalogue knows them.

        Nothing is written, unless it was damaged, or is new: then it is brought up to date before.

        Raises:
            StoreError: as `update`.
        """
        for _ in range(_TRIES):
            if (found := self.peek(filters)) is not None:
                return found
            self.update()
        raise StoreError(f"the catalogue at {self.path} is thrown away again and again")

    def peek(self, filters: Filters) -> Found | None:
        """As `search`, but of a catalogue that does not know its store nothing: None."""

        def work(db: sqlite3.Connection) -> Found | None:
            return searching.search(db, filters, clocks.now()) if "state" in read_notes(db) else None

        return self._connection.reading(work)

    def names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names of the agents and of the models, the most frequent first."""
        return self._connection.reading(lambda db: (searching.list_agents(db), searching.list_models(db)))

    def clear(self) -> None:
        """Throw it away; the next update makes it anew."""
        with self._filling:
            self._connection.clear()

    def close(self) -> None:
        self._connection.close()


def find_address(backend: Backend) -> str:
    """The resolved path of a store; "" of one that is not in a file or folder."""
    path = getattr(backend, "path", None)
    return os.path.realpath(path) if isinstance(path, Path) else ""


def forget(backend: Backend, run_id: str) -> None:
    """Take a run out of every catalogue of its store that there is, at once.

    One that another process is filling is left to that one's next look, which comes soon. One that cannot be
    written is thrown away: it has words of the run.
    """
    address = find_address(backend)
    for path in list_paths(address) if address else ():
        connection = Connection(path, MADE_BY, address, may_be_in_memory=False)
        try:
            if connection.writing(lambda db: rows.drop(db, [rows.name_key(run_id)])):
                forget_words(connection)
        except (StoreError, sqlite3.Error, OSError) as exc:
            if not is_in_use(exc):
                connection.clear()
        finally:
            connection.close()


def clear(backend: Backend) -> int:
    """Throw away every catalogue of a store; return how many there were."""
    address = find_address(backend)
    paths = list_paths(address) if address else []
    for path in paths:
        Connection(path, MADE_BY, address).clear()
    return len(paths)
