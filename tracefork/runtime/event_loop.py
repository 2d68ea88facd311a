"""Replays how many iterations of an asyncio loop lay between two answers.

The *beat* is a callback that we keep scheduled once per loop iteration; a *tick* is the head or the end of
an answer.

While recording, the beats between two ticks are counted, up to `FAR` of them or until the loop
has no other ready callbacks (it *rests*). A replay releases a tick that many beats after the tick
before it, or else when the loop rests. So `as_completed` yields in its recorded order, however many
awaits an agent makes after an answer. While recording, a tick is delayed by one beat, or not at all
in a loop that is busy or slow.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from itertools import islice
from typing import Any, ClassVar, TypeAlias
from weakref import WeakKeyDictionary, WeakSet

from ..core import machine
from ..core.machine import Ended, Headed, Order, Wait
from ..host import clocks
from ..host.threads import has_busy_strangers
from . import lanes
from .stepper import Cell

FAR = 64  # beats after which the distance to the next tick is no longer counted
ROUNDS = 100  # beats after which a loop that always has ready callbacks counts as at rest
CROWD = 64  # ready callbacks; in a loop with more, a live tick does not wait for its beat
TOGETHER = 1.0  # seconds at most that an answer waits for executor jobs that ended before the loop rested
SLOW = 0.0005  # seconds; after `SEVERAL` iterations in a row that take longer, live ticks wait for no beat
SEVERAL = 32  # fewer in a row may be due to other threads that hold the GIL

Tick: TypeAlias = Headed | Ended

running_loop: Callable[[], asyncio.AbstractEventLoop | None] = asyncio._get_running_loop  # noqa: SLF001  documented
"""The event loop of this thread, or None."""


class Queue:
    """The ready callbacks of an event loop, where it exposes them, except those that we scheduled.

    One per loop, shared by all runs in it: the beat of one run must not look like work to another.
    """

    _of: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, Queue]] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._ready: Any = getattr(loop, "_ready", None)  # uvloop does not show it
        self._ours = 0
        self._our_timers = WeakSet[
            asyncio.TimerHandle
        ]()  # they know the loop, which is to go when it is over

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> Queue:
        if loop not in cls._of:
            cls._of[loop] = cls(loop)
        return cls._of[loop]

    def call_soon(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
        """Run `callback` in the loop's next iteration, without counting it as work of the agent."""

        def run() -> None:
            self._ours -= 1
            callback()

        self._ours += 1
        loop.call_soon(run)

    def call_later(
        self, loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], object]
    ) -> asyncio.TimerHandle:
        """Run `callback` in the loop after so many seconds, without counting it as a timer of the agent."""
        handle = loop.call_later(seconds, callback)
        self._our_timers.add(handle)
        return handle

    def is_idle(self, loop: asyncio.AbstractEventLoop) -> bool:
        """True if nothing of the agent goes on by itself: no callback, no timer, no socket; False if hidden.

        The loop's own pipe, by which other threads wake it, is always there.
        """
        scheduled: Any = getattr(loop, "_scheduled", None)
        selector: Any = getattr(loop, "_selector", None)
        if self._ready is None or scheduled is None or selector is None:
            return False
        timers = any(not one.cancelled() and one not in self._our_timers for one in scheduled)
        return len(self._ready) <= self._ours and not timers and len(selector.get_map() or ()) <= 1

    def is_crowded(self) -> bool:
        """True if more than `CROWD` callbacks are ready, so that waiting for one iteration takes long."""
        return self._ready is not None and len(self._ready) > CROWD

    def at_rest(self, after: int) -> bool:
        """True if no other callback is ready; in a loop that hides its queue, if `after` >= FAR // 4 beats.

        The tasks that were answered have then done all that they can without another answer.
        """
        return after >= FAR // 4 if self._ready is None else len(self._ready) <= self._ours


