"""
Opening, creating and recognising the SQLite file of a store; its schema, and SQLite's errors as ours.

A file is looked at without lock or write before it is opened: what is not ours stays untouched.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tracefork.errors import CorruptTape, StoreError, UnknownVersion
from tracefork.host import clocks

PATIENCE = 30.0
"""How long to wait for other writers, in seconds."""

APPLICATION_ID = 0x74666B31  # "tfk1"
VERSION = 1
_SMALLEST = 512  # bytes, one page
_JOURNAL = struct.Struct(">8sIII")  # magic, records, nonce, pages before
_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

_SCHEMA = (
    "PRAGMA application_id = 1952869169",
    "PRAGMA user_version = 1",
    """CREATE TABLE logs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name BLOB NOT NULL UNIQUE,
        sealed INTEGER NOT NULL DEFAULT 0
    )""",
    # The head has a column of its own, before the rest: listing never loads the pages of the rest.
    """CREATE TABLE chunks (
        log INTEGER NOT NULL REFERENCES logs (id),
        seq INTEGER NOT NULL,
        head_crc32 INTEGER NOT NULL,
        crc32 INTEGER NOT NULL,
        head BLOB NOT NULL,
        rest BLOB NOT NULL,
        UNIQUE (log, seq)
    )""",
)


def open_store(path: Path, *, power: bool) -> sqlite3.Connection:
    """A connection to our store, which is created if need be, by any number of processes at once.

    SQLite's own patience does not cover the change to WAL mode, so the whole is tried again.
    """
    deadline = clocks.monotonic() + PATIENCE
    while True:
        try:
            return _try_open(path, power=power)
        except sqlite3.OperationalError as error:
            if _code(error) not in _BUSY or clocks.monotonic() > deadline:
                raise
        clocks.sleep(0.005 + os.getpid() % 32 / 1_000)  # processes that collided part


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def refusals(where: str) -> Iterator[None]:
    """Turn what SQLite and the operating system refuse into errors of ours, which name `where`."""
    try:
        yield
    except sqlite3.Error as error:
        if _code(error) in _DAMAGED:
            raise CorruptTape(f"SQLite says: {error}", where) from error
        raise StoreError(f"{where}: {error}") from error
    except OverflowError as error:
        raise StoreError(f"{where}: {error}") from error
    except OSError as error:
        raise StoreError(f"{where}: {error.strerror or error}") from error


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _try_open(path: Path, *, power: bool) -> sqlite3.Connection:
    if path.exists() and not all(os.access(place, os.W_OK) for place in (path, path.parent)):
        return _open_to_read(path)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600))
    if size := path.stat().st_size:
        if size < _SMALLEST:
            raise CorruptTape("it is no SQLite file", str(path))
        _refuse_foreign(path)
    db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA cell_size_check = ON")
        if not _is_ours(db):
            with transaction(db):
                if not _is_ours(db):  # nobody was faster
                    for statement in _SCHEMA:
                        db.execute(statement)
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        if sys.platform == "darwin":
            db.execute("PRAGMA fullfsync = ON")
            db.execute("PRAGMA checkpoint_fullfsync = ON")
        db.execute("PRAGMA synchronous = FULL" if power else "PRAGMA synchronous = NORMAL")
    except BaseException:
        db.close()
        raise
    return db


def _open_to_read(path: Path) -> sqlite3.Connection:
    """A connection to a store that cannot be written.

    Where nobody writes it, and SQLite cannot put its index beside it, it is taken for one that never changes.
    """
    if path.stat().st_size < _SMALLEST:
        raise CorruptTape("it is no SQLite file", str(path))
    _refuse_foreign(path)
    try:
        return _connect_to_read(path, "mode=ro")
    except sqlite3.OperationalError as error:
        with suppress(FileNotFoundError):
            if Path(f"{path}-wal").stat().st_size:
                raise StoreError(
                    f"{path} cannot be written, and what {path.name}-wal holds is not in it yet: copy both "
                    "to a place that can be written, and read them there"
                ) from error
        return _connect_to_read(path, "mode=ro&immutable=1")


def _connect_to_read(path: Path, how: str) -> sqlite3.Connection:
    db = sqlite3.connect(
        f"{path.as_uri()}?{how}", uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False
    )
    try:
        _is_ours(db)
    except BaseException:
        db.close()
        raise
    return db


def _refuse_foreign(path: Path) -> None:
    """Look at the header as SQLite reads it, with neither lock nor journal.

    Not with `open`: closing a file drops all locks that this process has on it.
    """
    db = sqlite3.connect(path.as_uri() + "?mode=ro&immutable=1", uri=True)
    try:
        # Let a file pass that is shorter than its header says: a checkpoint is under way, or was killed,
        # and the rest is in the journal, at which we do not look.
        db.execute("PRAGMA writable_schema = ON")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if not _is_ours(db):
            raise StoreError(f"{path} belongs to another program; choose another path")
    except sqlite3.DatabaseError as error:
        if _code(error) == sqlite3.SQLITE_NOTADB and _was_empty(path):
            return
        raise
    finally:
        db.close()
    if version > VERSION:
        raise UnknownVersion(f"the store has version {version}, this tracefork reads {VERSION}", str(path))
    if version < VERSION:
        raise CorruptTape(f"the store has the impossible version {version}", str(path))


def _was_empty(path: Path) -> bool:
    """Whether a journal says that nothing was in the file before what was cut off: SQLite will clear it."""
    with suppress(OSError), open(f"{path}-journal", "rb") as journal:  # noqa: PTH123 - as SQLite names it
        magic, _, _, pages = _JOURNAL.unpack(journal.read(_JOURNAL.size).ljust(_JOURNAL.size, b"\0"))
        return bool(magic == _JOURNAL_MAGIC and pages == 0)
    return False


def _is_ours(db: sqlite3.Connection) -> bool:
    return bool(db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID)
