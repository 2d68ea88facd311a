"""Where a catalogue is, and the SQLite file that it is: private to its user, and made anew where it is
damaged.

The file is in the user's folder for caches, and its name is a hash of the store's address and of the prices
that its costs were reckoned with. Nothing is lost with it: a damaged one is made anew, and where no file can
be, or none can be written, it is held in memory. Any other error of SQLite is an error, and throws nothing
away. Each database has a `birth` of its own: who wrote to one can tell that it is another by now.
"""

from __future__ import annotations

import os
import re
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Literal, TypeVar
from urllib.parse import quote, unquote

from ...errors import StoreError
from ...host import clocks
from ...providers.prices import Prices

T = TypeVar("T")
VERSION = 3
"""Of the tables, and of how runs are read: a catalogue of another one is made anew."""

_FOLDER = ("tracefork", "catalogue")
_PATIENCE = 10.0  # seconds that another process may write
_GLANCE = 0.005  # seconds between two tries
_SHORTLY = 500  # milliseconds that somebody may read what was deleted
_HEX = 32
_OLD = 90 * 86_400.0  # seconds
_BESIDE = ("", "-wal", "-shm", "-journal")
_TABLES = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, head BLOB NOT NULL, info BLOB NOT NULL,
    created REAL NOT NULL, agent TEXT NOT NULL, parent BLOB, probe INTEGER NOT NULL,
    word TEXT NOT NULL, process TEXT NOT NULL, last REAL NOT NULL, chunks INTEGER NOT NULL,
    read INTEGER NOT NULL DEFAULT 0, facts BLOB, task TEXT, models TEXT, calls INTEGER, asked INTEGER,
    input INTEGER, output INTEGER, usd INTEGER, pico INTEGER, priced INTEGER, duration REAL, escapes INTEGER,
    cut INTEGER, digest TEXT NOT NULL, report TEXT NOT NULL
);
CREATE INDEX by_parent ON runs (parent, probe) WHERE parent IS NOT NULL;
CREATE INDEX by_time ON runs (created);
CREATE INDEX by_state ON runs (read, word);
CREATE TABLE judged (report TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE texts (id INTEGER PRIMARY KEY, asked BLOB NOT NULL, answered BLOB NOT NULL);
CREATE VIRTUAL TABLE words USING fts5(asked, answered, content='', tokenize="unicode61 remove_diacritics 2");
CREATE TABLE kept (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_SECURE_DELETE = (3, 42, 0)
_TRIES = 3
_BUSY = "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL"
_DAMAGED = "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_SCHEMA", "SQLITE_IOERR_SHORT_READ", "SQLITE_FORMAT"
_REFUSED = (
    *("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_PERM", "SQLITE_AUTH"),
    "SQLITE_NOLFS",
)
_UNDECODED = "Could not decode to UTF-8"
_FOREIGN = re.compile("no such (?:table|column)|table .* has no column|vtable constructor failed")


class Unreadable(sqlite3.DatabaseError):
    """A row of the catalogue is not what was written: the file is damaged, though SQLite can read it."""


class Connection:
    """The database of a catalogue, for any thread, one after the other; a forked child opens its own.

    `store` is the address of the store that it tells of: where that is gone, so is it, soon. `path` is None
    for one that is held in memory; one that may not be is refused where there can be no file.
    """

    def __init__(self, path: Path | None, made_by: str, store: str, *, may_be_in_memory: bool = True) -> None:
        self.path = path
        self._notes = {"made_by": made_by, "store": quote(store, errors="surrogatepass")}
        self._may_be_in_memory = may_be_in_memory
        self._cleared = False  # and not answered since
        self._locks = {os.getpid(): threading.RLock()}
        self._db: sqlite3.Connection | None = None
        self._file = (0, 0)
        self._pid = 0

    @property
    def _lock(self) -> threading.RLock:
        """The lock of this process: a parent's may have been held when this one was forked."""
        return self._locks.setdefault(os.getpid(), threading.RLock())

    def reading(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` makes of the database as it is at one moment."""
        return self._do(work, "BEGIN")

    def writing(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` makes of the database; what it changes is kept whole, or not at all."""
        return self._do(work, "BEGIN IMMEDIATE")

    def clear(self) -> None:
        """Throw the database away; the next look makes it anew."""
        with self._lock:
            self._disconnect()
            if self.path is not None:
                _unlink(self.path)

    def checkpoint(self) -> bool:
        """Leave nothing of what was deleted in the file that SQLite keeps beside the database.

        Return False if it could not be done, because somebody reads what was there before.
        """
        with self._lock, suppress(sqlite3.Error):
            db = self._connect()
            db.execute(f"PRAGMA busy_timeout = {_SHORTLY}").fetchall()
            try:
                [[busy, *_]] = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                db.execute(f"PRAGMA busy_timeout = {round(_PATIENCE * 1000)}").fetchall()
            return not busy
        return False

    def close(self) -> None:
        with self._lock:
            self._disconnect()

    def _do(self, work: Callable[[sqlite3.Connection], T], begin: str) -> T:
        with self._lock:
            for _ in range(_TRIES):
                try:
                    return self._once(work, begin)
                except (sqlite3.DatabaseError, OSError) as exc:
                    self._recover(exc)
            try:
                return self._once(work, begin)
            except (sqlite3.Error, OSError) as exc:
                raise StoreError(f"no catalogue can be made, in a file or in memory: {exc}") from exc

    def _recover(self, exc: sqlite3.DatabaseError | OSError) -> None:
        """Make it possible to try again after `exc`: with a file that is made anew, or in memory.

        Raises:
            StoreError: that would not help.
        """
        where = f"the catalogue at {self.path or 'no file'}"
        match _judge(exc):
            case "damaged" if self.path is None or not self._cleared:
                self.clear()
                self._cleared = True
            case "damaged" | "refused" if self.path is not None and self._may_be_in_memory:
                self._disconnect()
                self.path = None
            case "moved":
                self._disconnect()
            case "busy":
                raise StoreError(f"{where} is in use: {exc}") from exc
            case _:
                raise StoreError(f"{where} does not answer: {exc}; it is derived and may be deleted") from exc

    def _once(self, work: Callable[[sqlite3.Connection], T], begin: str) -> T:
        db = self._connect()
        with _transaction(db, begin):
            found = work(db)
        self._cleared = False
        return found

    def _connect(self) -> sqlite3.Connection:
        if self._db is not None and self._pid == os.getpid() and not self._is_gone():
            return self._db
        if self._pid == os.getpid():
            self._disconnect()
        self._db = None  # a parent's is not touched
        self._db = _open(self.path, self._notes)
        self._pid, self._file = os.getpid(), _identify(self.path)
        return self._db

    def _is_gone(self) -> bool:
        """True if somebody deleted or replaced the file: what is written to it would be seen by nobody."""
        return self.path is not None and _identify(self.path) != self._file

    def _disconnect(self) -> None:
        db, self._db = self._db, None
        if db is not None and self._pid == os.getpid():
            with suppress(sqlite3.Error):
                db.close()


def is_in_use(exc: BaseException) -> bool:
    """Whether what was raised says that another process writes to the file, and for longer than one waits."""
    cause = exc.__cause__ if isinstance(exc, StoreError) else exc
    return isinstance(cause, sqlite3.DatabaseError) and _judge(cause) == "busy"


def find_path(address: str, prices: Prices) -> Path | None:
    """The file of the catalogue of the store at `address`; None where there is no folder for it."""
    folder = _find_folder()
    return folder / f"{_hash(address)}-{_hash(repr(prices))[:8]}.db" if folder else None


def list_paths(address: str) -> list[Path]:
    """The files of all catalogues of the store at `address`, with whatever prices, that are there."""
    folder = _find_folder()
    try:
        return sorted(folder.glob(f"{_hash(address)}-*.db")) if folder else []
    except OSError:
        return []


def _find_folder() -> Path | None:
    """The folder of catalogues, whether it is there or not."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(home):  # noqa: PTH117  the specification says that others are passed over
        return Path(home, *_FOLDER)
    try:
        match sys.platform:
            case "darwin":
                return Path.home().joinpath("Library", "Caches", *_FOLDER)
            case "win32":
                local = os.environ.get("LOCALAPPDATA", "")
                return Path(local, *_FOLDER) if local else None
            case _:
                return Path.home().joinpath(".cache", *_FOLDER)
    except RuntimeError:  # there is no home
        return None


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HEX]


def _open(path: Path | None, notes: Mapping[str, str]) -> sqlite3.Connection:
    """A connection to a database that has the tables; one of another maker is thrown away first.

    Raises:
        OSError: there can be no such file.
        sqlite3.DatabaseError: it is damaged.
    """
    if path is not None:
        _make_private(path)
    db = sqlite3.connect(
        ":memory:" if path is None else path,
        timeout=_PATIENCE,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        db.execute("PRAGMA secure_delete = ON")
        db.execute("PRAGMA temp_store = MEMORY")
        if path is not None:
            _log_ahead(db)
            db.execute("PRAGMA synchronous = NORMAL")
        with _transaction(db, "BEGIN IMMEDIATE"):
            if not _is_of(db, notes["made_by"]):
                _make_tables(db, notes)
    except BaseException:
        db.close()
        raise
    return db


def _log_ahead(db: sqlite3.Connection) -> None:
    """Let writers write to a log beside the file; SQLite does not wait for others who do that just now."""
    until = clocks.monotonic() + _PATIENCE
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL").fetchall()
        except sqlite3.OperationalError as exc:
            if _judge(exc) != "busy" or clocks.monotonic() >= until:
                raise
            clocks.sleep(_GLANCE)
        else:
            return


def _make_private(path: Path) -> None:
    """Make the folder, for its owner alone, and the file in it; a link in its place is taken away."""
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if path.parent.is_symlink():
        raise OSError(f"{path.parent} is a link")
    if os.name == "posix":
        if path.parent.stat().st_uid != os.getuid():
            raise OSError(f"{path.parent} is somebody else's")
        path.parent.chmod(0o700)
    if path.is_symlink() or (path.exists() and not path.is_file()):
        path.unlink()
    if not path.exists():
        _remove_needless(path.parent)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))
    path.chmod(0o600)


def _remove_needless(folder: Path) -> None:
    """Remove catalogues whose stores are gone, or were moved, and those that nobody has filled for long."""
    before = clocks.now() - _OLD
    for file in folder.glob("*.db"):
        with suppress(OSError):
            last = max(one.stat().st_mtime for one in folder.glob(f"{file.name}*"))
            if last < before or ((store := _read_store(file)) and not Path(store).exists()):
                _unlink(file)


def _read_store(file: Path) -> str:
    """The address of the store that a catalogue tells of, if it is in the file by now; nothing is written."""
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as db,
    ):
        found = db.execute("SELECT value FROM kept WHERE key = 'store'").fetchone()
        return unquote(str(found[0]), errors="surrogatepass") if found else ""
    return ""


