"""Sends the steps of a run as server-sent events, each once, when it has ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ..core.values import Exchange, Lane
from ..errors import TraceforkError
from ..host import clocks
from ..providers import sse
from ..providers.prices import Prices
from ..report.model.gather import Gathering
from ..report.page.payload import dump, growth
from ..report.served import knows_origins, mark_step
from ..storage.follow import Following
from ..storage.store import TapeStore

T = TypeVar("T")
LOOK = 0.2  # seconds between two looks at the store
REST, LONGEST = 2, 0.5  # a long log is looked at less: after twice the time that it took, or so many seconds
SHARE, SLOWEST = 4, 5.0  # all live views together look a quarter of the time; each at least so often
LOOKERS = 2  # threads that look at the store for live views; all other requests have the rest
ALIVE = 15.0  # seconds of silence after which a comment is sent, so that a lost reader is noticed
_DIGITS = 18  # of a number that a reader may have had

Event = tuple[int, bytes]


class Views:
    """Limits how often the open live views look at the store, so that other requests get their time.

    For one event loop.
    """

    def __init__(self) -> None:
        self.readers = 0
        self._took = 0.0  # seconds of a look, on average of late
        self._lookers: anyio.CapacityLimiter | None = None

    async def look(self, work: Callable[[], T]) -> tuple[T, float]:
        """Do `work` on one of few threads; return what came of it, and the seconds that it took there."""
        if self._lookers is None:
            self._lookers = anyio.CapacityLimiter(LOOKERS)

        def timed() -> tuple[T, float]:
            began = clocks.perf_counter()
            return work(), clocks.perf_counter() - began

        found, took = await anyio.to_thread.run_sync(timed, limiter=self._lookers)
        self._took += (took - self._took) / 8
        return found, took

    def pause(self, took: float) -> float:
        """Seconds until a reader whose last look took so long should look again."""
        alone = max(LOOK, min(LONGEST, REST * took))
        return max(alone, min(SLOWEST, SHARE * self.readers * self._took))


async def live(
    store: TapeStore,
    run_id: str,
    request: Request,
    ending: Callable[[], bool],
    prices: Prices | None,
    views: Views,
) -> Response:
    """An event for each exchange that ends: see `payload.growth`; then `over`, with their `places`.

    If what comes next cannot be read, the event `failed` says why, and is the last. `Last-Event-ID`
    is how many exchanges the reader has had.

    Raises:
        NotFound, CorruptTape: as `TapeStore.follow`; or there is damage where the reader would go on.
    """
    following, _ = await views.look(partial(store.follow, run_id))
    had = request.headers.get("last-event-id", "")
    known = int(had) if had.isascii() and had.isdigit() and len(had) <= _DIGITS else 0
    growing = Growing(following, prices)
    first = [event for event in (await views.look(growing.more))[0] if event[0] > known]
    if not first and not following.over:
        first = [event for event in (await views.look(growing.more))[0] if event[0] > known]
    events = _events(views, growing, first, known, ending)
    return StreamingResponse(events, media_type="text/event-stream")


async def _events(
    views: Views, growing: Growing, events: list[Event], known: int, ending: Callable[[], bool]
) -> AsyncIterator[bytes]:
    views.readers += 1
    try:
        async for event in _watch(views, growing, events, known, ending):
            yield event
    finally:
        views.readers -= 1


async def _watch(
    views: Views, growing: Growing, events: list[Event], known: int, ending: Callable[[], bool]
) -> AsyncIterator[bytes]:
    quiet, took = 0.0, 0.0
    while True:
        for number, event in events:
            if number > known:
                quiet = 0.0
                yield b"id: %d\n" % number + event
        if growing.following.over:
            yield sse.encode("over", growing.places())
            return
        pause = views.pause(took)
        quiet += pause
        if quiet >= ALIVE:
            quiet = 0.0
            yield b": still here\n\n"
        await anyio.sleep(pause)
        if ending():
            return
        try:
            events, took = await views.look(growing.more)
        except TraceforkError as exc:
            yield sse.encode("failed", dump({"error": str(exc)}))
            return


class Growing:
    """Makes events of a run's steps; two of one run make the same, so that a reader may come back."""

    def __init__(self, following: Following, prices: Prices | None) -> None:
        self.following = following
        self._gathering = Gathering(prices)
        self._lanes = list[Lane]()
        self._began = list[int]()
        self._tells = knows_origins(following.head.parent, ())

    def more(self) -> list[Event]:
        """The events of what has ended since the last call, numbered from 1.

        Raises:
            CorruptTape, StoreError: as `Following.steps`.
        """
        events = list[Event]()
        for step in self.following.steps():
            self._tells = self._tells or knows_origins(self.following.head.parent, (step,))
            if isinstance(step, Exchange):
                event = sse.encode("step", self._write(self.following.surrogates.step(step)))
                self._began.append(step.span.began)
                events.append((len(self._began), event))
        return events

    def places(self) -> str:
        """The place of each exchange in the finished run, as JSON; "" where they began as they ended."""
        places = {began: place for place, began in enumerate(sorted(self._began))}
        found = [places[began] for began in self._began]
        return "" if found == sorted(found) else dump(found)

    def _write(self, exchange: Exchange) -> str:
        pieces, lanes = len(self._gathering.pool), len(self._lanes)
        if exchange.lane not in self._lanes:
            self._lanes.append(exchange.lane)
        mark = mark_step(exchange, self.following.head.parent) if self._tells else ""
        step = self._gathering.step(exchange, len(self._began), self.following.began or 0.0, mark)
        return dump(growth(step, self._gathering.pool.pieces, pieces, self._lanes, lanes))
