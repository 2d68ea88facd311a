"""
Logs as rows of one SQLite file; `_sqlite_file` opens it. Nothing else imports these two, nor sqlite3.

* One connection a process, guarded by a lock. SQLite has one writer at a time anyway, and one
  connection, unlike one a thread, can be closed by `close` and is not left behind by dying threads.
* No connection crosses a fork. SQLite keeps what it has locked in the memory of the process, so even
  a new connection in the child would believe in locks that only the parent holds. Hence `_forks`
  closes the connection before a fork, between two calls, and both sides open their own when they need it.
* Writing is one BEGIN IMMEDIATE. Reading fetches a batch and is over before anything is given out.
* What holds the lock runs apart, on a thread that no interrupt reaches: else one could leave it held for
  ever, and a signal's handler that asks the store would wait for its own thread.
* Names are BLOBs: no collation, no trouble with NUL. Each chunk has a checksum that is bound to its place.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Literal

from tracefork.errors import Conflict, CorruptTape, NotFound, StoreError
from tracefork.host.uninterrupted import run_apart

from ._forks import between_forks
from ._places import Identity, absolute, check, identity
from ._records import checks, from_start, name_bytes, only
from ._sqlite_file import PATIENCE, open_store, refusals, transaction
from .base import HEAD

_BATCH = 4 * 2**20
_LOGS_A_BATCH = 64
_BESIDE = ("-wal", "-shm")
_MOST_LOST = 1_000  # rows of a damaged log

_FIND = "SELECT id, sealed FROM logs WHERE name = ?"
_NEXT = "SELECT coalesce(max(seq) + 1, 0) FROM chunks WHERE log = ?"
_ADD_LOG = "INSERT INTO logs (name) VALUES (?)"
_ADD_CHUNK = "INSERT INTO chunks (log, seq, head_crc32, crc32, head, rest) VALUES (?, ?, ?, ?, ?, ?)"
_READ = """SELECT l.id, l.sealed, c.seq, c.head_crc32, c.crc32, c.head, c.rest
    FROM logs AS l LEFT JOIN chunks AS c ON c.log = l.id AND c.seq >= ?
    WHERE l.name = ? ORDER BY c.seq"""
_HEADS = """SELECT l.id, l.name, c.head_crc32, c.head
    FROM logs AS l LEFT JOIN chunks AS c ON c.log = l.id AND c.seq = 0
    WHERE l.id > ? ORDER BY l.id LIMIT ?"""

_STATE = """SELECT l.id, l.name, l.sealed, c.head_crc32
    FROM logs AS l LEFT JOIN chunks AS c ON c.log = l.id AND c.seq = 0 ORDER BY l.id"""


class SQLiteBackend:
    """Keeps all logs in the SQLite file `path`, which it creates, in WAL mode.

    With `durability="process"` an appended chunk survives the death of the
    process; a power cut may cost the last chunks since the last seal, and
    damages none. With "power" it survives that as well, at the price of an
    fsync an append. A sealed log survives it either way. Keep the file on a
    local disk: SQLite's locks do not hold on network file systems.

    Raises:
        StoreError: the file cannot be made or opened, or belongs to another program.
        UnknownVersion: a newer tracefork wrote it.
        CorruptTape: it is no SQLite file, or a damaged one.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, durability: Literal["process", "power"] = "process"
    ) -> None:
        if durability not in ("process", "power"):
            raise ValueError(f'durability is "process" or "power", not {durability!r}')
        self._path = absolute(path)
        self.durability = durability
        self._power = durability == "power"
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._identity: Identity | None = None  # of the file, from when it was first opened
        self._beside: dict[str, Identity] = {}  # SQLite's own files, while a connection has them open
        self._closed = False
        between_forks(self)
        run_apart(self._open)

    @property
    def path(self) -> Path:
        """Where the logs are kept."""
        return self._path

    def append(self, name: str, seq: int, chunk: bytes) -> None:
        run_apart(partial(self._append, name, self._key(name), seq, chunk))

    def _append(self, name: str, key: bytes, seq: int, chunk: bytes) -> None:
        with self._writing(name) as db:
            log, sealed = db.execute(_FIND, (key,)).fetchone() or (None, 0)
            if sealed:
                raise Conflict(f"log {name!r} is sealed")
            held = 0 if log is None else db.execute(_NEXT, (log,)).fetchone()[0]
            if seq != held:
                raise Conflict(f"log {name!r} has {held} chunks; chunk {seq} is not the next")
            if log is None:
                log = db.execute(_ADD_LOG, (key,)).lastrowid
            db.execute(_ADD_CHUNK, (log, seq, *_columns(key, seq, chunk)))

    def chunks(self, name: str, start: int = 0) -> Iterable[bytes]:
        """See `Backend.chunks`; raises CorruptTape at a damaged chunk.

        Large logs are fetched in batches of some 4 MiB. If the log is sealed or
        deleted between two of them, the iterator raises Conflict: read it again.
        """
        return self._chunks(name, self._key(name), from_start(start))

    def heads(self) -> Iterable[tuple[str, bytes]]:
        """See `Backend.heads`.

        A damaged log raises CorruptTape in its turn; `next` then goes on with the others.
        """
        self._usable()
        return map(_verify_head, self._head_rows())

    def seal(self, name: str, packed: bytes, chunks: int | None = None) -> None:
        run_apart(partial(self._seal, name, self._key(name), packed, chunks))

    def _seal(self, name: str, key: bytes, packed: bytes, chunks: int | None) -> None:
        with self._writing(name, sync=True) as db:
            log, sealed = db.execute(_FIND, (key,)).fetchone() or (None, 0)
            if sealed:
                if b"".join(_verify(name, key, row)[1] for row in db.execute(_READ, (0, key))) != packed:
                    raise Conflict(f"log {name!r} is sealed with other bytes")
            else:
                only(name, chunks, 0 if log is None else db.execute(_NEXT, (log,)).fetchone()[0])
            if log is None:
                log = db.execute(_ADD_LOG, (key,)).lastrowid
            # Written again even if it is the same: what came back from a COMMIT that failed is in doubt.
            db.execute("DELETE FROM chunks WHERE log = ?", (log,))
            db.execute(_ADD_CHUNK, (log, 0, *_columns(key, 0, packed)))
            db.execute("UPDATE logs SET sealed = 1 WHERE id = ?", (log,))

    def delete(self, name: str) -> None:
        run_apart(partial(self._delete, name, self._key(name)))

    def _delete(self, name: str, key: bytes) -> None:
        with self._writing(name) as db:
            found = db.execute(_FIND, (key,)).fetchone()
            if found is None:
                raise NotFound(name)
            db.execute("DELETE FROM chunks WHERE log = ?", found[:1])
            db.execute("DELETE FROM logs WHERE id = ?", found[:1])

    def remains(self, name: str) -> Iterator[bytes]:
        """Give the chunks of a damaged log, unverified, for a salvage.

        One whose row is lost is b"".

        Raises:
            NotFound: there is no log of this name.
            CorruptTape: SQLite cannot read its file any more.
        """
        rows = run_apart(partial(self._rows, f"log {name!r} in {self._path}", _READ, (0, self._key(name))))
        if not rows:
            raise NotFound(name)
        held = dict[int, bytes]()
        for _, _, seq, _, _, *parts in rows:
            if isinstance(seq, int) and 0 <= seq < len(rows) + _MOST_LOST:
                held[seq] = b"".join(part for part in parts if isinstance(part, bytes))
        return iter([held.get(seq, b"") for seq in range(max(held, default=-1) + 1)])

    def state(self) -> str:
        """A hash that is another whenever a log came, went or was sealed; that one grew changes nothing."""
        rows = run_apart(partial(self._rows, str(self._path), _STATE, ()))
        return sha256(repr(rows).encode()).hexdigest()

    def reclaim(self) -> int:
        """Give the space of what was deleted and replaced back to the file system; bytes given back.

        Takes the time, and for that time the space, of writing the store anew. Readers that are at
        work elsewhere may keep some of it for later.
        """
        return run_apart(self._reclaim)

    def _reclaim(self) -> int:
        with self._using(str(self._path)) as db:
            before = self._size()
            if db.execute("PRAGMA freelist_count").fetchone()[0]:
                db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            return max(0, before - self._size())

    def close(self) -> None:
        self._closed = True
        run_apart(self._close)

    def _close(self) -> None:
        with self._lock:
            self._disconnect()

    def before_fork(self) -> bool:
        """Wait for the call under way and close the connection; whether that worked. See `_forks`."""
        if not self._lock.acquire(timeout=PATIENCE):
            return False
        self._disconnect()
        return True

    def after_fork(self) -> None:
        self._lock.release()

    def abandon(self) -> None:
        """In a child that was forked amid a call: nothing here can be trusted any more."""
        self._closed = True
        self._lock = threading.Lock()

    def _chunks(self, name: str, key: bytes, start: int) -> Iterator[bytes]:
        log: object = None
        more = True
        while more:
            rows, more = run_apart(partial(self._batch, name, key, start))
            if not rows:
                raise NotFound(name) if log is None else _moved_error(name)
            if log not in (None, rows[0][:2]):
                raise _moved_error(name)
            log = rows[0][:2]
            for row in rows:
                if row[2] is None:
                    return
                seq, chunk = _verify(name, key, row)
                if seq != start:
                    raise CorruptTape("the chunk is missing", f"log {name!r}, chunk {start}")
                start += 1
                yield chunk

    def _batch(self, name: str, key: bytes, start: int) -> tuple[list[tuple[object, ...]], bool]:
        """Rows of `_READ` of about `_BATCH` bytes, and whether there may be more."""
        rows: list[tuple[object, ...]] = []
        size = 0
        with self._using(f"log {name!r} in {self._path}") as db:
            cursor = db.execute(_READ, (start, key))
            try:
                for row in cursor:
                    rows.append(row)
                    size += sum(len(cell) for cell in row if isinstance(cell, bytes))
                    if size >= _BATCH:
                        return rows, True
            finally:
                cursor.close()
        return rows, False

    def _open(self) -> None:
        with self._using(str(self._path)):
            pass

    def _rows(self, where: str, query: str, values: tuple[object, ...]) -> list[tuple[object, ...]]:
        with self._using(where) as db:
            return db.execute(query, values).fetchall()

    def _head_rows(self) -> Iterator[tuple[object, ...]]:
        last: object = 0
        while True:
            rows = run_apart(partial(self._rows, str(self._path), _HEADS, (last, _LOGS_A_BATCH)))
            yield from rows
            if len(rows) < _LOGS_A_BATCH:
                return
            last = rows[-1][0]

    @contextmanager
    def _writing(self, name: str, *, sync: bool = False) -> Iterator[sqlite3.Connection]:
        with self._using(f"log {name!r} in {self._path}") as db:
            if sync:
                db.execute("PRAGMA synchronous = FULL")
            try:
                with transaction(db):
                    yield db
            finally:
                if sync and not self._power:
                    db.execute("PRAGMA synchronous = NORMAL")

    @contextmanager
    def _using(self, where: str) -> Iterator[sqlite3.Connection]:
        with self._lock, refusals(where):
            self._usable()
            self._look()
            if self._connection is None:
                self._connection = open_store(self._path, power=self._power)
                self._identity = self._identity or identity(self._path)
            yield self._connection
            if len(self._beside) < len(_BESIDE):
                named = {name: identity(name) for name in (f"{self._path}{end}" for end in _BESIDE)}
                self._beside = {name: found for name, found in named.items() if found}

    def _look(self) -> None:
        """Raise StoreError where the file, or what SQLite has beside it, is another than was opened."""
        if self._identity:
            check([(self._path, self._identity), *self._beside.items()])

    def _size(self) -> int:
        files = (self._path, Path(f"{self._path}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._beside = {}
            with suppress(sqlite3.Error):  # all is committed already
                connection.close()

    def _key(self, name: str) -> bytes:
        self._usable()
        return name_bytes(name)

    def _usable(self) -> None:
        if self._closed:
            raise StoreError("the store is closed")


def _columns(key: bytes, seq: int, chunk: bytes) -> tuple[int, int, bytes, bytes]:
    return *checks(key, seq, chunk), bytes(chunk[:HEAD]), bytes(chunk[HEAD:])


def _verify(name: str, key: bytes, row: tuple[object, ...]) -> tuple[int, bytes]:
    """Number and bytes of a row of `_READ`."""
    _, _, seq, head_crc, crc, head, rest = row
    if isinstance(seq, int) and isinstance(head, bytes) and isinstance(rest, bytes):
        chunk = head + rest
        if checks(key, seq, chunk) == (head_crc, crc):
            return seq, chunk
    raise CorruptTape("the chunk is damaged", f"log {name!r}, chunk {seq}")


def _verify_head(row: tuple[object, ...]) -> tuple[str, bytes]:
    """Name and head of a row of `_HEADS`."""
    _, key, head_crc, head = row
    if not isinstance(key, bytes):
        raise CorruptTape("the name is damaged", f"log {key!r}")
    name = key.decode("utf-8", "backslashreplace")
    with suppress(UnicodeDecodeError):
        name = key.decode("utf-8", "surrogatepass")
        if isinstance(head, bytes) and checks(key, 0, head)[0] == head_crc:
            return name, head
    error = CorruptTape("the chunk is damaged", f"log {name!r}, chunk 0")
    error.log = name
    raise error


def _moved_error(name: str) -> Conflict:
    return Conflict(f"log {name!r} was sealed or deleted while it was read; read it again")
