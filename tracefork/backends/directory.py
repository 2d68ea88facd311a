"""
Logs as files of one folder: easy to look at, to copy and to delete.

No text of the caller reaches a path: a file is named by the sha-256 of its log's name and bears
the name inside. `_records` knows the bytes, `_logfile` reads them, `_files` meets the system.
Writers of all threads and processes take turns by a lock on the file; readers go on with what
they began when the log is sealed or deleted meanwhile.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Literal, NoReturn

from tracefork.errors import Conflict, CorruptTape, NotFound, StoreError
from tracefork.host import clocks

from ._files import (
    TEMPORARY,
    Folder,
    let_go,
    make_folder,
    open_folder,
    reader,
    refusals,
    sync_file,
    write_all,
)
from ._logfile import SUFFIX, End, file_name, find_end, first_chunk, head_of, prelude_of, read_chunks
from ._places import absolute, gone_error, identity
from ._records import NONCE, Prelude, encode, from_start, name_bytes, new_prelude, only, remains

_NOTHING = End()
_ABANDONED = 3_600  # seconds


class DirectoryBackend:
    """Keeps every log in a file of its own in the folder `path`, which it creates.

    With `durability="process"` an appended chunk survives the death of the
    process; a power cut may cost the last chunks since the last seal. On a file
    system that lets a file grow before its bytes are written, unlike XFS, Btrfs
    and mostly ext4, it may damage them visibly: the log then raises CorruptTape
    after the chunks that are whole. With "power" appended chunks survive it as
    well, on any file system, at the price of an fsync an append. A sealed log
    survives it either way. Files are open only for the time of a call, or of a
    listing: a forked child needs no reopening.

    Raises:
        StoreError: the folder cannot be made, or is a symbolic link.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, durability: Literal["process", "power"] = "process"
    ) -> None:
        if durability not in ("process", "power"):
            raise ValueError(f'durability is "process" or "power", not {durability!r}')
        self._path = absolute(path)
        self.durability = durability
        self._power = durability == "power"
        # A forked child may keep its copy: an end counts only for the very file that it was seen in.
        self._ends: dict[str, End] = {}
        self._poisoned: dict[str, str] = {}
        self._closed = False
        with refusals(str(self._path)):
            make_folder(self._path)
            self._identity = identity(self._path)

    @property
    def path(self) -> Path:
        """Where the logs are kept."""
        return self._path

    def append(self, name: str, seq: int, chunk: bytes) -> None:
        """See `Backend.append`; raises CorruptTape if the end of the log is damaged."""
        key = self._key(name)
        try:
            with self._writing(name, create=seq == 0) as (folder, fd):
                end = find_end(fd, key, self._ends.get(name, _NOTHING))
                if end.prelude and end.prelude.sealed:
                    raise Conflict(f"log {name!r} is sealed")
                if end.seq and seq and not self._is_known(name, end):
                    raise Conflict(str(gone_error(f"log {name!r} in {self._path}", is_there=True)))
                if seq != end.seq:
                    raise Conflict(f"log {name!r} has {end.seq} chunks; chunk {seq} is not the next")
                prelude = end.prelude or _new(key, sealed=False)
                data = encode(prelude, seq, chunk)
                if seq == 0 and self._power:
                    self._begin(folder, fd, name, data)
                else:
                    self._add(folder, fd, name, end, data)
                self._ends[name] = End(seq + 1, end.at + len(data), prelude)
        except NotFound:
            if name in self._ends:  # an empty folder in the place of ours may bear its number
                raise Conflict(str(gone_error(f"log {name!r} in {self._path}"))) from None
            raise Conflict(f"log {name!r} has no chunks; chunk {seq} is not the next") from None

    def chunks(self, name: str, start: int = 0) -> Iterable[bytes]:
        """See `Backend.chunks`; raises CorruptTape at a damaged chunk.

        What is appended while the caller iterates may be given or not.
        """
        return self._chunks(name, self._key(name), from_start(start))

    def heads(self) -> Iterable[tuple[str, bytes]]:
        """See `Backend.heads`.

        A damaged log raises CorruptTape in its turn; `next` then goes on with the others.
        """
        self._usable()
        return filter(None, map(self._head, self._files(SUFFIX)))

    def seal(self, name: str, packed: bytes, chunks: int | None = None) -> None:
        """See `Backend.seal`; raises CorruptTape if the log is damaged, as far as it is looked at."""
        key = self._key(name)
        with self._writing(name, create=True) as (folder, fd):
            held = prelude_of(fd, key)
            if held and held.sealed:
                first = first_chunk(fd, key)
                if not first or first[2] != packed:
                    raise Conflict(f"log {name!r} is sealed with other bytes")
            else:
                if chunks is not None:
                    self._only(folder, fd, name, key, chunks)
                _publish(folder, fd, key, encode(_new(key, sealed=True), 0, packed))
            try:
                folder.sync()
            except OSError as error:
                self._poison(name, "it is sealed, but may not survive a power cut", error)

    def _only(self, folder: Folder, fd: int, name: str, key: bytes, chunks: int) -> None:
        """Refuse to seal a log that holds another number of chunks."""
        try:
            only(name, chunks, find_end(fd, key, self._ends.get(name, _NOTHING)).seq)
        except BaseException:
            _remove_empty(folder, fd, key)
            raise

    def delete(self, name: str) -> None:
        """See `Backend.delete`; a damaged log can be deleted too."""
        key = self._key(name)
        with self._writing(name, create=False) as (folder, fd):
            with suppress(CorruptTape):
                if first_chunk(fd, key) is None:
                    raise NotFound(name)
            folder.remove(file_name(key))
            self._ends.pop(name, None)
            if self._power:
                folder.sync()

    def remains(self, name: str) -> Iterator[bytes]:
        """Give the chunks of a damaged log, unverified, for a salvage.

        Raises:
            NotFound: there is no file of this name.
        """
        key = self._key(name)
        with self._reading(name, key) as fd:
            data = reader(fd)(0, os.fstat(fd).st_size)
        return remains(data, key)

    def reclaim(self) -> int:
        """Remove what writers that died have left of their seals, an hour ago or longer; bytes given back."""
        self._usable()
        freed = 0
        for file in self._files(TEMPORARY):
            with refusals(str(self._path)), self._folder() as folder, suppress(FileNotFoundError):
                facts = folder.facts(file)
                if stat.S_ISREG(facts.st_mode) and clocks.now() - facts.st_mtime > _ABANDONED:
                    folder.remove(file)
                    freed += facts.st_size
        return freed

    def close(self) -> None:
        self._closed = True

    def _is_known(self, name: str, end: End) -> bool:
        """False for a log that bears the name of one that was appended to here, and is another."""
        known = self._ends.get(name, _NOTHING).prelude
        return known is None or end.prelude is None or known.raw == end.prelude.raw

    @contextmanager
    def _folder(self) -> Iterator[Folder]:
        """The folder, if it is still the one that was opened."""
        if identity(self._path) is None:
            raise gone_error(self._path)
        with open_folder(self._path) as folder:
            if folder.identity() != self._identity:
                raise gone_error(self._path, is_there=True)
            yield folder

    def _files(self, ours: str) -> Iterator[str]:
        """The files whose names begin or end with `ours`."""
        with refusals(str(self._path)), self._folder() as folder:
            for file in folder.names():
                if file.startswith(ours) or file.endswith(ours):
                    yield file

    def _chunks(self, name: str, key: bytes, start: int) -> Iterator[bytes]:
        with self._reading(name, key) as fd:
            empty = True
            for seq, chunk in read_chunks(fd, key, start):
                empty = False
                if seq >= start:
                    yield chunk
            if empty:
                raise NotFound(name)

    @contextmanager
    def _reading(self, name: str, key: bytes) -> Iterator[int]:
        with refusals(f"log {name!r} in {self._path}"):
            try:
                with self._folder() as folder:
                    fd = folder.open(file_name(key), os.O_RDONLY)
            except FileNotFoundError:
                raise NotFound(name) from None
            try:
                yield fd
            finally:
                let_go(fd)

    def _head(self, file: str) -> tuple[str, bytes] | None:
        with refusals(f"file {file} in {self._path}"):
            try:
                with self._folder() as folder:
                    fd = folder.open(file, os.O_RDONLY)
            except FileNotFoundError:
                return None  # deleted since the folder was listed
            try:
                return head_of(fd, file)
            finally:
                let_go(fd)

    @contextmanager
    def _writing(self, name: str, *, create: bool) -> Iterator[tuple[Folder, int]]:
        key, writer = name_bytes(name), sys._getframe(2)  # noqa: SLF001  the call that this is the beginning of
        if name in self._poisoned:
            raise StoreError(self._poisoned[name])
        with (
            refusals(f"log {name!r} in {self._path}"),
            self._folder() as folder,
            ExitStack() as stack,
        ):
            try:
                fd = stack.enter_context(folder.locked(file_name(key), writer, create=create))
            except FileNotFoundError:
                if create:
                    raise
                raise NotFound(name) from None
            yield folder, fd
            try:
                stack.close()
            except OSError as error:
                self._poison(name, "it was changed, but the disk may not have taken it", error)

    def _begin(self, folder: Folder, fd: int, name: str, data: bytes) -> None:
        """Make the log appear at once with its first chunk, or not at all.

        Written in place, a power cut could leave later sectors without the first, which says what they are.
        """
        key = name_bytes(name)
        _publish(folder, fd, key, data)
        try:
            folder.sync()
        except OSError as error:
            try:
                folder.remove(file_name(key))
            except OSError:
                self._poison(name, "an append failed and could not be undone", error)
            raise

    def _add(self, folder: Folder, fd: int, name: str, end: End, data: bytes) -> None:
        """Write `data` at the end of the log, or leave the log as it is."""
        try:
            if os.fstat(fd).st_size > end.at:
                _cut(fd, end.at)  # what a writer that died has left behind
            os.lseek(fd, end.at, os.SEEK_SET)
            write_all(fd, data)
            if self._power:
                sync_file(fd)
        except OSError as error:
            try:
                _cut(fd, end.at)
                _remove_empty(folder, fd, name_bytes(name))
            except OSError:
                self._poison(name, "an append failed and could not be undone", error)
            raise

    def _poison(self, name: str, what: str, error: OSError) -> NoReturn:
        reason = error.strerror or str(error)
        self._poisoned[name] = f"log {name!r} in {self._path}: {what} ({reason}); open the store anew"
        raise StoreError(self._poisoned[name]) from error

    def _key(self, name: str) -> bytes:
        self._usable()
        return name_bytes(name)

    def _usable(self) -> None:
        if self._closed:
            raise StoreError("the store is closed")


def _new(key: bytes, *, sealed: bool) -> Prelude:
    return new_prelude(key, secrets.token_bytes(NONCE), sealed=sealed)


def _publish(folder: Folder, fd: int, key: bytes, data: bytes) -> None:
    """Give the log that is locked as `fd` the content `data` in one instant."""
    try:
        folder.replace(file_name(key), data)
    except BaseException:
        _remove_empty(folder, fd, key)
        raise


def _cut(fd: int, size: int) -> None:
    """Shorten the file, for good: else a power cut could mix what was there with what is written next."""
    os.ftruncate(fd, size)
    sync_file(fd)


def _remove_empty(folder: Folder, fd: int, key: bytes) -> None:
    """Remove the file that was made only to be locked."""
    if os.fstat(fd).st_size == 0:
        folder.remove(file_name(key))
