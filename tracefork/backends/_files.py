"""
The edge to the file system: one folder of plain files, opened without following links.

Rules: every call opens what it needs and closes it, a listing when it ends or is left, so nothing is
kept across threads, forks or a replaced folder. A lock belongs to an open file; it is given back by
name before the file is closed, since a child forked meanwhile holds a copy of the descriptor. `_locks`
knows which call each lock is for: one whose call was interrupted is given back by who waits for it. OSError
leaves through `refusals` only. Where there is no fcntl (Windows) one lock keeps this process's threads
apart and nothing keeps processes apart; that path is written for, and untested.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType

from attrs import frozen

from tracefork.errors import StoreError
from tracefork.host import clocks

from ._records import Read

TEMPORARY = ".tmp-"
_FLAGS = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a planted FIFO must not make us wait
    | getattr(os, "O_BINARY", 0)
)
_BY_DESCRIPTOR = os.open in os.supports_dir_fd
SHORTEST, LONGEST = 0.0005, 0.02  # seconds between two looks at a lock that somebody holds
_FILE_MODE, _FOLDER_MODE = 0o600, 0o700

if sys.platform == "win32":
    _threads = threading.Lock()

    def _lock(_fd: int, *, shared: bool = False) -> None:  # noqa: ARG001 - there is one kind only
        _threads.acquire()

    def _unlock(_fd: int) -> None:
        _threads.release()
else:
    import fcntl

    def _lock(fd: int, *, shared: bool = False) -> None:
        """Lock the file, by turns: whoever holds it in this process may have been interrupted."""
        pause = SHORTEST
        while True:
            try:
                fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except BlockingIOError:
                _locks.give_back(fd)
                clocks.sleep(pause)
                pause = min(2 * pause, LONGEST)
            else:
                return

    def _unlock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_UN)


@contextmanager
def refusals(where: str) -> Iterator[None]:
    """Turn what the operating system refuses into StoreError, which names `where`."""
    try:
        yield
    except OSError as error:
        link = "it is a symbolic link, which is not followed" if error.errno == errno.ELOOP else ""
        raise StoreError(f"{where}: {link or error.strerror or error}") from error


def make_folder(path: Path) -> None:
    """Create the folder and its parents, private to this user; they survive a power cut.

    One that is there but empty may have been made just now by another process, which has not come to
    make it last: its name, too, is on the disk before anything is put into it.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    for folder in reversed([path, *path.parents]):
        if not folder.is_dir():
            folder.mkdir(mode=_FOLDER_MODE if folder == path else 0o777, exist_ok=True)
            _sync_parent(folder)
    with open_folder(path) as made:
        if not any(made.names()):
            _sync_parent(path)


def _sync_parent(path: Path) -> None:
    with suppress(PermissionError), open_folder(path.parent, follow=True) as parent:  # made by others, then
        parent.sync()


@contextmanager
def open_folder(path: Path, *, follow: bool = False) -> Iterator[Folder]:
    """The folder at `path` for the time of one call; a link in its place is refused unless `follow`."""
    if not follow and path.is_symlink():  # O_DIRECTORY would report it as "not a directory"
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    if not _BY_DESCRIPTOR:
        yield Folder(path, None)
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | (_FLAGS & ~os.O_NOFOLLOW if follow else _FLAGS))
    try:
        yield Folder(path, fd)
    finally:
        let_go(fd)


