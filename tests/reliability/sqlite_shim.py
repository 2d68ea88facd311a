"""
Our SQLite backend on APSW: its own statements and pragmas, on a file system that is watched.

`through_apsw` puts a connection of APSW in the place of the standard library's. APSW brings an SQLite
of its own and lets us stand between that and the operating system: each call on a file is shown to a
`watch` function before it is made, which may log it or raise an error of SQLite's instead.
"""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import apsw

from tracefork.backends import _sqlite_file

_numbers = itertools.count()
_DIRSYNC = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL


class Watched(apsw.VFS):
    """SQLite's own file system; shows `watch` each call: its name, the file's name, its arguments."""

    def __init__(self, watch):
        self.watch = watch
        self.vfs_name = f"watched-{next(_numbers)}"
        super().__init__(self.vfs_name, "")

    def xOpen(self, name, flags):  # noqa: N802 - SQLite's names, here and below
        path = name.filename() if hasattr(name, "filename") else name or ""
        self.watch("open", Path(path).name, new=bool(path) and not Path(path).exists())
        return WatchedFile(self.watch, name, Path(path).name, flags)

    def xDelete(self, path, sync):  # noqa: N802
        self.watch("delete", Path(path).name, sync=bool(sync))
        super().xDelete(path, sync)


class WatchedFile(apsw.VFSFile):
    def __init__(self, watch, name, file, flags):
        self._watch, self._file = watch, file
        # As unixOpen and unixSync of SQLite do: the first sync of a journal is one of its folder too.
        self._new = bool(flags[0] & _DIRSYNC)
        super().__init__("", name, flags)

    def xRead(self, amount, offset):  # noqa: N802
        self._watch("read", self._file)
        return super().xRead(amount, offset)

    def xWrite(self, data, offset):  # noqa: N802
        self._watch("write", self._file, data=bytes(data), offset=offset)
        super().xWrite(data, offset)

    def xTruncate(self, size):  # noqa: N802
        self._watch("truncate", self._file, size=size)
        super().xTruncate(size)

    def xSync(self, flags):  # noqa: N802
        self._watch("sync", self._file, names=self._new)
        super().xSync(flags)
        self._new = False

    def xLock(self, level):  # noqa: N802
        self._watch("lock", self._file)
        super().xLock(level)


@contextmanager
def through_apsw(watch, *, checkpoint=1_000):
    """Inside, stores that are opened are watched; a WAL of so many pages is written to the database."""
    vfs = Watched(watch)

    def connect(path, *, timeout=5.0, uri=False, isolation_level="", check_same_thread=True):
        return Connection(vfs, str(path), timeout, uri, checkpoint)

    stand_in = SimpleNamespace(**{**vars(sqlite3), "connect": connect})
    try:
        with patch.object(_sqlite_file, "sqlite3", stand_in):
            yield
    finally:
        vfs.unregister()


class Connection:
    """The part of sqlite3.Connection that the backend uses."""

    def __init__(self, vfs, path, timeout, uri, checkpoint):
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | (apsw.SQLITE_OPEN_URI if uri else 0)
        with _translated():
            self._db = apsw.Connection(path, flags=flags, vfs=vfs.vfs_name)
            self._db.set_busy_timeout(int(timeout * 1_000))
        self._db.set_wal_hook(partial(_checkpoint, checkpoint))

    @property
    def in_transaction(self):
        return self._db.in_transaction

    def execute(self, sql, values=()):
        with _translated():
            return Cursor(self._db.execute(sql, values), self._db)

    def close(self):
        with _translated():
            self._db.close()


class Cursor:
    def __init__(self, cursor, db):
        self._cursor = cursor
        self.lastrowid = db.last_insert_rowid()

    def fetchone(self):
        with _translated():
            return self._cursor.fetchone()

    def fetchall(self):
        with _translated():
            return self._cursor.fetchall()

    def __iter__(self):
        with _translated():
            yield from self._cursor

    def close(self):
        self._cursor.close()


def _checkpoint(limit, db, name, pages):
    """What SQLite does after a commit. An error is nothing there; APSW would raise what `watch` raised."""
    if pages >= limit:
        with suppress(apsw.Error):
            db.wal_checkpoint(name)
    return apsw.SQLITE_OK


@contextmanager
def _translated():
    try:
        yield
    except apsw.Error as error:
        code = getattr(error, "extendedresult", 0)
        kind = sqlite3.DatabaseError if code & 0xFF in (11, 26) else sqlite3.OperationalError
        ours = kind(str(error))
        ours.sqlite_errorcode = code
        raise ours from error
