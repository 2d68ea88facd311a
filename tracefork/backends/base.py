"""The storage contract: named, append-only logs of chunks. A backend does not know what a tape is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

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

        Raises:
            Conflict: the log is sealed already, with other bytes.
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
