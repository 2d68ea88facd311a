"""The steps of a run as they end, as server-sent events; nothing is sent twice, nor what was sent before."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ..core.values import Exchange, Lane
from ..following import Following
from ..providers import sse
from ..report.gathering import Gathering
from ..report.payload import dumped, growth
from ..store import TapeStore
from .guard import HEADERS

LOOK = 0.2  # seconds between two looks at the store
ALIVE = 15.0  # seconds of silence after which a comment is sent, so that a lost reader is noticed


async def live(request: Request) -> Response:
    """An event for each exchange that ends: see `payload.growth`. The event `over` is the last.

    `Last-Event-ID` is the number of the first that the reader has not had.
    """
    store: TapeStore = request.app.state.store
    following = await run_in_threadpool(store.follow, request.path_params["run_id"])
    had = request.headers.get("last-event-id", "")
    first = int(had) if had.isascii() and had.isdigit() else 0
    return StreamingResponse(_events(following, first), media_type="text/event-stream", headers=dict(HEADERS))


async def _events(following: Following, first: int) -> AsyncIterator[bytes]:
    growing, quiet = Growing(), 0.0
    while True:
        for number, event in await run_in_threadpool(growing.more, following):
            if number >= first:
                quiet = 0.0
                yield b"id: %d\n" % (number + 1) + event
        if following.over:
            yield sse.encode("over", "")
            return
        quiet += LOOK
        if quiet >= ALIVE:
            quiet = 0.0
            yield b": still here\n\n"
        await anyio.sleep(LOOK)


class Growing:
    """Makes events of a run's steps; two of one run make the same, so that a reader may come back."""

    def __init__(self) -> None:
        self._gathering = Gathering()
        self._lanes = list[Lane]()
        self._count = 0
        self._since: float | None = None

    def more(self, following: Following) -> list[tuple[int, bytes]]:
        """The numbered events of what has ended since the last call."""
        events = list[tuple[int, bytes]]()
        for step in following.steps():
            if isinstance(step, Exchange):
                events.append((self._count, sse.encode("step", self._told(step))))
                self._count += 1
        return events

    def _told(self, exchange: Exchange) -> str:
        if self._since is None:
            self._since = exchange.timing.began
        if exchange.lane not in self._lanes:
            self._lanes.append(exchange.lane)
        known = len(self._gathering.pool)
        step = self._gathering.step(exchange, self._count, self._since)
        return dumped(growth(step, self._gathering.pool.pieces[known:], self._lanes))
