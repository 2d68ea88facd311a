"""A store of a hundred thousand runs, made quickly; the examples are in `test_many_runs`."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing

from tracefork.backends import DirectoryBackend, SQLiteBackend
from tracefork.backends._logfile import file_name
from tracefork.backends._records import checks, encode, new_prelude
from tracefork.backends.base import HEAD

RUNS = 100_000
FIRST = 0.05  # seconds
KINDS = {"sqlite": SQLiteBackend, "directory": DirectoryBackend}


def names():
    return (f"run {number:06}" for number in range(RUNS))


def fill(kind, path, chunk):
    """What `seal` would have made of it, without waiting for the disk."""
    KINDS[kind](path).close()
    if kind == "directory":
        folder = os.open(path, os.O_RDONLY)
        for name in names():
            key = name.encode()
            data = encode(new_prelude(key, b"0123456789abcdef", sealed=True), 0, chunk)
            file = os.open(file_name(key), os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=folder)
            os.write(file, data)
            os.close(file)
        os.close(folder)
        return
    rows = (
        (n, *checks(name.encode(), 0, chunk), chunk[:HEAD], chunk[HEAD:]) for n, name in enumerate(names(), 1)
    )
    with closing(sqlite3.connect(path)) as db, db:
        db.executemany(
            "INSERT INTO logs (name, sealed) VALUES (?, 1)", ((name.encode(),) for name in names())
        )
        db.executemany("INSERT INTO chunks VALUES (?, 0, ?, ?, ?, ?)", rows)


def lists_at_once(backend):
    """Assert that the first log is there at once, and that all come, each once."""
    began = time.perf_counter()
    heads = iter(backend.heads())
    first = next(heads)[0]
    took = time.perf_counter() - began
    rest = [name for name, _ in heads]

    assert took <= FIRST, f"the first row took {took * 1_000:.0f} ms"
    assert len(rest) + 1 == len({first, *rest}) == RUNS
