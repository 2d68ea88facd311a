"""The storage contract: named, append-only logs of chunks. A backend does not know what a tape is."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

from tracefork.errors import Conflict, NotFound

HEAD = 65_536
"""How much of chunk 0 `heads` must give at least, in bytes. A run's header is smaller."""


@runtime_checkable
class Backend(Protocol):
    """Named byte logs, callable from any thread.

    A *log* is a sequence of chunks, numbered from 0. Names are any non-empty
    text of up to 512 characters, lone surrogates among them, and equal only to
    themselves; any other is a ValueError. An implementation must never let one
    reach a path or a statement unescaped. A backend survives `os.fork` by reopening in
    the child.
    """

    def append(self, name: str, seq: int, chunk: bytes) -> None:
        """Add chunk number `seq` to the log `name`; it survives the death of this process on return.

        Chunk 0 creates the log.

        Raises:
            Conflict: `seq` is not the log's next number, or the log is sealed.
            StoreError: the medium refused; the log is as it was before the call.
        """
        ...

    def chunks(self, name: str, start: int = 0) -> Iterable[bytes]:
        """Give the chunks of `name` in order, from number `start`; a torn last one is left out.

        Raises:
            NotFound: there is no such log. Raised no later than the first `next`.
            ValueError: `start` is negative.
        """
        ...

    def heads(self) -> Iterable[tuple[str, bytes]]:
        """Give name and chunk 0 of every log, in no order; of a chunk above `HEAD`, `HEAD` bytes will do."""
        ...

    def seal(self, name: str, packed: bytes) -> None:
        """Replace all chunks of `name` by the single chunk `packed`, atomically; survives a power cut.

        Creates the log if there is none. Nothing can be appended to it afterwards.

        An implementation does well to take a third argument, `chunks: int | None = None`: how many chunks
        the caller means to replace. A log that is not sealed and holds another number, 0 where there is
        none, is then a Conflict, found in the same instant. For one that does not take it
        they are counted just before.

        Raises:
            Conflict: the log is sealed already, with other bytes; or is not as long as it is said to be.
            StoreError: the medium refused; the log is as it was before the call.
        """
        ...

    def delete(self, name: str) -> None:
        """Remove the log `name`.

        Raises:
            NotFound: there is no such log.
        """
        ...

    def close(self) -> None:
        """Release files and connections. Calling it twice is harmless; any other call after it
        raises StoreError.
        """
        ...


def seal(backend: Backend, name: str, packed: bytes, chunks: int) -> None:
    """Replace the `chunks` chunks of `name` by `packed`, and no others: see `Backend.seal`.

    Raises:
        Conflict: the log holds more or fewer, or is sealed already, with other bytes.
        StoreError: the medium refused; the log is as it was before the call.
    """
    sealing: Any = backend.seal
    if counts(backend):
        sealing(name, packed, chunks=chunks)
        return
    held, first = 0, b""
    try:
        for chunk in backend.chunks(name):
            first, held = first or chunk, held + 1
    except NotFound:
        held = 0
    if held != chunks and not (held == 1 and first == packed):
        raise Conflict(f"log {name!r} has {held} chunks, not the {chunks} that were to be sealed")
    sealing(name, packed)


def counts(backend: Backend) -> bool:
    """True if the backend takes the number of chunks that a seal replaces."""
    try:
        parameters = inspect.signature(backend.seal).parameters
    except (TypeError, ValueError):
        return False
    return "chunks" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
