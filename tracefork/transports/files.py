"""Bodies as files, for libraries whose responses are read."""

from __future__ import annotations

import io
from collections.abc import Generator
from typing import Any


def open_body(chunks: Generator[bytes, None, None]) -> io.BufferedReader:
    """Return a file to read `chunks` from: each as it comes. To close it is to close the generator."""
    return io.BufferedReader(_Chunks(chunks))


class _Chunks(io.RawIOBase):
    def __init__(self, chunks: Generator[bytes, None, None]) -> None:
        self._chunks, self._rest = chunks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._rest = self._rest or next(filter(None, self._chunks), b"")
        room = memoryview(buffer)
        size = min(len(room), len(self._rest))
        room[:size], self._rest = self._rest[:size], self._rest[size:]
        return size

    def close(self) -> None:
        self._chunks.close()
        super().close()
