"""Logs in this process's memory: for tests, and for runs that nobody keeps."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import partial

from tracefork.errors import Conflict, NotFound, StoreError
from tracefork.host.uninterrupted import run_apart

from ._forks import between_forks
from ._records import from_start, name_bytes, only

_PATIENCE = 5.0  # seconds; a call takes microseconds


class MemoryBackend:
    """Keeps every log in a dict; a forked child goes on with a copy of its own.

    What holds the lock runs apart, where no interrupt leaves it held.
    """

    def __init__(self) -> None:
        self._logs: dict[str, list[bytes]] = {}
        self._sealed: set[str] = set()
        self._lock = threading.Lock()
        self._closed = False
        between_forks(self)

    def append(self, name: str, seq: int, chunk: bytes) -> None:
        run_apart(partial(self._append, name, seq, chunk))

    def _append(self, name: str, seq: int, chunk: bytes) -> None:
        with self._lock:
            self._usable(name)
            held = self._logs.get(name, [])
            if name in self._sealed:
                raise Conflict(f"log {name!r} is sealed")
            if seq != len(held):
                raise Conflict(f"log {name!r} has {len(held)} chunks; chunk {seq} is not the next")
            self._logs.setdefault(name, held).append(bytes(chunk))

    def chunks(self, name: str, start: int = 0) -> Iterable[bytes]:
        return run_apart(partial(self._chunks, name, start))

    def _chunks(self, name: str, start: int) -> Iterable[bytes]:
        with self._lock:
            self._usable(name)
            return iter(self._log(name)[from_start(start) :])

    def heads(self) -> Iterable[tuple[str, bytes]]:
        return run_apart(self._heads)

    def _heads(self) -> Iterable[tuple[str, bytes]]:
        with self._lock:
            self._usable()
            return iter([(name, log[0]) for name, log in self._logs.items()])

    def seal(self, name: str, packed: bytes, chunks: int | None = None) -> None:
        run_apart(partial(self._seal, name, packed, chunks))

    def _seal(self, name: str, packed: bytes, chunks: int | None) -> None:
        with self._lock:
            self._usable(name)
            if name not in self._sealed:
                only(name, chunks, len(self._logs.get(name, [])))
            elif self._logs[name] != [packed]:
                raise Conflict(f"log {name!r} is sealed with other bytes")
            self._logs[name] = [bytes(packed)]
            self._sealed.add(name)

    def delete(self, name: str) -> None:
        run_apart(partial(self._delete, name))

    def _delete(self, name: str) -> None:
        with self._lock:
            self._usable(name)
            self._log(name)
            del self._logs[name]
            self._sealed.discard(name)

    def close(self) -> None:
        self._closed = True

    def before_fork(self) -> bool:
        """Wait for the call under way, lest the child inherit a held lock and half a change. See `_forks`."""
        return self._lock.acquire(timeout=_PATIENCE)

    def after_fork(self) -> None:
        self._lock.release()

    def abandon(self) -> None:
        self._closed = True
        self._lock = threading.Lock()

    def _log(self, name: str) -> list[bytes]:
        if name not in self._logs:
            raise NotFound(name, tuple(self._logs))
        return self._logs[name]

    def _usable(self, name: str | None = None) -> None:
        if self._closed:
            raise StoreError("the store is closed")
        if name is not None:
            name_bytes(name)