class Folder:
    """The files of one directory, by plain names that this package made."""

    def __init__(self, path: Path, fd: int | None) -> None:
        self._path = path
        self._fd = fd

    def open(self, file: str, flags: int) -> int:
        """A descriptor of a regular file; ELOOP for a link, EINVAL for a pipe or a device."""
        fd = os.open(self._at(file), flags | _FLAGS, _FILE_MODE, dir_fd=self._fd)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", file)
        except BaseException:
            let_go(fd)
            raise
        return fd

    @contextmanager
    def locked(self, file: str, writer: FrameType, *, create: bool) -> Iterator[int]:
        """A descriptor that holds the lock of `file`; without `create`, FileNotFoundError if there is none.

        It is held as long as the frame of `writer` goes on.

        While we waited, the file may have been replaced or removed: the lock that
        counts is that of the file which bears the name, so look again. An OSError at
        the end means that it is not known whether the disk took what was written.
        """
        while True:
            fd = self.open(file, os.O_RDWR | (os.O_CREAT if create else 0))
            lock = _locks.add(fd, writer)
            try:
                _lock(fd)
                if self._is(fd, file):
                    yield fd
                    return
            finally:
                if _locks.has(lock):
                    with suppress(OSError):  # closing it gives it back too
                        _unlock(fd)
                    if _locks.take(lock):  # only now: an interrupt may come at any moment
                        os.close(fd)

    def replace(self, file: str, data: bytes) -> None:
        """Give `file` the content `data` in one instant; `data` is on the disk, the name may not be yet."""
        temporary = f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(8)}"
        fd = self.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            try:
                write_all(fd, data)
                sync_file(fd)
            finally:
                os.close(fd)
            os.replace(self._at(temporary), self._at(file), src_dir_fd=self._fd, dst_dir_fd=self._fd)
        except BaseException:
            with suppress(OSError):
                self.remove(temporary)
            raise

    def remove(self, file: str) -> None:
        os.unlink(self._at(file), dir_fd=self._fd)

    def names(self) -> Iterator[str]:
        """The names as the system gives them: in no order, none twice, without those that came meanwhile."""
        seen: set[str] = set()  # a file that is replaced meanwhile may be met again
        with os.scandir(self._path if self._fd is None else self._fd) as entries:
            for entry in entries:
                if entry.name not in seen:
                    seen.add(entry.name)
                    yield entry.name

    def identity(self) -> tuple[int, int]:
        """The device and the number of the folder itself."""
        found = self._path.stat() if self._fd is None else os.fstat(self._fd)
        return found.st_dev, found.st_ino

    def facts(self, file: str) -> os.stat_result:
        return os.stat(self._at(file), dir_fd=self._fd, follow_symlinks=False)

    def sync(self) -> None:
        """Make names survive a power cut. Windows cannot, and needs not."""
        if self._fd is not None:
            sync_file(self._fd)

    def _at(self, file: str) -> str:
        return file if self._fd is not None else os.path.join(self._path, file)  # noqa: PTH118

    def _is(self, fd: int, file: str) -> bool:
        try:
            named = self.facts(file)
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(fd))


@frozen(eq=False)
class _Lock:
    """A descriptor that is locked, or about to be, and the call that it is for."""

    fd: int
    writer: FrameType
    thread: int

    def is_under_way(self) -> bool:
        """True if the call is under way."""
        frame = sys._current_frames().get(self.thread)  # noqa: SLF001  there is no other way to see it
        while frame is not None and frame is not self.writer:
            frame = frame.f_back
        return frame is not None


class _Locks:
    """The locks of this process. Each is taken once, by who closes its file."""

    def __init__(self) -> None:
        self._all: dict[int, _Lock] = {}

    def add(self, fd: int, writer: FrameType) -> _Lock:
        self._all[fd] = lock = _Lock(fd, writer, threading.get_ident())
        return lock

    def has(self, lock: _Lock) -> bool:
        """True until somebody has taken it."""
        return self._all.get(lock.fd) is lock

    def take(self, lock: _Lock) -> bool:
        """True for the one who is to close it."""
        return self.has(lock) and self._all.pop(lock.fd, None) is lock

    def give_back(self, wanted: int) -> None:
        """Give back what interrupted calls have left.

        Raises:
            StoreError: the file `wanted` is locked by a call of this very thread, which is in a signal's
                handler, or in a finalizer, in the middle of that.
        """
        for lock in list(self._all.values()):
            if lock.fd == wanted:
                continue
            if not lock.is_under_way():
                with suppress(OSError):
                    _unlock(lock.fd)
                if self.take(lock):
                    let_go(lock.fd)
            elif lock.thread == threading.get_ident() and os.path.sameopenfile(lock.fd, wanted):
                raise StoreError(
                    "this thread is in the middle of a call to the same log: make this one after it"
                )

    def forget(self) -> None:
        """In a forked child: all of them are the parent's."""
        self._all.clear()


_locks = _Locks()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_locks.forget)


def reader(fd: int) -> Read:
    """A function that reads from an offset, for a descriptor which nobody else moves."""
    return partial(_read, fd)


@contextmanager
def quiet(fd: int) -> Iterator[None]:
    """No writer is at work inside: what looked damaged may have been a torn end in repair."""
    _lock(fd, shared=True)
    try:
        yield
    finally:
        with suppress(OSError):
            _unlock(fd)


def let_go(fd: int) -> None:
    """Close a descriptor that was only read, and ignore errors: nothing is lost."""
    with suppress(OSError):
        os.close(fd)


def write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_file(fd: int) -> None:
    """Flush the file to the device; macOS needs F_FULLFSYNC for that."""
    if sys.platform == "darwin":
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
    else:
        os.fsync(fd)


def _read(fd: int, offset: int, length: int) -> bytes:
    os.lseek(fd, offset, os.SEEK_SET)
    parts: list[bytes] = []
    while length > 0 and (part := os.read(fd, min(length, 1 << 30))):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