def _is_of(db: sqlite3.Connection, made_by: str) -> bool:
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'kept'").fetchall():
        return False
    return bool(db.execute("SELECT 1 FROM kept WHERE key = 'made_by' AND value = ?", (made_by,)).fetchall())


def _make_tables(db: sqlite3.Connection, notes: Mapping[str, str]) -> None:
    names = db.execute(
        "SELECT type, name FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL"
    ).fetchall()
    virtual = [name for _, name in names if name == "words"]
    for name in [*virtual, *(name for _, name in names if not name.startswith(("words", "sqlite_")))]:
        db.execute(f'DROP TABLE IF EXISTS "{name.replace(chr(34), chr(34) * 2)}"')
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)
    if sqlite3.sqlite_version_info >= _SECURE_DELETE:
        db.execute("INSERT INTO words (words, rank) VALUES ('secure-delete', 1)")
    born = {**notes, "birth": token_hex(8)}
    db.executemany("INSERT INTO kept (key, value) VALUES (?, ?)", born.items())


@contextmanager
def _transaction(db: sqlite3.Connection, begin: str) -> Iterator[None]:
    db.execute(begin)
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


def _judge(exc: sqlite3.DatabaseError | OSError) -> Literal["busy", "moved", "damaged", "refused", "other"]:
    """What is the matter: another process writes; the file is another one by now; it is none of ours, or
    harmed; the system lets none be written there; or anything else.
    """
    if isinstance(exc, OSError):
        return "refused"
    if isinstance(exc, Unreadable) or str(exc).startswith(_UNDECODED):
        return "damaged"
    name: str = getattr(exc, "sqlite_errorname", "")
    if name.startswith(_BUSY):
        return "busy"
    if name == "SQLITE_READONLY_DBMOVED":
        return "moved"
    if name.startswith(_DAMAGED) or (name == "SQLITE_ERROR" and _FOREIGN.match(str(exc))):
        return "damaged"
    return "refused" if name.startswith(_REFUSED) else "other"


def _identify(path: Path | None) -> tuple[int, int]:
    try:
        found = path.stat() if path else None
    except OSError:
        return 0, 0
    return (found.st_dev, found.st_ino) if found else (0, 0)


def _unlink(path: Path) -> None:
    for suffix in _BESIDE:
        with suppress(OSError):
            path.with_name(path.name + suffix).unlink()
