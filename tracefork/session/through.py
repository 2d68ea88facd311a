"""A body on its way to an agent in an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .asking import Call


class Through(AsyncIterator[bytes]):
    """The body of `call`. An object: a generator that is dropped would be closed by a task."""

    def __init__(self, call: Call, live: AsyncIterator[bytes] | None) -> None:
        self._call, self._live = call, live

    async def __anext__(self) -> bytes:
        if self._live is None:
            data = next(self._call.chunks(), None)
        else:
            data = await anext(self._live, None)
        if data is None:
            await self._call.afinish()
            raise StopAsyncIteration
        self._call.chunk(data)
        return data
