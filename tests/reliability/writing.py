"""Many processes at one store: the work that each does, and how they are run. Used by `test_writers`."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
import time
from contextlib import closing, suppress

from tracefork.backends import DirectoryBackend, SQLiteBackend
from tracefork.errors import Conflict, StoreError

from .stories import held

KINDS = {"directory": DirectoryBackend, "sqlite": SQLiteBackend}


def append(kind, path, count, me):
    """`count` chunks to a log of my own, 99 of 100 of which wait for two seconds at most."""
    waits = []
    with closing(KINDS[kind](path)) as backend:
        for seq in range(count):
            began = time.perf_counter()
            backend.append(f"own {me}", seq, b"%d" % seq)
            waits.append(time.perf_counter() - began)
    assert sorted(waits)[count * 99 // 100] <= 2, max(waits)


def append_in_threads(kind, path, threads, count, me):
    """Threads of one process share a backend; each has a log of its own."""
    failed = []

    def work(thread):
        try:
            for seq in range(count):
                backend.append(f"own {me} {thread}", seq, b"%d" % seq)
        except BaseException as error:
            failed.append(error)

    with closing(KINDS[kind](path)) as backend:
        workers = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert not failed, failed


def append_shared(kind, path, count, me):
    """`count` chunks to a log that all append to; who loses a race looks and tries again."""
    with closing(KINDS[kind](path)) as backend:
        for number in range(count):
            done = False
            while not done:
                with suppress(Conflict):
                    backend.append("shared", len(held(backend, "shared")), b"%d %d" % (me, number))
                    done = True


def seal_own(kind, path, races, me):
    """Race for each of so many logs with a seal of my own; exactly one may win."""
    with closing(KINDS[kind](path)) as backend:
        for race in range(races):
            with suppress(Conflict):
                backend.seal(f"race {race}", b"%d" % me)
                backend.append(f"won {me}", len(held(backend, f"won {me}")), b"%d" % race)


def create(kind, path, me):
    with closing(KINDS[kind](path)) as backend:
        backend.append(f"log {me}", 0, b"%d" % me)


def is_not_overtaken(kind, path):
    """Assert that who looks up the next number and then writes holds all others off from the beginning."""
    with closing(kind(path)) as backend:
        backend.append("log", 0, b"first")
        backend._connection = Overtaken(backend._connection, path)
        try:
            backend.append("log", 1, b"second")
        except StoreError as error:
            raise AssertionError(f"locked: {error}") from error
        assert backend._connection.tries == 1
        assert list(backend.chunks("log")) == [b"first", b"second"]


class Overtaken:
    """A connection beside which another tries to write, without waiting, after the look at what is next."""

    def __init__(self, db, path):
        self._db, self._path, self.tries = db, path, 0

    def execute(self, sql, *values):
        cursor = self._db.execute(sql, *values)
        if "max(seq)" in sql:
            self.tries += 1
            with closing(sqlite3.connect(self._path, timeout=0, isolation_level=None)) as db:
                with suppress(sqlite3.OperationalError):
                    db.execute("INSERT INTO logs (name) VALUES (x'00')")
        return cursor

    def __getattr__(self, name):
        return getattr(self._db, name)


def together(work, count, *args):
    """Call `work(*args, n)` in `count` processes at once; all must end well."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    processes = [context.Process(target=work, args=(*args, me)) for me in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * count