class Pacers:
    """One `Pacer` for each event loop in which a run is used."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._of: dict[asyncio.AbstractEventLoop, Pacer] = {}

    def clear(self) -> None:
        """Drop the references to the loops, so that a finished run does not keep them alive."""
        self._of.clear()

    def of(self, loop: asyncio.AbstractEventLoop) -> Pacer:
        if loop not in self._of:
            for ended in [known for known in self._of if known.is_closed()]:
                del self._of[ended]
            self._of[loop] = Pacer(self._cell, loop)
        return self._of[loop]

    def mark(self) -> int | None:
        """Note a tick that did not wait for a beat; return how many beats ago the tick before it was.

        None outside of an event loop, after the run, or if the loop rested in between.
        """
        loop = running_loop()
        return self.of(loop).mark() if loop and not self._cell.closed else None


class Pacer:
    """Releases the ticks of one loop at its beats, and in a replay as many beats apart as recorded.

    asyncio runs ready callbacks in FIFO order, so a task that re-schedules itself every iteration
    always runs between the same two others. Answers are delivered just before the beat, so that
    their tasks are re-queued at the same place in a replay, whatever sockets and timers a
    recording had in between.

    The beat only wakes tasks; a woken task then sends its own tick. Tasks whose ticks came within
    one loop iteration are woken together. A task may be woken before a question that precedes its
    tick on the tape: that question is asked in the same iteration.
    """

    def __init__(self, cell: Cell, loop: asyncio.AbstractEventLoop) -> None:
        self._cell = cell
        self._loop = loop
        self._queue = Queue.of(loop)
        self._live: list[asyncio.Future[None]] = []  # live ticks, in the order in which they came
        self._asleep: dict[int | None, asyncio.Future[None]] = {}  # recorded ones, by line
        self._jobs: set[int] = set()  # lines of executors' jobs that are being done
        self._held = (-1, 0.0)  # the place of the tick that waits for such jobs, and since when
        self._early: set[int] = set()  # places of ticks whose tasks were woken before a question, once each
        self._since: int | None = None  # beats since the last tick; None once the loop has rested
        self._rounds = 0  # beats since a task was last woken
        self._beating = False
        self._armed = 0.0  # when the next beat was scheduled, by the monotonic clock
        self._slow = 0  # how many beats in a row came later than SLOW seconds
        self._last: asyncio.Task[Any] | None = None  # the task that had the last tick; None after a beat

    def anchor(self) -> None:
        """Note that a question is asked now: in a loop that was at rest, beats are counted from it."""
        if self._since is None:
            self._since = 0
            self._arm()

    def begin_job(self, line: int) -> None:
        """Note that an executor runs the job of this line: it runs, and takes time, in a replay too."""
        self._jobs.add(line)

    def end_job(self, line: int) -> None:
        """Note that the job of this line is done, or given up."""
        self._jobs.discard(line)
        self._arm()

    def mark(self) -> int | None:
        """Note a tick that happens now; return the beats since the last, None if the loop rested since."""
        since, self._since = self._since, 0
        self._last = asyncio.current_task()
        self._arm()
        return since

    async def align(self) -> int | None:
        """Suspend the task of a live tick until the next beat; return how many beats ago the last one was.

        It does not wait if this task had the last tick, or if the loop is slow or crowded.
        """
        if not (self._goes_on() or self._slow >= SEVERAL or self._queue.is_crowded()):
            woken: asyncio.Future[None] = self._loop.create_future()
            self._live.append(woken)
            self._arm()
            await woken
        return self.mark()

    async def release(self, event: Tick) -> Order:
        """Send `event` once its turn has come and as many beats have passed as recorded; return the order."""
        opened = self._cell.state.open.get(event.call)
        line = opened.line if opened else None
        if machine.find_hops(self._cell.state, event) == 0 and self._goes_on() and self._cell.has_come(event):
            return self._cell.send(event)
        while True:
            woken: asyncio.Future[None] = self._loop.create_future()
            self._asleep[line] = woken
            if self._cell.has_come(event, poster(self._loop, self._arm)):
                self._arm()
            try:
                lapsed = await patiently(self._cell, event.call, self._loop, woken)
            finally:
                self._asleep.pop(line, None)
            order = lapsed or self._cell.send(event)
            if not isinstance(order, Wait):
                self._last = asyncio.current_task()
                return order

    def _goes_on(self) -> bool:
        """True if this task had the last tick and was not suspended since."""
        return self._last is not None and self._last is asyncio.current_task()

    def _arm(self) -> None:
        if not self._beating:
            self._beating = True
            self._armed = clocks.monotonic()
            self._queue.call_soon(self._loop, self._beat)

    def _beat(self) -> None:
        """Wake the tasks that are due. If this raises (an interrupt), the next beat is scheduled anyway."""
        try:
            self._strike()
        except BaseException:
            self._beating = False
            self._arm()
            raise

    def _strike(self) -> None:
        self._beating = False
        self._slow = self._slow + 1 if clocks.monotonic() - self._armed > SLOW else 0
        self._last = None
        self._rounds += 1
        if self._since is not None:
            self._since += 1
        live = self._live
        woken, waits = live, False
        if not live and self._asleep:
            woken, waits = self._whose_time_it_is()
            if woken:
                self._since = 0
        for future in woken:
            self._rounds = 0
            resolve(future)
        self._live = []
        if woken or waits or not (self._at_rest() or (self._since or 0) >= FAR):
            self._arm()  # queued behind the woken tasks (FIFO), so their ticks precede the next beat
        else:
            self._since, self._rounds = None, 0
            if not self._cell.live and self._queue.is_idle(self._loop) and not has_busy_strangers():
                self._cell.give_up()

    def _whose_time_it_is(self) -> tuple[list[asyncio.Future[None]], bool]:
        """Return the futures to resolve now, and whether a task waits only for more beats to pass."""
        if self._cell.state.halt or self._cell.closed or self._cell.live:
            return list(self._asleep.values()), False
        woken: list[asyncio.Future[None]] = []
        lines, asks = set[int](), False
        state = self._cell.state
        for place, (line, answers, hops) in enumerate(machine.list_ticks(state), state.turn):
            if not answers:
                if woken:
                    lines.add(line)  # a woken task asks it: its answer may be due in this iteration too
                else:
                    asks = True
                continue
            sleeper = self._asleep.get(line)
            if woken:
                if hops != 0 or (sleeper is None and line not in lines):
                    break
            elif sleeper is None or (asks and (hops is None or place in self._early)):
                break
            elif not self._is_time(hops):
                return [], not asks
            elif self._waits_for_jobs(place):
                return [], False
            elif asks:
                self._early.add(place)
            lines.add(line)
            if sleeper is not None:
                woken.append(sleeper)
        return woken, False

    def _waits_for_jobs(self, place: int) -> bool:
        """True while a job still runs that ended, when recorded, before the loop rested after this tick.

        If the tick were released first, its task would run ahead of the job's, with which it had interleaved.
        """
        if not self._jobs:
            return False
        lines = self._cell.state.script.lines
        for line, answers, hops in islice(machine.list_ticks(self._cell.state, place + 1), FAR):
            if answers and hops is None:
                break
            if answers and lines[line].is_job and line in self._jobs:
                return not self._has_held(place)
        return False

    def _has_held(self, place: int) -> bool:
        """True once this tick has been held back for `TOGETHER` seconds, the most that it may be."""
        now = clocks.monotonic()
        if self._held[0] != place:
            self._held = (place, now)
            self._queue.call_later(self._loop, TOGETHER, self._arm)
        return now - self._held[1] >= TOGETHER

    def _is_time(self, hops: int | None) -> bool:
        if hops is None:
            return self._at_rest() or self._rounds >= ROUNDS
        return self._since is None or self._since >= hops

    def _at_rest(self) -> bool:
        return self._queue.at_rest(self._since or self._rounds)


async def patiently(
    cell: Cell, call: int, loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]
) -> Order | None:
    """Wait for `future`; return None, or the order to stop if the run's patience ends first."""
    lapsed: list[Order] = []
    timer: asyncio.Handle | Alarm | None = None

    def look() -> None:
        nonlocal timer
        if future.done():
            return
        if (left := cell.look(cell.left())) > 0:
            timer = (
                Alarm(loop, left, look)
                if clocks.are_steered()
                else Queue.of(loop).call_later(loop, left, look)
            )
        elif call not in cell.state.open:
            resolve(future)
        elif order := cell.lapse(call):
            lapsed.append(order)
            resolve(future)
        else:
            timer = loop.call_soon(look)

    look()
    try:
        await future
    finally:
        if timer:
            timer.cancel()
    return lapsed[0] if lapsed else None


class Alarm:
    """Runs `look` in `loop` after so many real seconds, for loops whose timers follow a faked clock."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, look: Callable[[], object]) -> None:
        self._cancelled = threading.Event()

        def wait() -> None:
            if not self._cancelled.wait(seconds) and not loop.is_closed():
                loop.call_soon_threadsafe(look)

        with lanes.aside():
            threading.Thread(target=wait, name="tracefork-alarm", daemon=True).start()

    def cancel(self) -> None:
        self._cancelled.set()


def resolve(future: asyncio.Future[None]) -> None:
    """Set the result of `future`, unless it is done or cancelled."""
    if not future.done():
        future.set_result(None)


def poster(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> Callable[[], object]:
    """Return a function that runs `callback` in `loop`: at once if called on this thread, else soon."""
    thread = threading.get_ident()

    def post() -> None:
        if threading.get_ident() == thread:
            callback()
        elif not loop.is_closed():
            loop.call_soon_threadsafe(callback)

    return post
