"""Request bodies of httpx-like clients: read before they leave, and sent again.

The question is made of them. One that is streamed and too long to keep waits in a file, and leaves from it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from ..session.bodies import Gathering

BLOCK = 2**18  # bytes that are read from a file at a time


class Again:
    """A gathered request's stream, as often as it is asked for: chunks as they came, or blocks of a file.

    Mixed in by each library.
    """

    def __init__(self, sent: Gathering) -> None:
        self._sent = sent

    def __iter__(self) -> Iterator[bytes]:
        yield from self._sent.chunks
        if (file := self._sent.file) is not None:
            file.seek(0)
            while block := file.read(BLOCK):
                yield block

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for block in self:
            yield block


def gather(request: Any, body: Gathering) -> Gathering:
    """Return `body` with all of `request`'s in it."""
    for chunk in request.stream:
        body.take(chunk)
    return body


async def agather(request: Any, body: Gathering) -> Gathering:
    """`gathered`, for an asynchronous client."""
    async for chunk in request.stream:
        body.take(chunk)
    return body
